"""`.safetensors` weights: read by everybody's reader, and checked more strictly than it does."""

import json
import struct

import numpy as np
import pytest
from hostile_files import safetensors
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl.saving import safetensors_file

ARRAYS = {
    "dense/kernel": np.arange(12, dtype=np.float32).reshape(3, 4),
    "dense/seed": np.array([3, 4, 5], np.uint8),
    "dense/steps": np.array(7, np.int64),
    "dense/none": np.zeros((0, 3), np.float32),
    "dense/on": np.array([True, False]),
}
EXPECTED = {name: (array.shape, array.dtype) for name, array in ARRAYS.items()}
W = np.float32([1, 2])
PAIR = {"w": ((2,), "float32")}


def same(a, b):
    assert list(a) == list(b)
    for name in a:
        assert a[name].dtype == b[name].dtype
        np.testing.assert_array_equal(a[name], b[name])


@pytest.fixture
def place(tmp_path):
    return tmp_path / "weights.safetensors"


def test_arrays_come_back(place):
    safetensors_file.save(place, ARRAYS)
    same(safetensors_file.load(place, EXPECTED), ARRAYS)
    same(safetensors_file.read_all(place), ARRAYS)


def test_the_library_reads_what_is_written(place):
    library = pytest.importorskip("safetensors")
    numpy_side = pytest.importorskip("safetensors.numpy")
    safetensors_file.save(place, ARRAYS | {"t": ARRAYS["dense/kernel"].T}, {"note": "by hand"})
    found = numpy_side.load_file(place)
    assert len(found) == 6
    same({name: found[name] for name in ARRAYS}, ARRAYS)
    np.testing.assert_array_equal(found["t"], ARRAYS["dense/kernel"].T)
    with library.safe_open(place, "numpy") as file:
        assert file.metadata()["note"] == "by hand"
        assert file.metadata()["format"] == "minidl"


def test_values_begin_at_multiples_of_their_size(place):
    safetensors_file.save(place, ARRAYS)
    raw = place.read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    table = json.loads(raw[8 : 8 + length])
    assert list(table)[1:] == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert (8 + length + table[name]["data_offsets"][0]) % array.itemsize == 0


def test_what_the_library_writes_is_read_by_name(place):
    numpy_side = pytest.importorskip("safetensors.numpy")
    numpy_side.save_file(ARRAYS, place)
    same(safetensors_file.load(place, EXPECTED), ARRAYS)
    numpy_side.save_file({"one": W}, place)  # its order says nothing
    with pytest.raises(ValueError, match="Missing: w, not known: one"):
        safetensors_file.load(place, PAIR)


def test_the_order_counts_in_files_of_ours(place):
    safetensors_file.save(place, {"b/w": W, "a/w": W + 1})
    expected = {"x/w": ((2,), "float32"), "y/w": ((2,), "float32")}
    same(safetensors_file.load(place, expected), {"x/w": W, "y/w": W + 1})


def test_half_precision_becomes_float32(place):
    values = np.float32([1, -2.5, 3e38, np.inf, 0])
    upper = (values.view(np.uint32) >> 16).astype("<u2")
    half = np.array([1, -2.5], "<f2")
    table = {
        "bf": {"dtype": "BF16", "shape": [5], "data_offsets": [0, 10]},
        "h": {"dtype": "F16", "shape": [2], "data_offsets": [10, 14]},
    }
    place.write_bytes(safetensors(table, upper.tobytes() + half.tobytes()))
    found = safetensors_file.read_all(place)
    assert found["bf"].dtype == found["h"].dtype == np.float32
    np.testing.assert_allclose(found["bf"], values, rtol=1 / 128)
    np.testing.assert_array_equal(found["bf"][[0, 1, 3, 4]], values[[0, 1, 3, 4]])
    np.testing.assert_array_equal(found["h"], [1, -2.5])


@pytest.mark.oracle
def test_half_precision_of_pytorch(place):
    torch = pytest.importorskip("torch")
    writer = pytest.importorskip("safetensors.torch")
    x = torch.randn(50)
    writer.save_file({"b": x.bfloat16(), "h": x.half()}, place)
    found = safetensors_file.read_all(place)
    np.testing.assert_array_equal(found["b"], x.bfloat16().float().numpy())
    np.testing.assert_array_equal(found["h"], x.half().float().numpy())


# --- strange files (hostile ones: test_hostile_files) -------------------------------------------------------


def entry(dtype="F32", shape=(2,), offsets=(0, 8), **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **more}


DATA = W.tobytes()


def test_the_good_one_among_them_is_read(place):
    place.write_bytes(safetensors({"w": entry()}, DATA))
    same(safetensors_file.load(place, PAIR), {"w": W})


def test_cut_files_are_refused(place):
    safetensors_file.save(place, ARRAYS)
    whole = place.read_bytes()
    for length in range(0, len(whole), 3):
        place.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"weights\.safetensors: expected "):
            safetensors_file.load(place, EXPECTED)


def test_every_flipped_bit_is_refused_or_harmless(place):
    safetensors_file.save(place, ARRAYS)
    whole = place.read_bytes()
    refused = 0
    bits = range(0, 8 * len(whole), 5)
    for bit in bits:
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        place.write_bytes(damaged)
        try:
            same(safetensors_file.load(place, EXPECTED), ARRAYS)
        except ValueError:
            refused += 1
    assert refused > 0.8 * len(bits)


@given(
    st.lists(
        st.tuples(st.integers(0, 10**6), st.binary(max_size=6), st.integers(0, 6)), min_size=1, max_size=4
    )
)
@settings(deadline=None, max_examples=200)
def test_spliced_files_are_refused_or_right(tmp_path_factory, edits):
    whole = tmp_path_factory.getbasetemp() / "whole.safetensors"
    if not whole.exists():
        safetensors_file.save(whole, ARRAYS)
    data, place = whole.read_bytes(), whole.with_stem("spliced")
    for at, new, removed in edits:
        at %= len(data) + 1
        data = data[:at] + new + data[at + removed :]
    place.write_bytes(data)
    try:
        same(safetensors_file.load(place, EXPECTED), ARRAYS)
    except ValueError as error:
        assert "spliced.safetensors" in str(error)  # noqa: PT017
