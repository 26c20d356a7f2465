"""Elementwise merging: what Add, Multiply, Maximum and their kin have in common.

**Shapes.** Sizes must be equal, or 1, which stretches to the other. An input with fewer axes gets axes of size 1
*behind the batch axis*: (N, 4) beside (N, 10, 4) counts as (N, 1, 4), the same vector at every step.

**Masks.** A step of the output counts if it does in any input. An input without a mask counts everywhere, and so
then does the output, which has no mask either.

**Gradients.** dx is dy, times what the operation makes of it, summed over the axes along which x was stretched.
"""

from functools import reduce
from typing import Any

from minidl.backend import Array
from minidl.layers.masks import widened
from minidl.layers.merge.base import Merge, listed
from minidl.messages import say
from minidl.symbolic import Shape
from minidl.tensor import Tensor

__all__ = ["Elementwise"]


class Elementwise(Merge):
    """A merge layer whose output is computed element by element.

    A kind defines `merged`.
    """

    def merged(self, inputs: list[Tensor], masks: list[Array | None]) -> Tensor:
        """The output, of inputs of one rank and masks that broadcast with them, None for none."""
        raise NotImplementedError(say(f"{type(self).__name__} does not define merged(self, inputs, masks)."))

    def call(self, inputs: list[Tensor], mask: Any = None) -> Tensor:
        ndim = max(x.ndim for x in inputs)
        masks = [
            None if m is None else widened(_raised(m, x, ndim), ndim)
            for m, x in zip(self._masks(inputs, mask), inputs, strict=True)
        ]
        return self.merged([_raised(x, x, ndim) for x in inputs], masks)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        shapes = self._shapes(input_shape)
        self._check_batches(shapes)
        ndim = max(map(len, shapes))
        raised = [_raised_shape(s, ndim - len(s)) for s in shapes]
        sample = [self._size(shapes, [s[axis] for s in raised], axis) for axis in range(1, ndim)]
        return (next((s[0] for s in shapes if s[0] is not None), None), *sample)

    def _size(self, shapes: list[Shape], sizes: list[int | None], axis: int) -> int | None:
        """The size of the output along an axis where the inputs have `sizes`."""
        known = {n for n in sizes if n not in (None, 1)}
        if len(known) > 1:
            one, other = list(dict.fromkeys(n for n in sizes if n in known))[:2]
            ranks = (
                "Missing axes are put behind the batch axis; Reshape puts them elsewhere."
                if len(set(map(len, shapes))) > 1
                else "Bring them to one size first, for example with Dense, Reshape or a Concatenate instead."
            )
            raise ValueError(
                say(
                    f"{self} expects inputs of equal sizes (or 1) on each axis, got shapes {listed(shapes)}: "
                    f"{one} and {other} on axis {axis}. {ranks}"
                )
            )
        return None if None in sizes else max(sizes, key=lambda n: (n != 1, n))

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """True where any input counts; None if an input has no mask, since that one counts everywhere."""
        masks = self._masks(inputs, previous_mask)
        ndim = max(x.ndim for x in inputs)
        raised = [_raised(m, x, ndim) for m, x in zip(masks, inputs, strict=True) if m is not None]
        if len(raised) < len(masks):
            return None
        axes = max(m.ndim for m in raised)
        return reduce(lambda a, b: a | b, [widened(m, axes) for m in raised])


def _raised(array: Any, x: Tensor, ndim: int) -> Any:
    """`x` with axes of size 1 behind the batch axis, up to `ndim`; or the mask of `x`, with as many."""
    return array.reshape(_raised_shape(array.shape, ndim - x.ndim)) if ndim > x.ndim else array


def _raised_shape(shape: Any, missing: int) -> Shape:
    return (shape[0], *(1,) * missing, *shape[1:])
