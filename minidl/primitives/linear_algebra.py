"""Products of matrices, and the sums over products that `einsum` writes."""

import math
import string
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from minidl.backend import Array
from minidl.devices import kept
from minidl.messages import say
from minidl.primitives.shaping import expand_dims, reshape, squeeze, transpose
from minidl.tensor import Function, Tensor, traces

__all__ = ["dot", "einsum", "matmul", "outer", "tensordot"]


class MatMul(Function):
    """y = a @ b for matrices, and for stacks of them along leading axes.  da = dy @ bᵀ,  db = aᵀ @ dy."""

    @staticmethod
    def forward(a: Array, b: Array) -> tuple[Array, Any]:
        return np.matmul(a, b), (a, b)

    @staticmethod
    def backward(dy: Array, cache: Any) -> tuple[Array, Array]:
        a, b = cache
        da = np.matmul(dy, np.swapaxes(b, -1, -2))
        if b.ndim == 2:  # one matrix for the whole stack: its gradients add up within one product
            inputs, units = b.shape
            return da, a.reshape(math.prod(a.shape[:-1]), inputs).T @ dy.reshape(
                math.prod(dy.shape[:-1]), units
            )
        return da, np.matmul(np.swapaxes(a, -1, -2), dy)


class Einsum(Function):
    """y[out] = Σ a[in1] b[in2] ...  The gradient of an operand is the same sum with dy in its place.

    An index of the operand that stands neither in the output nor in another operand was summed freely: its
    gradient is the same all along it.
    """

    @staticmethod
    def forward(*operands: Array, terms: tuple[str, ...], out: str) -> tuple[Array, Any]:
        return _sum_of_products(terms, out, operands), (operands, terms, out)

    @staticmethod
    def backward(dy: Array, cache: Any) -> tuple[Array, ...]:
        operands, terms, out = cache
        gradients = []
        for i, (x, term) in enumerate(zip(operands, terms, strict=True)):
            others = [*terms[:i], out, *terms[i + 1 :]]
            known = "".join(letter for letter in term if letter in "".join(others))
            part = _sum_of_products(others, known, [*operands[:i], dy, *operands[i + 1 :]])
            sizes = dict(zip(known, part.shape, strict=True))
            part = part.reshape([sizes.get(letter, 1) for letter in term])
            shape = [
                n if sizes.get(letter, 1) == 1 else sizes[letter]
                for letter, n in zip(term, x.shape, strict=True)
            ]
            gradients.append(np.broadcast_to(part, shape))
        return tuple(gradients)


def _sum_of_products(terms: Sequence[str], out: str, operands: Sequence[Array]) -> Array:
    """NumPy's einsum; `optimize` lets it use matrix products, which pays from two operands on."""
    return kept(np.einsum(",".join(terms) + "->" + out, *operands, optimize=len(operands) > 1))


def _spell_out(subscripts: str, ranks: Sequence[int]) -> tuple[tuple[str, ...], str]:
    """The index letters of each operand and of the output, with letters in the place of "..."."""
    left, arrow, out = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    if not arrow:
        once = sorted(letter for letter in set(left) - {",", "."} if left.count(letter) == 1)
        out = ("..." if "..." in left else "") + "".join(once)
    unused = [letter for letter in string.ascii_letters if letter not in subscripts]
    for i, (term, rank) in enumerate(zip(terms, ranks, strict=True)):
        hidden = rank - len(term) + 3  # the last of the unused letters, so that trailing axes meet
        terms[i] = term.replace("...", "".join(unused[len(unused) - hidden :]))
    longest = max(
        (r - len(t) + 3 for t, r in zip(left.split(","), ranks, strict=True) if "..." in t), default=0
    )
    return tuple(terms), out.replace("...", "".join(unused[len(unused) - longest :]))


@traces(np.matmul)
def matmul(a: Any, b: Any) -> Tensor:
    """The matrix product; a vector counts as a row on the left and as a column on the right."""
    row, column = np.ndim(a) == 1, np.ndim(b) == 1
    y = MatMul.apply(expand_dims(a, 0) if row else a, expand_dims(b, 1) if column else b)
    if row or column:
        y = squeeze(y, tuple([-2] * row + [-1] * column))
    return y


@traces(np.einsum)
def einsum(subscripts: str, *operands: Any, optimize: Any = True) -> Tensor:
    """A sum of products written by its indices: "nhi,io->nho"; "..." stands for all other axes.

    `optimize` is NumPy's and changes nothing here: the order of the products is always chosen for speed.

    Raises:
        ValueError: an index twice in one operand, or a number of operands that does not fit.
    """
    if subscripts.partition("->")[0].count(",") != len(operands) - 1:
        raise ValueError(say(f"einsum got {len(operands)} operands for {subscripts!r}."))
    terms, out = _spell_out(subscripts, [np.ndim(x) for x in operands])
    if any(len(set(term)) < len(term) for term in terms):
        raise ValueError(say(f"einsum of tensors takes each index once in an operand, got {subscripts!r}."))
    return Einsum.apply(*operands, terms=terms, out=out)


@traces(np.dot)
def dot(a: Any, b: Any) -> Tensor:
    """`matmul` up to matrices, `multiply` for numbers; else the last axis of a with the last but one of b."""
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return a * b
    if np.ndim(b) <= 2:
        return matmul(a, b)
    return tensordot(a, b, ((np.ndim(a) - 1,), (np.ndim(b) - 2,)))


@traces(np.outer)
def outer(a: Any, b: Any) -> Tensor:
    """y[i, j] = a[i]·b[j]."""
    return reshape(a, (-1, 1)) * reshape(b, (1, -1))


@traces(np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Tensor:
    """The sum of products over `axes` of a and of b (a count: the last of a with the first of b)."""
    if isinstance(axes, int):
        axes = (range(np.ndim(a) - axes, np.ndim(a)), range(axes))
    a_axes, b_axes = (
        list(normalize_axis_tuple(np.atleast_1d(np.asarray(s, int)), np.ndim(x)))
        for x, s in ((a, axes[0]), (b, axes[1]))
    )
    a_free = [i for i in range(np.ndim(a)) if i not in a_axes]
    b_free = [i for i in range(np.ndim(b)) if i not in b_axes]
    rows, columns = [np.shape(a)[i] for i in a_free], [np.shape(b)[i] for i in b_free]
    summed = math.prod(np.shape(a)[i] for i in a_axes)
    y = matmul(
        reshape(transpose(a, a_free + a_axes), (math.prod(rows), summed)),
        reshape(transpose(b, b_axes + b_free), (summed, math.prod(columns))),
    )
    return reshape(y, rows + columns)
