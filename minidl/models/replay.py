"""Replay: the ops of one training step, run again on the next batch without the layers around them.

In a small model the arithmetic of a step takes less time than finding out what to compute: each layer looks at its
input, each op leaves a node on the graph, backward walks over the nodes. But from batch to batch nothing of that
changes. So the first step is taken down on a tape, op by op:

    forward, options       the functions that ran, reference or kernel
    inputs, outputs        as numbers of places: the first hold x (or each of several inputs) and y, others weights,
                           constants, results

and the steps behind it run down the tape, and back up for the gradients. These are the same functions on the same
arrays in the same order, so the numbers are the same, bit for bit. Small steps go further, and become a list of calls on
memory that stays (`minidl.models.routine`).

When is that sure? The layers must be minidl's own, of kinds that do the same for every batch of one shape (`repeats`;
not so a layer that keeps a state), the loss as well, and between two steps no callback may run, nor a
generator of batches. What is drawn, the mask of a Dropout, is an op of its own on the tape, without inputs, and is drawn
again. Between two epochs a callback may change anything, so then a new tape begins. In every other case each
step goes through the layers.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from minidl.backend import Array
from minidl.devices import is_array, kept, on_gpu
from minidl.graph import Applied, fitted
from minidl.layers.base import Layer
from minidl.layers.context import Average
from minidl.layers.core.operation import Operation
from minidl.layers.known import KNOWN
from minidl.messages import say
from minidl.models.data import Batch
from minidl.models.live import NotRepeatableError
from minidl.models.routine import LARGEST, Routine
from minidl.random import training_step
from minidl.regularizers import L1, L1L2, L2
from minidl.tensor import Tensor
from minidl.utils.nested import flatten
from minidl.variable import Variable

__all__ = ["PENALTIES", "Replay", "is_own", "repeats"]


_ON_TAPE = {  # functions of minidl.ops that leave all they do on the tape; a comparison, say, does not
    "absolute", "add", "concatenate", "divide", "exp", "get_item", "log", "matmul", "mean", "multiply", "negative",
    "reshape", "sigmoid", "softmax", "sqrt", "square", "subtract", "sum", "tanh", "transpose",
}  # fmt: skip


PENALTIES = (type(None), L1, L2, L1L2)  # regularizers of weights that leave all they do on the tape


def repeats(part: Any) -> bool:
    """Whether a layer runs the same ops on every batch of one shape, and all layers and curves inside do."""
    if type(part) is Operation:
        return part.function in _ON_TAPE
    return (
        is_own(part)
        and part.repeats
        and part.activity_regularizer is None
        and all(type(v.regularizer) in PENALTIES for v in part._variables)
        and all(map(repeats, getattr(part, "operations", part._layers)))
    )


def is_own(part: Any) -> bool:
    """Whether what a layer computes is minidl's: its kind, its `call`, its curves and its cell."""
    curves = [getattr(part, name, None) for name in ("activation", "recurrent_activation")]
    return (
        type(part) is KNOWN.get(type(part).__name__)
        and "call" not in vars(part)
        and all(curve is None or _home(curve).startswith("minidl.") for curve in curves)
        and isinstance(getattr(part, "cell", part), Layer)
    )


def _home(curve: Any) -> str:
    """The module whose code a curve runs; `__module__` can be that of another function it was made to look like."""
    named = getattr(curve, "__globals__", {}).get("__name__", type(curve).__module__)
    return str(named)


class _Op(NamedTuple):
    forward: Callable[..., Any]
    options: dict[str, Any]
    inputs: list[int]
    outputs: list[int]
    several: bool
    backward: Callable[..., Any] | None  # None where no gradient goes through
    wanted: list[tuple[int, int]]  # number of an input that gets a gradient, and its place


