"""From what people write in `compile(metrics=[...])` to metric objects.

"accuracy" is not one metric. Which one is meant follows from the shapes of targets and predictions:

    predictions (N, ..., 1)                            BinaryAccuracy
    targets with one axis less, or (N, ..., 1)         SparseCategoricalAccuracy     class numbers
    otherwise                                          CategoricalAccuracy           one-hot targets

So a model with several sigmoid outputs gets *categorical* accuracy, as in Keras; write
`metrics=["binary_accuracy"]` when each output is a question of its own.
"""

from collections.abc import Mapping
from typing import Any

from minidl.messages import say
from minidl.metrics import (
    accuracy,
    auc,
    base,
    confusion,
    fscore,
    margins,
    operating_points,
    probabilistic,
    r2,
    regression,
)
from minidl.metrics.base import MeanMetricWrapper, Metric
from minidl.utils.registry import deserialize_object, get_object, lookup, serialize_object

__all__ = ["deserialize", "get", "resolve", "serialize"]

_MODULES = (base, accuracy, auc, confusion, fscore, margins, operating_points, probabilistic, r2, regression)
METRICS: dict[str, type[Metric]] = {
    name: value
    for module in _MODULES
    for name, value in vars(module).items()
    if name in module.__all__ and isinstance(value, type) and value is not Metric
}
_ALIASES: dict[str, type[Metric]] = {
    "bce": probabilistic.BinaryCrossentropy,
    "cosine": regression.CosineSimilarity,
    "f1": fscore.F1Score,
    "kld": probabilistic.KLDivergence,
    "log_cosh": regression.LogCoshError,
    "mae": regression.MeanAbsoluteError,
    "mape": regression.MeanAbsolutePercentageError,
    "mse": regression.MeanSquaredError,
    "msle": regression.MeanSquaredLogarithmicError,
    "r2": r2.R2Score,
    "rmse": regression.RootMeanSquaredError,
}
_NAMES: dict[str, type[Metric]] = {**METRICS, **_ALIASES}

# By rule 44: (one output, class numbers, one-hot targets)
_BY_SHAPE: dict[str, tuple[type[Metric], type[Metric], type[Metric]]] = {
    "accuracy": (
        accuracy.BinaryAccuracy,
        accuracy.SparseCategoricalAccuracy,
        accuracy.CategoricalAccuracy,
    ),
    "crossentropy": (
        probabilistic.BinaryCrossentropy,
        probabilistic.SparseCategoricalCrossentropy,
        probabilistic.CategoricalCrossentropy,
    ),
}
_BY_SHAPE |= {"acc": _BY_SHAPE["accuracy"], "ce": _BY_SHAPE["crossentropy"]}

# What a metric needs to be told when the predictions are logits. sigmoid(x) > 0.5 is x > 0.
_FOR_LOGITS: dict[type[Metric], dict[str, Any]] = {
    accuracy.BinaryAccuracy: {"threshold": 0.0},
    auc.AUC: {"from_logits": True},
    confusion.Precision: {"thresholds": 0.0},
    confusion.Recall: {"thresholds": 0.0},
    confusion.TruePositives: {"thresholds": 0.0},
    confusion.FalsePositives: {"thresholds": 0.0},
    confusion.TrueNegatives: {"thresholds": 0.0},
    confusion.FalseNegatives: {"thresholds": 0.0},
    probabilistic.BinaryCrossentropy: {"from_logits": True},
    probabilistic.CategoricalCrossentropy: {"from_logits": True},
    probabilistic.SparseCategoricalCrossentropy: {"from_logits": True},
}


