"""How much memory the weights of a model may take that a file asks for.

`Dense(10**9)` is a few letters in a file and petabytes when it is built. So while a model is made from a file, its
layers draw on an allowance, the number of weights that the file really holds, and the first one that asks for more
is refused before any memory is taken.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from minidl.messages import say

__all__ = ["allowance", "spend"]

_left: ContextVar[list[int] | None] = ContextVar("minidl_allowance", default=None)


@contextmanager
def allowance(numbers: int) -> Iterator[None]:
    """Inside this block, layers may make weights of so many numbers in all."""
    token = _left.set([numbers])
    try:
        yield
    finally:
        _left.reset(token)


def spend(owner: object, name: str, shape: tuple[int, ...], numbers: int) -> None:
    """Take the numbers of one weight from the allowance, if there is one.

    Raises:
        ValueError: it is used up.

    >>> with allowance(10):
    ...     spend("dense", "kernel", (3, 4), 12)
    Traceback (most recent call last):
    ValueError: dense asks for kernel of shape (3, 4), which is more than the file holds. ...
    """
    left = _left.get()
    if left is not None:
        left[0] -= numbers
        if left[0] < 0:
            raise ValueError(
                say(
                    f"{owner} asks for {name} of shape {shape}, which is more than the file holds. "
                    "The description of the model and its weights do not belong together."
                )
            )
