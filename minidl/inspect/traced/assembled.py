"""From what was noted while the step ran to what is shown: ops with names, and a trace of each call of a layer."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from minidl.backend import Array
from minidl.graph import Applied
from minidl.inspect.traced.calls import LOSS, Call, Calls, shown
from minidl.inspect.traced.elements.calls import parameters
from minidl.inspect.traced.layers import LayerTrace, WeightTrace
from minidl.inspect.traced.ops import Op, kernel_of, name_of
from minidl.inspect.traced.traces import Trace
from minidl.models.data import Batch
from minidl.tensor import Tensor
from minidl.variable import Variable

__all__ = ["Noted", "assembled"]


class Noted(NamedTuple):
    """What was noted of a step."""

    twin: Any
    batch: Batch
    tape: list[Applied]
    calls: Calls
    loss: Tensor | None
    loss_kind: str
    gradients: dict[int, Array]  # of weights, by their ids
    updates: dict[int, Array]
    seconds: list[tuple[float, float | None]]  # forward and backward, by op


def assembled(facts: Noted) -> Trace:
    """The trace."""
    ops = _ops(facts)
    weights = {id(v): _weight(v, facts) for v in facts.twin.weights}
    calls: dict[int, LayerTrace] = {}
    inside: dict[int, list[LayerTrace]] = {}
    for call in reversed(facts.calls.all):  # those inside of others come behind them
        made = _layer(call, facts, ops, weights, inside.get(id(call), []))
        calls[id(call)] = made
        if call.outer is not None:
            inside.setdefault(id(call.outer), []).insert(0, made)
    return Trace(
        name=facts.twin.name,
        samples=facts.batch.samples,
        ops=tuple(ops),
        layers=tuple(_rows(facts, ops, calls, weights)),
        calls=tuple(calls[id(call)] for call in facts.calls.all),
        loss=None if facts.loss is None else float(facts.loss),
        loss_kind=facts.loss_kind,
        weights=tuple(weights.values()),
    )


# --- ops ----------------------------------------------------------------------------------------------------


def _ops(facts: Noted) -> list[Op]:
    sources = _Sources(facts.batch)
    made: list[Op] = []
    for applied, call, (forward, backward) in zip(facts.tape, facts.calls.owners, facts.seconds, strict=True):
        number = len(made)
        op = Op(
            number=number,
            name=name_of(applied),
            layer=facts.calls.name(call),
            kernel=kernel_of(applied),
            inputs=tuple(
                sources.name(x, called) for x, called in zip(applied.inputs, parameters(applied), strict=True)
            ),
            outputs=tuple(t.data for t in applied.outputs),
            gradients=tuple(t.grad for t in applied.outputs),
            seconds=forward,
            backward_seconds=backward,
            applied=applied,
        )
        sources.know(applied.outputs, f"#{number}")
        made.append(op)
    return made


class _Sources:
    """Where the input of an op came from."""

    def __init__(self, batch: Batch):
        self._names: dict[int, str] = {}
        for part, structure in zip(("sample_weight", "y", "x"), reversed(batch), strict=True):
            for name, array in _named(part, structure):
                self._names[id(array)] = name
                self._names[id(getattr(array, "data", array))] = name

    def know(self, outputs: Sequence[Any], name: str) -> None:
        """An op has made these."""
        for i, t in enumerate(outputs):
            self._names[id(t)] = name if len(outputs) == 1 else f"{name}[{i}]"

    def name(self, x: Any, called: str) -> str:
        """What to call this input, which the op itself calls so."""
        if isinstance(x, Variable):
            return x.path
        if (name := self._names.get(id(x))) is not None:
            return name
        array = x.data if isinstance(x, Tensor) else x
        if (name := self._names.get(id(array))) is not None:
            return name
        if array is None:
            return "-"
        if np.size(array) == 1:
            return f"{np.asarray(array).item():.4g}"
        return "constant" if len(called) == 1 else called  # h0 and factors say more than a and b


def _named(part: str, structure: Any) -> list[tuple[str, Any]]:
    if structure is None or not isinstance(structure, list | tuple | dict):
        return [] if structure is None else [(part, structure)]
    keys = structure.items() if isinstance(structure, dict) else enumerate(structure)
    return [(f"{part}[{key!r}]", array) for key, array in keys if array is not None]


# --- layers -------------------------------------------------------------------------------------------------


def _weight(v: Variable, facts: Noted) -> WeightTrace:
    stepped = facts.loss_kind == "compiled" or not v.trainable
    update = facts.updates.get(id(v)) if stepped else None
    return WeightTrace(v.path, v.data.copy(), v.trainable, facts.gradients.get(id(v)), update)


def _layer(
    call: Call,
    facts: Noted,
    ops: Sequence[Op],
    weights: Mapping[int, WeightTrace],
    inside: Sequence[LayerTrace],
) -> LayerTrace:
    """The trace of a call; `inside` are those of the calls in it."""
    mine = ops[call.start : call.stop]
    outputs = call.outputs or (mine[-1].applied.outputs[:1] if mine else ())
    gradients = [_gradient(t) for t in outputs]
    return LayerTrace(
        name=facts.calls.name(call),
        kind=LOSS if call.layer is None else type(call.layer).__name__,
        ops=tuple(mine),
        inputs=tuple(t.data for t in call.inputs),
        outputs=tuple(t.data for t in outputs),
        gradients=tuple(gradient for gradient, _ in gradients),
        input_gradients=tuple(t.grad for t in call.inputs),
        weights=_of(call.layer.weights, weights) if call.layer is not None else (),
        inner=tuple(inside),
        layer=call.layer,
        in_front=any(in_front for _, in_front in gradients),
    )


def _of(variables: Sequence[Variable], weights: Mapping[int, WeightTrace]) -> tuple[WeightTrace, ...]:
    return tuple(weights[id(v)] for v in variables if id(v) in weights)


def _gradient(t: Tensor) -> tuple[Array | None, bool]:
    """The gradient of an output; if the loss has gone past it to the logits, theirs, and that it is so."""
    if t.grad is None and t.origin is not None and t.origin[1].grad is not None:
        return t.origin[1].grad, True
    return t.grad, False


def _rows(
    facts: Noted, ops: Sequence[Op], calls: Mapping[int, LayerTrace], weights: Mapping[int, WeightTrace]
) -> list[LayerTrace]:
    """The calls that a reader counts, in order, and between them what models compute outside of their layers."""
    visible = shown(facts.twin)
    rows: list[tuple[int, LayerTrace]] = []
    for call in facts.calls.all:
        counted = [id(one.layer) in visible for one in call.around()]
        if counted[0] and not any(counted[1:]):
            rows.append((call.start, calls[id(call)]))
    for call, pairs in groupby(zip(facts.calls.owners, ops, strict=True), key=lambda pair: pair[0]):
        run = [op for _, op in pairs]
        inside = any(id(one.layer) in visible or one.layer is None for one in call.around())
        if not inside and {op.name for op in run} != {"AsType"}:
            rows.append((run[0].number, _outside(call, run, facts, weights)))
    return [row for _, row in sorted(rows, key=lambda row: row[0])]


def _outside(call: Call, run: Sequence[Op], facts: Noted, weights: Mapping[int, WeightTrace]) -> LayerTrace:
    """What a model computes by itself in a row, between the calls of its layers."""
    layer = call.layer
    return LayerTrace(
        name=facts.calls.name(call),
        kind="operations",
        ops=tuple(run),
        inputs=(),
        outputs=(run[-1].output,),
        gradients=(run[-1].gradient,),
        input_gradients=(),
        weights=_of([*layer._variables, *layer._frozen_variables], weights),
        inner=(),
        layer=layer,
    )
