"""What is switched on while a model runs is off again when it has run, whatever happened."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from minidl import graph
from minidl.devices import current_device, device
from minidl.layers import context
from minidl.models.placing import home_of
from minidl.random import streams
from minidl.utils.keywords import check_given

__all__ = ["modes_restored"]

Call = TypeVar("Call", bound=Callable[..., Any])


def modes_restored(call: Call) -> Call:
    """Decorator for the calls of a model from outside.

    Each `with` block restores what it has changed, but a Ctrl-C can arrive in the very moment when one begins
    or ends, and then its end does not run: gradients stay off, say, and the next `fit` finds no graph. Around
    the whole call it is put right.
    """

    @functools.wraps(call)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        running, training = context.mode.context, context.mode.training
        gradients, tape, step = graph.mode.grad_enabled, graph.mode.tape, streams.current_step()
        try:
            there = home_of(args[0]) if args else current_device()
            if there == current_device() == "cpu":
                return call(*args, **kwargs)
            with device(there):  # where a layer inside makes new arrays
                return call(*args, **kwargs)
        except TypeError:
            check_given(call, args, kwargs)
            raise
        finally:
            context.mode.context, context.mode.training = running, training
            graph.mode.grad_enabled, graph.mode.tape = gradients, tape
            if streams.current_step() is not step:
                streams.resume_step(step)

    return wrapped  # type: ignore[return-value]
