"""Elements that were only moved: each is one element of one input, in another place.

Where it came from is found by moving the numbers 0, 1, 2 ... of the input's places in the same way.
"""

from typing import Any

import numpy as np

from minidl.inspect.traced.elements.calls import Call
from minidl.inspect.traced.elements.expressions import Known
from minidl.inspect.traced.elements.result import Calculation
from minidl.inspect.traced.elements.telling import tells
from minidl.messages import say
from minidl.primitives.joining import Concatenate, Pad, Unstack
from minidl.primitives.moving import ToDevice
from minidl.primitives.shaping import BroadcastTo, GetItem, Reshape, Transpose

__all__ = ["copied", "moved"]

_NOWHERE = -1


@tells(BroadcastTo, Concatenate, GetItem, Pad, Reshape, Transpose, Unstack)
def moved(call: Call) -> Calculation:
    """y = the number that was put there."""
    places, first = [], 0
    for x in call.arrays:
        size = int(np.size(x))
        places.append(np.arange(first, first + size).reshape(np.shape(x)))
        first += size
    options = {**call.options, "value": _NOWHERE} if "value" in call.options else call.options
    called: Any = call.function
    made = called.forward(*places, **options)[0]
    place = int((made[call.output] if isinstance(made, tuple) else made)[call.index])
    if place == _NOWHERE:
        return call.told(Known(float(call.options["value"])), say("This is a cell of the border."))
    source = max(i for i, p in enumerate(places) if p.size and p.reshape(-1)[0] <= place)
    shape = np.shape(call.arrays[source])
    at = np.unravel_index(place - int(places[source].reshape(-1)[0]), shape) if shape else ()
    return call.told(call.at(source, *map(int, at)))


@tells(ToDevice)
def copied(call: Call) -> Calculation:
    """y = x, from another device."""
    return call.told(call.at(0, *call.index))
