"""The checker checked: what is right must pass, an error of a millionth in one element must not."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minidl
from minidl import layers, models, random
from minidl.gradcheck import GradcheckError, complex_step, gradcheck, inner_product
from minidl.gradcheck.differences import refined, slopes
from minidl.layers.base import Layer
from minidl.tensor import Function, Tensor
from minidl.utils.columns import columns
from minidl.variable import FlatWeights, Variable

A = np.array([[0.5, -1.2, 2.0], [1.5, 0.3, -0.7]])
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _seed() -> None:
    random.set_seed(0)


def off_by(error: float, element: int, function: Callable[..., Any]) -> Callable[[Any], Any]:
    """`function` with one element of its gradient wrong by `error` of the largest one."""

    class OffBy(Function):
        @staticmethod
        def forward(x: np.ndarray) -> tuple[np.ndarray, Tensor]:
            leaf = Tensor(x, requires_grad=True)
            y = function(leaf)
            return y.data, (leaf, y)

        @staticmethod
        def backward(dy: np.ndarray, cache: Any) -> tuple[np.ndarray]:
            leaf, y = cache
            leaf.grad = None
            y.backward(dy, retain_graph=True)
            dx = leaf.grad.copy()
            dx.reshape(-1)[element] += error * np.abs(dx).max()
            return (dx,)

    return OffBy.apply


def report_of(*arguments: Any, **options: Any) -> Any:
    return gradcheck(*arguments, raise_on_failure=False, **options)


# --- smooth functions: right ones pass, wrong ones do not -----------------------------------------------

SMOOTH: dict[str, Callable[[Any], Any]] = {
    "exp": np.exp,
    "tanh": np.tanh,
    "sin of products": lambda x: np.sin(x * x[..., :1]),
    "softmax": lambda x: np.exp(x) / np.sum(np.exp(x), axis=-1, keepdims=True),
    "cross entropy": lambda x: np.mean(np.log(np.sum(np.exp(x), axis=-1)) - x[..., 0]),
    "variance": lambda x: np.var(x, axis=0) + x[0],
    "matrix": lambda x: np.tanh(x @ np.transpose(x)),
    "cube": lambda x: x**3,
    "sum": np.sum,
}
smooth = pytest.mark.parametrize("function", SMOOTH.values(), ids=SMOOTH)
shapes = st.tuples(st.integers(1, 4), st.integers(1, 4))
larger = st.tuples(st.integers(2, 4), st.integers(2, 4))  # the softmax of one number has no slope


@smooth
def test_right_gradients_pass(function: Callable[[Any], Any]) -> None:
    @settings(deadline=None, max_examples=25)
    @given(shapes, st.integers(0, 1000), st.sampled_from([0.01, 1.0, 3.0]))
    def check(shape: tuple[int, int], seed: int, scale: float) -> None:
        gradcheck(function, scale * np.random.default_rng(seed).standard_normal(shape))

    check()


@smooth
def test_an_error_of_a_millionth_in_one_element_is_found(function: Callable[[Any], Any]) -> None:
    @settings(deadline=None, max_examples=25)
    @given(larger, st.integers(0, 1000), st.data(), st.sampled_from([1e-6, -1e-6]))
    def check(shape: tuple[int, int], seed: int, data: Any, error: float) -> None:
        x = 0.7 * np.random.default_rng(seed).standard_normal(shape)
        element = data.draw(st.integers(0, x.size - 1))
        wrong = report_of(off_by(error, element, function), x)
        assert not wrong.ok
        assert report_of(off_by(0.0, element, function), x).ok

    check()


def test_the_millionth_is_found_among_many_elements_and_many_outputs() -> None:
    x = RNG.standard_normal(600)
    report = report_of(off_by(1e-6, 432, lambda t: np.sin(t) * np.sum(t[:3])), x)
    assert report.rows[0].index == (432,)
    assert not report


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e3])
def test_small_and_large_gradients_are_held_to_the_same_precision(scale: float) -> None:
    x = RNG.standard_normal(5)
    assert report_of(lambda t: scale * np.sum(np.exp(t)), x).ok
    assert not report_of(off_by(1e-6, 2, lambda t: scale * np.sum(np.exp(t))), x).ok


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3, 1e6])
def test_small_and_large_inputs(size: float) -> None:
    x = size * np.array([0.5, 1.5, 2.5])
    assert report_of(np.log, x).ok
    assert not report_of(off_by(1e-6, 0, np.log), x).ok


@pytest.mark.parametrize(
    "wrong",
    [
        lambda dy, x: 2 * dy * x * 1.000001,
        lambda dy, x: -2 * dy * x,
        lambda dy, x: 0 * dy,
        lambda dy, x: None,
        lambda dy, x: 2 * dy * x[::-1],
        lambda dy, x: 2 * dy * x + 1e-5,
        lambda dy, x: np.full_like(x, np.nan),
        lambda dy, x: 2 * x,
    ],
)
def test_wrong_backward_functions(wrong: Callable[..., Any]) -> None:
    class Square(Function):
        @staticmethod
        def forward(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return x * x, x

        @staticmethod
        def backward(dy: np.ndarray, x: np.ndarray) -> tuple[Any]:
            return (wrong(dy, x),)

    with pytest.raises(GradcheckError, match=r"0 of 1 gradients agree"):
        gradcheck(Square.apply, [1.0, 2.0, -3.0])


@pytest.mark.parametrize("outputs", [1, 4, 300])
@pytest.mark.parametrize(
    "wrong",
    [
        lambda dy, x: 2 * x + 0 * dy,
        lambda dy, x: 2 * x * dy**3,
        lambda dy, x: 2 * x * dy * abs(dy),
        lambda dy, x: 2 * x * abs(dy),
        lambda dy, x: -2 * x * abs(dy),
        lambda dy, x: 2 * x * np.sign(dy),
        lambda dy, x: 2 * x * np.maximum(dy, 0),
    ],
)
def test_backward_that_is_not_linear_in_dy(wrong: Callable[..., Any], outputs: int) -> None:
    class Square(Function):
        @staticmethod
        def forward(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return x * x, x

        @staticmethod
        def backward(dy: np.ndarray, x: np.ndarray) -> tuple[Any]:
            return (wrong(dy, x),)

    report = report_of(Square.apply, np.full(outputs, 1.5), max_elements=10)
    assert not report.ok
    assert report_of(lambda t: t * t, np.full(outputs, 1.5), max_elements=10).ok


def test_the_slopes_of_a_report_are_those_of_the_output() -> None:
    (row,) = report_of(lambda x: 3 * x, [1.0, 2.0]).rows
    assert (row.analytic, row.numeric) == pytest.approx((3.0, 3.0), abs=1e-9)
    (row,) = report_of(off_by(1.0, 0, lambda x: 3 * x), [1.0]).rows
    assert (row.analytic, row.numeric) == pytest.approx((6.0, 3.0), abs=1e-9)


def test_missing_graph_is_a_wrong_gradient() -> None:
    assert not report_of(lambda x: x.detach() * 2, A).ok


# --- several inputs, outputs, and what is not checked ---------------------------------------------------


def test_every_input_has_its_row() -> None:
    report = gradcheck(lambda a, b, c: (a * b, np.sum(c) * a), A, 2.0, [1.0, 2.0])
    assert [(row.name, row.shape) for row in report.rows] == [
        ("inputs[0]", (2, 3)),
        ("inputs[1]", ()),
        ("inputs[2]", (2,)),
    ]


def test_lists_of_inputs_and_outputs_in_dictionaries() -> None:
    report = gradcheck(lambda xs, axis: {"joined": np.concatenate(xs, axis), "first": [xs[0] * 2]}, [A, A], 1)
    assert [row.name for row in report.rows] == ["inputs[0][0]", "inputs[0][1]"]


def test_rows_are_named_by_the_place_of_the_argument() -> None:
    report = gradcheck(
        lambda a, axis, bs, name, c: np.sum(a * bs[1], axis) * c, A, 0, [np.array([1, 2]), A], "", 2.0
    )
    assert [row.name for row in report.rows] == ["inputs[0]", "inputs[2][1]", "inputs[4]"]
    assert report.notes == ("inputs[2][0] holds int64, which has no gradient: not checked.",)


def test_whole_numbers_are_passed_on_and_said() -> None:
    report = gradcheck(lambda i, x: np.take(x, i, axis=0), np.array([1, 1, 0]), A)
    assert [row.name for row in report.rows] == ["inputs[1]"]
    assert "inputs[0] holds int64, which has no gradient: not checked." in report.notes


def test_float_outputs_beside_whole_ones() -> None:
    assert gradcheck(lambda x: (np.argmax(x), x * 2), A).ok


def test_float32_is_checked_on_a_copy_in_float64() -> None:
    x = A.astype(np.float32)
    before = x.copy()
    row = gradcheck(np.exp, x).rows[0]
    assert row.relative_error < 1e-9
    np.testing.assert_array_equal(x, before)
    assert x.dtype == np.float32


def test_tensors_are_not_touched() -> None:
    x = Tensor(A.copy(), requires_grad=True)
    gradcheck(lambda t: t * t, x)
    assert x.grad is None
    np.testing.assert_array_equal(x.numpy(), A)


def test_empty_inputs_and_outputs() -> None:
    assert gradcheck(lambda x, w: x @ w, np.zeros((0, 3)), np.ones((3, 2))).ok
    assert gradcheck(lambda x, w: np.sum(x) + np.sum(w), np.zeros((0, 3)), np.ones(2)).ok


def test_many_outputs_are_compared_in_random_sums() -> None:
    x = RNG.standard_normal((20, 20))
    assert gradcheck(lambda t: np.tanh(t * 2), x).ok
    wrong = report_of(off_by(1e-6, 137, np.tanh), x)
    assert not wrong.ok
    assert "a random sum of the outputs" in str(wrong)


def test_large_inputs_are_sampled_and_the_rest_is_checked_together() -> None:
    x = RNG.standard_normal(500)
    report = gradcheck(lambda t: np.sum(np.sin(t)), x, max_elements=20)
    assert [row.name for row in report.rows] == ["inputs[0]", "inputs[0], the rest"]
    assert "inputs[0]: 20 of 500 elements, drawn with seed 0, were checked one by one." in report.notes
    checked = np.sort(np.random.default_rng(0).choice(500, 20, replace=False))
    outside = next(i for i in range(500) if i not in checked)
    for element, rows in ((int(checked[3]), [False, True]), (outside, [True, False])):
        report = report_of(off_by(1e-3, element, lambda t: np.sum(np.sin(t))), x, max_elements=20)
        assert [row.ok for row in report.rows] == rows


def test_sampling_is_the_same_each_time_and_follows_the_seed() -> None:
    x = RNG.standard_normal(300)
    reports = [str(gradcheck(lambda t: np.sum(np.exp(t)), x, max_elements=5, seed=s)) for s in (1, 1, 2)]
    assert reports[0] == reports[1] != reports[2]


# --- kinks ----------------------------------------------------------------------------------------------


def relu(x: Any) -> Any:
    return np.maximum(x, 0.0)


@pytest.mark.parametrize(
    ("function", "x"),
    [
        (relu, [0.0, 1.0, -1.0]),
        (np.abs, [0.0, 1.0]),
        (lambda x: x + 1e-5 * np.abs(x), [0.0, 1.0]),
        (lambda x: np.max(x, axis=1), np.zeros((2, 3))),
        (lambda x: np.clip(x, 0, 1), [0.0, 1.0]),
        (np.floor, [1.0, 2.0]),
        (lambda x: relu(x - 1e-9), [0.0, 2.0]),
        (lambda x: np.sort(x), [1.0, 1.0, 1.0]),
    ],
)
def test_kinks_are_left_and_said(function: Callable[[Any], Any], x: Any) -> None:
    report = gradcheck(function, x)
    assert report.ok
    assert any(note.startswith("kink near inputs[0]") and "re-drawn 1 time." in note for note in report.notes)


def test_the_note_names_the_element_and_its_value() -> None:
    x = A.copy()
    x[1, 0] = 0
    assert "kink near inputs[0][1, 0] = 0: re-drawn 1 time." in gradcheck(relu, x).notes


@pytest.mark.parametrize("distance", [1e-2, 3e-3, 1e-3, 1e-4, 3e-5])
def test_a_kink_nearby_does_not_disturb(distance: float) -> None:
    report = gradcheck(relu, [distance, -distance])
    assert report.ok
    assert not report.notes


@pytest.mark.parametrize("x", [[0.0, 1.0, -1.0], [1e-3, 1.0, -1.0], [0.0, 0.0, 0.0]])
@pytest.mark.parametrize("element", [0, 1])
def test_a_wrong_gradient_is_not_excused_by_kinks(x: list[float], element: int) -> None:
    wrong = report_of(off_by(1e-6, element, lambda t: relu(t) + 0.5 * t), x)
    assert not wrong.ok


@pytest.mark.parametrize("slope", [np.nan, np.inf])
def test_a_slope_that_is_no_number_is_not_excused_by_kinks(
    monkeypatch: pytest.MonkeyPatch, slope: float
) -> None:
    monkeypatch.setattr(KinkEverywhere, "slope", slope)
    where = [np.array([1.0, 2.0])]
    assert not report_of(lambda t: KinkEverywhere.apply(t, where=where)[:1] + 0 * t[1:], where[0].copy()).ok


def test_a_made_up_slope_at_a_step_is_wrong() -> None:
    class Step(Function):  # a straight-through estimator
        @staticmethod
        def forward(x: np.ndarray) -> tuple[np.ndarray, None]:
            return np.floor(x), None

        @staticmethod
        def backward(dy: np.ndarray, cache: None) -> tuple[np.ndarray]:
            return (dy,)

    assert not report_of(Step.apply, [0.0, 0.5]).ok


class KinkEverywhere(Function):
    """|x − x₀| wherever it is evaluated first, so that moving x does not help; a slope of its choice."""

    slope = 0.0

    @staticmethod
    def forward(x: np.ndarray, *, where: list[np.ndarray]) -> tuple[np.ndarray, None]:
        if np.abs(x - where[-1])[0] > 0.005:
            where.append(x.copy())
        return np.abs(x - where[-1]), None

    @classmethod
    def backward(cls, dy: np.ndarray, cache: None) -> tuple[np.ndarray]:
        return (dy * np.array([cls.slope, 0.0]),)


@pytest.mark.parametrize(("slope", "reason"), [(0.0, "skipped"), (0.99, "skipped"), (1.01, "WRONG")])
def test_unavoidable_kinks_are_listed_and_nothing_outside_of_their_sides_passes(
    monkeypatch: pytest.MonkeyPatch, slope: float, reason: str
) -> None:
    monkeypatch.setattr(KinkEverywhere, "slope", slope)
    x = np.array([1.0, 2.0])
    where = [x.copy()]
    report = report_of(lambda t: KinkEverywhere.apply(t, where=where)[:1] + 0 * t[1:], x)
    assert reason in str(report)
    if reason == "skipped":
        assert report.ok  # the other element was checked
        assert "inputs[0][0] skipped: slope -1 on the left, 1 on the right." in report.notes
    else:
        assert not report.ok


def test_nothing_checked_is_not_a_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KinkEverywhere, "slope", 0.0)

    where = [np.array([1.0, 0.0])]
    report = report_of(lambda t: KinkEverywhere.apply(np.concatenate([t, [0.0]]), where=where)[:1], [1.0])
    assert not report.ok
    assert "KINK" in str(report)


def test_only_the_second_derivative_jumps() -> None:
    report = gradcheck(lambda x: np.maximum(x, 0.0) ** 2 + x, [0.0, 1.0])
    assert report.rows[0].relative_error < 1e-7


# --- what cannot be checked -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: x * np.random.default_rng().random(), "not deterministic"),
        (lambda x: x.numpy() * 2, "expects output 0 of the target to be a Tensor, got ndarray"),
        (lambda x: x.astype("float32"), "got output 0 as float32"),
        (lambda x: np.log(x), "NaN or infinite outputs"),
    ],
)
def test_unfit_targets(function: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(GradcheckError, match=message):
        gradcheck(function, A)


def test_function_that_changes_its_input() -> None:
    def careless(x: Tensor) -> Tensor:
        x.data[0, 0] = 0
        return x * 2

    with pytest.raises(GradcheckError, match=r"inputs\[0\] changed by the target"):
        gradcheck(careless, A)


def test_backward_that_eats_its_cache() -> None:
    class Eats(Function):
        @staticmethod
        def forward(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return x * x, 2 * x

        @staticmethod
        def backward(dy: np.ndarray, cache: np.ndarray) -> tuple[np.ndarray]:
            cache *= dy
            return (cache,)

    with pytest.raises(GradcheckError, match="backward twice"):
        gradcheck(Eats.apply, A)


@pytest.mark.parametrize("several", [False, True])
def test_backward_that_changes_dy(several: bool) -> None:
    class InPlace(Function):
        @staticmethod
        def forward(x: np.ndarray) -> tuple[Any, None]:
            return ((x * 2, x * 1) if several else x * 2), None

        @staticmethod
        def backward(dy: Any, cache: None) -> tuple[np.ndarray]:
            first, second = dy if several else (dy, 0)
            first *= 2
            return (first + second,)

    with pytest.raises(GradcheckError, match=r"writes to an array which is not its own: dy"):
        gradcheck(InPlace.apply, A)


def test_nothing_to_check() -> None:
    with pytest.raises(GradcheckError, match="nothing to check"):
        gradcheck(lambda i: i * 2.0, np.array([1, 2]))
    with pytest.raises(TypeError, match=r"expects an input to run Dense on: gradcheck\(layer, x\)"):
        gradcheck(minidl.layers.Dense(3))
    with pytest.raises(TypeError, match="expects a function, layer or model to check, got ndarray"):
        gradcheck(A, A)


# --- layers ---------------------------------------------------------------------------------------------


class Scaled(Layer):
    """A layer with a state, a mask drawn at random, and a gradient that can be broken."""

    def __init__(self, error: float = 0.0):
        super().__init__()
        self.error = error
        self.seeds = random.SeedGenerator()

    def build(self, input_shape: Any) -> None:
        self.factor = self.add_weight((input_shape[-1],), initializer="glorot_uniform", name="factor")
        self.calls = self.add_weight((1,), initializer="zeros", trainable=False, name="calls")

    def call(self, x: Any, training: bool = False) -> Any:
        self.calls.assign_add([1.0])
        mask = (self.seeds.next().random(x.shape) > 0.3) * 1.0 if training else 1.0
        return np.tanh(
            off_by(self.error, 1, lambda f: f * 1.0)(self.factor) * x * mask + self.calls.data * 0.1
        )


def test_layer_with_state_and_mask_is_checked_and_left_as_it_was() -> None:
    layer = Scaled()
    layer(A.astype(np.float32))
    before = [(v, v.data, v.data.copy(), v.grad) for v in layer.weights]
    report = gradcheck(layer, A)
    assert [row.name for row in report.rows] == [layer.factor.path, "inputs[0]"]
    for variable, array, values, grad in before:
        assert variable.data is array
        assert variable.grad is grad
        np.testing.assert_array_equal(array, values)
    assert layer.dtype == "float32"
    assert layer(A).dtype == np.float32


def test_layer_is_built_first_where_needed() -> None:
    layer = Scaled()
    assert gradcheck(layer, A).ok
    assert layer.built
    assert layer.factor.dtype == np.float32


def test_wrong_layer_fails_by_its_weight() -> None:
    report = report_of(Scaled(error=1e-6), A)
    assert [row.ok for row in report.rows] == [False, True]


def test_weights_come_back_after_an_error() -> None:
    class Fails(Scaled):
        def call(self, x: Any, training: bool = False) -> Any:
            if x.dtype == np.float64:
                raise ZeroDivisionError("in the layer")
            return super().call(x)

    layer = Fails()
    layer(A.astype(np.float32))
    flat = FlatWeights([layer.factor])
    before = flat.groups[0].values.copy()
    with pytest.raises(ZeroDivisionError, match="in the layer"):
        gradcheck(layer, A)
    assert flat.holds([layer.factor])
    assert layer.dtype == "float32"
    np.testing.assert_array_equal(flat.groups[0].values, before)


def test_gradients_of_the_last_step_stay() -> None:
    layer = Scaled()
    np.sum(layer(A)).backward()
    before = layer.factor.grad
    assert before is not None
    copy = before.copy()
    gradcheck(layer, A)
    assert layer.factor.grad is before
    np.testing.assert_array_equal(before, copy)


def test_frozen_weights_have_no_row() -> None:
    layer = Scaled()
    layer.trainable = False
    assert [row.name for row in gradcheck(layer, A).rows] == ["inputs[0]"]


class Protocol:
    """The least that counts as a layer."""

    def __init__(self) -> None:
        self.w = Variable(np.array([0.5, 1.5, -2.0], np.float32), name="w")
        self.trainable_weights = [self.w]

    def __call__(self, x: Tensor, training: bool | None = None) -> Tensor:
        return x * self.w


def test_anything_with_trainable_weights_counts_as_a_layer() -> None:
    thing = Protocol()
    array = thing.w.data
    assert [row.name for row in gradcheck(thing, A).rows] == ["w", "inputs[0]"]
    assert thing.w.data is array


@pytest.mark.parametrize("layer", [layers.LSTM, layers.GRU, layers.SimpleRNN])
def test_a_stateful_layer_begins_every_run_with_the_same_states(layer: Any) -> None:
    made = layer(2, stateful=True)
    x = np.random.default_rng(0).normal(size=(3, 4, 2)).astype("float32")
    made(x)
    states = made.states
    before = [state.numpy().copy() for state in states]
    assert gradcheck(made, x)
    assert made.states is states
    for state, wanted in zip(states, before, strict=True):
        np.testing.assert_array_equal(state.numpy(), wanted)


@pytest.mark.parametrize("training", [True, False])
def test_batch_normalization_keeps_its_moving_averages(training: bool) -> None:
    layer = layers.BatchNormalization()
    layer(A, training=True)
    before = layer.get_weights()
    assert gradcheck(layer, A, training=training).ok
    for value, old in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, old)


# --- models ---------------------------------------------------------------------------------------------


def small_model(error: float = 0.0) -> models.Sequential:
    model = models.Sequential(
        [
            layers.Conv2D(2, 3, activation="relu", kernel_regularizer="l2"),
            layers.MaxPooling2D(),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dropout(0.3),
            Scaled(error),
            layers.Dense(3, activation="softmax", activity_regularizer="l2"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


IMAGES = np.random.default_rng(1).random((4, 6, 6, 1)).astype(np.float32)
CLASSES = np.array([0, 2, 1, 1])


def test_model_with_its_loss() -> None:
    model = small_model()
    model.fit(IMAGES, CLASSES, epochs=1, batch_size=4, verbose=0)
    before = model.get_weights()
    state = [v.data for v in model.weights]
    report = gradcheck(model, IMAGES, CLASSES)
    assert [row.name.split("/")[-1] for row in report.rows] == [
        "kernel", "bias", "gamma", "beta", "factor", "kernel", "bias", "inputs[0]",
    ]  # fmt: skip
    for value, old in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, old)
    assert all(v.data is array for v, array in zip(model.weights, state, strict=True))
    model.fit(IMAGES, CLASSES, epochs=1, batch_size=4, verbose=0)


def test_wrong_layer_inside_a_model_is_found() -> None:
    report = report_of(small_model(error=1e-5), IMAGES, CLASSES)
    assert [row.name.split("/")[-1] for row in report.rows if not row.ok] == ["factor"]


def test_sample_weights_count() -> None:
    model = models.Sequential([layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = A.astype(np.float32), np.array([[1.0], [2.0]])
    one, other = (report_of(model, x, y, np.array(w)) for w in ([1.0, 0.0], [0.0, 1.0]))
    assert one.ok
    assert other.ok
    assert one.rows[0].analytic != other.rows[0].analytic


def test_model_without_targets_is_checked_as_a_layer() -> None:
    assert gradcheck(small_model(), IMAGES, training=False).ok


def test_model_with_targets_needs_a_loss() -> None:
    model = models.Sequential([layers.Dense(1)])
    with pytest.raises(GradcheckError, match="compile the model first, or pass x alone"):
        gradcheck(model, A, np.ones((2, 1)))
    assert gradcheck(model, A).ok


def test_the_package_can_be_called_and_holds_the_others() -> None:
    assert minidl.gradcheck(lambda a: a * a, [1.0, 2.0]).ok
    assert minidl.gradcheck.gradcheck is gradcheck
    assert minidl.gradcheck.complex_step(lambda a: a * a, [1.0, 2.0])


# --- the report -----------------------------------------------------------------------------------------


def test_report_is_a_table_of_80_columns() -> None:
    report = report_of(small_model(error=1e-3), IMAGES, CLASSES, max_elements=50)
    text = str(report)
    assert text == repr(report)
    assert max(map(len, text.splitlines())) <= 80
    assert "WRONG" in text
    for row in report.rows:
        assert row.error == pytest.approx(abs(row.analytic - row.numeric))


def test_report_points_at_the_worst_element() -> None:
    report = report_of(off_by(0.5, 4, lambda x: x * 2), A)
    (row,) = report.rows
    assert (row.index, row.ok, row.name) == ((1, 1), False, "inputs[0]")
    assert abs(row.analytic - row.numeric) == pytest.approx(1.0)
    assert row.relative_error == pytest.approx(0.5)
    assert "/ d inputs[0][1,1] is " in str(report)
    with pytest.raises(AssertionError, match=r"d output\[0\].* / d inputs\[0\]\[1,1\]"):
        gradcheck(off_by(0.5, 4, lambda x: x * 2), A)


def test_output_is_named_by_number_and_index() -> None:
    def function(x: Tensor) -> tuple[Tensor, Tensor]:
        return x * 2, off_by(0.5, 0, lambda t: t[1] * 3)(x)

    assert "d output[1][0] / d inputs[0][0,0] is" in str(report_of(function, A))


def test_a_single_number_is_named_without_an_index() -> None:
    assert "d output[0] / d inputs[0] is 3 by backward, 2 by differences." in str(
        report_of(off_by(0.5, 0, lambda x: x * 2), 1.0)
    )


def test_report_in_korean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIDL_LANG", "ko")
    report = report_of(off_by(0.5, 0, lambda x: x * 2), RNG.standard_normal(300), max_elements=290)
    title, head, *lines = str(report).splitlines()
    assert title == "기울기 2개 중 1개가 차분과 일치합니다(상대 허용 오차 1e-07)"
    assert head.split() == ["위치", "역전파", "차분", "오차", "상대"]
    assert {columns(line) for line in lines[:2]} == {columns(head) + len(" 1234")}
    assert [line.split()[-1] for line in lines[:2]] == ["틀림", "맞음"]
    assert lines[1].startswith("inputs[0], 나머지 300 ")
    assert "d 출력의 무작위 합 / d inputs[0][0]: 역전파로는 " in lines[2]
    assert not re.search("[a-z]{3}", str(report).replace("inputs", ""))


def test_notes_in_korean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIDL_LANG", "ko")
    kinks = report_of(lambda x, n: np.abs(x), [0.0, *range(1, 9)], np.arange(3), max_elements=8, seed=1).notes
    assert kinks == (
        "inputs[1]은(는) 기울기가 없는 int64을(를) 담고 있어 검사하지 않습니다.",
        "inputs[0]: 원소 9개 중에서 시드 1(으)로 뽑은 8개를 하나씩 검사했습니다.",
        "꺾인 점이 inputs[0][0] = 0 가까이에 있어 1번 다시 뽑았습니다.",
    )
    assert report_of(np.abs, np.zeros(9)).notes[-1] == "... 그 밖에 4개를 다시 뽑았습니다."
    monkeypatch.setattr(KinkEverywhere, "slope", 0.0)
    where = [np.array([1.0, 2.0])]
    stays = report_of(lambda t: KinkEverywhere.apply(t, where=where)[:1] + 0 * t[1:], where[0].copy())
    assert stays.notes[-1] == "inputs[0][0]: 건너뛰었습니다(왼쪽 기울기 -1, 오른쪽 기울기 1)."
    empty = report_of(lambda x: x[:0], [1.0])
    assert empty.notes == ("실수 출력이 없으므로 기울기도 없습니다.",)


def test_the_end_of_a_long_korean_name_is_shown_in_as_many_columns() -> None:
    _, head, *lines = str(report_of(layers.Dense(2, name="층의_이름이_아주_길어도"), A)).splitlines()
    assert {columns(line) for line in lines} == {columns(head) + len(" ok")}
    assert re.match(r"….*도/kernel 3×2 ", lines[0])


# --- the exact checks -----------------------------------------------------------------------------------


def test_complex_step_of_known_functions() -> None:
    (jacobian,) = complex_step(np.sin, A)
    np.testing.assert_allclose(
        jacobian, np.cos(A)[..., None, None] * np.eye(6).reshape(2, 3, 2, 3), rtol=1e-15
    )
    one, other = complex_step(lambda a, b: a @ b, A, A.T)
    np.testing.assert_allclose(one, np.einsum("il,jk->ijlk", np.eye(2), A), rtol=1e-15)
    np.testing.assert_allclose(other, np.einsum("ik,jl->ijkl", A, np.eye(2)), rtol=1e-15)


def test_complex_step_through_tensors_and_views() -> None:
    (jacobian,) = complex_step(lambda x: np.tanh(Tensor(x))[::-1], [0.5, 1.0])
    np.testing.assert_allclose(jacobian, np.diag(1 - np.tanh([0.5, 1.0]) ** 2)[::-1], rtol=1e-15)
    assert complex_step(lambda x: x, np.zeros((0, 2)))[0].shape == (0, 2, 0, 2)


def test_complex_step_notices_a_lost_imaginary_part() -> None:
    with pytest.raises(GradcheckError, match="drops the imaginary part"):
        complex_step(np.abs, A)


def test_inner_product_of_linear_functions() -> None:
    x, w = RNG.standard_normal((200, 300)), RNG.standard_normal((300, 50))
    assert inner_product(lambda t: t @ w, x, linear=True) < 1e-12
    assert inner_product(lambda t, s: np.concatenate([t, s])[::-1], x, x, linear=True) < 1e-12
    assert inner_product(off_by(1e-3, 7, lambda t: t @ w), x, linear=True) > 1e-7


def test_inner_product_at_a_point() -> None:
    x = RNG.standard_normal((30, 40))
    assert inner_product(lambda a, b: np.tanh(a) * b, x, x + 1) < 1e-9
    assert inner_product(off_by(1e-3, 7, np.tanh), x) > 1e-7
    assert inner_product(lambda a: a.detach() * 0, x) == 0


# --- differences ----------------------------------------------------------------------------------------


def test_central_slope_is_of_fourth_order() -> None:
    errors = [abs(slopes(lambda t: np.array([np.exp(t)]), h, np.ones(1)).slope[0] - 1) for h in (0.1, 0.05)]
    assert 15 < errors[0] / errors[1] < 17


def test_refined_leaves_a_kink_behind_and_reports_one_that_stays() -> None:
    def near(t: float) -> np.ndarray:
        return np.array([abs(t + 1e-4), abs(t)])

    found = refined(near, 2.0**-9, near(0), 0.0, lambda s: False)
    np.testing.assert_allclose(found.slope, [1, 0], atol=1e-9)
    np.testing.assert_allclose(found.gap, [0, 2], atol=1e-9)
