"""LayerNormalization: every sample gets mean 0 and variance 1 over its own features, then a scale and a shift.

    μ = mean(x)    σ² = mean((x − μ)²)    x̂ = (x − μ)/√(σ² + ε)    y = γ·x̂ + β     (over the axes of `axis`)

It is BatchNormalization turned by 90°: μ and σ² belong to a sample (or a time step), not to a feature. So training
and inference do the same, and no batch is needed.

Backward. With d = √(σ² + ε) and g = dy·γ, the gradient of x̂, an x_j reaches every x̂_i of its sample, itself
directly and all of them through μ and σ²:

    ∂μ/∂x_j = 1/n      ∂σ²/∂x_j = 2·(x_j − μ)/n      so    ∂d/∂x_j = x̂_j/n
    ∂x̂_i/∂x_j = ([i = j] − 1/n)/d − x̂_i/d · ∂d/∂x_j = ([i = j] − 1/n − x̂_i·x̂_j/n)/d

    dx_j = Σ_i g_i·∂x̂_i/∂x_j = (g_j − mean(g) − x̂_j·mean(g·x̂))/d           dγ = Σ dy·x̂        dβ = Σ dy

where dγ and dβ sum over all other axes. (J. L. Ba, J. R. Kiros, G. E. Hinton, Layer normalization, 2016,
arXiv:1607.06450.)
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from minidl.backend import Array
from minidl.layers.arguments import keep_weight_arguments
from minidl.layers.base import Layer
from minidl.layers.checks import InputSpec, flag
from minidl.messages import say
from minidl.symbolic import Shape
from minidl.tensor import Function, Tensor
from minidl.utils.checks import axes, number

__all__ = ["LayerNormFunction", "LayerNormalization", "layer_norm_backward", "layer_norm_forward"]


class LayerNormCache(NamedTuple):
    normalised: Array  # x̂
    gamma: Array | None  # γ, of x's rank
    deviation: Array  # √(σ² + ε), of x's rank
    axes: tuple[int, ...]  # over which μ and σ² are taken
    shifted: bool  # whether β is there


def layer_norm_forward(
    x: Array, gamma: Array | None, beta: Array | None, *, axes: tuple[int, ...], epsilon: float
) -> tuple[Array, LayerNormCache]:
    """x, and gamma and beta of the shape of its `axes` -> y like x."""
    wide = np.result_type(x, np.float64)
    features = [n if a in axes else 1 for a, n in enumerate(x.shape)]
    mean = x.mean(axis=axes, keepdims=True, dtype=wide)
    centred = x - mean  # in float64: at mean 1e4, float32 would lose four digits here
    deviation = np.sqrt(np.mean(centred * centred, axis=axes, keepdims=True) + epsilon)
    y = normalised = (centred / deviation).astype(x.dtype)
    if gamma is not None:
        y = normalised * (gamma := gamma.reshape(features))
    if beta is not None:
        y = y + beta.reshape(features)
    cache = LayerNormCache(normalised, gamma, deviation.astype(x.dtype), axes, beta is not None)
    return y.copy() if y is normalised else y, cache


def layer_norm_backward(dy: Array, cache: LayerNormCache) -> tuple[Array, Array | None, Array | None]:
    """dy like x -> dx, dgamma, dbeta."""
    normalised, gamma, deviation, axes, shifted = cache
    wide = np.result_type(dy, np.float64)
    g = dy if gamma is None else dy * gamma

    def mean(values: Array) -> Array:
        return values.mean(axis=axes, keepdims=True, dtype=wide).astype(dy.dtype)

    dx = (g - mean(g) - normalised * mean(g * normalised)) / deviation
    others = tuple(a for a in range(dy.ndim) if a not in axes)
    d_gamma = (dy * normalised).sum(axis=others, dtype=wide).astype(dy.dtype) if gamma is not None else None
    d_beta = dy.sum(axis=others, dtype=wide).astype(dy.dtype) if shifted else None
    return dx, d_gamma, d_beta


class LayerNormFunction(Function):
    """Normalisation of each sample as a node on the graph."""

    forward, backward = staticmethod(layer_norm_forward), staticmethod(layer_norm_backward)
    kernel = "layer_normalization"


class LayerNormalization(Layer):
    """Normalises each sample over its features, or each time step over its channels, and so on: over `axis`.

    Args:
        axis: the axis of the features, or several, (-2, -1) say.
        epsilon: added to the variance, > 0.
        center, scale: whether β and γ are there.
        beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer, beta_constraint,
        gamma_constraint: of the weights.
        rms_scaling: False. (True divides by the deviation without taking the mean off; Keras advises against it.)

    Weights: gamma, beta, each of the sizes of the normalised axes, in the order of the input.

    >>> layer = LayerNormalization()
    >>> layer([[1.0, 3.0], [10.0, 30.0]]).numpy().round(2)
    array([[-1.,  1.],
           [-1.,  1.]], dtype=float32)
    >>> layer.parameter_formula()
    '2·2'
    """

    supports_masking = True
    repeats = True

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        rms_scaling: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        found = axes("LayerNormalization", "axis", axis)
        self.axis = list(found) if isinstance(found, tuple) else found
        self.epsilon = number("LayerNormalization", "epsilon", epsilon, above=0)
        self.center = flag(self, "center", center)
        self.scale = flag(self, "scale", scale)
        self.rms_scaling = flag(self, "rms_scaling", rms_scaling)
        keep_weight_arguments(self, locals(), "beta", "gamma")
        if self.rms_scaling:
            raise ValueError(
                say(
                    f"LayerNormalization expects rms_scaling to be False, got {rms_scaling!r}. "
                    "Keras deprecates True, which divides by the deviation instead of the root mean square."
                )
            )
        self.input_spec = InputSpec(min_ndim=2)

    def _axes(self, rank: int) -> tuple[int, ...]:
        """The normalised axes of an input of this rank, in order."""
        entries = self.axis if isinstance(self.axis, list) else [self.axis]
        axes = sorted(a % rank for a in entries)
        if not all(-rank <= a < rank for a in entries) or len(set(axes)) < len(axes) or axes[0] == 0:
            raise ValueError(
                say(
                    f"{self} expects axis to name axes behind the batch, each once, of an input with {rank} axes, "
                    f"got {self.axis}."
                )
            )
        return tuple(axes)

    def build(self, input_shape: Shape) -> None:
        sizes = [input_shape[a] for a in self._axes(len(input_shape))]
        if None in sizes:
            raise ValueError(say(f"{self} needs to know the sizes of axis {self.axis} of {input_shape}."))
        known: Any = tuple(sizes)
        self.gamma = self._make("gamma", known) if self.scale else None
        self.beta = self._make("beta", known) if self.center else None
        entries = self.axis if isinstance(self.axis, list) else [self.axis]
        least = max(a + 1 if a > 0 else 1 - a for a in entries)
        wanted: Any = {a: input_shape[a] for a in entries}
        self.input_spec = InputSpec(min_ndim=least, sizes=wanted)

    def call(self, inputs: Tensor) -> Tensor:
        axes = self._axes(inputs.ndim)
        return LayerNormFunction.apply(inputs, self.gamma, self.beta, axes=axes, epsilon=self.epsilon)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._axes(len(input_shape))
        return input_shape

    @property
    def parameter_words(self) -> str:
        """`parameter_formula` in words, for the key below `summary(explain=True)`."""
        features = "·".join(["features"] if isinstance(self.axis, int) else [f"axis {a}" for a in self.axis])
        return f"{len(self.weights)}·{features} ({', '.join(v.name for v in self.weights)})"

    def parameter_formula(self) -> str:
        sizes = "·".join(map(str, self.weights[0].shape)) if self.weights else "0"
        return f"{len(self.weights)}·{sizes}" if self.weights else "0"
