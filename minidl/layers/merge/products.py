"""Dot: products of the vectors of one input with the vectors of another, sample by sample.

    (N, I) with (N, I), axes 1              -> (N, 1)       the similarity of two vectors
    (N, T, I) with (N, S, I), axes 2        -> (N, T, S)    each step with each step: the scores of attention
    (N, T, S) with (N, S, I), axes (2, 1)   -> (N, T, I)    a product of matrices, for each sample

The axes that are summed over must have the same size. What is left of the first input comes first, then what is left
of the second; if that is nothing, an axis of size 1. With y = Σ_k a_k b_k: da_k = dy·b_k and db_k = dy·a_k.
"""

from string import ascii_lowercase
from typing import Any

import numpy as np

from minidl import config
from minidl.layers.checks import flag
from minidl.layers.merge.base import Merge, listed
from minidl.messages import say
from minidl.primitives.linear_algebra import einsum
from minidl.primitives.reductions import norm
from minidl.symbolic import Shape
from minidl.tensor import Tensor
from minidl.utils.checks import whole_number

__all__ = ["Dot", "dot"]


class Dot(Merge):
    """The products of two inputs, summed over one axis of each. The output has no mask.

    Args:
        axes: the axis to sum over, one for both inputs or a pair; never 0, the batch.
        normalize: bring the vectors along these axes to length 1 first, so that the products are cosines.

    Raises:
        TypeError, ValueError: `axes` is something else.

    >>> import numpy as np
    >>> Dot(axes=1)([np.array([[1.0, 2.0]]), np.array([[10.0, 20.0]])]).numpy()
    array([[50.]], dtype=float32)
    """

    exactly = 2

    def __init__(self, axes: int | tuple[int, int], normalize: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        if isinstance(axes, list | tuple):
            if len(axes) != 2:
                raise ValueError(
                    say(f"Dot expects axes to be one axis or a pair such as (2, 1), got {axes!r:.60}.")
                )
            pair = [whole_number("Dot", "every entry of axes", a) for a in axes]
            self.axes: int | tuple[int, int] = (pair[0], pair[1])
        else:
            self.axes = whole_number("Dot", "axes", axes)
        self.normalize = flag(self, "normalize", normalize)
        if 0 in self._pair():
            raise ValueError(
                say(
                    f"Dot expects axes to be other than 0, got {axes!r}: samples are never mixed. "
                    "Count the batch as axis 0, so that the first axis of a sample is 1."
                )
            )

    def _pair(self) -> tuple[int, int]:
        return self.axes if isinstance(self.axes, tuple) else (self.axes, self.axes)

    def call(self, inputs: list[Tensor], mask: Any = None) -> Tensor:
        terms, sides = [], []
        letters = iter(ascii_lowercase[2:])  # a is the batch, b the axis that is summed over
        for x, axis in zip(inputs, self._pair(), strict=True):
            term = ["a", *(next(letters) for _ in range(x.ndim - 1))]
            term[axis] = "b"
            terms.append("".join(term))
            sides.append(
                x / np.maximum(norm(x, axis=axis, keepdims=True), config.epsilon()) if self.normalize else x
            )
        left = "".join(terms).replace("a", "").replace("b", "")
        y = einsum(f"{terms[0]},{terms[1]}->a{left}", *sides)
        return y if left else y[:, None]

    def compute_output_shape(self, input_shape: Any) -> Shape:
        one, other = shapes = self._shapes(input_shape)
        for shape, axis in zip(shapes, self._pair(), strict=True):
            if not -len(shape) < axis < len(shape):
                raise ValueError(
                    say(
                        f"{self} expects inputs that have the axes {self._pair()} behind the batch axis, got shapes "
                        f"{listed(shapes)}. Choose axes among those of a sample, counted from 1, or from the end."
                    )
                )
        self._check_batches(shapes)
        i, j = (axis % len(shape) for shape, axis in zip(shapes, self._pair(), strict=True))
        if None not in (one[i], other[j]) and one[i] != other[j]:
            raise ValueError(
                say(
                    f"{self} expects axis {i} of the first input and axis {j} of the second to have one size, got "
                    f"{one[i]} and {other[j]} in shapes {listed(shapes)}. Choose other axes, or make them equal with Dense."
                )
            )
        rest = (*one[1:i], *one[i + 1 :], *other[1:j], *other[j + 1 :])
        return (one[0], *(rest or (1,)))

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """None: the steps of the inputs are summed over or paired with others."""


def dot(inputs: Any, axes: int | tuple[int, int] = -1, **kwargs: Any) -> Any:
    """The products of two `inputs`, by a `Dot` layer with the arguments `kwargs`."""
    return Dot(axes=axes, **kwargs)(inputs)
