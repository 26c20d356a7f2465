"""The way back through one call of a Function, and the element of a gradient that is asked for."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from minidl.backend import Array
from minidl.devices import beside, to_numpy
from minidl.graph import Applied, fitted, whole
from minidl.inspect.traced.elements.calls import Call, checked
from minidl.inspect.traced.elements.expressions import Expression
from minidl.inspect.traced.elements.picking import label, taken
from minidl.inspect.traced.elements.result import Calculation
from minidl.messages import say
from minidl.tensor import Function

__all__ = ["Back", "goes_back", "way_back_of"]

Way = Callable[["Back"], Calculation | None]
_WAYS: dict[type[Function], Way] = {}
_Kept = TypeVar("_Kept", bound=Way)


def goes_back(*functions: type[Function]) -> Callable[[_Kept], _Kept]:
    """Register what is decorated as the teller of the gradients of these Functions. It gives None for what it cannot tell."""

    def register(way: _Kept) -> _Kept:
        _WAYS.update(dict.fromkeys(functions, way))
        return way

    return register


def way_back_of(function: type[Function] | None) -> Way | None:
    """Who tells about the gradients of this Function, or of the one whose pair it has inherited."""
    for base in function.__mro__ if function is not None else ():
        if base in _WAYS and function is not None:
            kept = base.forward is function.forward and base.backward is function.backward
            return _WAYS[base] if kept else None
    return None


class Back:
    """One call of a Function, the gradients of its outputs, and an element of the gradient of one input.

    Args:
        applied: the call, from a tape.
        dy: the gradient of its output; where there are several, a tuple of theirs, None where none came.
        number: of the input.
        index: of the element of its gradient.
        names: of the inputs.

    Raises:
        ValueError: there is no such input or element, the gradient has another shape, or the input has none.
    """

    def __init__(
        self, applied: Applied, dy: Any, number: int, index: Sequence[int], names: Sequence[str] | None
    ):
        self.call = Call(applied, None, names)
        self.options, self.arrays = self.call.options, self.call.arrays
        if not 0 <= number < len(self.arrays):
            raise ValueError(
                say(f"gradient_calculation() expects an input below {len(self.arrays)}, got {number}.")
            )
        self.number, self.name = number, self.call.names[number]
        x = self.arrays[number]
        if not isinstance(x, np.ndarray) or x.dtype.kind != "f" or self.call.function is None:
            raise ValueError(
                say(f"{self.name} has no gradient: it is no array of floats, or no Function took it.")
            )
        self.index = checked(index, x.shape)
        self.dys = self._gradients(dy)

    def _gradients(self, dy: Any) -> list[Array]:
        """dL/d each output, zeros where none came."""
        given = dy if isinstance(dy, tuple | list) and self.call.applied.several else (dy,)
        dys = [
            np.zeros(y.shape) if g is None else to_numpy(whole(g))
            for g, y in zip(given, self.call.outputs, strict=True)
        ]
        for g, y in zip(dys, self.call.outputs, strict=True):
            if g.shape != y.shape:
                raise ValueError(say(f"gradient_calculation() expects dy of shape {y.shape}, got {g.shape}."))
        return dys

    @property
    def dy(self) -> Array:
        """dL/d the first output."""
        return self.dys[0]

    @property
    def made(self) -> Array:
        """The first output."""
        return self.call.outputs[0]

    def at(self, i: int, *index: Any) -> Expression:
        """The numbers at `index` of input number i."""
        return self.call.at(i, *index)

    def dy_at(self, *index: Any) -> Expression:
        """The numbers at `index` of dL/d the first output."""
        return taken("dy", self.dy, index)

    def y_at(self, *index: Any) -> Expression:
        """The numbers at `index` of the first output."""
        return taken("out", self.made, index)

    def told(self, formula: Expression, *notes: str) -> Calculation:
        """The calculation of the element by this formula."""
        return Calculation(label("d" + self.name, self.index), formula, self.recorded(), notes)

    def recorded(self) -> Any:
        """What the backward of the call gives: of the kernel if one ran, of the reference if that has forgotten all."""
        applied, x = self.call.applied, self.call.applied.arrays[self.number]
        dys = [beside(dy.astype(y.dtype), y.data) for dy, y in zip(self.dys, applied.outputs, strict=True)]
        gradients: Any = (None,) * len(self.arrays)
        if applied.node is not None and applied.node.inputs[self.number] is not None:
            try:
                gradients = applied.node.gradients(dys, keep=True)
            except RuntimeError:  # backward() has run, and what it needed is gone
                gradients = (None,) * len(self.arrays)
        if gradients[self.number] is None:
            called: Any = self.call.function
            cache = called.forward(*applied.arrays, **applied.options)[1]
            gradients = called.backward(tuple(dys) if applied.several else dys[0], cache)
        if gradients[self.number] is None:
            raise ValueError(say(f"{called.__name__} gives {self.name} no gradient."))
        return to_numpy(whole(fitted(gradients[self.number], x)))[self.index]
