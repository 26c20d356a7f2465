"""Where each layer stands: the shapes of its inputs and outputs, and what is in front of it and behind it.

A graph of symbolic tensors knows all that. A model or block with a `call` of its own does not: then it runs on zeros,
twice with different sizes in place of those that may be any, and each layer is watched as it is called.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from minidl.inspect.explanation.facts import Shapes
from minidl.layers.core.input import InputLayer
from minidl.layers.laying_out import run_on_zeros
from minidl.models.shapes import calls_of
from minidl.models.watching import watched
from minidl.symbolic import Shape, SymbolicTensor
from minidl.tensor import Tensor
from minidl.utils.nested import flatten

__all__ = ["Place", "bytes_of", "layers_in", "places_in", "shapes_in", "unique"]


class Place(NamedTuple):
    """A layer, and where it stands.

    Args:
        layer: built.
        calls: the shapes of the inputs and of the outputs of each call that the model makes of it; none where a run
            did not come by.
        before, after: the layers that its inputs come from, and that take its outputs, as far as known.
        is_last: whether its output is one of the model's.
        memory: bytes of the output of one sample in the last call; None where a size is not known.
    """

    layer: Any
    calls: tuple[tuple[Shapes, Shapes], ...]
    before: tuple[Any, ...] = ()
    after: tuple[Any, ...] = ()
    is_last: bool = False
    memory: int | None = None

    @property
    def inputs(self) -> Shapes:
        """The shape of each input in the last call, as `summary` shows it."""
        return self.calls[-1][0] if self.calls else ()

    @property
    def outputs(self) -> Shapes:
        """The shape of each output in the last call."""
        return self.calls[-1][1] if self.calls else ()

    def inner(self, layer: Any, inputs: Shapes, outputs: Shapes) -> "Place":
        """The same place, seen from a layer inside, whose neighbours are others."""
        return Place(layer, ((inputs, outputs),))


def layers_in(holder: Any) -> list[Any]:
    """The layers of a model or block, and the operations among them."""
    return list(getattr(holder, "operations", holder._layers))


def shapes_in(structure: Any) -> Shapes:
    """The shapes of the symbolic tensors in a structure."""
    return tuple(tuple(x.shape) for x in flatten(structure) if isinstance(x, SymbolicTensor))


def places_in(holder: Any, inputs: Any, resized: bool) -> list[Place]:
    """A place for each layer in a model or block, in the order in which they are listed.

    Args:
        inputs: its symbolic inputs.
        resized: whether these are others than those that its graph was laid out for.
    """
    calls = [] if resized else calls_of(holder)
    if not calls:
        return _watched_places(holder, inputs)
    ends = {id(y) for y in flatten(holder.output)}
    places = []
    for layer in layers_in(holder):
        own = [call for call in calls if call.layer is layer]
        if not own:
            continue
        made = {id(y) for call in own for y in call.outputs}
        places.append(
            Place(
                layer,
                tuple((shapes_in(call.inputs or call.outputs), shapes_in(call.outputs)) for call in own),
                unique(x.maker for call in own for x in call.inputs),
                unique(c.layer for c in calls if any(id(x) in made for x in c.inputs)),
                bool(made & ends),
                bytes_of(shapes_in(own[-1].outputs), [y.dtype for y in own[-1].outputs]),
            )
        )
    return places


def unique(layers: Iterable[Any]) -> tuple[Any, ...]:
    """Each layer once; without what no layer made."""
    return tuple({id(layer): layer for layer in layers if layer is not None}.values())


def bytes_of(shapes: Sequence[Shape], dtypes: Sequence[Any]) -> int | None:
    """The bytes of one sample of arrays with these shapes; None where a size is not known.

    >>> bytes_of([(None, 4), (None, 2, 2)], ["float32", "float64"]), bytes_of([(None, None)], ["float32"])
    (48, None)
    """
    total = 0
    for shape, dtype in zip(shapes, dtypes, strict=True):
        if None in shape[1:]:
            return None
        total += math.prod(n for n in shape[1:] if n is not None) * np.dtype(dtype).itemsize
    return total


class _Seen(NamedTuple):
    """A call of a layer in a run: the shapes of its inputs and outputs, and the types of the outputs."""

    inputs: list[tuple[int, ...]]
    outputs: list[tuple[int, ...]]
    dtypes: list[Any]


def _watched_places(holder: Any, inputs: Any) -> list[Place]:
    """The places of the layers that a run on zeros comes to, in the order in which it does."""
    runs: list[dict[int, list[_Seen]]] = []

    def run(*args: Any, **kwargs: Any) -> Any:
        calls: dict[int, list[_Seen]] = {}

        def look(layer: Any, x: Any, y: Any) -> None:
            given, made = ([t for t in flatten(each) if isinstance(t, Tensor)] for each in (x, y))
            seen = _Seen([t.shape for t in given], [t.shape for t in made], [t.dtype for t in made])
            calls.setdefault(id(layer), []).append(seen)

        with watched([part for part in layers_in(holder) if not isinstance(part, InputLayer)], look):
            outputs = holder(*args, **kwargs)
        runs.append(calls)
        return outputs

    try:
        run_on_zeros(run, (inputs,), {"training": False})
    except Exception:  # a call of somebody's own, which may not like zeros
        return [Place(layer, ()) for layer in layers_in(holder) if layer.built]
    one, other = runs[-2:]
    places = []
    for layer in layers_in(holder):
        pairs = list(zip(one.get(id(layer), ()), other.get(id(layer), ()), strict=True))
        calls = [(_common(a.inputs, b.inputs), _common(a.outputs, b.outputs)) for a, b in pairs]
        memory = bytes_of(calls[-1][1], pairs[-1][0].dtypes) if calls else None
        places.append(Place(layer, tuple(calls), memory=memory))
    places = [place for place in places if place.calls or place.layer.built]
    order = list(one)
    return sorted(places, key=lambda place: order.index(id(place.layer)) if place.calls else len(order))


def _common(shapes: list[tuple[int, ...]], again: list[tuple[int, ...]]) -> Shapes:
    """The shapes of two runs in one: a size that differs may be any."""
    return tuple(
        tuple(n if n == m else None for n, m in zip(a, b, strict=True))
        for a, b in zip(shapes, again, strict=True)
    )
