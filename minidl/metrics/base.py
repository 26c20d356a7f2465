"""Metrics: numbers about a model that people read, added up over the batches of an epoch.

A loss is made for the optimizer: smooth, one number per batch. A metric is made for people, it needs no
gradient, and it must be right for the *whole* data set although it only ever sees a batch. That is why a
metric has a state and three verbs:

    update_state(y_true, y_pred)   take in one batch
    result()                       the value over everything since the last reset
    reset_state()                  forget; done at the start of every epoch

Most metrics are means, and their state is two numbers, a total and a count. The mean of batch means would be
wrong as soon as the last batch is shorter. Precision or AUC are no means at all: they count first and divide
at the end, so their state is counts. Every state is float64: adding a million float32 numbers to a float32
total loses digits.

>>> mean = Mean()
>>> mean.update_state([1.0, 2.0, 3.0])
>>> mean.update_state([10.0])
>>> mean.result()
4.0
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from minidl import config, cuda
from minidl.backend import Array
from minidl.devices import beside
from minidl.messages import say
from minidl.metrics.inputs import spread_weights, to_array
from minidl.tensor import no_grad
from minidl.utils.checks import data_type, text
from minidl.utils.keywords import KnownArguments, check_takes
from minidl.utils.naming import snake_case
from minidl.utils.registry import lookup, serialize_object
from minidl.variable import Variable

__all__ = ["Mean", "MeanMetricWrapper", "Metric", "Sum"]

_INITIAL: dict[str, Callable[..., Array]] = {"zeros": np.zeros, "ones": np.ones}


class Metric(KnownArguments):
    """Base of all metrics. A metric of your own defines `__init__`, `update_state` and `result`.

    Args:
        dtype: taken for Keras's sake and kept in the config. Metrics always add up in float64.
        name: key in the history and in `evaluate(return_dict=True)`; by default the class name in snake case.

    Raises:
        TypeError, ValueError: `dtype` is no float type, or `name` no name.

    `direction` says which way is better, "up" or "down" (None: unknown): what mode="auto" of a callback asks.

    >>> class Largest(Metric):
    ...     def __init__(self, name=None):
    ...         super().__init__(name=name)
    ...         self.largest = self.add_variable(name="largest")
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.largest.assign(np.maximum(self.largest.numpy(), np.max(y_pred)))
    ...     def result(self):
    ...         return float(self.largest)
    >>> Largest()([0, 0], [3.0, 5.0])
    5.0
    """

    direction: str | None = None

    def __init__(self, dtype: Any = None, name: str | None = None):
        owner = type(self).__name__
        self.dtype = config.floatx() if dtype is None else data_type(owner, dtype, "f")
        self.name = snake_case(owner) if name is None else text(owner, "name", name)
        self._variables: list[Variable] = []

    def add_variable(
        self, shape: Any = (), initializer: Any = "zeros", dtype: Any = None, name: str | None = None
    ) -> Variable:
        """A new piece of state, float64 unless told otherwise. `reset_state` sets it to 0.

        Args:
            shape: its shape.
            initializer: "zeros", "ones" or a function of the shape.
            dtype: its type.
            name: its name.

        Raises:
            RuntimeError: `super().__init__()` was forgotten.
        """
        if not hasattr(self, "_variables"):
            raise RuntimeError(say(f"{type(self).__name__}.__init__ must call super().__init__() first."))
        if not callable(initializer):
            initializer = lookup("initializer of a metric", _INITIAL, initializer or "zeros")
        value = np.asarray(initializer(shape), dtype=dtype or np.float64)
        variable = Variable(value, trainable=False, name=name or "variable")
        self._variables.append(variable)
        return variable

    add_weight = add_variable

    @property
    def variables(self) -> list[Variable]:
        """The state: that of this metric, then that of metrics it holds as attributes."""
        inner = [m for m in vars(self).values() if isinstance(m, Metric)]
        return self._variables + [v for metric in inner for v in metric.variables]

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Take in a batch."""
        raise NotImplementedError(
            say(f"{type(self).__name__} must define update_state(y_true, y_pred, ...).")
        )

    def result(self) -> Any:
        """The value over all batches since the last reset."""
        raise NotImplementedError(say(f"{type(self).__name__} must define result()."))

    def reset_state(self) -> None:
        """Forget all batches."""
        for variable in self.variables:
            variable.data[...] = 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Take in a batch and return the value so far."""
        self.update_state(*args, **kwargs)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this metric again, ready for JSON."""
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Metric":
        """The metric that `get_config` described, with an empty state."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def brought_together(states: Sequence[Variable], amounts: Sequence[Any]) -> list[Any]:
    """The amounts of a batch, and the states they change, at one place: on a GPU, where nobody waits at every batch.

    >>> brought_together([Variable(0.0)], [2.0])
    [2.0]
    """
    for state in states:
        state.data = beside(state.data, amounts[0])
    return [beside(a, states[0].data) if isinstance(a, np.ndarray) else a for a in amounts]


def add_up(states: Sequence[Variable], amounts: Sequence[Any]) -> None:
    """Add what a batch counts to the states.

    >>> total = Variable(1.0)
    >>> add_up([total], [2.0])
    >>> float(total)
    3.0
    """
    if cuda.possible():
        amounts = brought_together(states, amounts)
    for state, amount in zip(states, amounts, strict=True):
        state.data += amount


class Sum(Metric):
    """The sum of all values: Σ_i w_i·v_i.

    Args:
        name: key in the history.
        dtype: see `Metric`.

    >>> Sum()([1, 3, 5, 7], sample_weight=[1, 1, 0, 0])
    4.0
    """

    def __init__(self, name: str = "sum", dtype: Any = None):
        super().__init__(dtype, name)
        self.total = self.add_variable(name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add `values` of any shape; for `sample_weight` see `minidl.metrics.inputs.spread_weights`."""
        values = to_array(values)
        if sample_weight is not None:
            values = values * spread_weights(sample_weight, values.shape)
        add_up([self.total], [values.sum(dtype=np.float64)])

    def result(self) -> float:
        return float(self.total.data)


