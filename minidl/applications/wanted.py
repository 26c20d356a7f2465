"""What the functions that build a network are asked for, checked, and the first and last thing they all do.

def SomeNet(include_top=True, ..., name="somenet"):
    wanted = Wanted(**locals())
    x = image = first(wanted, published, 224, 32)       the pictures that go in
    x = ...                                             the layers
    return finished(wanted, image, x)                   the model, with its weights if there is a file
"""

import os
from typing import Any, NamedTuple

from minidl import activations
from minidl.layers import GlobalAveragePooling2D, GlobalMaxPooling2D, Input
from minidl.layers.arguments import sizes_or_none
from minidl.messages import say
from minidl.models import Functional
from minidl.symbolic import Shape, SymbolicTensor
from minidl.utils.checks import chosen, flag, one_of, whole_number
from minidl.utils.warned import warn

__all__ = ["Published", "Wanted", "finished", "first", "pooled"]

_SITE = "https://storage.googleapis.com/tensorflow/keras-applications/"


class Wanted(NamedTuple):
    """The arguments of a function that builds a network; `first` checks them."""

    include_top: bool
    weights: str | os.PathLike[str] | None
    input_tensor: SymbolicTensor | None
    input_shape: Shape | None
    pooling: str | None
    classes: int
    classifier_activation: Any
    name: str


class Published(NamedTuple):
    """Where Keras publishes the weights of a network trained on ImageNet: a folder, and how the files are called."""

    folder: str
    start: str

    def url(self, include_top: bool) -> str:
        end = "" if include_top else "_notop"
        return f"{_SITE}{self.folder}/{self.start}_weights_tf_dim_ordering_tf_kernels{end}.h5"


def first(wanted: Wanted, published: Published | None, default_size: int, min_size: int) -> SymbolicTensor:
    """The pictures that go into a network, (None, H, W, C), once all that is wanted has been checked.

    Args:
        wanted: the arguments of the function that builds it.
        published: where there are weights for it; None if nowhere.
        default_size: H and W of the pictures that the classifier on top was made for.
        min_size: of smaller pictures nothing would be left after the pooling.

    Raises:
        TypeError, ValueError: an argument is none of those that are possible.
    """
    owner = f"The model {wanted.name!r}"
    flag(owner, "include_top", wanted.include_top)
    whole_number(owner, "classes", wanted.classes, minimum=1)
    one_of(owner, "pooling", wanted.pooling, None, "avg", "max")
    chosen(owner, "classifier_activation", activations.get, wanted.classifier_activation)
    _check_weights(owner, wanted, published)
    if wanted.input_tensor is not None:
        return _checked_input(owner, wanted.input_tensor, min_size)
    shape = wanted.input_shape
    if shape is None:
        shape = (default_size, default_size, 3) if wanted.include_top else (None, None, 3)
    shape = sizes_or_none(owner, "input_shape", shape)
    _check_shape(owner, "input_shape", shape, min_size)
    if wanted.include_top and None in shape:
        raise ValueError(
            say(
                f"{owner} expects an input_shape without None, because the classifier on top is made for one size "
                f"of pictures, got {shape}. Give the size, or include_top=False."
            )
        )
    if shape[2] not in (1, 3):
        warn(
            f"{owner} is made for pictures with 3 or 1 channels, last in input_shape, and gets {shape[2]}: "
            f"{shape}."
        )
    return Input(shape=shape)


def _check_weights(owner: str, wanted: Wanted, published: Published | None) -> None:
    """The weights can be loaded, and suit the classifier."""
    weights = wanted.weights
    if weights is None:
        return
    if not isinstance(weights, str | os.PathLike):
        raise TypeError(say(f"{owner} expects weights to be None or a path, got {type(weights).__name__}."))
    if weights == "imagenet":
        why, file = "Keras publishes none for this network", "a file that you have saved"
        if published:
            why, file = "minidl downloads no weights", f"a file: get {published.url(wanted.include_top)}"
        raise ValueError(
            say(
                f"{owner} cannot have weights='imagenet': {why}. Give weights=None for random ones, or the path of {file}."
            )
        )
    if not os.path.exists(weights):
        raise ValueError(
            say(
                f"{owner} expects weights to be None or the path of a file, but there is no {os.fspath(weights)!r:.150}."
            )
        )
    allowed = (activations.get(None), activations.get("softmax"))
    if wanted.include_top and activations.get(wanted.classifier_activation) not in allowed:
        raise ValueError(
            say(
                f"{owner} with weights from a file expects classifier_activation to be 'softmax' or None, got "
                f"{wanted.classifier_activation!r:.60}: the weights were trained with softmax."
            )
        )


def _check_shape(owner: str, argument: str, shape: Shape, min_size: int) -> None:
    """The shape of a picture, (H, W, C), with H and W large enough."""
    if len(shape) != 3:
        raise ValueError(say(f"{owner} expects {argument} to be (height, width, channels), got {shape}."))
    if any(n is not None and n < min_size for n in shape[:2]):
        raise ValueError(
            say(
                f"{owner} expects pictures of at least {min_size} x {min_size} pixels, got {argument} {shape}, which "
                "is (height, width, channels). Enlarge them, for example with UpSampling2D."
            )
        )
    if shape[2] is None:
        raise ValueError(say(f"{owner} expects a number of channels, the last in {argument}, got {shape}."))


def _checked_input(owner: str, x: Any, min_size: int) -> SymbolicTensor:
    """`input_tensor`, if it stands for pictures."""
    if not isinstance(x, SymbolicTensor):
        raise TypeError(
            say(
                f"{owner} expects input_tensor to be what Input or a layer returns for it, got {type(x).__name__}. "
                "Call the finished model on data."
            )
        )
    _check_shape(owner, "input_tensor of shape", x.shape[1:], min_size)
    return x


def pooled(wanted: Wanted, x: Any, **names: str) -> Any:
    """The features of a network without a classifier: as they are, or one number for each channel.

    Args:
        names: of the pooling layers, by `pooling`.
    """
    if wanted.pooling is None:
        return x
    kind = {"avg": GlobalAveragePooling2D, "max": GlobalMaxPooling2D}[wanted.pooling]
    return kind(name=names.get(wanted.pooling))(x)


def finished(wanted: Wanted, image: SymbolicTensor, x: SymbolicTensor) -> Functional:
    """The model from `image` to `x`, with its weights from the file if there is one.

    Layers that led to a given `input_tensor` belong to the model.
    """
    model = Functional(_sources(image), x, name=wanted.name)
    if wanted.weights is not None:
        model.load_weights(wanted.weights)
    return model


def _sources(x: SymbolicTensor) -> Any:
    """The inputs from which `x` was made; one alone, several as a list."""
    found: dict[int, SymbolicTensor] = {}
    waiting, seen = [x], set()
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        if tensor.call is None or not tensor.call.inputs:
            found[id(tensor)] = tensor
        else:
            waiting.extend(reversed(tensor.call.inputs))
    several = list(found.values())
    return several[0] if len(several) == 1 else several
