"""Gradients layer by layer and step by step, and the gates: what is drawn is what backward and the equations give."""

import numpy as np
import pytest
from small_models import rows, same, state, with_everything

from minidl import Tensor, initializers, layers
from minidl.inspect.pictures import plot_gates, plot_gradient_flow, plot_time_gradients
from minidl.inspect.traced import trace
from minidl.models import Sequential

pytest.importorskip("matplotlib")


def model_of(*more, loss="mse", **options):
    model = Sequential(more, **options)
    model.compile("sgd", loss)
    return model


def lines(figure):
    """The lines of the first Axes by their label, without what stands behind the colon."""
    return {line.get_label().split(":")[0]: line for line in figure.axes[0].lines}


def rms(array):
    return np.sqrt(np.mean(np.square(array, dtype=np.float64)))


def sequences(n=3, t=7, features=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, t, features)).astype("float32"), rng.normal(size=(n, 1)).astype("float32")


# --- plot_gradient_flow -------------------------------------------------------------------------------------


def test_the_sizes_are_those_of_backward():
    x, y = rows()
    model = model_of(
        layers.Input((4,)), layers.Dense(5, activation="tanh"), layers.Dropout(0), layers.Dense(1)
    )
    found = lines(plot_gradient_flow(model, x, y))
    (w, b), _, (v, c) = ([u.numpy().astype(float) for u in layer.weights] for layer in model.layers)
    hidden = np.tanh(x @ w + b)
    d_out = 2 * (hidden @ v + c - y) / len(x)
    d_hidden = d_out @ v.T
    dz = d_hidden * (1 - hidden**2)
    of_weights = [
        rms(np.concatenate([(x.T @ dz).ravel(), dz.sum(0)])),
        np.nan,
        rms(np.concatenate([(hidden.T @ d_out).ravel(), d_out.sum(0)])),
    ]
    np.testing.assert_allclose(
        found["dL/d output"].get_xdata()[[0, 2]], [rms(d_hidden), rms(d_out)], rtol=1e-5
    )
    np.testing.assert_allclose(found["dL/d weights"].get_xdata(), of_weights, rtol=1e-5)


def test_a_trace_gives_the_same_picture():
    x, y = rows()
    model = with_everything()
    one, other = (lines(plot_gradient_flow(*given)) for given in ((model, x, y), (trace(model, x, y),)))
    for name, line in one.items():
        np.testing.assert_array_equal(line.get_xdata(), other[name].get_xdata())


def test_the_first_layer_is_on_top():
    model = model_of(layers.Input((4,)), layers.Dense(3, name="first"), layers.Dense(1, name="last"))
    axes = plot_gradient_flow(model, *rows()).axes[0]
    heights = {
        label.get_text(): axes.transData.transform((1, y))[1]
        for label, y in zip(axes.get_yticklabels(), axes.get_yticks(), strict=True)
    }
    assert heights["first"] > heights["last"]


def test_nothing_and_endless_gradients_stand_at_the_edges():
    dead = layers.Dense(3, activation="relu", bias_initializer=initializers.Constant(-100.0))
    frozen = layers.Dense(3, trainable=False)
    x, y = rows()
    figure = plot_gradient_flow(model_of(layers.Input((4,)), frozen, dead, layers.Dense(1)), x, y)
    low, high = figure.axes[0].get_xlim()
    crosses = {
        line.get_label(): list(line.get_ydata())
        for line in figure.axes[0].lines
        if line.get_xdata()[0] == low
    }
    assert crosses == {"dL/d output: 0 or none": [0], "dL/d weights: 0 or none": [1]}
    figure = plot_gradient_flow(model_of(layers.Input((4,)), layers.Dense(1)), x, np.full_like(y, np.inf))
    high = figure.axes[0].get_xlim()[1]
    triangles = [line.get_label() for line in figure.axes[0].lines if line.get_xdata()[0] == high]
    assert triangles == ["dL/d output: infinite or NaN", "dL/d weights: infinite or NaN"]
    assert figure._repr_png_()


@pytest.mark.parametrize("depth", [1, 30, 120])
def test_any_depth(depth):
    hidden = [
        layers.Dense(3, activation="tanh", name=f"a_hidden_layer_with_a_long_name_{i}")
        for i in range(depth - 1)
    ]
    figure = plot_gradient_flow(model_of(layers.Input((4,)), *hidden, layers.Dense(1)), *rows())
    assert len(lines(figure)["dL/d output"].get_xdata()) == depth
    assert len(figure.axes[0].get_yticks()) <= 55
    assert figure._repr_png_()


