"""RNN: a cell, run over a sequence. The states that one step leaves are what the next one begins with.

    for t in 0 ... T−1:    h_t, states = cell(x_t, states)

The loop is unrolled on the graph: each step is a node like any other, every step uses the same weights, and so
their gradient is the sum of what all steps send back. That is back-propagation through time; no code here knows it.
A cell that can do the whole sequence as one op (see `RecurrentCell.sequence`) does.

**Masks.** A masked step changes nothing: the states stay, and the output repeats the one before (with
`zero_output_for_mask` it is 0). Before the first step that counts, the output of LSTM, GRU and SimpleRNN is the h they
began with; that of a cell of your own is 0.

P. Werbos, Backpropagation through time: what it does and how to do it, Proceedings of the IEEE 78, 1990.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.devices import beside, is_array, on_gpu
from minidl.layers.base import Layer
from minidl.layers.checks import InputSpec, flag, last_size
from minidl.layers.context import latest, mode, update
from minidl.layers.known import layer_or_described
from minidl.layers.masks import widened, wrong_mask
from minidl.layers.recurrent.cell import RecurrentCell
from minidl.layers.recurrent.loop import first_states, same_dropout, state_sizes, step_by_step
from minidl.layers.recurrent.stacked import StackedRNNCells
from minidl.messages import say
from minidl.primitives.elementwise import where
from minidl.primitives.shaping import flip
from minidl.symbolic import Shape, SymbolicTensor
from minidl.tensor import Tensor
from minidl.variable import Variable

__all__ = ["RNN"]

SEQUENCE_AXES = ("batch", "timesteps", "features")


class RNN(Layer):
    """A layer that runs a cell over the time steps of its input (N, T, ...).

    Args:
        cell: LSTMCell, GRUCell, SimpleRNNCell, a list of them, or a cell of your own: a layer with
            `state_size` (the size of its state, or a list of sizes) and `call(inputs, states)` that returns the
            output (N, ...) and the list of new states. It may also have `output_size`, `get_initial_state(batch_size)`
            and take `training`.
        return_sequences: the outputs of all steps, (N, T, ...), or only the last one.
        return_state: (output, *states) instead of the output alone.
        go_backwards: begin at the last time step; outputs come in the order in which they were computed.
        stateful: begin where the previous batch ended, until `reset_state()`. Needs a fixed batch size.
        unroll: understood for scripts written for Keras; there is nothing to choose here.
        zero_output_for_mask: whether the output of a masked step is 0 instead of the output before it.

    Raises:
        TypeError: `cell` is no cell.

    >>> class Sum(Layer):
    ...     state_size = 3
    ...     def call(self, inputs, states):
    ...         total = states[0] + inputs
    ...         return total, [total]
    >>> RNN(Sum(), return_sequences=True)(np.ones((1, 4, 3))).numpy()[0, :, 0]
    array([1., 2., 3., 4.], dtype=float32)
    """

    supports_masking = True
    input_spec: InputSpec
    states: list[Variable] | None  # of a stateful layer; no weights

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ):
        made = cell
        if isinstance(cell, list | tuple):
            made = StackedRNNCells(cell, dtype=kwargs.get("dtype"))
        super().__init__(**{"dtype": getattr(made, "dtype", None), **kwargs})
        if self.input_shape_hint is not None and "input_dim" in kwargs and "input_length" not in kwargs:
            self.input_shape_hint = (self.input_shape_hint[0], None, self.input_shape_hint[-1])
        self.cell = made
        if isinstance(cell, type) or not (callable(made) and hasattr(made, "state_size")):
            raise TypeError(
                say(
                    f"{type(self).__name__} expects cell to have state_size and call(inputs, states), as LSTMCell(32), "
                    f"got {cell!r:.80}."
                )
            )
        self.return_sequences = flag(self, "return_sequences", return_sequences)
        self.return_state = flag(self, "return_state", return_state)
        self.go_backwards = flag(self, "go_backwards", go_backwards)
        self.stateful = flag(self, "stateful", stateful)
        self.unroll = flag(self, "unroll", unroll)
        self.zero_output_for_mask = flag(self, "zero_output_for_mask", zero_output_for_mask)
        built_in = isinstance(self.cell, RecurrentCell)
        self.input_spec = InputSpec(SEQUENCE_AXES) if built_in else InputSpec(min_ndim=3)
        self.states = None

    @property
    def repeats(self) -> bool:  # type: ignore[override]
        return not self.stateful and isinstance(self.cell, Layer)  # what another cell does, nobody knows

    # --- shapes ---------------------------------------------------------------------------------------------

    @property
    def state_sizes(self) -> list[int]:
        """The size of each state."""
        return state_sizes(self.cell)

    def build(self, input_shape: Shape) -> None:
        if not isinstance(self.cell, Layer):
            return
        if self.input_spec.axes is not None:  # one of minidl's own cells
            self.input_spec = InputSpec(SEQUENCE_AXES, sizes={-1: last_size(self, input_shape)})
        if not self.cell.built:
            self.cell.build((input_shape[0], *input_shape[2:]))
            self._adopt(self.cell)

    def compute_output_shape(self, input_shape: Shape) -> Any:
        n, steps, *_ = input_shape[0] if isinstance(input_shape, list) else input_shape
        size = getattr(self.cell, "output_size", self.state_sizes[0])
        output = (n, steps, size) if self.return_sequences else (n, size)
        return [output, *((n, size) for size in self.state_sizes)] if self.return_state else output

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """That of the input where there is an output for each step."""
        mask = previous_mask[0] if isinstance(previous_mask, list) else previous_mask
        own = mask if self.return_sequences else None
        return [own, *(None for _ in self.state_sizes)] if self.return_state else own

    def parameter_formula(self) -> str:
        return self.cell.parameter_formula() if isinstance(self.cell, Layer) else "0"

    # --- running --------------------------------------------------------------------------------------------

    def __call__(self, inputs: Any, initial_state: Any = None, **kwargs: Any) -> Any:  # type: ignore[override]
        """Run over a sequence (N, T, ...), from `initial_state` (a list of arrays (N, U)) if there is one."""
        if (
            isinstance(inputs, list | tuple)
            and len(inputs) > 1
            and initial_state is None
            and _are_tensors(inputs)
        ):
            inputs, *initial_state = inputs  # as older scripts wrote it: layer([x, h, c])
        first = inputs[0] if isinstance(inputs, list) and _are_tensors(inputs) else inputs
        if self.stateful and isinstance(first, SymbolicTensor) and first.shape[0] is None:
            raise ValueError(
                say(
                    f"{self} is stateful: it goes on where the sample at the same place of the batch before ended, so it "
                    "needs a fixed batch size. Give the Input a batch_size, or the layer batch_input_shape=(32, 10, 8)."
                )
            )
        return super().__call__(inputs, initial_state=initial_state, **kwargs)

    def call(
        self, inputs: Tensor, initial_state: Any = None, mask: Any = None, training: bool = False
    ) -> Any:
        x, states = inputs, self._states_before(initial_state, inputs)
        if mask is not None:
            if mask.shape != x.shape[:2]:
                raise wrong_mask(self, mask, x)
            x = where(widened(mask, x.ndim), x, 0)  # what fills a sequence up may be anything, NaN too
        if self.go_backwards:
            x, mask = flip(x, 1), None if mask is None else mask[:, ::-1]
        if isinstance(self.cell, RecurrentCell) and self.cell.fuses:
            y, others = self.cell.sequence(x, states, mask, training, self.return_sequences)
            if self.return_state or self.stateful:
                states = [y[:, -1] if self.return_sequences else y, *others]
        else:
            with same_dropout(self.cell):
                y, states = step_by_step(self.cell, x, states, mask, training, self.return_sequences)
        if self.stateful:
            for variable, state in zip(self._kept_states(len(inputs), inputs.data), states, strict=True):
                update(variable, state.data)
        if mask is not None and self.zero_output_for_mask:
            counts = mask if self.return_sequences else mask[:, -1]
            y = y * widened(counts.astype(y.dtype), y.ndim)
        return (y, *states) if self.return_state else y

    def _states_before(self, given: Any, x: Tensor) -> list[Any]:
        """The states to begin with: those given, those of the batch before, or the cell's first ones."""
        n = len(x)
        if given is None and self.stateful:
            kept = [latest(variable) for variable in self._kept_states(n, x.data)]
            # Outside of a step the new states are stored at once, over those that backward still needs.
            return [Tensor(state.copy() if mode.context is None else state) for state in kept]
        if given is None:
            first = first_states(self.cell, n, self.dtype)
            return [Tensor(beside(s.data, x.data)) for s in first] if on_gpu(x.data) else first
        wanted = [(n, size) for size in self.state_sizes]
        try:
            states = [
                s if isinstance(s, Tensor) else Tensor(beside(np.asarray(s, self.dtype), x.data))
                for s in (given if isinstance(given, list | tuple) else [given])
            ]
            shapes: Any = [state.shape for state in states]
        except (TypeError, ValueError):
            states, shapes = [], f"{given!r:.60}"
        if shapes != wanted:
            raise ValueError(
                say(
                    f"{self} expects initial_state to be {len(wanted)} arrays of shapes {wanted}, got {shapes}."
                )
            )
        return [state if state.dtype == self.dtype else state.astype(self.dtype) for state in states]

    # --- states that outlive a batch ------------------------------------------------------------------------

    def _kept_states(self, n: int, x: Array) -> list[Variable]:
        if self.states is None:
            self.__dict__["states"] = self._first_kept(n)  # past the notice of weights
        kept: list[Variable] = self.__dict__["states"]
        for variable in kept:
            variable.data = beside(variable.data, x)
        size = len(kept[0])
        if size != n:
            raise ValueError(
                say(
                    f"{self} is stateful and holds the states of a batch of {size} samples, got {n}. Use batches of one "
                    f"size: pass batch_size={size} to fit, evaluate and predict, with a number of samples that it divides."
                )
            )
        return kept

    def _first_kept(self, n: int) -> list[Variable]:
        first = first_states(self.cell, n, self.dtype)
        return [Variable(s.data, trainable=False, name=f"state_{i}") for i, s in enumerate(first)]

    def get_state(self) -> list[Array] | None:
        """Copies of the states (N, U) with which the next batch begins; None if there was no batch to keep any."""
        return None if self.states is None else [variable.numpy().copy() for variable in self.states]

    def set_state(self, state: Sequence[Array] | None) -> None:
        """Let the next batch begin with what `get_state` gave.

        Raises:
            ValueError: these are not the states of such a layer. Nothing is changed.
        """
        made = None if state is None else self._first_kept(len(state[0]) if len(state) else 0)
        if made is not None and state is not None:
            wanted, got = [variable.shape for variable in made], [np.shape(array) for array in state]
            if got != wanted:
                raise ValueError(say(f"{self}.set_state expects arrays of shapes {wanted}, got {got}."))
            for variable, array in zip(made, state, strict=True):
                variable.assign(array)
        self.__dict__["states"] = made

    def reset_state(self) -> None:
        """Forget the states of the batches before: the next one begins with zeros."""
        for variable in self.states or ():
            variable.assign(np.zeros(variable.shape, variable.dtype))

    reset_states = reset_state

    # --- configuration --------------------------------------------------------------------------------------

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> "RNN":
        """A new layer from `get_config`; `custom_objects` are your own cells by class name."""
        inner = {"cell": layer_or_described(config["cell"], custom_objects)} if "cell" in config else {}
        made: Any = super().from_config({**config, **inner})
        return made


def _are_tensors(inputs: Sequence[Any]) -> bool:
    return all((isinstance(x, Tensor | SymbolicTensor) or is_array(x)) and x.ndim > 1 for x in inputs)
