"""Steps of LSTM, GRU and SimpleRNN, which run a whole sequence as one op.

The equations are not written again here. The readable reference of the same op is run on sequences of one step: forward
from step to step with the states handed on, and then backward from the last step to the first, with what each step
sends back to the states before it. What the kernels compute in one go falls apart into its steps that way, and the sum
of the steps' gradients is the gradient of the whole.

One thing is missing then: in an LSTM h_t = o·tanh(c_t) is made from c_t within the same step, so a part of dL/dc_t
comes by way of h_t. The cell, whose step is made of ordinary operations on tensors, knows it.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from minidl.backend import Array
from minidl.graph import Applied, walk
from minidl.inspect.traced.steps.step import RecurrentStep
from minidl.layers.core.dense import DenseFunction
from minidl.tensor import Tensor

__all__ = ["fused_steps"]


class _OneStep(NamedTuple):
    x: Array  # (N, 1, I)
    before: list[Array]
    after: list[Array]
    cache: Any
    mask: Array | None  # (N, 1)


class _Returned(NamedTuple):
    gradients: list[Array | None]  # dL/d each state after the step
    dx: Array | None
    of_weights: Callable[[], Any]


@np.errstate(all="ignore")  # a gradient that explodes is to be seen, not to be warned of
def fused_steps(applied: Applied, cell: Any, go_backwards: bool) -> list[RecurrentStep]:
    """The steps of a call of `cell.function`, in the order of its input, whatever the direction.

    Args:
        applied: the call; the sequence in it is turned round already where the layer goes backwards.
        cell: of the layer.
        go_backwards: whether it does.
    """
    forward = _forward(applied, len(cell.states))
    found = []
    for k, (step, back) in enumerate(zip(forward, _backward(applied, cell, forward), strict=True)):
        found.append(
            RecurrentStep(
                t=len(forward) - 1 - k if go_backwards else k,
                x=step.x[:, 0],
                before=dict(zip(cell.states, step.before, strict=True)),
                gates=_gates(step.cache, cell.gates),
                states=dict(zip(cell.states, step.after, strict=True)),
                gradients=dict(zip(cell.states, back.gradients, strict=True)),
                dx=back.dx,
                mask=None if step.mask is None else step.mask[:, 0],
                of_weights=back.of_weights,
            )
        )
    return found[::-1] if go_backwards else found


def _forward(applied: Applied, n: int) -> list[_OneStep]:
    """Run step by step, each from the `n` states that the one before has left."""
    function: Any = applied.function
    x, states, weights = applied.arrays[0], list(applied.arrays[1 : n + 1]), applied.arrays[n + 1 :]
    mask = applied.options.get("mask")
    found = []
    for t in range(x.shape[1]):
        one = None if mask is None else mask[:, t : t + 1]
        options = {**applied.options, "sequences": False, "mask": one}
        made, cache = function.forward(x[:, t : t + 1], *states, *weights, **options)
        after = list(made) if isinstance(made, tuple) else [made]
        found.append(_OneStep(x[:, t : t + 1], states, after, cache, one))
        states = after
    return found


def _backward(applied: Applied, cell: Any, steps: Sequence[_OneStep]) -> list[_Returned]:
    """What comes back to each step, from the last to the first."""
    function: Any = applied.function
    n, arrived = len(cell.states), [made.grad for made in applied.outputs]
    if all(g is None for g in arrived):
        return [_Returned([None] * n, None, lambda: (None, None, None))] * len(steps)
    of_outputs, of_states = arrived[0], arrived[1:]
    sequences = applied.options["sequences"]
    first = [None if sequences else of_outputs, *of_states]
    last = steps[-1].after if steps else []
    d = [np.zeros_like(state) if g is None else g for g, state in zip(first, last, strict=False)]
    found = []
    for t in reversed(range(len(steps))):
        step = steps[t]
        if sequences and of_outputs is not None:
            d = [d[0] + of_outputs[:, t], *d[1:]]
        given = tuple(d) if n > 1 else d[0]
        dx, *rest = function.backward(given, step.cache)
        within = _within(cell, step, d[0], applied.options["recurrent_factors"]) if n > 1 else []
        whole = [d[0], *(a + b for a, b in zip(d[1:], within, strict=True))]
        of_weights = partial(_of_weights, function, given, step.cache, n)
        found.append(_Returned(whole, dx[:, 0], of_weights))
        d = rest[:n]
    return found[::-1]


def _within(cell: Any, step: _OneStep, dh: Array, factors: Array | None) -> list[Array]:
    """The part of dL/d each other state that comes by way of the h of the same step."""
    before = [Tensor(state, requires_grad=True) for state in step.before]
    z = DenseFunction.apply(step.x[:, 0], cell.kernel, cell._input_bias())
    h, *others = cell.step(z, before, factors)
    for state in others:
        state.retain_grad()
    counted = dh if step.mask is None else np.where(step.mask, dh, 0)
    found = {id(tensor): gradient for tensor, gradient in walk(h, counted, retain_graph=False)}
    return [found.get(id(state), np.zeros_like(state.data)) for state in others]


@np.errstate(all="ignore")
def _of_weights(function: Any, given: Any, cache: Any, n: int) -> tuple[Any, ...]:
    """Computed when it is asked for: kept for all steps, it would be a copy of the weights for each."""
    return tuple(function.backward(given, cache)[n + 1 :])


def _gates(cache: Any, count: int) -> dict[str, Array]:
    """What the reference calls the gates: behind the states it began with, as many as there are products with U."""
    (kept,) = cache.steps
    if not hasattr(kept, "_fields"):
        return {}
    names = [name for name in kept._fields if not name.endswith("_before")]
    return {name: getattr(kept, name) for name in names[:count]}
