"""The equations of layers around other layers: TimeDistributed and Bidirectional."""

from typing import Any

from minidl.inspect.equations.figures import UNKNOWN, Figure, figure, product, total, work
from minidl.inspect.equations.kinds import Shapes, tells, told
from minidl.inspect.equations.lines import Line, Told, Work
from minidl.inspect.equations.writing import array, arrays
from minidl.layers.recurrent.bidirectional import Bidirectional
from minidl.layers.recurrent.time_distributed import TimeDistributed
from minidl.messages import say
from minidl.symbolic import is_shape

__all__ = ["bidirectional", "time_distributed"]


@tells(TimeDistributed)
def time_distributed(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """The equations of the layer inside, at every step."""
    x, y = inputs[0], outputs[0]
    one_step = [(shape[0], *shape[2:]) for shape in (x, y)]
    inside = told(layer.layer, one_step[:1], one_step[1:])
    steps = "T" if x[1] is None else str(x[1])
    words = say(
        f"The same layer, with one set of weights, for each of the {steps} time steps. Its own equations:"
    )
    lines = (Line(f"y[:, t] = {layer.layer.name}(x[:, t])", words), *inside.equations)
    if inside.work.count is None:
        return Told(lines, inside.work)
    return Told(lines, work((x[1],), figure(inside.work) if inside.work.count else 0, 3))


_MERGES = {"concat": "[→h, ←h]", "sum": "→h + ←h", "ave": "(→h + ←h)/2", "mul": "→h·←h", None: "→h, ←h"}


@tells(Bidirectional)
def bidirectional(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """Two layers, one in each direction, and what becomes of their outputs."""
    x = inputs[0]
    parts = []
    for part in (layer.forward_layer, layer.backward_layer):
        shapes = part.compute_output_shape(x)
        parts.append(told(part, inputs[:1], [shapes] if is_shape(shapes) else shapes))
    first, second = parts
    alike = _way(first, "h", layer)[1:-1] == _way(second, "h", layer)[1:-1]
    words = say(
        "Two layers, each with weights of its own: → from the first step on, ← from the last step back."
    )
    lines = [Line(f"y = {_MERGES[layer.merge_mode]}", words), *_way(first, "→h", layer)]
    if alike:
        again = say("The way back: the same equations with weights of its own.")
        lines += [Line(second.equations[0].text, again), *_way(second, "←h", layer)[-1:]]
    else:
        lines += _way(second, "←h", layer)
    lines.append(Line(arrays(array("x", x, "NTI"), array("y", outputs[0], "NT"))))
    return Told(tuple(lines), _both(layer, first.work, second.work, x[1]))


def _way(part: Told, name: str, layer: Any) -> list[Line]:
    """The equations of one direction; what is y there is called `name` here, and it comes in the order of time."""
    turned = layer.return_sequences and name == "←h"
    words = say("Turned round then, so that both are of the same step.") if turned else ""
    shown = [line for line in part.equations[:-1] if not line.text.startswith(("y =", "y,"))]
    result = next(line for line in part.equations if line.text.startswith("y = "))
    return [*shown, Line(result.text.replace("y", name, 1), words)]


def _both(layer: Any, one: Work, other: Work, steps: int | None) -> Work:
    """The work of both directions, and of a product of their outputs."""
    if "?" in (one.formula, other.formula):
        return UNKNOWN
    both = product(2, figure(one)) if one == other else total(figure(one), figure(other))
    if layer.merge_mode != "mul":
        return Work(both.text, None if one.count is None else both.value, one.per)
    units = layer.forward_layer.compute_output_shape((1, 1, 1))
    size = (units if is_shape(units) else units[0])[-1]
    if one.count is None and not layer.return_sequences:  # the product comes once, and not at every step
        return Work(f"{product(Figure('T', 1), both).text} + {size}", None)
    merged = product(steps, size) if layer.return_sequences and steps is not None else size
    whole = total(both, merged)
    return Work(whole.text, None if one.count is None else whole.value, one.per)
