"""Arguments that the networks refuse, and what they say."""

import numpy as np
import pytest

from minidl import Input, Model, layers
from minidl.applications import VGG16, VGG19, AlexNet, ResNet50, ResNet101, ResNet152

KERAS = "https://storage.googleapis.com/tensorflow/keras-applications/"


@pytest.mark.parametrize(
    ("network", "options", "says"),
    [
        (VGG16, {"include_top": False, "input_shape": (28, 28, 3)}, r"at least 32 x 32 pixels, got .* \(28, 28, 3\)"),
        (ResNet50, {"input_shape": (3, 224, 224)}, r"at least 32 x 32 .* which is \(height, width, channels\)"),
        (AlexNet, {"input_shape": (62, 64, 3), "include_top": False}, "at least 63 x 63"),
        (VGG16, {"input_shape": (64, 64)}, r"expects input_shape to be \(height, width, channels\), got \(64, 64\)"),
        (VGG16, {"input_shape": (64, 64, 0)}, "made of whole numbers > 0"),
        (VGG16, {"input_shape": (None, None, None), "include_top": False}, "expects a number of channels"),
        (VGG16, {"input_shape": (None, None, 3)}, "without None, because the classifier on top is made for one"),
        (VGG16, {"classes": 0}, "expects classes to be a whole number >= 1, got 0"),
        (VGG16, {"pooling": "mean"}, "expects pooling to be None or 'avg' or 'max', got 'mean'"),
        (VGG16, {"weights": "no/such/file.h5"}, "there is no 'no/such/file.h5'"),
        (AlexNet, {"weights": "imagenet"}, "none for this network. .* a file that you have saved"),
        (VGG16, {"include_top": False, "classifier_activation": "sofmax"}, "Unknown activation 'sofmax'"),
        (ResNet101, {"name": "mine", "pooling": "x"}, "The model 'mine' expects"),
    ],
)  # fmt: skip
def test_refusals(network, options, says):
    with pytest.raises(ValueError, match=says) as caught:
        network(**{"weights": None, **options})
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("network", "file"),
    [
        (VGG16, "vgg16/vgg16_weights_tf_dim_ordering_tf_kernels"),
        (VGG19, "vgg19/vgg19_weights_tf_dim_ordering_tf_kernels"),
        (ResNet50, "resnet/resnet50_weights_tf_dim_ordering_tf_kernels"),
        (ResNet101, "resnet/resnet101_weights_tf_dim_ordering_tf_kernels"),
        (ResNet152, "resnet/resnet152_weights_tf_dim_ordering_tf_kernels"),
    ],
)
def test_the_default_of_keras_says_which_file_to_get(network, file):
    for include_top, end in ((True, ".h5"), (False, "_notop.h5")):
        with pytest.raises(ValueError, match="cannot have weights='imagenet'") as caught:
            network(include_top=include_top)
        assert f"get {KERAS}{file}{end}." in str(caught.value)
        assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            {"input_tensor": np.zeros((1, 64, 64, 3))},
            "expects input_tensor to be what Input or a layer returns",
        ),
        ({"include_top": "yes"}, "expects include_top to be True or False"),
        ({"classes": 10.0}, "expects classes to be a whole number"),
        ({"weights": 3}, "expects weights to be None or a path, got int"),
        ({"input_shape": "large"}, "expects input_shape to be made of whole numbers"),
        ({"input_shape": 64}, "expects input_shape to be"),
    ],
)
def test_things_of_another_type(options, says):
    with pytest.raises((TypeError, ValueError), match=says):
        VGG16(**{"weights": None, **options})


def test_another_activation_than_that_of_the_training(tmp_path):
    file = tmp_path / "weights.h5"
    file.write_bytes(b"not looked into")
    with pytest.raises(
        ValueError, match="'softmax' or None, got 'sigmoid': the weights were trained with softmax"
    ):
        ResNet50(weights=file, classifier_activation="sigmoid")


def test_pictures_of_many_channels_are_asked_about():
    with pytest.warns(UserWarning, match=r"3 or 1 channels, last in input_shape, and gets 4") as caught:
        AlexNet(include_top=False, weights=None, input_shape=(64, 64, 4))
    assert caught[0].filename == __file__


def test_an_input_tensor_that_has_come_some_way():
    image = Input(shape=(16, 16, 3), name="small")
    large = layers.UpSampling2D(4, name="enlarge")(image)
    model = AlexNet(include_top=False, weights=None, pooling="max", input_tensor=large)
    assert [layer.name for layer in model.layers[:3]] == ["small", "enlarge", "conv1_pad"]
    assert (model.input_shape, model.output_shape) == ((None, 16, 16, 3), (None, 256))
    with pytest.raises(ValueError, match=r"at least 63 x 63 .* got input_tensor of shape \(16, 16, 3\)"):
        AlexNet(include_top=False, input_tensor=image)


def test_an_input_tensor_made_of_two():
    left, right = Input(shape=(64, 64, 1), name="left"), Input(shape=(64, 64, 2), name="right")
    both = layers.Concatenate()([left, right])
    model = AlexNet(include_top=False, pooling="avg", input_tensor=both)
    assert isinstance(model, Model)
    assert model.input_names == ["left", "right"]
    y = model.predict([np.ones((2, 64, 64, 1), np.float32), np.ones((2, 64, 64, 2), np.float32)], verbose=0)
    assert y.shape == (2, 256)
