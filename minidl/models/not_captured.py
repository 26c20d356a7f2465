"""Why the steps of a `fit` are not given to a GPU as one graph, in words: `History.captured` says them.

What could go wrong silently is asked before the first step (`why_not`): a layer that does something else with the next batch
would do the same for ever in a graph. What goes wrong loudly is tried: CUDA and CuPy refuse to record it, and `in_words` says
what they mean.
"""

from typing import Any

from minidl.layers.core.operation import Operation
from minidl.layers.recurrent.rnn import RNN
from minidl.messages import say
from minidl.models.replay import PENALTIES, is_own, repeats
from minidl.models.sources import ArraySource
from minidl.optimizers.base import Optimizer

__all__ = ["in_words", "why_not"]


def why_not(model: Any, data: Any, class_weight: Any) -> str | None:
    """What speaks against capturing the steps of a `fit` on a GPU, in words; None where nothing is known to."""
    if not isinstance(data, ArraySource):
        return say("the batches come from a generator")
    if class_weight is not None or data.data.sample_weight is not None:
        return say("samples have weights")
    for layer in model.layers:
        if not repeats(layer):
            return _why_not_layer(layer)
    if not model._repeats:
        return say("the model or its loss computes in a way of its own")
    for metric, *_ in model.scores.given:
        if not isinstance(metric, str) and not _is_own_metric(metric):
            return say("a metric is not one of minidl's")
    return _why_not_optimizer(model.optimizer)


def _why_not_layer(layer: Any) -> str:
    """The first thing about a layer, or one inside it, that a graph could not do again."""
    if type(layer) is Operation:
        return say(f"{layer.name} calls minidl.ops.{layer.function}, which is not captured")
    if not is_own(layer):
        return say(f"{layer.name} computes something of your own, which may change")
    if layer.activity_regularizer is not None:
        return say(f"{layer.name} has an activity_regularizer")
    if any(type(v.regularizer) not in PENALTIES for v in layer._variables):
        return say(f"{layer.name} has a regularizer other than L1 and L2")
    for inner in getattr(layer, "operations", layer._layers):
        if not repeats(inner):
            return _why_not_layer(inner)
    if isinstance(layer, RNN) and layer.stateful:
        return say(f"{layer.name} keeps its state for the next batch")
    if getattr(layer, "dropout", 0) or getattr(layer, "recurrent_dropout", 0):
        return say(f"{layer.name} draws on the host what it drops")
    return say(f"{layer.name}: a {type(layer).__name__} is not captured")


def _is_own_metric(metric: Any) -> bool:
    function = getattr(metric, "_fn", metric)
    homes = (type(metric).__module__, getattr(function, "__module__", ""))
    return not callable(metric) or all(home.startswith(("minidl.", "builtins")) for home in homes)


def _why_not_optimizer(optimizer: Any) -> str | None:
    rule = type(optimizer)
    own = {"step", "update"} & vars(optimizer).keys() or not rule.__module__.startswith("minidl.")
    if own or rule.step is not Optimizer.step or rule.captured_rate is None:
        return say(f"{rule.__name__} computes with the number of the step on the host")
    if optimizer.clipnorm is not None or optimizer.global_clipnorm is not None:
        return say("clipping waits for the norm of the gradients")
    if any(v.constraint is not None for v in optimizer.flat.variables):
        return say("weights have constraints")
    return None if len(optimizer.flat.groups) == 1 else say("weights are of several types")


def in_words(error: BaseException) -> str:
    """What it means that a step cannot be recorded, from what CUDA or CuPy says.

    >>> in_words(RuntimeError("cudaErrorStreamCaptureUnsupported: operation not permitted when stream is capturing"))
    'the step cannot be recorded: something in it waits for the GPU, or copies from or to it'
    """
    text = f"{type(error).__name__} {error}".lower()
    if isinstance(error, LookupError) and type(error) is LookupError:
        return str(error)
    if isinstance(error, MemoryError) or "outofmemory" in text or "memoryallocation" in text:
        return say("the step cannot be recorded: the memory of the GPU does not suffice")
    if any(
        library in text for library in ("cublas", "cusolver", "cusparse", "curand", "cufft", "thrust", "cub ")
    ):
        return say(
            "the step cannot be recorded: something in it needs a library that CuPy does not call meanwhile"
        )
    if any(word in text for word in ("capturing", "capture", "implicit conversion")):
        return say("the step cannot be recorded: something in it waits for the GPU, or copies from or to it")
    return say(f"the step cannot be recorded: a {type(error).__name__} came in between")
