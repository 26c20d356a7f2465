"""minidl: a neural-network engine on NumPy, to read and to use.

Start with `Sequential` and `layers`; `Tensor` and `Function` for gradients of your own; `gradcheck` to check
them; `kernels_off()` for the plain reference. Importing it needs NumPy only, prints nothing and compiles
nothing.
"""

from minidl import (
    activations,
    backend,
    callbacks,
    config,
    constraints,
    datasets,
    initializers,
    layers,
    losses,
    metrics,
    models,
    ops,
    optimizers,
    random,
    regularizers,
    utils,
)
from minidl.backend import kernels_off, kernels_on
from minidl.gradcheck import gradcheck
from minidl.layers import Input, Layer
from minidl.losses import Loss
from minidl.metrics import Metric
from minidl.models import Model, Sequential
from minidl.optimizers import Optimizer
from minidl.tensor import Function, Tensor, no_grad
from minidl.variable import Variable

__version__ = "0.1.0"
__all__ = [
    "Function", "Input", "Layer", "Loss", "Metric", "Model", "Optimizer", "Sequential", "Tensor", "Variable",
    "activations", "backend", "callbacks", "config", "constraints", "datasets", "gradcheck", "initializers",
    "kernels_off", "kernels_on", "layers", "losses", "metrics", "models", "no_grad", "ops", "optimizers", "random",
    "regularizers", "utils",
]  # fmt: skip
