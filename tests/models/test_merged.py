"""A Conv2D and the MaxPooling2D behind it are one op where a model is only used (`minidl.models.merged`)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import PADDINGS, normal, seeds

import minidl
from minidl.backend import kernels_off, kernels_on
from minidl.layers import (
    Conv2D,
    Dense,
    Flatten,
    Lambda,
    Layer,
    Masking,
    MaxPooling2D,
    Reshape,
    TimeDistributed,
)
from minidl.layers.pooling.pooled_convolution import Conv2DMaxPool
from minidl.models.watching import watched
from minidl.tensor import no_grad

X = normal(0, (6, 13, 14, 3), dtype=np.float32)[0]


@pytest.fixture
def uses(monkeypatch):
    """One entry for each use of the merged op."""
    seen, apply = [], Conv2DMaxPool.apply

    def counted(*inputs, **options):
        seen.append(options)
        return apply(*inputs, **options)

    monkeypatch.setattr(Conv2DMaxPool, "apply", counted)
    return seen


def sequential(*layers):
    return minidl.Sequential(list(layers))


def functional(*layers):
    x = y = minidl.Input(X.shape[1:])
    for layer in layers:
        y = layer(y)
    return minidl.Model(x, y)


def one_by_one(layers, x):
    for layer in layers:
        x = layer(x)
    return x.numpy()


both = pytest.mark.parametrize("model_of", [sequential, functional])


@both
@pytest.mark.parametrize("activation", ["relu", None, "linear"])
def test_a_model_that_predicts_uses_it_and_gives_the_same_bits(model_of, activation, uses):
    layers = [
        Conv2D(40, 3, activation=activation),
        MaxPooling2D(),
        Conv2D(5, 2),
        MaxPooling2D((2, 3)),
        Flatten(),
    ]
    model = model_of(*layers, Dense(2))
    got = model.predict(X, verbose=0)
    assert [one["pool"] for one in uses] == [(2, 2), (2, 3)]
    assert [one["rectify"] for one in uses] == [activation == "relu", False]
    assert np.array_equal(got, one_by_one(model.layers[-6:], X))
    assert len(uses) == 2


@both
def test_evaluate_uses_it_and_training_does_not(model_of, uses):
    model = model_of(Conv2D(4, 3, activation="relu"), MaxPooling2D(), Flatten(), Dense(1))
    model.compile("sgd", "mse")
    y = np.ones((len(X), 1), np.float32)
    model.fit(X, y, epochs=2, verbose=0)
    model.train_on_batch(X, y)
    model(X)
    assert not uses
    loss = model.evaluate(X, y, verbose=0)
    assert len(uses) == 1
    assert loss == pytest.approx(np.mean((one_by_one(model.layers[-4:], X) - y) ** 2), rel=1e-5)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_drawn_layers_give_what_they_give_one_by_one(data):
    pairs, small = st.tuples(st.integers(1, 3), st.integers(1, 3)), st.integers(1, 3)
    groups = data.draw(st.sampled_from([1, 1, 2]))
    strides = data.draw(pairs)
    conv = Conv2D(
        groups * data.draw(st.sampled_from([1, 3, 16, 20])), data.draw(pairs), strides=strides,
        padding=data.draw(PADDINGS), groups=groups, use_bias=data.draw(st.booleans()),
        dilation_rate=data.draw(small) if strides == (1, 1) else 1, bias_initializer="normal",
        activation=data.draw(st.sampled_from([None, "relu", "linear", "tanh"])),
    )  # fmt: skip
    pool = data.draw(pairs)
    pooling = MaxPooling2D(
        pool, strides=data.draw(st.sampled_from([None, None, pool, (1, 2)])), padding=data.draw(PADDINGS)
    )
    shape = (data.draw(small), *(data.draw(st.integers(9, 14)) for _ in "hw"), groups * data.draw(small))
    (x,) = normal(data.draw(seeds), shape, dtype=np.float32)
    with data.draw(st.sampled_from([kernels_on, kernels_off]))():
        got = minidl.Sequential([conv, pooling]).predict(x, verbose=0)
        wanted = one_by_one([conv, pooling], x)
    assert got.shape == wanted.shape
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-6)


class OwnConv(Conv2D):
    def call(self, x):
        return super().call(x) * 2


class OwnPooling(MaxPooling2D):
    def call(self, x):
        return super().call(x) * 2


def own_call():
    layer = Conv2D(4, 3)
    layer.call = lambda x: Conv2D.call(layer, x) * 2
    return layer


def doubled(x):
    return 2 * x


NOT_FOR = {
    "another curve": lambda: (Conv2D(4, 3, activation="tanh"), MaxPooling2D()),
    "a curve of one's own": lambda: (Conv2D(4, 3, activation=doubled), MaxPooling2D()),
    "something between": lambda: (Conv2D(4, 3), Lambda(doubled), MaxPooling2D()),
    "a penalty on the convolution": lambda: (Conv2D(4, 3, activity_regularizer="l2"), MaxPooling2D()),
    "a penalty on the pooling": lambda: (Conv2D(4, 3), MaxPooling2D(activity_regularizer="l2")),
    "a class of one's own": lambda: (OwnConv(4, 3), MaxPooling2D()),
    "a pooling of one's own": lambda: (Conv2D(4, 3), OwnPooling()),
    "a call of one's own": lambda: (own_call(), MaxPooling2D()),
    "windows that overlap": lambda: (Conv2D(4, 3), MaxPooling2D(3, strides=2)),
    "windows with gaps": lambda: (Conv2D(4, 3), MaxPooling2D(2, strides=3)),
    "a border": lambda: (Conv2D(4, 3), MaxPooling2D(2, padding="same")),
    "windows of one pixel": lambda: (Conv2D(4, 3), MaxPooling2D(1)),
    "large windows": lambda: (Conv2D(4, 3), MaxPooling2D(9)),
    "two float types": lambda: (Conv2D(4, 3), MaxPooling2D(dtype="float64")),
}


@both
@pytest.mark.parametrize("make", NOT_FOR.values(), ids=NOT_FOR)
def test_where_somebody_could_tell_layers_are_called_one_by_one(make, model_of, uses):
    layers = make()
    model = model_of(*layers)
    got = model.predict(X, verbose=0)
    assert not uses
    wanted = one_by_one(layers, X)
    assert got.dtype == wanted.dtype
    assert np.array_equal(got, wanted)


@both
def test_who_watches_a_layer_sees_it(model_of, uses):
    model = model_of(Conv2D(4, 3), MaxPooling2D())
    model.predict(X, verbose=0)
    seen = []
    with watched(model.layers, lambda layer, x, y: seen.append((type(layer), y.shape))):
        model.predict(X, verbose=0)
    assert seen[-2:] == [(Conv2D, (6, 11, 12, 4)), (MaxPooling2D, (6, 5, 6, 4))]
    assert len(uses) == 1


def test_masks_go_through_the_layers(uses):
    conv, pooling = Conv2D(4, 3), MaxPooling2D()
    model = minidl.Sequential([Masking(), conv, pooling])
    with no_grad(), pytest.warns(UserWarning, match="mask"):
        model(X)
    minidl.Sequential([conv, pooling]).predict(X, verbose=0)
    assert len(uses) == 1


def test_in_a_graph_the_pooling_must_be_all_that_looks_at_the_convolution(uses):
    def parts():
        x = minidl.Input(X.shape[1:])
        z = Conv2D(4, 3, activation="relu")(x)
        return x, z, MaxPooling2D()(z)

    x, z, y = parts()
    for outputs in ([z, y], [y, Flatten()(z)], [y, MaxPooling2D(3)(z)]):
        got = minidl.Model(x, outputs).predict(X, verbose=0)
        assert not uses
        assert np.array_equal(got[outputs.index(y)], one_by_one([z.maker, y.maker], X))
    assert np.array_equal(minidl.Model(x, y).predict(X, verbose=0), one_by_one([z.maker, y.maker], X))
    assert len(uses) == 1


def test_a_graph_may_ask_for_training_or_a_mask(uses):
    x = minidl.Input(X.shape[1:])
    conv, pooling = Conv2D(4, 3), MaxPooling2D()
    for model in (
        minidl.Model(x, pooling(conv(x, training=False))),
        minidl.Model(x, pooling(conv(x), training=False)),
    ):
        assert np.array_equal(model.predict(X, verbose=0), one_by_one([conv, pooling], X))
    assert not uses


def test_a_shared_convolution_counts_each_time(uses):
    x = minidl.Input(X.shape[1:])
    conv = Conv2D(3, 3, padding="same")
    once = MaxPooling2D()(conv(x))
    model = minidl.Model(x, MaxPooling2D()(conv(once)))
    got = model.predict(X, verbose=0)
    assert len(uses) == 2
    assert np.array_equal(got, one_by_one([conv, model.layers[2], conv, model.layers[-1]], X))


def test_inside_other_models_and_layers(uses):
    inner = minidl.Sequential([minidl.Input(X.shape[1:]), Conv2D(4, 3), MaxPooling2D()])
    model = minidl.Sequential([Reshape((1, *X.shape[1:])), TimeDistributed(inner), Flatten()])
    got = model.predict(X, verbose=0)
    assert uses
    assert np.array_equal(got, one_by_one([inner, Flatten()], X))


@pytest.mark.parametrize("x", [np.zeros((0, 13, 14, 3), np.float32), X.astype("float64"), X[:, ::-1], X > 0])
def test_no_samples_other_types_and_layouts(x, uses):
    model = minidl.Sequential([Conv2D(4, 3), MaxPooling2D()])
    model(X)
    with no_grad():
        got = model(x).numpy()
    assert np.array_equal(got, one_by_one(model.layers, x))


@pytest.mark.parametrize("shape", [(2, 13, 14, 2), (2, 2, 14, 3), (2, 3, 14, 3)])
def test_errors_are_those_of_the_layers(shape, uses):
    """Wrong channels, a kernel that does not fit, a pooling window that does not."""
    model = minidl.Sequential([Conv2D(4, 3), MaxPooling2D()])
    model(X)
    x = np.zeros(shape, np.float32)
    with pytest.raises(ValueError) as wanted:  # noqa: PT011 the next lines look at its text
        one_by_one(model.layers, x)
    with no_grad(), pytest.raises(ValueError) as got:  # noqa: PT011
        model(x)
    assert str(got.value) == str(wanted.value)
    assert not uses


@both
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, ValueError])
def test_a_failed_or_interrupted_call_leaves_the_model_whole(model_of, error, monkeypatch):
    model = model_of(Conv2D(4, 3, activation="relu"), MaxPooling2D(), Flatten(), Dense(1))
    model.compile("sgd", "mse")
    wanted, weights = model.predict(X, verbose=0), model.get_weights()

    def fail(*inputs, **options):
        raise error("here")

    with monkeypatch.context() as patch:
        patch.setattr(Conv2DMaxPool, "apply", fail)
        with pytest.raises(error, match="no room" if error is MemoryError else "here"):
            model.predict(X, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), weights, strict=True))
    assert np.array_equal(model.predict(X, verbose=0), wanted)
    model.fit(X, np.ones((len(X), 1), np.float32), verbose=0)
    assert not np.array_equal(model.predict(X, verbose=0), wanted)


def test_weights_that_change_are_seen(uses):
    conv = Conv2D(4, 3)
    model = minidl.Sequential([conv, MaxPooling2D()])
    before = model.predict(X, verbose=0)
    conv.set_weights([2 * w for w in conv.get_weights()])
    np.testing.assert_allclose(model.predict(X, verbose=0), 2 * before, rtol=1e-5, atol=1e-6)
    assert len(uses) == 2


def test_layers_that_come_and_go(uses):
    class Own(Layer):
        def call(self, x):
            return doubled(x)

    model = minidl.Sequential([minidl.Input(X.shape[1:]), Conv2D(4, 3)])
    conv = model.layers[0]
    for last, n in ((None, 0), (MaxPooling2D(), 1), (Own(), 0), (MaxPooling2D(), 1)):
        if len(model.layers) > 1:
            model.pop()
        if last is not None:
            model.add(last)
        uses.clear()
        wanted = one_by_one(model.layers, X)
        assert np.array_equal(model.predict(X, verbose=0), wanted)
        assert len(uses) == n
    assert model.layers[0] is conv
