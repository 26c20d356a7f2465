"""The equations of layers around a function: Lambda, and the operations that stand between symbolic tensors."""

from typing import Any

from minidl.inspect.equations.curves import curve
from minidl.inspect.equations.kinds import Shapes, tells
from minidl.inspect.equations.lines import Line, Told
from minidl.inspect.equations.merging import names_of, sizes
from minidl.inspect.equations.taped import taped
from minidl.inspect.equations.writing import argument
from minidl.layers.core.lambda_layer import Lambda
from minidl.layers.core.operation import Operation
from minidl.messages import say

__all__ = ["lambda_layer", "operation"]


@tells(Lambda)
def lambda_layer(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """The operations that the function runs through."""
    run = taped(layer, inputs, outputs)
    words = say("A function of your own. Its operations, from a run on zeros:")
    first, *rest = run.equations
    operations = [Line(first.text), *rest] if first.words else []  # none where the run has failed
    return Told((Line(f"y = {curve(layer.function)}(x)", words), *operations), run.work)


@tells(Operation)
def operation(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """The function and what it was called with."""
    call = layer._calls[-1]
    names = {id(x): name for name, x in zip(names_of(inputs), call.inputs, strict=True)}
    terms = [argument(value, names) for value in call.args]
    terms += [f"{name}={argument(value, names)}" for name, value in call.kwargs.items()]
    line = Line(f"y = {layer.function}({', '.join(terms)})", say("A function of minidl.ops."))
    return Told(
        (line, sizes(inputs, outputs[0], ["N"] * (len(inputs) + 1))), taped(layer, inputs, outputs).work
    )
