"""Filters and feature maps: what is drawn are the weights, and what the layers compute."""

import numpy as np
import pytest
from small_models import same, with_everything

from minidl import Tensor, layers
from minidl.inspect.pictures import plot_feature_maps, plot_filters
from minidl.models import Model, Sequential

pytest.importorskip("matplotlib")

SOBEL = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])


def cells(figure):
    """The arrays of all images in a figure, in order."""
    return [np.asarray(image.get_array()) for axes in figure.axes for image in axes.images]


def built(layer, *shape):
    layer.build((None, *shape))
    return layer


def sobel():
    """Two filters, set by hand: edges from left to right, and from top to bottom."""
    layer = built(layers.Conv2D(2, 3, use_bias=False, name="sobel"), 9, 9, 1)
    layer.set_weights([np.stack([SOBEL, SOBEL.T], axis=-1)[:, :, None]])
    return layer


def square():
    image = np.zeros((9, 9, 1), "float32")
    image[3:6, 3:7] = 1
    return image


def small(*more):
    return Sequential(
        [layers.Input((9, 9, 1)), layers.Conv2D(3, 3, activation="relu"), layers.MaxPooling2D(), *more]
    )


def title(figure):
    return figure.get_suptitle()


# --- plot_filters -------------------------------------------------------------------------------------------


def test_filters_of_an_image_with_one_channel():
    layer = built(layers.Conv2D(5, (2, 3)), 8, 8, 1)
    figure = plot_filters(layer)
    for f, drawn in enumerate(cells(figure)):
        np.testing.assert_array_equal(drawn, layer.kernel.numpy()[:, :, 0, f])
    assert len(cells(figure)) == 5
    assert title(figure) == "conv2d: 5 filters of 2×3"


def test_several_channels_are_rows():
    layer = built(layers.Conv2D(4, 3), 8, 8, 3)
    drawn = iter(cells(plot_filters(layer)))
    for c in range(3):
        for f in range(4):
            np.testing.assert_array_equal(next(drawn), layer.kernel.numpy()[:, :, c, f])


def test_channels_of_a_transposed_convolution_are_rows():
    layer = built(layers.Conv2DTranspose(4, 3), 8, 8, 2)
    drawn = iter(cells(plot_filters(layer)))
    for c in range(2):
        for f in range(4):
            np.testing.assert_array_equal(next(drawn), layer.kernel.numpy()[:, :, f, c])


