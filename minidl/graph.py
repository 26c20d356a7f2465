"""The graph behind tensors, and the walk back through it: the whole of automatic differentiation.

Every operation on tensors leaves a `Node` behind, which knows the tensors it was made from and how to send
gradients back to them. `walk` visits the nodes from the youngest to the oldest. A node is always younger than
the nodes its inputs came from, so when the walk reaches a node, all gradients of its outputs have arrived:

    dL/dx = sum over every use u of x:  dL/du · du/dx                                (the chain rule)

The walk is a loop and not a recursion, so that a chain of 50,000 steps (a long recurrent network) is no
different from one of five.
"""

import heapq
import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from minidl.backend import Array
from minidl.cuda import possible
from minidl.devices import entered, kept, to_numpy
from minidl.messages import say

__all__ = [
    "Applied",
    "Node",
    "RowGradient",
    "fitted",
    "mode",
    "no_grad",
    "no_gradient",
    "not_on_tape",
    "taken_down",
    "unbroadcast",
    "walk",
    "whole",
]

_age = itertools.count()
_RELEASED = object()  # stands where a node's cache was, once the walk has used it


class Applied(NamedTuple):
    """One call of a Function, as taken down on a tape."""

    forward: Callable[..., Any] | None  # None for something that is no such call: `not_on_tape`
    options: dict[str, Any]
    inputs: Sequence[Any]
    arrays: Sequence[Any]  # of the inputs
    outputs: Sequence[Any]
    several: bool  # whether forward returned a tuple
    node: "Node | None"
    function: Any = None  # the Function that was called


class _Mode(threading.local):
    grad_enabled = True
    tape: list[Applied] | None = None  # where every call of a Function is taken down


mode = _Mode()


@contextmanager
def taken_down(tape: list[Applied] | None) -> Iterator[None]:
    """Within the block, note every call of a Function on `tape`; on nothing, if it is None."""
    outer, mode.tape = mode.tape, tape
    try:
        yield
    finally:
        mode.tape = outer


def not_on_tape() -> None:
    """Say that something was done that is not on the tape, and has to be done with the next batch too."""
    if mode.tape is not None:
        mode.tape.append(Applied(None, {}, (), (), (), False, None))


@contextmanager
def no_grad() -> Iterator[None]:
    """Inside this block operations leave no graph behind: for inference, and for changing weights.

    It holds for the thread that entered it.

    >>> from minidl import Tensor
    >>> x = Tensor([1.0], requires_grad=True)
    >>> with no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """
    before, mode.grad_enabled = mode.grad_enabled, False
    try:
        yield
    finally:
        mode.grad_enabled = before


def no_gradient(dtype: np.dtype[Any], where: str) -> TypeError:
    """The error for numbers that have no gradient: whole ones, and complex ones."""
    mend = "Convert it first: Tensor(x.astype('float32'), requires_grad=True)."
    if dtype.kind == "c":
        mend = "Keep real and imaginary part in two tensors, or compute under no_grad()."
    return TypeError(say(f"Only floats have gradients, {where} {dtype}. {mend}"))


class Node:
    """One call of a Function on the graph: where its inputs came from, and its way back."""

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
        self.inputs = inputs  # the tensors that want a gradient; None in the place of the others
        self.backward = backward  # of the forward that ran: the reference's, or the kernel's
        self.cache = cache
        self.outputs = [(y.shape, y.dtype) for y in outputs]
        self.several = several  # whether forward returned a tuple, so that backward takes one

    def gradients(self, dys: Sequence[Array | None], keep: bool, guard: bool = False) -> Sequence[Any]:
        """The gradients of the inputs, given those of the outputs (None for an output nobody used).

        With `guard` backward cannot write to dy. It never may, since dy can be the gradient of another tensor
        as well, but kernels copy what is read-only, so only gradcheck pays for that.

        Raises:
            RuntimeError: the node has been run backward before, or its backward returns the wrong number.
        """
        if self.cache is _RELEASED:
            raise RuntimeError(
                say(
                    f"backward() has run through this graph before ({self.name}), and what it had saved was "
                    "released. Compute the output again, or call backward(retain_graph=True) the first time."
                )
            )
        given = tuple([
            _nothing(output, dys) if dy is None else dy for dy, output in zip(dys, self.outputs, strict=True)
        ])  # fmt: skip
        if guard:
            given = tuple([_read_only(dy) for dy in given])
        dxs = self.backward(given if self.several else given[0], self.cache)
        if not keep:
            self.cache = _RELEASED
        if not isinstance(dxs, tuple | list) or len(dxs) != len(self.inputs):
            raise RuntimeError(
                say(
                    f"{self.name}.backward must return a tuple of {len(self.inputs)} gradients, one per input."
                )
            )
        return dxs


