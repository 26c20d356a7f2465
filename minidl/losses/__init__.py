"""Losses: one number that says how wrong a model is, made smaller by training. Start reading in `base`.

    regression        mean squared, absolute, relative and logarithmic errors, Huber, log-cosh
    cosine            the angle between two vectors
    binary            cross-entropy of yes-or-no answers (sigmoid)
    categorical       cross-entropy over classes (softmax), one-hot or as class numbers
    fused             the two with their softmax or sigmoid, in one stable op
    probabilistic     Kullback-Leibler divergence, Poisson
    hinge             margins
    reduction         from losses to one number, with weights and masks

Which one? A number: "mse". Yes or no: sigmoid and "binary_crossentropy". One of C classes: softmax and
"sparse_categorical_crossentropy" for labels 0..C−1, "categorical_crossentropy" for one-hot rows.
"""

from collections.abc import Callable, Mapping
from typing import Any

from minidl.losses.base import Loss, LossFunctionWrapper
from minidl.losses.binary import BinaryCrossentropy, binary_crossentropy
from minidl.losses.categorical import (
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
    categorical_crossentropy,
    sparse_categorical_crossentropy,
)
from minidl.losses.cosine import CosineSimilarity, cosine_similarity
from minidl.losses.hinge import (
    CategoricalHinge,
    Hinge,
    SquaredHinge,
    categorical_hinge,
    hinge,
    squared_hinge,
)
from minidl.losses.probabilistic import KLDivergence, Poisson, kl_divergence, poisson
from minidl.losses.regression import (
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)
from minidl.messages import say
from minidl.utils.registry import deserialize_object, family_of, lookup, objects_in_scope, serialize_object

mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
bce = BCE = binary_crossentropy
kld = KLD = kullback_leibler_divergence = kl_divergence
logcosh = log_cosh

__all__ = [
    "BCE", "KLD", "MAE", "MAPE", "MSE", "MSLE", "BinaryCrossentropy", "CategoricalCrossentropy",
    "CategoricalHinge", "CosineSimilarity", "Hinge", "Huber", "KLDivergence", "LogCosh", "Loss",
    "LossFunctionWrapper", "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredError",
    "MeanSquaredLogarithmicError", "Poisson", "SparseCategoricalCrossentropy", "SquaredHinge", "bce",
    "binary_crossentropy", "categorical_crossentropy", "categorical_hinge", "cosine_similarity", "deserialize",
    "get", "hinge", "huber", "kl_divergence", "kld", "kullback_leibler_divergence", "log_cosh", "logcosh", "mae",
    "mape", "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_error",
    "mean_squared_logarithmic_error", "mse", "msle", "poisson", "serialize", "sparse_categorical_crossentropy",
    "squared_hinge",
]  # fmt: skip

# A class answers to its own name in both spellings (see `lookup`), and to these.
_CLASSES: tuple[type[Loss], ...] = (
    BinaryCrossentropy, CategoricalCrossentropy, CategoricalHinge, CosineSimilarity, Hinge, Huber, KLDivergence,
    LogCosh, MeanAbsoluteError, MeanAbsolutePercentageError, MeanSquaredError, MeanSquaredLogarithmicError,
    Poisson, SparseCategoricalCrossentropy, SquaredHinge,
)  # fmt: skip
_OBJECTS: dict[str, type[Loss]] = {cls.__name__: cls for cls in _CLASSES} | {
    "mse": MeanSquaredError,
    "mae": MeanAbsoluteError,
    "mape": MeanAbsolutePercentageError,
    "msle": MeanSquaredLogarithmicError,
    "bce": BinaryCrossentropy,
    "kld": KLDivergence,
    "kullback_leibler_divergence": KLDivergence,
    "huber_loss": Huber,
}
# The functions by their own names, and by short ones.
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    fn.__name__: fn
    for fn in (
        binary_crossentropy, categorical_crossentropy, categorical_hinge, cosine_similarity, hinge, huber,
        kl_divergence, log_cosh, mean_absolute_error, mean_absolute_percentage_error, mean_squared_error,
        mean_squared_logarithmic_error, poisson, sparse_categorical_crossentropy, squared_hinge,
    )
} | {
    "mse": mse, "MSE": mse, "mae": mae, "MAE": mae, "mape": mape, "MAPE": mape, "msle": msle, "MSLE": msle,
    "bce": bce, "BCE": bce, "kld": kld, "KLD": kld, "kullback_leibler_divergence": kld, "logcosh": log_cosh,
    "huber_loss": huber,
}  # fmt: skip
_WHICH = (
    "Which cross-entropy? 'binary_crossentropy' for yes or no, 'sparse_categorical_crossentropy' for labels 0..C-1, "
    "'categorical_crossentropy' for one-hot rows."
)
_METRIC = "It is a metric: compile(loss=..., metrics=[...])."
_NOT_LOSSES = {
    "ce": _WHICH, "crossentropy": _WHICH, "cross_entropy": _WHICH, "logloss": _WHICH, "acc": _METRIC,
    "accuracy": _METRIC, "auc": _METRIC, "rmse": _METRIC + " Its loss is 'mse'.",
}  # fmt: skip
_NAMES: dict[str, Any] = {cls.__name__: cls for cls in _CLASSES} | _FUNCTIONS


