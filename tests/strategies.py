"""What hypothesis draws: images, windows that fit on them, and for every layer class a way to make one.

`LAYERS` must have an entry for each class that `minidl.layers` exports. An entry draws the constructor's
arguments and the shape of one sample that such a layer takes.
"""

import math
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from minidl import layers

ACTIVATIONS = st.sampled_from([None, "linear", "relu", "tanh", "sigmoid", "gelu", "softplus", "leaky_relu"])
PADDINGS = st.sampled_from(["valid", "same"])
SMALL = st.integers(1, 4)
seeds = st.integers(0, 2**32 - 1)


def normal(seed, *shapes, dtype=np.float64):
    """Arrays of standard normal numbers."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


class Window(NamedTuple):
    """A window on an image, as the options of an op, and the image's height and width."""

    sizes: tuple[int, int]
    window: tuple[int, int]
    strides: tuple[int, int]
    padding: str
    dilation: tuple[int, int]


@st.composite
def windows(draw, dilated=True, both=True, largest=4):
    """A Window; with dilation where `dilated`, together with strides only where `both`."""
    padding = draw(PADDINGS)
    strides = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    may_dilate = dilated and (both or strides == (1, 1))
    dilation = draw(st.tuples(st.integers(1, 3), st.integers(1, 3))) if may_dilate else (1, 1)
    window = draw(st.tuples(st.integers(1, largest), st.integers(1, largest)))
    least = [(k - 1) * r + 1 if padding == "valid" else 1 for k, r in zip(window, dilation, strict=True)]
    sizes = tuple(draw(st.integers(n, max(n, 6))) for n in least)
    return Window(sizes, window, strides, padding, dilation)


class Inner(NamedTuple):
    """A layer that another one takes as its argument; `made` makes a new one each time."""

    name: str
    arguments: dict

    def made(self, library, **more):
        return getattr(library, self.name)(**self.arguments, **more)


class Case(NamedTuple):
    """A layer to be, and the shape of one sample for it."""

    arguments: dict
    sample: tuple[int, ...]

    @property
    def ids(self):
        """How many ids the layer knows, if those are what it takes."""
        return self.arguments.get("input_dim")

    def inputs(self, seed, n, dtype=np.float64):
        """A batch of `n` samples; whole numbers as floats too, which such a layer takes."""
        if self.ids is None:
            return normal(seed, (n, *self.sample), dtype=dtype)[0]
        return np.random.default_rng(seed).integers(0, self.ids, (n, *self.sample)).astype(dtype)

    def made(self, cls, library=layers, **more):
        """The layer, of minidl or of another library."""
        inner = {"dtype": more["dtype"]} if "dtype" in more else {}
        given = {
            n: v.made(library, **inner) if isinstance(v, Inner) else v for n, v in self.arguments.items()
        }
        return cls(**given, **more)


samples = st.lists(SMALL, min_size=1, max_size=3).map(tuple)
images = st.tuples(st.integers(1, 5), st.integers(1, 5), SMALL)


def _cases(sample=samples, **arguments):
    return st.builds(Case, st.fixed_dictionaries(arguments), sample)


@st.composite
def _conv2d(draw):
    sizes, window, strides, padding, dilation = draw(windows(both=False, largest=3))
    groups = draw(st.integers(1, 2))
    arguments = {
        "filters": groups * draw(st.integers(1, 3)),
        "kernel_size": draw(st.sampled_from([window, list(window)])),
        "strides": strides,
        "padding": padding,
        "dilation_rate": dilation,
        "groups": groups,
        "activation": draw(ACTIVATIONS),
        "use_bias": draw(st.booleans()),
        "kernel_regularizer": draw(st.sampled_from([None, "l2"])),
    }
    return Case(arguments, (*sizes, groups * draw(st.integers(1, 2))))


@st.composite
def _conv1d(draw):
    case = draw(_conv2d())
    names = ("kernel_size", "strides", "dilation_rate")
    arguments = {n: v[0] if n in names else v for n, v in case.arguments.items()}
    if draw(st.booleans()):
        arguments["padding"] = "causal"
    return Case(arguments, (case.sample[0], case.sample[2]))


@st.composite
def _depthwise(draw):
    case = draw(_conv2d())
    names = ("padding", "dilation_rate", "activation", "use_bias", "kernel_size")
    arguments = {
        **{n: case.arguments[n] for n in names},
        "strides": case.arguments["strides"][0],
        "depth_multiplier": draw(st.integers(1, 3)),
        "depthwise_regularizer": draw(st.sampled_from([None, "l2"])),
    }
    if arguments["strides"] > 1:
        del arguments["dilation_rate"]
    return Case(arguments, case.sample)


