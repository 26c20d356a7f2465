"""Sequential: layers one after the other, the output of each the input of the next."""

from collections.abc import Iterable
from typing import Any

from minidl.layers.base import Layer
from minidl.layers.core.input import InputLayer
from minidl.layers.symbolic import Shape, SymbolicTensor
from minidl.models.model import Model
from minidl.tensor import Tensor

__all__ = ["Sequential"]


class Sequential(Model):
    """A chain of layers.

    The model is built as soon as the shape of its input is known: from an `Input` at the front, from
    `input_shape=` of the first layer, or else from the first data.

    Args:
        layers: layers (and an Input in front), or none to `add` them later.
        trainable, name: as for any layer.

    >>> from minidl.layers import Dense, Input
    >>> model = Sequential([Input(shape=(4,)), Dense(8, activation="relu"), Dense(3, activation="softmax")])
    >>> model.output_shape, model.count_params()
    ((None, 3), 67)
    """

    def __init__(self, layers: Iterable[Any] | None = None, trainable: bool = True, name: str | None = None):
        super().__init__(name=name)
        self._front: SymbolicTensor | None = None
        for layer in layers or ():
            self.add(layer)
        if not trainable:
            self.trainable = False

    def add(self, layer: Any) -> None:
        """Put a layer at the end.

        Raises:
            TypeError: it is no layer.
            ValueError: it is there already, its name is taken, or its input does not fit; it is not added.
        """
        if isinstance(layer, SymbolicTensor) and isinstance(layer.maker, InputLayer):
            layer = layer.maker
        if not isinstance(layer, Layer):
            mend = f" Make an instance: {layer.__name__}(...)." if isinstance(layer, type) else ""
            raise TypeError(f"{self.name} expects layers, got {layer!r:.80}.{mend}")
        if isinstance(layer, InputLayer):
            if self._front is not None or self._layers:
                raise ValueError(
                    f"{self.name} already has its first layer: an Input goes in front of all others."
                )
            self._front = layer.output
            return
        if any(layer is other for other in self._layers):
            raise ValueError(
                f"{self.name} has {layer} already. A Sequential uses a layer once; to use its weights twice, "
                "write a model with call()."
            )
        if any(layer.name == other.name for other in self._layers):
            raise ValueError(
                f"{self.name} has a layer called {layer.name!r} already. Give this one another name."
            )
        before = self.built, self._front
        if self._front is None and not self._layers and layer.input_shape_hint is not None:
            self._front = InputLayer(batch_shape=layer.input_shape_hint).output
        self._layers.append(layer)
        try:
            if self._front is not None:
                self._lay_out_layer(
                    layer, self._layers[-2].output if len(self._layers) > 1 else self._front
                )
            else:
                self.built = False
        except Exception:
            self._layers.pop()
            self.built, self._front = before
            raise
        layer.trainable = layer.trainable and self.trainable

    def pop(self) -> Layer:
        """Take the last layer away.

        Raises:
            ValueError: there is none.
        """
        if not self._layers:
            raise ValueError(f"{self.name} has no layer to remove.")
        layer = self._layers.pop()
        self.built = bool(self._layers) and self.built
        return layer

    def _lay_out_layer(self, layer: Layer, inputs: Any) -> None:
        layer(inputs)
        self.built = True
        self.output = layer.output
        self.input = self._front

    def build(self, input_shape: Shape) -> None:
        """Build all layers for inputs of this shape, batch axis included."""
        if not self._layers:
            raise ValueError(f"{self.name} has no layers. Add some with add().")
        if self._front is None:
            self._front = InputLayer(batch_shape=input_shape).output
        x: Any = self._front
        for layer in self._layers:
            x = layer(x)
        self.input, self.output = self._front, x

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        x = self._fit_rank(inputs)
        for layer in self._layers:
            x = layer(x, training=training)
        return x

    def _fit_rank(self, x: Tensor) -> Tensor:
        """Features of size 1 may come without their axis, or with one too many, as in Keras."""
        declared = self._front.shape if self._front is not None else None
        if declared is None or len(declared) == x.ndim:
            self._check_shape(x.shape, declared)
            return x
        if len(declared) == x.ndim + 1 and declared[-1] == 1:
            x = x.reshape((*x.shape, 1))
        elif len(declared) == x.ndim - 1 and x.shape[-1] == 1:
            x = x.reshape(x.shape[:-1])
        self._check_shape(x.shape, declared)
        return x

    def _check_shape(self, shape: Shape, declared: Shape | None) -> None:
        if declared is None:
            return
        if len(declared) == len(shape) and all(
            n is None or n == m for n, m in zip(declared[1:], shape[1:], strict=True)
        ):
            return
        missing = " Add the missing last axis: x[..., None]." if len(shape) == len(declared) - 1 else ""
        raise ValueError(f"{self} was made for inputs of shape {declared}, got {tuple(shape)}.{missing}")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        shape = tuple(input_shape)
        for layer in self._layers:
            shape = layer.compute_output_shape(shape)
        return shape

    @property
    def input_shape(self) -> Shape:
        """The shape of the input, batch axis included.

        Raises:
            AttributeError: it is not known yet.
        """
        return self._known("input").shape

    @property
    def output_shape(self) -> Shape:
        """The shape of the output, batch axis included.

        Raises:
            AttributeError: it is not known yet.
        """
        return self._known("output").shape

    @property
    def inputs(self) -> list[SymbolicTensor]:
        return [self._known("input")]

    @property
    def outputs(self) -> list[SymbolicTensor]:
        return [self._known("output")]

    def _known(self, end: str) -> Any:
        if self._front is None or not self.built:
            raise AttributeError(
                f"{self.name} does not know its {end} shape yet: begin with an Input, or build it."
            )
        return self._front if end == "input" else self._layers[-1].output

    def get_config(self) -> dict[str, Any]:
        """Name and layers as plain data."""
        described = [*([self._front.maker] if self._front is not None else []), *self._layers]
        layers = [{"class_name": type(layer).__name__, "config": layer.get_config()} for layer in described]
        return {"name": self.name, "layers": layers}
