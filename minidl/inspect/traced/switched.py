"""Running something that needs gradients, wherever it is asked for."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from minidl.graph import mode

__all__ = ["with_gradients"]


@contextmanager
def with_gradients() -> Iterator[None]:
    """Within the block ops leave a graph behind, inside of `no_grad()` too, and numbers that overflow no warning."""
    before, mode.grad_enabled = mode.grad_enabled, True
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        mode.grad_enabled = before
