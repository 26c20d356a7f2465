"""Every optimizer and schedule beside those of Keras, with all arguments drawn: five steps, their state and rate."""

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from peers import ORACLE, agree, examples, jax, keras, precision, rounded
from strategies import seeds

from minidl import optimizers
from minidl.optimizers import schedules
from minidl.variable import Variable

pytestmark = ORACLE
STEPS = 5
EXCEPTIONS = {"Optimizer": "the base class", "LearningRateSchedule": "the base class"}
beta = st.sampled_from([0.0, 0.3, 0.9, 0.999])
epsilon = st.sampled_from([1e-7, 1e-3, 0.1])
moments = {"beta_1": beta, "beta_2": beta, "epsilon": epsilon}
OWN = {
    "SGD": {"momentum": st.sampled_from([0.0, 0.5, 0.9]), "nesterov": st.booleans()},
    "RMSprop": {
        "rho": beta, "momentum": st.sampled_from([0.0, 0.8]), "epsilon": st.sampled_from([1e-3, 0.1]),
        "centered": st.booleans(),
    },
    "Adagrad": {"initial_accumulator_value": st.sampled_from([0.1, 0.5]), "epsilon": epsilon},
    "Adadelta": {"rho": beta, "epsilon": epsilon},
    "Adam": {**moments, "amsgrad": st.booleans()},
    "AdamW": {**moments, "amsgrad": st.booleans()},
    "Adamax": moments,
    "Nadam": moments,
}  # fmt: skip
rate = st.sampled_from([0.3, 0.01, 1.0])
steps = st.integers(1, 20)
factor = st.sampled_from([0.0, 0.25, 0.9])
SCHEDULES = {
    "ExponentialDecay": {
        "initial_learning_rate": rate, "decay_steps": steps, "decay_rate": st.sampled_from([0.5, 0.9, 1.1]),
        "staircase": st.booleans(),
    },
    "InverseTimeDecay": {
        "initial_learning_rate": rate, "decay_steps": steps, "decay_rate": st.sampled_from([0.5, 3.0]),
        "staircase": st.booleans(),
    },
    "PiecewiseConstantDecay": {
        "boundaries": st.sampled_from([[3, 7], [1, 2]]), "values": st.sampled_from([[0.3, 0.2, 0.1], [0.1, 0.2, 1.0]]),
    },
    "PolynomialDecay": {
        "initial_learning_rate": rate, "decay_steps": steps, "end_learning_rate": st.sampled_from([0.0001, 0.05]),
        "power": st.sampled_from([0.5, 1.0, 2.0]), "cycle": st.booleans(),
    },
    "CosineDecay": {
        "initial_learning_rate": rate, "decay_steps": steps, "alpha": factor,
        "warmup_target": st.sampled_from([None, 0.7]), "warmup_steps": st.integers(0, 6),
    },
    "CosineDecayRestarts": {
        "initial_learning_rate": rate, "first_decay_steps": steps, "t_mul": st.sampled_from([1.0, 1.5, 2.0]),
        "m_mul": st.sampled_from([0.5, 1.0]), "alpha": factor,
    },
}  # fmt: skip
scheduled = st.sampled_from(sorted(SCHEDULES)).flatmap(
    lambda name: st.tuples(st.just(name), st.fixed_dictionaries(SCHEDULES[name]))
)


def test_every_optimizer_and_schedule_is_compared_with_every_argument():
    for module, drawn, elsewhere in (
        (optimizers, OWN, {"learning_rate", "weight_decay", "shared", "name"}),
        (schedules, SCHEDULES, {"name"}),
    ):
        classes = {n: getattr(module, n) for n in module.__all__ if isinstance(getattr(module, n), type)}
        assert set(classes) - set(EXCEPTIONS) == set(drawn)
        for name, own in drawn.items():
            assert set(inspect.signature(classes[name]).parameters) - elsewhere == set(own), name


