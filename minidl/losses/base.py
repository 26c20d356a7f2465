"""The base of all losses: a number that says how wrong the predictions are, and that training makes smaller.

There are two forms. The function gives one loss for each sample: it reduces the last axis only, so that
targets and predictions (N, U) give (N,), and sequences (N, T, U) give (N, T). The class holds the settings
of a loss, and calling it gives one number for the batch (see `minidl.losses.reduction`).

>>> from minidl.losses import MeanSquaredError, mean_squared_error
>>> y_true, y_pred = [[0.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [1.0, 0.0]]
>>> mean_squared_error(y_true, y_pred).numpy()
array([0.5, 0.5], dtype=float32)
>>> float(MeanSquaredError()(y_true, y_pred))
0.5
"""

from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np

from minidl import config
from minidl.activations.inputs import float_tensor
from minidl.backend import Array
from minidl.losses.inputs import changed, same_rank, target_tensor
from minidl.losses.reduction import reduced, reduction_name, total_weights
from minidl.messages import say
from minidl.tensor import Tensor, as_array
from minidl.utils.checks import chosen, data_type, text
from minidl.utils.keywords import KnownArguments, check_takes
from minidl.utils.naming import unique_name

__all__ = ["Loss", "LossFunctionWrapper"]


class Loss(KnownArguments):
    """Base class. A loss of your own defines `call(y_true, y_pred)`, which gives one loss for each sample.

    Args:
        name: what it is called; made from the name of the class if None.
        reduction: "sum_over_batch_size" or "mean", "mean_with_sample_weight", "sum", "none" or None; see
            `minidl.losses.reduction`.
        dtype: float type to compute in. None takes the predictions' own, but no less than `config.floatx()`.

    Raises:
        ValueError: an unknown reduction, or a dtype that is no float.

    >>> class MaximumError(Loss):
    ...     def call(self, y_true, y_pred):
    ...         return np.max(np.absolute(y_true - y_pred), axis=-1)
    >>> float(MaximumError()([[1.0, 2.0]], [[1.5, 5.0]]))
    3.0
    """

    repeats: ClassVar[bool] = False  # whether it runs the same ops on all batches of one shape
    _float_targets: ClassVar[bool] = True  # False where targets are class numbers, which floats would round

    def __init__(
        self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: Any = None
    ):
        owner = type(self).__name__
        self.name = unique_name(owner) if name is None else text(owner, "name", name)
        self.reduction = chosen(owner, "reduction", reduction_name, reduction)
        self.dtype = None if dtype is None else data_type(owner, dtype, "f")

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Losses (N, ...) of targets and predictions (N, ..., U)."""
        raise NotImplementedError(say(f"{type(self).__name__} must define call(self, y_true, y_pred)."))

    def _valid(self, y_true: Tensor, losses: Tensor) -> Array | None:
        """Which of the losses count at all; None for all of them."""
        return None

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None) -> Tensor:
        """The loss of a batch.

        Args:
            y_true: targets; constants.
            y_pred: predictions, on the graph.
            sample_weight: a factor for each loss; see `minidl.losses.reduction` for the shapes.
            mask: true where a loss counts (time steps that are not padding); by default the mask that the
                predictions carry.

        Raises:
            TypeError, ValueError: the inputs do not fit together.
        """
        if mask is None and isinstance(y_pred, Tensor):
            mask = y_pred.mask
        prediction = float_tensor(y_pred)
        dtype = np.dtype(self.dtype) if self.dtype else np.result_type(prediction.dtype, config.floatx())
        if prediction.dtype != dtype:
            prediction = changed(prediction, lambda t: t.astype(dtype))
        target = target_tensor(y_true, dtype if self._float_targets else as_array(y_true).dtype)
        losses = self.call(target, prediction)
        if losses is None:
            raise TypeError(say(f"The loss {self.name} returned None. Does its function end with a return?"))
        losses = float_tensor(losses)
        valid = self._valid(target, losses)
        if mask is not None and valid is not None:
            valid = np.logical_and(as_array(mask), valid)
        weights = total_weights(losses.shape, sample_weight, mask if valid is None else valid, self.reduction)
        return reduced(losses, weights, self.reduction)

    def get_config(self) -> dict[str, Any]:
        """The arguments it was made with."""
        given = {"name": self.name, "reduction": self.reduction}
        return given if self.dtype is None else {**given, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A new one from `get_config`."""
        return cls(**config)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"


class LossFunctionWrapper(Loss):
    """A function f(y_true, y_pred, **kwargs) as a Loss.

    Args:
        fn: takes tensors of one rank, gives losses without the last axis (or any other losses).
        reduction, name, dtype: as in `Loss`; the name is that of the function if None.
        **kwargs: further arguments of `fn`.

    Raises:
        TypeError: `fn` cannot be called.

    >>> def cubic(y_true, y_pred, scale=1.0):
    ...     return np.mean(scale * np.absolute(y_true - y_pred) ** 3, axis=-1)
    >>> float(LossFunctionWrapper(cubic, scale=2.0)([[1.0]], [[3.0]]))
    16.0
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ):
        if not callable(fn):
            raise TypeError(
                say(f"{type(self).__name__} expects fn to be a function f(y_true, y_pred), got {fn!r:.80}.")
            )
        check_takes("The loss", fn, "y_true", "y_pred", **kwargs)
        super().__init__(
            getattr(fn, "__name__", type(fn).__name__) if name is None else name, reduction, dtype
        )
        self.fn = fn
        self._arguments = kwargs

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return self.fn(*same_rank(y_true, y_pred), **self._arguments)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self._arguments}
