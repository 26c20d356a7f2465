"""Cross-entropies: three ways in (logits, probabilities that know their logits, probabilities alone), one loss."""

import math

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl import activations, losses
from minidl.losses.fused import SigmoidCrossEntropy, SoftmaxCrossEntropy, SparseSoftmaxCrossEntropy
from minidl.tensor import Tensor, no_grad

LOG_EPSILON = -math.log(1e-7)  # 16.118: what Keras charges for a certain wrong answer


def softmax(z):
    e = np.exp(z)
    return e / e.sum(axis=-1, keepdims=True)


def one_hot(labels, classes):
    return np.eye(classes)[labels]


logit_rows = hnp.array_shapes(min_dims=2, max_dims=3, min_side=2, max_side=4).flatmap(
    lambda shape: hnp.arrays(np.float64, shape, elements=st.floats(-8, 8))
)


# --- the three ways agree -----------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(z=logit_rows, data=st.data(), s=st.sampled_from([0.0, 0.1, 1.0]))
def test_categorical_is_its_equation(z, data, s):
    classes = z.shape[-1]
    labels = data.draw(hnp.arrays(np.int64, z.shape[:-1], elements=st.integers(0, classes - 1)))
    y, p = one_hot(labels, classes), softmax(z)
    expected = -np.sum((y * (1 - s) + s / classes) * np.log(p), axis=-1)
    ways = [
        losses.categorical_crossentropy(y, Tensor(z), from_logits=True, label_smoothing=s),
        losses.categorical_crossentropy(y, activations.softmax(Tensor(z)), label_smoothing=s),
        losses.categorical_crossentropy(y, Tensor(p), label_smoothing=s),
    ]
    with pytest.warns(UserWarning, match="a sum of about 3, and divides each row by its sum"):
        ways.append(losses.categorical_crossentropy(y, Tensor(3 * p), label_smoothing=s))
    if s == 0:
        ways += [
            losses.sparse_categorical_crossentropy(labels, Tensor(z), from_logits=True),
            losses.sparse_categorical_crossentropy(labels[..., None], activations.softmax(Tensor(z))),
            losses.sparse_categorical_crossentropy(labels.astype(np.float32), Tensor(p)),
        ]
    for way in ways:
        assert way.shape == labels.shape
        assert np.allclose(way.numpy(), expected, rtol=1e-6, atol=2e-7)  # 1 − ε is the largest probability
    for way in (ways[0], ways[1]):
        assert np.allclose(way.numpy(), expected, rtol=1e-10, atol=1e-12)


@settings(deadline=None, max_examples=40)
@given(z=logit_rows, data=st.data(), s=st.sampled_from([0.0, 0.1, 1.0]))
def test_binary_is_its_equation(z, data, s):
    y = data.draw(hnp.arrays(np.float64, z.shape, elements=st.sampled_from([0.0, 1.0, 0.25])))
    p, t = 1 / (1 + np.exp(-z)), y * (1 - s) + s / 2
    expected = np.mean(-t * np.log(p) - (1 - t) * np.log(1 - p), axis=-1)
    exact = [
        losses.binary_crossentropy(y, Tensor(z), from_logits=True, label_smoothing=s),
        losses.binary_crossentropy(y, activations.sigmoid(Tensor(z)), label_smoothing=s),
    ]
    for way in exact:
        assert np.allclose(way.numpy(), expected, rtol=1e-10, atol=1e-12)
    alone = losses.binary_crossentropy(y, Tensor(p), label_smoothing=s)
    assert np.allclose(alone.numpy(), expected, rtol=1e-6, atol=2e-7)


