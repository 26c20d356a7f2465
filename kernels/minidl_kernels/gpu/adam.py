"""adam: the update of all weights in one launch over four flat arrays, in place; `minidl_kernels.cpu.adam` says how.

The learning rate and the number of the step may be arrays on the device. A captured step is a list of launches with
their arguments fixed; what changes from one replay to the next must be read from memory.
"""

import math
from typing import Any

import numpy as np

from minidl_kernels.contract import Kernel
from minidl_kernels.gpu.arrays import floats
from minidl_kernels.gpu.launch import each, launch, xp

__all__ = ["KERNELS"]


def adam(
    w: Any,
    g: Any,
    m: Any,
    v: Any,
    *,
    learning_rate: Any,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    step: Any,
    weight_decay: float,
) -> tuple[Any, Any, Any]:
    """Changes w, m and v themselves, and returns them.

    `learning_rate` is a number and `step` too, or both are arrays on the device, of one float64 and one int32.
    """
    now, rate, decay = None, 0.0, 0.0
    if isinstance(step, xp().ndarray):
        now = xp().empty(2, np.float32)
        constants = [np.float64(x) for x in (beta_1, beta_2, weight_decay)]
        launch("adam", "adam_now", (1,), (1,), learning_rate, step, now, *constants)
    else:
        rate = learning_rate * math.sqrt(1 - beta_2**step) / (1 - beta_1**step)
        decay = weight_decay * learning_rate
    betas = (beta_1, beta_2, 1 - beta_1, 1 - beta_2)
    settings = [np.float32(x) for x in (rate, decay, epsilon, *betas)]
    each("adam", "adam", w.size, w, g, m, v, now, *settings, w.size)
    return w, m, v


def _supports(w: Any, g: Any, m: Any, v: Any, **options: Any) -> bool:
    """Works in place, so the arrays must be in order as they are."""
    return (
        floats(w, g, m, v)
        and w.shape == g.shape == m.shape == v.shape
        and all(x.flags.c_contiguous for x in (w, g, m, v))
    )


KERNELS = {"adam": Kernel(adam, None, _supports)}
