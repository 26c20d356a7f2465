"""The same numbers in memory orders that a careless op gets wrong."""

import numpy as np

LAYOUTS = ("c", "fortran", "reversed", "gaps", "middle", "read-only")


def laid_out(x, layout):
    """An array equal to `x` whose memory is laid out as `layout` says; whatever lies between its cells is NaN."""
    if x.ndim == 0 and layout != "read-only":
        return x.copy()
    if layout == "fortran":
        return np.asfortranarray(x)
    if layout == "reversed":  # negative strides on every axis
        turned = (slice(None, None, -1),) * x.ndim
        return np.ascontiguousarray(x[turned])[turned]
    if layout == "gaps":  # every second cell of something larger
        larger = np.full([2 * n for n in x.shape], np.nan, x.dtype)
        larger[(slice(None, None, 2),) * x.ndim] = x
        return larger[(slice(None, None, 2),) * x.ndim]
    if layout == "middle":  # the inside of something larger
        larger = np.full([n + 2 for n in x.shape], np.nan, x.dtype)
        larger[(slice(1, -1),) * x.ndim] = x
        return larger[(slice(1, -1),) * x.ndim]
    copy = np.array(x, order="C")
    copy.flags.writeable = layout != "read-only"
    return copy
