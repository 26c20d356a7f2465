"""GRU: one state, and two gates that say how much of it to keep and how much of it to look at.

For one step, from x_t (N, I) and h (N, U) of the step before:

    z = σ(x W_z + b_z + h U_z + b'_z)                update gate: how much of h is kept
    r = σ(x W_r + b_r + h U_r + b'_r)                reset gate: how much of h the candidate sees
    ĥ = tanh(x W_h + b_h + r·(h U_h + b'_h))         the candidate, with reset_after=True
    ĥ = tanh(x W_h + b_h + (r·h) U_h)                the candidate, with reset_after=False: r comes before U_h

    h_t = z·h + (1 − z)·ĥ

(Some texts swap z and 1 − z.) The gates lie side by side in the order z, r, h: W is (I, 3U), U (U, 3U). With
reset_after, x W and h U have a bias each, b and b', which makes (2, 3U), and (I + U + 2)·3·U numbers in all: h U is
then one product, made before r is known. Without it there is no b': (3U,), and (I + U + 1)·3·U numbers.

Backward, from the last step to the first. dh is the gradient of h_t, and a stands for the sums in front of the curves:

    dz = dh·(h − ĥ)                da_z = dz·z·(1 − z)
    dĥ = dh·(1 − z)                da_h = dĥ·(1 − ĥ²)

    reset_after=True               dr = da_h·(h U_h + b'_h)         da_r = dr·r·(1 − r)
                                   d(h U + b') = (da_z, da_r, da_h·r)
                                   dh of the step before = dh·z + d(h U + b') Uᵀ

    reset_after=False              dr = (da_h U_hᵀ)·h               da_r = dr·r·(1 − r)
                                   dh of the step before = dh·z + (da_z, da_r) (U_z, U_r)ᵀ + (da_h U_hᵀ)·r

W, b and x get (da_z, da_r, da_h) as in a Dense layer, U and b' get d(h U + b'); without reset_after U_h meets r·h
instead of h: dU_h = Σ (r·h)ᵀ da_h. As in the LSTM, a gradient that passes through z·h meets no matrix.

K. Cho et al., Learning phrase representations using RNN encoder-decoder, 2014, arXiv:1406.1078 (reset_after=True is
the form of its first version and of cuDNN, reset_after=False that of the third).
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
from minidl.primitives.joining import unstack
from minidl.tensor import Function, Tensor

__all__ = ["GRU", "GRUCell", "GRUFunction", "gru_backward", "gru_forward"]


class GRUStep(NamedTuple):
    """What one step leaves for the way back; all (N, U)."""

    h_before: Array
    z: Array
    r: Array
    candidate: Array  # ĥ
    seen: Array  # what r multiplies: h U_h + b'_h, or h (after dropout)


class GRUCache(NamedTuple):
    x: Array
    w: Array
    u: Array
    biased: bool
    steps: list[GRUStep]
    curve: Curve  # tanh and σ of the equations
    gate: Curve
    reset_after: bool
    sequences: bool
    mask: Array | None
    factors: Array | None


def gru_forward(
    x: Array, h0: Array, w: Array, u: Array, b: Array | None, *, activation: str, recurrent_activation: str,
    reset_after: bool, sequences: bool, mask: Array | None = None, recurrent_factors: Array | None = None,
) -> tuple[Array, GRUCache]:  # fmt: skip
    """x (N, T, I), h0 (N, U), w (I, 3U), u (U, 3U), b (2, 3U) or (3U,) or None -> y.

    Args:
        activation, recurrent_activation: names of curves, for tanh and σ of the equations.
        reset_after: which candidate; with it b is (2, 3U), else (3U,).
        sequences: whether y is h_1 ... h_T, (N, T, U), or only h_T, (N, U).
        mask: (N, T); a step where it is False leaves h as it was.
        recurrent_factors: (3, N, U), dropout of h before each gate; the same in every step.
    """
    curve, gate = CURVES[activation], CURVES[recurrent_activation]
    units, factors = len(u), recurrent_factors
    b_input, b_state = b, None
    if b is not None and reset_after:
        b_input, b_state = b
    from_input = x @ w if b_input is None else x @ w + b_input
    h, steps, outputs = h0, [], []
    for t in range(x.shape[1]):
        x_z, x_r, x_h = np.split(from_input[:, t], 3, axis=1)
        if reset_after:
            from_state = through_gates(h, u, factors)
            h_z, h_r, seen = np.split(from_state if b_state is None else from_state + b_state, 3, axis=1)
        else:
            first_two = through_gates(h, u[:, : 2 * units], None if factors is None else factors[:2])
            h_z, h_r = np.split(first_two, 2, axis=1)
            seen = h if factors is None else h * factors[2]
        z, r = gate.value(x_z + h_z), gate.value(x_r + h_r)
        candidate = curve.value(x_h + (r * seen if reset_after else (r * seen) @ u[:, 2 * units :]))
        steps.append(GRUStep(h, z, r, candidate, seen))
        h = keep_masked(z * h + (1 - z) * candidate, h, mask, t)
        outputs.append(h)
    y = np.stack(outputs, axis=1) if sequences else h.copy()
    return y, GRUCache(x, w, u, b is not None, steps, curve, gate, reset_after, sequences, mask, factors)


def gru_backward(
    dy: Array, cache: GRUCache, needs: tuple[bool, ...] = (True,) * 5
) -> tuple[Array | None, ...]:
    """dy like y -> dx, dh0, dw, du, db; dx is None where `needs` has no use for it."""
    curve, gate, mask, factors = cache.curve, cache.gate, cache.mask, cache.factors
    dh = np.zeros_like(dy[:, 0]) if cache.sequences else dy
    for_input, for_state = [], []  # gradients of x W + b, and of h U + b' (or of h U, gate by gate)
    for t in reversed(range(len(cache.steps))):
        h_before, z, r, candidate, seen = cache.steps[t]
        if cache.sequences:
            dh = dh + dy[:, t]
        dh, dh_past = split_by_mask(dh, mask, t)
        da_z = gate.back(dh * (h_before - candidate), z)
        da_h = curve.back(dh * (1 - z), candidate)
        dh = dh * z + dh_past
        if cache.reset_after:
            da_r = gate.back(da_h * seen, r)
            d_state = np.concatenate([da_z, da_r, da_h * r], axis=1)
            dh = dh + back_through_gates(d_state, cache.u, factors)
        else:
            units = len(cache.u)
            d_reset = da_h @ cache.u[:, 2 * units :].T
            da_r = gate.back(d_reset * seen, r)
            d_state = np.concatenate([da_z, da_r], axis=1)
            first_two = None if factors is None else factors[:2]
            dh = dh + back_through_gates(d_state, cache.u[:, : 2 * units], first_two)
            dh = dh + (d_reset * r if factors is None else d_reset * r * factors[2])
        for_input.append(np.concatenate([da_z, da_r, da_h], axis=1))
        for_state.append(d_state)
    d_input, d_state = (np.stack(parts[::-1], axis=1) for parts in (for_input, for_state))
    dx, dw, db = input_gradients(cache.x, cache.w, d_input, cache.biased, needs[0])
    return dx, dh, dw, _du(cache, d_input, d_state), _both_biases(db, d_state) if cache.reset_after else db


def _du(cache: GRUCache, d_input: Array, d_state: Array) -> Array:
    """du. Without reset_after, U_h does not meet h but r·h."""
    factors = cache.factors
    h = np.stack([step.h_before for step in cache.steps], axis=1)
    if cache.reset_after:
        return recurrent_gradient(h, d_state, factors)
    du = recurrent_gradient(h, d_state, None if factors is None else factors[:2])
    reset = np.stack([step.r * step.seen for step in cache.steps], axis=1)
    return np.concatenate([du, recurrent_gradient(reset, d_input[..., 2 * len(cache.u) :], None)], axis=1)


def _both_biases(db: Array | None, d_state: Array) -> Array | None:
    """The gradients of b and b' as one array (2, 3U)."""
    if db is None:
        return None
    return np.stack([db, d_state.sum(axis=(0, 1), dtype=np.result_type(db, np.float64)).astype(db.dtype)])


