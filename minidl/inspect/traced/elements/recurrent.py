"""Elements of recurrent layers: one unit at one time step, gate by gate.

The states before the step are operands: h[0,3,:] is h of sample 0 behind step 3.
"""

from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.devices import beside, to_numpy
from minidl.inspect.traced.elements.calls import Call
from minidl.inspect.traced.elements.expressions import Expression
from minidl.inspect.traced.elements.gathering import Step, total
from minidl.inspect.traced.elements.gathering import call as function
from minidl.inspect.traced.elements.picking import label, taken
from minidl.inspect.traced.elements.result import Calculation
from minidl.inspect.traced.elements.telling import tells
from minidl.layers.recurrent.gru import GRUFunction
from minidl.layers.recurrent.lstm import LSTMFunction
from minidl.layers.recurrent.simple_rnn import SimpleRNNFunction
from minidl.messages import say

__all__ = ["gru", "lstm", "simple_rnn"]

ALONG = slice(None)


class _Unit:
    """The step and the unit that an element belongs to, with what the step was given.

    Args:
        call: of a recurrent Function.
        states: how many arrays of states stand behind x.
    """

    def __init__(self, call: Call, states: int):
        self.call, self.weights = call, 1 + states
        self.sample, self.unit = call.index[0], call.index[-1]
        x = call.arrays[0]
        self.step = call.index[1] if len(call.index) == 3 else x.shape[1] - 1
        self.units = call.arrays[1].shape[-1]
        self.factors = call.options.get("recurrent_factors")
        mask = call.options.get("mask")
        self.stays = self.step < 0 or (mask is not None and not mask[self.sample, self.step])
        self.past = self._past() if self.step > 0 else []

    def _past(self) -> list[Array]:
        """The states before this step, of all samples.

        They are what the call itself comes to if a mask ends it there: the same numbers, to the last digit.
        """
        arrays, options = self.call.applied.arrays, dict(self.call.applied.options)
        n, steps = arrays[0].shape[:2]
        ended = np.broadcast_to(np.arange(steps) < self.step, (n, steps))
        mask = options.get("mask")
        options.update(
            mask=beside(ended if mask is None else ended & to_numpy(mask), arrays[0]), sequences=False
        )
        states = self.call.forward(*arrays, **options)[0]
        return [to_numpy(state) for state in (states if isinstance(states, tuple) else (states,))]

    def before(self, i: int, unit: Any) -> Expression:
        """State number i before this step, of one unit or of all."""
        if self.step <= 0:
            return self.call.at(1 + i, self.sample, unit)
        return taken(("h", "c")[i], self.past[i], (self.sample, unit), (self.sample, self.step - 1, unit))

    def column(self, gate: int) -> int:
        """Where the gate's weights for this unit stand."""
        return gate * self.units + self.unit

    def from_input(self, gate: int, *bias: int) -> Expression:
        """Σ x·w + b."""
        x, w, b = 0, self.weights, self.weights + 2
        z = total(self.call.at(x, self.sample, self.step, ALONG) * self.call.at(w, ALONG, self.column(gate)))
        return z + self.call.at(b, *bias, self.column(gate)) if self.call.has(b) else z

    def from_state(self, gate: int, *more: Expression) -> Expression:
        """Σ h·u, times what is dropped of h, times `more`."""
        h = self.kept(gate)
        for factor in more:
            h = factor * h
        return total(h * self.call.at(self.weights + 1, ALONG, self.column(gate)))

    def kept(self, gate: int) -> Expression:
        """h before the step, as this gate sees it."""
        h = self.before(0, ALONG)
        return h if self.factors is None else h * taken("factors", self.factors, (gate, self.sample, ALONG))

    def reset_gates(self) -> Array:
        """r of all units of a GRU in this step."""
        x, (_, w, u, b), one = self.call.arrays[0], self.call.arrays[1:5], slice(self.sample, self.sample + 1)
        h = self.past[0] if self.past else self.call.arrays[1]
        factors = None if self.factors is None else self.factors[:, one]
        options = {**self.call.options, "mask": None, "recurrent_factors": factors}
        _, cache = GRUFunction.forward(x[one, [self.step]], h[one], w, u, b, **options)
        gates: Array = cache.steps[0].r[0]
        return gates

    def curve(self, option: str, z: Expression, name: str) -> Expression:
        """The curve that an option names, of z; `name` is for z where it stands in the formula twice."""
        curve = self.call.options[option]
        if curve == "relu":
            return function("max", z, 0)
        if curve == "hard_sigmoid":
            return function("min", function("max", z / 6 + 0.5, 0), 1)
        if curve == "softsign":
            twice = Step(f"a_{name}", z)
            return twice / (1 + abs(twice))
        return z if curve == "linear" else function("σ" if curve == "sigmoid" else curve, z)

    def stayed(self, i: int) -> Calculation:
        """The element is what it was before the step."""
        notes = []
        if self.step >= 0:
            place = label("mask", (self.sample, self.step))
            notes = [say(f"{place} is False: the state stays as it was.")]
        return self.call.told(self.before(i, self.unit), *notes)


@tells(SimpleRNNFunction)
def simple_rnn(call: Call) -> Calculation:
    """h = tanh(Σ x·w + b + Σ h·u)."""
    at = _Unit(call, 1)
    if at.stays:
        return at.stayed(0)
    return call.told(at.curve("activation", at.from_input(0) + at.from_state(0), "h"))


@tells(LSTMFunction)
def lstm(call: Call) -> Calculation:
    """h = o·tanh(c),  c = f·c + i·g."""
    at = _Unit(call, 2)
    if at.stays:
        return at.stayed(call.output)

    def gate(number: int, name: str, option: str) -> Step:
        return Step(name, at.curve(option, at.from_input(number) + at.from_state(number), name))

    i, f, o = (gate(n, name, "recurrent_activation") for n, name in ((0, "i"), (1, "f"), (3, "o")))
    g = gate(2, "g", "activation")
    memory = f * at.before(1, at.unit) + i * g
    if call.output == 1:
        return call.told(memory)
    return call.told(o * at.curve("activation", Step("c", memory), "c"))


@tells(GRUFunction)
def gru(call: Call) -> Calculation:
    """h = z·h + (1 − z)·ĥ."""
    at, after = _Unit(call, 1), call.options["reset_after"]
    if at.stays:
        return at.stayed(0)
    first, second = ((0,), (1,)) if after else ((), ())

    def gate(number: int, name: str) -> Step:
        z = at.from_input(number, *first) + state(number)
        return Step(name, at.curve("recurrent_activation", z, name))

    def state(number: int) -> Expression:
        part = at.from_state(number)
        biased = after and call.has(at.weights + 2)
        return part + call.at(at.weights + 2, *second, at.column(number)) if biased else part

    z, notes = gate(0, "z"), []
    if after:
        inside = at.from_input(2, *first) + gate(1, "r") * Step("s", state(2))
    else:
        r = taken("r", at.reset_gates(), (ALONG,), (at.sample, at.step, ALONG))
        inside = at.from_input(2) + at.from_state(2, r)
        notes = [say(f"{r.text()} is the reset gate of all units, each made like z with its own weights.")]
    candidate = Step("ĥ", at.curve("activation", inside, "ĥ"))
    return call.told(z * at.before(0, at.unit) + (1 - z) * candidate, *notes)
