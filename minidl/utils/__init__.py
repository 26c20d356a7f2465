"""Small helpers around training: one-hot labels, normalising, padding, batches on demand, windows, seeds, pictures."""

from typing import Any

from minidl.messages import say
from minidl.utils.naming import clear_session as clear_session
from minidl.utils.numerical import normalize as normalize
from minidl.utils.numerical import to_categorical as to_categorical
from minidl.utils.padding import pad_sequences as pad_sequences
from minidl.utils.py_dataset import PyDataset as PyDataset
from minidl.utils.py_dataset import Sequence as Sequence
from minidl.utils.seeds import set_random_seed as set_random_seed
from minidl.utils.timeseries import timeseries_dataset_from_array as timeseries_dataset_from_array

__all__ = [
    "PyDataset", "Sequence", "clear_session", "normalize", "pad_sequences", "plot_model", "set_random_seed",
    "timeseries_dataset_from_array", "to_categorical",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """`plot_model`, which is where models are: above these helpers, so it is imported when it is asked for."""
    if name != "plot_model":
        raise AttributeError(say(f"module 'minidl.utils' has no attribute {name!r}"))
    from minidl.models.picture import plot_model

    return plot_model
