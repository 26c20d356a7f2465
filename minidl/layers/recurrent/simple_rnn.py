"""SimpleRNN: a Dense layer that also sees its own output of the step before.

    h_t = tanh(x_t W + h_{t−1} U + b)          x_t (N, I)   h (N, U)   W (I, U)   U (U, U)   b (U,)

Backward, from the last step to the first. The gradient dh of h_t has two parts: what comes from the output y_t,
and what step t + 1 sends back.

    dz = dh·(1 − h_t²)                         dh of the step before = dz Uᵀ
    dW = Σ_t x_tᵀ dz_t        dU = Σ_t h_{t−1}ᵀ dz_t        db = Σ_t dz_t        dx_t = dz_t Wᵀ

where z is what stands inside of tanh, and 1 − h_t² the slope of tanh there (for other curves see `gates.py`).

So over k steps a gradient is multiplied k times by Uᵀ and by slopes of at most 1. Where these together shrink it, it
vanishes like the k-th power of a number below 1, and the layer cannot learn what happened long ago; a U that stretches
may let it explode as fast. An orthogonal U, with which training begins, does neither; the slopes remain. LSTM and
GRU are two ways out (examples/07_why_lstm.py measures all three).

J. Elman, Finding structure in time, Cognitive Science 14, 1990.
"""

from typing import Any, NamedTuple

import numpy as np

from minidl.backend import Array
from minidl.layers.recurrent.cell import RecurrentCell
from minidl.layers.recurrent.gates import (
    CURVES,
    Curve,
    back_through_gates,
    input_gradients,
    keep_masked,
    recurrent_gradient,
    split_by_mask,
    through_gates,
)
from minidl.layers.recurrent.layer import RecurrentLayer
from minidl.tensor import Function, Tensor

__all__ = ["SimpleRNN", "SimpleRNNCell", "SimpleRNNFunction", "simple_rnn_backward", "simple_rnn_forward"]


class SimpleRNNCache(NamedTuple):
    x: Array
    w: Array
    u: Array
    biased: bool
    steps: list[tuple[Array, Array]]  # h of the step before, and h_t before a mask
    curve: Curve
    sequences: bool
    mask: Array | None
    factors: Array | None


def simple_rnn_forward(
    x: Array, h0: Array, w: Array, u: Array, b: Array | None, *, activation: str, sequences: bool,
    mask: Array | None = None, recurrent_factors: Array | None = None,
) -> tuple[Array, SimpleRNNCache]:  # fmt: skip
    """x (N, T, I), h0 (N, U), w (I, U), u (U, U), b (U,) or None -> y.

    Args:
        activation: name of the curve, tanh in the equation.
        sequences: whether y is h_1 ... h_T, (N, T, U), or only h_T, (N, U).
        mask: (N, T); a step where it is False leaves h as it was.
        recurrent_factors: (1, N, U), dropout of h; the same in every step.
    """
    curve = CURVES[activation]
    from_input = x @ w if b is None else x @ w + b
    h, steps, outputs = h0, [], []
    for t in range(x.shape[1]):
        h_new = curve.value(from_input[:, t] + through_gates(h, u, recurrent_factors))
        steps.append((h, h_new))
        h = keep_masked(h_new, h, mask, t)
        outputs.append(h)
    y = np.stack(outputs, axis=1) if sequences else h.copy()
    return y, SimpleRNNCache(x, w, u, b is not None, steps, curve, sequences, mask, recurrent_factors)