def as_loss(identifier: Any) -> Loss | None:
    """What `compile(loss=...)` means: always an object that makes one number of a batch, or None.

    Args:
        identifier: as for `get`; the name of a function stands for the class of that loss, and a function
            is wrapped.

    Raises:
        ValueError, TypeError: as `get`.

    >>> as_loss("mse")
    MeanSquaredError(name='mean_squared_error', reduction='sum_over_batch_size')
    """
    if not isinstance(identifier, str) or identifier in objects_in_scope():
        found = get(identifier)
    elif meant := _NOT_LOSSES.get(identifier.lower()):
        raise ValueError(say(f"Unknown loss {identifier!r}. {meant}"))
    else:
        found = lookup("loss", _OBJECTS, identifier)()
    return found if found is None or isinstance(found, Loss) else LossFunctionWrapper(found)


def get(identifier: Any) -> Any:
    """The loss that `identifier` means: an object, or a function that gives one loss for each sample.

    Args:
        identifier: the name of a class ("MeanSquaredError") for an object, of a function ("mse",
            "mean_squared_error") for the function; a dict {"class_name", "config"}; a Loss, a function
            f(y_true, y_pred) or None, which are returned as they are.

    Raises:
        ValueError: an unknown name.
        TypeError: a class instead of an instance, or none of these.

    >>> get("mse")([[0.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [1.0, 0.0]]).numpy()
    array([0.5, 0.5], dtype=float32)
    >>> get("MeanSquaredError")
    MeanSquaredError(name='mean_squared_error', reduction='sum_over_batch_size')
    >>> get(MeanSquaredError)
    Traceback (most recent call last):
    TypeError: A loss is an object, not a class: write MeanSquaredError() with parentheses.
    """
    if identifier is None or isinstance(identifier, Loss):
        return identifier
    if isinstance(identifier, type):
        raise TypeError(
            say(f"A loss is an object, not a class: write {identifier.__name__}() with parentheses.")
        )
    if isinstance(identifier, str | Mapping):
        return deserialize(identifier)
    family = family_of(type(identifier))
    if family is not None:
        raise TypeError(say(f"Expected a loss, got a {family}: {identifier!r:.80}."))
    if callable(identifier):
        return identifier
    raise TypeError(
        say(
            f"A loss is a name, a Loss, or a function f(y_true, y_pred); got {type(identifier).__name__} "
            f"{identifier!r:.80}."
        )
    )


def serialize(loss: Any) -> Any:
    """What a JSON file says about a loss: {"class_name", "config"}, or the name of a function.

    Raises:
        TypeError: it has no name to find it by (a lambda).

    >>> serialize(mean_squared_error)
    'mean_squared_error'
    >>> serialize(Huber(2.0))["config"]["delta"]
    2.0
    """
    return serialize_object(loss.fn if type(loss) is LossFunctionWrapper else loss)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The loss or function that `serialize` described; `custom_objects` are your own classes and functions by name.

    >>> deserialize(serialize(Huber(2.0)))
    Huber(name='huber_loss', reduction='sum_over_batch_size', delta=2.0)
    """
    return None if config is None else deserialize_object("loss", _NAMES, config, custom_objects)
