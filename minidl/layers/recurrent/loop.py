"""The loop over time for cells of any kind, and what such a cell owes.

A cell has `state_size` (the size of its state, or a list of sizes) and is called as `cell(x_t, states)`, with a list
of states (N, size). It returns its output (N, ...) and the states after the step, a list or one alone. It may
say how it begins, with `get_initial_state(batch_size)`.
"""

import numbers
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.layers.base import Layer
from minidl.layers.recurrent.cell import RecurrentCell
from minidl.primitives.elementwise import where
from minidl.primitives.joining import stack, unstack
from minidl.tensor import Tensor

__all__ = ["first_states", "one_step", "same_dropout", "state_sizes", "step_by_step"]


def state_sizes(cell: Any) -> list[int]:
    """The size of each state of a cell."""
    size = cell.state_size
    return [int(size)] if isinstance(size, numbers.Integral) else [int(n) for n in size]


def first_states(cell: Any, n: int, dtype: str) -> list[Any]:
    """The states before the first step, for n samples: the cell's own, or zeros."""
    if hasattr(cell, "get_initial_state"):
        states = cell.get_initial_state(batch_size=n)
        return list(states) if isinstance(states, list | tuple) else [states]
    return [Tensor(np.zeros((n, size), dtype)) for size in state_sizes(cell)]


def one_step(cell: Any, x: Tensor, states: Sequence[Any], training: bool) -> tuple[Tensor, list[Any]]:
    """The output of a cell and the list of its states after the step."""
    passes_training = isinstance(cell, Layer) and cell._takes_training
    y, after = cell(x, states, training=training) if passes_training else cell(x, states)
    return y, list(after) if isinstance(after, list | tuple) else [after]


def step_by_step(
    cell: Any, x: Tensor, states: Sequence[Any], mask: Array | None, training: bool, sequences: bool
) -> tuple[Tensor, list[Any]]:
    """Run `cell` over the steps of x (N, T, ...): the outputs (N, T, ...), or the last one; and the last states."""
    outputs: list[Tensor] = []
    states = list(states)
    for t, x_t in enumerate(unstack(x, axis=1)):
        y, after = one_step(cell, x_t, states, training)
        if mask is not None:
            counts = mask[:, t].reshape(-1, 1)
            if outputs:
                shown: Any = outputs[-1]
            else:
                shown = states[0] if isinstance(cell, RecurrentCell) else np.zeros_like(y.data)
            y = where(counts.reshape(-1, *(1,) * (y.ndim - 1)), y, shown)
            after = [where(counts, new, old) for new, old in zip(after, states, strict=True)]
        outputs.append(y)
        states = after
    return (stack(outputs, axis=1) if sequences else outputs[-1]), states


@contextmanager
def same_dropout(cell: Any) -> Iterator[None]:
    """Within the block, the cells inside of `cell` drop the same numbers at every step."""
    cells = [part for part in _parts(cell) if isinstance(part, RecurrentCell)]
    for part in cells:
        part.hold_dropout(True)
    try:
        yield
    finally:
        for part in cells:
            part.hold_dropout(False)


def _parts(cell: Any) -> Iterator[Any]:
    yield cell
    for part in getattr(cell, "_layers", ()):
        yield from _parts(part)
