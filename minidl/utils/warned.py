"""Warnings that point to the line of whoever uses minidl, not to a line inside of it.

`warnings.warn` is told by a number, `stacklevel`, how many calls lie between the warning and the line it should
show. The same warning is reached by different ways, `fit` and `train_on_batch` say, of different lengths, and each
refactoring makes them longer or shorter. So the calls are not counted by hand here, but looked at.
"""

import os
import sys
import warnings

import numpy as np

from minidl.messages import say

__all__ = ["warn"]

_OURS = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")
_PASSED = (_OURS, os.path.join(os.path.dirname(np.__file__), ""))  # NumPy stands between where it calls us


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn, with the file and line of the nearest caller outside of minidl.

    Args:
        message: the text, in English; it is told in the reader's language.
        category: what kind of warning it is.

    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     warn("The cake is a lie.")
    >>> caught[0].filename.startswith("<doctest")  # this line
    True
    """
    level, frame = 2, sys._getframe().f_back
    # By the name of the file: a doctest has the module's __name__, but is a user of it.
    while frame is not None and frame.f_code.co_filename.startswith(_PASSED):
        level, frame = level + 1, frame.f_back
    warnings.warn(say(message), category, stacklevel=level)
