"""Looking inside: where each number of a model comes from, what one training step does, and pictures of both.

The engine knows every number; here it shows them. One call for each question:

    why does this layer have 8,320 weights?      explain(LSTM(32), (4, 32))
    where does my gradient vanish?               trace(model, x, y), plot_gradient_flow, plot_time_gradients
    how did this one number come about?          trace(model, x)["conv2d"].element(0, 3, 5, 2)
    is the kernel right, and how fast?           compare(layer, x)
    is my own layer's backward right?            minidl.gradcheck(layer, x), plot_gradcheck
    what did it learn, what did it mistake?      plot_history, plot_filters, plot_confusion_matrix ...

    explanation    equations with this layer's own sizes, weights, shapes, work, memory, what is easily mistaken
    equations      the equations and the work of each kind of layer
    traced         a training step op by op; recurrent layers step by step; the calculation of any element
    pictures       pictures by Matplotlib, each a Figure
    graph          the graph behind a tensor, as SVG
    comparing      reference and kernels side by side
    page           all of it in one HTML file: `python -m minidl.inspect model.keras -o report.html`

>>> from minidl.layers import LSTM
>>> told = explain(LSTM(32), (4, 32)).layers[0]
>>> print(told.parameter_formula, "=", told.parameters)
(32 + 32 + 1)·4·32 = 8320
"""

from minidl.inspect.comparing import compare
from minidl.inspect.explanation import explain
from minidl.inspect.graph import plot_graph
from minidl.inspect.page import write_report
from minidl.inspect.pictures import (
    plot_confusion_matrix,
    plot_feature_maps,
    plot_filters,
    plot_gates,
    plot_gradcheck,
    plot_gradient_flow,
    plot_history,
    plot_loss_landscape,
    plot_model,
    plot_time_gradients,
)
from minidl.inspect.traced import trace

__all__ = [
    "compare", "explain", "plot_confusion_matrix", "plot_feature_maps", "plot_filters", "plot_gates",
    "plot_gradcheck", "plot_gradient_flow", "plot_graph", "plot_history", "plot_loss_landscape", "plot_model",
    "plot_time_gradients", "trace", "write_report",
]  # fmt: skip
