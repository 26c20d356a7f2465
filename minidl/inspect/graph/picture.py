"""`plot_graph`: the operations behind a tensor, with arrows in the direction of the forward pass."""

import os
from typing import Any

import numpy as np

from minidl.devices import to_numpy
from minidl.graph import Node
from minidl.inspect.graph.walked import Cut, Output, Walked, walked
from minidl.messages import say, word
from minidl.models.picture.drawing import drawn_with
from minidl.models.picture.graph import Box
from minidl.models.picture.labels import Label, boxed
from minidl.models.picture.svg import svg
from minidl.models.picture.text import broken, clean, filled
from minidl.tensor import Tensor
from minidl.utils.atomic import FilePath, atomic_write
from minidl.utils.checks import as_path, shown
from minidl.variable import Variable

__all__ = ["GraphPicture", "plot_graph"]

_MOST = 150  # operations on one picture
_LONGEST = 24.0  # of a line, in font sizes


class GraphPicture:
    """What `plot_graph` returns: a notebook shows it.

    Attributes:
        svg: the picture, as text.
        title: how much there is, and how much of it is drawn: what a screen reader says of the picture.
        operations, leaves: how many there are in the graph.
        hidden: how many operations are not drawn.
    """

    def __init__(self, found: Walked):
        self.operations, self.leaves, self.hidden = found.operations, found.leaves, found.hidden
        self.title = _title(found)
        self.svg = svg(drawn_with(found.graph, _label), self.title)

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return self.title

    def save(self, path: FilePath) -> None:
        """Write the picture into a file that ends in .svg.

        Raises:
            ValueError: it ends otherwise.
            OSError: it cannot be written.
        """
        name = as_path("save", "path", path)
        if os.path.splitext(name)[1].lower() != ".svg":
            raise ValueError(say(f"The picture of a graph is an .svg file, got {name!r:.120}."))
        with atomic_write(name) as file:
            file.write(self.svg.encode())


def plot_graph(tensor: Any) -> GraphPicture:
    """Draw what `tensor.backward()` would walk through: leaves (blue), operations (grey), the tensor itself (green).

    Arrows show the way of the numbers forward; gradients take them backwards, and end in the leaves. An operation says
    which shapes it reads and makes; "a constant" is an input that wants no gradient, whose past is not kept. Of a large
    graph the operations next to the tensor are drawn, and one box stands for all others.

    Args:
        tensor: one that is on a graph: the result of operations on tensors that require a gradient, or a weight.

    Returns:
        A `GraphPicture`, which a notebook shows; `save("graph.svg")` writes it into a file, without Matplotlib.

    Raises:
        TypeError: it is no tensor.
        ValueError: nothing is behind it: it requires no gradient.

    >>> from minidl import Tensor
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> plot_graph((x * x + 1).sum())
    The graph behind a tensor: operations 3, leaves 1.
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(
            say(f"plot_graph expects a Tensor, got {shown(tensor)}. A model is drawn by plot_model.")
        )
    if not tensor.requires_grad:
        raise ValueError(
            say(
                "plot_graph found no graph behind this tensor: it requires no gradient. Compute it from a tensor with "
                "requires_grad=True, or from weights, outside of no_grad()."
            )
        )
    return GraphPicture(walked(tensor, _MOST))


def _title(found: Walked) -> str:
    text = say(f"The graph behind a tensor: operations {found.operations:,}, leaves {found.leaves:,}.")
    if found.hidden:
        text += " " + say(
            f"The {found.operations - found.hidden:,} operations next to the tensor are drawn; "
            f"{found.hidden:,} are not."
        )
    return text


def _label(box: Box) -> Label:
    """What stands in a box."""
    thing = box.layer
    if isinstance(thing, Cut):
        text = broken(say(f"… and {thing.operations:,} earlier operations, which are not drawn."), _LONGEST)
        return boxed(text[:1], text[1:], "plain", " ".join(text))
    if isinstance(thing, Node):
        return _operation(thing)
    tensor = thing.tensor if isinstance(thing, Output) else thing
    name = _name(tensor) if thing is tensor else type(tensor).__name__
    lines = [_shape(tensor.shape) if tensor.ndim else f"= {_value(tensor)}"]
    kind = "weights" if thing is tensor else "input"
    return boxed(broken(name, _LONGEST), lines, kind, f"{name} {lines[0]}, {tensor.dtype}")


def _operation(node: Node) -> Label:
    """Its name, and the shapes that it reads and makes."""
    name = clean(node.name.removesuffix("Function"))
    read = [word("a constant") if x is None else _shape(x.shape) for x in node.inputs]
    made = [_shape(shape) for shape, _ in node.outputs]
    pieces = [f"{text}, " for text in read[:-1]] + [f"{text} → " for text in read[-1:]]
    lines = filled([*pieces, *(f"{text}, " for text in made[:-1]), made[-1]], _LONGEST)
    return boxed(broken(name, _LONGEST), lines, "plain", f"{name}: {' '.join(lines)}")


def _name(leaf: Tensor) -> str:
    return clean(leaf.path if isinstance(leaf, Variable) else "Tensor")


def _shape(shape: tuple[int, ...]) -> str:
    return str(shape) if shape else word("a number")


def _value(tensor: Tensor) -> str:
    return f"{np.asarray(to_numpy(tensor.data)).item():.4g}"
