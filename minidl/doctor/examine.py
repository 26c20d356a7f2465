"""`doctor`: the order in which the checks are made, and what is left out where an earlier one has failed."""

import math
from collections.abc import Sequence
from typing import Any

from minidl.devices import device
from minidl.doctor.data import check_data
from minidl.doctor.ends import check_end
from minidl.doctor.flow import Flow, flow, rows_of
from minidl.doctor.gradients import check_gradients
from minidl.doctor.parts import check_chains, check_parts
from minidl.doctor.patient import (
    End,
    Patient,
    admitted,
    all_rows,
    begins_at_zero,
    inference,
)
from minidl.doctor.report import Finding, LayerRow, Report, error, in_order, note
from minidl.doctor.signals import check_signals, constant_output
from minidl.doctor.targets import check_targets
from minidl.doctor.trial import affordable, check_initial_loss, check_trial, one_batch, tried
from minidl.messages import say
from minidl.models.aside import copied, undisturbed
from minidl.models.model import Model
from minidl.models.modes import modes_restored
from minidl.utils.checks import whole_number
from minidl.utils.nested import flatten

__all__ = ["doctor"]

_FEWEST_STEPS = 5  # of fewer nothing follows


@modes_restored
def doctor(model: Any, x: Any, y: Any = None, *, sample: int = 512, steps: int = 40) -> Report:
    """Examine a model together with its data, and say what is wrong and how to mend it.

    Neither is changed: whatever runs, runs on a copy, with random numbers of its own. The same model and data give the
    same report. NaN and labels are looked for in all rows, everything else in a sample.

    Args:
        model: any model, best compiled; one that is not is told so, and examined as far as possible.
        x, y: data as for `fit`: arrays, lists or dicts of them, or an object that hands out batches by number.
        sample: rows to look at.
        steps: training steps on one batch; 200 and more also ask whether it can be learnt by heart.

    Raises:
        TypeError: `model` is no Model, or an argument is no whole number.
        ValueError: an argument is out of range.

    >>> import numpy as np
    >>> from minidl.layers import Dense, Input
    >>> from minidl.models import Sequential
    >>> model = Sequential([Input((2,)), Dense(1, activation="softmax")])
    >>> model.compile("adam", "binary_crossentropy")
    >>> x = np.random.default_rng(0).normal(size=(64, 2))
    >>> doctor(model, x, x[:, :1] > 0).findings[0].message
    'The model ends in a softmax over one unit, which is always 1, whatever the input. It cannot learn.'
    """
    if not isinstance(model, Model):
        raise TypeError(say(f"doctor expects a model, got {type(model).__name__}. Call doctor(model, x, y)."))
    sample = whole_number("doctor", "sample", sample, 1)
    steps = whole_number("doctor", "steps", steps, 0)
    with undisturbed(), device("cpu"):
        return _Examination(model).report(x, y, sample, steps)


