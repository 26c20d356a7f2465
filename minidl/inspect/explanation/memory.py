"""How many bytes training keeps between forward and backward, found by a look at what the graph holds.

The nodes of a graph hold what their backward will read: the caches of the forward passes, and the tensors that
gradients are sent to. All arrays among those are counted, each once, by the memory that is behind it: a view, such as
the output of Flatten, takes none of its own. What a batch of two keeps more than an empty one is what two samples take.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from minidl.backend import Array, kernels_off
from minidl.graph import Applied, Node, taken_down
from minidl.layers.base import Layer
from minidl.models.model import Model
from minidl.models.watching import watched
from minidl.symbolic import SymbolicTensor
from minidl.tensor import Tensor
from minidl.utils.nested import flatten, mapped

__all__ = ["kept_by_layers"]


def kept_by_layers(holder: Layer, inputs: Any, parts: Sequence[Layer]) -> dict[int, int] | None:
    """The bytes for each sample that each of `parts` keeps for backward, by the part's id.

    Args:
        holder: a copy of what is explained, built; its running averages and states change here.
        inputs: symbolic tensors, in the structure that it takes.
        parts: the layers in it to tell apart, or the holder alone.

    Returns:
        None where a size is not known, or where it does not run on zeros.
    """
    if any(None in x.shape[1:] for x in flatten(inputs)):
        return None
    for few in (0, 2):
        with suppress(Exception):  # a layer of somebody's own may not like an empty batch, or zeros at all
            fewer, more = (_kept(holder, inputs, parts, n) for n in (few, few + 2))
            return {key: (more[key] - fewer[key]) // 2 for key in fewer}
    return None


def _kept(holder: Layer, inputs: Any, parts: Sequence[Layer], batch: int) -> dict[int, int]:
    in_middle = not isinstance(
        holder, Model
    )  # then its input has a gradient, as if it came from other layers

    def zeros(x: SymbolicTensor) -> Tensor:
        shape: list[Any] = [batch, *x.shape[1:]]
        data = np.zeros(shape, x.dtype)
        return Tensor(data, requires_grad=in_middle and data.dtype.kind == "f")

    tape: list[Applied] = []
    until: list[tuple[int, int]] = []  # of each call of a part: its id, and how far the tape was then

    def look(layer: Any, _: Any, __: Any) -> None:
        until.append((id(layer), len(tape)))

    with kernels_off(), taken_down(tape), watched(parts, look):
        outputs = holder(mapped(zeros, inputs), training=True)
    until[-1:] = [(until[-1][0], len(tape))]
    needed = _behind(flatten(outputs))
    seen = {id(_memory(v.data)) for v in holder.weights}
    kept = {id(part): 0 for part in parts}
    begin = 0
    for part, end in until:
        for call in tape[begin:end]:
            if call.node is not None and id(call.node) in needed:
                for array in _held(call.node):
                    memory = _memory(array)
                    kept[part] += 0 if id(memory) in seen else memory.nbytes
                    seen.add(id(memory))
        begin = end
    return kept


def _behind(outputs: Sequence[Any]) -> set[int]:
    """The ids of the nodes that a backward pass from `outputs` goes through."""
    found: set[int] = set()
    waiting = [y.node for y in outputs if isinstance(y, Tensor)]
    while waiting:
        node = waiting.pop()
        if node is not None and id(node) not in found:
            found.add(id(node))
            waiting += [x.node for x in node.inputs if x is not None]
    return found


def _held(node: Node) -> Iterator[Array]:
    """The arrays that stay alive because of `node`."""
    waiting = [node.cache, *(x.data for x in node.inputs if x is not None)]
    while waiting:
        thing = waiting.pop()
        if isinstance(thing, np.ndarray):
            yield thing
        elif isinstance(thing, Tensor):
            waiting.append(thing.data)
        elif isinstance(thing, Mapping):
            waiting += thing.values()
        elif isinstance(thing, list | tuple):
            waiting += thing


def _memory(array: Array) -> Any:
    """The array that owns the memory which `array` is a view of."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array