def simple_rnn_backward(
    dy: Array, cache: SimpleRNNCache, needs: tuple[bool, ...] = (True,) * 5
) -> tuple[Array | None, ...]:
    """dy like y -> dx, dh0, dw, du, db; dx is None where `needs` has no use for it."""
    curve, mask, factors = cache.curve, cache.mask, cache.factors
    dh = np.zeros_like(dy[:, 0]) if cache.sequences else dy
    dzs = []
    for t in reversed(range(len(cache.steps))):
        if cache.sequences:
            dh = dh + dy[:, t]
        dh, dh_past = split_by_mask(dh, mask, t)
        dz = curve.back(dh, cache.steps[t][1])
        dh = back_through_gates(dz, cache.u, factors) + dh_past
        dzs.append(dz)
    dz = np.stack(dzs[::-1], axis=1)
    du = recurrent_gradient(np.stack([h_before for h_before, _ in cache.steps], axis=1), dz, factors)
    dx, dw, db = input_gradients(cache.x, cache.w, dz, cache.biased, needs[0])
    return dx, dh, dw, du, db


class SimpleRNNFunction(Function):
    """A whole sequence as one node on the graph."""

    forward, backward, kernel = (
        staticmethod(simple_rnn_forward),
        staticmethod(simple_rnn_backward),
        "simple_rnn",
    )
    selective = True


class SimpleRNNCell(RecurrentCell):
    """One step of a SimpleRNN: (x, [h]) -> (h_t, [h_t]). The arguments are those of `SimpleRNN`.

    >>> cell = SimpleRNNCell(3)
    >>> h, states = cell(np.ones((2, 4)), cell.get_initial_state(2))
    >>> h.shape
    (2, 3)
    """

    gates, states = 1, ("h",)
    function = SimpleRNNFunction

    def __init__(
        self, units: int, activation: Any = "tanh", use_bias: bool = True, kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal", bias_initializer: Any = "zeros", kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None, bias_regularizer: Any = None, kernel_constraint: Any = None,
        recurrent_constraint: Any = None, bias_constraint: Any = None, dropout: float = 0.0,
        recurrent_dropout: float = 0.0, seed: int | None = None, **kwargs: Any,
    ):  # fmt: skip
        self._assemble(locals(), kwargs)

    def step(self, from_input: Tensor, states: list[Tensor], recurrent_factors: Array | None) -> list[Tensor]:
        """x W + b (N, U) and [h] -> [h_t]."""
        (z,) = self.gate_inputs(from_input, states[0], recurrent_factors)
        return [self.activation(z)]


class SimpleRNN(RecurrentLayer):
    """A fully connected recurrent layer over a sequence.

    Args:
        units: U, the size of h.
        activation: the curve called tanh above.
        use_bias: whether b is there.
        kernel_initializer, recurrent_initializer, bias_initializer: how W, U and b begin.
        kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer: penalties.
        kernel_constraint, recurrent_constraint, bias_constraint: projections after each step of training.
        dropout, recurrent_dropout: share of x and of h that is dropped in training; the same numbers at every
            time step.
        return_sequences: all h_t, (N, T, U), or only the last one, (N, U).
        return_state: (output, h_T) instead of the output alone.
        go_backwards: begin at the last time step; outputs come in the order in which they were computed.
        stateful: begin where the previous batch ended, until `reset_state()`.
        unroll: understood for scripts written for Keras; there is nothing to choose here.
        seed: of the dropout.

    Weights: kernel (I, U), recurrent_kernel (U, U), bias (U,): (I + U + 1)·U numbers.

    >>> layer = SimpleRNN(32)
    >>> layer(np.zeros((2, 4, 8))).shape, layer.count_params(), layer.parameter_formula()
    ((2, 32), 1312, '(8 + 32 + 1)·32')
    """

    cell_class = SimpleRNNCell

    def __init__(
        self, units: int, activation: Any = "tanh", use_bias: bool = True, kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal", bias_initializer: Any = "zeros", kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None, bias_regularizer: Any = None, activity_regularizer: Any = None,
        kernel_constraint: Any = None, recurrent_constraint: Any = None, bias_constraint: Any = None,
        dropout: float = 0.0, recurrent_dropout: float = 0.0, return_sequences: bool = False,
        return_state: bool = False, go_backwards: bool = False, stateful: bool = False, unroll: bool = False,
        seed: int | None = None, **kwargs: Any,
    ):  # fmt: skip
        self._assemble(locals(), kwargs)
