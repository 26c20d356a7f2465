"""Sequential: layers one after the other, the output of each the input of the next."""

from collections.abc import Iterable, Mapping
from typing import Any

from minidl.layers.base import Layer
from minidl.layers.core.input import InputLayer
from minidl.layers.holder import all_layers
from minidl.layers.known import layer_from, to_config
from minidl.messages import say
from minidl.models.entrance import DeclaredShape, of_rank
from minidl.models.merged import merged
from minidl.models.model import Model
from minidl.symbolic import Call, Shape, SymbolicTensor, shapes_of
from minidl.tensor import Tensor
from minidl.utils.checks import flag, shown
from minidl.utils.keywords import tells_names
from minidl.utils.nested import flatten

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

    repeats = True
    one_to_one = True

    def __init__(self, layers: Iterable[Any] | None = None, trainable: bool = True, name: str | None = None):
        super().__init__(name=name)
        self._front: SymbolicTensor | None = None
        self._chain: list[Call] = []  # the calls of the layers in this model, once the input shape is known
        if layers is not None and (not isinstance(layers, Iterable) or isinstance(layers, str | Mapping)):
            raise TypeError(say(f"{self.name} expects a list of layers, got {layers!r:.80}. Put it in []."))
        for layer in layers or ():
            self.add(layer)
        if not flag("Sequential", "trainable", trainable):
            self.trainable = False

    @tells_names
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
            if callable(layer) and not mend:
                mend = " For a function, use Activation(f) or Lambda(f)."
            elif isinstance(layer, list | tuple):
                mend = " Give all layers in one list, or add each."
            raise TypeError(say(f"{self.name} expects layers, got {shown(layer)}.{mend}"))
        if isinstance(layer, InputLayer):
            if self._front is not None or self._layers:
                raise ValueError(
                    say(f"{self.name} already has its first layer: an Input goes in front of all others.")
                )
            self._front, self.input_spec = layer.output, DeclaredShape(layer.output.shape)
            return
        if any(part is self for part in all_layers(layer)):
            raise ValueError(
                say(
                    f"{self.name} cannot be a layer of itself: running it would never end. Add another model, or its layers."
                )
            )
        if any(layer is other for other in self._layers):
            raise ValueError(
                say(
                    f"{self.name} has {layer} already. A Sequential uses a layer once. Make a second one, "
                    "or share its weights in a functional model: Model(inputs, outputs)."
                )
            )
        if any(layer.name == other.name for other in self._layers):
            raise ValueError(
                say(f"{self.name} has a layer called {layer.name!r} already. Give this one another name.")
            )
        front, declared = self._front, self.input_spec
        if front is None and not self._layers:
            front, declared = self._front_of(layer)
        call = None if front is None else _call_of(layer, self._chain[-1].output if self._chain else front)
        self._front, self.input_spec = front, declared
        self._layers.append(layer)
        self._chain += [] if call is None else [call]
        self.built = call is not None
        if not self.trainable:
            layer.trainable = False

    def _front_of(self, layer: Layer) -> tuple[SymbolicTensor | None, Any]:
        """The input that a first layer asks for, and what to hold data against; None if it asks for none."""
        if layer.input_shape_hint is not None:
            front = InputLayer(batch_shape=layer.input_shape_hint).output
            return front, DeclaredShape(front.shape)
        inner: Any = layer
        if isinstance(layer, Model) and layer.input_spec is not None and len(inner.inputs) == 1:
            front = InputLayer(batch_shape=inner.inputs[0].shape).output
            return front, DeclaredShape(front.shape)
        return None, None

    def pop(self) -> Layer:
        """Take the last layer away.

        Raises:
            ValueError: there is none.
        """
        if not self._layers:
            raise ValueError(say(f"{self.name} has no layer to remove."))
        layer = self._layers.pop()
        del self._chain[len(self._layers) :]
        self.built = bool(self._layers) and self.built
        return layer

    def build(self, input_shape: Shape | None = None) -> None:
        """Build all layers for inputs of this shape, batch axis included. Behind an Input it may be left out.

        Raises:
            ValueError: there are no layers, one does not fit, or an Input has declared another shape. No
                layer is built then.
        """
        if not self._layers:
            raise ValueError(say(f"{self.name} has no layers. Add some with add()."))
        if self._front is None:
            self._front = InputLayer(batch_shape=input_shape).output
        chain: list[Call] = []
        for layer in self._layers:
            chain.append(_call_of(layer, chain[-1].output if chain else self._front))
        self._chain = chain

    def call(self, inputs: Tensor, training: bool = False, mask: Any = None) -> Any:
        x = inputs
        if self._front is not None and x.ndim != self._front.ndim:
            x = x.reshape(self._fitted(x.shape))
        for layer in self._layers if training else merged(self._layers):
            x = layer(x, training=training, mask=mask)
            mask = None  # every output carries its own
        return x

    def _fitted(self, shape: Shape) -> Shape:
        return shape if self._front is None else of_rank(self._front.shape, shape)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        shape = self._fitted(tuple(input_shape))
        for layer in self._layers:
            shape = layer.compute_output_shape(shape)
        return shape

    @property
    def input(self) -> SymbolicTensor:
        """The symbolic tensor at the front.

        Raises:
            AttributeError: the shape of the input is not known yet. So for all of these.
        """
        return self._known("input")

    @property
    def output(self) -> Any:
        return self._known("output")

    @property
    def input_shape(self) -> Shape:
        """The shape of the input, batch axis included."""
        return self.input.shape

    @property
    def output_shape(self) -> Any:
        """The shape of the output, batch axis included."""
        return shapes_of(self.output)

    @property
    def inputs(self) -> list[SymbolicTensor]:
        return [self.input]

    @property
    def outputs(self) -> list[SymbolicTensor]:
        return flatten(self.output)

    @property
    def input_names(self) -> list[str]:
        return [self.input.maker.name]

    @property
    def output_names(self) -> list[str]:
        return [self._layers[-1].name] * len(self.outputs)

    @property
    def calls(self) -> list[Call]:
        """The calls of the layers, in the order in which they run."""
        return [] if self._front is None else [self._front.call, *self._chain]  # type: ignore[list-item]

    def _known(self, end: str) -> Any:
        if not self._chain or not self.built:
            raise AttributeError(
                say(f"{self.name} does not know its {end} shape yet: begin with an Input, or build it.")
            )
        return self._front if end == "input" else self._chain[-1].output

    def get_config(self) -> dict[str, Any]:
        """Name and layers as plain data, with the shape of the input if it is known."""
        declared = [self._front.maker] if self._front is not None and self.input_spec is not None else []
        config: dict[str, Any] = {
            "name": self.name,
            "trainable": self.trainable,
            "layers": [to_config(part) for part in (*declared, *self._layers)],
        }
        if self._front is not None and not declared:
            config["build_input_shape"] = self._front.shape
        return config

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> "Sequential":
        """A new model with new weights from `get_config`; `custom_objects` are your own layers by name.

        Raises:
            ValueError: `config` is not of that form, or names a layer that is not known.
        """
        if not isinstance(config, Mapping) or not isinstance(config.get("layers"), list | tuple):
            raise ValueError(
                say(f"{cls.__name__} expects a config with name and layers, got {config!r:.120}.")
            )
        model = cls(name=config.get("name"))
        for part in config["layers"]:
            model.add(layer_from(part, custom_objects))
        if config.get("build_input_shape") is not None:
            model.build(config["build_input_shape"])
        model._trainable = bool(config.get("trainable", True))  # each layer has brought its own
        return model


def _call_of(layer: Layer, x: Any) -> Call:
    """The call that `layer(x)` makes. Another thread may make one of this layer meanwhile, so the output is asked."""
    return flatten(layer(x))[0].call
