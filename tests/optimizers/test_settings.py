"""What an optimizer is told: learning rate, decay, names, configs, and errors that say what to do."""

import json
import re

import numpy as np
import pytest

from minidl import optimizers
from minidl.optimizers import schedules
from minidl.optimizers.schedules import LearningRateSchedule
from minidl.variable import Variable

CLASSES = [
    optimizers.SGD, optimizers.RMSprop, optimizers.Adagrad, optimizers.Adadelta, optimizers.Adam,
    optimizers.AdamW, optimizers.Adamax, optimizers.Nadam,
]  # fmt: skip


# --- defaults and configs -----------------------------------------------------------------------------------

DEFAULTS = {
    "SGD": {"learning_rate": 0.01, "momentum": 0.0, "nesterov": False},
    "RMSprop": {"learning_rate": 0.001, "rho": 0.9, "momentum": 0.0, "epsilon": 1e-7, "centered": False},
    "Adagrad": {"learning_rate": 0.001, "initial_accumulator_value": 0.1, "epsilon": 1e-7},
    "Adadelta": {"learning_rate": 0.001, "rho": 0.95, "epsilon": 1e-7},
    "Adam": {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, "amsgrad": False},
    "AdamW": {"learning_rate": 0.001, "weight_decay": 0.004, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7,
              "amsgrad": False},
    "Adamax": {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7},
    "Nadam": {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7},
}  # fmt: skip


@pytest.mark.parametrize("cls", CLASSES)
def test_defaults_are_those_of_keras(cls):
    optimizer, wanted = cls(name="opt"), DEFAULTS[cls.__name__]
    assert {key: getattr(optimizer, key) for key in wanted} == wanted
    shared = {
        "name": "opt",
        "weight_decay": None,
        "clipnorm": None,
        "clipvalue": None,
        "global_clipnorm": None,
    }
    assert optimizer.get_config() == {**shared, **wanted}


@pytest.mark.parametrize("cls", CLASSES)
def test_a_config_makes_the_same_optimizer_through_json(cls):
    options = {"beta_1": 0.5} if "beta_1" in DEFAULTS[cls.__name__] else {}
    schedule = schedules.PiecewiseConstantDecay([1, 2], [0.3, 0.2, 0.1])
    for rate in (0.25, schedule):
        made = cls(rate, weight_decay=0.1, clipnorm=2.0, **options)
        description = json.loads(json.dumps(optimizers.serialize(made)))
        again = optimizers.deserialize(description)
        assert type(again) is cls
        assert again.get_config() == made.get_config()
        assert again.learning_rate == made.learning_rate
        assert repr(again) == repr(made)


def test_configs_written_by_keras_are_read():
    config = {
        "module": "keras.optimizers", "class_name": "Adam", "registered_name": None,
        "config": {
            "name": "adam", "learning_rate": {
                "module": "keras.optimizers.schedules", "class_name": "ExponentialDecay", "registered_name": None,
                "config": {"initial_learning_rate": 0.5, "decay_steps": 10, "decay_rate": 0.9,
                           "staircase": False, "name": "ExponentialDecay"},
            },
            "weight_decay": None, "clipnorm": None, "global_clipnorm": None, "clipvalue": None, "use_ema": False,
            "ema_momentum": 0.99, "ema_overwrite_frequency": None, "loss_scale_factor": None,
            "gradient_accumulation_steps": None, "beta_1": 0.8, "beta_2": 0.999, "epsilon": 1e-07,
            "amsgrad": False,
        },
    }  # fmt: skip
    optimizer = optimizers.get(config)
    assert isinstance(optimizer, optimizers.Adam)
    assert (optimizer.beta_1, optimizer.learning_rate) == (0.8, 0.5)


def test_get():
    for name in ("adam", "Adam", "ADAM"):
        assert type(optimizers.get(name)) is optimizers.Adam
    assert type(optimizers.get("sgd")) is optimizers.SGD
    assert type(optimizers.get("rmsprop")) is optimizers.RMSprop
    assert type(optimizers.get("AdamW")) is type(optimizers.get("adam_w")) is optimizers.AdamW
    made = optimizers.Nadam()
    assert optimizers.get(made) is made
    assert optimizers.get(None) is None

    class Mine(optimizers.SGD):
        pass

    assert type(optimizers.deserialize(optimizers.serialize(Mine()), {"Mine": Mine})) is Mine


def test_names():
    first, second = optimizers.Adam(), optimizers.Adam()
    assert re.fullmatch(r"adam(_\d+)?", first.name)
    assert first.name != second.name
    assert optimizers.Adam(name="mine").name == "mine"


# --- learning rate ------------------------------------------------------------------------------------------


