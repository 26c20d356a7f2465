"""Element by element: y_i = f(a_i, b_i, ...), so dL/da_i = dL/dy_i · ∂f/∂a_i. One line, one derivative.

Broadcasting needs no word here: `minidl.tensor` sums a gradient back to the shape of its input.
At a kink the rule is: |x|' = 0 at 0; where a maximum or minimum of two is a tie, each gets half; `clip`
passes the gradient on at its bounds.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.tensor import Function, Tensor, as_array, traces

__all__ = ["astype", "clip", "constant", "elementwise", "where"]


def elementwise(ufunc: Any, *derivatives: Callable[..., Any]) -> None:
    """Trace `ufunc` with one function for each input: (dy, y, *inputs) -> the gradient of that input."""

    class Elementwise(Function):
        @staticmethod
        def forward(*inputs: Any) -> tuple[Array, Any]:
            y = ufunc(*inputs)
            return y, (y, inputs)

        @staticmethod
        def backward(dy: Array, cache: Any) -> tuple[Array, ...]:
            y, inputs = cache
            return tuple([derivative(dy, y, *inputs) for derivative in derivatives])

    Elementwise.__name__ = Elementwise.__qualname__ = ufunc.__name__
    traces(ufunc)(Elementwise.apply)


def constant(function: Any) -> None:
    """Trace `function` as one without a gradient: steps, comparisons, indices."""

    def without_gradient(*inputs: Any, **options: Any) -> Tensor:
        return Tensor(
            np.asarray(function(*[as_array(x) if isinstance(x, Tensor) else x for x in inputs], **options))
        )

    traces(function)(without_gradient)


# A derivative that is only multiplied by 0 must not warn or make the product NaN, so these two take care.
def _power_base(dy: Any, y: Any, a: Any, b: Any) -> Any:
    return dy * b * np.power(a, np.where(b == 0, 1, b - 1))


def _power_exponent(dy: Any, y: Any, a: Any, b: Any) -> Any:
    return dy * y * np.log(np.where(np.real(a) > 0, a, 1))  # a = 0: y·log a -> 0


def _half_at_ties(larger: Any, equal: Any, dy: Any) -> Any:
    return dy * (larger + 0.5 * equal)


# fmt: off
elementwise(np.add,        lambda dy, y, a, b: dy,                  lambda dy, y, a, b: dy)
elementwise(np.subtract,   lambda dy, y, a, b: dy,                  lambda dy, y, a, b: -dy)
elementwise(np.multiply,   lambda dy, y, a, b: dy * b,              lambda dy, y, a, b: dy * a)
elementwise(np.divide,     lambda dy, y, a, b: dy / b,              lambda dy, y, a, b: -dy * y / b)
elementwise(np.power,      _power_base,                             _power_exponent)
elementwise(np.maximum,    lambda dy, y, a, b: _half_at_ties(a > b, a == b, dy),
                           lambda dy, y, a, b: _half_at_ties(b > a, a == b, dy))
elementwise(np.minimum,    lambda dy, y, a, b: _half_at_ties(a < b, a == b, dy),
                           lambda dy, y, a, b: _half_at_ties(b < a, a == b, dy))
elementwise(np.logaddexp,  lambda dy, y, a, b: dy * np.exp(a - y),  lambda dy, y, a, b: dy * np.exp(b - y))
elementwise(np.arctan2,    lambda dy, y, a, b: dy * b / (a**2 + b**2),
                           lambda dy, y, a, b: -dy * a / (a**2 + b**2))
elementwise(np.negative,   lambda dy, y, x: -dy)
elementwise(np.absolute,   lambda dy, y, x: dy * np.sign(x))
elementwise(np.square,     lambda dy, y, x: dy * 2 * x)
elementwise(np.sqrt,       lambda dy, y, x: dy / (2 * y))
elementwise(np.cbrt,       lambda dy, y, x: dy / (3 * y**2))
elementwise(np.reciprocal, lambda dy, y, x: -dy * y**2)
elementwise(np.exp,        lambda dy, y, x: dy * y)
elementwise(np.exp2,       lambda dy, y, x: dy * y * np.log(2).astype(y.dtype))
elementwise(np.expm1,      lambda dy, y, x: dy * (y + 1))
elementwise(np.log,        lambda dy, y, x: dy / x)
elementwise(np.log2,       lambda dy, y, x: dy / (x * np.log(2).astype(y.dtype)))
elementwise(np.log10,      lambda dy, y, x: dy / (x * np.log(10).astype(y.dtype)))
elementwise(np.log1p,      lambda dy, y, x: dy / (1 + x))
elementwise(np.sin,        lambda dy, y, x: dy * np.cos(x))
elementwise(np.cos,        lambda dy, y, x: -dy * np.sin(x))
elementwise(np.tan,        lambda dy, y, x: dy * (1 + y**2))
elementwise(np.arcsin,     lambda dy, y, x: dy / np.sqrt(1 - x**2))
elementwise(np.arccos,     lambda dy, y, x: -dy / np.sqrt(1 - x**2))
elementwise(np.arctan,     lambda dy, y, x: dy / (1 + x**2))
elementwise(np.sinh,       lambda dy, y, x: dy * np.cosh(x))
elementwise(np.cosh,       lambda dy, y, x: dy * np.sinh(x))
elementwise(np.tanh,       lambda dy, y, x: dy * (1 - y**2))
# fmt: on

for _step in (
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
    np.logical_and, np.logical_or, np.logical_not, np.logical_xor, np.isnan, np.isinf, np.isfinite,
    np.sign, np.floor, np.ceil, np.rint, np.trunc, np.round, np.floor_divide, np.remainder,
    np.argmax, np.argmin, np.argsort, np.count_nonzero, np.any, np.all, np.zeros_like, np.ones_like,
    np.isclose,
):  # fmt: skip
    constant(_step)

traces(np.shape)(lambda x: x.shape)
traces(np.ndim)(lambda x: x.ndim)
traces(np.size)(lambda x: x.size)
traces(np.array_equal)(lambda a, b: np.array_equal(as_array(a), as_array(b)))
traces(np.allclose)(lambda a, b, **tolerances: np.allclose(as_array(a), as_array(b), **tolerances))


class Clip(Function):
    """y = min(max(x, minimum), maximum); dx = dy inside the bounds and on them, 0 outside."""

    @staticmethod
    def forward(x: Array, *, minimum: Any, maximum: Any) -> tuple[Array, Any]:
        inside = np.ones(x.shape, bool)
        if minimum is not None:
            inside &= x >= minimum
        if maximum is not None:
            inside &= x <= maximum
        return np.clip(x, minimum, maximum), inside

    @staticmethod
    def backward(dy: Array, inside: Array) -> tuple[Array]:
        return (dy * inside,)


@traces(np.clip)
def clip(x: Any, minimum: Any = None, maximum: Any = None) -> Tensor:
    """`x` held between two constants."""
    bounds = {"minimum": minimum, "maximum": maximum}
    return Clip.apply(x, **{k: v.data if isinstance(v, Tensor) else v for k, v in bounds.items()})


class Where(Function):
    """y = a where the condition holds, b elsewhere; each gets the gradient of the elements it gave."""

    @staticmethod
    def forward(condition: Any, a: Any, b: Any) -> tuple[Array, Any]:
        return np.where(condition, a, b), condition

    @staticmethod
    def backward(dy: Array, condition: Any) -> tuple[None, Array, Array]:
        zero = np.zeros((), dy.dtype)
        return None, np.where(condition, dy, zero), np.where(condition, zero, dy)


@traces(np.where)
def where(condition: Any, a: Any, b: Any) -> Tensor:
    """`a` where `condition` is true, `b` elsewhere."""
    return Where.apply(condition, a, b)


class AsType(Function):
    """The same numbers in another float type; the gradient is converted back."""

    @staticmethod
    def forward(x: Array, *, dtype: Any) -> tuple[Array, None]:
        return x.astype(dtype), None

    @staticmethod
    def backward(dy: Array, cache: None) -> tuple[Array]:
        return (dy,)


@traces("astype", np.astype)
def astype(x: Any, dtype: Any) -> Tensor:
    """`x` converted to `dtype`."""
    return AsType.apply(x, dtype=np.dtype(dtype))