class Replay:
    """A training step that was taken down.

    Args:
        tape: what was applied in it, in order.
        batch: its data.
        y_pred, loss: the output of the model, None if nobody will look at it, and the number at the end.
        model_ops: how many ops come from the model; behind them comes the loss.
        averages: the running averages that took in something of this batch.

    Raises:
        LookupError: something on the tape may be different next time.
    """

    def __init__(
        self,
        tape: list[Applied],
        batch: Batch,
        y_pred: Tensor | None,
        loss: Tensor,
        model_ops: int,
        averages: Sequence[Average] = (),
    ):
        self.shapes = _shapes(batch)
        if self.shapes is None:
            raise LookupError(say("samples have weights, or there are no targets"))
        self.data = _arrays(batch)
        self.values: list[Any] = [None] * len(self.data)
        self.weights: list[tuple[int, Variable]] = []
        self.places: dict[int, int] = {}  # id of a tensor or array -> place
        ops = [self._op(applied, i < model_ops) for i, applied in enumerate(tape)]
        self.loss, self.y_pred = self.places[id(loss)], None if y_pred is None else self.places[id(y_pred)]
        # Not needed is a softmax, if the loss takes its logits and nobody wants the output.
        self.averages = [(a.variable, self.places[id(a.batch)], a.momentum) for a in averages]
        self._taken_in: list[tuple[Variable, Any, float]] = []
        needed = {self.loss, self.y_pred, *(place for _, place, _ in self.averages)}
        for op in reversed(ops):
            if needed.intersection(op.outputs):
                needed.update(op.inputs)
        self.ops = [op for op in ops if needed.intersection(op.outputs)]
        self.draws = any(not op.inputs for op in self.ops)  # random numbers, which belong to the step
        arrays = [array for applied in tape for array in (*applied.arrays, *applied.outputs)]
        small = sum([getattr(array, "size", 1) for array in arrays]) <= LARGEST
        self.is_small = small and not self.averages and not any(map(on_gpu, self.data))
        self.routine: Routine | None = None
        if not set(range(len(self.data))) <= {place for op in ops for place in op.inputs}:
            raise LookupError(say("an input or y came in by another way"))
        del self.places, self.data

    def _op(self, applied: Applied, constants: bool) -> _Op:
        if applied.forward is None:
            raise LookupError(say("something was done that is not on the tape"))
        if any(map(is_array, flatten(list(applied.options.values())))):
            raise LookupError(say("an option holds numbers"))
        pairs = zip(applied.inputs, applied.arrays, strict=True)
        inputs = [self._place(x, array, constants) for x, array in pairs]
        outputs = [self._new_place(y) for y in applied.outputs]
        node = applied.node
        wanted = [] if node is None else [(i, inputs[i]) for i, x in enumerate(node.inputs) if x is not None]
        backward = None if node is None else node.backward
        return _Op(applied.forward, applied.options, inputs, outputs, applied.several, backward, wanted)

    def _place(self, x: Any, array: Any, constants: bool) -> int:
        if id(x) in self.places:
            return self.places[id(x)]
        if isinstance(x, Variable):
            self.weights.append((self._new_place(x), x))
            return self.weights[-1][0]
        for place, given in enumerate(self.data):
            if array is given:
                return place
        if is_array(array) and not constants:
            raise LookupError(say("the loss has made something of y"))
        self.values.append(array)
        return len(self.values) - 1

    def _new_place(self, x: Any) -> int:
        self.places[id(x)] = len(self.values)
        self.values.append(None)
        return self.places[id(x)]

    def fits(self, batch: Batch) -> bool:
        """Whether `batch` has the shapes and types of the one that was taken down."""
        return bool(_shapes(batch) == self.shapes)

    def run(self, batch: Batch, step: int) -> tuple[Array | None, Array]:
        """Forward and backward on `batch`, in step number `step`: output and loss.

        The gradients are left where the optimizer looks.
        """
        arrays = _arrays(batch)
        routine = self._routine(arrays, step) if self.is_small else None
        if routine is not None:
            return None if routine.y_pred is None else routine.y_pred.copy(), routine.loss
        return self.through(arrays)

    def through(self, arrays: Sequence[Array], drawn: Mapping[int, Array] | None = None) -> tuple[Any, Array]:
        """Forward and backward, op by op: output and loss.

        Args:
            arrays: the data.
            drawn: what ops without inputs would draw, by place, where it is there already.
        """
        values, caches, drawn = self.values.copy(), [], drawn or {}
        values[: len(arrays)] = arrays
        for place, weight in self.weights:
            values[place] = weight.data
        for forward, options, inputs, outputs, several, _, _ in self.ops:
            if outputs[0] in drawn:
                result, cache = drawn[outputs[0]], None
            else:
                result, cache = forward(*[values[i] for i in inputs], **options)
            caches.append(cache)
            for place, y in zip(outputs, result if several else (result,), strict=True):
                values[place] = y if type(y) is np.ndarray else kept(y)
        self._taken_in = [(variable, values[place], momentum) for variable, place, momentum in self.averages]
        gradients = self._gradients(values, caches)
        for place, weight in self.weights:
            if gradients[place] is not None:
                weight.grad = None
                weight._receive(gradients[place])
        return None if self.y_pred is None else values[self.y_pred], values[self.loss]

    def move_averages(self) -> None:
        """Let the running averages take in the latest batch, in place."""
        for variable, batch, momentum in self._taken_in:
            variable.assign(variable.data * momentum + batch * (1 - momentum))

    def _routine(self, arrays: list[Any], step: int) -> Routine | None:
        """The step as a routine, run on these data; None where it cannot be one."""
        if self.routine is not None and self.routine.holds():
            self.routine.run(arrays)
            return self.routine
        try:
            with training_step(step):  # where this fails, the same is drawn once more
                self.routine = Routine(self, arrays)
        except NotRepeatableError:
            self.routine, self.is_small = None, False
        return self.routine

    def update(self, optimizer: Any) -> None:
        """The step of the optimizer behind it."""
        routine = self.routine
        if routine is None:
            optimizer.step()
            return
        if routine.update is None:
            routine.update = optimizer.steps()
        routine.update()

    def _gradients(self, values: list[Any], caches: list[Any]) -> list[Any]:
        """dLoss/d of what stands at each place; None where no gradient arrives."""
        gradients: list[Any] = [None] * len(values)
        gradients[self.loss] = np.ones_like(values[self.loss])
        for _, _, _, outputs, several, backward, wanted in reversed(self.ops):
            cache = caches.pop()
            dys = [gradients[i] for i in outputs]
            if backward is None or all(dy is None for dy in dys):
                continue
            pairs = zip(dys, outputs, strict=True)
            dys = [np.zeros_like(values[i]) if dy is None else dy for dy, i in pairs]
            dxs = backward(tuple(dys) if several else dys[0], cache)
            for i, place in wanted:
                if dxs[i] is not None:
                    dx, before = fitted(dxs[i], values[place]), gradients[place]
                    gradients[place] = dx if before is None else kept(before + dx)
        return gradients


def _arrays(batch: Batch) -> list[Any]:
    """The inputs and the targets of a batch."""
    x: Any = batch.x
    return [*x, batch.y] if isinstance(x, list) else [x, batch.y]


def _shapes(batch: Batch) -> Any:
    """What a batch must agree in to be run the same way; None where that cannot be."""
    x, y, sample_weight = batch
    if not is_array(y) or sample_weight is not None:
        return None
    if isinstance(x, list):
        return [(array.shape, array.dtype) for array in (*x, y)]
    return (x.shape, x.dtype, y.shape, y.dtype) if is_array(x) else None
