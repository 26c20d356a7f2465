"""set_random_seed reaches all three generators."""

import random

import numpy as np
import pytest

import minidl.random
from minidl.utils import set_random_seed


@pytest.fixture(autouse=True)
def global_generators_as_before():
    of_python, of_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    yield
    random.setstate(of_python)
    np.random.set_state(of_numpy)  # noqa: NPY002


def draws():
    return random.random(), np.random.rand(), float(minidl.random.uniform(()))  # noqa: NPY002, S311


def test_the_same_seed_draws_the_same_everywhere():
    set_random_seed(123)
    first = draws()
    second = draws()
    set_random_seed(123)
    assert draws() == first
    set_random_seed(124)
    other = draws()
    for a, b, c in zip(first, second, other, strict=True):
        assert len({a, b, c}) == 3


def test_numpy_integers_are_seeds_too():
    set_random_seed(np.int64(5))
    first = draws()
    set_random_seed(5)
    assert draws() == first


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "7", None, True])
def test_what_is_no_seed_is_refused_and_changes_nothing(seed):
    set_random_seed(1)
    first = draws()
    set_random_seed(1)
    with pytest.raises((TypeError, ValueError), match="seed to be a whole number >= 0"):
        set_random_seed(seed)
    assert draws() == first
