"""Constants of a step: what is made of its data, or drawn, without a gradient.

A dropout mask or the whole-number labels of a batch are constants to the gradient, but new in each step. So that a
step can be run again from what was taken down of it (`minidl.graph.taken_down`), they are made by way of `constant`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from minidl.backend import Array
from minidl.devices import kept
from minidl.graph import Applied, mode
from minidl.tensor import Tensor

__all__ = ["constant"]


def constant(function: Callable[..., Array], *arrays: Any, **options: Any) -> Tensor:
    """The array that `function` makes, as a tensor without a gradient.

    Args:
        function: of arrays; whatever else it depends on is looked up anew when it is called again.
        arrays, options: what it is given.

    >>> import numpy as np
    >>> constant(np.sign, np.array([-2.0, 3.0])).numpy()
    array([-1.,  1.])
    """
    made = Tensor(kept(function(*arrays, **options)))
    if mode.tape is not None:
        forward = partial(_without_cache, function)
        mode.tape.append(Applied(forward, options, arrays, arrays, (made,), False, None))
    return made


def _without_cache(function: Callable[..., Array], *arrays: Any, **options: Any) -> tuple[Array, None]:
    return function(*arrays, **options), None
