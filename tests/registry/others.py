"""Regularizers, and the operations of minidl.ops."""

from typing import Any

import numpy as np
from hypothesis import strategies as st
from ops_calls import SAME
from registry.activations import NAMES as ACTIVATIONS
from registry.entry import Entry, Example
from strategies import SMALL, normal, seeds

from minidl import ops, regularizers
from minidl.tensor import Tensor

_factors = st.sampled_from([0.0, 0.01, 1.5])
REGULARIZERS = {
    regularizers.L1: {"l1": _factors},
    regularizers.L2: {"l2": _factors},
    regularizers.L1L2: {"l1": _factors, "l2": _factors},
    regularizers.OrthogonalRegularizer: {"factor": _factors, "mode": st.sampled_from(["rows", "columns"])},
}
# Operations without a gradient: comparisons, steps, whole numbers, new arrays, questions about an array.
WITHOUT_GRADIENT = {
    "all", "any", "arange", "argmax", "argmin", "argsort", "ceil", "convert_to_numpy", "count_nonzero", "equal", "eye",
    "floor", "floor_divide", "full", "full_like", "greater", "greater_equal", "identity", "is_tensor", "isclose",
    "isfinite", "isinf", "isnan", "less", "less_equal", "linspace", "logical_and", "logical_not", "logical_or",
    "logical_xor", "ndim", "not_equal", "one_hot", "ones", "ones_like", "round", "shape", "sign", "size",
    "stop_gradient", "zeros", "zeros_like",
}  # fmt: skip
A = SAME["square"][0][0]
SEVERAL: dict[str, tuple[tuple[Any, ...], dict[str, Any], Any]] = {
    "split": ((A, [1], 1), {}, None), "unstack": ((A,), {"axis": 1}, None), "top_k": ((A, 2), {}, None),
}  # fmt: skip
# The same function under a name of NumPy's: the options are drawn there. Here each is called as Keras calls it.
CALLS = {
    **{n: c for n, c in (SAME | SEVERAL).items() if n not in WITHOUT_GRADIENT},
    "cast": ((A, "float64"), {}, None),
    "array": ((A,), {}, None),
    **{
        n: ((np.concatenate([A, A], 1) if n == "glu" else A,), {}, None)
        for n in (*ACTIVATIONS, "swish", "hard_swish")
        if n in ops.__all__ and n not in SAME
    },
}


@st.composite
def _regularizers(draw: Any, cls: Any) -> Example:
    arguments = {n: draw(s) for n, s in REGULARIZERS[cls].items()}
    shape = draw(st.tuples(SMALL, SMALL) if "mode" in arguments else st.lists(SMALL, max_size=3).map(tuple))
    return Example(
        cls(**arguments),
        tuple(normal(draw(seeds), shape)),
        analytic=cls is regularizers.L2,
        text=f"{cls.__name__}({arguments})",
    )


def _floats(value: Any) -> list[np.ndarray]:
    """The float arrays among arguments, those in lists too."""
    if isinstance(value, list | tuple):
        return [x for entry in value for x in _floats(entry)]
    return [value] if isinstance(value, np.ndarray) and value.dtype.kind == "f" else []


def _filled(value: Any, tensors: Any) -> Any:
    """The arguments with tensors in the places of the float arrays."""
    if isinstance(value, list | tuple):
        return type(value)(_filled(entry, tensors) for entry in value)
    return next(tensors) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value


@st.composite
def _operations(draw: Any, name: str) -> Example:
    arguments, options, _ = CALLS[name]
    rng = np.random.default_rng(draw(seeds))
    floats = _floats(arguments)
    arrays = tuple(a * rng.uniform(0.9, 1.1, a.shape) for a in floats)  # in the domain of the function still

    def function(*tensors: Any) -> Any:
        dtype = tensors[0].dtype
        kept = options | ({"dtype": dtype} if name == "array" else {})
        given = _filled(arguments, iter(tensors))
        if name == "cast":
            given = (given[0], dtype)
        made = getattr(ops, name)(*given, **kept)
        return [y for y in (made if isinstance(made, list | tuple) else [made]) if isinstance(y, Tensor)]

    return Example(function, arrays, views=True, text=f"ops.{name}")


ENTRIES = [
    *(Entry(f"regularizer: {cls.__name__}", cls, _regularizers(cls)) for cls in REGULARIZERS),
    *(Entry(f"ops: {name}", f"ops.{name}", _operations(name)) for name in sorted(CALLS)),
]
