"""Files that are written whole or not at all.

Writing over the old file, `open(path, "wb")`, destroys it before the new one is there: a full disk or a killed
process leaves neither. Here a file is first written under another name beside its place, brought onto the
disk, and then given its own name in one step that cannot stop half-way. At any moment that name leads to the
complete old file or to the complete new one.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from typing import IO, TypeAlias

from minidl.messages import say

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["FilePath", "append_whole", "atomic_write", "kind_of"]

FilePath: TypeAlias = str | os.PathLike[str]

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


@contextlib.contextmanager
def atomic_write(path: FilePath, overwrite: bool = True, needed: int | None = None) -> Iterator[IO[bytes]]:
    """A file to write that gets the name `path` when the block ends well, and vanishes when it does not.

    A link stays a link: what it leads to is replaced. The new file has the permissions of the old one. Should
    the process be killed, the unfinished file stays behind; the next save to the same `path` removes it.

    Args:
        path: where the file goes. Its folder must exist.
        overwrite: False refuses to replace a file that is there.
        needed: how many bytes will be written, for the error when they do not fit.

    Raises:
        OSError: the file cannot be written. What was at `path` is unchanged.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as home:
    ...     place = pathlib.Path(home) / "notes.txt"
    ...     with atomic_write(place) as file:
    ...         _ = file.write(b"all of it")
    ...     place.read_bytes()
    b'all of it'
    """
    with _explained(path, needed):
        target = os.path.realpath(path)
        mode = _mode_of_replaced(path, overwrite)
        folder, name = os.path.split(target)
        prefix = f".{name[:50]}."
        _sweep(folder, prefix)
        descriptor, temporary = _create(folder, prefix)
    try:
        with _explained(path, needed):
            file = os.fdopen(descriptor, "w+b", closefd=False)
            try:
                yield file
            except BaseException:
                with contextlib.suppress(OSError):  # it tries once more to write what could not be written
                    file.close()
                raise
            file.close()
            if mode is not None:
                os.chmod(temporary, mode)
            os.fsync(descriptor)
            _mode_of_replaced(path, overwrite)  # somebody may have put something there meanwhile
            os.replace(temporary, target)
    except BaseException:  # Ctrl-C too: half a file is nobody's
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    finally:
        os.close(descriptor)
    _sync_folder(folder)


def append_whole(path: FilePath, data: bytes) -> None:
    """Add `data` at the end of a file, all of it or nothing; the file is made if there is none.

    Raises:
        OSError: it cannot be written. The file has what it had before.
    """
    with _explained(path, len(data)), open(path, "ab", buffering=0) as file:
        before = file.tell()
        try:
            if file.write(data) < len(data):  # the disk was full in the middle
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except BaseException:
            file.truncate(before)
            raise


def _mode_of_replaced(path: FilePath, overwrite: bool) -> int | None:
    """The permissions of the file at `path`, None if there is none."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EISDIR, say(f"{kind_of(found.st_mode)} has this name"))
    if not overwrite:
        raise OSError(errno.EEXIST, say("there is a file already, and overwrite=False keeps it"))
    if not os.access(path, os.W_OK):
        raise OSError(errno.EACCES, say("the file that is there is write-protected"))
    return stat.S_IMODE(found.st_mode)


def _create(folder: str, prefix: str) -> tuple[int, str]:
    """A new file with a name nobody has, locked as being written."""
    while True:
        name = os.path.join(folder, f"{prefix}{os.urandom(6).hex()}.tmp")
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        descriptor = os.open(name, flags, 0o666)
        swept = False
        try:
            _lock(descriptor)
        except BlockingIOError:  # a sweep came between the two calls, and is about to remove the file
            swept = True
        except OSError:  # a file system without locks; then nothing is swept either
            pass
        if not swept and os.path.exists(name):  # else a sweep came and is through
            return descriptor, name
        os.close(descriptor)


def _sweep(folder: str, prefix: str) -> None:
    """Remove the unfinished files of processes that were killed: those that nobody holds a lock on."""
    if fcntl is None:
        return
    entries: list[str] = []
    with contextlib.suppress(OSError):  # a folder that may be written but not listed
        entries = os.listdir(folder)
    for entry in entries:
        if entry.startswith(prefix) and entry.endswith(".tmp") and len(entry) == len(prefix) + 16:
            with contextlib.suppress(OSError):
                name = os.path.join(folder, entry)
                descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
                try:
                    _lock(descriptor)
                    os.unlink(name)
                finally:
                    os.close(descriptor)


def _lock(descriptor: int) -> None:
    """Take the lock of an open file; the end of the process, however it comes, gives it back.

    Raises:
        OSError: somebody else holds it.
    """
    if fcntl is not None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _sync_folder(folder: str) -> None:
    """Bring the new name onto the disk as well; where a folder cannot be synced, the system does it later."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _explained(path: FilePath, needed: int | None) -> Iterator[None]:
    """Say of an OSError which file could not be written, and how much room it needs."""
    try:
        yield
    except OSError as error:
        room = "" if needed is None else f" {needed:,} bytes are needed."
        text = f"Could not be written: {error.strerror or error}.{room} What was there before is unchanged."
        raise OSError(error.errno or errno.EIO, say(text), os.fspath(path)) from error


def kind_of(mode: int) -> str:
    """What something that is no regular file is, in words, from the mode that `os.stat` gives."""
    return _KINDS.get(stat.S_IFMT(mode), "something else")
