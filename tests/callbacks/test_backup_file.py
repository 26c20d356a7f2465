"""States in files: what was written comes back as it was, and what is damaged does not come back at all."""

import json
import math
import random
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from minidl.callbacks.backup_file import read_state, write_state

ARRAYS = arrays.arrays(
    st.sampled_from(["f2", "f4", "f8", "i1", "i8", "u8", "?"]), arrays.array_shapes(min_dims=0, min_side=0)
)
LEAVES = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text() | ARRAYS
LEAVES |= arrays.array_shapes(min_dims=1).map(lambda shape: np.float32(sum(shape)))
STATES = st.dictionaries(
    st.text(),
    st.recursive(
        LEAVES,
        lambda inner: (
            st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text() | st.integers(), inner)
        ),
        max_leaves=12,
    ),
)


def alike(a, b):
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray | np.generic):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(alike, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(alike(a[key], b[key]) for key in a)
    return a == b or (a != a and b != b)


@given(state=STATES)
@settings(deadline=None, max_examples=60)
def test_what_was_written_comes_back(tmp_path_factory, state):
    path = tmp_path_factory.getbasetemp() / "state.npz"
    write_state(path, state)
    assert alike(read_state(path), state)


def test_floats_are_exact(tmp_path):
    values = [0.1, 1e-310, -0.0, math.pi, 2**0.5 * 1e300, math.nan, -math.inf]
    write_state(tmp_path / "a", {"values": values})
    assert list(map(repr, read_state(tmp_path / "a")["values"])) == list(map(repr, values))


def test_the_arrays_can_be_read_by_numpy_and_lie_in_any_order(tmp_path):
    array = np.arange(12.0).reshape(3, 4)
    write_state(tmp_path / "a.npz", {"a": array, "b": array.T, "c": array[:, ::2], "d": np.float32(3)})
    with np.load(tmp_path / "a.npz") as file:
        assert np.array_equal(file["1"], array.T)
    assert np.array_equal(read_state(tmp_path / "a.npz")["c"], [[0, 2], [4, 6], [8, 10]])


@pytest.mark.parametrize(
    "what", [object(), {1, 2}, b"bytes", 1j, np.array(["text"]), np.array([1j]), np.float16]
)
def test_only_plain_data(tmp_path, what):
    with pytest.raises(TypeError, match=r"state\['callbacks'\]\[1\] is of type .*, which cannot be saved"):
        write_state(tmp_path / "a", {"callbacks": [1, what]})
    assert list(tmp_path.iterdir()) == []


def test_a_flipped_bit_is_noticed(tmp_path):
    path = tmp_path / "a"
    state = {"best": 0.5, "weights": [np.arange(30.0), np.ones((3, 3), "float32")], "name": "Adam"}
    write_state(path, state)
    sound, chance = path.read_bytes(), random.Random(1)  # noqa: S311
    noticed = 0
    for _ in range(400):
        content = bytearray(sound)
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
        try:
            found = read_state(path)
        except ValueError:
            noticed += 1
        else:
            assert alike(found, state), "a bit that means nothing, such as one of a date"
    assert noticed > 300


def test_a_file_that_ends_early_is_noticed(tmp_path):
    write_state(tmp_path / "a", {"weights": np.arange(30.0)})
    sound = (tmp_path / "a").read_bytes()
    for length in range(0, len(sound), 7):
        (tmp_path / "a").write_bytes(sound[:length])
        with pytest.raises(ValueError, match="expected"):
            read_state(tmp_path / "a")


@pytest.mark.parametrize(
    "text",
    [
        "[]", "{}", '{"tuple": []}', '{"dict": [["a"]]}', '{"dict": [["a", {"array": 7}]]}', '{"dict": 5}',
        '{"dict": [["a", {"eval": "1"}]]}', '{"dict": [["a", {"float": "x"}]]}', '{"a": 1, "b": 2}', "NaN", "",
        '{"dict": [[{"array": 0}, 1]]}', '{"dict": [["a", {"array": [0]}]]}', "[" * 100,
    ],
)  # fmt: skip
def test_a_text_that_is_no_state(tmp_path, text):
    with zipfile.ZipFile(tmp_path / "a", "w") as archive:
        archive.writestr("state.json", text)
        with archive.open("0.npy", "w") as member:
            np.lib.format.write_array(member, np.zeros(2))
    with pytest.raises(ValueError, match="expected"):
        read_state(tmp_path / "a")


def test_an_archive_of_something_else(tmp_path):
    np.savez(tmp_path / "a.npz", np.zeros(3))
    with pytest.raises(
        ValueError, match=r"expected a member state.json, got arr_0.npy. Is it the right file\?"
    ):
        read_state(tmp_path / "a.npz")
    with zipfile.ZipFile(tmp_path / "b", "w") as archive:
        archive.writestr("state.json", json.dumps({"dict": []}))
        archive.writestr("0.npy", b"no array")
    with pytest.raises(ValueError, match=r"0.npy"):
        read_state(tmp_path / "b")
    with pytest.raises(FileNotFoundError):
        read_state(tmp_path / "c")
