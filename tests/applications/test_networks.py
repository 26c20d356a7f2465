"""The networks are those of the papers: layers, names, sizes, and that they learn."""

import numpy as np
import pytest

from minidl import Sequential, layers
from minidl.applications import VGG16, VGG19, AlexNet, ResNet50, ResNet101, ResNet152, resnet
from minidl.applications import resnet50 as resnet50_module


def names(model):
    return [layer.name for layer in model.layers]


def numbers(weights):
    return sum(w.numpy().size for w in weights)


def conv(inputs, filters, window):
    return (window * window * inputs + 1) * filters


@pytest.mark.parametrize(
    ("network", "convolutions", "parameters"),
    [(VGG16, (2, 2, 3, 3, 3), 14714688), (VGG19, (2, 2, 4, 4, 4), 20024384)],
)
def test_vgg_without_classifier(network, convolutions, parameters):
    model = network(include_top=False, weights=None)
    expected = []
    for block, count in enumerate(convolutions, 1):
        expected += [f"block{block}_conv{k + 1}" for k in range(count)] + [f"block{block}_pool"]
    assert names(model)[1:] == expected
    assert model.name == network.__name__.lower()
    assert model.count_params() == parameters
    assert model.output_shape == (None, None, None, 512)
    for size, left in (((32, 32), (1, 1)), ((64, 100), (2, 3)), ((224, 224), (7, 7))):
        assert model.compute_output_shape((5, *size, 3)) == (5, *left, 512)
    assert {layer.activation.__name__ for layer in model.layers if "conv" in layer.name} == {"relu"}


def test_vgg16_with_classifier():
    model = VGG16(weights=None)
    assert names(model)[-4:] == ["flatten", "fc1", "fc2", "predictions"]
    assert (model.input_shape, model.output_shape) == ((None, 224, 224, 3), (None, 1000))
    assert model.count_params() == 138357544


def test_a_small_vgg19_with_classifier():
    model = VGG19(weights=None, input_shape=(32, 32, 1), classes=3, classifier_activation=None, name="small")
    dense = (512 + 1) * 4096 + (4096 + 1) * 4096 + (4096 + 1) * 3
    assert model.count_params() == 20024384 - 2 * 9 * 64 + dense
    assert (model.name, model.output_shape) == ("small", (None, 3))
    y = model.predict(np.ones((1, 32, 32, 1), np.float32), verbose=0)
    assert abs(y.sum() - 1) > 1e-3  # logits


def bottleneck(inputs, channels, reshaped):
    """Trainable weights and running statistics of a residual block."""
    sizes = [(inputs, channels, 1), (channels, channels, 3), (channels, 4 * channels, 1)]
    sizes += [(inputs, 4 * channels, 1)] * reshaped
    normed = sum(filters for _, filters, _ in sizes)
    return sum(conv(*size) for size in sizes) + 2 * normed, 2 * normed


@pytest.mark.parametrize(
    ("network", "blocks", "parameters"),
    [
        (ResNet50, (3, 4, 6, 3), 25636712),
        (ResNet101, (3, 4, 23, 3), 44707176),
        (ResNet152, (3, 8, 36, 3), 60419944),
    ],
)
def test_resnet_with_classifier(network, blocks, parameters):
    trainable, fixed, inputs = conv(3, 64, 7) + 128, 128, 64
    for count, channels in zip(blocks, (64, 128, 256, 512), strict=True):
        for k in range(count):
            more = bottleneck(inputs, channels, k == 0)
            trainable, fixed, inputs = trainable + more[0], fixed + more[1], 4 * channels
    trainable += (2048 + 1) * 1000
    assert trainable + fixed == parameters  # the sum by hand is right
    model = network(weights=None)
    assert model.count_params() == parameters
    assert numbers(model.trainable_weights) == trainable
    assert numbers(model.non_trainable_weights) == fixed
    assert (model.input_shape, model.output_shape) == ((None, 224, 224, 3), (None, 1000))
    assert len(model.layers) == 7 + 2 + sum(12 - 2 + 2 * (k == 0) for n in blocks for k in range(n))
    assert model.name == network.__name__.lower()


