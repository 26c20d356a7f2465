"""PReLU: a rectifier that learns how much of the negative numbers to let through.

    y = x         where x > 0        dx = dy         dα = 0
    y = α·x       where x < 0        dx = α·dy       dα = Σ dy·x, over samples and shared axes

At 0 both are 0, as in Keras. With α = 0 it is ReLU, with a fixed α LeakyReLU. K. He et al., Delving deep into
rectifiers, 2015, arXiv:1502.01852.
"""

from collections.abc import Sequence
from typing import Any

from minidl import activations
from minidl.layers.arguments import keep_weight_arguments
from minidl.layers.base import Layer
from minidl.layers.checks import InputSpec
from minidl.messages import say
from minidl.symbolic import Shape
from minidl.tensor import Tensor
from minidl.utils.checks import whole_number

__all__ = ["PReLU"]


class PReLU(Layer):
    """max(x, 0) + α·min(x, 0), with an α to learn for each number of a sample.

    Args:
        alpha_initializer, alpha_regularizer, alpha_constraint: of α, as those of the kernel in Dense.
        shared_axes: axes along which there is one α for all, counted from 1 (0 is the batch): [1, 2] for one α per
            channel of images.

    Weights: alpha, of the shape of a sample with 1 in place of the shared axes.

    >>> import numpy as np
    >>> PReLU("ones")([[-3.0, 2.0]]).numpy()
    array([[-3.,  2.]], dtype=float32)
    >>> layer = PReLU(shared_axes=[1, 2])
    >>> layer(np.zeros((1, 8, 8, 3))).shape, layer.alpha.shape
    ((1, 8, 8, 3), (1, 1, 3))
    """

    supports_masking = True
    repeats = True

    def __init__(
        self,
        alpha_initializer: Any = "zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: int | Sequence[int] | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        keep_weight_arguments(self, locals(), "alpha")
        self.shared_axes = _axes(shared_axes)
        self.input_spec = InputSpec(min_ndim=2)

    def build(self, input_shape: Shape) -> None:
        shared, ndim = self.shared_axes or (), len(input_shape)
        if any(axis >= ndim for axis in shared):
            raise ValueError(
                say(
                    f"{self} expects shared_axes to be axes from 1 to {ndim - 1} of an input of shape {input_shape}, "
                    f"got {self.shared_axes}."
                )
            )
        sizes = {axis: n for axis, n in enumerate(input_shape) if axis > 0 and axis not in shared}
        alphas = []
        for axis in range(1, ndim):
            n = sizes.get(axis, 1)
            if n is None:
                raise ValueError(
                    say(
                        f"{self} needs to know the size of axis {axis} of its input, got shape {input_shape}. "
                        f"Put {axis} into shared_axes to have one alpha for all of that axis."
                    )
                )
            alphas.append(n)
        self.alpha = self._make("alpha", alphas)
        names = ("batch", *(f"axis {i}" for i in range(1, ndim)))
        self.input_spec = InputSpec(names, {axis: n for axis, n in sizes.items() if n is not None})

    def call(self, inputs: Tensor) -> Tensor:
        return activations.relu(inputs) - self.alpha * activations.relu(-inputs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


def _axes(given: Any) -> list[int] | None:
    if given is None:
        return None
    several = given if isinstance(given, list | tuple) else [given]
    return [whole_number("PReLU", "every entry of shared_axes", axis, 1) for axis in several]
