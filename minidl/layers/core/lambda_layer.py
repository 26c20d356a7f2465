"""Lambda: a function as a layer, for a step that has no weights and is not worth a class.

    y = function(x, **arguments)          dx: by autograd, since the function is made of tensor operations

**Weights.** A Lambda has none. If its function uses a layer or a variable from outside, gradients reach that, but the
model does not know it: unless it is in the model elsewhere, it is neither trained nor saved. What has weights of its
own is a subclass of `Layer`.

**Files.** Keras writes an anonymous function into the file as Python bytecode, which whoever loads it then runs,
whatever it does. minidl neither writes nor runs code from files. A function `def`-ined under a name is written by
that name, and found again among the `custom_objects` that the loading program passes: its own code, not the file's.
`load_model` does even that only when it is told safe_mode=False; bytecode it refuses in any case.
"""

import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from minidl.layers.arguments import plain, sizes_or_none
from minidl.layers.base import Layer
from minidl.layers.core.function_names import function_name, named_function, refuse_bytecode, written
from minidl.layers.holder import WeightHolder
from minidl.messages import say
from minidl.symbolic import is_shape, shapes_of
from minidl.tensor import Tensor, as_array
from minidl.utils.checks import data_type
from minidl.utils.nested import mapped

__all__ = ["Lambda"]


