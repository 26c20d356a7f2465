"""Monitor: watches one number of the logs, and knows whether less or more of it is better."""

from typing import Any

from minidl.callbacks.base import Callback
from minidl.messages import say
from minidl.utils.checks import did_you_mean, number
from minidl.utils.warned import warn

__all__ = ["Monitor"]


class Monitor(Callback):
    """The base of callbacks that act on a loss or metric.

    Args:
        monitor: a key of the logs, such as "val_loss".
        mode: "min" if less is better, "max" if more is, "auto" for what the metric of that name says
            of itself (a loss is to become less, accuracy more).
        min_delta: a value must be better by more than this to count as better; its sign does not matter.

    Raises:
        ValueError, TypeError: a mode or number that is none.
    """

    def __init__(self, monitor: str = "val_loss", mode: str = "auto", min_delta: float = 0):
        owner = type(self).__name__
        if not isinstance(monitor, str) or not monitor:
            raise TypeError(
                say(
                    f"{owner} expects monitor to be a key of the logs, such as 'val_loss', got {monitor!r:.60}."
                )
            )
        if mode not in ("auto", "min", "max"):
            raise ValueError(say(f"{owner} expects mode to be 'auto', 'min' or 'max', got {mode!r:.60}."))
        self.monitor, self.mode = monitor, mode
        self.min_delta = abs(number(owner, "min_delta", min_delta))
        self._warned = False

    def more_is_better(self) -> bool:
        """Whether the best value is the largest.

        Raises:
            ValueError: mode is "auto" and nobody says so.
        """
        if self.mode != "auto":
            return self.mode == "max"
        name = self.monitor.removeprefix("val_")
        metrics = {metric.name: metric for metric in getattr(self.model, "metrics", [])}
        direction = "down" if name == "loss" else getattr(metrics.get(name), "direction", None)
        if direction is not None:
            return direction == "up"
        names = [f"{part}{name}" for name in ("loss", *metrics) for part in ("", "val_")]
        mend = did_you_mean(self.monitor, names) or "Say mode='max' or mode='min'."
        owner = type(self).__name__
        raise ValueError(
            say(f"{owner} cannot tell whether {self.monitor!r} should become more or less. {mend}")
        )

    def better(self, value: float, reference: float | None) -> bool:
        """Whether `value` beats `reference` by more than min_delta. Anything beats None, nothing beats NaN."""
        if reference is None:
            return True
        if self.more_is_better():
            return value - self.min_delta > reference
        return value + self.min_delta < reference

    def value(self, logs: dict[str, Any] | None) -> float | None:
        """The number that is watched; None, and a warning the first time, where the logs do not have it."""
        found = (logs or {}).get(self.monitor)
        if found is None and not self._warned:
            self._warned = True
            warn(
                f"{type(self).__name__} watches {self.monitor!r}, which is not in the logs. There are: "
                f"{', '.join(map(repr, logs or {})) or 'none'}."
            )
        return None if found is None else float(found)
