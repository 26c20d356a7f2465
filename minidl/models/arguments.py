"""Arguments of fit, evaluate and predict, checked before anything happens."""

from collections.abc import Callable
from typing import Any

from minidl.messages import say
from minidl.models.data import Batch, are_samples, one_batch
from minidl.models.sources import Source, source
from minidl.utils.checks import whole_number

__all__ = ["optional_count", "validation_epochs", "validation_source"]


def optional_count(owner: str, argument: str, value: Any) -> int | None:
    """`value`, a whole number > 0 or None."""
    return None if value is None else whole_number(owner, argument, value, 1)


def validation_epochs(frequency: Any) -> Callable[[int], bool]:
    """The function that says whether an epoch, counted from 1, ends with a validation.

    Args:
        frequency: every so many epochs, or the epochs themselves.

    Raises:
        TypeError, ValueError: neither.

    >>> [n for n in range(1, 8) if validation_epochs(3)(n)], validation_epochs([1, 10])(10)
    ([3, 6], True)
    """
    if isinstance(frequency, list | tuple | set | frozenset | range) and len(frequency) > 0:
        epochs = {whole_number("fit", "every entry of validation_freq", n, 1) for n in frequency}
        return lambda epoch: epoch in epochs
    every = whole_number("fit", "validation_freq", frequency, 1)
    return lambda epoch: epoch % every == 0


def validation_source(
    data: Any, batch_size: int | None, steps: int | None, arrange: Callable[..., Batch] = one_batch
) -> Source | None:
    """The source for `validation_data`: (x, y), (x, y, weight), or batches of them.

    Raises:
        TypeError, ValueError: it is something else.
    """
    if data is None:
        return None
    if isinstance(data, Batch):
        return source(data, batch_size=batch_size, steps=steps)
    if isinstance(data, tuple | list) and len(data) in (2, 3):
        x, y, *weight = data
        return source(x, y, weight[0] if weight else None, batch_size, steps=steps, arrange=arrange)
    if are_samples(data):
        got = f"{len(data)} entries" if isinstance(data, tuple | list) else type(data).__name__
        raise ValueError(say(f"fit expects validation_data to be (x, y) or (x, y, weight), got {got}."))
    if isinstance(data, str | bytes) or not (hasattr(data, "__iter__") or hasattr(data, "__getitem__")):
        got = type(data).__name__
        raise TypeError(
            say(f"fit expects validation_data to be (x, y), (x, y, weight) or batches of them, got {got}.")
        )
    return source(data, steps=steps, arrange=arrange)
