"""Elements of Functions that nobody has written a formula for: those of one's own.

What an element depends on is found out: by its gradient, and by changing all other numbers, which must not change it.
The value is what the Function makes of those numbers, and all of them are printed.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.inspect.traced.elements.calls import Call
from minidl.inspect.traced.elements.expressions import ALL, Expression, Operand, View
from minidl.inspect.traced.elements.picking import label, taken
from minidl.inspect.traced.elements.result import Calculation
from minidl.messages import say

__all__ = ["anything"]

Box = tuple[Any, ...]
ALONG = slice(None)


class _Run(Expression):
    """The element that a forward gives for numbers at some places of its inputs."""

    def __init__(self, call: Call, boxes: dict[int, Box]):
        self.call, self.boxes = call, boxes
        self.parts = tuple(
            Operand(label(call.names[i], box), np.asarray(call.arrays[i])[box], whole=True)
            for i, box in boxes.items()
        )

    def value(self, view: View = ALL) -> Any:
        arrays = _wide(self.call)
        for (i, box), part in zip(self.boxes.items(), self.parts, strict=True):
            arrays[i][box] = np.reshape(part.value(View(view.digits)), np.shape(arrays[i][box]))
        return np.float64(_element(self.call, arrays))

    @property
    def length(self) -> int:
        return 1

    def text(self) -> str:
        called: Any = self.call.function
        return f"{called.__name__}({', '.join(part.text() for part in self.parts)})"


def anything(call: Call) -> Calculation:
    """The element of a call of any Function, and of what was made without one."""
    if call.function is None:
        name = call.maker
        note = say(f"{name}() made it, without a gradient: it was drawn, or taken from the data.")
        return call.told(taken(name, call.made, call.index), note)
    boxes = _depended_on(call)
    note = say(f"{call.function.__name__} is run on these numbers; the element depends on no others.")
    return call.told(_Run(call, boxes), note)


def _wide(call: Call) -> list[Any]:
    """Copies of the inputs, floats as float64."""
    return [
        np.array(x, np.float64) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else np.array(x, copy=True)
        if isinstance(x, np.ndarray) else x
        for x in call.arrays
    ]  # fmt: skip


def _element(call: Call, arrays: Sequence[Any]) -> Any:
    called: Any = call.function
    made = called.forward(*arrays, **call.options)[0]
    return np.asarray(made[call.output] if isinstance(made, tuple) else made)[call.index]


def _depended_on(call: Call) -> dict[int, Box]:
    """For each input array the smallest box around the numbers that the element depends on."""
    whole: dict[int, Box] = {
        i: (ALONG,) * x.ndim for i, x in enumerate(call.arrays) if isinstance(x, np.ndarray)
    }
    slopes = _slopes(call)
    around = {i: _around(slopes[i]) if i in slopes else box for i, box in whole.items()}
    boxes = {i: box for i, box in around.items() if box is not None}
    return boxes if _suffice(call, boxes) else whole


def _slopes(call: Call) -> dict[int, Array]:
    """The gradients of the element, by input; none where backward cannot say."""
    called: Any = call.function
    dys = [np.zeros(y.shape) for y in call.outputs]
    dys[call.output][call.index] = 1
    made, cache = called.forward(*_wide(call), **call.options)
    gradients = called.backward(tuple(dys) if isinstance(made, tuple) else dys[0], cache)
    return {
        i: np.broadcast_to(np.asarray(g), x.shape)
        for i, (g, x) in enumerate(zip(gradients, call.arrays, strict=True))
        if isinstance(g, np.ndarray) and isinstance(x, np.ndarray) and g.ndim <= x.ndim
    }


def _around(slopes: Array) -> Box | None:
    """The box around the numbers that are not 0; None if all are."""
    places = np.nonzero(slopes)
    if not places or not len(places[0]):
        return None if not slopes.size or not slopes.any() else ()
    ends = ((int(p.min()), int(p.max()) + 1) for p in places)
    return tuple(first if last - first == 1 else slice(first, last) for first, last in ends)


def _suffice(call: Call, boxes: dict[int, Box]) -> bool:
    """Whether the element stays as it is when every float outside of the boxes is changed."""
    arrays = _wide(call)
    before = _element(call, _wide(call))
    for i, x in enumerate(arrays):
        if isinstance(x, np.ndarray) and x.dtype.kind == "f":
            inside = x[boxes[i]].copy() if i in boxes else None
            x += 1
            if inside is not None:
                x[boxes[i]] = inside
    after = _element(call, arrays)
    return bool(before == after or (np.isnan(before) and np.isnan(after)))
