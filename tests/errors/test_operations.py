"""The operations of `minidl.ops` and the operators of a Tensor, given what they cannot take.

NumPy would notice most of it, in words of its own. Here the operation is named, with the argument or the shapes it
got: in the first part for every argument of every operation, in the second for shapes that do not fit together.
"""

import inspect
import warnings

import numpy as np
import pytest
from errors.argument_kinds import Thing
from ops_calls import SAME

from minidl import Tensor, ops

A, ROW, FOUR = Tensor(np.ones((2, 3))), Tensor(np.ones(3)), Tensor(np.ones(4))
# Operations that `ops_calls` leaves out.
MORE = {
    **{
        name: ((A,), {})
        for name in (
            "celu", "elu", "gelu", "hard_sigmoid", "hard_silu", "hard_tanh", "leaky_relu", "log_sigmoid",
            "log_softmax", "relu", "relu6", "selu", "sigmoid", "silu", "softmax", "softplus", "softsign", "tanh_shrink",
            "convert_to_numpy",
        )
    },
    "glu": ((np.ones((2, 4)),), {}),
    "split": ((A, 3, 1), {}),
    "top_k": ((A, 2), {}),
    "unstack": ((A,), {}),
}  # fmt: skip
CALLS = {name: call[:2] for name, call in {**SAME, **MORE}.items()}
NO_NUMBERS = ("text", {"a": 1}, Thing(), [[1.0], [1.0, 2.0]], np.array(["a"]))
BAD = {
    "axis": (7, -8, 1.5, "rows", (0, 7), Thing()),
    "axes": (7, (0, 7), "rows", Thing()),
    "axis1": (7, 1.5, "rows", Thing()),
    "axis2": (-8, 1.5, "rows", Thing()),
    "source": (7, "rows", Thing()),
    "destination": (7, "rows", Thing()),
    "dtype": ("flaot32", 3, Thing()),
    "shape": (-1, (2, -3), "a", 2.5, (2.5,), Thing()),
    "newshape": (-7, (4, 4), "a", 2.5, (-1, -1), Thing()),
    "num_classes": (0, -1, 2.5, "3", True, Thing()),
    "k": (99, 2.5, "3", Thing()),
    "num": (7,),
    "N": (-1, 2.5, "3", Thing()),
    "n": (-1, 2.5, "3", Thing()),
    "repeats": (-1, "3", Thing()),
    "pad_width": (-1, ((1, 2, 3),), "a", Thing()),
    "mode": ("circular", 3, Thing()),
    "indices": (99, [99], "a", 1.5, Thing()),
    "indices_or_sections": (4, "a", Thing()),
    "ord": ("nuc", -1, Thing()),
    "subscripts": ("ij", "ij,jk->ik", 3, None),
}
# An argument of this name that takes what others do not.
TAKEN = {("linspace", "num"), ("eye", "k")}


def arguments():
    """(operation, its good arguments by name, the argument, a bad value for it), for all there are."""
    for name, (args, kwargs) in CALLS.items():
        parameters = inspect.signature(getattr(ops, name)).parameters
        if any(p.kind is p.VAR_POSITIONAL for p in parameters.values()):
            continue  # einsum: below
        good = inspect.signature(getattr(ops, name)).bind(*args, **kwargs).arguments
        for argument in parameters:
            data = argument in ("x", "x1", "x2", "xs", "condition", "start", "fill_value")
            values = NO_NUMBERS if data else () if (name, argument) in TAKEN else BAD.get(argument, ())
            for value in values:
                yield name, good, argument, value


def told(call):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises((ValueError, TypeError)) as caught:
            call()
    text = str(caught.value)
    assert len(text) < 400
    assert text.endswith((".", "?")), text
    assert "\x1b" not in text
    return text


@pytest.mark.parametrize("name", CALLS)
def test_bad_arguments(name):
    for _, good, argument, value in (case for case in arguments() if case[0] == name):
        text = told(lambda good=good, a=argument, v=value: getattr(ops, name)(**{**good, a: v}))
        assert name in text, (argument, value, text)
        assert argument in text or "shape" in text, (argument, value, text)


def test_that_every_operation_is_tried(capsys):
    aliases = {"swish", "hard_swish", "ndim", "shape", "size", "is_tensor"}
    assert set(ops.__all__) - set(CALLS) - aliases == set()
    tried = [case[:3:2] for case in arguments()]
    with capsys.disabled():
        print(
            f"\noperations: {len(CALLS)}, {len(set(tried))} arguments, {len(tried)} bad values, {len(SHAPES)} misfits"
        )
    assert len(tried) > 800


