"""conv1d, conv1d_relu, max_pool1d and average_pool1d: a series is an image one pixel high, so its kernels serve.

x (N, T, C) is looked at as (N, 1, T, C), a view, and the window of K steps as 1 x K pixels.
"""

from typing import Any

from minidl_kernels.contract import Kernel
from minidl_kernels.gpu import convolution, pooling
from minidl_kernels.gpu.arrays import floats, gradient_of

__all__ = ["KERNELS"]

Padding = tuple[tuple[int, int]]
Size = tuple[int]


def _flat(**options: Any) -> dict[str, Any]:
    """The options of an op on series as those of an op on images: nothing happens along the new axis."""
    none = {"padding": (0, 0), "groups": None}
    return {n: v if n == "groups" else (none.get(n, 1), v[0]) for n, v in options.items()}


def _supports_convolution(
    x: Any, w: Any, b: Any, *, strides: Size, padding: Padding, dilation: Size, groups: int
) -> bool:
    options = _flat(strides=strides, padding=padding, dilation=dilation, groups=groups)
    if not floats(x, w) or x.ndim != 3 or w.ndim != 3:
        return False
    return convolution.KERNELS["conv2d"].supports(x[:, None], w[None], b, **options)


def conv1d_forward(
    x: Any, w: Any, b: Any, *, strides: Size, padding: Padding, dilation: Size, groups: int
) -> tuple[Any, Any]:
    """x (N, T, C), w (K, C/G, F), b (F,) or None -> y (N, OT, F)."""
    options = _flat(strides=strides, padding=padding, dilation=dilation, groups=groups)
    y, cache = convolution.conv2d_forward(x[:, None], w[None], b, **options)
    return y[:, 0], cache


def conv1d_relu_forward(
    x: Any, w: Any, b: Any, *, strides: Size, padding: Padding, dilation: Size, groups: int
) -> tuple[Any, Any]:
    """The same, then max(y, 0)."""
    options = _flat(strides=strides, padding=padding, dilation=dilation, groups=groups)
    y, cache = convolution.conv2d_relu_forward(x[:, None], w[None], b, **options)
    return y[:, 0], cache


def conv1d_backward(
    dy: Any, cache: Any, needs: tuple[bool, ...] = (True, True, True)
) -> tuple[Any, Any, Any]:
    """dy (N, OT, F) -> dx, dw, db; None for what `needs` has no use for."""
    g = cache.geometry
    dy = gradient_of(dy, (g.n, g.ow, g.all_f))
    dx, dw, db = convolution.conv2d_backward(dy[:, None], cache, needs)
    return None if dx is None else dx[:, 0], None if dw is None else dw[0], db


def _supports_pooling(x: Any, *, pool: Size, strides: Size, padding: Padding) -> bool:
    options = _flat(pool=pool, strides=strides, padding=padding)
    return floats(x) and x.ndim == 3 and pooling.KERNELS["max_pool2d"].supports(x[:, None], **options)


def max_pool1d_forward(x: Any, *, pool: Size, strides: Size, padding: Padding) -> tuple[Any, Any]:
    """x (N, T, C) -> y (N, OT, C)."""
    y, cache = pooling.max_pool2d_forward(x[:, None], **_flat(pool=pool, strides=strides, padding=padding))
    return y[:, 0], cache


def max_pool1d_backward(dy: Any, cache: Any) -> tuple[Any]:
    """dy (N, OT, C) -> dx."""
    (dx,) = pooling.max_pool2d_backward(_gradient(dy, cache), cache)
    return (dx[:, 0],)


def average_pool1d_forward(x: Any, *, pool: Size, strides: Size, padding: Padding) -> tuple[Any, Any]:
    """x (N, T, C) -> y (N, OT, C)."""
    options = _flat(pool=pool, strides=strides, padding=padding)
    y, cache = pooling.average_pool2d_forward(x[:, None], **options)
    return y[:, 0], cache


def average_pool1d_backward(dy: Any, cache: Any) -> tuple[Any]:
    """dy (N, OT, C) -> dx."""
    (dx,) = pooling.average_pool2d_backward(_gradient(dy, cache), cache)
    return (dx[:, 0],)


def _gradient(dy: Any, cache: Any) -> Any:
    n, _, steps, channels = cache.y_shape
    return gradient_of(dy, (n, steps, channels))[:, None]


KERNELS = {
    "average_pool1d": Kernel(average_pool1d_forward, average_pool1d_backward, _supports_pooling),
    "conv1d": Kernel(conv1d_forward, conv1d_backward, _supports_convolution),
    "conv1d_relu": Kernel(conv1d_relu_forward, conv1d_backward, _supports_convolution),
    "max_pool1d": Kernel(max_pool1d_forward, max_pool1d_backward, _supports_pooling),
}