@pytest.mark.filterwarnings("ignore:.* expects probabilities that sum to 1")  # the sum has a gradient as well
@pytest.mark.parametrize("way", ["logits", "softmax", "probabilities"])
def test_gradients(way, check_gradient):
    rng = np.random.default_rng(1)
    z, labels = rng.normal(size=(3, 4)), np.array([2, 0, 3])
    y = rng.uniform(size=(3, 4))  # rows that do not sum to 1
    binary = rng.uniform(size=(3, 4))
    into = {
        "logits": lambda v, f: v,
        "softmax": lambda v, f: f(v),
        "probabilities": lambda v, f: v,
    }[way]
    x = np.clip(np.abs(z), 0.1, 0.9) if way == "probabilities" else z
    options = {"from_logits": way == "logits"}
    check_gradient(lambda v: losses.categorical_crossentropy(y, into(v, activations.softmax), **options), x)
    check_gradient(
        lambda v: losses.sparse_categorical_crossentropy(labels, into(v, activations.softmax), **options), x
    )
    check_gradient(lambda v: losses.binary_crossentropy(binary, into(v, activations.sigmoid), **options), x)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fused_ops_keep_type_inputs_and_empty_batches(dtype):
    z = np.random.default_rng(0).normal(size=(5, 4)).astype(dtype)
    for op, targets in (
        (SoftmaxCrossEntropy, one_hot([0, 1, 2, 3, 0], 4).astype(dtype)),
        (SparseSoftmaxCrossEntropy, np.array([0, 1, 2, 3, 0])),
        (SigmoidCrossEntropy, one_hot([0, 1, 2, 3, 0], 4).astype(dtype)),
    ):
        kept = z.copy(), targets.copy()
        value, cache = op.forward(z[::-1], targets[::-1])
        dz, _ = op.backward(np.ones_like(value), cache)
        assert value.dtype == dz.dtype == dtype
        assert np.array_equal(op.backward(np.ones_like(value), cache)[0], dz)  # a second walk finds the same
        assert np.allclose(op.forward(z, targets)[0][::-1], value)
        assert np.array_equal(z, kept[0])
        assert np.array_equal(targets, kept[1])
        assert op.forward(z[:0], targets[:0])[0].shape[0] == 0
        assert op.backward(*[np.zeros((0, *value.shape[1:]), dtype), op.forward(z[:0], targets[:0])[1]])[
            0
        ].shape == (0, 4)


def test_kernel_names():
    assert SoftmaxCrossEntropy.kernel == "softmax_cross_entropy"
    assert SparseSoftmaxCrossEntropy.kernel == "sparse_softmax_cross_entropy"
    assert SigmoidCrossEntropy.kernel == "sigmoid_cross_entropy"


