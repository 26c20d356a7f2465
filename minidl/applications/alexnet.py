"""AlexNet: the network that showed in 2012 what convolutions, ReLU, dropout and two graphics cards can do.

A. Krizhevsky, I. Sutskever, G. E. Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", NIPS
2012. What is built here is the form in one column of A. Krizhevsky, "One weird trick for parallelizing convolutional
neural networks", 2014, arXiv:1404.5997: the channels are no longer cut in two, one half for each card (that form has
60,965,224 weights), the convolutions have 64, 192, 384, 256 and 256 filters, and the normalisation across
neighbouring channels is gone. It is the form in which PyTorch publishes weights.

    224x224x3 -> conv 11x11 /4 -> pool -> conv 5x5 -> pool -> conv 3x3 three times -> pool -> 6x6x256
              -> dense 4096 -> dense 4096 -> dense 1000

The windows are large where the picture is: the first takes 11x11 pixels in steps of 4. Pooling windows of 3x3 in steps
of 2 overlap. Dropout sets half of each of the two large dense layers to 0 during training.
"""

import os
from typing import Any

from minidl.applications.imagenet_utils import decode_predictions
from minidl.applications.imagenet_utils import preprocess_torch as preprocess_input
from minidl.applications.wanted import Wanted, finished, first, pooled
from minidl.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D, ZeroPadding2D
from minidl.models import Functional
from minidl.symbolic import Shape, SymbolicTensor

__all__ = ["AlexNet", "decode_predictions", "preprocess_input"]


def AlexNet(
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    input_tensor: SymbolicTensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "alexnet",
) -> Functional:
    """AlexNet in one column: 61,100,840 numbers, 2,469,696 without the classifier.

    Keras has no such network, so there is no file for it from Keras: weights are random, unless you have saved some.

    Args:
        include_top: whether the three dense layers are on top. Without them the output is 256 features of each part
            of the picture, (N, 6, 6, 256) for one of 224 x 224.
        weights: None for random ones, or the path of a file to load.
        input_tensor, pooling, classes, classifier_activation, name: as in `VGG16`.
        input_shape: (height, width, channels) of the pictures, at least 63 x 63. (224, 224, 3) with the classifier,
            and any size without it, if this is not given.

    Raises:
        TypeError, ValueError: an argument is none of those that are possible.

    >>> AlexNet(include_top=False, pooling="avg", input_shape=(64, 64, 3)).output_shape
    (None, 256)
    """
    return _alexnet(Wanted(**locals()))


def _alexnet(wanted: Wanted) -> Functional:
    """The network."""
    x = image = first(wanted, None, default_size=224, min_size=63)

    x = ZeroPadding2D(2, name="conv1_pad")(x)
    x = Conv2D(64, 11, strides=4, activation="relu", name="conv1")(x)
    x = MaxPooling2D(3, strides=2, name="pool1")(x)
    x = Conv2D(192, 5, padding="same", activation="relu", name="conv2")(x)
    x = MaxPooling2D(3, strides=2, name="pool2")(x)
    x = Conv2D(384, 3, padding="same", activation="relu", name="conv3")(x)
    x = Conv2D(256, 3, padding="same", activation="relu", name="conv4")(x)
    x = Conv2D(256, 3, padding="same", activation="relu", name="conv5")(x)
    x = MaxPooling2D(3, strides=2, name="pool5")(x)

    x = _classifier(wanted, x) if wanted.include_top else pooled(wanted, x)
    return finished(wanted, image, x)


def _classifier(wanted: Wanted, x: Any) -> Any:
    """x (N, H, W, 256) -> (N, classes)."""
    x = Flatten(name="flatten")(x)
    for name in ("6", "7"):
        x = Dense(4096, activation="relu", name=f"fc{name}")(x)
        x = Dropout(0.5, name=f"drop{name}")(x)
    return Dense(wanted.classes, activation=wanted.classifier_activation, name="predictions")(x)
