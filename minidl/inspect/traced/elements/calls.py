"""One call of a Function as those who explain it need it: arrays of NumPy, a name for each input, the element."""

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.devices import on_gpu, to_numpy
from minidl.graph import Applied
from minidl.inspect.traced.elements.expressions import Expression
from minidl.inspect.traced.elements.picking import label, taken
from minidl.inspect.traced.elements.result import Calculation
from minidl.messages import say
from minidl.tensor import Function, Tensor

__all__ = ["Call", "checked", "parameters"]


def _host(value: Any) -> Any:
    """The same with arrays of NumPy in the place of others, also within a tuple."""
    if isinstance(value, tuple):
        return tuple(map(_host, value))
    if isinstance(value, Tensor):
        return value.numpy()
    return to_numpy(value) if on_gpu(value) else value


def parameters(applied: Applied) -> list[str]:
    """What the forward of a call calls its arrays; a, b, c ... where it takes any number of them."""
    function, count = applied.function, len(applied.arrays)
    if function is not None:
        parameters = list(inspect.signature(function.forward).parameters.values())
        names = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        if len(names) >= count:
            return names[:count]
    return ["x"] if count == 1 else [chr(ord("a") + i) if i < 26 else f"x{i}" for i in range(count)]


class Call:
    """One call of a Function, and the element of its output that is asked for.

    Args:
        applied: the call, from a tape.
        index: of the element, one whole number for each axis; None if no element of the output is meant.
        names: of the inputs; by default those of the Function's own forward.
        output: which of the outputs, where there are several.

    Raises:
        ValueError: there is no such element or output, or nothing was called.
    """

    def __init__(
        self,
        applied: Applied,
        index: Sequence[int] | None,
        names: Sequence[str] | None = None,
        output: int = 0,
    ):
        if applied.forward is None or not applied.outputs:
            raise ValueError(say("calculation() expects a call of a Function, got a note that it was none."))
        if not 0 <= output < len(applied.outputs):
            raise ValueError(
                say(f"calculation() expects output to be below {len(applied.outputs)}, got {output}.")
            )
        self.applied = applied
        self.forward: Callable[..., Any] = applied.forward
        self.function: type[Function] | None = applied.function
        self.options = {name: _host(value) for name, value in applied.options.items()}
        self.arrays = [_host(a) for a in applied.arrays]
        self.outputs: list[Array] = [to_numpy(y.data) for y in applied.outputs]
        self.output = output
        self.made = self.outputs[output]
        self.index = () if index is None else checked(index, self.made.shape)
        self.names = _apart(list(names or parameters(applied)), self.arrays)

    def at(self, i: int, *index: Any) -> Expression:
        """The numbers at `index` of input number i."""
        return taken(self.names[i], self.arrays[i], index)

    def has(self, i: int) -> bool:
        """Whether input number i is there: a bias may be None."""
        return i < len(self.arrays) and self.arrays[i] is not None

    def told(self, formula: Expression, *notes: str) -> Calculation:
        """The calculation of the element by this formula."""
        return Calculation(label("out", self.index), formula, self.made[self.index], notes)

    @property
    def maker(self) -> str:
        """The name of the function whose result was taken for a constant (`minidl.primitives.constants`)."""
        made = (
            self.forward.args[0] if isinstance(self.forward, partial) and self.forward.args else self.forward
        )
        return str(getattr(made, "__name__", "constant")).strip("_<>")


def checked(index: Sequence[int], shape: tuple[int, ...]) -> tuple[int, ...]:
    """`index` with every number counted from the front.

    Raises:
        ValueError: it is no element of an array of that shape.
    """
    entries = (index,) if isinstance(index, int | np.integer) else tuple(index)
    inside = len(entries) == len(shape) and all(
        isinstance(i, int | np.integer) and -n <= i < n for i, n in zip(entries, shape, strict=True)
    )
    if not inside:
        raise ValueError(
            say(
                f"An element of an array of shape {shape} is chosen by whole numbers within that shape ({len(shape)}), "
                f"got {entries}."
            )
        )
    return tuple(int(i) % n for i, n in zip(entries, shape, strict=True))


def _apart(names: list[str], arrays: list[Any]) -> list[str]:
    """The names, with a number behind one that would stand for a second array."""
    owners: dict[str, Any] = {}
    apart = []
    for name, array in zip(names, arrays, strict=True):
        number, unique = 1, name
        while unique in owners and owners[unique] is not array:
            number += 1
            unique = f"{name}_{number}"
        owners[unique] = array
        apart.append(unique)
    return apart
