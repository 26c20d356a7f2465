"""The activations in equations: what they are called there, and what they are."""

from typing import Any

from minidl import activations
from minidl.inspect.equations.lines import Line
from minidl.layers.base import Layer

__all__ = ["DEFINITIONS", "applied", "curve", "definition"]

_SIGNS = {"sigmoid": "σ", "linear": ""}

DEFINITIONS = {
    "celu": "max(z, 0) + min(e^z − 1, 0)",
    "elu": "max(z, 0) + min(e^z − 1, 0)",
    "exponential": "e^z",
    "gelu": "z·Φ(z)   Φ(z) = (1 + erf(z/√2))/2",
    "glu": "a·σ(b)   z = [a, b]",
    "hard_sigmoid": "min(max(z/6 + 1/2, 0), 1)",
    "hard_silu": "z·min(max(z/6 + 1/2, 0), 1)",
    "hard_tanh": "min(max(z, −1), 1)",
    "leaky_relu": "max(z, 0) + 0.2·min(z, 0)",
    "log_sigmoid": "−log(1 + e^(−z))",
    "log_softmax": "z − log Σ_k e^(z_k)",
    "mish": "z·tanh(log(1 + e^z))",
    "relu": "max(z, 0)",
    "relu6": "min(max(z, 0), 6)",
    "selu": "1.050701·(max(z, 0) + 1.673263·min(e^z − 1, 0))",
    "sigmoid": "1/(1 + e^(−z))",
    "silu": "z/(1 + e^(−z))",
    "softmax": "e^z/Σ_k e^(z_k)",
    "softplus": "log(1 + e^z)",
    "softsign": "z/(1 + |z|)",
    "tanh": "(e^z − e^(−z))/(e^z + e^(−z))",
    "tanh_shrink": "z − tanh(z)",
}


def curve(activation: Any) -> str:
    """What an activation is called in an equation; "" where it changes nothing, f if it has no name.

    >>> curve(activations.sigmoid), curve(activations.relu), curve(activations.linear), curve(lambda z: z)
    ('σ', 'relu', '', 'f')
    """
    if isinstance(activation, Layer):
        return activation.name
    name = str(getattr(activation, "__name__", type(activation).__name__))
    return _SIGNS.get(name, "f" if name == "<lambda>" else name)


def applied(activation: Any, z: str) -> str:
    """The curve of `z`: "relu(z)", or z itself.

    >>> applied(activations.relu, "x @ w"), applied(activations.linear, "x @ w")
    ('relu(x @ w)', 'x @ w')
    """
    name = curve(activation)
    return f"{name}({z})" if name else z


def definition(*given: Any, of: str = "z") -> tuple[Line, ...]:
    """A line that says what each of these activations makes of a number called `of`; none for those of one's own.

    >>> definition(activations.tanh, activations.linear, activations.tanh)[0].text
    'tanh(z) = (e^z − e^(−z))/(e^z + e^(−z))'
    """
    names = {a: str(getattr(a, "__name__", "")) for a in given}  # each once
    return tuple(
        Line(f"{curve(a)}({of}) = {DEFINITIONS[name].replace('z', of)}")
        for a, name in names.items()
        if name in DEFINITIONS and getattr(activations, name) is a
    )
