"""Every argument of every public constructor and function, given what it must refuse and what it must take.

`argument_kinds` says of each argument what kind it is, `argument_owners` what is walked through. A bad value raises a
ValueError or TypeError where it is given, and its message names whom and what it is about.
"""

import warnings

import numpy as np
import pytest
from errors.argument_owners import BESIDE, SAID, Owner, constructors, functions
from errors.function_argument_table import KINDS, kind_of

from minidl import callbacks, config, layers, losses, metrics, models, optimizers

OWNERS = [*constructors(), *functions()]


@pytest.fixture(autouse=True)
def nothing_outside(monkeypatch, tmp_path):
    """No download, no file in the home folder, and settings as they were."""

    def no_network(*args, **kwargs):
        raise AssertionError("a bad argument went as far as the network")

    monkeypatch.setenv("MINIDL_HOME", str(tmp_path))
    monkeypatch.setattr("socket.getaddrinfo", no_network)
    floatx, epsilon = config.floatx(), config.epsilon()
    yield
    config.set_floatx(floatx)
    config.set_epsilon(epsilon)


def call(owner: Owner, argument: str, value: object) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a name that is old, say: not what is looked at here
        owner.call(**{**owner.needs(), **BESIDE.get(f"{owner.name}.{argument}", {}), argument: value})


# How a message says what may be given, or what stands against it.
EXPECTED = (
    "expect", "takes", " has ", "cannot", "must", "Unknown", "Did you mean", "not both", "Choose", "needs", " is ",
    "draws", "does not serve",
)  # fmt: skip
NOT_QUOTED = {"json_string"}  # a whole file, of which the message names the place


def came(value: object) -> list[str]:
    """How a message may show a value: itself, shortened, or its type; that of an entry for what has entries."""
    inside = [*value, *value.values()] if isinstance(value, dict) else value
    entries = inside if isinstance(inside, list | tuple) else ()
    found = [repr(value)[:40], str(value)[:40], type(value).__name__, str(len(entries))]
    found += [getattr(value, "__name__", ""), "neither" if value is None else "" if entries else "none"]
    return [part for part in found if part] + [part for entry in entries for part in came(entry)]


def fault(owner: Owner, argument: str, value: object) -> str | None:
    """What is wrong with the answer to a bad value."""
    try:
        call(owner, argument, value)
    except (ValueError, TypeError) as error:
        message = str(error)
    except BaseException as error:
        return f"{argument}={value!r:.40} raised {error!r:.100}"
    else:
        return f"{argument}={value!r:.40} was taken"
    said = (argument, SAID.get(f"{owner.name}.{argument}", argument))
    wrong = [
        what
        for what, right in {
            "is too long": len(message) < 400,
            "has terminal codes": "\x1b" not in message,
            "does not say who": any(name in message for name in (owner.name, *owner.called)),
            "does not say which argument": any(name in message for name in said),
            "does not say what came": argument in NOT_QUOTED or any(part in message for part in came(value)),
            "does not say what is expected": any(word in message for word in EXPECTED),
            "does not end as a sentence": message.endswith((".", "?")),
        }.items()
        if not right
    ]
    return f"{argument}={value!r:.40}: {message!r:.160} {' and '.join(wrong)}" if wrong else None


@pytest.mark.parametrize("owner", OWNERS, ids=lambda owner: owner.name)
def test_bad_values_are_refused(owner):
    found = [fault(owner, name, value) for name in owner.arguments for value in kind_of(owner.name, name).bad]
    assert [line for line in found if line] == []


@pytest.mark.parametrize("owner", OWNERS, ids=lambda owner: owner.name)
def test_good_values_are_taken(owner):
    for name in owner.arguments:
        for value in kind_of(owner.name, name).good:
            try:
                call(owner, name, value)
            except OSError:  # there is no such file: the argument itself was taken
                pass
            except (TypeError, ValueError) as error:
                pytest.fail(f"{owner.name} refused {name}={value!r:.60}: {error}")


def test_all_arguments_have_a_kind():
    names = {(owner.name, argument) for owner in OWNERS for argument in owner.arguments}
    assert {(o, a) for o, a in names if f"{o}.{a}" not in KINDS and a not in KINDS} == set()
    unused = set(KINDS) - {a for _, a in names} - {f"{o}.{a}" for o, a in names}
    made = {f"{w}_{k}" for w in ("activity", *WEIGHTS) for k in ("initializer", "regularizer", "constraint")}
    assert {name for name in unused - made if "." in name} == set()


WEIGHTS = (
    "kernel", "recurrent", "bias", "beta", "gamma", "moving_mean", "moving_variance", "depthwise", "pointwise",
    "embeddings", "alpha",
)  # fmt: skip