def test_models_are_left_alone():
    model, (x, y) = with_everything(), rows()
    model.fit(x, y, verbose=0)
    before, gradients = state(model), [v.grad for v in model.weights]
    plot_gradient_flow(model, x, y)
    assert same(before, state(model))
    assert all(v.grad is gradient for v, gradient in zip(model.weights, gradients, strict=True))


def test_a_layer_alone():
    figure = plot_gradient_flow(layers.Dense(3, name="alone"), np.ones((2, 4)))
    np.testing.assert_array_equal(lines(figure)["dL/d output"].get_xdata(), [1])


@pytest.mark.parametrize("plot", [plot_gradient_flow, plot_time_gradients, plot_gates])
def test_nothing_to_draw(plot):
    model = model_of(layers.LSTM(2), layers.Dense(1))
    takes = "model, x" if plot is plot_gates else "model, x, y"
    with pytest.raises(
        TypeError, match=rf"{plot.__name__} expects a model with data, or what trace returned, got 3"
    ):
        plot(3, sequences()[0])
    with pytest.raises(
        ValueError, match=rf"expects data for .*, one batch of it: {plot.__name__}\({takes}\)"
    ):
        plot(model)


@pytest.mark.parametrize("plot", [plot_gradient_flow, plot_time_gradients])
def test_without_a_loss(plot):
    with pytest.raises(ValueError, match=r"(pass|Pass) y too"):
        plot(model_of(layers.LSTM(2), layers.Dense(1)), sequences()[0])


# --- plot_time_gradients ------------------------------------------------------------------------------------


def test_the_gradient_of_a_simple_rnn_step_by_step():
    x, y = sequences()
    model = model_of(layers.Input((7, 2)), layers.SimpleRNN(4, name="rnn"), layers.Dense(1))
    figure = plot_time_gradients(model, x, y)
    w, u, b, v, c = (a.astype(float) for a in model.get_weights())
    h = [np.zeros((3, 4))]
    for t in range(7):
        h.append(np.tanh(x[:, t] @ w + h[-1] @ u + b))
    dh = 2 * (h[-1] @ v + c - y) / 3 @ v.T
    norms = []
    for t in reversed(range(7)):
        norms.insert(0, np.linalg.norm(dh))
        dh = (dh * (1 - h[t + 1] ** 2)) @ u.T
    (line,) = figure.axes[0].lines
    np.testing.assert_allclose(line.get_ydata(), norms, rtol=1e-5)
    assert line.get_label() == f"rnn (dh): ×{(norms[0] / norms[-1]) ** (1 / 6):.3g} at each step"


def test_an_lstm_has_its_memory_too():
    x, y = sequences()
    step = trace(model_of(layers.LSTM(4, name="lstm"), layers.Dense(1)), x, y)
    for given in (step, step["lstm"]):
        found = lines(plot_time_gradients(given))
        for label, of in (("lstm (dh)", "dh"), ("lstm (dc)", "dc")):
            norms = step["lstm"].steps.norms(of)
            np.testing.assert_array_equal(found[label].get_ydata(), np.where(norms > 0, norms, np.nan))
        assert found["lstm (dh)"].get_linestyle() != found["lstm (dc)"].get_linestyle()


def test_models_side_by_side():
    x, y = sequences()
    kinds = {"SimpleRNN": layers.SimpleRNN(3), "GRU": layers.GRU(3)}
    steps = {name: trace(model_of(layer, layers.Dense(1)), x, y) for name, layer in kinds.items()}
    found = lines(plot_time_gradients(steps))
    assert list(found) == ["SimpleRNN (dh)", "GRU (dh)"]
    assert len({line.get_color() for line in found.values()}) == 2


def test_layers_inside_of_others():
    x, y = sequences()
    model = model_of(
        layers.Bidirectional(layers.GRU(3, return_sequences=True), name="both"),
        layers.GRU(2, name="top"),
        layers.Dense(1),
    )
    found = [line.get_label().split(" ")[0] for line in plot_time_gradients(model, x, y).axes[0].lines]
    assert [name.split("/")[0] for name in found] == ["both", "both", "top"]


@pytest.mark.parametrize(("stddev", "steps"), [(1.0, 25), (3.0, 60)])
def test_gradients_that_explode(stddev, steps):
    wild = initializers.RandomNormal(stddev=stddev)
    model = model_of(layers.SimpleRNN(8, activation="relu", recurrent_initializer=wild), layers.Dense(1))
    step = trace(model, *sequences(t=steps))
    figure = plot_time_gradients(step)
    line, *triangles = figure.axes[0].lines
    norms = step.layers[0].steps.norms("dh")
    assert (np.nanmax(norms) > 1e6 * norms[-1]) or not np.isfinite(norms[-1])
    np.testing.assert_array_equal(line.get_ydata(), np.where(np.isfinite(norms) & (norms > 0), norms, np.nan))
    marked = [x for triangle in triangles for x in triangle.get_xdata()]
    assert marked == list(np.nonzero(~np.isfinite(norms))[0])
    assert bool(marked) == (steps == 60)
    assert figure._repr_png_()


