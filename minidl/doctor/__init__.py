"""What is wrong with my model? An examination of a model together with its data, before hours go into training it.

A network that is fed pixels of 0 to 255, ends in the wrong activation, or has dead units does not stop with an error:
it trains, badly. What is wrong can be seen, though, if one looks at the right places, and that is what `doctor` does,
with a sentence on each finding, and one on the mend.

    data, targets   scales, NaN, outliers, padding; labels, balance, order
    ends            the last layer against the loss and the metrics
    parts           frozen layers, equal weights, dropout, sizes
    flow            a pass forward and back, noted layer by layer; the table of the report
    signals         dead and saturated units, outputs that vanish or explode
    gradients       gradients that do not arrive, vanish or explode, along layers and along time
    trial           one batch learnt by heart, and the learning rate

>>> import numpy as np
>>> from minidl.layers import Dense, Input
>>> from minidl.models import Sequential
>>> model = Sequential([Input((3,)), Dense(8, activation="relu"), Dense(1)])
>>> model.compile("adam", "mse")
>>> x = np.random.default_rng(0).normal(size=(100, 3)) * [1, 1, 5000]
>>> for finding in doctor(model, x, x[:, :1]).about("scale"):
...     print(finding.severity, finding.mend)
warning Standardise each feature: x = (x - mean) / std, with mean and std of the training data along all axes but the last.
"""

import sys
from types import ModuleType
from typing import Any

from minidl.doctor.examine import doctor
from minidl.doctor.report import Finding, LayerRow, Report


class _CallablePackage(ModuleType):
    """`minidl.doctor(model, x, y)` and `minidl.doctor.Report` both work."""

    def __call__(self, *arguments: Any, **options: Any) -> Report:
        return doctor(*arguments, **options)


sys.modules[__name__].__class__ = _CallablePackage

__all__ = ["Finding", "LayerRow", "Report", "doctor"]
