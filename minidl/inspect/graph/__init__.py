"""The graph behind a tensor, drawn: what automatic differentiation walks back through.

walked      which operations and leaves there are, from the youngest back
picture     `plot_graph`, and the picture as SVG
"""

from minidl.inspect.graph.picture import GraphPicture, plot_graph

__all__ = ["GraphPicture", "plot_graph"]
