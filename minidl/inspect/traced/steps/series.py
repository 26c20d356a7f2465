"""All time steps of one call of a recurrent layer."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.inspect.traced.steps.step import RecurrentStep
from minidl.inspect.traced.through_time import bars, fading
from minidl.messages import say

__all__ = ["Steps"]


class Steps(Sequence[RecurrentStep]):
    """The steps, in the order of the input: `steps[t]`. Printing them shows how the gradient fares through time.

    Args:
        name: of the layer.
        steps: there they are.
        go_backwards: whether the layer begins at the last one, so that the gradient ends there.
    """

    def __init__(self, name: str, steps: Sequence[RecurrentStep], go_backwards: bool = False):
        self.name, self.go_backwards = name, go_backwards
        self._steps = tuple(steps)

    def __len__(self) -> int:
        return len(self._steps)

    def __getitem__(self, t: Any) -> Any:
        try:
            return self._steps[t]
        except IndexError:
            raise IndexError(say(f"{self.name} has time steps from 0 to {len(self) - 1}, got {t}.")) from None

    def __iter__(self) -> Iterator[RecurrentStep]:
        return iter(self._steps)

    def norms(self, of: str = "dh") -> Array:
        """The root of the sum of squares of a gradient at each step, (T,); NaN where there is none.

        Args:
            of: "dh", "dc" for the states, "dx", or "dw", "du", "db" for what a step adds to that of the weights.

        Raises:
            ValueError: there is no such gradient.
        """
        known = sorted({name for step in self for name in step.known})
        if of not in (*known, "dh"):
            raise ValueError(say(f"{self.name} has no {of!r} at its steps, but {', '.join(known)}."))
        found = [step.norm(of) for step in self]
        return np.array([np.nan if n is None else n for n in found], np.float64)

    def state(self, name: str = "h") -> Array:
        """A state after each step, (N, T, U)."""
        return self._along("states", name)

    def gate(self, name: str) -> Array:
        """A gate at each step, (N, T, U)."""
        return self._along("gates", name)

    def gradient(self, name: str = "h") -> Array:
        """dL/d a state after each step, (N, T, U); zeros where nothing comes back."""
        self._along("states", name)  # which says if there is none
        parts = [(step.gradients[name], step.states[name]) for step in self]
        return np.stack([np.zeros_like(state) if d is None else d for d, state in parts], axis=1)

    def _along(self, what: str, name: str) -> Array:
        parts: list[Any] = [getattr(step, what) for step in self]
        if not parts or name not in parts[0]:
            known = ", ".join(parts[0]) if parts and parts[0] else "-"
            raise ValueError(say(f"{self.name} has no {what} called {name!r}, but: {known}."))
        return np.stack([part[name] for part in parts], axis=1)

    @property
    def fading(self) -> float | None:
        """|dL/dh| at the step where the gradient ends, divided by the largest: how much of it arrives there.

        The gradient ends at the first step, where the layer goes backwards at the last one. None without a gradient.
        """
        return fading(self.norms("dh"), self.go_backwards) if len(self) else None

    def __str__(self) -> str:
        return bars(self.name, self.norms("dh"), self.go_backwards) if len(self) else self.name

    __repr__ = __str__