def _nothing(output: tuple[Any, Any], dys: Sequence[Any]) -> Array:
    """The gradient 0 of an output (shape, dtype) that nothing came back to, beside those of the others."""
    return np.zeros(*output, like=next(dy for dy in dys if dy is not None))


def _read_only(array: Array) -> Array:
    view = kept(array).view()
    if type(view) is np.ndarray:  # CuPy has no such flag
        view.flags.writeable = False
    return view


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
    return total.reshape(total.shape[added:]).astype(gradient.dtype, copy=False)


class RowGradient:
    """The gradient of a table of which a step has touched a few rows: those rows, all others are 0.

    The words of a batch are some hundreds of rows in a table of tens of thousands. `np.asarray` makes the whole
    array of it, so whoever takes arrays need not know.

    Args:
        rows: (R,) their numbers, each once.
        values: (R, ...) their gradients.
        shape: of the table.

    >>> np.asarray(RowGradient(np.array([2]), np.array([[5.0]]), (3, 1))).ravel()
    array([0., 0., 5.])
    """

    __slots__ = ("rows", "shape", "values")

    def __init__(self, rows: Array, values: Array, shape: tuple[int, ...]):
        if values.shape != (len(rows), *shape[1:]):
            raise ValueError(
                say(f"{len(rows)} rows of a table {shape} have no gradient of shape {values.shape}.")
            )
        self.rows, self.values, self.shape = rows, values, shape

    def add_to(self, table: Array) -> None:
        """Add the rows to those of `table`, in place."""
        table[self.rows] += self.values

    __array_priority__ = 1000  # an array of CuPy leaves `array + gradient` to the gradient

    def __add__(self, other: Any) -> Any:
        return kept(whole(self) + whole(other))

    __radd__ = __add__

    def table(self, dtype: Any = None) -> Array:
        """The whole array, where its rows are."""
        table = np.zeros(self.shape, dtype or self.values.dtype, like=self.values)
        self.add_to(table)
        return table

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return to_numpy(self.table(dtype))


def whole(gradient: Any) -> Any:
    """A gradient as an array: of a `RowGradient` the table."""
    if type(gradient) is np.ndarray:
        return gradient
    return gradient.table() if isinstance(gradient, RowGradient) else kept(gradient)


def _sum(a: Any, b: Any) -> Any:
    if type(a) is np.ndarray:
        return whole(a + b)
    with entered(a):  # which may have come from another GPU than the node's
        return whole(a + b)


def fitted(dx: Any, x: Array, name: str = "An op", i: int = 0, is_leaf: bool = False) -> Any:
    """The gradient `dx`, which the backward of `name` gave for its input number `i`, in shape and type of that x."""
    if type(dx) is tuple:
        rows = RowGradient(dx[0], dx[1], x.shape)
        if is_leaf and rows.values.dtype == x.dtype:
            return rows
        dx = rows
    dx = dx if type(dx) is np.ndarray else whole(dx)
    if dx.shape != x.shape:
        dx = unbroadcast(dx, x.shape)
        if dx.shape != x.shape:
            raise RuntimeError(
                say(
                    f"{name}.backward gave a gradient of shape {dx.shape} for input {i}, which has shape {x.shape}."
                )
            )
    return dx if dx.dtype == x.dtype else dx.astype(x.dtype)


def walk(output: Any, gradient: Array, retain_graph: bool, guard: bool = False) -> list[tuple[Any, Any]]:
    """Send `gradient` from the tensor `output` back through its graph.

    Returns the tensors that keep a gradient, each with its total, an array or a `RowGradient`. Nothing is stored
    in a tensor here: if a backward function fails, every `.grad` is as it was.
    """
    totals: dict[int, tuple[Any, Any]] = {}
    arrived: dict[Node, list[Any]] = {}
    youngest_first: list[tuple[int, Node]] = []
    on_gpus = possible()

    def send(tensor: Any, g: Any) -> None:
        if tensor._keeps_grad:
            so_far = totals.get(id(tensor))
            totals[id(tensor)] = (tensor, g if so_far is None else _sum(so_far[1], g))
        node = tensor.node
        if node is not None:
            waiting = arrived.get(node)
            if waiting is None:
                waiting = arrived[node] = [None] * len(node.outputs)
                heapq.heappush(youngest_first, (-node.age, node))
            before = waiting[tensor._index]
            waiting[tensor._index] = g if before is None else _sum(before, g)

    def go_back(node: Node, dys: list[Any]) -> None:
        dxs = node.gradients(dys, retain_graph, guard)
        for i, (x, dx) in enumerate(zip(node.inputs, dxs, strict=True)):
            if x is not None and dx is not None:
                send(x, fitted(dx, x.data, node.name, i, x.node is None))

    send(output, gradient)
    while youngest_first:
        node = heapq.heappop(youngest_first)[1]
        dys = arrived.pop(node)
        if on_gpus:
            with entered(*dys):
                go_back(node, dys)
        else:
            go_back(node, dys)
    return list(totals.values())
