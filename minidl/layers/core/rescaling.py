"""Rescaling: numbers brought to another range, inside the model, so that nobody forgets it: pixels to 0 ... 1, say."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from minidl.devices import beside
from minidl.layers.base import Layer
from minidl.messages import say
from minidl.symbolic import Shape
from minidl.tensor import Tensor, as_array
from minidl.utils.checks import number

__all__ = ["Rescaling"]


class Rescaling(Layer):
    """y = x·scale + offset, in training and after. dx = dy·scale.

    Args:
        scale: a number, or numbers that broadcast with the last axes, such as one for each channel.
        offset: likewise.

    Whole numbers become floats first.

    >>> Rescaling(1 / 127.5, offset=-1)([[0, 255]]).numpy()
    array([[-1.,  1.]], dtype=float32)
    """

    supports_masking = True
    repeats = True

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.scale, self.offset = _numbers("scale", scale), _numbers("offset", offset)
        self._factors = np.asarray(self.scale, self.dtype), np.asarray(self.offset, self.dtype)

    def call(self, inputs: Tensor) -> Tensor:
        self.compute_output_shape(inputs.shape)  # raises where the numbers do not broadcast
        scale, offset = (beside(factor, inputs.data) for factor in self._factors)
        return inputs * scale + offset

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        for name, numbers in zip(("scale", "offset"), self._factors, strict=True):
            facing = zip(reversed(numbers.shape), reversed(input_shape), strict=False)
            if numbers.ndim > len(input_shape) or any(n not in (1, m) and m is not None for n, m in facing):
                raise ValueError(
                    say(
                        f"{self} expects {name}, of shape {numbers.shape}, to broadcast with the last axes of its input, "
                        f"got shape {input_shape}. Give one number, or one for each channel."
                    )
                )
        return input_shape

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Rescaling":
        """A new layer from `get_config`; arrays also as Keras describes them."""
        described = {
            n: v for n, v in config.items() if isinstance(v, Mapping) and v.get("class_name") == "__numpy__"
        }
        return cls(**{**config, **{name: array["config"]["value"] for name, array in described.items()}})


def _numbers(argument: str, value: Any) -> Any:
    """A number as a float, several as lists of them."""
    if not isinstance(value, list | tuple | np.ndarray):
        return number("Rescaling", argument, value)
    try:
        array = as_array(value)
        good = array.dtype.kind in "iuf" and array.size > 0 and np.isfinite(array).all()
    except (TypeError, ValueError):
        good = False
    if not good:
        raise ValueError(
            say(f"Rescaling expects {argument} to be a finite number or an array of them, got {value!r:.80}.")
        )
    return array.tolist()