def test_a_single_step_and_no_recurrent_layer():
    x, y = sequences(t=1)
    figure = plot_time_gradients(model_of(layers.GRU(2, name="gru"), layers.Dense(1)), x, y)
    assert [line.get_label() for line in figure.axes[0].lines] == ["gru (dh)"]
    with pytest.raises(ValueError, match="draws recurrent layers"):
        plot_time_gradients(with_everything(), *rows())


# --- plot_gates ---------------------------------------------------------------------------------------------


def panels(figure):
    """The drawn arrays by the title, (U, T)."""
    return {axes.get_title(): axes.images[0].get_array() for axes in figure.axes if axes.get_title()}


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def test_the_gates_of_an_lstm():
    x, _ = sequences()
    model = Sequential([layers.LSTM(4, name="lstm"), layers.Dense(1)])
    model(x)
    found = panels(plot_gates(model, x))
    w, u, b = (a.astype(float) for a in model.layers[0].get_weights())
    h = c = np.zeros(4)
    for t in range(7):
        z_i, z_f, z_g, z_o = np.split(x[0, t] @ w + h @ u + b, 4)
        i, f, g, o = sigmoid(z_i), sigmoid(z_f), np.tanh(z_g), sigmoid(z_o)
        c = f * c + i * g
        h = o * np.tanh(c)
        expected = {
            "input x": x[0, t],
            "input gate i": i,
            "forget gate f": f,
            "candidate g": g,
            "output gate o": o,
        }
        for title, values in {**expected, "cell state c": c, "hidden state h": h}.items():
            np.testing.assert_allclose(found[title][:, t], values, rtol=1e-5, atol=1e-6)


def test_other_layers():
    x, y = sequences()
    for layer, titles in (
        (layers.GRU(3), ["input x", "update gate z", "reset gate r", "candidate ĥ", "hidden state h"]),
        (layers.SimpleRNN(3), ["input x", "hidden state h"]),
    ):
        assert list(panels(plot_gates(layer, x))) == titles
        assert list(panels(plot_gates(trace(model_of(layer, layers.Dense(1)), x, y)))) == titles


def test_gates_have_one_scale():
    figure = plot_gates(layers.LSTM(3), sequences()[0])
    limits = {axes.get_title(): axes.images[0].get_clim() for axes in figure.axes if axes.get_title()}
    assert {limits[f"{name} gate {name[0]}"] for name in ("input", "forget", "output")} == {(0, 1)}
    low, high = limits["hidden state h"]
    assert low == -high


def test_masked_steps_stay_empty():
    model = Sequential([layers.Input((5,)), layers.Embedding(9, 3, mask_zero=True), layers.LSTM(2)])
    found = panels(plot_gates(model, np.array([[3, 1, 0, 0, 0], [1, 1, 1, 1, 1]])))
    for values in found.values():
        np.testing.assert_array_equal(
            np.ma.getmaskarray(np.ma.masked_invalid(values)).all(axis=0), [0, 0, 1, 1, 1]
        )


def test_which_layer_and_which_sample():
    x, _ = sequences()
    model = Sequential(
        [layers.Input((7, 2)), layers.GRU(3, return_sequences=True), layers.LSTM(4, name="second")]
    )
    assert panels(plot_gates(model, x))["hidden state h"].shape == (3, 7)
    assert panels(plot_gates(model, x, layer="second"))["hidden state h"].shape == (4, 7)
    one, other = (panels(plot_gates(model, given))["hidden state h"] for given in (x, x[0]))
    np.testing.assert_allclose(one, other, rtol=1e-6)
    with pytest.raises(ValueError, match="No layer 'third'"):
        plot_gates(model, x, layer="third")
    model = Sequential([layers.Input((7, 2)), layers.LSTM(4), layers.Dense(3, name="out")])
    assert panels(plot_gates(model, x, layer=0))["hidden state h"].shape == (4, 7)
    with pytest.raises(ValueError, match="and out has none"):
        plot_gates(model, x, layer=1)
    with pytest.raises(TypeError, match="takes layer only with a model"):
        plot_gates(trace(model, x), layer=0)


def test_a_stateful_layer_takes_a_whole_batch_and_stays_as_it_is():
    x, _ = sequences(n=2)
    model = Sequential([layers.Input(batch_shape=(2, 7, 2)), layers.LSTM(3, stateful=True)])
    model(Tensor(x))
    before = [s.numpy().copy() for s in model.layers[0].states]
    plot_gates(model, x)
    assert same(before, [s.numpy() for s in model.layers[0].states])
