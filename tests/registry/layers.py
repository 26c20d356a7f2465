"""The layers, with inputs and weights: by their strategies in tests/strategies.py and tests/merge_cases.py."""

import warnings
from functools import partial
from typing import Any

import numpy as np
from hypothesis import strategies as st
from merge_cases import elementwise_inputs, joined_inputs, multiplied_inputs
from registry.entry import Entry, LayerExample
from strategies import LAYERS, MERGES, SMALL, normal, seeds

from minidl import layers, ops

SMOOTH = {None, "linear", "tanh", "sigmoid", "gelu", "softplus"}
RECURRENT = {layers.SimpleRNN, layers.GRU, layers.LSTM, layers.RNN, layers.Bidirectional}
# Samples see each other in training, or each draws noise of its own.
NOT_ALONE = {
    layers.BatchNormalization, layers.Dropout, layers.GaussianNoise, layers.SpatialDropout1D,
    layers.SpatialDropout2D, layers.TimeDistributed,
}  # fmt: skip
NOISY = NOT_ALONE - {layers.BatchNormalization, layers.TimeDistributed}
LINEAR = {
    layers.ActivityRegularization, layers.AveragePooling1D, layers.AveragePooling2D, layers.Cropping1D,
    layers.Cropping2D, layers.Dropout, layers.Flatten, layers.GaussianNoise, layers.GlobalAveragePooling1D,
    layers.GlobalAveragePooling2D, layers.Identity, layers.Permute, layers.RepeatVector, layers.Rescaling,
    layers.Reshape, layers.SpatialDropout1D, layers.SpatialDropout2D, layers.UpSampling1D, layers.UpSampling2D,
    layers.ZeroPadding1D, layers.ZeroPadding2D,
}  # fmt: skip
# With the weights held the layer is affine in its input, and the other way round.
AFFINE = {layers.Conv1D, layers.Conv2D, layers.Conv2DTranspose, layers.Dense, layers.DepthwiseConv2D}
SMOOTH_ALWAYS = (LINEAR - {layers.InputLayer}) | {
    layers.BatchNormalization, layers.LayerNormalization, layers.Softmax, layers.ELU,
}  # fmt: skip
# In inference, or with nothing to do, they pass their input on, or a view of it.
MAY_PASS_ON = LINEAR | {
    layers.Activation, layers.InputLayer, layers.Masking, layers.ReLU, layers.TimeDistributed, layers.Add, layers.Average,
    layers.Concatenate, layers.Multiply, layers.Maximum, layers.Minimum, layers.Lambda, layers.MaxPooling1D,
    layers.MaxPooling2D,
}  # fmt: skip


