"""What several update rules share: weight decay, gradients whose square is finite, and work in blocks."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from minidl.backend import Array
from minidl.devices import on_gpu
from minidl.optimizers.clipping import largest

__all__ = ["decayed", "in_blocks", "limited"]

Rule = TypeVar("Rule", bound=Callable[..., tuple[Any, ...]])
BLOCK = 2**15  # elements: a few temporaries of that length stay in a core's cache


def decayed(w: Array, learning_rate: float, weight_decay: float) -> Array:
    """Weights a little nearer to zero: w − w · weight_decay · learning_rate.

    This is decoupled weight decay (Loshchilov & Hutter 2017, arXiv:1711.05101). It differs from an L2 penalty
    in the loss wherever the rule divides by the size of past gradients: the penalty would be divided as well.

    >>> decayed(np.array([1.0, -2.0]), 0.1, 0.5)
    array([ 0.95, -1.9 ])
    """
    return w - w * weight_decay * learning_rate if weight_decay else w


def limited(g: Array) -> Array:
    """The gradient, with what is too large to be squared cut to the largest safe power of two.

    A rule that divides by the root of averaged squares takes steps of about the learning rate, whatever the
    scale of the gradients; so for a gradient beyond 2^63 (in float32) only its sign counts, and the rule goes
    on as if it were ±2^63: with a constant gradient of 2e20 Adam still takes steps of the learning rate.
    Without this, g² is infinite and the step 0 or NaN. A gradient that is itself infinite has no value to go
    by: it becomes NaN, and the weight too, so that the mishap is seen.

    >>> limited(np.array([1.0, -2e30, np.inf], dtype=np.float32))
    array([ 1.000000e+00, -9.223372e+18,           nan], dtype=float32)
    """
    top = 2.0 ** (np.finfo(g.dtype).maxexp // 2 - 1)
    if not on_gpu(g) and largest(g) <= top:  # a GPU would have to be waited for to know
        return g
    return np.where(np.isinf(g), np.nan, np.clip(g, -top, top))


def in_blocks(rule: Rule) -> Rule:
    """Decorator: the rule runs on one block of its flat arrays after the other.

    The numbers are the same, as a rule treats each element by itself. But the intermediate arrays, one for each
    operation in an equation, are small enough for the cache and are used again, which makes a step of Adam on
    640,000 weights twice as fast.

    >>> @in_blocks
    ... def rule(w, g, *, rate):
    ...     return (w - rate * g,)
    >>> w = np.ones(100_000)
    >>> np.array_equal(rule(w, w, rate=0.5)[0], w / 2)
    True
    """

    @wraps(rule)
    def whole(*arrays: Array | None, **options: Any) -> tuple[Any, ...]:
        w = arrays[0]
        if w is None or w.size <= BLOCK or on_gpu(w):
            return rule(*arrays, **options)
        results: list[Any] = []
        for start in range(0, w.size, BLOCK):
            part = slice(start, start + BLOCK)
            new = rule(*(None if a is None else a[part] for a in arrays), **options)
            results = results or [None if a is None else np.empty_like(w) for a in new]
            for array, block in zip(results, new, strict=True):
                if array is not None:
                    array[part] = block
        return tuple(results)

    return whole  # type: ignore[return-value]
