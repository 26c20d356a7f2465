"""What runs when a NumPy function or an operator is given a tensor.

One table decides: `TRACED` maps a NumPy function to the function that runs in its place and leaves a graph.
`minidl.primitives` fills it; `Tensor` looks into it for `np.exp(t)`, for `t.sum()` and for `a * b` alike.
"""

from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["TRACED", "operators", "traces"]

Traced = TypeVar("Traced", bound=Callable[..., Any])
TRACED: dict[Any, Callable[..., Any]] = {}


def traces(*numpy_functions: Any) -> Callable[[Traced], Traced]:
    """Decorator: the function below runs in place of these NumPy functions when they are given a Tensor."""

    def register(function: Traced) -> Traced:
        TRACED.update(dict.fromkeys(numpy_functions, function))
        return function

    return register


def operators(function: Any) -> tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]:
    """The operator of a binary NumPy function, and the one for a Tensor on the right-hand side."""

    def operator(self: Any, other: Any) -> Any:
        return TRACED[function](self, other)

    def reflected(self: Any, other: Any) -> Any:
        return TRACED[function](other, self)

    return operator, reflected