@st.composite
def cases(draw, name):
    arguments = draw(st.fixed_dictionaries(OWN[name]))
    clipping = draw(st.sampled_from([None, None, "clipnorm", "clipvalue", "global_clipnorm"]))
    if clipping:
        arguments[clipping] = draw(st.sampled_from([0.3, 2.0]))
    decay = draw(st.sampled_from([None, 0.01, 0.5]))
    if decay is not None or name == "AdamW":
        arguments["weight_decay"] = decay or 0.004
    return arguments, draw(st.one_of(rate, scheduled))


def of_keras(name, arguments, learning_rate, values, gradients):
    if isinstance(learning_rate, tuple):
        learning_rate = getattr(keras.optimizers.schedules, learning_rate[0])(**learning_rate[1])
    optimizer = getattr(keras.optimizers, name)(learning_rate, **arguments)
    variables = [keras.Variable(v, name=n) for n, v in zip("ab", values, strict=True)]
    optimizer.build(variables)
    step, found = jax.jit(optimizer.stateless_apply), []
    state, weights = [v.value for v in optimizer.variables], [v.value for v in variables]
    for g in gradients:
        weights, state = step(state, g, weights)
        found.append([np.asarray(w) for w in weights])
    named = {
        v.path.split("/", 1)[1]: np.asarray(value)
        for v, value in zip(optimizer.variables, state, strict=True)
        if v.name not in ("iteration", "learning_rate") and not v.name.startswith("variable")
    }  # Nadam keeps a product in a nameless variable, which minidl computes from the number of steps
    return {"weights": found, "state": list(named.values())}


def of_minidl(name, arguments, learning_rate, values, gradients):
    if isinstance(learning_rate, tuple):
        learning_rate = getattr(schedules, learning_rate[0])(**learning_rate[1])
    optimizer = getattr(optimizers, name)(learning_rate, **arguments)
    variables, found = [Variable(v, name=n) for n, v in zip("ab", values, strict=True)], []
    for g in gradients:
        optimizer.apply(g, variables)
        found.append([v.numpy().copy() for v in variables])
    state = [v.numpy() for v in optimizer.variables if v.name not in ("iteration", "learning_rate")]
    assert {v.dtype for v in variables} == {values[0].dtype}
    return {"weights": found, "state": state}


@pytest.mark.parametrize("name", OWN)
@examples(12)
@given(data=st.data(), seed=seeds)
def test_five_steps(name, data, seed):
    arguments, learning_rate = data.draw(cases(name))
    rng = np.random.default_rng(seed)
    values = rounded(rng.normal(size=(3, 2)), rng.normal(size=4))
    gradients = [
        rounded(*(rng.normal(0, 10.0 ** rng.integers(-2, 2), v.shape) for v in values)) for _ in range(STEPS)
    ]
    wanted = of_keras(name, arguments, learning_rate, values, gradients)
    agree(of_minidl(name, arguments, learning_rate, values, gradients), wanted)
    small = [v.astype("float32") for v in values], [[g.astype("float32") for g in gs] for gs in gradients]

    def in_float32():
        with precision("float32"):
            return of_keras(name, arguments, learning_rate, *small)

    with precision("float32"):
        got = of_minidl(name, arguments, learning_rate, *small)
    agree(got, wanted, "float32", in_float32)


@pytest.mark.parametrize("name", SCHEDULES)
@examples(12)
@given(data=st.data())
def test_schedules(name, data):
    arguments = data.draw(st.fixed_dictionaries(SCHEDULES[name]))
    ours, theirs = (
        getattr(schedules, name)(**arguments),
        getattr(keras.optimizers.schedules, name)(**arguments),
    )
    assert ours.get_config() == theirs.get_config()
    between = (
        0.3 if name == "CosineDecayRestarts" else 0.0
    )  # not on the step of a restart: test_departures.py
    at = [step + between for step in (*range(12), 19, 20, 21, 40, 63)]
    wanted = jax.jit(jax.vmap(theirs))(np.array(at))
    agree(np.array([ours(step) for step in at]), wanted)
