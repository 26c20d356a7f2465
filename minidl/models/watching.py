"""Seeing what the layers of a model are given and what they make, while it runs."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["watched"]

_lock = threading.RLock()  # two threads that watch the same layer would take away each other's `call`


@contextmanager
def watched(
    layers: Iterable[Any],
    look: Callable[[Any, Any, Any], None],
    before: Callable[[Any, Any], None] | None = None,
) -> Iterator[None]:
    """Within the block, `look(layer, inputs, outputs)` is called behind every call of one of these layers.

    `before(layer, inputs)` is called in front of it. Calls by other threads, which may be predicting with the same
    model, are not looked at.

    >>> import numpy as np
    >>> from minidl.layers import Dense
    >>> layer = Dense(3)
    >>> with watched([layer], lambda layer, x, y: print(x.shape, "->", y.shape)):
    ...     y = layer(np.ones((2, 4)))
    (2, 4) -> (2, 3)
    """
    with _lock:
        parts = list({id(layer): layer for layer in layers}.values())
        own = [layer.__dict__.get("call") for layer in parts]  # of a layer whose `call` was replaced
        for layer in parts:
            layer.__dict__["call"] = _looked_at(layer, layer.call, look, before)
        try:
            yield
        finally:
            for layer, call in zip(parts, own, strict=True):
                del layer.__dict__["call"]
                if call is not None:
                    layer.__dict__["call"] = call


def _looked_at(
    layer: Any,
    call: Callable[..., Any],
    look: Callable[[Any, Any, Any], None],
    before: Callable[[Any, Any], None] | None,
) -> Any:
    thread = threading.get_ident()

    def looked_at(inputs: Any, *args: Any, **kwargs: Any) -> Any:
        ours = threading.get_ident() == thread
        if ours and before is not None:
            before(layer, inputs)
        outputs = call(inputs, *args, **kwargs)
        if ours:
            look(layer, inputs, outputs)
        return outputs

    return looked_at
