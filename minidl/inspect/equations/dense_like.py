"""The equations of Dense and Embedding."""

from typing import Any

from minidl.inspect.equations.curves import applied, definition
from minidl.inspect.equations.figures import NOTHING, product, work
from minidl.inspect.equations.kinds import Shapes, tells
from minidl.inspect.equations.lines import Line, Told
from minidl.inspect.equations.writing import array, arrays, indices
from minidl.layers.core.dense import Dense
from minidl.layers.core.embedding import Embedding
from minidl.messages import say

__all__ = ["LETTERS", "dense", "embedding"]

LETTERS = {1: "N", 2: "NI", 3: "NTI", 4: "NHWC", 5: "NTHWC"}  # of the axes of an input that may have any rank


@tells(Dense)
def dense(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """y = activation(x @ w + b), along the last axis."""
    x, y = inputs[0], outputs[0]
    features, units = layer.kernel.shape
    letters, biased = LETTERS.get(len(x), "N"), layer.bias is not None
    each = say(
        f"Each unit ({units}) multiplies all features ({features}) by weights of its own and adds them up."
    )
    lines = [
        Line(f"y = {applied(layer.activation, 'x @ w' + ' + b' * biased)}", each),
        Line(arrays(
            array("x", x, letters), array("w", (features, units)), array("b", (units,)) if biased else "",
            array("y", y, letters),
        )),
    ]  # fmt: skip
    if len(x) > 2:
        *place, last = indices(len(x), "i" if len(x) == 3 else "c")
        lines.insert(1, Line(
            f"(x @ w)[{', '.join(place)}, u] = Σ_{{{last}}} x[{', '.join(place)}, {last}]·w[{last}, u]",
            say("Dense works on the last axis alone: the same w at every place before it."),
        ))  # fmt: skip
    done = work(x[1:-1], product(features, units), len(x))
    return Told((*lines, *definition(layer.activation)), done)


@tells(Embedding)
def embedding(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """y = E[ids]: a row of the table, found without a multiplication."""
    x, y = inputs[0], outputs[0]
    known, length = layer.embeddings.shape
    at = ", ".join(indices(len(x) + 1)[:-1])
    looked_up = say(
        f"Each id, a whole number from 0 to {known - 1}, is replaced by its row of the table: {length} numbers, looked "
        "up and not computed."
    )
    lines = [
        Line(f"y[{at}] = E[ids[{at}]]", looked_up),
        Line(arrays(array("ids", x, "NT"), array("E", (known, length)), array("y", y, "NT"))),
    ]
    if layer.mask_zero:
        lines.append(
            Line(
                f"m[{at}] = [ids[{at}] ≠ 0]",
                say("Id 0 is padding: the layers behind skip it, where the mask m is 0."),
            )
        )
    return Told(tuple(lines), NOTHING)
