"""One seed for everything that draws."""

import random

import numpy as np

__all__ = ["set_random_seed"]


def set_random_seed(seed: int) -> None:
    """Seed Python's `random`, NumPy's global generator and minidl, so that a script repeats itself exactly.

    Args:
        seed: from 0 to 2**32 - 1, the range NumPy takes.

    Raises:
        ValueError: `seed` is not such a number.

    >>> set_random_seed(1)
    >>> first = np.random.rand()
    >>> set_random_seed(1)
    >>> first == np.random.rand()
    True
    """
    from minidl.random import set_seed  # needs most of minidl, which needs minidl.utils

    if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or not 0 <= seed < 2**32:
        raise ValueError(f"set_random_seed expects a whole number from 0 to 2**32 - 1, got {seed!r:.80}.")
    random.seed(int(seed))
    np.random.seed(int(seed))  # noqa: NPY002 - user code may draw from it
    set_seed(int(seed))
