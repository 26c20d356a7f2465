"""Tensor and the backward walk: automatic differentiation in one file.

A `Tensor` is an array that remembers how it was made. Every operation on tensors is a `Function`: it runs on
the plain arrays inside, and leaves a `Node` behind that knows its inputs and how to send gradients back to
them. `Tensor.backward` walks the nodes from the youngest to the oldest. A node is always younger than the
nodes its inputs came from, so when the walk reaches a node, all gradients of its outputs have arrived:

    dL/dx = sum over every use u of x:  dL/du · du/dx                                (the chain rule)

Nothing here knows a derivative. Those live in `minidl.primitives`, which registers for a NumPy function (say
`np.multiply`) the Function that runs it with gradients. `a * b`, `np.multiply(a, b)` and
`minidl.ops.multiply(a, b)` are therefore the same thing:

>>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
>>> y = np.sum(x * x)
>>> y.backward()
>>> x.grad
array([2., 4., 6.], dtype=float32)
"""

import heapq
import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, TypeVar

import numpy as np

from minidl import config
from minidl.backend import Array, Pair, implementation

__all__ = ["Function", "Tensor", "no_grad", "traces"]

_age = itertools.count()
_RELEASED = object()  # stands where a node's cache was, once the walk has used it


class _Mode(threading.local):
    grad_enabled = True


_mode = _Mode()


@contextmanager
def no_grad() -> Iterator[None]:
    """Inside this block operations leave no graph behind: for inference, and for changing weights.

    >>> x = Tensor([1.0], requires_grad=True)
    >>> with no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """
    before, _mode.grad_enabled = _mode.grad_enabled, False
    try:
        yield
    finally:
        _mode.grad_enabled = before


class Node:
    """One call of a Function on the graph: its inputs, and its way back."""

    __slots__ = ("age", "backward", "cache", "inputs", "name", "outputs", "several")

    def __init__(
        self,
        name: str,
        inputs: tuple[Any, ...],
        backward: Callable[..., Any],
        cache: Any,
        outputs: Sequence[Array],
        several: bool,
    ):
        self.age = next(_age)
        self.name = name
        self.inputs = inputs
        self.backward = backward  # of the forward that ran: the reference's, or the kernel's
        self.cache = cache
        self.outputs = [(y.shape, y.dtype) for y in outputs]
        self.several = several  # whether forward returned a tuple, so that backward takes one


class Function:
    """An op: a pair of functions on arrays, and the way to put it on the graph.

    `forward(*arrays, **options)` returns the output array (or a tuple of them) and a cache; `backward(dy,
    cache)` takes the gradient of the output (or a tuple of them) and returns the gradients of the inputs, in
    order, None for an input that has none. A gradient may have the broadcast shape of the forward: it is
    summed back to the input's shape here, once for all ops. `kernel` names a faster pair (see
    `minidl.backend`).

    >>> class Cube(Function):
    ...     @staticmethod
    ...     def forward(x):
    ...         return x**3, x
    ...     @staticmethod
    ...     def backward(dy, x):
    ...         return (dy * 3 * x**2,)
    >>> x = Tensor(2.0, requires_grad=True)
    >>> Cube.apply(x).backward()
    >>> float(x.grad)
    12.0
    """

    forward: ClassVar[Callable[..., Any]]
    backward: ClassVar[Callable[..., Any]]
    kernel: ClassVar[str | None] = None

    @classmethod
    def apply(cls, *inputs: Any, **options: Any) -> Any:
        """Run on the arrays of `inputs` (tensors, arrays, numbers) and return tensors on the graph."""
        arrays = tuple([x.data if isinstance(x, Tensor) else x for x in inputs])
        forward, backward = implementation(cls.kernel, Pair(cls.forward, cls.backward), arrays, options)
        result, cache = forward(*arrays, **options)
        several = isinstance(result, tuple)
        outputs = tuple([np.asarray(y) for y in (result if several else (result,))])
        node = None
        if _mode.grad_enabled and any(isinstance(x, Tensor) and x.requires_grad for x in inputs):
            node = Node(cls.__name__, inputs, backward, cache, outputs, several)
        tensors = tuple([Tensor._made(y, node, i) for i, y in enumerate(outputs)])
        return tensors if several else tensors[0]