def serialize(metric: Any) -> Any:
    """What a JSON file says about a metric: {"class_name", "config"}, or the name of a function.

    >>> serialize(accuracy.BinaryAccuracy())["class_name"]
    'BinaryAccuracy'
    """
    return serialize_object(metric)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The metric that `serialize` described, with an empty state.

    Args:
        config: a name, or {"class_name", "config"}.
        custom_objects: your own metrics and functions by name.

    Raises:
        ValueError: unknown names or arguments that do not fit.
    """
    if isinstance(config, Mapping) and config.get("class_name") == "MeanMetricWrapper":
        arguments = dict(config.get("config") or {})
        name = arguments.get("fn")
        if isinstance(name, str):
            if name not in (custom_objects or {}):
                raise ValueError(
                    say(
                        f"The metric function {name[:60]!r} is not part of minidl. "
                        f"Pass it along: custom_objects={{{name[:60]!r}: {name[:60]}}}."
                    )
                )
            arguments["fn"] = (custom_objects or {})[name]
        config = {"class_name": "MeanMetricWrapper", "config": arguments}
    return deserialize_object("metric", _NAMES, config, custom_objects)


def get(identifier: Any) -> Any:
    """The metric meant by a name, a class, a config or an object; functions are returned as they are.

    >>> get("mse")
    <MeanSquaredError name=mean_squared_error>

    Raises:
        ValueError: an unknown name; the message lists those that come close.
        TypeError: something that is no metric.
    """
    return get_object("metric", _NAMES, identifier)


def resolve(
    identifier: Any, y_true_shape: tuple[int, ...], y_pred_shape: tuple[int, ...], loss: Any = None
) -> Metric:
    """One entry of `compile(metrics=[...])` as a metric object whose `name` is its key in the history.

    Args:
        identifier: a name, which is also the key as it is spelled ("acc" stays "acc"); a Metric, returned as
            it is; a function f(y_true, y_pred), whose key is its name in snake case; or a config.
        y_true_shape: shape of the targets with the batch axis, to tell the accuracies apart.
        y_pred_shape: the same of the predictions.
        loss: the loss of this output. If it says `from_logits=True`, so does a metric given by name: a
            threshold on a logit is 0, not 0.5. (Keras leaves it at 0.5, and reports too low an accuracy.)

    Raises:
        ValueError: an unknown name.
        TypeError: a class instead of an object, or something that is no metric.

    >>> resolve("acc", (32,), (32, 10))
    <SparseCategoricalAccuracy name=acc>
    >>> resolve("accuracy", (32, 1), (32, 1))
    <BinaryAccuracy name=accuracy>
    """
    if isinstance(identifier, type):
        name = identifier.__name__
        raise TypeError(say(f"metrics=[...] expects an object, got the class {name}. Write {name}()."))
    if isinstance(identifier, str):
        by_shape = _BY_SHAPE.get(identifier.lower())
        names: dict[str, Any] = {**_BY_SHAPE, **_NAMES}
        found = by_shape or lookup("metric", names, identifier)
        if isinstance(found, tuple):
            found = found[_rule_44(y_true_shape, y_pred_shape)]
        options = _FOR_LOGITS.get(found, {}) if _is_on_logits(loss) else {}
        return _called(found, identifier, options)
    metric = get(identifier)
    if isinstance(metric, Metric):
        return metric
    if metric is None:
        raise TypeError(say("metrics=[...] expects names, metrics or functions f(y_true, y_pred), got None."))
    given = getattr(metric, "name", None)
    return MeanMetricWrapper(metric, name=given if isinstance(given, str) else None)


def _rule_44(y_true_shape: tuple[int, ...], y_pred_shape: tuple[int, ...]) -> int:
    if len(y_pred_shape) < 2 or y_pred_shape[-1] == 1:
        return 0
    return 1 if len(y_true_shape) < len(y_pred_shape) or y_true_shape[-1] == 1 else 2


def _is_on_logits(loss: Any) -> bool:
    settings = loss.get_config() if hasattr(loss, "get_config") else {}
    return bool(settings.get("from_logits", False))


def _called(kind: type[Metric], name: str, options: dict[str, Any]) -> Metric:
    """An object of a class that works without arguments, under the user's name for it."""
    try:
        return kind(name=name, **options)
    except TypeError:
        raise ValueError(
            say(
                f"{kind.__name__} needs arguments, a name is not enough: put {kind.__name__}(...) into metrics."
            )
        ) from None
