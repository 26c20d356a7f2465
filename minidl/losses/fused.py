"""Cross-entropy straight from the logits: softmax, or sigmoid, and logarithm in one op.

The cross-entropy of targets t and predictions p is −Σ t·log p. With p = softmax(z) that is

    L = −Σ_c t_c·log p_c = Σ_c t_c·(log Σ_k e^(z_k) − z_c)

and because the logarithm undoes the exponential, nothing is left that could round to 0 or overflow: logits of
±10⁴ give an exact loss. The gradient is the simplest in deep learning, prediction minus target:

    dL/dz_c = p_c·Σ_k t_k − t_c = p_c − t_c         for targets that sum to 1

Taken apart, softmax's gradient is p·(…) and the logarithm's is 1/p. Where p has rounded to 0 the two no longer
cancel: 0·∞ is NaN. To hold p above some ε first only hides that, because a clip passes no gradient beyond its
bounds: a unit that is certain and wrong then never learns. The fused op has no such hole.
"""

from typing import Any, NamedTuple

import numpy as np

from minidl.activations.probabilities import Sigmoid, minus_magnitude, shifted
from minidl.backend import Array
from minidl.tensor import Function

__all__ = ["SigmoidCrossEntropy", "SoftmaxCrossEntropy", "SparseSoftmaxCrossEntropy"]


def surprise(logits: Array) -> tuple[Array, Array]:
    """−log p and p, for p = softmax(logits) along the last axis."""
    z, e, total = shifted(logits, -1)
    return np.log(total) - z, e / total


class SoftmaxCache(NamedTuple):
    p: Array  # softmax of the logits (..., C)
    targets: Array  # (..., C), or labels (...)


class SoftmaxCrossEntropy(Function):
    """L = −Σ_c t_c·log softmax(z)_c.  dz = (p·Σ_c t_c − t)·dL.  No gradient for t.

    z (..., C), t (..., C) -> L (...).  A class with t = 0 adds 0, even where its logit is −∞.
    """

    kernel = "softmax_cross_entropy"

    @staticmethod
    def forward(logits: Array, targets: Array) -> tuple[Array, SoftmaxCache]:
        minus_log_p, p = surprise(logits)
        with np.errstate(invalid="ignore"):  # 0·∞, which is not taken
            terms = np.where(targets == 0, 0, targets * minus_log_p)
        return terms.sum(axis=-1), SoftmaxCache(p, targets)

    @staticmethod
    def backward(dy: Array, cache: SoftmaxCache) -> tuple[Array, None]:
        p, t = cache
        return dy[..., None] * (p * t.sum(axis=-1, keepdims=True) - t), None


class SparseSoftmaxCrossEntropy(Function):
    """L = −log softmax(z)_c for the label c.  dz = (p − [1 at c, else 0])·dL.

    z (..., C), whole labels (...) from 0 to C − 1 -> L (...).
    """

    kernel = "sparse_softmax_cross_entropy"

    @staticmethod
    def forward(logits: Array, labels: Array) -> tuple[Array, SoftmaxCache]:
        minus_log_p, p = surprise(logits)
        return np.take_along_axis(minus_log_p, labels[..., None], -1)[..., 0], SoftmaxCache(p, labels)

    @staticmethod
    def backward(dy: Array, cache: SoftmaxCache) -> tuple[Array, None]:
        p, labels = cache
        at = labels[..., None]
        dz = p.copy()
        np.put_along_axis(dz, at, np.take_along_axis(p, at, -1) - 1, -1)
        return dy[..., None] * dz, None


class SigmoidCrossEntropy(Function):
    """L = −t·log σ(z) − (1 − t)·log(1 − σ(z)) = max(z, 0) − z·t + log(1 + e^(−|z|)).  dz = (σ(z) − t)·dL.

    Element by element: z, t -> L of the same shape.  No gradient for t.
    """

    kernel = "sigmoid_cross_entropy"

    @staticmethod
    def forward(logits: Array, targets: Array) -> tuple[Array, Any]:
        with np.errstate(invalid="ignore"):  # an infinite logit gives NaN: training has diverged
            line = np.maximum(logits, 0) - logits * targets
        return line + np.log1p(np.exp(minus_magnitude(logits))), (logits, targets)

    @staticmethod
    def backward(dy: Array, cache: Any) -> tuple[Array, None]:
        logits, targets = cache
        return dy * (Sigmoid.forward(logits)[0] - targets), None
