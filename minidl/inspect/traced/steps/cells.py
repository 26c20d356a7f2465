"""Steps of a cell that runs one by one: one of your own, a stack of cells, or one with curves of its own.

Each call of the cell is a step. Its ops are on the tape like any others, and its states keep their gradients, so there
is nothing to compute. Which part of the weights' gradient belongs to one step is not known here: backward adds up as
it goes.
"""

from collections.abc import Sequence
from typing import Any

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
        _, *states = call.outputs  # the first is the output
        _, *gradients = call.gradients
        names = _names(cell, len(states))
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


def _names(cell: Any, n: int) -> list[str]:
    own = getattr(cell, "states", ())
    if isinstance(own, tuple) and len(own) == n:
        return [str(name) for name in own]
    return ["h"] if n == 1 else [f"state_{i}" for i in range(n)]