@pytest.mark.parametrize(
    ("layer", "shape", "weight"),
    [
        (layers.Conv1D(4, 5), (20, 3), lambda k, f: k[:, :, f].T),
        (layers.Conv2DTranspose(4, 3), (8, 8, 1), lambda k, f: k[:, :, f, 0]),
        (layers.DepthwiseConv2D(3, depth_multiplier=2), (8, 8, 2), lambda k, f: k[:, :, f // 2, f % 2]),
        (layers.SeparableConv2D(7, 3, depth_multiplier=2), (8, 8, 2), lambda k, f: k[:, :, f // 2, f % 2]),
        (layers.SeparableConv1D(7, 3, depth_multiplier=2), (8, 2), lambda k, f: k[None, :, f // 2, f % 2]),
        (layers.Conv2D(4, 3, groups=2), (8, 8, 2), lambda k, f: k[:, :, 0, f]),
        (layers.TimeDistributed(layers.Conv2D(4, 3)), (2, 8, 8, 1), lambda k, f: k[:, :, 0, f]),
    ],
    ids=lambda case: type(case).__name__,
)
def test_every_convolution(layer, shape, weight):
    found = cells(plot_filters(built(layer, *shape)))
    assert len(found) == 4
    for f, drawn in enumerate(found):
        np.testing.assert_array_equal(drawn, weight(layer.weights[0].numpy(), f))


def test_the_middle_of_the_colours_is_zero():
    layer = sobel()
    layer.set_weights([abs(layer.kernel.numpy())])
    for axes in plot_filters(layer).axes[:2]:
        assert axes.images[0].get_clim() == (-2, 2)


def test_numbers_are_written_where_there_is_room():
    assert [text.get_text() for text in plot_filters(sobel()).axes[0].texts] == [
        "−1",
        "0",
        "1",
        "−2",
        "0",
        "2",
        "−1",
        "0",
        "1",
    ]
    assert plot_filters(built(layers.Conv2D(32, 3), 8, 8, 1)).axes[0].texts[:] == []


def test_of_many_filters_the_first_ones():
    figure = plot_filters(built(layers.Conv2D(100, 3), 8, 8, 1))
    assert len(cells(figure)) == 64
    assert title(figure) == "conv2d: the first 64 of 100 filters of 3×3"
    figure = plot_filters(built(layers.Conv2D(20, 3, name="deep"), 8, 8, 30))
    assert len(cells(figure)) == 12 * 8
    assert title(figure) == "deep: 12 of 20 filters of 3×3, 8 of 30 channels"


def test_the_layer_of_a_model():
    model = small(layers.Conv2D(2, 2, name="second"), layers.Flatten(), layers.Dense(2))
    assert "conv2d: 3 filters" in title(plot_filters(model))
    assert "second: 2 filters" in title(plot_filters(model, "second"))
    assert "second: 2 filters" in title(plot_filters(model, 2))
    assert "second: 2 filters" in title(plot_filters(Sequential([layers.Input((9, 9, 1)), model]), "second"))
    with pytest.raises(ValueError, match=r"no layer 'secnd'\. Did you mean 'second'\?"):
        plot_filters(model, "secnd")
    with pytest.raises(ValueError, match="draws convolutions, and dense has none"):
        plot_filters(model, "dense")


@pytest.mark.parametrize(
    ("target", "options", "kind", "message"),
    [
        (3, {}, TypeError, "expects a layer or a model, got 3"),
        (layers.Conv2D, {}, TypeError, "got the class Conv2D"),
        (layers.Conv2D(2, 3), {}, ValueError, "has no weights yet"),
        (built(layers.Dense(2), 3), {}, ValueError, "has none"),
        (sobel(), {"layer": "sobel"}, TypeError, "layer only with a model"),
    ],
)
def test_nothing_to_draw(target, options, kind, message):
    with pytest.raises(kind, match=message):
        plot_filters(target, **options)


# --- plot_feature_maps --------------------------------------------------------------------------------------


def slid(image, window):
    """A window moved over an image by hand."""
    height, width = image.shape[0] - 2, image.shape[1] - 2
    return [[(image[i : i + 3, j : j + 3] * window).sum() for j in range(width)] for i in range(height)]


def test_sobel_by_weights_set_by_hand():
    figure = plot_feature_maps(sobel(), square())
    image, across, down = cells(figure)
    np.testing.assert_array_equal(image, square()[..., 0])
    np.testing.assert_allclose(across, slid(square()[..., 0], SOBEL))
    np.testing.assert_allclose(down, slid(square()[..., 0], SOBEL.T))
    assert title(figure) == "sobel: 2 feature maps of 7×7"
    assert figure.axes[1].images[0].get_clim() == (-4, 4)


def test_an_overview_of_a_model():
    model = small(layers.Flatten(), layers.Dense(2))
    model.set_weights([np.ones(w.shape) for w in model.get_weights()])
    x = np.random.default_rng(0).uniform(size=(4, 9, 9, 1)).astype("float32")
    drawn = cells(plot_feature_maps(model, x))
    convolved = model.layers[0](Tensor(x[:1])).numpy()
    pooled = model.layers[1](Tensor(convolved)).numpy()
    expected = [x[0, ..., 0], *np.moveaxis(convolved[0], -1, 0), *np.moveaxis(pooled[0], -1, 0)]
    assert len(drawn) == len(expected) == 7
    for found, wanted in zip(drawn, expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_one_layer_of_a_model_all_maps():
    model = small()
    figure = plot_feature_maps(model, square(), layer="max_pooling2d")
    assert title(figure) == "max_pooling2d: 3 feature maps of 3×3"
    assert len(cells(figure)) == 4
    looks = [axes.images[0].get_clim() for axes in figure.axes[1:4]]
    assert len(set(looks)) == 1  # maps of one layer are compared


def test_with_or_without_a_batch_axis():
    model = small()
    one = cells(plot_feature_maps(model, square()))
    for x in (
        square()[None],
        square()[None].tolist(),
        np.stack([square(), square() + 1]),
        Tensor(square()[None]),
    ):
        for found, wanted in zip(cells(plot_feature_maps(model, x)), one, strict=True):
            np.testing.assert_array_equal(found, wanted)


def test_a_series_is_one_picture():
    model = Sequential(
        [layers.Input((12, 3)), layers.Conv1D(5, 3), layers.LSTM(4, return_sequences=True), layers.LSTM(2)]
    )
    x = np.random.default_rng(0).normal(size=(12, 3))
    assert [image.shape for image in cells(plot_feature_maps(model, x))] == [(3, 12), (5, 10), (4, 10)]
    figure = plot_feature_maps(model, x, layer=0)
    np.testing.assert_allclose(cells(figure)[1].T, model.layers[0](x[None]).numpy()[0], rtol=1e-5)


def test_a_model_of_ones_own_with_several_inputs():
    class Two(Model):
        def __init__(self):
            super().__init__()
            self.left, self.right = layers.Conv2D(2, 3, name="left"), layers.Conv2D(1, 3, name="right")

        def call(self, inputs):
            a, b = inputs
            return self.left(a) + self.right(b)

    model, x = Two(), [square()[None], -square()[None]]
    model(x)
    assert [image.shape for image in cells(plot_feature_maps(model, x))] == [(9, 9)] * 2 + [(7, 7)] * 3


def test_images_in_colours_and_many_channels():
    colours = built(layers.Conv2D(1, 3), 9, 9, 3)
    assert [image.shape for image in cells(plot_feature_maps(colours, np.ones((9, 9, 3))))] == [
        (9, 9, 3),
        (7, 7),
    ]
    many = built(layers.Conv2D(70, 3), 9, 9, 20)
    figure = plot_feature_maps(many, np.ones((9, 9, 20)))
    assert [image.shape for image in cells(figure)] == [(9, 9)] * 8 + [(7, 7)] * 64
    assert title(figure) == "conv2d_1: the first 64 of 70 feature maps of 7×7"


def test_of_many_layers_some_and_the_last():
    model = Sequential([layers.Input((9, 9, 1)), *[layers.Conv2D(1, 3, padding="same") for _ in range(50)]])
    figure = plot_feature_maps(model, square())
    assert title(figure) == "Feature maps of 20 of 50 layers"
    assert len(cells(figure)) == 21
    assert any(axes.get_ylabel().startswith("conv2d_49") for axes in figure.axes)
    assert figure._repr_png_()


def test_the_model_is_left_alone():
    model = Sequential(
        [layers.Input((9, 9, 1)), layers.Conv2D(2, 3), layers.BatchNormalization(), layers.Dropout(0.5)]
    )
    before = [w.copy() for w in model.get_weights()]
    first = cells(plot_feature_maps(model, square()))
    second = cells(plot_feature_maps(model, square()))
    assert same(before, model.get_weights())
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)  # no dropout


@pytest.mark.parametrize(
    ("target", "x", "options", "kind", "message"),
    [
        (3, square(), {}, TypeError, "expects a layer or a model, got 3"),
        (layers.Conv2D(2, 3), square(), {}, ValueError, "has no weights yet"),
        (with_everything(), np.ones((1, 4)), {}, ValueError, r"outputs of shape \(N, H, W, F\)"),
        (sobel(), "image", {}, (TypeError, ValueError), "x"),
        (sobel(), np.ones((5, 5)), {}, ValueError, "sobel"),
        (small(), np.ones((5, 5)), {}, ValueError, "expects|shape"),
        (small(), square(), {"layer": 7}, ValueError, "none with the index 7"),
        (
            small(layers.Flatten(name="flatten")),
            square(),
            {"layer": "flatten"},
            ValueError,
            "flatten has none",
        ),
    ],
)
def test_no_maps(target, x, options, kind, message):
    with pytest.raises(kind, match=message):
        plot_feature_maps(target, x, **options)
