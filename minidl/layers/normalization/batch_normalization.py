"""BatchNormalization: every feature gets mean 0 and variance 1 over the batch, then a scale and a shift.

    μ = mean(x)    σ² = mean((x − μ)²)    x̂ = (x − μ)/√(σ² + ε)    y = γ·x̂ + β     (over all axes but one)

μ and σ² depend on every x of the batch, so dx has three parts: the direct one, and what reaches x through μ
and through σ². They come to

    dx = γ/√(σ² + ε) · (dy − mean(dy) − x̂·mean(dy·x̂))        dγ = Σ dy·x̂        dβ = Σ dy

In words: dy loses its parts along two directions, a constant and x̂ itself, because moving x along them leaves
y where it is (for ε → 0).

With a mask only the steps that count make μ and σ²: the means run over those, and an x that does not count
acts on its own y alone, dx = γ/√(σ² + ε)·dy. Its dy still reaches the others, because its y depends on μ and σ².

In inference one sample has no batch to be normalised by. Running averages of μ and σ² stand in:
moving = moving·momentum + batch·(1 − momentum). (S. Ioffe, C. Szegedy, 2015, arXiv:1502.03167. The variance
divides by n, in the running average too, as Keras.)
"""

from typing import Any, NamedTuple

import numpy as np

from minidl.backend import Array
from minidl.devices import on_gpu
from minidl.layers.arguments import keep_weight_arguments
from minidl.layers.base import Layer
from minidl.layers.checks import InputSpec, flag
from minidl.layers.context import average
from minidl.layers.masks import widened
from minidl.messages import say
from minidl.symbolic import Shape
from minidl.tensor import Function, Tensor
from minidl.utils.checks import number, whole_number
from minidl.utils.warned import warn

__all__ = ["BatchNormFunction", "BatchNormalization", "batch_norm_backward", "batch_norm_forward"]


class BatchNormCache(NamedTuple):
    normalised: Array  # x̂
    gamma_over_deviation: Array  # γ/√(σ² + ε), of x's rank
    deviation: Array  # √(σ² + ε)
    axes: tuple[int, ...]  # over which μ and σ² are taken
    count: Any  # how many x make a μ
    counts: Any  # where an x counts, of a shape that broadcasts with x; None for everywhere
    parameters: tuple[bool, bool]  # whether γ and β are there


