"""The equations of SimpleRNN, LSTM and GRU, of RNN around any cell, and of the cells by themselves.

h and c are the states before a step, h_t and c_t those after it.
"""

from typing import Any, NamedTuple

from minidl.inspect.equations.curves import applied, definition
from minidl.inspect.equations.figures import UNKNOWN, Figure, product, total, work
from minidl.inspect.equations.kinds import Shapes, tells
from minidl.inspect.equations.lines import Line, Told
from minidl.inspect.equations.taped import taped_step
from minidl.inspect.equations.writing import array, arrays
from minidl.layers.recurrent.gru import GRU, GRUCell
from minidl.layers.recurrent.lstm import LSTM, LSTMCell
from minidl.layers.recurrent.rnn import RNN
from minidl.layers.recurrent.simple_rnn import SimpleRNN, SimpleRNNCell
from minidl.layers.recurrent.stacked import StackedRNNCells
from minidl.messages import say

__all__ = ["Step", "cell_alone", "sequence", "step_of"]


class Step(NamedTuple):
    """One step of a cell."""

    lines: list[Line]
    work: Figure | None  # its multiplications, if they are known
    output: str = "h"  # what it shows: the state h, or a y of its own


def _sums(cell: Any) -> Figure:
    """x W and h U of all gates."""
    gates = (cell.gates,) if cell.gates > 1 else ()
    return product(total(cell.kernel.shape[0], cell.units), *gates, cell.units)


def _weights(cell: Any, gates: str) -> list[Line]:
    biased = cell.bias is not None
    lines = [Line(arrays(
        array("W", cell.kernel.shape), array("U", cell.recurrent_kernel.shape), array("b", cell.bias.shape) if biased else ""
    ))]  # fmt: skip
    if gates:
        parts = ", ".join(f"W_{gate}" for gate in gates)
        side = say(f"The gates lie side by side, {cell.units} columns each; in U and b likewise.")
        lines.insert(0, Line(f"W = [{parts}]", side))
    return lines


def _simple(cell: Any) -> Step:
    biased = " + b" if cell.bias is not None else ""
    words = say("The new state: from the input of this step and the state before it.")
    line = Line(f"h_t = {applied(cell.activation, f'x_t W + h U{biased}')}", words)
    return Step([line, *_weights(cell, ""), *definition(cell.activation)], _sums(cell))


def _lstm(cell: Any) -> Step:
    curve, gate = cell.activation, cell.recurrent_activation

    def z(name: str) -> str:
        return f"x_t W_{name} + h U_{name}" + (f" + b_{name}" if cell.bias is not None else "")

    lines = [
        Line(f"i = {applied(gate, z('i'))}", say("Input gate: how much is written.")),
        Line(f"f = {applied(gate, z('f'))}", say("Forget gate: how much of the memory is kept.")),
        Line(f"g = {applied(curve, z('c'))}", say("The candidate: what is written.")),
        Line(f"o = {applied(gate, z('o'))}", say("Output gate: how much is shown.")),
        Line("c_t = f·c + i·g", say("The memory after the step.")),
        Line(
            f"h_t = o·{applied(curve, 'c_t')}", say("The state after the step: what it shows of its memory.")
        ),
        *_weights(cell, "ifco"),
        *definition(gate, curve),
    ]
    return Step(lines, total(_sums(cell), product(3, cell.units)))


def _gru(cell: Any) -> Step:
    curve, gate, after = cell.activation, cell.recurrent_activation, cell.reset_after
    b, more = " + b" if cell.bias is not None else "", " + b'" if cell.bias is not None and after else ""

    def own(name: str) -> str:
        return f"x_t W_{name}" + (f"{b}_{name}" if b else "")

    def before(name: str) -> str:
        return f"h U_{name}" + (f"{more}_{name}" if more else "")

    z, r = (f"{own(name)} + {before(name)}" for name in "zr")
    seen = f"r·({before('h')})" if after else "(r·h) U_h"
    h = f"{own('h')} + {seen}"
    lines = [
        Line(f"z = {applied(gate, z)}", say("Update gate: how much of h is kept.")),
        Line(f"r = {applied(gate, r)}", say(
            "Reset gate: how much of h the candidate sees."
        )),
        Line(f"ĥ = {applied(curve, h)}", say("The candidate: what h may become.")),
        Line("h_t = z·h + (1 − z)·ĥ", say("The state after the step: partly the old one, partly the candidate.")),
        *_weights(cell, "zrh"),
    ]  # fmt: skip
    if more:
        words = say("Two biases: b for the sum with x, b' for the sum with h.")
        lines.append(Line("b = [[b_z, b_r, b_h], [b'_z, b'_r, b'_h]]", words))
    return Step([*lines, *definition(gate, curve, of="a")], total(_sums(cell), product(3, cell.units)))