class Lambda(Layer):
    """Applies a function of your own; see above for what it cannot do.

    Args:
        function: takes the input, a tensor or a list of them, and returns a tensor or a list of them. If it has
            arguments called `mask` or `training`, it is given these too.
        output_shape: of one sample (a list of shapes for several outputs), or a function of the input's shape,
            batch included, that returns that of the output. Needed only where the function cannot be tried on zeros.
        mask: the mask of the output, or a function(inputs, mask) that returns it; None for no mask.
        arguments: further arguments of the function, by name.

    Whole numbers are handed over as they come, floats in the layer's type.

    Raises:
        TypeError: `function` is no function, or takes other arguments.

    >>> square = Lambda(lambda x: x**2)
    >>> square([[2.0, 3.0]]).numpy()
    array([[4., 9.]], dtype=float32)
    >>> def power(x, exponent):
    ...     return x**exponent
    >>> cube = Lambda(power, arguments={"exponent": 3}, name="cube")
    >>> cube.get_config()["function"], Lambda.from_config(cube.get_config(), {"power": power})
    ('power', <Lambda name=cube, built=False>)
    """

    autocast = False  # whole numbers may be ids
    function: Callable[..., Any]
    arguments: dict[str, Any]

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.dtype = data_type("Lambda", self.dtype, "f")
        _check_function(function)
        if not isinstance(arguments, Mapping | None) or not all(isinstance(n, str) for n in arguments or ()):
            raise TypeError(
                say(
                    f"Lambda expects arguments to be a dict of the function's arguments by name, got {arguments!r:.80}."
                )
            )
        # Not by setattr, which looks for weights: a Lambda has none.
        self.__dict__.update(function=function, arguments=dict(arguments or {}))
        self._wants = self._wanted_of_call()
        self.output_shape = output_shape if callable(output_shape) else _sample_shapes(output_shape)
        self.mask = mask if mask is None or callable(mask) else as_array(mask).astype(bool)
        self.supports_masking = mask is not None

    def _wanted_of_call(self) -> tuple[str, ...]:
        """Which of `mask` and `training` the function takes, once it is sure that it can be called at all."""
        try:
            signature = inspect.signature(self.function)
        except (TypeError, ValueError):  # some functions written in C do not tell
            return ()
        wants = tuple(name for name in ("mask", "training") if name in signature.parameters)
        try:
            signature.bind(None, **{**self.arguments, **dict.fromkeys(wants)})
        except TypeError as error:
            raise TypeError(
                say(
                    f"{self} expects a function of one input, called as function(inputs, **arguments) with arguments "
                    f"{list(self.arguments)}, got one that takes {signature!s:.80}: {error}. Several inputs come as a list."
                )
            ) from None
        return wants

    def call(self, inputs: Any, mask: Any = None, training: bool = False) -> Any:
        of_call = {"mask": mask, "training": training}
        wanted = {name: of_call[name] for name in self._wants}
        floats = mapped(self._in_layers_type, inputs)
        return mapped(self._tensor, self.function(floats, **{**self.arguments, **wanted}))

    def _in_layers_type(self, x: Tensor) -> Tensor:
        return x.astype(self.dtype) if x.dtype.kind == "f" and x.dtype != self.dtype else x

    def _tensor(self, y: Any) -> Tensor:
        if isinstance(y, Tensor):
            return y
        if isinstance(y, int | float | np.ndarray | np.generic):
            return Tensor(y)
        mend = " Does it end with return?" if y is None else ""
        raise TypeError(
            say(f"{self} expects a function that returns tensors, got {type(y).__name__} from it.{mend}")
        )

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """What the argument `mask` says, or, if that is a function, returns."""
        return self.mask(inputs, previous_mask) if callable(self.mask) else self.mask

    def compute_output_shape(self, input_shape: Any) -> Any:
        if self.output_shape is None:
            return super().compute_output_shape(input_shape)
        if callable(self.output_shape):
            shape = self.output_shape(input_shape)
            return tuple(shape) if is_shape(shape) else [tuple(s) for s in shape]
        batch = (input_shape[0] if is_shape(input_shape) else input_shape[0][0],)
        if is_shape(self.output_shape):
            return (*batch, *self.output_shape)
        return [(*batch, *sample) for sample in self.output_shape]

    def _symbolic_output(self, args: tuple[Any, ...], kwargs: dict[str, Any], kind: Any = None) -> Any:
        if self.output_shape is not None:
            return super()._symbolic_output(args, kwargs, kind)
        with self._trying(shapes_of(args[0])):
            return super()._symbolic_output(args, kwargs, Layer)

    @contextmanager
    def _trying(self, input_shape: Any) -> Iterator[None]:
        """Around the function's run on zeros, where it may well fail or divide by 0."""
        try:
            with np.errstate(all="ignore"):
                yield
        except Exception as error:
            raise ValueError(
                say(
                    f"{self} tried its function on zeros of shape {input_shape!s:.60} to find the shape of its output. If "
                    "the function is right, give output_shape=, the shape of one sample. "
                    f"{type(error).__name__}: {textwrap.shorten(str(error), 110, placeholder=' ...')}"
                )
            ) from error

    def _again(self) -> "Lambda":
        """An equal layer within this program, where functions need no names."""
        names = (
            "function",
            "output_shape",
            "mask",
            "arguments",
            "name",
            "trainable",
            "dtype",
            "activity_regularizer",
        )
        return type(self)(**{name: getattr(self, name) for name in names})

    def get_config(self) -> dict[str, Any]:
        """The arguments as plain data, functions by their names.

        Raises:
            TypeError: a function has no name to find it by, or an argument is no plain data.
        """
        config = {name: getattr(self, name) for name in ("name", "trainable", "dtype")}
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = plain(self.activity_regularizer)
        config["function"] = function_name(self, "function", self.function)
        for name in ("output_shape", "mask"):
            value = getattr(self, name)
            if value is not None:
                config[name] = (
                    function_name(self, name, value) if callable(value) else written(self, name, value)
                )
        return {**config, "arguments": written(self, "arguments", self.arguments)}

    @classmethod
    def from_config(
        cls,
        config: Mapping[str, Any],
        custom_objects: Mapping[str, Any] | None = None,
        safe_mode: bool | None = None,
    ) -> "Lambda":
        """A new layer from `get_config`, or from what Keras wrote if it names its functions.

        Args:
            config: the arguments, functions by name.
            custom_objects: your functions by these names.
            safe_mode: Keras's switch. Here it changes nothing: bytecode is refused either way.

        Raises:
            ValueError: a function is there as bytecode, or its name is not in `custom_objects`.
        """
        known = dict(config)
        refuse_bytecode(known, safe_mode)
        for name in ("module", "function_type", "output_shape_type", "output_shape_module"):
            known.pop(name, None)  # how Keras 2 told names from bytecode
        for name in ("function", "output_shape", "mask"):
            known[name] = named_function(str(known.get("name")), name, known.get(name), custom_objects)
        return cls(**known)


def _check_function(function: Any) -> None:
    if not callable(function):
        mend = (
            f" An activation by its name: Activation({function!r:.30})." if isinstance(function, str) else ""
        )
        raise TypeError(say(f"Lambda expects function to be a function, got {function!r:.80}.{mend}"))
    if isinstance(function, WeightHolder) or isinstance(getattr(function, "__self__", None), WeightHolder):
        raise TypeError(
            say(
                f"Lambda expects function to be a function without weights, got {function!r:.100}. "
                "Put the layer itself into the model, so that its weights are trained and saved."
            )
        )


def _sample_shapes(given: Any) -> Any:
    """The argument `output_shape`, one shape or a list of them."""
    if given is None or not isinstance(given, list | tuple) or is_shape(given):
        return None if given is None else sizes_or_none("Lambda", "output_shape", given)
    return [sizes_or_none("Lambda", "output_shape", shape) for shape in given]
