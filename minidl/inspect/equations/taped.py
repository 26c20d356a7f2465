"""Equations that nobody has written down, of layers of one's own: a run on zeros tells which operations they are.

Only operations on tensors are seen. What a layer computes with arrays of NumPy, or only for some inputs, is not.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from minidl.backend import kernels_off
from minidl.graph import Applied, taken_down
from minidl.inspect.equations.figures import UNKNOWN, Figure, figure, total
from minidl.inspect.equations.lines import Line, Told, Work
from minidl.inspect.equations.products import products
from minidl.inspect.equations.writing import argument, array
from minidl.layers.recurrent.loop import first_states, one_step
from minidl.messages import say
from minidl.models.aside import undisturbed
from minidl.symbolic import Shape, SymbolicTensor
from minidl.tensor import Function, Tensor
from minidl.utils.nested import flatten, mapped

__all__ = ["taped", "taped_step"]

BATCHES = 2, 3  # of two runs: what the second takes more is the work of one sample
STAND_IN = 4  # for sizes that are not known
MOST = 40  # lines


Named = list[tuple[str, Any]]  # what tensors are called


class Run(NamedTuple):
    """What a run on zeros has left behind. The tensors are kept, so that no other takes the place of one."""

    tape: list[Applied]
    known: Named  # inputs and weights
    made: Named  # outputs


def taped(layer: Any, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Told:
    """The operations that a layer runs through, in order, and their multiplications where all can be counted."""

    def call(own: Any, batch: int) -> tuple[Named, Named]:
        if layer._calls and [x.shape[1:] for x in layer._calls[-1].inputs] == [tuple(s[1:]) for s in inputs]:
            laid_out = layer._calls[-1]  # it may take more than its inputs
            args, kwargs = mapped(
                lambda x: _in_place_of(x, batch), [list(laid_out.args), dict(laid_out.kwargs)]
            )
            return _numbered("x", [args, kwargs]), _numbered("y", own(*args, **kwargs))
        zeros = [_zeros(shape, batch, own.dtype if own.autocast else "float32") for shape in inputs]
        return _numbered("x", zeros), _numbered("y", own(zeros[0] if len(zeros) == 1 else zeros))

    runs = [_run(layer, call, batch) for batch in BATCHES]
    words = say(
        f"{layer} has equations of its own: the operations of a run on zeros, with {BATCHES[0]} samples."
    )
    known = None not in [n for shape in inputs for n in shape[1:]]
    return Told(_lines(runs[0], f"{layer.name}(x)", words), _work(runs) if known else UNKNOWN)


def taped_step(cell: Any, features: tuple[int | None, ...]) -> tuple[list[Line], Figure | None]:
    """The operations of one step of a cell of one's own."""
    dtype = getattr(cell, "dtype", "float32")

    def call(own: Any, batch: int) -> tuple[Named, Named]:
        x, states = _zeros((batch, *features), batch, dtype), first_states(own, batch, dtype)
        y, after = one_step(own, x, states, False)
        before = _numbered("h", list(states))
        return [("x_t", x), *before], [*((f"{name}_t", s) for name, s in _numbered("h", after)), ("y_t", y)]

    runs = [_run(cell, call, batch) for batch in BATCHES]
    name = getattr(cell, "name", type(cell).__name__)
    words = say(
        f"{name} has equations of its own: the operations of a step on zeros, with {BATCHES[0]} samples."
    )
    done = UNKNOWN if None in features else _work(runs)
    return list(_lines(runs[0], f"{name}(x_t, h)", words)), None if done.count is None else figure(done)


def _zeros(shape: Sequence[int | None], batch: int, dtype: str) -> Tensor:
    return Tensor(np.zeros((batch, *(STAND_IN if n is None else n for n in shape[1:])), dtype))


def _in_place_of(x: Any, batch: int) -> Any:
    return _zeros(x.shape, batch, x.dtype) if isinstance(x, SymbolicTensor) else x


def _numbered(letter: str, structure: Any) -> Named:
    """x, or x1, x2 ..."""
    tensors = [x for x in flatten(structure) if isinstance(x, Tensor)]
    return [(letter if len(tensors) == 1 else f"{letter}{i}", x) for i, x in enumerate(tensors, 1)]


def _run(layer: Any, call: Callable[[Any, int], tuple[Named, Named]], batch: int) -> Run | None:
    """A run of a copy of the layer; None where it fails: it may need more than zeros, or be one that cannot be copied."""
    tape: list[Applied] = []
    # The model around it is not copied: nothing stands for its calls.
    without_graph: dict[int, Any] = {id(getattr(layer, "_calls", None)): []}
    try:
        own = copy.deepcopy(layer, without_graph)
        with undisturbed(), kernels_off(), taken_down(tape):
            inputs, outputs = call(own, batch)
    except Exception:
        return None
    weights = [(v.name, v) for v in getattr(own, "weights", ())]
    return Run([applied for applied in tape if applied.forward is not None], [*inputs, *weights], outputs)


def _work(runs: Sequence[Run | None]) -> Work:
    """The multiplications that one more sample takes, a term for each operation."""
    tapes = [[products(applied) for applied in run.tape] for run in runs if run is not None]
    if len(tapes) < len(runs) or len({len(tape) for tape in tapes}) > 1:
        return UNKNOWN
    terms = [None if a is None or b is None else b - a for a, b in zip(*tapes, strict=True)]
    if any(term is None for term in terms):
        return UNKNOWN
    done = total(*(term for term in terms if term is not None))
    return Work(done.text, done.value)


def _named(tape: Sequence[Applied]) -> Iterator[tuple[str, Applied]]:
    """Each call with the name of its Function."""
    names = {function.forward: function.__name__ for function in reversed(list(_functions(Function)))}
    for applied in tape:
        yield names.get(applied.forward, "?").removesuffix("Function"), applied


def _functions(kind: Any) -> Iterator[Any]:
    for below in kind.__subclasses__():
        if "forward" in below.__dict__:
            yield below
        yield from _functions(below)


def _lines(run: Run | None, otherwise: str, words: str) -> tuple[Line, ...]:
    if run is None or not run.tape:
        return (Line(f"y = {otherwise}"),)
    names = {id(x): name for name, x in run.known}
    results = {id(x): name for name, x in run.made}
    lines = []
    for step, (name, applied) in enumerate(_named(run.tape), 1):
        terms = [_operand(x, names) for x in applied.inputs if x is not None]
        options = [f"{name}={argument(value, {})}" for name, value in applied.options.items()]
        for i, y in enumerate(applied.outputs):
            names[id(y)] = results.get(id(y)) or f"a{step}" + (f".{i + 1}" if applied.several else "")
        made = ", ".join(array(names[id(y)], y.shape) for y in applied.outputs)
        lines.append(Line(f"{made} = {name}({', '.join([*terms, *options])})", words if step == 1 else ""))
    if len(lines) > MOST:
        lines = [*lines[:MOST], Line("...", say(f"{len(lines) - MOST} more operations follow."))]
    return tuple(lines)


def _operand(x: Any, names: dict[int, str]) -> str:
    """A name that is known, a number, or the size of an array that came from elsewhere."""
    shape = np.shape(x)
    return names.get(id(x)) or (str(shape) if shape else f"{np.asarray(x).item():.6g}")
