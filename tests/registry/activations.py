"""The activations, with their options."""

from typing import Any

import numpy as np
from hypothesis import strategies as st
from registry.entry import Entry, Example
from strategies import seeds

from minidl import activations

shapes = st.lists(st.sampled_from([3, 2, 4, 1, 0]), max_size=3).map(tuple)
_slopes = st.sampled_from([0.0, 0.25, 2.0])
_alphas = {"alpha": st.sampled_from([0.5, 1.0, 2.0])}
OPTIONS: dict[str, dict[str, Any]] = {
    "relu": {
        "negative_slope": _slopes, "max_value": st.sampled_from([None, 1.5]), "threshold": st.sampled_from([0.0, 0.5])
    },
    "leaky_relu": {"negative_slope": _slopes}, "elu": _alphas, "celu": _alphas,
    "gelu": {"approximate": st.booleans()},
}  # fmt: skip
ALONG_AN_AXIS = {"softmax", "log_softmax", "glu"}
NAMES = sorted(name for name in activations.__all__ if name not in ("deserialize", "get", "serialize"))


@st.composite
def _examples(draw: Any, name: str) -> Example:
    shape, options = draw(shapes), {n: draw(s) for n, s in OPTIONS.get(name, {}).items()}
    batch: Any = (0,) if shape else None
    if name in ALONG_AN_AXIS:
        shape = (*shape, 2 * draw(st.integers(1, 3)))
        fit = [a for a, n in enumerate(shape) if n and n % 2 == 0]  # a softmax over one class warns
        axis = draw(st.sampled_from(fit)) - len(shape) * draw(st.integers(0, 1))
        options["axis"] = axis
        batch = None if axis in (0, -len(shape)) else (0,)
    x = np.random.default_rng(draw(seeds)).normal(scale=draw(st.sampled_from([1, 4])), size=shape)
    function = getattr(activations, name)
    return Example(
        lambda t: function(t, **options),
        (x,),
        batch=batch,
        linear=((0,),) if name == "linear" else (),
        analytic=name not in ("hard_tanh",),
        views=name == "linear",
        text=f"{name} {options}",
    )


ENTRIES = [
    Entry(f"activation: {name}", getattr(activations, name), _examples(name), kernel=True) for name in NAMES
]
