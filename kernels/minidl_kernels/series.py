"""conv1d, conv1d_relu, max_pool1d and average_pool1d: a series is an image one pixel high.

So the kernels of the images serve, on the CPU and on a GPU: x (N, T, C) is looked at as (N, 1, T, C), a view, and the
window of K steps as 1 x K pixels.
"""

from collections.abc import Mapping
from typing import Any

from minidl_kernels.contract import Kernel

__all__ = ["of_series"]

Size = tuple[int]
Padding = tuple[tuple[int, int]]
_NONE = {"padding": (0, 0), "groups": None}  # along the new axis; 1 for all other options


def of_series(images: Mapping[str, Kernel]) -> dict[str, Kernel]:
    """The kernels for series that those for images make."""
    return {
        "average_pool1d": _pooling(images["average_pool2d"]),
        "conv1d": _convolution(images["conv2d"]),
        "conv1d_relu": _convolution(images["conv2d_relu"]),
        "max_pool1d": _pooling(images["max_pool2d"]),
    }


def _flat(**options: Any) -> dict[str, Any]:
    """The options of an op on series as those of an op on images: nothing happens along the new axis."""
    return {n: v if n == "groups" else (_NONE.get(n, 1), v[0]) for n, v in options.items()}


def _is_series(x: Any) -> bool:
    return getattr(x, "ndim", None) == 3


def _convolution(images: Kernel) -> Kernel:
    def supports(x: Any, w: Any, b: Any, **options: Any) -> bool:
        return _is_series(x) and _is_series(w) and images.supports(x[:, None], w[None], b, **_flat(**options))

    def forward(
        x: Any, w: Any, b: Any, *, strides: Size, padding: Padding, dilation: Size, groups: int
    ) -> tuple[Any, Any]:
        """x (N, T, C), w (K, C/G, F), b (F,) or None -> y (N, OT, F)."""
        options = _flat(strides=strides, padding=padding, dilation=dilation, groups=groups)
        y, cache = images.forward(x[:, None], w[None], b, **options)
        return y[:, 0], cache

    def backward(dy: Any, cache: Any, needs: tuple[bool, ...] = (True, True, True)) -> tuple[Any, Any, Any]:
        """dy (N, OT, F) -> dx, dw, db; None for what `needs` has no use for, dx at least."""
        dx, dw, db = images.backward(dy[:, None], cache, needs)  # type: ignore[misc]
        return None if dx is None else dx[:, 0], None if dw is None else dw[0], db

    return Kernel(forward, backward, supports)


def _pooling(images: Kernel) -> Kernel:
    def supports(x: Any, **options: Any) -> bool:
        return _is_series(x) and images.supports(x[:, None], **_flat(**options))

    def forward(x: Any, *, pool: Size, strides: Size, padding: Padding) -> tuple[Any, Any]:
        """x (N, T, C) -> y (N, OT, C)."""
        y, cache = images.forward(x[:, None], **_flat(pool=pool, strides=strides, padding=padding))
        return y[:, 0], cache

    def backward(dy: Any, cache: Any) -> tuple[Any]:
        """dy (N, OT, C) -> dx."""
        (dx,) = images.backward(dy[:, None], cache)  # type: ignore[misc]
        return (dx[:, 0],)

    return Kernel(forward, backward, supports)
