"""Checks by training a copy for a moment: does it learn one batch by heart, and is the learning rate right for that?

A. Karpathy's "A Recipe for Training Neural Networks" (2019) asks for two things before any long training: the loss at
the beginning is what chance gives, ln C for C classes; and a single batch can be learnt by heart. A model that cannot
do that has a mistake in it, and more data or more time will not help. Most often it is the learning rate, "perhaps the
most important hyper-parameter" (Y. Bengio, 2012, arXiv:1206.5533), so it is also tried at other orders of magnitude.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from minidl.doctor.flow import Flow
from minidl.doctor.patient import End, Patient, picked, step, watched
from minidl.doctor.report import Finding, error, note, warning
from minidl.doctor.signals import first_not_finite
from minidl.doctor.targets import kind_of
from minidl.messages import say
from minidl.models.aside import copied
from minidl.models.data import Batch
from minidl.models.parts import parts
from minidl.tensor import no_grad
from minidl.utils.nested import flatten

__all__ = ["BY_HEART", "Trial", "affordable", "check_initial_loss", "check_trial", "tried"]

_LITTLE, _CLEAR = 0.01, 0.1  # of its first value, how much the loss falls: hardly, or without a doubt
_CHANCE = 2.0  # first loss by that of chance; good initial weights stay below 1.3
_KNOWS = 0.1  # of the loss of chance: a model that is below has learnt already
_BUDGET = 6e10  # multiplications for a trial: some seconds on a laptop
BY_HEART = 200  # steps in which one batch should be learnt
_FORGETFUL = 0.3  # the part of the loss that may be left then


class Trial(NamedTuple):
    """One batch trained on for some steps."""

    losses: list[float]  # before each step, and behind the last one
    updates: dict[str, float]  # |change| / |weights| in the first step, by layer
    broken: Finding | None  # the layer where numbers end, if the loss did

    @property
    def finite(self) -> bool:
        return all(map(math.isfinite, self.losses))

    @property
    def end(self) -> float:
        """The last three: dropout makes each of them jump."""
        return float(np.mean(self.losses[-3:]))

    @property
    def fall(self) -> float:
        """By which part of its first value the loss has fallen."""
        start = self.losses[0]
        return (start - self.end) / max(abs(start), 1e-12) if self.finite else -math.inf


def affordable(patient: Patient, seen: Flow, steps: int) -> int:
    """As many steps as cost some seconds, up to `steps`; counted in multiplications, and so the same everywhere."""
    rows = min(patient.sample.samples, patient.batch)
    cost = 0
    for call in seen.seen:
        for v in call.layer.weights:
            if v.ndim > 1 and call.outputs and type(call.layer).__name__ != "Embedding":
                places = max(
                    t.size // max(len(t), 1) // t.shape[-1] for t in (*call.outputs, *call.inputs) if t.ndim
                )
                cost += 3 * v.size * max(places, 1) * rows
    return int(min(steps, _BUDGET // max(cost, 1)))


def one_batch(patient: Patient) -> Batch:
    """Some rows of the sample, drawn at random, so that they are not all of one class."""
    sample = patient.sample
    order = np.random.default_rng(1).permutation(sample.samples)
    return picked(sample, order[: patient.batch])


def tried(patient: Patient, batch: Batch, steps: int, factor: float = 1.0) -> Trial:
    """Train a copy on `batch`, with its learning rate times `factor`."""
    twin = copied(patient.model)
    twin._prepare(lambda: batch, training=True)
    optimizer: Any = twin.optimizer
    if factor != 1.0:
        optimizer.learning_rate = optimizer.learning_rate * factor
    before = {layer.name: [v.data.copy() for v in layer.weights if v.trainable] for layer in parts(twin)}
    start = int(optimizer.iterations)
    losses, updates = [step(twin, batch, start)], {}
    for layer in parts(twin):
        old = before[layer.name]
        size = math.sqrt(sum(float((w.astype(np.float64) ** 2).sum()) for w in old))
        new = [v.data for v in layer.weights if v.trainable]
        change = math.sqrt(
            sum(float(((b - a).astype(np.float64) ** 2).sum()) for a, b in zip(old, new, strict=True))
        )
        if size > 0:
            updates[layer.name] = change / size
    broken = None
    for number in range(start + 1, start + steps + 1):
        losses.append(step(twin, batch, number))
        if not math.isfinite(losses[-1]):
            with no_grad(), watched(twin) as seen:
                twin(batch.x, training=False)
            broken = first_not_finite(seen)
            break
    return Trial(losses, updates, broken)


def check_initial_loss(patient: Patient, ends: Sequence[End], seen: Flow) -> Iterator[Finding]:
    """Before it has learnt anything, a model should think all classes equally likely: loss ln C.

    It is asked in training mode: the running averages of BatchNormalization do not mean anything yet.
    """
    end = ends[0]
    chance = _chance(end)
    if (
        len(ends) > 1
        or chance is None
        or patient.model.optimizer is None
        or int(patient.model.optimizer.iterations)
    ):
        return
    loss = float(end.output.loss(patient.sample.y, flatten(seen.y_pred)[0]))  # type: ignore[misc]
    if math.isfinite(loss) and loss > _CHANCE * chance:
        yield warning(
            "first loss",
            None,
            say(
                f"The loss before any training is {loss:.3g}, while guessing gives {chance:.3g}: the model is sure of "
                "itself, and wrong. It must unlearn that first."
            ),
            say(
                "Standardise the inputs, use smaller initial weights in the last layer, and no bias that favours a class."
            ),
            loss=loss,
            chance=chance,
        )


def _chance(end: End) -> float | None:
    """The cross-entropy of guessing; None where the loss is no cross-entropy."""
    kind = kind_of(end.output.loss)
    units = end.y_pred.shape[-1] if end.y_pred.ndim else 1
    if kind == "binary":
        return math.log(2)
    return math.log(units) if kind in ("sparse", "categorical") and units > 1 else None


def check_trial(
    patient: Patient, ends: Sequence[End], trial: Trial, batch: Batch, scaled: bool
) -> Iterator[Finding]:
    """What follows from the trial, and from more of them at other learning rates where it went badly.

    Args:
        patient, ends: the model and its outputs.
        trial: at its own learning rate, on `batch`.
        scaled: whether nothing was found wrong with the scales of the data, so that the rate alone is to blame.
    """
    steps = len(trial.losses) - 1
    optimizer: Any = patient.model.optimizer
    rate, is_number = float(optimizer.learning_rate), not _has_schedule(optimizer)
    start = trial.losses[0]
    if not math.isfinite(start) or _knows_already(ends, start, optimizer):
        return
    if not trial.finite or trial.fall < -_LITTLE:
        lower = [tried(patient, batch, steps, factor) for factor in (0.1, 0.01)] if is_number else []
        better = next((f for f, t in zip((0.1, 0.01), lower, strict=False) if t.fall > 0), None)
        yield _diverges(trial, rate, better, steps)
        return
    if trial.fall >= _LITTLE:
        if steps >= BY_HEART and trial.end > _FORGETFUL * start:
            yield _not_by_heart(start, trial.end, steps)
        return
    factors = (
        [f for f in (10.0, 100.0, 1000.0, 1e6) if f <= 1000 or rate * f < 0.1] if is_number and scaled else []
    )
    best = trial.fall
    for factor in factors:
        higher = tried(patient, batch, steps, factor)
        if higher.fall >= _CLEAR:
            yield _too_low(trial, higher, rate, rate * factor, steps)
            return
        best = max(best, higher.fall)
    if scaled and best < _LITTLE:
        yield _learns_nothing(start, trial.end, steps)


def _has_schedule(optimizer: Any) -> bool:
    return not isinstance(optimizer.get_config()["learning_rate"], float)


def _knows_already(ends: Sequence[End], start: float, optimizer: Any) -> bool:
    """A model that is trained has little left to learn from a batch."""
    chance = _chance(ends[0])
    if len(ends) == 1 and chance is not None:
        return start < _KNOWS * chance
    y = ends[0].y
    if len(ends) == 1 and y is not None and kind_of(ends[0].output.loss) == "numbers":
        spread = float(np.var(y.astype(np.float64))) or 1.0
        return start < _KNOWS * spread and bool(optimizer.iterations)
    return bool(optimizer.iterations)


def _diverges(trial: Trial, rate: float, better: float | None, steps: int) -> Finding:
    """Steps too long jump over the valley, and each of them lands higher up the other side."""
    last = trial.losses[-1]
    layer = None if trial.broken is None else trial.broken.layer
    mend = say(
        "Clip the gradients (clipnorm=1.0), standardise the data, or lower the learning rate a hundredfold."
    )
    if better is not None:
        mend = say(f"Lower the learning rate: with {rate * better:.1g} the loss of the same batch falls.")
    if not trial.finite:
        if layer is not None:
            message = say(
                f"The loss becomes {last} in step {len(trial.losses) - 1} with learning rate {rate:.3g}. The first layer that "
                f"gives NaN or infinity then is {layer}. The weights have grown without bound."
            )
        else:
            message = say(
                f"The loss becomes {last} in step {len(trial.losses) - 1} with learning rate {rate:.3g}, though every layer "
                "gives finite numbers: the loss itself overflows, or takes the logarithm of 0."
            )
        return error("learning rate", layer, message, mend, rate=rate, steps=len(trial.losses) - 1)
    return warning(
        "learning rate",
        None,
        say(
            f"On one batch the loss rises from {trial.losses[0]:.3g} to {trial.end:.3g} in {steps} steps: the learning rate "
            f"{rate:.3g} is too high for this model and data."
        ),
        mend,
        rate=rate,
    )


def _too_low(trial: Trial, higher: Trial, rate: float, other: float, steps: int) -> Finding:
    """Steps so short that a training would not arrive in a lifetime."""
    return warning(
        "learning rate",
        None,
        say(
            f"The learning rate {rate:.3g} is too low: in {steps} steps on one batch the loss goes from "
            f"{trial.losses[0]:.3g} to {trial.end:.3g}, with {other:.1g} to {higher.end:.3g}."
        ),
        say(f"Try {other:.1g}, and then three times more and less."),
        rate=rate,
        better=other,
    )


def _learns_nothing(start: float, end: float, steps: int) -> Finding:
    return warning(
        "one batch",
        None,
        say(
            f"The model cannot learn even one batch: in {steps} steps on it the loss goes from {start:.3g} to {end:.3g}, and "
            "no learning rate that was tried does better."
        ),
        say(
            "Look whether x and y belong together row by row, whether the loss fits the last layer, and whether "
            "gradients reach the weights (the table). Penalties and dropout may be too strong."
        ),
        start=start,
        end=end,
    )


def _not_by_heart(start: float, end: float, steps: int) -> Finding:
    return note(
        "one batch",
        None,
        say(
            f"In {steps} steps on one batch the loss goes from {start:.3g} to {end:.3g} only. A model that is large enough "
            "learns a batch by heart, with a loss near 0."
        ),
        say(
            "Use more units or less dropout and penalty, or look for samples that are the same but have other labels."
        ),
        start=start,
        end=end,
    )
