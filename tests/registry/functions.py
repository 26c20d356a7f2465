"""The ops that are a pair of functions on arrays, with all their options: convolutions, pools, recurrence, and so on.

The strategies are those that kernels are tried on (tests/kernel_cases.py), at small sizes; so are the names.
"""

from typing import Any

from hypothesis import strategies as st
from kernel_cases import FUNCTIONS, cases
from registry.entry import Entry, Example
from registry.sequences import KINDS, problems
from strategies import SMALL, normal, seeds, windows

from minidl.layers.convolutional.conv2d_transpose import (
    Conv2DTransposeFunction,
    transposed_border,
    transposed_length,
)
from minidl.layers.convolutional.depthwise_conv2d import DepthwiseFunction
from minidl.layers.convolutional.up_sampling2d import Bilinear
from minidl.layers.convolutional.windows import borders
from minidl.losses.regression import LogCoshFunction

RECURRENT = {"gru", "lstm", "simple_rnn"}
SMOOTH_CURVES = {"tanh", "sigmoid", "linear", None}
CONSTANT_TARGETS = {"softmax_cross_entropy", "sigmoid_cross_entropy"}
AFFINE = {"conv1d", "conv2d", "dense"}
NOT_ANALYTIC = {"conv1d_relu", "conv2d_max_pool", "conv2d_relu", "max_pool1d", "max_pool2d"}


@st.composite
def _of_kernel(draw: Any, name: str) -> Example:
    case = draw(cases(st.integers(1, 3))[name])
    function, arrays = FUNCTIONS[name], case.arrays
    batch: Any = (0, *(0 if "cross_entropy" in name else None for _ in arrays[1:]))
    if name in ("batch_normalization", "dropout") or (name == "softmax" and case.options["axis"] == 0):
        batch = None
    linear: tuple[tuple[int, ...], ...] = ()
    if name in AFFINE:
        linear = ((0,), tuple(i for i, a in enumerate(arrays) if i and a is not None))
    elif name.startswith("average_pool") or name == "dropout":
        linear = ((0,),)
    elif name == "embedding":
        linear = ((1,),)
    return Example(
        lambda *xs: function.apply(*(None if x is None else x for x in xs), **case.options),
        arrays,
        wanted=(0,) if name in CONSTANT_TARGETS else None,
        batch=batch,
        linear=linear,
        analytic=name not in NOT_ANALYTIC,
        text=f"{name} {case.options}",
    )


@st.composite
def _recurrent(draw: Any, kind: str) -> Example:
    (x, *states, w, u, b), options = draw(problems(kind))
    mask, factors = options.pop("mask"), options.pop("recurrent_factors")
    # Few samples and steps make a small Jacobian, and small weights do not explode where the gates have no bounds.
    x, states, w, u = x[:2, :3].copy(), [h[:2].copy() for h in states], 0.4 * w, 0.4 * u
    mask, factors = (
        None if mask is None else mask[:2, :3].copy(),
        None if factors is None else factors[:, :2].copy(),
    )
    n = 4 + len(states)

    def function(*tensors: Any) -> Any:
        mask, factors = (None if t is None else t.data for t in tensors[n:])
        return KINDS[kind][0].apply(*tensors[:n], mask=mask, recurrent_factors=factors, **options)

    curves = {options["activation"], options.get("recurrent_activation")}
    return Example(
        function,
        (x, *states, w, u, b, mask, factors),
        wanted=tuple(range(n)),
        batch=(0, *(0 for _ in states), None, None, None, 0, 1),
        analytic=curves <= SMOOTH_CURVES,
        text=f"{kind} {options}",
    )


@st.composite
def _depthwise(draw: Any) -> Example:
    image = draw(windows(largest=3))
    channels, times = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    shape = (draw(st.integers(1, 2)), *image.sizes, channels)
    x, w, b = normal(draw(seeds), shape, (*image.window, channels, times), (channels * times,))
    border = borders(image.sizes, image.window, image.strides, image.padding, image.dilation)
    options = {"strides": image.strides, "padding": border, "dilation": image.dilation}
    return Example(
        lambda *xs: DepthwiseFunction.apply(*xs, **options),
        (x, w, b if draw(st.booleans()) else None),
        batch=(0, None, None),
        linear=((0,), (1,)),
        analytic=True,
        text=f"depthwise {options}",
    )


@st.composite
def _conv2d_transpose(draw: Any) -> Example:
    image = draw(windows(both=False, largest=3))
    lengths = tuple(
        transposed_length(n, k, s, image.padding, r)
        for n, k, s, r in zip(image.sizes, image.window, image.strides, image.dilation, strict=True)
    )
    border = tuple(
        transposed_border(*sizes)
        for sizes in zip(image.sizes, lengths, image.window, image.strides, image.dilation, strict=True)
    )
    spans = [
        max((n - 1) * s + (k - 1) * r + 1, length)
        for n, s, k, r, length in zip(
            image.sizes, image.strides, image.window, image.dilation, lengths, strict=True
        )
    ]
    channels, filters = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    shape = (draw(st.integers(1, 2)), *image.sizes, channels)
    x, w, b = normal(draw(seeds), shape, (*image.window, filters, channels), (filters,))
    options = {"lengths": lengths, "strides": image.strides, "padding": border, "dilation": image.dilation}
    return Example(
        lambda *xs: Conv2DTransposeFunction.apply(*xs, **options),
        (x, w, b if draw(st.booleans()) else None),
        batch=(0, None, None),
        linear=((0,), (1,)),
        analytic=True,
        text=f"conv2d_transpose {options}, spans {spans}",
    )


@st.composite
def _bilinear(draw: Any) -> Example:
    size = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    (x,) = normal(draw(seeds), (draw(st.integers(1, 2)), draw(SMALL), draw(SMALL), draw(st.integers(1, 2))))
    return Example(
        lambda t: Bilinear.apply(t, size=size),
        (x,),
        batch=(0,),
        linear=((0,),),
        analytic=True,
        text=f"bilinear {size}",
    )


@st.composite
def _log_cosh(draw: Any) -> Example:
    (x,) = normal(draw(seeds), draw(st.lists(SMALL, max_size=3).map(tuple)))
    batch = (0,) if x.ndim else None
    return Example(LogCoshFunction.apply, (3 * x,), batch=batch, analytic=True, text="log cosh")


OTHERS = {
    Conv2DTransposeFunction: _conv2d_transpose(), DepthwiseFunction: _depthwise(), Bilinear: _bilinear(),
    LogCoshFunction: _log_cosh(),
}  # fmt: skip
ENTRIES = [
    *(
        Entry(
            f"op: {name}", function, _recurrent(name) if name in RECURRENT else _of_kernel(name), kernel=True
        )
        for name, function in sorted(FUNCTIONS.items())
    ),
    *(
        Entry(f"op: {function.__name__}", function, examples, kernel=function is Conv2DTransposeFunction)
        for function, examples in OTHERS.items()
    ),
]