# --- saturation ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("way", ["logits", "softmax"])
@pytest.mark.parametrize("sparse", [False, True])
def test_certain_and_wrong_is_exact_and_learns(dtype, way, sparse):
    z = Tensor(np.array([[1e4, 0, -1e4]], dtype), requires_grad=True)
    prediction, options = (z, {"from_logits": True}) if way == "logits" else (activations.softmax(z), {})
    loss = (
        losses.SparseCategoricalCrossentropy(**options)([1], prediction)
        if sparse
        else losses.CategoricalCrossentropy(**options)([[0, 1, 0]], prediction)
    )
    loss.backward()
    assert float(loss) == 1e4
    assert np.array_equal(z.grad, [[1, -1, 0]])  # p − y


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("way", ["logits", "sigmoid"])
def test_binary_certain_and_wrong_is_exact_and_symmetric(dtype, way):
    z = Tensor(np.array([[-1e4], [1e4], [1e4], [-1e4]], dtype), requires_grad=True)
    prediction, options = (z, {"from_logits": True}) if way == "logits" else (activations.sigmoid(z), {})
    loss = losses.BinaryCrossentropy(reduction="sum", **options)([1, 0, 1, 0], prediction)
    loss.backward()
    assert float(loss) == 2e4
    assert np.array_equal(z.grad, [[-1], [1], [0], [0]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_probabilities_alone_are_held_at_epsilon(dtype):
    wrong = losses.binary_crossentropy(np.array([[1], [0]]), np.array([[0], [1]], dtype)).numpy()
    assert np.allclose(wrong, LOG_EPSILON, rtol=1e-6)
    assert wrong[0] == wrong[1]
    p = np.array([[1, 0, 0]], dtype)
    assert float(losses.categorical_crossentropy([[0, 1, 0]], p)[0]) == pytest.approx(LOG_EPSILON, rel=1e-6)
    assert float(losses.sparse_categorical_crossentropy([1], p)[0]) == pytest.approx(LOG_EPSILON, rel=1e-6)
    leaf = Tensor(p, requires_grad=True)
    losses.categorical_crossentropy([[0, 1, 0]], leaf).backward()
    assert np.array_equal(leaf.grad, np.zeros((1, 3)))  # the hole that logits do not have


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # log 0 and 0·∞
def test_softmax_and_logarithm_taken_apart_do_not_learn_where_the_fused_op_does():
    def gradient(loss):
        z = Tensor(
            np.array([200.0, 0.0], np.float32), requires_grad=True
        )  # certain of class 0, and class 1 is right
        loss(z).backward()
        return z.grad

    assert np.isnan(gradient(lambda z: -np.log(activations.softmax(z))[1])).any()
    assert gradient(lambda z: -np.log(activations.softmax(z).clip(1e-7, 1))[1]).tolist() == [0, 0]
    fused = gradient(lambda z: losses.sparse_categorical_crossentropy(1, activations.softmax(z)))
    assert fused.tolist() == [1, -1]


def test_what_a_float32_probability_forgets():
    near_0, near_1 = activations.sigmoid(np.array([[-110, -20], [20, 16]], np.float32)).numpy()
    assert near_0[0] == 0
    assert near_0[1] == pytest.approx(math.exp(-20), rel=1e-6)  # small is not coarse
    assert near_1[0] == 1
    assert 1 - near_1[1] == pytest.approx(math.exp(-16), abs=2**-24)  # a multiple of 6e-8
    assert (1 - near_1[1]) % 2**-24 == 0


def test_a_row_of_zeros_and_a_masked_class():
    with pytest.warns(UserWarning, match="a sum of about 0, and"):
        zeros = losses.categorical_crossentropy([[0, 1.0]], [[0.0, 0.0]])
    assert float(zeros[0]) == pytest.approx(LOG_EPSILON)
    masked = [[-np.inf, 0.0, 0.0]]
    assert float(losses.categorical_crossentropy([[0, 1, 0]], masked, from_logits=True)[0]) == pytest.approx(
        math.log(2)
    )
    assert float(losses.sparse_categorical_crossentropy([1], masked, from_logits=True)[0]) == pytest.approx(
        math.log(2)
    )


def test_logits_are_found_without_a_graph_and_through_a_change_of_type_or_rank():
    z = np.array([[50.0], [-50.0]], np.float16)
    with no_grad():
        loss = losses.BinaryCrossentropy()([0, 1], activations.sigmoid(Tensor(z)))
    assert loss.dtype == np.float32
    assert float(loss) == 50
    step = Tensor(np.array([[[200.0]], [[-200.0]]]), requires_grad=True)  # (N, T, 1) against (N, T)
    losses.binary_crossentropy([[0], [1]], activations.sigmoid(step)).sum().backward()
    assert np.array_equal(step.grad.ravel(), [1, -1])


def test_softmax_in_another_shape_has_no_logits():
    with pytest.warns(UserWarning, match="sigmoid"):
        p = activations.softmax(Tensor(np.array([[[3.0], [1.0]]])))  # (N, T, 1): all ones
    with pytest.warns(UserWarning, match="a sum of about 2, and"):
        got = losses.categorical_crossentropy([[1.0, 0.0]], p)  # y (N, T)
    assert float(got[0]) == pytest.approx(math.log(2))


def test_a_sigmoid_is_no_softmax():
    z = Tensor(np.array([[3.0, -1.0]]))
    p = 1 / (1 + np.exp(-z.numpy()))
    by_sum = -np.log(p[0, 0] / p.sum())
    with pytest.warns(UserWarning, match=r"a sum of about 1\.2, and"):  # 0.95 + 0.27
        loss = losses.categorical_crossentropy([[1, 0]], activations.sigmoid(z))
    assert float(loss[0]) == pytest.approx(by_sum)


# --- axis, ignored labels -----------------------------------------------------------------------------------


def test_classes_along_another_axis():
    z = np.random.default_rng(0).normal(size=(2, 3, 4))
    labels = np.random.default_rng(1).integers(0, 3, (2, 4))
    y = np.moveaxis(one_hot(labels, 3), -1, 1)
    expected = losses.sparse_categorical_crossentropy(labels, np.moveaxis(z, 1, -1), from_logits=True).numpy()
    for axis in (1, -2):
        assert np.allclose(
            losses.categorical_crossentropy(y, z, from_logits=True, axis=axis).numpy(), expected
        )
        assert np.allclose(
            losses.sparse_categorical_crossentropy(labels, z, True, axis=axis).numpy(), expected
        )
    p = activations.softmax(Tensor(z), axis=1)
    assert np.allclose(losses.categorical_crossentropy(y, p, axis=1).numpy(), expected, rtol=1e-6)
    assert losses.binary_crossentropy(y, z, from_logits=True, axis=0).shape == (3, 4)


@pytest.mark.parametrize("ignored", [-1, 255, 0])
def test_ignored_labels_do_not_count(ignored):
    z = Tensor(np.random.default_rng(0).normal(size=(4, 3)), requires_grad=True)
    labels = np.array([1, ignored, 2, ignored])
    loss = losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=ignored)(labels, z)
    loss.backward()
    alone = losses.sparse_categorical_crossentropy([1, 2], z.numpy()[[0, 2]], from_logits=True).numpy()
    assert float(loss) == pytest.approx(alone.mean())
    assert np.array_equal(z.grad[[1, 3]], np.zeros((2, 3)))
    assert np.allclose(z.grad[[0, 2]].sum(axis=1), 0)
    each = losses.sparse_categorical_crossentropy(labels, z, from_logits=True, ignore_class=ignored).numpy()
    assert np.array_equal(each[[1, 3]], [0, 0])
    masked = losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=ignored)(
        labels, z, mask=[1, 1, 0, 1]
    )
    assert float(masked) == pytest.approx(alone[0])