class Mean(Metric):
    """The weighted mean over samples: Σ_n w_n·v_n / Σ_n w_n, and 0 before the first sample.

    Args:
        name: key in the history.
        dtype: see `Metric`.

    >>> mean = Mean()
    >>> mean.update_state([1, 3, 5, 7], sample_weight=[1, 1, 0, 0])
    >>> mean.result()
    2.0
    """

    def __init__(self, name: str = "mean", dtype: Any = None):
        super().__init__(dtype, name)
        self.total = self.add_variable(name="total")
        self.count = self.add_variable(name="count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Take in values (N, ...): each of the N samples counts once, with the mean of its values.

        Args:
            values: (N, ...), or one number, which counts as one sample.
            sample_weight: one weight per sample, (N,), or per value; see
                `minidl.metrics.inputs.spread_weights`. One number for `values` and one weight count as that
                many samples.
        """
        values = to_array(values)
        if sample_weight is None:
            count: Any = len(values) if values.ndim else 1
            total = values.sum(dtype=np.float64)
        else:
            sample_weight = to_array(sample_weight)
            if values.ndim == 0 < sample_weight.ndim:
                values = np.broadcast_to(values, sample_weight.shape)
            weights = spread_weights(sample_weight, values.shape)
            count, total = weights.sum(), np.sum(values * weights)
        if values.ndim > 1 and values.size:
            per_sample = values.size / len(values)
            total = total / per_sample
            if sample_weight is not None:
                count = count / per_sample
        add_up([self.total, self.count], [total, count])

    def result(self) -> float:
        count = float(self.count.data)
        return float(self.total.data) / count if count else 0.0


class MeanMetricWrapper(Mean):
    """The mean of a function of targets and predictions; what a function in `metrics=[...]` becomes.

    Args:
        fn: `fn(y_true, y_pred, **kwargs)` of two arrays. It may use NumPy, `minidl.ops` or tensors, and
            returns one value per sample, (N,) or (N, ...), or one number per batch. The mean of one number
            per batch is a mean over *batches*: right for an error of equal batches, not for an R².
        name: key in the history; by default the function's name in snake case.
        dtype: see `Metric`.
        **kwargs: passed on to `fn`.

    Raises:
        TypeError: `fn` is no function.

    >>> def within_one(y_true, y_pred):
    ...     return abs(y_true - y_pred) <= 1
    >>> MeanMetricWrapper(within_one)([1.0, 2.0], [1.5, 4.0])
    0.5
    """

    def __init__(self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any):
        if not callable(fn):
            raise TypeError(say(f"MeanMetricWrapper expects fn(y_true, y_pred), got {fn!r:.80}."))
        check_takes("The metric", fn, "y_true", "y_pred", **kwargs)
        own = snake_case(getattr(fn, "__name__", type(fn).__name__).strip("<>"))
        super().__init__(own if name is None else name, dtype)
        self._fn = fn
        self._kwargs = kwargs
        if str(getattr(fn, "__module__", "")).startswith("minidl.losses"):
            self.direction = "down"

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        """Take in a batch; for `sample_weight` see `Mean.update_state`."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"), no_grad():
            values = self._fn(to_array(y_true), to_array(y_pred), **self._kwargs)
        if values is None:
            raise TypeError(
                say(f"The metric {self.name} returned None. Does its function end with a return?")
            )
        super().update_state(values, sample_weight)

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), **self._kwargs}
        return {**config, "fn": serialize_object(self._fn)} if type(self) is MeanMetricWrapper else config