def test_the_learning_rate_can_be_read_and_set():
    optimizer = optimizers.SGD(1)
    assert optimizer.learning_rate == 1.0
    assert isinstance(optimizer.learning_rate, float)
    optimizer.learning_rate = np.float32(0.5)
    w = Variable([1.0])
    optimizer.apply([[1.0]], [w])
    assert w.numpy().tolist() == [0.5]
    optimizer.learning_rate = 0
    optimizer.apply([[1.0]], [w])
    assert w.numpy().tolist() == [0.5]
    optimizer.variables[1].assign(0.25)
    assert optimizer.learning_rate == 0.25


def test_a_schedule_is_read_before_the_step():
    class Steps(LearningRateSchedule):
        def __call__(self, step):
            return [1.0, 0.5, 0.25][step]

    optimizer, w = optimizers.SGD(Steps()), Variable([0.0])
    assert optimizer.learning_rate == 1.0
    path = []
    for _ in range(2):
        optimizer.apply([[1.0]], [w])
        path.append(float(w.numpy()[0]))
    assert path == [-1, -1.5]
    assert optimizer.learning_rate == 0.25
    with pytest.raises(TypeError, match=r"follows Steps and cannot be set .* SGD\(learning_rate=0.01\)"):
        optimizer.learning_rate = 0.1
    assert optimizer.learning_rate == 0.25
    optimizer.learning_rate = schedules.CosineDecay(0.5, 4)
    assert optimizer.learning_rate == pytest.approx(0.25)


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf")])
def test_learning_rates_that_are_refused(value):
    with pytest.raises(ValueError, match=r"SGD expects learning_rate to be a number >= 0, got"):
        optimizers.SGD(value)
    optimizer = optimizers.SGD(0.5)
    with pytest.raises(ValueError, match="learning_rate"):
        optimizer.learning_rate = value
    assert optimizer.learning_rate == 0.5

    class Bad(LearningRateSchedule):
        def __call__(self, step):
            return value

    w = Variable([1.0])
    with pytest.raises(ValueError, match=r"sgd\w* expects a learning rate >= 0 from Bad, got .* at step 0"):
        optimizers.SGD(Bad()).apply([[1.0]], [w])
    assert w.numpy().tolist() == [1]


def test_iterations_is_like_a_whole_number():
    optimizer, w = optimizers.SGD(), Variable([1.0])
    for _ in range(3):
        assert optimizer.apply_gradients([([0.0], w)]) is optimizer.iterations
    assert int(optimizer.iterations) == optimizer.iterations == 3
    assert list(range(optimizer.iterations)) == [0, 1, 2]
    assert optimizer.iterations.numpy() == 3


# --- weight decay -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", CLASSES)
def test_weight_decay_comes_before_the_update_on_all_variables(cls):
    options = {"weight_decay": 0.0} if cls is optimizers.AdamW else {}
    plain, decayed = cls(0.5, **options), cls(0.5, weight_decay=0.1)
    a = [Variable([1.0, -2.0], name="kernel"), Variable([4.0], name="bias")]
    b = [Variable([1.0, -2.0]), Variable([4.0])]
    for _ in range(3):
        for v in b:
            v.assign(v.numpy() * np.float32(1 - 0.1 * 0.5))
        decayed.apply([[1.0, 1.0], [1.0]], a)
        plain.apply([[1.0, 1.0], [1.0]], b)
    for v, wanted in zip(a, b, strict=True):
        assert v.numpy() == pytest.approx(wanted.numpy(), rel=1e-5)


def test_weight_decay_acts_on_optimizers_of_ones_own():
    class Sign(optimizers.Optimizer):
        def update(self, w, g, slots, step):
            return (w - step.learning_rate * np.sign(g),)

    w = Variable([1.0])
    Sign(0.5, weight_decay=0.5).apply([[3.0]], [w])
    assert w.numpy().tolist() == [0.25]


def test_variables_spared_from_weight_decay():
    def run(**excluded):
        variables = [
            Variable([1.0], name="kernel"), Variable([1.0], name="bias"), Variable([1.0], name="gamma"),
            Variable([1.0], name="forward_bias"),
        ]  # fmt: skip
        variables[0].path = "bias_layer/kernel"  # the name counts, not the path
        optimizer = optimizers.AdamW(0.5, weight_decay=0.5)
        if excluded:
            names = excluded.get("var_names")
            optimizer.exclude_from_weight_decay([variables[i] for i in excluded.get("which", [])], names)
        optimizer.apply([[0.0]] * 4, variables)
        return [float(v.numpy()[0]) for v in variables]

    assert run() == [0.75] * 4
    assert run(var_names=["bias", "beta"]) == [0.75, 1, 0.75, 1]
    assert run(which=[2]) == [0.75, 0.75, 1, 0.75]
    assert run(which=[0], var_names=["gamma"]) == [1, 0.75, 1, 0.75]
    with pytest.raises(TypeError, match=re.escape("Write ['bias'].")):
        run(var_names="bias")


