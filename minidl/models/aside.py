"""Trying something on a copy of a model or layer, so that the original, and what is random, stay as they were."""

import copy
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import numpy as np

from minidl.layers.base import Layer
from minidl.layers.holder import all_layers
from minidl.models.model import Model
from minidl.models.placing import home_of, take_home, take_layer_home
from minidl.random.streams import set_apart

__all__ = ["copied", "undisturbed"]

_SEED = 0
Any_Layer = TypeVar("Any_Layer", bound=Layer)


@contextmanager
def undisturbed() -> Iterator[None]:
    """What is drawn, overflows or warns in this block is not noticed outside.

    A thread beside it goes on with minidl's random numbers as always; it shares NumPy's own (`np.random`) and the
    silence about warnings, which are of the whole process.
    """
    numpy_state = np.random.get_state()  # noqa: NPY002  layers of your own may draw from it
    try:
        with set_apart(_SEED), warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            np.random.seed(_SEED)  # noqa: NPY002
            yield
    finally:
        np.random.set_state(numpy_state)  # noqa: NPY002


def copied(layer: Any_Layer) -> Any_Layer:
    """A copy on the CPU with weights and states of its own.

    That of a model has its optimizer, but not the data of its latest `fit`; that of a layer not the graph around it.
    """
    if not isinstance(layer, Model):
        twin = copy.deepcopy(layer, {id(part._calls): [] for part in all_layers(layer)})
        take_layer_home(twin)
        return twin
    left_out = {id(kept): None for kept in (layer._run, getattr(layer, "history", None)) if kept is not None}
    twin = copy.deepcopy(layer, left_out)
    for v in twin.weights:
        v.grad = None
    if home_of(twin) != "cpu":
        take_home(twin)
    return twin
