"""What all losses share: shapes, types, weights, masks, reductions, names and configs."""

import json
import math

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl import config, losses
from minidl.tensor import Tensor
from minidl.utils.registry import custom_object_scope

CLASSES = [
    losses.BinaryCrossentropy, losses.CategoricalCrossentropy, losses.CategoricalHinge, losses.CosineSimilarity,
    losses.Hinge, losses.Huber, losses.KLDivergence, losses.LogCosh, losses.MeanAbsoluteError,
    losses.MeanAbsolutePercentageError, losses.MeanSquaredError, losses.MeanSquaredLogarithmicError, losses.Poisson,
    losses.SparseCategoricalCrossentropy, losses.SquaredHinge,
]  # fmt: skip
FUNCTIONS = [
    losses.binary_crossentropy, losses.categorical_crossentropy, losses.categorical_hinge, losses.cosine_similarity,
    losses.hinge, losses.huber, losses.kl_divergence, losses.log_cosh, losses.mean_absolute_error,
    losses.mean_absolute_percentage_error, losses.mean_squared_error, losses.mean_squared_logarithmic_error,
    losses.poisson, losses.squared_hinge,
]  # fmt: skip


def mean_error(y_true, y_pred):
    """The losses are the predictions themselves where the target is 0."""
    return np.mean(y_pred - y_true, axis=-1)


def reduce(values, weight=None, mask=None, reduction="sum_over_batch_size"):
    """The loss of values (N, T), through a Loss whose per-sample losses are just these."""
    values = np.asarray(values, np.float64)
    loss = losses.LossFunctionWrapper(mean_error, reduction=reduction)
    return loss(np.zeros((*values.shape, 1)), values[..., None], weight, mask).numpy()


# --- shapes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("y_shape", "p_shape", "losses_shape"),
    [
        ((4,), (4, 1), (4,)),
        ((4, 1), (4,), (4,)),
        ((4, 3, 1), (4, 3), (4,)),
        ((4, 3), (4, 3, 1), (4,)),
        ((4, 3), (4, 3), (4,)),
        ((4, 3, 2), (4, 3, 2), (4, 3)),
        ((4,), (4,), ()),
        ((0, 2), (0, 2), (0,)),
    ],
)
def test_one_axis_of_size_1_more_is_forgiven(y_shape, p_shape, losses_shape):
    y, p = np.random.default_rng(0).normal(size=y_shape), np.random.default_rng(1).normal(size=p_shape)
    got = losses.mean_squared_error(y, p)
    assert got.shape == losses_shape
    units = {(): 4}.get(losses_shape, int(np.prod(p_shape) / max(np.prod(losses_shape), 1)))
    expected = ((y.ravel() - p.ravel()) ** 2).reshape(*losses_shape, units).mean(axis=-1) if got.size else []
    assert np.allclose(got.numpy(), expected)


@pytest.mark.parametrize("f", FUNCTIONS)
@pytest.mark.parametrize(
    ("y_shape", "p_shape"),
    [
        ((8, 5, 1), (8, 1)),
        ((8, 5), (8, 1)),
        ((8, 2), (8, 1)),
        ((8, 1), (7, 1)),
        ((), (8, 1)),
        ((5, 8, 1), (8, 1)),
    ],
)
def test_nothing_is_broadcast(f, y_shape, p_shape):
    with pytest.raises(ValueError, match=f.__name__) as caught:
        f(np.zeros(y_shape), np.full(p_shape, 0.5))
    assert str(y_shape) in str(caught.value)
    assert str(p_shape) in str(caught.value)
    assert len(str(caught.value)) < 400


def test_empty_batch_costs_nothing():
    for reduction in ("sum_over_batch_size", "sum", "mean_with_sample_weight"):
        assert float(losses.MeanSquaredError(reduction)(np.zeros((0, 3)), np.zeros((0, 3)))) == 0
    assert losses.MeanSquaredError(reduction=None)(np.zeros((0, 3)), np.zeros((0, 3))).shape == (0,)


# --- types --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("f", FUNCTIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("target_type", [np.uint8, bool, np.int64, np.float64, ">f4"])
def test_functions_answer_in_the_type_of_the_predictions(f, dtype, target_type):
    y = np.array([[1, 0], [0, 1]]).astype(target_type)
    p = np.array([[0.75, 0.25], [0.5, 0.5]], dtype)
    got = f(y, p)
    assert got.dtype == dtype
    assert np.allclose(got.numpy(), f(y.astype(np.float64), p.astype(np.float64)).numpy(), rtol=1e-5)


