"""One number that several threads count up: who takes which part of a piece of work."""

from typing import Any

from llvmlite import ir
from numba import config, types
from numba.extending import intrinsic

__all__ = ["take"]


@intrinsic
def take(typing, counter):
    """`counter[0]++`, in one step that no other thread can come between: the value before."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        numbers = context.make_array(signature.args[0])(context, builder, values[0]).data
        return builder.atomic_rmw("add", numbers, ir.Constant(ir.IntType(64), 1), "monotonic")

    return types.int64(counter), emit


def _take_in_python(counter):
    counter[0] += 1
    return counter[0] - 1


if config.DISABLE_JIT:
    take = _take_in_python
