"""What separable convolutions over series and over images share.

A convolution looks for patterns in space and across channels at once, with K·C·F weights (K cells in the window).
A separable one takes the two apart:

    depthwise    z[n, p, c·M + m] = Σ_k  x[n, p·s + k·r, c] · d[k, c, m]       each channel by itself
    pointwise    y[n, p, f]       = b[f] + Σ_q  z[n, p, q] · w[q, f]           each place by itself

p is a place, k a cell of the window, and both stand for one number (series) or two (images). That is K·C·M + C·M·F
weights: for a 3x3 window, M = 1 and F = 64 about an eighth. The price is that all F filters share the C·M patterns
in space. It is as if the kernel of a convolution had been written as a product, Σ_m d[k, c, m] · w[c·M + m, f].

Backward is the chain of two that exist: the second part is a convolution with a window of one cell
(dz = dy · wᵀ, dw = zᵀ · dy, summed over places), the first that of DepthwiseConv2D, with dz for its dy.

F. Chollet, Xception: deep learning with depthwise separable convolutions, 2016, arXiv:1610.02357.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from minidl import activations
from minidl.layers.arguments import keep_weight_arguments
from minidl.layers.convolutional.base import Sliding
from minidl.layers.convolutional.depthwise_conv2d import DepthwiseFunction
from minidl.symbolic import Shape
from minidl.tensor import Function, Tensor
from minidl.utils.checks import whole_number

__all__ = ["SeparableConvolution"]


class SeparableConvolution(Sliding):
    """The base of SeparableConv1D and SeparableConv2D; see there for the arguments."""

    function: ClassVar[type[Function]]  # of the pointwise part
    rectified_function: ClassVar[type[Function]]  # the same with ReLU behind it

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        kind = type(self).__name__
        self.filters = whole_number(kind, "filters", filters, 1)
        self.depth_multiplier = whole_number(kind, "depth_multiplier", depth_multiplier, 1)
        self._keep_window(locals())
        keep_weight_arguments(self, locals(), "depthwise", "pointwise", "bias")
        self._refuse_unequal_strides("Conv2D")

    def build(self, input_shape: Shape) -> None:
        channels = self._channels_in(input_shape)
        self.depthwise_kernel = self._make(
            "depthwise_kernel", (*self.kernel_size, channels, self.depth_multiplier), arguments="depthwise"
        )
        one_cell = (1,) * len(self.kernel_size)
        self.pointwise_kernel = self._make(
            "pointwise_kernel",
            (*one_cell, channels * self.depth_multiplier, self.filters),
            arguments="pointwise",
        )
        self.bias = self._make("bias", (self.filters,)) if self.use_bias else None

    def call(self, inputs: Tensor) -> Tensor:
        apart = DepthwiseFunction.apply(inputs, self.depthwise_kernel, None, **self._window(inputs))
        rectified = self.activation is activations.relu
        one = (1,) * len(self.kernel_size)
        mixed = (self.rectified_function if rectified else self.function).apply(
            apart,
            self.pointwise_kernel,
            self.bias,
            strides=one,
            padding=((0, 0),) * len(one),
            dilation=one,
            groups=1,
        )
        return mixed if rectified else self.activation(mixed)

    def _channels_out(self, channels: int | None) -> int:
        return self.filters

    @property
    def parameter_words(self) -> str:
        """`parameter_formula` in words, for the key below `summary(explain=True)`."""
        window = "·".join(("window",) if len(self.kernel_size) == 1 else ("window height", "width"))
        mixing = "(channels·multiplier + 1 bias)" if self.use_bias else "channels·multiplier"
        return f"{window}·channels·multiplier + {mixing}·filters"

    def parameter_formula(self) -> str:
        *window, channels, multiplier = self.depthwise_kernel.shape
        patterns = "·".join(map(str, (*window, channels, multiplier)))
        mixing = f"{channels}·{multiplier}"
        return f"{patterns} + {f'({mixing} + 1)' if self.use_bias else mixing}·{self.filters}"
