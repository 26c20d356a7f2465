"""One seed for everything that draws."""

import random
from typing import Any

import numpy as np

from minidl.utils.checks import whole_number

__all__ = ["global_generators", "set_global_generators", "set_random_seed"]


def set_random_seed(seed: int) -> None:
    """Seed Python's `random`, NumPy's global generator and minidl, so that a script repeats itself exactly.

    Args:
        seed: from 0 to 2**32 - 1, the range NumPy takes.

    Raises:
        TypeError, ValueError: `seed` is not such a number. Nothing is seeded then.

    >>> set_random_seed(1)
    >>> first = np.random.rand()
    >>> set_random_seed(1)
    >>> first == np.random.rand()
    True
    """
    from minidl.random import set_seed  # not above: minidl.random itself imports from minidl.utils

    seed = whole_number("set_random_seed", "seed", seed, 0, 2**32 - 1)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - user code may draw from it
    set_seed(seed)


def global_generators() -> list[Any]:
    """The states of Python's and of NumPy's global generator, as plain data and arrays."""
    return [random.getstate(), np.random.get_state()]  # noqa: NPY002 - see above


def set_global_generators(states: list[Any]) -> None:
    """Let both go on from what `global_generators` gave.

    >>> states = global_generators()
    >>> first = random.random(), np.random.rand()
    >>> set_global_generators(states)
    >>> first == (random.random(), np.random.rand())
    True
    """
    random.setstate(states[0])
    np.random.set_state(states[1])  # noqa: NPY002 - see above
