"""Where data sets live on disk, and how they get there.

They live in `datasets/` inside the folder the environment variable `MINIDL_HOME` names, `~/.minidl` without
it. A file that is there is used; one that is not is downloaded, once. A download is written under another
name beside its place, compared with the checksum its publisher's file is known to have, and only then given
its own name. So whatever happens meanwhile (no network, a killed process, a second process at the same
work), under its own name there is the whole file or nothing.
"""

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from minidl.messages import say
from minidl.utils.atomic import atomic_write
from minidl.utils.checks import as_path

__all__ = ["Published", "checksum", "download", "folder", "locate", "reason", "receive", "replacing"]

_SOURCE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
_TIMEOUT = 30  # seconds without a byte
_PATIENCE, _SLOWEST = 60, 1024  # after so many seconds, so many bytes must have come in each
_HOPS = 5  # redirects


class Published(NamedTuple):
    """A file as it is published: its name there, its length in bytes, its SHA-256 checksum."""

    name: str
    size: int
    sha256: str


def folder() -> Path:
    """The folder of the data sets, as an absolute path. It need not exist yet."""
    return Path(os.environ.get("MINIDL_HOME") or "~/.minidl").expanduser().absolute() / "datasets"


def locate(name: str | os.PathLike[str]) -> Path:
    """The place of the file `name`, inside `folder()` unless `name` is an absolute path.

    Raises:
        OSError: something that is not a file (a folder, a device) has this name.
    """
    path = folder() / as_path("load_data", "path", name)
    if path.exists() and not path.is_file():
        raise OSError(say(f"{path} should be a data file, but it is a folder or a device. Move it away."))
    return path


def checksum(path: Path) -> str:
    """The SHA-256 checksum of a file, in hexadecimal (10 ms for 11 MB)."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def download(file: Published, path: Path, wanted: str) -> None:
    """Fetch a published file to `path`, with a progress bar on stderr.

    Args:
        file: what to fetch.
        path: where it goes.
        wanted: what somebody without a network would have to put into `folder()`, for the error.

    Raises:
        OSError: no connection, not the published bytes, or no place to write. Nothing is left at `path`.
    """
    import pooch

    url = _SOURCE + file.name
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        pooch.retrieve(
            url,
            known_hash=f"sha256:{file.sha256}",
            fname=path.name,
            path=path.parent,
            downloader=lambda url, output, _: receive(url, output, file.size),
        )
    except (OSError, ValueError) as error:  # ValueError is what pooch says of a wrong checksum
        raise OSError(
            say(
                f"{wanted} is not in {folder()} and could not be downloaded from {url} ({reason(error)}). "
                f"Put it there by hand, or set MINIDL_HOME to a folder that has datasets/{wanted}."
            )
        ) from error


def reason(error: BaseException) -> str:
    """What happened, in the words of the first error: requests and urllib3 wrap it several times."""
    while type(error).__module__.startswith(("requests", "urllib3")) and error.__context__ is not None:
        error = error.__context__
    return f"{type(error).__name__}: {error}"[:120]


def receive(url: str, output: Any, limit: int) -> None:
    """Write what `url` sends, at most `limit` bytes, to the file named `output`, and on to the disk.

    Raises:
        OSError: it could not be had, or not in a bearable time, or is longer.
    """
    from tqdm import tqdm

    with _answer(url) as response, open(output, "wb") as file:
        announced = response.headers.get("Content-Length", "")
        total = int(announced[:18]) if announced.isdecimal() else None
        with tqdm(total=total, unit="B", unit_scale=True, ncols=79) as bar:
            for chunk in _chunks(response.raw):
                if max(file.tell() + len(chunk), total or 0) > limit:
                    raise OSError(say("the server sends more bytes than the published file has"))
                file.write(chunk)
                bar.update(len(chunk))
        file.flush()
        os.fsync(file.fileno())


def _answer(url: str) -> Any:
    """The server's answer, or that of the one it redirects to; not over to http or file, though."""
    import requests

    for _ in range(_HOPS + 1):
        response = requests.get(
            url,
            stream=True,
            timeout=_TIMEOUT,
            allow_redirects=False,  # each is looked at first
            headers={"Accept-Encoding": "identity"},  # the bytes as stored: they are what has the checksum
        )
        if response.ok and not response.is_redirect:
            return response
        response.close()
        response.raise_for_status()
        target = urljoin(url, response.headers["Location"])
        if urlsplit(target).scheme != urlsplit(url).scheme:
            raise OSError(say(f"the server redirects to {target[:60]}, which is less safe, and not followed"))
        url = target
    raise OSError(say(f"the server redirects more than {_HOPS} times"))


def _chunks(raw: Any) -> Iterator[bytes]:
    """What a connection brings, as it comes; a server may not keep us waiting by sending a byte now and then."""
    begin, received = time.monotonic(), 0
    try:
        while chunk := raw.read1(1 << 16):
            received += len(chunk)
            yield chunk
            seconds = time.monotonic() - begin
            if seconds > _PATIENCE and received < seconds * _SLOWEST:
                raise OSError(say(f"the server sends less than {_SLOWEST:,} bytes in a second"))
    except OSError:
        raise
    except Exception as error:  # urllib3's, of a connection that breaks
        raise OSError(f"{type(error).__name__}: {error}") from error


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file to write that gets the name `path` when the block ends well; its folder is made where there is none.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as home:
    ...     place = Path(home) / "datasets" / "some.txt"
    ...     with replacing(place) as file:
    ...         _ = file.write(b"all of it")
    ...     place.read_bytes()
    b'all of it'
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with atomic_write(path) as file:
        yield file
