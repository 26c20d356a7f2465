"""Cross-entropy over classes that exclude each other: −log of the probability given to the right class.

    categorical_crossentropy           targets one-hot, (N, C)        −Σ_c y_c·log p_c
    sparse_categorical_crossentropy    targets class numbers, (N,)    −log p_y

Both compute from logits where they can (`minidl.losses.fused`): with from_logits=True, and also without it when
the predictions come straight from a softmax. Only where there are nothing but probabilities, they are divided
by their sum, held between ε and 1 − ε, and the logarithm is taken, as Keras always does. The two ways agree
until a probability falls below ε = 10⁻⁷; from there on Keras (JAX) has a loss of 16.1 and no gradient, and
minidl has the true loss and a gradient that leads back. (The gradient then goes to the logits at once: none
passes through the tensor of probabilities.)
"""

from typing import Any

import numpy as np

from minidl import config
from minidl.activations.inputs import float_tensor
from minidl.backend import Array
from minidl.devices import on_gpu
from minidl.losses.base import LossFunctionWrapper
from minidl.losses.fused import SoftmaxCrossEntropy, SparseSoftmaxCrossEntropy
from minidl.losses.inputs import (
    class_labels,
    logits_behind,
    one_hot_pair,
    refuse_gradient,
    smoothing,
    within,
)
from minidl.messages import say
from minidl.primitives.constants import constant
from minidl.tensor import Tensor, as_array
from minidl.utils.checks import flag, whole_number
from minidl.utils.warned import warn

__all__ = [
    "CategoricalCrossentropy", "SparseCategoricalCrossentropy", "categorical_crossentropy",
    "sparse_categorical_crossentropy",
]  # fmt: skip

_ROUNDED_SUM = 0.01  # what rounding may add to a sum of probabilities, in float16 too


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """−Σ_c y_c·log p_c, the cross-entropy of one-hot targets.

    Args:
        y_true: one-hot targets, or probabilities, (N, ..., C).
        y_pred: predictions of the same shape: logits if `from_logits`, else probabilities.
        from_logits: whether `y_pred` are raw scores that have not been through a softmax.
        label_smoothing: s from 0 to 1. The targets become y·(1 − s) + s/C, which keeps the model from being
            too certain (C. Szegedy et al., 2015, arXiv:1512.00567).
        axis: the axis of the classes.

    Returns:
        Losses, without that axis.

    Raises:
        ValueError: class numbers instead of one-hot rows, other shapes, logits that are said to be
            probabilities or the other way round.

    Warns:
        UserWarning: probabilities that do not sum to 1, as where a softmax was forgotten.

    >>> y_true, y_pred = [[0.0, 1.0, 0.0]], [[0.25, 0.5, 0.25]]
    >>> categorical_crossentropy(y_true, y_pred).numpy()
    array([0.69314...], dtype=float32)
    >>> categorical_crossentropy(y_true, [[10000.0, 0.0, -10000.0]], from_logits=True).numpy()
    array([10000.], dtype=float32)
    """
    name = "categorical_crossentropy"
    from_logits, axis = flag(name, "from_logits", from_logits), whole_number(name, "axis", axis)
    y_pred = _classes_last(float_tensor(y_pred), axis)
    y, p = one_hot_pair(name, _classes_last(y_true, axis), y_pred)
    refuse_gradient(name, y)
    within(name, "targets", y.data, "One-hot targets are 0 and 1: to_categorical(y) makes them of labels.")
    if p.shape[-1] == 1 and (p.origin is None or p.origin[0] != "softmax"):  # softmax warned of it already
        warn(
            f"{name} got predictions of shape {p.shape}: one class alone always has probability 1. For two "
            "classes and one unit use sigmoid with binary_crossentropy."
        )
    s = smoothing(name, label_smoothing)
    if s:
        y = Tensor(y.data * (1 - s) + s / p.shape[-1])
    logits = logits_behind(name, "softmax", p, from_logits)
    if logits is not None:
        return SoftmaxCrossEntropy.apply(logits, y)
    return -(y * np.log(_normalised(name, p).clip(config.epsilon(), 1 - config.epsilon()))).sum(axis=-1)


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Tensor:
    """−log p_y, the cross-entropy of class numbers.

    Args:
        y_true: class numbers from 0 to C − 1, (N, ...) or (N, ..., 1).
        y_pred: predictions (N, ..., C): logits if `from_logits`, else probabilities.
        from_logits: whether `y_pred` are raw scores that have not been through a softmax.
        ignore_class: a label that does not count, such as −1 or 255 for "not labelled": loss 0, no gradient.
        axis: the axis of the classes.

    Returns:
        Losses, without that axis.

    Raises:
        ValueError: one-hot targets, other shapes, a label that is no class; logits that are said to be
            probabilities or the other way round.

    Warns:
        UserWarning: probabilities that do not sum to 1, as where a softmax was forgotten.

    >>> sparse_categorical_crossentropy([1, 0], [[0.5, 0.5], [0.25, 0.75]]).numpy()
    array([0.69314..., 1.38629...], dtype=float32)
    """
    name = "sparse_categorical_crossentropy"
    from_logits, axis = flag(name, "from_logits", from_logits), whole_number(name, "axis", axis)
    if ignore_class is not None:
        ignore_class = whole_number(name, "ignore_class", ignore_class)
    p = _classes_last(float_tensor(y_pred), axis)
    if p.ndim == 0:
        raise ValueError(say(f"{name} expects predictions with an axis of classes, got one number."))
    labels = constant(_labels, as_array(y_true), loss=name, shape=p.shape, ignored=ignore_class)
    logits = logits_behind(name, "softmax", p, from_logits)
    losses: Any
    if logits is not None:
        losses = SparseSoftmaxCrossEntropy.apply(logits, labels)
    else:
        rows = _normalised(name, p).reshape(-1, p.shape[-1])
        right = rows[np.arange(labels.size, like=labels.data), labels.data.ravel()].reshape(labels.shape)
        losses = -np.log(right.clip(config.epsilon(), 1 - config.epsilon()))
    if ignore_class is not None:
        counts = as_array(y_true) != ignore_class
        losses = np.where(counts.reshape(labels.shape), losses, 0)
    return losses


