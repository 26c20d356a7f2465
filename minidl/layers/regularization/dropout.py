"""Dropout: in training, each number is set to 0 with probability `rate`; the survivors grow to make up for it.

    y = x · m / (1 − rate),   m = 1 with probability 1 − rate, else 0         dx = dy · m / (1 − rate)

The mean of y is x, so that inference, where the layer does nothing, needs no correction ("inverted" dropout).
The mask of a training step is a function of the seed, this layer and the step alone: repeat the step and the
same units drop. (N. Srivastava et al., Dropout, JMLR, 2014.)
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.devices import beside
from minidl.layers.arguments import sizes_or_none
from minidl.layers.base import Layer
from minidl.layers.checks import InputSpec
from minidl.messages import say
from minidl.primitives.constants import constant
from minidl.random import SeedGenerator
from minidl.random.streams import generator_at
from minidl.symbolic import Shape
from minidl.tensor import Function, Tensor
from minidl.utils.checks import chosen, number

__all__ = ["Dropout", "DropoutFunction", "dropout_factors"]


class DropoutFunction(Function):
    """y = x·factors: 0 or 1/(1 − rate) for each number, or one for all along the axes that are `shared`.

    `coordinates` say where in the random numbers they are (`SeedGenerator.coordinates`).
    """

    kernel = "dropout"
    on_host = (1,)

    @staticmethod
    def forward(x: Array, coordinates: Array, *, rate: float, shared: tuple[int, ...]) -> tuple[Array, Array]:
        shape = tuple(1 if i in shared else n for i, n in enumerate(x.shape))
        factors = beside(dropout_factors(coordinates, rate, shape, x.dtype), x)
        return x * factors, factors

    @staticmethod
    def backward(dy: Array, factors: Array) -> tuple[Array, None]:
        return dy * factors, None


def dropout_factors(coordinates: Array, rate: float, shape: tuple[int, ...], dtype: Any) -> Array:
    """What to multiply with: 0 with probability `rate`, else 1/(1 − rate)."""
    uniform = generator_at(coordinates).random(shape, dtype=np.float32)
    return (uniform >= rate) * np.asarray(1 / (1 - rate) if rate < 1 else 0, dtype)


class Dropout(Layer):
    """Drops a share of its input in training.

    Args:
        rate: share of numbers set to 0, in [0, 1].
        noise_shape: shape of the mask; an entry 1 shares the mask along that axis, None means the input's size.
        seed: whole number for masks of their own; by default they come from the global seed.

    >>> Dropout(0.5)([[1.0, 2.0]], training=False).numpy()
    array([[1., 2.]], dtype=float32)
    """

    input_spec = InputSpec(min_ndim=0)
    supports_masking = True
    repeats = True

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.rate = number(type(self).__name__, "rate", rate, minimum=0, maximum=1)
        self.noise_shape = (
            None if noise_shape is None else sizes_or_none("Dropout", "noise_shape", noise_shape)
        )
        self.seed = seed
        self.seed_generator = chosen(type(self).__name__, "seed", SeedGenerator, seed)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training or self.rate == 0:
            return inputs
        coordinates = constant(self.seed_generator.coordinates)
        shared = self._shared_axes(inputs.shape)
        return DropoutFunction.apply(inputs, coordinates, rate=self.rate, shared=shared)

    def _shared_axes(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if self.noise_shape is None:
            return ()
        if len(self.noise_shape) != len(shape) or any(
            m not in (None, 1, n) for m, n in zip(self.noise_shape, shape, strict=True)
        ):
            raise ValueError(
                say(
                    f"{self} has noise_shape {self.noise_shape}, which does not fit an input of shape {shape}: "
                    "each entry is 1, None or the size of that axis."
                )
            )
        return tuple(i for i, m in enumerate(self.noise_shape) if m == 1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape
