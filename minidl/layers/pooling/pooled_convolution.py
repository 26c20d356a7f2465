"""A convolution and the max pooling behind it as one op, for windows that lie side by side.

    y[n, i, j, f] = max over the pixels (k, l) of window (i, j) of  z[n, i, j, k, l, f],        z = x * w + b, or max(z, 0)

By itself it is no more than its two parts, in either direction. What makes it worth a name is its kernel: where no
gradient is wanted, nobody asks which pixel has won, and z need not be kept or even written to memory. A model that
predicts uses it in place of two layers (`minidl.models.merged`).
"""

from typing import Any, NamedTuple

from minidl.backend import Array
from minidl.layers.convolutional.conv2d import Conv2DFunction, Conv2DReLU
from minidl.layers.pooling.base import max_pool_backward, max_pool_forward
from minidl.tensor import Function

__all__ = ["Conv2DMaxPool", "conv2d_max_pool_backward", "conv2d_max_pool_forward"]

Size = tuple[int, int]


class Conv2DMaxPoolCache(NamedTuple):
    convolution: type[Function]
    convolved: Any
    pooled: Any


def conv2d_max_pool_forward(
    x: Array, w: Array, b: Array | None, *, pool: Size, rectify: bool, **window: Any
) -> tuple[Array, Conv2DMaxPoolCache]:
    """x (N, H, W, C), w (KH, KW, C/G, F), b (F,) or None -> y (N, OH / pool, OW / pool, F).

    `window` is that of the convolution, `pool` the size and stride of the pooling's; `rectify` puts max(z, 0) in between.
    """
    convolution = Conv2DReLU if rectify else Conv2DFunction
    z, convolved = convolution.forward(x, w, b, **window)
    y, pooled = max_pool_forward(z, pool=pool, strides=pool, padding=((0, 0), (0, 0)))
    return y, Conv2DMaxPoolCache(convolution, convolved, pooled)


def conv2d_max_pool_backward(
    dy: Array, cache: Conv2DMaxPoolCache, needs: tuple[bool, ...] = (True, True, True)
) -> tuple[Array | None, Array, Array | None]:
    """dy (N, OH / pool, OW / pool, F) -> dx, dw, db; dx is None where `needs` has no use for it."""
    (dz,) = max_pool_backward(dy, cache.pooled)
    dx, dw, db = cache.convolution.backward(dz, cache.convolved, needs)
    return dx, dw, db


class Conv2DMaxPool(Function):
    """Convolution, perhaps ReLU, and max pooling in one."""

    forward, backward = staticmethod(conv2d_max_pool_forward), staticmethod(conv2d_max_pool_backward)
    kernel = "conv2d_max_pool"
    selective = True
