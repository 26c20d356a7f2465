"""GaussianNoise: in training, each number is moved a little, so that no exact number can be learnt by heart.

    y = x + ε,   ε ~ N(0, stddev²), new for each number and step           dx = dy

In inference it does nothing. What ε is follows from the seed, this layer and the step alone: repeat the step and the
same noise comes. On a linear layer it acts, on average, as a penalty on large weights. (C. Bishop, Training with noise
is equivalent to Tikhonov regularization, 1995.)
"""

from typing import Any

import numpy as np

from minidl.devices import beside
from minidl.layers.base import Layer
from minidl.layers.checks import InputSpec
from minidl.random import SeedGenerator
from minidl.symbolic import Shape
from minidl.tensor import Tensor
from minidl.utils.checks import chosen, number

__all__ = ["GaussianNoise"]


class GaussianNoise(Layer):
    """Adds normal noise to its input in training.

    Args:
        stddev: standard deviation of the noise, >= 0, in the units of the input.
        seed: whole number for noise of its own; by default it comes from the global seed.

    >>> GaussianNoise(0.1)([[1.0, 2.0]], training=False).numpy()
    array([[1., 2.]], dtype=float32)
    """

    input_spec = InputSpec(min_ndim=0)
    supports_masking = True

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.stddev = number("GaussianNoise", "stddev", stddev, minimum=0)
        self.seed = seed
        self.seed_generator = chosen(type(self).__name__, "seed", SeedGenerator, seed)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training or self.stddev == 0:
            return inputs
        noise = self.stddev * self.seed_generator.next().standard_normal(inputs.shape, np.float32)
        return inputs + beside(noise.astype(inputs.dtype), inputs.data)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape
