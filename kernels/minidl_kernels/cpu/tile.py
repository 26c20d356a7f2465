"""The tile: a small matrix product that lives in vector registers. Convolutions and dense layers are made of it.

    sum[i, j] = Σ_s Σ_k  a[a_row_i + segment_s + k·a_step] · b[(s·n_k + k)·b_step + j]

    out[out_row_i + j] = max(sum[i, j] + plus[plus_row_i + j], floor)

The columns j are neighbours in memory, one vector of them or two. The rows i stand wherever a table says, so
the window of a pixel is read where it lies in the image: nobody copies all windows side by side first.
`plus` is a bias, or `out` itself to add to it; `floor` is 0 for a rectifier and −∞ for none, and NaN stays.

Why registers: memory delivers one or two vectors in the time of two multiplications of vectors. Each vector
of columns that was loaded meets ROWS rows, and each number of a row two vectors, so loads keep up.

Numba does not keep an array in registers, so the loop is written in LLVM's own language. It is a dozen
lines: load the vectors of the columns, spread one number of each row over a vector, multiply, add. `fmuladd`
may round once instead of twice; it never reorders a sum, and NaN and infinity stay what they are.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.extending import intrinsic

__all__ = ["ROWS", "columns", "tile"]

_INT = ir.IntType(64)


def _vector_bytes_and_rows() -> tuple[int, int]:
    """2·ROWS sums, 2 vectors of columns and a spread number must fit in 32 registers, or in 16."""
    features = cpu_target.target_context.codegen().magic_tuple()[2].split(",")
    return (64, 8) if "+avx512f" in features else (32, 6) if "+avx" in features else (16, 6)


VECTOR_BYTES, ROWS = _vector_bytes_and_rows()


def columns(itemsize: int) -> int:
    """How many columns a tile of two vectors has."""
    return 2 * VECTOR_BYTES // itemsize


@intrinsic
def tile(
    typing, out, out_rows, out_at, n_rows, n_columns, a, a_rows, a_at, at, segments, n_segments, n_k, a_step,
    b, b_at, b_step, plus, plus_rows, plus_at, floor,
):  # fmt: skip
    """The equations above. The row tables are read from `at` on, and have ROWS entries there; `n_rows` are used.

    All other places (`out_at`, `a_at`, ...) are where in its array the numbering of the equations begins.
    """
    n = types.intp
    kinds = (
        out, out_rows, n, n, n, a, a_rows, n, n, segments, n, n, n, b, n, n, plus, plus_rows, n, out.dtype,
    )  # fmt: skip
    names = (
        "out", "out_rows", "out_at", "n_rows", "n_columns", "a", "a_rows", "a_at", "at", "segments", "n_segments",
        "n_k", "a_step", "b", "b_at", "b_step", "plus", "plus_rows", "plus_at", "floor",
    )  # fmt: skip

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        p = {}
        for name, kind, value in zip(names, signature.args, values, strict=True):
            array = isinstance(kind, types.Array)
            p[name] = context.make_array(kind)(context, builder, value).data if array else value
        one, two = (_Emitter(context, builder, out.dtype, width, p) for width in (1, 2))
        wide = builder.icmp_signed(">", p["n_columns"], _integer(one.lanes))
        with builder.if_else(wide) as (two_vectors, one_vector):
            with two_vectors:
                two.write(two.sums())
            with one_vector:
                one.write(one.sums())
        return context.get_dummy_value()

    return types.void(*kinds), emit


def _tile_in_python(
    out, out_rows, out_at, n_rows, n_columns, a, a_rows, a_at, at, segments, n_segments, n_k, a_step,
    b, b_at, b_step, plus, plus_rows, plus_at, floor,
):  # fmt: skip
    """The same, for NUMBA_DISABLE_JIT=1 and for tests. It reads whatever the other reads, so that NumPy notices
    a place outside of an array."""
    lanes = VECTOR_BYTES // out.itemsize
    k, j = np.arange(n_k) * a_step, np.arange(n_columns)
    vectors = np.arange(lanes if n_columns <= lanes else 2 * lanes)
    columns = b[b_at + np.arange(n_segments * n_k)[:, None] * b_step + vectors][:, :n_columns]
    windows = a[a_at + a_rows[at : at + ROWS, None, None] + segments[:n_segments, None] + k]
    totals = windows.reshape(ROWS, -1) @ columns
    for i in range(n_rows):
        total = totals[i] + plus[plus_at + plus_rows[at + i] + j]
        out[out_at + out_rows[at + i] + j] = np.where(total < floor, floor, total)


if config.DISABLE_JIT:
    tile = _tile_in_python


def _integer(value: int) -> Any:
    return ir.Constant(_INT, value)


def _loop(
    builder: Any, n: Any, carried: Sequence[Any], body: Callable[[Any, Sequence[Any]], Sequence[Any]]
) -> list[Any]:
    """`for i in range(n)` for n >= 1: `body(i, values)` gives the values of the next round."""
    before = builder.block
    top, after = builder.append_basic_block("round"), builder.append_basic_block("done")
    builder.branch(top)
    builder.position_at_end(top)
    i = builder.phi(_INT)
    values = [builder.phi(value.type) for value in carried]
    results = list(body(i, values))
    bottom, following = builder.block, builder.add(i, _integer(1))
    for phi, first, later in zip((i, *values), (_integer(0), *carried), (following, *results), strict=True):
        phi.add_incoming(first, before)
        phi.add_incoming(later, bottom)
    builder.cbranch(builder.icmp_signed("<", following, n), top, after)
    builder.position_at_end(after)
    return results


class _Emitter:
    """Writes a tile of ROWS x `width` vectors where `builder` stands. `p` are the arguments of the tile."""

    def __init__(self, context: Any, builder: Any, element: Any, width: int, p: dict[str, Any]):
        self.builder, self.width, self.p = builder, width, p
        self.itemsize = element.bitwidth // 8
        self.scalar = context.get_data_type(element)
        self.lanes = VECTOR_BYTES // self.itemsize
        self.vector = ir.VectorType(self.scalar, self.lanes)

    def fmuladd(self, a: Any, b: Any, c: Any) -> Any:
        """a·b + c on vectors."""
        name, module = f"llvm.fmuladd.v{self.lanes}f{8 * self.itemsize}", self.builder.module
        known = module.globals.get(name)
        function = known or ir.Function(module, ir.FunctionType(self.vector, [self.vector] * 3), name)
        return self.builder.call(function, [a, b, c])

    def spread(self, value: Any) -> Any:
        """The vector that holds `value` in every lane."""
        nothing, lane = ir.Constant(self.vector, ir.Undefined), ir.IntType(32)
        first = self.builder.insert_element(nothing, value, ir.Constant(lane, 0))
        return self.builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(lane, self.lanes), None))

    def place(self, pointer: Any, kind: Any, index: Any) -> Any:
        """The address of the number `pointer[index]`, or of the vector that begins there."""
        return self.builder.bitcast(self.builder.gep(pointer, [index]), kind.as_pointer())

    def load(self, pointer: Any, kind: Any, index: Any) -> Any:
        """The number or vector at `pointer[index]`."""
        return self.builder.load(self.place(pointer, kind, index), align=self.itemsize)

    def row(self, array: str, i: Any) -> Any:
        """Where row i of an array begins."""
        b, p = self.builder, self.p
        offset = b.load(b.gep(p[f"{array}_rows"], [b.add(p["at"], i)]))
        return b.gep(p[array], [b.add(p[f"{array}_at"], offset)])

    def sums(self) -> list[Any]:
        """The multiplications: ROWS x width vectors."""
        b, p = self.builder, self.p
        rows = [self.row("a", _integer(i)) for i in range(ROWS)]

        def segment(s: Any, state: Sequence[Any]) -> Sequence[Any]:
            offset = b.load(b.gep(p["segments"], [s]))
            windows = [b.gep(row, [offset]) for row in rows]

            def step(k: Any, state: Sequence[Any]) -> Sequence[Any]:
                column, moved, *sums = state
                vectors = [
                    self.load(column, self.vector, _integer(v * self.lanes)) for v in range(self.width)
                ]
                results = []
                for i, window in enumerate(windows):
                    number = self.spread(b.load(b.gep(window, [moved])))
                    own = sums[i * self.width : (i + 1) * self.width]
                    results += [self.fmuladd(number, x, total) for x, total in zip(vectors, own, strict=True)]
                return [b.gep(column, [p["b_step"]]), b.add(moved, p["a_step"]), *results]

            column, *sums = state
            column, _, *sums = _loop(b, p["n_k"], [column, _integer(0), *sums], step)
            return [column, *sums]

        zeros = [ir.Constant(self.vector, None)] * (ROWS * self.width)
        return _loop(b, p["n_segments"], [b.gep(p["b"], [p["b_at"]]), *zeros], segment)[1:]

    def finish(self, out: Any, plus: Any, kind: Any, j: Any, total: Any) -> None:
        """Put one sum, or a vector of them, into its place."""
        b = self.builder
        floor = self.spread(self.p["floor"]) if kind is self.vector else self.p["floor"]
        value = b.fadd(total, self.load(plus, kind, j))
        value = b.select(b.fcmp_ordered("<", value, floor), floor, value)
        b.store(value, self.place(out, kind, j), align=self.itemsize)

    def write(self, sums: Sequence[Any]) -> None:
        """Each of the `n_rows` rows to its place; of its columns, the first `n_columns`."""
        b, p = self.builder, self.p
        whole = b.icmp_signed(">=", p["n_columns"], _integer(self.width * self.lanes))
        with b.if_else(whole, likely=True) as (all_columns, some_columns):
            with all_columns:
                for i in range(ROWS):
                    with b.if_then(b.icmp_signed("<", _integer(i), p["n_rows"]), likely=True):
                        out, plus = self.row("out", _integer(i)), self.row("plus", _integer(i))
                        for v in range(self.width):
                            total = sums[i * self.width + v]
                            self.finish(out, plus, self.vector, _integer(v * self.lanes), total)
            with some_columns:
                self.write_some(sums)

    def write_some(self, sums: Sequence[Any]) -> None:
        """The slow way for a tile wider than what is left to do: number by number, by way of the stack."""
        b, p = self.builder, self.p
        stack = cgutils.alloca_once(b, self.vector, size=len(sums))
        for i, total in enumerate(sums):
            b.store(total, b.gep(stack, [_integer(i)]))
        numbers = b.bitcast(stack, self.scalar.as_pointer())

        def each_row(i: Any, _: Sequence[Any]) -> Sequence[Any]:
            out, plus = self.row("out", i), self.row("plus", i)
            first = b.mul(i, _integer(self.width * self.lanes))

            def each_column(j: Any, _: Sequence[Any]) -> Sequence[Any]:
                self.finish(out, plus, self.scalar, j, self.load(numbers, self.scalar, b.add(first, j)))
                return ()

            return _loop(b, p["n_columns"], (), each_column)

        _loop(b, p["n_rows"], (), each_row)
