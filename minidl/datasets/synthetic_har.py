"""Synthetic HAR: made-up phone measurements of six activities, in the shapes and units of UCI HAR.

What an accelerometer feels is gravity plus whatever moves it. Gravity is 1 g long and points along the phone's
axes as the phone happens to sit in its pocket, so a body at rest shows nothing but its posture:

    total_acc(t) = R · (body_acc(t) + (1, 0, 0) g) + noise          x up, y to the left, z to the front

where the matrix R turns the world's axes into the phone's. A walking body rises and falls twice in each
stride (once for each foot) and swings left and right once, so every channel is a sum of harmonics of one stride
frequency f:

    channel(t) = Σ_h a_h · sin(2π h f t + φ_h)          h = 1, 2, ... 8

Walking, going up and going down differ in the sizes a_h: going up is slow, with much turning of the hip at f
and 2f; going down hits the ground hard, which fills the high harmonics. People differ in f, in the a_h, in
the phases φ_h and in how they wear the phone, more than the activities differ. Each window starts at any
moment of the stride, so no single number in it means anything: a linear model fails, a network that looks for
shapes wherever they are does not.

Sitting and standing are gravity in almost the same direction (the trunk leans a little more when seated) and a
slow sway; how somebody wears the phone can outweigh that, so the two are confused as in reality. Lying turns
gravity over. The sizes are taken from the averages of D. Anguita et al., "A public domain dataset for human
activity recognition using smartphones", ESANN 2013.
"""

from typing import NamedTuple

import numpy as np

from minidl.backend import Array
from minidl.datasets.formats import Split
from minidl.random.streams import EXPLICIT, generator
from minidl.utils.checks import whole_number

__all__ = ["load_data"]

_STEPS, _RATE, _HARMONICS = 128, 50.0, 8
_MOST = 1_000_000  # windows: 4.6 GB


class _Gait(NamedTuple):
    """The stride of an average person: its frequency (Hz), and the sizes of the harmonics of each channel."""

    stride: float
    sizes: tuple[tuple[float, ...], ...]


# Columns: harmonics 1 to 8 of the stride. Rows: acceleration up, left, front (g); turning about them (rad/s).
# fmt: off
_GAITS = (
    _Gait(0.93, (  # walking
        (0.04, 0.22, 0.07, 0.11, 0.06, 0.07, 0.04, 0.04),
        (0.09, 0.06, 0.12, 0.05, 0.06, 0.05, 0.05, 0.04),
        (0.09, 0.10, 0.05, 0.05, 0.04, 0.04, 0.03, 0.03),
        (0.40, 0.18, 0.18, 0.20, 0.12, 0.15, 0.10, 0.08),
        (0.28, 0.22, 0.26, 0.32, 0.13, 0.13, 0.11, 0.10),
        (0.20, 0.16, 0.18, 0.24, 0.08, 0.07, 0.07, 0.06))),
    _Gait(0.86, (  # going up: slow, much turning of the hip, few high harmonics
        (0.06, 0.27, 0.08, 0.09, 0.06, 0.07, 0.05, 0.04),
        (0.11, 0.07, 0.11, 0.05, 0.05, 0.04, 0.04, 0.03),
        (0.13, 0.11, 0.06, 0.05, 0.04, 0.03, 0.03, 0.02),
        (0.46, 0.20, 0.18, 0.16, 0.11, 0.11, 0.08, 0.07),
        (0.42, 0.24, 0.22, 0.21, 0.12, 0.12, 0.10, 0.09),
        (0.32, 0.18, 0.16, 0.16, 0.08, 0.07, 0.06, 0.05))),
    _Gait(1.00, (  # going down: quick, and the heel hits hard
        (0.07, 0.31, 0.13, 0.15, 0.12, 0.12, 0.09, 0.08),
        (0.08, 0.08, 0.10, 0.08, 0.08, 0.07, 0.06, 0.06),
        (0.09, 0.09, 0.06, 0.06, 0.05, 0.06, 0.05, 0.04),
        (0.50, 0.24, 0.24, 0.24, 0.18, 0.18, 0.15, 0.13),
        (0.26, 0.22, 0.24, 0.28, 0.18, 0.20, 0.16, 0.15),
        (0.16, 0.14, 0.16, 0.18, 0.11, 0.12, 0.10, 0.08))),
)
_SWAY = ((0.005, 0.009, 0.010, 0.022, 0.022, 0.018),  # sitting
         (0.004, 0.009, 0.010, 0.036, 0.024, 0.018),  # standing: the legs balance
         (0.010, 0.009, 0.009, 0.028, 0.028, 0.019))  # laying
_LEAN = (0.18, 0.0, 1.35)  # rad, mean angle by which the trunk is turned back, sitting, standing, laying
_LEAN_SPREAD = (0.15, 0.06, 0.25)  # rad, between people
# fmt: on
_NOISE = np.array([0.003] * 3 + [0.006] * 3)  # of the sensors: g, rad/s


