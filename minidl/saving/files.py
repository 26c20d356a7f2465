"""Files that hold models are read only when they are what they should be (`minidl.utils.atomic` writes them).

A file to be read may come from anywhere. It is opened only if it is a regular file (a named pipe would wait
for ever, `/dev/zero` never ends) of a bearable size, and the limits below are checked against what a file
announces before memory is taken for it. They guard against hostile files, so they are far from what real
models need.
"""

import hashlib
import os
import stat
from typing import IO

from minidl.messages import say
from minidl.utils.atomic import FilePath, kind_of

__all__ = [
    "MAX_ARRAY",
    "MAX_CONFIG",
    "MAX_DEPTH",
    "MAX_FILE",
    "MAX_HEADER",
    "MAX_LAYERS",
    "MAX_MEMBERS",
    "FilePath",
    "checksum",
    "open_regular",
    "refusal",
]

MAX_FILE = 4 << 30  # bytes of a whole file
MAX_ARRAY = 2 << 30  # bytes of one array
MAX_CONFIG = 16 << 20  # bytes of a model's configuration, a manifest or the header of a safetensors file
MAX_HEADER = 4096  # bytes of the header of one .npy array
MAX_MEMBERS = 10_000  # arrays or other parts in one file
MAX_LAYERS = 10_000
MAX_DEPTH = 64  # brackets inside brackets in JSON


def refusal(path: FilePath, expected: str, got: str, mend: str = "") -> ValueError:
    """The error for a file that is not what it should be.

    >>> refusal("model.npz", "an array dense/kernel", "none of that name", "Was it saved from another model?")
    ValueError('model.npz: expected an array dense/kernel, got none of that name. Was it saved from another model?')
    """
    ending = f" {mend}" if mend else ""
    return ValueError(say(f"{_shown(path)}: expected {expected:.160}, got {got:.160}.{ending}"))


def _shown(path: FilePath) -> str:
    text = os.fspath(path)
    return text if len(text) <= 120 else f"...{text[-117:]}"


def checksum(data: bytes | memoryview) -> str:
    """The SHA-256 checksum of some bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def open_regular(path: FilePath, limit: int = MAX_FILE) -> IO[bytes]:
    """The file at `path`, open for reading.

    Args:
        path: a regular file, or a link to one.
        limit: the most bytes it may have.

    Raises:
        OSError: there is no such file, or it may not be read.
        ValueError: it is something else (a folder, a pipe, a device), empty or too large.
    """
    # O_NONBLOCK: a pipe without a writer opens at once, and is refused, instead of waiting for one.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise refusal(path, "a file", kind_of(found.st_mode))
        if found.st_size == 0:
            raise refusal(path, "a saved model or weights", "an empty file", "Save it anew.")
        if found.st_size > limit:
            raise refusal(path, f"at most {limit:,} bytes", f"{found.st_size:,}", "Is it the right file?")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise
