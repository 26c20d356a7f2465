"""Masks: which time steps of a batch are real, and which only fill short sequences up to the longest.

A mask is a boolean array (N, T), true where a step counts. It travels with the tensor it speaks of, as
`tensor.mask`. `Masking` and `Embedding(mask_zero=True)` make one; a layer whose output has the same steps
passes it on (`supports_masking = True`, or a `compute_mask` of its own); recurrent layers skip the steps that
do not count; and if a mask arrives at the end, the loss and the metrics leave those steps out.

Operations on tensors know nothing of masks. `Layer.__call__` reads the mask of its input and leaves one at its
output, with the functions below.
"""

from typing import Any

import numpy as np

from minidl.devices import beside
from minidl.messages import say
from minidl.tensor import Tensor, as_array
from minidl.utils.nested import flatten, mapped
from minidl.utils.warned import warn

__all__ = ["attach", "given_masks", "masks_of", "warn_dropped", "widened", "wrong_mask"]


def masks_of(inputs: Any) -> Any:
    """The mask that `inputs` carries; for a list or dict one for each, and None if none of them has one."""
    if isinstance(inputs, Tensor):
        return inputs.mask
    masks = mapped(masks_of, inputs)
    return masks if any(m is not None for m in flatten(masks)) else None


def given_masks(layer: Any, mask: Any, inputs: Any) -> Any:
    """The argument `mask` of a call as a boolean array, or a list of them for a list of inputs.

    Raises:
        ValueError: its sizes are not those of the first axes of the input. A layer whose `call` takes a mask
            decides about its shape itself.
    """
    if isinstance(inputs, list):
        if not isinstance(mask, list | tuple):
            return given_masks(layer, mask, inputs[0])
        if len(mask) != len(inputs):
            raise ValueError(
                say(f"{layer} expects a mask or None for each of {len(inputs)} inputs, got {len(mask)}.")
            )
        return [None if m is None else given_masks(layer, m, x) for m, x in zip(mask, inputs, strict=True)]
    array = (
        beside(_true_or_false(layer, mask), inputs.data)
        if isinstance(inputs, Tensor)
        else _true_or_false(layer, mask)
    )
    named = inputs.shape[: array.ndim]
    if not layer._mask_at and array.shape != named:
        raise wrong_mask(layer, array, inputs)
    return array


def _true_or_false(layer: Any, mask: Any) -> Any:
    """A mask as a boolean array; 0 and 1 stand for False and True."""
    try:
        array = as_array(mask)
    except (TypeError, ValueError):
        got = f"{type(mask).__name__} {mask!r:.40}" if isinstance(mask, str) else type(mask).__name__
        raise TypeError(
            say(
                f"{layer} expects mask to be an array of True and False, got {got}. For example mask=x[..., 0] != 0."
            )
        ) from None
    if array.dtype == bool:
        return array
    wrong = np.argwhere((array != 0) & (array != 1))
    if len(wrong):
        index = tuple(wrong[0].tolist())
        raise ValueError(
            say(
                f"{layer} expects mask to hold True and False (or 1 and 0), got {array[index]} at index {index}."
            )
        )
    return array != 0


def attach(outputs: Any, inputs: Any, masks: Any) -> Any:
    """`outputs` with their masks, except those that carry one already (a model's carry that of its last layer)."""
    if isinstance(outputs, Tensor):
        mask = masks[0] if isinstance(masks, list) else masks
        if mask is None or outputs.mask is not None:
            return outputs
        if any(outputs is x for x in flatten(inputs)):
            outputs = +outputs  # a tensor of its own: the caller's stays without a mask
        outputs.mask = mask
        return outputs
    if isinstance(masks, list) and isinstance(outputs, list | tuple):
        return type(outputs)([attach(y, inputs, m) for y, m in zip(outputs, masks, strict=True)])
    return outputs


def warn_dropped(layer: Any) -> None:
    """Warn, once for each layer, that a mask ends where nobody may expect it to."""
    if not layer.__dict__.get("_has_dropped_a_mask"):
        layer.__dict__["_has_dropped_a_mask"] = True
        warn(
            f"{layer} got a mask and does not support masks: the layers behind it will take steps that are "
            "only padding for real ones. A layer of your own that keeps the steps says supports_masking = True."
        )


def widened(mask: Any, ndim: int) -> Any:
    """A mask (N, T) with axes of size 1 behind, so that it broadcasts with an array of rank `ndim`.

    >>> import numpy as np
    >>> widened(np.ones((2, 3), bool), 4).shape
    (2, 3, 1, 1)
    """
    return mask.reshape(mask.shape + (1,) * (ndim - mask.ndim))


def wrong_mask(layer: Any, mask: Any, inputs: Any) -> ValueError:
    """The error for a mask whose sizes are not those of the first axes of the input."""
    return ValueError(
        say(
            f"{layer} expects mask of shape {inputs.shape[:2]}, true for the steps that count, got {mask.shape}."
        )
    )
