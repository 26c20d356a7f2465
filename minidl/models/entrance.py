"""What a model takes: data of the shapes that its Inputs declare, give or take a last axis of size 1."""

import math
from collections.abc import Sequence
from typing import Any

from minidl.layers.checks import InputSpec
from minidl.messages import say
from minidl.symbolic import Shape, is_shape

__all__ = ["DeclaredShape", "DeclaredShapes", "of_rank"]


def of_rank(declared: Shape, shape: Shape) -> Shape:
    """`shape` with the axes of `declared`: a last axis of size 1 may be missing or too many, as in Keras.

    >>> of_rank((None, 1), (32,)), of_rank((None, 4), (32, 4, 1)), of_rank((None, 4), (32,))
    ((32, 1), (32, 4), (32,))
    """
    if len(shape) == len(declared) - 1 and declared[-1] == 1:
        return (*shape, 1)
    if len(shape) == len(declared) + 1 and shape[-1] == 1:
        return shape[:-1]
    return shape


class DeclaredShape(InputSpec):
    """Holds data against the shape of an Input, batch axis included.

    Only what was declared is held against. A size that a model without an Input has seen in its first batch
    is no promise: images may be larger next time.

    Args:
        shape: as the Input declares it.
        name: of the input, where there are several.
    """

    def __init__(self, shape: Shape, name: str | None = None):
        super().__init__()
        self.shape = shape
        self.name = name

    def check(self, layer: Any, shape: Shape) -> None:
        if isinstance(shape, tuple) and shape[1:] == self.shape[1:]:
            return
        if not is_shape(shape):
            raise ValueError(
                say(f"{layer} expects one input, got a list or dict of {len(shape)}. Pass one array.")
            )
        fitted = of_rank(self.shape, shape)
        if len(fitted) == len(self.shape) and all(
            wanted is None or size is None or wanted == size
            for wanted, size in zip(self.shape[1:], fitted[1:], strict=True)
        ):
            return
        which = "inputs" if self.name is None else f"an input {self.name!r}"
        raise ValueError(
            say(
                f"{layer} was made for {which} of shape {self.shape}, got {tuple(shape)}.{self._mend(tuple(shape))}"
            )
        )

    def _mend(self, shape: Shape) -> str:
        declared, got = self.shape[1:], shape[1:]
        if len(declared) > 1 and declared[0] in (None, shape[0]) and declared[1:] == got:
            if declared[0] is None:
                return f" Input expects the shape of one sample, without the batch axis: shape={got}."
            return (
                f" One sample needs a batch axis too: x[None]. If these are {shape[0]} samples, Input expects the shape of "
                f"one, without the batch axis: shape={got}."
            )
        if _fits(declared, shape):
            return " One sample needs a batch axis too: x[None]."
        if len(declared) == len(got):
            return _reordered(declared, got) or _other_sizes(declared, got)
        wanted, sizes = [n or 0 for n in declared], [n or 0 for n in got]
        if math.prod(wanted) == math.prod(sizes) > 0:
            return f" The sizes agree: x.reshape({(-1, *wanted)})."
        if len(got) < len(declared):
            return " An axis is missing: x[..., None] adds one at the end, x[:, None] one behind the batch."
        return " Remove the axes that are too many, with np.squeeze or reshape."


def _fits(declared: Shape, sizes: Shape) -> bool:
    """Whether a sample of these sizes is what was declared."""
    return len(declared) == len(sizes) and all(
        n is None or n == size for n, size in zip(declared, sizes, strict=True)
    )


def _reordered(declared: Shape, sizes: Shape) -> str:
    """The mend where the same axes come in another order; "" where they do not."""
    if len(sizes) == 2 and _fits(declared, sizes[::-1]):
        return " The two axes are swapped: np.swapaxes(x, 1, 2)."
    if len(sizes) == 3 and _fits(declared, (*sizes[1:], sizes[0])):
        return " The channels come first: np.moveaxis(x, 1, -1) makes them the last axis."
    return ""


def _other_sizes(declared: Shape, sizes: Shape) -> str:
    """Which axis has another size, and what can be done about it."""
    axis = next(i for i, (n, m) in enumerate(zip(declared, sizes, strict=True)) if n not in (None, m))
    told = f" Axis {axis + 1} has {sizes[axis]}, not {declared[axis]}."
    if axis == len(declared) - 1:
        return f"{told} Check which columns x has, or declare Input(shape={sizes})."
    free = (*(None if i == axis else n for i, n in enumerate(declared)),)
    return f"{told} Cut or pad the data, or declare it free: Input(shape={free})."


class DeclaredShapes(InputSpec):
    """Holds the data for each of one or several Inputs against its shape.

    Args:
        shapes: one for each input, batch axis included.
        names: of the inputs, for the errors.

    >>> spec = DeclaredShapes([(None, 3), (None, 2)], ["left", "right"])
    >>> spec.check("model", [(32, 3), (32, 4)])
    Traceback (most recent call last):
    ValueError: model was made for an input 'right' of shape (None, 2), got (32, 4). Axis 1 has 4, not 2. ...
    """

    def __init__(self, shapes: Sequence[Shape], names: Sequence[str]):
        super().__init__()
        self.names = list(names)
        shown = self.names if len(self.names) > 1 else [None]
        self.specs = [DeclaredShape(shape, name) for shape, name in zip(shapes, shown, strict=True)]

    def check(self, layer: Any, shape: Any) -> None:
        """Raise ValueError unless the shapes of the inputs fit `layer`.

        Args:
            layer: whom the errors name.
            shape: one shape, a list in the order of the inputs, or a dict, which goes by sorted keys.
        """
        one_or_more = [shape[key] for key in sorted(shape)] if isinstance(shape, dict) else shape
        shapes: list[Any] = [one_or_more] if is_shape(one_or_more) else list(one_or_more)
        if len(shapes) != len(self.specs):
            raise ValueError(
                say(
                    f"{layer} expects {len(self.specs)} inputs ({', '.join(self.names):.200}), got {len(shapes)}."
                )
            )
        for spec, each in zip(self.specs, shapes, strict=True):
            spec.check(layer, each)
        counts = {name: each[0] for name, each in zip(self.names, shapes, strict=True) if each[0] is not None}
        if len(set(counts.values())) > 1:
            told = ", ".join(f"{name!r} {n}" for name, n in counts.items())
            raise ValueError(say(f"{layer} expects as many samples of each input, got {told:.250}."))
