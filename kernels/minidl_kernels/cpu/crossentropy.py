"""Cross-entropy straight from the logits z: softmax or sigmoid, logarithm and target in one pass.

    softmax_cross_entropy          L = Σ_c t_c·(log Σ e^z − z_c)                         dz = (p·Σ t − t)·dL
    sparse_softmax_cross_entropy   L = log Σ e^z − z_label                               dz = (p − [label])·dL
    sigmoid_cross_entropy          L = max(z, 0) − z·t + log(1 + e^(−|z|))               dz = (σ(z) − t)·dL

Forward keeps the probabilities p; backward needs nothing else.
"""

import math
from typing import Any

import numpy as np

from minidl_kernels.contract import Kernel
from minidl_kernels.cpu.activations import probabilities
from minidl_kernels.cpu.arrays import floats, gradient_of, ready
from minidl_kernels.cpu.atomic import take
from minidl_kernels.cpu.cache import compiled
from minidl_kernels.cpu.exponential import exp_of_negative, log_1_plus
from minidl_kernels.cpu.memory import empty
from minidl_kernels.cpu.pool import run, shares

__all__ = ["KERNELS"]


@compiled
def _softmax(counter, parts, z, t, p, shift, total, loss):
    """Logits z, targets t and p (rows, C)."""
    zero = z.dtype.type(0)
    while True:
        part = take(counter)
        if part >= parts:
            return
        begin, end = part * len(z) // parts, (part + 1) * len(z) // parts
        probabilities(z, p, shift, total, begin, end)
        for row in range(begin, end):
            log_total, sum_of_terms = math.log(total[row]), zero
            for c in range(z.shape[1]):
                term = t[row, c] * (log_total - (z[row, c] - shift[row]))
                sum_of_terms += term if t[row, c] != zero else zero
            loss[row] = sum_of_terms


