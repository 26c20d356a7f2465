"""Live arrays: the calls that are noted make the numbers again; what could come out in another form is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import normal, seeds

from minidl.activations.bounded import Tanh
from minidl.activations.probabilities import LogSoftmax, Sigmoid, Softmax
from minidl.activations.rectifiers import BentReLU, ReLU
from minidl.layers.convolutional.conv1d import Conv1DReLU
from minidl.layers.core.dense import DenseFunction
from minidl.losses.fused import SigmoidCrossEntropy, SoftmaxCrossEntropy, SparseSoftmaxCrossEntropy
from minidl.models.live import Live, NotRepeatableError, plain
from minidl.models.routine import Routine
from minidl.primitives.reductions import Mean, Sum

CONVOLUTION = {"strides": (1,), "padding": ((0, 0),), "dilation": (1,), "groups": 1}
OPS = {
    "relu": (ReLU, [(3, 4)], {}),
    "bent relu": (BentReLU, [(3, 4)], {"slope": 0.1, "max_value": 1.0, "threshold": 0.0}),
    "tanh": (Tanh, [(3, 4)], {}),
    "sigmoid": (Sigmoid, [(3, 4)], {}),
    "softmax": (Softmax, [(3, 4)], {"axis": -1}),
    "log softmax": (LogSoftmax, [(3, 4)], {"axis": -1}),
    "dense": (DenseFunction, [(3, 4), (4, 2), (2,)], {}),
    "dense of a series": (DenseFunction, [(2, 3, 4), (4, 2), (2,)], {}),
    "convolution": (Conv1DReLU, [(2, 3, 4), (1, 4, 2), (2,)], CONVOLUTION),
    "cross-entropy": (SoftmaxCrossEntropy, [(3, 4), (3, 4)], {}),
    "binary cross-entropy": (SigmoidCrossEntropy, [(3, 1), (3, 1)], {}),
    "mean": (Mean, [(3, 4)], {"axis": 1, "keepdims": False}),
    "mean of all": (Mean, [(3,)], {"axis": None, "keepdims": False}),
    "sum": (Sum, [(3, 4)], {"axis": (0,), "keepdims": True}),
}  # fmt: skip


def there_and_back(op, arrays, dy, options):
    y, cache = op.forward(*arrays, **options)
    return [y, *op.backward(dy, cache)]


@pytest.mark.parametrize("name", OPS)
@settings(deadline=None, max_examples=10)
@given(first=seeds, second=seeds, dtype=st.sampled_from("fd"))
def test_an_op_is_made_again_on_other_numbers(name, first, second, dtype):
    op, shapes, options = OPS[name]
    arrays = normal(first, *shapes, dtype=dtype)
    y = op.forward(*arrays, **options)[0]
    dy, other_dy = normal(first, y.shape, dtype=dtype)[0], normal(second, y.shape, dtype=dtype)[0]
    others = normal(second, *shapes, dtype=dtype)
    notes = []
    lives = [Live(array.copy(), notes) for array in arrays]
    live_dy = Live(np.array(dy), notes)
    made = there_and_back(op, lives, live_dy, options)
    for live, array in zip([*lives, live_dy], [*others, other_dy], strict=True):
        live.array[...] = array
    for call in notes:
        call()
    for ours, expected in zip(made, there_and_back(op, others, other_dy, options), strict=True):
        if expected is not None:
            assert plain(ours).dtype == np.asarray(expected).dtype
            assert np.array_equal(plain(ours), expected)


def test_what_depends_on_no_live_array_is_a_constant():
    notes = []
    live = Live(np.ones(3), notes)
    y = np.arange(3.0) * 2
    assert isinstance(y + live, Live)
    assert len(notes) == 1
    assert live.T.array.base is live.array
    assert len(notes) == 1


@pytest.mark.parametrize(
    "ask",
    [
        bool, float, int, list, np.array, np.asarray, np.nonzero, np.unique, np.median, lambda x: x.item(),
        lambda x: x.tolist(), lambda x: x[[0]], lambda x: x[x > 0], lambda x: [1, 2][x], np.add.accumulate, np.modf,
        lambda x: np.add(x, 1, out=np.zeros(1)), lambda x: np.zeros(1).__setitem__(slice(None), x),
        lambda x: x.T.T.mean(dtype="int64"),
    ],
)  # fmt: skip
def test_what_may_be_different_next_time_is_refused(ask):
    with pytest.raises(TypeError):
        ask(Live(np.ones(1), []))
    assert issubclass(NotRepeatableError, TypeError)


def test_labels_are_written_into_a_copy():
    notes = []
    z, labels = Live(np.zeros((2, 3)), notes), Live(np.array([0, 2]), notes)
    _, cache = SparseSoftmaxCrossEntropy.forward(z, labels)
    assert isinstance(cache.p, Live)


def test_a_routine_keeps_no_batch(monkeypatch):
    """What was given is not written to, and what was handed out neither."""
    from minidl import Sequential, layers

    model = Sequential([layers.Input((3,)), layers.Dense(4, "relu"), layers.Dense(2, "softmax")])
    seen = []

    def keeper(y_true, y_pred):
        seen.append((y_true, y_true.copy(), y_pred, y_pred.copy()))
        return y_true[:, 0]

    routines = []
    made = Routine.__init__
    monkeypatch.setattr(Routine, "__init__", lambda self, *a: routines.append(self) or made(self, *a))
    model.compile("adam", "categorical_crossentropy", metrics=[keeper])
    x, y = normal(0, (24, 3))[0], np.eye(2, dtype="float32")[np.arange(24) % 2]
    x_before = x.copy()
    model.fit(x, y, batch_size=4, epochs=2, verbose=0)
    assert len(routines) == 1
    assert np.array_equal(x, x_before)
    assert len(seen) == 12
    for y_true, y_then, y_pred, p_then in seen:
        assert np.array_equal(y_true, y_then)
        assert np.array_equal(y_pred, p_then)
