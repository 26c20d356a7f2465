"""Hints for Dense and Embedding, and for what stands in front of a Dense layer: Flatten."""

import math
from collections.abc import Iterator

from minidl.inspect.explanation.facts import Hint
from minidl.inspect.explanation.hints.kinds import biased, centred_by, followed_by, hints_for, is_linear
from minidl.inspect.explanation.places import Place
from minidl.layers.core.dense import Dense
from minidl.layers.core.embedding import Embedding
from minidl.layers.core.masking import Masking
from minidl.layers.core.shaping import Flatten
from minidl.messages import say

__all__ = ["dense", "embedding", "flatten", "masking"]


@hints_for(Dense)
def dense(place: Place) -> Iterator[Hint]:
    """On Dense layers."""
    layer, x, y = place.layer, place.inputs[0], place.outputs[0]
    features, units = layer.kernel.shape
    figures = {"units": units, "features": features}
    text = say(f"Each unit ({units}) has a weight for each feature ({features}).")
    yield Hint("parameters", f"{text} {biased(layer.bias is not None)}", figures)
    if len(x) > 2:
        text = say(
            f"{x} became {y}: Dense works on the last axis, with the same weights at each place of the axes before it, "
            "which stay."
        )
        yield Hint("axes", text, {"before": x, "after": y})
    yield from _ending(place)
    other, norm = followed_by(place, Dense), centred_by(place)
    if other is not None and is_linear(layer):
        text = say(
            f"Without an activation between them, this layer and {other.name} can do no more than one."
        )
        yield Hint("linear", text)
    if norm is not None and layer.bias is not None and is_linear(layer):
        text = say(
            f"{norm.name} behind it takes every constant away again: use_bias=False saves the biases ({units})."
        )
        yield Hint("bias", text, {"biases": units})


def _ending(place: Place) -> Iterator[Hint]:
    """On the activation of the last layer, and the loss that goes with it."""
    units, curve = place.layer.units, getattr(place.layer.activation, "__name__", "")
    if curve == "softmax" and units == 1:
        text = say(
            "softmax over a single unit gives the same number whatever comes in: nothing can be learnt. For two classes "
            "use activation='sigmoid'."
        )
        yield Hint("softmax", text)
    elif curve == "softmax" and place.is_last:
        text = say(
            f"The outputs ({units}) are the probabilities of as many classes, which are counted from {0}: loss "
            "'sparse_categorical_crossentropy' for targets that are whole numbers, 'categorical_crossentropy' for "
            "one-hot ones."
        )
        yield Hint("softmax", text, {"classes": units, "first": 0})
    elif curve == "sigmoid" and place.is_last:
        text = (
            say(
                "The output is one probability: loss 'binary_crossentropy', and targets that are zero or one."
            )
            if units == 1
            else say(
                f"The outputs ({units}) are probabilities by themselves, of which several may be high: loss "
                "'binary_crossentropy'. If only one class can be true, use 'softmax'."
            )
        )
        yield Hint("sigmoid", text, {} if units == 1 else {"outputs": units})
    elif curve == "relu" and place.is_last:
        text = say("relu at the end cannot give negative numbers. For any numbers leave the activation out.")
        yield Hint("relu", text)


@hints_for(Embedding)
def embedding(place: Place) -> Iterator[Hint]:
    """On tables of vectors."""
    known, length = place.layer.embeddings.shape
    text = say(f"Each id ({known:,}) has a row of numbers ({length}).")
    yield Hint("parameters", text, {"ids": known, "length": length})
    text = say(
        f"input_dim={known} is how many ids there are, from {0} to {known - 1}, and not the length of a text. For words "
        f"counted from {1} on it is len(word_index) + {1}, since {0} stands for padding."
    )
    yield Hint("ids", text, {"input_dim": known, "first": 0, "last": known - 1, "first word": 1})
    if place.layer.mask_zero:
        yield Hint("mask", say("mask_zero=True: the layers behind skip the steps whose id is zero."))
        yield from _lost(place)


@hints_for(Masking)
def masking(place: Place) -> Iterator[Hint]:
    """On steps that are skipped."""
    value = place.layer.mask_value
    if value:
        text = say(
            f"It has no parameters: it marks the steps that consist of {value} alone, which become zero, and the layers behind "
            "skip them."
        )
    else:
        text = say(
            f"It has no parameters and changes no number: it marks the steps that consist of {value} alone, and the layers "
            "behind skip them."
        )
    yield Hint("mask value", text, {"mask_value": value})
    yield from _lost(place)


def _lost(place: Place) -> Iterator[Hint]:
    """On a mask that the next layer does not hand on."""
    for layer in place.after:
        if not (layer.supports_masking or layer._mask_at):
            text = say(f"{layer.name} behind it does not hand the mask on: from there all steps count.")
            yield Hint("mask lost", text)


@hints_for(Flatten)
def flatten(place: Place) -> Iterator[Hint]:
    """On the same numbers in a row."""
    sizes, other = place.inputs[0][1:], followed_by(place, Dense)
    yield Hint(
        "no weights",
        say(
            "It has no parameters: the numbers stay what they are and only stand in one row, the last axis fastest."
        ),
    )
    if other is not None and None not in sizes:
        n, units = math.prod(n for n in sizes if n is not None), other.units
        text = say(
            f"{other.name} behind it needs a weight for each of these numbers ({n:,}) in each of its units ({units}): "
            f"{n * units:,}."
        )
        yield Hint("flat", text, {"numbers": n, "units": units, "weights": n * units})
