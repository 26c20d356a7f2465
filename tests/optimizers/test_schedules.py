"""Schedules: values at and around their boundaries, by hand."""

import json
import math
import re

import pytest

from minidl.optimizers import schedules
from minidl.optimizers.schedules import (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    LearningRateSchedule,
    PiecewiseConstantDecay,
    PolynomialDecay,
)
from minidl.variable import Variable

HALF = math.cos(math.pi / 4) / 2 + 0.5  # the cosine wave after a quarter of it

VALUES = [
    (ExponentialDecay(0.5, 10, 0.25), {0: 0.5, 5: 0.25, 10: 0.125, 20: 0.03125}),
    (ExponentialDecay(0.5, 10, 0.25, staircase=True), {0: 0.5, 9: 0.5, 10: 0.125, 19: 0.125, 20: 0.03125}),
    (InverseTimeDecay(0.6, 10, 2.0), {0: 0.6, 5: 0.3, 10: 0.2, 1000: 0.6 / 201}),
    (InverseTimeDecay(0.6, 10, 2.0, staircase=True), {0: 0.6, 9: 0.6, 10: 0.2, 19: 0.2, 20: 0.12}),
    (PiecewiseConstantDecay([2, 5], [3, 2, 1]), {0: 3, 2: 3, 3: 2, 5: 2, 6: 1, 10**6: 1}),
    (PiecewiseConstantDecay([], [3]), {0: 3, 9: 3}),
    (PolynomialDecay(0.5, 10, 0.1), {0: 0.5, 5: 0.3, 9: 0.14, 10: 0.1, 11: 0.1, 1000: 0.1}),
    (PolynomialDecay(0.5, 10, 0.1, power=2), {0: 0.5, 5: 0.2, 10: 0.1}),
    (PolynomialDecay(0.5, 10, 0.1, power=0.5), {0: 0.5, 6.4: 0.34, 10: 0.1}),
    # With cycle, the end moves to 20 after step 10: the rate jumps to the middle of a decay twice as long.
    (PolynomialDecay(0.5, 10, 0.1, cycle=True), {0: 0.5, 5: 0.3, 10: 0.1, 11: 0.28, 15: 0.2, 20: 0.1, 21: 0.22}),
    (CosineDecay(0.5, 8), {0: 0.5, 2: 0.5 * HALF, 4: 0.25, 8: 0, 9: 0, 1000: 0}),
    (CosineDecay(0.5, 8, alpha=0.1), {0: 0.5, 4: 0.275, 8: 0.05, 9: 0.05}),
    (
        CosineDecay(0.1, 8, warmup_target=0.5, warmup_steps=4),
        {0: 0.1, 1: 0.2, 3: 0.4, 4: 0.5, 6: 0.5 * HALF, 8: 0.25, 12: 0, 13: 0},
    ),
    (CosineDecay(0.1, 8, warmup_steps=4), {0: 0.1, 4: 0.05, 8: 0}),
    (CosineDecay(0.1, 8, warmup_target=0.5), {0: 0.5, 4: 0.25}),
    (
        CosineDecayRestarts(0.5, 4),
        {0: 0.5, 2: 0.25, 4: 0.5, 8: 0.25, 12: 0.5, 20: 0.25, 28: 0.5, 44: 0.25, 60: 0.5},
    ),
    (CosineDecayRestarts(0.5, 4, t_mul=1.0), {0: 0.5, 1: 0.5 * HALF, 4: 0.5, 4000: 0.5, 4002: 0.25}),
    (CosineDecayRestarts(0.8, 2, t_mul=3.0, m_mul=0.5), {0: 0.8, 1: 0.4, 2: 0.4, 5: 0.2, 8: 0.2, 17: 0.1, 26: 0.1}),
    (CosineDecayRestarts(0.8, 2, t_mul=3.0, m_mul=0.5, alpha=0.25), {0: 0.8, 2: 0.5, 5: 0.35, 8: 0.35}),
    # Period lengths 1, 3, 9, 27, 81: log(243) / log(3) is 4.999... in double precision, the restart is not.
    (CosineDecayRestarts(1.0, 1, t_mul=3.0), {1: 1, 4: 1, 13: 1, 40: 1, 121: 1}),
]  # fmt: skip


