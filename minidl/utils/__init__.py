"""Small helpers around training: one-hot labels, normalising, batches on demand, seeds."""

from minidl.utils.numerical import normalize as normalize
from minidl.utils.numerical import to_categorical as to_categorical
from minidl.utils.py_dataset import PyDataset as PyDataset
from minidl.utils.py_dataset import Sequence as Sequence
from minidl.utils.seeds import set_random_seed as set_random_seed

__all__ = ["PyDataset", "Sequence", "normalize", "set_random_seed", "to_categorical"]
