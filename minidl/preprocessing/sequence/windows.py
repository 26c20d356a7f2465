"""A long recording cut into windows of equal length that overlap, each with its label: activity recognition.

step    0 1 2 3 4 5        n_steps = 3, stride = 2
window  0 1 2                                          labels a a b  ->  majority a, last b
            2 3 4                                             b c c               c       c
"""

from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.messages import say
from minidl.utils.checks import one_of, whole_number

__all__ = ["sliding_windows"]


def sliding_windows(
    x: Any, y: Any, n_steps: int, stride: int = 1, label: str = "majority"
) -> tuple[Array, Array | None]:
    """Every window of `n_steps` steps, from the first to the last that is complete, and the label of each.

    Tutorials on activity recognition and forecasting write this function by hand, often as `split_sequences`
    (which gives a window the label of its last step: label="last").

    Args:
        x: recording, shape (n, features), or (n,) for a single feature.
        y: label of each step, shape (n,): numbers or strings. None for windows without labels.
        n_steps: steps in a window.
        stride: steps from the start of one window to that of the next; `n_steps` for no overlap.
        label: "majority", the most frequent label in the window (of equally frequent ones, the one seen first
            in it); "last", that of its last step; "all", the labels of all steps. The last two take any `y`
            with n entries, such as targets of a regression.

    Returns:
        windows: shape (W, n_steps, features), or (W, n_steps) for x of shape (n,), where
            W = (n − n_steps) // stride + 1, and 0 if n < n_steps. A copy: writing to it leaves `x` as it was.
        labels: shape (W,), for "all" (W, n_steps), in the type that `y` has. None without `y`.

    Raises:
        TypeError: a number is not whole, or labels cannot be told apart.
        ValueError: out of range, unequal lengths, or "majority" of what are no classes.

    >>> windows, labels = sliding_windows(np.arange(6), list("aabbcc"), n_steps=3, stride=2)
    >>> windows.tolist(), labels.tolist()
    ([[0, 1, 2], [2, 3, 4]], ['a', 'b'])
    """
    x = np.asarray(x)
    n_steps = whole_number("sliding_windows", "n_steps", n_steps, 1)
    stride = whole_number("sliding_windows", "stride", stride, 1)
    one_of("sliding_windows", "label", label, "majority", "last", "all")
    if x.ndim == 0:
        raise ValueError(
            say(f"sliding_windows expects x of shape (n, features) or (n,), got the single value {x}.")
        )
    if y is None:
        return _windows(x, n_steps, stride), None
    y = np.asarray(y)
    if y.ndim == 0 or len(y) != len(x):
        raise ValueError(
            say(f"sliding_windows expects a label for every step: x has shape {x.shape}, y {y.shape}.")
        )
    if label == "majority":
        return _windows(x, n_steps, stride), _majority(y, n_steps, stride)
    labels = _windows(y, n_steps, stride)
    return _windows(x, n_steps, stride), labels if label == "all" else labels[:, -1]


def _windows(x: Array, n_steps: int, stride: int) -> Array:
    """A copy of the windows, time as the second axis."""
    if len(x) < n_steps:
        return np.empty((0, n_steps, *x.shape[1:]), x.dtype)
    every = np.lib.stride_tricks.sliding_window_view(x, n_steps, axis=0)  # (n - n_steps + 1, ..., n_steps)
    return np.moveaxis(every[::stride], -1, 1).copy()


def _majority(y: Array, n_steps: int, stride: int) -> Array:
    """The most frequent label of each window; among equals, the one seen first in it.

    A label is counted in all windows at once: its positions in order tell how many lie before a step. So the
    time grows with the number of steps and of labels, however long the windows are.
    """
    if y.ndim != 1:
        raise ValueError(
            say(
                f"sliding_windows counts labels, y of shape (n,), got {y.shape}. For a column pass y.ravel(), for "
                "one-hot rows y.argmax(axis=1)."
            )
        )
    if y.dtype.kind in "fc" and not (np.isfinite(y) & (y == np.round(y))).all():
        raise ValueError(
            say(
                "sliding_windows expects labels to be classes for label='majority', got fractions or NaN. For targets "
                "of a regression pass label='last'."
            )
        )
    try:
        classes, codes = np.unique(y, return_inverse=True)
    except TypeError as error:
        raise TypeError(
            say(f"sliding_windows cannot sort labels of different types: {y[:5].tolist()!r:.100}.")
        ) from error
    starts = np.arange(0, max(len(y) - n_steps + 1, 0), stride)
    most, first, winner = (np.zeros(len(starts), np.intp) for _ in range(3))
    for code in range(len(classes)):
        positions = np.flatnonzero(codes == code)
        before = np.searchsorted(positions, starts)
        count = np.searchsorted(positions, starts + n_steps) - before
        seen = np.append(positions, len(y))[before]  # where it is seen first from the start of the window on
        better = (count > most) | ((count == most) & (seen < first))
        most[better], first[better], winner[better] = count[better], seen[better], code
    return classes[winner]
