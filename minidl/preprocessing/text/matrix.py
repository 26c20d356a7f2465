"""Lists of numbers as rows of a matrix: a bag of words, which forgets their order."""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.messages import say
from minidl.utils.checks import whole_number

__all__ = ["counted"]


def counted(
    sequences: list[list[Any]], columns: int, mode: str, documents: int, index_docs: Mapping[int, int]
) -> Array:
    """The matrix of `Tokenizer.sequences_to_matrix`.

    Args:
        sequences: N lists of numbers.
        columns: width of the matrix; larger numbers are left out.
        mode: "binary", "count", "freq" or "tfidf".
        documents: how many texts were seen.
        index_docs: in how many of them each number occurs.

    >>> counted([[1, 1, 2, 9]], 3, "freq", 0, {})
    array([[0.  , 0.5 , 0.25]])
    """

    def tfidf(j: int, c: int, length: int) -> float:
        return (1 + math.log(c)) * math.log(1 + documents / (1 + index_docs.get(j, 0)))

    cells: dict[str, Callable[[int, int, int], float]] = {  # of number j, which occurs c times
        "binary": lambda j, c, length: 1.0,
        "count": lambda j, c, length: c,
        "freq": lambda j, c, length: c / length,
        "tfidf": tfidf,
    }
    if mode not in cells:
        raise ValueError(
            say(f"Tokenizer expects mode to be one of {', '.join(map(repr, cells))}, got {mode!r:.60}.")
        )
    cell = cells[mode]
    matrix = np.zeros((len(sequences), columns))
    for row, numbers in zip(matrix, sequences, strict=True):
        for j, c in Counter(numbers).items():
            if whole_number("sequences_to_matrix", "every entry", j, minimum=0) < columns:
                row[j] = cell(j, c, len(numbers))
    return matrix
