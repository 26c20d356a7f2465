"""Looking inside of a model that lives on a GPU: the same numbers as of one on the CPU, and it stays where it is.

Everything runs twice for the GPU: as called by somebody who never said anything, with data of the host, and within
`with device("gpu")`, with data that is there.
"""

import re
from contextlib import nullcontext

import numpy as np
import pytest
from gpu.classifiers import RNG

import minidl
from minidl import Model, Sequential, backend, inspect, layers, ops
from minidl.devices import device, home, on_gpu, to_device
from minidl.utils import set_random_seed

pytest.importorskip("matplotlib")

N = 6
IMAGES = RNG.normal(size=(N, 8, 8, 2)).astype("float32")
WORDS = RNG.integers(1, 9, (N, 5)) * (np.arange(5) < RNG.integers(2, 6, (N, 1)))  # 0 is no word
SERIES = RNG.normal(size=(N, 5, 3)).astype("float32")
ROWS = RNG.normal(size=(N, 4)).astype("float32")
CLASSES = RNG.integers(0, 3, N)
NUMBERS = RNG.normal(size=(N, 1)).astype("float32")


@pytest.fixture(autouse=True)
def _references(cupy):
    with backend.kernels_off():
        yield


# --- models ---------------------------------------------------------------------------------------------------------


def images():
    """Filters, windows, averages, random masks, penalties."""
    return Sequential([
        layers.Input((8, 8, 2)), layers.Conv2D(4, 3, activation="relu", kernel_regularizer="l2", name="conv"),
        layers.MaxPooling2D(2, name="pool"), layers.DepthwiseConv2D(2, name="apart"),
        layers.BatchNormalization(name="batch"), layers.Flatten(name="flat"), layers.Dropout(0.3, name="drop"),
        layers.Dense(3, activation="softmax", name="out"),
    ], name="images")  # fmt: skip


def words():
    """Masks, and every recurrent layer."""
    return Sequential([
        layers.Input((5,), dtype="int64"), layers.Embedding(9, 3, mask_zero=True, name="embedding"),
        layers.Bidirectional(layers.GRU(2, return_sequences=True, name="gru"), name="both"),
        layers.SimpleRNN(3, return_sequences=True, name="simple"),
        layers.LSTM(4, name="lstm", recurrent_dropout=0.2), layers.Dense(1, name="out"),
    ], name="words")  # fmt: skip


class Own(layers.Layer):
    """A layer of somebody's own, on operators."""

    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones", name="scale")

    def call(self, x):
        return ops.tanh(x * self.scale) + ops.mean(x, axis=-1, keepdims=True)


def several():
    """Two inputs, attention, a model inside, a layer of one's own."""
    a, b = layers.Input((5, 3), name="a"), layers.Input((4,), name="b")
    inner = Sequential(
        [layers.Input((3,), name="three"), layers.Dense(3, activation="gelu", name="small")], name="inner"
    )
    seen = layers.Multiply(name="look")([a, layers.LayerNormalization(name="norm")(a)])
    series = layers.GlobalAveragePooling1D(name="mean")(seen)
    together = layers.concatenate([inner(series), Own(name="own")(b)], name="together")
    return Model([a, b], layers.Dense(1, name="out")(together), name="several")


KINDS = {
    "images": (images, IMAGES, CLASSES, "sparse_categorical_crossentropy"),
    "words": (words, WORDS, NUMBERS, "mse"),
    "several": (several, [SERIES, ROWS], NUMBERS, "huber"),
}
EACH = pytest.mark.parametrize("kind", KINDS)
CALLED = ["from outside", "on the device"]


def model_on(where, kind):
    made, _, _, loss = KINDS[kind]
    with device(where):
        set_random_seed(1)
        model = made()
        model.compile("adam", loss)
    return model


def there(x):
    return [there(part) for part in x] if isinstance(x, list) else to_device(x, "gpu")


