"""mnist.load_data: the file at home, or the published one."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from minidl.datasets import files, mnist

from .conftest import published

REAL = files.folder() / "mnist.npz"


@pytest.fixture
def known(monkeypatch, npz):
    """The checksum of the small archive becomes that of the published file."""
    monkeypatch.setattr(mnist, "_PUBLISHED", published("mnist.npz", npz))


def put(home, content: bytes, name: str = "mnist.npz"):
    home.mkdir(parents=True, exist_ok=True)
    (home / name).write_bytes(content)


def assert_data(data, arrays):
    (x_train, y_train), (x_test, y_test) = data
    for got, key in ((x_train, "x_train"), (y_train, "y_train"), (x_test, "x_test"), (y_test, "y_test")):
        assert got.dtype == np.uint8
        np.testing.assert_array_equal(got, arrays[key])


def test_file_at_home_is_used_without_a_network(home, server, known, npz, arrays):
    put(home, npz)
    assert_data(mnist.load_data(), arrays)
    assert server.requests == []


def test_missing_file_is_downloaded_once(home, server, known, npz, arrays):
    server.publish("mnist.npz", npz)
    assert_data(mnist.load_data(), arrays)
    assert_data(mnist.load_data(), arrays)
    assert server.requests == ["/mnist.npz"]


def test_home_relative_to_the_working_directory(tmp_path, monkeypatch, known, npz, arrays):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINIDL_HOME", "here")
    put(tmp_path / "here" / "datasets", npz)
    assert_data(mnist.load_data(), arrays)


def test_path_is_a_name_at_home_or_an_absolute_path(home, tmp_path, server, known, npz, arrays):
    put(home, npz, "digits.npz")
    put(tmp_path, npz, "absolute.npz")
    assert_data(mnist.load_data("digits.npz"), arrays)
    assert_data(mnist.load_data(str(tmp_path / "absolute.npz")), arrays)
    assert server.requests == []
    server.publish("mnist.npz", npz)
    mnist.load_data("new/name.npz")
    assert (home / "new" / "name.npz").exists()


def test_an_own_copy_is_used_with_a_warning(home, npz, arrays):
    put(home, npz)
    with pytest.warns(UserWarning, match="is not the published file"):
        assert_data(mnist.load_data(), arrays)


def test_a_damaged_file_is_an_error_and_stays_where_it_is(home, server, known, npz):
    broken = bytearray(npz)
    broken[len(broken) // 2] ^= 0x10
    put(home, bytes(broken))
    with pytest.raises(OSError, match=r"mnist\.npz cannot be read .* delete it to have it downloaded"):
        mnist.load_data()
    put(home, npz[:-100])
    with pytest.raises(OSError, match="cannot be read"):
        mnist.load_data()
    assert server.requests == []
    assert (home / "mnist.npz").exists()


def test_wrong_download_is_not_kept(home, server, known, npz):
    server.publish("mnist.npz", npz[:-1] + b"X")
    with pytest.raises(OSError, match="does not match the known hash"):
        mnist.load_data()
    assert os.listdir(home) == []


def test_offline_text(home, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(files, "_SOURCE", "http://127.0.0.1:1/")
    with pytest.raises(
        OSError, match="Put it there by hand, or set MINIDL_HOME to a folder that has datasets/"
    ):
        mnist.load_data()


LOAD = """
import sys, warnings
from minidl.datasets import files, mnist
files._SOURCE = sys.argv[1]
mnist._PUBLISHED = files.Published("mnist.npz", int(sys.argv[2]), sys.argv[3])
(x_train, y_train), (x_test, y_test) = mnist.load_data()
print(sum(int(a.sum()) for a in (x_train, y_train, x_test, y_test)))
"""


def test_two_processes_load_at_once(home, server, npz, arrays):
    both_started = threading.Barrier(2)

    def together(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(npz)))
        handler.end_headers()
        handler.wfile.write(npz[:1000])
        both_started.wait(60)
        handler.wfile.write(npz[1000:])

    file = server.publish("mnist.npz", npz, together)
    command = [sys.executable, "-W", "error", "-c", LOAD, server.url, str(file.size), file.sha256]
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    total = sum(int(a.sum()) for a in arrays.values())
    for process in processes:
        out, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert int(out) == total


@pytest.mark.skipif(not REAL.exists(), reason="needs the real file in $MINIDL_HOME/datasets/mnist.npz")
def test_the_real_digits():
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    assert (x_train.shape, x_test.shape) == ((60000, 28, 28), (10000, 28, 28))
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(y_train).tolist() == counts
    assert y_train[:5].tolist() == [5, 0, 4, 1, 9]
    assert y_test[:5].tolist() == [7, 2, 1, 0, 4]
    assert abs(x_train.mean() / 255 - 0.1307) < 1e-4  # the mean everybody subtracts
    assert x_test.max() == 255
