"""Conv2DTranspose: the way back of a convolution, as a layer: small images become large ones.

A convolution with stride s makes an image smaller, and its backward pass carries gradients from the small image
to the large one. Conv2DTranspose uses that pass as its forward pass. Where Conv2D collects a window of pixels
into one number, here each pixel lays down a window of numbers, s cells from its neighbour's, and where windows
overlap they add up:

    y[n, u, v, f] = b[f] + Σ_{i, k: i·s + k·r = u}  Σ_{j, l: j·s + l·r = v}  Σ_c  x[n, i, j, c] · w[k, l, f, c]

Written as a matrix, a convolution is some W and its backward pass Wᵀ: hence the name. (It is no inverse: Wᵀ·W is
not the identity. "Deconvolution" is a misnomer.) The backward pass of Wᵀ is W again, so with dy of the large
image

    dx = Conv2D(dy) with the same kernel, which for it has F channels in and C filters out
    dw = what Conv2D finds for its kernel if its input was dy and its gradient is x
    db[f] = Σ_{n, u, v} dy[n, u, v, f]

All windows together span (n − 1)·s + span cells, span = (K − 1)·r + 1. What is kept of them, and what is added:

    output_padding    valid                         same
    None              (n − 1)·s + max(span, s)      n·s
    p < s             (n − 1)·s + span + p          (n − 1)·s + span − 2·⌊span/2⌋ + p

"valid" adds cells at the end, which no window reaches; "same" cuts half of what is too much before, and the larger
half after. A convolution of stride s gives the same n for s different sizes of image: p says which to go back to.

M. Zeiler, D. Krishnan, G. Taylor, R. Fergus, Deconvolutional networks, CVPR 2010; V. Dumoulin, F. Visin, A guide
to convolution arithmetic, 2016, arXiv:1603.07285.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from minidl.backend import Array, Pair, implementation
from minidl.layers.arguments import keep_weight_arguments
from minidl.layers.checks import size_tuple
from minidl.layers.convolutional.base import Sliding
from minidl.layers.convolutional.conv2d import conv2d_backward, conv2d_forward
from minidl.layers.convolutional.windows import IMAGE_AXES, Padding, crop, tap
from minidl.messages import say
from minidl.symbolic import Shape
from minidl.tensor import Function, Tensor
from minidl.utils.checks import whole_number

__all__ = [
    "Conv2DTranspose", "Conv2DTransposeFunction", "conv2d_transpose_backward", "conv2d_transpose_forward",
    "transposed_border", "transposed_length",
]  # fmt: skip

Size = tuple[int, int]


def transposed_length(
    n: int, window: int, stride: int, padding: str, dilation: int = 1, extra: int | None = None
) -> int:
    """How long an axis of `n` cells becomes; `extra` is the output padding.

    >>> transposed_length(3, 3, 2, "valid"), transposed_length(3, 3, 2, "same"), transposed_length(3, 2, 3, "valid")
    (7, 6, 9)
    """
    span = (window - 1) * dilation + 1
    if extra is None:
        return (n - 1) * stride + max(span, stride) if padding == "valid" else n * stride
    cut = 0 if padding == "valid" else 2 * (span // 2)
    return (n - 1) * stride + span - cut + extra


def transposed_border(n: int, length: int, window: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """What to cut, before and after, of the cells that windows span together, so that `length` are left.

    >>> transposed_border(3, 6, 3, 2), transposed_border(3, 6, 4, 2), transposed_border(3, 9, 2, 3)
    ((0, 1), (1, 1), (0, 0))
    """
    total = max((n - 1) * stride + (window - 1) * dilation + 1 - length, 0)
    return (total // 2, total - total // 2)


class Conv2DTransposeCache(NamedTuple):
    x: Array  # (N, H, W, C)
    w: Array  # (KH, KW, F, C)
    biased: bool
    options: dict[str, Any]  # of the convolution whose way back this is


def conv2d_transpose_forward(
    x: Array, w: Array, b: Array | None, *, lengths: Size, strides: Size, padding: Padding, dilation: Size
) -> tuple[Array, Conv2DTransposeCache]:
    """x (N, H, W, C), w (KH, KW, F, C), b (F,) or None -> y (N, *lengths, F); `padding` is cut from around y."""
    sizes = (n + before + after for n, (before, after) in zip(lengths, padding, strict=True))
    padded = np.zeros(
        (len(x), *sizes, w.shape[2]), np.result_type(x, w, *(() if b is None else (b,))), like=x
    )
    for cell in np.ndindex(w.shape[:2]):
        # A view: this adds into the output, where neighbouring windows overlap.
        laid = tap(padded, cell, x.shape[1:3], strides, dilation)
        laid += np.tensordot(x, w[cell].T, axes=1)
    y = crop(padded, padding)
    options = {"strides": strides, "padding": padding, "dilation": dilation, "groups": 1}
    return y if b is None else y + b, Conv2DTransposeCache(x, w, b is not None, options)


def conv2d_transpose_backward(
    dy: Array, cache: Conv2DTransposeCache
) -> tuple[Array, Array | None, Array | None]:
    """dy (N, *lengths, F) -> dx, dw, db: the convolution of dy, by its kernel where there is one."""
    x, w, biased, options = cache
    convolution = implementation("conv2d", Pair(conv2d_forward, conv2d_backward), (dy, w, None), options)
    dx, seen = convolution.forward(dy, w, None, **options)
    dw = convolution.backward(x, seen, needs=(False, True, False))[1]
    exact = np.result_type(dy, np.float64)
    db = dy.sum(axis=(0, 1, 2), dtype=exact).astype(dy.dtype) if biased else None
    return dx, dw, db


class Conv2DTransposeFunction(Function):
    """The way back of a convolution as a node on the graph."""

    forward, backward = staticmethod(conv2d_transpose_forward), staticmethod(conv2d_transpose_backward)


class Conv2DTranspose(Sliding):
    """A layer of F filters that each pixel of images (N, H, W, C) lays down on a larger image.

    Args:
        filters: F, the number of output channels.
        kernel_size: (KH, KW), or one number for both.
        strides: how far apart neighbouring pixels lay down their windows, down and across.
        padding: "valid" (windows are kept whole) or "same" (images become exactly `strides` times as large).
        output_padding: how much longer the output is than the least that fits, less than `strides`; None for
            the sizes above.
        data_format: "channels_last", the layout of all layers here.
        dilation_rate: distance of neighbouring kernel cells; > 1 excludes strides > 1.
        activation: name or function applied to the result.
        use_bias: whether b is added.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, kernel_constraint,
        bias_constraint: as in Dense.
        activity_regularizer: penalty on the output.

    Weights: kernel (KH, KW, F, C), bias (F,): (KH·KW·C + 1)·F numbers.

    >>> layer = Conv2DTranspose(16, 3, strides=2, padding="same")
    >>> layer(np.zeros((1, 7, 7, 4))).shape, layer.count_params(), layer.parameter_formula()
    ((1, 14, 14, 16), 592, '(3·3·4 + 1)·16')
    """

    axes = IMAGE_AXES

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = (1, 1),
        padding: str = "valid",
        output_padding: int | Sequence[int] | None = None,
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = (1, 1),
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = whole_number("Conv2DTranspose", "filters", filters, 1)
        self._keep_window(locals())
        keep_weight_arguments(self, locals(), "kernel", "bias")
        self.output_padding = (
            None if output_padding is None else size_tuple(self, "output_padding", output_padding, 2, least=0)
        )
        if any(p >= s for p, s in zip(self.output_padding or (), self.strides, strict=False)):
            raise ValueError(
                say(
                    f"{self} expects output_padding less than strides, got {self.output_padding} and strides "
                    f"{self.strides}. More cells than that no convolution of these strides would have skipped."
                )
            )

    def build(self, input_shape: Shape) -> None:
        channels = self._channels_in(input_shape)
        self.kernel = self._make("kernel", (*self.kernel_size, self.filters, channels))
        self.bias = self._make("bias", (self.filters,)) if self.use_bias else None

    def call(self, inputs: Tensor) -> Tensor:
        _, *lengths, _ = self.compute_output_shape(inputs.shape)  # raises where nothing is left
        windows = zip(
            inputs.shape[1:3], lengths, self.kernel_size, self.strides, self.dilation_rate, strict=True
        )
        y = Conv2DTransposeFunction.apply(
            inputs,
            self.kernel,
            self.bias,
            lengths=tuple(lengths),
            strides=self.strides,
            padding=tuple(transposed_border(*window) for window in windows),  # type: ignore[arg-type]
            dilation=self.dilation_rate,
        )
        return self.activation(y)

    def _axes(self, input_shape: Shape) -> list[tuple[int | None, int, int, str, int, int | None]]:
        """For each spatial axis the arguments of `transposed_length`."""
        extra = self.output_padding or (None, None)
        axes = zip(input_shape[1:3], self.kernel_size, self.strides, self.dilation_rate, extra, strict=True)
        return [(n, k, s, self.padding, r, p) for n, k, s, r, p in axes]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        lengths = [
            None if n is None else transposed_length(n, k, s, padding, r, extra)
            for n, k, s, padding, r, extra in self._axes(input_shape)
        ]
        if any(length is not None and length < 1 for length in lengths):
            raise ValueError(
                say(
                    f"{self} cuts its input of {input_shape[1:3]} (shape {input_shape}) down to nothing, with "
                    f"padding='same' and output_padding {self.output_padding}. Use output_padding=None."
                )
            )
        return (input_shape[0], *lengths, self.filters)

    def shape_formulas(self) -> list[str]:
        lines = []
        for n, k, s, padding, r, extra in self._axes(self._sizes):
            if n is None:
                continue
            length, reach = transposed_length(n, k, s, padding, r, extra), (k - 1) * r + 1
            span = str(k) if r == 1 else f"(({k} − 1)·{r} + 1)"
            if extra is None and padding == "same":
                lines.append(f"{n}·{s} = {length}")
            elif extra is None:
                lines.append(f"({n} − 1)·{s} + {span if reach >= s else s} = {length}")
            else:
                cut = "" if padding == "valid" else f" − 2·⌊{span}/2⌋"
                lines.append(f"({n} − 1)·{s} + {span}{cut} + {extra} = {length}")
        return list(dict.fromkeys(lines))

    @property
    def parameter_words(self) -> str:
        """`parameter_formula` in words, for the key below `summary(explain=True)`."""
        window = "window height·width·channels"
        return f"({window} + 1 bias)·filters" if self.use_bias else f"{window}·filters"

    def parameter_formula(self) -> str:
        kh, kw, filters, channels = self.kernel.shape
        window = f"{kh}·{kw}·{channels}"
        return f"({window} + 1)·{filters}" if self.use_bias else f"{window}·{filters}"
