"""A recurrent layer, opened: what every time step computed, and what came back through it.

step       one time step: gates, states, dL/dh, dL/dc, and its own part of the gradients of W, U and b
series     all steps of one call; how large the gradient is on its way through time
fused      steps of LSTM, GRU and SimpleRNN, which are one op for a whole sequence
cells      steps of cells that run one by one: your own, and those with curves of their own
"""

from minidl.inspect.traced.steps.opened import has_steps, steps_of
from minidl.inspect.traced.steps.series import Steps
from minidl.inspect.traced.steps.step import RecurrentStep

__all__ = ["RecurrentStep", "Steps", "has_steps", "steps_of"]
