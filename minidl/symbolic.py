"""A tensor without numbers: what `Input` makes and layers return when a model is laid out, not run."""

from collections.abc import Sequence
from typing import Any

__all__ = ["Shape", "SymbolicTensor"]

Shape = tuple[int | None, ...]


class SymbolicTensor:
    """The shape and type of data to come; None in the shape stands for any size.

    >>> SymbolicTensor((None, 28, 28, 1)).shape
    (None, 28, 28, 1)
    """

    def __init__(
        self, shape: Sequence[int | None], dtype: str = "float32", name: str | None = None, maker: Any = None
    ):
        self.shape: Shape = tuple(shape)
        self.dtype = dtype
        self.name = name
        self.maker = maker  # the layer whose output this is

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __repr__(self) -> str:
        return f"<SymbolicTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(
            f"{self!r} holds no numbers: it only describes data to come. Use layers on it, "
            "or call the model on real data."
        )
