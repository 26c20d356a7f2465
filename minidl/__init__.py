"""minidl: a neural-network engine on NumPy, to read and to use.

Start with `Sequential` and `layers`; `Tensor` and `Function` for gradients of your own; `gradcheck` to check
them; `inspect` to see where each number comes from; `kernels_off()` for the plain reference. Importing it needs
NumPy only, prints nothing and compiles nothing; what is not automatic differentiation is imported when it is first
asked for.
"""

import sys
from typing import TYPE_CHECKING, Any

from minidl import backend, config, primitives
from minidl.backend import kernels_off, kernels_on
from minidl.devices import DeviceError, current_device, device, set_device, to_device, to_numpy
from minidl.messages import say
from minidl.tensor import Function, Tensor, no_grad
from minidl.variable import Variable

if TYPE_CHECKING:
    from minidl import (
        activations,
        applications,
        callbacks,
        constraints,
        datasets,
        doctor,
        gradcheck,
        initializers,
        inspect,
        layers,
        losses,
        metrics,
        models,
        ops,
        optimizers,
        preprocessing,
        random,
        regularizers,
        saving,
        utils,
    )
    from minidl.layers import Input, Layer
    from minidl.losses import Loss
    from minidl.metrics import Metric
    from minidl.models import Model, Sequential
    from minidl.optimizers import Optimizer

__version__ = "0.1.0"
__all__ = [
    "DeviceError", "Function", "Input", "Layer", "Loss", "Metric", "Model", "Optimizer", "Sequential",
    "Tensor", "Variable", "activations", "applications", "backend", "callbacks", "config", "constraints",
    "current_device", "datasets", "device", "doctor", "gradcheck", "initializers", "inspect", "kernels_off",
    "kernels_on", "layers", "losses", "metrics", "models", "no_grad", "ops", "optimizers", "preprocessing",
    "primitives", "random", "regularizers", "saving", "set_device", "to_device", "to_numpy", "utils",
]  # fmt: skip

_HOMES = {
    "Input": "layers", "Layer": "layers", "Loss": "losses", "Metric": "metrics", "Model": "models",
    "Optimizer": "optimizers", "Sequential": "models",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """The public part or class called `name`, imported now."""
    if name not in __all__:
        raise AttributeError(say(f"module 'minidl' has no attribute {name!r}"))
    home = f"minidl.{_HOMES.get(name, name)}"
    __import__(home)
    value = getattr(sys.modules[home], name) if name in _HOMES else sys.modules[home]
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
