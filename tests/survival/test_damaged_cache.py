"""A kernel cache that is damaged, or in a place that is none: every process works, with one warning at most.

Each case is a process of its own, as a crash in machine code would end it. The damage is done to the real files of
real kernels; `tests/kernels/test_cache.py` has the parts one by one.
"""

import hashlib
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from counts import DEEP
from processes import python

root = pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root gives files away")

TRAIN = """
import hashlib, warnings
import numpy as np
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import minidl
    from minidl.layers import Dense, Input
    minidl.utils.set_random_seed(1)
    model = minidl.Sequential([Input((6,)), Dense(4, "relu"), Dense(2)])
    model.compile("adam", "mse")
    x = np.random.default_rng(0).normal(size=(16, 6)).astype("float32")
    with minidl.backend.kernels_on():
        model.fit(x, x[:, :2], epochs=2, batch_size=8, verbose=0)
    digest = hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).hexdigest()
print(digest, len(caught), *{w.category.__name__ for w in caught})
"""


def trained(**environment):
    """What the weights have become, and how many warnings there were."""
    out, err = python("-c", TRAIN, options=["-X", "faulthandler"], timeout=200, **environment)
    assert err == ""
    digest, warnings, *kinds = out.split()
    return digest, int(warnings), kinds


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A cache as it should be, and the weights that a run with it gives."""
    home = tmp_path_factory.mktemp("sound")
    first = trained(MINIDL_HOME=str(home))
    assert trained(MINIDL_HOME=str(home)) == first
    assert first[1] == 0
    return home, first[0]


@pytest.fixture
def home(sound, tmp_path):
    """A copy to damage."""
    shutil.copytree(sound[0], tmp_path / "home")
    return tmp_path / "home"


def files(home):
    return sorted(home.glob("kernels/*/*.code"))


def flipped(content, chance):
    at = int(chance.integers(len(content)))
    return content[:at] + bytes([content[at] ^ (1 << int(chance.integers(8)))]) + content[at + 1 :]


def by_folders(path, chance):
    path.unlink()
    (path / "inside").mkdir(parents=True)


def by_links_to_nothing(path, chance):
    path.unlink()
    path.symlink_to("nothing")


def by_links_in_a_circle(path, chance):
    path.unlink()
    path.symlink_to(path.name)


def by_pipes(path, chance):
    path.unlink()
    os.mkfifo(path)


def by_pickles(path, chance):
    code = b"cos\nsystem\n(S'touch " + str(path.parent).encode() + b"/harm'\ntR."
    path.write_bytes(hashlib.sha256(b"else").digest() + code)


def by_each_other(path, chance):
    others = sorted(set(path.parent.glob("*.code")) - {path})
    path.write_bytes(others[int(chance.integers(len(others)))].read_bytes())


DAMAGES = {
    "empty": lambda path, chance: path.write_bytes(b""),
    "short": lambda path, chance: os.truncate(path, int(chance.integers(path.stat().st_size))),
    "longer": lambda path, chance: path.write_bytes(path.read_bytes() + b"x"),
    "bits": lambda path, chance: path.write_bytes(flipped(path.read_bytes(), chance)),
    "noise": lambda path, chance: path.write_bytes(chance.bytes(path.stat().st_size)),
    "zeros": lambda path, chance: path.write_bytes(bytes(path.stat().st_size)),
    "not to be read": lambda path, chance: path.chmod(0),
    "folders": by_folders, "links to nothing": by_links_to_nothing, "links in a circle": by_links_in_a_circle,
    "pipes": by_pipes, "pickles": by_pickles, "one another": by_each_other,
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("seed", range(10 if DEEP else 1))
def test_files_that_are_damaged(home, sound, damage, seed, counted):
    chance = np.random.default_rng([seed, *damage.encode()])
    paths = files(home) if DEEP else chance.choice(files(home), 1)
    for path in paths:
        DAMAGES[damage](path, chance)
    digest, warnings, _ = trained(MINIDL_HOME=str(home))
    assert digest == sound[1]
    assert warnings <= 1
    assert not list(home.rglob("harm"))
    counted("damaged files of a kernel cache", len(paths))


def unwritable(home):
    for path in (*home.glob("kernels/*"), *home.glob("kernels"), home):
        path.chmod(0o500)


def for_all(home):
    for path in home.glob("kernels/*"):
        path.chmod(0o777)


def of_another(home):
    for path in (home, *home.rglob("*")):
        os.chown(path, 12345, 12345)


def a_file(home):
    shutil.rmtree(home)
    home.write_text("no folder")


def a_link(home):
    home.rename(home.with_name("elsewhere"))
    home.symlink_to("elsewhere")


def a_link_to_nothing(home):
    shutil.rmtree(home)
    home.symlink_to("nothing")


PLACES = {
    "not to be written": unwritable, "open to all": for_all, "a file": a_file, "a link": a_link,
    "a link to nothing": a_link_to_nothing,
    "of somebody else": pytest.param(of_another, marks=root),
}  # fmt: skip


@pytest.mark.parametrize("change", PLACES.values(), ids=PLACES)
def test_places_that_are_none(home, sound, change, counted):
    change(home)
    digest, warnings, kinds = trained(MINIDL_HOME=str(home))
    assert digest == sound[1]
    assert (warnings, kinds) in ((0, []), (1, ["RuntimeWarning"]))
    counted("places that are none for a kernel cache", 1)


@pytest.mark.parametrize("value", ["/proc/none", "/dev/null", "/dev/full", "x" * 300, "a\nb"])
def test_homes_that_are_none(value, sound, tmp_path, monkeypatch, counted):
    monkeypatch.chdir(tmp_path)
    digest, warnings, _ = trained(MINIDL_HOME=value)
    assert digest == sound[1]
    assert warnings <= 1
    counted("places that are none for a kernel cache", 1)


def test_without_a_home(sound, monkeypatch, counted):
    """HOME is not set, and the user's entry is asked; or it leads nowhere."""
    monkeypatch.delenv("MINIDL_HOME", raising=False)
    digest, warnings, _ = trained(HOME="/proc/none")
    assert (digest, warnings) == (sound[1], 1)
    counted("places that are none for a kernel cache", 1)


def test_a_read_only_disk_and_a_full_one(sound, tmp_path, counted):
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place]
    try:
        subprocess.run(mount, check=True, capture_output=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("no file system may be mounted here")
    try:
        digest, warnings, _ = trained(MINIDL_HOME=str(place))  # no room for the larger kernels
        assert digest == sound[1]
        assert warnings <= 1
        assert not [p for p in place.rglob("*") if p.is_file() and p.suffix != ".code"]
        subprocess.run(["mount", "-o", "remount,ro", place], check=True, capture_output=True, timeout=20)
        digest, warnings, _ = trained(MINIDL_HOME=str(place))
        assert digest == sound[1]
        assert warnings <= 1
    finally:
        subprocess.run(["umount", "-l", place], check=True, capture_output=True, timeout=20)
    counted("places that are none for a kernel cache", 2)


def test_two_processes_that_compile_at_once(sound, tmp_path, counted):
    environment = os.environ | {"MINIDL_HOME": str(tmp_path)}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", TRAIN],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    ended = [(process.communicate(timeout=200), process.returncode) for process in running]
    assert {out.split()[0] for (out, _), _ in ended} == {sound[1]}
    assert [(err, code) for (_, err), code in ended] == [("", 0)] * 3
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and p.suffix != ".code"]
    counted("processes that compile at once", 3)
