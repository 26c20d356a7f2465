"""Sequences of different lengths as one array: the short ones are filled up, the long ones cut."""

import numbers
from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.messages import say
from minidl.utils.checks import data_type, one_of, shown, whole_number
from minidl.utils.keywords import tells_names
from minidl.utils.warned import warn

__all__ = ["pad_sequences"]


@tells_names
def pad_sequences(
    sequences: Any,
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> Array:
    """Lays sequences of different lengths into one array, row by row.

    Both ends that can be chosen are "pre" by default: zeros come first, and the last `maxlen` steps stay, so
    the end of every sequence stands in the last column.

    Args:
        sequences: N sequences. A step is a number, or an array of the same shape everywhere.
        maxlen: steps T in a row; None is the length of the longest.
        dtype: of the result. For fractions pass "float32", for strings `object` or `str`.
        padding: "pre" or "post", where `value` goes.
        truncating: "pre" or "post", where a long sequence loses steps.
        value: what fills up.

    Returns:
        shape (N, T), followed by the shape of a step.

    Raises:
        TypeError: `maxlen` is no whole number.
        ValueError: an argument is unknown, an entry is no sequence, or its values do not fit into `dtype`.

    >>> pad_sequences([[1], [2, 3], [4, 5, 6]], maxlen=2)
    array([[0, 1],
           [2, 3],
           [5, 6]], dtype=int32)
    >>> pad_sequences([["to", "be"], ["or"]], dtype=object, padding="post", value="-").tolist()
    [['to', 'be'], ['or', '-']]
    """
    for argument, choice in (("padding", padding), ("truncating", truncating)):
        one_of("pad_sequences", argument, choice, "pre", "post")
    wanted = np.dtype(data_type("pad_sequences", dtype, "biufcOUS"))
    if isinstance(value, str) and wanted.kind not in "OUS":
        raise ValueError(
            say(
                f"pad_sequences cannot fill {wanted} with the string {value!r:.40}. For strings pass dtype=object."
            )
        )
    if wanted.kind in "iu" and not (isinstance(value, numbers.Real) and float(value).is_integer()):
        raise ValueError(
            say(
                f"pad_sequences cannot fill {wanted} with {shown(value)}. Choose another dtype, such as 'float32'."
            )
        )
    lengths = _lengths(sequences)
    if maxlen is None and not lengths:
        raise ValueError(say("pad_sequences got no sequences to take the length from. Pass maxlen=."))
    steps = max(lengths) if maxlen is None else whole_number("pad_sequences", "maxlen", maxlen, minimum=0)
    shape = next((_plain(s, i, wanted).shape[1:] for i, s in enumerate(sequences) if len(s)), ())
    rows = []
    for i, s in enumerate(sequences):
        kept = s[max(len(s) - steps, 0) :] if truncating == "pre" else s[:steps]
        rows.append(_row(kept, i, wanted, shape))
    if wanted.itemsize == 0:  # str and bytes without a width: as wide as the widest
        wanted = np.result_type(np.asarray(value, wanted), *rows)
    padded = np.full((len(rows), steps, *shape), value, dtype=wanted)
    for line, row in zip(padded, rows, strict=True):
        line[steps - len(row) if padding == "pre" else 0 :][: len(row)] = row
    return padded


def _lengths(sequences: Any) -> list[int]:
    """The length of each sequence.

    Raises:
        ValueError: they are not a collection of sequences.
    """
    if not hasattr(sequences, "__len__"):
        raise ValueError(
            say(f"pad_sequences expects a list of sequences, got {type(sequences).__name__}. Use list(...).")
        )
    for i, s in enumerate(sequences):
        if isinstance(s, str | bytes):
            raise ValueError(
                say(
                    f"pad_sequences expects sequences of numbers, got the text {s!r:.40} at position {i}. "
                    "Turn texts into numbers first: Tokenizer.texts_to_sequences(texts)."
                )
            )
        if not hasattr(s, "__len__") or getattr(s, "ndim", 1) == 0:
            raise ValueError(
                say(
                    f"pad_sequences expects a list of sequences, got {type(s).__name__} {s!r:.40} at position {i}. "
                    "For a single sequence pass [sequence]."
                )
            )
    return [len(s) for s in sequences]


def _where(position: int) -> str:
    return f"The sequence at position {position} given to pad_sequences"


def _plain(sequence: Any, position: int, dtype: np.dtype[Any]) -> Array:
    """A sequence as an array of whatever it holds."""
    try:
        return np.asarray(sequence, object if dtype.kind == "O" else None)
    except ValueError as error:
        raise ValueError(
            say(f"{_where(position)} has steps of different shapes: {sequence!r:.100}.")
        ) from error


def _row(sequence: Any, position: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    """A sequence as an array of `dtype` with steps of `shape`."""
    if len(sequence) == 0:
        return np.empty((0, *shape), dtype)
    plain = _plain(sequence, position, dtype)
    if plain.shape[1:] != shape:
        raise ValueError(
            say(
                f"{_where(position)} has steps of shape {plain.shape[1:]}, the first one that is not empty has {shape}."
            )
        )
    misfit = f"{_where(position)} does not fit into {dtype}: {sequence!r:.100}. Choose another dtype=."
    try:
        with np.errstate(invalid="ignore", over="ignore"):
            row = plain.astype(dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(say(misfit)) from error
    if dtype.kind in "iu" and plain.dtype.kind in "iuf" and (plain != row).any():
        if not (np.isfinite(plain) & (np.abs(plain - row) < 1)).all():
            raise ValueError(say(misfit))
        warn(f"pad_sequences cuts fractions off, because of dtype={dtype}. Pass dtype='float32'.")
    return row
