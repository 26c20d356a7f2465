"""A disk that is full: the old file stays whole, nothing is left lying about, the error names the file and the bytes.

First on a real file system of 2 MB, where it may be mounted; then, everywhere, with a limit on the size of files
(RLIMIT_FSIZE), and with every call failing that can fail: open, write, fsync, chmod and rename.
"""

import errno
import io
import os
import re
import subprocess

import numpy as np
import pytest
from processes import python

import minidl
from minidl.callbacks import BackupAndRestore, Callback, CSVLogger, ModelCheckpoint, TensorBoard
from minidl.layers import Dense, Input
from minidl.optimizers import SGD

X = np.ones((4, 64), "float32")
NAMES = ["model.keras", "model.weights.h5", "model.npz", "model.safetensors"]


def made(units=64, value="ones"):
    model = minidl.Sequential([Input((64,)), Dense(units, kernel_initializer=value), Dense(64)])
    model.compile(SGD(0.0), "mse")
    return model


def save(model, path):
    (model.save if path.suffix == ".keras" else model.save_weights)(path)


def first_weights(path):
    if path.suffix == ".keras":
        return minidl.models.load_model(path).get_weights()[0]
    model = made(value="zeros")
    model.load_weights(path)
    return model.get_weights()[0]


def check(error, path, number=errno.ENOSPC):
    """The error names the file, and how many bytes it needs."""
    assert error.errno == number
    assert error.filename == str(path)
    needed = re.search(r"([\d,]+) bytes are needed", str(error))
    assert needed, str(error)
    return int(needed[1].replace(",", ""))


@pytest.fixture
def old(request, tmp_path):
    """A good file of before, and what lies beside it."""
    if request.param.endswith("h5"):
        pytest.importorskip("h5py")
    path = tmp_path / request.param
    save(made(), path)
    return path


def unchanged(path, content):
    assert path.read_bytes() == content
    assert os.listdir(path.parent) == [path.name]
    assert (first_weights(path) == 1).all()


each_format = pytest.mark.parametrize("old", NAMES, indirect=True)


class Failing(io.FileIO):
    """A file that is full after some bytes."""

    room = 0

    def write(self, data):
        n = min(len(data), max(0, self.room - self.tell()))
        if n == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data[:n])


@each_format
@pytest.mark.parametrize("share", [0.0, 0.2, 0.6, 0.99])
def test_while_writing(old, share, monkeypatch, counted):
    content = old.read_bytes()
    monkeypatch.setattr(Failing, "room", int(len(content) * share))

    def fdopen(descriptor, mode, closefd):
        return io.BufferedRandom(Failing(descriptor, "r+b", closefd=closefd))

    with monkeypatch.context() as patch:
        patch.setattr("minidl.utils.atomic.os.fdopen", fdopen)
        with pytest.raises(OSError, match="No space left") as caught:
            save(made(value="zeros"), old)
    assert check(caught.value, old) >= len(content) * 0.5
    unchanged(old, content)
    save(made(value="zeros"), old)
    assert (first_weights(old) == 0).all()
    counted("full disks", 1)


