"""Dense: every output sees every input.

    y = activation(z)          x (N, I)   w (I, U)   b (U,)   y (N, U)

    z[n, u] = Σ_i x[n, i]·w[i, u] + b[u]          as matrices  z = x @ w + b

Backward: x[n, i] acts through z[n, u] for every u; w[i, u] and b[u] act through z[n, u] for every n. So

    dx[n, i] = Σ_u dz[n, u]·w[i, u]               dx = dz @ wᵀ
    dw[i, u] = Σ_n x[n, i]·dz[n, u]               dw = xᵀ @ dz
    db[u]    = Σ_n dz[n, u]

Where x has more axes than two, n stands for all of them but the last.
"""

from typing import Any

import numpy as np

from minidl import activations
from minidl.backend import Array
from minidl.layers.arguments import keep_weight_arguments
from minidl.layers.base import Layer
from minidl.layers.checks import InputSpec, flag, last_size
from minidl.symbolic import Shape
from minidl.tensor import Function, Tensor
from minidl.utils.checks import chosen, whole_number

__all__ = ["Dense", "DenseFunction", "dense_backward", "dense_forward"]


def dense_forward(x: Array, w: Array, b: Array | None) -> tuple[Array, Any]:
    """x (..., I), w (I, U), b (U,) or None -> z (..., U)."""
    z = (x.reshape(-1, x.shape[-1]) @ w).reshape(*x.shape[:-1], w.shape[1])  # one product, not one a sample
    return z if b is None else z + b, (x, w, b is not None)


def dense_backward(
    dz: Array, cache: Any, needs: tuple[bool, ...] = (True, True, True)
) -> tuple[Array | None, Array, Array | None]:
    """dz (..., U) -> dx (..., I), dw (I, U), db (U,); dx is None where `needs` has no use for it."""
    x, w, biased = cache
    x_rows, dz_rows = x.reshape(-1, x.shape[-1]), dz.reshape(-1, dz.shape[-1])
    db = dz_rows.sum(axis=0, dtype=np.result_type(dz, np.float64)).astype(dz.dtype) if biased else None
    dx = (dz_rows @ w.T).reshape(x.shape) if needs[0] else None
    return dx, x_rows.T @ dz_rows, db


class DenseFunction(Function):
    """The affine map as a node on the graph."""

    forward, backward, kernel = staticmethod(dense_forward), staticmethod(dense_backward), "dense"
    selective = True


class Dense(Layer):
    """A fully connected layer. Applies to the last axis of inputs of any rank.

    Args:
        units: U, the number of outputs.
        activation: name or function applied to z; None leaves z as it is.
        activity_regularizer: penalty on the output.
        use_bias: whether b is there.
        kernel_initializer, bias_initializer: how w and b begin.
        kernel_regularizer, bias_regularizer: penalties on w and b.
        kernel_constraint, bias_constraint: projections of w and b after each step.

    Weights: kernel (I, U), bias (U,): (I + 1)·U numbers.

    >>> layer = Dense(3)
    >>> layer(np.ones((2, 4))).shape, layer.count_params(), layer.parameter_formula()
    ((2, 3), 15, '(4 + 1)·3')
    """

    supports_masking = True
    repeats = True

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = whole_number("Dense", "units", units, 1)
        self.activation = chosen(type(self).__name__, "activation", activations.get, activation)
        self.use_bias = flag(self, "use_bias", use_bias)
        keep_weight_arguments(self, locals(), "kernel", "bias")
        self.input_spec = InputSpec(min_ndim=2)

    def build(self, input_shape: Shape) -> None:
        features = last_size(self, input_shape)
        self.kernel = self._make("kernel", (features, self.units))
        self.bias = self._make("bias", (self.units,)) if self.use_bias else None
        self.input_spec = InputSpec(min_ndim=2, sizes={-1: features})

    def call(self, inputs: Tensor) -> Tensor:
        return self.activation(DenseFunction.apply(inputs, self.kernel, self.bias))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.units)

    @property
    def parameter_words(self) -> str:
        """`parameter_formula` in words, for the key below `summary(explain=True)`."""
        return "(features + 1 bias)·units" if self.use_bias else "features·units"

    def parameter_formula(self) -> str:
        features = self.kernel.shape[0]
        return f"({features} + 1)·{self.units}" if self.use_bias else f"{features}·{self.units}"