def test_resnet50_without_classifier():
    model = ResNet50(include_top=False, weights=None, input_shape=(32, 32, 3))
    assert len(model.layers) == 175
    assert model.count_params() == 23587712
    assert numbers(model.non_trainable_weights) == 53120
    assert names(model)[1:7] == [
        "conv1_pad",
        "conv1_conv",
        "conv1_bn",
        "conv1_relu",
        "pool1_pad",
        "pool1_pool",
    ]
    assert names(model)[-3:] == ["conv5_block3_3_bn", "conv5_block3_add", "conv5_block3_out"]
    assert model.output_shape == (None, 1, 1, 2048)
    assert model.get_layer("conv2_block1_out").output.shape == (None, 8, 8, 256)
    assert model.get_layer("conv4_block6_out").output.shape == (None, 2, 2, 1024)
    assert model.get_layer("conv3_block1_1_bn").epsilon == 1.001e-5
    assert model.compute_output_shape((None, 224, 224, 3)) == (None, 7, 7, 2048)
    assert resnet50_module.ResNet50 is resnet.ResNet50 is ResNet50


def test_alexnet():
    model = AlexNet()
    sizes = [conv(3, 64, 11), conv(64, 192, 5), conv(192, 384, 3), conv(384, 256, 3), conv(256, 256, 3)]
    dense = [(9216 + 1) * 4096, (4096 + 1) * 4096, (4096 + 1) * 1000]
    assert [w.count_params() for w in model.layers if w.count_params()] == sizes + dense
    assert model.count_params() == 61100840
    assert model.get_layer("pool1").output.shape == (None, 27, 27, 64)
    assert model.get_layer("pool2").output.shape == (None, 13, 13, 192)
    assert model.get_layer("pool5").output.shape == (None, 6, 6, 256)
    assert [layer.name for layer in model.layers if isinstance(layer, layers.Dropout)] == ["drop6", "drop7"]


@pytest.mark.parametrize("pooling", ["avg", "max"])
def test_pooled_features(pooling):
    x = np.random.default_rng(0).normal(size=(2, 70, 64, 3)).astype(np.float32)
    whole = AlexNet(include_top=False)
    model = AlexNet(include_top=False, pooling=pooling)
    model.set_weights(whole.get_weights())
    features = whole.predict(x, verbose=0)
    expected = features.mean(axis=(1, 2)) if pooling == "avg" else features.max(axis=(1, 2))
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-6)
    assert names(ResNet50(False, None, None, (32, 32, 3), pooling))[-1] == f"{pooling}_pool"


def test_weights_from_a_file(tmp_path):
    options = {"include_top": False, "pooling": "avg", "input_shape": (64, 64, 1)}
    model = AlexNet(**options)
    model.save_weights(tmp_path / "weights.npz")
    again = AlexNet(weights=tmp_path / "weights.npz", **options)
    for old, new in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    with pytest.raises(ValueError, match="conv1"):  # made for grey pictures
        AlexNet(weights=str(tmp_path / "weights.npz"), include_top=False)


def test_a_block_passes_on_what_it_is_given():
    """With F = 0 a block is relu(x): its last normalisation scales F with γ."""
    model = ResNet50(include_top=False, weights=None, input_shape=(32, 32, 3))
    model.get_layer("conv2_block2_3_bn").gamma.assign(np.zeros(256))
    before, after = (model.get_layer(f"conv2_block{k}_out").output for k in (1, 2))
    part = type(model)(model.input, [before, after])
    x = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype(np.float32)
    y, passed = part.predict(x, verbose=0)
    assert y.std() > 0
    np.testing.assert_array_equal(passed, y)


def test_a_new_head_on_a_frozen_vgg16_learns():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 32)
    x = rng.normal(size=(32, 32, 32, 3)).astype(np.float32)
    x[y == 1, :, :, 0] += 1.0
    base = VGG16(include_top=False, weights=None, input_shape=(32, 32, 3))
    base.trainable = False
    model = Sequential([base, layers.Flatten(), layers.Dense(2, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    assert numbers(model.trainable_weights) == 2 * 512 + 2
    assert numbers(model.non_trainable_weights) == 14714688
    before = [w.copy() for w in base.get_weights()]
    losses = model.fit(x, y, epochs=4, batch_size=16, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    for old, new in zip(before, base.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
