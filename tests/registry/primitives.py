"""The traced NumPy functions: how each is called, and what is true of it.

`CALLS` have gradients, `CONSTANTS` and `PLAIN` have none. A new primitive that is in none of them fails in
tests/gradients/test_completeness.py.
"""

import math
from typing import Any

import numpy as np
from hypothesis import strategies as st
from registry.calls import (
    Call,
    averages,
    broadcasts,
    choices,
    clips,
    conversions,
    dots,
    einsums,
    flips,
    indexings,
    joins,
    matrix_products,
    new_axes,
    norms,
    of_one,
    of_two,
    pads,
    reduction,
    repeats,
    reshapes,
    rolls,
    running_sums,
    sorts,
    splits,
    squeezes,
    stacks,
    takes,
    takes_along,
    tensordots,
    tiles,
    transposes,
    unstacks,
    with_axes,
)  # fmt: skip
from registry.entry import Entry, Example

from minidl.devices import home
from minidl.primitives.moving import ToDevice
from minidl.special import erf
from minidl.tensor import TRACED, Tensor, as_array


def error_function(x: Any) -> Any:
    """`minidl.special.erf` on tensors; an array of its values by the standard library."""
    return TRACED[erf](x) if isinstance(x, Tensor) else np.vectorize(math.erf, otypes=[float])(x)


CALLS: dict[Any, st.SearchStrategy[Call]] = {
    np.add: of_two(np.add),
    np.subtract: of_two(np.subtract),
    np.multiply: of_two(np.multiply),
    np.divide: of_two(np.divide, second=(0.5, 2)),
    np.power: of_two(np.power, first=(0.3, 2)),
    np.maximum: of_two(np.maximum),
    np.minimum: of_two(np.minimum),
    np.remainder: of_two(np.remainder, second=(0.5, 2)),
    np.logaddexp: of_two(np.logaddexp),
    np.arctan2: of_two(np.arctan2, first=(0.2, 2)),
    np.negative: of_one(np.negative),
    np.absolute: of_one(np.absolute),
    np.positive: of_one(np.positive),
    np.square: of_one(np.square),
    np.sqrt: of_one(np.sqrt, 0.2, 3),
    np.cbrt: of_one(np.cbrt, 0.2, 3),
    np.reciprocal: of_one(np.reciprocal, 0.4, 3),
    np.exp: of_one(np.exp),
    np.exp2: of_one(np.exp2),
    np.expm1: of_one(np.expm1),
    np.log: of_one(np.log, 0.2, 3),
    np.log2: of_one(np.log2, 0.2, 3),
    np.log10: of_one(np.log10, 0.2, 3),
    np.log1p: of_one(np.log1p, -0.7, 3),
    np.sin: of_one(np.sin),
    np.cos: of_one(np.cos),
    np.tan: of_one(np.tan, -1, 1),
    np.arcsin: of_one(np.arcsin, -0.8, 0.8),
    np.arccos: of_one(np.arccos, -0.8, 0.8),
    np.arctan: of_one(np.arctan),
    np.sinh: of_one(np.sinh),
    np.cosh: of_one(np.cosh),
    np.tanh: of_one(np.tanh),
    np.arcsinh: of_one(np.arcsinh),
    np.arccosh: of_one(np.arccosh, 1.3, 3),
    np.arctanh: of_one(np.arctanh, -0.8, 0.8),
    erf: of_one(error_function),
    np.clip: clips(),
    np.where: choices(),
    "astype": conversions(),
    np.astype: conversions(),
    "to_device": of_one(lambda x: ToDevice.apply(x, name=home(as_array(x)))),
    np.sum: reduction(np.sum),
    np.mean: reduction(np.mean, allow_empty=False),
    np.average: averages(),
    np.var: reduction(np.var, allow_empty=False),
    np.std: reduction(np.std, allow_empty=False),
    np.prod: reduction(np.prod),
    np.max: reduction(np.max, allow_empty=False),
    np.min: reduction(np.min, allow_empty=False),
    np.linalg.norm: norms(),
    "getitem": indexings(),
    np.reshape: reshapes(),
    np.ravel: of_one(np.ravel),
    np.transpose: transposes(),
    np.swapaxes: with_axes(np.swapaxes, 2),
    np.moveaxis: with_axes(np.moveaxis, 2),
    np.expand_dims: new_axes(),
    np.squeeze: squeezes(),
    np.broadcast_to: broadcasts(),
    np.split: splits(),
    np.flip: flips(),
    np.take: takes(),
    np.take_along_axis: takes_along(),
    np.sort: sorts(),
    np.concatenate: joins(),
    np.stack: stacks(),
    np.unstack: unstacks(),
    np.pad: pads(),
    np.roll: rolls(),
    np.repeat: repeats(),
    np.tile: tiles(),
    np.cumsum: running_sums(),
    np.matmul: matrix_products(),
    np.dot: dots(),
    np.outer: of_two(np.outer).filter(lambda call: all(x.ndim == 1 for x in call.arrays)),
    np.tensordot: tensordots(),
    np.einsum: einsums(),
}