_STEPS = {SimpleRNNCell: _simple, LSTMCell: _lstm, GRUCell: _gru}


def step_of(cell: Any, features: tuple[int | None, ...]) -> Step:
    """One step of any cell; `features` is the shape of x_t without the batch axis."""
    if isinstance(cell, StackedRNNCells) and type(cell).call is StackedRNNCells.call:
        return _stacked(cell, features)
    for kind in type(cell).__mro__:
        if kind in _STEPS and not cell._changed:
            return _STEPS[kind](cell)
    return Step(*taped_step(cell, features), "y")


def _stacked(cell: StackedRNNCells, features: tuple[int | None, ...]) -> Step:
    lines: list[Line] = []
    works: list[Figure | None] = []
    output = "h"
    for place, part in enumerate(cell.cells):
        step = step_of(part, features)
        if place:
            reads = say(f"Cell {place + 1} of {len(cell.cells)} reads what the cell before it shows.")
            lines.append(Line(f"x_t = {output}_t", reads))
        lines += step.lines
        works.append(step.work)
        output = step.output
        features = (getattr(part, "output_size", None),)
    known = [each for each in works if each is not None]
    return Step(lines, total(*known) if len(known) == len(works) else None, output)


@tells(SimpleRNN, LSTM, GRU, RNN)
def sequence(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """The equations of a step, from where to where t runs, and which states come out."""
    x, y = inputs[0], outputs[0]
    step = step_of(layer.cell, tuple(x[2:]))
    first, last = "0", "T − 1" if x[1] is None else str(x[1] - 1)
    if layer.go_backwards:
        first, last = last, first
    start = (
        say("h begins with what the batch before ended with, the first time with 0.")
        if layer.stateful
        else say("h is the state before step t and h_t the one after it. It begins with 0.")
    )
    steps = first if first == last else f"{first} ... {last}"
    head = Line(f"t = {steps}", start)
    return Told(
        (
            head,
            *step.lines,
            *_shown(layer, step.output, first, last),
            Line(arrays(array("x", x, "NTI"), array("y", y, "NT"))),
        ),
        UNKNOWN if step.work is None else work((x[1],), step.work, 3),
    )


def _shown(layer: Any, name: str, first: str, last: str) -> list[Line]:
    """Which states are the output."""
    begin, end = (f"{name}_{{{t}}}" if "−" in t else f"{name}_{t}" for t in (first, last))
    if not layer.return_sequences:
        lines = [
            Line(f"y = {end}", say("return_sequences=False: only the output of the last step comes out."))
        ]
    else:
        all_of_them = f"[{begin}]" if begin == end else f"[{begin}, ..., {end}]"
        lines = [Line(f"y = {all_of_them}", say("return_sequences=True: the outputs of all steps come out."))]
    if layer.return_state:
        n = len(layer.state_sizes)
        states = ", ".join(
            getattr(layer.cell, "states", ["h"] if n == 1 else [f"h{i + 1}" for i in range(n)])
        )
        lines.append(
            Line(f"y, {states}", say("return_state=True: the states after the last step come out as well."))
        )
    return lines


@tells(SimpleRNNCell, LSTMCell, GRUCell, StackedRNNCells)
def cell_alone(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """One step, called by itself: x_t and the states before it."""
    step = step_of(layer, tuple(inputs[0][1:]))
    sizes = Line(arrays(array("x_t", inputs[0], "NI"), array(f"{step.output}_t", outputs[0], "NU")))
    return Told((*step.lines, sizes), UNKNOWN if step.work is None else work((), step.work))
