"""Concatenate: the inputs side by side along one axis.

    y = [x₁, x₂, ...]       dxᵢ = the part of dy where xᵢ lies

**Masks.** Along the axis of the mask itself (the steps) masks are joined as their inputs are; along any other, such as
the features, a step counts if it does in any input. An input without a mask counts everywhere.
"""

from functools import reduce
from typing import Any

import numpy as np

from minidl.layers.masks import widened
from minidl.layers.merge.base import Merge, listed
from minidl.messages import say
from minidl.primitives.joining import concatenate as join
from minidl.symbolic import Shape
from minidl.tensor import Tensor
from minidl.utils.checks import whole_number

__all__ = ["Concatenate", "concatenate"]


class Concatenate(Merge):
    """The inputs joined along an axis; all other axes must have the same sizes.

    Args:
        axis: the axis that grows, the batch included: 0 is the batch, -1 the last axis.

    Raises:
        ValueError: the inputs differ in their number of axes, or on another axis.

    >>> import numpy as np
    >>> Concatenate()([np.zeros((8, 3)), np.zeros((8, 5))]).shape
    (8, 8)
    """

    def __init__(self, axis: int = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = whole_number("Concatenate", "axis", axis)

    def call(self, inputs: list[Tensor], mask: Any = None) -> Tensor:
        return join(inputs, axis=self.axis)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        shapes = self._shapes(input_shape)
        ndim = len(shapes[0])
        if any(len(s) != ndim for s in shapes):
            raise ValueError(
                say(
                    f"{self} expects inputs with equally many axes, got shapes {listed(shapes)}. "
                    "Bring them to one number of axes with Reshape, Flatten or RepeatVector."
                )
            )
        if not -ndim <= self.axis < ndim:
            raise ValueError(
                say(
                    f"{self} expects inputs that have an axis {self.axis}, got shapes {listed(shapes)}, with axes "
                    f"{-ndim} to {ndim - 1}. Choose axis among those."
                )
            )
        along = self.axis % ndim
        if along != 0:
            self._check_batches(shapes)
        for axis in (a for a in range(1, ndim) if a != along):
            known = list(dict.fromkeys(s[axis] for s in shapes if s[axis] is not None))
            if len(known) > 1:
                raise ValueError(
                    say(
                        f"{self} expects inputs that differ on axis {along} only, got shapes {listed(shapes)}: "
                        f"{known[0]} and {known[1]} on axis {axis}. Make these equal, or choose another axis."
                    )
                )
        parts = [s[along] for s in shapes]
        joined = None if None in parts else sum(n for n in parts if n is not None)
        return (*shapes[0][:along], joined, *shapes[0][along + 1 :])

    def shape_formulas(self) -> list[str]:
        parts = [shape[self.axis] for shape in self._sizes]
        known = len(parts) > 1 and None not in parts
        return [f"{' + '.join(map(str, parts))} = {sum(parts)}"] if known else []

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The masks joined, or, along an axis that they do not have, true where any input counts."""
        masks = self._masks(inputs, previous_mask)
        ndim = max((m.ndim for m in masks if m is not None), default=0)
        if ndim == 0:
            return None
        along = self.axis % inputs[0].ndim
        full = [
            np.broadcast_to(True if m is None else widened(m, ndim), x.shape[:ndim])
            for m, x in zip(masks, inputs, strict=True)
        ]
        return np.concatenate(full, along) if along < ndim else reduce(np.logical_or, full)


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """`inputs` joined along `axis`, by a `Concatenate` layer with the arguments `kwargs`."""
    return Concatenate(axis=axis, **kwargs)(inputs)
