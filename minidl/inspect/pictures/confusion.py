"""plot_confusion_matrix: which classes a classifier takes for which others.

    M[i, j] = number of samples of class i that were taken for class j

What is right stands on the diagonal, and a bright cell beside it names a pair of classes that look alike to the model.
One number, the accuracy, is the sum of the diagonal divided by the sum of all; the picture shows where the rest went.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.devices import to_numpy
from minidl.inspect.pictures.canvas import (
    AMOUNTS,
    colour_scale,
    cut,
    finished,
    new_figure,
    text_on,
    titled,
    words,
)
from minidl.layers.base import Layer
from minidl.messages import say
from minidl.models.data import checked_array

__all__ = ["plot_confusion_matrix"]

_WRITTEN = 20  # classes up to which the counts are written in the cells
_NAMED = 40  # classes up to which each has its name at the side


def plot_confusion_matrix(y_true: Any, y_pred: Any, labels: Sequence[str] | None = None) -> Any:
    """Draw counts of true classes (rows) against predicted ones (columns).

    The colour is the share of the row, so that a rare class is as easy to see as a frequent one.

    Args:
        y_true: (N,) numbers of classes, or (N, K) one-hot.
        y_pred: (N,) numbers of classes, or what `predict` gave: (N, K) probabilities, of which the largest counts, or
            (N, 1) from a sigmoid, where >= 0.5 is class 1.
        labels: names of the classes 0 ... K - 1.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        TypeError, ValueError: they are no classes, or not as many of each; too few labels.
        ImportError: matplotlib is not there (`pip install matplotlib`).

    >>> figure = plot_confusion_matrix([0, 0, 1, 2], [[0.9, 0.1, 0], [0.3, 0.6, 0.1], [0, 1, 0], [0, 0, 1]])
    >>> figure.axes[0].images[0].get_array().tolist()
    [[0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    true, true_width = _classes("y_true", y_true)
    predicted, predicted_width = _classes("y_pred", y_pred)
    if len(true) != len(predicted):
        raise ValueError(
            say(f"plot_confusion_matrix got {len(true)} samples in y_true and {len(predicted)} in y_pred.")
        )
    number = max(true_width, predicted_width, len(labels or ()))
    if labels is not None and len(labels) < number:
        raise ValueError(
            say(f"plot_confusion_matrix got {len(labels)} labels for {number} classes: each needs its own.")
        )
    counts = np.zeros((number, number), int)
    np.add.at(counts, (true, predicted), 1)
    names = [cut(str(name), 24) for name in labels] if labels is not None else list(map(str, range(number)))
    return _drawn(counts, names)


def _classes(argument: str, given: Any) -> tuple[Array, int]:
    """Numbers of classes (N,), and how many classes there are at least."""
    if isinstance(given, Layer):
        raise TypeError(
            say("plot_confusion_matrix expects what a model predicts, not the model: pass model.predict(x).")
        )
    array: Array = to_numpy(checked_array(given, argument))
    if not np.isfinite(array).all():
        raise ValueError(say(f"plot_confusion_matrix: {argument} has NaN or infinite numbers."))
    if array.ndim == 2 and array.shape[1] > 1:
        return array.argmax(axis=1), array.shape[1]
    flat = array.reshape(len(array)) if array.size == len(array) else None
    if flat is None or len(flat) == 0:
        raise ValueError(
            say(
                f"plot_confusion_matrix expects {argument} to hold a class or its probabilities for each sample, (N,) or "
                f"(N, K), got shape {array.shape}."
            )
        )
    if argument == "y_pred" and array.dtype.kind == "f" and (flat % 1).any():
        flat = flat >= 0.5
    if (flat % 1).any() or flat.min() < 0:
        raise ValueError(
            say(
                f"plot_confusion_matrix expects {argument} to hold classes 0, 1, 2 ..., got {flat.min():g} to {flat.max():g}."
            )
        )
    return flat.astype(int), max(int(flat.max()) + 1, 2)


def _drawn(counts: Array, names: list[str]) -> Any:
    number, samples = len(counts), int(counts.sum())
    side = min(max(3.2 + 0.45 * number, 4.2), 11)
    figure = new_figure(side + 1, side)
    axes = figure.add_subplot()
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    drawn = axes.imshow(share, cmap=AMOUNTS, vmin=0, vmax=1, interpolation="nearest")
    if number <= _WRITTEN:
        for (row, column), count in np.ndenumerate(counts):
            text_on(axes, column, row, str(count), drawn)
    every = -(-number // _NAMED)
    ticks, shown = range(0, number, every), names[::every]
    axes.set_yticks(ticks, shown)
    lies = max(map(len, shown)) > 3 and number * max(map(len, shown)) > 24
    axes.set_xticks(
        ticks, shown, **({"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if lies else {})
    )
    axes.set_xlabel(words("Predicted class"))
    axes.set_ylabel(words("True class"))
    right = int(np.trace(counts))
    titled(figure, words(f"Confusion matrix: {right} of {samples} right ({right / samples:.1%})"))
    colour_scale(figure, drawn, axes, words("Share of the true class"))
    return finished(figure)
