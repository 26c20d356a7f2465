"""Sequences made ready for a network: one length for all, windows over a recording, pairs of neighbouring words."""

from minidl.preprocessing.sequence.skipgrams import make_sampling_table as make_sampling_table
from minidl.preprocessing.sequence.skipgrams import skipgrams as skipgrams
from minidl.preprocessing.sequence.timeseries import TimeseriesGenerator as TimeseriesGenerator
from minidl.preprocessing.sequence.windows import sliding_windows as sliding_windows
from minidl.utils.padding import pad_sequences as pad_sequences

__all__ = ["TimeseriesGenerator", "make_sampling_table", "pad_sequences", "skipgrams", "sliding_windows"]
