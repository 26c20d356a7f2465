"""Arguments of fit, evaluate and predict, checked before anything happens."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from minidl.models.data import Batch, are_samples, one_batch
from minidl.models.sources import Source, source
from minidl.utils.checks import whole_number

__all__ = ["metrics_of_output", "of_output", "optional_count", "validation_epochs", "validation_source"]


def of_output(argument: str, value: Any) -> Any:
    """What `compile` is told for the one output: value itself, [value], or {"name of the output": value}.

    Raises:
        ValueError: it is for several outputs.

    >>> of_output("loss", ["mse"]), of_output("loss", {"dense": "mae"}), of_output("loss", "mse")
    ('mse', 'mae', 'mse')
    """
    described = isinstance(value, Mapping) and "class_name" in value
    if described or not isinstance(value, list | tuple | Mapping):
        return value
    if len(value) != 1:
        raise ValueError(f"compile expects {argument} for one output, got {len(value)}.")
    return next(iter(value.values() if isinstance(value, Mapping) else value))


def metrics_of_output(value: Any) -> Any:
    """Metrics in a list, by the name of the output, or in a list of lists, one for each output.

    >>> metrics_of_output([["mae", "mse"]]), metrics_of_output({"dense": ["mae"]}), metrics_of_output(["mae"])
    (['mae', 'mse'], ['mae'], ['mae'])
    """
    if isinstance(value, Mapping):
        return of_output("metrics", value)
    if isinstance(value, list | tuple) and any(isinstance(entry, list | tuple) for entry in value):
        return of_output("metrics", value)
    return value


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
    if isinstance(frequency, Collection) and not isinstance(frequency, str):
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
        raise ValueError(f"fit expects validation_data to be (x, y) or (x, y, weight), got {got}.")
    return source(data, steps=steps, arrange=arrange)