@compiled
def _softmax_backward(counter, parts, dy, p, t, dz):
    while True:
        part = take(counter)
        if part >= parts:
            return
        for row in range(part * len(p) // parts, (part + 1) * len(p) // parts):
            weight = dy.dtype.type(0)
            for c in range(p.shape[1]):
                weight += t[row, c]
            for c in range(p.shape[1]):
                dz[row, c] = dy[row] * (p[row, c] * weight - t[row, c])


@compiled
def _sparse(counter, parts, z, labels, p, shift, total, loss):
    while True:
        part = take(counter)
        if part >= parts:
            return
        begin, end = part * len(z) // parts, (part + 1) * len(z) // parts
        probabilities(z, p, shift, total, begin, end)
        for row in range(begin, end):
            loss[row] = math.log(total[row]) - (z[row, labels[row]] - shift[row])


@compiled
def _sparse_backward(counter, parts, dy, p, labels, dz):
    one = dy.dtype.type(1)
    while True:
        part = take(counter)
        if part >= parts:
            return
        for row in range(part * len(p) // parts, (part + 1) * len(p) // parts):
            for c in range(p.shape[1]):
                dz[row, c] = dy[row] * p[row, c]
            dz[row, labels[row]] = dy[row] * (p[row, labels[row]] - one)


@compiled
def _sigmoid(counter, parts, z, t, p, loss):
    zero, one = z.dtype.type(0), z.dtype.type(1)
    while True:
        part = take(counter)
        if part >= parts:
            return
        begin, end = part * len(z) // parts, (part + 1) * len(z) // parts
        z_, t_, p_, loss_ = z[begin:end], t[begin:end], p[begin:end], loss[begin:end]
        for i in range(len(z_)):
            e = exp_of_negative(z_[i] if z_[i] < zero else -z_[i])
            p_[i] = (e if z_[i] < zero else one) / (one + e)
            loss_[i] = (zero if z_[i] < zero else z_[i]) - z_[i] * t_[i] + log_1_plus(e)


@compiled
def _sigmoid_backward(counter, parts, dy, p, t, dz):
    while True:
        part = take(counter)
        if part >= parts:
            return
        begin, end = part * len(p) // parts, (part + 1) * len(p) // parts
        dy_, p_, t_, dz_ = dy[begin:end], p[begin:end], t[begin:end], dz[begin:end]
        for i in range(len(p_)):
            dz_[i] = dy_[i] * (p_[i] - t_[i])


def softmax_cross_entropy_forward(logits: Any, targets: Any) -> tuple[Any, Any]:
    """z (..., C), t (..., C) -> L (...)."""
    z, t = (ready(x).reshape(-1, x.shape[-1]) for x in (logits, targets))
    p, loss, rest = empty(z.shape, z.dtype), np.empty(len(z), z.dtype), np.empty((2, len(z)), z.dtype)
    run(_softmax, shares(z.size), z, t, p, *rest, loss)
    return loss.reshape(logits.shape[:-1]), (p, t, logits.shape)


def softmax_cross_entropy_backward(dy: Any, cache: Any) -> tuple[Any, None]:
    """dL (...) -> dz (..., C)."""
    p, t, shape = cache
    dz = empty(p.shape, p.dtype)
    dy = gradient_of(dy, shape[:-1], p.dtype).reshape(-1)
    run(_softmax_backward, shares(p.size), dy, p, t, dz)
    return dz.reshape(shape), None


def sparse_softmax_cross_entropy_forward(logits: Any, labels: Any) -> tuple[Any, Any]:
    """z (..., C), whole labels (...) -> L (...). A negative label counts from the end, as an index does.

    Raises:
        IndexError: a label is not one of the C classes.
    """
    z, numbers = ready(logits).reshape(-1, logits.shape[-1]), np.array(labels, np.int64).reshape(-1)
    classes = z.shape[1]
    if not -classes <= numbers.min() <= numbers.max() < classes:
        raise IndexError(f"labels expects numbers below {classes}, got {numbers.min()} ... {numbers.max()}.")
    p, loss, rest = empty(z.shape, z.dtype), np.empty(len(z), z.dtype), np.empty((2, len(z)), z.dtype)
    run(_sparse, shares(z.size), z, numbers, p, *rest, loss)
    return loss.reshape(logits.shape[:-1]), (p, numbers, logits.shape)


def sparse_softmax_cross_entropy_backward(dy: Any, cache: Any) -> tuple[Any, None]:
    """dL (...) -> dz (..., C)."""
    p, numbers, shape = cache
    dz = empty(p.shape, p.dtype)
    dy = gradient_of(dy, shape[:-1], p.dtype).reshape(-1)
    run(_sparse_backward, shares(p.size), dy, p, numbers, dz)
    return dz.reshape(shape), None


def sigmoid_cross_entropy_forward(logits: Any, targets: Any) -> tuple[Any, Any]:
    """z, t -> L, all of one shape."""
    z, t = ready(logits).reshape(-1), ready(targets).reshape(-1)
    p, loss = empty(z.shape, z.dtype), empty(z.shape, z.dtype)
    run(_sigmoid, shares(z.size), z, t, p, loss)
    return loss.reshape(logits.shape), (p, t, logits.shape)


def sigmoid_cross_entropy_backward(dy: Any, cache: Any) -> tuple[Any, None]:
    """dL -> dz."""
    p, t, shape = cache
    dz = empty(p.shape, p.dtype)
    dy = gradient_of(dy, shape, p.dtype).reshape(-1)
    run(_sigmoid_backward, shares(p.size), dy, p, t, dz)
    return dz.reshape(shape), None


def _same_shape(logits: Any, targets: Any) -> bool:
    return floats(logits, targets) and logits.shape == targets.shape


def _rows(logits: Any, targets: Any) -> bool:
    return _same_shape(logits, targets) and logits.ndim > 0


def _labelled(logits: Any, labels: Any) -> bool:
    return (
        floats(logits)
        and isinstance(labels, np.ndarray)
        and labels.dtype.kind in "iu"
        and labels.shape == logits.shape[:-1]
        and logits.ndim > 0
    )


KERNELS = {
    "softmax_cross_entropy": Kernel(
        softmax_cross_entropy_forward, softmax_cross_entropy_backward, _rows, repeats=True
    ),
    "sparse_softmax_cross_entropy": Kernel(
        sparse_softmax_cross_entropy_forward, sparse_softmax_cross_entropy_backward, _labelled
    ),
    "sigmoid_cross_entropy": Kernel(
        sigmoid_cross_entropy_forward, sigmoid_cross_entropy_backward, _same_shape, repeats=True
    ),
}
