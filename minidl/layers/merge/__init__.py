"""Layers that make one tensor of several, and each as a function: `Add()([a, b])` is `add([a, b])`.

elementwise     the shapes and masks that the next two have in common
arithmetic      Add, Subtract, Multiply, Average
extremes        Maximum, Minimum
joining         Concatenate
products        Dot
"""

from minidl.layers.merge.arithmetic import Add, Average, Multiply, Subtract, add, average, multiply, subtract
from minidl.layers.merge.extremes import Maximum, Minimum, maximum, minimum
from minidl.layers.merge.joining import Concatenate, concatenate
from minidl.layers.merge.products import Dot, dot

__all__ = [
    "Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract", "add", "average",
    "concatenate", "dot", "maximum", "minimum", "multiply", "subtract",
]  # fmt: skip