def test_large_class_numbers_are_not_rounded():
    labels = np.array([2**24 + 1])
    with pytest.raises(ValueError, match="label 16777217"):  # float32 would make it 16777216
        losses.SparseCategoricalCrossentropy()(labels, np.full((1, 2), 0.5, np.float32))


# --- errors that teach --------------------------------------------------------------------------------------


def refusal(call, kind=ValueError):
    with pytest.raises(kind) as caught:
        call()
    assert len(str(caught.value)) <= 400
    return str(caught.value)


P34 = np.full((3, 4), 0.25)


@pytest.mark.parametrize("labels", [np.array([0, 1, 2]), np.array([[0], [1], [2]])])
def test_labels_for_categorical(labels):
    for f in (losses.categorical_crossentropy, losses.CategoricalCrossentropy()):
        message = refusal(lambda f=f: f(labels, P34))
        assert "sparse_categorical_crossentropy" in message
        assert "to_categorical(y, 4)" in message


def test_one_hot_for_sparse():
    message = refusal(lambda: losses.sparse_categorical_crossentropy(np.eye(4)[:3], P34))
    assert "categorical_crossentropy" in message
    assert "argmax" in message
    assert "(2,)" in refusal(lambda: losses.sparse_categorical_crossentropy([0, 1], P34))
    assert "axis of classes" in refusal(lambda: losses.sparse_categorical_crossentropy(0, 0.5))


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([0, 7, 1], "label 7 at row 1 of this batch, but 4 units (0..3)"),
        ([0, 1, -1], "label -1 at row 2 of this batch, but 4 units (0..3)"),
        ([0.0, 0.5, 1.0], "label 0.5 at row 1"),
        ([0.0, np.nan, 1.0], "label nan at row 1"),
        ([0.0, np.inf, 1.0], "label inf at row 1"),
        ([0.0, 4.0, 1.0], "label 4.0 at row 1"),
    ],
)
def test_labels_that_are_no_class(labels, said):
    assert said in refusal(lambda: losses.sparse_categorical_crossentropy(labels, P34))
    assert said in refusal(lambda: losses.SparseCategoricalCrossentropy()(labels, P34))


