"""The same steps by Keras itself."""

import os

import numpy as np
import pytest

from minidl import optimizers
from minidl.optimizers import schedules
from minidl.variable import Variable

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # inside Keras
]


@pytest.fixture(scope="module")
def keras():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    return pytest.importorskip("keras")


CASES = [
    ("SGD", {}), ("SGD", {"momentum": 0.9}), ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("SGD", {"momentum": 0.9, "weight_decay": 0.1}), ("SGD", {"clipvalue": 0.3}), ("SGD", {"clipnorm": 0.5}),
    ("SGD", {"global_clipnorm": 0.5}), ("RMSprop", {}), ("RMSprop", {"rho": 0.5, "momentum": 0.8}),
    ("RMSprop", {"centered": True, "epsilon": 1e-3}),
    ("RMSprop", {"centered": True, "epsilon": 1e-3, "momentum": 0.5, "weight_decay": 0.2}),
    ("Adagrad", {}), ("Adagrad", {"initial_accumulator_value": 0.5, "epsilon": 0.1}), ("Adadelta", {}),
    ("Adadelta", {"learning_rate": 1.0, "rho": 0.8, "weight_decay": 0.1}), ("Adam", {}),
    ("Adam", {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 0.1}), ("Adam", {"amsgrad": True, "beta_2": 0.5}),
    ("Adam", {"clipnorm": 0.5, "weight_decay": 0.1}), ("Adam", {"global_clipnorm": 0.5}), ("AdamW", {}),
    ("AdamW", {"weight_decay": 0.5, "amsgrad": True}), ("Adamax", {}), ("Adamax", {"beta_1": 0.3, "beta_2": 0.7}),
    ("Nadam", {}), ("Nadam", {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 0.01}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "options", "scheduled", "steps"),
    [
        *((name, options, False, 12) for name, options in CASES),
        ("Adam", {}, False, 100),
        ("Adam", {"weight_decay": 0.1}, True, 25),
        ("SGD", {"momentum": 0.9}, True, 25),
    ],
)
def test_keras_takes_the_same_steps(keras, name, options, scheduled, steps):
    rate = options.get("learning_rate", 0.01)
    made = []
    for library in (keras.optimizers, optimizers):
        schedule = library.schedules.CosineDecay(rate, 15, 0.1, warmup_target=2 * rate, warmup_steps=5)
        made.append(getattr(library, name)(**{**options, "learning_rate": schedule if scheduled else rate}))
    rng = np.random.default_rng(0)
    values = [np.sign(x) + x / 4 for x in (rng.normal(size=(3, 2)), rng.normal(size=4))]  # away from 0
    values = [x.astype("float32") for x in values]
    theirs = [keras.Variable(x, name=n) for x, n in zip(values, "ab", strict=True)]
    ours = [Variable(x, name=n) for x, n in zip(values, "ab", strict=True)]
    for t in range(steps):
        gradients = [rng.normal(0, 10.0 ** rng.integers(-2, 2), x.shape).astype("float32") for x in values]
        made[0].apply([keras.ops.convert_to_tensor(g) for g in gradients], theirs)
        made[1].apply(gradients, ours)
        if t in (0, 4, steps - 1):
            for a, b in zip(ours, theirs, strict=True):
                np.testing.assert_allclose(a.numpy(), np.asarray(b), rtol=1e-6, atol=1e-6)
    state = [
        v for v in made[0].variables if not v.name.startswith("variable")
    ]  # Nadam's product, which we compute from t
    assert [v.name for v in made[1].variables] == [v.name for v in state]
    for a, b in zip(made[1].variables, state, strict=True):
        np.testing.assert_allclose(a.numpy(), np.asarray(b), rtol=2e-5, atol=1e-6)
    assert made[1].learning_rate == pytest.approx(float(made[0].learning_rate), rel=1e-5)


@pytest.mark.parametrize("name", sorted({name for name, _ in CASES}))
def test_keras_reads_our_config_and_we_read_theirs(keras, name):
    theirs, ours = getattr(keras.optimizers, name)(), getattr(optimizers, name)()
    assert type(theirs).from_config(ours.get_config()).get_config().keys() == theirs.get_config().keys()
    again = optimizers.deserialize(keras.optimizers.serialize(theirs))
    for key, value in ours.get_config().items():
        if key != "name":
            assert again.get_config()[key] == (pytest.approx(value, rel=1e-6) if value else value), key


def test_keras_constrains_after_the_update(keras):
    def clip(w):
        return w * (w > 0)

    theirs = keras.Variable(np.array([0.1, -0.5], "float32"))
    theirs.constraint = clip
    ours = Variable(np.array([0.1, -0.5], "float32"), constraint=clip)
    keras.optimizers.Adam(0.2).apply([keras.ops.ones(2)], [theirs])
    optimizers.Adam(0.2).apply([np.ones(2)], [ours])
    np.testing.assert_allclose(ours.numpy(), np.asarray(theirs), rtol=1e-6)


SCHEDULES = [
    ("ExponentialDecay", (0.1, 7, 0.8), {}), ("ExponentialDecay", (0.1, 7, 0.8), {"staircase": True}),
    ("InverseTimeDecay", (0.1, 7, 0.8), {}), ("InverseTimeDecay", (0.1, 7, 0.8), {"staircase": True}),
    ("PiecewiseConstantDecay", ([5, 10], [0.3, 0.2, 0.1]), {}), ("PolynomialDecay", (0.1, 16), {}),
    ("PolynomialDecay", (0.1, 16, 0.01, 2.0), {"cycle": True}), ("CosineDecay", (0.1, 16), {}),
    ("CosineDecay", (0.1, 16, 0.2), {"warmup_target": 0.4, "warmup_steps": 8}),
    ("CosineDecayRestarts", (0.1, 4), {}), ("CosineDecayRestarts", (0.1, 4, 2.0, 0.5, 0.1), {}),
    ("CosineDecayRestarts", (0.1, 8, 1.0, 0.9), {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "options"), SCHEDULES)
def test_keras_has_the_same_schedules(keras, name, arguments, options):
    theirs = getattr(keras.optimizers.schedules, name)(*arguments, **options)
    ours = getattr(schedules, name)(*arguments, **options)
    for step in range(70):
        assert ours(step) == pytest.approx(float(theirs(step)), rel=2e-5, abs=1e-8), step
    assert ours.get_config() == theirs.get_config()
