"""RepeatVector and Permute: between vectors, series and images."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl.layers.base import Layer
from minidl.layers.checks import InputSpec
from minidl.layers.symbolic import Shape
from minidl.tensor import Tensor
from minidl.utils.checks import whole_number

__all__ = ["Permute", "RepeatVector"]


class RepeatVector(Layer):
    """The same vector at each of `n` time steps: (N, I) -> (N, n, I). Its gradient is the sum over the steps.

    >>> RepeatVector(3)([[1.0, 2.0]]).shape
    (1, 3, 2)
    """

    input_spec = InputSpec(("batch", "features"))

    def __init__(self, n: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.n = whole_number("RepeatVector", "n", n, 1)

    def call(self, inputs: Tensor) -> Tensor:
        return np.repeat(inputs[:, None], self.n, axis=1)  # type: ignore[return-value]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.n, input_shape[1])


class Permute(Layer):
    """The axes of each sample in another order.

    Args:
        dims: where each axis comes from; counted from 1, since the batch axis 0 stays: (2, 1) swaps the two.

    >>> import numpy as np
    >>> Permute((2, 1))(np.zeros((8, 10, 64))).shape
    (8, 64, 10)
    """

    def __init__(self, dims: Sequence[int], **kwargs: Any):
        super().__init__(**kwargs)
        if not isinstance(dims, list | tuple):
            raise TypeError(f"Permute expects dims to be a tuple such as (2, 1), got {dims!r:.60}.")
        self.dims = tuple(whole_number("Permute", "every entry of dims", d, 1) for d in dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)) or not self.dims:
            raise ValueError(
                f"Permute expects dims to name each axis of a sample once, counted from 1, such as (2, 1), "
                f"got {dims!r:.60}."
            )
        self.input_spec = InputSpec(("batch", *(f"axis {d}" for d in sorted(self.dims))))

    def call(self, inputs: Tensor) -> Tensor:
        return inputs.transpose(0, *self.dims)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], *(input_shape[d] for d in self.dims))
