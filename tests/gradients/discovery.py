"""What there is to differentiate, found by walking the package, and not by a list that someone would have to keep."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any

from registry.others import WITHOUT_GRADIENT
from registry.primitives import CONSTANTS, PLAIN

import minidl
from minidl import activations, layers, losses, ops, regularizers
from minidl.tensor import TRACED, Function


def modules() -> Iterator[ModuleType]:
    """Every module of minidl, imported."""
    for found in pkgutil.walk_packages(minidl.__path__, "minidl."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def subclasses(base: type) -> Iterator[type]:
    for cls in base.__subclasses__():
        yield cls
        yield from subclasses(cls)


def functions() -> set[type]:
    """Every op of minidl: the subclasses of Function that its modules hold, or that it makes for NumPy's ufuncs."""
    list(modules())
    return {cls for cls in subclasses(Function) if cls.__module__.startswith("minidl.")}


def classes(module: ModuleType, base: type) -> set[type]:
    """The subclasses of `base` that `module` exports."""
    exported = (getattr(module, name) for name in module.__all__)
    return {x for x in exported if inspect.isclass(x) and issubclass(x, base) and x is not base}


def exported_functions(module: ModuleType) -> set[Any]:
    return {
        getattr(module, name)
        for name in module.__all__
        if inspect.isfunction(getattr(module, name)) and name not in ("deserialize", "get", "serialize")
    }


def everything() -> set[Any]:
    """All that must have an entry: keys of TRACED, layers, activations, losses, regularizers, names of operations."""
    found = set(TRACED) - {*CONSTANTS, *PLAIN}
    found |= classes(layers, layers.Layer) | classes(losses, losses.Loss) - {losses.LossFunctionWrapper}
    found |= exported_functions(activations) | exported_functions(losses)
    found |= classes(regularizers, regularizers.Regularizer)
    return found | {f"ops.{name}" for name in ops.__all__ if name not in WITHOUT_GRADIENT}


def missing(found: Iterable[Any], registered: Iterable[Any]) -> list[str]:
    """The names of what was found and has no entry."""
    known = set(registered)
    return sorted(str(getattr(x, "__name__", x)) for x in found if x not in known)
