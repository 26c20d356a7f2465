"""`.npz` weights: what is saved comes back, what somebody tampered with is refused, and never a third thing."""

import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
from hostile_files import archive, described, npy, zipped
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minidl.saving import npz

EXPECTED = {"dense/kernel": ((3, 4), "float32"), "dense/bias": ((4,), "float32")}
ARRAYS = {
    "dense/kernel": np.arange(12, dtype=np.float32).reshape(3, 4),
    "dense/bias": np.array([0.5, -1, 2, np.nan], np.float32),
}
W = np.float32([1, 2])
PAIR = {"w": ((2,), "float32")}


def same(a, b):
    assert list(a) == list(b)
    for name in a:
        assert a[name].dtype == b[name].dtype
        np.testing.assert_array_equal(a[name], b[name])


def signature(arrays):
    return {name: (array.shape, array.dtype) for name, array in arrays.items()}


@pytest.fixture
def place(tmp_path):
    return tmp_path / "weights.npz"


@given(
    st.dictionaries(
        st.text("abcä_-0", min_size=1, max_size=8).map(lambda s: f"layer/{s}"),
        hnp.arrays(
            st.one_of(
                hnp.floating_dtypes(), hnp.integer_dtypes(), hnp.unsigned_integer_dtypes(), st.just("?")
            ),
            hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
        ),
        max_size=4,
    ),
    st.booleans(),
)
@settings(deadline=None, max_examples=60)
def test_every_array_comes_back_bit_for_bit(tmp_path_factory, arrays, reverse):
    place = tmp_path_factory.mktemp("npz") / "weights.npz"
    given_arrays = {name: array.T if reverse else array for name, array in arrays.items()}
    npz.save(place, given_arrays)
    loaded = npz.load(place, {name: (a.shape, a.dtype.newbyteorder("=")) for name, a in given_arrays.items()})
    for name, array in given_arrays.items():
        assert loaded[name].dtype.isnative
        assert loaded[name].flags.owndata or loaded[name].base.flags.owndata
        assert loaded[name].tobytes() == array.astype(array.dtype.newbyteorder("="), order="C").tobytes()
    with np.load(place, allow_pickle=False) as by_numpy:
        assert set(by_numpy.files) == {*arrays, "manifest.json"}
        for name, array in given_arrays.items():
            np.testing.assert_array_equal(by_numpy[name], array)


