"""Layout: a place for every node of a graph without cycles, and a way for every edge that touches no node.

Three steps: rows and the order in them (`ranks`), coordinates across the flow (`straight`), and here coordinates
along the flow. Edges bend only in the gaps between rows, where no node is; within a row they run straight, each
in the column of its own dummy.
"""

import math
from collections.abc import Collection, Sequence
from typing import NamedTuple

from minidl.models.picture.ranks import Rows, rows_of
from minidl.models.picture.straight import Node, coordinates

__all__ = ["Edge", "Layout", "layout"]

_ROW_GAP = 26.0  # for an edge to bend in; more where it leads far to the side
_SLOPE = 0.12
_MOST_GAP = 60.0
_NODE_GAP = 18.0
_DUMMY = Node(3.0, 3.0)

Point = tuple[float, float]  # across the flow, along the flow


class Edge(NamedTuple):
    """From one node to another; where it touches each, as a distance from the node's line."""

    tail: int
    head: int
    tail_at: float = 0.0
    head_at: float = 0.0


class Layout(NamedTuple):
    """Coordinates of nodes (their line, their upper end) and of edges, and the room that they take."""

    places: list[Point]
    routes: list[
        list[Point]
    ]  # straight from the 1st to the 2nd point, curved to the 3rd, straight to the 4th ...
    breadth: float
    length: float


def layout(
    nodes: Sequence[Node], edges: Sequence[Edge], first: Collection[int] = (), last: Collection[int] = ()
) -> Layout:
    """Lay out a graph from top to bottom.

    Args:
        nodes: how large each is.
        edges: no cycles, no two with the same ends.
        first: nodes to stand in the first row, before all others.
        last: nodes to stand in the last row.

    >>> found = layout([Node(10, 10, 20), Node(10, 10, 20)], [Edge(0, 1)])
    >>> found.places, found.length
    ([(10.0, 0.0), (10.0, 46.0)], 66.0)
    """
    links = [(edge.tail, edge.head) for edge in edges]
    ordered = rows_of(len(nodes), links, first, last)
    count = sum(map(len, ordered.rows))
    everything = [*nodes, *[_DUMMY] * (count - len(nodes))]
    weights = _weights(ordered, len(nodes), count)
    across = coordinates(everything, ordered.rows, weights, _NODE_GAP)
    bands = _bands(everything, ordered, across)
    row_of = {v: bands[i] for i, row in enumerate(ordered.rows) for v in row}
    places = [(across[v], sum(row_of[v]) / 2 - node.depth / 2) for v, node in enumerate(nodes)]
    routes = []
    for edge, chain in zip(edges, ordered.chains, strict=True):
        start, end = across[edge.tail] + edge.tail_at, across[edge.head] + edge.head_at
        points = [(start, places[edge.tail][1] + nodes[edge.tail].depth), (start, row_of[edge.tail][1])]
        points += [(across[v], at) for v in chain[1:-1] for at in row_of[v]]
        routes.append([*points, (end, row_of[edge.head][0]), (end, places[edge.head][1])])
    breadth = max((x + node.right for x, node in zip(across, everything, strict=True)), default=0.0)
    return Layout(places, routes, breadth, bands[-1][1] if bands else 0.0)


def _weights(ordered: Rows, first_dummy: int, count: int) -> dict[tuple[int, int], float]:
    """How straight links are to be: first the inner parts of long edges, then those on long paths."""
    before, after = [0] * count, [0] * count
    row_of = {v: i for i, row in enumerate(ordered.rows) for v in row}
    downwards = sorted(ordered.links, key=lambda link: row_of[link[0]])
    for u, v in downwards:
        before[v] = max(before[v], before[u] + (u < first_dummy))
    for u, v in reversed(downwards):
        after[u] = max(after[u], after[v] + (v < first_dummy))
    return {
        (u, v): math.inf
        if min(u, v) >= first_dummy
        else before[u] + after[v] + (u < first_dummy) + (v < first_dummy)
        for u, v in ordered.links
    }


def _bands(nodes: Sequence[Node], ordered: Rows, across: Sequence[float]) -> list[tuple[float, float]]:
    """Where each row begins and ends."""
    row_of = {v: i for i, row in enumerate(ordered.rows) for v in row}
    gaps = [_ROW_GAP] * len(ordered.rows)
    for u, v in ordered.links:
        bend = min(_ROW_GAP + _SLOPE * abs(across[u] - across[v]), _MOST_GAP)
        gaps[row_of[u]] = max(gaps[row_of[u]], bend)
    bands, start = [], 0.0
    for row, gap in zip(ordered.rows, gaps, strict=True):
        end = start + max(nodes[v].depth for v in row)
        bands.append((start, end))
        start = end + gap
    return bands
