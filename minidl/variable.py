"""Variable: a tensor that stays, the weight of a layer or the state of an optimizer or metric."""

from collections.abc import Sequence
from operator import attrgetter, is_
from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.devices import beside, entered, on_gpu
from minidl.graph import RowGradient
from minidl.messages import say
from minidl.tensor import Tensor, as_array

__all__ = ["FlatGroup", "FlatWeights", "Variable"]

_home = attrgetter("data.base")


def _exact(value: Any) -> Array:
    """The array of `value` before Python floats are rounded to `floatx`: a float64 variable keeps 0.1."""
    return as_array(value if isinstance(value, Tensor) or on_gpu(value) else np.asarray(value))


class Variable(Tensor):
    """A named tensor whose value is changed in place, by `assign` or by an optimizer.

    Args:
        initial_value: number, list or array; copied.
        trainable: whether it takes part in training. Only then, and if it holds floats, it has gradients.
        dtype: type to convert to; by default that of the value.
        name: what it is called in its layer ("kernel", "bias").
        regularizer: function of the variable that gives a penalty, or None.
        constraint: function that projects a new value back to what is allowed, or None.

    >>> w = Variable([1.0, 2.0], name="kernel")
    >>> w.assign([3.0, 4.0]).numpy()
    array([3., 4.], dtype=float32)
    """

    __slots__ = ("_grad_home", "_trainable", "constraint", "name", "path", "regularizer")

    def __init__(
        self,
        initial_value: Any,
        *,
        trainable: bool = True,
        dtype: Any = None,
        name: str = "variable",
        regularizer: Any = None,
        constraint: Any = None,
    ):
        value = Tensor(initial_value).data  # numbers and lists on the current device, arrays where they are
        super().__init__(np.array(value, dtype=dtype or value.dtype, order="C", like=value))
        self.name = self.path = name
        self.regularizer = regularizer
        self.constraint = constraint
        self._grad_home: Array | None = None  # where in a flat buffer the gradient is kept
        self.trainable = trainable

    @property
    def trainable(self) -> bool:
        """Whether it takes part in training."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        self.requires_grad = self._keeps_grad = self._trainable and self.dtype.kind == "f"

    @property
    def value(self) -> "Variable":
        """The variable itself, which is a tensor; for code written for Keras."""
        return self

    def assign(self, value: Any) -> "Variable":
        """Take on a new value of the same shape; not between a forward and its backward, which needs the old one.

        Raises:
            ValueError: the shape differs. The old value is kept.
        """
        array = _exact(value)
        if array.shape != self.shape:
            raise ValueError(
                say(f"{self.path} has shape {self.shape}, cannot assign a value of shape {array.shape}.")
            )
        with entered(self.data):
            self.data[...] = beside(array, self.data)
        return self

    def assign_add(self, value: Any) -> "Variable":
        """Add `value` in place."""
        with entered(self.data):
            return self.assign(self.data + beside(_exact(value), self.data))

    def assign_sub(self, value: Any) -> "Variable":
        """Subtract `value` in place."""
        with entered(self.data):
            return self.assign(self.data - beside(_exact(value), self.data))

    def _receive(self, gradient: Any) -> None:
        if self._grad_home is None:
            super()._receive(gradient)
        elif isinstance(gradient, RowGradient):
            if self.grad is None:
                self._grad_home[...] = 0
                self.grad = self._grad_home
            gradient.add_to(self._grad_home)
        elif self.grad is None:
            self._grad_home[...] = gradient
            self.grad = self._grad_home
        else:
            self._grad_home += gradient

    def __repr__(self) -> str:
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}, value={self.data!r}>"


class FlatGroup:
    """The variables of one dtype end to end in one array, their gradients in another of the same length.

    On a GPU each begins at a multiple of four numbers, so that kernels can fetch them by fours. Between them stand zeros,
    whose gradients are 0.
    """

    def __init__(self, variables: Sequence[Variable]):
        self.variables = list(variables)
        step = 4 if on_gpu(variables[0].data) else 1
        starts = np.cumsum([0, *(-(-v.size // step) * step for v in variables)]).tolist()
        self.slices = [slice(a, a + v.size) for a, v in zip(starts, variables, strict=False)]
        self.placed = list(zip(self.variables, self.slices, strict=True))
        self.dtype = variables[0].dtype
        self.values = np.zeros_like(variables[0].data, order="C", shape=starts[-1])
        self.gradients = np.zeros_like(self.values)
        for variable, part in self.placed:
            self.values[part] = variable.data.ravel()
            variable.data = self.values[part].reshape(variable.shape)
            variable._grad_home = self.gradients[part].reshape(variable.shape)
            variable.grad = None


class FlatWeights:
    """Moves variables into flat arrays, one pair (values, gradients) per dtype, and makes each a view.

    One pass of an optimizer, one norm for clipping, one array to save.

    >>> a, b = Variable([1.0, 2.0]), Variable([[3.0]])
    >>> flat = FlatWeights([a, b])
    >>> flat.groups[0].values *= 2
    >>> b.numpy()
    array([[6.]], dtype=float32)
    """

    def __init__(self, variables: Sequence[Variable]):
        self.variables = list(variables)
        dtypes = dict.fromkeys(v.dtype for v in self.variables)
        self.groups = [FlatGroup([v for v in self.variables if v.dtype == dtype]) for dtype in dtypes]
        self._homes = {id(group.values) for group in self.groups}

    def holds(self, variables: Sequence[Variable]) -> bool:
        """Whether these, in this order, are the variables here, and none was moved elsewhere since."""
        return (
            len(variables) == len(self.variables)
            and all(map(is_, variables, self.variables))
            and self._homes.issuperset(map(id, map(_home, variables)))
        )

    def clear_gradients(self) -> None:
        """Forget the gradients of the last step."""
        for variable in self.variables:
            variable.grad = None

    def complete_gradients(self) -> None:
        """Put 0 where no gradient arrived, so that the flat array is that of this step throughout."""
        for variable in self.variables:
            if variable.grad is None:
                variable._grad_home[...] = 0  # type: ignore[index]
