"""One training step, recorded: what each op computed, what came back through it, and what each weight learnt.

recorded       running the step on a copy, with every call of an op and of a layer noted: `trace`
calls          which layer ran which ops
assembled      ops with names and layers with their weights, made of what was noted
traces         the result: `Trace`
layers, ops    one call of a layer, one weight; one op
steps          a recurrent layer, time step by time step
flow           where the gradient vanishes or explodes on its way through the layers
through_time   the same on its way through time, with a picture in letters
tables, html   how all that is printed
elements       the calculation of any single number
"""

from minidl.inspect.traced.layers import LayerTrace, WeightTrace
from minidl.inspect.traced.ops import Op
from minidl.inspect.traced.recorded import trace
from minidl.inspect.traced.steps import RecurrentStep, Steps
from minidl.inspect.traced.traces import Trace

__all__ = ["LayerTrace", "Op", "RecurrentStep", "Steps", "Trace", "WeightTrace", "trace"]
