"""The base class of initializers, and those that draw nothing."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl import config
from minidl.backend import Array
from minidl.messages import say
from minidl.tensor import Tensor, as_array
from minidl.utils.checks import chosen, number
from minidl.utils.registry import Configurable

__all__ = ["Constant", "Identity", "Initializer", "Ones", "Zeros"]


class Initializer(Configurable):
    """Base class: an object that makes the first value of a weight from its shape and type."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        """An array of `shape`; `dtype` is `config.floatx()` unless given."""
        raise NotImplementedError(
            say(f"{type(self).__name__} must define __call__(self, shape, dtype=None).")
        )


class Zeros(Initializer):
    """w = 0: for biases, which need no symmetry broken."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        return np.zeros(shape, dtype or config.floatx())


class Ones(Initializer):
    """w = 1: for factors, such as the gamma of a normalization."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        return np.ones(shape, dtype or config.floatx())


class Constant(Initializer):
    """w = value everywhere, or an array of values, such as word vectors trained elsewhere.

    Args:
        value: a number, or an array that broadcasts to the shape of the weight.

    Raises:
        TypeError: `value` is not numeric.

    >>> Constant([1.0, 2.0])((2, 2))
    array([[1., 2.],
           [1., 2.]], dtype=float32)
    """

    def __init__(self, value: Any = 0.0):
        numbers = value if isinstance(value, Tensor) else chosen("Constant", "value", np.asarray, value)
        self.value = chosen("Constant", "value", as_array, numbers)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        try:
            values = np.broadcast_to(self.value, shape)
        except ValueError:
            raise ValueError(
                say(
                    f"Constant has a value of shape {self.value.shape}, which does not fit a weight of shape "
                    f"{tuple(shape)}."
                )
            ) from None
        return values.astype(dtype or config.floatx())

    def get_config(self) -> dict[str, Any]:
        return {"value": self.value.tolist()}


class Identity(Initializer):
    """w = gain · I, a matrix that passes its input on. `gain`: a number."""

    def __init__(self, gain: float = 1.0):
        self.gain = number("Identity", "gain", gain)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        if len(shape) != 2:
            raise ValueError(
                say(f"Identity makes matrices, got the shape {tuple(shape)} of rank {len(shape)}.")
            )
        return (self.gain * np.eye(shape[0], shape[1])).astype(dtype or config.floatx())

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain}
