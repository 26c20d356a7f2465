"""Layer: weights and a way from input to output, made when the first input shows how large they must be.

    layer = Dense(3)        nothing but the arguments
    layer.build((None, 4))  weights of shape (4, 3) and (3,); happens by itself at the first call
    layer(x)                checks x, converts it to the layer's float type, runs `call`

To write a layer, derive from `Layer`, make the weights in `build` with `add_weight`, and compute the output in
`call` with tensor operations, NumPy functions or other layers; gradients follow by themselves.

>>> class Scale(Layer):
...     def build(self, input_shape):
...         self.factor = self.add_weight((input_shape[-1],), initializer="ones", name="factor")
...     def call(self, x):
...         return x * self.factor
>>> Scale()([[1.0, 2.0]]).numpy()
array([[1., 2.]], dtype=float32)
"""

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from minidl import config, constraints, initializers, regularizers
from minidl.backend import Array
from minidl.layers.checks import InputSpec
from minidl.layers.context import add_loss, mode
from minidl.layers.symbolic import Shape, SymbolicTensor
from minidl.tensor import Tensor, no_grad
from minidl.utils.naming import unique_name
from minidl.utils.registry import serialize_object
from minidl.variable import Variable

__all__ = ["Layer"]


class Layer:
    """The base of all layers.

    Args:
        name: what errors and tables call it; by default the class's name in snake case, numbered.
        trainable: False freezes the weights.
        dtype: float type of weights and output; by default `config.floatx()`.
        activity_regularizer: penalty on the output (divided by the batch size), added to the loss.
        input_shape: shape of one sample, for the first layer of a Sequential. Also understood, from older
            Keras: input_dim, input_length, batch_input_shape, batch_size.

    Raises:
        TypeError: an argument that no layer has.
    """

    built: bool
    _variables: list[Variable]
    _frozen_variables: list[Variable]  # made with trainable=False
    _layers: list["Layer"]
    _trainable: bool

    input_spec: InputSpec | None = None
    autocast: ClassVar[bool] = True  # convert inputs to the layer's float type

    def __init__(
        self,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
        activity_regularizer: Any = None,
        **shape_hints: Any,
    ):
        self._track()
        self.name = name if name is not None else unique_name(type(self).__name__)
        self.dtype = str(np.dtype(dtype)) if dtype is not None else config.floatx()
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.input_shape_hint = self._read_shape_hints(shape_hints)
        self.trainable = trainable

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.build = _all_or_nothing(cls.build)  # type: ignore[method-assign]

    def _track(self) -> None:
        """The places where weights and inner layers are noted as they are assigned."""
        if "_variables" not in self.__dict__:
            state = {
                "_variables": [],
                "_frozen_variables": [],
                "_layers": [],
                "built": False,
                "_trainable": True,
            }
            self.__dict__.update(state)
            parameters = inspect.signature(self.call).parameters
            self._takes_training = "training" in parameters
            self._takes_mask = "mask" in parameters
            self.input: Any = None
            self.output: Any = None

    def _read_shape_hints(self, hints: dict[str, Any]) -> Shape | None:
        """The batch input shape that the arguments of a first layer describe, if any."""
        allowed = (
            "input_shape",
            "batch_input_shape",
            "batch_shape",
            "input_dim",
            "input_length",
            "batch_size",
        )
        for name in hints:
            if name not in allowed:
                known = [p for p in _constructor_arguments(type(self)) if p != "self"]
                close = difflib.get_close_matches(name, [*known, *allowed], n=1)
                mend = f"Did you mean {close[0]!r}?" if close else f"It takes {', '.join(known)}."
                raise TypeError(f"{type(self).__name__} has no argument {name!r}. {mend}")
        whole = hints.get("batch_input_shape", hints.get("batch_shape"))
        if whole is not None:
            return tuple(whole)
        if "input_shape" in hints:
            shape = hints["input_shape"]
            return (hints.get("batch_size"), *(shape if isinstance(shape, Iterable) else (shape,)))
        if "input_dim" in hints:
            steps = (hints["input_length"],) if "input_length" in hints else ()
            return (hints.get("batch_size"), *steps, hints["input_dim"])
        return None

    def __setattr__(self, name: str, value: Any) -> None:
        """Note variables and layers, alone or in a list, that a subclass keeps as attributes."""
        self._track()
        for item in value if isinstance(value, list | tuple) else (value,):
            if isinstance(item, Variable):
                self._note_variable(item)
            elif isinstance(item, Layer) and all(item is not known for known in self._layers):
                self._layers.append(item)
        object.__setattr__(self, name, value)

    def _note_variable(self, variable: Variable) -> None:
        if all(variable is not known for known in (*self._variables, *self._frozen_variables)):
            (self._variables if variable.trainable else self._frozen_variables).append(variable)

    # --- what a layer defines -------------------------------------------------------------------------------

    def build(self, input_shape: Shape) -> None:
        """Make the weights for inputs of this shape (batch axis included, None for any size)."""

    def call(self, inputs: Any) -> Any:
        """The output for `inputs`, a tensor (or a list of them)."""
        raise NotImplementedError(f"{type(self).__name__} does not define call(self, inputs).")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The shape of the output for inputs of `input_shape`. By default found by running on zeros."""
        sizes = [tuple(n if n is not None else stand_in for n in input_shape) for stand_in in (2, 3)]
        with no_grad():
            one, other = (np.shape(self.call(Tensor(np.zeros(size, self.dtype)))) for size in sizes)
        return tuple(a if a == b else None for a, b in zip(one, other, strict=True))

    def parameter_formula(self) -> str:
        """How the number of weights comes about, in this layer's own figures: "(4 + 1)·3"."""
        return " + ".join("·".join(map(str, v.shape)) or "1" for v in self.weights) or "0"

    def shape_formulas(self) -> list[str]:
        """How the size of each axis that changes comes about: "(28 − 3 + 2·0)/1 + 1 = 26"."""
        return []

    # --- weights --------------------------------------------------------------------------------------------

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
        """
        shape = tuple(int(n) for n in shape)
        initialize: Any = initializers.get("glorot_uniform" if initializer is None else initializer)
        dtype = dtype or self.dtype
        try:
            value = np.asarray(initialize(shape, dtype=dtype))
        except MemoryError as error:
            gigabytes = np.prod(shape, dtype=float) * np.dtype(dtype).itemsize / 2**30
            raise MemoryError(
                f"{self} has no room for {name} of shape {shape}: {gigabytes:.1f} GiB."
            ) from error
        variable = Variable(
            value, trainable, dtype, name, regularizers.get(regularizer), constraints.get(constraint)
        )
        variable.path = f"{self.name}/{name}"
        self._note_variable(variable)
        if not self._trainable:
            variable.trainable = False
        return variable

    @property
    def trainable(self) -> bool:
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        object.__setattr__(self, "_trainable", bool(value))
        for variable in self._variables:
            variable.trainable = bool(value)
        for layer in self._layers:
            layer.trainable = value

    @property
    def weights(self) -> list[Variable]:
        """All weights: this layer's trainable ones, its other ones, then those of the layers inside."""
        inner = (variable for layer in self._layers for variable in layer.weights)
        return _unique([*self._variables, *self._frozen_variables, *inner])

    @property
    def trainable_weights(self) -> list[Variable]:
        return [v for v in self.weights if v.trainable]

    @property
    def non_trainable_weights(self) -> list[Variable]:
        return [v for v in self.weights if not v.trainable]

    variables = weights
    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights

    def count_params(self) -> int:
        """The number of weights.

        Raises:
            ValueError: the layer is not built, so nobody knows.
        """
        if not self.built:
            raise ValueError(
                f"{self} has no weights yet: they are made when the shape of its input is known. "
                "Call it on data or build(input_shape) first."
            )
        return sum(v.size for v in self.weights)

    def get_weights(self) -> list[Array]:
        """Copies of all weights, in the order of `weights`."""
        return [v.data.copy() for v in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Take on these values, in the order of `weights`.

        Raises:
            ValueError: their number or a shape is wrong. No weight is changed then.
        """
        own = self.weights
        if len(weights) != len(own):
            raise ValueError(f"{self} has {len(own)} weight arrays, set_weights got {len(weights)}.")
        values = [np.asarray(value) for value in weights]
        for variable, value in zip(own, values, strict=True):
            if variable.shape != value.shape:
                raise ValueError(f"{self}: {variable.path} has shape {variable.shape}, got {value.shape}.")
        for variable, value in zip(own, values, strict=True):
            variable.assign(value)

    # --- calling --------------------------------------------------------------------------------------------

    def __call__(self, inputs: Any, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Run the layer on numbers, or lay it out behind a symbolic tensor."""
        if _is_symbolic(inputs):
            return self._lay_out(inputs)
        inputs = self._as_tensors(inputs)
        if not self.built:
            self.build(_shape_of(inputs, without_batch=True))
        if self.input_spec is not None:
            self.input_spec.check(self, inputs.shape)
        outer = mode.training
        mode.training = outer if training is None else bool(training)
        if self._takes_training:
            kwargs["training"] = mode.training
        try:
            outputs = self.call(inputs, *args, **kwargs)
        finally:
            mode.training = outer
        if self.activity_regularizer is not None:
            add_loss(self.activity_regularizer(outputs) / max(len(outputs), 1))
        return outputs

    def _as_tensors(self, inputs: Any) -> Any:
        """`inputs` as tensors of the layer's float type; a list of tensors entry by entry."""
        if isinstance(inputs, list | tuple) and any(isinstance(x, Tensor | np.ndarray) for x in inputs):
            return [self._as_tensors(x) for x in inputs]
        x = inputs if isinstance(inputs, Tensor) else Tensor(inputs)
        if self.autocast and x.data.dtype != self.dtype and x.data.dtype.kind != "c":
            return x.astype(self.dtype)
        return x

    def _lay_out(self, inputs: Any) -> Any:
        shape = _shape_of(inputs)
        if not self.built:
            self.build(shape)
        if self.input_spec is not None:
            self.input_spec.check(self, shape)
        self.input = inputs
        self.output = SymbolicTensor(
            self.compute_output_shape(shape), self.dtype, f"{self.name}_output", self
        )
        return self.output

    # --- configuration --------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain data: each is kept on the layer under its own name."""
        names = [n for n in _constructor_arguments(type(self)) if n != "self"]
        return {n: _plain(getattr(self, n)) for n in names if hasattr(self, n)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Layer":
        """A new layer with the arguments that `get_config` gave."""
        return cls(**config)

    def __str__(self) -> str:
        return f"{self.name} ({type(self).__name__})"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


def _all_or_nothing(build: Callable[..., None]) -> Callable[..., None]:
    """`build` that marks the layer as built, and takes the weights back when it fails half-way."""

    @functools.wraps(build)
    def wrapped(self: Layer, input_shape: Any) -> None:
        self._track()
        shape = _normal_shape(input_shape)
        before = dict(self.__dict__)
        lists = {name: list(before[name]) for name in ("_variables", "_frozen_variables", "_layers")}
        try:
            build(self, shape)
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before, **lists)
            raise
        self.built = True

    return wrapped


Layer.build = _all_or_nothing(Layer.build)  # type: ignore[method-assign]


def _normal_shape(shape: Any) -> Any:
    """A shape as a tuple; a list of shapes stays a list."""
    if isinstance(shape, list) and shape and isinstance(shape[0], list | tuple):
        return [tuple(s) for s in shape]
    return tuple(shape)


def _shape_of(inputs: Any, without_batch: bool = False) -> Any:
    if isinstance(inputs, list):
        return [_shape_of(x, without_batch) for x in inputs]
    return (None, *inputs.shape[1:]) if without_batch and inputs.ndim else tuple(inputs.shape)


def _is_symbolic(inputs: Any) -> bool:
    several = isinstance(inputs, list | tuple) and len(inputs) > 0
    return isinstance(inputs[0] if several else inputs, SymbolicTensor)


def _unique(items: Iterable[Any]) -> list[Any]:
    return list({id(item): item for item in items}.values())


def _constructor_arguments(cls: type) -> tuple[str, ...]:
    """The named arguments of a class's constructor, and of its parents' while it passes **kwargs on."""
    names: dict[str, None] = {}
    for ancestor in cls.__mro__:
        if "__init__" in ancestor.__dict__:
            parameters = inspect.signature(ancestor.__dict__["__init__"]).parameters.values()
            names.update(
                (p.name, None) for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
            )
            if all(p.kind != p.VAR_KEYWORD for p in parameters) or ancestor is Layer:
                break
    return tuple(names)


def _plain(value: Any) -> Any:
    """Plain data for JSON: names and descriptions instead of objects."""
    if isinstance(value, Layer):
        return {"class_name": type(value).__name__, "config": value.get_config()}
    return serialize_object(value) if callable(value) else value
