"""The Jacobian of all outputs by all elements of a leaf, twice: by the backward pass and by differences.

Few outputs are compared one by one. Of many, random sums are compared: Σ ±y, with a random sign for each
output, so that one wrong element among thousands shows in every sum at its full size.
"""

from typing import NamedTuple

import numpy as np

from minidl.backend import Array
from minidl.gradcheck.differences import Line, Slopes, refined, rounding, slopes
from minidl.gradcheck.report import GradcheckError, GradcheckRow
from minidl.gradcheck.target import Leaf, Target
from minidl.graph import walk

__all__ = ["REST", "Comparison", "Settings", "backward_slopes", "compared", "projections"]

_ONE_BY_ONE = 256  # outputs up to which each has its own backward pass
_SUMS = 16
REST = -1  # stands where an element's position would, for many elements at once


class Settings(NamedTuple):
    tolerance: float
    step: float
    max_elements: int
    seed: int


class Direction(NamedTuple):
    """Elements of a leaf that move together: one of them by 1, or many by ± their size."""

    positions: Array
    amounts: Array
    step: float

    @property
    def single(self) -> bool:
        return len(self.positions) == 1


class Comparison(NamedTuple):
    """What was found for one leaf: its rows, and the elements at a kink with a word on each."""

    rows: list[GradcheckRow]
    kinks: dict[int, str]


def projections(outputs: int, seed: int) -> Array:
    """The sums of outputs to differentiate, one a row: each output alone, or random signs."""
    if outputs <= _ONE_BY_ONE:
        return np.eye(outputs)
    return np.random.default_rng(seed).choice([-1.0, 1.0], (_SUMS, outputs))


def backward_slopes(target: Target, sums: Array) -> list[Array]:
    """By the backward pass, for each leaf: the slope of each sum (first axis) by each element (second axis).

    Raises:
        GradcheckError: a second backward pass through the same graph gives something else.
    """
    outputs = target.outputs()
    ends = np.cumsum([y.size for y in outputs])[:-1]
    found = [np.zeros((len(sums), leaf.tensor.size)) for leaf in target.leaves]
    for row, weights in enumerate([*sums, *sums[:1]]):
        totals = {id(leaf.tensor): np.zeros(leaf.tensor.shape) for leaf in target.leaves}
        for y, part in zip(outputs, np.split(weights, ends), strict=True):
            if y.requires_grad and part.any():
                with np.errstate(all="ignore"):
                    arrived = walk(y, part.reshape(y.shape).copy(), retain_graph=True)
                totals.update((id(t), totals[id(t)] + g) for t, g in arrived if id(t) in totals)
        for table, total in zip(found, totals.values(), strict=True):
            if row < len(sums):
                table[row] = total.ravel()
            elif not np.array_equal(table[0], total.ravel(), equal_nan=True):
                raise GradcheckError(
                    "gradcheck ran backward twice through one graph and got different gradients: a backward "
                    "function changes its cache or the gradient it is given. Let it work on copies."
                )
    return found


def compared(target: Target, leaf: Leaf, analytic: Array, sums: Array, settings: Settings) -> Comparison:
    """Differences against `analytic` (sums, elements) for the elements of one leaf, or a sample of them."""
    at_zero = target.values()
    directions = _directions(leaf, settings)
    lines = [_line(target, leaf, d) for d in directions]
    by_backward = [analytic[:, d.positions] @ d.amounts for d in directions]
    found = [slopes(line, d.step, at_zero) for line, d in zip(lines, directions, strict=True)]
    measured = _largest(*(s.slope for s in found))
    largest = min(_largest(analytic), measured) if measured else _largest(analytic)
    magnitude = max(1.0, _largest(at_zero), largest * _largest(leaf.tensor.data))
    if len(sums) < len(at_zero):
        magnitude *= np.sqrt(len(at_zero))  # of a sum of roundings
    allowed = [settings.tolerance * largest + rounding(magnitude, d.step) for d in directions]
    for j, (line, d) in enumerate(zip(lines, directions, strict=True)):

        def convinced(s: Slopes, j: int = j) -> bool:
            return bool(
                (_errors(s, sums, by_backward[j]) <= allowed[j]).all() and (s.gap <= 4 * allowed[j]).all()
            )

        if not convinced(found[j]):
            smallest = rounding(magnitude, 4 * allowed[j])
            found[j] = refined(line, d.step, at_zero, smallest, convinced)
    return _judged(target, leaf, directions, found, by_backward, sums, allowed, largest)


