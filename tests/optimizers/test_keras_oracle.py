"""Long runs, configs and constraints beside Keras. (tests/oracle/test_optimizers.py draws all the arguments.)"""

import os

import numpy as np
import pytest

from minidl import optimizers
from minidl.variable import Variable

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # inside Keras
]


@pytest.fixture(scope="module")
def keras():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    return pytest.importorskip("keras")


@pytest.mark.parametrize(
    ("name", "options", "scheduled", "steps"),
    [
        ("Adam", {}, False, 100), ("Nadam", {}, False, 60), ("Adam", {"weight_decay": 0.1}, True, 25),
        ("SGD", {"momentum": 0.9}, True, 25),
    ],
)  # fmt: skip
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


@pytest.mark.parametrize(
    "name", ["SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "AdamW", "Adamax", "Nadam"]
)
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
