"""lines: small calculations on arrays as the lines of a table, and the compiled function that goes down the table.

    what   rows   columns   |  address, bytes from row to row, numbers from column to column  of out, of a and of b

Every line computes what NumPy does, by the same operations in the same order, also in sums, so the bits are the same.
`chain` writes the tables, and keeps the arrays alive as long as their addresses are in use.
"""

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from minidl_kernels.cpu.cache import compiled
from minidl_kernels.cpu.fragment import fragment

__all__ = [
    "ADD", "ADD_FLAG", "COPY", "COPY_WHERE", "DIVIDE", "EQUAL", "GREATER", "KEEP", "LARGEST", "MAXIMUM", "MULTIPLY",
    "NARROW", "SUBTRACT", "SUM", "SUM_OF_ROWS", "WIDE_DIVIDE", "WIDE_SUM", "run_lines",
]  # fmt: skip

(
    ADD, SUBTRACT, MULTIPLY, DIVIDE, MAXIMUM, GREATER, EQUAL, ADD_FLAG, KEEP, COPY, COPY_WHERE, NARROW, WIDE_DIVIDE,
    SUM, WIDE_SUM, LARGEST, SUM_OF_ROWS,
) = range(17)  # fmt: skip


@intrinsic
def _memory(typing, address, number):
    """Memory from `address` on, as numbers of a type."""
    kind = types.CPointer(number.instance_type)

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.inttoptr(values[0], context.get_value_type(kind))

    return kind(types.int64, number), emit


@fragment
def _total(x, n, zero):
    """Σ x in the order of NumPy: by eight sums side by side, if there are as many numbers."""
    if n < 8:
        total = zero
        for i in range(n):
            total += x[i]
        return total
    a, b, c, d = zero + x[0], zero + x[1], zero + x[2], zero + x[3]
    e, f, g, h = zero + x[4], zero + x[5], zero + x[6], zero + x[7]
    whole = n // 8 * 8
    for i in range(8, whole, 8):
        a, b, c, d = a + x[i], b + x[i + 1], c + x[i + 2], d + x[i + 3]
        e, f, g, h = e + x[i + 4], f + x[i + 5], g + x[i + 6], h + x[i + 7]
    total = ((a + b) + (c + d)) + ((e + f) + (g + h))
    for i in range(whole, n):
        total += x[i]
    return total


@compiled
def run_lines(table):
    """All lines, one after the other."""
    for line in range(len(table)):
        # s, p, q: from one number of out, of a, of b to the next.
        what, rows, n, s, p, q = (
            table[line, 0], table[line, 1], table[line, 2], table[line, 5], table[line, 8], table[line, 11],
        )  # fmt: skip
        for row in range(rows):
            to = table[line, 3] + row * table[line, 4]
            of = table[line, 6] + row * table[line, 7]
            by = table[line, 9] + row * table[line, 10]
            out, wide = _memory(to, np.float32), _memory(to, np.float64)
            a, b, wide_a = _memory(of, np.float32), _memory(by, np.float32), _memory(of, np.float64)
            flags, marks = _memory(to, np.uint8), _memory(by, np.uint8)
            if what == ADD:
                for j in range(n):
                    out[j * s] = a[j * p] + b[j * q]
            elif what == SUBTRACT:
                for j in range(n):
                    out[j * s] = a[j * p] - b[j * q]
            elif what == MULTIPLY:
                for j in range(n):
                    out[j * s] = a[j * p] * b[j * q]
            elif what == DIVIDE:
                for j in range(n):
                    out[j * s] = a[j * p] / b[j * q]
            elif what == MAXIMUM:
                least = b[0]
                for j in range(n):
                    out[j * s] = least if a[j * p] <= least or least != least else a[j * p]
            elif what == GREATER:
                bound = b[0]
                for j in range(n):
                    flags[j * s] = a[j * p] > bound
            elif what == EQUAL:
                same = b[0]
                for j in range(n):
                    flags[j * s] = a[j * p] == same
            elif what == ADD_FLAG:
                for j in range(n):
                    out[j * s] = a[j * p] + np.float32(marks[j * q])
            elif what == KEEP:
                for j in range(n):
                    out[j * s] = a[j * p] if marks[j * q] else np.float32(0)
            elif what == COPY:
                for j in range(n):
                    out[j * s] = a[j * p]
            elif what == COPY_WHERE:
                for j in range(n):
                    out[j * s] = a[j * p] if marks[j * q] else out[j * s]
            elif what == NARROW:
                for j in range(n):
                    out[j * s] = wide_a[j * p]
            elif what == WIDE_DIVIDE:
                wide[0] = wide_a[0] / _memory(by, np.float64)[0]
            elif what == SUM:
                out[0] = _total(a, n, np.float32(0))
            elif what == WIDE_SUM:
                wide[0] = _total(a, n, np.float64(0))
            elif what == LARGEST:
                largest = b[0]
                for j in range(n):
                    largest = a[j] if a[j] > largest or a[j] != a[j] else largest
                out[0] = largest
            else:
                for j in range(n):
                    wide[j] = a[j] + (wide[j] if row else np.float64(0))
