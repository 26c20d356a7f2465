"""One time step of a recurrent layer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from minidl.backend import Array
from minidl.inspect.numbers import number, shape
from minidl.inspect.traced.norms import norm
from minidl.inspect.traced.ops import Op
from minidl.messages import say, word
from minidl.utils.columns import WIDTH, wrapped

__all__ = ["RecurrentStep"]


def _unknown() -> tuple[None, None, None]:
    return None, None, None


@dataclass(frozen=True, eq=False, repr=False)
class RecurrentStep:
    """One time step, for all samples of the batch. Arrays are (N, U) unless it says otherwise.

    Attributes:
        t: its place in the input, from 0.
        x: (N, I), the input, after dropout.
        before: the states that it began with, by name: {"h": ..., "c": ...}.
        gates: by name: i, f, g, o of an LSTM, z, r, candidate of a GRU; none in a SimpleRNN or a cell of your own.
        states: those that it left, by name.
        gradients: dL/d each state that it left, all of it: what comes back from the output, from later steps, and to c
            of an LSTM by way of the h that is made from it. None where nothing comes back.
        dx: dL/dx of this step, (N, I).
        mask: (N,), False for the samples for which it did not count; None if all count.
        ops: those of the step where it is made of several; none where a whole sequence is one op.
    """

    t: int
    x: Array
    before: Mapping[str, Array]
    gates: Mapping[str, Array]
    states: Mapping[str, Array]
    gradients: Mapping[str, Array | None]
    dx: Array | None
    mask: Array | None = None
    ops: tuple[Op, ...] = ()
    of_weights: Callable[[], tuple[Array | None, Array | None, Array | None]] = field(default=_unknown)

    @property
    def h(self) -> Array:
        """The state that is also the output; the first one, where no state is."""
        return self.states[self._shown]

    @property
    def dh(self) -> Array | None:
        """dL/dh."""
        return self.gradients[self._shown]

    @property
    def _shown(self) -> str:
        return "h" if "h" in self.states else next(iter(self.states))

    @property
    def dw(self) -> Array | None:
        """What this step alone adds to dL/dW; the sum over all steps is the gradient of the kernel."""
        return self.of_weights()[0]

    @property
    def du(self) -> Array | None:
        """What it adds to dL/dU, the gradient of the recurrent kernel."""
        return self.of_weights()[1]

    @property
    def db(self) -> Array | None:
        """What it adds to dL/db; None without a bias."""
        return self.of_weights()[2]

    @property
    def known(self) -> list[str]:
        """The names of the gradients: dh, dc ... dx, dw, du, db."""
        return [*(f"d{name}" for name in self.gradients), "dx", "dw", "du", "db"]

    def norm(self, of: str) -> float | None:
        """The root of the sum of squares of one of them; None where there is none."""
        state = of.removeprefix("d")
        return norm(self.gradients[state] if state in self.gradients else getattr(self, of))

    def __str__(self) -> str:
        lines = [say(f"Time step {self.t}:") + f"   x {shape(self.x.shape)}"]
        if self.mask is not None and not self.mask.all():
            kept = int(self.mask.sum())
            lines.append(
                "  " + say(f"It counts for {kept} of {len(self.mask)} samples; the others are masked.")
            )
        for part in (self.gates, self.states):
            for name, a in part.items():
                lines.append(_told(name, a))
        norms = [(name, self.norm(name)) for name in self.known]
        known = [f"|{name}| {number(n)}" for name, n in norms if n is not None]
        return "\n".join(lines + wrapped("   ".join(known), WIDTH, "  "))

    __repr__ = __str__


def _told(name: str, a: Array) -> str:
    if not a.size:
        return f"  {name:<10}{shape(a.shape)}"
    mean, low, high = float(a.mean()), float(a.min()), float(a.max())
    of_mean, of_low, of_high = word("mean, min, max").split(", ")
    return (
        f"  {name:<10}{shape(a.shape):<12} {of_mean} {mean:<10.3g} {of_low} {low:<10.3g} {of_high} {high:.3g}"
    )