def test_that_much_is_tried(capsys):
    """The figures for the table of what is tested."""
    bad = sum(len(kind_of(o.name, a).bad) for o in OWNERS for a in o.arguments)
    good = sum(len(kind_of(o.name, a).good) for o in OWNERS for a in o.arguments)
    arguments = sum(len(o.arguments) for o in OWNERS)
    with capsys.disabled():
        print(f"\narguments: {len(OWNERS)} owners, {arguments} arguments, {bad} bad values, {good} good ones")
    assert len(OWNERS) > 220
    assert arguments > 1100
    assert bad > 15_000


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: layers.Dense(10, activaton="relu"), ["Dense", "'activaton'", "Did you mean 'activation'?"]),
        (lambda: layers.Dense(unit=3), ["Dense", "'unit'", "Did you mean 'units'?"]),
        (lambda: layers.Dense(output_dim=3), ["Dense", "output_dim", "units"]),
        (lambda: layers.Dense(3, init="uniform"), ["Dense", "init", "kernel_initializer"]),
        (lambda: layers.Dense(3, W_regularizer="l2"), ["Dense", "W_regularizer", "kernel_regularizer"]),
        (lambda: layers.Conv2D(3, 3, subsample=2), ["Conv2D", "subsample", "strides"]),
        (lambda: layers.Conv2D(3, 3, border_mode="same"), ["Conv2D", "border_mode", "padding"]),
        (lambda: layers.Conv2D(nb_filter=3, kernel_size=3), ["Conv2D", "nb_filter", "filters"]),
        (lambda: layers.Conv2D(3, 3, dim_ordering="tf"), ["Conv2D", "dim_ordering", "data_format"]),
        (lambda: layers.Dropout(p=0.5), ["Dropout", "'p'", "rate"]),
        (lambda: layers.LSTM(3, inner_activation="relu"), ["LSTM", "inner_activation", "recurrent_activation"]),
        (lambda: layers.LSTM(3, dropout_U=0.5), ["LSTM", "dropout_U", "recurrent_dropout"]),
        (lambda: layers.Conv2D(3, 3, padding="sme"), ["Conv2D", "padding", "Did you mean 'same'?"]),
        (lambda: layers.Conv2D(3, 3, strides=2, dilation_rate=2), ["Conv2D", "strides", "dilation_rate"]),
        (lambda: layers.Conv2D(4, 3, groups=3), ["Conv2D", "groups", "filters"]),
        (lambda: optimizers.Adam(lr=0.1), ["Adam", "lr", "learning_rate"]),
        (lambda: optimizers.Adam(beta1=0.1), ["Adam", "beta1", "beta_1"]),
        (lambda: optimizers.SGD(momentun=0.1), ["SGD", "momentun", "momentum"]),
        (lambda: losses.get("mean_squared_eror"), ["mean_squared_eror", "MeanSquaredError"]),
        (lambda: metrics.get("acuracy"), ["acuracy", "Accuracy"]),
        (lambda: losses.get(losses.MeanSquaredError), ["MeanSquaredError()"]),
        (lambda: optimizers.get(optimizers.Adam), ["Adam()"]),
        (lambda: models.Sequential([layers.Dense]), ["Dense(...)"]),
        (lambda: layers.RNN(layers.LSTMCell), ["RNN", "cell", "LSTMCell"]),
        (lambda: callbacks.CallbackList([callbacks.History], None), ["callbacks", "History(...)"]),
        (lambda: callbacks.EarlyStopping(patince=3), ["EarlyStopping", "'patince'", "Did you mean 'patience'?"]),
        (lambda: layers.Conv2D(32), ["Conv2D needs the argument kernel_size", "filters=..., kernel_size=..."]),
        (lambda: layers.Dense(), ["Dense needs the argument units: Dense(units=...)"]),
        (lambda: layers.Concatenate(1, 2), ["Concatenate takes only axis without a name, got 2 values"]),
        (lambda: callbacks.ModelCheckpoint(), ["ModelCheckpoint needs the argument filepath"]),
        (lambda: models.load_model(), ["load_model needs the argument filepath"]),
        (lambda: models.Sequential().predict(), ["predict needs the argument x"]),
        (lambda: layers.Dense(64, 32), ["Dense", "activation=32", "Expected an activation"]),
        (lambda: optimizers.SGD(optimizers.schedules.ExponentialDecay), ["SGD", "the class", "ExponentialDecay(...)"]),
        (lambda: losses.Huber(dela=3), ["Huber", "'dela'", "Did you mean 'delta'?"]),
    ],
)  # fmt: skip
def test_names_and_pairs(make, words):
    with pytest.raises((TypeError, ValueError)) as caught:
        make()
    assert [word for word in words if word not in str(caught.value)] == []
    assert len(str(caught.value)) < 400


def test_too_large_to_be_made():
    layer = layers.Dense(2**62, name="huge")
    with pytest.raises((ValueError, MemoryError), match=r"huge.*bytes"):
        layer(np.ones((1, 4)))
    assert layer.weights == []
