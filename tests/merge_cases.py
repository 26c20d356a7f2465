"""What merge layers are tried on: shapes that fit together, arrays, masks; and values by hand."""

import numpy as np
from hypothesis import strategies as st
from strategies import normal

from minidl import Tensor

A, B = normal(0, (3, 4), (3, 4), dtype=np.float32)
ELEMENTWISE = ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"]
BY_HAND = {
    "Add": lambda xs: sum(xs),
    "Subtract": lambda xs: xs[0] - xs[1],
    "Multiply": lambda xs: np.prod(xs, axis=0),
    "Average": lambda xs: sum(xs) / len(xs),
    "Maximum": lambda xs: max(xs),
    "Minimum": lambda xs: min(xs),
}


@st.composite
def elementwise_inputs(draw):
    """Shapes that fit element by element, of ranks from 1 to 4; the layer's name and a batch size."""
    name = draw(st.sampled_from(ELEMENTWISE))
    sizes = draw(st.lists(st.integers(1, 3), min_size=0, max_size=3))
    n = 2 if name == "Subtract" else draw(st.integers(1, 4))
    shapes = []
    for _ in range(n):
        kept = sizes[draw(st.integers(0, len(sizes))) :]
        shapes.append(tuple(draw(st.sampled_from([1, size])) for size in kept))
    return name, shapes, draw(st.integers(0, 3))


@st.composite
def joined_inputs(draw):
    """Samples that differ along one axis, and that axis, counted from either end."""
    sample = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    axis = draw(st.integers(1, len(sample)))
    parts = draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
    shapes = [(*sample[: axis - 1], part, *sample[axis:]) for part in parts]
    return draw(st.sampled_from([axis, axis - len(sample) - 1])), shapes


@st.composite
def multiplied_inputs(draw):
    """Two samples with one size in common, and where it stands in each."""
    samples, axes = [], []
    common = draw(st.integers(1, 3))
    for _ in range(2):
        rest = draw(st.lists(st.integers(1, 3), max_size=2))
        axis = draw(st.integers(1, len(rest) + 1))
        samples.append((*rest[: axis - 1], common, *rest[axis - 1 :]))
        axes.append(draw(st.sampled_from([axis, axis - len(rest) - 2])))
    one = axes[0] == axes[1] and draw(st.booleans())
    return axes[0] if one else tuple(axes), samples


def arrays(seed, batch, shapes, dtype=np.float64):
    return normal(seed, *((batch, *s) for s in shapes), dtype=dtype)


M1 = np.array([[True, False, True], [False, False, True]])


M2 = np.array([[False, False, True], [True, False, False]])


def masked(x, mask):
    t = Tensor(x)
    t.mask = mask
    return t
