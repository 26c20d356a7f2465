"""Layers called on symbolic tensors: the weights are made, the shape of the output is found, and the call is noted."""

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minidl.devices import is_array, to_device
from minidl.layers.holder import all_layers
from minidl.layers.trail import laid_out_behind
from minidl.messages import say
from minidl.symbolic import Call, SymbolicTensor, is_shape, is_symbolic, shapes_of
from minidl.tensor import Tensor, no_grad
from minidl.utils.nested import flatten, mapped, packed

__all__ = ["LARGEST_SAMPLE", "any_symbolic", "lay_out", "run_on_zeros", "snapshot", "symbolic_tensors"]

LARGEST_SAMPLE = 1 << 28  # numbers; 1 GiB of float32
# What None in a shape may be, on the batch axis and elsewhere: a size that follows it becomes None in the output. Large
# ones first, since windows need room, and 64 and 96 differ even when they were halved five times.
_STAND_INS = (((2, 64), (3, 96)), ((2, 2), (3, 3)))


def lay_out(
    layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], training: bool | None = None, mask: Any = None
) -> Any:
    """The output of `layer` for these arguments, as symbolic tensors. A call that fails leaves the layer as it was.

    Args:
        args, kwargs: what its `call` takes, with symbolic tensors for data to come.
        training, mask: what later calls are to be given, in place of what goes for the model around the layer.

    Raises:
        TypeError: its `call` does not take such arguments, or data stands in place of the input.
        ValueError: the shapes do not fit.
    """
    try:
        inspect.signature(layer.call).bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(say(f"{layer} cannot be called like this: {error}.")) from None
    if not all(isinstance(x, SymbolicTensor) for x in flatten(args[0])):
        raise TypeError(
            say(f"{layer} expects symbolic tensors as its input here, or data everywhere. Got a mixture.")
        )
    restore = snapshot(layer)
    try:
        with laid_out_behind(args[0]):
            layer.build(shapes_of(args[0]))  # of a layer that is built, this only checks the shape
            shapes, dtypes = layer._symbolic_output(args, kwargs)
        if not _has_all_weights(layer):  # an activation with weights, say, finds its shape only in a run
            quiet = {"training": False} if layer._takes_training else {}
            run_on_zeros(layer.call, args, quiet | kwargs, layer.dtype if layer.autocast else None)
    except BaseException:
        restore()
        raise
    options = {**kwargs, "training": training, "mask": mask}
    call = Call(layer, args, {name: value for name, value in options.items() if value is not None})
    return call.give(symbolic_tensors(layer, shapes, dtypes))


def _has_all_weights(layer: Any) -> bool:
    """Whether the layers inside are built too."""
    return all(part.built for part in all_layers(layer) if part is not layer)


def symbolic_tensors(layer: Any, shapes: Any, dtypes: list[str] | str) -> Any:
    """Symbolic tensors for a shape or a structure of shapes."""
    name = f"{layer.name}_output"
    for shape in [shapes] if is_shape(shapes) else flatten(shapes, is_shape):
        _check_size(layer, shape)
    if is_shape(shapes):
        return SymbolicTensor(shapes, dtypes if isinstance(dtypes, str) else dtypes[0], name)
    several = flatten(shapes, is_shape)
    kinds = [dtypes] * len(several) if isinstance(dtypes, str) else dtypes
    made = [SymbolicTensor(s, t, f"{name}_{i}") for i, (s, t) in enumerate(zip(several, kinds, strict=True))]
    return packed(shapes, made, is_shape)


def _check_size(layer: Any, shape: tuple[int | None, ...]) -> None:
    """Refuse an output that no memory holds, or a file that asks for one: RepeatVector(2**40)."""
    if math.prod(n or 1 for n in shape[1:]) > LARGEST_SAMPLE:
        raise ValueError(
            say(
                f"{layer} would make {shape} of one sample, which is more than {LARGEST_SAMPLE:,} numbers. "
                "Are its sizes right?"
            )
        )


def run_on_zeros(
    function: Callable[..., Any], args: Any, kwargs: dict[str, Any], dtype: str | None = None
) -> Any:
    """Shapes and types of what `function` makes of these arguments, found by running it twice on zeros.

    An axis whose size differs between the runs is one of those that may have any size.

    Args:
        args, kwargs: with symbolic tensors for data to come.
        dtype: that of the zeros, if not that of the symbolic tensors.

    Returns:
        The shapes, in the structure of the output, and a list of the types.
    """
    large, small = _STAND_INS
    try:
        runs = [_run(function, args, kwargs, dtype, *sizes) for sizes in large]
    except Exception as error:
        try:  # too large for a table of positions, or there was more than one axis that was the batch
            runs = [_run(function, args, kwargs, dtype, *sizes) for sizes in small]
        except Exception:
            raise error from None
    one, other = (flatten(run) for run in runs)
    if any(y is None for y in one):
        raise TypeError(
            say(
                f"{getattr(function, '__self__', 'The function')} returned None in place of a tensor. "
                "Does its call end with a return?"
            )
        )
    shapes = [
        tuple(n if n == m else None for n, m in zip(np.shape(a), np.shape(b), strict=True))
        for a, b in zip(one, other, strict=True)
    ]
    dtypes = [str(getattr(y, "dtype", "float32")) for y in one]
    return (shapes[0] if not isinstance(runs[0], list | tuple | dict) else packed(runs[0], shapes)), dtypes


def _run(
    function: Callable[..., Any], args: Any, kwargs: dict[str, Any], dtype: str | None, batch: int, size: int
) -> Any:
    """What `function` makes of zeros, with these sizes in place of None."""

    def zeros(x: Any) -> Any:
        if not isinstance(x, SymbolicTensor):
            return x
        shape = [n if n is not None else size if i else batch for i, n in enumerate(x.shape)]
        return Tensor(to_device(np.zeros(shape, dtype or x.dtype)))

    with no_grad(), np.errstate(all="ignore"):  # 0/0, say
        return function(*mapped(zeros, args), **mapped(zeros, kwargs))


def snapshot(layer: Any) -> Callable[[], None]:
    """A function that gives a layer, and the layers inside it, back what they hold now."""
    state = dict(layer.__dict__)
    lists = ("_variables", "_frozen_variables", "_noted_layers", "_calls")
    state |= {name: list(state[name]) for name in lists}
    state["_containers"] = dict(state["_containers"])
    inner = [snapshot(part) for part in layer._layers]

    def restore() -> None:
        layer.__dict__.clear()
        layer.__dict__.update(state)
        for part in inner:
            part()

    return restore


def any_symbolic(inputs: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a layer was called on symbolic tensors. Asked at every call, so the common cases come first."""
    if (isinstance(inputs, Tensor) or is_array(inputs)) and not args and not kwargs:
        return False
    return is_symbolic(inputs, args, kwargs)
