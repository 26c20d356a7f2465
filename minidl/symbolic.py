"""A tensor without numbers, and the graph that layers called on such tensors leave behind.

    x = Input(shape=(4,))       SymbolicTensor (None, 4), made by a Call of an InputLayer
    y = Dense(3)(x)             SymbolicTensor (None, 3), made by a Call of the Dense, whose input is x

A Call is one use of a layer; a layer that is used twice has two. So the layers stay what they are, and `Model(x, y)`
finds its way back from y to x by asking each tensor for the Call that made it.

Operators, NumPy functions and `minidl.ops` work on symbolic tensors too: `x + y` is a Call of an `Operation`.
"""

from collections.abc import Callable, Sequence
from typing import Any

from minidl.messages import say
from minidl.utils.nested import flatten, mapped

__all__ = [
    "Call",
    "Shape",
    "SymbolicTensor",
    "is_shape",
    "is_symbolic",
    "lays_out",
    "on_symbolic",
    "shapes_of",
]

Shape = tuple[int | None, ...]


class Call:
    """One use of a layer on symbolic tensors.

    Args:
        layer: what was called.
        args, kwargs: with what; symbolic tensors stand anywhere in them.

    `inputs` are the symbolic tensors among the arguments, `output` what the call returned and `outputs` the tensors
    in that; `number` says how many calls of the layer came before.
    """

    def __init__(self, layer: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None):
        self.layer, self.args, self.kwargs = layer, args, kwargs or {}
        self.inputs = [x for x in flatten([args, self.kwargs]) if isinstance(x, SymbolicTensor)]
        self.number = len(layer._calls)
        self.output: Any = None
        self.outputs: list[SymbolicTensor] = []

    def give(self, output: Any) -> Any:
        """Note what the call returns, a structure of symbolic tensors, and that the layer was called."""
        self.output, self.outputs = output, flatten(output)
        for i, y in enumerate(self.outputs):
            y.call, y.index = self, i
        self.layer._calls.append(self)
        return output

    def __repr__(self) -> str:
        return f"<Call {self.number} of {self.layer}>"


class SymbolicTensor:
    """The shape and type of data to come; None in the shape stands for any size.

    >>> SymbolicTensor((None, 28, 28, 1)).shape
    (None, 28, 28, 1)
    """

    call: Call | None = None  # what made it
    index = 0  # which of the outputs of that call it is

    def __init__(self, shape: Sequence[int | None], dtype: str = "float32", name: str | None = None):
        self.shape: Shape = tuple(shape)
        self.dtype = dtype
        self.name = name

    @property
    def maker(self) -> Any:
        """The layer whose output this is; None if it was made by hand."""
        return None if self.call is None else self.call.layer

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __len__(self) -> int:
        raise TypeError(say(f"{self!r} has no length yet: its batch axis is {self.shape[:1]}. Use x.shape."))

    def __iter__(self) -> Any:
        raise TypeError(say(f"{self!r} cannot be looped over: its rows are data to come."))

    def __bool__(self) -> bool:
        raise TypeError(
            say(f"{self!r} is neither true nor false: it holds no numbers. Use minidl.ops.where.")
        )

    def __repr__(self) -> str:
        return f"<SymbolicTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(
            say(
                f"{self!r} holds no numbers: it only describes data to come. Use layers on it, "
                "or call the model on real data."
            )
        )

    __float__ = __int__ = __array__

    # --- operators and NumPy functions: each lays out an Operation ---------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return on_symbolic(ufunc.__name__, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return on_symbolic(function.__name__, args, kwargs)

    def __neg__(self) -> Any:
        return on_symbolic("negative", (self,))

    def __abs__(self) -> Any:
        return on_symbolic("absolute", (self,))

    def __invert__(self) -> Any:
        return on_symbolic("logical_not", (self,))

    def __getitem__(self, index: Any) -> Any:
        return on_symbolic("get_item", (self, index))

    def reshape(self, *shape: Any) -> Any:
        """The elements in another shape, batch axis included."""
        return on_symbolic("reshape", (self, shape[0] if len(shape) == 1 else shape))

    def __getattr__(self, name: str) -> Any:
        mend = "" if name.startswith("_") else f" Try minidl.ops.{name}(x), or a layer."
        raise AttributeError(say(f"A symbolic tensor has no {name!r}.{mend}"))


def _define_operators() -> None:
    names = {
        "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "pow": "power", "mod": "mod",
        "floordiv": "floor_divide", "matmul": "matmul", "and": "logical_and", "or": "logical_or", "xor": "logical_xor",
    }  # fmt: skip
    comparisons = {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal"}
    for sign, name in (names | comparisons).items():
        setattr(SymbolicTensor, f"__{sign}__", lambda a, b, name=name: on_symbolic(name, (a, b)))
    for sign, name in names.items():
        setattr(SymbolicTensor, f"__r{sign}__", lambda a, b, name=name: on_symbolic(name, (b, a)))


_define_operators()
_lay_out: list[Callable[..., Any]] = []  # one function, put here by `lays_out`


def lays_out(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: the function below lays operations out, f(name, args, kwargs). It lives where layers are known."""
    _lay_out[:] = [function]
    return function


def on_symbolic(name: str, args: Sequence[Any], kwargs: dict[str, Any] | None = None) -> Any:
    """Lay out the function `name` of `minidl.ops` on arguments among which there are symbolic tensors."""
    return _lay_out[0](name, tuple(args), kwargs or {})


def is_symbolic(*structures: Any) -> bool:
    """Whether there is a symbolic tensor in the structures.

    >>> is_symbolic([1, {"x": SymbolicTensor((None, 4))}]), is_symbolic([1, 2])
    (True, False)
    """
    return any(
        isinstance(s, SymbolicTensor)
        or (isinstance(s, list | tuple) and is_symbolic(*s))
        or (isinstance(s, dict) and is_symbolic(*s.values()))
        for s in structures
    )


def is_shape(structure: Any) -> bool:
    """Whether this is a shape, and not a structure of shapes.

    >>> is_shape((None, 4)), is_shape([(None, 4), (None, 2)])
    (True, False)
    """
    return isinstance(structure, list | tuple) and all(
        n is None or hasattr(n, "__index__") for n in structure
    )


def shapes_of(structure: Any) -> Any:
    """The shapes of a structure of tensors, in the same structure."""
    return mapped(lambda x: tuple(x.shape), structure)
