"""The functions of `minidl.ops` on symbolic tensors: there they compute nothing, and become part of a model's graph."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from minidl.symbolic import is_symbolic, on_symbolic
from minidl.utils.misfits import MISFITS, misfit

__all__ = ["also_symbolic"]


def also_symbolic(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, known as `name`, which lays itself out as an operation when a symbolic tensor is among its arguments."""

    @wraps(function)
    def either(*args: Any, **kwargs: Any) -> Any:
        if is_symbolic(args, kwargs):
            return on_symbolic(function.__name__, args, kwargs)
        try:
            return function(*args, **kwargs)
        except MISFITS as error:
            misfit(function, args, kwargs, error, name)

    return either
