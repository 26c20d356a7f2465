"""RecurrentLayer: an RNN around a cell of minidl's own, so that `LSTM(32)` need not be `RNN(LSTMCell(32))`."""

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

from minidl.layers.recurrent.cell import RecurrentCell
from minidl.layers.recurrent.rnn import RNN
from minidl.messages import say
from minidl.utils.naming import snake_case

__all__ = ["RecurrentLayer"]


class OfTheCell:
    """An attribute that a layer reads from its cell."""

    def __init__(self, name: str):
        self.name = name

    def __get__(self, layer: Any, owner: Any = None) -> Any:
        return self if layer is None else getattr(layer.cell, self.name)

    def __set__(self, layer: Any, value: Any) -> None:
        raise AttributeError(
            say(
                f"{layer}: {self.name} is settled when the layer is made. Make a new one, or change {layer.name}.cell."
            )
        )


class RecurrentLayer(RNN):
    """The base of SimpleRNN, LSTM and GRU: their arguments are those of the cell and those of RNN."""

    cell_class: ClassVar[type[RecurrentCell]]
    cell: RecurrentCell
    old_arguments = ("implementation",)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "cell_class" in cls.__dict__:
            for name in (*_own_arguments(cls.cell_class), "kernel", "recurrent_kernel", "bias"):
                setattr(cls, name, OfTheCell(name))

    def _assemble(self, arguments: Mapping[str, Any], options: dict[str, Any]) -> None:
        """Make the cell from its part of the constructor's locals(), and the layer from the others."""
        cells = _own_arguments(self.cell_class)
        given = {
            name: value for name, value in arguments.items() if name not in ("self", "kwargs", "__class__")
        }
        self.use_cudnn = given.pop("use_cudnn", "auto")
        options = {n: v for n, v in options.items() if n != "implementation"}  # there is only one
        cell: Any = self.cell_class(
            **{name: value for name, value in given.items() if name in cells},
            dtype=options.get("dtype"),
            name=snake_case(self.cell_class.__name__),
        )
        super().__init__(cell, **{n: v for n, v in given.items() if n not in cells}, **options)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain data."""
        config = super().get_config()
        return {name: value for name, value in config.items() if name not in ("cell", "use_cudnn")}


def _own_arguments(cell_class: type[RecurrentCell]) -> list[str]:
    return [name for name in inspect.signature(cell_class).parameters if name != "kwargs"]
