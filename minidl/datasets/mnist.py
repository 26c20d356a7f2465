"""MNIST: 70,000 handwritten digits, the fruit fly of machine learning.

Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition",
Proceedings of the IEEE 86(11), 1998. Licence: CC BY-SA 3.0.
"""

import os

from minidl.datasets import files
from minidl.datasets.formats import Split, read_npz
from minidl.utils.warned import warn

__all__ = ["load_data"]

_PUBLISHED = files.Published(
    "mnist.npz", 11490434, "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
)
# The same arrays, built from the original files and compared with their checksums.
_REBUILT = "06af5dfe73b70e3bc1c36439982b18a8d76803db9b544f6fdf838a37fbb01b64"


def load_data(path: str | os.PathLike[str] = "mnist.npz") -> Split:
    """The MNIST digits: `(x_train, y_train), (x_test, y_test)`.

    The file is taken from `$MINIDL_HOME/datasets` (`~/.minidl/datasets`), and downloaded there the first
    time (11 MB).

    Args:
        path: name of the file in that folder, or an absolute path.

    Returns:
        x_train (60000, 28, 28), y_train (60000,), x_test (10000, 28, 28), y_test (10000,), all uint8: pixels
        from 0 (background) to 255, labels from 0 to 9.

    Raises:
        OSError: the file is missing and cannot be downloaded, or cannot be read.
        ValueError: it holds something else.
    """
    file = files.locate(path)
    if not file.exists():
        files.download(_PUBLISHED, file, wanted="mnist.npz")
    data = read_npz(file)
    if files.checksum(file) not in (_PUBLISHED.sha256, _REBUILT):
        warn(
            f"{file} is not the published file, though its arrays have the right shapes. "
            "If its values were not meant to differ, delete it to have it downloaded."
        )
    return data
