"""Optimizer: what all update rules have in common.

A rule is a plain function: weights, gradients and state in, new weights and new state out, element by
element. It runs on flat arrays, all variables of one dtype end to end (see `minidl.variable.FlatWeights`), so
that one pass updates a whole model. A step is, in Keras's order,

    clip the gradients -> weight decay -> the rule -> constraints

and only then are the results committed, all at once. Whatever fails before that leaves weights and state as
they were.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from minidl.backend import Array
from minidl.cuda import possible
from minidl.devices import beside, elsewhere, on_gpu
from minidl.messages import say
from minidl.optimizers.one_step import Step, clipped_gradients, new_values
from minidl.optimizers.settings import Settings
from minidl.optimizers.state import State
from minidl.tensor import Tensor, as_array
from minidl.utils.interrupts import postponed_interrupt
from minidl.variable import FlatWeights, Variable

__all__ = ["Optimizer"]


class Optimizer(Settings, ABC):
    """The base of all optimizers. A new one defines `update`, and `slots` if its rule remembers something.

    Args:
        learning_rate: size of the steps, a number >= 0 or a `schedules.LearningRateSchedule`.
        weight_decay: w -= w · weight_decay · learning_rate before each update, on all variables, biases
            included (see `exclude_from_weight_decay`); None for none.
        clipnorm: largest norm of the gradient of each variable.
        clipvalue: largest magnitude of each element of a gradient.
        global_clipnorm: largest norm of all gradients together. One of the three clips at most.
        name: by default "adam", "adam_1" ...
        unknown: refused, except for arguments of Keras at their defaults (`use_ema=False`).

    Raises:
        TypeError, ValueError: an argument is not known, no number, or out of range.

    >>> class SignDescent(Optimizer):
    ...     def update(self, w, g, slots, step):
    ...         return (w - step.learning_rate * np.sign(g),)
    >>> w = Variable([1.0, 2.0])
    >>> SignDescent(learning_rate=0.5).apply([[3.0, -4.0]], [w])
    >>> w.numpy()
    array([0.5, 2.5], dtype=float32)
    """

    _state: State | None = None  # with the variables; None before `build`

    captured_rate: ClassVar[Any] = None
    """The type in which `update` takes a learning rate that lies on a GPU; None if the number of the step must be known."""

    # --- the rule -------------------------------------------------------------------------------------------

    def slots(self) -> Sequence[Mapping[str, float]]:
        """What the rule remembers for each weight: name -> first value, in blocks as Keras stores them."""
        return ()

    @abstractmethod
    def update(self, w: Array, g: Array, slots: tuple[Array, ...], step: Step) -> tuple[Array, ...]:
        """The rule on flat arrays, which returns (new w, *new slots).

        New arrays leave the old ones untouched; a kernel may work in place and return what it was given.

        Args:
            w, g, slots: weights, gradients and state, arrays of one length and dtype.
            step: its number (1 for the first) and learning rate; also the weight decay, which is 0 unless this
                rule takes care of it (`decays_in_rule`).
        """

    def updates(self, w: Array, g: Array, slots: tuple[Array, ...]) -> Callable[[Step], tuple[Array, ...]]:
        """`update` for many steps on the same arrays."""
        return lambda step: self.update(w, g, slots, step)

    # --- variables and state --------------------------------------------------------------------------------

    def build(self, variables: Iterable[Variable]) -> None:
        """Take charge of these variables: move them into flat arrays and make the state.

        A second call with the same variables only brings back those that were moved elsewhere.

        Raises:
            TypeError: not all are variables of floats.
            ValueError: one is there twice, or this optimizer has other variables already.
        """
        variables = list(variables)
        if self._state is not None:
            if [id(v) for v in variables] != [id(v) for v in self.flat.variables]:
                raise ValueError(
                    say(
                        f"{self.name} was built for other variables and keeps state for them. Build a new one: "
                        f"{type(self).__name__}.from_config(optimizer.get_config())."
                    )
                )
            self.rehome()
            return
        for v in variables:
            if not isinstance(v, Variable) or v.dtype.kind != "f":
                raise TypeError(say(f"{self.name} trains variables of floats, got {v!r:.100}."))
        if len({id(v) for v in variables}) < len(variables):
            raise ValueError(say(f"{self.name} expects each variable once, got one twice."))
        self._state = State(FlatWeights(variables), self.slots())

    @property
    def built(self) -> bool:
        """Whether it has taken charge of variables."""
        return self._state is not None

    @property
    def flat(self) -> FlatWeights:
        """The flat arrays of weights and gradients.

        Raises:
            ValueError: `build` was not called yet.
        """
        return self._taken().flat

    def _taken(self) -> State:
        if self._state is None:
            raise ValueError(say(f"{self.name} has no variables yet. Call optimizer.build(variables) first."))
        return self._state

    @property
    def variables(self) -> list[Variable]:
        """All state in Keras's order: iterations, learning rate (unless it is a schedule), slots.

        They are windows on the state: `assign` changes it.
        """
        rate = [self._rate] if isinstance(self._rate, Variable) else []
        return [self._iterations, *rate, *(self._state.variables if self._state else [])]

    def rehome(self) -> None:
        """Bring back variables that another optimizer has moved into its own flat arrays.

        Their values, gradients that wait for a step, and the state stay as they are.
        """
        state, variables = self._taken(), self.flat.variables
        if not state.flat.holds(variables):
            gradients = [v.grad for v in variables]
            state.flat = FlatWeights(variables)
            self._fill(gradients, variables)

    def reset(self) -> None:
        """Let go of the variables, forget all state, and count steps from 0. The learning rate stays."""
        self._state = None
        self._iterations.assign(0)

    # --- one step -------------------------------------------------------------------------------------------

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> Variable:
        """One step from pairs (gradient, variable), as `apply`. Returns `iterations`."""
        pairs = list(grads_and_vars)
        if not all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in pairs):
            raise ValueError(
                say(
                    f"{self.name} expects pairs (gradient, variable). Pass zip(gradients, model.trainable_weights)."
                )
            )
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self.iterations

    def apply(self, grads: Iterable[Any], trainable_variables: Iterable[Variable] | None = None) -> None:
        """One step with gradients of your own.

        Args:
            grads: a gradient for each variable, of its shape. A variable whose gradient is None, or that is
                not named here, keeps its value and its state.
            trainable_variables: the variables; those of `build` if None. The first call builds.

        Raises:
            ValueError: lengths or shapes differ, a variable is unknown, or there is no gradient at all.
        """
        grads = list(grads)
        variables = self.flat.variables if trainable_variables is None else list(trainable_variables)
        if len(grads) != len(variables):
            raise ValueError(say(f"{self.name} got {len(grads)} gradients for {len(variables)} variables."))
        if possible() and (there := elsewhere([getattr(v, "data", v) for v in variables])) is not None:
            with there:
                return self.apply(grads, variables)
        if not self.built:
            self.build(variables)
        known = {id(v) for v in self.flat.variables}
        for v in variables:
            if id(v) not in known:
                raise ValueError(
                    say(
                        f"{self.name} was built for other variables, not for {getattr(v, 'path', v)!s:.80}. "
                        "Build a new optimizer for a new set of variables."
                    )
                )
        arrays = [_gradient_of(v, g) for g, v in zip(grads, variables, strict=True)]
        self.flat.clear_gradients()
        self._fill(arrays, variables)
        with postponed_interrupt():
            self.step()

    @staticmethod
    def _fill(gradients: Sequence[Array | None], variables: Sequence[Variable]) -> None:
        for gradient, variable in zip(gradients, variables, strict=True):
            if gradient is not None:
                variable._receive(gradient)

    def step(self) -> None:
        """Update the variables from the gradients that `backward` has left in the flat arrays.

        A variable without a gradient keeps its value and its state. Call `optimizer.flat.clear_gradients()`
        before the next `backward`. An exception leaves weights and state as they were; an interrupt (Ctrl-C)
        should be held back during this call.

        Raises:
            ValueError: no variable has a gradient, or a schedule or constraint gave something unusable.
        """
        if possible() and (there := elsewhere([v.data for v in self.flat.variables])) is not None:
            with there:
                return self.step()
        self.rehome()
        flat, slots_of = self.flat, self._taken().groups
        without = [v for v in flat.variables if v.grad is None]
        if without and len(without) == len(flat.variables):
            raise ValueError(
                say(
                    f"{self.name} found no gradients. Call loss.backward() on a loss that depends on the variables."
                )
            )
        if without:
            flat.complete_gradients()
        step = Step(int(self._iterations) + 1, self.learning_rate, self.weight_decay or 0.0)
        in_place = len(flat.groups) == 1
        results: list[tuple[Array, Array]] = []
        with np.errstate(all="ignore"):  # an overflow ends as inf or NaN in the weights, where it is seen
            gradients = clipped_gradients(self, flat.groups)
            for group, g, slots in zip(flat.groups, gradients, slots_of, strict=True):
                new = new_values(self.update, self, group, g, slots, step, in_place)
                results += zip((group.values, *slots), new, strict=True)
        for old, after in results:
            if after is not old:
                np.copyto(old, after, casting="unsafe")  # nothing is left here that could fail
        self._iterations.data[...] = step.number

    def step_on_device(self, number: Array, rate: Array) -> None:
        """The same where all that changes lies on a GPU: for a step that is captured (`minidl.models.captured`).

        Args:
            number: of this step, int32 (1,).
            rate: its learning rate, float64 (1,).
        """
        flat, slots_of = self.flat, self._taken().groups
        step: Any = Step(number, rate.astype(self.captured_rate, copy=False), self.weight_decay or 0.0)  # type: ignore[arg-type]
        gradients = clipped_gradients(self, flat.groups)
        for group, g, slots in zip(flat.groups, gradients, slots_of, strict=True):
            new = new_values(self.update, self, group, g, slots, step, in_place=True)
            for old, after in zip((group.values, *slots), new, strict=True):
                if after is not old:
                    np.copyto(old, after, casting="unsafe")

    def steps(self) -> Callable[[], None]:
        """`step` for many in a row, between which only gradients change, and none comes or goes.

        What a step has to find out about variables and settings is found out once. Without clipping and constraints,
        the rule is all that is left.
        """
        self.rehome()
        variables, groups = self.flat.variables, self.flat.groups
        clips = (self.clipvalue, self.clipnorm, self.global_clipnorm)
        decays = self.weight_decay and not (self.decays_in_rule and all(map(self.decays, variables)))
        special = any(v.constraint is not None or v.grad is None for v in variables)
        own = type(self).step is not Optimizer.step or "step" in vars(self)
        if own or len(groups) != 1 or decays or any(clips) or special:
            return self.step
        w, g, slots = groups[0].values, groups[0].gradients, self._taken().groups[0]
        update = self.updates(w, g, slots)

        def step() -> None:
            number = int(self._iterations) + 1
            rates = Step(number, self.learning_rate, self.weight_decay or 0.0)
            for old, after in zip((w, *slots), update(rates), strict=True):
                if after is not old:
                    np.copyto(old, after, casting="unsafe")
            self._iterations.data[...] = number

        return step


def _gradient_of(variable: Variable, gradient: Any) -> Array | None:
    """A copy of `gradient`, which may lie in the flat array itself, at the place of another variable."""
    if gradient is None:
        return None
    with np.errstate(over="ignore"):
        given = as_array(
            gradient if on_gpu(gradient) or isinstance(gradient, Variable | Tensor) else np.asarray(gradient)
        )
        array = beside(np.array(given, dtype=variable.dtype, like=given), variable.data)
    if array.shape != variable.shape:
        raise ValueError(
            say(f"{variable.path} has shape {variable.shape}, got a gradient of shape {array.shape}.")
        )
    return array
