"""Where the weights of a layer are kept, and how they are found: in the layer itself and in the layers inside it.

A layer notices what it is given. `self.factor = Variable(...)`, `self.hidden = Dense(8)` and lists or dicts of
them, filled now or later, all count; so does what `add_weight` makes. Nothing has to be registered.
"""

import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from minidl import constraints, initializers, regularizers
from minidl.backend import Array
from minidl.devices import to_device
from minidl.layers.allowance import spend
from minidl.messages import say
from minidl.tensor import as_array
from minidl.utils.checks import chosen, flag, shown, sizes
from minidl.utils.interrupts import postponed_interrupt
from minidl.variable import Variable

__all__ = ["WeightHolder", "all_layers"]


class WeightHolder:
    """The part of `minidl.layers.Layer` that knows weights."""

    name: str
    dtype: str
    built: bool
    _variables: list[Variable]  # the trainable ones, in the order they were made
    _frozen_variables: list[Variable]  # those made as not trainable, such as running averages
    _noted_layers: list["WeightHolder"]
    _containers: dict[str, Any]  # the lists and dicts among the attributes
    _calls: list[Any]  # its uses on symbolic tensors
    _trainable: bool

    def _track(self) -> None:
        """Make the places where weights and inner layers are noted; even before `__init__` has run."""
        if "_variables" not in self.__dict__:
            self.__dict__.update(
                _variables=[],
                _frozen_variables=[],
                _noted_layers=[],
                _containers={},
                _calls=[],
                _trainable=True,
                built=False,
            )

    def __setattr__(self, name: str, value: Any) -> None:
        """Note variables and layers that a subclass keeps as attributes, alone or in lists and dicts."""
        self._track()
        replaced = self.__dict__.get(name)
        object.__setattr__(self, name, value)
        if isinstance(replaced, WeightHolder) and all(
            replaced is not kept for kept in self.__dict__.values()
        ):
            self._noted_layers[:] = [layer for layer in self._noted_layers if layer is not replaced]
        self._containers.pop(name, None)
        if isinstance(value, list | dict) and (not value or any(map(_may_hold_weights, _items(value)))):
            self._containers[name] = value  # to look into it again: more may be put in
        self._note(value)

    def _note(self, value: Any) -> None:
        if isinstance(value, Variable):
            self._note_variable(value)
        elif isinstance(value, WeightHolder) and all(value is not known for known in self._noted_layers):
            self._noted_layers.append(value)
            if not self._trainable:
                value.trainable = False
        elif isinstance(value, list | tuple | dict):
            for item in _items(value):
                self._note(item)

    def _note_variable(self, variable: Variable) -> None:
        if all(variable is not known for known in (*self._variables, *self._frozen_variables)):
            (self._variables if variable.trainable else self._frozen_variables).append(variable)
            if not self._trainable:
                variable.trainable = False

    @property
    def _layers(self) -> list[Any]:
        """The layers inside, in the order they came."""
        if self._containers:
            for container in self._containers.values():
                self._note(container)
        return self._noted_layers

    def add_weight(
        self,
        shape: Sequence[int] = (),
        initializer: Any = None,
        dtype: str | None = None,
        trainable: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        name: str = "variable",
    ) -> Variable:
        """Make a weight of this layer (Glorot uniform by default, as Keras).

        Raises:
            MemoryError: there is not room for it.
            ValueError: the initializer gives another shape.
        """
        shape = sizes(str(self), shape)
        initialize: Any = initializers.get("glorot_uniform" if initializer is None else initializer)
        dtype = dtype or self.dtype
        needed = math.prod(shape) * np.dtype(dtype).itemsize
        try:
            if needed > sys.maxsize:
                raise MemoryError
            spend(self, name, shape, math.prod(shape))
            value = as_array(initialize(shape, dtype=dtype))
        except MemoryError as error:
            raise MemoryError(
                say(f"{self} has no room for {name} of shape {shape}: {needed:,} bytes.")
            ) from error
        if value.shape != shape:
            raise ValueError(
                say(f"{self} expects the initializer of {name} to give shape {shape}, got {value.shape}.")
            )
        variable = Variable(
            to_device(value),
            trainable=trainable,
            dtype=dtype,
            name=name,
            regularizer=regularizers.get(regularizer),
            constraint=constraints.get(constraint),
        )
        variable.path = f"{self.name}/{name}"
        self._note_variable(variable)
        return variable

    def _make(
        self, name: str, shape: Sequence[int], trainable: bool = True, arguments: str | None = None
    ) -> Variable:
        """The weight `name` as this layer's arguments <name>_initializer, _regularizer and _constraint say.

        Args:
            arguments: what these begin with, if not with the name.
        """
        kinds = ("initializer", "regularizer", "constraint")
        options = {kind: getattr(self, f"{arguments or name}_{kind}", None) for kind in kinds}
        return self.add_weight(shape, trainable=trainable, name=name, **options)

    @property
    def trainable(self) -> bool:
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        value = flag(type(self).__name__, "trainable", value)
        object.__setattr__(self, "_trainable", value)
        for variable in self._variables:
            variable.trainable = value
        for layer in self._layers:
            layer.trainable = value

    @property
    def weights(self) -> list[Variable]:
        """All weights: this layer's trainable ones, its other ones, then those of the layers inside."""
        found: dict[int, Variable] = {}
        self._find_weights(found)
        return list(found.values())

    def _find_weights(self, found: dict[int, Variable]) -> None:
        """Add the weights to `found`, by their id, each at the place where it is met first."""
        for variables in (self._variables, self._frozen_variables):
            for variable in variables:
                found[id(variable)] = variable  # one that is there already keeps its place
        for layer in self._layers:
            layer._find_weights(found)

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that training changes. A model that is frozen has none, even if a layer inside is not."""
        return [v for v in self.weights if v._trainable] if self._trainable else []

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """All other weights."""
        return [v for v in self.weights if not (self._trainable and v._trainable)]

    variables = weights
    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights

    def count_params(self) -> int:
        """The number of weights.

        Raises:
            ValueError: the layer is not built, so nobody knows.
        """
        if not self.built:
            raise self._not_built()
        return sum(v.size for v in self.weights)

    def _adopt(self, *layers: Any) -> None:
        """Let the paths of the weights inside begin with this layer's name."""
        for layer in layers:
            for variable in layer.weights:
                variable.path = f"{self.name}/{variable.path}"

    def _not_built(self) -> ValueError:
        return ValueError(
            say(
                f"{self} has no weights yet: they are made when the shape of its input is known. "
                "Call it on data or build(input_shape) first."
            )
        )

    def get_weights(self) -> list[Array]:
        """Copies of all weights, in the order of `weights`."""
        return [v.numpy().copy() for v in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Take on these values, in the order of `weights`.

        Raises:
            ValueError: their number or a shape is wrong. No weight is changed then.
            TypeError: they are no real numbers. No weight is changed then.
        """
        own = self.weights
        if not isinstance(weights, list | tuple):
            raise TypeError(say(f"{self} expects weights to be a list of arrays, got {shown(weights)}."))
        if len(weights) != len(own):
            mend = "" if self.built else " Build it first, by calling it on data or with build(input_shape)."
            raise ValueError(
                say(f"{self} has {len(own)} weight arrays, set_weights got {len(weights)}.{mend}")
            )
        values = [chosen(str(self), "weights", as_array, value) for value in weights]
        for variable, value in zip(own, values, strict=True):
            if variable.shape != value.shape:
                raise ValueError(
                    say(f"{self}: {variable.path} has shape {variable.shape}, got {value.shape}.")
                )
            if value.dtype.kind == "c":
                raise TypeError(say(f"{self}: {variable.path} holds real numbers, got {value.dtype}."))
        with postponed_interrupt():
            for variable, value in zip(own, values, strict=True):
                variable.assign(value)


def all_layers(layer: Any) -> Iterator[Any]:
    """`layer` and the layers inside it, however deep, each once: those inside right behind the one around them.

    A function and no method, so that layers of your own may have an attribute of this name.

    >>> from minidl.layers import LSTM, Bidirectional
    >>> [type(part).__name__ for part in all_layers(Bidirectional(LSTM(2)))]
    ['Bidirectional', 'LSTM', 'LSTMCell', 'LSTM', 'LSTMCell']
    """
    seen: set[int] = set()
    waiting = [layer]
    while waiting:
        layer = waiting.pop()
        if id(layer) not in seen:
            seen.add(id(layer))
            yield layer
            waiting += reversed(layer._layers)


def _items(container: Any) -> Iterable[Any]:
    return container.values() if isinstance(container, dict) else container


def _may_hold_weights(value: Any) -> bool:
    return isinstance(value, WeightHolder | Variable | list | tuple | dict)