class _Examination:
    """The findings so far, and what the later checks need of the earlier ones."""

    def __init__(self, model: Model):
        self.model = model
        self.findings: list[Finding] = []
        self.rows: tuple[LayerRow, ...] = ()
        self.learnt: tuple[float, float, int] | None = None

    def report(self, x: Any, y: Any, sample: int, steps: int) -> Report:
        """Make all checks, each as far as those before it allow."""
        patient = self._admitted(x, y, sample)
        if patient is not None:
            self._examined(patient, steps)
        return Report(in_order(self.findings), self.rows, self.learnt)

    def _admitted(self, x: Any, y: Any, sample: int) -> Patient | None:
        """A copy of the model, and the data in arrays; None where there is no way to get them."""
        compiled = self.model.scores is not None
        if not compiled:
            self.findings.append(
                error(
                    "compile",
                    None,
                    say(
                        f"{self.model.name} is not compiled: it has no loss and no optimizer, and cannot be trained."
                    ),
                    say(
                        "Call model.compile(optimizer='adam', loss=...) first. Losses and labels are not checked yet."
                    ),
                )
            )
        try:
            twin = copied(self.model)
        except Exception as problem:  # a model may hold anything: files, locks, connections
            self._failed("copy", problem, say("Keep what cannot be copied outside of the model."))
            return None
        try:
            data = all_rows(twin, x, y, sample)
        except (TypeError, ValueError) as problem:
            self._failed("data", problem, say("Change the data as the message says, and ask again."))
            return None
        return admitted(twin, data, sample, compiled)

    def _failed(self, topic: str, problem: Exception, mend: str) -> None:
        kind = "" if isinstance(problem, ValueError | TypeError) else f"{type(problem).__name__}: "
        self.findings.append(error(topic, None, f"{kind}{problem!s:.350}", mend))

    def _examined(self, patient: Patient, steps: int) -> None:
        try:
            ends, seen = inference(patient)
        except Exception as problem:  # layers of your own may raise anything
            self.findings += check_data(patient, [])
            self._failed(
                "shapes", problem, say("The model cannot run on this data. Change what the message says.")
            )
            return
        last = [end.layer for end in ends]
        self.findings += check_data(patient, seen)
        for end in ends:
            if patient.compiled:
                self.findings += check_targets(end)
            self.findings += check_end(end)
        self.findings += check_parts(patient, last)
        self.findings += check_chains(seen)
        passed = self._flow(patient)
        if passed is None:
            return
        self.rows = tuple(rows_of(passed))
        if self._has_errors("NaN"):
            return
        self.findings += check_signals(passed, last)
        if self._has_errors("output"):
            return  # whatever else is wrong follows from that
        self.findings += check_gradients(patient, passed)
        if not begins_at_zero(patient.model):
            self._constant(patient, ends)
        if patient.compiled and passed.has_loss:
            self.findings += check_initial_loss(patient, ends, passed)
            if not any(finding.severity == "error" for finding in self.findings):
                self._trial(patient, ends, passed, steps)

    def _flow(self, patient: Patient) -> Flow | None:
        """The pass forward and back; without the loss where that cannot be computed."""
        with_loss = patient.compiled and bool(patient.model.trainable_weights)
        try:
            return flow(patient, with_loss)
        except Exception as problem:
            if not any(finding.severity == "error" for finding in self.findings):
                self._failed(
                    "loss", problem, say("The loss cannot be computed. Change what the message says.")
                )
        try:
            return flow(patient, with_loss=False)
        except Exception:
            return None

    def _constant(self, patient: Patient, ends: Sequence[End]) -> None:
        varies = any(x.size and bool((x != x[:1]).any()) for x in flatten(patient.sample.x))
        for end in ends:
            name = None if end.layer is None else end.layer.name
            self.findings += constant_output(end.y_pred.data, varies, name)

    def _trial(self, patient: Patient, ends: Sequence[End], passed: Flow, steps: int) -> None:
        """Some steps on one batch."""
        possible = affordable(patient, passed, steps)
        if possible < min(_FEWEST_STEPS, steps):
            self.findings.append(
                note(
                    "one batch",
                    None,
                    say(
                        "The model is too large for a trial of some seconds: whether it learns was not tried."
                    ),
                    say(
                        "Ask with fewer and smaller samples, or train on one batch yourself and watch the loss fall."
                    ),
                )
            )
            return
        if possible == 0:
            return
        batch = one_batch(patient)
        try:
            trial = tried(patient, batch, possible)
            scaled = not any(finding.topic in ("scale", "outliers") for finding in self.findings)
            self.findings += check_trial(patient, ends, trial, batch, scaled)
        except Exception as problem:
            self._failed("training", problem, say("A training step fails. Change what the message says."))
            return
        self.rows = tuple(row._replace(update=trial.updates.get(row.name)) for row in self.rows)
        if trial.finite and math.isfinite(trial.end):
            self.learnt = (trial.losses[0], trial.losses[-1], possible)

    def _has_errors(self, topic: str) -> bool:
        return any(finding.severity == "error" and finding.topic == topic for finding in self.findings)
