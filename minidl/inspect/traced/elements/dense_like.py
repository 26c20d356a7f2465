"""Elements of products of matrices, of sums of products, and of looked-up rows."""

from collections.abc import Sequence

import numpy as np

from minidl.inspect.traced.elements.calls import Call
from minidl.inspect.traced.elements.expressions import Expression, Operand
from minidl.inspect.traced.elements.gathering import total
from minidl.inspect.traced.elements.picking import label
from minidl.inspect.traced.elements.result import Calculation
from minidl.inspect.traced.elements.telling import tells
from minidl.layers.core.dense import DenseFunction
from minidl.layers.core.embedding import EmbeddingFunction
from minidl.primitives.linear_algebra import Einsum, MatMul

__all__ = ["dense", "einsum", "embedding", "matmul"]

ALONG = slice(None)


@tells(DenseFunction)
def dense(call: Call) -> Calculation:
    """y = Σ_i x·w + b."""
    *row, u = call.index
    z = total(call.at(0, *row, ALONG) * call.at(1, ALONG, u))
    return call.told(z + call.at(2, u) if call.has(2) else z)


@tells(EmbeddingFunction)
def embedding(call: Call) -> Calculation:
    """y = a number of the row that the id names."""
    *place, d = call.index
    ids, rows = call.arrays[0], call.arrays[1].shape[0]
    row = int(ids[tuple(place)])
    note = f"{label(call.names[0], place)} = {row}"
    return call.told(call.at(1, row % rows, d), note)


@tells(MatMul)
def matmul(call: Call) -> Calculation:
    """y = Σ_k a·b."""
    *stack, i, j = call.index
    a, b = (
        tuple(
            0 if n == 1 else place
            for n, place in zip(x.shape[:-2], stack[len(stack) - x.ndim + 2 :], strict=True)
        )
        for x in call.arrays
    )
    return call.told(total(call.at(0, *a, i, ALONG) * call.at(1, *b, ALONG, j)))


@tells(Einsum)
def einsum(call: Call) -> Calculation:
    """y = the sum of products that the letters say."""
    terms, out = call.options["terms"], call.options["out"]
    sizes: dict[str, int] = {}
    for term, x in zip(terms, call.arrays, strict=True):
        for letter, n in zip(term, x.shape, strict=True):
            sizes[letter] = max(n, sizes.get(letter, 1)) if n else 0
    summed = [letter for letter in sizes if letter not in out]
    at = dict(zip(out, call.index, strict=True))
    factors = [_factor(call, i, term, at, summed, sizes) for i, term in enumerate(terms)]
    formula = factors[0]
    for factor in factors[1:]:
        formula = formula * factor
    return call.told(total(formula) if summed else formula)


def _factor(
    call: Call, i: int, term: str, at: dict[str, int], summed: Sequence[str], sizes: dict[str, int]
) -> Expression:
    """What one operand of einsum gives to each of the products that are added up, in the order of `summed`."""
    x = call.arrays[i]
    index = tuple(
        (0 if n == 1 else at[letter]) if letter in at else ALONG
        for letter, n in zip(term, x.shape, strict=True)
    )
    left = [letter for letter in term if letter not in at]  # the axes that are left, in the order of x
    wanted = [letter for letter in summed if letter in left]
    values = np.transpose(np.asarray(x[index], np.float64), [left.index(letter) for letter in wanted])
    lengths = dict(zip(wanted, values.shape, strict=True))
    values = values.reshape([lengths.get(letter, 1) for letter in summed])
    name = label(call.names[i], index)
    if wanted != left:
        name += f".transpose({','.join(str(left.index(letter)) for letter in wanted)})"
    return Operand(name, np.broadcast_to(values, [sizes[letter] for letter in summed]))
