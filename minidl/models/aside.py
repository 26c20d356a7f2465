"""Trying something on a copy of a model, so that the model itself, and what is random, stay as they were."""

import copy
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import numpy as np

from minidl.devices import device
from minidl.models.model import Model
from minidl.models.placing import home_of, take_home
from minidl.random.streams import set_apart

__all__ = ["copied", "undisturbed"]

_SEED = 0
Any_Model = TypeVar("Any_Model", bound=Model)


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


def copied(model: Any_Model) -> Any_Model:
    """A copy on the CPU with weights, optimizer and states of its own; not of the data of its latest `fit`."""
    left_out = {id(kept): None for kept in (model._run, getattr(model, "history", None)) if kept is not None}
    twin = copy.deepcopy(model, left_out)
    for v in twin.weights:
        v.grad = None
    if home_of(twin) != "cpu":
        with device("cpu"):
            take_home(twin)
    return twin
