"""How PyTorch's modules hold the weights that minidl's layers hold, and the formula from one to the other.

PyTorch puts outputs before inputs and channels before places; minidl, as Keras, does it the other way round.

| layer              | weight            | from                            | formula                       |
|--------------------|-------------------|---------------------------------|-------------------------------|
| Dense              | kernel (I, U)     | weight (U, I)                   | Wᵀ                            |
| Conv1D, Conv2D     | kernel (K, C, F)  | weight (F, C, K), C per group   | W[f, c, k] at [k, c, f]       |
| DepthwiseConv2D    | kernel (K, C, M)  | weight (C·M, 1, K), groups = C  | W[c·M + m, 0, k] at [k, c, m] |
| Conv2DTranspose    | kernel (K, F, C)  | weight (C, F, K), groups = 1    | W[c, f, k] at [k, f, c]       |
| BatchNormalization | gamma, beta       | weight, bias                    | the same                      |
|                    | moving_mean       | running_mean                    | the same                      |
|                    | moving_variance   | running_var                     | the same                      |
| LayerNormalization | gamma, beta       | weight, bias (of one axis)      | the same                      |
| Embedding          | embeddings        | weight                          | the same                      |
| SimpleRNN, LSTM    | kernel (I, G·U)   | weight_ih_l0 (G·U, I)           | Wᵀ; gates i, f, g, o in both  |
|                    | recurrent_kernel  | weight_hh_l0 (G·U, U)           | Wᵀ                            |
|                    | bias (G·U,)       | bias_ih_l0, bias_hh_l0          | their sum                     |
| GRU                | kernel, recurrent | the same; gates r, z, n         | Wᵀ, with gates z, r, n        |
|                    | bias (2, 3·U)     | bias_ih_l0, bias_hh_l0          | two rows, with gates z, r, n  |
| Bidirectional      | both directions   | the same; backward: ..._reverse | as above                      |

K stands for one axis or two, the window. Where a layer was made without a bias, scale or center,
the module must have none either. A GRU that has a bias must have `reset_after=True` (the default): PyTorch's
equations know no other.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from minidl import layers
from minidl.backend import Array
from minidl.layers.base import Layer
from minidl.variable import Variable

__all__ = ["Part", "parts_of"]


class Part(NamedTuple):
    """A weight of a layer: which parameters of a torch module it comes from, with their shapes, and how."""

    variable: Variable
    parameters: dict[str, tuple[int, ...]]
    formula: Callable[..., Array]


def parts_of(layer: Layer, flattened: tuple[int, ...] | None = None) -> list[Part] | None:
    """The parts of a built layer; None if no torch module corresponds to it.

    Args:
        layer: the layer.
        flattened: for a Dense layer behind a Flatten, the shape (C, H, W) that PyTorch flattened.
    """
    if flattened is not None:
        return list(_dense(layer, flattened))
    for kind, parts in _KINDS.items():
        if isinstance(layer, kind):
            found = list(parts(layer))
            own = {id(variable) for variable in layer.weights if variable.dtype.kind == "f"}
            return found if own == {id(part.variable) for part in found} else None
    return None


def _same(x: Array) -> Array:
    return x


def _bias(layer: Any) -> Iterator[Part]:
    if layer.bias is not None:
        yield Part(layer.bias, {"bias": layer.bias.shape}, _same)


# --- one input at a time ------------------------------------------------------------------------------------


def _dense(layer: Any, flattened: tuple[int, ...] | None = None) -> Iterator[Part]:
    def rows_last_channel_first(w: Array) -> Array:
        """Row (c, h, w) of the transposed kernel becomes row (h, w, c)."""
        by_axis = np.moveaxis(w.T.reshape(*flattened, -1), 0, -2)  # type: ignore[misc]
        return by_axis.reshape(w.shape[::-1])

    formula = np.transpose if flattened is None else rows_last_channel_first
    yield Part(layer.kernel, {"weight": layer.kernel.shape[::-1]}, formula)
    yield from _bias(layer)


def _convolution(layer: Any) -> Iterator[Part]:
    *window, channels, filters = layer.kernel.shape

    def kernel(w: Array) -> Array:
        return np.moveaxis(w, (0, 1), (-1, -2))

    yield Part(layer.kernel, {"weight": (filters, channels, *window)}, kernel)
    yield from _bias(layer)


def _depthwise(layer: Any) -> Iterator[Part]:
    *window, channels, multiplier = layer.kernel.shape

    def kernel(w: Array) -> Array:
        return np.moveaxis(w.reshape(channels, multiplier, *window), (0, 1), (-2, -1))

    yield Part(layer.kernel, {"weight": (channels * multiplier, 1, *window)}, kernel)
    yield from _bias(layer)


def _normalization(layer: Any) -> Iterator[Part]:
    for variable, name in ((layer.gamma, "weight"), (layer.beta, "bias")):
        if variable is not None:
            yield Part(variable, {name: variable.shape}, _same)


def _batch_normalization(layer: Any) -> Iterator[Part]:
    yield from _normalization(layer)
    for variable, name in ((layer.moving_mean, "running_mean"), (layer.moving_variance, "running_var")):
        yield Part(variable, {name: variable.shape}, _same)


def _layer_normalization(layer: Any) -> Iterator[Part]:
    if all(variable is None or len(variable.shape) == 1 for variable in (layer.gamma, layer.beta)):
        yield from _normalization(layer)  # of several axes, PyTorch's come in another order


def _embedding(layer: Any) -> Iterator[Part]:
    yield Part(layer.embeddings, {"weight": layer.embeddings.shape}, _same)


# --- sequences ----------------------------------------------------------------------------------------------


def _recurrent(layer: Any) -> Iterator[Part]:
    cell = layer.cell
    kernel: Callable[[Array], Array]
    bias: Callable[[Array, Array], Array]
    if isinstance(cell, layers.GRUCell) and (cell.bias is None or cell.reset_after):
        kernel, bias = _update_gate_first, _two_biases
    elif isinstance(cell, layers.LSTMCell | layers.SimpleRNNCell):
        kernel, bias = np.transpose, np.add
    else:
        return
    wide = cell.kernel.shape[-1]
    yield Part(cell.kernel, {"weight_ih_l0": cell.kernel.shape[::-1]}, kernel)
    yield Part(cell.recurrent_kernel, {"weight_hh_l0": cell.recurrent_kernel.shape[::-1]}, kernel)
    if cell.bias is not None:
        yield Part(cell.bias, {"bias_ih_l0": (wide,), "bias_hh_l0": (wide,)}, bias)


def _update_gate_first(w: Array) -> Array:
    """Gates r, z, n along the first axis become z, r, n along the last."""
    r, z, n = np.split(w, 3)
    return np.concatenate([z, r, n]).T


def _two_biases(of_input: Array, of_state: Array) -> Array:
    return np.stack([_update_gate_first(of_input), _update_gate_first(of_state)])


def _bidirectional(layer: Any) -> Iterator[Part]:
    yield from _recurrent(layer.forward_layer)
    for variable, parameters, formula in _recurrent(layer.backward_layer):
        yield Part(variable, {f"{name}_reverse": shape for name, shape in parameters.items()}, formula)


_KINDS: dict[type[Layer], Callable[[Any], Iterator[Part]]] = {
    layers.Dense: _dense,
    layers.Conv1D: _convolution,
    layers.Conv2D: _convolution,
    layers.DepthwiseConv2D: _depthwise,
    layers.Conv2DTranspose: _convolution,
    layers.BatchNormalization: _batch_normalization,
    layers.LayerNormalization: _layer_normalization,
    layers.Embedding: _embedding,
    layers.RNN: _recurrent,
    layers.Bidirectional: _bidirectional,
}
