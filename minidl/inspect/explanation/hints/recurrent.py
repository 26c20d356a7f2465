"""Hints for recurrent layers, and for the wrappers of layers."""

from collections.abc import Iterator
from typing import Any

from minidl.inspect.explanation.facts import Hint
from minidl.inspect.explanation.hints.kinds import biased, hints_for, hints_of
from minidl.inspect.explanation.places import Place
from minidl.layers.recurrent.bidirectional import Bidirectional
from minidl.layers.recurrent.cell import RecurrentCell
from minidl.layers.recurrent.gru import GRUCell
from minidl.layers.recurrent.rnn import RNN
from minidl.layers.recurrent.time_distributed import TimeDistributed
from minidl.messages import say

__all__ = ["bidirectional", "recurrent", "time_distributed"]


@hints_for(RNN)
def recurrent(place: Place) -> Iterator[Hint]:
    """On SimpleRNN, LSTM, GRU and RNN."""
    layer, x = place.layer, place.inputs[0]
    if len(x) == 3:
        yield _axes(*x[1:])
    if isinstance(layer.cell, RecurrentCell):
        yield from _count(layer.cell)
        yield _units(layer.cell.units, x[1])
    yield _return_sequences(layer, place)
    if layer.stateful:
        yield Hint(
            "stateful",
            say(
                "stateful=True: row i of a batch goes on where row i of the batch before ended, so that batches must "
                "have one size. Where new sequences begin, call reset_state()."
            ),
        )
    if len(x) == 3 and x[1] == 1 and x[2] is not None and x[2] > 1 and not layer.stateful:
        text = say(
            f"With a single time step there is nothing to remember. A series of as many values ({x[2]}) that is read one by "
            f"one has the shape {(x[2], x[1])}."
        )
        yield Hint("single step", text, {"values": x[2], "shape": (x[2], x[1])})
    if getattr(getattr(layer.cell, "activation", None), "__name__", "") == "relu":
        yield Hint(
            "unbounded",
            say(
                "activation='relu' lets h grow from step to step, until the loss is NaN. tanh keeps h bounded."
            ),
        )


def _axes(steps: int | None, features: int | None) -> Hint:
    if steps is None:
        text = say(f"The input is read as time steps, however many there are, of features ({features}).")
        return Hint("axes", text, {"features": features})
    text = say(f"The input is read as time steps ({steps}) of features ({features}).")
    return Hint("axes", text, {"steps": steps, "features": features})


def _count(cell: Any) -> Iterator[Hint]:
    features, units, gates, biases = cell.kernel.shape[0], cell.units, cell.gates, cell._biases
    figures = {"features": features, "units": units}
    if gates == 1:
        sentence = say(
            f"Each unit ({units}) has a weight for each feature of x_t ({features}) and one for each unit of the step before "
            f"({units})."
        )
        sentence = f"{sentence} {biased(biases)}"
    else:
        figures |= {"gates": gates, "biases": biases}
        sentence = say(
            f"Each unit ({units}) has gates ({gates}, the candidate counted), and each has a weight for each feature of x_t "
            f"({features}), one for each unit of the step before ({units}), and biases ({biases})."
        )
    yield Hint("parameters", sentence, figures)
    count = sum(v.size for v in cell.weights)
    if isinstance(cell, GRUCell) and biases > 1:
        other = count - gates * units
        text = say(
            "reset_after=True, as in Keras and cuDNN, needs a bias for what x gives and one for what h gives. With False "
            f"it would be {other:,} parameters."
        )
        yield Hint("reset_after", text, {"parameters": other})
    elif biases and not isinstance(cell, GRUCell):
        other = count + gates * units
        text = say(f"PyTorch counts {other:,}: it keeps a bias for x and one for h, where one would do.")
        yield Hint("torch", text, {"parameters": other})


def _units(units: int, steps: int | None) -> Hint:
    if steps is None:
        text = say(
            f"units={units} is the length of h, and not a number of time steps: one cell runs at each of them, always with "
            "the same weights."
        )
        return Hint("units", text, {"units": units})
    text = say(
        f"units={units} is the length of h, and not the number of time steps ({steps}): one cell runs at each of them, always "
        "with the same weights."
    )
    return Hint("units", text, {"units": units, "steps": steps})


def _return_sequences(layer: Any, place: Place) -> Hint:
    y, steps = place.outputs[0], place.inputs[0][1]
    other = (y[0], *y[2:]) if layer.return_sequences else (y[0], steps, *y[1:])
    figures = {"shape": y, "otherwise": other}
    if layer.go_backwards and layer.return_sequences:
        text = say(
            f"return_sequences=True: the h of every time step leaves the layer, the last one first, {y}. With False it would "
            f"be that of the first step alone, where reading ends, {other}."
        )
    elif layer.go_backwards:
        text = say(
            f"return_sequences=False: the h of the first time step alone leaves the layer, where reading ends, {y}. With True "
            f"it would be that of every step, {other}, as another recurrent layer behind this one needs it."
        )
    elif layer.return_sequences:
        text = say(
            f"return_sequences=True: the h of every time step leaves the layer, {y}. With False it would be that of the "
            f"last step alone, {other}."
        )
    else:
        text = say(
            f"return_sequences=False: the h of the last time step alone leaves the layer, {y}. With True it would be that "
            f"of every step, {other}, as another recurrent layer behind this one needs it."
        )
    return Hint("return_sequences", text, figures)


@hints_for(Bidirectional)
def bidirectional(place: Place) -> Iterator[Hint]:
    """On the two directions, and then on each of them."""
    layer: Any = place.layer
    inner, outer = layer.forward_layer, layer.backward_layer
    one, other = inner.count_params(), outer.count_params()
    text = (
        say(
            f"A second layer with weights of its own reads from the last step to the first: {one:,} + {other:,} parameters."
        )
        if outer.go_backwards
        else say(
            f"A second layer with weights of its own reads from the first step to the last: {one:,} + {other:,} parameters."
        )
    )
    yield Hint("directions", text, {"forward": one, "backward": other})
    first, second = (_main(part, place) for part in (inner, outer))
    if layer.merge_mode == "concat":
        text = say(f"merge_mode='concat' puts the outputs of both ({first[-1]} + {second[-1]}) side by side.")
        yield Hint("merge_mode", text, {"forward": first[-1], "backward": second[-1]})
    elif layer.merge_mode is not None:
        text = say(
            f"merge_mode={layer.merge_mode!r} makes one output of both, of the same length ({first[-1]})."
        )
        yield Hint("merge_mode", text, {"outputs": first[-1]})
    for hint in hints_of(place.inner(inner, place.inputs, (first,))):
        if hint.topic not in ("frozen", "fine-tuning", "shared", "torch", "reset_after"):
            yield hint


def _main(layer: Any, place: Place) -> Any:
    """The shape of the output of one direction, without states."""
    shape = layer.compute_output_shape(place.inputs[0])
    return tuple(shape[0] if layer.return_state else shape)


@hints_for(TimeDistributed)
def time_distributed(place: Place) -> Iterator[Hint]:
    """On the steps, and then on the layer inside."""
    x, y = place.inputs[0], place.outputs[0]
    if x[1] is None:
        text = say("One layer with one set of weights runs on each time step by itself.")
        yield Hint("steps", text)
    else:
        text = say(f"One layer with one set of weights runs on each time step ({x[1]}) by itself.")
        yield Hint("steps", text, {"steps": x[1]})
    for hint in hints_of(place.inner(place.layer.layer, ((x[0], *x[2:]),), ((y[0], *y[2:]),))):
        if hint.topic not in ("frozen", "fine-tuning"):
            yield hint
