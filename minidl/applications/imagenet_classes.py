"""The names of ImageNet's 1000 classes, from the file that Keras publishes.

It is JSON, and says for the number of each class its WordNet id and its name:

    {"0": ["n01440764", "tench"], "1": ["n01443537", "goldfish"], ...}

The classes are in the order of their ids. O. Russakovsky et al., "ImageNet Large Scale Visual Recognition Challenge",
2014, arXiv:1409.0575.
"""

import hashlib
import re
import tempfile
from pathlib import Path
from typing import Any

from minidl.datasets import files
from minidl.messages import say
from minidl.saving.json_text import read_json

__all__ = ["class_names"]

_NAME = "imagenet_class_index.json"
_SITE = "https://storage.googleapis.com/download.tensorflow.org/data/"
_MD5 = "c2c37ea517e94d9795004a39431a14cb"  # what is published of it; its content is checked, too
_LARGEST = 1 << 17  # bytes; the file has 35 kB
_CLASSES = 1000


def class_names() -> list[tuple[str, str]]:
    """The WordNet id and the name of each class, in the order of the classes.

    Raises:
        OSError: the file is missing and cannot be downloaded, or cannot be read.
        ValueError: it holds something else.
    """
    file = files.locate(_NAME)
    if not file.exists():
        _download(file)
    with file.open("rb") as stored:
        content = stored.read(_LARGEST + 1)
    try:
        return _read(content)
    except ValueError as error:
        raise ValueError(
            say(
                f"{file} is not the list of ImageNet's classes: {error!s:.150}"
                + ". Delete it to have it downloaded."
            )
        ) from error


def _read(content: bytes) -> list[tuple[str, str]]:
    """The names in the bytes of the file, each entry checked."""
    if len(content) > _LARGEST:
        raise ValueError(say(f"it has more than {_LARGEST:,} bytes"))
    table: Any = read_json(content, _NAME, "its content")
    if set(table) != {str(i) for i in range(_CLASSES)}:
        raise ValueError(say(f"it should have the keys 0 to {_CLASSES - 1}"))
    names: list[tuple[str, str]] = []
    for i in range(_CLASSES):
        entry = table[str(i)]
        if not (isinstance(entry, list) and len(entry) == 2 and all(isinstance(e, str) and e for e in entry)):
            raise ValueError(say(f"class {i} should be an id and a name, it is {entry!r:.60}"))
        if not re.fullmatch(r"n\d{8}", entry[0]) or (names and entry[0] <= names[-1][0]):
            raise ValueError(
                say(f"class {i} should have an id like n01440764, in rising order, it has {entry[0]!r:.60}")
            )
        names.append((entry[0], entry[1]))
    return names


def _download(file: Path) -> None:
    """Put the published file in its place, once it has been checked."""
    url = _SITE + _NAME
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=file.parent, prefix=".imagenet.") as folder:
            received = Path(folder) / _NAME
            files.receive(url, received, _LARGEST)
            content = received.read_bytes()
        if hashlib.md5(content, usedforsecurity=False).hexdigest() != _MD5:
            raise OSError(say("what was sent has another checksum"))
        _read(content)
    except (OSError, ValueError) as error:
        raise OSError(
            say(
                f"{_NAME} is not in {file.parent}, and no copy could be had ({files.reason(error)}). "
                f"Get {url} with a browser and put it there."
            )
        ) from error
    with files.replacing(file) as output:
        output.write(content)
