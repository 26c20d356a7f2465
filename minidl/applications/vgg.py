"""VGG: what happens if a network has nothing but the smallest windows, and more and more layers of them.

K. Simonyan, A. Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2014,
arXiv:1409.1556.

A window of 3x3 is the smallest that knows left from right and up from down. Two such convolutions in a row see 5x5
pixels, three see 7x7, and instead of the 7·7·C·C = 49·C² weights of one large window they have 3·(3·3·C·C) = 27·C²,
with two more ReLUs in between. So the network is five blocks of

    2 to 4 convolutions 3x3 (the picture keeps its size) -> max pooling 2x2 (it halves)

whose number of filters doubles while the picture shrinks: 64, 128, 256, 512, 512. A picture of 224x224 arrives as
7x7x512, is flattened, and three dense layers tell what it shows. Nine tenths of the weights are in those: the first
dense layer alone has 7·7·512·4096 = 102,760,448.

The numbers 16 and 19 count the layers with weights: 13 or 16 convolutions, and 3 dense layers.
"""

import os
from collections.abc import Sequence
from typing import Any

from minidl.applications.wanted import Published, Wanted, finished, first, pooled
from minidl.layers import Conv2D, Dense, Flatten, MaxPooling2D
from minidl.models import Functional
from minidl.symbolic import Shape, SymbolicTensor

__all__ = ["VGG16", "VGG19"]

_FILTERS = (64, 128, 256, 512, 512)


def _vgg(wanted: Wanted, convolutions: Sequence[int], published: Published) -> Functional:
    """The network with so many convolutions in each block."""
    x = image = first(wanted, published, default_size=224, min_size=32)
    for i, (count, filters) in enumerate(zip(convolutions, _FILTERS, strict=True), start=1):
        x = _block(x, f"block{i}", count, filters)
    x = _classifier(wanted, x) if wanted.include_top else pooled(wanted, x)
    return finished(wanted, image, x)


def _block(x: Any, name: str, convolutions: int, filters: int) -> Any:
    """x (N, H, W, C) -> (N, H/2, W/2, filters)."""
    for k in range(1, convolutions + 1):
        x = Conv2D(filters, 3, padding="same", activation="relu", name=f"{name}_conv{k}")(x)
    return MaxPooling2D(2, strides=2, name=f"{name}_pool")(x)


def _classifier(wanted: Wanted, x: Any) -> Any:
    """x (N, H, W, 512) -> (N, classes)."""
    x = Flatten(name="flatten")(x)
    x = Dense(4096, activation="relu", name="fc1")(x)
    x = Dense(4096, activation="relu", name="fc2")(x)
    return Dense(wanted.classes, activation=wanted.classifier_activation, name="predictions")(x)


def VGG16(
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = "imagenet",
    input_tensor: SymbolicTensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "vgg16",
) -> Functional:
    """VGG with 16 layers of weights: 138,357,544 numbers, 14,714,688 without the classifier.

    Args:
        include_top: whether the classifier is on top. Without it the output is 512 features of each part of the
            picture, (N, H/32, W/32, 512), for a classifier of your own.
        weights: None for random ones, or the path of a file to load, such as the one that Keras publishes. The
            default "imagenet" is Keras's; it says where to get that file, because minidl downloads no weights.
        input_tensor: what the pictures come from, if not from a new Input.
        input_shape: (height, width, channels) of the pictures, at least 32 x 32. (224, 224, 3) with the classifier,
            and any size without it, if this is not given.
        pooling: without the classifier, "avg" or "max" makes one number of each feature, (N, 512).
        classes: number of classes the classifier tells apart.
        classifier_activation: of the last layer; None for logits.
        name: of the model.

    Raises:
        TypeError, ValueError: an argument is none of those.

    >>> model = VGG16(include_top=False, weights=None, input_shape=(32, 32, 3))
    >>> model.count_params(), model.output_shape
    (14714688, (None, 1, 1, 512))
    """
    return _vgg(Wanted(**locals()), (2, 2, 3, 3, 3), Published("vgg16", "vgg16"))


def VGG19(
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = "imagenet",
    input_tensor: SymbolicTensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "vgg19",
) -> Functional:
    """VGG with 19 layers of weights: 143,667,240 numbers, 20,024,384 without the classifier.

    Args:
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name: as in
            `VGG16`.

    Raises:
        TypeError, ValueError: an argument is none of those that are possible.
    """
    return _vgg(Wanted(**locals()), (2, 2, 4, 4, 4), Published("vgg19", "vgg19"))
