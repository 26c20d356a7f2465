"""LSTM: a memory c that is written, kept and read through gates, so that a gradient can travel far.

For one step, from x_t (N, I), h (N, U) and c (N, U) of the step before:

    i = σ(x W_i + h U_i + b_i)          input gate: how much is written
    f = σ(x W_f + h U_f + b_f)          forget gate: how much of the memory is kept
    g = tanh(x W_c + h U_c + b_c)       the candidate: what is written
    o = σ(x W_o + h U_o + b_o)          output gate: how much is shown

    c_t = f·c + i·g                     h_t = o·tanh(c_t)

The four lie side by side in the order i, f, c, o (Keras's letter c is our g, so that the memory can be c): W is
(I, 4U), U (U, 4U), b (4U,), together (I + U + 1)·4·U numbers.

Backward, from the last step to the first. Two gradients arrive at a step: dh (from the output y_t and from step
t + 1) and dc (from step t + 1). First through h_t = o·tanh(c_t), then through c_t = f·c + i·g:

    do = dh·tanh(c_t)                   dc += dh·o·(1 − tanh²(c_t))
    di = dc·g        df = dc·c          dg = dc·i          dc of the step before = dc·f
    dz = (di·i·(1 − i), df·f·(1 − f), dg·(1 − g²), do·o·(1 − o))       dh of the step before = dz Uᵀ

where z are the four sums in front of the curves, and i·(1 − i), 1 − g² the slopes of σ and tanh there (for other
curves see `gates.py`). All of z act on W, b, U and x as in a Dense layer.

Look at the path through c: from step to step the gradient meets only f there, no matrix. Where the forget gate stays
open it survives; this is why LSTMs exist. `unit_forget_bias` begins with f = σ(1) ≈ 0.73 instead of 0.5. To remember
over T steps from the beginning, b_f has to be near log T (examples/07_why_lstm.py).

W and U act in every step, so their gradients are sums over time; the sums are one matrix product after the loop.

S. Hochreiter, J. Schmidhuber, Long short-term memory, Neural Computation 9, 1997; forget gate: F. Gers,
J. Schmidhuber, F. Cummins, 2000; its bias of 1: R. Jozefowicz et al., 2015.
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
from minidl.symbolic import Shape
from minidl.tensor import Function, Tensor

__all__ = ["LSTM", "LSTMCell", "LSTMFunction", "lstm_backward", "lstm_forward"]


class LSTMStep(NamedTuple):
    """What one step leaves for the way back; all (N, U)."""

    h_before: Array
    c_before: Array
    i: Array
    f: Array
    g: Array
    o: Array
    c_shown: Array  # tanh(c_t)


class LSTMCache(NamedTuple):
    x: Array
    w: Array
    u: Array
    biased: bool
    steps: list[LSTMStep]
    curve: Curve  # tanh and σ of the equations
    gate: Curve
    sequences: bool
    mask: Array | None
    factors: Array | None


def lstm_forward(
    x: Array, h0: Array, c0: Array, w: Array, u: Array, b: Array | None, *, activation: str, recurrent_activation: str,
    sequences: bool, mask: Array | None = None, recurrent_factors: Array | None = None,
) -> tuple[tuple[Array, Array], LSTMCache]:  # fmt: skip
    """x (N, T, I), h0 and c0 (N, U), w (I, 4U), u (U, 4U), b (4U,) or None -> y, c_T (N, U).

    Args:
        activation, recurrent_activation: names of curves, for tanh and σ of the equations.
        sequences: whether y is h_1 ... h_T, (N, T, U), or only h_T, (N, U).
        mask: (N, T); a step where it is False leaves h and c as they were.
        recurrent_factors: (4, N, U), dropout of h before each gate; the same in every step.
    """
    curve, gate = CURVES[activation], CURVES[recurrent_activation]
    from_input = x @ w if b is None else x @ w + b
    h, c, steps, outputs = h0, c0, [], []
    for t in range(x.shape[1]):
        z = from_input[:, t] + through_gates(h, u, recurrent_factors)
        z_i, z_f, z_g, z_o = np.split(z, 4, axis=1)
        i, f, g, o = gate.value(z_i), gate.value(z_f), curve.value(z_g), gate.value(z_o)
        c_new = f * c + i * g
        shown = curve.value(c_new)
        steps.append(LSTMStep(h, c, i, f, g, o, shown))
        h, c = keep_masked(o * shown, h, mask, t), keep_masked(c_new, c, mask, t)
        outputs.append(h)
    y = np.stack(outputs, axis=1) if sequences else h.copy()
    return (y, c), LSTMCache(x, w, u, b is not None, steps, curve, gate, sequences, mask, recurrent_factors)


def lstm_backward(
    gradients: tuple[Array, Array], cache: LSTMCache, needs: tuple[bool, ...] = (True,) * 6
) -> tuple[Array | None, ...]:
    """dy like y, dc_T (N, U) -> dx, dh0, dc0, dw, du, db; dx is None where `needs` has no use for it."""
    dy, dc = gradients
    curve, gate, mask, factors = cache.curve, cache.gate, cache.mask, cache.factors
    dh = np.zeros_like(dc) if cache.sequences else dy
    dzs = []
    for t in reversed(range(len(cache.steps))):
        _, c_before, i, f, g, o, shown = cache.steps[t]
        if cache.sequences:
            dh = dh + dy[:, t]
        dh, dh_past = split_by_mask(dh, mask, t)
        dc, dc_past = split_by_mask(dc, mask, t)
        dc = dc + curve.back(dh * o, shown)
        dz = np.concatenate(
            [
                gate.back(dc * g, i),
                gate.back(dc * c_before, f),
                curve.back(dc * i, g),
                gate.back(dh * shown, o),
            ],
            axis=1,
        )
        dh = back_through_gates(dz, cache.u, factors) + dh_past
        dc = dc * f + dc_past
        dzs.append(dz)
    dz = np.stack(dzs[::-1], axis=1)
    du = recurrent_gradient(np.stack([step.h_before for step in cache.steps], axis=1), dz, factors)
    dx, dw, db = input_gradients(cache.x, cache.w, dz, cache.biased, needs[0])
    return dx, dh, dc, dw, du, db


class LSTMFunction(Function):
    """A whole sequence as one node on the graph; its outputs are y and c_T."""

    forward, backward, kernel = staticmethod(lstm_forward), staticmethod(lstm_backward), "lstm"
    selective = True


class LSTMCell(RecurrentCell):
    """One step of an LSTM: (x, [h, c]) -> (h_t, [h_t, c_t]). The arguments are those of `LSTM`.

    >>> cell = LSTMCell(3)
    >>> h, (h_again, c) = cell(np.ones((2, 4)), cell.get_initial_state(2))
    >>> h.shape, c.shape
    ((2, 3), (2, 3))
    """

    unit_forget_bias: bool
    gates, states = 4, ("h", "c")
    function = LSTMFunction

    def __init__(
        self, units: int, activation: Any = "tanh", recurrent_activation: Any = "sigmoid", use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform", recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros", unit_forget_bias: bool = True, kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None, bias_regularizer: Any = None, kernel_constraint: Any = None,
        recurrent_constraint: Any = None, bias_constraint: Any = None, dropout: float = 0.0,
        recurrent_dropout: float = 0.0, seed: int | None = None, **kwargs: Any,
    ):  # fmt: skip
        self._assemble(locals(), kwargs)

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        if self.use_bias and self.unit_forget_bias:
            self.bias.data[self.units : 2 * self.units] = 1

    def step(self, from_input: Tensor, states: list[Tensor], recurrent_factors: Array | None) -> list[Tensor]:
        """x W + b (N, 4U) and [h, c] -> [h_t, c_t]."""
        h, c = states
        z_i, z_f, z_g, z_o = self.gate_inputs(from_input, h, recurrent_factors)
        i, f, o = (self.recurrent_activation(z) for z in (z_i, z_f, z_o))
        c = f * c + i * self.activation(z_g)
        return [o * self.activation(c), c]


class LSTM(RecurrentLayer):
    """A layer of long short-term memory units over a sequence.

    Args:
        units: U, the size of h and c.
        activation, recurrent_activation: the curves called tanh and σ above.
        use_bias: whether b is there.
        kernel_initializer, recurrent_initializer, bias_initializer: how W, U and b begin.
        unit_forget_bias: whether the forget gate's part of b begins at 1.
        kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer: penalties.
        kernel_constraint, recurrent_constraint, bias_constraint: projections after each step of training.
        dropout, recurrent_dropout: share of x and of h that is dropped in training; the same numbers at every
            time step, and for h another choice for each gate. (With both, Keras chooses anew for x and each gate too.)
        seed: of the dropout.
        return_sequences: all h_t, (N, T, U), or only the last one, (N, U).
        return_state: (output, h_T, c_T) instead of the output alone.
        go_backwards: begin at the last time step; outputs come in the order in which they were computed.
        stateful: begin where the previous batch ended, until `reset_state()`.
        unroll, use_cudnn: understood for scripts written for Keras; there is nothing to choose here.

    Weights: kernel (I, 4U), recurrent_kernel (U, 4U), bias (4U,), gates in the order i, f, c, o:
    (I + U + 1)·4·U numbers.

    >>> layer = LSTM(32)
    >>> layer(np.zeros((2, 4, 32))).shape, layer.count_params(), layer.parameter_formula()
    ((2, 32), 8320, '(32 + 32 + 1)·4·32')
    """

    cell_class = LSTMCell

    def __init__(
        self, units: int, activation: Any = "tanh", recurrent_activation: Any = "sigmoid", use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform", recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros", unit_forget_bias: bool = True, kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None, bias_regularizer: Any = None, activity_regularizer: Any = None,
        kernel_constraint: Any = None, recurrent_constraint: Any = None, bias_constraint: Any = None,
        dropout: float = 0.0, recurrent_dropout: float = 0.0, seed: int | None = None, return_sequences: bool = False,
        return_state: bool = False, go_backwards: bool = False, stateful: bool = False, unroll: bool = False,
        use_cudnn: Any = "auto", **kwargs: Any,
    ):  # fmt: skip
        self._assemble(locals(), kwargs)
