"""Two checks without differences, for the cases they fit; both are right to the last digits.

**Complex step.** For a smooth f that takes complex numbers, f(x + ih) = f(x) + ih·f′(x) − h²·f″(x)/2 − ..., so
the imaginary part over h is f′(x). Nothing is subtracted, so h may be 1e-30 and the error of order h² is gone.
(J. Lyness, C. Moler, "Numerical differentiation of analytic functions", SIAM J. Numer. Anal. 4, 1967.)

**Inner product.** With J the Jacobian, v any change of the inputs and u any weights of the outputs,

    ⟨J·v, u⟩ = ⟨v, Jᵀ·u⟩

The right side is one backward pass. The left needs one run only where the function is linear, since then
J·v = f(v): so a layer with millions of outputs is checked in the time of two runs.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.gradcheck.differences import slopes
from minidl.gradcheck.report import GradcheckError
from minidl.gradcheck.target import Leaf, Target
from minidl.graph import walk
from minidl.messages import say
from minidl.tensor import Tensor, as_array, no_grad

__all__ = ["complex_step", "inner_product"]

_H = 1e-30


def complex_step(function: Callable[..., Any], *inputs: Any) -> list[Array]:
    """The Jacobian by each input, of shape (*output shape, *input shape).

    Args:
        function: of arrays (or tensors), to an array or tensor; smooth, and made of operations that complex
            numbers know: no comparison, no `np.abs`.
        inputs: floats.

    Raises:
        GradcheckError: the function drops the imaginary part.

    >>> (jacobian,) = complex_step(np.exp, [0.0, 1.0])
    >>> jacobian
    array([[1.        , 0.        ],
           [0.        , 2.71828183]])
    """
    points = [np.array(as_array(x), dtype=np.complex128, order="C") for x in inputs]
    jacobians = []
    for x in points:
        flat = x.reshape(-1)
        columns = []
        for p in range(x.size):
            flat[p] += 1j * _H
            y = _run(function, points)
            columns.append(y.imag / _H)  # before x goes back: y may be a view of it
            flat[p] = flat[p].real
        jacobian = np.stack(columns, axis=-1) if columns else np.zeros(0)
        jacobians.append(jacobian.reshape((*_run(function, points).shape, *x.shape)))
    return jacobians


def _run(function: Callable[..., Any], points: list[Array]) -> Array:
    with no_grad():
        y = as_array(function(*points))
    if y.dtype.kind != "c":
        raise GradcheckError(
            say(f"complex_step got {y.dtype} back from complex input: the function drops the imaginary part.")
        )
    return y


def inner_product(function: Callable[..., Any], *inputs: Any, linear: bool = False, seed: int = 0) -> float:
    """How far ⟨J·v, u⟩ and ⟨v, Jᵀ·u⟩ are apart, as a part of their size, for random u and v.

    Args:
        function: of tensors, to a tensor.
        inputs: floats; the point, where the function is not linear.
        linear: the function is linear in all inputs together, so J·v = f(v) exactly. Otherwise J·v comes from
            differences along v.
        seed: of the random numbers.

    >>> inner_product(lambda x: np.cumsum(x, axis=0), np.ones((100, 100)), linear=True) < 1e-12
    True
    """
    rng = np.random.default_rng(seed)
    tensors = [Tensor(np.array(as_array(x), np.float64), requires_grad=True) for x in inputs]
    vs = [rng.standard_normal(t.shape) for t in tensors]
    target = Target(lambda: function(*tensors), [Leaf("", t) for t in tensors], [])
    points = [t.data for t in tensors]

    def line(t: float) -> Array:
        for tensor, x, v in zip(tensors, points, vs, strict=True):
            tensor.data = x + t * v
        return target.values()

    if linear:
        for tensor, v in zip(tensors, vs, strict=True):
            tensor.data = v
        jv = target.values()
    else:
        jv = slopes(line, 2.0**-9, line(0.0)).slope
        line(0.0)
    (y,) = target.outputs()
    u = rng.standard_normal(y.shape)
    gradients = {id(t): g for t, g in walk(y, u, retain_graph=False)}
    left = jv * u.ravel()
    right = sum(
        float(np.vdot(v, gradients[id(t)])) for t, v in zip(tensors, vs, strict=True) if id(t) in gradients
    )
    size = float(np.linalg.norm(left)) or abs(right)
    return abs(float(left.sum()) - right) / size if size else 0.0
