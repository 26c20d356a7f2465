"""One op of a recorded step: a call of a `Function`, with what it made and what came back to it."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.graph import Applied
from minidl.inspect.traced.elements.backward import gradient_calculation
from minidl.inspect.traced.elements.calculation import calculation
from minidl.inspect.traced.elements.result import Calculation
from minidl.inspect.traced.norms import norm, rms
from minidl.inspect.traced.tables import op_text
from minidl.messages import say

__all__ = ["Measured", "Op", "kernel_of", "name_of"]


class Measured(ABC):
    """What can be said of an output: shape, type, statistics, and how large its gradient is."""

    @property
    @abstractmethod
    def output(self) -> Array:
        """The array."""

    @property
    @abstractmethod
    def gradient(self) -> Array | None:
        """dL/d output."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the output."""
        return self.output.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the output."""
        return self.output.dtype

    @cached_property
    def mean(self) -> float:
        """Of the output; NaN if it is empty, as std, min and max."""
        return self._of_output(np.mean, dtype=np.float64)

    @cached_property
    def std(self) -> float:
        """Of the output."""
        return self._of_output(np.std, dtype=np.float64)

    @cached_property
    def min(self) -> float:
        """Of the output."""
        return self._of_output(np.min)

    @cached_property
    def max(self) -> float:
        """Of the output."""
        return self._of_output(np.max)

    @np.errstate(all="ignore")
    def _of_output(self, statistic: Callable[..., Any], **options: Any) -> float:
        return float(np.real(statistic(self.output, **options))) if self.output.size else np.nan

    @cached_property
    def gradient_norm(self) -> float | None:
        """The root of the sum of squares of dL/doutput; None where no gradient came."""
        return norm(self.gradient)

    @cached_property
    def gradient_rms(self) -> float | None:
        """The root of the mean square of dL/doutput: its size per number, whatever the shape."""
        return rms(self.gradient)


@dataclass(frozen=True, eq=False, repr=False)
class Op(Measured):
    """One op.

    Attributes:
        number: its place in the step, from 0.
        name: of the Function, without the word: "Dense", "LSTM", "Add".
        layer: where it ran: the name of the layer (as in `Trace.layers`), or "loss".
        kernel: "reference", or the kernel set whose forward ran: "cpu".
        inputs: where each input came from: "x", "dense/kernel", "#3" for op number 3, or a number.
        outputs: the arrays it made; most make one.
        gradients: dL/d each of them, None where none came back.
        seconds: of its forward, run once more on the same arrays, so that compiling is not in it.
        backward_seconds: of its backward, in the same way; None where there was none.
        applied: the call itself, as the tape has it.
    """

    number: int
    name: str
    layer: str
    kernel: str
    inputs: tuple[str, ...]
    outputs: tuple[Array, ...]
    gradients: tuple[Array | None, ...]
    seconds: float
    backward_seconds: float | None
    applied: Applied = field(repr=False)

    @property
    def output(self) -> Array:
        """The first of the outputs."""
        return self.outputs[0]

    @property
    def gradient(self) -> Array | None:
        """dL/d output."""
        return self.gradients[0]

    @property
    def input_shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shape of each input; () for a number."""
        return tuple(np.shape(array) for array in self.applied.arrays)

    def element(self, *index: int, output: int = 0) -> Calculation:
        """How one number of the output was computed, from its real operands.

        Args:
            index: its place, one number for each axis of the output.
            output: of which output, where there are several.

        Raises:
            ValueError: there is no such element.
        """
        return calculation(self.applied, index, output=output)

    def gradient_element(self, number: int, *index: int) -> Calculation:
        """How one number of the gradient of an input was computed, in the backward of this op alone.

        Where an array is used several times, its gradient is the sum of what all these ops send back.

        Args:
            number: of the input, as in `inputs`.
            index: its place, one number for each axis of that input.

        Raises:
            ValueError: no gradient came back to this op, or none goes to that element.
        """
        if all(dy is None for dy in self.gradients):
            raise ValueError(say(f"No gradient came back to #{self.number} {self.name}: trace it with y."))
        dy = self.gradients if self.applied.several else self.gradients[0]
        return gradient_calculation(self.applied, dy, number, index)

    def __str__(self) -> str:
        return op_text(self)

    def __repr__(self) -> str:
        return f"<Op #{self.number} {self.name} ({self.layer}) {self.shape}>"


def name_of(applied: Applied) -> str:
    """What the op is called."""
    if applied.function is not None:
        return str(applied.function.__name__).removesuffix("Function")
    made = applied.forward
    made = made.args[0] if isinstance(made, partial) else made
    return str(getattr(made, "__name__", "?")).strip("_<>")


def kernel_of(applied: Applied) -> str:
    """Whose forward ran."""
    module = getattr(applied.forward, "__module__", "")
    if applied.function is None or applied.forward is applied.function.forward:
        return "reference"
    return "gpu" if ".gpu" in module else "cpu"
