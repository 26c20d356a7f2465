"""From the outputs of a model back to its inputs: which layers lie between, and in which order they run.

Every symbolic tensor knows the call that made it, and every call its inputs. A walk back from the outputs therefore
finds all calls that matter, and puts each behind those it waits for (a depth-first search, Tarjan 1972).

Tables and weights list the layers as Keras does: those furthest from the outputs first, where the distance is that of
the longest way; layers at the same distance in the order in which the walk meets them.
"""

from collections.abc import Callable, Iterable
from typing import Any

from minidl.layers.core.input import InputLayer
from minidl.messages import say
from minidl.symbolic import Call, SymbolicTensor
from minidl.utils.nested import flatten, mapped
from minidl.utils.warned import warn

__all__ = ["repeated", "warn_unused", "wiring"]


def wiring(
    owner: str, inputs: list[SymbolicTensor], outputs: list[SymbolicTensor]
) -> tuple[list[Call], list[Any]]:
    """The calls that lead from `inputs` to `outputs`, each behind those whose output it needs; and their layers.

    Raises:
        ValueError: an output depends on data that is not among the inputs.
    """
    known = {id(x) for x in inputs}
    done: dict[int, Call] = {}
    met: dict[int, int] = {}  # layers, in the order in which the walk back meets them
    for output in outputs:
        waiting = [(output, False)]
        while waiting:
            tensor, ready = waiting.pop()
            call = tensor.call
            if call is None:
                if id(tensor) in known:
                    continue
                raise _disconnected(owner, tensor, inputs)
            if id(call) in done:
                continue
            if ready:
                done[id(call)] = call
            elif id(tensor) in known and not isinstance(call.layer, InputLayer):
                continue  # an input in the middle of another graph: what comes before it does not matter
            elif isinstance(call.layer, InputLayer) and id(tensor) not in known:
                raise _disconnected(owner, tensor, inputs)
            else:
                met.setdefault(id(call.layer), len(met))
                waiting.append((tensor, True))
                waiting += [(x, False) for x in reversed(call.inputs)]
    calls = list(done.values())
    return calls, _layers(calls, met, inputs)


def warn_unused(owner: str, inputs: list[SymbolicTensor], calls: list[Call]) -> None:
    """Warn of an input that no call reads: it is asked for at every step, and changes nothing."""
    read = {id(x) for call in calls for x in call.inputs}
    for x in inputs:
        if id(x) not in read:
            warn(
                f"{owner} has an input {x.name!r} that its outputs do not depend on: x must bring it, and it changes nothing. "
                "Leave it out of inputs, or connect it."
            )


def _layers(calls: list[Call], met: dict[int, int], inputs: list[SymbolicTensor]) -> list[Any]:
    """The layers of these calls, each once, by distance; an input that nothing uses has distance 0."""
    distance: dict[int, int] = {}  # of a call
    of_layer: dict[int, int] = {}
    layers: dict[int, Any] = {}
    for call in reversed(calls):
        layer = call.layer
        of_layer[id(layer)] = max(distance.get(id(call), 0), of_layer.get(id(layer), 0))
        layers[id(layer)] = layer
        for x in call.inputs:
            distance[id(x.call)] = max(of_layer[id(layer)] + 1, distance.get(id(x.call), 0))
    for x in inputs:
        if isinstance(x.maker, InputLayer) and id(x.maker) not in layers:
            layers[id(x.maker)], of_layer[id(x.maker)], met[id(x.maker)] = x.maker, 0, -1
    return sorted(layers.values(), key=lambda layer: (-of_layer[id(layer)], met[id(layer)]))


def _disconnected(owner: str, tensor: SymbolicTensor, inputs: list[SymbolicTensor]) -> ValueError:
    names = ", ".join(str(x.name) for x in inputs)
    what = f"{tensor.name!r}" if tensor.call is None else f"the input {tensor.name!r}"
    return ValueError(
        say(
            f"{owner} is not connected: its outputs depend on {what}, of shape {tensor.shape}, which is not among its "
            f"inputs ({names}). Add it to inputs, or build the outputs from these inputs."
        )
    )


def repeated(
    calls: Iterable[Call],
    begin: dict[int, SymbolicTensor],
    make: Callable[..., Any] = lambda layer, *args, **kwargs: layer(*args, **kwargs),
) -> dict[int, SymbolicTensor]:
    """Make calls once more, on other tensors.

    Args:
        calls: in the order of `wiring`; those of Inputs pass by.
        begin: what stands in place of each input, by the id of the old one.
        make: make(layer, *arguments) calls the layer, or another in its place.

    Returns:
        What stands in place of each tensor of the graph.
    """
    new = dict(begin)
    for call in calls:
        if not isinstance(call.layer, InputLayer):
            args, kwargs = mapped(lambda x: new.get(id(x), x), [call.args, call.kwargs])
            made = flatten(make(call.layer, *args, **kwargs))
            new.update(zip(map(id, call.outputs), made, strict=True))
    return new
