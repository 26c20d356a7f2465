"""One call of a layer in a recorded step, and each of its weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.inspect.traced.elements.calculation import calculation
from minidl.inspect.traced.elements.calls import parameters
from minidl.inspect.traced.elements.joined import joined, place_of
from minidl.inspect.traced.elements.result import Calculation
from minidl.inspect.traced.html import layer_html
from minidl.inspect.traced.norms import norm
from minidl.inspect.traced.ops import Measured, Op
from minidl.inspect.traced.steps import Steps, has_steps, steps_of
from minidl.inspect.traced.tables import layer_text
from minidl.messages import say

__all__ = ["LayerTrace", "WeightTrace"]


@dataclass(frozen=True, eq=False, repr=False)
class WeightTrace:
    """A weight, as it was before the step.

    Attributes:
        name: layer and weight, "dense/kernel".
        value: the array.
        trainable: whether training changes it.
        gradient: dL/dweight, with what penalties add; None where no gradient came.
        update: what the step adds to it; None where there was no update, zeros where it was frozen.
    """

    name: str
    value: Array
    trainable: bool
    gradient: Array | None
    update: Array | None

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        return self.value.shape

    @cached_property
    def norm(self) -> float:
        """The root of the sum of its squares."""
        return norm(self.value) or 0.0

    @cached_property
    def gradient_norm(self) -> float | None:
        """The same of its gradient."""
        return norm(self.gradient)

    @cached_property
    def update_norm(self) -> float | None:
        """The same of its update."""
        return norm(self.update)

    def __repr__(self) -> str:
        return f"<WeightTrace {self.name} {self.shape}>"


@dataclass(frozen=True, eq=False, repr=False)
class LayerTrace(Measured):
    """One call of a layer.

    Attributes:
        name: of the layer, with the models around it: "encoder/dense"; "dense[1]" for its second call of several.
        kind: its class; "operations" for what a model computes outside of its layers; "loss".
        ops: those that ran in it, in order, those of layers inside included.
        inputs, outputs: arrays.
        gradients: dL/d each output; None where none came back. Where the loss works on the numbers in front of the
            last activation (a cross-entropy on the logits of a softmax), it is theirs, and `in_front` is true.
        input_gradients: dL/d each input.
        weights: all of the layer's.
        inner: the calls of layers inside, for Bidirectional, TimeDistributed and the like.
        layer: the layer itself, in the copy that ran; None for "loss".
    """

    name: str
    kind: str
    ops: tuple[Op, ...]
    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...]
    gradients: tuple[Array | None, ...]
    input_gradients: tuple[Array | None, ...]
    weights: tuple[WeightTrace, ...]
    inner: tuple["LayerTrace", ...]
    layer: Any
    in_front: bool = False

    @property
    def output(self) -> Array:
        """The first output; an empty array if there is none."""
        return self.outputs[0] if self.outputs else np.zeros(0)

    @property
    def gradient(self) -> Array | None:
        """dL/d output."""
        return self.gradients[0] if self.gradients else None

    @property
    def weight_gradient_norm(self) -> float | None:
        """The root of the sum of squares of all dL/dweight; None if no weight got a gradient."""
        return _together([w.gradient_norm for w in self.weights])

    @property
    def update_norm(self) -> float | None:
        """The same of all updates of trainable weights."""
        return _together([w.update_norm for w in self.weights if w.trainable])

    @property
    def seconds(self) -> float:
        """Of the forward of its ops."""
        return sum(op.seconds for op in self.ops)

    @property
    def backward_seconds(self) -> float | None:
        """Of the backward of its ops; None where none ran."""
        ran = [op.backward_seconds for op in self.ops if op.backward_seconds is not None]
        return sum(ran) if ran else None

    def element(self, *index: int) -> Calculation:
        """How one number of the output was computed: by the last op of the layer, and by the one in front of that.

        In `relu(z)` of a Dense layer, z has a line of its own. For all others ask `ops`.

        Raises:
            ValueError: no op of this layer made its output.
        """
        for op in reversed(self.ops):
            for i, array in enumerate(op.outputs):
                if array is self.output:
                    return self._calculated(op, index, i)
        raise ValueError(say(f"{self.name} hands on its input: there is nothing that it computes."))

    def _calculated(self, op: Op, index: tuple[int, ...], output: int) -> Calculation:
        """The calculation by `op`, and by the op of this layer that its first input came from."""
        source = next((one for one in self.ops if op.inputs and f"#{one.number}" == op.inputs[0]), None)
        if source is None:
            return op.element(*index, output=output)
        told = calculation(op.applied, index, ["z", *parameters(op.applied)[1:]], output)
        place = place_of(told, "z")
        whole = None if place is None else joined(told, "z", source.element(*place))
        if whole is not None:
            return whole
        example = ", ".join(map(str, index)) if source.shape == op.shape else "..."
        note = say(
            f"z is what #{source.number} {source.name} made: trace[{source.number}].element({example}) tells how."
        )
        return Calculation(told.name, told.formula, told.recorded, (*told.notes, note))

    def gradient_element(self, weight: str, *index: int) -> Calculation:
        """How one number of dL/dweight was computed: `trace["conv2d"].gradient_element("kernel", 1, 1, 0, 2)`.

        Args:
            weight: its name, with or without the layer's in front.
            index: one number for each axis of the weight.

        Raises:
            ValueError: no op of this layer takes such a weight, or several do: then ask these, in `ops`.
        """
        takers = [
            (op, i)
            for op in self.ops
            for i, name in enumerate(op.inputs)
            if name == weight or name.endswith(f"/{weight}")
        ]
        if not takers:
            names = ", ".join(w.name for w in self.weights) or "-"
            raise ValueError(
                say(f"No op of {self.name} takes a weight called {weight!r:.60}. Its weights: {names:.200}.")
            )
        if len(takers) > 1:
            numbers = ", ".join(f"#{op.number}" for op, _ in takers)
            raise ValueError(
                say(
                    f"Several ops of {self.name} take a weight called {weight!r:.60}: {numbers}. Ask one of them, or give "
                    "the whole name of the weight."
                )
            )
        ((op, number),) = takers
        return op.gradient_element(number, *index)

    @property
    def has_steps(self) -> bool:
        """Whether it is a recurrent layer whose time steps can be seen."""
        return has_steps(self)

    @cached_property
    def steps(self) -> Steps:
        """The time steps of a recurrent layer.

        Raises:
            ValueError: it is none, or its steps are those of the layers inside.
        """
        return steps_of(self)

    def __str__(self) -> str:
        return layer_text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return layer_html(self)


def _together(norms: Sequence[float | None]) -> float | None:
    known = [n for n in norms if n is not None]
    return float(np.sqrt(sum(n * n for n in known))) if known else None
