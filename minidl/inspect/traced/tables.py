"""How a trace, a layer and an op are written for a screen of 80 columns."""

from collections.abc import Iterator, Sequence
from typing import Any

from minidl.inspect.numbers import number, shape, time
from minidl.inspect.traced.flow import sentences
from minidl.inspect.traced.through_time import sparks, verdict
from minidl.messages import say, word
from minidl.utils.columns import WIDTH, cell, wrapped
from minidl.utils.naming import snake_case

__all__ = [
    "cells_of",
    "label",
    "layer_text",
    "op_text",
    "remarks",
    "through_time",
    "title",
    "trace_head",
    "trace_text",
]

_LAYER = (20, 14, 10, 9, 10, 9, 8)
_OPS = (15, 4, 15, 10, 9, 9, 9, 9)
_WEIGHTS = (22, 15, 10, 11, 11, 11)
_SPARKS = 40  # columns
_MOST_PICTURES = 8


def title(trace: Any) -> str:
    """The step in a sentence."""
    forward, backward = time(trace.seconds), time(trace.backward_seconds)
    if trace.loss is None:
        return say(
            f"The forward pass of {trace.name} on {trace.samples} samples, without a loss: {len(trace)} ops, {forward}."
        )
    if trace.loss_kind == "sum":
        return say(
            f"{trace.name} on {trace.samples} samples, with L = {trace.loss:.6g}, the sum of its outputs: {len(trace)} ops, "
            f"forward {forward}, backward {backward}."
        )
    return say(
        f"One training step of {trace.name} on {trace.samples} samples: loss {trace.loss:.6g}, {len(trace)} ops, forward "
        f"{forward}, backward {backward}."
    )


def trace_text(trace: Any) -> str:
    """The table of a trace, and what follows from it."""
    lines = [*wrapped(title(trace), WIDTH), "", _line(trace_head(), _LAYER)]
    lines += [_line(cells_of(layer), _LAYER) for layer in trace.layers]
    for i, remark in enumerate(remarks(trace)):
        lines += [*[""] * (i == 0), *wrapped(remark, WIDTH)]
    pictures = list(through_time(trace))
    for name, picture, text in pictures[:_MOST_PICTURES]:
        lines += ["", f"{name}  {picture}", *wrapped(text, WIDTH, "  ")]
    if (more := len(pictures) - _MOST_PICTURES) > 0:
        lines += ["", *wrapped(say(f"{more} more calls of recurrent layers: see trace.recurrent."), WIDTH)]
    return "\n".join(lines)


def trace_head() -> list[str]:
    """What stands above the columns of `cells_of`."""
    return word("layer, output, mean, std, |dL/dy|, |dL/dw|, time").split(", ")


def remarks(trace: Any) -> list[str]:
    """What follows from the table, and what the star in it says."""
    if trace.loss is None:
        return [say("Gradients need a loss: pass y as well, trace(model, x, y).")]
    found = list(sentences(trace.layers))
    if any(layer.in_front for layer in trace.layers):
        found.append(
            say("* The loss works on the numbers in front of the last activation: that is their gradient.")
        )
    return found


def cells_of(layer: Any) -> list[str]:
    """The row of a layer."""
    gradient = number(layer.gradient_norm) + "*" * layer.in_front
    seconds = layer.seconds + (layer.backward_seconds or 0.0)
    numbers = [number(layer.mean), number(layer.std), gradient, number(layer.weight_gradient_norm)]
    return [label(layer), shape(layer.shape, _LAYER[1]), *numbers, time(seconds)]


def label(layer: Any) -> str:
    """The name of a layer, and its kind where the name does not tell."""
    if layer.kind == "operations":
        return f"· {', '.join(op.name for op in layer.ops)}"
    told = layer.name.split("/")[-1].startswith(snake_case(layer.kind)) or layer.name == layer.kind
    return layer.name if told else f"{layer.name} ({layer.kind})"


def through_time(trace: Any) -> Iterator[tuple[str, str, str]]:
    """For each recurrent layer its name, a picture of its gradient from step to step, and what that means."""
    for call in trace.recurrent if trace.loss is not None else ():
        steps = call.steps
        norms = steps.norms("dh")
        if picture := sparks(norms, _SPARKS):
            yield f"{call.name} |dL/dh| t=0…{len(steps) - 1}", picture, verdict(norms, steps.go_backwards)


def _line(cells: Sequence[str], widths: Sequence[int], left: int = 2) -> str:
    return "".join(
        cell(c, w, right=i >= left) for i, (c, w) in enumerate(zip(cells, widths, strict=True))
    ).rstrip()


# --- one layer, one op --------------------------------------------------------------------------------------


def layer_text(layer: Any) -> str:
    """A layer: its ops, then its weights."""
    lines = [f"{layer.name} ({layer.kind})", ""]
    first, *others = word("#  op, output, mean, std, |dL/dy|, time, back").split(", ")
    lines.append(_line((first, "", *others), _OPS, 3))
    for op in layer.ops:
        numbers = [number(op.mean), number(op.std), number(op.gradient_norm)]
        lines.append(
            _line(
                [
                    f"{op.number:<3}{op.name}",
                    "" if op.kernel == "reference" else op.kernel,
                    shape(op.shape, _OPS[2]),
                    *numbers,
                    time(op.seconds),
                    time(op.backward_seconds),
                ],
                _OPS,
                3,
            )
        )
        about = f"{op.dtype}, {number(op.min)} … {number(op.max)}"
        lines += wrapped(f"← {', '.join(op.inputs) or '-'}   ({about})", WIDTH, "   ")
    if layer.weights:
        head = word("weight, shape, |w|, |dL/dw|, |update|, update/w").split(", ")
        lines += ["", _line(head, _WEIGHTS)]
        lines += [_line(cells, _WEIGHTS) for cells in _weights(layer.weights)]
    if layer.has_steps:
        lines += ["", say("Its time steps, one by one: trace[...].steps.")]
    if layer.inner:
        lines += ["", *wrapped(say(f"Inside: {', '.join(inner.name for inner in layer.inner):.300}."), WIDTH)]
    return "\n".join(lines)


def _weights(weights: Sequence[Any]) -> Iterator[list[str]]:
    last = [w.name.split("/")[-1] for w in weights]
    for w, name in zip(weights, last, strict=True):
        share = None if w.update_norm is None or not w.norm else w.update_norm / w.norm
        numbers = [number(n) for n in (w.norm, w.gradient_norm, w.update_norm, share)]
        yield [name if last.count(name) == 1 else w.name, shape(w.shape, _WEIGHTS[1]), *numbers]


def op_text(op: Any) -> str:
    """An op, with all there is to say of it."""
    inputs = [f"{name} {shape(sizes)}" for name, sizes in zip(op.inputs, op.input_shapes, strict=True)]
    lines = wrapped(f"#{op.number} {op.name}   ({op.layer}, {op.kernel})", WIDTH)
    lines += wrapped(f"← {', '.join(inputs) or '-'}", WIDTH, "   ", "     ")
    lines.append(f"   → {shape(op.shape)} {op.dtype}")
    names = word("mean, std, min, max, |dL/dy|").split(", ")
    numbers = (op.mean, op.std, op.min, op.max, op.gradient_norm)
    told = (f"{name} {number(n)}" for name, n in zip(names, numbers, strict=True))
    lines += wrapped("   ".join(told), WIDTH, "   ")
    lines.append("   " + say(f"forward {time(op.seconds)}, backward {time(op.backward_seconds)}."))
    return "\n".join(lines)