def batch_norm_forward(
    x: Array,
    gamma: Array | None,
    beta: Array | None,
    *,
    axis: int,
    epsilon: float,
    mask: Array | None = None,
) -> tuple[tuple[Array, Array, Array], BatchNormCache]:
    """x (..., C, ...), gamma and beta (C,), mask of the first axes of x -> y like x, mean (C,), variance (C,)."""
    given = (gamma is not None, beta is not None)
    axes = tuple(a for a in range(x.ndim) if a != axis % x.ndim)
    wide = np.result_type(x, np.float64)
    feature = [1 if a in axes else n for a, n in enumerate(x.shape)]
    counts = None if mask is None else widened(mask, x.ndim)
    n: Any = max(1, x.size // x.shape[axis])
    if counts is not None:
        n = np.maximum(np.broadcast_to(counts, x.shape).sum(axis=axes, keepdims=True), 1)
    mean = _sum(x, axes, counts, wide) / n
    centred = x - mean  # in float64: at mean 1e4, float32 would lose four digits here
    variance = _sum(centred * centred, axes, counts) / n
    deviation = np.sqrt(variance + epsilon)
    normalised = (centred / deviation).astype(x.dtype)
    gamma = np.ones_like(x, order="C", shape=feature) if gamma is None else gamma.reshape(feature)
    y = normalised * gamma
    if beta is not None:
        y = y + beta.reshape(feature)
    statistics = mean.reshape(-1).astype(x.dtype), variance.reshape(-1).astype(x.dtype)
    deviation = deviation.astype(x.dtype)
    return (y, *statistics), BatchNormCache(normalised, gamma / deviation, deviation, axes, n, counts, given)


def _sum(x: Array, axes: tuple[int, ...], counts: Array | None, dtype: Any = None) -> Any:
    """Σ x along `axes`, of the numbers that count."""
    if counts is None:
        return x.sum(axis=axes, keepdims=True, dtype=dtype)
    if on_gpu(x):  # CuPy's sum has no where
        return np.where(counts, x, 0).sum(axis=axes, keepdims=True, dtype=dtype)
    return x.sum(axis=axes, keepdims=True, dtype=dtype, where=counts)


def batch_norm_backward(
    gradients: tuple[Array, Array, Array], cache: BatchNormCache
) -> tuple[Array, Array | None, Array | None]:
    """dy like x, d_mean (C,), d_variance (C,) -> dx, dgamma, dbeta."""
    dy, d_mean, d_variance = gradients
    normalised, gamma_over_deviation, deviation, axes, n, counts, (scaled, shifted) = cache
    wide = np.result_type(dy, np.float64)
    d_beta = dy.sum(axis=axes, keepdims=True, dtype=wide)
    d_gamma = (dy * normalised).sum(axis=axes, keepdims=True, dtype=wide)
    mean_dy, mean_dy_normalised = (d_beta / n).astype(dy.dtype), (d_gamma / n).astype(dy.dtype)
    through_statistics = -gamma_over_deviation * (mean_dy + normalised * mean_dy_normalised)
    if d_mean.any() or d_variance.any():  # only where someone differentiates the statistics themselves
        feature = d_beta.shape
        through_statistics += (
            (d_mean.reshape(feature) + 2 * d_variance.reshape(feature) * normalised * deviation) / n
        ).astype(dy.dtype)
    if counts is not None:
        through_statistics *= counts
    dx = gamma_over_deviation * dy + through_statistics
    return (
        dx,
        d_gamma.reshape(-1).astype(dy.dtype) if scaled else None,
        d_beta.reshape(-1).astype(dy.dtype) if shifted else None,
    )


class BatchNormFunction(Function):
    """Normalisation by the batch as a node on the graph; its outputs are y, the mean and the variance."""

    forward, backward = staticmethod(batch_norm_forward), staticmethod(batch_norm_backward)
    kernel = "batch_normalization"


class BatchNormalization(Layer):
    """Normalises each feature by the batch in training, by running averages in inference and when frozen.

    Time steps that a mask rules out have no part in mean and variance; a batch in which none is left changes no running
    average (Keras moves them towards 0).

    Args:
        axis: the axis of the features.
        momentum: share of the old running average kept at each step, in [0, 1].
        epsilon: added to the variance, > 0.
        center, scale: whether β and γ are there.
        beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer,
        beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: of the weights.
        synchronized: False; training runs on one device only.

    Weights: gamma, beta, moving_mean, moving_variance, each (C,); the last two are not trained.

    >>> layer = BatchNormalization()
    >>> layer([[1.0], [3.0]], training=True).numpy().round(3).ravel()
    array([-1.,  1.], dtype=float32)
    >>> layer.parameter_formula()
    '4·1'
    """

    supports_masking = True
    repeats = True

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        synchronized: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.axis = whole_number("BatchNormalization", "axis", axis)
        self.momentum = number("BatchNormalization", "momentum", momentum, minimum=0, maximum=1)
        self.epsilon = number("BatchNormalization", "epsilon", epsilon, above=0)
        self.center = flag(self, "center", center)
        self.scale = flag(self, "scale", scale)
        keep_weight_arguments(self, locals(), "beta", "gamma", "moving_mean", "moving_variance")
        self.synchronized = flag(self, "synchronized", synchronized)
        if self.synchronized:
            raise ValueError(
                say(
                    "BatchNormalization expects synchronized=False: training runs on one device, so there are no "
                    "batches elsewhere to share statistics with."
                )
            )
        self.input_spec = InputSpec(min_ndim=2)

    def build(self, input_shape: Shape) -> None:
        if not -len(input_shape) <= self.axis < len(input_shape) or self.axis % len(input_shape) == 0:
            raise ValueError(
                say(f"{self} expects axis to name a feature axis of {input_shape}, got {self.axis}.")
            )
        n = input_shape[self.axis]
        if n is None:
            raise ValueError(say(f"{self} needs to know the size of axis {self.axis} of {input_shape}."))
        self.gamma = self._make("gamma", (n,)) if self.scale else None
        self.beta = self._make("beta", (n,)) if self.center else None
        self.moving_mean = self._make("moving_mean", (n,), trainable=False)
        self.moving_variance = self._make("moving_variance", (n,), trainable=False)
        least = self.axis + 1 if self.axis > 0 else 1 - self.axis
        self.input_spec = InputSpec(min_ndim=least, sizes={self.axis: n})

    def call(self, inputs: Tensor, training: bool = False, mask: Array | None = None) -> Tensor:
        if not (training and self.trainable):
            return self._by_running_averages(inputs)
        options = {} if mask is None else {"mask": mask}
        y, mean, variance = BatchNormFunction.apply(
            inputs, self.gamma, self.beta, axis=self.axis, epsilon=self.epsilon, **options
        )
        if inputs.size == mean.size:
            warn(
                f"{self} got one number per feature in training: its deviation from itself is 0, so the output "
                "is beta whatever the data. Use larger batches."
            )
        if len(inputs) and (mask is None or mask.any()):
            for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
                average(moving, batch, self.momentum)
        return y

    def _by_running_averages(self, inputs: Tensor) -> Tensor:
        """y = (x − μ)·s + β,  s = γ/√(σ² + ε), with the running averages for μ and σ²."""
        feature = [1] * inputs.ndim
        feature[self.axis] = -1
        s: Any = 1 / np.sqrt(self.moving_variance.data.reshape(feature) + self.epsilon)
        if self.gamma is not None:
            s = self.gamma.reshape(feature) * s
        y = (inputs - self.moving_mean.data.reshape(feature)) * s
        return y if self.beta is None else y + self.beta.reshape(feature)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    @property
    def parameter_words(self) -> str:
        """`parameter_formula` in words, for the key below `summary(explain=True)`."""
        names = ", ".join(v.name.replace("_", " ") for v in self.weights)
        return f"{len(self.weights)}·features ({names})"

    def parameter_formula(self) -> str:
        return f"{len(self.weights)}·{self.moving_mean.size}"
