"""Tensor: an array that remembers how it was made.

Every operation on tensors is a `Function`: it runs on the plain arrays inside, and leaves a `Node` behind
(`minidl.graph`) that knows its inputs and sends gradients back to them. `Tensor.backward` walks through these.

Nothing here knows a derivative. Those live in `minidl.primitives`, which registers for a NumPy function (say
`np.multiply`) the Function that runs it with gradients. `a * b`, `np.multiply(a, b)` and
`minidl.ops.multiply(a, b)` are therefore the same thing:

>>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
>>> y = np.sum(x * x)
>>> y.backward()
>>> x.grad
array([2., 4., 6.], dtype=float32)
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, ClassVar

import numpy as np

from minidl.arrays import array_of
from minidl.backend import Array, Pair, implementation
from minidl.cuda import possible
from minidl.devices import beside_each_other, elsewhere, entered, kept, to_device, to_numpy
from minidl.graph import Applied, Node, mode, no_grad, no_gradient, walk, whole
from minidl.messages import say
from minidl.tracing import TRACED, call_traced, call_ufunc, operators, traces

__all__ = ["TRACED", "Function", "Tensor", "as_array", "no_grad", "traces"]


class Function:
    """An op: a pair of functions on arrays, and the way to put it on the graph.

    Both are static methods. `forward(*arrays, **options)` returns the output array (or a tuple of them) and a
    cache, which is whatever `backward` will need again. `backward(dy, cache)` takes the gradient of the output
    (or a tuple of them) and returns the gradients of the inputs, in order, None for an input that has none. A
    gradient may have the broadcast shape of the forward: the walk sums it back to the input's shape. One that
    is 0 but for some rows may be a pair (rows, values): their numbers, each once, and their gradients. `kernel`
    names a faster pair (see `minidl.backend`). A `selective` op is told which gradients are wanted,
    `backward(dy, cache, needs=(False, True))`, and may give None for the others. Inputs numbered in `on_host` are
    on the CPU wherever the others are.

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
    selective: ClassVar[bool] = False
    on_host: ClassVar[tuple[int, ...]] = ()

    @classmethod
    def apply(cls, *inputs: Any, **options: Any) -> Any:
        """Run on the arrays of `inputs` (tensors, arrays, lists, numbers) and return tensors on the graph."""
        arrays = tuple([  # numbers stay numbers, whose type gives way
            x.data if isinstance(x, Tensor) else array_of(x) if isinstance(x, list | tuple) else x for x in inputs
        ])  # fmt: skip
        if possible():
            if (there := elsewhere(arrays)) is not None:
                with there:
                    return cls.apply(*inputs, **options)
            arrays = beside_each_other(cls.__name__, arrays, cls.on_host)
        wanted = mode.grad_enabled
        sources = tuple([x if wanted and isinstance(x, Tensor) and x.requires_grad else None for x in inputs])
        way_back = any(needs := tuple([x is not None for x in sources]))
        reference = Pair(cls.forward, cls.backward)
        forward, backward = implementation(cls.kernel, reference, arrays, options, way_back)
        try:
            made = forward(*arrays, **options)
        except ValueError as error:
            error.add_note(f"in {cls.__name__} of shapes {', '.join(str(np.shape(a)) for a in arrays)}")
            raise
        if not (isinstance(made, tuple) and len(made) == 2):
            raise TypeError(
                say(
                    f"{cls.__name__}.forward must return (output, cache), got {type(made).__name__}. "
                    "If backward needs nothing, return output, None."
                )
            )
        (result, cache), several = made, isinstance(made[0], tuple)
        outputs = tuple([y if type(y) is np.ndarray else kept(y) for y in (result if several else (result,))])
        if way_back and cls.selective:
            backward = partial(backward, needs=needs)
        node = Node(cls.__name__, sources, backward, cache, outputs, several) if way_back else None
        tensors = tuple([Tensor._made(y, node, i) for i, y in enumerate(outputs)])
        if mode.tape is not None:
            mode.tape.append(Applied(forward, options, inputs, arrays, tensors, several, node, cls))
        return tensors if several else tensors[0]


def as_array(value: Any) -> Array:
    """The array of a number, list, array or Tensor, as `minidl.arrays.array_of` makes it."""
    return value.data if isinstance(value, Tensor) else array_of(value)


