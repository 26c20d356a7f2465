"""Ranks: which nodes of a graph stand in one row, and in what order, so that edges lead downwards and cross rarely.

The method is that of Sugiyama, Tagawa and Toda (1981, "Methods for visual understanding of hierarchical system
structures"). Every node stands one row below the lowest of those it reads. An edge that spans several rows is
given a dummy node in each row in between, so that it has a place of its own there and runs around the nodes.
"""

import itertools
from bisect import bisect, insort
from collections.abc import Collection, Sequence
from graphlib import TopologicalSorter
from typing import NamedTuple

__all__ = ["Rows", "crossings", "ranks", "rows_of"]

_SWEEPS = 12  # down and up in turn; more of them change little
Link = tuple[int, int]


class Rows(NamedTuple):
    """Nodes, dummies included, row by row from left to right."""

    rows: list[list[int]]
    chains: list[list[int]]  # of each edge: its tail, its dummies and its head
    links: list[Link]  # all steps of the chains, each once


def ranks(
    count: int, links: Collection[Link], first: Collection[int] = (), last: Collection[int] = ()
) -> list[int]:
    """The row of each node: the length of the longest path that leads to it.

    A node that nothing leads to moves down to where it is first read.

    Args:
        count: the number of nodes; they are called 0, 1, 2, ...
        links: pairs (from, to) without a cycle.
        first: nodes that stand alone in the first row. Nothing leads to them.
        last: nodes that stand alone in the last row. They lead nowhere.

    >>> ranks(5, [(0, 1), (1, 2), (0, 2), (4, 2), (2, 3)])
    [0, 1, 2, 3, 1]
    """
    above: list[list[int]] = [[] for _ in range(count)]
    below: list[list[int]] = [[] for _ in range(count)]
    for tail, head in links:
        above[head].append(tail)
        below[tail].append(head)
    found = [0] * count
    for v in TopologicalSorter(dict(enumerate(above))).static_order():
        found[v] = max((found[u] + 1 for u in above[v]), default=int(bool(first) and v not in first))
    for v in range(count):
        if not above[v] and below[v] and v not in first:
            found[v] = min(found[w] for w in below[v]) - 1
    lowest = max((found[v] for v in range(count) if v not in last), default=-1)
    return [lowest + 1 if v in last else rank for v, rank in enumerate(found)]


def rows_of(
    count: int, links: Sequence[Link], first: Collection[int] = (), last: Collection[int] = ()
) -> Rows:
    """The nodes in rows, in an order with few crossings. The arguments are those of `ranks`."""
    rank = ranks(count, links, first, last)
    chains = []
    for tail, head in links:
        between = range(rank[tail] + 1, rank[head])
        dummies = list(range(len(rank), len(rank) + len(between)))
        rank += between
        chains.append([tail, *dummies, head])
    steps = list(dict.fromkeys(step for chain in chains for step in itertools.pairwise(chain)))
    return Rows(_ordered(rank, steps), chains, steps)


def _ordered(rank: list[int], links: list[Link]) -> list[list[int]]:
    """The best of several sweeps: each puts the nodes of a row in the order of the means of their neighbours."""
    above: list[list[int]] = [[] for _ in rank]
    below: list[list[int]] = [[] for _ in rank]
    for tail, head in links:
        above[head].append(tail)
        below[tail].append(head)
    rows = _first_order(rank, below)
    best, fewest = [list(row) for row in rows], crossings(rows, below)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        down = sweep % 2 == 0
        place = {v: i for row in rows for i, v in enumerate(row)}
        for row in rows[1:] if down else rows[-2::-1]:
            means = {
                v: sum(place[u] for u in near) / len(near) if near else place[v]
                for v in row
                for near in [above[v] if down else below[v]]
            }
            row.sort(key=means.__getitem__)
            place.update((v, i) for i, v in enumerate(row))
        if (found := crossings(rows, below)) < fewest:
            best, fewest = [list(row) for row in rows], found
    return best


def _first_order(rank: list[int], below: list[list[int]]) -> list[list[int]]:
    """Nodes in the order of a walk that follows each path to its end, so that branches stand side by side."""
    rows: list[list[int]] = [[] for _ in range(max(rank, default=-1) + 1)]
    seen = [False] * len(rank)
    for start in sorted(range(len(rank)), key=rank.__getitem__):
        waiting = [start]
        while waiting:
            v = waiting.pop()
            if not seen[v]:
                seen[v] = True
                rows[rank[v]].append(v)
                waiting += reversed(below[v])
    return rows


def crossings(rows: Sequence[Sequence[int]], below: Sequence[Sequence[int]]) -> int:
    """How often links between neighbouring rows cross.

    Read from left to right by their upper ends, two links cross where the lower ends are in the other order.

    >>> crossings([[0, 1], [2, 3]], [[3], [2], [], []])
    1
    """
    total = 0
    for upper, lower in itertools.pairwise(rows):
        place = {v: i for i, v in enumerate(lower)}
        passed: list[int] = []
        for u in upper:
            ends = sorted(place[v] for v in below[u])
            total += sum(len(passed) - bisect(passed, end) for end in ends)
            for end in ends:
                insort(passed, end)
    return total
