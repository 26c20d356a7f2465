"""What convolutions over series and over images share: everything but their maths.

The constructor, the weights, the shapes and the choice of the op do not depend on how many axes a kernel slides
along. `Conv1D` and `Conv2D` say how many by the names of their axes, and bring an op each. `Sliding` is the part
that their relatives need as well (DepthwiseConv2D, SeparableConv1D, Conv2DTranspose ...): the window itself.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, ClassVar

from minidl import activations
from minidl.activations.rectifiers import ReLU
from minidl.backend import Array
from minidl.layers.arguments import keep_weight_arguments
from minidl.layers.base import Layer
from minidl.layers.checks import InputSpec, channels_last, choice, flag, last_size, size_tuple
from minidl.layers.convolutional.windows import borders, fitting_windows, window_formulas
from minidl.messages import say
from minidl.symbolic import Shape
from minidl.tensor import Function, Tensor
from minidl.utils.checks import chosen, whole_number

__all__ = ["Convolution", "Sliding", "cells", "rectified"]


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


class Sliding(Layer):
    """A layer with a window that slides along all axes of its input but batch and channels."""

    axes: ClassVar[tuple[str, ...]]  # names of the input's
    paddings: ClassVar[tuple[str, ...]] = ("valid", "same")
    repeats = True

    def _keep_window(self, arguments: Mapping[str, Any]) -> None:
        """Check and keep what all windows have in common; `arguments` are the constructor's `locals()`."""
        rank = len(self.axes) - 2
        self.kernel_size = size_tuple(self, "kernel_size", arguments["kernel_size"], rank)
        self.strides = size_tuple(self, "strides", arguments["strides"], rank)
        self.padding = choice(self, "padding", arguments["padding"], *self.paddings)
        self.data_format = channels_last(self, arguments["data_format"])
        self.dilation_rate = size_tuple(self, "dilation_rate", arguments["dilation_rate"], rank)
        self.activation = chosen(type(self).__name__, "activation", activations.get, arguments["activation"])
        self.use_bias = flag(self, "use_bias", arguments["use_bias"])
        self.input_spec = InputSpec(self.axes)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                say(
                    f"{self} expects strides 1 where dilation_rate > 1, "
                    f"got strides {self.strides} and dilation_rate {self.dilation_rate}."
                )
            )

    def _refuse_unequal_strides(self, instead: str) -> None:
        """Raise ValueError for strides that differ; `instead` is the layer to use then."""
        if len(set(self.strides)) > 1:
            raise ValueError(
                say(
                    f"{self} expects equal strides down and across, got {self.strides}. Use {instead}, which takes "
                    "unequal ones."
                )
            )

    def _channels_in(self, input_shape: Shape) -> int:
        """The number of channels to build for, once it is sure that the window fits."""
        self.compute_output_shape(input_shape)  # raises where it does not
        channels = last_size(self, input_shape, "channels")
        self.input_spec = InputSpec(self.axes, sizes={-1: channels})
        return channels

    def _channels_out(self, channels: int | None) -> int | None:
        """How many channels come out where `channels` go in."""
        raise NotImplementedError

    def _window(self, inputs: Tensor) -> dict[str, Any]:
        """The window as the options of an op."""
        self.compute_output_shape(inputs.shape)  # raises where the window does not fit
        padding = borders(
            inputs.shape[1:-1], self.kernel_size, self.strides, self.padding, self.dilation_rate
        )
        return {"strides": self.strides, "padding": padding, "dilation": self.dilation_rate}

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        sizes = fitting_windows(
            self, input_shape, self.kernel_size, self.strides, self.padding, self.dilation_rate
        )
        return (input_shape[0], *sizes, self._channels_out(input_shape[-1]))

    def shape_formulas(self) -> list[str]:
        return window_formulas(
            self._sizes[1:-1], self.kernel_size, self.strides, self.padding, self.dilation_rate
        )


class Convolution(Sliding):
    """The base of Conv1D and Conv2D; see there for the arguments."""

    function: ClassVar[type[Function]]
    rectified_function: ClassVar[type[Function]]  # the same with ReLU behind it

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
        kind = type(self).__name__
        self.filters = whole_number(kind, "filters", filters, 1)
        self.groups = whole_number(kind, "groups", groups, 1)
        self._keep_window(locals())
        keep_weight_arguments(self, locals(), "kernel", "bias")
        if self.filters % self.groups:
            raise ValueError(
                say(f"{self} expects filters divisible by groups, got {self.filters} and {self.groups}.")
            )

    def build(self, input_shape: Shape) -> None:
        channels = self._channels_in(input_shape)
        if channels % self.groups:
            raise ValueError(
                say(
                    f"{self} expects a number of channels that {self.groups} groups divide, got shape {input_shape}."
                )
            )
        self.kernel = self._make("kernel", (*self.kernel_size, channels // self.groups, self.filters))
        self.bias = self._make("bias", (self.filters,)) if self.use_bias else None

    def call(self, inputs: Tensor) -> Tensor:
        options = {**self._window(inputs), "groups": self.groups}
        if self.activation is activations.relu:
            return self.rectified_function.apply(inputs, self.kernel, self.bias, **options)
        return self.activation(self.function.apply(inputs, self.kernel, self.bias, **options))

    def _channels_out(self, channels: int | None) -> int:
        return self.filters

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
