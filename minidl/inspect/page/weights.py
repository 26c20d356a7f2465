"""The section on weights: for each array its shape, its spread, and a histogram of its values.

What to look for: a bell around 0 is how weights begin, and broader shoulders are what they have learnt. A single bar
far from all others is a weight that ran away; all weights in one bar are a layer that never learnt anything.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from minidl.backend import Array
from minidl.inspect.page.charts import BARS, histogram
from minidl.messages import say, word
from minidl.models.picture.text import escaped

__all__ = ["Spread", "spread_of", "weights_section"]

_PART = 1 << 20  # values looked at together


def weights_section(model: Any) -> str:
    """The HTML of it."""
    if not model.weights:
        return f"<p>{escaped(say('This model has no weights.'))}</p>"
    told = say("How often each value occurs, from the smallest to the largest. A dashed line stands at 0.")
    cards = "\n".join(map(_card, model.weights))
    return f'<p class="faint">{escaped(told)}</p>\n<div class="weights">{cards}</div>'


def _card(weight: Any) -> str:
    """A weight: its name, its facts, and the histogram."""
    spread = spread_of(weight.numpy())
    name = escaped(weight.path).replace("/", "/<wbr>").replace("_", "_<wbr>")
    facts = [
        str(weight.shape),
        f"{weight.size:,}",
        word("is trained") if weight.trainable else word("is not trained"),
    ]
    lines = [f"<strong>{name}</strong>", escaped(" · ".join(facts))]
    picture = ""
    if spread.low <= spread.high:
        told = (
            f"{word('Mean value')} {spread.mean:.3g}",
            f"{word('Standard deviation')} {spread.deviation:.3g}",
        )
        lines += map(escaped, told)
        said = say(f"Histogram of {weight.path}: values from {spread.low:.3g} to {spread.high:.3g}.")
        picture = histogram(spread.counts, spread.low, spread.high, said)
    if spread.others:
        lines.append(f"<strong>{escaped(say(f'{spread.others:,} values are NaN or infinite.'))}</strong>")
    return f"<figure><figcaption>{'<br>'.join(lines)}</figcaption>{picture}</figure>"


class Spread(NamedTuple):
    """How the finite values of an array lie; `low` is above `high` where there are none."""

    low: float
    high: float
    mean: float
    deviation: float
    counts: Array  # (BARS,) in equal stretches from low to high
    others: int  # values that are NaN or infinite


def spread_of(values: Array) -> Spread:
    """The spread of an array of any size, without a copy of the whole.

    >>> spread = spread_of(np.array([1.0, 3.0, np.nan]))
    >>> spread.low, spread.high, spread.mean, spread.deviation, spread.others
    (1.0, 3.0, 2.0, 1.0, 1)
    """
    number, total, low, high = 0, 0.0, math.inf, -math.inf
    for part in _finite(values):
        number, total = number + part.size, total + float(part.sum())
        low, high = min(low, float(part.min())), max(high, float(part.max()))
    mean, squares, counts = total / max(1, number), 0.0, np.zeros(BARS, dtype=np.int64)
    wide = high - low > 1e-12 * max(abs(low), abs(high))
    for part in _finite(values):
        squares += float(((part - mean) ** 2).sum())
        places = (
            ((part - low) * (BARS / (high - low))).astype(np.int64)
            if wide
            else np.full(part.shape, BARS // 2)
        )
        counts += np.bincount(np.minimum(places, BARS - 1), minlength=BARS)
    return Spread(low, high, mean, math.sqrt(squares / max(1, number)), counts, values.size - number)


def _finite(values: Array) -> Iterator[Array]:
    """The finite values, in float64, a part at a time."""
    flat = values.reshape(-1)
    for begin in range(0, flat.size, _PART):
        part = flat[begin : begin + _PART].astype(np.float64)
        finite = part[np.isfinite(part)]
        if finite.size:
            yield finite
