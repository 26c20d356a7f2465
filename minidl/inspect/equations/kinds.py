"""Which function tells the equations of which kind of layer."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from minidl.inspect.equations.lines import Told
from minidl.inspect.equations.taped import taped
from minidl.layers.base import Layer
from minidl.symbolic import Shape

__all__ = ["TELLERS", "Shapes", "Teller", "tells", "told"]

Shapes: TypeAlias = Sequence[Shape]  # one for each input or output
Teller: TypeAlias = Callable[[Any, Shapes, Shapes], Told]
TELLERS: dict[type, Teller] = {}
# A class of one's own that defines one of these computes otherwise than its base.
_EQUATIONS = {"__call__", "call", "function", "merged", "step"}


def tells(*kinds: type) -> Callable[[Teller], Teller]:
    """Enter a function as the one that tells the equations of layers of these kinds."""

    def entered(teller: Teller) -> Teller:
        TELLERS.update(dict.fromkeys(kinds, teller))
        return teller

    return entered


def told(layer: Layer, input_shapes: Shapes, output_shapes: Shapes) -> Told:
    """The equations of a layer with its own sizes filled in, and how many multiplications they take.

    What counts is every product of two numbers in these equations, in inference, for one sample: of a weight and an
    input (those that are 0 in a padding too), of a gate and a state, of a difference with itself. What does not
    count: divisions, powers and whatever happens inside of an activation function; what depends on weights alone
    and is made once for all samples; and the penalties of regularisers. Each product of a sum has one addition with
    it, so the additions need no count of their own.

    Args:
        layer: one that is built. Of a class of your own, or with a `call` of your own, the operations are told that
            a run on zeros goes through.
        input_shapes: the shape of each input, batch axis included; None for what is not known.
        output_shapes: that of each output.

    >>> from minidl.layers import Dense
    >>> layer = Dense(10, activation="relu")
    >>> layer.build((None, 64))
    >>> dense = told(layer, [(None, 64)], [(None, 10)])
    >>> for line in dense.equations:
    ...     print(line.text)
    y = relu(x @ w + b)
    x (N, 64)   w (64, 10)   b (10,)   y (N, 10)
    relu(z) = max(z, 0)
    >>> dense.work
    Work(formula='64·10', count=640, per='sample')
    """
    changed = False
    for kind in type(layer).__mro__:
        if kind in TELLERS:
            return (taped if changed else TELLERS[kind])(layer, input_shapes, output_shapes)
        changed = changed or bool(_EQUATIONS & kind.__dict__.keys())
    return taped(layer, input_shapes, output_shapes)
