"""Data as it enters: converted to arrays of numbers and checked once, so that a step only has to pick rows."""

from array import array as builtin_array
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from minidl import config
from minidl.backend import Array
from minidl.devices import is_array, on_gpu
from minidl.messages import say
from minidl.tensor import Tensor
from minidl.utils.checks import number
from minidl.utils.nested import flatten, mapped
from minidl.utils.warned import warn

__all__ = [
    "Batch",
    "are_samples",
    "as_batch",
    "checked",
    "checked_array",
    "one_batch",
    "rows_of",
    "split",
    "unlisted",
]

_MENDS = {  # by kind of dtype
    "U": "Numbers in text: np.asarray(x, dtype='float32'). Words: number them first, with a Tokenizer.",
    "c": "Take the real part or the magnitude: np.real, np.abs.",
}
_MENDS["S"] = _MENDS["U"]
_NAMES_OF_CLASSES = "For names of classes: names, y = np.unique(y, return_inverse=True)."


class Batch(NamedTuple):
    """Inputs, targets and weights: an array each, or a list or dict of arrays for several inputs or outputs."""

    x: Any
    y: Any = None
    sample_weight: Any = None

    @property
    def samples(self) -> int:
        """How many samples there are."""
        return len(self.x if is_array(self.x) else flatten(self.x)[0])


def checked_array(data: Any, name: str) -> Array:
    """`data` (array, list, Tensor, pandas object ...) as an array of native numbers.

    Raises:
        TypeError: it does not hold real numbers.
        ValueError: nothing, rows of different lengths, or a single number.
    """
    if data is None:
        raise ValueError(say(f"{name} is None: pass it as an array, or a generator of batches as x."))
    if isinstance(data, set | frozenset | Iterator) or callable(data):
        raise TypeError(
            say(
                f"{name} expects an array or a list, got {type(data).__name__}. Make one of it: np.array(list(...))."
            )
        )
    if isinstance(data, Mapping):
        raise TypeError(
            say(
                f"{name} expects arrays, lists, pandas objects or batches, got {type(data).__name__}. A dict is for "
                "models with several inputs or outputs, and goes by their names."
            )
        )
    if isinstance(data, Tensor):
        data = data.data
    elif hasattr(data, "to_numpy"):
        data = _table_values(data)
    elif hasattr(data, "toarray"):
        raise TypeError(say(f"{name} is sparse ({type(data).__name__}). Pass {name}.toarray()."))
    if isinstance(data, np.ma.MaskedArray) or (
        isinstance(data, list | tuple) and any(isinstance(row, np.ma.MaskedArray) for row in data)
    ):
        raise TypeError(
            say(f"{name} is a masked array: what is hidden would be used. Pass data.filled(...) instead.")
        )
    try:
        array = data if on_gpu(data) else np.asarray(data)
    except ValueError as error:
        if (
            isinstance(data, list | tuple)
            and len({np.shape(part)[:1] for part in data if _is_array(part)}) == 1
        ):
            shapes = ", ".join(str(part.shape) for part in data if _is_array(part))
            raise ValueError(
                say(
                    f"{name} expects one array, got several, of shapes {shapes:.80}. Pass x and y apart: fit(x, y)."
                )
            ) from error
        raise ValueError(
            say(f"{name} has rows of different lengths. Pad them to one length first.")
        ) from error
    except RuntimeError as error:  # a tensor of PyTorch that has a gradient, say
        raise TypeError(say(f"{name} cannot be made an array: {error!s:.200}")) from error
    if array.dtype.kind == "O":
        raise TypeError(
            say(
                f"{name} holds Python objects, not numbers (dtype object). Convert it, for example with "
                "np.asarray(x, dtype='float32'); rows must have equal lengths."
            )
        )
    if array.dtype.kind not in "biuf":
        mend = _MENDS.get(array.dtype.kind, "Convert it to numbers first.")
        if name.startswith("y") and array.dtype.kind in "US":
            mend = _NAMES_OF_CLASSES
        raise TypeError(say(f"{name} expects real numbers, got dtype {array.dtype}. {mend}"))
    if array.ndim == 0:
        raise ValueError(
            say(f"{name} expects at least one sample along the first axis, got the single number {array}.")
        )
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _is_array(part: Any) -> bool:
    return is_array(part) and part.ndim > 0


def _table_values(table: Any) -> Any:
    """The values of a pandas object. Columns of different kinds of numbers become floats, not objects."""
    if getattr(table, "ndim", 1) == 2:
        kinds = {getattr(dtype, "kind", "O") for dtype in table.dtypes}
        if len(kinds) > 1 and kinds <= set("biuf"):
            return table.to_numpy(dtype=config.floatx())
    return table.to_numpy()


def checked(batch: Batch, inputs: Sequence[str] | None = None, outputs: Sequence[str] | None = None) -> Batch:
    """`batch`, if it has samples, as many of each input, and as many targets and weights.

    Args:
        batch: arrays.
        inputs, outputs: what to call the arrays in a list of them.

    Raises:
        ValueError: it has not.
    """
    arrays = _labelled("x", batch.x, inputs)
    arrays += _labelled("y", batch.y, outputs)
    arrays += _labelled("sample_weight", batch.sample_weight, outputs)
    label, first = arrays[0]
    if len(first) == 0:
        raise ValueError(say(f"{label} has no samples (its first axis is 0 long)."))
    for other, array in arrays[1:]:
        if array is not None and len(array) != len(first):
            single = first.ndim == 1 and other == "y" and array.shape in ((1,), ())
            mend = " Is it one sample? A batch of one is x[None], y[None]." if single else ""
            raise ValueError(
                say(
                    f"{label} has {len(first)} samples and {other} has {len(array)}: each sample needs its own. "
                    f"Shapes: {label} {first.shape}, {other} {array.shape}.{mend}"
                )
            )
    for label, weights in _labelled("sample_weight", batch.sample_weight, outputs):
        if weights is not None:
            _check_weights(label, weights)
    return batch


