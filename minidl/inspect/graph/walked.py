"""Which boxes the picture of a tensor's graph has: its operations and leaves, as `minidl.graph.walk` meets them.

The walk of backward takes the youngest operation first. So do we; when there are more than fit on a picture, what is
left out is therefore the oldest, the farthest from the tensor that was asked for.
"""

import heapq
from typing import Any, NamedTuple

from minidl.graph import Node
from minidl.models.picture.graph import Box, End, Graph
from minidl.tensor import Tensor

__all__ = ["Cut", "Output", "Walked", "walked"]


class Output(NamedTuple):
    """The tensor whose graph it is, as a box at its end."""

    tensor: Tensor


class Cut(NamedTuple):
    """A box in the place of everything that is not drawn."""

    operations: int


class Walked(NamedTuple):
    """Boxes (of a `Node`, a leaf, the `Output` or a `Cut`) with their edges, and how many there are in all."""

    graph: Graph
    operations: int
    leaves: int
    hidden: int


def walked(tensor: Tensor, most: int) -> Walked:
    """The graph behind `tensor` with its `most` youngest operations, and the leaves that these read."""
    nodes = _youngest_first(tensor.node)
    shown = nodes[:most][::-1]  # from the leaves to the tensor
    place: dict[int, int] = {}
    boxes: list[Box] = []
    edges: list[tuple[End, End]] = []

    def put(thing: Any, key: int) -> int:
        if key not in place:
            place[key] = len(boxes)
            boxes.append(Box(thing, None))
        return place[key]

    left_out = Cut(len(nodes) - len(shown))
    drawn = {id(node) for node in shown}
    for node in shown:
        sources = []
        for x in node.inputs:
            if x is None:
                continue
            if x.node is None:
                sources.append(put(x, id(x)))
            elif id(x.node) in drawn:
                sources.append(place[id(x.node)])
            else:
                sources.append(put(left_out, id(left_out)))
        here = put(node, id(node))
        edges += [(End(source), End(here)) for source in dict.fromkeys(sources)]
    last = place[id(shown[-1])] if shown else put(tensor, id(tensor))
    if shown:
        boxes.append(Box(Output(tensor), None))
        edges.append((End(last), End(len(boxes) - 1)))
    graph = Graph(boxes, edges, [], [])
    return Walked(graph, len(nodes), _leaves(nodes, tensor), left_out.operations)


def _youngest_first(node: Node | None) -> list[Node]:
    """All operations from `node` back; a loop and no recursion, since chains can be long."""
    waiting = [] if node is None else [(-node.age, node)]
    seen = {id(node)}
    found = []
    while waiting:
        node = heapq.heappop(waiting)[1]
        found.append(node)
        for x in node.inputs:
            if x is not None and x.node is not None and id(x.node) not in seen:
                seen.add(id(x.node))
                heapq.heappush(waiting, (-x.node.age, x.node))
    return found


def _leaves(nodes: list[Node], tensor: Tensor) -> int:
    """How many tensors gradients end in."""
    if not nodes:
        return int(tensor.requires_grad)
    return len({id(x) for node in nodes for x in node.inputs if x is not None and x.node is None})
