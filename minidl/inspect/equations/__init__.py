"""Each layer's equations with its own sizes filled in, and the multiplications that they take.

One file for each family of layers; `told` finds the right one.
"""

from minidl.inspect.equations import (
    convolutions,
    dense_like,
    elementwise,
    functions,
    merging,
    models,
    normalization,
    pooling,
    recurrent,
    regularization,
    shaping,
    wrappers,
)
from minidl.inspect.equations.kinds import told
from minidl.inspect.equations.lines import Line, Told, Work

__all__ = [
    "Line", "Told", "Work", "convolutions", "dense_like", "elementwise", "functions", "merging", "models", "normalization",
    "pooling", "recurrent", "regularization", "shaping", "told", "wrappers",
]  # fmt: skip
