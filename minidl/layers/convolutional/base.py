"""What convolutions over series and over images share: everything but their maths.

The constructor, the weights, the shapes and the choice of the op do not depend on how many axes a kernel slides
along. `Conv1D` and `Conv2D` say how many by the names of their axes, and bring an op each.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any, ClassVar

from minidl import activations
from minidl.activations.rectifiers import ReLU
from minidl.backend import Array
from minidl.layers.arguments import keep_weight_arguments
from minidl.layers.base import Layer
from minidl.layers.checks import InputSpec, channels_last, choice, flag, last_size, size_tuple
from minidl.layers.convolutional.windows import borders, fitting_windows, window_formulas
from minidl.symbolic import Shape
from minidl.tensor import Function, Tensor
from minidl.utils.checks import whole_number

__all__ = ["Convolution", "cells", "rectified"]


def cells(w: Array, groups: int) -> Iterator[tuple[tuple[int, ...], slice, slice]]:
    """Each cell of a kernel (K..., C/G, F) with each group: the cell, the group's channels in, the group's filters."""
    c, f = w.shape[-2], w.shape[-1] // groups
    for cell in product(*map(range, w.shape[:-2])):
        for g in range(groups):
            yield cell, slice(g * c, (g + 1) * c), slice(g * f, (g + 1) * f)


def rectified(convolution: type[Function]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The pair of max(0, convolution): one op, so that a kernel need not write the convolution's output twice."""

    def forward(x: Array, w: Array, b: Array | None, **options: Any) -> tuple[Array, Any]:
        z, convolved = convolution.forward(x, w, b, **options)
        y, positive = ReLU.forward(z)
        return y, (convolved, positive)

    def backward(
        dy: Array, cache: Any, needs: tuple[bool, ...] = (True, True, True)
    ) -> tuple[Array | None, Array, Array | None]:
        convolved, positive = cache
        (dz,) = ReLU.backward(dy, positive)
        return convolution.backward(dz, convolved, needs)

    return forward, backward


class Convolution(Layer):
    """The base of Conv1D and Conv2D; see there for the arguments."""

    axes: ClassVar[tuple[str, ...]]  # names of the input's
    paddings: ClassVar[tuple[str, ...]] = ("valid", "same")
    function: ClassVar[type[Function]]
    rectified_function: ClassVar[type[Function]]  # the same with ReLU behind it
    repeats = True

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        groups: int = 1,
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
        kind, rank = type(self).__name__, len(self.axes) - 2
        self.filters = whole_number(kind, "filters", filters, 1)
        self.kernel_size = size_tuple(self, "kernel_size", kernel_size, rank)
        self.strides = size_tuple(self, "strides", strides, rank)
        self.padding = choice(self, "padding", padding, *self.paddings)
        self.data_format = channels_last(self, data_format)
        self.dilation_rate = size_tuple(self, "dilation_rate", dilation_rate, rank)
        self.groups = whole_number(kind, "groups", groups, 1)
        self.activation = activations.get(activation)
        self.use_bias = flag(self, "use_bias", use_bias)
        keep_weight_arguments(self, locals(), "kernel", "bias")
        self.input_spec = InputSpec(self.axes)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"{self} expects strides 1 where dilation_rate > 1, "
                f"got strides {self.strides} and dilation_rate {self.dilation_rate}."
            )
        if self.filters % self.groups:
            raise ValueError(
                f"{self} expects filters divisible by groups, got {self.filters} and {self.groups}."
            )

    def build(self, input_shape: Shape) -> None:
        self.compute_output_shape(input_shape)  # raises where the kernel does not fit
        channels = last_size(self, input_shape, "channels")
        if channels % self.groups:
            raise ValueError(
                f"{self} expects a number of channels that {self.groups} groups divide, got shape {input_shape}."
            )
        self.kernel = self._make("kernel", (*self.kernel_size, channels // self.groups, self.filters))
        self.bias = self._make("bias", (self.filters,)) if self.use_bias else None
        self.input_spec = InputSpec(self.axes, sizes={-1: channels})

    def call(self, inputs: Tensor) -> Tensor:
        self.compute_output_shape(inputs.shape)  # raises where the kernel does not fit
        options = {
            "strides": self.strides,
            "padding": borders(
                inputs.shape[1:-1], self.kernel_size, self.strides, self.padding, self.dilation_rate
            ),
            "dilation": self.dilation_rate,
            "groups": self.groups,
        }
        if self.activation is activations.relu:
            return self.rectified_function.apply(inputs, self.kernel, self.bias, **options)
        return self.activation(self.function.apply(inputs, self.kernel, self.bias, **options))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        sizes = fitting_windows(
            self, input_shape, self.kernel_size, self.strides, self.padding, self.dilation_rate
        )
        return (input_shape[0], *sizes, self.filters)

    @property
    def parameter_words(self) -> str:
        """`parameter_formula` in words, for the key below `summary(explain=True)`."""
        window = "·".join(("window",) if len(self.kernel_size) == 1 else ("window height", "width"))
        channels = "channels" if self.groups == 1 else "channels of a group"
        return f"({window}·{channels} + 1 bias)·filters" if self.use_bias else f"{window}·{channels}·filters"

    def parameter_formula(self) -> str:
        *seen, filters = self.kernel.shape
        cells_seen = "·".join(map(str, seen))
        return f"({cells_seen} + 1)·{filters}" if self.use_bias else f"{cells_seen}·{filters}"

    def shape_formulas(self) -> list[str]:
        return window_formulas(
            self._sizes[1:-1], self.kernel_size, self.strides, self.padding, self.dilation_rate
        )
