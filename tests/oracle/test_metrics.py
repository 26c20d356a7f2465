"""Every metric beside the one of Keras, with drawn options: after each of several updates, and after a reset."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from peers import ORACLE, agree, examples, keras, precision, rounded
from strategies import seeds

from minidl import metrics

pytestmark = ORACLE
N, C = 6, 3
EXCEPTIONS = {"Metric": "the base class"}
OPERATING = {
    "SensitivityAtSpecificity": "specificity", "SpecificityAtSensitivity": "sensitivity",
    "PrecisionAtRecall": "recall", "RecallAtPrecision": "precision",
}  # fmt: skip
threshold = st.sampled_from([None, 0.3, [0.2, 0.5, 0.9]])
confusion = {"thresholds": threshold}
ranked = {
    **confusion,
    "top_k": st.sampled_from([None, None, 2]),
    "class_id": st.sampled_from([None, None, 1]),
}
logits = {"from_logits": st.booleans(), "label_smoothing": st.sampled_from([0.0, 0.2])}
scores = {
    "average": st.sampled_from([None, "micro", "macro", "weighted"]), "threshold": st.sampled_from([None, 0.4]),
}  # fmt: skip
METRICS = {  # options, and what the targets are
    "Mean": ({}, "values"), "Sum": ({}, "values"), "MeanMetricWrapper": ({}, "numbers"),
    "MeanSquaredError": ({}, "numbers"), "RootMeanSquaredError": ({}, "numbers"),
    "MeanAbsoluteError": ({}, "numbers"), "MeanAbsolutePercentageError": ({}, "numbers"),
    "MeanSquaredLogarithmicError": ({}, "positive"), "LogCoshError": ({}, "numbers"),
    "CosineSimilarity": ({"axis": st.sampled_from([-1, 1])}, "numbers"),
    "R2Score": (
        {"class_aggregation": st.sampled_from([None, "uniform_average", "variance_weighted_average"]),
         "num_regressors": st.sampled_from([0, 2])}, "numbers",
    ),
    "Poisson": ({}, "positive"), "KLDivergence": ({}, "positive"),
    "Hinge": ({}, "labels"), "SquaredHinge": ({}, "labels"), "CategoricalHinge": ({}, "one_hot"),
    "Accuracy": ({}, "same"), "BinaryAccuracy": ({"threshold": st.sampled_from([0.5, 0.2])}, "labels"),
    "CategoricalAccuracy": ({}, "one_hot"), "SparseCategoricalAccuracy": ({}, "classes"),
    "TopKCategoricalAccuracy": ({"k": st.integers(1, 3)}, "one_hot"),
    "SparseTopKCategoricalAccuracy": ({"k": st.integers(1, 3)}, "classes"),
    "BinaryCrossentropy": (logits, "labels"), "CategoricalCrossentropy": (logits, "one_hot"),
    "SparseCategoricalCrossentropy": (
        {"from_logits": st.booleans(), "ignore_class": st.sampled_from([None, 1])}, "classes",
    ),
    **dict.fromkeys(("TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives"), (confusion, "labels")),
    **dict.fromkeys(("Precision", "Recall"), (ranked, "labels")),
    **{n: ({at: st.sampled_from([0.2, 0.6]), "num_thresholds": st.sampled_from([7, 200])}, "labels")
       for n, at in OPERATING.items()},
    "AUC": (
        {"curve": st.sampled_from(["ROC", "PR"]), "num_thresholds": st.sampled_from([5, 200]),
         "summation_method": st.sampled_from(["interpolation", "majoring", "minoring"]),
         "multi_label": st.booleans(), "from_logits": st.booleans()}, "labels",
    ),
    "F1Score": (scores, "one_hot"),
    "FBetaScore": ({**scores, "beta": st.sampled_from([0.5, 2.0])}, "one_hot"),
}  # fmt: skip
EPSILON = {
    "F1Score",
    "FBetaScore",
}  # Keras adds its epsilon where a division by zero would be: test_departures.py
WITHOUT_WEIGHTS = {"Mean", "Sum"}  # whose weights come second: compared through the values they are given


def test_every_metric_is_compared():
    known = {n for n in metrics.__all__ if isinstance(getattr(metrics, n), type)}
    assert known - set(EXCEPTIONS) == set(METRICS)


def batch(kind, rng, from_logits):
    """Targets and predictions."""
    p = rng.normal(size=(N, C)) * 3 if from_logits else rng.uniform(0.05, 0.95, (N, C))
    classes = rng.integers(0, C, N)
    y = {
        "numbers": rng.normal(size=(N, C)), "positive": rng.uniform(0.05, 0.95, (N, C)),
        "values": rng.normal(size=N), "labels": rng.integers(0, 2, (N, C)).astype(float),
        "one_hot": np.eye(C)[classes], "classes": classes, "same": classes,
    }[kind]  # fmt: skip
    p = rng.normal(size=(N, C)) if kind == "numbers" else rng.integers(0, C, N) if kind == "same" else p
    return (y if y.dtype.kind == "i" else rounded(y)[0]), (p if p.dtype.kind == "i" else rounded(p)[0])


def results(module, losses, name, options, batches, dtype):
    """What the metric says after each update; then again from the last batch alone."""
    if name == "MeanMetricWrapper":
        options = {"fn": losses.mean_absolute_error}
    metric, found = getattr(module, name)(**options, dtype=dtype), []
    if module is keras.metrics and options.get("ignore_class") is not None:  # else it counts what it ignores
        ignored = options["ignore_class"]
        batches = [(y, p, (y != ignored) * (np.ones(N) if w is None else w)) for y, p, w in batches]

    def cast(a):
        return a if a is None or a.dtype.kind == "i" else a.astype(dtype)

    for i, (y, p, w) in enumerate([*batches, batches[-1]]):
        if i == len(batches):
            metric.reset_state()
        given = (cast(y),) if name in WITHOUT_WEIGHTS else (cast(y), cast(p))
        metric.update_state(*given, sample_weight=cast(w))
        found.append(np.array(metric.result()))
    return found


@pytest.mark.parametrize("name", METRICS)
@examples(8)
@given(data=st.data(), seed=seeds)
def test_metrics(name, data, seed):
    options, kind = METRICS[name]
    options = {n: data.draw(values, label=n) for n, values in options.items()}
    rng = np.random.default_rng(seed)
    weighted = data.draw(st.sampled_from(["no", "each", *(["zeros"] if name != "R2Score" else [])]))
    batches = []
    for _ in range(3):
        w = {"no": None, "each": rng.uniform(0, 2, N), "zeros": np.zeros(N)}[weighted]
        y, p = batch(kind, rng, options.get("from_logits"))
        if options.get("num_regressors"):  # of several columns Keras counts the numbers: test_departures.py
            y, p = y[:, :1], p[:, :1]
        batches.append((y, p, None if w is None else rounded(w)[0]))
    epsilon = keras.config.epsilon()
    keras.config.set_epsilon(1e-30 if name in EPSILON else epsilon)
    wanted = results(keras.metrics, keras.losses, name, options, batches, "float64")
    keras.config.set_epsilon(epsilon)
    agree(results(metrics, metrics, name, options, batches, "float64"), wanted)

    def in_float32():
        with precision("float32"):
            return results(keras.metrics, keras.losses, name, options, batches, "float32")

    agree(results(metrics, metrics, name, options, batches, "float32"), wanted, "float32", in_float32)
