"""Reference and kernels side by side."""

import copy
import re
import textwrap

import numpy as np
import pytest
from pictured import Page

import minidl
from minidl import backend, inspect, layers
from minidl.inspect import comparing
from minidl.inspect.comparing import compare
from minidl.inspect.comparing.choice import choices
from minidl.inspect.comparing.report import Comparison, Difference, Times
from minidl.inspect.comparing.run import Run, differences
from minidl.layers.core.dense import dense_backward, dense_forward
from minidl.tensor import Function

RNG = np.random.default_rng(0)
HAS_KERNELS = not backend.available()["cpu"].startswith("off")
needs_kernels = pytest.mark.skipif(not HAS_KERNELS, reason="there are no compiled kernels here")


def image(*shape):
    return RNG.random(shape).astype(np.float32)


CASES = [
    (layers.Dense(4), image(3, 5)),
    (layers.Conv2D(4, 3, activation="relu"), image(2, 6, 6, 3)),
    (layers.LSTM(4, return_sequences=True, dropout=0.3), image(2, 5, 3)),
    (layers.Bidirectional(layers.GRU(3)), image(2, 5, 3)),
    (layers.BatchNormalization(), image(6, 4)),
    (layers.Dropout(0.5), image(4, 9)),
    (layers.Embedding(9, 4), RNG.integers(0, 9, (3, 5))),
    (layers.Add(), [image(2, 3), image(2, 3)]),
]


@needs_kernels
@pytest.mark.parametrize(("layer", "x"), CASES, ids=lambda v: getattr(v, "name", ""))
def test_both_sides_agree_and_every_gradient_is_there(layer, x):
    result = compare(layer, x)
    names = [row.name for row in result.differences]
    assert names[0] == "output"
    twin = copy.deepcopy(layer)
    twin(x)
    floats = sum(part.dtype.kind == "f" for part in (x if isinstance(x, list) else [x]))
    assert len(names) == 1 + floats + len(twin.trainable_weights)
    assert all(row.relative < 1e-4 for row in result.differences)
    assert min(result.times.reference_forward, result.times.kernels_backward) > 0


@needs_kernels
def test_a_layer_without_kernels_says_so():
    title = str(compare(layers.Flatten(), image(2, 3, 4))).splitlines()[0]
    assert title == "flatten (Flatten): no kernel is written for its ops, the reference runs on both"


@needs_kernels
@pytest.mark.parametrize("seed", range(3))
def test_what_is_sent_back_is_not_what_came_in(seed):
    """The gradient of a normalisation along its own input is zero: rounding alone would be compared."""
    x = np.random.default_rng(seed).standard_normal((8, 6, 4)).astype(np.float32)
    result = compare(layers.BatchNormalization(), x)
    back = next(row for row in result.differences if row.name == "d inputs[0]")
    assert back.largest == 0 or back.largest / back.relative > 0.1


def test_the_title_says_no_less_than_the_table():
    rows = (
        Difference("output", (2,), 1e-6, 4e-7, (0,), 2.5, 2.500001),
        Difference("d w", (2,), 3e-5, 3e-7, (1,), 100.0, 100.00003),
    )
    title = str(Comparison("conv", "Conv2D", rows, Times(1.0, 1.0, 1.0, 1.0), (), "")).split("\n\n")[0]
    assert "differ by 4e-07 of an array's largest value at most: in output, by 1e-06." in " ".join(
        title.split()
    )


def test_the_layer_stays_as_it_was():
    layer = layers.BatchNormalization()
    compare(layer, image(8, 3))
    assert not layer.built
    layer(image(8, 3))
    before = [w.numpy().copy() for w in layer.weights]
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    compare(layer, image(8, 3))
    assert all(map(np.array_equal, before, layer.get_weights()))
    assert all(w.grad is None for w in layer.weights)
    np.testing.assert_array_equal(state, np.random.get_state()[1])  # noqa: NPY002


def test_models_too():
    model = minidl.Sequential(
        [layers.Input((6,)), layers.Dense(4, "relu"), layers.Dropout(0.5), layers.Dense(2)]
    )
    result = compare(model, image(3, 6))
    assert result.kind == "Sequential"
    dense = next(op for op in result.ops if op.name == "Dense")
    assert dense.times in (1, 2)  # 1 where the two calls have other reasons
    assert result.source.count("def dense_forward(") == 1


def faulty(wrong):
    """A run on the side of the kernels, all right but for what `wrong` does to the numbers."""
    a = RNG.standard_normal((3, 4))
    b = a.copy()
    wrong(b)
    return a, differences(Run({"y": a}, [], 0.0, 0.0), Run({"y": b}, [], 0.0, 0.0))[0]


def test_the_largest_difference_is_found():
    def wrong(b):
        b[2, 1] += 0.5
        b[0, 3] -= 0.25

    a, row = faulty(wrong)
    assert row.index == (2, 1)
    assert row.largest == pytest.approx(0.5)
    assert row.relative == pytest.approx(0.5 / np.abs(a).max())
    assert (row.reference, row.kernels) == (a[2, 1], pytest.approx(a[2, 1] + 0.5))