def test_the_same_arrays_give_the_same_bytes(tmp_path):
    for name in "ab":
        npz.save(tmp_path / name, ARRAYS, {"epoch": "3"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert b'"epoch": "3"' in (tmp_path / "a").read_bytes()


def test_overwrite(place):
    npz.save(place, ARRAYS)
    with pytest.raises(FileExistsError):
        npz.save(place, {}, overwrite=False)
    same(npz.load(place, EXPECTED), ARRAYS)


@pytest.mark.parametrize("name", ["../kernel", "/kernel", "a//b", "a\\b", "C:x", "", "a/.."])
def test_names_that_lead_elsewhere_are_not_saved(place, name):
    with pytest.raises(ValueError, match="names like 'dense/kernel'"):
        npz.save(place, {name: W})
    assert not place.exists()


@pytest.mark.parametrize("value", [np.array([1j]), np.array(["a"]), np.array([None]), np.longdouble([1])])
def test_what_is_no_number_is_not_saved(place, value):
    with pytest.raises(TypeError, match="real numbers"):
        npz.save(place, {"w": value})
    assert not place.exists()


# --- files of others, models with other names ---------------------------------------------------------------


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("named", [True, False])
def test_files_of_numpy(place, write, named):
    write(place, **ARRAYS) if named else write(place, *ARRAYS.values())
    same(npz.load(place, EXPECTED), ARRAYS)


def test_more_than_ten_arrays_without_names(place):
    arrays = {f"layer_{i}/w": np.full(2, i, np.float32) for i in range(12)}
    order = [*range(2, 12), 0, 1]
    np.savez(place, **{f"arr_{i}": arrays[f"layer_{i}/w"] for i in order})
    same(npz.load(place, signature(arrays)), arrays)


def test_names_decide_whatever_the_order(place):
    np.savez(place, b=np.float32([1, 2]), a=np.float32([3, 4]))
    loaded = npz.load(place, {"a": ((2,), "float32"), "b": ((2,), "float32")})
    assert loaded["a"][0] == 3


def test_another_numbering_of_the_layers(place):
    npz.save(
        place,
        {f"dense{end}/{w}": np.full(2, float(i)) for i, (end, w) in enumerate([("", "k"), ("_1", "k")])},
    )
    expected = {"dense_1/k": ((2,), "float32"), "dense_2/k": ((2,), "float32")}
    assert [a[0] for a in npz.load(place, expected).values()] == [0, 1]
    other = {"dense_1/k": ((2,), "float32"), "dense_2/b": ((2,), "float32")}
    with pytest.raises(ValueError, match=r"Missing: dense_2/b, not known: dense/k\. Build"):
        npz.load(place, other)
    larger = {"dense_1/k": ((2,), "float32"), "dense_2/k": ((3,), "float32")}
    with pytest.raises(
        ValueError, match=r"expected dense_2/k of shape \(3,\), got dense_1/k of shape \(2,\)"
    ):
        npz.load(place, larger)


def test_other_shapes_are_refused_or_skipped(place):
    npz.save(place, ARRAYS)
    expected = EXPECTED | {"dense/bias": ((5,), "float32")}
    with pytest.raises(ValueError, match=r"expected dense/bias of shape \(5,\), got shape \(4,\)"):
        npz.load(place, expected)
    same(npz.load(place, expected, skip_mismatch=True), {"dense/kernel": ARRAYS["dense/kernel"]})
    more = EXPECTED | {"new/kernel": ((2,), "float32")}
    with pytest.raises(ValueError, match="Missing: new/kernel, not known: none"):
        npz.load(place, more)
    same(npz.load(place, more, skip_mismatch=True), ARRAYS)
    with pytest.raises(ValueError, match="Missing: none, not known: dense/bias"):
        npz.load(place, {"dense/kernel": EXPECTED["dense/kernel"]})


@pytest.mark.parametrize(
    ("stored", "dtype", "fits"),
    [
        (np.array([1, 2], ">f4"), "float32", True),
        (np.float64([1 / 3, 1e-300]), "float32", True),
        (np.float64([1e300, 0]), "float32", False),
        (np.float64([np.inf, np.nan]), "float32", True),
        (np.float16([1, 2]), "float32", True),
        (np.int64([1, 2]), "float32", False),
        (np.int64([1, 2]), "int32", True),
        (np.int64([1, 2**40]), "int32", False),
        (np.int64([-1, 2]), "uint32", False),
        (np.float32([1, 2]), "int32", False),
        (np.array([True, False]), "float32", False),
    ],
)
def test_dtypes_that_hold_the_same_numbers(place, stored, dtype, fits):
    np.savez(place, w=stored)
    if fits:
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(npz.load(place, {"w": ((2,), dtype)})["w"], stored.astype(dtype))
    else:
        with pytest.raises(ValueError, match=r"to hold .* numbers, got"):
            npz.load(place, {"w": ((2,), dtype)})


def test_fortran_order(place):
    np.savez(place, w=np.asfortranarray(ARRAYS["dense/kernel"]))
    loaded = npz.load(place, {"w": ((3, 4), "float32")})["w"]
    np.testing.assert_array_equal(loaded, ARRAYS["dense/kernel"])
    assert loaded.flags.c_contiguous


# --- strange files (hostile ones: test_hostile_files) -------------------------------------------------------

DATA = W.tobytes()
GOOD = npy(described(), DATA)


def deflated_with_more_behind(size):
    """A member that says it has the right size, and would unpack to more."""
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(GOOD + bytes(size)) + packer.flush()
    return zipped("w.npy", packed, size=len(GOOD), method=8, crc=zlib.crc32(GOOD))


def test_no_more_is_unpacked_than_announced(place):
    place.write_bytes(deflated_with_more_behind(1 << 26))
    tracemalloc.start()
    np.testing.assert_array_equal(npz.load(place, PAIR)["w"], W)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_two_members_of_one_name(place):
    with pytest.warns(UserWarning, match="Duplicate name"):
        place.write_bytes(archive([("w.npy", npy(described(), bytes(8))), ("w.npy", GOOD)]))
    with pytest.raises(ValueError, match=r"'w\.npy' a second time"):
        npz.load(place, PAIR)


def test_the_good_ones_among_them_are_read(place):
    for data in (
        archive([("w.npy", GOOD)]),
        zipped("w.npy", GOOD),
        archive([("w.npy", GOOD)], zipfile.ZIP_DEFLATED),
    ):
        place.write_bytes(data)
        np.testing.assert_array_equal(npz.load(place, PAIR)["w"], W)


# --- damage -------------------------------------------------------------------------------------------------


def test_cut_files_are_refused(place):
    npz.save(place, ARRAYS)
    whole = place.read_bytes()
    for length in range(0, len(whole), 7):
        place.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"weights\.npz: expected "):
            npz.load(place, EXPECTED)


@pytest.mark.parametrize("checked_by", ["manifest", "CRC"])
def test_a_flipped_bit_changes_no_weight_silently(place, checked_by):
    npz.save(place, ARRAYS) if checked_by == "manifest" else np.savez_compressed(place, **ARRAYS)
    whole = place.read_bytes()
    refused = 0
    for bit in range(0, 8 * len(whole), 13):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        place.write_bytes(damaged)
        try:
            same(npz.load(place, EXPECTED), ARRAYS)
        except ValueError:
            refused += 1
    assert refused > 150


def test_the_manifest_sees_what_the_crc_does_not(place):
    npz.save(place, ARRAYS)
    with zipfile.ZipFile(place) as z:
        members = [(name, z.read(name)) for name in z.namelist()]
    changed = members[0][1][:-1] + b"\x99"
    place.write_bytes(archive([(members[0][0], changed), *members[1:]]))
    with pytest.raises(
        ValueError, match=r"expected dense/kernel as it was saved, got other values \(wrong SHA-256\)"
    ):
        npz.load(place, EXPECTED)
    place.write_bytes(archive([members[0], members[2]]))
    with pytest.raises(ValueError, match="2 arrays, as its manifest lists them"):
        npz.load(place, EXPECTED)


@given(
    st.lists(
        st.tuples(st.integers(0, 10**6), st.binary(max_size=6), st.integers(0, 6)), min_size=1, max_size=4
    )
)
@settings(deadline=None, max_examples=300)
def test_spliced_files_are_refused_or_right(tmp_path_factory, edits):
    whole = tmp_path_factory.getbasetemp() / "whole.npz"
    if not whole.exists():
        npz.save(whole, ARRAYS)
    data, place = whole.read_bytes(), whole.with_stem("spliced")
    for at, new, removed in edits:
        at %= len(data) + 1
        data = data[:at] + new + data[at + removed :]
    place.write_bytes(data)
    try:
        same(npz.load(place, EXPECTED), ARRAYS)
    except ValueError as error:
        assert "spliced.npz" in str(error)  # noqa: PT017