@pytest.mark.parametrize(("schedule", "values"), VALUES, ids=lambda x: type(x).__name__)
def test_values(schedule, values):
    for step, rate in values.items():
        assert schedule(step) == pytest.approx(rate, rel=1e-12, abs=1e-15), step
        assert isinstance(schedule(step), float)
        assert schedule(Variable(step, trainable=False)) == pytest.approx(schedule(step), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(("schedule", "values"), VALUES, ids=lambda x: type(x).__name__)
def test_a_config_makes_the_same_schedule_through_json(schedule, values):
    again = schedules.deserialize(json.loads(json.dumps(schedules.serialize(schedule))))
    assert type(again) is type(schedule)
    assert repr(again) == repr(schedule)
    assert [again(step) for step in values] == [schedule(step) for step in values]


def test_names_and_positions_of_the_arguments_are_those_of_keras():
    assert ExponentialDecay(0.1, 10, 0.9, True, "e").get_config() == {
        "initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.9, "staircase": True, "name": "e",
    }  # fmt: skip
    assert CosineDecay(0.1, 10, 0.5, "c", 0.2, 3).get_config() == {
        "initial_learning_rate": 0.1, "decay_steps": 10, "alpha": 0.5, "name": "c", "warmup_target": 0.2,
        "warmup_steps": 3,
    }  # fmt: skip
    assert CosineDecayRestarts(0.1, 10, 2.0, 0.5, 0.1, "r").get_config() == {
        "initial_learning_rate": 0.1, "first_decay_steps": 10, "t_mul": 2, "m_mul": 0.5, "alpha": 0.1, "name": "r",
    }  # fmt: skip
    assert PolynomialDecay(0.1, 10, 0.01, 2.0, True, "p").get_config() == {
        "initial_learning_rate": 0.1, "decay_steps": 10, "end_learning_rate": 0.01, "power": 2.0, "cycle": True,
        "name": "p",
    }  # fmt: skip
    assert PiecewiseConstantDecay([1], [2, 3], "w").get_config() == {
        "boundaries": [1], "values": [2, 3], "name": "w",
    }  # fmt: skip


def test_a_schedule_of_ones_own_can_be_read_back():
    class Fixed(LearningRateSchedule):
        def __init__(self, rate):
            self.rate = rate

        def __call__(self, step):
            return self.rate

    description = schedules.serialize(Fixed(0.5))
    assert schedules.deserialize(description, {"Fixed": Fixed})(3) == 0.5
    with pytest.raises(ValueError, match="Unknown learning-rate schedule 'Fixed'"):
        schedules.deserialize(description)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ExponentialDecay(0.1, 0, 0.9), ValueError, "ExponentialDecay expects decay_steps to be a number > 0"),
        (lambda: ExponentialDecay(-0.1, 1, 0.9), ValueError, "ExponentialDecay expects initial_learning_rate"),
        (lambda: ExponentialDecay(0.1, 1, -0.9), ValueError, "ExponentialDecay expects decay_rate"),
        (lambda: InverseTimeDecay(0.1, -1, 0.9), ValueError, "InverseTimeDecay expects decay_steps"),
        (lambda: InverseTimeDecay(0.1, 1, -0.9), ValueError, "InverseTimeDecay expects decay_rate"),
        (lambda: PolynomialDecay("a", 1), TypeError, "PolynomialDecay expects initial_learning_rate"),
        (lambda: PolynomialDecay(0.1, 0), ValueError, "PolynomialDecay expects decay_steps"),
        (lambda: PolynomialDecay(0.1, 1, -1), ValueError, "PolynomialDecay expects end_learning_rate"),
        (lambda: PolynomialDecay(0.1, 1, power=-1), ValueError, "PolynomialDecay expects power"),
        (lambda: CosineDecay(0.1, 0), ValueError, "CosineDecay expects decay_steps"),
        (lambda: CosineDecay(0.1, 1, alpha=2), ValueError, "CosineDecay expects alpha to be a number >= 0 and <= 1"),
        (lambda: CosineDecay(0.1, 1, warmup_target=-2), ValueError, "CosineDecay expects warmup_target"),
        (lambda: CosineDecay(0.1, 1, warmup_steps=-2), ValueError, "CosineDecay expects warmup_steps"),
        (lambda: CosineDecayRestarts(0.1, 0), ValueError, "CosineDecayRestarts expects first_decay_steps"),
        (lambda: CosineDecayRestarts(0.1, 1, t_mul=0.5), ValueError, "CosineDecayRestarts expects t_mul"),
        (lambda: CosineDecayRestarts(0.1, 1, m_mul=-0.5), ValueError, "CosineDecayRestarts expects m_mul"),
        (lambda: PiecewiseConstantDecay([1], [1.0]), ValueError, "got 1 values and 1 boundaries."),
        (lambda: PiecewiseConstantDecay([2, 2], [1.0, 2, 3]), ValueError, "ascending boundaries, got [2.0, 2.0]."),
        (lambda: PiecewiseConstantDecay([1], [1.0, -1]), ValueError, "PiecewiseConstantDecay expects values"),
        (lambda: PiecewiseConstantDecay([None], [1.0, 1]), TypeError, "PiecewiseConstantDecay expects boundaries"),
        (lambda: LearningRateSchedule()(0), TypeError, "does not define __call__(self, step)"),
        (lambda: schedules.deserialize("ExponentialDecai"), ValueError, "Did you mean 'ExponentialDecay'"),
    ],
)  # fmt: skip
def test_wrong_arguments_get_an_answer(make, error, message):
    with pytest.raises(error, match=re.escape(message)) as caught:
        make()
    assert len(str(caught.value)) < 400