@pytest.fixture(params=CALLED)
def sides(request, cupy):
    """`sides(kind)`: the block to work in, a model and its data, on the CPU and then on the GPU, trained a little."""

    def made(kind):
        _, x, y, _ = KINDS[kind]
        first = model_on("cpu", kind)
        first.fit(x, y, epochs=2, batch_size=3, verbose=0)
        yield nullcontext(), first, x, y
        second = model_on("gpu", kind)
        second.fit(x, y, epochs=1, batch_size=3, verbose=0)  # so that its optimizer has moved in
        second.set_weights(first.get_weights())
        for there_is, wanted in zip(second.optimizer.variables, first.optimizer.variables, strict=True):
            there_is.assign(wanted.numpy())
        if request.param == "on the device":
            yield device("gpu"), second, there(x), there(y)
        else:
            yield nullcontext(), second, x, y

    return made


def everything_of(model):
    return [v.data for v in [*model.weights, *model.optimizer.variables]]


def both(made, look):
    """What `look(model, x, y)` gives on the CPU and on the GPU, where the model is left as it was."""
    found = []
    for block, model, x, y in made:
        before = [(home(a), a.copy()) for a in everything_of(model)]
        with block:
            found.append(look(model, x, y))
        for (place, values), array in zip(before, everything_of(model), strict=True):
            assert home(array) == place
            np.testing.assert_array_equal(minidl.to_numpy(array), minidl.to_numpy(values))
        assert on_gpu(model.weights[0].data) == (len(found) == 2)
        assert all(v.grad is None or home(v.grad) == home(v.data) for v in model.weights)
    return found


def same(a, b, exact=False):
    """That two structures hold the same; their numbers to rounding, as kernels of the GPU round in another order."""
    assert type(a) is type(b), (a, b)
    if isinstance(a, dict):
        assert list(a) == list(b)
        a, b = list(a.values()), list(b.values())
    if isinstance(a, list | tuple):
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            same(one, other, exact)
    elif isinstance(a, np.ndarray | float):
        assert np.shape(a) == np.shape(b)
        np.testing.assert_allclose(b, a, rtol=0 if exact else 1e-4, atol=0 if exact else 1e-5)
    else:
        assert a == b


# --- explain --------------------------------------------------------------------------------------------------------


@EACH
def test_explain(sides, kind):
    def look(model, x, y):
        told = inspect.explain(model)
        return str(told), told._repr_html_(), told.memory, told.multiplications

    one, other = both(sides(kind), look)
    same(one, other)
    assert one[2].kept > 0


@EACH
def test_explain_of_a_layer_by_itself(sides, kind):
    def look(model, x, y):
        return [str(inspect.explain(layer)) for layer in model.layers]

    same(*both(sides(kind), look))


def test_explain_of_a_layer_that_is_not_built(cupy):
    def told():
        return [
            str(inspect.explain(layers.LSTM(3, name="lstm"), (4, 2))),
            str(inspect.explain(Own(name="own"), (4, 2))),
            str(inspect.explain(layers.Bidirectional(layers.GRU(3, name="gru"), name="both"), (4, 2))),
        ]

    wanted = told()
    with device("gpu"):
        assert told() == wanted
    assert all("are kept" in " ".join(text.split()) for text in wanted)


# --- trace ----------------------------------------------------------------------------------------------------------


def noted(step):
    """The numbers of a trace, all but the seconds."""
    ops = [
        (op.name, op.layer, op.kernel, op.inputs, op.outputs, op.gradients, op.mean, op.std, op.min, op.max,
         op.gradient_norm, op.gradient_rms)
        for op in step
    ]  # fmt: skip
    calls = [
        (c.name, c.kind, c.inputs, c.outputs, c.gradients, c.input_gradients, c.gradient_norm, c.update_norm)
        for c in step.calls
    ]
    weights = [(w.name, w.value, w.gradient, w.update, w.trainable) for w in step.weights]
    return step.loss, step.loss_kind, step.samples, ops, calls, [c.name for c in step.layers], weights


@EACH
def test_trace(sides, kind):
    def look(model, x, y):
        step = inspect.trace(model, x, y)
        for shown in (step, *step.calls, *step):
            assert str(shown)
        assert "<table" in step._repr_html_()
        return noted(step)

    one, other = both(sides(kind), look)
    same(one, other)
    assert all(type(a) is np.ndarray for op in other[3] for a in op[4])
    assert all(update is not None for _, _, _, update, trainable in other[6] if trainable)