Traced = TypeVar("Traced", bound=Callable[..., Any])
TRACED: dict[Any, Callable[..., "Tensor"]] = {}


def traces(*numpy_functions: Any) -> Callable[[Traced], Traced]:
    """Decorator: the function below runs in place of these NumPy functions when they are given a Tensor."""

    def register(function: Traced) -> Traced:
        TRACED.update(dict.fromkeys(numpy_functions, function))
        return function

    return register


def as_array(value: Any) -> Array:
    """The array of a number, list, array or Tensor: native byte order, Python floats as `config.floatx`.

    Raises:
        TypeError: the value is not numeric.
    """
    if isinstance(value, Tensor):
        return value.data
    array = np.asarray(value)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"A tensor holds numbers, got {type(value).__name__} of dtype {array.dtype}.")
    if not isinstance(value, np.ndarray | np.generic) and array.dtype == np.float64:
        return array.astype(config.floatx())
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _operators(
    function: Any,
) -> tuple[Callable[["Tensor", Any], "Tensor"], Callable[["Tensor", Any], "Tensor"]]:
    """The operator of a binary NumPy function, and the one for the Tensor on the right-hand side."""

    def operator(self: "Tensor", other: Any) -> "Tensor":
        return TRACED[function](self, other)

    def reflected(self: "Tensor", other: Any) -> "Tensor":
        return TRACED[function](other, self)

    return operator, reflected