@each_format
@pytest.mark.parametrize("call", ["open", "fsync", "chmod", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_at_each_call(old, call, number, monkeypatch, counted):
    content = old.read_bytes()
    original = getattr(os, call)

    def failing(*arguments, **options):
        if call == "open" and not (isinstance(arguments[0], str) and arguments[0].endswith(".tmp")):
            return original(*arguments, **options)
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing)
        with pytest.raises(OSError, match="bytes are needed") as caught:
            save(made(value="zeros"), old)
    check(caught.value, old, number)
    unchanged(old, content)
    counted("full disks", 1)


LIMITED = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from minidl import Sequential
from minidl.layers import Dense, Input
path = Path(sys.argv[1])
model = Sequential([Input((64,)), Dense(64, kernel_initializer="zeros"), Dense(64)])
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    (model.save if path.suffix == ".keras" else model.save_weights)(path)
except OSError as error:
    print(error.errno, error.filename, "bytes are needed" in str(error))
"""


@each_format
def test_a_limit_on_the_size_of_files(old, counted):
    pytest.importorskip("resource")
    content = old.read_bytes()
    out, err = python("-c", LIMITED, old, len(content) // 2)
    assert (out.strip(), err) == (f"{errno.EFBIG} {old} True", "")
    unchanged(old, content)
    counted("full disks", 1)


# --- a real one -------------------------------------------------------------------------------------------------------


@pytest.fixture
def disk(tmp_path):
    """A file system of 2 MB. Mounting one is for root alone."""
    place = tmp_path / "disk"
    place.mkdir()
    try:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place],
            check=True,
            capture_output=True,
            timeout=20,
        )
    except (OSError, subprocess.SubprocessError):
        pytest.skip("no file system may be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True, capture_output=True, timeout=20)


def fill(place):
    """Use up all room that is left, to the last byte."""
    with open(place / "fill", "ab", buffering=0) as file:
        for size in (65536, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                pass


@pytest.mark.parametrize("name", NAMES)
def test_a_small_disk(disk, name, counted):
    if name.endswith("h5"):
        pytest.importorskip("h5py")
    path = disk / name
    save(made(4000), path)  # 2 MB hold one such file of 1 MB and more, not two
    content = path.read_bytes()
    with pytest.raises(OSError, match="No space left") as caught:
        save(made(4000, "zeros"), path)
    assert abs(check(caught.value, path) - len(content)) < len(content) * 0.02
    assert path.read_bytes() == content
    assert os.listdir(disk) == [name]
    counted("full disks", 1)


class Fill(Callback):
    def __init__(self, place, epoch):
        self.place, self.epoch = place, epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            fill(self.place)


CALLBACKS = {
    "CSVLogger": lambda disk: CSVLogger(disk / "log.csv"),
    "TensorBoard": lambda disk: TensorBoard(disk / "board", update_freq=1, histogram_freq=1),
    "BackupAndRestore": lambda disk: BackupAndRestore(disk / "backup", save_freq=1),
    "double backup": lambda disk: BackupAndRestore(disk / "backup", double_checkpoint=True),
    "ModelCheckpoint": lambda disk: ModelCheckpoint(disk / "model.keras"),
}


def written(disk):
    return {p.relative_to(disk): p.read_bytes() for p in disk.rglob("*") if p.is_file() and p.name != "fill"}


@pytest.mark.parametrize("name", CALLBACKS)
def test_a_callback_on_a_full_disk(disk, name, counted):
    if name == "TensorBoard":
        pytest.importorskip("tensorboardX")
    model, notes = made(), []

    class Note(Callback):  # stands behind the others: what is there before the disk is full
        comes_last = True

        def on_epoch_end(self, epoch, logs=None):
            notes.append(written(disk))

    callbacks = [Fill(disk, 2), CALLBACKS[name](disk), Note()]
    with pytest.raises(OSError, match="No space left") as caught:
        model.fit(X, X, epochs=500, verbose=0, callbacks=callbacks)
    assert str(disk) in caught.value.filename
    check(caught.value, caught.value.filename)
    after = written(disk)
    assert not [path for path in after if path.suffix == ".tmp"]
    for path, content in notes[-1].items():
        if name == "double backup":  # the last one has become the one before
            assert after[path.with_name("previous.npz")] == notes[-1][path.with_name("latest.npz")]
            continue
        assert after[path][: len(content)] == content, "what was there is there"
        if name in ("CSVLogger", "TensorBoard"):
            continue
        assert after[path] == content
    if name == "CSVLogger":
        rows = (disk / "log.csv").read_text().splitlines()
        assert len({row.count(",") for row in rows}) == 1, "no half a row"
    assert int(model.optimizer.iterations) >= 3
    (disk / "fill").unlink()
    model.fit(X, X, epochs=1, verbose=0)
    counted("full disks", 1)
