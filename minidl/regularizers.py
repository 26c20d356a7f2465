"""Penalties on weights or outputs that are added to the loss, so that training prefers small ones.

Of two models that fit the data alike, the one with smaller weights tends to fit new data better. With the
penalty l2 · Σ w² the gradient gains 2·l2·w, a pull towards 0 in proportion to the weight; with l1 · Σ |w| it
gains l1·sign(w), a pull of constant strength that ends at exactly 0 for weights that are not needed.

A regularizer is called with a Variable or Tensor and returns a Tensor on the graph:

>>> from minidl.variable import Variable
>>> w = Variable([3.0, -1.0])
>>> penalty = L2(0.1)(w)
>>> penalty.backward()
>>> float(penalty), w.grad
(1.0, array([ 0.6, -0.2], dtype=float32))
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from minidl.devices import beside
from minidl.messages import say
from minidl.tensor import Tensor
from minidl.utils.checks import number
from minidl.utils.registry import Configurable, deserialize_object, get_object, lookup, serialize_object

__all__ = [
    "L1", "L1L2", "L2", "OrthogonalRegularizer", "Regularizer", "deserialize", "get", "l1", "l1_l2", "l2",
    "orthogonal_regularizer", "serialize",
]  # fmt: skip


def _tensor(x: Any) -> Any:
    return x if isinstance(x, Tensor) else Tensor(x)


class Regularizer(Configurable):
    """Base class: an object that turns a weight into a penalty, one number."""

    def __call__(self, x: Any) -> Tensor:
        """The penalty of `x`. Subclasses define it with operations on tensors."""
        raise NotImplementedError(say(f"{type(self).__name__} must define __call__(self, x)."))


class L1L2(Regularizer):
    """l1 · Σ |x| + l2 · Σ x².

    Args:
        l1: factor >= 0 of the absolute values; None counts as 0.
        l2: factor >= 0 of the squares (without ½); None counts as 0.

    Raises:
        TypeError, ValueError: a factor is not a finite number >= 0.

    >>> float(L1L2(l1=1.0, l2=2.0)(np.array([3.0, -1.0])))
    24.0
    """

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0):
        self.l1 = number("L1L2", "l1", 0.0 if l1 is None else l1, minimum=0)
        self.l2 = number("L1L2", "l2", 0.0 if l2 is None else l2, minimum=0)

    def __call__(self, x: Any) -> Tensor:
        x = _tensor(x)
        return self.l1 * np.sum(np.absolute(x)) + self.l2 * np.sum(np.square(x))

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1, "l2": self.l2}


class L1(Regularizer):
    """l1 · Σ |x|. `l1`: factor >= 0."""

    def __init__(self, l1: float = 0.01):
        self.l1 = number("L1", "l1", l1, minimum=0)

    def __call__(self, x: Any) -> Tensor:
        return self.l1 * np.sum(np.absolute(_tensor(x)))

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1}


class L2(Regularizer):
    """l2 · Σ x², without the ½ that some texts put before it. `l2`: factor >= 0."""

    def __init__(self, l2: float = 0.01):
        self.l2 = number("L2", "l2", l2, minimum=0)

    def __call__(self, x: Any) -> Tensor:
        return self.l2 * np.sum(np.square(_tensor(x)))

    def get_config(self) -> dict[str, Any]:
        return {"l2": self.l2}


class OrthogonalRegularizer(Regularizer):
    """factor · mean over pairs i < j of |cos(x_i, x_j)|, for the rows x_i of a matrix, or its columns.

    It is 0 when they are orthogonal. A row of zeros has no direction and counts as orthogonal to all.

    Args:
        factor: >= 0.
        mode: "rows" or "columns".

    Raises:
        TypeError, ValueError: an argument is none of these; called with anything but a matrix.

    >>> float(OrthogonalRegularizer(1.0)(np.array([[1.0, 0.0], [1.0, 1.0]])))  # cos 45°
    0.707...
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows"):
        self.factor = number("OrthogonalRegularizer", "factor", factor, minimum=0)
        self.mode = lookup("mode of OrthogonalRegularizer", {"rows": "rows", "columns": "columns"}, mode)

    def __call__(self, x: Any) -> Tensor:
        x = _tensor(x)
        if x.ndim != 2:
            raise ValueError(say(f"OrthogonalRegularizer expects a matrix, got a weight of shape {x.shape}."))
        rows = x if self.mode == "rows" else x.T
        squares = np.sum(np.square(rows), axis=1, keepdims=True)
        directions = rows / np.sqrt(np.maximum(squares, np.finfo(x.dtype).tiny))
        n = rows.shape[0]
        others = 1 - beside(np.eye(n, dtype=x.dtype), x.data)  # not of a row with itself
        cosines = np.absolute(np.matmul(directions, directions.T) * others)
        return self.factor / max(n * (n - 1), 1) * np.sum(cosines)  # each pair stands there twice

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor, "mode": self.mode}


# Keras's other names for the same classes.
l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer

_CLASSES: tuple[type[Regularizer], ...] = (L1, L1L2, L2, OrthogonalRegularizer)
_NAMES: dict[str, type[Regularizer]] = {cls.__name__: cls for cls in _CLASSES}


def get(identifier: Any) -> Callable[..., Any] | None:
    """The regularizer that `identifier` means.

    Args:
        identifier: "l1", "l2" or "l1_l2", which mean the factor 0.01 each; "orthogonal_regularizer"; a dict
            {"class_name", "config"}; a regularizer or another callable; or None.

    Raises:
        TypeError, ValueError: none of these.

    >>> get("l2"), get("l1_l2")
    (L2(l2=0.01), L1L2(l1=0.01, l2=0.01))
    """
    found = get_object("regularizer", _NAMES, identifier)
    return L1L2(0.01, 0.01) if isinstance(identifier, str) and isinstance(found, L1L2) else found


def serialize(regularizer: Any) -> Any:
    """What a JSON file says about a regularizer: {"class_name", "config"}."""
    return serialize_object(regularizer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The regularizer that `serialize` described; `custom_objects` are your own classes by name."""
    return deserialize_object("regularizer", _NAMES, config, custom_objects)
