"""explain: a layer or model told in its own figures.

    subject     what is explained: the layer, or a copy that is built for the shape in question
    places      for each layer in it the shapes that go in and come out, and its neighbours
    weights     its arrays, one by one
    memory      bytes, in inference and in training
    hints       what is easily misunderstood

Nothing is worked out here: each of these is asked, and the answers are put together.
"""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from minidl.devices import device
from minidl.inspect.equations import told
from minidl.inspect.explanation.explanation import Explanation
from minidl.inspect.explanation.facts import LayerExplanation, Memory
from minidl.inspect.explanation.hints import ONCE, hints_of
from minidl.inspect.explanation.memory import kept_by_layers
from minidl.inspect.explanation.places import Place, bytes_of, places_in, shapes_in, unique
from minidl.inspect.explanation.subject import Subject, subject_of
from minidl.inspect.explanation.weights import weights_of
from minidl.layers.merge.base import Merge
from minidl.layers.recurrent.time_distributed import TimeDistributed
from minidl.models.aside import undisturbed
from minidl.models.parts import is_block
from minidl.models.shapes import kind_of
from minidl.symbolic import SymbolicTensor
from minidl.utils.nested import flatten

__all__ = ["explain"]


def explain(target: Any, input_shape: Any = None) -> Explanation:
    """Tell of a layer, or of each layer of a model, what it computes and where its numbers come from.

    That is: its equations with its own sizes filled in; each array of weights, how many numbers it has and why; how the
    shape of the output comes about; multiplications and bytes; and sentences on what is easily misunderstood.
    Printed, it is text of 80 columns at most; in a notebook it shows itself as HTML. The language is that of
    `minidl.messages`. What is explained stays as it was: what has to be built or run is a copy.

    Args:
        target: layer or model.
        input_shape: of one sample, as `Input` takes it, (4, 32); also understood with a batch axis, (None, 4, 32). For
            several inputs a list of shapes. Needed for what is not built yet; otherwise it replaces the shape that is
            known.

    Returns:
        An `Explanation`; `["name"]` is that of one layer of a model.

    Raises:
        TypeError: `target` is no layer.
        ValueError: it is not built and no `input_shape` is given, or that does not fit.

    >>> from minidl.layers import LSTM
    >>> lstm = explain(LSTM(32, name="lstm"), input_shape=(4, 32))
    >>> lstm.parameters, lstm.layers[0].parameter_formula
    (8320, '(32 + 32 + 1)·4·32')
    >>> for weight in lstm.layers[0].weights:
    ...     print(weight.name, weight.shape, weight.formula, weight.count)
    kernel (32, 128) 32·4·32 4096
    recurrent_kernel (32, 128) 32·4·32 4096
    bias (128,) 4·32 128
    >>> lstm.layers[0].output_shapes
    ((None, 32),)
    """
    with undisturbed(), device("cpu"):
        subject = subject_of(target, input_shape)
        layer = subject.layer
        tree = _tree(subject)
        slots = _slots(layer)
        kept = kept_by_layers(layer, subject.inputs, [branch.place.layer for branch in _leaves(tree)])
        explained = [_explained(branch, slots, kept) for branch in tree]
        work = told(layer, shapes_in(subject.inputs), shapes_in(subject.outputs)).work
    output = _bytes_of(flatten(subject.outputs))
    return Explanation(
        name=layer.name,
        kind=kind_of(layer),
        layers=_said_once(explained, set()),
        parameters=layer.count_params(),
        trainable_parameters=sum(v.size for v in layer.trainable_weights),
        non_trainable_parameters=sum(v.size for v in layer.non_trainable_weights),
        multiplications=work.count,
        memory=_memory(layer, slots, output, None if kept is None else sum(kept.values())),
        optimizer=type(layer.optimizer).__name__ if slots is not None else None,
    )


class _Branch(NamedTuple):
    """A layer where it stands, and the layers of a model or block inside it."""

    place: Place
    inside: list["_Branch"]