def test_classes_compute_in_floatx_at_least():
    y, p = np.zeros((2, 1)), np.ones((2, 1))
    mse = losses.MeanSquaredError
    assert mse()(y, p.astype(np.float16)).dtype == np.float32
    assert mse()(y, p.astype(np.float64)).dtype == np.float64
    assert mse()(y, p.astype(np.int32)).dtype == np.float32
    assert mse(dtype="float64")(y, p.astype(np.float32)).dtype == np.float64
    assert mse(dtype="float32")(y, p).dtype == np.float32
    config.set_floatx("float64")
    try:
        assert mse()(y, p.astype(np.float32)).dtype == np.float64
    finally:
        config.set_floatx("float32")
    with pytest.raises(ValueError, match="dtype"):
        mse(dtype="int32")


def test_gradient_returns_in_the_type_of_the_predictions():
    p = Tensor(np.ones((2, 1), np.float16), requires_grad=True)
    losses.MeanSquaredError()(np.zeros((2, 1)), p).backward()
    assert p.grad.dtype == np.float16
    assert np.array_equal(p.grad, [[1], [1]])


# --- weights, masks, reductions -----------------------------------------------------------------------------

L = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


@pytest.mark.parametrize(
    ("reduction", "expected"),
    [
        ("sum_over_batch_size", 3.5),
        ("mean", 3.5),
        ("mean_with_sample_weight", 3.5),
        ("sum", 21),
        ("none", L),
        (None, L),
    ],
)
def test_reductions(reduction, expected):
    assert np.array_equal(reduce(L, reduction=reduction), expected)


W = np.array([[1.0, 0.0, 2.0], [0.5, 0.0, 0.0]])


@pytest.mark.parametrize(
    ("reduction", "expected"),
    [
        ("sum_over_batch_size", 9 / 6),
        ("mean", 9 / 6),
        ("mean_with_sample_weight", 9 / 3.5),
        ("sum", 9),
        ("none", L * W),
    ],
)
def test_weights(reduction, expected):
    assert np.allclose(reduce(L, W, reduction=reduction), expected)
    assert np.allclose(reduce(L, W.tolist(), reduction=reduction), expected)
    assert np.allclose(reduce(L, Tensor(W), reduction=reduction), expected)


def test_shapes_of_weights():
    assert reduce(L, 2.0) == 7
    assert reduce(L, np.array([[1.0], [0.0]])) == 1
    assert reduce(L, np.array([[1.0], [3.0]]), reduction="mean_with_sample_weight") == (6 + 45) / 12
    assert reduce(L, W[..., None]) == 9 / 6
    assert reduce([1.0, 2.0], [1.0, 3.0]) == 3.5
    assert reduce([1.0, 2.0], [[1.0], [3.0]]) == 3.5
    assert reduce([[1.0], [2.0]], [1.0, 3.0]) == 3.5
    assert np.array_equal(reduce([1.0, 2.0], [[1.0], [3.0]], reduction=None), [1, 6])


@pytest.mark.parametrize(
    ("values", "weight"),
    [(L, [1.0, 2.0]), (L, [1.0, 2.0, 3.0]), (np.eye(3), [1.0, 2.0, 3.0]), ([1.0, 2.0], [1.0, 2.0, 3.0])],
)
def test_weights_are_not_broadcast(values, weight):
    with pytest.raises(ValueError, match=r"sample_weight of shape .* does not fit losses of shape"):
        reduce(values, weight)


def test_the_mend_for_weights():
    with pytest.raises(ValueError, match=r"\(2, 1\) for one number a sample"):
        reduce(L, [1.0, 2.0])
    with pytest.raises(ValueError, match=r"\(N, 1\) instead of \(N,\)"):
        losses.MeanSquaredError()([1.0, 2.0], [1.0, 2.0], sample_weight=[1.0, 2.0])
    with pytest.raises(ValueError, match="nan at row 1 of this batch"):
        reduce([1.0, 2.0], [1.0, math.nan])
    with pytest.raises(ValueError, match=r"inf at index \(0, 1\)"):
        reduce(L, [[1.0, math.inf, 1.0]])


def test_weights_that_sum_to_0():
    assert reduce([1.0, 2.0], [0.0, 0.0], reduction="mean_with_sample_weight") == 0
    assert reduce([1.0, 2.0], [0.0, 0.0]) == 0


def test_a_mask_leaves_out_what_is_not_there():
    mask = np.array([[True, False, True], [True, False, False]])
    assert reduce(L, mask=mask) == pytest.approx((1 + 3 + 4) / 3)
    assert reduce(L, mask=mask, reduction="sum") == 8
    assert reduce(L, mask=mask, reduction="mean_with_sample_weight") == pytest.approx(8 / 3)
    assert reduce(L, W, mask) == pytest.approx((1 + 6 + 2) / 3)
    assert np.array_equal(reduce(L, mask=mask, reduction="none"), L * mask)
    assert reduce(L, mask=np.zeros((2, 3), bool)) == 0
    with pytest.raises(ValueError, match="mask of shape"):
        reduce(L, mask=[True, False])


