"""Cross-entropy straight from the logits z, as `minidl_kernels.cpu.crossentropy` has it, in one launch each way.

    softmax_cross_entropy          L = Σ_c t_c·(log Σ e^z − z_c)                         dz = (p·Σ t − t)·dL
    sparse_softmax_cross_entropy   L = log Σ e^z − z_label                               dz = (p − [label])·dL
    sigmoid_cross_entropy          L = max(z, 0) − z·t + log(1 + e^(−|z|))               dz = (σ(z) − t)·dL

The first two are in `softmax.cu`, whose probabilities p they keep for backward, the last is in `elementwise.cu`.
"""

from typing import Any

import numpy as np

from minidl_kernels.contract import Kernel
from minidl_kernels.gpu.arrays import floats, gradient_of, ready
from minidl_kernels.gpu.launch import each, xp
from minidl_kernels.gpu.rows import each_row

__all__ = ["KERNELS"]


def softmax_cross_entropy_forward(logits: Any, targets: Any) -> tuple[Any, Any]:
    """z (..., C), t (..., C) -> L (...)."""
    z, t, shape = ready(logits), ready(targets), logits.shape[:-1]
    p, loss, weight = (xp().empty(s, np.float32) for s in (z.shape, shape, shape))
    each_row("softmax", "softmax_cross_entropy", loss.size, z.shape[-1], z, t, p, loss, weight)
    return loss, (p, t, weight)


def softmax_cross_entropy_backward(dy: Any, cache: Any) -> tuple[Any, None]:
    """dL (...) -> dz (..., C)."""
    p, t, weight = cache
    dy, dz = gradient_of(dy, p.shape[:-1]), xp().empty(p.shape, np.float32)
    arrays = (dy, p, t, weight, dz)
    each("softmax", "softmax_cross_entropy_backward", p.size, *arrays, p.size, p.shape[-1])
    return dz, None


def sparse_softmax_cross_entropy_forward(logits: Any, labels: Any) -> tuple[Any, Any]:
    """z (..., C), whole labels (...) -> L (...).

    A label that is not one of the C classes, as a negative one, gives NaN, in the loss and in the gradient of its row.
    """
    z, labels = ready(logits), ready(labels.astype(np.int64, copy=False))
    p, loss = xp().empty(z.shape, np.float32), xp().empty(z.shape[:-1], np.float32)
    each_row("softmax", "sparse_softmax_cross_entropy", loss.size, z.shape[-1], z, labels, p, loss)
    return loss, (p, labels)


def sparse_softmax_cross_entropy_backward(dy: Any, cache: Any) -> tuple[Any, None]:
    """dL (...) -> dz (..., C)."""
    p, labels = cache
    dy, dz = gradient_of(dy, p.shape[:-1]), xp().empty(p.shape, np.float32)
    arrays = (dy, p, labels, dz)
    each("softmax", "sparse_softmax_cross_entropy_backward", p.size, *arrays, p.size, p.shape[-1])
    return dz, None


def sigmoid_cross_entropy_forward(logits: Any, targets: Any) -> tuple[Any, Any]:
    """z, t -> L, all of one shape."""
    z, t, loss = ready(logits), ready(targets), xp().empty(logits.shape, np.float32)
    each("elementwise", "sigmoid_cross_entropy", z.size, z, t, loss, z.size)
    return loss, (z, t)


def sigmoid_cross_entropy_backward(dy: Any, cache: Any) -> tuple[Any, None]:
    """dL -> dz."""
    z, t = cache
    dy, dz = gradient_of(dy, z.shape), xp().empty(z.shape, np.float32)
    each("elementwise", "sigmoid_cross_entropy_backward", z.size, dy, z, t, dz, z.size)
    return dz, None


def _same_shape(logits: Any, targets: Any) -> bool:
    return floats(logits, targets) and bool(logits.shape == targets.shape)


def _rows(logits: Any, targets: Any) -> bool:
    return _same_shape(logits, targets) and logits.ndim > 0


def _labelled(logits: Any, labels: Any) -> bool:
    return bool(
        floats(logits)
        and isinstance(labels, xp().ndarray)
        and labels.device == logits.device
        and labels.dtype.kind in "iu"
        and labels.shape == logits.shape[:-1]
        and logits.ndim > 0
    )


KERNELS = {
    "softmax_cross_entropy": Kernel(softmax_cross_entropy_forward, softmax_cross_entropy_backward, _rows),
    "sparse_softmax_cross_entropy": Kernel(
        sparse_softmax_cross_entropy_forward, sparse_softmax_cross_entropy_backward, _labelled
    ),
    "sigmoid_cross_entropy": Kernel(
        sigmoid_cross_entropy_forward, sigmoid_cross_entropy_backward, _same_shape
    ),
}
