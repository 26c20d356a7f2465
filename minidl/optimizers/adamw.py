"""AdamW: Adam with weight decay beside the rule, not inside the loss."""

from typing import Unpack

from minidl.optimizers.adam import Adam
from minidl.optimizers.arguments import ClippingAndName
from minidl.optimizers.schedules import LearningRateSchedule

__all__ = ["AdamW"]


class AdamW(Adam):
    """Adam, after the weights have shrunk by a fraction.

        w <- w − lr · λ · w
        w <- w − lr · √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + ε)            as in `Adam`

    An L2 penalty in the loss would be divided by √v with the rest of the gradient, and so act least on the
    weights with the largest gradients. Decay is the same for all. From Loshchilov & Hutter 2017
    (arXiv:1711.05101). The default of 0.004, and that biases decay too, are Keras's choices; see
    `exclude_from_weight_decay`.

    Args:
        learning_rate: size of the steps, or a schedule.
        weight_decay: λ, 0 or more.
        beta_1, beta_2, epsilon, amsgrad: see `Adam`.
        shared: clipnorm, clipvalue, global_clipnorm, name; see `Optimizer`.

    Raises:
        TypeError, ValueError: an argument is not known, no number, or out of range.

    >>> from minidl.variable import Variable
    >>> w = Variable([1.0])
    >>> AdamW(learning_rate=0.1, weight_decay=0.5).apply([[7.0]], [w])  # 1 − 0.1 · 0.5 − 0.1
    >>> w.numpy()
    array([0.85], dtype=float32)
    """

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **shared: Unpack[ClippingAndName],
    ):
        weight_decay = self._number("weight_decay", weight_decay, minimum=0)  # None is not for AdamW
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **shared)
