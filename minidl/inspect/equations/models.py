"""The equations of models inside of models: what runs after what, each with its own work."""

from typing import Any

from minidl.inspect.equations.figures import UNKNOWN, figure, total
from minidl.inspect.equations.kinds import Shapes, tells, told
from minidl.inspect.equations.lines import Line, Told, Work
from minidl.inspect.equations.writing import array
from minidl.layers.core.input import InputLayer
from minidl.models.functional import Functional
from minidl.models.sequential import Sequential
from minidl.models.shapes import calls_of
from minidl.symbolic import Call, Shape, is_shape
from minidl.utils.nested import flatten

__all__ = ["model"]


@tells(Functional, Sequential)
def model(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """A line for each layer that runs, in order."""
    known: dict[int, Shape] = {id(x): tuple(shape) for x, shape in zip(layer.inputs, inputs, strict=True)}
    lines, works = [], []
    for call in calls_of(layer):
        if isinstance(call.layer, InputLayer):
            continue
        before = [known.get(id(x), x.shape) for x in call.inputs]
        after = _outputs(call, before)
        known.update((id(y), shape) for y, shape in zip(call.outputs, after, strict=True))
        works.append(told(call.layer, before, after).work)
        sources = ", ".join(_source(x) for x in call.inputs)
        sizes = ", ".join(array("", shape, "N").strip() for shape in after)
        lines.append(Line(f"{call.layer.name}({sources}) {sizes}"))
    return Told(tuple(lines), _all(works))


def _outputs(call: Call, before: list[Shape]) -> list[Shape]:
    """The shapes that a call gives for inputs of other sizes than it was laid out for."""
    laid_out = [y.shape for y in call.outputs]
    if before == [x.shape for x in call.inputs]:
        return laid_out
    try:
        shapes: Any = call.layer.compute_output_shape(before[0] if len(before) == 1 else before)
    except (TypeError, ValueError):
        return laid_out
    return flatten(shapes, is_shape)


def _source(x: Any) -> str:
    return x.name if x.call is None or isinstance(x.maker, InputLayer) else str(x.maker.name)


def _all(works: list[Work]) -> Work:
    """The sum over the layers."""
    if any(done.count is None for done in works):
        return UNKNOWN
    whole = total(*(figure(done) for done in works))
    return Work(whole.text, whole.value)
