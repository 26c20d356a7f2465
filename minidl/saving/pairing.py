"""Which array of a file belongs to which weight of a model, and whether it fits.

Weights are known by their path: `dense/kernel`. Two models of the same kind may number their layers
differently, though (`dense_1/kernel`), and other programs use other names. So the names decide where they are
the same on both sides; where they are not, the order does, provided the file tells one and that everything fits.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np

from minidl.backend import Array
from minidl.saving.files import FilePath, refusal

__all__ = ["Expected", "convert", "pair", "weight_names"]

Shape: TypeAlias = tuple[int, ...]
Expected: TypeAlias = Mapping[str, tuple[Shape, Any]]  # name -> shape, dtype
_MEND = "Build the model as it was when saved, or load with skip_mismatch=True."


def weight_names(variables: Iterable[Any]) -> dict[str, Any]:
    """The variables by their paths; paths that come again are numbered: `dense/kernel`, `dense/kernel#1`.

    >>> from minidl import Variable
    >>> list(weight_names([Variable(1.0, name="kernel"), Variable(2.0, name="kernel")]))
    ['kernel', 'kernel#1']
    """
    named: dict[str, Any] = {}
    for variable in variables:
        path = re.sub(r"//+|^/|/$|[\\\0]", "_", variable.path)
        name, number = path, 0
        while name in named:
            number += 1
            name = f"{path}#{number}"
        named[name] = variable
    return named


def pair(
    path: FilePath,
    expected: Expected,
    found: Mapping[str, Shape],
    ordered: bool,
    skip_mismatch: bool = False,
) -> dict[str, str]:
    """The name in the file of each weight.

    Args:
        path: the file, for errors.
        expected: the weights of the model.
        found: the arrays of the file with their shapes.
        ordered: whether the order of `found` is that of the weights of a model.
        skip_mismatch: leave out weights that have no array or one of another shape, instead of refusing.

    Raises:
        ValueError: a weight has no array, an array no weight, or a shape differs.
    """
    if expected.keys() != found.keys() and ordered and _fit_in_order(expected, found):
        return dict(zip(expected, found, strict=True))
    if skip_mismatch:
        return {name: name for name, (shape, _) in expected.items() if found.get(name) == shape}
    missing = [name for name in expected if name not in found]
    extra = [name for name in found if name not in expected]
    in_order = list(zip(expected, found, strict=False))
    if missing and ordered and len(expected) == len(found) and all(_last(a) == _last(b) for a, b in in_order):
        name, other = next((a, b) for a, b in in_order if expected[a][0] != found[b])
        raise _wrong_shape(path, name, expected[name][0], f"{other:.60} of shape {found[other]}")
    if missing or extra:
        raise refusal(
            path,
            f"{len(expected)} arrays, one for each weight",
            f"{len(found)}. Missing: {_listed(missing)}, not known: {_listed(extra)}",
            _MEND,
        )
    for name, (shape, _) in expected.items():
        if found[name] != shape:
            raise _wrong_shape(path, name, shape, f"shape {found[name]}")
    return {name: name for name in expected}


def _wrong_shape(path: FilePath, name: str, shape: Shape, got: str) -> ValueError:
    return refusal(path, f"{name:.60} of shape {shape}", got, _MEND)


def _fit_in_order(expected: Expected, found: Mapping[str, Shape]) -> bool:
    """Whether both lists agree place by place: in the shapes, and in what the weights are called in their layer."""
    return len(expected) == len(found) and all(
        expected[name][0] == found[other] and ("/" not in other or _last(name) == _last(other))
        for name, other in zip(expected, found, strict=True)
    )


def _last(name: str) -> str:
    return name.split("#")[0].rsplit("/", 1)[-1]


def _listed(names: list[str]) -> str:
    return ", ".join(names[:2])[:50] + ("..." if len(names) > 2 else "") if names else "none"


def convert(array: Array, dtype: Any, path: FilePath, name: str) -> Array:
    """`array` with the dtype of its weight, in this machine's byte order and in row order.

    Raises:
        ValueError: this would lose more than rounding does: fractions, or values out of range.
    """
    wanted = np.dtype(dtype)
    if wanted.kind == "f" != array.dtype.kind:
        raise refusal(path, f"{name:.60} to hold {wanted} numbers", f"{array.dtype}", "Save it as floats.")
    if array.dtype == wanted:
        return np.ascontiguousarray(array).reshape(array.shape)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        changed = array.astype(wanted, order="C")
    if wanted.kind == "f":
        lost = bool(np.any(np.isinf(changed) & np.isfinite(array)))
    else:
        lost = array.dtype.kind == "f" or not np.array_equal(changed, array)
    if lost:
        raise refusal(path, f"{name:.60} to hold {wanted} numbers", f"{array.dtype} that do not fit")
    return changed