# call, what its message says
SHAPES = {
    "a + b": (lambda: A + FOUR, "add expects shapes that agree|(2, 3) and (4,)"),
    "b - a": (lambda: FOUR - A, "subtract expects shapes that agree|(4,) and (2, 3)"),
    "array * a": (lambda: np.ones(4) * A, "multiply expects shapes that agree|(4,) and (2, 3)"),
    "a < b": (lambda: A < FOUR, "less expects shapes that agree"),
    "a @ a": (lambda: A @ A, "matmul expects the last axis|(2, 3) and (2, 3): 3 against 2|Turn x2 with ops.transpose"),
    "array @ a": (lambda: np.ones((2, 3)) @ A, "matmul expects the last axis|3 against 2"),
    "a @ v": (lambda: A @ FOUR, "matmul expects the last axis of x1|3 against 4"),
    "a @ 3": (lambda: A @ 3, "matmul expects vectors and matrices|with *"),
    "a + text": (lambda: A + "a", "add cannot take|A tensor holds numbers, got str"),
    "a + None": (lambda: A + None, "add cannot take|A tensor holds numbers, got NoneType"),
    "matmul": (lambda: ops.matmul(A, A), "matmul expects the last axis of x1|x2"),
    "stacks": (lambda: ops.matmul(np.ones((2, 3, 4)), np.ones((5, 4, 2))), "matmul expects leading axes"),
    "dot": (lambda: ops.dot(A, A), "dot expects the last axis"),
    "tensordot": (lambda: ops.tensordot(A, A, 1), "tensordot cannot take x1 of shape (2, 3), x2 of shape (2, 3)"),
    "where": (lambda: ops.where(A > 0, FOUR, A), "where expects shapes that agree"),
    "concatenate": (lambda: ops.concatenate([A, np.ones((3, 2))]), "equal sizes on all axes but axis 0|(2, 3), (3, 2)"),
    "concatenate ranks": (lambda: ops.concatenate([A, ROW]), "concatenate expects tensors with equally many axes"),
    "concatenate none": (lambda: ops.concatenate([]), "concatenate expects at least one tensor, got none"),
    "concatenate numbers": (lambda: ops.concatenate([1.0, 2.0]), "concatenate expects|Use stack"),
    "stack": (lambda: ops.stack([A, ROW]), "stack expects tensors of one shape, got (2, 3), (3,)"),
    "reshape": (lambda: A.reshape(4, 2), "reshape expects a shape for the 6 elements of shape (2, 3), got (4, 2)"),
    "two open": (lambda: A.reshape(-1, -1), "reshape expects sizes >= 0, of which one may be left open as -1"),
    "broadcast_to": (lambda: ops.broadcast_to(A, (3, 2)), "broadcast_to expects a shape that ends like (2, 3)"),
    "squeeze": (lambda: ops.squeeze(A, 0), "squeeze expects axis to name axes of size 1, got 0 for shape (2, 3)"),
    "einsum size": (lambda: ops.einsum("ij,jk->ik", A, A), "einsum expects index 'j' to have one size|3 and 2"),
    "einsum rank": (lambda: ops.einsum("ijk->i", A), "einsum expects an index for each axis, got 'ijk' for shape (2, 3)"),
    "einsum output": (lambda: ops.einsum("ij->z", A), "einsum cannot take subscripts 'ij->z'"),
    "einsum number": (lambda: ops.einsum(3, A), "einsum cannot take subscripts 3"),
    "einsum text": (lambda: ops.einsum("i->", "a"), "einsum cannot take|A tensor holds numbers, got str"),
    "a[5]": (lambda: A[5], "A tensor of shape (2, 3) has nothing at the index [5]"),
    "a[0, 0, 0]": (lambda: A[0, 0, 0], "has 2 axes, too few for the index [0, 0, 0]"),
    "a[text]": (lambda: A["a"], "A tensor is indexed by whole numbers, slices|got 'a'"),
    "a[0.5]": (lambda: A[0.5], "A tensor is indexed by|got 0.5"),
    "take": (lambda: ops.take(A, [9], 1), "take cannot take x of shape (2, 3), indices [9]"),
    "sum()": (lambda: A.sum(axis=3), "sum expects axis from -2 to 1 for shape (2, 3), got 3"),
    "np.sum": (lambda: np.sum(A, axis=3), "sum expects axis from -2 to 1 for shape (2, 3), got 3"),
    "of a number": (lambda: ops.sum(3.0, axis=0), "sum expects no axis for a single number"),
    "empty": (lambda: ops.max(np.ones((0, 3)), axis=0), "max cannot take x of shape (0, 3)"),
    "astype": (lambda: A.astype("flaot"), "astype cannot take|dtype 'flaot'"),
    "unknown name": (lambda: ops.sum(A, axes=1), "sum has no argument 'axes'. Did you mean 'axis'?"),
    "too few": (lambda: ops.add(A), "add takes the arguments x1, x2, got 1 of them"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "words"), SHAPES.values(), ids=SHAPES)
def test_shapes_that_do_not_fit(call, words):
    text = told(call)
    assert [word for word in words.split("|") if word not in text] == [], text


def test_what_is_out_of_range_is_an_index_error_too():
    with pytest.raises(IndexError):
        A[5]
    with pytest.raises(IndexError):
        A.sum(axis=3)


def test_the_cause_is_kept():
    with pytest.raises(ValueError, match="add expects") as caught:
        A + FOUR
    assert "broadcast" in str(caught.value.__cause__)
