"""Merge: the base of the layers that take a list of inputs, which are checked against each other at every call."""

from collections.abc import Sequence
from typing import Any

from minidl.backend import Array
from minidl.layers.base import Layer
from minidl.layers.checks import InputSpec
from minidl.layers.masks import wrong_mask
from minidl.messages import say
from minidl.symbolic import Shape
from minidl.tensor import Tensor

__all__ = ["Merge", "listed"]


class _FittingInputs(InputSpec):
    """A list of inputs that fit together: whether they do comes out when the shape of the output is computed."""

    def check(self, layer: Any, shape: Any) -> None:
        layer.compute_output_shape(shape)


class Merge(Layer):
    """A layer on a list of inputs, and without weights.

    A kind of merging defines `call` and `compute_output_shape`, which raises if the inputs do not fit.
    """

    input_spec = _FittingInputs()
    supports_masking = True
    repeats = True
    exactly: int | None = None  # how many inputs it takes; None for any number

    def call(self, inputs: list[Tensor], mask: Any = None) -> Tensor:
        raise NotImplementedError(say(f"{type(self).__name__} does not define call(self, inputs)."))

    def _shapes(self, input_shape: Any) -> list[Shape]:
        """The shapes of the inputs, if they are several and of one or more axes."""
        several = isinstance(input_shape, list | tuple) and len(input_shape) > 0
        if not (several and all(isinstance(s, list | tuple) for s in input_shape)):
            got = "an empty one" if input_shape in ([], (0,)) else f"one input of shape {input_shape}"
            raise ValueError(
                say(
                    f"{self} expects a list of inputs, got {got}. "
                    "Write layer([a, b]), where each is an array or a tensor."
                )
            )
        shapes = [tuple(s) for s in input_shape]
        if self.exactly is not None and len(shapes) != self.exactly:
            raise ValueError(
                say(
                    f"{self} expects a list of {self.exactly} inputs, got {len(shapes)}, of shape {listed(shapes)}."
                )
            )
        if () in shapes:
            raise ValueError(
                say(
                    f"{self} expects inputs with a batch axis, got shapes {listed(shapes)}. "
                    "Make a number a batch of one with np.reshape(x, (1,))."
                )
            )
        return shapes

    def _check_batches(self, shapes: Sequence[Shape]) -> None:
        sizes = sorted({s[0] for s in shapes if s[0] is not None})
        if len(sizes) > 1:
            raise ValueError(
                say(
                    f"{self} expects inputs with equally many samples, got shapes {listed(shapes)}: batches of "
                    f"{sizes[0]} and {sizes[-1]}. Give each input the same number of rows."
                )
            )

    def _masks(self, inputs: Sequence[Tensor], mask: Any) -> list[Array | None]:
        """The mask of each input."""
        if mask is None:
            return [None] * len(inputs)
        if not isinstance(mask, list | tuple) or len(mask) != len(inputs):
            got = f"{len(mask)} of them" if isinstance(mask, list | tuple) else "one mask"
            raise ValueError(
                say(
                    f"{self} expects mask to be a list of {len(inputs)}, one for each input or None, got {got}."
                )
            )
        for x, m in zip(inputs, mask, strict=True):
            if m is not None and (m.ndim == 0 or m.shape != x.shape[: m.ndim]):
                raise wrong_mask(self, m, x)
        return list(mask)


def listed(shapes: Sequence[Shape]) -> str:
    """Shapes in words, the first few of many.

    >>> listed([(None, 4), (None, 5)])
    '(None, 4) and (None, 5)'
    """
    words = [str(s) for s in shapes]
    words = words if len(words) <= 4 else [*words[:3], f"{len(words) - 3} more"]
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]
