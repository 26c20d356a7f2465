"""Metric, Mean, Sum and functions as metrics."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl import Tensor, config, metrics, ops
from minidl.metrics.inputs import aligned, spread_weights

VALUES = st.floats(-100, 100, width=32)


@given(st.lists(st.tuples(VALUES, st.floats(0, 10)), min_size=1, max_size=20), st.data())
@settings(deadline=None, max_examples=60)
def test_mean_is_the_weighted_mean_however_the_data_is_cut(pairs, data):
    values, weights = zip(*pairs, strict=True)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(values)), max_size=4)))
    mean = metrics.Mean()
    for a, b in zip([0, *cuts], [*cuts, len(values)], strict=True):
        mean.update_state(values[a:b], weights[a:b])
    total = sum(v * w for v, w in pairs)
    expected = total / sum(weights) if sum(weights) else 0.0
    assert mean.result() == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_mean_counts_samples_not_batches():
    mean = metrics.Mean()
    mean.update_state([0.0, 0.0, 0.0])
    mean.update_state([4.0])
    assert mean.result() == 1.0


def test_mean_of_one_number_with_a_weight_counts_as_that_many():
    mean = metrics.Mean()
    mean.update_state(1.0, sample_weight=32)
    mean.update_state(4.0, sample_weight=16)
    assert mean.result() == 2.0


def test_mean_of_several_values_per_sample():
    values = np.array([[1.0, 3.0], [5.0, 7.0], [0.0, 2.0]])
    mean = metrics.Mean()
    mean.update_state(values)
    assert (float(mean.count), mean.result()) == (3.0, 3.0)
    assert metrics.Mean()(values, [1, 1, 0]) == 4.0
    assert metrics.Mean()(values, [[1], [0], [1]]) == 1.5
    assert metrics.Mean()(values, [[1, 0], [1, 0], [0, 0]]) == 3.0
    assert metrics.Mean()(values, [[True, False], [False, True], [False, False]]) == 4.0


def test_mean_before_any_sample_is_zero():
    mean = metrics.Mean()
    assert mean.result() == 0.0
    mean.update_state(np.zeros((0, 3)))
    mean.update_state([5.0], [0.0])
    assert mean.result() == 0.0


def test_state_is_float64_and_adds_up_without_losing_digits():
    mean = metrics.Mean()
    for _ in range(100):
        mean.update_state(np.full(100_000, 0.1, dtype=np.float32))
    assert [v.dtype for v in mean.variables] == [np.float64, np.float64]
    assert mean.result() == pytest.approx(float(np.float32(0.1)), rel=1e-12)


def test_sum():
    total = metrics.Sum()
    total.update_state([1, 3, 5, 7])
    total.update_state([[1.0], [2.0]], sample_weight=[10, 0])
    assert total.result() == 26.0
    total.reset_state()
    assert total.result() == 0.0


def test_a_failing_update_changes_nothing():
    mean = metrics.Mean()
    mean.update_state([1.0, 3.0])
    with pytest.raises(ValueError, match="sample_weight has shape"):
        mean.update_state([1.0, 2.0], sample_weight=[1, 2, 3])
    with pytest.raises(TypeError, match="real numbers"):
        mean.update_state(["a", "b"])
    assert (mean.result(), float(mean.count)) == (2.0, 2.0)


class CountAbove(metrics.Metric):
    """A metric of a user, in the style of Keras's guide, with a metric inside."""

    def __init__(self, limit, name=None, **kwargs):
        super().__init__(name=name, **kwargs)
        self.limit = limit
        self.above = self.add_weight(name="above", initializer="zeros")
        self.mean = metrics.Mean()

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.above.assign_add(np.sum(y_pred > self.limit, dtype=np.float64))
        self.mean.update_state(y_pred)

    def result(self):
        return {"above": float(self.above), "mean": self.mean.result()}


def test_a_metric_of_a_user():
    metric = CountAbove(1.0)
    assert metric.name == "count_above"
    assert metric(np.zeros(3), np.array([0.0, 2.0, 4.0])) == {"above": 2.0, "mean": 2.0}
    assert [v.name for v in metric.variables] == ["above", "total", "count"]
    metric.reset_state()
    assert metric.result() == {"above": 0.0, "mean": 0.0}


def test_the_errors_of_a_metric_that_is_not_finished():
    class Bare(metrics.Metric):
        pass

    class Forgetful(metrics.Metric):
        def __init__(self):
            self.x = self.add_variable()

    with pytest.raises(NotImplementedError, match=r"Bare must define update_state"):
        Bare()([1], [1])
    with pytest.raises(NotImplementedError, match=r"Bare must define result"):
        Bare().result()
    with pytest.raises(RuntimeError, match=r"super\(\).__init__"):
        Forgetful()


