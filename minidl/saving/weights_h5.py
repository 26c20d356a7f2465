"""`.weights.h5`: the weights of a model in the tree of groups that Keras 3 writes and reads (see `places`).

Loading happens in three steps, and only the last one changes the model: every weight is found and its shape
compared, then everything is read and its checksum compared, then all weights take on their new values at once.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.optimizers.nadam import Nadam, momentum_product
from minidl.saving.files import FilePath, refusal
from minidl.saving.hdf5 import Node, dataset_at, group_at, hdf5_bytes, read_dataset, walk
from minidl.saving.places import Place, places
from minidl.utils.interrupts import postponed_interrupt
from minidl.utils.warned import warn
from minidl.variable import Variable

__all__ = ["Values", "assign", "encode", "optimizer_place", "read", "read_weights"]

Values = list[tuple[Variable, Array]]  # what is read, and where it belongs
_OTHERS = ("optimizer/", "metrics/")  # what Keras may write beside the weights


def optimizer_place(optimizer: Any) -> Place:
    """Where the state of an optimizer stands."""
    variables = optimizer.variables
    if isinstance(optimizer, Nadam) and optimizer.built:  # Keras keeps a product that follows from the step
        product = momentum_product(int(optimizer.iterations), optimizer.beta_1)
        variables.append(Variable(np.float64(product), trainable=False, dtype="float32", name="u_product"))
    return Place("optimizer", optimizer, variables)


def encode(model: Any, optimizer: Any = None) -> memoryview:
    """The bytes of a `.weights.h5` file; with the state of `optimizer`, if there is one."""
    tree = [*places(model), *([] if optimizer is None else [optimizer_place(optimizer)])]
    arrays = {_at(place, i): v.numpy() for place in tree for i, v in enumerate(place.variables)}
    return hdf5_bytes(arrays, {_vars(place): place.owner.name for place in tree})


def _vars(place: Place) -> str:
    return f"{place.path}/vars" if place.path else "vars"


def _at(place: Place, i: int) -> str:
    return f"{_vars(place)}/{i}"


def read_weights(
    root: Node, path: FilePath, model: Any, skip_mismatch: bool = False, optimizer: Any = None
) -> Values:
    """The values of all weights of a model, none of them assigned yet.

    Args:
        root: the file, from `open_hdf5`.
        path: its name, for errors.
        model: it must be built.
        skip_mismatch: leave a layer as it is, with a warning, when the file has nothing that fits it.
        optimizer: read its state too.

    Raises:
        ValueError: the file and the model do not fit.
    """
    tree = places(model)
    found: Values = []
    for place in tree:
        try:
            found += read(root, path, place)
        except ValueError as error:
            if not skip_mismatch:
                raise
            warn(f"{place.owner} keeps its weights. {error}")
    expected = {_at(place, i) for place in tree for i in range(len(place.variables))}
    for extra in walk(root, path):
        known = extra in expected or extra.startswith(_OTHERS) or "seed_generator/" in extra
        if not known and not skip_mismatch:
            raise refusal(
                path,
                f"the weights of {model.name}",
                f"more of them: {extra}",
                "Was it saved from another model?",
            )
    return found if optimizer is None else found + _optimizer_state(root, path, optimizer)


def read(root: Node, path: FilePath, place: Place) -> Values:
    """The values of the weights at one place."""
    group = group_at(root, _vars(place), path)
    there = 0 if group is None else len(group)
    if there != len(place.variables):
        expected = f"{len(place.variables)} weights of {place.owner} at {_vars(place)!r}"
        raise refusal(path, expected, f"{there}", "Was it saved from another model?")
    return [(v, _value(root, path, place, i, v)) for i, v in enumerate(place.variables)]


def _value(root: Node, path: FilePath, place: Place, i: int, variable: Variable) -> Array:
    dataset = dataset_at(root, _at(place, i), path)
    what = f"{variable.path} of {place.owner}"
    if dataset is None:
        raise refusal(path, what, f"nothing at {_at(place, i)!r}", "Was it saved from another model?")
    return read_dataset(dataset, path, what, variable.shape, variable.dtype)


def _optimizer_state(root: Node, path: FilePath, optimizer: Any) -> Values:
    """The state, or of an optimizer that was saved before its first step only what it has from the start.

    None of it, with a warning, where it belongs to more or fewer weights than those that are trainable in the file.
    """
    place = optimizer_place(optimizer)
    group = group_at(root, _vars(place), path)
    if group is None:
        return []
    start = [v for v in place.variables if v.name in ("iteration", "learning_rate")]
    if len(group) == len(start):
        place = place._replace(variables=start)
    elif len(group) != len(place.variables):
        warn(
            f"{path}: the optimizer begins anew. Its state there is that of other weights: {len(group)} arrays, "
            f"not {len(place.variables)}. Was `trainable` changed after compile(), and the model saved?"
        )
        return []
    return read(root, path, place)


def assign(values: Sequence[tuple[Variable, Array]], path: FilePath) -> None:
    """Let all weights take on their new values, without a stop in between; warn of values that are no numbers."""
    wild = [v for v, value in values if value.dtype.kind == "f" and not np.isfinite(value).all()]
    if wild:
        others = f" So are {len(wild) - 1} more." if len(wild) > 1 else ""
        warn(
            f"{str(path)[-120:]}: {wild[0].path} has values that are NaN or infinite.{others} "
            "They are loaded as they are. Did the training that made them diverge?"
        )
    with postponed_interrupt():
        for variable, value in values:
            variable.assign(value)