# --- errors -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: optimizers.SGD(momentum=1.5),
            ValueError,
            "SGD expects momentum to be a number >= 0 and <= 1",
        ),
        (lambda: optimizers.SGD("fast"), TypeError, "SGD expects learning_rate to be a number >= 0, got str"),
        (lambda: optimizers.SGD(True), TypeError, "SGD expects learning_rate"),
        (lambda: optimizers.SGD(lambda step: 0.1), TypeError, "Derive a class from"),
        (lambda: optimizers.SGD(schedules.CosineDecay), TypeError, "Make an instance: CosineDecay"),
        (lambda: optimizers.RMSprop(rho=1), ValueError, "RMSprop expects rho"),
        (lambda: optimizers.RMSprop(momentum=-0.1), ValueError, "RMSprop expects momentum"),
        (lambda: optimizers.RMSprop(epsilon=-1), ValueError, "RMSprop expects epsilon"),
        (lambda: optimizers.Adagrad(initial_accumulator_value=-1), ValueError, "initial_accumulator_value"),
        (lambda: optimizers.Adagrad(epsilon=0), ValueError, "Adagrad expects epsilon to be a number > 0"),
        (lambda: optimizers.Adadelta(rho=-1), ValueError, "Adadelta expects rho"),
        (lambda: optimizers.Adadelta(epsilon=float("nan")), ValueError, "Adadelta expects epsilon"),
        (lambda: optimizers.Adam(beta_1=1.5), ValueError, "Adam expects beta_1 to be a number >= 0 and < 1"),
        (lambda: optimizers.Adam(beta_2=1), ValueError, "Adam expects beta_2"),
        (lambda: optimizers.Adam(epsilon=None), TypeError, "Adam expects epsilon"),
        (lambda: optimizers.AdamW(weight_decay=None), TypeError, "AdamW expects weight_decay"),
        (lambda: optimizers.AdamW(weight_decay=-1), ValueError, "AdamW expects weight_decay"),
        (lambda: optimizers.Adamax(beta_1=-0.1), ValueError, "Adamax expects beta_1"),
        (lambda: optimizers.Adamax(beta_2=1.0), ValueError, "Adamax expects beta_2"),
        (lambda: optimizers.Adamax(epsilon=0), ValueError, "Adamax expects epsilon"),
        (lambda: optimizers.Nadam(beta_1=1.0), ValueError, "Nadam expects beta_1"),
        (lambda: optimizers.Nadam(beta_2=-1.0), ValueError, "Nadam expects beta_2"),
        (lambda: optimizers.Nadam(epsilon=0), ValueError, "Nadam expects epsilon"),
        (
            lambda: optimizers.Adam(clipnorm=-1),
            ValueError,
            "Adam expects clipnorm to be a number > 0, got -1.",
        ),
        (lambda: optimizers.Adam(clipvalue=0), ValueError, "Adam expects clipvalue"),
        (lambda: optimizers.Adam(global_clipnorm="1"), TypeError, "Adam expects global_clipnorm"),
        (
            lambda: optimizers.Adam(clipnorm=1, clipvalue=1),
            ValueError,
            "Adam expects one way to clip at most, got clipnorm, clipvalue.",
        ),
        (lambda: optimizers.Adam(lr=0.1), ValueError, "unknown argument lr=0.1. It is called learning_rate."),
        (lambda: optimizers.Adam(decay=0.1), ValueError, "InverseTimeDecay"),
        (lambda: optimizers.Adam(clip_norm=0.1), ValueError, "Did you mean 'clipnorm'?"),
        (lambda: optimizers.Adam(zzz=1), ValueError, "Adam got an unknown argument zzz=1."),
        (lambda: optimizers.Adam(use_ema=True), ValueError, "Adam(use_ema=True) is not part of minidl."),
        (lambda: optimizers.Adam(gradient_accumulation_steps=4), ValueError, "larger batch_size"),
        (lambda: optimizers.get("adan"), ValueError, "Unknown optimizer 'adan'. Did you mean 'Adam'"),
        (lambda: optimizers.get(optimizers.Adam), TypeError, "got the class Adam. Make one of it: Adam()."),
        (lambda: optimizers.get(0.001), TypeError, "Expected an optimizer: a name such as 'adam'"),
        (lambda: optimizers.get({"class_name": "Adam"}), ValueError, "The description of a"),
        (
            lambda: optimizers.get({"class_name": "Adam", "config": {"beta_1": "x"}}),
            ValueError,
            "Adam expects beta_1",
        ),
        (lambda: optimizers.Optimizer(0.1), TypeError, "abstract"),
    ],
)
def test_wrong_arguments_get_an_answer(make, error, message):
    with pytest.raises(error, match=re.escape(message)) as caught:
        make()
    assert len(str(caught.value)) < 400
