"""Which layer ran which part of the tape: the calls of layers, one inside the other."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from minidl.graph import Applied
from minidl.models.model import Model
from minidl.models.parts import parts
from minidl.tensor import Tensor
from minidl.utils.nested import flatten

__all__ = ["LOSS", "Call", "Calls", "paths"]

LOSS = "loss"


class Call:
    """One call of a layer.

    Attributes:
        layer: None for the loss.
        number: how many calls of the same layer were before it.
        outer: the call inside of which it was; None outside of all.
        start, stop: its part of the tape.
        inputs, outputs: tensors.
    """

    def __init__(self, layer: Any, number: int, outer: "Call | None", start: int, inputs: Any = ()):
        self.layer, self.number, self.outer, self.start = layer, number, outer, start
        self.stop = start
        self.inputs = _tensors(inputs)
        self.outputs: tuple[Tensor, ...] = ()

    def around(self) -> Iterator["Call"]:
        """This call and those around it, from the inside."""
        call: Call | None = self
        while call is not None:
            yield call
            call = call.outer


class Calls:
    """All calls of a step, in the order in which they began, and for each op the innermost one that it was in.

    Args:
        top: the model or layer that runs.
        tape: where its ops land.
    """

    def __init__(self, top: Any, tape: list[Applied]):
        self.top, self.tape = top, tape
        self.paths = paths(top)
        self.all: list[Call] = []
        self.owners: list[Call] = []  # by op
        self._open: list[Call] = []
        self._counts: dict[int, int] = {}

    def before(self, layer: Any, inputs: Any) -> None:
        """A layer begins."""
        self._settle()
        number = self._counts.get(id(layer), 0)
        self._counts[id(layer)] = number + 1
        outer = self._open[-1] if self._open else None
        call = Call(layer, number, outer, len(self.tape), inputs)
        self.all.append(call)
        self._open.append(call)

    def after(self, layer: Any, inputs: Any, outputs: Any) -> None:
        """It has ended."""
        self._settle()
        while (call := self._open.pop()).layer is not layer:
            pass  # one that failed, and somebody's own code has gone on
        call.stop, call.outputs = len(self.tape), _tensors(outputs)

    @contextmanager
    def inside(self, layer: Any, inputs: Any = ()) -> Iterator[None]:
        """Within the block `layer` runs, which is not watched: the model itself, or None for the loss."""
        self.before(layer, inputs)
        yield
        outputs = self._open[-1].outputs
        self.after(layer, (), outputs)

    def made(self, outputs: Any) -> None:
        """This is what the innermost call gives."""
        self._open[-1].outputs = _tensors(outputs)

    def _settle(self) -> None:
        """What has come to the tape since we looked last belongs to the innermost call."""
        if self._open:
            self.owners += [self._open[-1]] * (len(self.tape) - len(self.owners))

    def finish(self) -> None:
        """Take off the tape what is no op, but a note that something was done beside it."""
        place, owners = [0], []
        for applied, owner in zip(self.tape, self.owners, strict=True):
            place.append(place[-1] + (applied.forward is not None))
            owners += [owner] * (applied.forward is not None)
        for call in self.all:
            call.start, call.stop = place[call.start], place[call.stop]
        self.owners = owners
        self.tape[:] = [applied for applied in self.tape if applied.forward is not None]

    @property
    def where(self) -> str:
        """The path of the innermost layer that is still running, for errors."""
        return self._path(self._open[-1].layer) if self._open else str(self.top.name)

    def _path(self, layer: Any) -> str:
        return LOSS if layer is None else self.paths.get(id(layer), str(layer.name))

    def name(self, call: Call) -> str:
        """What a call is called: the layer's path, with the number of the call where there are several."""
        path = self._path(call.layer)
        return f"{path}[{call.number}]" if self._counts[id(call.layer)] > 1 else path


def paths(top: Any) -> dict[int, str]:
    """The name of each layer by its id, with the models and layers that it is in: "encoder/dense"."""
    found = {id(top): str(top.name)}
    waiting = [("", top)]
    while waiting:
        prefix, holder = waiting.pop(0)
        for layer in holder._layers:
            if id(layer) not in found:
                found[id(layer)] = prefix + layer.name
                waiting.append((f"{prefix}{layer.name}/", layer))
    return found


def shown(top: Any) -> set[int]:
    """The ids of the layers that a reader counts: see `minidl.models.parts`. A layer alone is shown itself."""
    return {id(layer) for layer in parts(top)} if isinstance(top, Model) else {id(top)}


def _tensors(structure: Any) -> tuple[Tensor, ...]:
    return tuple([t for t in flatten(structure) if isinstance(t, Tensor)])
