"""adam: the update of all weights in one pass over four flat arrays, in place.

    m <- β₁·m + (1 − β₁)·g        v <- β₂·v + (1 − β₂)·g²        w <- w − lr·√(1 − β₂ᵗ)/(1 − β₁ᵗ) · m/(√v + ε)

A g too large to be squared counts as the largest power of two that is not; an infinite one is NaN, and is seen.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minidl_kernels.contract import Kernel
from minidl_kernels.cpu.arrays import floats
from minidl_kernels.cpu.atomic import take
from minidl_kernels.cpu.cache import compiled
from minidl_kernels.cpu.pool import prepared, run, shares

__all__ = ["KERNELS"]

_TOP = {np.dtype(t): 2.0 ** (np.finfo(t).maxexp // 2 - 1) for t in (np.float32, np.float64)}  # may be squared


@compiled
def _adam(counter, parts, w, g, m, v, settings):
    """Settings: `decay` is what weight decay takes of each weight, `top` the largest g that may be squared, `new` 1 − β."""
    decay, rate, top, epsilon = settings[0], settings[1], settings[2], settings[3]
    beta_1, beta_2, new_1, new_2 = settings[4], settings[5], settings[6], settings[7]
    infinity, nan, zero = w.dtype.type(np.inf), w.dtype.type(np.nan), w.dtype.type(0)
    while True:
        part = take(counter)
        if part >= parts:
            return
        begin, end = part * len(w) // parts, (part + 1) * len(w) // parts
        w_, g_, m_, v_ = w[begin:end], g[begin:end], m[begin:end], v[begin:end]
        for i in range(len(w_)):
            d = top if g_[i] > top else -top if g_[i] < -top else g_[i]
            d = nan if abs(g_[i]) == infinity else d
            m_[i] = beta_1 * m_[i] + new_1 * d
            v_[i] = beta_2 * v_[i] + new_2 * (d * d)
            kept = w_[i] if decay == zero else w_[i] - w_[i] * decay
            w_[i] = kept - m_[i] * rate / (np.sqrt(v_[i]) + epsilon)


def adam(
    w: Any,
    g: Any,
    m: Any,
    v: Any,
    *,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    step: int,
    weight_decay: float,
) -> tuple[Any, Any, Any]:
    """Changes w, m and v themselves, and returns them."""
    settings = np.array(_settings(w.dtype, beta_1, beta_2, epsilon), w.dtype)
    settings[:2] = weight_decay * learning_rate, _rate(learning_rate, beta_1, beta_2, step)
    run(_adam, shares(w.size), *_flat(w, g, m, v), settings)
    return w, m, v


def adam_again(w: Any, g: Any, m: Any, v: Any) -> Callable[..., None]:
    """The same for many steps on these arrays: a function of the constants, positional in the order of `adam`."""
    settings = np.empty(8, w.dtype)
    update = prepared(_adam, shares(w.size), *_flat(w, g, m, v), settings)
    known = None

    def again(
        learning_rate: float, beta_1: float, beta_2: float, epsilon: float, step: int, weight_decay: float
    ) -> None:
        nonlocal known
        if known != (beta_1, beta_2, epsilon):
            settings[:] = _settings(w.dtype, beta_1, beta_2, epsilon)
            known = beta_1, beta_2, epsilon
        settings[0] = weight_decay * learning_rate
        settings[1] = _rate(learning_rate, beta_1, beta_2, step)
        update()

    return again


def _settings(dtype: Any, beta_1: float, beta_2: float, epsilon: float) -> tuple[float, ...]:
    """What the loop is told; the first two are to be filled in."""
    return 0, 0, _TOP[dtype], epsilon, beta_1, beta_2, 1 - beta_1, 1 - beta_2


def _rate(learning_rate: float, beta_1: float, beta_2: float, step: int) -> float:
    return learning_rate * math.sqrt(1 - beta_2**step) / (1 - beta_1**step)


def _flat(*arrays: Any) -> Any:
    return arrays if arrays[0].ndim == 1 else [x.reshape(-1) for x in arrays]


def _supports(w: Any, g: Any, m: Any, v: Any, **options: float) -> bool:
    """Works in place, so the arrays must be in order as they are."""
    return (
        floats(w, g, m, v)
        and w.shape == g.shape == m.shape == v.shape
        and all(type(x) is np.ndarray and x.flags.carray for x in (w, g, m, v))
    )


KERNELS = {"adam": Kernel(adam, None, _supports, again=adam_again)}
