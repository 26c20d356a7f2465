"""HDF5 files of unknown origin: what is in them is looked at before it is read, and read before it is believed.

HDF5 is a file system in a file: groups, and datasets with a shape and a type. It can do much that a file of weights
never needs and that has been used for attacks: links into other files, data that lies in other files, a shape of
petabytes with nothing behind it. Here only groups and datasets that lie in the file itself are followed; a dataset
is read only when it has the shape and kind of number that the caller expects.

HDF5 has no checksums of its own: a bit that flips on the disk is read as another weight. So each dataset that minidl
writes has an attribute `sha256` over its path, type, shape and bytes. Other programs do not look at it.
"""

import hashlib
import io
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

import numpy as np

from minidl.backend import Array
from minidl.messages import say
from minidl.saving.archive import ANEW
from minidl.saving.files import MAX_ARRAY, MAX_MEMBERS, FilePath, refusal
from minidl.saving.hdf5_heaps import check_heaps
from minidl.saving.pairing import convert

__all__ = [
    "Node", "dataset_at", "group_at", "hdf5_bytes", "is_group", "open_hdf5", "read_dataset",
    "stored_numbers", "walk",
]  # fmt: skip

Node = Any  # h5py's Group or Dataset
_MAX_DEPTH = 64
_MAX_PIECE = 16 << 20  # bytes; or as many as the dataset has
_MAX_PACKED = 1000  # how much smaller gzip makes numbers at best
# gzip, shuffle, fletcher32, szip, lzf; others would load a library of that number
_FILTERS = {1, 2, 3, 4, 32000}
_KINDS = {"f": "f", "i": "iu", "u": "iu", "b": "b"}  # what may be read into a weight of that kind


def _h5py() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise ImportError(
            say(
                "HDF5 files (.keras, .h5) need the package h5py: pip install h5py. "
                "Without it, save_weights and load_weights work with .npz and .safetensors files."
            )
        ) from error
    return h5py


def hdf5_bytes(arrays: Mapping[str, Array], names: Mapping[str, str]) -> memoryview:
    """The bytes of an HDF5 file.

    Args:
        arrays: by their paths, such as "layers/dense/vars/0".
        names: what goes into the attribute `name` of groups, by their paths.
    """
    memory = io.BytesIO()  # not straight onto the disk: h5py may crash where that is full
    with _h5py().File(memory, "w") as file:
        file.attrs["checksums"] = "sha256"
        for path, name in names.items():
            file.create_group(path).attrs["name"] = name
        for path, array in arrays.items():
            dataset = file.create_dataset(path, data=array)
            dataset.attrs["sha256"] = _digest(path, array)
    return memory.getbuffer()


def _digest(path: str, array: Array) -> str:
    little = np.asarray(array, array.dtype.newbyteorder("<"), order="C")
    whole = hashlib.sha256(f"{path.strip('/')}|{little.dtype.str}|{little.shape}|".encode())
    whole.update(little.data.cast("B") if little.size else b"")
    return whole.hexdigest()


@contextmanager
def open_hdf5(file: IO[bytes], path: FilePath) -> Iterator[Node]:
    """The root group of an HDF5 file, for reading. Whatever h5py makes of a damaged file becomes a ValueError.

    Raises:
        ImportError: h5py is not installed.
        ValueError: it is no HDF5 file, or it is damaged.
    """
    h5py = _h5py()
    file.seek(0)
    start = file.read(8)
    file.seek(0)
    if start != b"\x89HDF\r\n\x1a\n":
        page = start.lstrip()[:1] == b"<"
        got = "a web page" if page else f"a file that begins with {start!r}"
        raise refusal(path, "an HDF5 file", got, "Is it complete, and of that format?")
    check_heaps(file, path)
    try:
        with h5py.File(file, "r") as root:
            yield root
    except Exception as error:  # whatever h5py makes of damaged bytes
        if isinstance(error, Warning) or _is_ours(error, path):
            raise
        raise refusal(path, "sound data", f"{type(error).__name__}: {error}", ANEW) from error


def _is_ours(error: Exception, path: FilePath) -> bool:
    """Whether an error says already which file it is about."""
    begin = str(refusal(path, "", "")).rpartition(": ")[0]  # in any language
    return type(error) is ValueError and str(error).startswith(begin)


def is_group(node: Node) -> bool:
    """Whether it is a group, and not a dataset."""
    return isinstance(node, _h5py().Group)