def test_add_variable_takes_a_function_and_refuses_an_unknown_name():
    metric = metrics.Metric(name="m")
    assert metric.add_variable((2,), np.ones, name="x").numpy().tolist() == [1.0, 1.0]
    with pytest.raises(ValueError, match="initializer of a metric"):
        metric.add_variable((), "glorot")


def test_dtype_is_kept_and_checked():
    assert metrics.Mean().dtype == config.floatx()
    assert metrics.Mean(dtype="float64").get_config() == {"name": "mean", "dtype": "float64"}
    for wrong in ("int32", "nonsense"):
        with pytest.raises(ValueError, match="Mean expects dtype to be a float type"):
            metrics.Mean(dtype=wrong)


@pytest.mark.parametrize(
    "function",
    [
        lambda y, p: (y - p) ** 2,
        lambda y, p: np.square(y - p),
        lambda y, p: ops.square(ops.subtract(y, p)),
        lambda y, p: Tensor((y - p) ** 2),
    ],
    ids=["operators", "numpy", "ops", "tensor"],
)
def test_a_function_may_use_arrays_ops_or_tensors(function):
    metric = metrics.MeanMetricWrapper(function, name="f")
    metric.update_state([[1.0], [2.0]], Tensor([[2.0], [4.0]], requires_grad=True))
    metric.update_state([[0.0]], [[0.5]])
    assert metric.result() == pytest.approx((1 + 4 + 0.25) / 3)
    assert metric.name == "f"


def test_a_function_that_returns_one_number_is_a_mean_over_batches():
    metric = metrics.MeanMetricWrapper(lambda y, p: np.max(p))
    metric.update_state(np.zeros(3), np.array([1.0, 2.0, 3.0]))
    metric.update_state(np.zeros(1), np.array([1.0]))
    assert metric.result() == 2.0


def test_arguments_for_the_function_and_its_config():
    def distance(y_true, y_pred, power):
        return abs(y_true - y_pred) ** power

    metric = metrics.MeanMetricWrapper(distance, power=3)
    assert metric([1.0], [3.0]) == 8.0
    assert metric.get_config() == {"name": "distance", "dtype": "float32", "power": 3, "fn": "distance"}
    config = metrics.serialize(metric)
    again = metrics.deserialize(config, custom_objects={"distance": distance})
    assert again([1.0], [3.0]) == 8.0
    with pytest.raises(ValueError, match="custom_objects"):
        metrics.deserialize(config)
    with pytest.raises(TypeError, match="MeanMetricWrapper expects fn"):
        metrics.MeanMetricWrapper("distance")


@pytest.mark.parametrize(
    ("y", "p", "shape"),
    [
        ((4,), (4,), (4,)),
        ((4,), (4, 1), (4, 1)),
        ((4, 1), (4,), (4, 1)),
        ((4, 3), (4, 3, 1), (4, 3, 1)),
        ((4, 3, 1), (4, 3), (4, 3)),
        ((0,), (0, 1), (0, 1)),
    ],
)
def test_shapes_that_fit(y, p, shape):
    assert [a.shape for a in aligned("m", np.zeros(y), np.zeros(p))] == [shape, shape]


@pytest.mark.parametrize(
    ("y", "p"), [((4,), (4, 3)), ((4, 1), (4, 3)), ((4, 3), (4, 1)), ((4,), (5,)), ((4, 1), (1, 4))]
)
def test_shapes_that_would_be_broadcast_are_refused(y, p):
    with pytest.raises(ValueError, match="m expects y_true and y_pred of one shape"):
        aligned("m", np.zeros(y), np.zeros(p))


@pytest.mark.parametrize(
    ("weights", "shape"),
    [((4,), (4, 3)), ((), (4, 3)), ((4, 1), (4, 3)), ((4, 3), (4, 3)), ((4, 1), (4,)), ((4, 3), (4, 3, 2))],
)
def test_weights_that_fit(weights, shape):
    given = np.arange(1.0, 1 + int(np.prod(weights))).reshape(weights)
    spread = spread_weights(given, shape)
    assert spread.shape == shape
    for index in np.ndindex(shape):
        own = tuple(i if n > 1 else 0 for i, n in zip(index, weights, strict=False))
        assert spread[index] == given[own]


@pytest.mark.parametrize(("weights", "shape"), [((3,), (4, 3)), ((4, 2), (4, 3)), ((4, 3), (4,))])
def test_weights_that_do_not_fit(weights, shape):
    with pytest.raises(ValueError, match="Give one weight per sample"):
        spread_weights(np.ones(weights), shape)