def test_label_of_a_time_step_is_found_by_its_index():
    labels = np.zeros((2, 3), int)
    labels[1, 2] = 9
    assert "label 9 at index (1, 2) of this batch, but" in refusal(
        lambda: losses.sparse_categorical_crossentropy(labels, np.full((2, 3, 4), 0.25))
    )


def test_sparse_with_one_unit():
    message = refusal(lambda: losses.sparse_categorical_crossentropy([0, 1], [[0.5], [0.5]]))
    assert "1 unit (0..0)" in message
    assert "binary_crossentropy" in message
    assert refusal(lambda: losses.sparse_categorical_crossentropy([1j], [[0.5, 0.5]]), TypeError)


@pytest.mark.parametrize(
    ("loss", "y", "activation"),
    [
        (losses.categorical_crossentropy, [[1, 0]], activations.softmax),
        (losses.sparse_categorical_crossentropy, [0], activations.softmax),
        (losses.binary_crossentropy, [[1, 0]], activations.sigmoid),
        (losses.CategoricalCrossentropy(from_logits=True), [[1, 0]], activations.softmax),
    ],
)
def test_softmax_twice(loss, y, activation):
    options = {} if isinstance(loss, losses.Loss) else {"from_logits": True}
    message = refusal(lambda: loss(y, activation([[0.0, 1.0]]), **options))
    assert f"Drop activation='{activation.__name__}'" in message


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        (losses.categorical_crossentropy, [[1, 0]]),
        (losses.sparse_categorical_crossentropy, [0]),
        (losses.binary_crossentropy, [[1, 0]]),
    ],
)
def test_logits_taken_for_probabilities(loss, y):
    message = refusal(lambda: loss(y, [[-2.5, 3.0]]))
    assert "got -2.5 at index (0, 0) of this batch" in message
    bounds = "from 0 to 1" if loss is losses.binary_crossentropy else ">= 0"
    assert f"expects probabilities {bounds}, got" in message
    assert "from_logits=True" in message


def test_binary_targets_out_of_range():
    message = refusal(lambda: losses.binary_crossentropy([[1], [-1]], [[0.5], [0.5]]))
    assert "-1 at index (1, 0)" in message
    assert "(y + 1) / 2" in message
    assert "3 at" in refusal(lambda: losses.binary_crossentropy([[3]], [[0.5]]))
    assert "1.5 at" in refusal(lambda: losses.binary_crossentropy([[1]], [[1.5]]))


def test_a_probability_may_be_a_little_off():
    for p in (-9e-7, 1 + 9e-7):
        assert losses.binary_crossentropy([[1.0]], [[p]]).shape == (1,)
    assert "from 0 to 1, got 1.000002 at" in refusal(
        lambda: losses.binary_crossentropy([[1.0]], [[1 + 2e-6]])
    )
    assert "from 0 to 1, got -2e-06 at" in refusal(lambda: losses.binary_crossentropy([[1.0]], [[-2e-6]]))


@pytest.mark.parametrize("classes_of", [lambda z: z, activations.sigmoid])
def test_one_class_alone_warns(classes_of):
    with pytest.warns(UserWarning, match="binary_crossentropy") as caught:
        losses.categorical_crossentropy([[1.0]], classes_of(Tensor([[0.5]])))
    assert len(caught) == 1


ROWS = [[0.5, 0.5], [0.5, 3.2]]


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        (losses.categorical_crossentropy, [[1, 0], [0, 1]]),
        (losses.CategoricalCrossentropy(), [[1, 0], [0, 1]]),
        (losses.sparse_categorical_crossentropy, [0, 1]),
        (losses.SparseCategoricalCrossentropy(), [0, 1]),
    ],
)
def test_a_forgotten_softmax_warns_once_a_call(loss, y):
    with pytest.warns(UserWarning, match="a sum of about 4, and") as caught:
        loss(y, activations.relu(Tensor(ROWS)))
    text = str(caught[0].message)
    assert len(caught) == 1
    assert len(text) < 400
    assert "activation='softmax'" in text
    assert "from_logits=True" in text