def _child(group: Node, name: str, path: FilePath) -> Node:
    """The entry `name` of a group, if it lies in the file itself; None if there is none."""
    h5py = _h5py()
    link = group.get(name, getlink=True)
    if link is None:
        return None
    if not isinstance(link, h5py.HardLink):
        raise refusal(path, "weights that lie in the file itself", f"a link at {group.name}/{name}")
    return group[name]


def group_at(root: Node, place: str, path: FilePath) -> Node:
    """The group at "a/b/c" below `root`; None if there is none."""
    node = root
    for name in filter(None, place.split("/")):
        node = _child(node, name, path)
        if node is None or not is_group(node):
            return None
    return node


def dataset_at(root: Node, place: str, path: FilePath) -> Node:
    """The dataset at "a/b/c" below `root`, checked; None if there is none.

    Raises:
        ValueError: it lies elsewhere, or in a form that a file of weights has no use for.
    """
    above, _, name = place.rpartition("/")
    group = group_at(root, above, path)
    dataset = None if group is None or not name else _child(group, name, path)
    if dataset is None or is_group(dataset):
        return None
    if not isinstance(dataset, _h5py().Dataset) or dataset.shape is None:
        raise refusal(path, f"numbers at {dataset.name}", "something else")
    if dataset.is_virtual or dataset.external:
        raise refusal(
            path, "weights that lie in the file itself", f"a dataset of other files at {dataset.name}"
        )
    piece = math.prod(dataset.chunks or ()) * dataset.dtype.itemsize  # is unpacked as a whole
    if piece > max(_MAX_PIECE, 2 * dataset.size * dataset.dtype.itemsize):
        raise refusal(path, f"pieces of at most {_MAX_PIECE:,} bytes at {dataset.name}", f"{piece:,}")
    filters = dataset.id.get_create_plist()
    for i in range(filters.get_nfilters()):
        if filters.get_filter(i)[0] not in _FILTERS:
            raise refusal(
                path, "plain or gzip-packed data", f"filter {filters.get_filter(i)[0]} at {dataset.name}"
            )
    return dataset


def read_dataset(dataset: Node, path: FilePath, what: str, shape: tuple[int, ...], dtype: Any) -> Array:
    """The numbers of a dataset that is to have this shape, in this type.

    Args:
        dataset: from `dataset_at`.
        path: the file, for errors.
        what: what the numbers are, for errors.
        shape, dtype: what is expected.

    Raises:
        ValueError: another shape or kind of number, or bytes that are not those once written.
    """
    if dataset.shape != shape:
        raise refusal(
            path, f"{what} of shape {shape}", f"{dataset.shape}", "Was it saved from another model?"
        )
    if dataset.dtype.kind not in _KINDS.get(np.dtype(dtype).kind, ""):
        raise refusal(path, f"{what} of type {np.dtype(dtype)}", f"{dataset.dtype}")
    if max(dataset.size * dataset.dtype.itemsize, 1) > MAX_ARRAY:
        raise refusal(
            path, f"{what} of at most {MAX_ARRAY:,} bytes", f"{dataset.size * dataset.dtype.itemsize:,}"
        )
    array = np.empty(shape, dataset.dtype)
    if array.size:
        dataset.read_direct(array) if shape else np.copyto(array, dataset[()])
    signed = "sha256" in dataset.attrs or "checksums" in dataset.file.attrs
    if signed and dataset.attrs.get("sha256") != _digest(dataset.name, array):
        raise refusal(path, f"{what} as it was written", "other bytes (their sha256 differs)", ANEW)
    return convert(array, dtype, path, what)


def stored_numbers(root: Node, path: FilePath) -> int:
    """How many numbers there are in all datasets, at most: a shape counts as far as there are bytes behind it."""
    total = 0
    for place in walk(root, path):
        dataset = dataset_at(root, place, path)
        stored = min(dataset.id.get_storage_size(), root.file.id.get_filesize())
        total += min(dataset.size, stored * _MAX_PACKED // dataset.dtype.itemsize)
    return total


def walk(root: Node, path: FilePath) -> Iterator[str]:
    """The paths of all datasets.

    Raises:
        ValueError: there is a link, a circle, or more than a file of weights holds.
    """
    pending, seen = [(root, 0)], 0
    while pending:
        group, depth = pending.pop()
        for name in group:
            seen += 1
            if seen > 4 * MAX_MEMBERS or depth > _MAX_DEPTH:
                raise refusal(path, "a tree of layers", "more groups than any model has")
            node = _child(group, name, path)
            if is_group(node):
                pending.append((node, depth + 1))
            else:
                yield node.name.strip("/")
