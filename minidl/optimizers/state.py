"""What an optimizer remembers: one flat array per slot, beside the flat arrays of the weights."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.variable import FlatWeights, Variable

__all__ = ["State"]


class State:
    """The slots of all weights: flat for the rule (`groups`), and variable by variable to save (`variables`).

    Args:
        flat: the weights.
        blocks: name -> first value. Within a block the views go variable by variable, as Keras stores them.

    >>> flat = FlatWeights([Variable([1.0, 2.0], name="a"), Variable([[3.0]], name="b")])
    >>> state = State(flat, [{"momentum": 0.0, "velocity": 0.0}])
    >>> state.groups
    [(array([0., 0., 0.], dtype=float32), array([0., 0., 0.], dtype=float32))]
    >>> [v.name for v in state.variables]
    ['a_momentum', 'a_velocity', 'b_momentum', 'b_velocity']
    """

    def __init__(self, flat: FlatWeights, blocks: Sequence[Mapping[str, float]]):
        self.flat = flat
        first = {name: value for block in blocks for name, value in block.items()}
        self.groups = [tuple(np.full_like(g.values, x) for x in first.values()) for g in flat.groups]
        at = {
            id(variable): dict(
                zip(first, [slot[part].reshape(variable.shape) for slot in slots], strict=True)
            )
            for group, slots in zip(flat.groups, self.groups, strict=True)
            for variable, part in zip(group.variables, group.slices, strict=True)
        }
        self.variables = [
            _window(at[id(variable)][name], f"{variable.path.replace('/', '_')}_{name}")
            for block in blocks
            for variable in flat.variables
            for name in block
        ]


def _window(view: Array, name: str) -> Variable:
    """A variable that reads and writes `view`."""
    window: Any = Variable(np.zeros(()), trainable=False, dtype=view.dtype, name=name)
    window.data = view
    return window
