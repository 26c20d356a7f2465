"""R²: which part of the variance of the targets the predictions explain.

    R² = 1 − Σ_n (y_n − p_n)² / Σ_n (y_n − mean y)²

1 is perfect, 0 is as good as always saying the mean, negative is worse than that. It is no mean over batches:
the mean of y is known only at the end. The sum of squares about the mean is therefore carried along and two
parts, with counts a and b and means that differ by d, are merged by

    squares = squares_a + squares_b + d²·a·b / (a + b)

(Chan, Golub and LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample variances").
The shorter formula Σy² − (Σy)²/N subtracts two large numbers, and loses the answer when the mean is large.
"""

from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.messages import say
from minidl.metrics.base import Metric, brought_together
from minidl.metrics.inputs import float_pair, spread_weights
from minidl.utils.checks import whole_number
from minidl.utils.warned import warn
from minidl.variable import Variable

__all__ = ["R2Score"]

_AGGREGATIONS = (None, "uniform_average", "variance_weighted_average")


class R2Score(Metric):
    """The coefficient of determination R² of targets (N, F) and predictions (N, F).

    A constant target explained perfectly scores 1, any other prediction of it 0.

    Args:
        class_aggregation: how the F values become one: "uniform_average"; "variance_weighted_average", by the
            spread of each output; or None for an array of F values.
        num_regressors: number P of inputs, for the adjusted R² = 1 − (1 − R²)·(N − 1) / (N − P − 1); 0 for
            the plain one. N counts samples, whatever F is.
        name: key in the history.
        dtype: see `Metric`.

    Raises:
        ValueError: unknown `class_aggregation`, negative `num_regressors`, or inputs that are not (N, F).

    >>> R2Score()([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]])
    0.5714...
    """

    direction = "up"

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str = "r2_score",
        dtype: Any = None,
    ):
        if class_aggregation not in _AGGREGATIONS:
            raise ValueError(
                say(
                    f"R2Score expects class_aggregation to be one of {_AGGREGATIONS}, "
                    f"got {class_aggregation!r:.60}."
                )
            )
        super().__init__(dtype, name)
        self.class_aggregation = class_aggregation
        self.num_regressors = whole_number("R2Score", "num_regressors", num_regressors, minimum=0)
        self.num_samples = self.add_variable(name="num_samples")
        self._sums: tuple[
            Variable, ...
        ] = ()  # weight, mean, squares about the mean, squared errors: (F,) each

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in targets and predictions (N, F), and weights (N,) or (N, F)."""
        y, p = float_pair("R2Score", y_true, y_pred)
        if y.ndim != 2:
            raise ValueError(
                say(
                    f"R2Score expects y_true and y_pred of shape (N, F), got {y.shape}. "
                    "For one output use y[:, None]."
                )
            )
        if self._sums and self._sums[0].shape != y.shape[1:]:
            raise ValueError(
                say(
                    f"R2Score has counted {self._sums[0].size} outputs so far, got y_true of shape {y.shape}."
                )
            )
        weights = np.ones_like(y) if sample_weight is None else spread_weights(sample_weight, y.shape)
        with np.errstate(over="ignore", invalid="ignore"):
            count_b, errors = weights.sum(axis=0), np.sum(weights * (y - p) ** 2, axis=0)
            mean_b = np.sum(weights * y, axis=0) / np.where(count_b == 0, 1, count_b)
            squares_b = np.sum(weights * (y - mean_b) ** 2, axis=0)
        if not self._sums:
            names = ("count", "mean", "squares", "residual")
            self._sums = tuple(self.add_variable(y.shape[1:], name=name) for name in names)
        count_b, mean_b, squares_b, errors = brought_together(
            self._sums, [count_b, mean_b, squares_b, errors]
        )
        count, mean, squares, residual = (v.data for v in self._sums)
        both, d = count + count_b, mean_b - mean
        share = count_b / np.where(both == 0, 1, both)
        squares += squares_b + d**2 * count * share
        mean += d * share
        count[...] = both
        residual += errors
        self.num_samples.data += len(y)

    def result(self) -> float | Array:
        if not self._sums or not self.num_samples.data:
            return 0.0
        count, mean, total, residual = (v.numpy() for v in self._sums)
        constant = total <= count * (4 * np.finfo(np.float64).eps * mean) ** 2  # nothing left but rounding
        scores = np.where(constant, residual == 0, 1 - residual / np.where(constant, 1, total))
        if self.class_aggregation == "variance_weighted_average" and total.any():
            score: Any = np.sum(total * scores) / np.sum(total)
        else:
            score = scores if self.class_aggregation is None else scores.mean()
        score = self._adjusted(score)
        return score if self.class_aggregation is None else float(score)

    def _adjusted(self, score: Any) -> Any:
        n, regressors = float(self.num_samples.data), self.num_regressors
        if not regressors:
            return score
        if regressors >= n - 1:
            warn(
                f"The adjusted R² of {regressors} inputs needs more than {regressors + 1} samples, "
                f"there are {n:.0f}. R2Score returns the plain R²."
            )
            return score
        return 1 - (1 - score) * (n - 1) / (n - regressors - 1)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "class_aggregation": self.class_aggregation,
            "num_regressors": self.num_regressors,
        }
