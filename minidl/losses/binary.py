"""Cross-entropy of yes-or-no questions, one for each unit: −log of the probability given to the right answer.

    L = −y·log p − (1 − y)·log(1 − p)

Units do not share a total, so several may be "yes" at once. As in `minidl.losses.categorical`, the loss is
computed from the logits with from_logits=True, and when the predictions come straight from a sigmoid; plain
probabilities are held between ε and 1 − ε first. Here 1 − p is held as p is, and so a certain wrong answer
costs 16.118 on both sides. (Keras in float32 has 15.942 for p = 1, because 1 − 10⁻⁷ rounds.)
"""

from typing import Any

import numpy as np

from minidl import config
from minidl.graph import not_on_tape
from minidl.losses.base import LossFunctionWrapper
from minidl.losses.fused import SigmoidCrossEntropy
from minidl.losses.inputs import logits_behind, pair, refuse_gradient, smoothing, within
from minidl.tensor import Tensor
from minidl.utils.checks import flag, whole_number

__all__ = ["BinaryCrossentropy", "binary_crossentropy"]


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """mean −y·log p − (1 − y)·log(1 − p) over the axis.

    Args:
        y_true: answers 0 and 1, or probabilities, (N, ..., U).
        y_pred: predictions of the same shape, up to a last axis of size 1: logits if `from_logits`, else
            probabilities.
        from_logits: whether `y_pred` are raw scores that have not been through a sigmoid.
        label_smoothing: s from 0 to 1; the targets become y·(1 − s) + s/2.
        axis: the axis to take the mean over.

    Returns:
        Losses, without that axis.

    Raises:
        ValueError: the shapes differ, a target is not between 0 and 1; logits that are said to be probabilities
            or the other way round.

    >>> binary_crossentropy([[0.0], [1.0]], [[0.5], [1.0]]).numpy()
    array([6.931...e-01, 1.19...e-07], dtype=float32)
    >>> binary_crossentropy([[1.0]], [[-10000.0]], from_logits=True).numpy()
    array([10000.], dtype=float32)
    """
    name = "binary_crossentropy"
    from_logits, axis = flag(name, "from_logits", from_logits), whole_number(name, "axis", axis)
    y, p = pair(name, y_true, y_pred)
    refuse_gradient(name, y)
    within(
        name, "targets", y.data,
        "For labels -1 and 1 use (y + 1) / 2; for several classes sparse_categorical_crossentropy.",
    )  # fmt: skip
    s = smoothing(name, label_smoothing)
    if s:
        y = Tensor(y.data * (1 - s) + s / 2)
    logits = logits_behind(name, "sigmoid", p, from_logits)
    if logits is not None:
        return SigmoidCrossEntropy.apply(logits, y).mean(axis=axis)
    mend = "End the model with activation='sigmoid', or use from_logits=True."
    within(name, "probabilities", p.data, mend)
    not_on_tape()  # the next ones have to be looked at too
    return -(y * _log(p) + (1 - y) * _log(1 - p)).mean(axis=axis)


def _log(p: Tensor) -> Tensor:
    """log p, with p held between ε and 1 − ε."""
    logarithm: Any = np.log(p.clip(config.epsilon(), 1 - config.epsilon()))
    return logarithm


class BinaryCrossentropy(LossFunctionWrapper):
    """`binary_crossentropy` of a batch.

    Args:
        from_logits, label_smoothing, axis: as the function.
        reduction, name, dtype: as `LossFunctionWrapper`.

    >>> round(float(BinaryCrossentropy(from_logits=True)([0, 1, 0, 0], [-18.6, 0.51, 2.94, -12.8])), 3)
    0.865
    """

    repeats = True

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_crossentropy",
        dtype: Any = None,
    ):
        super().__init__(
            binary_crossentropy, reduction, name, dtype, from_logits=flag(type(self).__name__, "from_logits", from_logits),
            label_smoothing=smoothing("BinaryCrossentropy", label_smoothing),
            axis=whole_number("BinaryCrossentropy", "axis", axis),
        )  # fmt: skip
