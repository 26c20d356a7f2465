"""One number in, one number out, for each element; two operands are broadcast against each other."""

from collections.abc import Callable
from typing import Any

import numpy as np

from minidl import config
from minidl.activations import tanh
from minidl.ops.inputs import alike, floats, tensor
from minidl.primitives import elementwise
from minidl.special import erf as _erf
from minidl.tensor import TRACED, Tensor

__all__ = [
    "abs", "absolute", "add", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "cast",
    "ceil", "clip", "cos", "cosh", "divide", "divide_no_nan", "equal", "erf", "exp", "exp2", "expm1", "floor",
    "floor_divide", "greater", "greater_equal", "isclose", "isfinite", "isinf", "isnan", "less", "less_equal",
    "log", "log1p", "log2", "log10", "logaddexp", "logical_and", "logical_not", "logical_or", "logical_xor",
    "maximum", "minimum", "mod", "multiply", "negative", "not_equal", "power", "reciprocal", "round", "rsqrt",
    "sign", "sin", "sinh", "sqrt", "square", "stop_gradient", "subtract", "tan", "tanh", "true_divide", "where",
]  # fmt: skip

OfOne = Callable[[Any], Tensor]
OfTwo = Callable[[Any, Any], Tensor]


def _of_one(function: Any, meaning: str, convert: Callable[[Any], Tensor] = floats) -> OfOne:
    """The traced NumPy function of one operand, converted by `convert` first."""
    traced = TRACED[function]

    def operation(x: Any) -> Tensor:
        return traced(convert(x))

    operation.__name__, operation.__doc__ = function.__name__, meaning
    return operation


def _of_two(function: Any, meaning: str, convert: Callable[..., Any] = alike) -> OfTwo:
    """The traced NumPy function of two operands."""
    traced = TRACED[function]

    def operation(x1: Any, x2: Any) -> Tensor:
        return traced(*convert(x1, x2))

    operation.__name__, operation.__doc__ = function.__name__, meaning
    return operation


def _as_they_are(x1: Any, x2: Any) -> tuple[Tensor, Tensor]:
    """For comparisons: NumPy compares whole numbers with floats exactly, a float32 copy might not."""
    return tensor(x1), tensor(x2)


def _as_floats(x1: Any, x2: Any) -> list[Any]:
    """For quotients and angles: two whole numbers become floats."""
    xs = alike(x1, x2)
    return [floats(x) for x in xs] if any(np.asarray(x).dtype.kind in "biu" for x in xs) else xs


# fmt: off
add           = _of_two(np.add,           "x1 + x2.")
subtract      = _of_two(np.subtract,      "x1 − x2.")
multiply      = _of_two(np.multiply,      "x1·x2.")
divide        = _of_two(np.divide,        "x1/x2, of whole numbers too.",               _as_floats)
power         = _of_two(np.power,         "x1 to the power x2.")
maximum       = _of_two(np.maximum,       "The larger of the two; at a tie each gets half of the gradient.")
minimum       = _of_two(np.minimum,       "The smaller of the two; at a tie each gets half of the gradient.")
mod           = _of_two(np.remainder,     "What is left of x1 when as many whole x2 as fit are taken away; x2's sign.")
floor_divide  = _of_two(np.floor_divide,  "How many whole x2 fit into x1.")
logaddexp     = _of_two(np.logaddexp,     "log(e^x1 + e^x2), without overflow.",        _as_floats)
arctan2       = _of_two(np.arctan2,       "The angle of the point (x2, x1).",           _as_floats)
equal         = _of_two(np.equal,         "Where x1 = x2.",            _as_they_are)
not_equal     = _of_two(np.not_equal,     "Where x1 ≠ x2.",            _as_they_are)
greater       = _of_two(np.greater,       "Where x1 > x2.",            _as_they_are)
greater_equal = _of_two(np.greater_equal, "Where x1 ≥ x2.",            _as_they_are)
less          = _of_two(np.less,          "Where x1 < x2.",            _as_they_are)
less_equal    = _of_two(np.less_equal,    "Where x1 ≤ x2.",            _as_they_are)
logical_and   = _of_two(np.logical_and,   "Where both are not 0.",     _as_they_are)
logical_or    = _of_two(np.logical_or,    "Where one is not 0.",       _as_they_are)
logical_xor   = _of_two(np.logical_xor,   "Where just one is not 0.",  _as_they_are)