@st.composite
def _separable_conv2d(draw):
    case = draw(_depthwise())
    more = {"filters": draw(SMALL), "pointwise_regularizer": draw(st.sampled_from([None, "l1"]))}
    return Case({**case.arguments, **more}, case.sample)


@st.composite
def _separable_conv1d(draw):
    case = draw(_separable_conv2d())
    names = ("kernel_size", "dilation_rate")
    arguments = {n: v[0] if n in names else v for n, v in case.arguments.items()}
    return Case(arguments, (case.sample[0], case.sample[2]))


@st.composite
def _conv2d_transpose(draw):
    case = draw(_conv2d())
    arguments = {n: v for n, v in case.arguments.items() if n != "groups"}
    extra = tuple(draw(st.integers(0, s - 1)) for s in arguments["strides"])
    fits = [
        padding == "valid" or (n - 1) * s + ((k - 1) * r + 1) % 2 + p >= 1
        for padding, n, s, k, r, p in zip(
            [arguments["padding"]] * 2,
            case.sample,
            arguments["strides"],
            arguments["kernel_size"],
            arguments["dilation_rate"],
            extra,
            strict=False,
        )
    ]
    arguments["output_padding"] = draw(st.sampled_from([None, extra])) if all(fits) else None
    return Case(arguments, case.sample)


@st.composite
def _pooling1d(draw):
    case = draw(_pooling2d())
    names = ("pool_size", "strides")
    arguments = {n: v[0] if n in names else v for n, v in case.arguments.items()}
    return Case(arguments, (case.sample[0], case.sample[2]))


@st.composite
def _layer_normalization(draw):
    sample = draw(samples)
    axes = [a for a in range(-len(sample), len(sample) + 1) if a]
    several = list(range(1, len(sample) + 1))
    arguments = {
        "axis": draw(st.one_of(st.sampled_from(axes), st.sampled_from([several[:2], several[-2:], several]))),
        "epsilon": draw(st.sampled_from([1e-5, 1e-3, 0.1])),
        "center": draw(st.booleans()),
        "scale": draw(st.booleans()),
        "gamma_initializer": draw(st.sampled_from(["ones", "random_normal"])),
    }
    return Case(arguments, sample)


@st.composite
def _pooling2d(draw):
    sizes, window, strides, padding, _ = draw(windows(dilated=False))
    arguments = {"pool_size": window, "strides": strides, "padding": padding}
    if draw(st.booleans()):
        del arguments["strides"]
    return Case(arguments, (*sizes, draw(SMALL)))


@st.composite
def _reshape(draw):
    target = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    sample = draw(st.permutations(target))
    if draw(st.booleans()):
        sample = [math.prod(target)]
    if draw(st.booleans()):
        target[draw(st.integers(0, len(target) - 1))] = -1
    return Case({"target_shape": tuple(target)}, tuple(sample))


@st.composite
def _dropout(draw):
    sample = draw(samples)
    noise = draw(st.one_of(st.none(), st.tuples(*(st.sampled_from([1, None, n]) for n in sample))))
    arguments = {
        "rate": draw(st.floats(0, 0.99)),
        "noise_shape": noise and (None, *noise),
        "seed": draw(st.one_of(st.none(), st.integers(0, 9))),
    }
    return Case(arguments, sample)


@st.composite
def _batch_normalization(draw):
    sample = draw(samples)
    arguments = {
        "axis": draw(st.sampled_from([a for a in range(-len(sample), len(sample) + 1) if a])),
        "momentum": draw(st.sampled_from([0.0, 0.5, 0.99])),
        "epsilon": draw(st.sampled_from([1e-5, 1e-3, 0.1])),
        "center": draw(st.booleans()),
        "scale": draw(st.booleans()),
        "gamma_initializer": draw(st.sampled_from(["ones", "random_normal"])),
    }
    return Case(arguments, sample)


def _recurrent(gated, **more):
    """Arguments of a recurrent layer, with gates or without."""
    return st.fixed_dictionaries({
        "units": SMALL,
        "activation": st.sampled_from(["tanh", "tanh", "relu", "softsign", "gelu", None]),
        **({"recurrent_activation": st.sampled_from(["sigmoid", "sigmoid", "hard_sigmoid"])} if gated else {}),
        "use_bias": st.booleans(),
        "bias_initializer": st.sampled_from(["zeros", "random_normal"]),
        "recurrent_regularizer": st.sampled_from([None, "l2"]),
        "return_sequences": st.booleans(),
        "go_backwards": st.booleans(),
        **more,
    })  # fmt: skip