class GRUFunction(Function):
    """A whole sequence as one node on the graph."""

    forward, backward, kernel = staticmethod(gru_forward), staticmethod(gru_backward), "gru"
    selective = True


class GRUCell(RecurrentCell):
    """One step of a GRU: (x, [h]) -> (h_t, [h_t]). The arguments are those of `GRU`.

    >>> cell = GRUCell(3)
    >>> h, states = cell(np.ones((2, 4)), cell.get_initial_state(2))
    >>> h.shape
    (2, 3)
    """

    reset_after: bool
    gates, states = 3, ("h",)
    function = GRUFunction

    def __init__(
        self, units: int, activation: Any = "tanh", recurrent_activation: Any = "sigmoid", use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform", recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros", kernel_regularizer: Any = None, recurrent_regularizer: Any = None,
        bias_regularizer: Any = None, kernel_constraint: Any = None, recurrent_constraint: Any = None,
        bias_constraint: Any = None, dropout: float = 0.0, recurrent_dropout: float = 0.0, reset_after: bool = True,
        seed: int | None = None, **kwargs: Any,
    ):  # fmt: skip
        self._assemble(locals(), kwargs)

    def _bias_shape(self) -> tuple[int, ...]:
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def _input_bias(self) -> Any:
        return self.bias[0] if self.bias is not None and self.reset_after else self.bias

    def _options(self) -> dict[str, Any]:
        return {**super()._options(), "reset_after": self.reset_after}

    def step(self, from_input: Tensor, states: list[Tensor], recurrent_factors: Array | None) -> list[Tensor]:
        """x W + b (N, 3U) and [h] -> [h_t]."""
        (h,) = states
        x_z, x_r, x_h = self._by_gate(from_input)
        seen = [h] * 3 if recurrent_factors is None else unstack(h * recurrent_factors)
        u_z, u_r, u_h = unstack(self.recurrent_kernel.reshape(self.units, 3, self.units), axis=1)
        b_z: Any = 0
        b_r: Any = 0
        b_h: Any = 0
        if self.bias is not None and self.reset_after:
            b_z, b_r, b_h = unstack(self.bias[1].reshape(3, self.units))
        update = self.recurrent_activation(x_z + seen[0] @ u_z + b_z)
        reset = self.recurrent_activation(x_r + seen[1] @ u_r + b_r)
        looked_at = reset * (seen[2] @ u_h + b_h) if self.reset_after else (reset * seen[2]) @ u_h
        return [update * h + (1 - update) * self.activation(x_h + looked_at)]


