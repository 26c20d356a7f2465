"""Embedding: a vector for every word, looked up in a table that is learned.

    y[n, t] = E[ids[n, t]]          ids (N, T), whole numbers in [0, V)   E (V, D)   y (N, T, D)

It is Dense on one-hot vectors without the multiplications by 0. Backward: row v acts wherever v occurs, so

    dE[v] = Σ dy[n, t]   over all n, t with ids[n, t] = v

A batch has few of the V words. Their rows are all that backward computes (see `minidl.graph.RowGradient`), each
summed in float64, in the order of the batch.
"""

from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.devices import on_gpu
from minidl.layers.arguments import keep_weight_arguments
from minidl.layers.base import Layer
from minidl.layers.checks import InputSpec, flag
from minidl.messages import say
from minidl.primitives.scattering import sums_of_runs
from minidl.symbolic import Shape
from minidl.tensor import Function, Tensor
from minidl.utils.checks import data_type, whole_number

__all__ = ["Embedding", "EmbeddingFunction", "embedding_backward", "embedding_forward"]


def embedding_forward(ids: Array, table: Array) -> tuple[Array, Any]:
    """ids (...), table (V, D) -> y (..., D)."""
    return table[ids], ids


def embedding_backward(dy: Array, ids: Any) -> tuple[None, tuple[Array, Array]]:
    """dy (..., D) -> None, and of the table the rows that were taken: (R,) and their gradients (R, D)."""
    # Sorted by id (stable, so in the order of the batch), the dy of one word stand side by side: one sum from each
    # start to the next.
    order = np.argsort(ids.reshape(-1), kind="stable")
    in_order = ids.reshape(-1)[order]
    pieces = dy.reshape(ids.size, dy.shape[-1])[order].astype(np.result_type(dy, np.float64), copy=False)
    starts, values = sums_of_runs(in_order, pieces)
    return None, (in_order[starts].astype(np.int64), values.astype(dy.dtype))


class EmbeddingFunction(Function):
    """Looking up rows of a table, as a node on the graph."""

    forward, backward, kernel = staticmethod(embedding_forward), staticmethod(embedding_backward), "embedding"


class Embedding(Layer):
    """A learned vector of `output_dim` numbers for each of `input_dim` ids.

    Args:
        input_dim: V, how many ids there are: the largest one + 1.
        output_dim: D, the length of the vectors.
        embeddings_initializer, embeddings_regularizer, embeddings_constraint: of the table.
        mask_zero: whether id 0 is padding: the layers behind skip it. Its row is in the table all the same.
        weights: a table (V, D) to begin with, or [table], as `get_weights` of another layer gives it.
        input_length: T, known to older scripts: the model is then built at once. `Input(shape=(T,))` does the
            same.

    Weights: embeddings (V, D).

    Raises:
        ValueError: in a call, an id that is not in the table, or no whole number. On a GPU its row is NaN.

    >>> layer = Embedding(10, 4, mask_zero=True)
    >>> y = layer([[7, 2, 0]])
    >>> y.shape, y.mask, layer.parameter_formula()
    ((1, 3, 4), array([[ True,  True, False]]), '10·4')
    """

    autocast = False  # float16 could not tell the ids apart
    parameter_words = "input_dim·output_dim"

    old_arguments = ("weights", "input_length")

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        **kwargs: Any,
    ):
        table = kwargs.pop("weights", None)  # not kept: no part of an equal layer's config
        length = kwargs.pop("input_length", None)
        if length is not None and not kwargs.keys() & {"input_shape", "batch_input_shape", "batch_shape"}:
            kwargs["input_shape"] = tuple(length) if isinstance(length, list | tuple) else (length,)
        super().__init__(**kwargs)
        self.dtype = data_type("Embedding", self.dtype, "f")
        self.input_dim = whole_number("Embedding", "input_dim", input_dim, 1)
        self.output_dim = whole_number("Embedding", "output_dim", output_dim, 1)
        keep_weight_arguments(self, locals(), "embeddings")
        self.mask_zero = self.supports_masking = flag(self, "mask_zero", mask_zero)
        self.input_spec = InputSpec()
        if table is not None:
            self.build((None,))
            listed = isinstance(table, list | tuple) and len(table) == 1 and np.ndim(table[0]) == 2
            self.set_weights(table if listed else [table])

    def build(self, input_shape: Shape) -> None:
        self.embeddings = self._make("embeddings", (self.input_dim, self.output_dim))

    def call(self, inputs: Tensor) -> Tensor:
        return EmbeddingFunction.apply(self._ids(inputs.data), self.embeddings)

    def _ids(self, given: Array) -> Array:
        """The ids as whole numbers; floats are taken if they are whole, as data often comes in one type.

        On a GPU they are not looked at, for which the host would have to wait: `fit` does so before they move.
        """
        ids = given
        if on_gpu(ids):
            return ids.astype(np.int64, copy=False)
        if given.dtype.kind not in "iu":
            with np.errstate(invalid="ignore"):
                ids = given.astype(np.int64)
            if (ids != given).any():
                raise self._wrong(given, ids != given, "whole numbers")
        if ids.size and (ids.min() < 0 or ids.max() >= self.input_dim):
            outside = (ids < 0) | (ids >= self.input_dim)
            raise self._wrong(
                given, outside, f"ids from 0 to {self.input_dim - 1} (input_dim is {self.input_dim})"
            )
        return ids

    def _wrong(self, given: Array, where: Array, expected: str) -> ValueError:
        index = tuple(np.argwhere(where)[0].tolist())
        mend = (
            "input_dim must be the largest id + 1."
            if expected.startswith("ids")
            else "It looks words up by id."
        )
        return ValueError(say(f"{self} expects {expected}, got {given[index]} at position {index}. {mend}"))

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """True where the id is not 0, if 0 is padding."""
        return inputs.data != 0 if self.mask_zero else None

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape, self.output_dim)
