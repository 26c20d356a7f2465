"""Gradients of what is done element by element: dx = dy·slope, added up where x was broadcast."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minidl.activations.bounded import HardSigmoid, Softsign, Tanh
from minidl.activations.probabilities import LogSigmoid, Sigmoid
from minidl.activations.rectifiers import ELU, BentReLU, ReLU
from minidl.activations.smooth import Exponential, Gelu, GeluTanh, HardSilu, Mish, Silu, Softplus
from minidl.inspect.traced.elements.backward.calls import Back, goes_back
from minidl.inspect.traced.elements.expressions import Expression, Known, Operand
from minidl.inspect.traced.elements.gathering import Step, total
from minidl.inspect.traced.elements.gathering import call as function
from minidl.inspect.traced.elements.picking import label, taken
from minidl.inspect.traced.elements.pointwise import place
from minidl.inspect.traced.elements.result import Calculation
from minidl.layers.regularization.dropout import DropoutFunction
from minidl.losses.fused import SigmoidCrossEntropy
from minidl.losses.regression import LogCoshFunction
from minidl.messages import say
from minidl.primitives import elementwise
from minidl.primitives.elementwise import AsType, Clip, Root, Where
from minidl.primitives.moving import ToDevice
from minidl.tensor import Function

__all__ = [
    "SLOPES",
    "UFUNC_SLOPES",
    "broadcast",
    "by_slope",
    "dropout",
    "in_pieces",
    "larger_of_two",
    "passed_on",
    "sigmoid_cross_entropy",
    "where",
]

ALONG = slice(None)
_GATE, _CUBIC = 2 * math.sqrt(2 / math.pi), 0.044715


def _silu(x: Expression, y: Expression) -> Expression:
    s = Step("s", function("σ", x))
    return s + x * s * (1 - s)


def _mish(x: Expression, y: Expression) -> Expression:
    t = Step("t", function("tanh", function("max", x, 0) + function("log1p", function("exp", -abs(x)))))
    return t + x * (1 - t**2) * function("σ", x)


def _gelu(x: Expression, y: Expression) -> Expression:
    return function("Φ", x) + x * function("exp", -(x**2 / 2)) / math.sqrt(2 * math.pi)


def _gelu_tanh(x: Expression, y: Expression) -> Expression:
    g = Step("g", function("σ", _GATE * (x + _CUBIC * x**3)))
    return g + x * g * (1 - g) * (_GATE * (1 + 3 * _CUBIC * x**2))


# fmt: off
SLOPES: dict[type[Function], Callable[[Any, Any], Expression]] = {
    Tanh:            lambda x, y: 1 - y**2,
    Sigmoid:         lambda x, y: y * (1 - y),
    Softsign:        lambda x, y: 1 / (1 + abs(x)) ** 2,
    Exponential:     lambda x, y: y,
    Softplus:        lambda x, y: function("σ", x),
    LogSigmoid:      lambda x, y: function("σ", -x),
    LogCoshFunction: lambda x, y: function("tanh", x),
    Silu:            _silu,
    Mish:            _mish,
    Gelu:            _gelu,
    GeluTanh:        _gelu_tanh,
}
UFUNC_SLOPES: dict[str, tuple[Callable[..., Any], ...]] = {
    "add":        (lambda y, a, b: Known(1.0),        lambda y, a, b: Known(1.0)),
    "subtract":   (lambda y, a, b: Known(1.0),        lambda y, a, b: Known(-1.0)),
    "multiply":   (lambda y, a, b: b,                 lambda y, a, b: a),
    "divide":     (lambda y, a, b: 1 / b,             lambda y, a, b: -(a / b**2)),
    "power":      (lambda y, a, b: b * a ** (b - 1),  lambda y, a, b: y * function("log", a)),
    "logaddexp":  (lambda y, a, b: function("exp", a - y), lambda y, a, b: function("exp", b - y)),
    "arctan2":    (lambda y, a, b: b / (a**2 + b**2), lambda y, a, b: -(a / (a**2 + b**2))),
    "remainder":  (lambda y, a, b: Known(1.0),        lambda y, a, b: -function("floor", a / b)),
    "negative":   (lambda y, x: Known(-1.0),),
    "positive":   (lambda y, x: Known(1.0),),
    "absolute":   (lambda y, x: Known(float(np.sign(x.value()))),),
    "square":     (lambda y, x: 2 * x,),
    "reciprocal": (lambda y, x: -(y**2),),
    "sqrt":       (lambda y, x: 1 / (2 * y),),
    "cbrt":       (lambda y, x: 1 / (3 * y**2),),
    "exp":        (lambda y, x: y,),
    "exp2":       (lambda y, x: y * math.log(2),),
    "expm1":      (lambda y, x: y + 1,),
    "log":        (lambda y, x: 1 / x,),
    "log2":       (lambda y, x: 1 / (x * math.log(2)),),
    "log10":      (lambda y, x: 1 / (x * math.log(10)),),
    "log1p":      (lambda y, x: 1 / (1 + x),),
    "sin":        (lambda y, x: function("cos", x),),
    "cos":        (lambda y, x: -function("sin", x),),
    "tan":        (lambda y, x: 1 + y**2,),
    "arcsin":     (lambda y, x: 1 / function("√", 1 - x**2),),
    "arccos":     (lambda y, x: -1 / function("√", 1 - x**2),),
    "arctan":     (lambda y, x: 1 / (1 + x**2),),
    "sinh":       (lambda y, x: function("cosh", x),),
    "cosh":       (lambda y, x: function("sinh", x),),
    "tanh":       (lambda y, x: 1 - y**2,),
    "arcsinh":    (lambda y, x: 1 / function("√", x**2 + 1),),
    "arccosh":    (lambda y, x: 1 / function("√", x**2 - 1),),
    "arctanh":    (lambda y, x: 1 / (1 - x**2),),
    "erf":        (lambda y, x: 2 / math.sqrt(math.pi) * function("exp", -(x**2)),),
}
# fmt: on


@goes_back(*SLOPES)
def by_slope(back: Back) -> Calculation:
    """dx = dy·slope, by the table."""
    called: Any = back.call.function
    slope = next(SLOPES[base] for base in called.__mro__ if base in SLOPES)
    notes = (
        [say("Φ(a) is the share of a standard normal distribution that lies below a.")]
        if issubclass(called, Gelu)
        else []
    )
    return back.told(back.dy_at(*back.index) * slope(back.at(0, *back.index), back.y_at(*back.index)), *notes)


@goes_back(ReLU, BentReLU, Clip, ELU, HardSigmoid, HardSilu, Root)
def in_pieces(back: Back) -> Calculation:
    """dx = dy·slope of the piece that x is on."""
    called: Any = back.call.function
    dy, x, y = back.dy_at(*back.index), back.at(0, *back.index), back.y_at(*back.index)
    at = np.asarray(x.value())
    options = {
        n: v if np.ndim(v) == 0 else np.asarray(v)[place(back.index, np.shape(v))]
        for n, v in back.options.items()
    }
    if issubclass(called, ELU) and at <= 0:
        return back.told(float(options["scale"]) * float(options["alpha"]) * function("exp", x) * dy)
    if issubclass(called, HardSilu) and abs(at) < 3:
        return back.told(dy * (function("min", function("max", x / 6 + 0.5, 0), 1) + x / 6))
    if issubclass(called, Root) and at > 0:
        return back.told(dy / (2 * y))
    slope = float(called.backward(np.ones(()), called.forward(at, **options)[1])[0])
    note = say(f"The slope at {x.text()} = {float(at):.9g} is {slope:.9g}.")
    return back.told(dy if slope == 1 else Known(0.0) if slope == 0 else slope * dy, note)


def _spread(back: Back, name: str, array: Any, slices: tuple[Any, ...]) -> Expression:
    """What an array that was broadcast gives at `slices` of the output."""
    if not isinstance(array, np.ndarray):
        return Known(float(array))
    last = slices[len(slices) - array.ndim :]
    own = tuple(0 if n == 1 else at for n, at in zip(array.shape, last, strict=True))
    return Operand(label(name, own), np.broadcast_to(array, back.made.shape)[slices])


def _copies(back: Back) -> tuple[tuple[Any, ...], bool]:
    """The places of the output that the element was broadcast to, and whether they are a row of several."""
    x, shape = back.arrays[back.number], back.made.shape
    added = len(shape) - x.ndim
    repeated = [a < added or x.shape[a - added] == 1 != n for a, n in enumerate(shape)]
    return tuple(ALONG if again else back.index[a - added] for a, again in enumerate(repeated)), any(repeated)


def _ufuncs(*names: str) -> list[type[Function]]:
    """The Functions of these NumPy functions."""
    return [
        f for f in Function.__subclasses__() if f.__module__ == elementwise.__name__ and f.__name__ in names
    ]


@goes_back(*_ufuncs(*UFUNC_SLOPES))
def broadcast(back: Back) -> Calculation | None:
    """dx = Σ dy·slope over all places that x was broadcast to; None where a power has no such slope."""
    called: Any = back.call.function
    name = next(base.__name__ for base in called.__mro__ if base.__name__ in UFUNC_SLOPES)
    slices, is_sum = _copies(back)
    inputs = [_spread(back, n, array, slices) for n, array in zip(back.call.names, back.arrays, strict=True)]
    slope = UFUNC_SLOPES[name][back.number](back.y_at(*slices), *inputs)
    if name == "power" and not np.isfinite(slope.value()).all():
        return None
    dy = back.dy_at(*slices)
    known = isinstance(slope, Known)
    formula = dy if known and slope.value() == 1 else -dy if known and slope.value() == -1 else dy * slope
    return back.told(total(formula) if is_sum else formula)


@goes_back(*_ufuncs("maximum", "minimum"))
def larger_of_two(back: Back) -> Calculation:
    """dx = Σ dy·share, where x is the larger 1, where both are equal ½, else 0."""
    a, b = (np.broadcast_to(np.asarray(array), back.made.shape) for array in back.arrays)
    x, other = (a, b) if back.number == 0 else (b, a)
    wins = x > other if back.call.function in _ufuncs("maximum") else x < other
    slices, is_sum = _copies(back)
    share = taken("share", wins + 0.5 * (a == b), slices)
    note = say(f"share is 1 where {back.name} is taken, ½ where the two are equal, else 0.")
    formula = back.dy_at(*slices) * share
    return back.told(total(formula) if is_sum else formula, note)


@goes_back(Where)
def where(back: Back) -> Calculation:
    """da = Σ dy where the condition holds,  db = Σ dy elsewhere."""
    slices, is_sum = _copies(back)
    condition = _spread(back, back.call.names[0], np.asarray(back.arrays[0]), slices)
    formula = back.dy_at(*slices) * (condition if back.number == 1 else 1 - condition)
    return back.told(total(formula) if is_sum else formula)


@goes_back(AsType, ToDevice)
def passed_on(back: Back) -> Calculation:
    """dx = dy."""
    return back.told(back.dy_at(*back.index))


@goes_back(DropoutFunction)
def dropout(back: Back) -> Calculation:
    """dx = dy·factor."""
    x, coordinates = back.arrays
    _, factors = DropoutFunction.forward(x, coordinates, **back.options)
    return back.told(back.dy_at(*back.index) * taken("factors", factors, place(back.index, factors.shape)))


@goes_back(SigmoidCrossEntropy)
def sigmoid_cross_entropy(back: Back) -> Calculation | None:
    """dz = dy·(σ(z) − t)."""
    if back.arrays[1].shape != back.made.shape != back.arrays[0].shape:
        return None
    return back.told(
        back.dy_at(*back.index) * (function("σ", back.at(0, *back.index)) - back.at(1, *back.index))
    )
