"""Elements that come from the same element of each input: arithmetic, activations, dropout, choices."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minidl.activations.bounded import HardSigmoid, Softsign, Tanh
from minidl.activations.probabilities import LogSigmoid, Sigmoid
from minidl.activations.rectifiers import ELU, BentReLU, ReLU
from minidl.activations.smooth import Exponential, Gelu, GeluTanh, HardSilu, Mish, Silu, Softplus
from minidl.inspect.traced.elements.calls import Call
from minidl.inspect.traced.elements.expressions import Expression
from minidl.inspect.traced.elements.gathering import call as function
from minidl.inspect.traced.elements.picking import label, taken
from minidl.inspect.traced.elements.result import Calculation
from minidl.inspect.traced.elements.telling import tells
from minidl.layers.regularization.dropout import DropoutFunction
from minidl.losses.fused import SigmoidCrossEntropy
from minidl.losses.regression import LogCoshFunction
from minidl.messages import say
from minidl.primitives import elementwise
from minidl.primitives.elementwise import AsType, Clip, Root, Where
from minidl.tensor import Function

__all__ = [
    "FORMULAS",
    "as_type",
    "bent_relu",
    "by_formula",
    "clip",
    "dropout",
    "elu",
    "here",
    "log_cosh",
    "place",
    "where",
]

Formula = Callable[..., Expression]


def here(call: Call, i: int) -> Expression:
    """The element of input number i that is broadcast to the element asked for."""
    return taken(call.names[i], call.arrays[i], place(call.index, np.shape(call.arrays[i])))


def place(index: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """The element of an array of `shape` that is broadcast to `index`."""
    last = index[len(index) - len(shape) :]
    return tuple(0 if n == 1 else i for i, n in zip(last, shape, strict=True))


def _hard_sigmoid(x: Expression) -> Expression:
    return function("min", function("max", x / 6 + 0.5, 0), 1)


def _softplus(x: Expression) -> Expression:
    return function("max", x, 0) + function("log1p", function("exp", -abs(x)))


# fmt: off
UFUNCS: dict[str, Formula] = {
    "add":        lambda a, b: a + b,           "subtract":   lambda a, b: a - b,
    "multiply":   lambda a, b: a * b,           "divide":     lambda a, b: a / b,
    "power":      lambda a, b: a**b,            "square":     lambda x: x**2,
    "maximum":    lambda a, b: function("max", a, b),
    "minimum":    lambda a, b: function("min", a, b),
    "negative":   lambda x: -x,                 "positive":   lambda x: x,
    "absolute":   abs,                          "reciprocal": lambda x: 1 / x,
    "sqrt":       lambda x: function("√", x),
}
FORMULAS: dict[type[Function], Formula] = {
    ReLU:        lambda x: function("max", x, 0),
    Silu:        lambda x: x * function("σ", x),
    HardSilu:    lambda x: x * _hard_sigmoid(x),
    HardSigmoid: _hard_sigmoid,
    Gelu:        lambda x: x * function("Φ", x),
    GeluTanh:    lambda x: x * function("σ", 2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)),
    Softplus:    _softplus,
    Mish:        lambda x: x * function("tanh", _softplus(x)),
    Exponential: lambda x: function("exp", x),
    Tanh:        lambda x: function("tanh", x),
    Softsign:    lambda x: x / (1 + abs(x)),
    Sigmoid:     lambda x: function("σ", x),
    LogSigmoid:  lambda x: function("min", x, 0) - function("log1p", function("exp", -abs(x))),
    Root:        lambda x: function("√", x),
    SigmoidCrossEntropy: lambda z, t: function("max", z, 0) - z * t + function("log1p", function("exp", -abs(z))),
}
# fmt: on


def _named(name: str) -> Formula:
    """A function of NumPy under its own name."""
    return lambda *xs: function(name, *xs)


for _ufunc in Function.__subclasses__():
    if _ufunc.__module__ == elementwise.__name__ and _ufunc.__name__.islower():
        FORMULAS[_ufunc] = UFUNCS.get(_ufunc.__name__) or _named(_ufunc.__name__)


@tells(*FORMULAS)
def by_formula(call: Call) -> Calculation:
    """y = the formula in the table."""
    called: Any = call.function
    formula = next(FORMULAS[base] for base in called.__mro__ if base in FORMULAS)
    notes = (
        [say("Φ(a) is the share of a standard normal distribution that lies below a.")]
        if issubclass(called, Gelu)
        else []
    )
    return call.told(formula(*(here(call, i) for i in range(len(call.arrays)))), *notes)


@tells(ELU)
def elu(call: Call) -> Calculation:
    """y = scale·(max(x, 0) + α·(e^min(x, 0) − 1))."""
    x, alpha, scale = here(call, 0), float(call.options["alpha"]), float(call.options["scale"])
    bent = function("expm1", function("min", x, 0))
    y = function("max", x, 0) + (bent if alpha == 1 else alpha * bent)
    return call.told(y if scale == 1 else scale * y)


@tells(BentReLU)
def bent_relu(call: Call) -> Calculation:
    """y = the straight piece that x is on."""
    x, threshold, slope = here(call, 0), float(call.options["threshold"]), float(call.options["slope"])
    largest = call.options["max_value"]
    notes, y = [], x
    if float(x.value()) < threshold:
        notes = [say(f"{x.text()} is below the threshold, {threshold:g}.")]
        y = slope * (x - threshold if threshold else x)
    return call.told(y if largest is None else function("min", y, float(largest)), *notes)


@tells(LogCoshFunction)
def log_cosh(call: Call) -> Calculation:
    """y = log cosh x, in the form that is exact there."""
    x = here(call, 0)
    if abs(float(x.value())) < 1:
        return call.told(function("log1p", 2 * function("sinh", x / 2) ** 2))
    return call.told(abs(x) + function("log1p", function("exp", -(2 * abs(x)))) - math.log(2))


@tells(DropoutFunction)
def dropout(call: Call) -> Calculation:
    """y = x·factor."""
    x, rate = call.arrays[0], call.options["rate"]
    _, factors = DropoutFunction.forward(x, call.arrays[1], **call.options)
    factor = taken("factors", factors, place(call.index, factors.shape))
    note = say(f"A factor is 0 with probability {rate:g}, else 1/(1 − {rate:g}).")
    return call.told(call.at(0, *call.index) * factor, note)


@tells(Clip)
def clip(call: Call) -> Calculation:
    """y = min(max(x, minimum), maximum)."""
    y = here(call, 0)
    for name, bound in (("max", "minimum"), ("min", "maximum")):
        value = call.options[bound]
        if value is not None:
            y = function(name, y, taken(bound, value, place(call.index, np.shape(value))))
    return call.told(y)


@tells(Where)
def where(call: Call) -> Calculation:
    """y = one of two, by the condition."""
    condition = call.arrays[0]
    at = place(call.index, np.shape(condition))
    holds = bool(np.asarray(condition)[at])
    return call.told(here(call, 1 if holds else 2), f"{label(call.names[0], at)} = {holds}")


@tells(AsType)
def as_type(call: Call) -> Calculation:
    """y = x, rounded to another type."""
    x, kind = here(call, 0), np.dtype(call.options["dtype"])
    if kind == np.float16:
        x = function("float16", x)
    return call.told(function("int", x) if kind.kind in "iu" else x)
