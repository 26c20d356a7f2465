"""Checks of the last layer against the loss: the pair has to speak of the same thing.

    amounts                     linear      mse, mae, huber
    yes or no, each by itself   sigmoid     binary_crossentropy
    one of C classes            softmax     sparse_categorical_crossentropy (labels), categorical_... (one-hot)
    the same, raw scores        linear      the same losses with from_logits=True

Any other pair either has no gradient where it is most wrong, or cannot reach the targets at all. Frameworks compute it
nevertheless, and the curve of the loss looks like that of a hard problem.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from minidl.doctor.patient import End
from minidl.doctor.report import Finding, error, note, warning
from minidl.doctor.targets import classes_of, from_logits, kind_of
from minidl.messages import say

__all__ = ["check_end"]

_RANGES: dict[str, tuple[float, float]] = {  # what an activation can give
    "softmax": (0.0, 1.0), "sigmoid": (0.0, 1.0), "hard_sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0),
    "hard_tanh": (-1.0, 1.0), "softsign": (-1.0, 1.0), "relu": (0.0, np.inf), "relu6": (0.0, 6.0),
    "softplus": (0.0, np.inf), "exponential": (0.0, np.inf),
}  # fmt: skip
_RAW = ("linear", "relu", "tanh", "leaky_relu", "elu", "selu", "gelu", "silu", "softsign", "relu6")
_ACCURACIES = {
    "accuracy",
    "acc",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "SparseCategoricalAccuracy",
    "Accuracy",
}
_ACCURACIES |= {"binary_accuracy", "categorical_accuracy", "sparse_categorical_accuracy"}
_RATES = {"Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianDropout", "AlphaDropout"}


def check_end(end: End) -> Iterator[Finding]:
    """All findings about how one output ends."""
    loss, layer = end.output.loss, end.layer
    name = None if layer is None else layer.name
    units = end.y_pred.shape[-1] if end.y_pred.ndim > 1 else 1
    if end.activation == "softmax" and units == 1:
        yield _one_unit(name)
        return
    if type(layer).__name__ in _RATES:
        yield _dropped(name)
    if loss is None:
        return
    kind = kind_of(loss)
    if kind in ("sparse", "categorical", "binary"):
        yield from _cross_entropy(end, name, kind, units)
    if kind == "numbers":
        yield from _amounts(end, name, units)
        yield from _accuracy(end)


def _one_unit(name: str | None) -> Finding:
    """A softmax divides by the sum of all classes: of one, that is the number itself."""
    return error(
        "output",
        name,
        say(
            "The model ends in a softmax over one unit, which is always 1, whatever the input. It cannot learn."
        ),
        say(
            "For yes or no use activation='sigmoid' with binary_crossentropy. For an amount use no activation with mse."
        ),
    )


def _dropped(name: str | None) -> Finding:
    return error(
        "output",
        name,
        say(
            "The model ends in dropout: in training, answers themselves are set to 0 at random, and scaled up."
        ),
        say("Put the dropout in front of the last layer with weights."),
    )


def _cross_entropy(end: End, name: str | None, kind: str, units: int) -> Iterator[Finding]:
    """Cross-entropies need probabilities, or to be told that they get raw scores."""
    loss: Any = end.output.loss
    wanted = "sigmoid" if kind == "binary" else "softmax"
    if from_logits(loss):
        if end.activation in ("softmax", "sigmoid"):
            yield error(
                "output",
                name,
                say(
                    f"The model ends in {end.activation}, and its loss {loss.name!r} with from_logits=True applies it once "
                    "more. Probabilities are then squeezed together, and the loss cannot come near 0."
                ),
                say(
                    f"Leave out the activation {end.activation!r} of the last layer, or from_logits=True of the loss."
                ),
            )
        elif end.activation in ("relu", "tanh"):
            yield _clipped_scores(end.activation, name)
    elif end.activation in _RAW:
        yield error(
            "output",
            name,
            say(
                f"The model ends in {end.activation}, but its loss {loss.name!r} expects probabilities: the logarithm of "
                "what is below 0 does not exist, and what lies above 1 is cut off, without a gradient."
            ),
            say(f"End with activation={wanted!r}, or with no activation and from_logits=True in the loss."),
        )
    elif kind == "binary" and end.activation == "softmax":
        yield warning(
            "output",
            name,
            say(
                f"The model ends in softmax over {units} units, but binary_crossentropy asks each unit a question of its "
                "own. For one of several classes that weighs the wrong answers as heavily as the right one."
            ),
            say(
                "For one of several classes use categorical_crossentropy (one-hot) or sparse_categorical_crossentropy "
                "(labels). For answers that are independent end in sigmoid."
            ),
        )
    elif kind != "binary" and end.activation == "sigmoid":
        yield warning(
            "output",
            name,
            say(
                f"The model ends in sigmoid, but its loss {loss.name!r} is for classes of which exactly one is right. "
                "Sigmoids do not sum to 1: the loss divides by their sum, so that all large and all small are the same to it."
            ),
            say(
                "End with activation='softmax'. If several classes can be right at once, keep sigmoid and use "
                "binary_crossentropy."
            ),
        )
    yield from _spare_classes(end, name, kind, units)


def _clipped_scores(activation: str, name: str | None) -> Finding:
    return warning(
        "output",
        name,
        say(
            f"The scores of the classes go through {activation} first: where it is flat there is no gradient, and the "
            "probabilities of the classes are held near each other."
        ),
        say("Leave out the activation of the last layer: raw scores may be of any size and sign."),
    )


def _spare_classes(end: End, name: str | None, kind: str, units: int) -> Iterator[Finding]:
    """One unit for one of several classes: labels 0, 1, 2 compared with a single probability."""
    labels = classes_of(end)
    if labels is None or kind != "binary" or units == 1 or end.activation != "sigmoid":
        return
    yield note(
        "output",
        name,
        say(
            f"The model has {units} answers for each sample, but y has one. The loss compares each of them with it."
        ),
        say("For yes or no one unit is enough. For one of several classes use softmax."),
    )


def _amounts(end: End, name: str | None, units: int) -> Iterator[Finding]:
    """A distance between numbers, so the output must be able to reach them."""
    loss: Any = end.output.loss
    if end.activation == "softmax":
        yield warning(
            "output",
            name,
            say(
                f"The model ends in softmax over {units} units with loss {loss.name!r}. Where it is sure and wrong, both are "
                "flat, so that the worst mistakes have hardly any gradient."
            ),
            say(
                "For classes use categorical_crossentropy (one-hot) or sparse_categorical_crossentropy (labels). For "
                "amounts use no activation in the last layer."
            ),
        )
        return
    if end.y is None or not end.y.size or not np.isfinite(end.y).all():
        return
    low, high = _RANGES.get(end.activation, (-np.inf, np.inf))
    least, most = float(end.y.min()), float(end.y.max())
    if least < low or most > high:
        yield error(
            "output",
            name,
            say(
                f"The model ends in {end.activation}, which gives numbers from {low:g} to {high:g}, but y goes from "
                f"{least:.4g} to {most:.4g}. It can never reach them."
            ),
            say("Use no activation in the last layer, or scale y into that range and predictions back."),
            smallest=least,
            largest=most,
        )
    elif end.activation == "relu":
        yield note(
            "output",
            name,
            say(
                "The model ends in relu. An output that falls below 0 for a sample is 0 there with no gradient: it may "
                "never come back."
            ),
            say("Use no activation in the last layer, or softplus if the output must not be negative."),
        )


def _accuracy(end: End) -> Iterator[Finding]:
    """How often two real numbers are exactly equal says nothing about how near they are."""
    asked = [*end.output.metrics, *end.output.weighted_metrics]
    names = [metric if isinstance(metric, str) else type(metric).__name__ for metric in asked]
    found = [metric for metric in names if metric in _ACCURACIES]
    if found and end.y is not None and not _are_answers(end):
        loss: Any = end.output.loss
        yield warning(
            "metric",
            None,
            say(
                f"The metric {found[0]!r} counts answers that are exactly right, but with loss {loss.name!r} the model gives "
                "amounts, which are never exactly right. It will stay near 0 and mean nothing."
            ),
            say("Use 'mae', the mean distance in the units of y, or R2Score."),
        )


def _are_answers(end: End) -> bool:
    """Whether y holds 0 and 1, of which one can say that they are right."""
    y: Any = end.y
    return bool(np.isin(y, (0, 1)).all()) or bool(np.isin(y, (-1, 1)).all())
