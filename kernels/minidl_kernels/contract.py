"""What a kernel is: the terms on which a kernel set and the engine that uses it deal with each other."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

__all__ = ["Kernel"]


class Kernel(NamedTuple):
    """A faster pair for an op that has a reference. The same signature, the same numbers, the same dtype out.

    forward(*arrays, **options) -> (output, cache) and backward(d_output, cache) -> the gradients of the
    inputs, a pair (rows, values) for one that is 0 but for some rows. They accept whatever
    `supports(*arrays, **options)` says yes to, in any memory layout; they never write to their inputs, and no
    output shares memory with an input, another output or a scratch buffer.
    Only backward reads the cache of its own forward, any number of times. An op without a way back, the update
    rule of an optimizer, has no backward, and changes in place what it updates.
    `forward_only` gives the bits of forward where no backward will follow, and keeps nothing for it: for ops whose
    cache is larger than what goes in and comes out.
    `again(*arrays)` prepares an update rule for many calls on the same arrays: it returns a function of the options, in
    their order.
    `repeats` says that the calls which forward and backward make can be noted and made again: `cpu.noting`.
    """

    forward: Callable[..., tuple[Any, Any]]
    backward: Callable[..., Sequence[Any]] | None
    supports: Callable[..., bool]
    forward_only: Callable[..., tuple[Any, None]] | None = None
    repeats: bool = False
    again: Callable[..., Callable[..., None]] | None = None
