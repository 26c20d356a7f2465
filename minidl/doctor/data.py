"""Checks of the inputs: numbers that are none, and scales on which training is slow or fails.

Why scales matter: the gradient of a weight is the error times the input that it multiplies. Inputs of 0 to 255 make
gradients hundreds of times those for which initializers and learning rates are made; features of different size make
a valley that is steep across and flat along, in which every step is too long for one and too short for the other; a
mean far from 0 makes all weights of a unit move together (Y. LeCun et al., 1998, "Efficient BackProp", section 4.3).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.doctor.patient import Patient, Seen
from minidl.doctor.report import Finding, error, note, warning
from minidl.messages import say
from minidl.models.parts import parts

__all__ = ["check_data", "first_unusable", "inputs_of"]

_LARGE, _SMALL = (
    10.0,
    0.01,
)  # rms of the inputs: initializers are made for 1, and a factor of 10 is no trouble
_APART = 100.0  # largest by smallest std of the features; the steps of SGD differ by the square of it
_OFF_CENTRE = 5.0  # |mean| / std: two samples then differ by a fifth of what they have in common
_FAR_OUT = 50.0  # distances between the quartiles from the median; a normal variable reaches 4
_ALONE = 5.0  # times as far as 99 of 100 others: a sensor that rests most of the time has no outliers when it moves
_TABLE = 64  # up to so many columns are looked at one by one: more are pixels, of which some are always blank
_WHITE = 200  # the brightest pixel of 512 images is above
_FEW_ROWS = 10  # of fewer, statistics say nothing
_PADDING = 0.2  # share of steps that only fill up
_SCALES_ITSELF = {"Rescaling", "BatchNormalization", "LayerNormalization", "Embedding"}
_RECURRENT = {"LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional"}


def check_data(patient: Patient, seen: Sequence[Seen]) -> Iterator[Finding]:
    """All findings about x."""
    everything, sample = inputs_of(patient.model, patient.data.x), inputs_of(patient.model, patient.sample.x)
    for (name, whole), (_, x) in zip(everything, sample, strict=True):
        unusable = list(not_finite(name, whole))
        yield from unusable
        readers = [s.layer for s in seen if any(_is_same(t.data, x) for t in s.inputs)]
        if (
            not seen
        ):  # the model does not run: any layer may be meant to read x, an Embedding its numbers of words
            readers = list(parts(patient.model))
        if not unusable and not any(type(layer).__name__ in _SCALES_ITSELF for layer in readers):
            blank = next((layer.mask_value for layer in readers if hasattr(layer, "mask_value")), None)
            yield from scales(name, x, blank)
        if not unusable:
            yield from padding(name, x, seen)


def inputs_of(model: Any, x: Any) -> list[tuple[str, Array]]:
    """The arrays in x, each with a name for messages."""
    if isinstance(x, Mapping):
        return [(f"x[{key!r}]", array) for key, array in x.items()]
    if isinstance(x, list):
        names = getattr(model, "input_names", None) or range(len(x))
        return [(f"x[{key!r}]", array) for key, array in zip(names, x, strict=True)]
    return [("x", x)]


def first_unusable(array: Array) -> tuple[int, str, str]:
    """How many elements are NaN or infinite, and place and value of the first."""
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return 0, "", ""
    bad = ~np.isfinite(array)
    index = tuple(int(i) for i in np.unravel_index(int(bad.ravel().argmax()), array.shape))
    return int(bad.sum()), f"[{', '.join(map(str, index))}]", f"{array[index]}"


def not_finite(name: str, x: Array) -> Iterator[Finding]:
    """One NaN makes the loss NaN, its gradient makes every weight NaN, and there is no way back."""
    count, place, value = first_unusable(x)
    if count:
        yield error(
            "NaN",
            None,
            say(
                f"{name} holds values that are NaN or infinite: {count} of {x.size}, the first is {value} at "
                f"{name}{place}. One of them makes the loss and then every weight NaN."
            ),
            say(
                f"Look where they come from, and leave out these rows or fill them: np.nan_to_num({name}), or the "
                "median of the column."
            ),
            count=count,
        )


def scales(name: str, x: Array, blank: Any = None) -> Iterator[Finding]:
    """Sizes of the features: one finding, the one that explains the others, then constants and outliers."""
    if x.ndim < 2 or len(x) < _FEW_ROWS or not x.size:
        return
    values = x.reshape(-1, x.shape[-1]).astype(np.float64)
    if blank is not None:
        values = values[(values != blank).any(axis=1)]
        if not len(values):
            return
    is_table = values.shape[1] <= _TABLE
    yield from next(
        (
            found
            for found in (
                _pixels(name, values, x.ndim == 4),
                _apart(name, values) if is_table else [],
                _size(name, values),
                _off_centre(name, values) if is_table else [],
            )
            if found
        ),
        [],
    )
    if is_table:
        yield from _constant(name, values)
        yield from _outliers(name, values)


def _pixels(name: str, values: Array, is_image: bool) -> list[Finding]:
    largest = values.max()
    in_range = values.min() >= 0 and _WHITE < largest <= 255
    if not in_range or not (is_image or (values == np.floor(values)).all()) or _rms(values) < _LARGE:
        return []
    return [
        warning(
            "scale",
            None,
            say(
                f"{name} holds numbers from {values.min():.0f} to {largest:.0f}, as pixels do. Initializers and "
                "learning rates are made for inputs of about 1: on these the first outputs and gradients are a hundred "
                "times too large."
            ),
            say(f"Divide by 255: {name} = {name}.astype('float32') / 255, or begin with Rescaling(1 / 255)."),
            largest=float(largest),
        )
    ]


def _apart(name: str, values: Array) -> list[Finding]:
    stds = values.std(axis=0)
    moving = np.flatnonzero(stds > 0)
    if len(moving) < 2 or stds.max() <= _APART * stds[moving].min():
        return []
    big, small = int(stds.argmax()), int(moving[stds[moving].argmin()])
    return [
        warning(
            "scale",
            None,
            say(
                f"{name} has features of very different size: number {big} has a standard deviation of {stds[big]:.3g}, "
                f"number {small} one of {stds[small]:.3g}. The large one decides, and the small one is learnt late or never."
            ),
            say(
                f"Standardise each feature: {name} = ({name} - mean) / std, with mean and std of the training data along "
                "all axes but the last."
            ),
            largest=float(stds[big]),
            smallest=float(stds[small]),
        )
    ]


def _size(name: str, values: Array) -> list[Finding]:
    size = _rms(values)
    if size == 0 or _SMALL <= size <= _LARGE:
        return []
    return [
        warning(
            "scale",
            None,
            say(
                f"{name} is far from the size that initializers and learning rates are made for: mean {values.mean():.3g}, "
                f"standard deviation {values.std():.3g}, where 0 and 1 are best."
            ),
            say(
                f"Standardise each feature: {name} = ({name} - mean) / std, with mean and std of the training data along "
                "all axes but the last."
            ),
            mean=float(values.mean()),
            std=float(values.std()),
        )
    ]


def _off_centre(name: str, values: Array) -> list[Finding]:
    means, stds = np.abs(values.mean(axis=0)), values.std(axis=0)
    off = (stds > 0) & (means > 1) & (means > _OFF_CENTRE * stds)
    if not off.any():
        return []
    i = int(np.where(off, means / np.where(stds > 0, stds, 1), 0).argmax())
    return [
        warning(
            "scale",
            None,
            say(
                f"{name} has features far from 0, measured by how much they vary: number {i} has mean "
                f"{values[:, i].mean():.3g} and standard deviation {stds[i]:.3g}. All samples look nearly alike then."
            ),
            say(
                "Subtract the mean of each feature and divide by its standard deviation, of the training data."
            ),
            mean=float(values[:, i].mean()),
            std=float(stds[i]),
        )
    ]


def _constant(name: str, values: Array) -> Iterator[Finding]:
    """A feature that never changes says nothing; its weight is one more bias."""
    constant = np.flatnonzero(np.ptp(values, axis=0) == 0)
    if len(constant):
        yield note(
            "scale",
            None,
            say(
                f"{name} has features that are the same in all samples that were looked at: {_listed(constant)}. They can "
                "teach nothing."
            ),
            say("Leave them out, or look whether they were meant to vary."),
            features=constant.tolist(),
        )


def _outliers(name: str, values: Array) -> Iterator[Finding]:
    """One value a hundred times larger than all others decides the gradient of its batch."""
    low, median, high = np.percentile(values, [25, 50, 75], axis=0)
    spread = high - low
    away = np.abs(values - median)
    others = np.percentile(away, 99, axis=0, method="lower")
    distance = away.max(axis=0) / np.where(spread > 0, spread, np.inf)
    worst = int(np.where(away.max(axis=0) > _ALONE * others, distance, 0).argmax())
    if distance[worst] > _FAR_OUT and away[:, worst].max() > _ALONE * others[worst]:
        value = values[away[:, worst].argmax(), worst]
        yield warning(
            "outliers",
            None,
            say(
                f"{name} has outliers: feature {worst} reaches {value:.4g}, while half of its values lie between "
                f"{low[worst]:.4g} and {high[worst]:.4g}. Such a sample decides the step of its batch alone."
            ),
            say(
                "Look whether it is an error. If not, clip it with np.clip, or take the logarithm of the feature."
            ),
            value=float(value),
            feature=worst,
        )


def padding(name: str, x: Array, seen: Sequence[Seen]) -> Iterator[Finding]:
    """Zeros behind short sequences are steps like any others unless a mask says that they are none.

    Zeros in front do little harm, as the network reads what counts afterwards. Zeros behind are read last, and the
    state that a recurrent layer hands on has forgotten the sequence by then.
    """
    recurrent = [s for s in seen if type(s.layer).__name__ in _RECURRENT]
    if not recurrent or x.ndim not in (2, 3) or len(x) < _FEW_ROWS or x.shape[1] < 2:
        return
    empty = (x == 0) if x.ndim == 2 else (x == 0).all(axis=2)
    behind = float(np.logical_and.accumulate(empty[:, ::-1], axis=1).mean())
    masked = any(t.mask is not None for s in recurrent for t in s.inputs)
    if behind >= _PADDING and not masked:
        layer = recurrent[0].layer
        yield warning(
            "mask",
            layer.name,
            say(
                f"{name} ends in zeros that fill up short sequences, {behind:.0%} of all steps, and {layer} gets no mask: it "
                "reads them as data, after the sequence itself."
            ),
            say(
                "Use Embedding(..., mask_zero=True), or Masking() for features, or fill up in front with "
                "pad_sequences(padding='pre')."
            ),
            share=behind,
        )


def _is_same(seen: Array, x: Array) -> bool:
    return seen.shape == x.shape and bool((seen == x.astype(seen.dtype)).all())


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(values * values)))


def _listed(indices: Array) -> str:
    """The first few of them.

    >>> _listed(np.array([1, 5])), _listed(np.arange(9))
    ('1, 5', '0, 1, 2, 3, 4 ...')
    """
    return ", ".join(str(int(i)) for i in indices[:5]) + (" ..." if len(indices) > 5 else "")
