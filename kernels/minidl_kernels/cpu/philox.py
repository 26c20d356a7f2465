"""Philox: random numbers that are a function of where they stand, so that any thread can draw any of them.

A key (2 words of 64 bits) and a counter (4 words) go through ten rounds of multiplying and mixing, and are four random
words, two numbers of 32 bits each. NumPy's `Philox` counts in the counter's first word, from 1; what is drawn here are
its numbers. (J. Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC, 2011.)
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.extending import intrinsic

from minidl_kernels.cpu.fragment import fragment

__all__ = ["NUMBERS", "block"]

NUMBERS = 8  # of 32 bits, in a block
ROUNDS = 10
_M0, _M1 = 0xD2E7470EE14C6C93, 0xCA5A826395121157  # multipliers
_W0, _W1 = 0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B  # what the key grows by


@intrinsic
def _high_and_low(typing, a, b):
    """The two words of a·b."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        wide = ir.IntType(128)
        product = builder.mul(*[builder.zext(value, wide) for value in values])
        high = builder.lshr(product, ir.Constant(wide, 64))
        words = [builder.trunc(word, ir.IntType(64)) for word in (high, product)]
        return context.make_tuple(builder, signature.return_type, words)

    return types.UniTuple(types.uint64, 2)(types.uint64, types.uint64), emit


def _high_and_low_in_python(a, b):
    high, low = divmod(int(a) * int(b), 1 << 64)
    return np.uint64(high), np.uint64(low)


def _sum_in_python(a, b):
    return np.uint64((int(a) + int(b)) % (1 << 64))


@fragment
def _sum(a, b):
    """a + b; what does not fit into a word is lost."""
    return a + b


if config.DISABLE_JIT:  # where NumPy would warn of what is lost
    _high_and_low, _sum = _high_and_low_in_python, _sum_in_python


@fragment
def block(key_0, key_1, a, b, c, d):
    """The four words at the counter (a, b, c, d)."""
    m0, m1, w0, w1 = np.uint64(_M0), np.uint64(_M1), np.uint64(_W0), np.uint64(_W1)
    for _ in range(ROUNDS):
        high_0, low_0 = _high_and_low(m0, a)
        high_1, low_1 = _high_and_low(m1, c)
        a, b, c, d = high_1 ^ b ^ key_0, low_1, high_0 ^ d ^ key_1, low_0
        key_0, key_1 = _sum(key_0, w0), _sum(key_1, w1)
    return a, b, c, d
