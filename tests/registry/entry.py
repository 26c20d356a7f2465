"""What the registry says about a differentiable thing, and one configuration of it.

An `Entry` has a strategy that draws an `Example`: a function of tensors, arrays to call it with, and what is true of
the function at these options: by which arrays it has gradients, in which of them it is linear, whether it takes complex
numbers, along which axes samples lie. The checks in tests/gradients hold each example to all of that.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

from minidl.gradcheck import gradcheck
from minidl.layers import Layer
from minidl.random import training_step
from minidl.tensor import Tensor, no_grad


@dataclass(eq=False)
class Example:
    """A function of tensors, to a tensor or several, and arrays for it.

    Attributes:
        function: takes a tensor for each array.
        arrays: floats as float64; whole numbers and None are passed on as they are.
        wanted: which arrays have a gradient; all that hold floats, if None.
        batch: for each array the axis along which samples lie, None for what all samples share (weights). None
            altogether where the function has no samples, or lets them see each other.
        batch_out: that axis of each output.
        linear: groups of arrays in which the function is linear, or affine, as long as the others stay.
        analytic: whether it takes complex numbers and has no kink, so that the complex step holds.
        views: whether an output may share its memory with an input, as NumPy's reshape does.
        keeps_type: whether float32 gives float32.
        repeats: whether a second call on the same tensors gives the same: not where each draws noise.
        text: the options, for the report of a failure.
    """

    function: Callable[..., Any]
    arrays: tuple[Any, ...]
    wanted: tuple[int, ...] | None = None
    batch: tuple[int | None, ...] | None = None
    batch_out: int = 0
    linear: tuple[tuple[int, ...], ...] = ()
    analytic: bool = False
    views: bool = False
    keeps_type: bool = True
    repeats: bool = True
    text: str = ""

    def leaves(self) -> list[int]:
        """The positions of the arrays that have a gradient."""
        floats = [i for i, a in enumerate(self.arrays) if a is not None and a.dtype.kind == "f"]
        return floats if self.wanted is None else [i for i in floats if i in self.wanted]

    def begin(self, arrays: Any) -> tuple[list[Any], Callable[[], Any]]:
        """The tensors that hold `arrays` (the arrays themselves, not copies), and a call of the function on them."""
        wanted = self.leaves()
        tensors = [
            a if a is None else Tensor(a, requires_grad=i in wanted and a.dtype.kind == "f")
            for i, a in enumerate(arrays)
        ]
        return tensors, lambda: self.function(*tensors)

    def differences(self) -> Any:
        """`gradcheck` of all that has a gradient."""
        wanted = self.leaves()

        def function(*leaves: Any) -> Any:
            given = [a if a is None else Tensor(a) for a in self.arrays]
            for i, leaf in zip(wanted, leaves, strict=True):
                given[i] = leaf
            return self.function(*given)

        return gradcheck(function, *(self.arrays[i] for i in wanted)) if wanted else None

    def __repr__(self) -> str:
        shapes = ", ".join("None" if a is None else f"{a.dtype}{list(a.shape)}" for a in self.arrays)
        return f"{type(self).__name__}({self.text} arrays: {shapes})"


class _Masked:
    """A layer whose input carries a mask, for `gradcheck`."""

    def __init__(self, example: "LayerExample", layer: Layer):
        self._example, self._layers, self.built = example, [layer], True
        self.weights, self.trainable_weights = layer.weights, layer.trainable_weights

    def __call__(self, x: Any, training: bool) -> Any:
        return self._example.called(self._layers[0], [x], self._example.arrays[-1], training)


@dataclass(eq=False, repr=False)
class LayerExample(Example):
    """A layer: its inputs come first among the arrays, then its trainable weights, then the mask if it is `masked`."""

    make: Callable[[str], Layer] = field(kw_only=True)
    inputs: int = 1
    training: bool = False
    masked: bool = False
    made: dict[str, tuple[Layer, list[Any]]] = field(default_factory=dict)

    def layer(self, dtype: str) -> Layer:
        """The layer of that type, with weights; its states are those of the beginning."""
        if dtype not in self.made:
            layer = self.make(dtype)
            xs = [Tensor(a.astype(dtype) if a.dtype.kind == "f" else a) for a in self.arrays[: self.inputs]]
            with no_grad(), training_step(0):
                self.called(layer, xs, None, training=False)
            trained = {id(v) for v in layer.trainable_weights}
            self.made[dtype] = (layer, [(v, v.data.copy()) for v in layer.weights if id(v) not in trained])
        layer, states = self.made[dtype]
        for v, value in states:
            v.data = value.copy()
        return layer

    @staticmethod
    def called(layer: Layer, xs: Any, mask: Any, training: bool) -> Any:
        if mask is not None:
            xs[0].mask = mask
        return layer(xs[0] if len(xs) == 1 else list(xs), training=training)

    def begin(self, arrays: Any) -> tuple[list[Any], Callable[[], Any]]:
        floats = [a.dtype for a in arrays if a is not None and a.dtype.kind in "fc"]
        layer = self.layer("float32" if floats and floats[0] == np.float32 else "float64")
        tensors, _ = super().begin(arrays[: self.inputs])
        mask, weights = arrays[-1] if self.masked else None, layer.trainable_weights
        for v, a in zip(weights, arrays[self.inputs : len(arrays) - self.masked], strict=True):
            v.data, v.grad = a, None
        leaves = [*tensors, *weights, *[None] * self.masked]
        return leaves, lambda: self.called(layer, tensors, mask, self.training)

    def differences(self) -> Any:
        layer, xs = self.layer("float64"), self.arrays[: self.inputs]
        for v, a in zip(
            layer.trainable_weights, self.arrays[self.inputs : len(self.arrays) - self.masked], strict=True
        ):
            v.data = a
        if not self.leaves():
            return None
        target = _Masked(self, layer) if self.masked else layer
        return gradcheck(target, xs[0] if len(xs) == 1 else list(xs), training=self.training)


@dataclass(frozen=True)
class Entry:
    """One differentiable thing.

    Attributes:
        name: unique, "kind: what".
        what: the function, class or key that is registered with this entry; what the completeness test looks for.
        examples: draws an Example.
        kernel: whether a kernel may run inside.
    """

    name: str
    what: Any
    examples: st.SearchStrategy[Example]
    kernel: bool = False

    def __repr__(self) -> str:
        return self.name
