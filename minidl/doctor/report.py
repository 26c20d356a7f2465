"""What the doctor found: findings, a table of the layers, and how both are written for a screen of 80 columns."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from minidl.messages import say

__all__ = ["SEVERITIES", "Finding", "LayerRow", "Report", "error", "in_order", "note", "warning"]

SEVERITIES = ("error", "warning", "note")
_WIDTH = 80
_NAME = 26  # columns for name and kind of a layer


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or looks it.

    Attributes:
        severity: "error" (training cannot work), "warning" (it will work badly) or "note" (worth a look).
        topic: what it is about, in a word: "scale", "labels", "learning rate" ...
        layer: the name of the layer concerned; None if it is none in particular.
        message: what was found, with figures.
        mend: what to do about it.
        figures: the numbers of the message, for programs.
    """

    severity: str
    topic: str
    layer: str | None
    message: str
    mend: str
    figures: dict[str, Any] = field(default_factory=dict)


def error(topic: str, layer: str | None, message: str, mend: str, **figures: Any) -> Finding:
    """A finding with which training cannot work."""
    return Finding("error", topic, layer, message, mend, figures)


def warning(topic: str, layer: str | None, message: str, mend: str, **figures: Any) -> Finding:
    """A finding with which training will work badly."""
    return Finding("warning", topic, layer, message, mend, figures)


def note(topic: str, layer: str | None, message: str, mend: str, **figures: Any) -> Finding:
    """A finding that is worth a look, and may be meant."""
    return Finding("note", topic, layer, message, mend, figures)


class LayerRow(NamedTuple):
    """A layer in the table: its output on the sample, and what one training step does to its weights.

    `mean`, `std` and `zeros` (the share of exact zeros) are of the output; `gradient` is the root of the mean
    square of dLoss/dweights; `update` is |change| / |weights| in the first step. None where there is none.
    """

    name: str
    kind: str
    mean: float
    std: float
    zeros: float
    gradient: float | None = None
    update: float | None = None

    def line(self) -> str:
        """This row of the table, 80 columns at most."""
        name = _cut(f"{self.name} ({self.kind})", _NAME)
        cells = [_number(self.mean), _number(self.std), f"{self.zeros:.0%}"]
        cells += [_number(self.gradient), _number(self.update)]
        widths = (11, 10, 7, 11, 11)
        return (
            name
            + " " * (_NAME - _columns(name))
            + "".join(f"{c:>{w}}" for c, w in zip(cells, widths, strict=True))
        )


@dataclass(frozen=True)
class Report:
    """What `minidl.doctor` returns: true if nothing was found but notes. Printing it gives the text.

    Attributes:
        findings: the errors first, then the warnings, then the notes.
        layers: a row for each layer that was seen running.
        learnt: the loss of one batch before and after some steps on it; None if that was not tried.
    """

    findings: tuple[Finding, ...]
    layers: tuple[LayerRow, ...] = ()
    learnt: tuple[float, float, int] | None = None

    @property
    def ok(self) -> bool:
        """Whether there is neither an error nor a warning."""
        return all(finding.severity == "note" for finding in self.findings)

    def __bool__(self) -> bool:
        return self.ok

    def about(self, topic: str) -> list[Finding]:
        """The findings of one topic."""
        return [finding for finding in self.findings if finding.topic == topic]

    def __str__(self) -> str:
        lines = [self._title()]
        for finding in self.findings:
            where = f", {finding.layer}" if finding.layer else ""
            lines += ["", *_wrapped(f"{finding.severity.upper()} ({finding.topic}{where})", "")]
            lines += _wrapped(finding.message, "  ") + _wrapped(f"-> {finding.mend}", "  ", "     ")
        if self.layers:
            lines += ["", *self._table()]
        if self.learnt is not None:
            before, after, steps = self.learnt
            lines += [
                "",
                *_wrapped(
                    say(
                        f"Learning one batch by heart: the loss goes from {before:.3g} to {after:.3g} in {steps} steps."
                    ),
                    "",
                ),
            ]
        return "\n".join(lines)

    __repr__ = __str__

    def _title(self) -> str:
        if not self.findings:
            return say("The doctor found nothing wrong.")
        errors, warnings, notes = (sum(f.severity == s for f in self.findings) for s in SEVERITIES)
        return say(f"The doctor found: errors {errors}, warnings {warnings}, notes {notes}.")

    def _table(self) -> list[str]:
        head = f"{'output':<{_NAME}}{'mean':>11}{'std':>10}{'zeros':>7}{'gradient':>11}{'update':>11}"
        return [head, *(row.line() for row in self.layers)]


def _number(x: float | None) -> str:
    return "-" if x is None else f"{x:.3g}"


def _columns(text: str) -> int:
    """The columns that `text` takes on a screen: a Korean syllable takes two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _cut(text: str, columns: int) -> str:
    if _columns(text) <= columns:
        return text
    while _columns(text) > columns - 1:
        text = text[:-1]
    return text + "…"


def _wrapped(text: str, indent: str, further: str | None = None) -> list[str]:
    """`text` in lines of 80 columns, broken between words; words that are longer are broken anywhere."""
    lines, line = [], indent
    begin = indent if further is None else further
    for word in text.split():
        while True:
            joined = line + word if not line.strip() else f"{line} {word}"
            if _columns(joined) <= _WIDTH:
                line = joined
                break
            if line.strip():
                lines.append(line)
                line = begin
            else:
                fitting = _fitting(word, _WIDTH - len(begin))
                lines.append(begin + fitting)
                word = word[len(fitting) :]
    return [*lines, line]


def _fitting(word: str, columns: int) -> str:
    end = len(word)
    while _columns(word[:end]) > columns:
        end -= 1
    return word[:end]


def in_order(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Errors first, then warnings, then notes; otherwise in the order in which they were found."""
    return tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)))
