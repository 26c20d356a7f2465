"""How one element of one output came about: its formula, and the numbers that went in.

>>> import numpy as np
>>> from minidl.graph import taken_down
>>> from minidl.layers import Dense
>>> layer, tape = Dense(2, kernel_initializer="ones"), []
>>> with taken_down(tape):
...     y = layer(np.array([[1.0, 2.0, 4.0]]))
>>> print(calculation(tape[-1], (0, 1)))
out[0,1] = Σ x[0,:]·w[:,1] + b[1] = 7
  x[0,:]  1  2  4
  w[:,1]  1  1  1
  b[1]    0
  The op gave 7 in float32.
"""

from minidl.inspect.traced.elements.backward import gradient_calculation
from minidl.inspect.traced.elements.calculation import calculation
from minidl.inspect.traced.elements.expressions import Operand
from minidl.inspect.traced.elements.result import Calculation

__all__ = ["Calculation", "Operand", "calculation", "gradient_calculation"]
