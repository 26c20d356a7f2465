"""SpatialDropout1D: dropout of whole features.

    y[n, t, c] = x[n, t, c]·m[n, c] / (1 − rate)          dx[n, t, c] = dy[n, t, c]·m[n, c] / (1 − rate)

Neighbouring time steps of a feature tell nearly the same. Dropped one by one, a step is easily guessed from the
next, so here a feature is gone for the whole series or not at all. (J. Tompson et al., 2015, arXiv:1411.4280.)
"""

from typing import Any

from minidl.layers.checks import InputSpec
from minidl.layers.regularization.dropout import Dropout

__all__ = ["SpatialDropout1D"]


class SpatialDropout1D(Dropout):
    """Drops a share of the features of each series in training, (N, T, C).

    Args:
        rate: share of features set to 0, in [0, 1].
        seed: whole number for masks of their own; by default they come from the global seed.

    >>> import numpy as np
    >>> y = SpatialDropout1D(0.5, seed=1)(np.ones((1, 4, 8)), training=True).numpy()
    >>> bool((y == y[:, :1]).all())
    True
    """

    input_spec = InputSpec(("batch", "steps", "channels"))

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any):
        super().__init__(rate, None, seed, **kwargs)

    def _shared_axes(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (1,)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["noise_shape"]  # it follows from the input
        return config
