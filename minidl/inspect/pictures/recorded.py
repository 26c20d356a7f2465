"""What pictures of a training step begin with: the step, recorded by `minidl.inspect.trace`."""

from typing import Any

from minidl.backend import Array
from minidl.devices import to_device
from minidl.inspect.pictures.chosen import named_layer
from minidl.inspect.traced import LayerTrace, Trace, trace
from minidl.layers.base import Layer
from minidl.layers.recurrent.rnn import RNN
from minidl.messages import say
from minidl.models.data import Batch, checked_array
from minidl.models.model import Model
from minidl.models.placing import home_of, moved
from minidl.utils.checks import shown
from minidl.utils.nested import mapped

__all__ = ["first_samples", "recurrent_calls", "step_of"]


def step_of(owner: str, target: Any, x: Any, y: Any = None, takes: str = "model, x, y") -> Trace:
    """The recorded step: `target` itself, or one made of a model or layer and its data, which is what `owner` takes.

    Raises:
        TypeError: `target` is something else.
        ValueError: there is no x.
    """
    if isinstance(target, Trace):
        return target
    if not isinstance(target, Layer):
        raise TypeError(
            say(f"{owner} expects a model with data, or what trace returned, got {shown(target)}.")
        )
    if x is None:
        raise ValueError(say(f"{owner} expects data for {target.name}, one batch of it: {owner}({takes})."))
    return trace(target, x, y)


def recurrent_calls(
    owner: str,
    target: Any,
    x: Any,
    y: Any = None,
    layer: str | int | None = None,
    takes: str = "model, x, y",
) -> list[LayerTrace]:
    """The calls of recurrent layers in a recorded step, those inside of others (Bidirectional) too.

    Args:
        layer: to see the calls of this one alone: its name as in the trace, or its index in a model.
        takes: what `owner` is to be called with, for the message that x is missing.

    Raises:
        ValueError: there are none, or no layer with that name.
    """
    if isinstance(target, LayerTrace):
        calls, name = [target], target.name
    elif layer is not None:
        name = layer if isinstance(layer, str) else named_layer(owner, target, layer).name
        step = step_of(owner, target, x, y, takes)
        try:
            calls = [step[name]]
        except KeyError as error:
            raise ValueError(error.args[0]) from None
    else:
        step = step_of(owner, target, x, y, takes)
        calls, name = list(step.calls), step.name
    found = [inner for call in calls for inner in (call, *_inside(call)) if isinstance(inner.layer, RNN)]
    if not found:
        raise ValueError(
            say(f"{owner} draws recurrent layers (LSTM, GRU, SimpleRNN, RNN), and {name} has none.")
        )
    return list({id(call): call for call in found}.values())


def _inside(call: LayerTrace) -> list[LayerTrace]:
    return [one for inner in call.inner for one in (inner, *_inside(inner))]


def first_samples(target: Any, x: Any) -> Any:
    """The first sample, as a batch of one; for a model made for batches of one size, a whole one.

    `x` may be a sample by itself, without a batch axis, where it is known how many axes there should be.
    """
    if not isinstance(target, Model):
        array = checked_array(x, "x")
        axes = None if target.input_spec is None else target.input_spec.axes
        return to_device(_first(array, None if axes is None else len(axes)), home_of(target))
    arrange = target._arrangement()
    expected = arrange.expected
    if arrange.one_input and expected is not None:
        x = _first(checked_array(x, "x"), len(expected), expected[0] or 1)
    else:
        x = mapped(lambda a: a[:1], arrange.only_x(x))
    return moved(Batch(arrange.only_x(x)), home_of(target)).x


def _first(array: Array, axes: int | None, samples: int = 1) -> Array:
    return array[None] if array.ndim + 1 == axes else array[:samples]
