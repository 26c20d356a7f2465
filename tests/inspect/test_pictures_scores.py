"""The confusion matrix counts what it says, and the landscape of the loss is made of losses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_models import linear, rows, same, state, with_everything

import minidl
from minidl import layers, random
from minidl.inspect.pictures import landscape, plot_confusion_matrix, plot_loss_landscape
from minidl.models import Sequential

pytest.importorskip("matplotlib")


def cells(figure):
    """The arrays of all images in a figure, but scales of colours."""
    return [np.ma.filled(image.get_array(), np.nan) for axes in figure.axes for image in axes.images]


# --- plot_confusion_matrix ----------------------------------------------------------------------------------


@settings(deadline=None, max_examples=20)
@given(st.integers(2, 6).flatmap(lambda k: st.lists(st.tuples(*[st.integers(0, k - 1)] * 2), min_size=1)))
def test_counts(pairs):
    true, predicted = np.array(pairs).T
    figure = plot_confusion_matrix(true, predicted)
    number = max(true.max(), predicted.max(), 1) + 1
    expected = [[sum(pair == (i, j) for pair in pairs) for j in range(number)] for i in range(number)]
    written = [int(text.get_text()) for text in figure.axes[0].texts]
    assert written == [n for row in expected for n in row]
    shares = [[n / max(sum(row), 1) for n in row] for row in expected]
    np.testing.assert_allclose(cells(figure)[0], shares)
    right = sum(i == j for i, j in pairs)
    assert figure.get_suptitle().startswith(f"Confusion matrix: {right} of {len(pairs)} right")


def test_forms_of_predictions():
    true = [0, 2, 1]
    one_hot = np.eye(3)[true]
    probabilities = [[0.6, 0.3, 0.1], [0.1, 0.2, 0.7], [0.5, 0.3, 0.2]]
    expected = [[1, 0, 0], [1, 0, 0], [0, 0, 1]]
    for y_true in (true, one_hot, np.float32(true), np.array(true)[:, None]):
        for y_pred in (probabilities, [0, 2, 0], minidl.Tensor(probabilities)):
            np.testing.assert_array_equal(cells(plot_confusion_matrix(y_true, y_pred))[0], expected)


def test_a_sigmoid_says_yes_from_one_half_on():
    figure = plot_confusion_matrix([0, 1, 1, 0], [[0.49], [0.5], [0.2], [0.1]])
    np.testing.assert_array_equal(cells(figure)[0], [[1, 0], [0.5, 0.5]])


def test_labels_of_classes():
    axes = plot_confusion_matrix([0, 1], [0, 1], ["no", "yes", "perhaps"]).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["no", "yes", "perhaps"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["no", "yes", "perhaps"]
    with pytest.raises(ValueError, match="got 1 labels for 2 classes"):
        plot_confusion_matrix([0, 1], [0, 1], ["no"])


def test_many_classes_are_not_written_on_each_other():
    figure = plot_confusion_matrix(range(100), range(100))
    assert len(figure.axes[0].texts) == 0
    assert len(figure.axes[0].get_yticks()) <= 40


@pytest.mark.parametrize(
    ("y_true", "y_pred", "message"),
    [
        ([0, 1], [0], "2 samples in y_true and 1 in y_pred"),
        ([0, -1], [0, 1], "y_true to hold classes"),
        ([0.5, 1], [0, 1], "y_true to hold classes"),
        (np.zeros((2, 3, 4)), [0, 1], r"got shape \(2, 3, 4\)"),
        ([], [], "got shape"),
        (["cat", "dog"], [0, 1], "y_true expects real numbers"),
        ([0, 1], linear(), r"pass model\.predict"),
        ([0, 1], [0, np.nan], "y_pred has NaN"),
    ],
)
def test_no_classes(y_true, y_pred, message):
    with pytest.raises((TypeError, ValueError), match=message):
        plot_confusion_matrix(y_true, y_pred)


# --- plot_loss_landscape ------------------------------------------------------------------------------------


def heights(model, x, y, **options):
    """The losses that the landscape draws."""
    return landscape._losses(
        model, x, y, np.linspace(-1, 1, options.get("points", 3)), options.get("seed", 0)
    )


def test_the_middle_is_the_model():
    model, (x, y) = with_everything(), rows()
    assert heights(model, x, y)[1, 1] == pytest.approx(model.evaluate(x, y, verbose=0), rel=1e-6)


def test_the_losses_are_those_of_the_moved_weights():
    model, (x, y) = linear(), rows()
    found = heights(model, x, y, seed=4)
    rng = np.random.default_rng(4)
    kernel, bias = model.get_weights()
    first, second = (rng.standard_normal(kernel.shape) for _ in range(2))
    first, second = (d * np.linalg.norm(kernel) / np.linalg.norm(d) for d in (first, second))
    for row, b in enumerate((-1, 0, 1)):
        for column, a in enumerate((-1, 0, 1)):
            moved = x @ (kernel + a * first + b * second) + bias
            assert found[row, column] == pytest.approx(np.mean((moved - y) ** 2), rel=1e-5)


def test_more_samples_than_one_pass_takes():
    x, y = rows(600)
    model = linear()
    assert heights(model, x, y)[1, 1] == pytest.approx(
        np.mean((model.predict(x, verbose=0) - y) ** 2), rel=1e-5
    )


@given(st.lists(st.integers(1, 4), min_size=2, max_size=4), st.integers(0, 99))
def test_filters_of_a_direction_are_as_long_as_those_of_the_weight(shape, seed):
    weight = np.random.default_rng(seed).normal(size=shape)
    direction = landscape.filter_normalised(weight, np.random.default_rng(1))
    for f in range(shape[-1]):
        assert np.linalg.norm(direction[..., f]) == pytest.approx(np.linalg.norm(weight[..., f]))


def test_the_model_stays_as_it_is():
    model, (x, y) = with_everything(), rows()
    model.fit(x, y, verbose=0)
    before, drawn = state(model), random.normal((3,), seed=5).numpy()
    plot_loss_landscape(model, x, y, points=3)
    assert same(before, state(model))
    np.testing.assert_array_equal(random.normal((3,), seed=5).numpy(), drawn)
    with pytest.raises(ValueError, match="y"):
        plot_loss_landscape(model, x, y[:3], points=3)
    assert same(before, state(model))


def test_losses_that_are_not_finite_stay_empty():
    model, (x, y) = linear(), rows()
    model.set_weights([np.full((4, 1), 1e19, "float32"), np.zeros(1, "float32")])
    with pytest.raises(ValueError, match="no loss around the weights of sequential is finite"):
        plot_loss_landscape(model, x * 1e10, y, points=3)


def test_a_flat_landscape():
    model, (x, y) = linear(value="zeros"), rows()
    assert plot_loss_landscape(model, x, y, points=3)._repr_png_()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"points": 4}, "points to be odd"),
        ({"points": 1}, "points to be a whole number >= 3"),
        ({"extent": 0}, "extent to be a number > 0"),
        ({"seed": -1}, "seed to be a whole number >= 0"),
    ],
)
def test_arguments_of_the_landscape(options, message):
    with pytest.raises(ValueError, match=message):
        plot_loss_landscape(linear(), *rows(), **options)


def test_landscapes_need_a_model_with_a_loss_and_weights():
    x, y = rows()
    with pytest.raises(TypeError, match="plot_loss_landscape expects a model, got"):
        plot_loss_landscape(layers.Dense(1), x, y)
    with pytest.raises(ValueError, match="is not compiled"):
        plot_loss_landscape(Sequential([layers.Dense(1)]), x, y)
    frozen = linear()
    frozen.trainable = False
    with pytest.raises(ValueError, match="no trainable weights with two axes"):
        plot_loss_landscape(frozen, x, y)
