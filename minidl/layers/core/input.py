"""Input: where data enters a model, described by the shape of one sample."""

from collections.abc import Sequence
from typing import Any

from minidl.layers.base import Layer
from minidl.layers.symbolic import Shape, SymbolicTensor

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
        if given is None and batch_shape is None:
            raise ValueError(
                "Input expects shape, the shape of one sample, for example Input(shape=(28, 28, 1))."
            )
        if given is not None and (isinstance(given, int) or not all(_is_size(n) for n in given)):
            raise ValueError(
                f"Input expects shape to be a tuple of whole numbers > 0 or None, such as (28, 28, 1) or (4,), "
                f"got {given!r}."
            )
        self.batch_shape: Shape = (
            tuple(batch_shape) if batch_shape is not None else (batch_size, *(given or ()))
        )
        self.built = True
        self.output = SymbolicTensor(self.batch_shape, self.dtype, self.name, self)

    def call(self, inputs: Any) -> Any:
        return inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {"batch_shape": self.batch_shape, "dtype": self.dtype, "name": self.name}


def _is_size(n: Any) -> bool:
    return n is None or (hasattr(n, "__index__") and not isinstance(n, bool) and n > 0)


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
