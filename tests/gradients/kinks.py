"""The slopes taken where there is none: at corners, at ties, at the ends of a range. The promise, as a table.

A function with a corner has one slope on its left and another on its right; any number between them may stand for
the gradient (a sub-gradient), and training works with each. But two implementations must take the same one, or a
checkpoint goes on differently on another machine. So minidl's choices are written here and held to, by the references
and by the kernels. The rules behind them:

    a corner of |x|                     0, the mean of −1 and 1: abs, MAE, L1
    a tie of two                        each gets half: maximum, minimum, hinges
    a tie in a reduction                all that tie share: max, min, and the layers GlobalMaxPooling
    a tie in a window                   the first takes all, as in every convolution library: MaxPooling
    a tie in sort, top_k                each takes what arrives at its place, in a stable order
    a bound of clip, hard_tanh          the inside's: 1
    ReLU and its kin                    the flat side's: 0; with a slope below, the line's: 1
    a root at 0                         infinite, for sqrt; of a sum of squares (norm, std) 0

`function` is given a library, minidl or keras; `torch` is given the module torch. Beside `taken` stands what Keras (on
JAX) and PyTorch take where that is another choice; "same" means that it is this one, None that they have no such thing.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

INF, NAN = float("inf"), float("nan")


class Kink(NamedTuple):
    """One row: the gradient of the sum of function(x)."""

    name: str
    function: Callable[[Any], Callable[[Any], Any]]
    x: Any
    taken: Any
    keras: Any = None
    torch: Callable[[Any], Callable[[Any], Any]] | None = None
    torch_takes: Any = "same"


def relu(**options: Any) -> Callable[[Any], Callable[[Any], Any]]:
    return lambda k: lambda x: k.activations.relu(x, **options)


def activation(name: str) -> Callable[[Any], Callable[[Any], Any]]:
    return lambda k: getattr(k.activations, name)


def f(name: str) -> Callable[[Any], Callable[[Any], Any]]:
    return lambda t: getattr(t.nn.functional, name)


def loss(name: str, y: Any, **options: Any) -> Callable[[Any], Callable[[Any], Any]]:
    return lambda k: lambda p: getattr(k.losses, name)(k.ops.convert_to_tensor(y), p, **options)


def pool(size: int) -> Callable[[Any], Callable[[Any], Any]]:
    return lambda k: lambda x: k.layers.MaxPooling1D(size)(k.ops.reshape(x, (1, -1, 1)))


def pool2d(k: Any) -> Callable[[Any], Any]:
    return lambda x: k.layers.MaxPooling2D(2)(k.ops.reshape(x, (1, 2, 2, 1)))


def merged(name: str) -> Callable[[Any], Callable[[Any], Any]]:
    return lambda k: lambda x: getattr(k.layers, name)()([x, k.ops.ones_like(x)])


KINKS = [
    # --- activations
    Kink("relu", relu(), [-1.0, 0.0, 1.0], [0, 0, 1], "same", f("relu")),
    Kink("relu6", activation("relu6"), [0.0, 6.0], [0, 0], "same", f("relu6")),
    Kink("leaky_relu", relu(negative_slope=0.25), [0.0], [1], "same",
         lambda t: lambda x: t.nn.functional.leaky_relu(x, 0.25), [0.25]),
    Kink("relu, threshold", relu(threshold=1.0), [1.0], [0], "same",
         lambda t: lambda x: t.nn.functional.threshold(x, 1.0, 0.0)),
    Kink("relu, threshold and slope", relu(threshold=1.0, negative_slope=0.25), [1.0], [1], [0]),
    Kink("relu, max_value", relu(max_value=4.0), [0.0, 4.0], [0, 0], [0, 0.5],
         lambda t: lambda x: t.nn.functional.hardtanh(x, 0.0, 4.0)),
    Kink("relu, max_value and slope", relu(max_value=4.0, negative_slope=0.25), [0.0, 4.0], [1, 0], [0, 0.5]),
    Kink("elu", lambda k: lambda x: k.activations.elu(x, 0.5), [0.0], [0.5], "same",
         lambda t: lambda x: t.nn.functional.elu(x, 0.5)),
    Kink("selu", activation("selu"), [0.0], [1.0507009873554805 * 1.6732632423543772], "same", f("selu")),
    Kink("celu", activation("celu"), [0.0], [1], "same", f("celu")),
    Kink("softsign", activation("softsign"), [0.0], [1], "same", f("softsign")),
    Kink("hard_sigmoid", activation("hard_sigmoid"), [-3.0, 3.0], [0, 0], "same", f("hardsigmoid")),
    Kink("hard_silu", activation("hard_silu"), [-3.0, 3.0], [0, 1], "same", f("hardswish")),
    Kink("hard_tanh", activation("hard_tanh"), [-1.0, 1.0], [1, 1], "same", f("hardtanh"), [0, 0]),
    # --- operations
    Kink("abs", lambda k: k.ops.abs, [-2.0, 0.0, 2.0], [-1, 0, 1], [-1, 1, 1], lambda t: t.abs),
    Kink("maximum", lambda k: lambda x: k.ops.maximum(x, 1.0), [0.0, 1.0, 2.0], [0, 0.5, 1], "same",
         lambda t: lambda x: t.maximum(x, t.ones_like(x))),
    Kink("minimum", lambda k: lambda x: k.ops.minimum(x, 1.0), [0.0, 1.0, 2.0], [1, 0.5, 0], "same",
         lambda t: lambda x: t.minimum(x, t.ones_like(x))),
    Kink("maximum of x and x", lambda k: lambda x: k.ops.maximum(x, x), [3.0], [1], "same",
         lambda t: lambda x: t.maximum(x, x)),
    Kink("clip", lambda k: lambda x: k.ops.clip(x, 0.0, 1.0), [-1.0, 0.0, 0.5, 1.0, 2.0], [0, 1, 1, 1, 0], [0, 0.5, 1, 0.5, 0],
         lambda t: lambda x: t.clip(x, 0.0, 1.0)),
    Kink("max", lambda k: k.ops.max, [1.0, 5.0, 5.0, 2.0], [0, 0.5, 0.5, 0], "same", lambda t: t.amax),
    Kink("min", lambda k: k.ops.min, [1.0, 1.0, 1.0, 2.0], [1 / 3, 1 / 3, 1 / 3, 0], "same", lambda t: t.amin),
    Kink("sort", lambda k: lambda x: k.ops.sort(x)[0:2] * k.ops.convert_to_tensor([1.0, 3.0]), [5.0, 2.0, 2.0],
         [0, 1, 3], "same", lambda t: lambda x: t.sort(x, stable=True)[0][0:2] * t.tensor([1.0, 3.0])),
    Kink("top_k", lambda k: lambda x: k.ops.top_k(x, 2)[0] * k.ops.convert_to_tensor([1.0, 3.0]), [5.0, 2.0, 5.0, 5.0],
         [1, 0, 3, 0], "same"),
    Kink("norm", lambda k: k.ops.norm, [0.0, 0.0], [0, 0], [NAN, NAN], lambda t: t.linalg.vector_norm),
    Kink("std", lambda k: k.ops.std, [2.0, 2.0, 2.0], [0, 0, 0], [NAN, NAN, NAN],
         lambda t: lambda x: t.std(x, correction=0)),
    Kink("sqrt", lambda k: k.ops.sqrt, [0.0, 4.0], [INF, 0.25], "same", lambda t: t.sqrt),
    Kink("remainder", lambda k: lambda x: k.ops.mod(x, 3.0), [3.0, -3.0], [1, 1], "same",
         lambda t: lambda x: t.remainder(x, 3.0)),
    Kink("power 0", lambda k: lambda x: k.ops.power(x, 0.0), [0.0, 2.0], [0, 0], [NAN, 0],
         lambda t: lambda x: x**0.0),
    Kink("power 1", lambda k: lambda x: k.ops.power(x, 1.0), [0.0, 2.0], [1, 1], "same", lambda t: lambda x: x**1.0),
    Kink("power 2", lambda k: lambda x: k.ops.power(x, 2.0), [0.0, -2.0], [0, -4], "same", lambda t: lambda x: x**2.0),
    # --- losses, with one unit unless several are needed
    Kink("mean_absolute_error", loss("mean_absolute_error", [[1.0, 1.0]]), [[1.0, 2.0]], [[0, 0.5]], [[-0.5, 0.5]],
         lambda t: lambda p: t.nn.functional.l1_loss(p, t.ones_like(p))),
    Kink("mean_absolute_percentage_error", loss("mean_absolute_percentage_error", [[2.0]]), [[2.0]], [[0]], [[-50.0]]),
    Kink("mean_squared_logarithmic_error at ε", loss("mean_squared_logarithmic_error", [[1.0]]), [[-1.0]], [[0]],
         "same"),
    Kink("huber", loss("huber", [[0.0, 0.0]], delta=1.0), [[1.0, -1.0]], [[0.5, -0.5]], "same",
         lambda t: lambda p: t.nn.functional.huber_loss(p, t.zeros_like(p))),
    Kink("hinge", loss("hinge", [[1.0]]), [[1.0]], [[-0.5]], "same",
         lambda t: lambda p: t.clamp(1 - p, min=0), [[-1]]),
    Kink("squared_hinge", loss("squared_hinge", [[1.0]]), [[1.0]], [[0]], "same"),
    Kink("categorical_hinge, tied classes", loss("categorical_hinge", [[1.0, 0.0, 0.0]]), [[0.5, 0.25, 0.25]],
         [[-1, 0.5, 0.5]], "same"),
    Kink("categorical_hinge, at the margin", loss("categorical_hinge", [[1.0, 0.0, 0.0]]), [[1.0, 0.0, -5.0]],
         [[-0.5, 0.25, 0]], "same"),
    # --- regularizers
    Kink("L1", lambda k: k.regularizers.L1(0.5), [-2.0, 0.0, 2.0], [-0.5, 0, 0.5], [-0.5, 0.5, 0.5]),
    Kink("L1L2", lambda k: k.regularizers.L1L2(0.5, 0.25), [0.0, 2.0], [0, 1.5], [0.5, 1.5]),
    # --- layers
    Kink("MaxPooling1D", pool(3), [1.0, 5.0, 5.0], [0, 1, 0], "same",
         lambda t: lambda x: t.nn.functional.max_pool1d(x.reshape(1, 1, -1), 3)),
    Kink("MaxPooling2D", pool2d, [5.0, 5.0, 5.0, 2.0], [1, 0, 0, 0], "same",
         lambda t: lambda x: t.nn.functional.max_pool2d(x.reshape(1, 1, 2, 2), 2)),
    Kink("GlobalMaxPooling1D", lambda k: lambda x: k.layers.GlobalMaxPooling1D()(k.ops.reshape(x, (1, -1, 1))),
         [1.0, 5.0, 5.0], [0, 0.5, 0.5], "same"),
    Kink("Maximum", merged("Maximum"), [[1.0]], [[0.5]], "same"),
    Kink("Minimum", merged("Minimum"), [[1.0]], [[0.5]], "same"),
    Kink("PReLU", lambda k: k.layers.PReLU(), [[-1.0, 0.0, 1.0]], [[0, 0, 1]], "same"),
]  # fmt: skip