class Tensor:
    """An array on the graph.

    Args:
        data: number, (nested) list, array of NumPy or CuPy, or Tensor. An array is kept as it is, where it is, not
            copied, float64 included. Numbers and lists go to `minidl.current_device()`, as `config.floatx()` if float.
        requires_grad: whether `backward` leaves the gradient in `.grad`. Real floats only.

    Raises:
        TypeError: `data` is not numeric, or `requires_grad` on whole or complex numbers.
    """

    __slots__ = (
        "__weakref__", "_index", "_keeps_grad", "data", "grad", "mask", "node", "origin", "requires_grad",
    )  # fmt: skip
    __hash__ = object.__hash__
    __array_priority__ = 1000  # CuPy's operators leave `array * tensor` to the tensor for this

    def __init__(self, data: Any, requires_grad: bool = False):
        self.data: Array = data.data if isinstance(data, Tensor) else array_of(data)
        if self.data is not data and not isinstance(data, Tensor | np.ndarray | np.generic):
            self.data = to_device(self.data)
        self.grad: Array | None = None
        self.node: Node | None = None
        self.origin: tuple[str, Tensor] | None = None  # ("softmax", logits): lets a loss use the logits
        self.mask: Array | None = None  # true for the time steps (N, T) that count: minidl.layers.masks
        self._index, self._keeps_grad = 0, requires_grad
        if requires_grad and self.data.dtype.kind != "f":
            raise no_gradient(self.data.dtype, "this Tensor holds")
        self.requires_grad = requires_grad

    @classmethod
    def _made(cls, data: Array, node: Node | None, index: int) -> "Tensor":
        """The `index`-th output of `node`."""
        made = Tensor.__new__(Tensor)
        made.requires_grad = node is not None and data.dtype.kind == "f"
        if node is not None and data.dtype.kind == "c":
            raise no_gradient(data.dtype, f"{node.name} gave")
        made.node = node if made.requires_grad else None
        made.data, made.grad, made.origin, made.mask, made._index = data, None, None, None, index
        made._keeps_grad = False
        return made

    # --- the array inside -----------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self.data.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.data.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.data.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the elements."""
        return self.data.dtype

    def numpy(self) -> Array:
        """The numbers as a NumPy array, without the graph: the array inside itself, or a copy from the GPU."""
        return to_numpy(self.data) if possible() else self.data

    def item(self) -> Any:
        """The only element, as a Python number."""
        return self.data.item()

    def detach(self) -> "Tensor":
        """The same array as a constant: no gradient flows back from here."""
        return Tensor(self.data)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(to_numpy(self.data), dtype=dtype, copy=copy)

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError(say("A Tensor of one number has no rows: take the number with t.item()."))
        return len(self.data)

    def __iter__(self) -> Iterator["Tensor"]:
        return map(self.__getitem__, range(len(self)))

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(say(f"A Tensor of shape {self.shape} has no truth: use np.any(t) or np.all(t)."))
        return bool(self.data)

    def __float__(self) -> float:
        if self.size != 1:
            raise TypeError(say(f"A Tensor of shape {self.shape} is no float. For math.f use np.f."))
        return float(self.data.item())

    def __int__(self) -> int:
        return int(self.data)

    def __index__(self) -> int:
        return to_numpy(self.data).__index__()

    def __format__(self, spec: str) -> str:
        """A single element as its number; several have no format."""
        if spec and self.size != 1:
            raise TypeError(say(f"A Tensor of shape {self.shape} has no format {spec!r}: take its elements."))
        return format(self.item(), spec) if spec or not self.ndim else repr(self)

    def __repr__(self) -> str:
        leaf = ", requires_grad=True" if self.requires_grad else ""
        made = f", from {self.node.name}" if self.node else leaf
        return f"Tensor({np.array2string(to_numpy(self.data), separator=', ')}, dtype={self.dtype}{made})"

    # --- backward -------------------------------------------------------------------------------------------

    def retain_grad(self) -> None:
        """Keep the gradient of this intermediate tensor in `.grad`, as leaves do."""
        self._keeps_grad = True

    def backward(self, gradient: Any = None, retain_graph: bool = False) -> None:
        """Add dL/dt to `t.grad` for every leaf t that requires a gradient; L is this tensor by default.

        Gradients add up over calls. `t.grad = None` starts anew.

        Args:
            gradient: dL/d self, of this tensor's shape. May be left out for a single number, where it is 1.
            retain_graph: keep what the nodes saved, so that `backward` can run through them again.

        Raises:
            RuntimeError: there is no graph, or it was released by an earlier `backward`, or `gradient` is
                missing for a tensor of several elements.
            ValueError: `gradient` has another shape.
        """
        if not self.requires_grad:
            mend = "Give an input requires_grad=True, outside of no_grad()."
            raise RuntimeError(say(f"backward() found no graph behind this tensor. {mend}"))
        if gradient is None:
            if self.size != 1:
                mend = "Reduce it first (for example .sum()), or pass gradient= with that shape."
                raise RuntimeError(say(f"backward() starts from one number, got shape {self.shape}. {mend}"))
            with entered(self.data):
                gradient = np.ones_like(self.data)
        gradient = as_array(gradient).astype(self.dtype, copy=False)
        if gradient.shape != self.shape:
            raise ValueError(say(f"backward() expects gradient of shape {self.shape}, got {gradient.shape}."))
        for tensor, total in walk(self, gradient, retain_graph):
            with entered(tensor.data):
                tensor._receive(total)

    def _receive(self, gradient: Array) -> None:
        """Take in the whole gradient of one walk: in an array of its own, since walks share theirs."""
        self.grad = whole(gradient).copy(order="K") if self.grad is None else whole(self.grad + gradient)

    # --- NumPy functions and operators ----------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return call_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return call_traced(function, args, kwargs)

    __add__, __radd__ = operators(np.add)
    __sub__, __rsub__ = operators(np.subtract)
    __mul__, __rmul__ = operators(np.multiply)
    __truediv__, __rtruediv__ = operators(np.divide)
    __floordiv__, __rfloordiv__ = operators(np.floor_divide)
    __mod__, __rmod__ = operators(np.remainder)
    __pow__, __rpow__ = operators(np.power)
    __matmul__, __rmatmul__ = operators(np.matmul)
    __and__, __rand__ = operators(np.bitwise_and)
    __or__, __ror__ = operators(np.bitwise_or)
    __xor__, __rxor__ = operators(np.bitwise_xor)
    __lt__, __gt__ = operators(np.less)  # a > b is b < a
    __le__, __ge__ = operators(np.less_equal)
    __eq__ = operators(np.equal)[0]
    __ne__ = operators(np.not_equal)[0]

    def __neg__(self) -> "Tensor":
        return TRACED[np.negative](self)

    def __pos__(self) -> "Tensor":
        return TRACED[np.positive](self)

    def __invert__(self) -> "Tensor":
        return TRACED[np.invert](self)

    def __abs__(self) -> "Tensor":
        return TRACED[np.absolute](self)

    def __getitem__(self, index: Any) -> "Tensor":
        return call_traced("getitem", (self, index), {})

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(
            say(
                "A Tensor does not change in place: the graph may still need its old values. "
                "Build a new one with np.where, np.concatenate or np.stack."
            )
        )

    # The commonest functions as methods; all others as np.std(t), np.squeeze(t), minidl.ops.norm(t) ...
    def sum(self, axis: Any = None, keepdims: bool = False) -> "Tensor":
        return call_traced(np.sum, (self, axis, keepdims), {})

    def mean(self, axis: Any = None, keepdims: bool = False) -> "Tensor":
        return call_traced(np.mean, (self, axis, keepdims), {})

    def var(self, axis: Any = None, keepdims: bool = False) -> "Tensor":
        return call_traced(np.var, (self, axis, keepdims), {})

    def prod(self, axis: Any = None, keepdims: bool = False) -> "Tensor":
        return call_traced(np.prod, (self, axis, keepdims), {})

    def max(self, axis: Any = None, keepdims: bool = False) -> "Tensor":
        return call_traced(np.max, (self, axis, keepdims), {})

    def min(self, axis: Any = None, keepdims: bool = False) -> "Tensor":
        return call_traced(np.min, (self, axis, keepdims), {})

    def argmax(self, axis: Any = None) -> "Tensor":
        return call_traced(np.argmax, (self,), {"axis": axis})

    def clip(self, minimum: Any = None, maximum: Any = None) -> "Tensor":
        return call_traced(np.clip, (self, minimum, maximum), {})

    def reshape(self, *shape: Any) -> "Tensor":
        return call_traced(np.reshape, (self, shape[0] if len(shape) == 1 else shape), {})

    def transpose(self, *axes: Any) -> "Tensor":
        return call_traced(np.transpose, (self, axes[0] if len(axes) == 1 else axes or None), {})

    @property
    def T(self) -> "Tensor":
        return self.transpose()

    def to_device(self, name: str) -> "Tensor":
        return call_traced("to_device", (self, name), {})

    def astype(self, dtype: Any) -> "Tensor":
        return call_traced("astype", (self, dtype), {})
