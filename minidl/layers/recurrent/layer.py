"""RecurrentLayer: an RNN around a cell of minidl's own, so that `LSTM(32)` need not be `RNN(LSTMCell(32))`."""

import inspect
from collections.abc import Mapping
from typing import Any

from minidl.layers.recurrent.cell import RecurrentCell
from minidl.layers.recurrent.rnn import RNN

__all__ = ["RecurrentLayer"]


class RecurrentLayer(RNN):
    """The base of SimpleRNN, LSTM and GRU. What the layer does not know itself (`units` ...) its cell does."""

    cell: RecurrentCell

    def _assemble(
        self, cell_class: type[RecurrentCell], given: Mapping[str, Any], options: dict[str, Any]
    ) -> None:
        """Make the cell from its arguments among those `given` to the constructor, and the layer from the others."""
        given = {name: value for name, value in given.items() if name not in ("self", "kwargs", "__class__")}
        options = {
            name: value for name, value in options.items() if name != "implementation"
        }  # there is only one
        if "use_cudnn" in given:
            self.use_cudnn = given.pop("use_cudnn")
        known = inspect.signature(cell_class).parameters
        own = {n: v for n, v in given.items() if n in known}
        cell: Any = cell_class(**own, dtype=options.get("dtype"))
        RNN.__init__(self, cell, **{n: v for n, v in given.items() if n not in known}, **options)

    def __getattr__(self, name: str) -> Any:
        cell = self.__dict__.get("cell")
        if cell is None or name.startswith("_"):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}.")
        return getattr(cell, name)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain data."""
        config = super().get_config()
        return {name: value for name, value in config.items() if name not in ("cell", "use_cudnn")}
