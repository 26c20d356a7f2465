"""Where the nodes of each row stand: long ways straight, a node in the middle of its neighbours, none touching.

Links are made straight one by one, those on the longest paths first: the two nodes then belong to one block, and get
one coordinate. A link that crosses a straight one, or whose end has another link just as heavy, stays oblique, so that
two equal branches stand on either side of the node they leave. (Blocks are those of Brandes and Köpf 2002, "Fast and
simple horizontal coordinate assignment"; heavy before light is the priority method of Sugiyama et al. 1981.)

Then each block is moved to the mean of the nodes it is linked to, as far as its neighbours let it, until all rest.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from graphlib import TopologicalSorter
from typing import NamedTuple

__all__ = ["Node", "coordinates"]

_ROUNDS = 60
_REST = 0.01  # a round that moves nothing further than this is the last one

Link = tuple[int, int]


class Node(NamedTuple):
    """The room that a node takes: on either side of the line on which its edges end, and along the flow."""

    left: float
    right: float
    depth: float = 0.0


def coordinates(
    nodes: Sequence[Node], rows: Sequence[Sequence[int]], weights: Mapping[Link, float], gap: float
) -> list[float]:
    """The coordinate of each node across the flow; the leftmost node begins at 0.

    Args:
        nodes: how large they are.
        rows: node numbers, from left to right.
        weights: of the links, pairs of nodes of neighbouring rows (upper, lower); the heavier, the straighter.
        gap: the least distance between neighbours.

    >>> coordinates([Node(5, 5)] * 3, [[0], [1, 2]], {(0, 1): 2, (0, 2): 2}, 4)
    [12.0, 5.0, 19.0]
    """
    block = _blocks(rows, weights)
    before, after = _distances(nodes, rows, block, gap)
    near: dict[int, list[int]] = {b: [] for b in before}
    for u, v in weights:
        if block[u] != block[v]:
            near[block[u]].append(block[v])
            near[block[v]].append(block[u])
    x = _rested(before, after, near)
    start = min((x[block[v]] - node.left for v, node in enumerate(nodes)), default=0.0)
    return [x[block[v]] - start for v in range(len(nodes))]


def _blocks(rows: Sequence[Sequence[int]], weights: Mapping[Link, float]) -> dict[int, int]:
    """The uppermost node of the block of each node."""
    place = {v: i for row in rows for i, v in enumerate(row)}
    row_of = {v: i for i, row in enumerate(rows) for v in row}
    rivals: dict[
        tuple[int, bool], list[float]
    ] = {}  # weights of the links at the lower or upper side of a node
    for (u, v), weight in weights.items():
        rivals.setdefault((u, True), []).append(weight)
        rivals.setdefault((v, False), []).append(weight)
    straight: list[list[Link]] = [[] for _ in rows]
    for (u, v), weight in sorted(weights.items(), key=lambda item: -item[1]):
        alone = all(
            rivals[end].count(weight) == 1 == _rank(rivals[end], weight) for end in ((u, True), (v, False))
        )
        crossed = any((place[u] - place[a]) * (place[v] - place[b]) < 0 for a, b in straight[row_of[u]])
        if alone and not crossed:
            straight[row_of[u]].append((u, v))
    block = {v: v for v in place}
    for step in straight:
        for u, v in step:
            block[v] = block[u]
    return block


def _rank(weights: list[float], weight: float) -> int:
    return 1 + sum(other > weight for other in weights)


def _distances(
    nodes: Sequence[Node], rows: Sequence[Sequence[int]], block: Mapping[int, int], gap: float
) -> tuple[dict[int, dict[int, float]], dict[int, dict[int, float]]]:
    """How far each block keeps from its neighbours on the left, and from those on the right."""
    before: dict[int, dict[int, float]] = {b: {} for b in block.values()}
    after: dict[int, dict[int, float]] = {b: {} for b in block.values()}
    for row in rows:
        for u, v in itertools.pairwise(row):
            p, q, apart = block[u], block[v], nodes[u].right + gap + nodes[v].left
            before[q][p] = after[p][q] = max(apart, before[q].get(p, 0.0))
    return before, after


def _rested(
    before: Mapping[int, Mapping[int, float]],
    after: Mapping[int, Mapping[int, float]],
    near: Mapping[int, Sequence[int]],
) -> dict[int, float]:
    """Coordinates of blocks: first all far left, then each as near to the mean of its links as it can get."""
    order = list(TopologicalSorter(before).static_order())
    x: dict[int, float] = {}
    for b in order:
        x[b] = max((x[p] + apart for p, apart in before[b].items()), default=0.0)
    for turn in range(_ROUNDS):
        moved = 0.0
        for b in order if turn % 2 else reversed(order):
            if near[b]:
                least = max((x[p] + apart for p, apart in before[b].items()), default=-math.inf)
                most = min((x[q] - apart for q, apart in after[b].items()), default=math.inf)
                to = max(least, min(most, sum(x[n] for n in near[b]) / len(near[b])))
                moved, x[b] = max(moved, abs(to - x[b])), to
        if moved < _REST:
            break
    return x
