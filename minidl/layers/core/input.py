"""Input: where data enters a model, described by the shape of one sample."""

from collections.abc import Sequence
from typing import Any

from minidl.layers.arguments import sizes_or_none
from minidl.layers.base import Layer
from minidl.messages import say
from minidl.symbolic import Call, Shape, SymbolicTensor
from minidl.utils.keywords import tells_names

__all__ = ["Input", "InputLayer"]


class InputLayer(Layer):
    """The layer behind `Input`: it passes data on as it is.

    Args:
        shape: of one sample, without the batch axis; None for a size that may vary.
        batch_size: fixed number of samples, where a model needs it.
        dtype: type of the data.
        name: of the input.
    """

    autocast = False
    supports_masking = True
    repeats = True

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: str | None = None,
        batch_shape: Sequence[int | None] | None = None,
        name: str | None = None,
        input_shape: Sequence[int | None] | None = None,
    ):
        super().__init__(name=name, dtype=dtype)
        given = shape if shape is not None else input_shape
        if shape is not None and input_shape is not None:
            raise ValueError(say("Input expects shape or its old name input_shape, got both."))
        if batch_size is not None:
            (batch_size,) = sizes_or_none("Input", "batch_size", (batch_size,))
        if batch_shape is not None:
            if given is not None or batch_size is not None:
                raise ValueError(
                    say(
                        f"Input expects batch_shape alone, as it holds the shape of a sample too, got {batch_shape!r:.60} "
                        f"beside shape {given!r:.60} and batch_size {batch_size!r:.20}. Leave one out."
                    )
                )
            self.batch_shape = sizes_or_none("Input", "batch_shape", batch_shape)
        elif given is not None:
            sizes = sizes_or_none("Input", "shape" if shape is not None else "input_shape", given)
            self.batch_shape = (batch_size, *sizes)
        else:
            raise ValueError(
                say("Input expects shape, the shape of one sample, for example Input(shape=(28, 28, 1)).")
            )
        self.built = True
        Call(self).give(SymbolicTensor(self.batch_shape, self.dtype, self.name))

    @property
    def input(self) -> SymbolicTensor:
        """The same as its output."""
        return self._calls[0].output

    def call(self, inputs: Any) -> Any:
        return inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {"batch_shape": self.batch_shape, "dtype": self.dtype, "name": self.name}


@tells_names
def Input(
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: str | None = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
) -> SymbolicTensor:
    """A symbolic tensor for data of this shape, the beginning of a model.

    >>> Input(shape=(28, 28, 1)).shape
    (None, 28, 28, 1)
    """
    return InputLayer(shape, batch_size, dtype, batch_shape, name).output
