"""Archives and IDX files: right ones are read, anything else is refused by name."""

import gzip
import io
import struct
import zipfile
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl.datasets import formats

TINY = {"x_train": (6, 2, 3), "y_train": (6,), "x_test": (4, 2, 3), "y_test": (4,)}


@pytest.fixture
def shapes(monkeypatch):
    monkeypatch.setattr(formats, "SHAPES", TINY)


def tiny_arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {k: rng.integers(0, 10, shape).astype(np.uint8) for k, shape in TINY.items()}


def archive(compressed: bool = True, **changed: object) -> bytes:
    buffer = io.BytesIO()
    content = {k: v for k, v in (tiny_arrays() | changed).items() if v is not None}
    (np.savez_compressed if compressed else np.savez)(buffer, **content)
    return buffer.getvalue()


def written(folder, content: bytes):
    path = folder / "data.npz"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("compressed", [True, False])
def test_reads_what_numpy_wrote(shapes, tmp_path, compressed):
    (x_train, y_train), (x_test, y_test) = formats.read_npz(written(tmp_path, archive(compressed)))
    for key, array in tiny_arrays().items():
        got = {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}[key]
        np.testing.assert_array_equal(got, array)
        assert got.dtype == np.uint8
        assert got.flags.writeable


def test_reads_fortran_order(shapes, tmp_path):
    content = archive(x_train=np.asfortranarray(tiny_arrays()["x_train"]))
    (x_train, _), _ = formats.read_npz(written(tmp_path, content))
    np.testing.assert_array_equal(x_train, tiny_arrays()["x_train"])


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"y_test": None}, "it has no array y_test"),
        ({"x_train": np.zeros((5, 2, 3), np.uint8)}, r"x_train should be uint8 of shape \(6, 2, 3\)"),
        ({"x_train": np.zeros((6, 2, 3), np.float32)}, "it is float32 of shape"),
        ({"y_train": np.zeros(6, np.int64)}, "y_train should be uint8"),
        ({"y_train": np.array([0, 1, 10, 3, 200, 5], np.uint8)}, "it has 10 at index 2"),
        ({"y_test": np.array([9, 9, 9, 11], np.uint8)}, "y_test should hold labels from 0 to 9, it has 11"),
    ],
)
def test_another_content_is_a_value_error_that_says_what(shapes, tmp_path, changed, says):
    path = written(tmp_path, archive(**changed))
    with pytest.raises(ValueError, match=says) as caught:
        formats.read_npz(path)
    assert str(path) in str(caught.value)


class Bomb:
    """Unpickling this would call print."""

    def __reduce__(self):
        return print, ("the file ran code",)


def test_pickles_are_never_opened(shapes, tmp_path, capsys):
    content = archive(x_train=np.array([Bomb()], dtype=object))
    with pytest.raises(OSError, match=r"x_train\.npy to be a plain array of numbers"):
        formats.read_npz(written(tmp_path, content))
    assert capsys.readouterr().out == ""


def test_an_announced_giant_is_refused_before_memory_is_asked_for(shapes, tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (1 << 50,)}
    )
    buffer = io.BytesIO(archive(x_train=None))
    with zipfile.ZipFile(buffer, "a") as file:
        file.writestr("x_train.npy", header.getvalue())
    with pytest.raises(OSError, match=r"x_train\.npy of at most 2,147,483,648 bytes"):
        formats.read_npz(written(tmp_path, buffer.getvalue()))


@pytest.mark.parametrize("content", [b"", b"<html>Please log in</html>", b"PK\x03\x04 nothing", b"\x80\x04."])
def test_no_archive_at_all(shapes, tmp_path, content):
    with pytest.raises(OSError, match=r"data\.npz cannot be read .* delete it"):
        formats.read_npz(written(tmp_path, content))


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_damage_is_noticed(tmp_path_factory, data):
    """Any flipped bit or cut: refused, or (in a field that means nothing) the same numbers."""
    content = bytearray(archive())
    if data.draw(st.booleans(), label="cut"):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        bit = data.draw(st.integers(0, 8 * len(content) - 1))
        content[bit // 8] ^= 1 << bit % 8
    path = written(tmp_path_factory.getbasetemp(), bytes(content))
    with mock.patch.object(formats, "SHAPES", TINY):
        refusal = None
        try:
            (x_train, y_train), (x_test, y_test) = formats.read_npz(path)
        except (OSError, ValueError) as error:
            refusal = str(error)
    if refusal is not None:
        assert "data.npz" in refusal
        assert len(refusal) - len(str(path)) < 400
        return
    for got, (_, expected) in zip((x_train, y_train, x_test, y_test), tiny_arrays().items(), strict=True):
        np.testing.assert_array_equal(got, expected)


# --- IDX ------------------------------------------------------------------------------------------


def idx(array: np.ndarray, kind: int = 8) -> bytes:
    """An IDX file, byte by byte as its description says."""
    content = bytes([0, 0, kind, array.ndim])
    for length in array.shape:
        content += struct.pack(">i", length)
    for value in array.ravel():
        content += bytes([value])
    return content


@pytest.mark.parametrize("shape", [(5,), (3, 4, 2), (300,), (0,)])
def test_reads_idx(tmp_path, shape):
    array = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    path = written(tmp_path, gzip.compress(idx(array), mtime=0))
    got = formats.read_idx(path, shape)
    np.testing.assert_array_equal(got, array)
    assert got.dtype == np.uint8
    assert got.flags.writeable


A = np.arange(6, dtype=np.uint8).reshape(3, 2)


@pytest.mark.parametrize(
    "content",
    [idx(A)[:-1], idx(A) + b"\0", idx(A, kind=13), idx(A.T), idx(A.ravel()), b"", b"\0" * len(idx(A))],
)
def test_idx_of_another_size_or_kind_is_refused(tmp_path, content):
    path = written(tmp_path, gzip.compress(content, mtime=0))
    with pytest.raises(ValueError, match=r"unsigned bytes of shape \(3, 2\)"):
        formats.read_idx(path, (3, 2))


@pytest.mark.parametrize("content", [gzip.compress(idx(A), mtime=0)[:-9], idx(A), b"\x1f\x8b" + b"\0" * 20])
def test_damaged_gzip_is_refused(tmp_path, content):
    with pytest.raises(OSError, match="cannot be read"):
        formats.read_idx(written(tmp_path, content), (3, 2))
