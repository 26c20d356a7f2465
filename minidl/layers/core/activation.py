"""Activations as layers: the functions of `minidl.activations`, with a place of their own in a model."""

from typing import Any

from minidl import activations
from minidl.layers.base import Layer
from minidl.layers.checks import InputSpec
from minidl.layers.symbolic import Shape
from minidl.tensor import Tensor
from minidl.utils.checks import number, whole_number

__all__ = ["ELU", "Activation", "LeakyReLU", "ReLU", "Softmax"]


class _Elementwise(Layer):
    """A layer whose output has the shape of its input."""

    input_spec = InputSpec(min_ndim=0)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


class Activation(_Elementwise):
    """Any activation by name or as a function.

    >>> Activation("relu")([[-1.0, 2.0]]).numpy()
    array([[0., 2.]], dtype=float32)
    """

    def __init__(self, activation: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, inputs: Tensor) -> Tensor:
        return self.activation(inputs)


class ReLU(_Elementwise):
    """max(0, x), with Keras's options: a cap, a slope below the threshold, a threshold.

    Args:
        max_value: largest output, None for no cap; >= 0.
        negative_slope: slope below the threshold; >= 0.
        threshold: where the linear part begins; >= 0.
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.max_value = (
            None if max_value is None else number(type(self).__name__, "max_value", max_value, minimum=0)
        )
        self.negative_slope = number(type(self).__name__, "negative_slope", negative_slope, minimum=0)
        self.threshold = number(type(self).__name__, "threshold", threshold, minimum=0)

    def call(self, inputs: Tensor) -> Tensor:
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)


class LeakyReLU(_Elementwise):
    """x above 0, negative_slope·x below (A. Maas, A. Hannun, A. Ng, 2013). The layer's default slope is 0.3.

    >>> LeakyReLU()([[-1.0, 2.0]]).numpy()
    array([[-0.3,  2. ]], dtype=float32)
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any):
        super().__init__(**kwargs)
        self.negative_slope = number(type(self).__name__, "negative_slope", negative_slope, minimum=0)

    def call(self, inputs: Tensor) -> Tensor:
        return activations.leaky_relu(inputs, self.negative_slope)


class ELU(_Elementwise):
    """x above 0, alpha·(eˣ − 1) below (D. Clevert et al., 2015, arXiv:1511.07289)."""

    def __init__(self, alpha: float = 1.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.alpha = number(type(self).__name__, "alpha", alpha, minimum=0)

    def call(self, inputs: Tensor) -> Tensor:
        return activations.elu(inputs, self.alpha)


class Softmax(_Elementwise):
    """eˣ / Σ eˣ along `axis`: positive numbers that sum to 1."""

    def __init__(self, axis: int = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = whole_number("Softmax", "axis", axis)

    def call(self, inputs: Tensor) -> Tensor:
        return activations.softmax(inputs, self.axis)
