"""Optimizer: what all update rules have in common.

A rule is a plain function: weights, gradients and state in, new weights and new state out, element by
element. It runs on flat arrays, all variables of one dtype end to end (see `minidl.variable.FlatWeights`), so
one pass updates a whole model. One step is, in Keras's order,

    clip the gradients -> weight decay -> the rule -> constraints

and then everything is committed at once. Whatever fails before that leaves weights and state as they were.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.optimizers.arguments import refuse_unknown
from minidl.optimizers.arithmetic import decayed
from minidl.optimizers.clipping import clip_by_global_norm, clip_by_norm
from minidl.optimizers.schedules import LearningRateSchedule
from minidl.optimizers.schedules import deserialize as deserialize_schedule
from minidl.optimizers.schedules import serialize as serialize_schedule
from minidl.optimizers.state import State
from minidl.tensor import as_array
from minidl.utils.checks import number
from minidl.utils.interrupts import postponed_interrupt
from minidl.utils.naming import unique_name
from minidl.variable import FlatGroup, FlatWeights, Variable

__all__ = ["Optimizer"]


class Optimizer(ABC):
    """The base of all optimizers. A new one defines `update`, and `slots` if its rule remembers something.

    Args:
        learning_rate: size of the steps, a number >= 0 or a `schedules.LearningRateSchedule`.
        weight_decay: before each update, w -= w · weight_decay · learning_rate on all variables, biases
            included (see `exclude_from_weight_decay`); None for none.
        clipnorm: largest norm of each variable's gradient.
        clipvalue: largest magnitude of each element of a gradient.
        global_clipnorm: largest norm of all gradients together. At most one of the three clips may be set.
        name: by default "adam", "adam_1" ...
        unknown: refused, unless it is an argument of Keras at its default (`use_ema=False`).

    Raises:
        TypeError, ValueError: an argument is no number or out of range.

    >>> class SignDescent(Optimizer):
    ...     def update(self, w, g, slots, *, learning_rate, step, weight_decay):
    ...         return (w - learning_rate * np.sign(g),)
    >>> w = Variable([1.0, 2.0])
    >>> SignDescent(learning_rate=0.5).apply_gradients([([3.0, -4.0], w)])
    1
    >>> w.numpy()
    array([0.5, 2.5], dtype=float32)
    """

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
        **unknown: Any,
    ):
        refuse_unknown(type(self).__name__, unknown)
        clips = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        given = [f"{k}={v}" for k, v in clips.items() if v is not None]
        if len(given) > 1:
            raise ValueError(f"{type(self).__name__} expects at most one way to clip, got {', '.join(given)}.")
        self.clipnorm, self.clipvalue, self.global_clipnorm = (
            None if v is None else self._number(k, v, above=0) for k, v in clips.items()
        )
        self.weight_decay = None if weight_decay is None else self._number("weight_decay", weight_decay, minimum=0)
        self.name = unique_name(type(self).__name__) if name is None else name
        self._iterations = Variable(0, trainable=False, dtype="int64", name="iteration")
        self._rate: Variable | LearningRateSchedule = self._as_rate(learning_rate)
        self._flat: FlatWeights | None = None
        self._state: State | None = None
        self._spared: tuple[frozenset[int], tuple[str, ...]] = (frozenset(), ())  # from weight decay

    # --- the rule, defined by each optimizer ----------------------------------------------------------------

    def slots(self) -> Sequence[Mapping[str, float]]:
        """What the rule remembers for each weight: name -> first value.

        In blocks, as Keras stores them: within a block variable by variable, one block after the other.
        """
        return ()

    @abstractmethod
    def update(
        self, w: Array, g: Array, slots: tuple[Array, ...], *, learning_rate: float, step: int, weight_decay: float
    ) -> tuple[Array, ...]:
        """The rule on flat arrays: (new w, *new slots).

        New arrays leave the old ones untouched; a kernel may work in place and return what it was given.

        Args:
            w, g, slots: weights, gradients and state, arrays of one length and dtype.
            learning_rate: of this step.
            step: 1 for the first.
            weight_decay: 0 for none.
        """

    # --- variables and state --------------------------------------------------------------------------------

    def build(self, variables: Iterable[Variable]) -> None:
        """Take charge of these variables: move them into flat arrays, and make the state.

        Again with the same variables it does nothing, but for bringing home those that another model has moved.

        Raises:
            TypeError: not all are variables of floats.
            ValueError: one of them is there twice, or this optimizer has other variables already.
        """
        variables = list(variables)
        if self._flat is not None:
            if [id(v) for v in variables] != [id(v) for v in self._flat.variables]:
                raise ValueError(
                    f"{self.name} was built for {len(self._flat.variables)} other variables and keeps state for "
                    f"them. Make a new one: {type(self).__name__}.from_config(optimizer.get_config())."
                )
            self.rehome()
            return
        for v in variables:
            if not isinstance(v, Variable) or v.dtype.kind != "f":
                raise TypeError(f"{self.name} trains variables of floats, got {type(v).__name__} {v!r:.80}.")
        if len({id(v) for v in variables}) < len(variables):
            raise ValueError(f"{self.name} got a variable twice. Give it each variable once.")
        self._flat = FlatWeights(variables)
        self._state = State(self._flat, self.slots())

    @property
    def built(self) -> bool:
        """Whether `build` was called."""
        return self._flat is not None

    @property
    def flat(self) -> FlatWeights:
        """The flat arrays of weights and gradients.

        Raises:
            ValueError: there are none before `build`.
        """
        if self._flat is None:
            raise ValueError(f"{self.name} has no variables yet. Call optimizer.build(variables) first.")
        return self._flat

    def rehome(self) -> None:
        """Bring back variables that another optimizer has moved to its own flat arrays.

        Values, gradients that wait for a step, and state stay as they are.
        """
        if self.flat.holds(self.flat.variables):
            return
        variables, gradients = self.flat.variables, [v.grad for v in self.flat.variables]
        self._flat = FlatWeights(variables)
        for variable, gradient in zip(variables, gradients, strict=True):
            if gradient is not None:
                variable._receive(gradient)

    def reset(self) -> None:
        """Forget variables, state and iterations. The learning rate stays."""
        self._flat = self._state = None
        self._iterations.assign(0)

    @property
    def variables(self) -> list[Variable]:
        """All state in Keras's order: iterations, learning rate (unless it is a schedule), slots.

        They are the state itself: `assign` changes it.
        """
        rate = [self._rate] if isinstance(self._rate, Variable) else []
        return [self._iterations, *rate, *(self._state.variables if self._state else [])]

    @property
    def iterations(self) -> Variable:
        """The number of steps taken so far."""
        return self._iterations

    # --- the learning rate ----------------------------------------------------------------------------------

    @property
    def learning_rate(self) -> float:
        """The rate of the next step; assign a number or a new schedule to change it."""
        if isinstance(self._rate, Variable):
            return float(self._rate)
        step = int(self._iterations)
        rate = float(self._rate(step))
        if not 0 <= rate < math.inf:
            raise ValueError(f"{self.name}: {type(self._rate).__name__} gave the learning rate {rate} at step {step}.")
        return rate

    @learning_rate.setter
    def learning_rate(self, value: float | LearningRateSchedule) -> None:
        if not isinstance(self._rate, Variable) and not isinstance(value, LearningRateSchedule):
            raise TypeError(
                f"The learning rate of {self.name} follows {type(self._rate).__name__} and cannot be set to a number. "
                f"Make the optimizer with a number, {type(self).__name__}(learning_rate=0.01), or assign a schedule."
            )
        self._rate = self._as_rate(value)

    def _as_rate(self, value: Any) -> Variable | LearningRateSchedule:
        if isinstance(value, LearningRateSchedule):
            return value
        if callable(value) or isinstance(value, str):
            raise TypeError(
                f"{type(self).__name__} expects learning_rate to be a number or a LearningRateSchedule, got "
                f"{value!r:.60}. Derive your function's class from optimizers.schedules.LearningRateSchedule."
            )
        rate = self._number("learning_rate", value, minimum=0)
        return Variable(np.float64(rate), trainable=False, name="learning_rate")

    # --- one step -------------------------------------------------------------------------------------------

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> Variable:
        """One step with these pairs (gradient, variable); returns `iterations`. See `apply`."""
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self.iterations

    def apply(self, grads: Iterable[Any], trainable_variables: Iterable[Variable] | None = None) -> None:
        """One step with gradients of your own.

        Args:
            grads: one gradient for each variable, of its shape. A variable whose gradient is None, or that is not
                named, keeps its value and its state.
            trainable_variables: the variables; those of `build` if None. The first call builds.

        Raises:
            ValueError: numbers or shapes differ, a variable is not known here, or all gradients are None.
        """
        grads = list(grads)
        variables = self.flat.variables if trainable_variables is None else list(trainable_variables)
        if len(grads) != len(variables):
            raise ValueError(f"{self.name} got {len(grads)} gradients for {len(variables)} variables.")
        if not self.built:
            self.build(variables)
        known = {id(v) for v in self.flat.variables}
        arrays = []
        for g, v in zip(grads, variables, strict=True):
            if id(v) not in known:
                raise ValueError(
                    f"{self.name} was not built for the variable {v.path}. Make a new optimizer for a new set of variables."
                )
            # A copy, because the gradient may lie in the flat array itself, at the place of another variable.
            array = None if g is None else np.array(as_array(g), dtype=v.dtype)
            if array is not None and array.shape != v.shape:
                raise ValueError(f"{v.path} has shape {v.shape}, got a gradient of shape {array.shape}.")
            arrays.append(array)
        self.flat.clear_gradients()
        for array, v in zip(arrays, variables, strict=True):
            if array is not None:
                v._receive(array)
        with postponed_interrupt():
            self.step()

    def step(self) -> None:
        """Update all variables from the gradients that `backward` has left in the flat arrays.

        A variable without a gradient keeps its value and its state. Before the next `backward`, call
        `optimizer.flat.clear_gradients()`.

        Raises:
            ValueError: no variable has a gradient, the schedule gave no learning rate, or a constraint failed.
        """
