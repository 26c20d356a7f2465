"""Compiled code: how a loop becomes a kernel, and how the next process need not compile it again.

`@compiled` compiles a function when it is first called with arrays of a type, and keeps the result in a file:

    $MINIDL_HOME/kernels/<versions, processor>/<function>-<key>.code            (~/.minidl/kernels/...)

Numba has a cache of its own. It raises at import where it finds no place to write, reports a truncated file as
EOFError in the middle of a call, and with one bit flipped the process may die, because it reads machine code.
So here:

- The key is a hash of all that the code depends on: our sources, the types, Numba's settings, the processor.
- A file begins with the SHA-256 of its name and the rest, which is checked before anything is read. A file that is not
  what it was is deleted and compiled again.
- The folder is ours alone (mode 700). One that others could write to is not used: whoever can write machine
  code there could run it.
- Without such a folder kernels are compiled in each process, after one warning. Nothing fails.
"""

import contextlib
import gc
import hashlib
import os
import pickle
import stat
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import llvmlite
import numba
from llvmlite.binding import ffi
from numba import config, njit
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.core.runtime.nrt import rtsys

from minidl_kernels import __version__

__all__ = ["OPTIONS", "Waiting", "compiled", "folder"]

_PACKAGE = Path(__file__).resolve().parent.parent
LONG = 1.0  # seconds after which one wonders what is going on

# No fast mathematics: sums keep their order, NaN and infinity their meaning. Only a multiplication and the addition
# that follows may become one operation. Division by 0 gives infinity, as in NumPy. No wrapper for callers in C.
OPTIONS: dict[str, Any] = {
    "nogil": True, "error_model": "numpy", "fastmath": {"contract"}, "no_cfunc_wrapper": True,
}  # fmt: skip


def _hold_the_compilers_locks() -> None:
    for lock in _LOCKS:
        lock.__enter__()


def _let_go_of_them() -> None:
    for lock in reversed(_LOCKS):
        lock.__exit__(None, None, None)


