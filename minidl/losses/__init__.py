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

from collections.abc import Mapping
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
from minidl.utils.registry import deserialize_object, lookup, serialize_object

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
_NAMES: dict[str, type[Loss]] = {cls.__name__: cls for cls in _CLASSES} | {
    "mse": MeanSquaredError,
    "mae": MeanAbsoluteError,
    "mape": MeanAbsolutePercentageError,
    "msle": MeanSquaredLogarithmicError,
    "bce": BinaryCrossentropy,
    "kld": KLDivergence,
    "kullback_leibler_divergence": KLDivergence,
    "huber_loss": Huber,
}


def get(identifier: Any) -> Loss | None:
    """The loss that `identifier` means, ready to be called on a batch.

    Args:
        identifier: a name ("mse", "MeanSquaredError", ...); a function f(y_true, y_pred), which is wrapped
            in a `LossFunctionWrapper`; a Loss, which is returned as it is; a dict {"class_name", "config"};
            or None, which stays None.

    (Keras's `get` gives the bare function for a name in small letters, and its training wraps it at once.)

    Raises:
        ValueError: an unknown name.
        TypeError: a class instead of an instance, or none of these.

    >>> get("mse")
    MeanSquaredError(name='mean_squared_error', reduction='sum_over_batch_size')
    >>> get(MeanSquaredError)
    Traceback (most recent call last):
    TypeError: A loss is an object, not a class: write MeanSquaredError() with parentheses.
    """
    if identifier is None or isinstance(identifier, Loss):
        return identifier
    if isinstance(identifier, str):
        return lookup("loss", _NAMES, identifier)()
    if isinstance(identifier, type):
        raise TypeError(f"A loss is an object, not a class: write {identifier.__name__}() with parentheses.")
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    if callable(identifier):
        return LossFunctionWrapper(identifier)
    raise TypeError(
        f"A loss is a name, a Loss, or a function f(y_true, y_pred); got {type(identifier).__name__} "
        f"{identifier!r:.80}."
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


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Loss | None:
    """The loss that `serialize` described; `custom_objects` are your own classes and functions by name.

    >>> deserialize(serialize(Huber(2.0)))
    Huber(name='huber_loss', reduction='sum_over_batch_size', delta=2.0)
    """
    return get(None if config is None else deserialize_object("loss", _NAMES, config, custom_objects))
