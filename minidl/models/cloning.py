"""clone_model: the same architecture once more, with weights of its own."""

from collections.abc import Callable
from typing import Any

from minidl.layers.base import Layer
from minidl.layers.core.lambda_layer import Lambda
from minidl.layers.holder import all_layers
from minidl.layers.known import layer_from
from minidl.messages import say
from minidl.models.functional import Functional
from minidl.models.model import Model
from minidl.models.sequential import Sequential
from minidl.models.wiring import repeated
from minidl.utils.checks import flag, shown
from minidl.utils.nested import flatten, mapped, packed

__all__ = ["clone_model"]


def clone_model(
    model: Model,
    input_tensors: Any = None,
    clone_function: Callable[[Layer], Layer] | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
) -> Model:
    """A new model of the same layers, with new weights; copy the old ones with `set_weights(model.get_weights())`.

    Args:
        model: a Sequential, a functional model, or one of a class with `get_config`.
        input_tensors: symbolic tensors to begin with, in place of copies of the model's Inputs.
        clone_function: gives the new layer for each old one, which may be of another kind. By default it is made from
            the old one's config. The Inputs are not asked about.
        call_function: called as call_function(new layer, *arguments) in place of calling the layer, to put something
            in front of it or behind it. For functional models.
        recursive: whether models inside are cloned layer by layer too, and not as one layer.

    Raises:
        ValueError: an argument is not for this kind of model; one with its own `call` is open to none but `model`.

    >>> from minidl.layers import Dense, Input
    >>> x = Input(shape=(4,))
    >>> model = Model(x, Dense(2, kernel_initializer="zeros")(x))
    >>> twin = clone_model(model)
    >>> twin.layers[1] is model.layers[1], twin.layers[1].name == model.layers[1].name
    (False, True)
    """
    if not isinstance(model, Model):
        raise ValueError(say(f"clone_model expects a model, got {shown(model)}."))
    for argument, function in (("clone_function", clone_function), ("call_function", call_function)):
        if function is not None and not callable(function):
            raise TypeError(
                say(f"clone_model expects {argument} to be a function or None, got {shown(function)}.")
            )
    recursive = flag("clone_model", "recursive", recursive)
    if not isinstance(model, Sequential | Functional):
        if input_tensors is not None or clone_function is not None or call_function is not None:
            raise ValueError(
                say(
                    f"{model} has its own call(), which clone_model cannot look into: it can only be made again as a whole."
                )
            )
        return _from_config(model)  # type: ignore[return-value]
    make = clone_function or _from_config

    def copied(layer: Layer) -> Layer:
        if recursive and isinstance(layer, Sequential | Functional):
            wiring = None if isinstance(layer, Sequential) else call_function
            return clone_model(layer, None, clone_function, wiring, True)
        new = make(layer)
        if not isinstance(new, Layer):
            raise ValueError(say(f"clone_function must give a layer for {layer}, got {new!r:.60}."))
        return new

    if isinstance(model, Sequential):
        if call_function is not None:
            raise ValueError(
                say(f"{model} is a chain: clone_model uses call_function for functional models only.")
            )
        return _cloned_chain(model, input_tensors, copied)
    call = call_function or (lambda layer, *args, **kwargs: layer(*args, **kwargs))
    return _cloned_graph(model, input_tensors, copied, call)


def _from_config(layer: Layer) -> Layer:
    if isinstance(layer, Lambda):
        return layer._again()
    inside = {type(part).__name__: type(part) for part in all_layers(layer)}  # a clone may need them again
    config = {"class_name": type(layer).__name__, "config": layer.get_config()}
    return layer_from(config, inside)


def _cloned_chain(model: Sequential, input_tensors: Any, copied: Callable[[Layer], Layer]) -> Sequential:
    clone = Sequential(name=model.name)
    given = flatten(input_tensors) if input_tensors is not None else []
    if given:
        clone.add(given[0])
    elif model.input_spec is not None:  # an Input was declared
        clone.add(_from_config(model.inputs[0].maker))
    for layer in model.layers:
        clone.add(copied(layer))
    if model.built and not clone.built:
        clone.build(model.input_shape)
    clone._trainable = model.trainable  # each layer has brought its own
    return clone


def _cloned_graph(
    model: Any, input_tensors: Any, copied: Callable[[Layer], Layer], call_layer: Callable[..., Any]
) -> Functional:
    given = (
        [_from_config(x.maker).output for x in model.inputs]
        if input_tensors is None
        else flatten(input_tensors)
    )
    if len(given) != len(model.inputs):
        raise ValueError(say(f"clone_model expects {len(model.inputs)} input_tensors, got {len(given)}."))
    layers: dict[int, Layer] = {}

    def call_copy(layer: Layer, *args: Any, **kwargs: Any) -> Any:
        if id(layer) not in layers:
            layers[id(layer)] = copied(layer)
        return call_layer(layers[id(layer)], *args, **kwargs)

    new = repeated(model.calls, dict(zip(map(id, model.inputs), given, strict=True)), call_copy)
    inputs = packed(model.input, given)
    outputs = mapped(lambda y: new[id(y)], model.output)
    clone = Functional(inputs, outputs, name=model.name)
    clone._trainable = model.trainable  # each layer has brought its own
    return clone
