"""chain: runs of small NumPy calls, made by one compiled call.

On an array of a hundred numbers NumPy computes for 0.1 µs, and looks for 1 µs what to do: types, shapes, strides, which
loop. For calls that are noted, to be made again and again on the same arrays, the answers are always the same. So they
become lines of a table (`lines`), down which one compiled function goes.

The bits must stay the same. That decides what can be a line: arithmetic, comparisons, copies and short sums can. NumPy's
eˣ, logarithm and matrix product, which round in ways of their own, stay calls, and so does all else about which there is
a doubt.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from minidl_kernels.cpu import lines
from minidl_kernels.cpu.noting import direct

__all__ = ["chained"]

# NumPy's functions, with the types of what goes in and comes out: f float32, d float64, i int32, ? bool.
_BY_ELEMENT = {
    (np.add, "fff"): lines.ADD, (np.subtract, "fff"): lines.SUBTRACT, (np.multiply, "fff"): lines.MULTIPLY,
    (np.divide, "fff"): lines.DIVIDE, (np.maximum, "fff"): lines.MAXIMUM, (np.greater, "ff?"): lines.GREATER,
    (np.equal, "ff?"): lines.EQUAL, (np.add, "f?f"): lines.ADD_FLAG, (np.multiply, "i?i"): lines.KEEP,
    (np.divide, "ddd"): lines.WIDE_DIVIDE,
}  # fmt: skip
_WITH_ONE_NUMBER = {lines.MAXIMUM, lines.GREATER, lines.EQUAL}  # b is a single number
_COPIES = {"ff": lines.COPY, "f?f": lines.COPY_WHERE, "df": lines.NARROW}
_ALONG_ROWS = {(np.add, "f"): lines.SUM, (np.add, "d"): lines.WIDE_SUM, (np.maximum, "f"): lines.LARGEST}
_OF_REDUCE = {"axis", "dtype", "keepdims", "initial", "out"}
SHORT = 128  # numbers that NumPy adds up without cutting the row in two
FEW = 8  # columns; with fewer, they change places with the rows

Call = Callable[[], Any]
Line = list[int]


def chained(calls: Sequence[Call]) -> list[Call]:
    """Calls that leave the same bits in the same places as `calls`, and are fewer."""
    made: list[Any] = []
    table: list[Line] = []
    arrays: list[Any] = []

    def end() -> None:
        if table:
            numbers = np.array(table)
            made.append(partial(direct(lines.run_lines, (numbers,)), numbers))
            made[-1].arrays = arrays.copy()  # alive as long as their addresses are in use
            table.clear()
            arrays.clear()

    for call in calls:
        line = _line(call)
        if line is None:
            end()
            made.append(_product(call) or call)
        else:
            table.append(line[0])
            arrays.extend(line[1])
    end()
    return made


def _product(call: Any) -> Call | None:
    """A matrix product by the shortest way to the same loop, which saves half a microsecond."""
    if not isinstance(call, partial) or call.func is not np.matmul or set(call.keywords) != {"out"}:
        return None
    a, b, out = *call.args, call.keywords["out"]
    if not all(_is_plain_matrix(x) for x in (a, b)) or not a.dtype == b.dtype == out.dtype:
        return None
    if a.dtype.char not in "fd" or not out.flags.carray:
        return None
    apart = not any(np.may_share_memory(x, y) for x, y in ((a, b), (a, out), (b, out)))
    return partial(a.dot, b, out) if apart else None


def _is_plain_matrix(x: Any) -> bool:
    """Whether a matrix library takes it as it lies, in rows or in columns: then all ways lead to the same loop."""
    if not isinstance(x, np.ndarray) or x.ndim != 2 or min(x.shape) < 2:
        return False
    short, long = sorted(x.strides)
    inner = x.shape[x.strides.index(short)]
    return short == x.itemsize and long >= inner * short and long % short == 0


def _line(call: Call) -> tuple[Line, list[Any]] | None:
    """The line of a call, and the arrays in it; None where it has to stay a call."""
    if not isinstance(call, partial):
        return None
    function, args, options = call.func, call.args, dict(call.keywords)
    if function is np.copyto:
        return _copy(*args, **options)
    if isinstance(function, np.ufunc) and len(args) == 2 and set(options) == {"out"}:
        return _by_element(function, *args, options["out"])
    if getattr(function, "__name__", "") == "reduce" and not set(options) - _OF_REDUCE:
        return _reduction(function.__self__, args, options)
    return None


def _copy(out: Any, a: Any, casting: str = "same_kind", where: Any = True) -> tuple[Line, list[Any]] | None:
    if out.dtype.char != "f" or not (where is True or isinstance(where, np.ndarray)):
        return None
    a = np.asarray(a, None if isinstance(a, np.ndarray) else out.dtype)
    if a.ndim > out.ndim:
        return None
    arrays = [out, a] if where is True else [out, a, where]
    what = _COPIES.get(_types(*arrays[1:], out))
    return None if what is None else _elements(what, arrays)


def _by_element(ufunc: Any, a: Any, b: Any, out: Any) -> tuple[Line, list[Any]] | None:
    if not all(isinstance(x, np.ndarray) for x in (a, b, out)):
        return None
    if ufunc is np.multiply and a.dtype == np.bool_:
        a, b = b, a
    what = _BY_ELEMENT.get((ufunc, _types(a, b, out)))
    one = b if what in _WITH_ONE_NUMBER else out if what == lines.WIDE_DIVIDE else None
    if what is None or (one is not None and one.size != 1):
        return None
    return _elements(what, [out, a, b])


def _elements(what: int, arrays: list[Any]) -> tuple[Line, list[Any]] | None:
    """The line of a call that computes element by element. The first array is what it writes to."""
    out, starts = arrays[0], [_start(x) for x in arrays]
    strides = [_broadcast(x, out.ndim) for x in arrays]
    for x, start, steps in zip(arrays, starts, strides, strict=True):
        if (start, steps) != (starts[0], strides[0]) and np.may_share_memory(out, x):
            return None
    axes: list[list[int]] = []  # numbers, and bytes from one to the next in each array
    for n, *steps in zip(out.shape, *strides, strict=True):
        if n == 1:
            continue
        if axes and all(before == step * n for before, step in zip(axes[-1][1:], steps, strict=True)):
            axes[-1] = [axes[-1][0] * n, *steps]
        else:
            axes.append([n, *steps])
    if len(axes) > 2 or out.size == 0:
        return None
    none = [1] + [0] * len(arrays)
    rows, columns = [none] * (2 - len(axes)) + axes
    if columns[0] < FEW:
        rows, columns = columns, rows
    sizes = [x.itemsize for x in arrays]
    if any(step % size for step, size in zip(columns[1:], sizes, strict=True)):
        return None
    steps = [step // size for step, size in zip(columns[1:], sizes, strict=True)]
    places = list(zip(starts, rows[1:], steps, strict=True))
    return _written(what, rows[0], columns[0], places), arrays


def _start(x: Any) -> int:
    """The address of the first number."""
    start: int = x.__array_interface__["data"][0]
    return start


def _broadcast(x: Any, ndim: int) -> tuple[int, ...]:
    """Bytes from one number to the next along `ndim` axes, of which `x` may lack the first."""
    steps = [0 if n == 1 else step for n, step in zip(x.shape, x.strides, strict=True)]
    return (0,) * (ndim - x.ndim) + tuple(steps)


def _types(*arrays: Any) -> str:
    """A letter for the type of each array; one that fits nowhere for numbers in another order of bytes."""
    return "".join([x.dtype.char if x.dtype.isnative and x.flags.aligned else "-" for x in arrays])


def _written(what: int, rows: int, columns: int, places: Sequence[tuple[int, int, int]]) -> Line:
    flat = [number for place in places for number in place]
    return [what, rows, columns, *flat, *[0] * (9 - len(flat))]


def _reduction(ufunc: Any, args: Any, options: dict[str, Any]) -> tuple[Line, list[Any]] | None:
    """Sums and maxima: of each row, or of all rows in float64."""
    x, axis, dtype, out = (*args, *(None,) * 4)[:4]
    if not isinstance(options.get("initial", 0), int | float | np.number | np.ndarray):
        return None
    first = np.asarray(options.get("initial", -np.inf), np.float32)
    axis, dtype, out = options.get("axis", axis), options.get("dtype", dtype), options.get("out", out)
    if not (x.flags.carray and out.flags.carray) or _types(x) != "f" or not x.size or x.ndim == 0:
        return None
    if dtype is not None and np.dtype(dtype) != out.dtype:
        return None
    start, to = _start(x), _start(out)
    columns = x.shape[-1]
    rows = x.size // columns
    if axis == 0 and x.ndim == 2 and ufunc is np.add and out.dtype.char == "d" and columns > 1:
        return _written(lines.SUM_OF_ROWS, rows, columns, [(to, 0, 1), (start, 4 * columns, 1)]), [out, x]
    what = _ALONG_ROWS.get((ufunc, out.dtype.char))
    last = axis in (-1, x.ndim - 1) or (axis is None and rows == 1)
    if what is None or not last or columns > SHORT or (what == lines.WIDE_SUM and x.ndim > 1):
        return None
    if what != lines.LARGEST and "initial" in options:
        return None
    places = [(to, out.itemsize, 1), (start, 4 * columns, 1), (_start(first), 0, 0)]
    return _written(what, rows, columns, places), [out, x, first]
