"""StackedRNNCells: several cells as one, the output of each the input of the next, within every step."""

from collections.abc import Mapping, Sequence
from typing import Any

from minidl.layers.base import Layer
from minidl.layers.known import layer_or_described
from minidl.layers.recurrent.loop import first_states, one_step, state_sizes
from minidl.messages import say
from minidl.symbolic import Shape
from minidl.tensor import Tensor
from minidl.utils.checks import shown

__all__ = ["StackedRNNCells"]


class StackedRNNCells(Layer):
    """Cells on top of each other. `RNN([a, b])` makes one.

    Args:
        cells: at least one.

    The states of all cells stand in one list, those of the first cell first.

    >>> import numpy as np
    >>> from minidl.layers import GRUCell, LSTMCell, RNN
    >>> RNN([LSTMCell(3), GRUCell(2)])(np.ones((1, 4, 5))).shape
    (1, 2)
    """

    def __init__(self, cells: Sequence[Any], **kwargs: Any):
        if (
            not isinstance(cells, list | tuple)
            or not cells
            or any(isinstance(cell, type) or not hasattr(cell, "state_size") for cell in cells)
        ):
            raise TypeError(
                say(
                    "StackedRNNCells expects cells to be a list of objects with a state_size, such as [LSTMCell(8)], "
                    f"got {shown(cells)}."
                )
            )
        if kwargs.get("dtype") is None:
            kwargs["dtype"] = next((cell.dtype for cell in cells if hasattr(cell, "dtype")), None)
        super().__init__(**kwargs)
        self.cells = list(cells)

    @property
    def state_size(self) -> list[int]:
        """The sizes of all states."""
        return [size for cell in self.cells for size in state_sizes(cell)]

    @property
    def output_size(self) -> int:
        """The size of the last cell's output."""
        return _output_size(self.cells[-1])

    def get_initial_state(self, batch_size: int | None = None) -> list[Any]:
        """The first states of all cells."""
        n = 1 if batch_size is None else batch_size
        return [state for cell in self.cells for state in first_states(cell, n, self.dtype)]

    def build(self, input_shape: Shape) -> None:
        for cell in self.cells:
            if isinstance(cell, Layer):
                cell.build(input_shape)
            input_shape = (input_shape[0], _output_size(cell))

    def call(self, inputs: Tensor, states: Sequence[Any], training: bool = False) -> Any:  # type: ignore[override]
        x, left = inputs, list(states)
        after: list[Any] = []
        for cell in self.cells:
            n = len(state_sizes(cell))
            x, new = one_step(cell, x, left[:n], training)
            left, after = left[n:], after + new
        return x, after

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """A new one from `get_config`; `custom_objects` are your own cells by class name."""
        cells = [layer_or_described(cell, custom_objects) for cell in config["cells"]]
        return cls(**{**config, "cells": cells})

    def parameter_formula(self) -> str:
        return " + ".join(cell.parameter_formula() for cell in self.cells)


def _output_size(cell: Any) -> int:
    return int(getattr(cell, "output_size", state_sizes(cell)[0]))