@settings(deadline=None, max_examples=40)
@given(data=st.data(), reduction=st.sampled_from(["sum_over_batch_size", "sum", "mean_with_sample_weight"]))
def test_gradient_is_the_weight(data, reduction):
    shape = data.draw(hnp.array_shapes(min_dims=2, max_dims=2, max_side=4))
    w = data.draw(hnp.arrays(np.float64, shape, elements=st.floats(0.125, 4)))
    p = Tensor(np.ones((*shape, 1)), requires_grad=True)
    losses.LossFunctionWrapper(mean_error, reduction)(np.zeros((*shape, 1)), p, w).backward()
    divisor = {"sum": 1, "sum_over_batch_size": w.size, "mean_with_sample_weight": w.sum()}[reduction]
    assert np.allclose(p.grad[..., 0], w / divisor, rtol=1e-12)


def test_many_float32_losses_add_up():
    n = 300_000
    loss = losses.MeanAbsoluteError(reduction="sum")(
        np.zeros((n, 1), np.float32), np.full((n, 1), 0.1, np.float32)
    )
    assert float(loss) == pytest.approx(n * float(np.float32(0.1)), rel=1e-6)


# --- losses of one's own ------------------------------------------------------------------------------------


def test_a_subclass_gets_floats_of_one_type():
    seen = {}

    class Own(losses.Loss):
        def call(self, y_true, y_pred):
            seen["types"] = (y_true.dtype, y_pred.dtype)
            return np.square(y_pred - y_true)

    p = Tensor(np.array([[2.0]], np.float32), requires_grad=True)
    loss = Own()([[1]], p)
    loss.backward()
    assert seen["types"] == (np.float32, np.float32)
    assert float(loss) == 1
    assert p.grad == [[2]]


def test_names():
    class OwnLoss(losses.Loss):
        pass

    assert OwnLoss().name.startswith("own_loss")
    assert OwnLoss(name="x").name == "x"
    assert losses.as_loss(mean_error).name == "mean_error"
    assert losses.MeanSquaredError().name == "mean_squared_error"
    with pytest.raises(NotImplementedError, match="OwnLoss must define call"):
        OwnLoss()([1.0], [1.0])


def test_a_loss_of_ones_own_by_its_name():
    """Its name may be one that a beginner takes for a loss of ours."""

    def rmse(y_true, y_pred):
        return np.sqrt(np.mean(np.square(y_true - y_pred), axis=-1))

    with pytest.raises(ValueError, match="Unknown loss 'rmse'"):
        losses.as_loss("rmse")
    with custom_object_scope({"rmse": rmse}):
        assert losses.as_loss("rmse")([[0.0, 0.0]], [[3.0, 3.0]]).numpy() == 3


def test_functions_that_are_not_losses():
    with pytest.raises(TypeError, match="returned None"):
        losses.as_loss(lambda y, p: None)([1.0], [1.0])
    with pytest.raises(TypeError, match="expects fn to be a function"):
        losses.LossFunctionWrapper("mse")
    with pytest.raises(ValueError, match="Unknown reduction 'average'"):
        losses.MeanSquaredError(reduction="average")


def test_a_function_sees_equal_ranks():
    def own(y_true, y_pred):
        return np.square(y_true - y_pred)

    assert losses.as_loss(own)(np.zeros(3), np.ones((3, 1))).numpy() == 1
    assert (
        float(losses.LossFunctionWrapper(lambda y, p, k: k * np.mean(p, axis=-1), k=3.0)([[0.0]], [[2.0]]))
        == 6
    )


def test_a_function_may_return_one_number():
    def r2_gap(y_true, y_pred):
        return np.sum(np.square(y_true - y_pred)) / np.sum(np.square(y_true - np.mean(y_true)))

    p = Tensor(np.array([[1.0], [3.0]]), requires_grad=True)
    loss = losses.as_loss(r2_gap)(np.array([[1.0], [2.0]]), p)
    loss.backward()
    assert float(loss) == 2
    assert np.allclose(p.grad, [[0], [4]])