# A child forked while another thread compiles would inherit locks that nobody gives back, and wait for ever.
_LOCKS = [x for x in (global_compiler_lock, getattr(ffi.lib, "_lock", None)) if hasattr(x, "__enter__")]
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_hold_the_compilers_locks, after_in_parent=_let_go_of_them, after_in_child=_let_go_of_them
    )


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: compile for the types of the first call from Python, without its lock, with the cache above.

    What only other compiled functions call is a `fragment`.
    """
    dispatcher = njit(**OPTIONS)(function)
    if hasattr(dispatcher, "_cache"):  # with NUMBA_DISABLE_JIT=1 it is the plain function
        dispatcher._cache = _Cache(function)
        dispatcher.compile = partial(_undisturbed, dispatcher.compile)
    return dispatcher


def _undisturbed(compile_for: Callable[[Any], Any], signature: Any) -> Any:
    """The compiler makes millions of objects. To look among them for garbage takes Python a tenth of the time.

    Under the compiler's lock, so that threads do not undo what others have done, and no child is forked meanwhile.
    """
    with global_compiler_lock:
        if not gc.isenabled():
            return compile_for(signature)
        gc.disable()
        try:
            return compile_for(signature)
        finally:
            gc.enable()


@cache
def _sources() -> bytes:
    """One hash of all our code: a loop may have called any other."""
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.digest()


@cache
def folder() -> Path | None:
    """Where compiled code is kept; None, after one warning, where there is no safe place."""
    try:
        home = Path(os.environ.get("MINIDL_HOME") or Path.home() / ".minidl").absolute()
        _, cpu, features = cpu_target.target_context.codegen().magic_tuple()
        python = f"py{sys.version_info[0]}{sys.version_info[1]}"
        versions = f"{__version__}-numba{numba.__version__}-llvmlite{llvmlite.__version__}-{python}"
        path = home / "kernels" / f"{versions}-{cpu}-{hashlib.sha256(features.encode()).hexdigest()[:12]}"
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for place in (home, path.parent, path):
            _refuse_unsafe(place, forbidden=stat.S_IWGRP | stat.S_IWOTH if place == path else stat.S_IWOTH)
        tempfile.TemporaryFile(dir=path).close()
    except Exception as error:  # whatever it is: kernels work without
        warnings.warn(
            f"minidl cannot keep its compiled kernels, and compiles them in each process: {error}. "
            "Set MINIDL_HOME to a folder of your own.",
            RuntimeWarning,
            stacklevel=2,
        )
        return None
    return path


def _refuse_unsafe(place: Path, forbidden: int) -> None:
    """Whoever can write machine code here could have it run."""
    status = place.stat()
    if hasattr(os, "getuid") and status.st_uid not in (os.getuid(), 0):
        raise PermissionError(f"{place} belongs to another user")
    if os.name == "posix" and status.st_mode & forbidden:
        raise PermissionError(f"{place} can be written by others, mode {stat.S_IMODE(status.st_mode):o}")


class Waiting:
    """Whoever waits for the compiler for more than a second is told so, once a process."""

    tell: Callable[[], None] | None = None  # set by whoever has a way to say it
    timer: threading.Timer | None = None
    compiling = False

    @classmethod
    def begin(cls) -> None:
        """The compiler starts. A thread looks in a second later."""
        cls.compiling = True
        if cls.tell is not None and cls.timer is None:
            cls.timer = threading.Timer(LONG, cls.look)
            cls.timer.daemon = True
            cls.timer.start()

    @classmethod
    def look(cls) -> None:
        """Is it still at work, or at the next kernel?"""
        if cls.compiling and cls.tell is not None:
            cls.tell()
        else:
            cls.timer = None


class _Cache:
    """Numba asks it before it compiles, and hands it what it has compiled."""

    cache_path = None  # one for all functions: see `folder`

    def __init__(self, function: Callable[..., Any]):
        self.name = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}"

    def file(self, signature: Any, codegen: Any) -> Path | None:
        """Where the code for these types is, or will be."""
        place = folder()
        if place is None or " at 0x" in str(signature):  # an argument that is itself a function
            return None
        settings = (config.OPT, config.BOUNDSCHECK, config.DEBUGINFO_DEFAULT)
        key = repr((self.name, str(signature), codegen.magic_tuple(), settings)).encode() + _sources()
        return place / f"{self.name}-{hashlib.sha256(key).hexdigest()[:24]}.code"

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """The compiled function, or None: then Numba compiles.

        Machine code needs Numba's memory manager. All else that `target_context.refresh()` would get ready is for
        the compiler, and takes 0.3 s.
        """
        rtsys.initialize(target_context)
        path = self.file(signature, target_context.codegen())
        if path is not None and path.is_file():
            try:
                return _read(path, target_context)
            except Exception:  # damaged, or of a Numba that works otherwise
                with contextlib.suppress(OSError):
                    path.unlink()
        Waiting.begin()
        return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keep it, if that works: a full disk is no reason to fail."""
        Waiting.compiling = False
        path = self.file(signature, result.codegen)
        if path is None or result.lifted or result.library.has_dynamic_globals:
            return
        temporary = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
        try:
            _write(temporary, path.name, result)
            os.replace(temporary, path)
        except Exception:
            with contextlib.suppress(OSError):
                temporary.unlink()

    def enable(self) -> None:
        """Always on."""

    def disable(self) -> None:
        """Always on."""

    def flush(self) -> None:
        """Keys are hashes of all that matters: nothing here goes stale."""


def _read(path: Path, target_context: Any) -> Any:
    from numba.core.compiler import CompileResult

    content = path.read_bytes()
    digest, code = content[:32], content[32:]
    if _digest(path.name, code) != digest:
        raise ValueError("damaged")
    return CompileResult._rebuild(target_context, *pickle.loads(code))  # noqa: S301 checked, from our own folder


def _write(path: Path, name: str, result: Any) -> None:
    from numba.core.serialize import dumps

    code = dumps(result._reduce())
    with open(path, "xb", opener=lambda place, flags: os.open(place, flags, 0o600)) as file:
        file.write(_digest(name, code) + code)


def _digest(name: str, code: bytes) -> bytes:
    """With the name of the file: sound code under the name of another kernel would be run on the wrong arrays."""
    return hashlib.sha256(name.encode() + b"\0" + code).digest()
