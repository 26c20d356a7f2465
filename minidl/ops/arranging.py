"""The same numbers in another arrangement, and products of matrices."""

from collections.abc import Sequence
from typing import Any

from minidl.messages import say
from minidl.ops.inputs import alike, tensor
from minidl.primitives import joining, linear_algebra, shaping
from minidl.symbolic import SymbolicTensor
from minidl.tensor import Tensor

__all__ = [
    "broadcast_to", "concatenate", "dot", "einsum", "expand_dims", "flip", "matmul", "moveaxis", "ndim", "outer",
    "pad", "ravel", "repeat", "reshape", "roll", "shape", "size", "sort", "split", "squeeze", "stack", "swapaxes",
    "take", "take_along_axis", "tensordot", "tile", "transpose", "unstack",
]  # fmt: skip


def shape(x: Any) -> tuple[int, ...]:
    """The sizes of the axes."""
    return x.shape if isinstance(x, SymbolicTensor) else tensor(x).shape  # type: ignore[return-value]


def ndim(x: Any) -> int:
    """The number of axes."""
    return x.ndim if isinstance(x, SymbolicTensor) else tensor(x).ndim


def size(x: Any) -> int:
    """The number of elements."""
    return tensor(x).size


# --- one tensor -----------------------------------------------------------------------------------------


def reshape(x: Any, newshape: Any) -> Tensor:
    """The elements in row-major order under another shape; one entry may be -1."""
    if any(size < -1 for size in (newshape if isinstance(newshape, list | tuple) else [newshape])):
        raise ValueError(
            say(f"reshape expects sizes >= 0, of which one may be left open as -1, got {newshape}.")
        )
    return shaping.reshape(tensor(x), newshape)


def ravel(x: Any) -> Tensor:
    """The elements in one row."""
    return shaping.ravel(tensor(x))


def transpose(x: Any, axes: Any = None) -> Tensor:
    """The axes in the given order, reversed by default."""
    return shaping.transpose(tensor(x), axes)


def swapaxes(x: Any, axis1: int, axis2: int) -> Tensor:
    """Two axes exchanged."""
    return shaping.swapaxes(tensor(x), axis1, axis2)


def moveaxis(x: Any, source: Any, destination: Any) -> Tensor:
    """Axes moved to other places; the rest keep their order."""
    return shaping.moveaxis(tensor(x), source, destination)


def expand_dims(x: Any, axis: Any) -> Tensor:
    """A new axis of size 1 at each place of `axis`."""
    return shaping.expand_dims(tensor(x), axis)


def squeeze(x: Any, axis: Any = None) -> Tensor:
    """Without the axes of size 1, or without those named."""
    return shaping.squeeze(tensor(x), axis)


def broadcast_to(x: Any, shape: Any) -> Tensor:
    """Repeated to `shape`."""
    return shaping.broadcast_to(tensor(x), shape)


def flip(x: Any, axis: Any = None) -> Tensor:
    """In reverse order along `axis`, or along all axes."""
    return shaping.flip(tensor(x), axis)


def roll(x: Any, shift: Any, axis: Any = None) -> Tensor:
    """Shifted; what leaves at one end enters at the other."""
    return joining.roll(tensor(x), shift, axis)


def sort(x: Any, axis: int | None = -1) -> Tensor:
    """From the smallest to the largest."""
    return shaping.sort(tensor(x), axis)


def take(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """The elements at whole-number `indices` along `axis`, of the flattened `x` by default."""
    return shaping.take(tensor(x), tensor(indices).data, axis)


def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """y[i, j] = x[i, indices[i, j]] for axis 1, and so on.

    >>> take_along_axis([[1.0, 2.0], [3.0, 4.0]], [[1], [0]], axis=1).numpy().tolist()
    [[2.0], [3.0]]
    """
    return shaping.take_along_axis(tensor(x), tensor(indices), axis)


def repeat(x: Any, repeats: Any, axis: int | None = None) -> Tensor:
    """Every element `repeats` times."""
    return joining.repeat(tensor(x), repeats, axis)


def tile(x: Any, repeats: Any) -> Tensor:
    """The whole laid side by side, `repeats` times along each axis."""
    return joining.tile(tensor(x), repeats)


def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: float | None = None) -> Tensor:
    """With a border of `constant_values` (0), or of its own elements (mode "edge", "reflect", "symmetric").

    Raises:
        ValueError: an unknown mode, or `constant_values` for another mode than "constant".
    """
    if mode != "constant" and constant_values is not None:
        raise ValueError(say(f"pad takes constant_values with mode='constant' only, got mode={mode!r}."))
    return joining.pad(tensor(x), pad_width, mode, constant_values or 0)


def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """Cut along `axis` into equal parts, or before each of the given indices."""
    return shaping.split(tensor(x), indices_or_sections, axis)


# --- several --------------------------------------------------------------------------------------------


def concatenate(xs: Sequence[Any], axis: int = 0) -> Tensor:
    """One after the other along an axis they have."""
    return joining.concatenate(alike(*map(tensor, xs)), axis)


def stack(x: Sequence[Any], axis: int = 0) -> Tensor:
    """Side by side along a new axis."""
    return joining.stack(alike(*map(tensor, x)), axis)


def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Tensor]:
    """The slices along `axis`, of which there are `num`.

    >>> [t.numpy().tolist() for t in unstack([[1, 2], [3, 4]], axis=1)]
    [[1, 3], [2, 4]]
    """
    x = tensor(x)
    if num is not None and num != x.shape[axis]:
        raise ValueError(
            say(f"unstack expects num to be the size of axis {axis}, {x.shape[axis]}, got {num}.")
        )
    return list(joining.unstack(x, axis))


def matmul(x1: Any, x2: Any) -> Tensor:
    """The matrix product, over the last two axes; a vector counts as a row on the left, a column on the right."""
    return linear_algebra.matmul(*alike(tensor(x1), tensor(x2)))


def dot(x1: Any, x2: Any) -> Tensor:
    """`matmul` up to matrices, `multiply` for numbers; else the last axis of x1 with the last but one of x2."""
    return linear_algebra.dot(*alike(tensor(x1), tensor(x2)))


def outer(x1: Any, x2: Any) -> Tensor:
    """y[i, j] = x1[i]·x2[j]."""
    return linear_algebra.outer(*alike(tensor(x1), tensor(x2)))


def tensordot(x1: Any, x2: Any, axes: Any = 2) -> Tensor:
    """The sum of products over `axes` of both (a count: the last of x1 with the first of x2)."""
    x1, x2 = alike(tensor(x1), tensor(x2))
    return linear_algebra.tensordot(x1, x2, axes)


def einsum(subscripts: str, *operands: Any) -> Tensor:
    """A sum of products written by its indices: "nhi,io->nho".

    >>> einsum("ij,j->i", [[1.0, 0.0], [1.0, 1.0]], [3.0, 4.0]).numpy().tolist()
    [3.0, 7.0]
    """
    return linear_algebra.einsum(subscripts, *alike(*map(tensor, operands)))
