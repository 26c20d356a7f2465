"""ResNet: layers that are asked for a correction to what they are given, instead of for a replacement.

K. He, X. Zhang, S. Ren, J. Sun, "Deep Residual Learning for Image Recognition", 2015, arXiv:1512.03385.

More layers should never be worse: the added ones could pass on what they get. But they do not find that out by
themselves, and networks of 50 plain layers learned worse than those of 20, on the training pictures too. So a block
is given the identity, and learns the rest of it, the residual F:

    y = relu(F(x) + x)                        dx = dr + (∂F/∂x)ᵀ·dr,        dr = dy where y > 0, 0 elsewhere

With F = 0, where it starts if its weights are small, the block passes x on; and on the way back dr reaches the block
before through the sum as it is, however small ∂F/∂x may be. That is why a hundred such blocks can be stacked.

F is a bottleneck here: a 1x1 convolution to few channels, the expensive 3x3 one on those, and a 1x1 one back to four
times as many,

    F = norm ∘ conv 1x1 (4·C) ∘ relu ∘ norm ∘ conv 3x3 (C) ∘ relu ∘ norm ∘ conv 1x1 (C)

with batch normalisation after each. Where a stack of blocks begins, the number of channels changes, and from the
second stack on the picture halves; x cannot be added then as it is, and goes through a 1x1 convolution of its own:

    y = relu(F(x) + norm(conv 1x1 (x)))
"""

import os
from collections.abc import Sequence
from typing import Any

from minidl.applications.imagenet_utils import decode_predictions
from minidl.applications.imagenet_utils import preprocess_caffe as preprocess_input
from minidl.applications.wanted import Published, Wanted, finished, first, pooled
from minidl.layers import (
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    GlobalAveragePooling2D,
    MaxPooling2D,
    ZeroPadding2D,
)
from minidl.models import Functional
from minidl.symbolic import Shape, SymbolicTensor

__all__ = ["ResNet50", "ResNet101", "ResNet152", "decode_predictions", "preprocess_input"]

_CHANNELS = (64, 128, 256, 512)  # C in each stack


def _resnet(wanted: Wanted, blocks: Sequence[int], published: Published) -> Functional:
    """The network with so many blocks in each stack."""
    x = image = first(wanted, published, default_size=224, min_size=32)
    x = _stem(x)
    for i, (count, channels) in enumerate(zip(blocks, _CHANNELS, strict=True), start=2):
        stride = 1 if i == 2 else 2  # the stem has halved the picture before the first stack
        x = _block(x, channels, f"conv{i}_block1", stride, reshaped=True)
        for k in range(2, count + 1):
            x = _block(x, channels, f"conv{i}_block{k}")
    if wanted.include_top:
        x = GlobalAveragePooling2D(name="avg_pool")(x)
        x = Dense(wanted.classes, activation=wanted.classifier_activation, name="predictions")(x)
    else:
        x = pooled(wanted, x, avg="avg_pool", max="max_pool")
    return finished(wanted, image, x)


def _stem(x: Any) -> Any:
    """x (N, H, W, C) -> (N, H/4, W/4, 64): large windows first, while the picture has few channels."""
    x = ZeroPadding2D(3, name="conv1_pad")(x)
    x = Conv2D(64, 7, strides=2, name="conv1_conv")(x)
    x = _norm(x, "conv1_bn")
    x = Activation("relu", name="conv1_relu")(x)
    x = ZeroPadding2D(1, name="pool1_pad")(x)
    return MaxPooling2D(3, strides=2, name="pool1_pool")(x)


def _block(x: Any, channels: int, name: str, stride: int = 1, reshaped: bool = False) -> Any:
    """A residual block, y = relu(F(x) + x).

    Args:
        x: (N, H, W, C').
        channels: C inside of F; y has 4·C.
        name: what the names of its layers begin with.
        stride: by which the picture shrinks.
        reshaped: whether x is made fit to be added, by a convolution of its own.
    """
    shortcut = x
    if reshaped:
        shortcut = Conv2D(4 * channels, 1, strides=stride, name=f"{name}_0_conv")(x)
        shortcut = _norm(shortcut, f"{name}_0_bn")

    x = Conv2D(channels, 1, strides=stride, name=f"{name}_1_conv")(x)
    x = _norm(x, f"{name}_1_bn")
    x = Activation("relu", name=f"{name}_1_relu")(x)

    x = Conv2D(channels, 3, padding="same", name=f"{name}_2_conv")(x)
    x = _norm(x, f"{name}_2_bn")
    x = Activation("relu", name=f"{name}_2_relu")(x)

    x = Conv2D(4 * channels, 1, name=f"{name}_3_conv")(x)
    x = _norm(x, f"{name}_3_bn")

    x = Add(name=f"{name}_add")([shortcut, x])
    return Activation("relu", name=f"{name}_out")(x)


def _norm(x: Any, name: str) -> Any:
    """Batch normalisation, with the ε that the published weights were trained with."""
    return BatchNormalization(epsilon=1.001e-5, name=name)(x)


def ResNet50(
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = "imagenet",
    input_tensor: SymbolicTensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "resnet50",
) -> Functional:
    """ResNet with 50 layers of weights: 25,636,712 numbers, 23,587,712 without the classifier.

    Args:
        include_top: whether the classifier is on top. Without it the output is 2048 features of each part of the
            picture, (N, H/32, W/32, 2048), for a classifier of your own.
        weights: None for random ones, or the path of a file to load, such as the one that Keras publishes. The
            default "imagenet" is Keras's; it says where to get that file, because minidl downloads no weights.
        input_tensor: what the pictures come from, if not from a new Input.
        input_shape: (height, width, channels) of the pictures, at least 32 x 32. (224, 224, 3) with the classifier,
            and any size without it, if this is not given.
        pooling: without the classifier, "avg" or "max" makes one number of each feature, (N, 2048).
        classes: number of classes the classifier tells apart.
        classifier_activation: of the last layer; None for logits.
        name: of the model.

    Raises:
        TypeError, ValueError: an argument is none of those.
    """
    return _resnet(Wanted(**locals()), (3, 4, 6, 3), Published("resnet", "resnet50"))


def ResNet101(
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = "imagenet",
    input_tensor: SymbolicTensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "resnet101",
) -> Functional:
    """ResNet with 101 layers of weights: 44,707,176 numbers, 42,658,176 without the classifier.

    Args:
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name: as in
            `ResNet50`.

    Raises:
        TypeError, ValueError: an argument is none of those that are possible.
    """
    return _resnet(Wanted(**locals()), (3, 4, 23, 3), Published("resnet", "resnet101"))


def ResNet152(
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = "imagenet",
    input_tensor: SymbolicTensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "resnet152",
) -> Functional:
    """ResNet with 152 layers of weights: 60,419,944 numbers, 58,370,944 without the classifier.

    Args:
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name: as in
            `ResNet50`.

    Raises:
        TypeError, ValueError: an argument is none of those that are possible.
    """
    return _resnet(Wanted(**locals()), (3, 8, 36, 3), Published("resnet", "resnet152"))
