"""`Trace`: what `minidl.inspect.trace` returns."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from minidl.inspect.traced.html import trace_html
from minidl.inspect.traced.layers import LayerTrace, WeightTrace
from minidl.inspect.traced.ops import Op
from minidl.inspect.traced.tables import trace_text
from minidl.messages import say
from minidl.utils.checks import did_you_mean

__all__ = ["Trace"]


@dataclass(frozen=True, eq=False, repr=False)
class Trace:
    """One training step. Printing it gives a table; iterating gives the ops.

    `trace["lstm"]` is the call of that layer, `trace[3]` is op number 3.

    Attributes:
        name: of the model or layer.
        samples: in the batch.
        ops: all calls of Functions, those of the loss included, in order.
        layers: the calls of layers, in order, as the reader of a model counts them: not nested models, but the layers
            in them. Between them stands, with the kind "operations", what a model computes outside of its layers.
        calls: the calls of all layers there are, those inside of others too.
        loss: the number; None where there is none.
        loss_kind: "compiled" (with penalties), "sum" (L is the sum of the outputs) or "none".
        weights: all of them.
    """

    name: str
    samples: int
    ops: tuple[Op, ...]
    layers: tuple[LayerTrace, ...]
    calls: tuple[LayerTrace, ...]
    loss: float | None
    loss_kind: str
    weights: tuple[WeightTrace, ...]

    def __iter__(self) -> Iterator[Op]:
        return iter(self.ops)

    def __len__(self) -> int:
        return len(self.ops)

    def __getitem__(self, key: str | int) -> Any:
        """The call of a layer by its name, or an op by its number.

        Raises:
            KeyError: there is no such layer, or several.
            IndexError: there is no such op.
        """
        if not isinstance(key, str):
            return self.ops[key]
        found = [call for call in self.calls if call.name == key]
        found = found or [call for call in self.calls if call.name.endswith(f"/{key}")]
        if len(found) == 1:
            return found[0]
        names = list(dict.fromkeys(call.name for call in self.calls))
        several = found or [call for call in self.calls if call.name.split("/")[-1].split("[")[0] == key]
        if several:
            calls = ", ".join(repr(call.name) for call in several)
            raise KeyError(say(f"{key!r} ran {len(several)} times in this step: {calls:.200}."))
        hint = did_you_mean(key, names)
        raise KeyError(say(f"No layer {key!r} ran in this step. {hint or ', '.join(names[:9])}"))

    @property
    def recurrent(self) -> tuple[LayerTrace, ...]:
        """The calls of layers that have `steps`, those inside of other layers too."""
        return tuple(call for call in self.calls if call.has_steps)

    @property
    def seconds(self) -> float:
        """Of all ops forward."""
        return sum(op.seconds for op in self.ops)

    @property
    def backward_seconds(self) -> float:
        """Of all ops backward."""
        return sum(op.backward_seconds or 0.0 for op in self.ops)

    def __str__(self) -> str:
        return trace_text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return trace_html(self)
