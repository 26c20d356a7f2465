"""Compiled code on disk: found again, never trusted when damaged, never in the way."""

import hashlib
import os
import pickle
import stat
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest
from minidl_kernels.cpu import cache
from minidl_kernels.cpu.fragment import fragment

posix = pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")


def double(x):
    return 2 * x


def dispatcher():
    """What a new process would have: the function, compiled for nothing yet."""
    return cache.compiled(double)


def hits_and_misses(function):
    stats = function.stats
    return sum(stats.cache_hits.values()), sum(stats.cache_misses.values())


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "folder", lambda: tmp_path)
    return tmp_path


def the_file(place):
    (file,) = place.iterdir()
    return file


def test_code_is_kept_and_found_again(place):
    assert dispatcher()(3) == 6
    again = dispatcher()
    assert again(4) == 8
    assert hits_and_misses(again) == (1, 0)
    assert stat.S_IMODE(the_file(place).stat().st_mode) == 0o600 or os.name != "posix"


def test_each_type_has_its_own_file(place):
    function = dispatcher()
    assert (function(3), function(1.5)) == (6, 3.0)
    assert len(list(place.iterdir())) == 2


def test_another_source_has_another_key(place, monkeypatch):
    dispatcher()(3)
    monkeypatch.setattr(cache, "_sources", lambda: b"changed")
    again = dispatcher()
    again(3)
    assert hits_and_misses(again) == (0, 1)
    assert len(list(place.iterdir())) == 2


def damaged(content, how, rng, name):
    if how == "empty":
        return b""
    if how == "short":
        return content[: rng.integers(1, len(content))]
    if how == "longer":
        return content + b"x"
    if how == "bit":
        at = rng.integers(0, len(content))
        return content[:at] + bytes([content[at] ^ (1 << rng.integers(0, 8))]) + content[at + 1 :]
    code = {"other": b"no pickle", "older": pickle.dumps(("another version",))}[how]
    return hashlib.sha256(name.encode() + b"\0" + code).digest() + code


@pytest.mark.parametrize("how", ["empty", "short", "longer", "other", "older", *["bit"] * 8])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_damaged_file_is_compiled_anew(place, how, seed, request):
    dispatcher()(3)
    file = the_file(place)
    content = file.read_bytes()
    file.write_bytes(damaged(content, how, np.random.default_rng([seed, len(request.node.name)]), file.name))
    again = dispatcher()
    assert again(4) == 8
    assert hits_and_misses(again) == (0, 1)
    third = dispatcher()
    assert third(4) == 8
    assert hits_and_misses(third) == (1, 0)


def test_sound_code_under_the_name_of_another_is_not_run(place):
    dispatcher()(3)
    whole = the_file(place)
    content = whole.read_bytes()
    whole.unlink()
    dispatcher()(1.5)
    the_file(place).write_bytes(content)
    again = dispatcher()
    assert again(2.5) == 5.0
    assert hits_and_misses(again) == (0, 1)


