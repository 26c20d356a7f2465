"""Operation: a function of `minidl.ops` as a layer, so that `x + y` and `ops.exp(x)` can stand in a graph."""

from collections.abc import Callable
from typing import Any

from minidl import ops
from minidl.layers.base import Layer
from minidl.layers.laying_out import run_on_zeros, symbolic_tensors
from minidl.layers.masks import warn_dropped
from minidl.messages import say
from minidl.symbolic import Call, is_symbolic, lays_out
from minidl.tensor import Tensor
from minidl.utils.naming import unique_name
from minidl.utils.nested import flatten
from minidl.utils.registry import lookup

__all__ = ["Operation"]


def _get_item(x: Any, index: Any) -> Any:
    for part in index if isinstance(index, tuple) else (index,):
        if str(getattr(part, "dtype", "")) == "bool":
            raise ValueError(
                say(
                    "A mask cannot pick rows here: how many there are depends on the data. Use minidl.ops.where."
                )
            )
    try:
        return x[index]
    except IndexError as error:
        raise ValueError(str(error)) from None


_FUNCTIONS: dict[str, Callable[..., Any]] = {name: getattr(ops, name) for name in ops.__all__} | {
    "get_item": _get_item
}
_OTHER_NAMES = {"remainder": "mod", "astype": "cast"}  # NumPy's -> those of minidl.ops


class Operation(Layer):
    """Calls a function of `minidl.ops`. Operators and functions on symbolic tensors make it by themselves.

    Args:
        function: its name, such as "add".
        name: of the layer.

    Raises:
        ValueError: there is no such function.

    >>> import minidl
    >>> x = minidl.Input(shape=(3,))
    >>> y = 2 * x + 1
    >>> y.maker.function, minidl.Model(x, y)([[1.0, 2.0, 3.0]]).numpy()
    ('add', array([[3., 5., 7.]], dtype=float32))
    """

    autocast = False

    def __init__(self, function: str, name: str | None = None, **kwargs: Any):
        found = lookup("operation", _FUNCTIONS, function)
        super().__init__(name=name if name is not None else unique_name(function), **kwargs)
        self.function, self._run = function, found
        self.built = True

    @property
    def kind(self) -> str:
        """What tables call it, as Keras: "Add" for the function add."""
        return "".join(word.capitalize() for word in self.function.split("_"))

    def __call__(self, *args: Any, training: bool | None = None, mask: Any = None, **kwargs: Any) -> Any:
        """The function of these arguments, whichever of them are symbolic or not."""
        if not is_symbolic(args, kwargs):
            if any(isinstance(x, Tensor) and x.mask is not None for x in flatten([args, kwargs])):
                warn_dropped(self)
            return self._run(*args, **kwargs)
        try:
            shapes, dtypes = run_on_zeros(self._run, args, kwargs)
        except (TypeError, ValueError) as error:
            given = ", ".join(str(tuple(x.shape)) for x in flatten([args, kwargs]) if hasattr(x, "shape"))
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(
                say(
                    f"{self} does not work on shapes {given:.120}, tried with zeros where None stands: "
                    f"{str(error).rstrip():.150}"
                )
            ) from error
        return Call(self, args, kwargs).give(symbolic_tensors(self, shapes, dtypes))

    def call(self, *args: Any, **kwargs: Any) -> Any:
        return self._run(*args, **kwargs)


@lays_out
def _operation(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A new Operation of this name on arguments with symbolic tensors among them."""
    name = _OTHER_NAMES.get(name, name)
    if name not in _FUNCTIONS:  # it is no slip of the pen, so no name that comes close is meant
        raise ValueError(
            say(
                f"Unknown operation {name!r:.60}: minidl.ops has no such function, so it cannot stand between symbolic "
                "tensors. Make it of functions that minidl.ops has, in call() of a Layer of your own for example."
            )
        )
    return Operation(name)(*args, **kwargs)
