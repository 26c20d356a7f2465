"""Gradients of recurrent layers: dz, that of the sums in front of all gates at all steps, meets x, h and w as in a dense layer.

    dx = dz wᵀ        dw = Σ_t x_tᵀ dz_t        db = Σ_t dz_t        du = Σ_t h_{t−1}ᵀ dz_t

dz itself comes back through time, step by step (`trace` shows how large it is at each); here it is an operand. The
reference's backward hands it out as the dx of weights w that are the identity.
"""

from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.inspect.traced.elements.backward.calls import Back, goes_back
from minidl.inspect.traced.elements.gathering import total
from minidl.inspect.traced.elements.picking import taken
from minidl.inspect.traced.elements.result import Calculation
from minidl.layers.recurrent.gru import GRUFunction
from minidl.layers.recurrent.lstm import LSTMFunction
from minidl.layers.recurrent.simple_rnn import SimpleRNNFunction
from minidl.messages import say

__all__ = ["recurrent"]

ALONG = slice(None)


@goes_back(SimpleRNNFunction, LSTMFunction, GRUFunction)
def recurrent(back: Back) -> Calculation | None:
    """dx, dw and db from dz; du too, where every gate sees h as it is. None for the others."""
    states = 2 if back.call.applied.several else 1
    w, number = 1 + states, back.number
    is_gru = back.call.function is not None and issubclass(back.call.function, GRUFunction)
    if 0 < number < w or back.arrays[0].shape[1] == 0:
        return None
    if number == w + 1 and (is_gru or back.options.get("recurrent_factors") is not None):
        return None
    if number == w + 2 and is_gru and back.options["reset_after"] and back.index[0] == 1:
        return None  # b' acts inside of r·(h u + b')
    dz, steps = _sums(back, w)
    note = say(
        "dz is the gradient of the sums in front of the gates, at all steps: see minidl.layers.recurrent."
    )
    if number == 0:
        sample, step, i = back.index
        return back.told(total(taken("dz", dz, (sample, step, ALONG)) * back.at(w, i, ALONG)), note)
    column = taken("dz", dz, (..., back.index[-1]))
    if number == w:
        return back.told(total(back.at(0, ..., back.index[0]) * column), note)
    if number == w + 2:
        return back.told(total(column), note)
    before = np.stack([step[0] for step in steps], axis=1)
    seen = taken("h_before", before, (..., back.index[0]))
    return back.told(total(seen * column), note, say("h_before[n,t,:] is h of sample n before step t."))


def _sums(back: Back, w: int) -> tuple[Array, Any]:
    """dz (N, T, G·U), and what the reference has kept of each step."""
    called: Any = back.call.function
    made, cache = called.forward(*back.arrays, **back.options)
    dys = tuple(dy.astype(back.made.dtype) for dy in back.dys)
    identity = np.eye(back.arrays[w].shape[1], dtype=back.made.dtype)
    dz: Array = called.backward(dys if isinstance(made, tuple) else dys[0], cache._replace(w=identity))[0]
    return dz, cache.steps
