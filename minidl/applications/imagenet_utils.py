"""What pictures and predictions look like to networks that were trained on ImageNet.

Whoever trained a network chose what its pixels are; a picture must be prepared in the same way. There are three:

    mode       channels   pixel p from 0 to 255 becomes           used by
    "caffe"    B, G, R    p − (103.939, 116.779, 123.68)          VGG, ResNet
    "torch"    R, G, B    (p/255 − mean)/deviation                AlexNet
    "tf"       R, G, B    p/127.5 − 1                             others

with the means of ImageNet: what remains is how a pixel differs from the average one. Caffe's networks were trained
on pictures that a library had read with blue first.
"""

from typing import Any

import numpy as np

from minidl import config, ops
from minidl.applications.imagenet_classes import class_names
from minidl.messages import say
from minidl.symbolic import SymbolicTensor
from minidl.tensor import Tensor
from minidl.utils.checks import whole_number

__all__ = ["decode_predictions", "preprocess_caffe", "preprocess_input", "preprocess_torch"]

_CAFFE_MEANS = (103.939, 116.779, 123.68)  # B, G, R
_MEANS, _DEVIATIONS = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # R, G, B, of pixels from 0 to 1


def preprocess_input(x: Any, data_format: str | None = None, mode: str = "caffe") -> Any:
    """Pictures prepared for a network. Keras overwrites an array of floats that it is given; here x stays as it is.

    Args:
        x: (N, H, W, 3) or (H, W, 3), red, green and blue from 0 to 255: an array, a Tensor, or a symbolic tensor.
        data_format: "channels_last", or "channels_first" for pictures (N, 3, H, W) or (3, H, W). None for the first.
        mode: "caffe", "torch" or "tf", see above.

    Returns:
        The same shape, of the same type of floats; whole numbers become floats.

    Raises:
        ValueError: another mode, data_format or shape.

    >>> preprocess_input(np.full((1, 1, 3), 255)).round(3)
    array([[[151.061, 138.221, 131.32 ]]], dtype=float32)
    """
    if mode not in ("caffe", "torch", "tf"):
        raise ValueError(
            say(f"preprocess_input expects mode to be 'caffe', 'torch' or 'tf', got {mode!r:.60}.")
        )
    if data_format not in (None, "channels_last", "channels_first"):
        raise ValueError(
            say(
                "preprocess_input expects data_format to be None, 'channels_last' or 'channels_first', got "
                f"{data_format!r:.60}."
            )
        )
    x = x if isinstance(x, Tensor | SymbolicTensor) else np.asarray(x)
    if np.dtype(x.dtype).kind != "f":
        x = x.astype(config.floatx()) if isinstance(x, np.ndarray) else ops.cast(x, config.floatx())
    last = data_format != "channels_first"
    if x.ndim not in (3, 4) or x.shape[-1 if last else -3] != 3:
        raise ValueError(
            say(
                f"preprocess_input expects pictures with 3 channels, {'(N, H, W, 3)' if last else '(N, 3, H, W)'} or "
                f"one without N, got shape {tuple(x.shape)}."
            )
        )

    def each(values: tuple[float, float, float]) -> Any:
        """One number for each channel, in the place where the channels are."""
        array = np.array(values, x.dtype)
        return array if last else array[:, None, None]

    if mode == "tf":
        return x / 127.5 - 1.0
    if mode == "torch":
        return (x / 255.0 - each(_MEANS)) / each(_DEVIATIONS)
    blue_first = x[..., ::-1] if last else x[..., ::-1, :, :]
    return blue_first - each(_CAFFE_MEANS)


def preprocess_caffe(x: Any, data_format: str | None = None) -> Any:
    """`preprocess_input` with mode "caffe", for VGG and ResNet.

    >>> preprocess_caffe(np.zeros((1, 1, 3)))
    array([[[-103.939, -116.779, -123.68 ]]])
    """
    return preprocess_input(x, data_format, "caffe")


def preprocess_torch(x: Any, data_format: str | None = None) -> Any:
    """`preprocess_input` with mode "torch", for AlexNet.

    >>> preprocess_torch(np.zeros((1, 1, 3))).round(3)
    array([[[-2.118, -2.036, -1.804]]])
    """
    return preprocess_input(x, data_format, "torch")


def decode_predictions(preds: Any, top: int = 5) -> list[list[tuple[str, str, np.floating[Any]]]]:
    """What a network sees in pictures, in words: the most probable of ImageNet's 1000 classes, the first one first.

    The names come from `imagenet_class_index.json` in `$MINIDL_HOME/datasets` (`~/.minidl/datasets`), which is
    downloaded the first time (35 kB).

    Args:
        preds: probabilities (N, 1000), or logits.
        top: how many classes for each picture.

    Returns:
        For each picture a list of (WordNet id, name, probability).

    Raises:
        OSError: the names are missing and cannot be downloaded, or cannot be read.
        ValueError: another shape, or `top` is none of 1 to 1000.
    """
    preds = np.asarray(preds)
    if preds.ndim != 2 or preds.shape[1] != 1000:
        raise ValueError(
            say(
                f"decode_predictions expects predictions of shape (N, 1000), got {preds.shape}. "
                "Its names are those of ImageNet; a network with other classes has other names."
            )
        )
    top = whole_number("decode_predictions", "top", top, minimum=1, maximum=1000)
    names = class_names()
    best = np.argsort(preds, axis=1)[:, : -top - 1 : -1]
    return [[(*names[i], p[i]) for i in row] for p, row in zip(preds, best, strict=True)]
