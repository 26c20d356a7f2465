"""Which function knows the hints for which kind of layer, and those that hold for any."""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from minidl.inspect.explanation.facts import Hint
from minidl.inspect.explanation.places import Place
from minidl.layers.normalization.batch_normalization import BatchNormalization
from minidl.messages import say
from minidl.symbolic import Shape

__all__ = [
    "ONCE",
    "Teacher",
    "biased",
    "by",
    "centred_by",
    "followed_by",
    "hints_for",
    "hints_of",
    "is_linear",
]

Teacher: TypeAlias = Callable[[Place], Iterator[Hint]]
_TEACHERS: dict[type, Teacher] = {}
ONCE = frozenset({  # topics on which one layer of a kind says enough for all of this kind in a model
    "add", "any size", "fine-tuning", "flip", "input", "inference", "mask", "no weights", "one cell", "order", "reset_after",
    "stacked", "torch", "units",
})  # fmt: skip


def hints_for(*kinds: type) -> Callable[[Teacher], Teacher]:
    """Enter a function as one that knows hints for layers of these kinds."""

    def entered(teacher: Teacher) -> Teacher:
        _TEACHERS.update(dict.fromkeys(kinds, teacher))
        return teacher

    return entered


def hints_of(place: Place) -> Iterator[Hint]:
    """What is easily misunderstood about a layer where it stands."""
    known = next((_TEACHERS[kind] for kind in type(place.layer).__mro__ if kind in _TEACHERS), None)
    if known is not None and place.inputs and place.outputs:
        yield from known(place)
    yield from _general(place, known is None)


def _general(place: Place, is_unknown: bool) -> Iterator[Hint]:
    layer = place.layer
    count = layer.count_params()
    if is_unknown and not count:
        yield Hint("no weights", say("It has no parameters: it only computes with what it is given."))
    if count and not layer.trainable:
        text = say(f"trainable=False: training leaves these {count:,} parameters as they are.")
        yield Hint("frozen", text, {"parameters": count})
        yield Hint(
            "fine-tuning",
            say("Fine-tuning is to go on training such weights later, mostly with a small learning rate."),
        )
    uses = len(place.calls)
    if uses > 1:
        text = say(f"The model uses it {uses} times, always with the same weights, which count once.")
        yield Hint("shared", text, {"uses": uses})


def centred_by(place: Place) -> Any:
    """The BatchNormalization behind a layer, if it is the only layer there and takes the layer's biases away again."""
    norm = followed_by(place, BatchNormalization)
    channels_last = norm is not None and norm.axis % len(place.outputs[0]) == len(place.outputs[0]) - 1
    return norm if channels_last and norm.trainable else None


def is_linear(layer: Any) -> bool:
    """Whether a layer ends without a curve."""
    return getattr(getattr(layer, "activation", None), "__name__", "") == "linear"


def followed_by(place: Place, *kinds: type) -> Any:
    """The only layer behind, if it is of one of these kinds; else None."""
    return place.after[0] if len(place.after) == 1 and isinstance(place.after[0], kinds) else None


def by(sizes: Shape) -> str:
    """Sizes as they are spoken of: 3×3."""
    return "×".join(map(str, sizes))


def biased(has_bias: Any) -> str:
    """Whether something is added to each sum, as a sentence."""
    return say("Each has a bias too.") if has_bias else say("There is no bias.")