def _judged(
    target: Target,
    leaf: Leaf,
    directions: list[Direction],
    found: list[Slopes],
    by_backward: list[Array],
    sums: Array,
    allowed: list[float],
    largest: float,
) -> Comparison:
    """Rows for the single elements and for the rest. At a kink any slope between the two sides will do."""
    kinks: dict[int, str] = {}
    worst: dict[bool, tuple[float, GradcheckRow]] = {}
    for d, s, analytic, limit in zip(directions, found, by_backward, allowed, strict=True):
        errors = _errors(s, sums, analytic)
        if not (s.gap <= 4 * limit).all():
            kinks[int(d.positions[0]) if d.single else REST] = _kink(s)
            errors = _outside(s, sums, analytic)
            if not (errors > limit).any():
                continue
        errors = np.where(np.isnan(errors), np.inf, errors)
        k = int(errors.argmax())
        excess = float(errors[k] / limit) if limit else float(errors[k] > 0) * 2
        if d.single not in worst or excess > worst[d.single][0]:
            worst[d.single] = (
                excess,
                GradcheckRow(
                    leaf.name if d.single else f"{leaf.name}, the rest",
                    leaf.tensor.shape,
                    leaf.element(int(d.positions[0])) if d.single else None,
                    target.output_name(k) if len(sums) == sums.shape[1] else "a random sum of the outputs",
                    float(analytic[k]),
                    float(sums[k] @ s.slope),
                    float(errors[k]),
                    float(errors[k] / largest) if largest else 0.0,
                    bool(excess <= 1),
                ),
            )
    rows = [row for _, row in worst.values()]
    unknown = np.nan if kinks else 0.0  # every element is at a kink, or there is none
    empty = GradcheckRow(
        leaf.name, leaf.tensor.shape, None, "", unknown, unknown, unknown, unknown, not kinks
    )
    return Comparison(rows or [empty], kinks)


def _directions(leaf: Leaf, settings: Settings) -> list[Direction]:
    """Every element alone; of a leaf with too many a random sample alone, and all others together.

    Steps are powers of two, so that x + h is exact.
    """
    x = leaf.tensor.data.ravel()
    sizes = 2.0 ** np.floor(np.log2(np.maximum(1, np.abs(x))))
    alone = np.arange(x.size)
    rng = np.random.default_rng(settings.seed)
    if x.size > settings.max_elements:
        alone = np.sort(rng.choice(x.size, settings.max_elements, replace=False))
    directions = [Direction(np.array([p]), np.ones(1), settings.step * sizes[p]) for p in alone]
    rest = np.setdiff1d(np.arange(x.size), alone)
    if rest.size:
        signs = rng.choice([-1.0, 1.0], rest.size)
        shorter = 2.0 ** np.ceil(np.log2(rest.size) / 2)
        directions.append(Direction(rest, signs * sizes[rest], settings.step / shorter))
    return directions


def _line(target: Target, leaf: Leaf, direction: Direction) -> Line:
    """All outputs as a function of the distance along a direction."""
    flat = leaf.tensor.data.reshape(-1)  # a view: leaves are contiguous
    here = flat[direction.positions].copy()

    def line(t: float) -> Array:
        flat[direction.positions] = here + t * direction.amounts
        try:
            return target.values()
        finally:
            flat[direction.positions] = here

    return line


def _errors(s: Slopes, sums: Array, analytic: Array) -> Array:
    return np.abs(sums @ s.slope - analytic)


def _outside(s: Slopes, sums: Array, analytic: Array) -> Array:
    """How far each slope by backward lies outside of what the two sides of a kink allow."""
    one, other = sums * s.left, sums * s.right
    low, high = np.minimum(one, other).sum(axis=1), np.maximum(one, other).sum(axis=1)
    return np.maximum(low - analytic, analytic - high)


def _kink(s: Slopes) -> str:
    at = int(np.where(np.isnan(s.gap), np.inf, s.gap).argmax())
    if not np.isfinite(s.gap[at]):
        return "not finite nearby"
    return f"slope {s.left[at]:.3g} on the left, {s.right[at]:.3g} on the right"


def _largest(*arrays: Array) -> float:
    """The largest finite magnitude."""
    return max((float(np.max(np.abs(a), where=np.isfinite(a), initial=0)) for a in arrays), default=0.0)
