"""Arguments out of range are refused where the layer is made, in words that help; so are inputs that do not fit."""

import numpy as np
import pytest

from minidl import layers as L

WHOLE = [
    (0, ValueError),
    (-1, ValueError),
    (True, TypeError),
    (2.0, TypeError),
    ("3", TypeError),
    (None, TypeError),
]
SIZES = [*WHOLE[:-1], ((1, 2, 3), ValueError), ((1, 0), ValueError), ((1, "a"), TypeError), ((), ValueError)]
FLAGS = [("yes", TypeError), (2, TypeError), (None, TypeError), (0.5, TypeError), ([], TypeError)]
SHARE = [
    (-0.1, ValueError),
    (float("nan"), ValueError),
    (True, TypeError),
    ("0.5", TypeError),
    (None, TypeError),
]
FORMAT = [("channels_first", ValueError), ("nhwc", ValueError), (3, ValueError)]
PADDING = [("causal", ValueError), ("full", ValueError), (1, ValueError), (None, ValueError)]
NAMED = [("no such thing", ValueError), (3.5, TypeError)]
AXIS = [(1.0, TypeError), ("1", TypeError), (True, TypeError), (None, TypeError)]

ARGUMENTS = [
    (L.Dense, {"units": 3}, {
        "units": WHOLE, "use_bias": FLAGS, "activation": NAMED, "kernel_initializer": NAMED,
        "bias_initializer": NAMED, "kernel_regularizer": NAMED, "bias_regularizer": NAMED,
        "activity_regularizer": NAMED, "kernel_constraint": NAMED, "bias_constraint": NAMED,
    }),
    (L.Conv2D, {"filters": 3, "kernel_size": 3}, {
        "filters": WHOLE, "kernel_size": [*SIZES, (None, TypeError)], "strides": [*SIZES, (None, TypeError)],
        "dilation_rate": [*SIZES, (None, TypeError)], "groups": WHOLE, "padding": PADDING, "data_format": FORMAT,
        "use_bias": FLAGS, "activation": NAMED, "kernel_initializer": NAMED, "kernel_regularizer": NAMED,
    }),
    (L.MaxPooling2D, {}, {
        "pool_size": [*SIZES, (None, TypeError)], "strides": SIZES, "padding": PADDING, "data_format": FORMAT,
    }),
    (L.AveragePooling2D, {"pool_size": 2}, {
        "pool_size": [*SIZES, (None, TypeError)], "strides": SIZES, "padding": PADDING, "data_format": FORMAT,
    }),
    (L.GlobalAveragePooling2D, {}, {"keepdims": FLAGS, "data_format": FORMAT}),
    (L.GlobalMaxPooling2D, {}, {"keepdims": FLAGS, "data_format": FORMAT}),
    (L.Flatten, {}, {"data_format": FORMAT}),
    (L.ZeroPadding2D, {}, {"data_format": FORMAT}),
    (L.Cropping2D, {}, {"data_format": FORMAT}),
    (L.UpSampling2D, {}, {
        "size": [*SIZES, (None, TypeError)], "data_format": FORMAT,
        "interpolation": [("bicubic", ValueError), (None, ValueError), (1, ValueError)],
    }),
    (L.DepthwiseConv2D, {"kernel_size": 3}, {
        "kernel_size": [*SIZES, (None, TypeError)], "strides": [*SIZES, (None, TypeError)],
        "depth_multiplier": WHOLE, "padding": PADDING, "data_format": FORMAT, "use_bias": FLAGS,
        "depthwise_initializer": NAMED, "depthwise_regularizer": NAMED, "depthwise_constraint": NAMED,
    }),
    (L.SeparableConv2D, {"filters": 3, "kernel_size": 3}, {
        "filters": WHOLE, "kernel_size": [*SIZES, (None, TypeError)], "depth_multiplier": WHOLE, "padding": PADDING,
        "data_format": FORMAT, "use_bias": FLAGS, "depthwise_initializer": NAMED, "pointwise_initializer": NAMED,
        "pointwise_regularizer": NAMED, "pointwise_constraint": NAMED,
    }),
    (L.Conv2DTranspose, {"filters": 3, "kernel_size": 3, "strides": 2}, {
        "filters": WHOLE, "kernel_size": [*SIZES, (None, TypeError)], "padding": PADDING,
        "output_padding": [*WHOLE[1:-1], ((1, 2, 3), ValueError), ((1, "a"), TypeError), ((), ValueError)],
        "data_format": FORMAT, "use_bias": FLAGS, "kernel_initializer": NAMED, "kernel_constraint": NAMED,
    }),
    (L.BatchNormalization, {}, {
        "axis": AXIS, "momentum": [*SHARE, (1.5, ValueError)], "epsilon": [*SHARE, (0, ValueError), (-1, ValueError)],
        "center": FLAGS, "scale": FLAGS, "gamma_initializer": NAMED, "beta_regularizer": NAMED,
        "moving_variance_initializer": NAMED, "gamma_constraint": NAMED,
    }),
    (L.Dropout, {"rate": 0.5}, {
        "rate": [*SHARE, (1.5, ValueError)],
        "seed": [(-1, ValueError), (1.5, TypeError), ("a", TypeError), (True, TypeError), (2**64, ValueError)],
        "noise_shape": [(3, ValueError), ((0,), ValueError), ((1.5,), TypeError), ("ab", TypeError)],
    }),
    (L.SpatialDropout2D, {"rate": 0.5}, {"rate": [*SHARE, (1.5, ValueError)], "data_format": FORMAT}),
    (L.GaussianNoise, {"stddev": 0.5}, {"stddev": SHARE}),
    (L.ActivityRegularization, {}, {"l1": SHARE, "l2": SHARE}),
    (L.PReLU, {}, {"alpha_initializer": NAMED, "alpha_regularizer": NAMED, "alpha_constraint": NAMED}),
    (L.Rescaling, {"scale": 2}, {
        "scale": [("2", TypeError), (None, TypeError), (float("inf"), ValueError), ([1, "a"], ValueError)],
        "offset": [("2", TypeError), (None, TypeError), (float("nan"), ValueError), ([[1, 2], [3]], ValueError)],
    }),
    (L.Softmax, {}, {"axis": AXIS}),
    (L.Activation, {}, {"activation": NAMED}),
]  # fmt: skip
BAD = [
    pytest.param(cls, {**good, name: value}, name, value, error, id=f"{cls.__name__}-{name}-{value!r}")
    for cls, good, table in ARGUMENTS
    for name, values in table.items()
    for value, error in values
]