def _labels(y_true: Array, loss: str, shape: tuple[int, ...], ignored: int | None) -> Array:
    return class_labels(loss, y_true, shape, ignored)[0]


def _classes_last(x: Any, axis: int) -> Any:
    """`x` with the classes along its last axis."""
    return x if axis == -1 or axis == np.ndim(x) - 1 else np.moveaxis(x, axis, -1)


def _normalised(loss: str, p: Tensor) -> Tensor:
    """Probabilities divided by their sum, a row of zeros left as it is."""
    mend = "End the model with activation='softmax', or with no activation and from_logits=True."
    within(loss, "probabilities", p.data, mend, largest=np.inf)
    total = p.sum(axis=-1, keepdims=True)
    excess = np.real(total.data).ravel() - 1
    if p.shape[-1] > 1 and not on_gpu(excess) and (np.abs(excess) > _ROUNDED_SUM).any():
        # One digit of how far off, so that the batches of a training share a few texts: each is shown once.
        worst = 1 + float(f"{excess[np.nanargmax(np.abs(excess))]:.0e}")
        warn(
            f"{loss} expects probabilities that sum to 1 over the classes, got a row with a sum of about "
            f"{worst:g}, and divides each row by its sum. {mend}"
        )
    return p / np.where(total.data == 0, 1, total)


class CategoricalCrossentropy(LossFunctionWrapper):
    """`categorical_crossentropy` of a batch.

    Args:
        from_logits, label_smoothing, axis: as the function.
        reduction, name, dtype: as `LossFunctionWrapper`.

    >>> loss = CategoricalCrossentropy()
    >>> round(float(loss([[0, 1, 0], [0, 0, 1]], [[0.05, 0.95, 0], [0.1, 0.8, 0.1]])), 3)
    1.177
    """

    repeats = True

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_crossentropy",
        dtype: Any = None,
    ):
        super().__init__(
            categorical_crossentropy, reduction, name, dtype,
            from_logits=flag(type(self).__name__, "from_logits", from_logits),
            label_smoothing=smoothing("CategoricalCrossentropy", label_smoothing),
            axis=whole_number("CategoricalCrossentropy", "axis", axis),
        )  # fmt: skip


class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """`sparse_categorical_crossentropy` of a batch. Under a mean, ignored labels do not count.

    Args:
        from_logits, ignore_class, axis: as the function.
        reduction, name, dtype: as `LossFunctionWrapper`.

    >>> loss = SparseCategoricalCrossentropy(ignore_class=-1)
    >>> round(float(loss([1, -1], [[0.05, 0.95, 0], [0.1, 0.8, 0.1]])), 3)
    0.051
    """

    _float_targets = False
    repeats = True

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ):
        owner = "SparseCategoricalCrossentropy"
        self.ignore_class = (
            None if ignore_class is None else whole_number(owner, "ignore_class", ignore_class)
        )
        super().__init__(
            sparse_categorical_crossentropy, reduction, name, dtype,
            from_logits=flag(type(self).__name__, "from_logits", from_logits),
            ignore_class=self.ignore_class, axis=whole_number(owner, "axis", axis),
        )  # fmt: skip

    def _valid(self, y_true: Tensor, losses: Tensor) -> Array | None:
        if self.ignore_class is None:
            return None
        return np.reshape(y_true.data != self.ignore_class, losses.shape)
