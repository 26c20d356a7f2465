"""RecurrentCell: the weights of a recurrent layer and one step of it, (x_t, states) -> (h_t, new states).

    z = x_t W + b            the inputs' part of all gates; for a whole sequence it is one product
    states = step(z, ...)    what each cell defines: its gates, from z and h U

`sequence` runs all steps as a single op, with a backward pass written by hand; `call` is one step made of
ordinary tensor operations, whose gradient follows by itself. The two share no code, and tests hold them
against each other.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from minidl import activations
from minidl.backend import Array
from minidl.devices import beside
from minidl.layers.arguments import keep_weight_arguments
from minidl.layers.base import Layer
from minidl.layers.checks import InputSpec, flag, last_size
from minidl.layers.core.dense import DenseFunction
from minidl.layers.recurrent.gates import curve_name
from minidl.layers.regularization.dropout import dropout_factors
from minidl.messages import say
from minidl.primitives.joining import unstack
from minidl.primitives.linear_algebra import matmul
from minidl.primitives.shaping import moveaxis
from minidl.random import SeedGenerator
from minidl.symbolic import Shape
from minidl.tensor import Function, Tensor
from minidl.utils.checks import chosen, number, whole_number

__all__ = ["RecurrentCell"]


class RecurrentCell(Layer):
    """The base of SimpleRNNCell, LSTMCell and GRUCell."""

    gates: ClassVar[int]  # how many products of x and h a step takes; all weights lie side by side
    states: ClassVar[tuple[str, ...]]  # what a step hands on; the first is also the output
    function: ClassVar[type[Function]]  # the whole sequence
    units: int
    use_bias: bool
    kernel: Any
    recurrent_kernel: Any
    bias: Any
    activation: Any
    recurrent_activation: Any
    dropout: float
    recurrent_dropout: float
    seed: int | None
    _changed = False  # whether `call` does something else than `function`

    def _assemble(self, arguments: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        """Keep what the constructor was given: `arguments` are its locals(), `options` are for `Layer`."""
        super().__init__(**options)
        owner = type(self).__name__.removesuffix("Cell")
        keep_weight_arguments(self, arguments, "kernel", "recurrent", "bias")
        self.units = whole_number(owner, "units", arguments["units"], 1)
        for name in ("activation", "recurrent_activation"):
            if name in arguments:
                setattr(self, name, chosen(owner, name, activations.get, arguments[name]))
        for name in ("dropout", "recurrent_dropout"):
            setattr(self, name, number(owner, name, arguments[name], minimum=0, below=1))
        for name in ("use_bias", "unit_forget_bias", "reset_after"):
            if name in arguments:
                setattr(self, name, flag(owner, name, arguments[name]))
        self.seed = arguments["seed"]
        self.seed_generator = chosen(owner, "seed", SeedGenerator, self.seed)
        self.input_spec = InputSpec(("batch", "features"))
        self._held: dict[str, Any] | None = None  # see `hold_dropout`

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "function" in cls.__dict__:
            cls._changed = False
        elif {"call", "step", "gate_inputs", "dropped"} & cls.__dict__.keys():
            cls._changed = True  # somebody's own equations: they run step by step

    @property
    def repeats(self) -> bool:  # type: ignore[override]
        return self.dropout == 0 == self.recurrent_dropout

    @property
    def state_size(self) -> Any:
        """U, or a list of them where a step hands on several states."""
        return self.units if len(self.states) == 1 else [self.units] * len(self.states)

    @property
    def output_size(self) -> int:
        """U."""
        return self.units

    def get_initial_state(self, batch_size: int | None = None) -> list[Tensor]:
        """The states before the first step: zeros (batch_size, U)."""
        n = 1 if batch_size is None else batch_size
        return [Tensor(np.zeros((n, self.units), self.dtype)) for _ in self.states]

    def build(self, input_shape: Shape) -> None:
        features, wide = last_size(self, input_shape), self.gates * self.units
        self.kernel = self._make("kernel", (features, wide))
        self.recurrent_kernel = self._make("recurrent_kernel", (self.units, wide), arguments="recurrent")
        self.bias = self._make("bias", self._bias_shape()) if self.use_bias else None
        self.input_spec = InputSpec(("batch", "features"), sizes={-1: features})

    def _bias_shape(self) -> tuple[int, ...]:
        return (self.gates * self.units,)

    @property
    def _biases(self) -> int:
        """How many numbers a unit adds to the sum of each gate."""
        return self.bias.size // (self.gates * self.units) if self.use_bias else 0

    def parameter_formula(self) -> str:
        added = f" + {self._biases}" if self._biases else ""
        times = f"·{self.gates}" if self.gates > 1 else ""
        return f"({self.kernel.shape[0]} + {self.units}{added}){times}·{self.units}"

    @property
    def parameter_words(self) -> str:
        """`parameter_formula` in words, for the key below `summary(explain=True)`."""
        n = self._biases
        added = f" + {n} bias{'es' * (n > 1)}" if n else ""
        gates = f"·{self.gates} gates" if self.gates > 1 else ""
        return f"(features + units{added}){gates}·units"

    # --- one step -------------------------------------------------------------------------------------------

    def call(self, inputs: Tensor, states: Any, training: bool = False) -> Any:  # type: ignore[override]
        """One step: x_t (N, I) and the states before it -> h_t, [states after it]."""
        states = list(states) if isinstance(states, list | tuple) else [states]
        if len(states) != len(self.states):
            raise ValueError(
                say(
                    f"{self} expects {len(self.states)} states ({', '.join(self.states)}), got {len(states)}."
                )
            )
        x_factors, h_factors = self._dropout(inputs, training)
        x = inputs if x_factors is None else inputs * x_factors
        after = self.step(DenseFunction.apply(x, self.kernel, self._input_bias()), states, h_factors)
        return after[0], after

    def step(self, from_input: Tensor, states: list[Tensor], recurrent_factors: Array | None) -> list[Tensor]:
        """The states after a step, `from_input` being x W + b."""
        raise NotImplementedError(
            say(f"{type(self).__name__} must define step(self, from_input, states, recurrent_factors).")
        )

    def gate_inputs(self, from_input: Tensor, h: Tensor, factors: Array | None) -> Sequence[Tensor]:
        """from_input (N, G·U) + h U, gate by gate: G tensors (N, U)."""
        if factors is None:
            return self._by_gate(from_input + h @ self.recurrent_kernel)
        by_gate = zip(self._by_gate(from_input), self.dropped(h, factors), strict=True)
        return [own + from_state for own, from_state in by_gate]

    def dropped(self, h: Tensor, factors: Array) -> Sequence[Tensor]:
        """h U gate by gate, each gate with a dropout of h of its own: factors (G, N, U) -> G tensors (N, U)."""
        matrices = moveaxis(self.recurrent_kernel.reshape(self.units, self.gates, self.units), 1, 0)
        return unstack(matmul(h * factors, matrices))

    def _by_gate(self, z: Tensor) -> Sequence[Tensor]:
        return unstack(z.reshape(len(z), self.gates, self.units), axis=1)

    def _input_bias(self) -> Any:
        return self.bias

    # --- dropout --------------------------------------------------------------------------------------------

    def hold_dropout(self, hold: bool) -> None:
        """From here on drop the same numbers at every call (or new ones again): a sequence drops alike at all steps."""
        self._held = {} if hold else None

    def _dropout(self, x: Tensor, training: bool) -> tuple[Array | None, Array | None]:
        """Factors for x (N, I) and for the h of each gate (G, N, U); None where nothing is dropped."""
        if not training or self.repeats:
            return None, None
        held = self._held
        if held is not None and held.get("factors") is not None:
            return held["factors"]
        n, features = len(x), x.shape[-1]
        shapes = ((self.dropout, (n, features)), (self.recurrent_dropout, (self.gates, n, self.units)))
        factors: Any = tuple(
            beside(dropout_factors(self.seed_generator.coordinates(), rate, shape, self.dtype), x.data)
            if rate
            else None
            for rate, shape in shapes
        )
        if held is not None:
            held["factors"] = factors
        return factors

    # --- all steps ------------------------------------------------------------------------------------------

    @property
    def fuses(self) -> bool:
        """Whether `sequence` can stand for `call`: nobody has changed the equations, and it knows the curves."""
        return not self._changed and None not in self._options().values()

    def sequence(
        self, x: Tensor, states: Sequence[Any], mask: Array | None, training: bool, sequences: bool
    ) -> tuple[Tensor, list[Tensor]]:
        """x (N, T, I) -> all h_t (N, T, U) if `sequences`, else h_T (N, U); and the states besides h after step T."""
        x_factors, h_factors = self._dropout(x, training)
        if x_factors is not None:
            x = x * x_factors[:, None]
        made = self.function.apply(
            x, *states, self.kernel, self.recurrent_kernel, self.bias,
            **self._options(), sequences=sequences, mask=mask, recurrent_factors=h_factors,
        )  # fmt: skip
        return (made[0], list(made[1:])) if isinstance(made, tuple) else (made, [])

    def _options(self) -> dict[str, Any]:
        """The curves by name."""
        names = ("activation", "recurrent_activation")
        return {name: curve_name(getattr(self, name)) for name in names if hasattr(self, name)}
