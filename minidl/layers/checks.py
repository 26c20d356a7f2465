"""Checks of arguments and inputs that layers share, with errors that say what to do.

A message names the layer and the argument, says what was expected and what came, and how to mend it.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from minidl.layers.trail import standing_behind
from minidl.messages import say
from minidl.symbolic import Shape
from minidl.utils import checks
from minidl.utils.checks import one_of, whole_number

__all__ = [
    "InputSpec",
    "channels_last",
    "choice",
    "flag",
    "last_size",
    "no_numbers",
    "no_room",
    "side_pairs",
    "size_tuple",
]


class InputSpec:
    """What a layer takes: how many axes, what they are called, and sizes that its weights have fixed.

    Args:
        axes: the names of the axes, batch included; None if their number is free.
        sizes: axis -> the size it must have (negative axes count from the end).
        min_ndim: the least number of axes, where that is free.
    """

    def __init__(
        self, axes: tuple[str, ...] | None = None, sizes: Mapping[int, int] | None = None, min_ndim: int = 1
    ):
        self.axes = axes
        self.sizes = dict(sizes or {})
        self.min_ndim = min_ndim

    def check(self, layer: Any, shape: Shape) -> None:
        """Raise ValueError unless an input of `shape` fits `layer`."""
        if isinstance(shape, list):
            raise ValueError(
                say(
                    f"{layer} expects one input, got a list of {len(shape)} arrays. "
                    "Make one of them with np.stack or np.concatenate."
                )
            )
        n = len(shape)
        if self.axes is not None and n != len(self.axes):
            raise ValueError(
                say(
                    f"{layer} expects {len(self.axes)}-D input ({', '.join(self.axes)}), got shape {shape}."
                    f"{standing_behind(shape, len(self.axes)) or self._rank_hint(n)}"
                )
            )
        if n < self.min_ndim:
            mend = " For one sample use x[None], for one feature per sample x[:, None]." if n == 1 else ""
            mend = standing_behind(shape, self.min_ndim) or mend
            raise ValueError(
                say(f"{layer} expects input of at least {self.min_ndim} axes, got shape {shape}.{mend}")
            )
        if 0 in shape[1:]:
            raise ValueError(say(f"{layer} got input of shape {shape}: only the batch axis may be empty."))
        for axis, size in self.sizes.items():
            if shape[axis] is not None and shape[axis] != size:
                name = self.axes[axis] if self.axes is not None else "features"
                raise ValueError(
                    say(
                        f"{layer} was built for {size} {name} (axis {axis}), got {shape[axis]} in shape {shape}. "
                        "Give it data of that size, or build a new layer for this one."
                    )
                )

    def _rank_hint(self, n: int) -> str:
        wanted = self.axes or ()
        if wanted[1:2] == ("timesteps",) and n == 2:
            return (
                " For one feature per step use x[..., None]; for one step use x[:, None, :]. Behind another recurrent "
                "layer, give that one return_sequences=True."
            )
        if n == len(wanted) - 1:
            if wanted[-1] == "channels":
                return " Add the channel axis with x[..., None], or the batch axis with x[None]."
            return " Add the missing axis: x[..., None] at the end, or x[None] for a batch of one."
        if n == len(wanted) + 1:
            return " Remove an axis of size 1 with np.squeeze, or use Reshape."
        return ""


def size_tuple(layer: Any, argument: str, value: Any, n: int, least: int = 1) -> tuple[int, ...]:
    """`value`, a whole number for all axes or `n` of them, as a tuple."""
    entries = tuple(value) if isinstance(value, list | tuple) else (value,) * n
    if len(entries) != n:
        raise ValueError(
            say(
                f"{type(layer).__name__} expects {argument} to be one whole number or {n} of them, got {value!r}."
            )
        )
    return tuple(whole_number(type(layer).__name__, argument, v, least) for v in entries)


def side_pairs(layer: Any, argument: str, value: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """`value`, how many rows and columns at the sides of images, as ((top, bottom), (left, right))."""
    sides = tuple(value) if isinstance(value, list | tuple) else (value, value)
    if len(sides) != 2:
        raise ValueError(
            say(
                f"{type(layer).__name__} expects {argument} to be a number, (rows, columns) or "
                f"((top, bottom), (left, right)), got {value!r}."
            )
        )
    down, across = (size_tuple(layer, argument, side, 2, least=0) for side in sides)
    return down, across


def choice(layer: Any, argument: str, value: Any, *allowed: str) -> str:
    """`value` in lower case, one of `allowed`."""
    if isinstance(value, str) and value.lower() in allowed:
        return value.lower()
    return str(one_of(type(layer).__name__, argument, value, *allowed))


def flag(layer: Any, argument: str, value: Any) -> bool:
    """`value`, which is True or False (or 1 or 0)."""
    return checks.flag(layer if isinstance(layer, str) else type(layer).__name__, argument, value)


def last_size(layer: Any, shape: Shape, what: str = "features") -> int:
    """The size of the last axis, on which weights depend."""
    if shape[-1] is None:
        raise ValueError(
            say(
                f"{layer} needs to know its number of {what}: the last axis of {shape} is None. Declare it in Input; "
                "behind Flatten, all sizes of a sample must be known."
            )
        )
    return shape[-1]


def channels_last(layer: Any, data_format: str | None) -> str:
    """Refuse any layout but (batch, ..., channels)."""
    if data_format not in (None, "channels_last"):
        raise ValueError(
            say(
                f"{type(layer).__name__} expects data_format to be 'channels_last', (batch, ..., channels), "
                f"got {data_format!r}. Move the channels of your data to the end with np.moveaxis(x, 1, -1)."
            )
        )
    return "channels_last"


def no_numbers(layer: Any, inputs: Any, error: Exception) -> Exception:
    """The error for an input of which no tensor can be made."""
    if isinstance(error, ValueError) and isinstance(inputs, list | tuple):
        return ValueError(
            say(
                f"{layer} expects rows of equal length, got lists of different ones. Pad them to one length first."
            )
        )
    if isinstance(inputs, np.ma.MaskedArray):
        return TypeError(
            say(
                f"{layer} expects numbers, got a masked array, whose hidden ones would be used. Pass x.filled(0)."
            )
        )
    if hasattr(inputs, "compute_output_shape"):
        return TypeError(
            say(
                f"{layer} expects numbers or a tensor, got the layer {inputs}. Call that one first: layer(inputs)."
            )
        )
    kind = f"an array of {inputs.dtype}" if hasattr(inputs, "dtype") else type(inputs).__name__
    return TypeError(
        say(f"{layer} expects numbers, got {kind}. Convert it first, with np.asarray(x, 'float32').")
    )


def no_room(layer: Any, shape: Any, error: MemoryError) -> MemoryError:
    """The error for an output that is too large; NumPy's own says of what shape, and how many bytes."""
    return MemoryError(
        say(
            f"{layer} has no room for its output, from inputs of shape {shape!s:.100}. {error}. Use smaller sizes."
        )
    )