def _tree(subject: Subject) -> list[_Branch]:
    layer, inputs, outputs, _ = subject
    if is_block(layer):
        return _branches(places_in(layer, inputs, subject.resized))
    calls = ((shapes_in(inputs), shapes_in(outputs)),)
    before = unique(x.maker for x in flatten(inputs) if isinstance(x, SymbolicTensor))
    return [_Branch(Place(layer, calls, before, memory=_bytes_of(flatten(outputs))), [])]


def _branches(places: list[Place]) -> list[_Branch]:
    branches = []
    for place in places:
        inside = []
        if is_block(place.layer) and place.inputs:
            symbols = [SymbolicTensor(shape) for shape in place.inputs]
            ends = getattr(place.layer, "inputs", None)
            resized = ends is None or shapes_in(ends) != place.inputs
            inside = _branches(places_in(place.layer, symbols[0] if len(symbols) == 1 else symbols, resized))
        branches.append(_Branch(place, inside))
    return branches


def _leaves(tree: list[_Branch]) -> list[_Branch]:
    return [leaf for branch in tree for leaf in (_leaves(branch.inside) if branch.inside else [branch])]


def _explained(branch: _Branch, slots: int | None, kept: Mapping[int, int] | None) -> LayerExplanation:
    place, layer = branch.place, branch.place.layer
    leaves = _leaves([branch])
    bytes_kept = None if kept is None else sum(kept[id(leaf.place.layer)] for leaf in leaves)
    said = told(layer, place.inputs, place.outputs) if place.calls else None
    return LayerExplanation(
        name=layer.name,
        kind=kind_of(layer),
        input_shapes=place.inputs,
        output_shapes=place.outputs,
        equations=said.equations if said else (),
        weights=() if branch.inside else weights_of(layer),
        parameters=layer.count_params(),
        trainable_parameters=sum(v.size for v in layer.trainable_weights),
        parameter_formula="" if branch.inside else layer.parameter_formula(),
        shape_formulas=() if branch.inside else _shape_formulas(place),
        work=said.work if said else None,
        memory=_memory(layer, slots, place.memory, bytes_kept),
        hints=tuple(hints_of(place)),
        inside=tuple(_explained(part, slots, kept) for part in branch.inside),
        calls=max(len(place.calls), 1),
    )


def _shape_formulas(place: Place) -> tuple[str, ...]:
    """The formulas for the shapes that go in here, which need not be those that the layer was built for."""
    if not place.inputs:
        return ()
    shapes = list(place.inputs)
    return tuple(_seen(place.layer, shapes if isinstance(place.layer, Merge) else shapes[0]).shape_formulas())


def _seen(layer: Any, shape: Any) -> Any:
    """The layer as if it had been built for this shape, and called nowhere."""
    twin = copy.copy(layer)
    twin.__dict__.update(_calls=[], _built_for=shape)
    if isinstance(layer, TimeDistributed):
        twin.__dict__["layer"] = _seen(layer.layer, (shape[0], *shape[2:]))
    return twin


def _slots(layer: Any) -> int | None:
    """How many numbers the optimizer remembers of each trainable weight; None without an optimizer."""
    optimizer = getattr(layer, "optimizer", None)
    return None if optimizer is None else len({name for block in optimizer.slots() for name in block})


def _bytes_of(outputs: list[Any]) -> int | None:
    symbols = [y for y in outputs if isinstance(y, SymbolicTensor)]
    return bytes_of(shapes_in(symbols), [y.dtype for y in symbols])


def _memory(layer: Any, slots: int | None, output: int | None, kept: int | None) -> Memory:
    gradients = sum(v.data.nbytes for v in layer.trainable_weights)
    return Memory(
        weights=sum(v.data.nbytes for v in layer.weights),
        output=output,
        gradients=gradients,
        optimizer=None if slots is None else slots * gradients,
        kept=kept,
    )


def _said_once(
    layers: Iterable[LayerExplanation], said: set[tuple[str, str]]
) -> tuple[LayerExplanation, ...]:
    """The layers without the hints that one before has given already, where one for each kind of layer is enough."""
    left = []
    for layer in layers:
        new = [h for h in layer.hints if h.topic not in ONCE or (layer.kind, h.topic) not in said]
        said.update((layer.kind, h.topic) for h in new)
        left.append(replace(layer, hints=tuple(new), inside=_said_once(layer.inside, said)))
    return tuple(left)
