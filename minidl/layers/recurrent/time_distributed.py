"""TimeDistributed: one layer, with one set of weights, applied to every time step by itself.

    y[:, t] = layer(x[:, t])           x (N, T, ...)   y (N, T, ...)

A layer that treats every sample by itself does not care whether samples come from one step or from several. So the
steps are put behind each other, (N, T, ...) -> (N·T, ...), the layer runs once, and the result is cut again. A layer
that looks across the batch (BatchNormalization) or that is not known to be free of that (Lambda, your own) runs once
for each step, as the definition says.
"""

from collections.abc import Mapping
from typing import Any

from minidl.layers.base import Layer
from minidl.layers.checks import InputSpec
from minidl.layers.core.lambda_layer import Lambda
from minidl.layers.core.operation import Operation
from minidl.layers.known import KNOWN, layer_or_described
from minidl.layers.normalization.batch_normalization import BatchNormalization
from minidl.messages import say
from minidl.primitives.joining import stack, unstack
from minidl.symbolic import Shape
from minidl.tensor import Tensor
from minidl.utils.checks import shown

__all__ = ["TimeDistributed"]


class TimeDistributed(Layer):
    """Applies a layer to each time step of an input (N, T, ...).

    Args:
        layer: the layer inside; `layer.layer` finds it again.

    Raises:
        ValueError: it is no layer.

    >>> import numpy as np
    >>> from minidl.layers import Conv2D
    >>> layer = TimeDistributed(Conv2D(64, 3))
    >>> layer(np.zeros((2, 4, 50, 8, 1))).shape, layer.count_params()
    ((2, 4, 48, 6, 64), 640)
    """

    supports_masking = True
    input_spec = InputSpec(min_ndim=3)

    def __init__(self, layer: Any, **kwargs: Any):
        layer = layer_or_described(layer)
        if not isinstance(layer, Layer):
            mend = " Make an instance: TimeDistributed(Dense(8))." if isinstance(layer, type) else ""
            raise ValueError(say(f"TimeDistributed expects a layer, got {shown(layer)}.{mend}"))
        super().__init__(**{"dtype": layer.dtype, **kwargs})
        self.layer = layer

    def build(self, input_shape: Shape) -> None:
        if not self.layer.built:
            self.layer.build(_without_steps(input_shape))
            self._adopt(self.layer)

    def call(self, inputs: Tensor, mask: Any = None, training: bool = False) -> Tensor:
        n, steps = inputs.shape[:2]
        hands_on = mask is not None and self.layer._mask_at
        if steps and _treats_samples_alone(self.layer) and not hands_on:
            y = self.layer(inputs.reshape(n * steps, *inputs.shape[2:]), training=training)
            return y.reshape(n, steps, *y.shape[1:])
        masks = [mask[:, t] for t in range(steps)] if hands_on else [None] * steps
        each = zip(unstack(inputs, axis=1), masks, strict=True)
        return stack([self.layer(x, mask=m, training=training) for x, m in each], axis=1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        n, *rest = self.layer.compute_output_shape(_without_steps(input_shape))
        return (n, input_shape[1], *rest)

    def parameter_formula(self) -> str:
        return self.layer.parameter_formula()

    def shape_formulas(self) -> list[str]:
        return self.layer.shape_formulas()

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> "TimeDistributed":
        """A new layer from `get_config`; `custom_objects` are your own layers by class name."""
        return cls(**{**config, "layer": layer_or_described(config["layer"], custom_objects)})


def _without_steps(shape: Shape) -> Shape:
    return (shape[0], *shape[2:])


def _treats_samples_alone(layer: Any) -> bool:
    """Whether each sample's output is a function of that sample alone, in all layers inside."""
    across = isinstance(layer, BatchNormalization | Lambda | Operation) or getattr(layer, "stateful", False)
    own = KNOWN.get(type(layer).__name__) is type(layer)
    penalised = layer.activity_regularizer is not None
    return own and not across and not penalised and all(_treats_samples_alone(part) for part in layer._layers)
