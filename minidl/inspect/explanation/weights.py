"""The weights of a layer one by one: shape, count and how it comes about, and what each is there for."""

import math
from typing import Any

from minidl.inspect.explanation.facts import WeightExplanation
from minidl.layers.convolutional.base import Sliding
from minidl.layers.convolutional.conv2d_transpose import Conv2DTranspose
from minidl.layers.convolutional.depthwise_conv2d import DepthwiseConv2D
from minidl.layers.core.dense import Dense
from minidl.layers.core.embedding import Embedding
from minidl.layers.core.prelu import PReLU
from minidl.layers.holder import all_layers
from minidl.layers.normalization.batch_normalization import BatchNormalization
from minidl.layers.normalization.layer_normalization import LayerNormalization
from minidl.layers.recurrent.cell import RecurrentCell
from minidl.layers.recurrent.gru import GRUCell
from minidl.layers.recurrent.lstm import LSTMCell
from minidl.messages import say
from minidl.variable import Variable

__all__ = ["weights_of"]


def weights_of(layer: Any) -> tuple[WeightExplanation, ...]:
    """Each array of weights of a layer that is built, in the order of `layer.weights`.

    >>> layer = Dense(3)
    >>> layer.build((None, 4))
    >>> [(w.name, w.shape, w.formula, w.count, w.bytes) for w in weights_of(layer)]
    [('kernel', (4, 3), '4·3', 12, 48), ('bias', (3,), '3', 3, 12)]
    """
    owners = {id(v): part for part in all_layers(layer) for v in (*part._variables, *part._frozen_variables)}
    names = [v.name for v in layer.weights]
    ways = [v.path.partition("/")[2] for v in layer.weights]  # without the layer, where that is enough
    if len(set(ways)) < len(ways):
        ways = [v.path for v in layer.weights]
    trainable = {id(v) for v in layer.trainable_weights}
    return tuple(
        WeightExplanation(
            v.name if names.count(v.name) == 1 else way,
            v.shape,
            _formula(owners[id(v)], v),
            math.prod(v.shape),
            id(v) in trainable,
            v.data.nbytes,
            _meaning(owners[id(v)], v.name),
        )
        for v, way in zip(layer.weights, ways, strict=True)
    )


def _formula(owner: Any, v: Variable) -> str:
    """How many elements a weight has: the sizes of its axes, and for the gates of a cell how many there are."""
    sizes = [str(n) for n in v.shape] or ["1"]
    if isinstance(owner, RecurrentCell) and owner.gates > 1 and v.shape[-1:] == (owner.gates * owner.units,):
        sizes[-1:] = [str(owner.gates), str(owner.units)]
    return "·".join(sizes)


def _meaning(owner: Any, name: str) -> str:
    """What a weight is there for; "" if nobody knows."""
    if isinstance(owner, RecurrentCell) and name == "bias":
        return say(_bias_of_cell(owner))
    for kind, meanings in _MEANINGS.items():
        if isinstance(owner, kind) and name in meanings:
            return say(meanings[name])
    return ""


def _bias_of_cell(cell: Any) -> str:
    if getattr(cell, "unit_forget_bias", False):
        return "What is added in each gate; that of f begins at 1, so that little is forgotten at first."
    if getattr(cell, "reset_after", False):
        return "Row 0 is added to what x_t gives, row 1 to what h gives."
    return "What is added in each gate." if cell.gates > 1 else "What is added in each unit."


_MEANINGS: dict[type, dict[str, str]] = {
    LSTMCell: {
        "kernel": "What x_t is multiplied by: the weights of the gates i, f, c, o side by side.",
        "recurrent_kernel": "What the state h of the step before is multiplied by, for the same four gates.",
    },
    GRUCell: {
        "kernel": "What x_t is multiplied by: the weights of the gates z, r and the candidate h side by side.",
        "recurrent_kernel": "What the state h of the step before is multiplied by, for the same three.",
    },
    RecurrentCell: {
        "kernel": "What x_t is multiplied by: a column for each unit.",
        "recurrent_kernel": "What the state h of the step before is multiplied by: a column for each unit.",
    },
    Dense: {
        "kernel": "Column u holds the weights of unit u, one for each feature.",
        "bias": "What is added in each unit.",
    },
    Embedding: {"embeddings": "Row k is what id k becomes."},
    BatchNormalization: {
        "gamma": "The scale of each channel after normalising.",
        "beta": "The shift of each channel after normalising.",
        "moving_mean": "The running mean of each channel, for inference.",
        "moving_variance": "The running variance of each channel, for inference.",
    },
    LayerNormalization: {
        "gamma": "The scale of each feature after normalising.",
        "beta": "The shift of each feature after normalising.",
    },
    PReLU: {"alpha": "The slope for negative inputs."},
    Conv2DTranspose: {"kernel": "What each channel spreads over the window, for each filter."},
    DepthwiseConv2D: {"kernel": "For each channel its own patterns of the window's cells."},
    Sliding: {
        "kernel": "For each filter a pattern of the window's cells and their channels.",
        "bias": "What is added to a filter's output wherever the window stands.",
        "depthwise_kernel": "For each channel its own patterns of the window's cells.",
        "pointwise_kernel": "How the channels of the patterns are mixed into filters, place by place.",
    },
}