# --- names and configs --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("mse", losses.MeanSquaredError), ("MSE", losses.MeanSquaredError),
        ("mean_squared_error", losses.MeanSquaredError), ("MeanSquaredError", losses.MeanSquaredError),
        ("mae", losses.MeanAbsoluteError), ("MAE", losses.MeanAbsoluteError),
        ("mape", losses.MeanAbsolutePercentageError), ("MAPE", losses.MeanAbsolutePercentageError),
        ("msle", losses.MeanSquaredLogarithmicError), ("MSLE", losses.MeanSquaredLogarithmicError),
        ("bce", losses.BinaryCrossentropy), ("BCE", losses.BinaryCrossentropy),
        ("binary_crossentropy", losses.BinaryCrossentropy), ("kld", losses.KLDivergence), ("KLD", losses.KLDivergence),
        ("kl_divergence", losses.KLDivergence), ("kullback_leibler_divergence", losses.KLDivergence),
        ("huber", losses.Huber), ("Huber", losses.Huber), ("huber_loss", losses.Huber), ("log_cosh", losses.LogCosh),
        ("logcosh", losses.LogCosh), ("cosine_similarity", losses.CosineSimilarity), ("poisson", losses.Poisson),
        ("hinge", losses.Hinge), ("squared_hinge", losses.SquaredHinge), ("categorical_hinge", losses.CategoricalHinge),
        ("categorical_crossentropy", losses.CategoricalCrossentropy),
        ("sparse_categorical_crossentropy", losses.SparseCategoricalCrossentropy),
    ],
)  # fmt: skip
def test_the_name_of_a_loss_to_train_with(name, cls):
    assert type(losses.as_loss(name)) is cls
    found = losses.get(name)
    if name == cls.__name__:
        assert type(found) is cls
    else:  # a function: one loss for each sample, of which the object takes the mean
        y, p = (
            np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]),
            np.array([[0.25, 0.75], [0.5, 0.5], [0.9, 0.1]]),
        )
        y = y.argmax(axis=1) if cls is losses.SparseCategoricalCrossentropy else y
        assert found(y, p).shape == (3,)
        assert float(cls()(y, p)) == pytest.approx(np.mean(found(y, p).numpy()))


def test_get_takes_objects_and_refuses_the_rest():
    loss = losses.Huber(2.0)
    assert losses.get(loss) is loss
    assert losses.get(None) is None
    assert losses.get({"class_name": "Huber", "config": {"delta": 3.0}}).get_config()["delta"] == 3
    with pytest.raises(ValueError, match=r"Unknown loss 'mean_sqared_error'.*MeanSquaredError"):
        losses.get("mean_sqared_error")
    with pytest.raises(TypeError, match=r"write Huber\(\) with parentheses"):
        losses.get(losses.Huber)
    with pytest.raises(TypeError, match="got int 3"):
        losses.get(3)


@pytest.mark.parametrize("cls", CLASSES)
def test_configs_survive_json(cls):
    loss = cls(reduction="sum", name="other", dtype="float64")
    config = json.loads(json.dumps(losses.serialize(loss)))
    again = losses.deserialize(config)
    assert type(again) is cls
    assert again.get_config() == loss.get_config()
    assert repr(again) == repr(loss)
    assert list(cls().get_config())[:2] == ["name", "reduction"]


@pytest.mark.parametrize(
    "loss",
    [
        losses.Huber(0.25), losses.CosineSimilarity(axis=0), losses.BinaryCrossentropy(True, 0.1),
        losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.3, axis=1),
        losses.SparseCategoricalCrossentropy(ignore_class=-1, from_logits=True),
    ],
)  # fmt: skip
def test_configs_keep_every_argument(loss):
    y, p = np.array([[1, 0], [0, 1]]), np.array([[0.5, 2.0], [0.25, -1.0]])
    if isinstance(loss, losses.SparseCategoricalCrossentropy):
        y = np.array([1, -1])
    again = losses.deserialize(losses.serialize(loss))
    plain = (
        type(loss)(from_logits=True)
        if hasattr(loss, "_arguments") and "from_logits" in loss._arguments
        else type(loss)()
    )
    assert float(again(y, p)) == float(loss(y, p))
    if not isinstance(loss, losses.SparseCategoricalCrossentropy):
        assert float(plain(y, p)) != float(loss(y, p))


def test_functions_of_ones_own_are_saved_by_name():
    assert losses.serialize(mean_error) == losses.serialize(losses.as_loss(mean_error)) == "mean_error"
    again = losses.deserialize("mean_error", {"mean_error": mean_error})
    assert again is mean_error
    assert losses.deserialize(None) is None
    with pytest.raises(ValueError, match="Unknown loss 'mean_error'"):
        losses.deserialize("mean_error")
    with pytest.raises(TypeError, match="named function"):
        losses.serialize(losses.as_loss(lambda y, p: p))


def test_keras_configs_can_be_read():
    config = {
        "module": "keras.losses", "class_name": "CategoricalCrossentropy", "registered_name": None,
        "config": {"name": "categorical_crossentropy", "reduction": "sum_over_batch_size", "from_logits": True,
                   "label_smoothing": 0.1, "axis": -1},
    }  # fmt: skip
    assert losses.deserialize(config).get_config() == config["config"]
