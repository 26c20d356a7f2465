"""Rules that weights must keep: after each update a weight is projected back to where the rule holds.

A constraint is called with the value of a weight and returns a new array; the old one is not changed. Those
on norms look at the vectors along `axis`, whose norms and lengths are computed in float64:

- a Dense kernel (I, U) with axis=0: one vector for each unit, its I incoming weights;
- a convolution kernel (KH, KW, C, F) with axis=[0, 1, 2]: one vector for each filter.

>>> MaxNorm(max_value=1.0)(np.array([[3.0, 0.3], [4.0, 0.4]])).round(3)
array([[0.6, 0.3],
       [0.8, 0.4]])
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from minidl import config
from minidl.backend import Array
from minidl.devices import kept
from minidl.messages import say
from minidl.tensor import as_array
from minidl.utils.checks import number, whole_number
from minidl.utils.registry import Configurable, deserialize_object, get_object, serialize_object

__all__ = [
    "Constraint", "MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm", "deserialize", "get", "max_norm",
    "min_max_norm", "non_neg", "serialize", "unit_norm",
]  # fmt: skip


class Constraint(Configurable):
    """Base class: an object that projects the value of a weight to an allowed one. This one allows all."""

    def __call__(self, w: Any) -> Array:
        """A new array, the allowed value next to `w`."""
        return as_array(w).copy(order="K")


class NonNeg(Constraint):
    """w -> max(w, 0).

    >>> NonNeg()(np.array([-1.0, 2.0]))
    array([0., 2.])
    """

    def __call__(self, w: Any) -> Array:
        return np.maximum(as_array(w), 0)


class MinMaxNorm(Constraint):
    """w -> w · wanted / |w|,  wanted = rate · clip(|w|, min_value, max_value) + (1 − rate) · |w|.

    `config.epsilon()` is added to the divisor, as in Keras: a vector of zeros stays, and norms come out
    smaller by about 1e-7.

    Args:
        min_value: smallest norm, >= 0.
        max_value: largest norm, >= `min_value`.
        rate: in [0, 1]; 1 enforces the bounds at once, less goes part of the way at each step.
        axis: axis or axes that a norm runs over.

    Raises:
        TypeError, ValueError: an argument is none of these; called with a weight that lacks an axis.

    >>> MinMaxNorm(min_value=1.0, max_value=2.0)(np.array([[0.1], [0.0]])).round(3)
    array([[1.],
           [0.]])
    """

    def __init__(
        self,
        min_value: float = 0.0,
        max_value: float = 1.0,
        rate: float = 1.0,
        axis: int | Sequence[int] = 0,
    ):
        owner = type(self).__name__
        self.min_value = number(owner, "min_value", min_value, minimum=0)
        self.max_value = number(owner, "max_value", max_value, minimum=self.min_value)
        self.rate = number(owner, "rate", rate, minimum=0, maximum=1)
        self.axis = _axis(owner, axis)

    def __call__(self, w: Any) -> Array:
        w = as_array(w)
        norms = _norms(type(self).__name__, w, self.axis)
        wanted = self.rate * np.clip(norms, self.min_value, self.max_value) + (1 - self.rate) * norms
        return kept(w * (wanted / (config.epsilon() + norms))).astype(w.dtype, copy=False)

    def get_config(self) -> dict[str, Any]:
        return {
            "min_value": self.min_value,
            "max_value": self.max_value,
            "rate": self.rate,
            "axis": self.axis,
        }


class MaxNorm(MinMaxNorm):
    """w -> w · min(|w|, max_value) / |w|: long vectors are shortened, short ones stay.

    Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting", section 5.1.

    Args:
        max_value: largest norm, >= 0.
        axis: axis or axes that a norm runs over.

    Raises:
        TypeError, ValueError: as MinMaxNorm.
    """

    def __init__(self, max_value: float = 2, axis: int | Sequence[int] = 0):
        super().__init__(max_value=max_value, axis=axis)

    def get_config(self) -> dict[str, Any]:
        return {"max_value": self.max_value, "axis": self.axis}


class UnitNorm(MinMaxNorm):
    """w -> w / |w|: every vector gets the norm 1; a vector of zeros stays.

    Args:
        axis: axis or axes that a norm runs over.

    Raises:
        TypeError, ValueError: as MinMaxNorm.
    """

    def __init__(self, axis: int | Sequence[int] = 0):
        super().__init__(min_value=1.0, max_value=1.0, axis=axis)

    def get_config(self) -> dict[str, Any]:
        return {"axis": self.axis}


def _axis(owner: str, axis: Any) -> int | list[int]:
    """The axis, or a list of axes."""
    if isinstance(axis, tuple | list):
        return [whole_number(owner, "every entry of axis", a) for a in axis]
    return whole_number(owner, "axis", axis)


def _norms(owner: str, w: Array, axis: int | list[int]) -> Array:
    """The norms of the vectors along `axis`, in float64, with `axis` kept as ones."""
    axes = tuple(np.atleast_1d(axis).tolist())
    if any(not -w.ndim <= a < w.ndim for a in axes) or len({a % w.ndim for a in axes}) < len(axes):
        raise ValueError(say(f"{owner} has axis={axis}, which does not fit a weight of shape {w.shape}."))
    return np.sqrt(np.sum(np.square(w, dtype=np.float64), axis=axes, keepdims=True))


# Keras's other names for the same classes.
max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm

_CLASSES: tuple[type[Constraint], ...] = (Constraint, MaxNorm, MinMaxNorm, NonNeg, UnitNorm)
_NAMES: dict[str, type[Constraint]] = {cls.__name__: cls for cls in _CLASSES}


def get(identifier: Any) -> Callable[..., Any] | None:
    """The constraint that `identifier` means.

    Args:
        identifier: a name in either spelling ("max_norm", "MaxNorm"), a dict {"class_name", "config"}, a
            constraint or another callable, or None.

    Raises:
        TypeError, ValueError: none of these.

    >>> get("max_norm")
    MaxNorm(max_value=2.0, axis=0)
    """
    return get_object("constraint", _NAMES, identifier)


def serialize(constraint: Any) -> Any:
    """What a JSON file says about a constraint: {"class_name", "config"}."""
    return serialize_object(constraint)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The constraint that `serialize` described; `custom_objects` are your own classes by name."""
    return deserialize_object("constraint", _NAMES, config, custom_objects)