def _check_weights(label: str, weights: Array) -> None:
    """Raise ValueError for weights that are no numbers, and warn of negative ones, which some methods do use."""
    if not np.isfinite(weights.sum(dtype=np.float64)):
        wrong = np.argwhere(~np.isfinite(weights))
        if len(wrong):
            index = tuple(wrong[0].tolist())
            raise ValueError(
                say(
                    f"{label} expects finite numbers, got {weights[index]} at index {index}. Weigh such samples 0, "
                    "or leave them out."
                )
            )
    if weights.min() < 0:
        index = tuple(np.argwhere(weights < 0)[0].tolist())
        warn(
            f"{label} has a negative number, {weights[index]:.6g} at index {index}: training moves the predictions of "
            "such samples away from their targets. Policy gradients want that; otherwise use weights >= 0."
        )


def _labelled(part: str, arrays: Any, names: Sequence[str] | None) -> list[tuple[str, Any]]:
    """What to call each array in a part of a batch, and the array."""
    if isinstance(arrays, Mapping):
        return [(f"{part}[{key!r}]", array) for key, array in arrays.items()]
    if not isinstance(arrays, list):
        return [(part, arrays)]
    if names is None:
        labels = [f"{part}[{i}]" for i in range(len(arrays))]
    elif part == "x":
        labels = [f"input {n!r}" for n in names]
    elif part == "y":
        labels = [f"y of {n!r}" for n in names]
    else:
        labels = [f"sample_weight of {n!r}" for n in names]
    return list(zip(labels, arrays, strict=True))


def one_batch(x: Any, y: Any = None, sample_weight: Any = None) -> Batch:
    """All of the data as one batch of arrays.

    Raises:
        TypeError, ValueError: they are no numbers, or do not fit together.

    >>> one_batch([[1.0], [2.0]], [0, 1]).y
    array([0, 1])
    """
    parts = zip(Batch._fields, (x, y, sample_weight), strict=True)
    return checked(Batch(*(None if p is None and n != "x" else checked_array(p, n) for n, p in parts)))


def unlisted(expected: Any, x: Any, y: Any = None, sample_weight: Any = None) -> tuple[Any, Any, Any]:
    """Arrays out of the lists that hold one array for the one input and the one output: [x], [y] -> x, y.

    A list may as well hold one sample. The shape that the model expects decides; where that is not known yet,
    the number of targets.

    >>> x, y, _ = unlisted((None, 2), [np.zeros((3, 2))], [np.zeros(3)])
    >>> x.shape, y.shape
    ((3, 2), (3,))
    """
    inner = _only_array(x)
    if inner is not None:
        targets = y if _only_array(y) is None else y[0]
        counted = hasattr(targets, "__len__") and len(inner) == len(targets) != 1
        x = inner if (counted if expected is None else len(expected) == inner.ndim) else x
    counted = hasattr(x, "__len__") and getattr(x, "shape", None) != () and not hasattr(x, "toarray")
    n = len(x) if counted else None
    y, sample_weight = (
        part
        if (array := _only_array(part)) is None or len(array) != n or (n == 1 and x is not inner)
        else array
        for part in (y, sample_weight)
    )
    return x, y, sample_weight


def _only_array(parts: Any) -> Any:
    """The array (not a number) in a list or tuple of one; None if it is something else."""
    one = parts[0] if isinstance(parts, list | tuple) and len(parts) == 1 else None
    return one if getattr(one, "ndim", 0) else None


def as_batch(batch: Any, arrange: Callable[..., Batch] = one_batch) -> Batch:
    """What a generator yields, x, (x,), (x, y) or (x, y, sample_weight), as a batch of arrays.

    Args:
        batch: the one, or the tuple or list.
        arrange: makes a batch of x, y and sample_weight.
    """
    if batch is None:
        raise ValueError(say("A batch is (x, y) or (x, y, sample_weight), got None. Return or yield one."))
    parts = batch if isinstance(batch, tuple | list) else (batch,)
    if not 1 <= len(parts) <= 3:
        raise ValueError(say(f"A batch is (x, y) or (x, y, sample_weight), got {len(parts)} entries."))
    return arrange(*parts)


def are_samples(x: Any) -> bool:
    """Whether `x` holds the samples themselves, and not batches of them."""
    if is_array(x) or isinstance(
        x, Tensor | list | tuple | Mapping | set | frozenset | memoryview | builtin_array
    ):
        return True
    return any(hasattr(x, way) for way in ("to_numpy", "toarray", "__array__"))


def split(
    x: Any, y: Any, sample_weight: Any, share: float, arrange: Callable[..., Batch] = one_batch
) -> tuple[Batch, Batch]:
    """The first samples for training, the last `share` of them for validation: before any shuffling, as Keras.

    Raises:
        TypeError, ValueError: `share` is not between 0 and 1, or leaves one side without samples.
    """
    share = number("fit", "validation_split", share, above=0, below=1)
    if x is not None and not are_samples(x):
        raise ValueError(say("validation_split cuts arrays. For a generator, pass validation_data."))
    data = arrange(x, y, sample_weight)
    at = int(np.floor(data.samples * (1 - share)))
    if at in (0, data.samples):
        raise ValueError(
            say(f"validation_split={share} of {data.samples} samples leaves one side without any.")
        )
    return rows_of(data, slice(at)), rows_of(data, slice(at, None))


def rows_of(batch: Batch, part: slice) -> Batch:
    """Some of the samples of a batch of arrays."""
    return Batch(*(mapped(lambda a: None if a is None else a[part], arrays) for arrays in batch))
