"""What runs when a NumPy function or an operator is given a tensor.

One table decides: `TRACED` maps a NumPy function to the function that runs in its place and leaves a graph.
`minidl.primitives` fills it; `Tensor` looks into it for `np.exp(t)`, for `t.sum()` and for `a * b` alike.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from minidl.messages import say
from minidl.utils.misfits import MISFITS, misfit

__all__ = ["TRACED", "call_traced", "call_ufunc", "operators", "traces"]

Traced = TypeVar("Traced", bound=Callable[..., Any])
TRACED: dict[Any, Callable[..., Any]] = {}


def traces(*numpy_functions: Any) -> Callable[[Traced], Traced]:
    """Decorator: the function below runs in place of these NumPy functions when they are given a Tensor."""

    def register(function: Traced) -> Traced:
        TRACED.update(dict.fromkeys(numpy_functions, function))
        return function

    return register


def call_traced(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """What runs in place of a NumPy function, with the arguments meant for that.

    Raises:
        TypeError: the function is not traced, or not with these arguments.
    """
    traced = TRACED.get(function)
    if traced is None:
        raise TypeError(
            say(
                f"{_name_of(function)} is not traced, its gradient would be lost. Use a "
                "function of minidl.ops, write a Function, or pass t.numpy() if no gradient is wanted."
            )
        )
    if not args:  # NumPy has many names for its first argument: a, x, m, ary, arrays
        first = next(iter(inspect.signature(function).parameters))
        args, kwargs = (kwargs[first],), {k: v for k, v in kwargs.items() if k != first}
    try:
        return traced(*args, **kwargs)
    except MISFITS as error:
        if isinstance(error, TypeError):
            _explain_misfit(function, traced, args, kwargs, error)
        misfit(traced, args, kwargs, error, getattr(function, "__name__", function))


def call_ufunc(ufunc: Any, method: str, inputs: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """The same for np.exp, np.add and their like, which take inputs only.

    Raises:
        TypeError: one of a ufunc's methods, or an option such as out.
    """
    if method != "__call__" or kwargs:
        how = f".{method}" if method != "__call__" else "(" + ", ".join(f"{k}=" for k in kwargs) + ")"
        raise TypeError(
            say(f"np.{ufunc.__name__}{how} is not traced. Call np.{ufunc.__name__} with inputs only.")
        )
    return call_traced(ufunc, inputs, {})


def _name_of(function: Any) -> str:
    module = getattr(function, "__module__", None) or "numpy"
    return f"{module}.{function.__name__}".replace("numpy", "np", 1)


def _explain_misfit(function: Any, traced: Any, args: Any, kwargs: Any, error: TypeError) -> None:
    """Raise a clearer error where the arguments do not fit `traced`; do nothing where something else is wrong."""
    signature = inspect.signature(traced)
    try:
        signature.bind(*args, **kwargs)
    except TypeError as misfit:
        unknown = [f"{k}=" for k in kwargs if k not in signature.parameters]
        what = f"({', '.join(unknown)})" if unknown else f" of these arguments ({misfit})"
        raise TypeError(
            say(
                f"{_name_of(function)}{what} is not traced. With tensors it takes "
                f"{', '.join(signature.parameters)}; use other functions for the rest, "
                "or pass t.numpy() if no gradient is wanted."
            )
        ) from error


def operators(function: Any) -> tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]:
    """The operator of a binary NumPy function, and the one for a Tensor on the right-hand side."""

    def operator(self: Any, other: Any) -> Any:
        try:
            return TRACED[function](self, other)
        except MISFITS as error:
            misfit(function, (self, other), {}, error)

    def reflected(self: Any, other: Any) -> Any:
        try:
            return TRACED[function](other, self)
        except MISFITS as error:
            misfit(function, (other, self), {}, error)

    return operator, reflected
