"""Cropping2D: the borders of images are cut off."""

from typing import Any

from minidl.layers.base import Layer
from minidl.layers.checks import InputSpec, channels_last, side_pairs
from minidl.layers.convolutional.windows import IMAGE_AXES
from minidl.messages import say
from minidl.symbolic import Shape
from minidl.tensor import Tensor

__all__ = ["Cropping2D"]


class Cropping2D(Layer):
    """Takes rows and columns away; what is cut off has gradient 0.

    Args:
        cropping: one number for all sides, (rows, columns), or ((top, bottom), (left, right)).
        data_format: "channels_last", the layout of all layers here.

    >>> import numpy as np
    >>> Cropping2D(((1, 0), (2, 3)))(np.ones((1, 5, 9, 1))).shape
    (1, 4, 4, 1)
    """

    def __init__(self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.cropping = side_pairs(self, "cropping", cropping)
        self.data_format = channels_last(self, data_format)
        self.input_spec = InputSpec(IMAGE_AXES)

    def call(self, inputs: Tensor) -> Tensor:
        self.compute_output_shape(inputs.shape)  # raises where nothing would be left
        h, w = inputs.shape[1:3]
        (top, bottom), (left, right) = self.cropping
        return inputs[:, top : h - bottom, left : w - right]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        for n, sides in zip(input_shape[1:3], self.cropping, strict=True):
            if n is not None and n <= sum(sides):
                raise ValueError(
                    say(
                        f"{self} takes {sides[0]} + {sides[1]} pixels away and nothing is left of {n} "
                        f"(shape {input_shape}). Use a smaller cropping, or larger images."
                    )
                )
        batch, h, w, c = input_shape
        rows, columns = map(sum, self.cropping)
        return (batch, None if h is None else h - rows, None if w is None else w - columns, c)

    def shape_formulas(self) -> list[str]:
        sides = zip(self._sizes[1:3], self.cropping, strict=True)
        return list(dict.fromkeys(f"{n} − {a} − {b} = {n - a - b}" for n, (a, b) in sides if n is not None))
