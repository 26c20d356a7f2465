"""Text and recordings as numbers: `text` (words to indices) and `sequence` (padding, windows over time)."""

from minidl.preprocessing import sequence as sequence
from minidl.preprocessing import text as text
from minidl.utils.timeseries import timeseries_dataset_from_array as timeseries_dataset_from_array

__all__ = ["sequence", "text", "timeseries_dataset_from_array"]
