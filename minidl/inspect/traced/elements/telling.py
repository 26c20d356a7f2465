"""Which function tells how the elements of which Function come about."""

from collections.abc import Callable
from typing import TypeVar

from minidl.inspect.traced.elements.calls import Call
from minidl.inspect.traced.elements.result import Calculation
from minidl.tensor import Function

__all__ = ["Teller", "teller_of", "tells"]

Teller = Callable[[Call], Calculation]
_TELLERS: dict[type[Function], Teller] = {}
_Kept = TypeVar("_Kept", bound=Teller)


def tells(*functions: type[Function]) -> Callable[[_Kept], _Kept]:
    """Register what is decorated as the teller of these Functions."""

    def register(teller: _Kept) -> _Kept:
        _TELLERS.update(dict.fromkeys(functions, teller))
        return teller

    return register


def teller_of(function: type[Function] | None) -> Teller | None:
    """Who tells about this Function, or about the one whose forward it has inherited."""
    if function is None:
        return None
    for base in function.__mro__:
        if base in _TELLERS and base.forward is function.forward:
            return _TELLERS[base]
    return None