@EACH
def test_trace_forward_alone(sides, kind):
    same(*both(sides(kind), lambda model, x, y: noted(inspect.trace(model, x))))


@EACH
def test_trace_of_a_layer_by_itself(sides, kind):
    def look(model, x, y):
        given = model.layers[1 if kind == "words" else 0] if kind != "several" else model.get_layer("look")
        if kind == "several":
            data = [x[0], x[0]]
        else:
            data = (
                to_device(SERIES, "gpu")
                if kind == "words" and on_gpu(x)
                else SERIES
                if kind == "words"
                else x
            )
        return noted(inspect.trace(given, data))

    same(*both(sides(kind), look))


@EACH
def test_every_kind_of_element(sides, kind):
    def look(model, x, y):
        found = []
        step = inspect.trace(model, x, y)
        for op in step:
            for i, array in enumerate(op.outputs):
                if array.size:
                    at = tuple(n // 2 for n in array.shape)
                    found.append(str(op.element(*at, output=i)))
        for call in step.calls:
            if call.output.size and any(a is call.output for op in call.ops for a in op.outputs):
                found.append(str(call.element(*(n - 1 for n in call.output.shape))))
        return found

    one, other = both(sides(kind), look)
    assert one == other
    assert len(one) > 12


@EACH
def test_every_kind_of_element_of_a_gradient(sides, kind):
    def look(model, x, y):
        found = []
        step = inspect.trace(model, x, y)
        for op in step:
            for number, (array, node) in enumerate(zip(op.applied.arrays, op.applied.inputs, strict=True)):
                if getattr(node, "requires_grad", False) and op.gradient is not None:
                    found.append(str(op.gradient_element(number, *(n // 2 for n in array.shape))))
        kernels = [w for w in step.weights if w.gradient is not None and w.name.endswith("out/kernel")]
        found += [str(step["out"].gradient_element("kernel", 1, 0)) for _ in kernels]
        return found

    one, other = both(sides(kind), look)
    assert one == other
    assert len(one) > 8


def test_steps_of_recurrent_layers(sides):
    def look(model, x, y):
        found = []
        for call in inspect.trace(model, x, y).recurrent:
            steps = call.steps
            found += [
                call.name,
                str(steps),
                steps.norms(),
                steps.norms("dx"),
                steps.norms("dw"),
                steps.norms("du"),
            ]
            found += [steps.state(), steps.gradient(), float(steps.fading)]
            for step in steps:
                assert str(step)
                found += [
                    dict(step.gates),
                    dict(step.states),
                    dict(step.before),
                    dict(step.gradients),
                    step.dx,
                    step.db,
                ]
        return found

    one, other = both(sides("words"), look)
    same(one, other)
    assert [name for name in one if isinstance(name, str)][::2] == [
        "both/forward_gru", "both/backward_gru", "simple", "lstm"
    ]  # fmt: skip


# --- pictures -------------------------------------------------------------------------------------------------------


def drawn(figure):
    """What stands on a figure: its words, and the numbers of its lines and pictures."""
    figure.draw_without_rendering()
    found = [figure.get_suptitle()]
    for axes in figure.axes:
        found += [axes.get_title(), axes.get_xlabel(), axes.get_ylabel()]
        found += [np.ma.filled(np.ma.asarray(line.get_xydata(), float), np.nan) for line in axes.lines]
        found += [np.asarray(np.ma.filled(picture.get_array(), np.nan), float) for picture in axes.images]
        found += [np.asarray(part.get_offsets(), float) for part in axes.collections]
        found += [text.get_text() for text in axes.texts]
        found += [text.get_text() for text in axes.get_legend().get_texts()] if axes.get_legend() else []
    assert any(isinstance(one, np.ndarray) for one in found)
    return found


PICTURES = {
    "plot_gradient_flow": ("images", lambda m, x, y: inspect.plot_gradient_flow(m, x, y)),
    "plot_gradient_flow of a trace": ("words", lambda m, x, y: inspect.plot_gradient_flow(inspect.trace(m, x, y))),
    "plot_time_gradients": ("words", lambda m, x, y: inspect.plot_time_gradients(m, x, y)),
    "plot_gates": ("words", lambda m, x, y: inspect.plot_gates(m, x, "lstm")),
    "plot_gates of one": ("words", lambda m, x, y: inspect.plot_gates(m, x[0], 2)),
    "plot_filters": ("images", lambda m, x, y: inspect.plot_filters(m)),
    "plot_filters apart": ("images", lambda m, x, y: inspect.plot_filters(m, "apart")),
    "plot_feature_maps": ("images", lambda m, x, y: inspect.plot_feature_maps(m, x)),
    "plot_feature_maps of one": ("images", lambda m, x, y: inspect.plot_feature_maps(m, x[0], "conv")),
    "plot_feature_maps of a layer": ("images", lambda m, x, y: inspect.plot_feature_maps(m.layers[0], x)),
    "plot_feature_maps of several": ("several", lambda m, x, y: inspect.plot_feature_maps(m, x)),
    "plot_loss_landscape": ("images", lambda m, x, y: inspect.plot_loss_landscape(m, x, y, points=3)),
    "plot_loss_landscape of several": ("several", lambda m, x, y: inspect.plot_loss_landscape(m, x, y, points=3)),
    "plot_confusion_matrix": (
        "images", lambda m, x, y: inspect.plot_confusion_matrix(y, m.predict(x, verbose=0))),
    "plot_confusion_matrix of a call": (
        "images", lambda m, x, y: inspect.plot_confusion_matrix(y, m(x, training=False))),
}  # fmt: skip


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture(sides, name):
    kind, draw = PICTURES[name]
    same(*both(sides(kind), lambda model, x, y: drawn(draw(model, x, y))))


@EACH
def test_the_picture_of_a_model(sides, kind):
    def look(model, x, y):
        return len(inspect.plot_model(model, expand_nested=True).axes[0].get_children())

    same(*both(sides(kind), look))


def test_the_history(sides):
    """Of the fit there: losses wait on the GPU until somebody asks for them."""
    histories = []
    for block, model, x, y in sides("several"):
        with block:
            model.fit(x, y, epochs=2, verbose=0, validation_data=(x, y))
            figure = inspect.plot_history(model)
            histories.append(
                (len(figure.axes), [text.get_text() for text in figure.axes[0].get_legend().get_texts()])
            )
            assert all(type(v) is float for values in model.history.history.values() for v in values)
    assert histories[0][0] == histories[1][0]
    assert len(histories[0][1]) == len(histories[1][1])


def test_the_graph_behind_a_tensor(sides):
    def look(model, x, y):
        loss = ops.mean(model(x, training=False) ** 2) * model.layers[-1].kernel[0, 0]
        picture = inspect.plot_graph(loss)
        assert repr(inspect.plot_graph(model.layers[-1].kernel))
        return (
            re.sub(r"[\d.]+", "", picture.svg),
            picture.title,
            picture.operations,
            picture.leaves,
            picture.hidden,
        )

    same(*both(sides("several"), look))


def test_the_number_of_a_leaf_is_told(cupy):
    """One number is shown with its value, wherever it is."""
    found = []
    for where in ("cpu", "gpu"):
        one = minidl.Tensor(to_device(np.float32(2.5), where), requires_grad=True)
        found.append(inspect.plot_graph(one * 3.0).svg)
    assert found[0] == found[1]
    assert "2.5" in found[0]


@EACH
def test_the_page(sides, kind, tmp_path):
    def look(model, x, y):
        inspect.write_report(model, tmp_path / "report.html", {"loss": [2.0, 1.0]})
        return (tmp_path / "report.html").read_text(encoding="utf-8")

    one, other = both(sides(kind), look)
    assert one == other


@EACH
def test_a_page_with_the_history_of_a_fit_there(sides, kind, tmp_path):
    for block, model, x, y in sides(kind):
        with block:
            model.fit(x, y, epochs=2, verbose=0)
            inspect.write_report(model, tmp_path / "report.html")
        assert "svg" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_what_is_stateful(cupy):
    """States of a recurrent layer come along, wherever new arrays would go."""

    def look(model):
        step = inspect.trace(model, SERIES, NUMBERS)
        report = minidl.gradcheck(model, SERIES, NUMBERS, max_elements=4, raise_on_failure=False)
        found = [
            noted(step), str(step["lstm"].steps), str(report), str(inspect.explain(model)),
            str(inspect.explain(model.layers[0])), noted(inspect.trace(model.layers[0], SERIES)),
            drawn(inspect.plot_loss_landscape(model, SERIES, NUMBERS, points=3)),
        ]  # fmt: skip
        assert report, report
        assert all(row.largest < 1e-5 for row in inspect.compare(model, SERIES).differences)
        assert inspect.compare(model.layers[0], SERIES).differences
        return found

    results = []
    for where, within in (("cpu", "cpu"), ("gpu", "cpu"), ("gpu", "gpu"), ("cpu", "gpu")):
        with device(where):
            set_random_seed(1)
            model = Sequential([
                layers.Input(batch_shape=(N, 5, 3)), layers.LSTM(3, stateful=True, name="lstm"), layers.Dense(1, name="out")
            ], name="stateful")  # fmt: skip
        model.compile("adam", "mse")
        model.predict(SERIES, batch_size=N, verbose=0)
        before = [state.copy() for state in model.layers[0].get_state()]
        with device(within):
            results.append(look(model))
        for a, b in zip(before, model.layers[0].get_state(), strict=True):
            np.testing.assert_array_equal(a, b)
        assert {home(state.data).partition(":")[0] for state in model.layers[0].states} == {where}
    for other in results[1:]:
        same(results[0], other)


# --- compare --------------------------------------------------------------------------------------------------------


def sizes(found):
    return [(row.name, row.shape) for row in found.differences], [op.name for op in found.ops], found.source


@EACH
def test_compare_a_model(sides, kind):
    def look(model, x, y):
        found = inspect.compare(model, x)
        assert str(found)
        assert "<table" in found._repr_html_()
        assert all(row.largest < 1e-4 for row in found.differences)
        assert found.times.reference_forward > 0
        return sizes(found)

    same(*both(sides(kind), look))


def test_compare_a_layer_that_is_there(sides):
    """It runs there, on a copy: its kernels against the references, both of CuPy's arrays."""

    def look(model, x, y):
        found = inspect.compare(model.layers[0], x)
        assert all(row.relative < 1e-4 for row in found.differences)
        assert found.times.kernels_backward > 0
        assert str(found)
        return sizes(found)

    same(*both(sides("images"), look))


def test_compare_says_which_arrays_a_kernel_does_not_take(sides):
    """Half-precision has no kernels; the sentence names the types of the arrays."""

    def look(model, x, y):
        layer = layers.Dense(64, dtype="float16", name="half")
        with backend.kernels_on():
            found = inspect.compare(layer, there(wide) if on_gpu(model.weights[0].data) else wide)
        return [op.reason for op in found.ops]

    wide = RNG.normal(size=(64, 300)).astype("float16")
    made = list(sides("images"))
    with device("gpu"):
        there_found = look(made[1][1], None, None)
    assert look(made[0][1], None, None) == there_found
    assert "float16" in there_found[0]


# --- gradcheck ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["images", "several"])
def test_the_report_of_gradcheck(sides, kind):
    def look(model, x, y):
        x = [part[:2] for part in x] if isinstance(x, list) else x[:2]
        report = minidl.gradcheck(model, x, y[:2], max_elements=8, raise_on_failure=False)
        assert report, report
        return str(report), [row.errors for row in report.rows], drawn(inspect.plot_gradcheck(report))

    same(*both(sides(kind), look), exact=True)


def test_the_report_of_gradcheck_of_layers(sides):
    def look(model, x, y):
        series = to_device(SERIES, "gpu") if on_gpu(x) else SERIES
        reports = [
            minidl.gradcheck(model.get_layer(name), data[:2], max_elements=8, raise_on_failure=False)
            for name, data in (("lstm", series[:, :, :3]), ("both", series))
        ]
        assert all(reports), reports
        return [(str(report), [row.errors for row in report.rows]) for report in reports]

    same(*both(sides("words"), look), exact=True)
