"""The derivative of every NumPy function that tensors understand.

Importing this package registers them with `minidl.tensor.traces`; `a * b` on tensors finds them there.
"""

from minidl.primitives import constants, elementwise, joining, linear_algebra, moving, reductions, shaping

__all__ = ["constants", "elementwise", "joining", "linear_algebra", "moving", "reductions", "shaping"]
