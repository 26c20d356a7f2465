"""Steps of a cell that runs one by one: one of your own, a stack of cells, or one with curves of its own.

Each call of the cell is a step. Its ops are on the tape like any others, and its states keep their gradients, so there
is nothing to compute. Which part of the weights' gradient belongs to one step is not known here: backward adds up as
it goes.
"""

from collections.abc import Sequence
from typing import Any

from minidl.backend import Array
from minidl.inspect.traced.steps.step import RecurrentStep

__all__ = ["cell_steps"]


def cell_steps(calls: Sequence[Any], cell: Any, go_backwards: bool) -> list[RecurrentStep]:
    """The steps of a layer, in the order of its input.

    Args:
        calls: the traces of the calls of `cell`, in the order in which they ran.
        cell: of the layer.
        go_backwards: whether it begins at the end of the input.
    """
    found = []
    for k, call in enumerate(calls):
        output, *states = call.outputs
        _, *gradients = call.gradients
        names = _names(cell, output, states)
        found.append(
            RecurrentStep(
                t=len(calls) - 1 - k if go_backwards else k,
                x=call.inputs[0],
                before={},
                gates={},
                states=dict(zip(names, states, strict=True)),
                gradients=dict(zip(names, gradients, strict=True)),
                dx=call.input_gradients[0],
                ops=call.ops,
            )
        )
    return found[::-1] if go_backwards else found


def _names(cell: Any, output: Array, states: Sequence[Array]) -> list[str]:
    """The names that a cell has for its states; of one that has none, h is the state that is also its output."""
    own = getattr(cell, "states", ())
    if isinstance(own, tuple) and len(own) == len(states):
        return [str(name) for name in own]
    return ["h" if len(states) == 1 or state is output else f"state_{i}" for i, state in enumerate(states)]