@pytest.mark.parametrize(
    ("total", "said"), [(1.012, "1.01"), (0.96, "0.96"), (0.52, "0.5"), (12.0, "11"), (math.inf, "inf")]
)
def test_the_sum_is_named_to_a_digit_of_what_is_off(total, said):
    p = Tensor(np.array([[0.5, total - 0.5], [np.nan, 0.5]]))
    with np.errstate(invalid="ignore"), pytest.warns(UserWarning, match=f"about {said}, and"):
        losses.sparse_categorical_crossentropy([0, 0], p)


def test_probabilities_rounded_or_lost_do_not_warn():
    rows = np.random.default_rng(0).random((50, 1000))
    rows /= rows.sum(axis=1, keepdims=True)
    for p in (rows.astype(np.float16), rows.round(5), np.full((2, 3), np.nan), np.zeros((0, 3))):
        losses.sparse_categorical_crossentropy(np.zeros(len(p), int), Tensor(p))
    losses.categorical_crossentropy([[1.0, 0.0]], activations.softmax([[9.0, 1.0]]))
    losses.categorical_crossentropy([[1.0, 0.0]], [[9.0, 1.0]], from_logits=True)


def test_targets_that_want_a_gradient():
    y = Tensor(np.array([[0.5, 0.5]]), requires_grad=True)
    for f in (losses.categorical_crossentropy, losses.binary_crossentropy):
        assert "detach" in refusal(lambda f=f: f(y, [[0.5, 0.5]]))


@pytest.mark.parametrize("value", [-0.1, 1.1, 2, math.nan])
def test_label_smoothing_is_a_fraction(value):
    for call in (
        lambda: losses.CategoricalCrossentropy(label_smoothing=value),
        lambda: losses.BinaryCrossentropy(label_smoothing=value),
        lambda: losses.categorical_crossentropy([[1, 0]], [[0.5, 0.5]], label_smoothing=value),
        lambda: losses.binary_crossentropy([[1, 0]], [[0.5, 0.5]], label_smoothing=value),
    ):
        assert "label_smoothing" in refusal(call)


def test_arguments_are_checked():
    assert "axis" in refusal(lambda: losses.CategoricalCrossentropy(axis=True), TypeError)
    assert "ignore_class" in refusal(
        lambda: losses.SparseCategoricalCrossentropy(ignore_class=0.5), TypeError
    )


# --- peers --------------------------------------------------------------------------------------------------


@pytest.mark.oracle
@pytest.mark.parametrize("scale", [1, 30])
def test_torch_agrees_on_logits(scale):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    z, labels = rng.normal(size=(30, 6)) * scale, rng.integers(0, 6, 30)
    soft = softmax(rng.normal(size=z.shape))
    f = torch.nn.functional
    for ours, theirs in (
        (lambda v: losses.SparseCategoricalCrossentropy()(labels, activations.softmax(v)),
         lambda t: f.cross_entropy(t, torch.tensor(labels))),
        (lambda v: losses.CategoricalCrossentropy(from_logits=True)(soft, v),
         lambda t: f.cross_entropy(t, torch.tensor(soft))),
        (lambda v: losses.CategoricalCrossentropy(label_smoothing=0.2)(one_hot(labels, 6), activations.softmax(v)),
         lambda t: f.cross_entropy(t, torch.tensor(labels), label_smoothing=0.2)),
        (lambda v: losses.BinaryCrossentropy()(soft, activations.sigmoid(v)),
         lambda t: f.binary_cross_entropy_with_logits(t, torch.tensor(soft))),
    ):  # fmt: skip
        leaf, t = Tensor(z, requires_grad=True), torch.tensor(z, requires_grad=True)
        loss, expected = ours(leaf), theirs(t)
        loss.backward()
        expected.backward()
        assert float(loss) == pytest.approx(expected.item(), rel=1e-9)
        assert np.allclose(leaf.grad, t.grad.numpy(), rtol=1e-9, atol=1e-14)
