"""Bidirectional: two recurrent layers over one sequence, one from the first step on, one from the last step back.

    →h_t sees x_1 ... x_t        ←h_t sees x_T ... x_t        y_t = [→h_t, ←h_t]

So every y_t knows the whole sequence, which is of use wherever the sequence is complete when one begins to read it.
Without return_sequences, y = [→h_T, ←h_1]: what each has when it has seen everything.

M. Schuster, K. Paliwal, Bidirectional recurrent neural networks, IEEE Transactions on Signal Processing 45, 1997.
"""

from collections.abc import Callable, Mapping
from typing import Any

from minidl.layers.arguments import plain
from minidl.layers.base import Layer
from minidl.layers.known import layer_or_described
from minidl.messages import say
from minidl.primitives.joining import concatenate
from minidl.primitives.shaping import flip
from minidl.symbolic import Shape
from minidl.tensor import Tensor
from minidl.utils.checks import one_of, shown

__all__ = ["Bidirectional"]

_MERGES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "concat": lambda a, b: concatenate([a, b], axis=-1),
    "sum": lambda a, b: a + b,
    "ave": lambda a, b: (a + b) / 2,
    "mul": lambda a, b: a * b,
}


class Bidirectional(Layer):
    """A recurrent layer in both directions.

    Args:
        layer: LSTM, GRU, SimpleRNN or RNN. It is a pattern: two new layers, `forward_layer` and `backward_layer`, are
            made from its config.
        merge_mode: what becomes of the two outputs: "concat" (2U features), "sum", "mul", "ave", or None for both.
        weights: initial values, the forward layer's and then the backward layer's.
        backward_layer: another layer for the way back, with go_backwards=True.

    Weights: those of the forward layer, then those of the backward layer. With return_state, the states come in that
    order too, and so does initial_state. In outputs with return_sequences, masked steps are 0.

    Raises:
        ValueError: `layer` is no recurrent layer, the two do not go opposite ways or differ in what they return.

    >>> import numpy as np
    >>> from minidl.layers import LSTM
    >>> layer = Bidirectional(LSTM(8, return_sequences=True))
    >>> layer(np.zeros((2, 5, 3))).shape, layer.parameter_formula()
    ((2, 5, 16), '2·(3 + 8 + 1)·4·8')
    """

    supports_masking = True
    parameter_words = "2 directions"

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Any = None,
        **kwargs: Any,
    ):
        layer, backward_layer = layer_or_described(layer), layer_or_described(backward_layer)
        for argument, part in (("layer", layer), ("backward_layer", backward_layer)):
            needed = part is not None or argument == "layer"
            if needed and not (isinstance(part, Layer) and hasattr(part, "go_backwards")):
                mend = f" Make an instance: {part.__name__:.40}(...)." if isinstance(part, type) else ""
                raise ValueError(
                    say(
                        f"Bidirectional expects {argument} to be a recurrent layer, such as LSTM(32), got {shown(part)}.{mend}"
                    )
                )
        one_of("Bidirectional", "merge_mode", merge_mode, *_MERGES, None)
        super().__init__(**{"dtype": layer.dtype, **kwargs})
        self.merge_mode = merge_mode
        self.forward_layer = _again(layer, "forward", {})
        self.backward_layer = (
            _again(layer, "backward", {"go_backwards": True}) if backward_layer is None else backward_layer
        )
        self._given_backward = backward_layer is not None
        self._check_pair()
        for part in (self.forward_layer, self.backward_layer):
            part.zero_output_for_mask = part.return_sequences
        self.return_sequences, self.return_state = layer.return_sequences, layer.return_state
        self.stateful, self.input_spec = layer.stateful, layer.input_spec
        self._initial_weights = weights

    def _check_pair(self) -> None:
        one, other = self.forward_layer, self.backward_layer
        if one.go_backwards == other.go_backwards:
            raise ValueError(
                say(
                    f"{self} expects layers that go opposite ways, but go_backwards is {one.go_backwards} in both. "
                    "Give backward_layer go_backwards=True."
                )
            )
        for name in ("stateful", "return_sequences", "return_state"):
            if getattr(one, name) != getattr(other, name):
                raise ValueError(
                    say(
                        f"{self} expects {name} to be the same in both layers, got {getattr(one, name)} and "
                        f"{getattr(other, name)}."
                    )
                )

    def build(self, input_shape: Shape) -> None:
        self.forward_layer.build(input_shape)
        self.backward_layer.build(input_shape)
        self._adopt(self.forward_layer, self.backward_layer)
        if self._initial_weights is not None:
            self.set_weights(self._initial_weights)

    def __call__(self, inputs: Any, initial_state: Any = None, **kwargs: Any) -> Any:  # type: ignore[override]
        """Run over a sequence (N, T, ...). `initial_state` lists the forward states, then the backward states."""
        return super().__call__(inputs, initial_state=initial_state, **kwargs)

    def call(
        self, inputs: Tensor, initial_state: Any = None, mask: Any = None, training: bool = False
    ) -> Any:
        first, second = self._halves(initial_state)
        forward = self.forward_layer(inputs, initial_state=first, mask=mask, training=training)
        backward = self.backward_layer(inputs, initial_state=second, mask=mask, training=training)
        states: list[Tensor] = []
        if self.return_state:
            (forward, *after), (backward, *before) = forward, backward
            states = [*after, *before]
        if self.return_sequences:
            backward = flip(backward, 1)  # it comes in the order of computing, last step first
        outputs = (
            [forward, backward] if self.merge_mode is None else [_MERGES[self.merge_mode](forward, backward)]
        )
        return (*outputs, *states) if len(outputs) + len(states) > 1 else outputs[0]

    def _halves(self, initial_state: Any) -> tuple[Any, Any]:
        if initial_state is None:
            return None, None
        if not isinstance(initial_state, list | tuple):
            kind = type(initial_state).__name__
            raise ValueError(say(f"{self} expects initial_state to be a list of arrays, got {kind}."))
        half, odd = divmod(len(initial_state), 2)
        if odd:
            raise ValueError(
                say(
                    f"{self} expects initial_state to hold the states of the forward layer and as many of the backward "
                    f"layer, got {len(initial_state)} arrays."
                )
            )
        return initial_state[:half], initial_state[half:]

    def compute_output_shape(self, input_shape: Shape) -> Any:
        shapes = [
            part.compute_output_shape(input_shape) for part in (self.forward_layer, self.backward_layer)
        ]
        states = [state for shape in shapes for state in shape[1:]] if self.return_state else []
        forward, backward = (shape[0] if self.return_state else shape for shape in shapes)
        outputs = [forward, backward] if self.merge_mode is None else [forward]
        if self.merge_mode == "concat":
            outputs = [(*forward[:-1], forward[-1] + backward[-1])]
        return [*outputs, *states] if len(outputs) + len(states) > 1 else outputs[0]

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """That of the input for outputs with a step each."""
        own = previous_mask if self.return_sequences else None
        outputs = [own] * (2 if self.merge_mode is None else 1)
        states = [None] * (2 * len(self.forward_layer.state_sizes) if self.return_state else 0)
        return [*outputs, *states] if len(outputs) + len(states) > 1 else own

    def reset_state(self) -> None:
        """Forget the states of the batches before, in both layers."""
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    reset_states = reset_state

    def parameter_formula(self) -> str:
        one, other = self.forward_layer.parameter_formula(), self.backward_layer.parameter_formula()
        if one != other:
            return f"{one} + {other}"
        several_cells = hasattr(getattr(self.forward_layer, "cell", None), "cells")
        return f"2·({one})" if several_cells else f"2·{one}"

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain data."""
        layers = {
            "layer": self.forward_layer,
            "backward_layer": self.backward_layer if self._given_backward else None,
        }
        inner = {name: plain(layer) for name, layer in layers.items()}
        names = ("name", "trainable", "dtype", "activity_regularizer", "merge_mode")
        return {**{name: plain(getattr(self, name)) for name in names}, **inner}

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> "Bidirectional":
        """A new layer from `get_config`; `custom_objects` are your own layers by class name."""
        inner = {
            name: layer_or_described(config.get(name), custom_objects) for name in ("layer", "backward_layer")
        }
        return cls(**{**config, **inner})


def _again(layer: Any, direction: str, changes: dict[str, Any]) -> Any:
    """A new layer like `layer`, called forward_... or backward_..."""
    config = {
        **layer.get_config(),
        **changes,
        "name": f"{direction}_{layer.name.removeprefix(f'{direction}_')}",
    }
    cells = [getattr(layer, "cell", None)]
    cells += getattr(cells[0], "cells", [])
    own = {type(cell).__name__: type(cell) for cell in cells if cell is not None}
    return type(layer).from_config(config, own)
