"""`gradcheck`: every gradient of a function, a layer or a model against differences."""

from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.gradcheck.compare import REST, Comparison, Settings, backward_slopes, compared, projections
from minidl.gradcheck.report import GradcheckError, GradcheckReport
from minidl.gradcheck.target import Leaf, Target, prepared
from minidl.messages import say
from minidl.utils.checks import flag, number, whole_number

__all__ = ["gradcheck"]

_REDRAWS = 5
_SHOWN = 5  # notes of one kind


def gradcheck(
    target: Any,
    *inputs: Any,
    tolerance: float = 1e-7,
    step: float = 2.0**-9,
    training: bool = True,
    max_elements: int = 1000,
    seed: int = 0,
    raise_on_failure: bool = True,
) -> GradcheckReport:
    """Compare every gradient that the backward pass gives with differences, in float64.

    `minidl.gradcheck(...)` calls this function; `minidl.gradcheck.complex_step` is its neighbour.

    Args:
        target: a function of tensors that returns a tensor (or several); a Layer, whose weights are checked
            with its inputs; or, with x and y as inputs, a compiled Model with its loss and penalties.
        inputs: arrays, lists, tensors, or lists of arrays; for a model x, y and perhaps sample_weight. Floats
            are checked, whole numbers are passed on. Anything else (an axis, a name) is passed on too.
        tolerance: the largest error allowed, as a part of the largest slope by the same input or weight. The
            rounding of the differences, about 1e-11 for values up to 1, is allowed for on top.
        step: the largest distance to look at, for elements up to 1; larger elements move in proportion.
        training: whether layers run as in training. Dropout drops the same units in every run.
        max_elements: of an input or weight with more, that many are drawn at random and checked one by one,
            and all others together, along one random direction.
        seed: of the draws.
        raise_on_failure: raise an error with the report as its message; otherwise return the report.

    Raises:
        GradcheckError: a gradient is wrong; or the target cannot be checked: it gives other values in a second
            run, changes its inputs, has no finite float64 outputs, or is a model without a loss yet.

    >>> from minidl import Tensor
    >>> bool(gradcheck(lambda a, b: a * b, [1.0, 2.0], [3.0, 4.0]))
    True
    """
    settings = Settings(
        number("gradcheck", "tolerance", tolerance, above=0),
        number("gradcheck", "step", step, above=0),
        whole_number("gradcheck", "max_elements", max_elements, 1),
        whole_number("gradcheck", "seed", seed, 0),
    )
    training = flag("gradcheck", "training", training)
    raise_on_failure = flag("gradcheck", "raise_on_failure", raise_on_failure)
    with prepared(target, inputs, training) as checked:
        notes = _refuse_unfit(checked)
        comparisons, moved = _away_from_kinks(checked, settings)
        notes += _sampling(checked, settings) + moved
        report = GradcheckReport(
            tuple(row for comparison in comparisons for row in comparison.rows),
            settings.tolerance,
            tuple(notes),
        )
    if raise_on_failure and not report.ok:
        raise GradcheckError("\n" + str(report))
    return report


def _refuse_unfit(target: Target) -> list[str]:
    """Raise where no slope could be trusted; the notes made so far."""
    if not target.leaves:
        raise GradcheckError(say("gradcheck found nothing to check: no input or weight holds floats."))
    before = [leaf.tensor.data.copy() for leaf in target.leaves]
    first, second = target.values(), target.values()
    for leaf, x in zip(target.leaves, before, strict=True):
        if not np.array_equal(leaf.tensor.data, x, equal_nan=True):
            raise GradcheckError(
                say(f"gradcheck found {leaf.name} changed by the target. Let it work on a copy.")
            )
    if first.shape != second.shape or not np.array_equal(first, second, equal_nan=True):
        raise GradcheckError(
            say(
                "gradcheck ran the target twice and got different outputs: it is not deterministic. Draw random "
                "numbers from a SeedGenerator or with a fixed seed."
            )
        )
    if not first.size:
        return [*target.notes, say("there is no float output, and so no slope.")]
    if not np.isfinite(first).all():
        raise GradcheckError(
            say("gradcheck got NaN or infinite outputs at this point, where no slope exists.")
        )
    return list(target.notes)


def _away_from_kinks(target: Target, settings: Settings) -> tuple[list[Comparison], list[str]]:
    """Compare; where the function has a kink, move the elements concerned a little and compare again."""
    rng = np.random.default_rng(settings.seed)
    moves: dict[tuple[int, int], int] = {}
    original = [leaf.tensor.data.copy() for leaf in target.leaves]
    sums = projections(target.values().size, settings.seed)
    if not len(sums):
        return [], []
    for attempt in range(_REDRAWS + 1):
        analytic = backward_slopes(target, sums)
        comparisons = [
            compared(target, leaf, a, sums, settings) for leaf, a in zip(target.leaves, analytic, strict=True)
        ]
        kinks = [(i, p) for i, comparison in enumerate(comparisons) for p in comparison.kinks if p != REST]
        if not kinks or attempt == _REDRAWS or not _move(target, kinks, rng, settings.step):
            break
        for kink in kinks:
            moves[kink] = moves.get(kink, 0) + 1
    return comparisons, _kink_notes(target, comparisons, moves, original)


def _move(target: Target, kinks: list[tuple[int, int]], rng: np.random.Generator, step: float) -> bool:
    """Take the elements at a kink out of its reach; whether that was possible."""
    before = [leaf.tensor.data.copy() for leaf in target.leaves]
    for i, position in kinks:
        flat = target.leaves[i].tensor.data.reshape(-1)
        flat[position] += rng.choice([-1, 1]) * rng.uniform(4, 16) * step * max(1.0, abs(flat[position]))
    if np.isfinite(target.values()).all():
        return True
    for leaf, x in zip(target.leaves, before, strict=True):
        leaf.tensor.data[...] = x
    return False


def _sampling(target: Target, settings: Settings) -> list[str]:
    return [
        say(
            f"{leaf.name}: {settings.max_elements:,} of {leaf.tensor.size:,} elements, drawn with seed "
            f"{settings.seed}, were checked one by one."
        )
        for leaf in target.leaves
        if leaf.tensor.size > settings.max_elements
    ]


def _kink_notes(
    target: Target, comparisons: list[Comparison], moves: dict[tuple[int, int], int], original: list[Array]
) -> list[str]:
    """Which elements were moved away from a kink, and which could not be."""
    notes = []
    for (i, position), times in moves.items():
        leaf = target.leaves[i]
        value = float(original[i].reshape(-1)[position])
        notes.append(
            say(
                f"kink near {_place(leaf, position)} = {value:.6g}: re-drawn {times} time{'s' * (times > 1)}."
            )
        )
    shown = notes[:_SHOWN] + [say(f"... and {len(notes) - _SHOWN} more re-drawn.")] * (len(notes) > _SHOWN)
    for leaf, comparison in zip(target.leaves, comparisons, strict=False):
        skipped = [
            say(f"{_place(leaf, position)} skipped: {reason}.")
            for position, reason in comparison.kinks.items()
        ]
        shown += skipped[:_SHOWN] + [say(f"... and {len(skipped) - _SHOWN} more of {leaf.name}.")] * (
            len(skipped) > _SHOWN
        )
    return shown


def _place(leaf: Leaf, position: int) -> str:
    """ "inputs[0][1, 0]"; what the elements that moved together are called."""
    return f"{leaf.name}, the rest" if position == REST else f"{leaf.name}{list(leaf.element(position))}"