@pytest.mark.parametrize(("cls", "arguments", "name", "value", "error"), BAD)
def test_bad_arguments(cls, arguments, name, value, error):
    with pytest.raises((ValueError, TypeError)) as caught:
        cls(**arguments)
    message = str(caught.value)
    assert caught.type is error
    assert 20 < len(message) < 400
    assert "\x1b" not in message
    if value not in ("no such thing", 3.5) and name != "seed":
        assert message.startswith(f"{cls.__name__} expects {name} to be")
    assert str(value[-1] if isinstance(value, tuple) and value else value)[:20] in message


@pytest.mark.parametrize(
    ("layer", "shape", "words"),
    [
        (
            L.Conv2D(1, 3, name="c"),
            (2, 28, 28),
            ["c (Conv2D)", "4-D", "(2, 28, 28)", "x[..., None]", "x[None]"],
        ),
        (L.Conv2D(1, 3, name="c"), (2, 28, 28, 1, 1), ["c (Conv2D)", "4-D", "np.squeeze"]),
        (L.Conv2D(1, 3, name="c"), (28,), ["c (Conv2D)", "batch, height, width, channels", "(28,)"]),
        (L.MaxPooling2D(2, name="p"), (2, 28, 28), ["p (MaxPooling2D)", "4-D", "x[..., None]"]),
        (
            L.MaxPooling2D(3, name="p"),
            (2, 2, 2, 1),
            ["p (MaxPooling2D)", "(3, 3)", "(2, 2)", "padding='same'"],
        ),
        (L.GlobalMaxPooling2D(name="g"), (2, 28), ["g (GlobalMaxPooling2D)", "4-D", "(2, 28)"]),
        (L.ZeroPadding2D(name="z"), (2, 28), ["z (ZeroPadding2D)", "4-D", "(2, 28)"]),
        (L.BatchNormalization(name="b"), (4,), ["b (BatchNormalization)", "at least 2 axes", "(4,)"]),
        (L.Dense(1, name="d"), (4,), ["d (Dense)", "at least 2 axes", "(4,)"]),
    ],
)
def test_inputs_of_the_wrong_rank_or_size(layer, shape, words):
    with pytest.raises(ValueError, match=r"\(") as caught:
        layer(np.zeros(shape))
    message = str(caught.value)
    assert [word for word in words if word not in message] == []
    assert len(message) < 400
    assert layer.weights == []


def test_other_channels_than_it_was_built_for():
    layer = L.Conv2D(2, 3, name="c")
    layer(np.zeros((1, 5, 5, 3)))
    weights = layer.get_weights()
    message = r"c \(Conv2D\) was built for 3 channels \(axis -1\), got 1 in shape \(1, 5, 5, 1\)"
    with pytest.raises(ValueError, match=message):
        layer(np.zeros((1, 5, 5, 1)))
    assert all(np.array_equal(a, b) for a, b in zip(weights, layer.get_weights(), strict=True))
    assert layer(np.zeros((1, 5, 5, 3))).shape == (1, 3, 3, 2)


def test_spellings_that_are_taken():
    assert L.Conv2D(np.int64(2), [3, np.int32(2)], padding="SAME").kernel_size == (3, 2)
    assert L.Conv2D(2, 3, use_bias=0).use_bias is False
    assert L.Dropout(np.float32(0.5)).rate == 0.5
    assert L.MaxPooling2D(2, data_format="channels_last").data_format == "channels_last"