class GRU(RecurrentLayer):
    """A layer of gated recurrent units over a sequence.

    Args:
        units: U, the size of h.
        activation, recurrent_activation: the curves called tanh and σ above.
        use_bias: whether b is there.
        kernel_initializer, recurrent_initializer, bias_initializer: how W, U and b begin.
        kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer: penalties.
        kernel_constraint, recurrent_constraint, bias_constraint: projections after each step of training.
        dropout, recurrent_dropout: share of x and of h that is dropped in training; the same numbers at every
            time step, and for h another choice for each gate. (With both, Keras chooses anew for x and each gate too.)
        seed: of the dropout.
        return_sequences: all h_t, (N, T, U), or only the last one, (N, U).
        return_state: (output, h_T) instead of the output alone.
        go_backwards: begin at the last time step; outputs come in the order in which they were computed.
        stateful: begin where the previous batch ended, until `reset_state()`.
        unroll, use_cudnn: understood for scripts written for Keras; there is nothing to choose here.
        reset_after: where the reset gate acts, see above.

    Weights: kernel (I, 3U), recurrent_kernel (U, 3U), bias (2, 3U) or, without reset_after, (3U,); gates in the
    order z, r, h.

    >>> layer = GRU(64)
    >>> layer(np.zeros((2, 5, 10))).shape, layer.count_params(), layer.parameter_formula()
    ((2, 64), 14592, '(10 + 64 + 2)·3·64')
    """

    cell_class = GRUCell

    def __init__(
        self, units: int, activation: Any = "tanh", recurrent_activation: Any = "sigmoid", use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform", recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros", kernel_regularizer: Any = None, recurrent_regularizer: Any = None,
        bias_regularizer: Any = None, activity_regularizer: Any = None, kernel_constraint: Any = None,
        recurrent_constraint: Any = None, bias_constraint: Any = None, dropout: float = 0.0,
        recurrent_dropout: float = 0.0, seed: int | None = None, return_sequences: bool = False,
        return_state: bool = False, go_backwards: bool = False, stateful: bool = False, unroll: bool = False,
        reset_after: bool = True, use_cudnn: Any = "auto", **kwargs: Any,
    ):  # fmt: skip
        self._assemble(locals(), kwargs)
