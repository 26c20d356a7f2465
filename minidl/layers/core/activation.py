"""Activations as layers: the functions of `minidl.activations`, with a place of their own in a model."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl import activations
from minidl.layers.base import Layer
from minidl.layers.checks import InputSpec
from minidl.layers.masks import widened
from minidl.messages import say
from minidl.symbolic import Shape
from minidl.tensor import Tensor, as_array
from minidl.utils.checks import axes, chosen, number

__all__ = ["ELU", "Activation", "LeakyReLU", "ReLU", "Softmax"]


class _Elementwise(Layer):
    """A layer whose output has the shape of its input."""

    input_spec = InputSpec(min_ndim=0)
    supports_masking = True
    repeats = True

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


class Activation(_Elementwise):
    """Any activation by name or as a function.

    >>> Activation("relu")([[-1.0, 2.0]]).numpy()
    array([[0., 2.]], dtype=float32)
    """

    def __init__(self, activation: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self.activation = chosen(type(self).__name__, "activation", activations.get, activation)

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

    Args:
        negative_slope: slope below 0; >= 0. Older Keras calls it alpha, which is understood too.

    >>> LeakyReLU()([[-1.0, 2.0]]).numpy()
    array([[-0.3,  2. ]], dtype=float32)
    """

    old_arguments = ("alpha",)

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any):
        negative_slope = kwargs.pop("alpha", negative_slope)
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
    """eˣ / Σ eˣ along `axis`: positive numbers that sum to 1.

    Args:
        axis: the axis, or several that share a sum of 1.

    A call takes `mask`, of the shape of the input or of its first axes: where it is false, the output is 0. A
    mask that is the same all along `axis`, such as that of time steps for a softmax over classes, changes nothing.

    >>> Softmax()([[1.0, 1.0, 9.0]], mask=[[True, True, False]]).numpy()
    array([[0.5, 0.5, 0. ]], dtype=float32)
    """

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis: Any = axes("Softmax", "axis", axis)

    def call(self, inputs: Tensor, mask: Any = None) -> Tensor:
        if mask is not None and not self._is_even(mask := self._spread(mask, inputs), inputs.ndim):
            lowest = (
                -3e4 if inputs.dtype == np.float16 else -1e9
            )  # finite: a row without a true stays a number
            inputs = inputs + np.where(mask, 0, lowest).astype(inputs.dtype)
        if not isinstance(self.axis, tuple):
            return activations.softmax(inputs, self.axis)
        order = [
            *(a for a in range(inputs.ndim) if a not in self._axes(inputs.ndim)),
            *self._axes(inputs.ndim),
        ]
        last = inputs.transpose(order)
        kept = last.shape[: inputs.ndim - len(self.axis)]
        rows = last.reshape((*kept, math.prod(last.shape[len(kept) :])))
        return (
            activations.softmax(rows, -1)
            .reshape(last.shape)
            .transpose([order.index(a) for a in range(len(order))])
        )

    @staticmethod
    def _spread(mask: Any, inputs: Tensor) -> Any:
        mask = as_array(mask)
        first_axes = mask.shape == inputs.shape[: mask.ndim]
        return (
            widened(mask, inputs.ndim)
            if first_axes
            else mask.reshape((1,) * (inputs.ndim - mask.ndim) + mask.shape)
        )

    def _is_even(self, mask: Any, ndim: int) -> bool:
        """Whether the mask is the same all along the axis, so that it leaves the softmax as it is."""
        axes = self._axes(ndim) if isinstance(self.axis, tuple) else [self.axis]
        return all(mask.shape[a] == 1 for a in axes)

    def _axes(self, ndim: int) -> list[int]:
        axes = [a % ndim for a in self.axis if -ndim <= a < ndim]
        if len(set(axes)) < len(self.axis):
            raise ValueError(
                say(f"{self} expects different axes of an input of rank {ndim}, got {self.axis}.")
            )
        return axes
