"""How arrays, indices, ranges and numbers are written in equations: x (N, 28, 28, 1), i·2 + k − 1, k = 0 ... 2.

The letters are those of the layers' own docstrings: N samples, T time steps, H·W pixels, C channels, F filters, I
features, U units. A size that is not known stays a letter.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["argument", "array", "arrays", "indices", "named", "number", "ranges", "shifted"]

_AXES = {1: "", 2: "t", 3: "ij", 4: "ijk"}  # indices of the axes between the batch and the last one


def array(name: str, shape: Sequence[int | None], letters: Sequence[str] = "") -> str:
    """An array and its sizes; a size that is not known has a letter.

    >>> array("x", (None, None, 9), "NTI"), array("b", (64,))
    ('x (N, T, 9)', 'b (64,)')
    """
    known = [*letters, *["?"] * len(shape)]
    sizes = [letter if n is None else str(n) for n, letter in zip(shape, known, strict=False)]
    return f"{name} ({sizes[0]},)" if len(sizes) == 1 else f"{name} ({', '.join(sizes)})"


def arrays(*written: str) -> str:
    """Several arrays or ranges in one line; those that are not there are "".

    >>> arrays("w (4, 3)", "", "y (N, 3)")
    'w (4, 3)   y (N, 3)'
    """
    return "   ".join(filter(None, written))


def indices(rank: int, last: str = "c") -> list[str]:
    """A letter for each axis of an array (N, ..., C).

    >>> indices(2), indices(3), indices(4), indices(6)
    (['n', 'c'], ['n', 't', 'c'], ['n', 'i', 'j', 'c'], ['n', 'i1', 'i2', 'i3', 'i4', 'c'])
    """
    if rank < 2:
        return ["n"][:rank]
    middle = rank - 1
    names = list(_AXES[middle]) if middle in _AXES else [f"i{axis}" for axis in range(1, middle)]
    return ["n", *names, last]


def shifted(place: str, stride: int, cell: str, rate: int, before: int | str) -> str:
    """Which cell of its input a cell of a window meets; a letter for a border that is not known.

    >>> shifted("i", 2, "k", 1, 1), shifted("t", 1, "k", 4, 0), shifted("i", 3, "", 1, "p")
    ('i·2 + k − 1', 't + k·4', 'i·3 − p')
    """
    terms = [_times(place, stride), _times(cell, rate)]
    cut = isinstance(before, int) and before <= 0
    border = f" − {before}" if not cut else f" + {-int(before)}" if before else ""
    return " + ".join(filter(None, terms)) + border


def _times(letter: str, factor: int) -> str:
    return f"{letter}·{factor}" if letter and factor != 1 else letter


def named(
    indices: Sequence[str], sizes: Sequence[int | None], letters: Sequence[str]
) -> dict[str, int | str]:
    """Indices with their sizes, for `ranges`; what is not known is a letter.

    >>> named("ij", (26, None), ("OH", "OW"))
    {'i': 26, 'j': 'OW'}
    """
    each = zip(indices, sizes, letters, strict=False)
    return {index: letter if size is None else size for index, size, letter in each}


def ranges(**sizes: int | str) -> str:
    """From where to where indices run; of equal sizes together. A size that is not known is its letter.

    >>> ranges(i=26, j=26, k=3, c=1, t="T")
    'i, j = 0 ... 25   k = 0 ... 2   c = 0   t = 0 ... T − 1'
    """
    letters: dict[int | str, list[str]] = {}
    for letter, size in sizes.items():
        letters.setdefault(size, []).append(letter)
    lasts = {size: f"{size} − 1" if isinstance(size, str) else str(size - 1) for size in letters}
    return arrays(
        *(
            f"{', '.join(names)} = 0" + ("" if size == 1 else f" ... {lasts[size]}")
            for size, names in letters.items()
        )
    )


def number(value: Any) -> str:
    """A setting as it stands in an equation.

    >>> number(1.0), number(1e-5), number(-1.5)
    ('1', '0.00001', '−1.5')
    """
    return np.format_float_positional(float(value), trim="-").replace("-", "−")


def argument(value: Any, names: Mapping[int, str]) -> str:
    """An argument of a function in the text of its call; `names` are those of tensors, by their id.

    >>> argument((slice(None), slice(1, 3)), {}), argument([1, None], {}), argument("same", {})
    ('[:, 1:3]', '[1, None]', "'same'")
    """
    if id(value) in names:
        return names[id(value)]
    if isinstance(value, slice):
        ends = ["" if end is None else str(end) for end in (value.start, value.stop, value.step)]
        return ":".join(ends if ends[2] else ends[:2])
    if isinstance(value, list | tuple):
        return f"[{', '.join(argument(part, names) for part in value)}]"
    shape = np.shape(value) if hasattr(value, "shape") else ()
    return array("array", shape) if shape else f"{value!r:.60}"
