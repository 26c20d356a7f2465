"""Finding the time steps of a layer in what was recorded of it."""

from typing import Any

from minidl.inspect.traced.steps.cells import cell_steps
from minidl.inspect.traced.steps.fused import fused_steps
from minidl.inspect.traced.steps.series import Steps
from minidl.inspect.traced.steps.step import RecurrentStep
from minidl.inspect.traced.switched import with_gradients
from minidl.layers.base import Layer
from minidl.layers.recurrent.rnn import RNN
from minidl.messages import say

__all__ = ["has_steps", "steps_of"]


def has_steps(call: Any) -> bool:
    """Whether the trace of a call is that of a recurrent layer whose steps can be seen."""
    return isinstance(call.layer, RNN) and isinstance(call.layer.cell, Layer)


def steps_of(call: Any) -> Steps:
    """The steps of a recurrent layer, given the trace of its call.

    Raises:
        ValueError: it has none, or nobody can see them.
    """
    if not has_steps(call):
        raise ValueError(_refusal(call))
    with with_gradients():
        return Steps(call.name, _found(call), call.layer.go_backwards)


def _found(call: Any) -> list[RecurrentStep]:
    layer: Any = call.layer
    function = getattr(layer.cell, "function", None)
    for op in call.ops:
        if function is not None and op.applied.function is function:
            return fused_steps(op.applied, layer.cell, layer.go_backwards)
    calls = [inner for inner in call.inner if inner.layer is layer.cell]
    return cell_steps(calls, layer.cell, layer.go_backwards)


def _refusal(call: Any) -> str:
    if isinstance(call.layer, RNN):
        kind = type(call.layer.cell).__name__
        return say(
            f"{call.name} runs a {kind}, whose steps cannot be seen: derive it from minidl.layers.Layer."
        )
    inside = [f"trace[{name!r}].steps" for name in _recurrent_inside(call)]
    if inside:
        return say(f"{call.name} ({call.kind}) has its steps in the layers inside: {', '.join(inside):.200}.")
    return say(f"{call.name} ({call.kind}) has no time steps: only recurrent layers have some.")


def _recurrent_inside(call: Any) -> list[str]:
    found: list[str] = []
    for inner in call.inner:
        found += [inner.name] if has_steps(inner) else _recurrent_inside(inner)
    return found
