"""Model: a layer made of layers, that can be trained and shown."""

from collections.abc import Mapping
from typing import Any, ClassVar

from minidl import random
from minidl.devices import device
from minidl.layers.base import Layer
from minidl.layers.known import KNOWN
from minidl.messages import say
from minidl.models.ends import also_functional, has_ends
from minidl.models.loops import Loops
from minidl.models.placing import brought, home_of
from minidl.models.savable import Savable
from minidl.models.shown import Shown
from minidl.utils.checks import did_you_mean, whole_number

__all__ = ["Model"]


class Model(Loops, Savable, Shown, Layer):
    """The base of models. There are two ways to make one.

    `Model(inputs, outputs)` takes all layers between these symbolic tensors (see `minidl.models.Functional`):

    >>> from minidl.layers import Dense, Input
    >>> x = Input(shape=(1,))
    >>> Model(x, Dense(1)(Dense(8, activation="relu")(x))).count_params()
    25

    Or derive from it, keep layers as attributes and connect them in `call`:

    >>> class TwoLayers(Model):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.hidden, self.out = Dense(8, activation="relu"), Dense(1)
    ...     def call(self, x):
    ...         return self.out(self.hidden(x))
    >>> model = TwoLayers()
    >>> model.compile("sgd", "mse")
    >>> loss = model.train_on_batch([[1.0], [2.0]], [[2.0], [4.0]])
    >>> model.count_params()
    25
    """

    autocast: ClassVar[bool] = False  # the layers inside convert, each to its own type

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for hook in ("train_step", "test_step", "predict_step"):
            if hook in cls.__dict__:
                raise TypeError(
                    say(
                        f"{cls.__name__}.{hook} would never be called: minidl has no such hook. Override compute_loss for "
                        "a loss of your own, or write the loop with optimizer.apply(gradients, variables)."
                    )
                )

    def __new__(cls, *args: Any, **kwargs: Any) -> "Model":
        of_graph = cls is Model and has_ends(args, kwargs)
        return super().__new__(KNOWN["Functional"] if of_graph else cls)

    def __init__(self, *args: Any, **kwargs: Any):
        if has_ends(args, kwargs):
            own: Any = type(self)
            self.__class__ = also_functional(own)
            KNOWN["Functional"].__init__(self, *args, **kwargs)  # type: ignore[misc]
            return
        super().__init__(**kwargs)
        self._shuffler = random.SeedGenerator()

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            if (there := home_of(self)) != "cpu":
                with device(there):
                    return super().__call__(brought(inputs, there), *args, **kwargs)
            return super().__call__(inputs, *args, **kwargs)
        except BaseException:
            # A first call that failed half-way has left layers without weights: the next one builds again.
            if self.__dict__.get("built"):
                self.built = all(layer.built for layer in self._layers)
            raise

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """None: an output carries the mask that the layer behind it has left there."""

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Layer:
        """A new model from `get_config`: a functional one if that is what `config` describes."""
        if "input_layers" in config and cls.__init__ is Model.__init__:
            functional: Any = KNOWN["Functional"]
            return functional.from_config.__func__(
                cls, config, custom_objects
            )  # which makes a `cls`, from ends
        return super().from_config(config)

    @property
    def layers(self) -> list[Layer]:
        """The layers, in the order they were added."""
        return list(self._layers)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer called `name`, or number `index`.

        Raises:
            ValueError: there is none (the message lists those there are), or neither is given.
            TypeError: the name is a number.
        """
        if name is None and index is None:
            raise ValueError(
                say(
                    "get_layer expects a name or an index, as in get_layer('dense') or get_layer(index=0), got neither."
                )
            )
        if isinstance(name, int):
            raise TypeError(
                say(f"get_layer expects a name first, got {name}. By number: get_layer(index={name}).")
            )
        if index is not None:
            index = whole_number("get_layer", "index", index)
            if not -len(self.layers) <= index < len(self.layers):
                raise ValueError(
                    say(f"{self.name} has {len(self.layers)} layers, and none with the index {index}.")
                )
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        names = [layer.name for layer in self.layers]
        mend = did_you_mean(name, names) or f"Its layers: {', '.join(names):.250}."
        raise ValueError(say(f"{self.name} has no layer {name!r:.60}. {mend}"))
