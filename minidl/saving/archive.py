"""Zip archives from files of unknown origin: nothing is unpacked before the table of contents is checked.

A zip archive ends with a table of its members: name, size, checksum (CRC-32), where each begins. The format is
generous. A table may list a name twice, so that two programs see two different files; names may lead out of a
folder ("../../x"); a small member may unpack to terabytes; another kind of file may stand in front. The archives
that hold models need none of this.
"""

import contextlib
import stat
import struct
import zipfile
from collections.abc import Iterator
from typing import IO

from minidl.saving.files import MAX_FILE, MAX_MEMBERS, FilePath, refusal

__all__ = ["ANEW", "open_archive", "open_member", "read_member", "unsafe_name"]

ANEW = "The file is damaged or incomplete: save or fetch it anew."

_END = 22  # bytes of the record that ends an archive
_END_64, _LOCATOR = 56, 20  # bytes of the two records before it in archives above 2 GiB
_BYTES_PER_MEMBER = 256  # in the table of contents: 46, the name, some extras
_ENCRYPTED = 1


def open_archive(file: IO[bytes], path: FilePath) -> tuple[zipfile.ZipFile, dict[str, zipfile.ZipInfo]]:
    """A zip archive whose table of contents is in order, and its members by name (without folders).

    Args:
        file: open for reading, as `open_regular` gives it.
        path: its name, for errors.

    Raises:
        ValueError: it is no such archive.
    """
    _check_end(file, path)
    try:
        archive = zipfile.ZipFile(file)
    except Exception as error:  # whatever zipfile makes of a damaged table
        raise refusal(path, "a zip archive", f"{type(error).__name__}: {error}", ANEW) from error
    infos = archive.infolist()
    if len(infos) > MAX_MEMBERS:
        raise refusal(path, f"at most {MAX_MEMBERS:,} members", f"{len(infos):,}")
    if infos and min(info.header_offset for info in infos) != 0:
        raise refusal(path, "an archive from its first byte on", "something else in front of it")
    if sum(info.file_size for info in infos) > MAX_FILE:
        raise refusal(path, f"members of at most {MAX_FILE:,} bytes together", "more")
    members: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        problem = "a second time" if info.filename in members else _problem(info)
        if problem:
            raise refusal(path, "plain members", f"{info.filename!r:.60} {problem}")
        members[info.filename] = info
    return archive, {name: info for name, info in members.items() if not name.endswith("/")}


def _check_end(file: IO[bytes], path: FilePath) -> None:
    """See how long the table of contents is before anybody reads it."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _END - _LOCATOR - _END_64))
    tail = file.read()
    file.seek(0)
    start, end = file.read(64), tail[-_END:]
    file.seek(0)
    if not start.startswith(b"PK"):
        page = start.lstrip()[:1] == b"<"
        raise refusal(
            path, "a zip archive", "a web page" if page else f"a file that begins with {start[:8]!r}"
        )
    if len(end) < _END or not end.startswith(b"PK\5\6"):
        raise refusal(path, "a zip archive", "one without its end", ANEW)
    table = struct.unpack("<I", end[12:16])[0]
    if tail[-_END - _LOCATOR :].startswith(b"PK\6\7") and len(tail) == _END + _LOCATOR + _END_64:
        table = max(struct.unpack("<Q", tail[40:48])[0], 0 if table == 0xFFFFFFFF else table)
    if table > MAX_MEMBERS * _BYTES_PER_MEMBER:
        raise refusal(path, f"at most {MAX_MEMBERS:,} members", f"a table of {table:,} bytes for them")


def _problem(info: zipfile.ZipInfo) -> str:
    """What is wrong with a member; "" for nothing."""
    if info.filename != info.orig_filename or unsafe_name(info.filename):
        return "with a name that is no plain relative path"
    if info.flag_bits & _ENCRYPTED:
        return "encrypted"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "that is a link"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "packed in an unusual way"
    if info.compress_type == zipfile.ZIP_STORED and info.compress_size != info.file_size:
        return "with two different sizes"
    if info.filename.endswith("/") and info.file_size:
        return "that is a folder with content"
    return ""


def unsafe_name(name: str) -> bool:
    """Whether a name might lead out of the folder it is unpacked in.

    >>> [unsafe_name(name) for name in ("dense/kernel", "../kernel", "/kernel", "C:kernel")]
    [False, True, True, True]
    """
    parts = name.removesuffix("/").split("/")
    strange = "\\" in name or not name.isprintable() or name[1:2] == ":"
    return strange or any(part in ("", ".", "..") for part in parts)


@contextlib.contextmanager
def open_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: FilePath) -> Iterator[IO[bytes]]:
    """A member open for reading; no more than its announced size is unpacked.

    Raises:
        ValueError: it turns out to be damaged.
    """
    try:
        member = archive.open(info)
    except Exception as error:  # whatever zipfile makes of the member's own header
        raise _damaged(path, error) from error
    with member:
        try:
            yield member
        except ValueError:  # a refusal by whoever reads
            raise
        except Exception as error:  # whatever zipfile and zlib make of its bytes
            raise _damaged(path, error) from error


def _damaged(path: FilePath, error: Exception) -> ValueError:
    return refusal(path, "sound data", f"{type(error).__name__}: {error}", ANEW)


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: FilePath, limit: int) -> bytes:
    """All bytes of a small member.

    Raises:
        ValueError: it is larger than `limit`, or damaged.
    """
    if info.file_size > limit:
        raise refusal(path, f"{info.filename!r:.60} of at most {limit:,} bytes", f"{info.file_size:,}")
    with open_member(archive, info, path) as member:
        return member.read()
