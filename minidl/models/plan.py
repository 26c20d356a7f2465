"""The calls of a graph, prepared once so that running them on data costs little.

Each tensor of the graph gets a place in a list of values. A step takes its inputs from their places, calls its layer,
and puts the outputs into theirs. Values that no later step will read are forgotten at once: without gradients, a long
network then needs room for a few of its layers at a time, not for all.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from minidl.layers.core.input import InputLayer
from minidl.layers.core.operation import Operation
from minidl.models.merged import Merged, is_pair
from minidl.symbolic import Call, SymbolicTensor
from minidl.utils.nested import flatten, mapped

__all__ = ["Plan"]


class Plan:
    """What to do with data for `inputs` to get `outputs`.

    Args:
        calls: those in between, each behind those whose outputs it needs.
        inputs, outputs: the ends.
    """

    def __init__(self, calls: Sequence[Call], inputs: list[SymbolicTensor], outputs: list[SymbolicTensor]):
        self.places: dict[int, int] = {id(x): i for i, x in enumerate(inputs)}
        steps = [_Step(call, self.places) for call in calls if not isinstance(call.layer, InputLayer)]
        self.exits = [self.places[id(y)] for y in outputs]
        kept = set(self.exits)
        for step in reversed(steps):
            step.last_read = [place for place in {*step.reads, *step.writes} if place not in kept]
            kept.update(step.last_read)
        self.steps = _merged(steps)

    def run(self, values: list[Any], training: bool) -> list[Any]:
        """The values of the outputs for these values of the inputs."""
        values = values + [None] * (len(self.places) - len(values))
        for step in self.steps:
            step.run(values, training)
        return [values[place] for place in self.exits]


class _Step:
    """One call: from which places it reads, what it does, where it writes."""

    last_read: list[int]  # places that nobody needs any more

    def __init__(self, call: Call, places: dict[int, int]):
        self.layer: Any = call.layer
        self.reads = [places[id(x)] for x in call.inputs]
        self.arguments = _arguments(call, places)
        self.training = call.kwargs.get("training")  # said when it was laid out; None: as the model runs
        self.is_plain = len(call.args) == 1 and not any(value is not None for value in call.kwargs.values())
        for y in call.outputs:
            places[id(y)] = len(places)
        self.writes = [places[id(y)] for y in call.outputs]
        self.alone = self.writes[0] if isinstance(call.output, SymbolicTensor) else None

    def run(self, values: list[Any], training: bool) -> None:
        args, kwargs = self.arguments(values)
        if not isinstance(self.layer, Operation):
            kwargs["training"] = training if self.training is None else self.training
        output = self.layer(*args, **kwargs)
        if self.alone is not None:
            values[self.alone] = output
        else:
            for place, value in zip(self.writes, flatten(output), strict=True):
                values[place] = value
        for place in self.last_read:
            values[place] = None


def _merged(steps: list[_Step]) -> list[_Step]:
    """The steps, with a convolution and a pooling that alone reads it as one (`minidl.models.merged`)."""
    taken_in = []
    for step, later in pairwise(steps):
        alone = later.reads == [step.alone] and step.alone in later.last_read
        if alone and step.is_plain and later.is_plain and is_pair(step.layer, later.layer):
            step.layer, step.writes, step.alone = Merged(step.layer, later.layer), later.writes, later.alone
            step.last_read = step.last_read + later.last_read
            taken_in.append(later)
    return [step for step in steps if step not in taken_in]


def _arguments(call: Call, places: dict[int, int]) -> Callable[[list[Any]], tuple[Any, dict[str, Any]]]:
    """The function that makes the arguments of the call from the values."""
    kwargs = {name: value for name, value in call.kwargs.items() if name != "training"}
    if not kwargs and len(call.args) == 1 and isinstance(call.args[0], SymbolicTensor):
        only = places[id(call.args[0])]
        return lambda values: ((values[only],), {})

    def filled(values: list[Any]) -> tuple[Any, dict[str, Any]]:
        def value(x: Any) -> Any:
            return values[places[id(x)]] if isinstance(x, SymbolicTensor) else x

        return mapped(value, call.args), mapped(value, kwargs)

    return filled