def test_nan_on_one_side_is_the_largest_difference():
    def wrong(b):
        b[0, 0] += 1e6
        b[1, 2] = np.nan

    assert faulty(wrong)[1].index == (1, 2)
    assert faulty(wrong)[1].largest == np.inf
    a = np.array([np.nan, np.inf, 1.0])
    (row,) = differences(Run({"y": a}, [], 0.0, 0.0), Run({"y": a.copy()}, [], 0.0, 0.0))
    assert row.largest == 0


# --- which implementation runs --------------------------------------------------------------------------------------


def ops_of(layer, x):
    return {op.name: op for op in compare(layer, x).ops}


@needs_kernels
def test_why_a_kernel_runs_or_not():
    small, large = ops_of(layers.Dense(4), image(3, 5)), ops_of(layers.Dense(64), image(64, 64))
    assert not small["Dense"].runs
    assert "39 numbers together, fewer than 4,096" in small["Dense"].reason  # 3·5 + 5·4 + 4
    assert large["Dense"].runs
    assert large["Dense"].kernel == "dense"
    flat = ops_of(layers.Flatten(), image(64, 8, 9))
    assert flat["Reshape"].kernel is None
    assert "No kernel is written" in flat["Reshape"].reason
    half = ops_of(layers.Dense(64, dtype="float16"), image(64, 64))
    assert "does not take these arrays (float16)" in half["Dense"].reason
    with minidl.kernels_off():
        assert "kernels_off() is in force" in ops_of(layers.Dense(64), image(64, 64))["Dense"].reason


@needs_kernels
def test_what_is_said_to_run_is_what_runs():
    """Held to the tape of an ordinary call, outside of any block."""
    from minidl.graph import taken_down

    for layer, x in [*CASES, (layers.Dense(64), image(64, 64)), (layers.Conv2D(8, 3), image(4, 12, 12, 3))]:
        result, tape = compare(layer, x), []
        with taken_down(tape):
            copy.deepcopy(layer)(x, training=True)
        tape = [applied for applied in tape if applied.function is not None]
        runs = {applied.function.__name__.removesuffix("Function"): False for applied in tape}
        for applied in tape:
            if applied.forward is not applied.function.forward:
                runs[applied.function.__name__.removesuffix("Function")] = True
        for name, ran in runs.items():
            assert any(op.runs for op in result.ops if op.name == name) == ran, (layer, name)


def test_where_there_are_no_kernels(monkeypatch):
    def none():
        raise ImportError("no kernels")

    monkeypatch.setattr(comparing, "kernels_on", none)
    monkeypatch.setattr(
        inspect.comparing.choice, "available", lambda: {"cpu": "off: No module named 'numba'"}
    )
    monkeypatch.setattr(inspect.comparing.choice, "implementation", lambda name, pair, *rest: pair)
    result = compare(layers.Dense(64), image(64, 64))
    assert result.differences == ()
    assert result.largest is None
    assert result.times.kernels_forward is None
    assert "There are no kernels on this machine: off: No module named 'numba'" in result.ops[0].reason
    assert "the reference alone" in str(result)
    Page(result._repr_html_())


def test_the_source_is_that_of_the_references():
    import inspect as python

    source = compare(layers.Dense(4), image(3, 5)).source
    for function in (dense_forward, dense_backward):
        assert textwrap.dedent(python.getsource(function)).rstrip() in source
        assert f"core/dense.py:{python.getsourcelines(function)[1]}\n" in source


def test_functions_without_a_file():
    scope = {"Function": Function, "np": np}
    exec(  # noqa: S102
        "class Twice(Function):\n"
        "    forward = staticmethod(lambda x: (2 * x, None))\n"
        "    backward = staticmethod(lambda dy, cache: (2 * dy,))",
        scope,
    )
    result = compare(layers.Lambda(scope["Twice"].apply), image(2, 3))
    assert "its source is in no file" in result.source
    assert choices([]) == ()


# --- how it is shown ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize(("layer", "x"), CASES[:5], ids=lambda v: getattr(v, "name", ""))
def test_text_and_html(monkeypatch, language, layer, x):
    monkeypatch.setenv("MINIDL_LANG", language)
    result = compare(layer, x)
    above = str(result).split(result.source[:20])[0]
    assert all(columns(line) <= 80 for line in above.splitlines())
    assert bool(re.search("[가-힣]", above)) == (language == "ko")
    page = Page(result._repr_html_())
    assert {"table", "details", "pre", "th"} <= page.tags
    assert result.source in page.data
    for row in result.differences:
        assert row.name in page.cells


def columns(text):
    return sum(2 if "가" <= letter <= "힣" else 1 for letter in text)


@pytest.mark.parametrize("wrong", [None, np.ones(3), layers.Dense, "dense"])
def test_only_layers(wrong):
    with pytest.raises(TypeError, match="compare expects a layer or a model"):
        compare(wrong, image(2, 2))