sequences = st.tuples(st.integers(1, 5), SMALL)
_RECURRENT = {
    layers.SimpleRNN: _recurrent(False),
    layers.GRU: _recurrent(True, reset_after=st.booleans()),
    layers.LSTM: _recurrent(True, unit_forget_bias=st.booleans()),
}
_any_recurrent = st.sampled_from(list(_RECURRENT)).flatmap(
    lambda cls: st.builds(lambda a: Inner(cls.__name__, {**a, "go_backwards": False}), _RECURRENT[cls])
)
STEPS = {
    layers.SimpleRNNCell,
    layers.GRUCell,
    layers.LSTMCell,
    layers.StackedRNNCells,
}  # not layers by themselves
MERGES = {
    layers.Add, layers.Average, layers.Concatenate, layers.Dot, layers.Maximum, layers.Minimum, layers.Multiply,
    layers.Subtract,
}  # fmt: skip  # they take several inputs: tests/layers/merge
OTHERS = {layers.Lambda}  # no arguments that JSON could hold: tests/layers/core/test_lambda_layer.py


@st.composite
def _rnn(draw):
    cls = draw(st.sampled_from([layers.SimpleRNNCell, layers.GRUCell, layers.LSTMCell]))
    cell = Inner(cls.__name__, {"units": draw(SMALL), "activation": draw(st.sampled_from(["tanh", "gelu"]))})
    return Case(
        {"cell": cell, "return_sequences": draw(st.booleans()), "go_backwards": draw(st.booleans())},
        draw(sequences),
    )


@st.composite
def _time_distributed(draw):
    inner = draw(
        st.sampled_from([layers.Dense, layers.Conv2D, layers.BatchNormalization, layers.LSTM, layers.Flatten])
    )
    case = draw(LAYERS[inner])
    return Case({"layer": Inner(inner.__name__, case.arguments)}, (draw(st.integers(1, 3)), *case.sample))


@st.composite
def _embedding(draw):
    arguments = {
        "input_dim": draw(st.integers(1, 6)),
        "output_dim": draw(SMALL),
        "embeddings_initializer": draw(st.sampled_from(["uniform", "random_normal"])),
        "embeddings_regularizer": draw(st.sampled_from([None, "l2"])),
        "mask_zero": draw(st.booleans()),
    }
    return Case(arguments, draw(samples))


@st.composite
def _permute(draw):
    sample = draw(samples)
    return Case({"dims": tuple(draw(st.permutations(range(1, len(sample) + 1))))}, sample)


@st.composite
def _prelu(draw):
    sample = draw(samples)
    axes = st.lists(st.integers(1, len(sample)), unique=True, min_size=1, max_size=len(sample))
    arguments = {
        "alpha_initializer": draw(st.sampled_from(["zeros", "random_normal"])),
        "alpha_regularizer": draw(st.sampled_from([None, "l2"])),
        "shared_axes": draw(st.one_of(st.none(), axes)),
    }
    return Case(arguments, sample)


@st.composite
def _rescaling(draw):
    sample = draw(samples)
    numbers = st.sampled_from([-1.5, 0.25, 1.0, 3.0])
    several = st.lists(numbers, min_size=sample[-1], max_size=sample[-1])
    return Case(
        {"scale": draw(st.one_of(numbers, several)), "offset": draw(st.one_of(numbers, several))}, sample
    )


