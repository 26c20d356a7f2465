"""fashion_mnist.load_data: one archive, or the four original files."""

import gzip

import numpy as np
import pytest

from minidl.datasets import fashion_mnist, files

from .conftest import published
from .test_formats import idx
from .test_mnist import assert_data, put


@pytest.fixture(scope="session")
def originals(arrays):
    """The four files by key, as the publisher would have made them."""
    labels = {key: idx(arrays[key]) for key in ("y_train", "y_test")}
    images = {
        key: bytes([0, 0, 8, 3, *len(arrays[key]).to_bytes(4, "big"), 0, 0, 0, 28, 0, 0, 0, 28])
        + arrays[key].tobytes()
        for key in ("x_train", "x_test")
    }
    return {key: gzip.compress(content, 1, mtime=0) for key, content in (labels | images).items()}


@pytest.fixture
def known(monkeypatch, originals):
    names = {key: file.name for key, file in fashion_mnist._PUBLISHED.items()}
    monkeypatch.setattr(
        fashion_mnist, "_PUBLISHED", {key: published(names[key], originals[key]) for key in names}
    )


def publish_all(server, originals):
    for key, file in fashion_mnist._PUBLISHED.items():
        server.publish(file.name, originals[key])


def test_names_and_checksums_are_well_formed():
    published_files = fashion_mnist._PUBLISHED
    assert set(published_files) == {"x_train", "y_train", "x_test", "y_test"}
    for key, file in published_files.items():
        assert file.name.startswith("train" if key.endswith("train") else "t10k")
        assert ("images" in file.name) == key.startswith("x")
        assert len(bytes.fromhex(file.sha256)) == 32


def test_one_archive_at_home_is_enough(home, server, npz, arrays):
    put(home, npz, "fashion_mnist.npz")
    assert_data(fashion_mnist.load_data(), arrays)
    assert server.requests == []


def test_four_files_are_downloaded_once(home, server, known, originals, arrays):
    publish_all(server, originals)
    assert_data(fashion_mnist.load_data(), arrays)
    assert len(server.requests) == 4
    assert_data(fashion_mnist.load_data(), arrays)
    assert len(server.requests) == 4


def test_an_interrupted_series_goes_on_where_it_stopped(home, server, known, originals, arrays):
    publish_all(server, originals)
    answer = server.answers.pop("/t10k-images-idx3-ubyte.gz")
    with pytest.raises(OSError, match=r"has datasets/fashion_mnist\.npz"):
        fashion_mnist.load_data()
    server.answers["/t10k-images-idx3-ubyte.gz"] = answer
    assert_data(fashion_mnist.load_data(), arrays)
    assert server.requests.count("/train-images-idx3-ubyte.gz") == 1


def test_four_files_put_there_by_hand(home, server, known, originals, arrays):
    for key, file in fashion_mnist._PUBLISHED.items():
        put(home / "fashion-mnist", originals[key], file.name)
    data = fashion_mnist.load_data()
    assert_data(data, arrays)
    assert server.requests == []
    data[0][0][0, 0, 0] = 7  # the arrays are the caller's to change
    assert np.asarray(fashion_mnist.load_data()[0][0])[0, 0, 0] == 0


def test_a_damaged_original_is_an_error(home, server, known, originals):
    publish_all(server, originals)
    fashion_mnist.load_data()
    damaged = files.locate("fashion-mnist/train-labels-idx1-ubyte.gz")
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with pytest.raises(OSError, match=r"train-labels-idx1-ubyte\.gz is damaged .* Delete it"):
        fashion_mnist.load_data()
