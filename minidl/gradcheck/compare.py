"""The Jacobian of all outputs by all elements of a leaf, twice: by the backward pass and by differences.

Few outputs are compared one by one. Of many, random sums are compared: Σ w·y, with a random weight w for each
output, of either sign and never small, so that one wrong element among thousands shows in every sum.

Backward is linear in dy, and so every gradient is asked for with a positive dy and a negative one, neither of
them 1, and divided by it afterwards. A backward that forgets dy, or squares it, gives two slopes of which at
most one is right.
"""

from typing import Any, NamedTuple

import numpy as np

from minidl.backend import Array
from minidl.gradcheck.differences import Line, Slopes, refined, rounding, slopes
from minidl.gradcheck.report import GradcheckError, GradcheckRow
from minidl.gradcheck.target import Leaf, Target
from minidl.graph import walk
from minidl.messages import say, word
from minidl.tensor import Tensor

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


class Measured(NamedTuple):
    """The slopes along a direction, by differences and by backward."""

    direction: Direction
    slopes: Slopes
    analytic: Array  # of each sum
    allowed: float  # the largest error

    @property
    def at_kink(self) -> bool:
        return not (self.slopes.gap <= 4 * self.allowed).all()

    def excess(self, sums: Array) -> Array:
        """The error of each sum as a multiple of what is allowed."""
        return self.errors(sums) / self.allowed

    def errors(self, sums: Array) -> Array:
        """How far backward is from the slope, for each sum. At a kink any slope between the sides will do."""
        if self.at_kink:
            one, other = sums * self.slopes.left, sums * self.slopes.right
            low, high = np.minimum(one, other).sum(axis=1), np.maximum(one, other).sum(axis=1)
            errors = np.maximum(low - self.analytic, self.analytic - high)
        else:
            errors = np.abs(sums @ self.slopes.slope - self.analytic)
        unknown = np.where(np.isfinite(self.analytic), 0, np.inf)  # where the function is not finite nearby
        return np.where(np.isfinite(errors), errors, unknown)

    def agrees(self, sums: Array) -> bool:
        return not self.at_kink and bool((self.excess(sums) <= 1).all())


class Comparison(NamedTuple):
    """What was found for one leaf: its rows, and the elements at a kink with a word on each."""

    rows: list[GradcheckRow]
    kinks: dict[int, str]


def projections(outputs: int, seed: int) -> Array:
    """The sums of outputs to differentiate, one a row: each output alone, twice, or random weights."""
    if outputs <= _ONE_BY_ONE:
        return np.tile(np.eye(outputs), (2, 1))
    rng = np.random.default_rng(seed)
    return rng.choice([-1.0, 1.0], (_SUMS, outputs)) * rng.uniform(0.5, 1.5, (_SUMS, outputs))


