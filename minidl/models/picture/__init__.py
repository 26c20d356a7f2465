"""Pictures of models: boxes for layers, arrows for what flows between them. Layout, SVG and images without Graphviz.

graph     which boxes and edges there are          labels, text   what stands in a box, and how wide it is
ranks, straight, layout    where everything goes   drawing        the same with coordinates; frames around models
svg, raster                written as a file       plot           plot_model
"""

from minidl.models.picture.plot import plot_model as plot_model

__all__ = ["plot_model"]