def made(case: Any, layer_class: Any, dtype: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as strides that leave cells out
        return case.made(layer_class, dtype=dtype)


def _with_weights(
    seed: int, make: Any, inputs: list[np.ndarray], training: bool, mask: Any = None, **about: Any
) -> LayerExample:
    """The example with the layer's weights beside its inputs, every one moved off its initial value."""
    example = LayerExample(
        _nothing,
        tuple(inputs),
        make=make,
        inputs=len(inputs),
        training=training,
        masked=mask is not None,
        **about,
    )
    weights = example.layer("float64").trainable_weights
    rng = np.random.default_rng(seed)
    example.arrays += tuple(v.data + 0.3 * rng.standard_normal(v.shape) for v in weights)
    masks = () if mask is None else (mask,)
    example.arrays += masks
    if about.get("batch"):
        example.batch = (0,) * len(inputs) + (None,) * len(weights) + (0,) * len(masks)
    return example


def _nothing(*tensors: Any) -> None:
    """A layer is called as a layer, and not as a function."""


@st.composite
def _layers(draw: Any, layer_class: Any) -> LayerExample:
    case = draw(LAYERS[layer_class])
    seed, training = draw(seeds), draw(st.booleans())
    x = case.inputs(seed, 2 if layer_class in NOT_ALONE else draw(st.integers(1, 2)))
    if case.ids is not None:
        x = x.astype(int)
    activation = case.arguments.get("activation")
    mask = None
    if layer_class in RECURRENT | {layers.GlobalAveragePooling1D} and draw(st.integers(0, 3)) == 0:
        mask = np.random.default_rng(seed).random(x.shape[:2]) > 0.4
    example = _with_weights(
        seed,
        partial(made, case, layer_class),
        [x],
        training,
        mask,
        batch=None if training and layer_class in NOT_ALONE else (0,),
        linear=((0,),) if layer_class in LINEAR else (),
        analytic=layer_class in SMOOTH_ALWAYS - (NOT_ALONE - LINEAR if training else set())
        or (layer_class in AFFINE and activation in SMOOTH),
        repeats=not (training and layer_class in NOISY),
        views=layer_class in MAY_PASS_ON,
        text=f"{layer_class.__name__}({case.arguments}), training={training}, mask={mask is not None},",
    )
    if layer_class in AFFINE and activation in (None, "linear"):
        example.linear = ((0,), tuple(range(1, len(example.arrays))))
    if case.ids is not None:
        example.linear = ((1,),)
    return example


@st.composite
def _merges(draw: Any, layer_class: Any) -> LayerExample:
    seed, arguments = draw(seeds), {}
    if layer_class is layers.Concatenate:
        arguments["axis"], shapes = draw(joined_inputs().filter(lambda case: len(case[1]) > 1))
    elif layer_class is layers.Dot:
        arguments["axes"], shapes = draw(multiplied_inputs())
        arguments["normalize"] = draw(st.booleans())
        if arguments["normalize"]:  # of one number alone only the sign is left, which has no slope
            shapes = [tuple(max(n, 2) if n == 1 else n for n in s) for s in shapes]
    else:
        _, shapes, _ = draw(elementwise_inputs())
        shapes = shapes[:2] if layer_class is layers.Subtract else shapes
        shapes = shapes * 2 if len(shapes) == 1 else shapes
    everything = tuple(range(len(shapes)))
    linear = {layers.Add: (everything,), layers.Subtract: (everything,), layers.Average: (everything,)}
    linear |= {layers.Concatenate: (everything,), layers.Multiply: tuple((i,) for i in everything)}
    if not arguments.get("normalize"):
        linear[layers.Dot] = ((0,), (1,))
    return _with_weights(
        seed,
        lambda dtype: layer_class(**arguments, dtype=dtype),
        normal(seed, *((2, *s) for s in shapes)),
        False,
        batch=(0,),
        linear=linear.get(layer_class, ()),
        analytic=layer_class not in (layers.Maximum, layers.Minimum, layers.Dot),
        views=layer_class in MAY_PASS_ON,
        text=f"{layer_class.__name__}({arguments})",
    )


_curves = st.sampled_from(["tanh", "relu", "softsign", "gelu"])
CELLS = {layers.SimpleRNNCell: 1, layers.GRUCell: 1, layers.LSTMCell: 2}


@st.composite
def _cells(draw: Any, cell_class: Any) -> LayerExample:
    """A cell by itself: an input and states, to the output and the states after it."""
    seed, n, features, units = draw(seeds), draw(st.integers(1, 2)), draw(SMALL), draw(SMALL)
    if cell_class is layers.StackedRNNCells:
        kinds = draw(st.lists(st.sampled_from(list(CELLS)), min_size=1, max_size=2))
        activation, count = draw(_curves), sum(CELLS[c] for c in kinds)

        def cell(dtype: str) -> Any:
            inner = [c(units, activation=activation, dtype=dtype) for c in kinds]
            return layers.StackedRNNCells(inner, dtype=dtype)
    else:
        arguments: dict[str, Any] = {"activation": draw(_curves), "use_bias": draw(st.booleans())}
        if cell_class is layers.GRUCell:
            arguments["reset_after"] = draw(st.booleans())
        count = CELLS[cell_class]

        def cell(dtype: str) -> Any:
            return cell_class(units, **arguments, dtype=dtype)

    def make(dtype: str) -> Any:
        return _OneStep(cell(dtype), dtype)

    inputs = normal(seed, (n, features), *[(n, units)] * count)
    return _with_weights(seed, make, inputs, False, batch=(0,), text=f"{cell_class.__name__}, {units} units")


class _OneStep(layers.Layer):
    """One step of a cell as a layer of several inputs and outputs."""

    def __init__(self, cell: Any, dtype: str):
        super().__init__(dtype=dtype)
        self.cell = cell

    def build(self, input_shape: Any) -> None:
        self.cell.build(input_shape[0])

    def call(self, inputs: Any, training: bool = False) -> Any:
        y, states = self.cell(inputs[0], list(inputs[1:]), training=training)
        return [y * 1.0, *states]


def _gated(x: Any) -> Any:
    return ops.tanh(x) * ops.square(x)


@st.composite
def _lambdas(draw: Any) -> LayerExample:
    seed, shape = draw(seeds), draw(st.lists(SMALL, min_size=1, max_size=3).map(tuple))
    function = draw(st.sampled_from([_gated, ops.sin, ops.exp]))
    return _with_weights(
        seed,
        lambda dtype: layers.Lambda(function, dtype=dtype),
        normal(seed, (2, *shape)),
        draw(st.booleans()),
        batch=(0,),
        analytic=True,
        views=True,
        text=f"Lambda({function.__name__})",
    )


@st.composite
def _with_states(draw: Any, layer_class: Any) -> LayerExample:
    """A recurrent layer that gives its states out as well."""
    seed, n, features = draw(seeds), draw(st.integers(1, 2)), draw(SMALL)
    arguments = {"units": draw(SMALL), "return_sequences": draw(st.booleans()), "return_state": True}
    return _with_weights(
        seed,
        lambda dtype: layer_class(**arguments, dtype=dtype),
        normal(seed, (n, draw(st.integers(1, 4)), features)),
        False,
        batch=(0,),
        views=True,  # without return_sequences the output is the last state
        text=f"{layer_class.__name__}({arguments})",
    )


ENTRIES = [
    *(Entry(f"layer: {cls.__name__}", cls, _layers(cls), kernel=True) for cls in LAYERS),
    *(Entry(f"layer: {cls.__name__}", cls, _merges(cls)) for cls in sorted(MERGES, key=lambda c: c.__name__)),
    *(Entry(f"layer: {cls.__name__}", cls, _cells(cls)) for cls in (*CELLS, layers.StackedRNNCells)),
    Entry("layer: Lambda", layers.Lambda, _lambdas()),
    *(
        Entry(f"layer: {cls.__name__} with states", cls, _with_states(cls), kernel=True)
        for cls in (layers.SimpleRNN, layers.GRU, layers.LSTM)
    ),
]