def _sizes(count: int) -> Array:
    """What `count` sums are multiplied by on the way back: the first half is positive, the second negative."""
    rng = np.random.default_rng(count)
    below, above = rng.uniform(0.5, 0.9, count - count // 2), rng.uniform(1.2, 2.0, count // 2)
    return np.concatenate([below, -above])


def backward_slopes(target: Target, sums: Array) -> list[Array]:
    """By the backward pass, for each leaf: the slope of each sum (first axis) by each element (second axis).

    Raises:
        GradcheckError: a backward function writes to the gradient it is given, or a second backward pass
            through the same graph gives something else.
    """
    outputs = target.outputs()
    ends = np.cumsum([y.size for y in outputs])[:-1]
    found = [np.zeros((len(sums), leaf.tensor.size)) for leaf in target.leaves]
    sizes = _sizes(len(sums))
    for row, weights in enumerate([*(sums * sizes[:, None]), sums[0] * sizes[0]]):
        totals = {id(leaf.tensor): np.zeros(leaf.tensor.shape) for leaf in target.leaves}
        for y, part in zip(outputs, np.split(weights, ends), strict=True):
            if y.requires_grad and part.any():
                arrived = _walk(y, part.reshape(y.shape))
                totals.update((id(t), totals[id(t)] + g) for t, g in arrived if id(t) in totals)
        for table, total in zip(found, totals.values(), strict=True):
            if row < len(sums):
                table[row] = total.ravel() / sizes[row]
            elif not np.array_equal(table[0], total.ravel() / sizes[0], equal_nan=True):
                raise GradcheckError(
                    say(
                        "gradcheck ran backward twice through one graph and got different gradients: a backward "
                        "function changes its cache. Let it work on a copy."
                    )
                )
    return found


def _walk(y: Tensor, dy: Array) -> list[tuple[Any, Array]]:
    try:
        with np.errstate(all="ignore"):
            return walk(y, dy.copy(), retain_graph=True, guard=True)
    except ValueError as error:
        if "read-only" not in str(error):
            raise
        raise GradcheckError(
            say(
                "gradcheck found a backward function that writes to an array which is not its own: dy, which may be "
                "another tensor's gradient as well, or a view. Let it work on a copy: dy = dy * 2, not dy *= 2."
            )
        ) from error


def compared(target: Target, leaf: Leaf, analytic: Array, sums: Array, settings: Settings) -> Comparison:
    """Differences against `analytic` (sums, elements) for the elements of one leaf, or a sample of them."""
    at_zero = target.values()
    directions = _directions(leaf, settings)
    found = [slopes(_line(target, leaf, d), d.step, at_zero) for d in directions]
    measured = _largest(*(s.slope for s in found))
    largest = min(_largest(analytic), measured) if measured else _largest(analytic)
    magnitude = max(1.0, _largest(at_zero), largest * _largest(leaf.tensor.data))
    if len(at_zero) > _ONE_BY_ONE:
        magnitude *= np.sqrt(len(at_zero))  # of a sum of roundings
    results = []
    for d, s in zip(directions, found, strict=True):
        allowed = settings.tolerance * largest + rounding(magnitude, d.step)
        result = Measured(d, s, analytic[:, d.positions] @ d.amounts, allowed)
        if not result.agrees(sums):
            smallest = rounding(magnitude, 8 * allowed)  # where rounding would spoil the slope; at most h/8

            def convinced(s: Slopes, result: Measured = result) -> bool:
                return result._replace(slopes=s).agrees(sums)

            s = refined(_line(target, leaf, d), d.step, at_zero, smallest, convinced)
            result = result._replace(slopes=s)
        results.append(result)
    return _judged(target, leaf, results, sums, largest)


def _judged(target: Target, leaf: Leaf, results: list[Measured], sums: Array, largest: float) -> Comparison:
    """The worst of the single elements and the rest, each in a row; kinks where nothing was wrong apart."""
    kinks: dict[int, str] = {}
    worst: dict[bool, tuple[float, int, Measured]] = {}
    for result in results:
        d, excess = result.direction, result.excess(sums)
        k = int(excess.argmax())
        if result.at_kink:
            kinks[int(d.positions[0]) if d.single else REST] = _kink(result.slopes)
            if excess[k] <= 1:
                continue
        if d.single not in worst or excess[k] > worst[d.single][0]:
            worst[d.single] = float(excess[k]), k, result
    errors = _errors(leaf, results, sums, largest)
    rows = [_row(target, leaf, k, result, sums, largest, errors) for _, k, result in worst.values()]
    unknown = np.nan if kinks else 0.0  # every element is at a kink, or there is none
    empty = GradcheckRow(
        leaf.name, leaf.tensor.shape, None, "", unknown, unknown, unknown, unknown, not kinks, errors
    )
    return Comparison(rows or [empty], kinks)


def _errors(leaf: Leaf, results: list[Measured], sums: Array, largest: float) -> Array:
    """For each element its largest relative error; NaN for those at a kink and those that moved with others only."""
    found = np.full(leaf.tensor.size, np.nan)
    for result in results:
        excused = result.at_kink and (result.excess(sums) <= 1).all()
        if result.direction.single and not excused:
            found[result.direction.positions] = result.errors(sums).max() / (largest or 1.0)
    return found.reshape(leaf.tensor.shape)


def _row(
    target: Target, leaf: Leaf, k: int, result: Measured, sums: Array, largest: float, errors: Array
) -> GradcheckRow:
    analytic, numeric = float(result.analytic[k]), float(sums[k] @ result.slopes.slope)
    single, outputs = result.direction.single, sums.shape[1]
    return GradcheckRow(
        name=leaf.name if single else word(f"{leaf.name}, the rest"),
        shape=leaf.tensor.shape,
        index=leaf.element(int(result.direction.positions[0])) if single else None,
        output=target.output_name(k % outputs) if outputs <= _ONE_BY_ONE else "a random sum of the outputs",
        analytic=analytic,
        numeric=numeric,
        error=abs(analytic - numeric),
        relative_error=abs(analytic - numeric) / largest if largest else 0.0,
        ok=bool(result.excess(sums)[k] <= 1),
        errors=errors if single else None,
    )


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


def _kink(s: Slopes) -> str:
    at = int(np.where(np.isnan(s.gap), np.inf, s.gap).argmax())
    if not np.isfinite(s.gap[at]):
        return "not finite nearby"
    return f"slope {s.left[at]:.3g} on the left, {s.right[at]:.3g} on the right"


def _largest(*arrays: Array) -> float:
    """The largest finite magnitude."""
    return max((float(np.max(np.abs(a), where=np.isfinite(a), initial=0)) for a in arrays), default=0.0)
