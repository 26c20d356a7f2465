"""From one loss for each sample to one number for the batch, with weights and masks.

    sum_over_batch_size, mean     Σ w·l / number of losses          (not / Σ w: a weight of 2 counts double)
    mean_with_sample_weight       Σ w·l / Σ w                       (0 where Σ w is 0)
    sum                           Σ w·l
    none, None                    w·l, not reduced

A mask says which losses count. Under the first rule the others do not count as losses either: Σ w·l over the
valid ones, divided by their number (0 if there is none).
"""

from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.devices import on_gpu
from minidl.losses.inputs import place
from minidl.messages import say
from minidl.tensor import Tensor, as_array
from minidl.utils.registry import lookup

__all__ = ["REDUCTIONS", "reduced", "reduction_name", "total_weights"]

REDUCTIONS = ("sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none")
_MEANS = ("sum_over_batch_size", "mean")


def reduction_name(reduction: Any) -> str | None:
    """`reduction`, if it is one of those above.

    Raises:
        ValueError: it is not.

    >>> reduction_name("average")
    Traceback (most recent call last):
    ValueError: Unknown reduction 'average'. Known names: mean, mean_with_sample_weight, none, sum, ...
    """
    return (
        None
        if reduction is None
        else lookup("reduction", {name: name for name in REDUCTIONS}, str(reduction))
    )


def total_weights(
    shape: tuple[int, ...], sample_weight: Any, mask: Any, reduction: str | None
) -> Array | None:
    """The factor of each loss: weight times mask, or None where there is neither.

    Args:
        shape: of the losses.
        sample_weight: of that shape, or with axes of size 1 (a weight for all); one number; or None.
        mask: true where a loss counts; the same shapes; or None.
        reduction: under a mean, a mask is scaled so that only valid losses count.

    Raises:
        ValueError: a shape does not fit, or a weight is NaN or infinite.
    """
    weights = None
    if mask is not None and shape:  # a loss that is one number has taken its own mean
        weights = _aligned("mask", mask, shape).astype(np.float64)
        if reduction in _MEANS:
            weights *= weights.size / np.maximum(weights.sum(), 1)
    if sample_weight is not None:
        given = _aligned("sample_weight", sample_weight, shape)
        if not on_gpu(given) and not np.isfinite(given.sum(dtype=np.float64)):
            index = tuple(np.argwhere(~np.isfinite(given))[0])
            raise ValueError(
                say(f"sample_weight expects finite numbers, got {given[index]} at {place(index)}.")
            )
        weights = given if weights is None else given * weights
    return weights


def _aligned(what: str, values: Any, shape: tuple[int, ...]) -> Array:
    """`values` with the rank of the losses; a last axis of size 1 is added or dropped."""
    array = as_array(values)
    if array.ndim == len(shape) + 1 and array.shape[-1] == 1:
        array = array[..., 0]
    elif array.ndim == len(shape) - 1 and shape[-1] == 1:
        array = array[..., None]
    fits = array.ndim == len(shape) and all(
        n in (1, size) for n, size in zip(array.shape, shape, strict=True)
    )
    if array.ndim and not fits:
        mend = "Give one number for each loss"
        if len(shape) > 1:
            mend += f", or shape {(shape[0], *(1 for _ in shape[1:]))} for one number a sample"
        elif not shape:
            mend = "Give the predictions a last axis: (N, 1) instead of (N,)"
        raise ValueError(say(f"{what} of shape {array.shape} does not fit losses of shape {shape}. {mend}."))
    return array


def reduced(losses: Tensor, weights: Array | None, reduction: str | None) -> Tensor:
    """The weighted losses, reduced.

    >>> float(reduced(Tensor([1.0, 3.0]), np.array([1.0, 0.0]), "sum_over_batch_size"))
    0.5
    """
    if weights is not None:
        weights = weights.astype(losses.dtype, copy=False)
        losses = losses * weights
    if reduction in (None, "none") or losses.ndim == 0:
        return losses
    if reduction == "sum":
        return losses.sum()
    if reduction == "mean_with_sample_weight" and weights is not None:
        counted = np.broadcast_to(weights, losses.shape).sum(dtype=np.float64)
        if on_gpu(counted):  # which would have to be waited for
            return losses.sum() / np.where(counted == 0, np.inf, counted).astype(losses.dtype)
        count = float(counted)
        return losses.sum() / count if count else losses.sum() * 0.0
    return losses.mean() if losses.size else losses.sum()
