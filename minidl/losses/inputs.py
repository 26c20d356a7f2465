"""What a loss is given: targets and predictions brought to one type and one shape, or refused.

The worst mistake is the silent one. NumPy's broadcasting would turn targets (N,) minus predictions (N, 1)
into (N, N), every target against every prediction, and the training would run and learn nothing. So the
shapes must be equal, apart from one last axis of size 1, which is added or dropped.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from minidl.activations.inputs import float_tensor
from minidl.backend import Array
from minidl.devices import on_gpu
from minidl.messages import say
from minidl.primitives.constants import constant
from minidl.tensor import Tensor, as_array
from minidl.utils.checks import number

__all__ = [
    "changed", "class_labels", "logits_behind", "one_hot_pair", "pair", "place", "refuse_gradient", "same_rank",
    "smoothing", "target_tensor", "within",
]  # fmt: skip

ROUNDING = 1e-6  # how far a probability may lie outside of 0 and 1


def target_tensor(y_true: Any, dtype: Any) -> Tensor:
    """The targets as a tensor of `dtype`; a tensor that wants a gradient stays on the graph."""
    if isinstance(y_true, Tensor):
        if y_true.dtype == dtype:
            return y_true
        if y_true.requires_grad:
            return y_true.astype(dtype)
    array = as_array(y_true)
    if array.dtype.kind == "c" and np.dtype(dtype).kind != "c":
        raise TypeError(
            say("A loss compares real numbers, got complex targets. Take np.real or np.abs of them.")
        )
    return Tensor(array) if array.dtype == dtype else constant(_converted, array, dtype=dtype)


def _converted(array: Array, dtype: Any) -> Array:
    return array.astype(dtype)


def changed(y_pred: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """`change(y_pred)`, which still knows the logits it came from, changed in the same way.

    Not softmax's logits in another shape: the classes would no longer lie along the last axis.
    """
    result = change(y_pred)
    if y_pred.origin is not None:
        kind, logits = y_pred.origin
        if kind == "sigmoid" or result.shape == y_pred.shape:
            result.origin = (kind, change(logits))
    return result


def same_rank(y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
    """If only a last axis of size 1 keeps the shapes apart: add it to a vector, else drop it.

    >>> y_true, y_pred = same_rank(Tensor([1.0, 2.0]), Tensor([[1.0], [2.0]]))
    >>> y_true.shape, y_pred.shape
    ((2, 1), (2, 1))
    """
    if y_true.shape == (*y_pred.shape, 1):
        if y_pred.ndim == 1:
            return y_true, changed(y_pred, lambda t: t.reshape(-1, 1))
        return y_true.reshape(y_pred.shape), y_pred
    if y_pred.shape == (*y_true.shape, 1):
        if y_true.ndim == 1:
            return y_true.reshape(-1, 1), y_pred
        return y_true, changed(y_pred, lambda t: t.reshape(y_true.shape))
    return y_true, y_pred


def pair(loss: str, y_true: Any, y_pred: Any) -> tuple[Tensor, Tensor]:
    """Targets and predictions as float tensors of one type and one shape.

    Args:
        loss: its name, for messages.
        y_true, y_pred: tensors, arrays or lists.

    Raises:
        TypeError: one of them is not numeric.
        ValueError: the shapes differ.
    """
    prediction = float_tensor(y_pred)
    target, prediction = same_rank(target_tensor(y_true, prediction.dtype), prediction)
    if target.shape != prediction.shape:
        raise ValueError(
            say(
                f"{loss} compares targets and predictions element by element, got y_true of shape "
                f"{target.shape} and y_pred of shape {prediction.shape}. Reshape the targets, or change the units "
                "of the last layer, until the two agree."
            )
        )
    return target, prediction


def one_hot_pair(loss: str, y_true: Any, y_pred: Any) -> tuple[Tensor, Tensor]:
    """As `pair`, for targets with one column for each class.

    Raises:
        ValueError: the shapes differ; the message knows whole-number labels when it sees them.
    """
    shape, given = np.shape(as_array(y_pred)), np.shape(as_array(y_true))
    if len(shape) > 1 and shape[-1] > 1 and given in (shape[:-1], (*shape[:-1], 1)):
        raise ValueError(
            say(
                f"{loss} expects one-hot targets of the predictions' shape {shape}, got labels of shape "
                f"{given}. Use sparse_categorical_crossentropy, or to_categorical(y, {shape[-1]})."
            )
        )
    return pair(loss, y_true, y_pred)


def refuse_gradient(loss: str, y_true: Tensor) -> None:
    """Raise a ValueError if a gradient is asked of the targets, which the loss would silently leave out."""
    if y_true.requires_grad:
        raise ValueError(
            say(
                f"{loss} has a gradient for the predictions only, but y_true requires one too. "
                "Pass y_true.detach() if the targets are constants."
            )
        )


def place(index: tuple[Any, ...], whose: str = " of this batch") -> str:
    """Where a wrong number stands: "row 12 of this batch", or "index (12, 3) of this batch".

    Of the batch, because training shuffles: row 12 of a batch is not row 12 of the data.
    """
    numbers = tuple(int(i) for i in index)
    at = f"row {numbers[0]}" if len(numbers) == 1 else f"index {numbers}"
    return f"{at} of this batch" if whose else at


def class_labels(
    loss: str,
    y_true: Any,
    shape: tuple[int, ...],
    ignored: int | None,
    whose: str = " of this batch",
) -> tuple[Array, Array]:
    """Labels (...,) for predictions of `shape` (..., C), and which of them count.

    Ignored labels are replaced by 0, so that all of them are classes. `whose` says in messages what rows are counted.
    On a GPU the values are not looked at, as in `within`: a label that is no class makes the loss NaN.

    Raises:
        ValueError: one-hot targets, another shape, or a label that is not one of 0..C−1.
    """
    labels, classes = as_array(y_true), shape[-1]
    if labels.shape == (*shape[:-1], 1):
        labels = labels[..., 0]
    if labels.shape != shape[:-1]:
        mend = "Give one whole number for each row of the predictions."
        if labels.ndim < len(shape) - 1:
            mend = "For one label a sample, put Flatten or pooling before the last layer, or end a series with its last step."
        if labels.shape == shape:
            mend = "One-hot targets go with categorical_crossentropy; or give y.argmax(axis=-1)."
        raise ValueError(
            say(
                f"{loss} expects labels of shape {shape[:-1]} for predictions of shape {shape}, got {labels.shape}. {mend}"
            )
        )
    counts = np.ones_like(labels, bool, order="C") if ignored is None else labels != ignored
    labels = np.where(counts, labels, 0) if ignored is not None else labels
    if labels.dtype.kind == "f" and not on_gpu(labels):
        _refuse(loss, labels, ~(np.isfinite(labels) & (labels == np.floor(labels))), classes, whose)
    elif labels.dtype.kind == "c":
        raise TypeError(say(f"{loss} expects whole numbers as labels, got complex numbers."))
    if labels.size and not on_gpu(labels) and (labels.min() < 0 or labels.max() >= classes):
        _refuse(loss, labels, (labels < 0) | (labels >= classes), classes, whose)
    return labels.astype(np.intp, copy=False), counts


def _refuse(loss: str, labels: Array, wrong: Array, classes: int, whose: str) -> None:
    """Raise a ValueError that names the first label that is no class, if there is one."""
    if not wrong.any():
        return
    index = tuple(np.argwhere(wrong)[0])
    mend = "Number the classes from 0, and give the last layer one unit for each."
    if classes == 1:
        mend = "For two classes and one unit use sigmoid with binary_crossentropy."
    units = "unit" if classes == 1 else "units"
    raise ValueError(
        say(
            f"{loss} got label {labels[index]} at {place(index, whose)}, but {classes} {units} (0..{classes - 1}). {mend}"
        )
    )


def within(
    loss: str,
    what: str,
    values: Array,
    mend: str,
    largest: float = 1,
    rounding: float = ROUNDING,
    whose: str = " of this batch",
) -> None:
    """Raise a ValueError if one of `values` is below 0 or above `largest`. NaN passes, and shows in the loss.

    On a GPU nothing is looked at: the host would have to wait in every step. There `fit` looks at the targets before
    they move (`minidl.models.whole_data.check_values`).

    Args:
        loss, what, mend: for the message: who asks, what the values are, what to do about it.
        values: of any shape.
        largest: 1 for probabilities, ∞ for no bound.
        rounding: how far outside of the bounds a value may lie and still be taken for rounded.
        whose: says in the message what rows are counted.

    >>> within("poisson", "rates", np.array([1.0, -2.0]), "End the model with softplus.", largest=np.inf)
    Traceback (most recent call last):
    ValueError: poisson expects rates >= 0, got -2 at row 1 of this batch. End the model with softplus.
    """
    if on_gpu(values):
        return
    values = np.real(values)
    low, high = -rounding, largest + rounding
    if values.size and (values.min() < low or values.max() > high):
        index = tuple(np.argwhere((values < low) | (values > high))[0])
        bounds = ">= 0" if largest == np.inf else f"from 0 to {largest}"
        shown = f"{values[index]:.4g}"  # the last digits may differ between kernel sets
        shown = shown if not low <= float(shown) <= high else f"{values[index]:.7g}"
        raise ValueError(say(f"{loss} expects {what} {bounds}, got {shown} at {place(index, whose)}. {mend}"))


def logits_behind(loss: str, kind: str, y_pred: Tensor, from_logits: bool) -> Tensor | None:
    """The logits to compute from, or None where there are only probabilities.

    Args:
        loss: its name, for messages.
        kind: "softmax" or "sigmoid", the function whose logits the loss understands.
        y_pred: logits if `from_logits`, else probabilities that may remember their logits.

    Raises:
        ValueError: `from_logits` is said of numbers that went through softmax or sigmoid already.
    """
    origin = y_pred.origin
    if from_logits and origin is not None:
        raise ValueError(
            say(
                f"{loss}(from_logits=True) expects raw scores, but these predictions went through {origin[0]} "
                f"already. Drop activation={origin[0]!r} from the last layer, or from_logits=True from the loss."
            )
        )
    if from_logits:
        return y_pred
    return origin[1] if origin is not None and origin[0] == kind else None


def smoothing(loss: str, value: Any) -> float:
    """`label_smoothing`, a number from 0 to 1."""
    return number(loss, "label_smoothing", value, minimum=0, maximum=1)
