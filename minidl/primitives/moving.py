"""The way of a tensor from one device to another, and that of its gradient back."""

from typing import Any

from minidl.backend import Array
from minidl.devices import home
from minidl.devices import to_device as moved
from minidl.tensor import Function, Tensor
from minidl.tracing import traces

__all__ = ["ToDevice", "to_device"]


class ToDevice(Function):
    """The same numbers on another device; the gradient comes back to where they were."""

    @staticmethod
    def forward(x: Array, name: str) -> tuple[Array, str]:
        return moved(x, name), home(x)

    @staticmethod
    def backward(dy: Array, came_from: str) -> tuple[Array]:
        return (moved(dy, came_from),)


@traces("to_device")
def to_device(x: Any, name: str) -> Tensor:
    """The tensor on the device `name`, as `minidl.to_device`.

    >>> to_device(Tensor([1.0, 2.0], requires_grad=True), "cpu")
    Tensor([1., 2.], dtype=float32, requires_grad=True)
    """
    return x if isinstance(x, Tensor) and home(x.data) == name else ToDevice.apply(x, name=name)
