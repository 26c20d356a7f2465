"""Batches that may go through a model together, where nobody could tell them apart.

`predict` works in batches of 32 when no size is asked for. That size is a habit, and a small one: an image of MNIST
takes a third less time in a batch of 128, because each op is started four times less often, and a product of larger
matrices uses the processor better. So when a model looks at each sample by itself, several such batches go through at
once. What comes out is the same but for the last digit, which can depend on how a sum is cut into parts.

Where a batch is large already, or becomes large within the model, there is nothing to gain: it stays as it is, and so
does the memory it takes.
"""

import math
from typing import Any

from minidl.models.replay import is_own
from minidl.models.shapes import output_shapes
from minidl.models.sources import ArraySource, Source
from minidl.symbolic import is_shape
from minidl.utils.nested import flatten

__all__ = ["together"]

_MOST = 4  # batches at once
_NUMBERS = 2**22  # in the largest array: 16 MB


def together(model: Any, data: Source) -> tuple[Source, int]:
    """`data` in batches that are as much larger as is good for `model`, and how many of the old make a new one."""
    if not isinstance(data, ArraySource) or not one_by_one(model):
        return data, 1
    shapes = [array.shape for array in flatten(data.data.x)] + _shapes(model)
    if any(
        len(shape) < 2 or None in shape[1:] for shape in shapes
    ):  # of numbers, "the last axis" is the batch's
        return data, 1
    largest = max(math.prod(shape[1:]) for shape in shapes) * data.batch_size
    at_once = int(min(max(_NUMBERS // max(largest, 1), 1), _MOST))
    return ArraySource(data.data, data.batch_size * at_once), at_once


def _shapes(part: Any) -> list[Any]:
    """The shapes of what the layers of a model make; one of no axes for a layer that does not say."""
    if hasattr(part, "layers"):
        return [shape for layer in part.layers for shape in _shapes(layer)]
    made = output_shapes(part, part._calls)
    return [()] if made is None else flatten(made, is_shape)


def one_by_one(part: Any) -> bool:
    """Whether a layer, and all inside it, makes of each sample what it would make of that sample alone.

    It must be one of minidl's own kinds. Not so are an op on symbolic tensors, which may go along the batch axis, a
    Lambda, a layer that keeps states from one batch to the next, one along an axis that could be the batch's, and one
    that was laid out as if in training, with the statistics of its batch.
    """
    axes = flatten(getattr(part, "axis", -1))
    plan = getattr(part, "_plan", None)
    return (
        is_own(part)
        and type(part).__name__ not in ("Lambda", "Operation")
        and not getattr(part, "stateful", False)
        and all(axis == -1 or axis > 0 for axis in axes)
        and not any(step.training for step in (plan.steps if plan else ()))
        and all(map(one_by_one, getattr(part, "operations", part._layers)))
    )
