"""What fit, evaluate and predict show while they run.

    Epoch 1/2
    4/4 ━━━━━━━━━━━━━━━━━━━━ 0s 3ms/step - loss: 0.1234 - mae: 0.2345

In a terminal or a notebook the line is redrawn in place, at most ten times a second. Anywhere else (a file, a
pipe, a captured stream) it is written once, when the epoch is over, without control characters.

A carriage return and a padded line are all it takes. `rich.progress` would put its own object in the place of
`sys.stdout` while it runs and show nothing in a notebook without ipywidgets, and everywhere else than in a
terminal plain lines would be needed as well.
"""

import os
import sys
from collections.abc import Callable, Mapping
from numbers import Integral
from time import perf_counter
from typing import Any, TextIO

import numpy as np

from minidl.messages import say
from minidl.utils.columns import columns

__all__ = ["Progress"]

_BAR = 20  # columns of the bar; less where the line gets too long
_INTERVAL = 0.1  # seconds between two drawings


class Progress:
    """The display of one call of fit, evaluate or predict.

    The training loop calls `epoch_begin`, `step` after each batch, `epoch_end`, and in the end, whatever has
    happened, `close`.

    Args:
        verbose: 0 nothing; 1 or "auto" a bar; 2 one line per epoch; any other number only "Epoch 1/3".
        epochs: number of epochs. The line "Epoch 1/1" of a single one is left out.
        steps: batches per epoch, None if unknown. Then the first epoch counts them.
        file: where to write; if None, what `sys.stdout` is at that moment.

    Raises:
        ValueError: `verbose` is neither a whole number nor "auto".

    >>> progress = Progress(verbose=2, epochs=3, steps=4)
    >>> progress.epoch_begin(0)
    Epoch 1/3
    >>> for n in range(4):
    ...     progress.step(n + 1)
    >>> progress.epoch_end({"loss": 0.25, "accuracy": 0.5})
    4/4 - 0s - ...s/step - accuracy: 0.5000 - loss: 0.2500
    """

    def __init__(self, verbose: int | str, epochs: int, steps: int | None, file: TextIO | None = None):
        if verbose != "auto" and not (isinstance(verbose, Integral)):
            raise ValueError(
                say(
                    f"fit, evaluate and predict expect verbose to be 'auto' or a number, 0 to 3, got {verbose!r:.80}."
                )
            )
        self.verbose = 1 if verbose == "auto" else int(verbose)
        self.epochs = epochs
        self.steps = steps
        self._file = file
        self._open = 0  # columns of the line that is drawn and not yet ended
        self._restart()

    def _restart(self) -> None:
        self._done = 0
        self._begin = self._now = perf_counter()
        self._first: tuple[int, float] | None = None  # steps and time when the first batch was done
        self._next_drawing = 0.0

    def epoch_begin(self, epoch: int) -> None:
        """Start epoch number `epoch`, counted from 0."""
        self._restart()
        if self.verbose and self.epochs > 1:
            self._write(f"Epoch {epoch + 1}/{self.epochs}\n")

    def step(self, n_done: int, logs: Callable[[], Mapping[str, float]] = dict) -> None:
        """Note that `n_done` batches of this epoch are done.

        Args:
            n_done: batches so far.
            logs: gives the numbers to show. Called only when the line is drawn, because reading them may
                mean waiting for the device they are on.
        """
        self._done = n_done
        self._now = perf_counter()
        if self._first is None:
            self._first = (n_done, self._now)
        if self.verbose == 1 and self._now >= self._next_drawing:
            if _redraws(self._stream()):
                self._draw(logs(), finished=False)
            self._next_drawing = perf_counter() + _INTERVAL

    def epoch_end(self, logs: Mapping[str, float] | None = None) -> None:
        """Write the finished line of this epoch, with the numbers in `logs`, and end it."""
        if self.steps is None:
            self.steps = self._done
        if self.verbose == 1:
            self._draw(logs or {}, finished=True)
            self.close()
        elif self.verbose == 2:
            self._write(
                " - ".join([self._count(), self._elapsed(), self._pace(), *_numbers(logs or {})]) + "\n"
            )

    def close(self) -> None:
        """End a line that was left half-way, so that what follows starts on its own."""
        if self._open:
            self._open = 0
            self._write("\n")

    # --- the line -------------------------------------------------------------------------------------------

    def _draw(self, logs: Mapping[str, float], finished: bool) -> None:
        """Write the line; where there is one to redraw, over it and in one row of the terminal.

        To fit, the bar gets shorter and goes, then numbers go, from the last. A finished line keeps its
        numbers: what scrolls away need not fit a row.
        """
        stream = self._stream()
        redraws = _redraws(stream)
        room = _columns(stream) - 1 if redraws else sys.maxsize  # the last column makes some terminals wrap
        clock = self._elapsed() if finished or not self.steps else self._remaining()
        parts = [f"{clock} {self._pace()}", *_numbers(logs)]
        while not finished and len(parts) > 1 and columns(f"{self._count()} {' - '.join(parts)}") > room:
            parts.pop()
        words = " - ".join(parts)
        bar = self._bar(min(_BAR, room - columns(f"{self._count()}  {words}")), *_glyphs(stream))
        line = f"{self._count()} {bar}{words}"
        if not finished:
            line = line[:room]
        used = columns(line)
        self._write(("\r" if redraws else "") + line + " " * (self._open - used))
        self._open = used

    def _bar(self, columns: int, full: str, rest: str) -> str:
        if not self.steps or columns < 5:
            return ""
        filled = columns * min(self._done, self.steps) // self.steps
        return full * filled + rest * (columns - filled) + " "

    def _count(self) -> str:
        if self.steps is None:
            return f"{self._done:>7}/Unknown"
        return f"{self._done:>{len(str(self.steps))}}/{self.steps}"

    def _elapsed(self) -> str:
        return f"{perf_counter() - self._begin:.0f}s"

    def _remaining(self) -> str:
        left = int(self._seconds_per_step() * max((self.steps or 0) - self._done, 0))
        if left < 60:
            return f"{left}s"
        if left < 3600:
            return f"{left // 60}:{left % 60:02d}"
        return f"{left // 3600}:{left // 60 % 60:02d}:{left % 60:02d}"

    def _seconds_per_step(self) -> float:
        """Mean duration of a step, without the first (which may compile) as soon as there are others."""
        if self._first is None:
            return 0.0
        n, then = self._first
        if self._done > n:
            return (self._now - then) / (self._done - n)
        return (self._now - self._begin) / max(self._done, 1)

    def _pace(self) -> str:
        seconds = self._seconds_per_step()
        if seconds >= 1 or seconds == 0:
            return f"{seconds:.0f}s/step"
        return f"{seconds * 1e3:.0f}ms/step" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us/step"

    # --- writing --------------------------------------------------------------------------------------------

    def _stream(self) -> Any:
        return self._file if self._file is not None else sys.stdout

    def _write(self, text: str) -> None:
        stream = self._stream()
        if stream is not None:  # a program without a console has no sys.stdout
            stream.write(text)
            stream.flush()


def _numbers(logs: Mapping[str, float]) -> list[str]:
    """ "name: value" for each number by name, those of the validation last."""
    shown = []
    for name in sorted(logs, key=lambda name: (name.startswith("val_"), name)):
        value = float(np.mean(logs[name]))  # a metric may have a value for each class
        shown.append(f"{name}: {value:.4f}" if abs(value) > 1e-3 else f"{name}: {value:.4e}")
    return shown


def _redraws(stream: Any) -> bool:
    """Whether a carriage return takes `stream` back to the start of the line."""
    kind = type(stream).__module__.partition(".")[0]
    is_terminal = getattr(stream, "isatty", bool)
    return kind == "ipykernel" or (kind != "idlelib" and is_terminal())


def _glyphs(stream: Any) -> tuple[str, str]:
    """The done and the open part of the bar, in characters `stream` can write, one column wide."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return ("━", "─") if encoding.lower().startswith("utf") else ("=", ".")


def _columns(stream: Any) -> int:
    """The width of the terminal behind `stream`, 80 where it does not say."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError, AttributeError):
        return 80
