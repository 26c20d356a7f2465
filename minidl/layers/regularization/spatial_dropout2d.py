"""SpatialDropout2D: dropout of whole feature maps.

    y[n, i, j, c] = x[n, i, j, c]·m[n, c] / (1 − rate)          dx[n, i, j, c] = dy[n, i, j, c]·m[n, c] / (1 − rate)

Neighbouring pixels of a map tell nearly the same, as steps of a series do: see SpatialDropout1D. (J. Tompson et al.,
2015, arXiv:1411.4280.)
"""

from typing import Any

from minidl.layers.checks import InputSpec, channels_last
from minidl.layers.regularization.dropout import Dropout

__all__ = ["SpatialDropout2D"]


class SpatialDropout2D(Dropout):
    """Drops a share of the channels of each image in training, (N, H, W, C).

    Args:
        rate: share of channels set to 0, in [0, 1].
        data_format: "channels_last", the layout of all layers here.
        seed: whole number for masks of their own; by default they come from the global seed.

    >>> import numpy as np
    >>> y = SpatialDropout2D(0.5, seed=1)(np.ones((1, 4, 4, 8)), training=True).numpy()
    >>> bool((y == y[:, :1, :1]).all())
    True
    """

    input_spec = InputSpec(("batch", "height", "width", "channels"))

    def __init__(self, rate: float, data_format: str | None = None, seed: int | None = None, **kwargs: Any):
        super().__init__(rate, None, seed, **kwargs)
        self.data_format = channels_last(self, data_format)

    def _shared_axes(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (1, 2)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["noise_shape"]  # it follows from the input
        return config