_pair = (np.array([[1.0, -2.0], [0.0, 3.5]]), np.array([[1.0, 2.0], [0.5, -3.5]]))
CONSTANTS: dict[Any, tuple[Any, ...]] = {
    **dict.fromkeys((np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal), _pair),
    **dict.fromkeys((np.logical_and, np.logical_or, np.logical_xor, np.isclose, np.floor_divide), _pair),
    **dict.fromkeys(
        (np.bitwise_and, np.bitwise_or, np.bitwise_xor),
        (np.array([True, True, False]), np.array([True, False, False])),
    ),
    np.invert: (np.array([True, False]),),
    **dict.fromkeys((np.logical_not, np.isnan, np.isinf, np.isfinite, np.sign, np.floor, np.ceil), _pair[:1]),
    **dict.fromkeys(
        (np.rint, np.trunc, np.round, np.argmax, np.argmin, np.argsort, np.count_nonzero), _pair[:1]
    ),
    **dict.fromkeys((np.any, np.all, np.zeros_like, np.ones_like), _pair[:1]),
}
PLAIN = {
    np.shape: _pair[:1],
    np.ndim: _pair[:1],
    np.size: _pair[:1],
    np.array_equal: _pair,
    np.allclose: _pair,
}
NOT_ANALYTIC = {
    np.maximum, np.minimum, np.remainder, np.logaddexp, np.arctan2, np.absolute, np.cbrt, np.exp2, np.clip, "astype",
    np.astype, np.max, np.min, np.linalg.norm, np.sort,
}  # fmt: skip  # of a complex argument: not defined, or another function

ELEMENTWISE = {
    np.negative, np.absolute, np.positive, np.square, np.sqrt, np.cbrt, np.reciprocal, np.exp, np.exp2, np.expm1,
    np.log, np.log2, np.log10, np.log1p, np.sin, np.cos, np.tan, np.arcsin, np.arccos, np.arctan, np.sinh, np.cosh,
    np.tanh, np.arcsinh, np.arccosh, np.arctanh, erf, np.clip, np.astype, "astype", "to_device",
}  # fmt: skip  # of one array: samples along its first axis do not see each other
ARRANGING = {
    np.reshape, np.ravel, np.transpose, np.swapaxes, np.moveaxis, np.expand_dims, np.squeeze, np.broadcast_to,
    np.split, np.flip, "getitem", np.unstack, "to_device",
}  # fmt: skip  # the output may be a view of the input, as in NumPy
LINEAR_IN_ALL = ARRANGING | {
    np.add, np.subtract, np.negative, np.positive, np.sum, np.mean, np.take, np.take_along_axis, np.concatenate,
    np.stack, np.pad, np.roll, np.repeat, np.tile, np.cumsum, np.where, np.astype, "astype",
}  # fmt: skip
LINEAR_IN_EACH = {np.multiply, np.matmul, np.dot, np.outer, np.tensordot, np.einsum}
# These give their input on where there is nothing to do: a sum over no axis, a border of no cells, no shift.
MAY_PASS_ON = ARRANGING | {
    np.einsum,
    np.astype,
    "astype",
    np.pad,
    np.roll,
    np.tile,
    np.repeat,
    np.concatenate,
    np.stack,
}


def name_of(function: Any) -> str:
    return getattr(function, "__name__", str(function))


def _example(function: Any, call: Call) -> Example:
    everything = tuple(range(len(call.arrays)))
    linear: tuple[tuple[int, ...], ...] = ()
    if function in LINEAR_IN_ALL:
        linear = (everything,)
    elif function in LINEAR_IN_EACH:
        linear = tuple((i,) for i in everything)
    elif function is np.divide:
        linear = ((0,),)
    return Example(
        call.function,
        call.arrays,
        batch=(0,) if function in ELEMENTWISE and call.arrays[0].ndim else None,
        linear=linear,
        analytic=function not in NOT_ANALYTIC,
        views=function in MAY_PASS_ON,
        keeps_type=function not in ("astype", np.astype),
        text=name_of(function),
    )


def _examples(function: Any, calls: st.SearchStrategy[Call]) -> st.SearchStrategy[Example]:
    return calls.map(lambda call: _example(function, call))


ENTRIES = [
    Entry(
        f"primitive: {name_of(function)}{'()' * (function is np.astype)}",
        function,
        _examples(function, calls),
    )
    for function, calls in CALLS.items()
]
