"""relu and sigmoid: y = f(x), with dx a function of dy and y."""

from typing import Any

import numpy as np

from minidl_kernels.contract import Kernel
from minidl_kernels.gpu.arrays import floats, gradient_of, ready
from minidl_kernels.gpu.launch import each, xp

__all__ = ["KERNELS"]


def _pair(name: str) -> Kernel:
    """The op whose kernels are called `name` and `name`_backward."""

    def forward(x: Any) -> tuple[Any, Any]:
        x = ready(x)
        y = xp().empty(x.shape, np.float32)
        each("elementwise", name, x.size, x, y, x.size)
        return y, y

    def backward(dy: Any, y: Any) -> tuple[Any]:
        dy, dx = gradient_of(dy, y.shape), xp().empty(y.shape, np.float32)
        each("elementwise", f"{name}_backward", y.size, dy, y, dx, y.size)
        return (dx,)

    return Kernel(forward, backward, floats)


KERNELS = {name: _pair(name) for name in ("relu", "sigmoid")}
