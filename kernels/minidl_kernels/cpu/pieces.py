"""Pieces that loops are made of, in words that are quick to compile.

Numba knows `np.zeros`, `x[:] = 0` and `min` for every shape and type there is, and takes 20 to 60 ms to find the case
at hand, in each kernel anew. What the loops here need is simple.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.extending import intrinsic

from minidl_kernels.cpu.fragment import fragment

__all__ = ["fill", "less", "room"]


@fragment
def less(a, b):
    """The smaller of two whole numbers."""
    return a if a < b else b


@fragment
def fill(x, at, n, value):
    """x[at : at + n] = value."""
    for i in range(n):
        x[np.uint64(at + i)] = value


@intrinsic(prefer_literal=True)
def room(typing, n, like):
    """A flat array of `n` numbers of the type of those in `like`, with anything in them, for as long as a loop runs.

    It is on the stack of the thread: `n` is a constant, and small.
    """
    if not isinstance(n, types.IntegerLiteral):
        return None
    kind = types.Array(like.dtype, 1, "C")

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        element = context.get_data_type(kind.dtype)
        with builder.goto_entry_block():
            numbers = builder.alloca(ir.ArrayType(element, n.literal_value))
        numbers.align = 64  # as vectors like it
        array = context.make_array(kind)(context, builder)
        size, itemsize = (
            context.get_constant(types.intp, number)
            for number in (n.literal_value, context.get_abi_sizeof(element))
        )
        context.populate_array(
            array, data=builder.bitcast(numbers, element.as_pointer()), shape=[size], strides=[itemsize],
            itemsize=itemsize, meminfo=None,
        )  # fmt: skip
        return array._getvalue()

    return kind(n, like), emit


if config.DISABLE_JIT:

    def room(n, like):
        return np.zeros(n, like.dtype)  # NumPy would warn of rubbish that is computed and not used
