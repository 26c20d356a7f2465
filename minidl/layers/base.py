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

import functools
import inspect
import math
import threading
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from minidl import config, regularizers
from minidl.devices import is_array
from minidl.layers.arguments import check_names, constructor_arguments, plain, read_shape_hints
from minidl.layers.checks import InputSpec, flag, no_numbers, no_room
from minidl.layers.context import add_loss, mode
from minidl.layers.holder import WeightHolder
from minidl.layers.known import KNOWN, layer_from
from minidl.layers.laying_out import any_symbolic, lay_out, run_on_zeros, snapshot
from minidl.layers.masks import attach, given_masks, masks_of, warn_dropped
from minidl.messages import say
from minidl.symbolic import Call, Shape, SymbolicTensor, is_shape, shapes_of
from minidl.tensor import Tensor
from minidl.utils.checks import chosen, data_type, text
from minidl.utils.keywords import KnownArguments
from minidl.utils.naming import unique_name
from minidl.utils.nested import mapped

__all__ = ["Layer"]


class Layer(WeightHolder, KnownArguments):
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

    input_spec: InputSpec | None = None
    autocast: ClassVar[bool] = True  # convert inputs to the layer's float type
    supports_masking: bool = False  # whether the mask of the input is that of the output as well
    old_arguments: ClassVar[tuple[str, ...]] = ()  # taken for scripts written for older Keras
    repeats: bool = False  # whether it runs the same ops, with the same constants, on all inputs of one shape

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
        kind = type(self).__name__
        self.input_shape_hint = read_shape_hints(type(self), Layer, shape_hints)
        if name is not None and "/" in text(kind, "name", name):
            raise ValueError(
                say(f"{kind} expects a name without '/', which parts the paths of weights, got {name!r:.60}.")
            )
        self.name = name if name is not None else unique_name(kind)
        self.dtype = (
            config.floatx() if dtype is None else data_type(kind, dtype, "f" if self.autocast else "biuf")
        )
        penalty = chosen(kind, "activity_regularizer", regularizers.get, activity_regularizer)
        self.activity_regularizer = penalty
        self.trainable = flag(self, "trainable", trainable)

    @classmethod
    def _check_names(cls, given: Mapping[str, Any]) -> None:
        check_names(cls, Layer, given)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__.startswith("minidl.") and not cls.__name__.startswith("_"):
            KNOWN[cls.__name__] = cls
        if "build" in cls.__dict__:
            cls.build = _all_or_nothing(cls.build)  # type: ignore[method-assign]

    def _track(self) -> None:
        if "_variables" not in self.__dict__:
            super()._track()
            parameters = inspect.signature(self.call).parameters
            self._takes_training = "training" in parameters
            self._training_at, self._mask_at = _place(parameters, "training"), _place(parameters, "mask")
            self._makes_masks = type(self).compute_mask is not Layer.compute_mask
            self._built_for: Any = None

    # --- what a layer defines -------------------------------------------------------------------------------

    def build(self, input_shape: Shape) -> None:
        """Make the weights for inputs of this shape (batch axis included, None for any size)."""

    def call(self, inputs: Any) -> Any:
        """The output for `inputs`, a tensor (or a list of them)."""
        raise NotImplementedError(say(f"{type(self).__name__} does not define call(self, inputs)."))

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The mask of the output, or a list of them for several outputs; None for none.

        Args:
            inputs: what `call` was given.
            previous_mask: the mask of the input; a list for a list of inputs.
        """
        if self.supports_masking:
            return previous_mask
        if previous_mask is not None:
            warn_dropped(self)
        return None

    def compute_output_shape(self, input_shape: Shape) -> Any:
        """The shape of the output for inputs of `input_shape`, a list of shapes for several outputs.

        By default found by running on zeros.
        """
        several: Any = None if is_shape(input_shape) else input_shape
        inputs = [SymbolicTensor(s) for s in several] if several else SymbolicTensor(input_shape)
        return self._symbolic_output((inputs,), {}, Layer)[0]

    def _symbolic_output(self, args: tuple[Any, ...], kwargs: dict[str, Any], kind: Any = None) -> Any:
        """The shapes of the output for these arguments, and their type or a list of types."""
        if (kind or type(self)).compute_output_shape is not Layer.compute_output_shape:
            return self.compute_output_shape(shapes_of(args[0])), self.dtype
        return self._try_on_zeros(args, kwargs)

    def _try_on_zeros(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Shapes and types of the output, from a run that leaves nothing behind but the weights it makes."""
        options = {"training": False} if self._takes_training else {}
        counted = [(v, v.data.copy()) for v in self.weights if not v.trainable]
        try:
            return run_on_zeros(self.call, args, options | kwargs, self.dtype if self.autocast else None)
        finally:
            for variable, value in counted:  # a call may count or average what it sees, and this was no data
                variable.assign(value)

    def parameter_formula(self) -> str:
        """How the number of weights comes about, in this layer's own figures: "(4 + 1)·3"."""
        return " + ".join("·".join(map(str, v.shape)) or "1" for v in self.weights) or "0"

    def shape_formulas(self) -> list[str]:
        """How the size of each axis that changes comes about: "(28 − 3 + 2·0)/1 + 1 = 26"."""
        return []

    @property
    def _sizes(self) -> Any:
        """The input shape that `shape_formulas` speaks of; a list of them for several inputs."""
        if not self._calls and self._built_for is None:
            raise self._not_built()
        return shapes_of(self._calls[-1].args[0]) if self._calls else self._built_for

    # --- in a graph -----------------------------------------------------------------------------------------

    @property
    def input(self) -> Any:
        """The symbolic input of this layer, or a list of them, where it was called first."""
        return self._first_call("input").args[0]

    @property
    def output(self) -> Any:
        """The symbolic output of this layer, or a list of them, where it was called first."""
        return self._first_call("output").output

    def _first_call(self, end: str) -> Call:
        if not self._calls:
            raise AttributeError(
                say(f"{self} has no {end} yet: it was not called on the output of an Input or another layer.")
            )
        return self._calls[0]

    def add_loss(self, loss: Tensor) -> None:
        """Add a penalty to the loss of the step that is running. For use in `call`; elsewhere it does nothing."""
        add_loss(loss)

    # --- calling --------------------------------------------------------------------------------------------

    def __call__(
        self, inputs: Any, *args: Any, training: bool | None = None, mask: Any = None, **kwargs: Any
    ) -> Any:
        """Run the layer on numbers, or lay it out behind a symbolic tensor.

        Args:
            inputs: what the layer works on, a tensor, array or list of them.
            args, kwargs: what else its `call` takes.
            training: whether this is training; by default as in the layer or loop around this call.
            mask: which time steps count; by default what `inputs` carries (see `minidl.layers.masks`).
        """
        if "name" not in self.__dict__:
            raise TypeError(say(f"{type(self).__name__}.__init__ must call super().__init__(), and has not."))
        if any_symbolic(inputs, args, kwargs):
            return lay_out(self, (inputs, *args), kwargs, training, mask)
        inputs = self._as_tensors(inputs)
        mask = masks_of(inputs) if mask is None else given_masks(self, mask, inputs)
        if self.input_spec is not None:
            self.input_spec.check(self, _shape_of(inputs))
        if not self.built:
            self.build(_shape_of(inputs, without_batch=True))
        outer = mode.training
        mode.training = outer if training is None else bool(training)
        if len(args) < self._training_at:
            kwargs["training"] = mode.training
        if len(args) < self._mask_at:
            kwargs["mask"] = mask
        try:
            outputs = self.call(inputs, *args, **kwargs)
        except MemoryError as error:
            if type(error) is MemoryError:  # of the user's own, or told already by a layer inside
                raise
            raise no_room(self, _shape_of(inputs), error) from error
        finally:
            mode.training = outer
        if mask is not None or self._makes_masks:
            outputs = attach(outputs, inputs, self.compute_mask(inputs, mask))
        if self.activity_regularizer is not None:
            for y in outputs if isinstance(outputs, list | tuple) else (outputs,):
                add_loss(self.activity_regularizer(y) / max(len(y), 1))
        return outputs

    def _as_tensors(self, inputs: Any) -> Any:
        """`inputs` as tensors of the layer's float type; a list or dict of tensors entry by entry."""
        if isinstance(inputs, Mapping):
            return {name: self._as_tensors(x) for name, x in inputs.items()}
        if isinstance(inputs, list | tuple) and any(isinstance(x, Tensor) or is_array(x) for x in inputs):
            return [self._as_tensors(x) for x in inputs]
        try:
            x = inputs if isinstance(inputs, Tensor) else Tensor(inputs)
        except (TypeError, ValueError) as error:
            raise no_numbers(self, inputs, error) from None
        if self.autocast and x.data.dtype != self.dtype and x.data.dtype.kind != "c":
            converted = x.astype(self.dtype)
            converted.mask = x.mask
            return converted
        return x

    # --- configuration --------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain data: each is kept on the layer under its own name.

        Raises:
            ValueError: one is not, so that its value is not known any more.
        """
        names = constructor_arguments(type(self), Layer)
        if type(self).get_config is not Layer.get_config:  # which adds what is kept under another name
            names = tuple(name for name in names if hasattr(self, name))
        for name in names:
            if not hasattr(self, name):
                raise ValueError(
                    say(
                        f"{self} does not keep its argument {name!r}, so get_config() cannot tell its value. "
                        f"Write self.{name} = {name} in __init__, or define get_config()."
                    )
                )
        return {name: plain(getattr(self, name)) for name in names}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Layer":
        """A new layer with the arguments that `get_config` gave."""
        return cls(**{key: _layer_as_activation(key, value) for key, value in config.items()})

    def __str__(self) -> str:
        return f"{self.name} ({type(self).__name__})"

    def __repr__(self) -> str:
        name = self.__dict__.get("name", "?")  # an __init__ of the user's may not have come to it
        return f"<{type(self).__name__} name={name}, built={getattr(self, 'built', False)}>"


def _layer_as_activation(key: str, value: Any) -> Any:
    """A described layer in the place of an activation is made here, since activations do not know layers."""
    described = isinstance(value, Mapping) and key.endswith("activation") and value.get("class_name") in KNOWN
    return layer_from(value) if described else value


_building = threading.RLock()


def _all_or_nothing(build: Callable[..., None]) -> Callable[..., None]:
    """`build` that happens once, checks the shape, and takes the weights back when it fails half-way."""

    @functools.wraps(build)
    def wrapped(self: Layer, input_shape: Any = None) -> None:
        self._track()
        if input_shape is None:
            if self.built:
                return
            raise ValueError(
                say(f"{self} expects input_shape, such as build((None, 4)), or an Input in front.")
            )
        shape = _normal_shape(input_shape)
        if self.input_spec is not None:
            self.input_spec.check(self, shape)
        with _building:  # several threads may call a new layer at once
            if self.built:
                return
            restore = snapshot(self)
            try:
                build(self, shape)
            except BaseException:
                restore()
                raise
            self.built, self._built_for = True, shape

    return wrapped


Layer.build = _all_or_nothing(Layer.build)  # type: ignore[method-assign]


def _normal_shape(shape: Any) -> Any:
    """A shape as a tuple; a structure of shapes stays what it is."""
    return tuple(shape) if is_shape(shape) or isinstance(shape, tuple) else shape


def _shape_of(inputs: Any, without_batch: bool = False) -> Any:
    return mapped(lambda x: (None, *x.shape[1:]) if without_batch and x.ndim else tuple(x.shape), inputs)


def _place(parameters: Mapping[str, inspect.Parameter], name: str) -> float:
    """How many positional arguments behind the input it takes to fill the parameter `name`; 0 where it is missing."""
    if name not in parameters:
        return 0
    return (
        math.inf if parameters[name].kind is inspect.Parameter.KEYWORD_ONLY else list(parameters).index(name)
    )
