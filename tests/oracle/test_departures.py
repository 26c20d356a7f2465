"""Where minidl differs from Keras on purpose: a table with the reasons, each shown with both libraries' numbers.

What is compared elsewhere steps around exactly these cases and names this file. When a later Keras agrees with us,
its test here fails, and the entry can go.
"""

import numpy as np
import pytest
from peers import ORACLE, keras, precision

import minidl
from minidl import Tensor

pytestmark = ORACLE


def array(y):
    return np.array(y.numpy() if isinstance(y, Tensor) else y, dtype=np.float64)


def mean_of_no_steps(library):
    return array(library.layers.GlobalAveragePooling1D()(np.ones((1, 2, 1)), mask=np.zeros((1, 2), bool)))


def weighted_mean(library):
    loss = library.losses.MeanSquaredError(reduction="mean_with_sample_weight")
    return array(loss(np.zeros((2, 3, 1)), np.ones((2, 3, 1)), np.ones((2, 1))))


def certain_and_wrong(library):
    """The loss of a certain 1 for a 0, less the loss of a certain 0 for a 1, in float32."""
    with precision("float32"):
        loss = library.losses.BinaryCrossentropy()
        y, p = np.array([[0.0]], "float32"), np.array([[1.0]], "float32")
        return array(loss(y, p)) - array(loss(1 - y, 1 - p))


def ignored_class(library):
    metric = library.metrics.SparseCategoricalCrossentropy(ignore_class=1)
    metric.update_state(np.array([0, 1]), np.full((2, 2), 0.5))
    return array(metric.result())


def perfect_f1(library):
    metric = library.metrics.F1Score(average="micro")
    metric.update_state(np.eye(2), np.eye(2))
    return array(metric.result())


def adjusted_r2(library):
    metric = library.metrics.R2Score(num_regressors=2)
    metric.update_state(np.arange(12.0).reshape(6, 2), np.arange(12.0).reshape(6, 2) + 1)
    return array(metric.result())


def masked_mean(library):
    layer = library.layers.BatchNormalization(momentum=0.0)
    layer.build((None, 2, 2))
    layer(np.ones((1, 2, 2)), training=True, mask=np.array([[True, False]]))
    return array(layer.get_weights()[2])


def step_of_a_restart(library):
    """The rate at the first step of the period that begins at 1·(1 + 3 + 9 + 27 + 81): 1, unless a logarithm rounds."""
    schedule = library.optimizers.schedules.CosineDecayRestarts(1.0, 1, t_mul=3.0)
    return array(schedule(1 + 3 + 9 + 27 + 81))


R2 = 1 - 6 / 70  # of `adjusted_r2`, before it is adjusted: six errors of 1, columns 0, 2, ... 10
DEPARTURES = {  # why; how; what Keras gives; what minidl gives
    "the mean of no steps at all": (
        "0 divided by 0 would be NaN in every weight after the next step", mean_of_no_steps, np.nan, 0.0,
    ),
    "the weighted mean of losses with one weight for several of them": (
        "Keras divides by the weights as given, 2, and not by those that were used, 6", weighted_mean, 3.0, 1.0,
    ),
    "a certain wrong answer costs the same for 0 and for 1": (
        "1 − 1e-7 is not a float32: Keras clips a certain 1 at another distance than a certain 0",
        certain_and_wrong, -0.175711, 0.0,
    ),
    "a metric with an ignored class": (
        "Keras counts the ignored samples as losses of 0; the documentation says that they are left out",
        ignored_class, np.log(2) / 2, np.log(2),
    ),
    "F scores of perfect answers": ("Keras adds 1e-7 to the divisors, 0 or not", perfect_f1, 1 - 1e-7, 1.0),
    "R² adjusted for the number of inputs": (
        "Keras takes the 12 numbers of 6 samples with 2 outputs for 12 samples", adjusted_r2,
        1 - (1 - R2) * 11 / 9, 1 - (1 - R2) * 5 / 3,
    ),
    "the mean of unmasked steps in BatchNormalization": (
        "Keras divides by their number plus 1e-7; minidl by their number", masked_mean, 1 - 1e-7, 1.0,
    ),
    "the first step after a restart": (
        "Keras finds the period with a logarithm, whose rounding can leave it in the old one", step_of_a_restart, 0.0, 1.0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DEPARTURES)
def test_departures(name):
    _, shown, theirs, ours = DEPARTURES[name]
    found = np.ravel(shown(keras))[0], np.ravel(shown(minidl))[0]
    assert found == pytest.approx(
        (theirs, ours), rel=1e-9 if abs(theirs - ours) < 1e-6 else 1e-4, abs=1e-12, nan_ok=True
    )
    assert found[0] != found[1]


def test_a_softmax_that_is_sure_and_wrong_still_learns():
    """Keras clips the probability, and the clip has no gradient; minidl goes on from the logits."""
    z, y = np.array([[40.0, 0.0]]), np.array([1])
    found = []
    for library in (keras, minidl):
        model = library.Sequential([
            library.layers.Input((2,)), library.layers.Dense(2, use_bias=False, kernel_initializer="identity"),
            library.layers.Softmax(),
        ])  # fmt: skip
        model.compile(library.optimizers.SGD(1.0), "sparse_categorical_crossentropy")
        model.train_on_batch(z, y)
        found.append(model.get_weights()[0] - np.eye(2))
    theirs, ours = found
    assert np.abs(theirs).max() < 1e-6
    assert ours == pytest.approx(np.array([[-40.0, 40.0], [0.0, 0.0]]), abs=1e-9)
