"""Files are replaced whole or not at all, whatever happens meanwhile."""

import os
import stat
import subprocess
import sys
import threading

import pytest

from minidl.utils import atomic
from minidl.utils.atomic import atomic_write


@pytest.fixture
def place(tmp_path):
    return tmp_path / "notes.txt"


def only(place):
    return os.listdir(place.parent) == [place.name]


@pytest.mark.parametrize("kind", [str, lambda path: path], ids=["text", "path"])
def test_a_file_is_written_and_replaced(place, kind):
    for content in (b"old", b"new"):
        with atomic_write(kind(place)) as file:
            file.write(content)
            assert not place.exists() or place.read_bytes() == b"old"
        assert place.read_bytes() == content
        assert only(place)


def test_bytes_are_on_the_disk_before_the_name_leads_to_them(place, monkeypatch):
    done = []
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(
        os,
        "fsync",
        lambda fd: done.append("file" if stat.S_ISREG(os.fstat(fd).st_mode) else "folder") or sync(fd),
    )
    monkeypatch.setattr(os, "replace", lambda *names: done.append("name") or replace(*names))
    with atomic_write(place) as file:
        file.write(b"new")
    assert done == ["file", "name", "folder"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, MemoryError])
def test_the_old_file_survives_a_failure(place, error):
    place.write_bytes(b"old")
    with pytest.raises(error), atomic_write(place) as file:  # noqa: PT012
        file.write(b"half of the ne")
        raise error
    assert place.read_bytes() == b"old"
    assert only(place)


def test_an_error_says_which_file_and_how_much_room(place):
    place.write_bytes(b"old")
    with (
        pytest.raises(OSError, match=r"No space.*1,000 bytes are needed.*unchanged.*notes\.txt") as caught,
        atomic_write(place, needed=1000),
    ):
        raise OSError(28, "No space left on device")
    assert caught.value.errno == 28
    assert caught.value.filename == str(place)
    assert place.read_bytes() == b"old"
    assert only(place)


def test_overwrite_false_keeps_what_is_there(place):
    with atomic_write(place, overwrite=False) as file:
        file.write(b"first")
    with pytest.raises(FileExistsError, match="overwrite=False"), atomic_write(place, overwrite=False):
        pytest.fail("the block does not run")
    assert place.read_bytes() == b"first"


def test_overwrite_false_sees_what_came_meanwhile(place):
    with pytest.raises(FileExistsError), atomic_write(place, overwrite=False):
        place.write_bytes(b"somebody else's")
    assert place.read_bytes() == b"somebody else's"
    assert only(place)


def test_permissions_are_those_of_the_old_file_or_the_usual_ones(place):
    usual = place.with_name("usual")
    usual.write_bytes(b"")
    with atomic_write(place):
        pass
    assert place.stat().st_mode == usual.stat().st_mode
    place.chmod(0o640)
    with atomic_write(place):
        pass
    assert stat.S_IMODE(place.stat().st_mode) == 0o640


def test_a_link_stays_a_link(place, tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    place.symlink_to(folder / "real")
    for content in (b"one", b"two"):  # first it leads nowhere
        with atomic_write(place) as file:
            file.write(content)
        assert place.is_symlink()
        assert (folder / "real").read_bytes() == content
    assert os.listdir(folder) == ["real"]


def test_places_where_no_file_can_go(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    wanted = {
        tmp_path: "folder",
        tmp_path / "pipe": "pipe",
        tmp_path / "loop": "loop",
        tmp_path / "no/such/folder": "No such",
        "/dev/null": "device",
    }
    for path, text in wanted.items():
        with pytest.raises(OSError, match=rf"(?s)Could not be written: .*{text}"), atomic_write(path):
            pytest.fail("the block does not run")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    assert sorted(os.listdir(tmp_path)) == ["loop", "pipe"]


def test_long_names(tmp_path):
    place = tmp_path / ("ä" * 127)
    with atomic_write(place) as file:
        file.write(b"x")
    assert only(place)


def test_what_a_killed_process_left_is_removed_but_not_what_is_being_written(place):
    code = (
        "import sys, time; from minidl.utils.atomic import atomic_write\n"
        "with atomic_write(sys.argv[1]) as f: f.write(b'half'); f.flush(); print('now', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(place)], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"now\n"
        with atomic_write(place) as file:
            assert len(os.listdir(place.parent)) == 2
            file.write(b"whole")
        assert len(os.listdir(place.parent)) == 2
        process.kill()
    assert place.read_bytes() == b"whole"
    (place.parent / f".{place.name}.mine.tmp").write_bytes(b"no name that a save gives")
    with atomic_write(place) as file:
        file.write(b"again")
    assert sorted(os.listdir(place.parent)) == [f".{place.name}.mine.tmp", place.name]


def test_threads_that_write_one_file_leave_one_whole_file(place):
    def save(letter):
        for _ in range(20):
            with atomic_write(place) as file:
                for _ in range(5):
                    file.write(letter * 1000)

    threads = [threading.Thread(target=save, args=(letter,)) for letter in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    content = place.read_bytes()
    assert content == content[:1] * 5000
    assert only(place)


def test_a_file_that_a_sweep_takes_away_at_once_is_begun_anew(place, monkeypatch):
    lock, taken = atomic._lock, []

    def held_by_a_sweep(descriptor):
        if not taken:
            taken.append(next(place.parent.iterdir()))
            raise BlockingIOError
        lock(descriptor)

    monkeypatch.setattr(atomic, "_lock", held_by_a_sweep)
    with atomic_write(place) as file:
        taken[0].unlink()  # which it does behind the lock
        file.write(b"new")
    assert place.read_bytes() == b"new"
    assert only(place)
