"""What the doctor found: findings, a table of the layers, and how both are written for a screen of 80 columns."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from minidl.messages import say, word
from minidl.utils.columns import WIDTH, columns, cut, padded, wrapped

__all__ = ["SEVERITIES", "Finding", "LayerRow", "Report", "error", "in_order", "note", "warning"]

SEVERITIES = ("error", "warning", "note")
_NAME = 26  # columns for name and kind of a layer
_FIGURES = (11, 10, 7, 11, 11)


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
        figures = [_number(self.mean), _number(self.std), f"{self.zeros:.0%}"]
        figures += [_number(self.gradient), _number(self.update)]
        return _cells(cut(f"{self.name} ({self.kind})", _NAME), figures)


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
            lines += ["", *_lines(f"{finding.severity.upper()} ({finding.topic}{where})", "")]
            lines += _lines(finding.message, "  ") + _lines(f"-> {finding.mend}", "  ", "     ")
        if self.layers:
            lines += ["", *self._table()]
        if self.learnt is not None:
            before, after, steps = self.learnt
            lines += [
                "",
                *_lines(
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
        first, *others = word("output, mean, std, zeros, gradient, update").split(", ")
        return [_cells(first, others), *(row.line() for row in self.layers)]


def _cells(name: str, figures: Sequence[str]) -> str:
    """A line of the table."""
    row = (" " * (width - columns(f)) + f for f, width in zip(figures, _FIGURES, strict=True))
    return padded(name, _NAME) + "".join(row)


def _number(x: float | None) -> str:
    return "-" if x is None else f"{x:.3g}"


def _lines(text: str, indent: str, further: str | None = None) -> list[str]:
    return wrapped(" ".join(text.split()), WIDTH, indent, further)


def in_order(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Errors first, then warnings, then notes; otherwise in the order in which they were found."""
    return tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)))
