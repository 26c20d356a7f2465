"""Problems for the ops that run over a whole sequence."""

from typing import Any

import numpy as np
from hypothesis import strategies as st
from strategies import SMALL, normal, seeds

from minidl.layers.recurrent.gru import GRUFunction
from minidl.layers.recurrent.lstm import LSTMFunction
from minidl.layers.recurrent.simple_rnn import SimpleRNNFunction

CURVES = st.sampled_from(["tanh", "sigmoid", "relu", "hard_sigmoid", "softsign", "linear"])
KINDS: dict[str, Any] = {
    "simple_rnn": (SimpleRNNFunction, 1),
    "gru": (GRUFunction, 3),
    "lstm": (LSTMFunction, 4),
}


@st.composite
def problems(draw, kind, curves=CURVES):
    """Arrays and options of an op: x, states, w, u, b."""
    _, gates = KINDS[kind]
    n, steps, features, units = draw(SMALL), draw(st.integers(1, 5)), draw(SMALL), draw(SMALL)
    seed = draw(seeds)
    reset_after = kind == "gru" and draw(st.booleans())
    bias = (2, gates * units) if reset_after else (gates * units,)
    states = [(n, units)] * (2 if kind == "lstm" else 1)
    shapes = [(n, steps, features), *states, (features, gates * units), (units, gates * units), bias]
    arrays = normal(seed, *shapes)
    if draw(st.booleans()):
        arrays[-1] = None
    rng = np.random.default_rng(seed)
    options = {
        "activation": draw(curves),
        "sequences": draw(st.booleans()),
        "mask": draw(st.sampled_from([None, rng.random((n, steps)) > 0.4])),
        "recurrent_factors": draw(st.sampled_from([None, 2.0 * (rng.random((gates, n, units)) > 0.5)])),
    }
    if kind != "simple_rnn":
        options["recurrent_activation"] = draw(curves)
    if kind == "gru":
        options["reset_after"] = reset_after
    return arrays, options
