"""Merged: a Conv2D and the MaxPooling2D behind it, done as one op where a model is only used.

A convolution makes as many numbers as it has pixels and filters, and max pooling throws most of them away. To predict,
it is faster to have each window's few pixels computed, compared and forgotten while they are in the processor's cache
(`minidl.layers.pooling.pooled_convolution`): a fifth of the time of both layers goes into writing and reading what
lies between them, and into pixels at the edge that no window covers. To learn it must be kept, since backward
asks which pixel has won.

What comes out is the same, bit for bit, and so are the errors. So this happens wherever nobody could tell: without
gradients, in layers that are minidl's own, with nothing between them that somebody asked for (a mask, a penalty on
the output, a curve other than ReLU, another float type) and no one who looks at them (`minidl.models.watching` puts a
`call` of its own into a layer, and `is_own` sees it). In every other case one layer is called after the other.
"""

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any, NamedTuple

from minidl import activations
from minidl.graph import mode
from minidl.layers.base import Layer
from minidl.layers.checks import no_room
from minidl.layers.convolutional.conv2d import Conv2D
from minidl.layers.pooling.pooled_convolution import Conv2DMaxPool
from minidl.layers.pooling.pooling2d import MaxPooling2D
from minidl.models.replay import is_own
from minidl.tensor import Tensor

__all__ = ["Merged", "is_pair", "merged"]

_LARGEST = 64  # pixels of a window: of larger ones the cache holds too few


class Merged(NamedTuple):
    """Two layers, called as one.

    >>> import numpy as np
    >>> from minidl.tensor import no_grad
    >>> pair = Merged(Conv2D(4, 3), MaxPooling2D(2))
    >>> with no_grad():
    ...     pair(Tensor(np.ones((1, 7, 7, 2), "float32"))).shape
    (1, 2, 2, 4)
    """

    conv: Conv2D
    pooling: MaxPooling2D

    def __call__(self, x: Any, training: bool = False, mask: Any = None) -> Any:
        conv, pooling = self
        if mask is None and self._nobody_could_tell(x):
            try:
                return self._at_once(x)
            except MemoryError as error:
                raise no_room(conv, x.shape, error) from error
        return pooling(conv(x, training=training, mask=mask), training=training)

    def _nobody_could_tell(self, x: Any) -> bool:
        conv, pooling = self
        return (
            not mode.grad_enabled
            and isinstance(x, Tensor)
            and x.mask is None
            and conv.built
            and x.dtype == conv.dtype == pooling.dtype
            and is_own(conv)
            and is_own(pooling)
            and conv.activation in (activations.linear, activations.relu)
            and conv.activity_regularizer is None is pooling.activity_regularizer
            and pooling.strides == pooling.pool_size
            and pooling.padding == "valid"
            and 1 < prod(pooling.pool_size) <= _LARGEST
        )

    def _at_once(self, x: Tensor) -> Any:
        conv, pooling = self
        conv.input_spec.check(conv, x.shape)  # type: ignore[union-attr]
        window = conv._window(x)
        pooling.compute_output_shape(conv.compute_output_shape(x.shape))  # raises where a window does not fit
        rectify = conv.activation is activations.relu
        options = {**window, "groups": conv.groups, "rectify": rectify, "pool": pooling.pool_size}
        return Conv2DMaxPool.apply(x, conv.kernel, conv.bias, **options)


def is_pair(first: Any, second: Any) -> bool:
    """Whether these are a Conv2D and a MaxPooling2D."""
    return type(first) is Conv2D and type(second) is MaxPooling2D


def merged(layers: Sequence[Layer]) -> Iterator[Any]:
    """`layers`, with a Conv2D and the MaxPooling2D behind it as one.

    >>> from minidl.layers import Flatten
    >>> [type(step).__name__ for step in merged([Conv2D(4, 3), MaxPooling2D(2), Flatten()])]
    ['Merged', 'Flatten']
    """
    waiting: Any = None
    for layer in layers:
        if is_pair(waiting, layer):
            yield Merged(waiting, layer)  # type: ignore[arg-type]
            waiting = None
        else:
            if waiting is not None:
                yield waiting
            waiting = layer
    if waiting is not None:
        yield waiting
