"""One seed for everything that draws."""

import random

import numpy as np

from minidl.utils.checks import whole_number

__all__ = ["set_random_seed"]


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
