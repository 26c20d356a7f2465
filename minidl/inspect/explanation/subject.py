"""What is explained: the layer or model that was given, or a copy of it that is built for the input shape in question.

Nothing is done to the original: what has to be built, run or laid out is a copy.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from minidl.layers.base import Layer
from minidl.messages import say
from minidl.models.aside import copied
from minidl.symbolic import Shape, SymbolicTensor, is_shape
from minidl.utils.checks import shown
from minidl.utils.nested import flatten, mapped

__all__ = ["Subject", "subject_of"]


class Subject(NamedTuple):
    """What is explained.

    Args:
        layer: a copy of what was given; built.
        inputs, outputs: symbolic tensors, or structures of them.
        resized: whether the inputs are others than those that the layers inside were laid out for.
    """

    layer: Any
    inputs: Any
    outputs: Any
    resized: bool


def subject_of(target: Any, input_shape: Any = None) -> Subject:
    """A copy of `target` with its inputs and outputs, for the shapes that it was built for or for `input_shape`.

    Raises:
        TypeError: it is no layer or model.
        ValueError: no input shape is known, or the one given does not fit.
    """
    if not isinstance(target, Layer):
        mend = f" Make an instance: {target.__name__:.40}(...)." if isinstance(target, type) else ""
        raise TypeError(say(f"explain expects a layer or a model, got {shown(target)}.{mend}"))
    if input_shape is not None:
        return _laid_out(target, input_shape)
    if not target.built:
        if target.input_shape_hint is None:
            raise ValueError(
                say(
                    f"{target} is not built yet, so explain needs the shape of one sample, without the batch axis: "
                    "explain(layer, input_shape=(4, 32))."
                )
            )
        return _laid_out(target, target.input_shape_hint)
    twin = copied(target)
    if getattr(twin, "calls", None):
        return Subject(twin, twin.input, twin.output, False)
    if target._calls:
        call = target._calls[-1]
        return Subject(twin, call.args[0] if call.args else call.output, call.output, False)
    return _laid_out(target, target._built_for)


def _laid_out(target: Layer, input_shape: Any) -> Subject:
    """A copy of `target` behind symbolic tensors of this shape, read first without a batch axis, then with one.

    None in front looks like a batch axis, and is read as one first: (None, 4) may also be a series of any length.
    """
    if not _is_structure(input_shape):
        raise TypeError(
            say(f"explain expects input_shape as a tuple, such as (28, 28, 1), got {shown(input_shape)}.")
        )
    readings = [True, False] if _begins_with_none(input_shape) else [False, True]
    failures: list[Exception] = []
    for has_batch in readings:
        twin, inputs = copied(target), mapped(_SYMBOLIC[has_batch], input_shape, is_shape)
        try:
            return Subject(twin, inputs, twin(inputs), target.built)
        except (TypeError, ValueError) as error:
            failures.append(error)
    raise failures[0]


_SYMBOLIC: dict[bool, Callable[[Shape], SymbolicTensor]] = {
    True: lambda shape: SymbolicTensor(shape),
    False: lambda shape: SymbolicTensor((None, *shape)),
}


def _is_structure(shapes: Any) -> bool:
    """Whether this is a shape, or a list, tuple or dict of shapes."""
    if not isinstance(shapes, list | tuple | dict):
        return False
    return is_shape(shapes) or all(map(is_shape, flatten(shapes, is_shape)))


def _begins_with_none(shapes: Any) -> bool:
    return all(shape and shape[0] is None for shape in flatten(shapes, is_shape))