def test_a_full_disk_is_no_reason_to_fail(place, monkeypatch):
    def no_space(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", no_space)
    assert dispatcher()(3) == 6
    assert list(place.iterdir()) == []


def test_without_a_folder_it_compiles(monkeypatch):
    monkeypatch.setattr(cache, "folder", lambda: None)
    function = dispatcher()
    assert function(3) == 6
    assert hits_and_misses(function) == (0, 1)


def test_a_function_as_argument_is_not_kept(place):
    inner = numba.njit(double)

    def outer(f, x):
        return f(x)

    assert cache.compiled(outer)(inner, 3) == 6
    assert list(place.iterdir()) == []


# --- the folder ---------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """`cache.folder`, asked anew, with a home in a temporary place."""
    monkeypatch.setenv("MINIDL_HOME", str(tmp_path / "home"))
    return cache.folder.__wrapped__


def test_the_folder_is_ours_alone_and_named_after_what_it_depends_on(folder, tmp_path):
    path = folder()
    assert path.parent == tmp_path / "home" / "kernels"
    assert f"numba{numba.__version__}" in path.name
    assert f"py{sys.version_info[0]}{sys.version_info[1]}" in path.name
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert folder() == path


def test_by_default_it_is_in_the_users_home(monkeypatch, tmp_path):
    monkeypatch.delenv("MINIDL_HOME", raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert cache.folder.__wrapped__().parent == tmp_path / ".minidl" / "kernels"


def refused(folder):
    with pytest.warns(RuntimeWarning, match="cannot keep its compiled kernels") as caught:
        assert folder() is None
    assert len(caught) == 1
    return str(caught[0].message)


def test_no_place_to_write(folder, tmp_path):
    (tmp_path / "home").write_text("a file, not a folder")
    assert "MINIDL_HOME" in refused(folder)


def test_no_home_at_all(monkeypatch, folder):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("MINIDL_HOME")
    monkeypatch.setattr(Path, "home", no_home)
    assert "home directory" in refused(folder)


@posix
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_folder_that_others_can_write_to_is_refused(folder, mode):
    folder().chmod(mode)
    assert "can be written by others" in refused(folder)


@posix
def test_a_home_that_all_can_write_to_is_refused(folder, tmp_path):
    folder()
    (tmp_path / "home").chmod(0o777)
    assert "can be written by others" in refused(folder)


@posix
@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root gives folders away")
def test_a_folder_of_another_user_is_refused(folder):
    os.chown(folder(), 12345, 12345)
    assert "belongs to another user" in refused(folder)


@posix
@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_refused(folder):
    folder().chmod(0o500)
    refused(folder)


# --- whole processes ----------------------------------------------------------------------------------------------

USE = """
import sys, warnings
import numpy as np
import numba
from minidl_kernels.cpu import KERNELS, activations
x = np.linspace(-2, 2, 9).astype(np.float32)
y, cache = KERNELS["relu"].forward(x)
assert (y == np.maximum(x, 0)).all()
assert numba.config.CACHE_DIR == "", "the user's setting"
stats = getattr(activations._relu, "stats", None)
print(stats and (sum(stats.cache_hits.values()), sum(stats.cache_misses.values())))
"""


def process(code=USE, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120,
        env={k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")} | environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), done.stderr


def test_the_next_process_need_not_compile(tmp_path):
    assert process(MINIDL_HOME=str(tmp_path)) == ("(0, 1)", "")
    assert process(MINIDL_HOME=str(tmp_path)) == ("(1, 0)", "")


def test_a_process_without_a_place_warns_once_and_works(tmp_path):
    (tmp_path / "file").write_text("")
    out, err = process(MINIDL_HOME=str(tmp_path / "file"))
    assert out == "(0, 1)"
    assert err.count("RuntimeWarning") == 1


def test_importing_compiles_nothing_and_writes_nothing(tmp_path):
    code = "from minidl_kernels.cpu import KERNELS, activations; print(dict(activations._relu.stats.cache_misses))"
    assert process(code, MINIDL_HOME=str(tmp_path)) == ("{}", "")
    assert list(tmp_path.iterdir()) == []


def test_numba_without_its_compiler(tmp_path):
    assert process(MINIDL_HOME=str(tmp_path), NUMBA_DISABLE_JIT="1") == ("None", "")


def test_numba_whose_insides_have_changed(tmp_path):
    code = "import numba.core.compiler as c; del c.CompileResult._reduce\n"
    for _ in range(2):
        assert process(code + USE, MINIDL_HOME=str(tmp_path)) == ("(0, 1)", "")


SLOW = """
import threading, time
import numpy as np
import minidl
from minidl_kernels.cpu import KERNELS, activations, cache
cache.LONG = {long}
minidl.backend.available()
{terminal}
x = np.linspace(-2, 2, 9).astype(np.float32)
KERNELS["relu"].forward(x)
time.sleep(0.1)
KERNELS["sigmoid"].forward(x)
"""
TERMINAL = "import sys; sys.stderr.isatty = lambda: True"


@pytest.mark.parametrize(
    ("long", "terminal", "lines"),
    [(0.01, TERMINAL, 1), (60, TERMINAL, 0), (0.01, "", 0), (0.01, "sys = None", 0)],
)
def test_who_sits_at_a_terminal_is_told_once_what_takes_so_long(tmp_path, long, terminal, lines):
    _, err = process(SLOW.format(long=long, terminal=terminal), MINIDL_HOME=str(tmp_path), MINIDL_LANG="en")
    assert (
        err == "minidl is compiling its kernels for this processor. That takes a few seconds, once.\n" * lines
    )


def test_short_compilations_with_pauses_do_not_count(monkeypatch):
    told = []
    monkeypatch.setattr(cache.Waiting, "tell", lambda: told.append(1))
    monkeypatch.setattr(cache.Waiting, "timer", None)
    monkeypatch.setattr(cache, "LONG", 0.05)
    cache.Waiting.begin()
    monkeypatch.setattr(cache.Waiting, "compiling", False)
    cache.Waiting.timer.join()
    assert told == []
    cache.Waiting.begin()
    cache.Waiting.timer.join()
    cache.Waiting.begin()
    assert told == [1]


# --- fragments ----------------------------------------------------------------------------------------------------


@fragment
def half(x):
    return x / 2


def half_of_both(x, y):
    return half(x) + half(y)


def test_a_kernel_has_its_fragments_inside(place):
    assert cache.compiled(half_of_both)(3.0, 5.0) == 4.0
    assert [file.name.partition("-")[0] for file in place.iterdir()] == ["test_cache.half_of_both"]
    again = cache.compiled(half_of_both)
    assert again(1.0, 2.0) == 1.5
    assert hits_and_misses(again) == (1, 0)


def test_a_fragment_has_no_machine_code_of_its_own(place):
    cache.compiled(half_of_both)(3.0, 5.0)
    made = next(iter(half.overloads.values()))
    assert made.library.get_pointer_to_function(made.fndesc.llvm_func_name) == 0
    with pytest.raises(TypeError, match="half is a fragment of a kernel"):
        half(3.0)


def test_a_kernel_from_disk_and_then_a_new_one(tmp_path):
    """Loading makes less ready than compiling needs; the rest comes when it is needed."""
    new = (
        USE
        + "x = x.astype(np.float64); y, cache = KERNELS['sigmoid'].forward(x); assert abs(y[4] - 0.5) < 1e-12"
    )
    assert process(MINIDL_HOME=str(tmp_path)) == ("(0, 1)", "")
    assert process(new, MINIDL_HOME=str(tmp_path)) == ("(1, 0)", "")
