"""Activations: the functions between the layers, without which a stack of layers is one linear map.

Each is a function of a tensor, and each can be named in a layer: `Dense(8, activation="relu")`.

    rectifiers      relu, leaky_relu, relu6, elu, selu, celu
    smooth          gelu, silu (swish), mish, softplus, exponential, hard_silu (hard_swish), tanh_shrink, glu
    probabilities   sigmoid, softmax, and their logarithms
    bounded         tanh, softsign, hard_sigmoid, hard_tanh
    here            linear, and get / serialize / deserialize

A function with a corner has no derivative there. minidl takes these, as Keras on JAX does where not noted:

    function            at                  slope taken
    relu                0                   0
    relu6               0, 6                0, 0
    leaky_relu          0                   1   (also relu with a negative_slope; Keras gives 0 if it has a
                                                max_value besides)
    relu, threshold t   t                   0 without, 1 with a negative_slope   (Keras: 0, and relu(t) = 0
                                                where its own documentation says relu(t) = t)
    relu, max_value m   m                   0   (Keras: ½, but 0 for m = 6)
    elu, selu           0                   alpha, scale·alpha
    hard_sigmoid        −3, 3               0, 0
    hard_silu           −3, 3               0, 1
    hard_tanh           −1, 1               1, 1

Of a tensor, `np.tanh(t)` gives the same numbers as `activations.tanh(t)`. The latter also takes lists and whole
numbers, and has a kernel.

All of them work in the type of their input, in float32 and float64, without overflow or warning at ±10⁴ (only
`exponential` becomes ∞ there, as it must). NaN stays NaN.
"""

from collections.abc import Callable, Mapping
from typing import Any

from minidl.activations.bounded import hard_sigmoid, hard_tanh, softsign, tanh
from minidl.activations.probabilities import log_sigmoid, log_softmax, sigmoid, softmax
from minidl.activations.rectifiers import celu, elu, leaky_relu, relu, relu6, selu
from minidl.activations.smooth import exponential, gelu, glu, hard_silu, mish, silu, softplus, tanh_shrink
from minidl.utils.registry import deserialize_object, get_object, serialize_object

__all__ = [
    "celu", "deserialize", "elu", "exponential", "gelu", "get", "glu", "hard_sigmoid", "hard_silu",
    "hard_swish", "hard_tanh", "leaky_relu", "linear", "log_sigmoid", "log_softmax", "mish", "relu", "relu6",
    "selu", "serialize", "sigmoid", "silu", "softmax", "softplus", "softsign", "swish", "tanh", "tanh_shrink",
]  # fmt: skip


def linear(x: Any) -> Any:
    """x itself: what a layer without an activation applies.

    >>> linear(3)
    3
    """
    return x


swish, hard_swish = silu, hard_silu

_FUNCTIONS: tuple[Callable[..., Any], ...] = (
    celu, elu, exponential, gelu, glu, hard_sigmoid, hard_silu, hard_tanh, leaky_relu, linear, log_sigmoid,
    log_softmax, mish, relu, relu6, selu, sigmoid, silu, softmax, softplus, softsign, tanh, tanh_shrink,
)  # fmt: skip
_NAMES = {f.__name__: f for f in _FUNCTIONS} | {"swish": silu, "hard_swish": hard_silu}


def get(identifier: Any) -> Callable[..., Any]:
    """The activation that `identifier` means.

    Args:
        identifier: a name ("relu"); None for `linear`; a function or layer, which is returned as it is; a
            layer class, which is made with its defaults.

    Raises:
        ValueError: an unknown name.
        TypeError: none of these.

    >>> get("swish") is silu, get(None) is linear
    (True, True)
    >>> get("sofmax")
    Traceback (most recent call last):
    ValueError: Unknown activation 'sofmax'. Did you mean 'softmax' or 'log_softmax'?
    """
    return linear if identifier is None else get_object("activation", _NAMES, identifier)


def serialize(activation: Any) -> Any:
    """What a JSON file says about an activation: its name, or {"class_name", "config"} of a layer.

    Raises:
        TypeError: it has no name to find it by (a lambda).

    >>> serialize(silu)
    'silu'
    """
    return serialize_object(activation)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The activation that `serialize` described; `custom_objects` are your own functions by name.

    >>> deserialize("relu") is relu
    True
    """
    return deserialize_object("activation", _NAMES, config, custom_objects)
