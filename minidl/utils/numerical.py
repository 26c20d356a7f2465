"""Preparing numbers: class labels as one-hot rows, and rows of length one."""

from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.messages import say
from minidl.utils.checks import number, whole_number
from minidl.utils.keywords import tells_names

__all__ = ["normalize", "to_categorical"]


@tells_names
def to_categorical(x: Any, num_classes: int | None = None) -> Array:
    """Class labels as one-hot rows, the form that `categorical_crossentropy` takes.

        y[..., c] = 1 where c is the label, else 0

    Args:
        x: whole labels from 0 on, of any shape. A trailing axis of length 1 is dropped, as in Keras.
        num_classes: number of classes C; the largest label + 1 if None.

    Returns:
        float64, shape of `x` followed by C.

    Raises:
        TypeError: `x` is not numeric, or `num_classes` no whole number.
        ValueError: a label is negative, fractional or too large; or there is none to infer C from.

    >>> to_categorical([0, 2, 1])
    array([[1., 0., 0.],
           [0., 0., 1.],
           [0., 1., 0.]])
    """
    labels = np.asarray(x)
    if labels.dtype.kind not in "biuf":
        raise TypeError(
            say(
                f"to_categorical expects whole numbers as labels, got an array of {labels.dtype}. "
                "Number the classes first: names, labels = np.unique(x, return_inverse=True)."
            )
        )
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if num_classes is None:
        if labels.size == 0:
            raise ValueError(
                say("to_categorical got no labels to infer num_classes from. Pass num_classes=.")
            )
    else:
        num_classes = whole_number("to_categorical", "num_classes", num_classes, minimum=1)
    _refuse_wrong_labels(labels, num_classes)
    classes = int(labels.max()) + 1 if num_classes is None else num_classes
    one_hot = np.zeros((labels.size, classes))
    one_hot[np.arange(labels.size), labels.ravel().astype(np.intp)] = 1
    return one_hot.reshape(*labels.shape, classes)


def _refuse_wrong_labels(labels: Array, num_classes: int | None) -> None:
    """Raise a ValueError that names the first label that is no class."""
    right = (labels >= 0) & np.isfinite(labels) & (labels == np.floor(labels))
    if num_classes is not None:
        right &= labels < num_classes
    if not right.all():
        at = tuple(int(i) for i in np.argwhere(~right)[0])
        allowed = "of 0 or more" if num_classes is None else f"from 0 to {num_classes - 1}"
        got = f"{labels[at]} at index {at[0] if len(at) == 1 else at}" if at else f"{labels[at]}"
        raise ValueError(say(f"to_categorical expects whole labels {allowed}, got {got}."))


@tells_names
def normalize(x: Any, axis: int = -1, order: float = 2) -> Array:
    """`x` divided by its norm along an axis, so that the result has norm 1 there.

        y = x / ||x||_p,   ||x||_p = (Σ |x_i|^p)^(1/p)

    Where all entries are 0 they stay 0.

    Args:
        x: numbers of any shape; whole numbers become float64.
        axis: the axis the norm runs along.
        order: p, above 0; `np.inf` divides by the largest magnitude.

    Raises:
        ValueError: `order` is not above 0.

    >>> normalize(np.array([[3.0, 4.0], [0.0, 0.0]]))
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    if not (isinstance(order, float) and order == np.inf):
        order = number("normalize", "order", order, above=0)
    x = np.asarray(x)
    if x.dtype.kind not in "biufc":
        raise TypeError(
            say(f"normalize expects numbers, got an array of {x.dtype}. Convert it to numbers first.")
        )
    axis = whole_number("normalize", "axis", axis, -x.ndim, x.ndim - 1)
    if x.dtype.kind not in "fc":
        x = x.astype(np.float64)
    with np.errstate(invalid="ignore"):  # inf / inf is nan: there is no such direction
        scaled = x / _or_one(np.max(np.abs(x), axis=axis, keepdims=True, initial=0))  # powers stay finite
        return scaled / _or_one(np.linalg.norm(scaled, order, axis=axis, keepdims=True))


def _or_one(divisor: Array) -> Array:
    return np.where(divisor == 0, divisor.dtype.type(1), divisor)
