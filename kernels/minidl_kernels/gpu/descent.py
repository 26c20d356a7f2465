"""sgd, sgd_momentum, rmsprop: updates in one launch over flat arrays, in place, as that of `adam`.

There are none for the CPU, where NumPy's own loops are as fast (`minidl.optimizers` asks for these on a GPU only). The
learning rate is a number, or an array on the device of one float32, which a captured step reads anew at each replay.
"""

from typing import Any

import numpy as np

from minidl_kernels.contract import Kernel
from minidl_kernels.gpu.arrays import floats
from minidl_kernels.gpu.launch import each, xp

__all__ = ["KERNELS"]


def sgd(w: Any, g: Any, *, learning_rate: Any) -> tuple[Any]:
    """Changes w itself."""
    each("descent", "sgd", w.size, w, g, *_rate(learning_rate), w.size)
    return (w,)


def sgd_momentum(
    w: Any, g: Any, m: Any, *, learning_rate: Any, momentum: float, nesterov: bool
) -> tuple[Any, Any]:
    """Changes w and m themselves."""
    settings = (np.float32(momentum), int(nesterov))
    each("descent", "sgd_momentum", w.size, w, g, m, *_rate(learning_rate), *settings, w.size)
    return w, m


def rmsprop(
    w: Any,
    g: Any,
    v: Any,
    m: Any,
    mean: Any,
    *,
    learning_rate: Any,
    rho: float,
    momentum: float,
    epsilon: float,
) -> tuple[Any, Any, Any, Any]:
    """Changes w, v, m and mean themselves; without momentum m is None, without centring the mean is."""
    settings = [np.float32(x) for x in (rho, 1 - rho, momentum, epsilon)]
    each("descent", "rmsprop", w.size, w, g, v, m, mean, *_rate(learning_rate), *settings, w.size)
    return w, v, m, mean


def _rate(learning_rate: Any) -> tuple[Any, np.float32]:
    """Where the learning rate stands on the device, if it does, and the number that counts if not."""
    on_device = isinstance(learning_rate, xp().ndarray)
    return (learning_rate, np.float32(0)) if on_device else (None, np.float32(learning_rate))


def _supports(w: Any, *others: Any, **options: Any) -> bool:
    """Works in place, so the arrays must be in order as they are."""
    arrays = [w, *(x for x in others if x is not None)]
    return floats(*arrays) and all(x.shape == w.shape and x.flags.c_contiguous for x in arrays)


KERNELS = {
    "sgd": Kernel(sgd, None, _supports),
    "sgd_momentum": Kernel(sgd_momentum, None, _supports),
    "rmsprop": Kernel(rmsprop, None, _supports),
}
