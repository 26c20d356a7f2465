"""What lies before a layer that is being laid out, for errors: a layer that does not fit is often not to blame.

An image that shrinks to nothing has been pooled too often before; a recurrent layer without time steps stands behind
one that gave only its last. While a layer is laid out behind a symbolic tensor, that tensor is known here, and its
calls lead back to the beginning.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from minidl.layers.known import is_a
from minidl.symbolic import Shape, SymbolicTensor

__all__ = ["behind", "chain_of_sizes", "laid_out_behind", "standing_behind"]

_MOST = 10  # sizes of a chain that are shown


class _Trail(threading.local):
    last: Any = None  # the symbolic input of the layer that is being laid out


_trail = _Trail()


@contextmanager
def laid_out_behind(inputs: Any) -> Iterator[None]:
    """Within the block a layer is laid out behind `inputs`."""
    outer, _trail.last = _trail.last, inputs
    try:
        yield
    finally:
        _trail.last = outer


def behind(shape: Shape) -> Any:
    """The symbolic tensor of this shape behind which a layer is being laid out; None if there is none."""
    last = _trail.last
    return last if isinstance(last, SymbolicTensor) and last.shape[1:] == tuple(shape)[1:] else None


def chain_of_sizes(shape: Shape, axis: int, wanted: int) -> str:
    """How an axis came to be too short, as a sentence: " Sizes: 28 -> 26 -> 13 -> 11 -> 2 < 3."

    Args:
        shape: of the input that is too small.
        axis: which axis.
        wanted: the size that is needed.

    Returns:
        "" where the axis has its size from the data.
    """
    sizes: list[Any] = []
    x = behind(shape)
    while x is not None and x.ndim == len(shape):
        sizes += [x.shape[axis]] if sizes[-1:] != [x.shape[axis]] else []
        x = x.call.inputs[0] if x.call is not None and x.call.inputs else None
    if len(sizes) < 2 or None in sizes:
        return ""
    shown = list(map(str, reversed(sizes)))
    shown = shown if len(shown) <= _MOST else [shown[0], "...", *shown[2 - _MOST :]]
    return f" Sizes: {' -> '.join(shown)} < {wanted}."


def standing_behind(shape: Shape, wanted: int) -> str | None:
    """What a layer that got too few or too many axes stands behind, and the mend; None if that is not known.

    Args:
        shape: of its input.
        wanted: how many axes it needs.
    """
    x = behind(shape)
    if x is None or x.maker is None:
        return None
    if is_a("InputLayer", x.maker):
        if len(shape) == wanted + 1:
            return (
                f" Input expects the shape of one sample, without the batch axis: shape={tuple(shape)[2:]}."
            )
        return None
    maker, source = x.maker, x
    while getattr(maker, "return_sequences", None) is None and source.call.inputs:
        source = source.call.inputs[0]
        if source.shape[1:] != x.shape[1:] or source.maker is None:
            break
        maker = source.maker
    if getattr(maker, "return_sequences", None) is False and len(shape) < wanted:
        return f" The layer before it, {maker}, gives only its last step: set return_sequences=True there."
    if len(shape) < wanted:
        return f" The layer before it, {x.maker}, gives {len(shape)} axes: leave it out, or put a Reshape between them."
    return f" The layer before it, {x.maker}, gives {len(shape)} axes: put a Reshape, Flatten or pooling between them."