LAYERS = {
    **{cls: st.builds(Case, arguments, sequences) for cls, arguments in _RECURRENT.items()},
    layers.RNN: _rnn(),
    layers.Bidirectional: _cases(
        sequences, layer=_any_recurrent, merge_mode=st.sampled_from(["concat", "sum", "ave", "mul"])
    ),
    layers.TimeDistributed: _time_distributed(),
    layers.Activation: _cases(activation=ACTIVATIONS),
    layers.ActivityRegularization: _cases(l1=st.sampled_from([0.0, 0.5]), l2=st.sampled_from([0.0, 0.25])),
    layers.AveragePooling1D: _pooling1d(),
    layers.AveragePooling2D: _pooling2d(),
    layers.BatchNormalization: _batch_normalization(),
    layers.Conv1D: _conv1d(),
    layers.Conv2D: _conv2d(),
    layers.Conv2DTranspose: _conv2d_transpose(),
    layers.Cropping1D: st.builds(
        lambda cropping, left, channels: Case({"cropping": cropping}, (sum(cropping) + left, channels)),
        st.tuples(st.integers(0, 2), st.integers(0, 2)),
        SMALL,
        SMALL,
    ),
    layers.Cropping2D: st.builds(
        lambda sides, left, channels: Case(
            {"cropping": sides}, (sum(sides[0]) + left[0], sum(sides[1]) + left[1], channels)
        ),
        st.tuples(*[st.tuples(st.integers(0, 2), st.integers(0, 2))] * 2),
        st.tuples(SMALL, SMALL),
        SMALL,
    ),
    layers.Dense: _cases(
        units=SMALL,
        activation=ACTIVATIONS,
        use_bias=st.booleans(),
        kernel_initializer=st.sampled_from(["glorot_uniform", "he_normal", "orthogonal"]),
        bias_initializer=st.sampled_from(["zeros", "ones"]),
        bias_regularizer=st.sampled_from([None, "l1"]),
        kernel_constraint=st.sampled_from([None, "non_neg"]),
    ),
    layers.DepthwiseConv2D: _depthwise(),
    layers.Dropout: _dropout(),
    layers.ELU: _cases(alpha=st.floats(0, 2)),
    layers.Embedding: _embedding(),
    layers.Flatten: _cases(),
    layers.GaussianNoise: _cases(stddev=st.floats(0, 1), seed=st.sampled_from([None, 3])),
    layers.GlobalAveragePooling1D: _cases(sequences, keepdims=st.booleans()),
    layers.GlobalAveragePooling2D: _cases(images, keepdims=st.booleans()),
    layers.GlobalMaxPooling1D: _cases(sequences, keepdims=st.booleans()),
    layers.GlobalMaxPooling2D: _cases(images, keepdims=st.booleans()),
    layers.Identity: _cases(),
    layers.InputLayer: samples.map(lambda sample: Case({"shape": sample}, sample)),
    layers.LeakyReLU: _cases(negative_slope=st.floats(0, 2)),
    layers.Masking: _cases(mask_value=st.sampled_from([0.0, -1.0])),
    layers.LayerNormalization: _layer_normalization(),
    layers.MaxPooling1D: _pooling1d(),
    layers.MaxPooling2D: _pooling2d(),
    layers.Permute: _permute(),
    layers.PReLU: _prelu(),
    layers.ReLU: _cases(
        max_value=st.sampled_from([None, 1.5]),
        negative_slope=st.sampled_from([0.0, 0.25]),
        threshold=st.sampled_from([0.0, 0.5]),
    ),
    layers.RepeatVector: _cases(SMALL.map(lambda n: (n,)), n=SMALL),
    layers.Rescaling: _rescaling(),
    layers.Reshape: _reshape(),
    layers.SeparableConv1D: _separable_conv1d(),
    layers.SeparableConv2D: _separable_conv2d(),
    layers.Softmax: samples.flatmap(
        lambda s: st.sampled_from([a for a in range(-len(s), len(s) + 1) if a]).map(
            lambda axis: Case({"axis": axis}, s)
        )
    ).filter(lambda case: (2, *case.sample)[case.arguments["axis"]] > 1),
    layers.SpatialDropout1D: _cases(sequences, rate=st.floats(0, 0.99), seed=st.sampled_from([None, 3])),
    layers.SpatialDropout2D: _cases(images, rate=st.floats(0, 0.99), seed=st.sampled_from([None, 3])),
    layers.UpSampling1D: _cases(sequences, size=st.integers(1, 3)),
    layers.UpSampling2D: _cases(
        images,
        size=st.one_of(st.integers(1, 3), st.tuples(st.integers(1, 3), st.integers(1, 3))),
        interpolation=st.sampled_from(["nearest", "bilinear"]),
    ),
    layers.ZeroPadding1D: _cases(
        sequences, padding=st.one_of(st.integers(0, 2), st.tuples(st.integers(0, 2), st.integers(0, 2)))
    ),
    layers.ZeroPadding2D: _cases(
        images,
        padding=st.one_of(
            st.integers(0, 2),
            st.tuples(st.integers(0, 2), st.integers(0, 2)),
            st.tuples(*[st.tuples(st.integers(0, 2), st.integers(0, 2))] * 2),
        ),
    ),
}
