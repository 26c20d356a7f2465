"""Checks of the targets: labels that are no classes, classes that are missing or rare, numbers that are too large.

What is wrong here no architecture can put right. "Become one with the data" is the first rule of A. Karpathy's "A
Recipe for Training Neural Networks" (2019), before any network is made.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.doctor.data import first_unusable
from minidl.doctor.patient import End
from minidl.doctor.report import Finding, error, note, warning
from minidl.losses import BinaryCrossentropy, CategoricalCrossentropy, Loss, SparseCategoricalCrossentropy
from minidl.losses.hinge import CategoricalHinge, Hinge, SquaredHinge
from minidl.messages import say

__all__ = ["check_targets", "classes_of", "from_logits", "kind_of"]

_RARE = 20.0  # largest by smallest class: an epoch sees the rare one in one of twenty samples at most
_MAJORITY = 0.9  # share of one class: always saying it is right nine times out of ten
_VOCABULARY = 20  # with more classes some are rare by nature
_LARGE = 100.0  # rms of the targets: a squared error begins at 10,000, with gradients to match
_FEW_ROWS = 20


def check_targets(end: End) -> Iterator[Finding]:
    """All findings about the y of one output."""
    loss, y = end.output.loss, end.y
    if loss is None:
        return
    name = "y" if end.output.name is None else f"y[{end.output.name!r}]"
    if y is None:
        yield error(
            "labels",
            None,
            say(
                f"The model is compiled with loss {loss.name!r}, but there is no {name} to compare its output with."
            ),
            say("Pass y, as in doctor(model, x, y)."),
        )
        return
    count, place, value = first_unusable(y)
    if count:
        yield error(
            "NaN",
            None,
            say(
                f"{name} holds values that are NaN or infinite: {count} of {y.size}, the first is {value} at "
                f"{name}{place}. One of them makes the loss and then every weight NaN."
            ),
            say(f"Leave out the samples whose target is not known: keep = np.isfinite({name})."),
            count=count,
        )
        return
    kind = kind_of(loss)
    if kind == "sparse":
        yield from class_numbers(name, y, end.y_pred.shape[-1] if end.y_pred.ndim else 0, loss)
    elif kind == "categorical":
        yield from one_hot_rows(name, y)
    elif kind == "binary":
        yield from yes_or_no(name, y)
    elif kind == "numbers":
        yield from amounts(name, y)
    labels = classes_of(end)
    if labels is not None and len(labels) >= _FEW_ROWS:
        yield from balance(name, labels)
        yield from order(name, labels)


def kind_of(loss: Loss | None) -> str:
    """What targets a loss compares with: "sparse", "categorical", "binary", "margin", "numbers", or "own"."""
    kinds: tuple[tuple[Any, str], ...] = (
        (SparseCategoricalCrossentropy, "sparse"),
        (CategoricalCrossentropy, "categorical"),
        (BinaryCrossentropy, "binary"),
        ((Hinge, SquaredHinge, CategoricalHinge), "margin"),
    )
    for kind, name in kinds:
        if isinstance(loss, kind):
            return name
    numbers = {"MeanSquaredError", "MeanAbsoluteError", "MeanAbsolutePercentageError", "Huber", "LogCosh"}
    return "numbers" if type(loss).__name__ in numbers else "own"


def from_logits(loss: Loss) -> bool:
    """Whether a cross-entropy was told that it gets raw scores."""
    return bool(loss.get_config().get("from_logits", False))


def classes_of(end: End) -> Array | None:
    """The class of each sample as a whole number; None where there are no classes."""
    y, kind = end.y, kind_of(end.output.loss)
    if y is None or kind not in ("sparse", "categorical", "binary") or not np.isfinite(y).all():
        return None
    if kind == "categorical":
        return y.argmax(axis=-1).ravel() if y.ndim > 1 and y.shape[-1] > 1 else None
    if kind == "binary" and y.size != len(y):
        return None  # several answers for each sample
    labels = np.asarray(y).ravel()
    ignored = getattr(end.output.loss, "ignore_class", None)
    labels = labels[labels != ignored] if ignored is not None else labels
    return labels.astype(np.int64) if (labels == np.floor(labels)).all() else None


def class_numbers(name: str, y: Array, units: int, loss: Any) -> Iterator[Finding]:
    """Class numbers count from 0, so that the label is the place of its unit in the output."""
    if y.ndim > 1 and y.shape[-1] == units > 1:
        return  # one-hot rows: the loss says so
    labels = y.ravel() if loss.ignore_class is None else y.ravel()[y.ravel() != loss.ignore_class]
    if not labels.size:
        return
    wrong = (labels != np.floor(labels)) | (labels < 0) | (labels >= units)
    low, high = labels.min(), labels.max()
    if wrong.any():
        mend = say("Number the classes from 0: names, y = np.unique(y, return_inverse=True).")
        if not (labels != np.floor(labels)).any() and low >= 0:
            mend = say(
                f"Give the last layer {int(high) + 1} units, or number the classes from 0: "
                "names, y = np.unique(y, return_inverse=True)."
            )
        yield error(
            "labels",
            None,
            say(
                f"{name} holds {labels[wrong.argmax()]:.6g}, which is no class: with {units} units in the output the "
                f"classes are the whole numbers from 0 to {units - 1}. The labels go from {low:.6g} to {high:.6g}."
            ),
            mend,
            smallest=float(low),
            largest=float(high),
        )
        return
    missing = np.setdiff1d(np.arange(units), labels.astype(np.int64))
    if len(missing) and units <= _VOCABULARY and len(labels) >= _FEW_ROWS:
        yield note(
            "labels",
            None,
            say(
                f"{name} never holds some of the classes that the output has units for: {len(missing)} of {units} are "
                f"missing, the first is {int(missing[0])}. The model can only learn never to say them."
            ),
            say(
                "If the labels begin with 1, subtract 1. Otherwise give the last layer fewer units, or get such data."
            ),
            missing=missing.tolist(),
        )


def one_hot_rows(name: str, y: Array) -> Iterator[Finding]:
    """A categorical cross-entropy compares probabilities: rows that sum to 1."""
    if y.ndim < 2 or y.shape[-1] < 2:
        return
    sums = y.sum(axis=-1, dtype=np.float64).ravel()
    if (y < 0).any() or (np.abs(sums - 1) > 1e-3).any():
        row = int(np.abs(sums - 1).argmax())
        yield error(
            "labels",
            None,
            say(
                f"{name} should hold one-hot rows or probabilities for a categorical cross-entropy, but row {row} sums to "
                f"{sums[row]:.4g}."
            ),
            say(
                "If several classes can be right at once, use sigmoid with binary_crossentropy. Otherwise make the rows "
                "with to_categorical(labels, classes)."
            ),
            row=row,
            sum=float(sums[row]),
        )


def yes_or_no(name: str, y: Array) -> Iterator[Finding]:
    """A binary cross-entropy with targets outside of 0 and 1 has no lower end: it falls without bound."""
    low, high = float(y.min()), float(y.max())
    if low < 0 or high > 1:
        yield error(
            "labels",
            None,
            say(
                f"{name} goes from {low:.4g} to {high:.4g}, but a binary cross-entropy compares with answers from 0 to 1."
            ),
            say(
                "For labels -1 and 1 use (y + 1) / 2. For more than two classes use softmax with "
                "sparse_categorical_crossentropy. For amounts use mse."
            ),
            smallest=low,
            largest=high,
        )


def amounts(name: str, y: Array) -> Iterator[Finding]:
    """Outputs begin near 0, so targets of thousands mean an error of millions and steps to match."""
    values = y.astype(np.float64)
    size = float(np.sqrt(np.mean(values * values)))
    if len(y) > 1 and np.ptp(values.reshape(len(y), -1), axis=0).max(initial=0) == 0:
        yield warning(
            "labels",
            None,
            say(
                f"{name} is the same for all samples, {values.ravel()[0]:.4g}. There is nothing to tell apart."
            ),
            say("Look how y is made: has a column or an index been mixed up?"),
        )
    elif size > _LARGE:
        yield warning(
            "scale",
            None,
            say(
                f"{name} is large: mean {values.mean():.4g}, standard deviation {values.std():.4g}. The outputs begin near "
                "0, so that errors and gradients are huge at first and training is slow or unstable."
            ),
            say(
                "Train on (y - mean) / std, with mean and std of the training data, and turn predictions back with "
                "prediction * std + mean."
            ),
            mean=float(values.mean()),
            std=float(values.std()),
        )


def balance(name: str, labels: Array) -> Iterator[Finding]:
    """With nine of ten samples in one class, always saying that class is 90 % right, and the quickest way down."""
    classes, counts = np.unique(labels, return_counts=True)
    most, least = int(counts.argmax()), int(counts.argmin())
    share = counts[most] / counts.sum()
    if len(classes) == 1:
        yield warning(
            "balance",
            None,
            say(f"{name} holds one class only, {classes[0]}. There is nothing to tell apart."),
            say("Look how y is made and cut: a slice of data in the order of the classes has only one."),
        )
    elif share >= _MAJORITY or (len(classes) <= _VOCABULARY and counts[most] >= _RARE * counts[least]):
        yield warning(
            "balance",
            None,
            say(
                f"{name} is not balanced: class {classes[most]} has {share:.0%} of the samples, class {classes[least]} has "
                f"{counts[least] / counts.sum():.2%}. Always answering {classes[most]} looks good, and is learnt first."
            ),
            say(
                "Pass class_weight to fit, such as {class: len(y) / (classes * count)}, and look at precision and recall "
                "besides accuracy."
            ),
            share=float(share),
        )


def order(name: str, labels: Array) -> Iterator[Finding]:
    """`validation_split` takes the last samples: in data sorted by class, classes that training never sees."""
    changes = int((np.diff(labels) != 0).sum())
    if 0 < changes == len(np.unique(labels)) - 1:
        yield note(
            "order",
            None,
            say(
                f"{name} is in the order of the classes. fit(validation_split=...) takes the last samples before any "
                "shuffling, and would validate on classes that training has hardly seen."
            ),
            say("Shuffle first: order = np.random.permutation(len(x)); x, y = x[order], y[order]."),
        )
