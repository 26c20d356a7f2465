"""How one element of a gradient came about: what comes back from all elements that it has acted on.

>>> import numpy as np
>>> from minidl import Tensor
>>> from minidl.graph import taken_down
>>> from minidl.activations import tanh
>>> tape = []
>>> with taken_down(tape):
...     y = tanh(Tensor(np.array([0.5, 1.0]), requires_grad=True))
>>> gradient_calculation(tape[0], np.array([1.0, 3.0]), 0, (1,)).text
'dx[1] = dy[1]·(1 − out[1]^2) = 1.25992302'
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl.graph import Applied
from minidl.inspect.traced.elements.backward import linear, pointwise, pooling, recurrent, rows
from minidl.inspect.traced.elements.backward.calls import Back, way_back_of
from minidl.inspect.traced.elements.backward.slopes import by_slopes
from minidl.inspect.traced.elements.result import Calculation

__all__ = ["gradient_calculation"]

_TELLING = (linear, pointwise, pooling, recurrent, rows)


@np.errstate(all="ignore")
def gradient_calculation(
    applied: Applied, dy: Any, input_number: int, index: Sequence[int], names: Sequence[str] | None = None
) -> Calculation:
    """How the element at `index` of the gradient of an input of a call came about.

    Args:
        applied: the call, from a tape (`minidl.graph.taken_down`).
        dy: dL/d its output; where it has several, a tuple of theirs, None for one that nobody used.
        input_number: which input, from 0.
        index: one whole number for each axis of that input.
        names: what to call the inputs; by default as the op's own forward does.

    Raises:
        ValueError: there is no such input or element, `dy` has another shape than the output, or there is no gradient.
    """
    back = Back(applied, dy, input_number, index, names)
    way = way_back_of(back.call.function)
    return (way(back) if way is not None else None) or by_slopes(back)
