"""Finding who can tell about a call of a Function."""

from collections.abc import Sequence

import numpy as np

from minidl.graph import Applied
from minidl.inspect.traced.elements import (
    convolutions,
    dense_like,
    moved,
    normalization,
    pointwise,
    pooling,
    recurrent,
    reductions,
)
from minidl.inspect.traced.elements.calls import Call
from minidl.inspect.traced.elements.own import anything
from minidl.inspect.traced.elements.result import Calculation
from minidl.inspect.traced.elements.telling import teller_of

__all__ = ["calculation"]

_TELLING = (convolutions, dense_like, moved, normalization, pointwise, pooling, recurrent, reductions)


@np.errstate(all="ignore")
def calculation(
    applied: Applied, index: Sequence[int], names: Sequence[str] | None = None, output: int = 0
) -> Calculation:
    """How the element at `index` of an output of a call came about.

    Args:
        applied: the call, from a tape (`minidl.graph.taken_down`); that of a kernel is told by the same formulas.
        index: one whole number for each axis of the output.
        names: what to call the inputs; by default as the op's own forward does.
        output: which output, where there are several.

    Raises:
        ValueError: there is no such element.
    """
    call = Call(applied, index, names, output)
    return (teller_of(call.function) or anything)(call)