def load_data(
    n_train: int = 7352, n_test: int = 2947, seed: int = 0, people_train: int = 21, people_test: int = 9
) -> Split:
    """Made-up windows and their activities: `(x_train, y_train), (x_test, y_test)`.

    Activities and channels are those of `uci_har.CLASS_NAMES` and `uci_har.CHANNEL_NAMES`. The same arguments
    give the same numbers; nothing outside is read or changed, no file and no global seed.

    Args:
        n_train, n_test: number of windows of each part (the defaults are the numbers of UCI HAR).
        seed: whole number from 0.
        people_train, people_test: how many people each part is shared by; nobody is in both.

    Returns:
        x_train (n_train, 128, 9) and x_test (n_test, 128, 9), float32, accelerations in g and angular
        velocities in rad/s; y_train (n_train,) and y_test (n_test,), int64, from 0 to 5.

    Raises:
        TypeError, ValueError: an argument is no whole number, or out of range.

    >>> (x_train, y_train), (x_test, y_test) = load_data(n_train=60, n_test=12)
    >>> x_train.shape, x_test.shape, np.bincount(y_train).tolist()
    ((60, 128, 9), (12, 128, 9), [10, 10, 10, 10, 10, 10])
    """
    n_train = whole_number("synthetic_har", "n_train", n_train, 1, _MOST)
    n_test = whole_number("synthetic_har", "n_test", n_test, 1, _MOST)
    people_train = whole_number("synthetic_har", "people_train", people_train, 1, _MOST)
    people_test = whole_number("synthetic_har", "people_test", people_test, 1, _MOST)
    seed = whole_number("synthetic_har", "seed", seed, 0, 2**64 - 1)
    train = _part(n_train, people_train, generator(seed, EXPLICIT, call=0))
    test = _part(n_test, people_test, generator(seed, EXPLICIT, call=1))
    return train, test


def _part(n: int, people: int, draw: np.random.Generator) -> tuple[Array, Array]:
    """N windows of the six activities, in any order, of people drawn for the occasion."""
    y = draw.permutation(np.arange(n) % 6)
    who = draw.integers(0, people, n)
    worn = draw.normal(0, 0.12, (people, 3))  # rad: how each person wears the phone
    x = np.empty((n, _STEPS, 9), np.float32)
    for activity in range(6):
        at = np.flatnonzero(y == activity)
        if activity < 3:
            motion, lean = _walk(_GAITS[activity], who[at], people, draw), np.zeros(len(at))
        else:
            still = activity - 3
            motion = _sway(_SWAY[still], len(at), draw)
            lean = _LEAN[still] + draw.normal(0, _LEAN_SPREAD[still], people)[who[at]]
        angles = worn[who[at]] + draw.normal(0, 0.05, (len(at), 3))
        angles[:, 1] += lean
        x[at] = _measure(motion, _rotations(angles), draw)
    return x, y


def _walk(gait: _Gait, who: Array, people: int, draw: np.random.Generator) -> Array:
    """Motion (N, T, 6) of a gait: harmonics of the stride, with the sizes and phases of each person.

    The harmonics h f of all channels are one matrix product: sin(a + φ) = sin a cos φ + cos a sin φ.
    """
    shape = (people, 6, _HARMONICS)
    vigour = np.exp(draw.normal(0, 0.22, (people, 6, 1)))
    sizes = np.array(gait.sizes) * np.exp(draw.normal(0, 0.3, shape)) * vigour
    typical = generator(1, EXPLICIT).uniform(0, 2 * np.pi, shape[1:])
    phases = typical + draw.normal(0, 0.9, shape)
    stride = gait.stride * np.exp(draw.normal(0, 0.09, people)[who] + draw.normal(0, 0.03, len(who)))
    begin = draw.uniform(0, 1, len(who))  # of the window, in strides
    cycle = begin[:, None] + stride[:, None] * np.arange(_STEPS) / _RATE
    angle = 2 * np.pi * cycle[..., None] * np.arange(1, _HARMONICS + 1)  # (N, T, H)
    sizes = sizes[who] * np.exp(draw.normal(0, 0.15, (len(who), 6, _HARMONICS)))
    weights = np.concatenate([sizes * np.cos(phases[who]), sizes * np.sin(phases[who])], axis=-1)
    waves = np.concatenate([np.sin(angle), np.cos(angle)], axis=-1).astype(np.float32)
    motion: Array = waves @ weights.astype(np.float32).transpose(0, 2, 1)
    return motion + 0.03 * draw.standard_normal(motion.shape, np.float32)


def _sway(sizes: tuple[float, ...], n: int, draw: np.random.Generator) -> Array:
    """Motion (N, T, 6) of a body at rest: slow waves, larger in some windows than in others."""
    seconds = np.arange(_STEPS) / _RATE
    waves = np.zeros((n, _STEPS, 6))
    for frequency in (0.4, 0.9, 1.7):
        phase = draw.uniform(0, 2 * np.pi, (n, 1, 6))
        waves += np.sin(2 * np.pi * frequency * seconds[:, None] + phase) / (0.6 + frequency)
    motion: Array = np.array(sizes) * np.exp(draw.normal(0, 0.5, (n, 1, 6))) * waves
    return motion


def _rotations(angles: Array) -> Array:
    """Matrices (N, 3, 3) that turn about the axes x, y and z in this order, by angles (N, 3) in rad."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles).T, np.sin(angles).T
    rows = (
        (cy * cz, sx * sy * cz - cx * sz, cx * sy * cz + sx * sz),
        (cy * sz, sx * sy * sz + cx * cz, cx * sy * sz - sx * cz),
        (-sy, sx * cy, cx * cy),
    )
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def _measure(motion: Array, rotations: Array, draw: np.random.Generator) -> Array:
    """The nine channels (N, T, 9) that a phone turned by `rotations` (N, 3, 3) measures of a motion (N, T, 6)."""
    turned = rotations.astype(np.float32).transpose(0, 2, 1)
    motion = motion.astype(np.float32)
    noise = draw.standard_normal(motion.shape, np.float32) * _NOISE.astype(np.float32)
    body = motion[..., :3] @ turned + noise[..., :3]
    gyro = motion[..., 3:] @ turned + noise[..., 3:]
    gravity = rotations[:, None, :, 0].astype(np.float32)  # R · (1, 0, 0)
    return np.concatenate([body, gyro, body + gravity], axis=-1)
