"""Products of matrices, and the sums over products that `einsum` writes."""

from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.primitives.shaping import expand_dims, reshape, squeeze, transpose
from minidl.tensor import Function, Tensor, traces

__all__ = ["dot", "einsum", "matmul", "outer", "tensordot"]


class MatMul(Function):
    """y = a·b for matrices, and for stacks of them along leading axes.  da = dy·bᵀ,  db = aᵀ·dy."""

    @staticmethod
    def forward(a: Array, b: Array) -> tuple[Array, Any]:
        return np.matmul(a, b), (a, b)

    @staticmethod
    def backward(dy: Array, cache: Any) -> tuple[Array, Array]:
        a, b = cache
        return np.matmul(dy, np.swapaxes(b, -1, -2)), np.matmul(np.swapaxes(a, -1, -2), dy)


class Einsum(Function):
    """y[out] = Σ a[in1] b[in2] ...  The gradient of an operand is the same sum with dy in its place.

    An index of the operand that stands neither in the output nor in another operand was summed freely: its
    gradient is the same all along it.
    """

    @staticmethod
    def forward(*operands: Array, terms: tuple[str, ...], out: str) -> tuple[Array, Any]:
        y = np.einsum(",".join(terms) + "->" + out, *operands, optimize=len(operands) > 2)
        return np.asarray(y), (operands, terms, out)

    @staticmethod
    def backward(dy: Array, cache: Any) -> tuple[Array, ...]:
        operands, terms, out = cache
        gradients = []
        for i, (x, term) in enumerate(zip(operands, terms, strict=True)):
            others = [*terms[:i], out, *terms[i + 1 :]]
            arrays = [*operands[:i], dy, *operands[i + 1 :]]
            known = [letter for letter in term if letter in "".join(others)]
            part = np.einsum(",".join(others) + "->" + "".join(known), *arrays, optimize=len(arrays) > 2)
            shape = [n if letter in known else 1 for letter, n in zip(term, x.shape, strict=True)]
            gradients.append(np.broadcast_to(np.reshape(part, shape), x.shape))
        return tuple(gradients)


@traces(np.matmul)
def matmul(a: Any, b: Any) -> Tensor:
    """The matrix product; a vector counts as a row on the left and as a column on the right."""
    row, column = np.ndim(a) == 1, np.ndim(b) == 1
    y = MatMul.apply(expand_dims(a, 0) if row else a, expand_dims(b, 1) if column else b)
    if row or column:
        y = squeeze(y, tuple([-2] * row + [-1] * column))
    return y


@traces(np.einsum)
def einsum(subscripts: str, *operands: Any) -> Tensor:
    """A sum of products written by its indices: "nhi,io->nho". Each operand may use an index once.

    Raises:
        ValueError: an ellipsis, or an index twice in one operand.
    """
    left, arrow, out = subscripts.replace(" ", "").partition("->")
    terms = tuple(left.split(","))
    if "." in subscripts or any(len(set(term)) < len(term) for term in terms):
        raise ValueError(
            f"einsum of tensors takes each index once in an operand and no '...', got {subscripts!r}."
        )
    if not arrow:
        out = "".join(letter for letter in sorted(set(left) - {","}) if left.count(letter) == 1)
    return Einsum.apply(*operands, terms=terms, out=out)


@traces(np.dot)
def dot(a: Any, b: Any) -> Tensor:
    """As `matmul` up to matrices, `multiply` for numbers; else the last axis of a with the second-last of b."""
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
        [int(i) % np.ndim(x) for i in np.atleast_1d(np.asarray(s, int))]
        for x, s in ((a, axes[0]), (b, axes[1]))
    )
    a_free = [i for i in range(np.ndim(a)) if i not in a_axes]
    b_free = [i for i in range(np.ndim(b)) if i not in b_axes]
    summed = int(np.prod([np.shape(a)[i] for i in a_axes]))
    y = matmul(
        reshape(transpose(a, a_free + a_axes), (-1, summed)),
        reshape(transpose(b, b_axes + b_free), (summed, -1)),
    )
    return reshape(y, [np.shape(a)[i] for i in a_free] + [np.shape(b)[i] for i in b_free])
