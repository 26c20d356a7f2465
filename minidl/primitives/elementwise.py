"""Element by element: y_i = f(a_i, b_i, ...), so dL/da_i = dL/dy_i · ∂f/∂a_i. One line, one derivative.

Broadcasting needs no word here: `minidl.graph` sums a gradient back to the shape of its input.
At a kink the rule is: |x|' = 0 at 0; where a maximum or minimum of two is a tie, each gets half; `clip`
passes the gradient on at its bounds. Where a slope is infinite (the root of x at 0) so is the gradient.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.devices import kept
from minidl.special import erf
from minidl.tensor import Function, Tensor, as_array, traces

__all__ = ["Root", "astype", "clip", "elementwise", "where", "without_gradient"]


def elementwise(ufunc: Any, *derivatives: Callable[..., Any]) -> None:
    """Trace `ufunc` with one function for each input: (dy, y, *inputs) -> the gradient of that input."""

    class Elementwise(Function):
        @staticmethod
        def forward(*inputs: Any) -> tuple[Array, Any]:
            y = ufunc(*inputs)
            return y, (y, inputs)

        @staticmethod
        def backward(dy: Array, cache: Any) -> tuple[Any, ...]:
            y, inputs = cache
            with np.errstate(all="ignore"):  # an infinite slope is a value, not an accident
                return tuple([
                    None if isinstance(x, int | float) else derivative(dy, y, *inputs)
                    for x, derivative in zip(inputs, derivatives, strict=True)
                ])  # fmt: skip

    Elementwise.__name__ = Elementwise.__qualname__ = ufunc.__name__
    traces(ufunc)(Elementwise.apply)


def _array_in(value: Any) -> Any:
    return value.data if isinstance(value, Tensor) else value


def without_gradient(function: Any) -> None:
    """Trace `function` as one without a gradient: steps, comparisons, indices."""

    def traced(*inputs: Any, **options: Any) -> Tensor:
        arrays = [_array_in(x) for x in inputs]
        return Tensor(kept(function(*arrays, **{name: _array_in(x) for name, x in options.items()})))

    traces(function)(traced)


# A derivative that is only multiplied by 0 must not make the product NaN, so these two take care.
def _power_base(dy: Any, y: Any, a: Any, b: Any) -> Any:
    if isinstance(b, int | float):
        return dy * b * np.power(a, b - 1 if b else 1)
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
elementwise(np.remainder,  lambda dy, y, a, b: dy,                  lambda dy, y, a, b: -dy * np.floor(a / b))
elementwise(np.logaddexp,  lambda dy, y, a, b: dy * np.exp(a - y),  lambda dy, y, a, b: dy * np.exp(b - y))
elementwise(np.arctan2,    lambda dy, y, a, b: dy * b / (a**2 + b**2),
                           lambda dy, y, a, b: -dy * a / (a**2 + b**2))
elementwise(np.negative,   lambda dy, y, x: -dy)
elementwise(np.positive,   lambda dy, y, x: dy)
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
elementwise(erf,           lambda dy, y, x: dy * (2 / math.sqrt(math.pi)) * np.exp(-x * x))
elementwise(np.arcsinh,    lambda dy, y, x: dy / np.sqrt(x**2 + 1))
elementwise(np.arccosh,    lambda dy, y, x: dy / np.sqrt(x**2 - 1))
elementwise(np.arctanh,    lambda dy, y, x: dy / (1 - x**2))
# fmt: on

for _step in (
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
    np.logical_and, np.logical_or, np.logical_not, np.logical_xor,
    np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert, np.isnan, np.isinf, np.isfinite,
    np.sign, np.floor, np.ceil, np.rint, np.trunc, np.round, np.floor_divide,
    np.argmax, np.argmin, np.argsort, np.count_nonzero, np.any, np.all, np.zeros_like, np.ones_like,
    np.isclose,
):  # fmt: skip
    without_gradient(_step)

traces(np.shape)(lambda x: x.shape)
traces(np.ndim)(lambda x: x.ndim)
traces(np.size)(lambda x, axis=None: np.size(x.data, axis))
traces(np.array_equal)(lambda a, b: np.array_equal(as_array(a), as_array(b)))
traces(np.allclose)(lambda a, b, **tolerances: np.allclose(as_array(a), as_array(b), **tolerances))


class Clip(Function):
    """y = min(max(x, minimum), maximum); dx = dy inside the bounds and on them, 0 outside."""

    @staticmethod
    def forward(x: Array, *, minimum: Any, maximum: Any) -> tuple[Array, Any]:
        inside = np.ones_like(x, bool, order="C")
        if minimum is not None:
            inside &= x >= minimum
        if maximum is not None:
            inside &= x <= maximum
        return np.clip(x, minimum, maximum), inside

    @staticmethod
    def backward(dy: Array, inside: Array) -> tuple[Array]:
        return (dy * inside,)


@traces(np.clip)
def clip(x: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Tensor:
    """`x` held between two bounds, called a_min and a_max or min and max.

    Bounds that want a gradient get it, as `maximum` and `minimum` give it.
    """
    a_min, a_max = (min if a_min is None else a_min), (max if a_max is None else a_max)
    if any(isinstance(bound, Tensor) and bound.requires_grad for bound in (a_min, a_max)):
        x = x if a_min is None else np.maximum(x, a_min)
        return x if a_max is None else np.minimum(x, a_max)
    minimum, maximum = (b.data if isinstance(b, Tensor) else b for b in (a_min, a_max))
    return Clip.apply(x, minimum=minimum, maximum=maximum)


class Root(Function):
    """y = √x for sums of squares: dx = dy/(2y), and 0 at x = 0, where all that was squared is 0 as well."""

    @staticmethod
    def forward(x: Array) -> tuple[Array, Array]:
        y = np.sqrt(x)
        return y, y

    @staticmethod
    def backward(dy: Array, y: Array) -> tuple[Array]:
        return (dy / np.where(y == 0, np.inf, 2 * y),)


class Where(Function):
    """y = a where the condition holds, b elsewhere; each gets the gradient of the elements it gave."""

    @staticmethod
    def forward(condition: Any, a: Any, b: Any) -> tuple[Array, Any]:
        return np.where(condition, a, b), condition

    @staticmethod
    def backward(dy: Array, condition: Any) -> tuple[None, Array, Array]:
        zero = np.zeros((), dy.dtype, like=dy)
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
