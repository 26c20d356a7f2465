"""What comes into a metric: targets, predictions and weights as plain arrays that fit together.

A silent broadcast is the classic mistake here: (N,) against (N, 1) would become (N, N), and the mean of that
is a number that looks right. So shapes are brought together by one rule, and anything else is an error:

    ranks that differ by one are made equal by adding or dropping a last axis of size 1; then shapes agree.

Weights belong to samples. They have the shape of the values, or of their first axes: (N,) weighs whole
samples, (N, T) single time steps.
"""

from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.devices import on_gpu
from minidl.messages import say
from minidl.tensor import Tensor

__all__ = [
    "aligned",
    "check_unit_interval",
    "float_pair",
    "one_column_per_class",
    "spread_weights",
    "to_array",
]


def to_array(value: Any) -> Array:
    """The numbers in a Tensor, array, list or number, as a plain array of their own type.

    Raises:
        TypeError: they are not real numbers.
    """
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            say("A metric compares real numbers, got a masked array. Pass its mask as sample_weight.")
        )
    try:
        array: Array = (
            value.data if isinstance(value, Tensor) else value if on_gpu(value) else np.asarray(value)
        )
    except ValueError:
        raise ValueError(
            say(
                "A metric compares arrays of numbers, got rows of different lengths. Pad them to one length first."
            )
        ) from None
    if array.dtype.kind not in "fiub":
        raise TypeError(
            say(f"A metric compares real numbers, got {type(value).__name__} of dtype {array.dtype}.")
        )
    return array


def aligned(owner: str, y_true: Any, y_pred: Any) -> tuple[Array, Array]:
    """Targets and predictions as arrays of one shape.

    Args:
        owner: the metric, for the message.
        y_true: targets, of the shape of `y_pred` up to a last axis of size 1.
        y_pred: predictions.

    Raises:
        ValueError: the shapes do not fit.

    >>> [a.shape for a in aligned("mse", [1.0, 2.0], [[1.0], [2.0]])]
    [(2, 1), (2, 1)]
    """
    y, p = to_array(y_true), to_array(y_pred)
    if y.shape == p.shape:
        return y, p
    if y.shape == p.shape[:-1] and p.shape[-1] == 1:
        return y[..., None], p
    if p.shape == y.shape[:-1] and y.shape[-1] == 1:
        return (y, p[..., None]) if p.ndim == 1 else (y[..., 0], p)
    hint = "Check the last layer's units against the targets."
    if y.shape == p.shape[:-1] or (y.shape == (*p.shape[:-1], 1)):
        hint = "For class numbers use one-hot targets: to_categorical(y), or a Sparse... metric."
    raise ValueError(
        say(f"{owner} expects y_true and y_pred of one shape, got y_true {y.shape}, y_pred {p.shape}. {hint}")
    )


def float_pair(owner: str, y_true: Any, y_pred: Any) -> tuple[Array, Array]:
    """`aligned`, both in float64, so that errors are measured more finely than they were made."""
    y, p = aligned(owner, y_true, y_pred)
    return y.astype(np.float64, copy=False), p.astype(np.float64, copy=False)


def one_column_per_class(owner: str, y_true: Any, y_pred: Any) -> tuple[Array, Array]:
    """Class numbers (N, ...) and scores (N, ..., C); a last axis of size 1 of the class numbers is dropped.

    Raises:
        ValueError: the shapes do not fit.
    """
    y, p = to_array(y_true), to_array(y_pred)
    if p.ndim and y.shape == p.shape[:-1]:
        return y, p
    if y.ndim == p.ndim and y.shape[:-1] == p.shape[:-1] and y.shape[-1] == 1:
        return y[..., 0], p
    hint = " They look one-hot: use the metric without 'sparse'." if y.shape == p.shape else ""
    raise ValueError(
        say(
            f"{owner} expects one class number per row of y_pred {p.shape}, so y_true of shape {p.shape[:-1]}, "
            f"got {y.shape}.{hint}"
        )
    )


def spread_weights(sample_weight: Any, shape: tuple[int, ...]) -> Array:
    """The weight of every element of an array of `shape`, in float64.

    Args:
        sample_weight: one number, or weights of the first axes of `shape`: (N,) for samples, (N, T) for
            steps. A last axis too many of size 1 is dropped. A mask of booleans counts as 1 and 0.
        shape: shape of the values to weigh.

    Raises:
        ValueError: the weights do not fit.

    >>> spread_weights([1, 0], (2, 3)).tolist()
    [[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]
    """
    weights = to_array(sample_weight).astype(np.float64, copy=False)
    if not on_gpu(weights) and not np.isfinite(weights.sum()) and not np.isfinite(weights).all():
        index = tuple(np.argwhere(~np.isfinite(weights))[0].tolist())
        raise ValueError(say(f"sample_weight expects finite numbers, got {weights[index]} at index {index}."))
    if weights.shape == shape:
        return weights
    if weights.ndim > len(shape) and weights.shape[-1] == 1:
        weights = weights[..., 0]
    missing = len(shape) - weights.ndim
    try:
        return np.broadcast_to(weights.reshape(weights.shape + (1,) * max(missing, 0)), shape)
    except ValueError:
        raise ValueError(
            say(
                f"sample_weight has shape {weights.shape}, the values to weigh have shape {shape}. "
                f"Give one weight per sample, shape {shape[:1]}, or one per value."
            )
        ) from None


def check_unit_interval(owner: str, argument: str, values: Array, hint: str) -> None:
    """Refuse numbers outside [0, 1], with room for rounding. NaN passes: a diverged model is told elsewhere.

    On a GPU they are not looked at, for which the host would have to wait at every batch.

    Raises:
        ValueError: naming the value that is furthest out.
    """
    if values.size and not on_gpu(values):
        low, high = values.min(), values.max()
        if low < -1e-6 or high > 1 + 1e-6:
            worst = high if high - 1 > -low else low
            raise ValueError(say(f"{owner} expects {argument} in [0, 1], got {float(worst):g}. {hint}"))
