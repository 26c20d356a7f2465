"""Where boxes and edges go."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictured import overlaps

from minidl.models.picture.layout import Edge, layout
from minidl.models.picture.ranks import crossings, ranks, rows_of
from minidl.models.picture.straight import Node


@st.composite
def dags(draw):
    """Nodes of many sizes, and edges that lead from lower to higher numbers, shuffled."""
    count = draw(st.integers(1, 14))
    pairs = [(a, b) for b in range(count) for a in range(b)]
    links = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=30)) if pairs else []
    names = draw(st.permutations(range(count)))
    sizes = st.floats(1, 120)
    nodes = [Node(draw(sizes), draw(sizes), draw(sizes)) for _ in range(count)]
    return nodes, [Edge(names[a], names[b]) for a, b in links]


def along(points):
    """Points of a route, whose pieces are straight and curved in turn."""
    for i, ((x0, y0), (x1, y1)) in enumerate(pairwise(points)):
        t = np.linspace(0, 1, 21)
        bend = 3 * t**2 - 2 * t**3 if i % 2 else t  # of a cubic Bézier curve that starts and ends upright
        yield from zip(
            x0 + (x1 - x0) * bend, y0 + (y1 - y0) * (1.5 * t * (1 - t) + t**3 if i % 2 else t), strict=True
        )


@settings(deadline=None, max_examples=150)
@given(dags())
def test_layout_keeps_boxes_apart_and_edges_out_of_them(dag):
    nodes, edges = dag
    found = layout(nodes, edges)
    boxes = [(x - n.left, y, x + n.right, y + n.depth) for n, (x, y) in zip(nodes, found.places, strict=True)]
    assert not any(overlaps(a, b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert min(box[0] for box in boxes) > -1e-6
    assert max(box[2] for box in boxes) < found.breadth + 1e-6
    assert max(box[3] for box in boxes) < found.length + 1e-6
    for edge, route in zip(edges, found.routes, strict=True):
        assert route[0] == (found.places[edge.tail][0], boxes[edge.tail][3])
        assert route[-1] == (found.places[edge.head][0], boxes[edge.head][1])
        downs = [y for _, y in route]
        assert min(np.diff(downs)) > -1e-6
        assert downs[0] < downs[-1]
        for x, y in along(route):
            assert not any(overlaps((x, y, x, y), box) for box in boxes)
            assert -1e-6 < x < found.breadth + 1e-6


@settings(deadline=None, max_examples=80)
@given(dags())
def test_ranks_and_order(dag):
    nodes, edges = dag
    links = [(e.tail, e.head) for e in edges]
    found = ranks(len(nodes), links)
    assert all(found[a] < found[b] for a, b in links)
    ordered = rows_of(len(nodes), links)
    placed = [v for row in ordered.rows for v in row]
    assert sorted(placed) == list(range(len(placed)))  # every node and every dummy once
    row_of = {v: i for i, row in enumerate(ordered.rows) for v in row}
    for chained, (a, b) in zip(ordered.chains, links, strict=True):
        assert (chained[0], chained[-1]) == (a, b)
        assert [row_of[v] for v in chained] == list(range(found[a], found[b] + 1))
    below = [[w for u, w in ordered.links if u == v] for v in range(len(placed))]
    by_pairs = sum(  # the definition
        (row.index(a) - row.index(c)) * (under.index(b) - under.index(d)) < 0
        for row, under in pairwise(ordered.rows)
        for i, (a, b) in enumerate(ordered.links)
        for c, d in ordered.links[:i]
        if a in row and c in row
    )
    assert crossings(ordered.rows, below) == by_pairs


def test_sweeps_untangle_what_can_be_untangled():
    links = [(0, 5), (1, 4), (2, 3), (3, 6), (4, 7), (5, 8)]
    ordered = rows_of(9, links)
    assert crossings(ordered.rows, [[w for u, w in links if u == v] for v in range(9)]) == 0


def test_long_paths_are_straight_and_equal_branches_symmetrical():
    box = Node(30, 30, 20)
    found = layout([box] * 5, [Edge(0, 1), Edge(1, 2), Edge(2, 3), Edge(0, 3), Edge(3, 4)])
    assert len({round(x, 6) for x, _ in found.places}) == 1  # and the shortcut goes round
    bends = {round(x, 6) for x, _ in found.routes[3]}
    assert len(bends) == 2
    found = layout([box] * 4, [Edge(0, 1), Edge(0, 2), Edge(1, 3), Edge(2, 3)])
    (top, _), (left, _), (right, _), (bottom, _) = found.places
    assert top == bottom == pytest.approx((left + right) / 2)


def test_a_long_chain_is_laid_out():
    count = 400  # deeper than Python likes to recurse, with shortcuts
    edges = [Edge(i, i + 1) for i in range(count - 1)] + [Edge(i, i + 9) for i in range(0, count - 9, 9)]
    found = layout([Node(40, 40, 30)] * count, edges)
    assert len({round(x, 3) for x, _ in found.places}) == 1