negative      = _of_one(np.negative,      "−x.",                       tensor)
absolute      = _of_one(np.absolute,      "|x|; the slope at 0 is 0.", tensor)
square        = _of_one(np.square,        "x².",                       tensor)
sign          = _of_one(np.sign,          "−1, 0 or 1.",               tensor)
logical_not   = _of_one(np.logical_not,   "Where x is 0.",             tensor)
isnan         = _of_one(np.isnan,         "Where x is not a number.",  tensor)
isinf         = _of_one(np.isinf,         "Where x is ∞ or −∞.",       tensor)
isfinite      = _of_one(np.isfinite,      "Where x is neither.",       tensor)
floor         = _of_one(np.floor,         "The next whole number below.")
ceil          = _of_one(np.ceil,          "The next whole number above.")
reciprocal    = _of_one(np.reciprocal,    "1/x.")
sqrt          = _of_one(np.sqrt,          "√x.")
exp           = _of_one(np.exp,           "eˣ.")
exp2          = _of_one(np.exp2,          "2ˣ.")
expm1         = _of_one(np.expm1,         "eˣ − 1, with all digits near 0.")
log           = _of_one(np.log,           "The natural logarithm.")
log1p         = _of_one(np.log1p,         "log(1 + x), with all digits near 0.")
log2          = _of_one(np.log2,          "The logarithm to base 2.")
log10         = _of_one(np.log10,         "The logarithm to base 10.")
sin           = _of_one(np.sin,           "The sine.")
cos           = _of_one(np.cos,           "The cosine.")
tan           = _of_one(np.tan,           "The tangent.")
arcsin        = _of_one(np.arcsin,        "The angle whose sine is x.")
arccos        = _of_one(np.arccos,        "The angle whose cosine is x.")
arctan        = _of_one(np.arctan,        "The angle whose tangent is x.")
sinh          = _of_one(np.sinh,          "(eˣ − e⁻ˣ)/2.")
cosh          = _of_one(np.cosh,          "(eˣ + e⁻ˣ)/2.")
arcsinh       = _of_one(np.arcsinh,       "The number whose sinh is x.")
arccosh       = _of_one(np.arccosh,       "The number ≥ 0 whose cosh is x.")
arctanh       = _of_one(np.arctanh,       "The number whose tanh is x.")
erf           = _of_one(_erf,             "The error function, 2/√π ∫₀ˣ e^(−t²) dt.")
# fmt: on
abs = absolute
true_divide = divide


def divide_no_nan(x1: Any, x2: Any) -> Tensor:
    """x1/x2, and 0 where x2 is 0."""
    zero = equal(x2, 0)
    return where(zero, 0.0, divide(x1, where(zero, 1.0, x2)))


def rsqrt(x: Any) -> Tensor:
    """1/√x."""
    return floats(x) ** -0.5


def round(x: Any, decimals: int = 0) -> Tensor:
    """`x` to the nearest number of that many decimals, halves to the even one. A constant for gradients."""
    return TRACED[np.round](tensor(x), decimals)


def isclose(x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Where |x1 − x2| ≤ atol + rtol·|x2|."""
    return TRACED[np.isclose](tensor(x1), tensor(x2), rtol=rtol, atol=atol, equal_nan=equal_nan)


def clip(x: Any, x_min: Any, x_max: Any) -> Tensor:
    """`x` held between two bounds; outside of them its gradient is 0."""
    x, x_min, x_max = alike(tensor(x), x_min, x_max)
    return elementwise.clip(x, x_min, x_max)


def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """`x1` where the condition holds, `x2` elsewhere; of a condition alone the indices where it holds.

    >>> where([True, False], [1.0, 2.0], 0.0)
    Tensor([1., 0.], dtype=float32)
    """
    if x1 is None and x2 is None:
        return tuple(Tensor(index) for index in np.nonzero(tensor(condition).data))
    return elementwise.where(tensor(condition), *alike(x1, x2))


def cast(x: Any, dtype: Any) -> Tensor:
    """`x` converted to `dtype` ("float32", "int32", "bool" ...). Cast to whole numbers it is a constant."""
    return tensor(x).astype(config.floatx() if isinstance(dtype, str) and dtype == "float" else dtype)


def stop_gradient(variable: Any) -> Tensor:
    """The same numbers as a constant: no gradient flows back from here."""
    return tensor(variable).detach()
