"""Flatten, Reshape and Permute: the same numbers under another shape. The batch axis stays."""

import math
from collections.abc import Sequence
from typing import Any

from minidl.layers.base import Layer
from minidl.layers.checks import InputSpec, channels_last
from minidl.messages import say
from minidl.symbolic import Shape
from minidl.tensor import Tensor
from minidl.utils.checks import whole_number

__all__ = ["Flatten", "Permute", "Reshape"]


class Flatten(Layer):
    """Each sample as one row, in row-major order: (N, H, W, C) -> (N, H·W·C).

    Args:
        data_format: "channels_last", the layout of all layers here.

    >>> import numpy as np
    >>> Flatten()(np.zeros((2, 7, 7, 64))).shape
    (2, 3136)
    """

    input_spec = InputSpec()
    repeats = True

    def __init__(self, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.data_format = channels_last(self, data_format)

    def call(self, inputs: Tensor) -> Tensor:
        return inputs.reshape(len(inputs), math.prod(inputs.shape[1:]))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        sizes = input_shape[1:]
        return (input_shape[0], None if None in sizes else math.prod(n for n in sizes if n is not None))

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """None: a row has no time steps."""

    def shape_formulas(self) -> list[str]:
        flat = self.compute_output_shape(self._sizes)[1]
        return [] if flat is None else ["·".join(map(str, self._sizes[1:])) + f" = {flat}"]


class Reshape(Layer):
    """Each sample under the shape `target_shape`; one entry may be -1 and is worked out.

    >>> import numpy as np
    >>> Reshape((3, -1))(np.zeros((2, 12))).shape
    (2, 3, 4)
    """

    input_spec = InputSpec()
    repeats = True

    def __init__(self, target_shape: Sequence[int], **kwargs: Any):
        super().__init__(**kwargs)
        if not isinstance(target_shape, list | tuple):
            raise TypeError(
                say(f"Reshape expects target_shape to be a tuple such as (3, -1), got {target_shape!r:.60}.")
            )
        self.target_shape = tuple(whole_number("Reshape", "target_shape", n, -1) for n in target_shape)
        if self.target_shape.count(-1) > 1 or 0 in self.target_shape:
            raise ValueError(
                say(f"Reshape expects target_shape of sizes > 0 and at most one -1, got {target_shape!r}.")
            )

    def call(self, inputs: Tensor) -> Tensor:
        return inputs.reshape((len(inputs), *self._resolved(inputs.shape[1:])))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if None in input_shape[1:]:
            return (input_shape[0], *(None if n == -1 else n for n in self.target_shape))
        return (input_shape[0], *self._resolved(input_shape[1:]))

    def _resolved(self, sizes: Sequence[Any]) -> Shape:
        """The target shape with -1 replaced by what is left over for it."""
        total, known = math.prod(sizes), math.prod(n for n in self.target_shape if n != -1)
        left = total // known
        if left * known != total or (left != 1 and -1 not in self.target_shape):
            raise ValueError(
                say(
                    f"{self} cannot arrange the {total} numbers of a sample of shape {tuple(sizes)} "
                    f"as {self.target_shape}: the products of the sizes must agree."
                )
            )
        return tuple(left if n == -1 else n for n in self.target_shape)


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
            raise TypeError(say(f"Permute expects dims to be a tuple such as (2, 1), got {dims!r:.60}."))
        self.dims = tuple(whole_number("Permute", "every entry of dims", d, 1) for d in dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)) or not self.dims:
            raise ValueError(
                say(
                    f"Permute expects dims to name each axis of a sample once, counted from 1, such as (2, 1), "
                    f"got {dims!r:.60}."
                )
            )
        self.input_spec = InputSpec(("batch", *(f"axis {d}" for d in sorted(self.dims))))

    def call(self, inputs: Tensor) -> Tensor:
        return inputs.transpose(0, *self.dims)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], *(input_shape[d] for d in self.dims))