class Tensor:
    """An array on the graph.

    Args:
        data: number, (nested) list, array or Tensor. An array is kept as it is, not copied. Python floats
            become `config.floatx()`; arrays keep their own type, float64 included.
        requires_grad: whether `backward` leaves the gradient in `.grad`. Floats only.

    Raises:
        TypeError: `data` is not numeric, or `requires_grad` on whole numbers.
    """

    __slots__ = ("__weakref__", "_index", "_keeps_grad", "data", "grad", "node", "origin", "requires_grad")
    __hash__ = object.__hash__

    def __init__(self, data: Any, requires_grad: bool = False):
        self.data: Array = as_array(data)
        self.grad: Array | None = None
        self.node: Node | None = None
        self.origin: tuple[str, Tensor] | None = (
            None  # ("softmax", logits): lets a loss go back to the logits
        )
        self._index = 0
        self._keeps_grad = requires_grad
        if requires_grad and self.data.dtype.kind not in "fc":
            raise TypeError(
                f"Only floats have gradients, this Tensor holds {self.data.dtype}. "
                "Convert it first: Tensor(x.astype('float32'), requires_grad=True)."
            )
        self.requires_grad = requires_grad

    @classmethod
    def _made(cls, data: Array, node: Node | None, index: int) -> "Tensor":
        """The `index`-th output of `node`."""
        made = Tensor.__new__(Tensor)
        made.data, made.grad, made.node, made.origin, made._index = data, None, node, None, index
        made.requires_grad = node is not None and data.dtype.kind in "fc"
        made._keeps_grad = False
        return made

    # --- the array inside -----------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def ndim(self) -> int:
        return self.data.ndim

    @property
    def size(self) -> int:
        return self.data.size

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.data.dtype

    def numpy(self) -> Array:
        """The array inside, without a copy and without the graph."""
        return self.data

    def item(self) -> Any:
        """The only element, as a Python number."""
        return self.data.item()

    def detach(self) -> "Tensor":
        """The same array as a constant: no gradient flows back from here."""
        return Tensor(self.data)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.data, dtype=dtype, copy=copy)

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator["Tensor"]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self.data)

    def __float__(self) -> float:
        return float(self.data)

    def __int__(self) -> int:
        return int(self.data)

    def __index__(self) -> int:
        return self.data.__index__()

    def __repr__(self) -> str:
        made = (
            f", from {self.node.name}" if self.node else ", requires_grad=True" if self.requires_grad else ""
        )
        return f"Tensor({np.array2string(self.data, separator=', ')}, dtype={self.dtype}{made})"

    # --- backward -------------------------------------------------------------------------------------------

    def retain_grad(self) -> None:
        """Keep the gradient of this intermediate tensor in `.grad`, as leaves do."""
        self._keeps_grad = True

    def backward(self, gradient: Any = None, retain_graph: bool = False) -> None:
        """Add d self / d t to `t.grad` for every leaf t that requires a gradient.

        Args:
            gradient: dL/d self, of this tensor's shape. May be left out for a single number, where it is 1.
            retain_graph: keep what the nodes saved, so that `backward` can run through them again.

        Raises:
            RuntimeError: there is no graph, or it was released by an earlier `backward`, or `gradient` is
                missing for a tensor of several elements.
            ValueError: `gradient` has another shape.
        """
        if not self.requires_grad:
            raise RuntimeError(
                "backward() found no graph behind this tensor: no input had requires_grad=True, "
                "or it was made under no_grad()."
            )
        if gradient is None:
            if self.size != 1:
                raise RuntimeError(
                    f"backward() starts from one number, this tensor has shape {self.shape}. "
                    "Reduce it first (for example .sum()), or pass gradient= with that shape."
                )
            gradient = np.ones_like(self.data)
        gradient = np.asarray(as_array(gradient), dtype=self.dtype)
        if gradient.shape != self.shape:
            raise ValueError(f"backward() expects gradient of shape {self.shape}, got {gradient.shape}.")
        for tensor, total in walk(self, gradient, retain_graph):
            tensor._receive(total)

    def _receive(self, gradient: Array) -> None:
        """Take in the whole gradient of one walk."""
        self.grad = gradient if self.grad is None else self.grad + gradient

    # --- NumPy functions and operators ----------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__" or kwargs:
            how = f".{method}" if method != "__call__" else "(" + ", ".join(f"{k}=" for k in kwargs) + ")"
            raise TypeError(
                f"np.{ufunc.__name__}{how} is not traced. Call np.{ufunc.__name__} with inputs only."
            )
        return self.__array_function__(ufunc, (), inputs, {})

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        traced = TRACED.get(function)
        if traced is None:
            raise TypeError(
                f"np.{function.__name__} is not traced, its gradient would be lost. Use a "
                "function of minidl.ops, write a Function, or pass t.numpy() if no gradient is wanted."
            )
        return traced(*args, **kwargs)

    __add__, __radd__ = _operators(np.add)
    __sub__, __rsub__ = _operators(np.subtract)
    __mul__, __rmul__ = _operators(np.multiply)
    __truediv__, __rtruediv__ = _operators(np.divide)
    __floordiv__, __rfloordiv__ = _operators(np.floor_divide)
    __mod__, __rmod__ = _operators(np.remainder)
    __pow__, __rpow__ = _operators(np.power)
    __matmul__, __rmatmul__ = _operators(np.matmul)
    __lt__, __gt__ = _operators(np.less)
    __le__, __ge__ = _operators(np.less_equal)
    __eq__, _ = _operators(np.equal)  # type: ignore[assignment]
    __ne__, _ = _operators(np.not_equal)  # type: ignore[assignment]

    def __neg__(self) -> "Tensor":
        return TRACED[np.negative](self)

    def __abs__(self) -> "Tensor":
        return TRACED[np.absolute](self)

    def __getitem__(self, index: Any) -> "Tensor":
        return TRACED["getitem"](self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(
            "A Tensor does not change in place: the graph may still need its old values. "
            "Build a new one with np.where, np.concatenate or np.stack."
        )

    def sum(self, axis: Any = None, keepdims: bool = False) -> "Tensor":
        return TRACED[np.sum](self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> "Tensor":
        return TRACED[np.mean](self, axis=axis, keepdims=keepdims)

    def var(self, axis: Any = None, keepdims: bool = False) -> "Tensor":
        return TRACED[np.var](self, axis=axis, keepdims=keepdims)

    def prod(self, axis: Any = None, keepdims: bool = False) -> "Tensor":
        return TRACED[np.prod](self, axis=axis, keepdims=keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> "Tensor":
        return TRACED[np.max](self, axis=axis, keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> "Tensor":
        return TRACED[np.min](self, axis=axis, keepdims=keepdims)

    def argmax(self, axis: Any = None) -> "Tensor":
        return TRACED[np.argmax](self, axis=axis)

    def clip(self, minimum: Any = None, maximum: Any = None) -> "Tensor":
        return TRACED[np.clip](self, minimum, maximum)

    def reshape(self, *shape: Any) -> "Tensor":
        return TRACED[np.reshape](self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> "Tensor":
        return TRACED[np.transpose](self, axes[0] if len(axes) == 1 else axes or None)

    @property
    def T(self) -> "Tensor":
        return self.transpose()

    def astype(self, dtype: Any) -> "Tensor":
        return TRACED["astype"](self, dtype)


def unbroadcast(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Sum `gradient` over the axes along which an array of `shape` was repeated by broadcasting.

    The sums run in float64: NumPy adds rows one after the other, and in float32 that loses digits.

    >>> unbroadcast(np.ones((2, 3)), (3,))
    array([2., 2., 2.])
    >>> unbroadcast(np.ones((2, 3)), (2, 1))
    array([[3.],
           [3.]])
    """
    added = gradient.ndim - len(shape)
    if gradient.shape == shape or added < 0:
        return gradient
    repeated = tuple(i for i, n in enumerate(gradient.shape) if i < added or shape[i - added] == 1 != n)
    total = gradient.sum(axis=repeated, dtype=np.result_type(gradient.dtype, np.float64), keepdims=True)
    return np.asarray(total.reshape(total.shape[added:]), dtype=gradient.dtype)


def walk(output: Tensor, gradient: Array, retain_graph: bool) -> list[tuple[Tensor, Array]]:
    """Send `gradient` from `output` back through the graph.

    Returns the tensors that keep a gradient, each with its total. Nothing is stored in a tensor here: if a
    backward function fails, every `.grad` is as it was.
    """
    totals: dict[int, tuple[Tensor, Array]] = {}
    arrived: dict[Node, list[Array | None]] = {}
    youngest_first: list[tuple[int, Node]] = []

    def send(tensor: Tensor, g: Array) -> None:
        if tensor._keeps_grad:
            so_far = totals.get(id(tensor))
            totals[id(tensor)] = (tensor, g if so_far is None else so_far[1] + g)
        node = tensor.node
        if node is not None:
            if node not in arrived:
                arrived[node] = [None] * len(node.outputs)
                heapq.heappush(youngest_first, (-node.age, node))
            waiting = arrived[node]
            before = waiting[tensor._index]
            waiting[tensor._index] = g if before is None else before + g

    send(output, gradient)
    while youngest_first:
        node = heapq.heappop(youngest_first)[1]
        if node.cache is _RELEASED:
            raise RuntimeError(
                f"backward() has run through this graph before ({node.name}), and what it had "
                "saved was released. Compute the output again, or call backward(retain_graph=True) the first time."
            )
        dys = tuple(
            np.zeros(shape, dtype) if dy is None else dy
            for dy, (shape, dtype) in zip(arrived.pop(node), node.outputs, strict=True)
        )
        gradients = node.backward(dys if node.several else dys[0], node.cache)
        if not retain_graph:
            node.cache = _RELEASED
        if not isinstance(gradients, tuple | list) or len(gradients) != len(node.inputs):
            raise RuntimeError(
                f"{node.name}.backward must return a tuple of {len(node.inputs)} gradients, one per input."
            )
        for x, dx in zip(node.inputs, gradients, strict=True):
            if dx is not None and isinstance(x, Tensor) and x.requires_grad:
                dx = unbroadcast(np.asarray(dx), x.shape)
                if dx.shape != x.shape:
                    raise RuntimeError(
                        f"{node.name}.backward gave a gradient {dx.shape} for an input {x.shape}."
                    )
                send(x, dx if dx.dtype == x.dtype else dx.astype(x.dtype))
    return list(totals.values())
