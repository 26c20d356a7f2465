"""cifar10.load_data: the file at home, one made from the makers' archive, or a file of one's own."""

import gzip
import io
import os
import tarfile

import numpy as np
import pytest

from minidl.datasets import cifar10, cifar10_archive, files

from .conftest import published

REAL = files.folder() / "cifar10.npz"
TGZ = "cifar-10-binary.tar.gz"
FOLDER = "cifar-10-batches-bin/"
COUNTS = {"train": 100, "test": 20}
OFFICIAL = (cifar10._COUNTS, cifar10_archive._IMAGES)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Files of 20 images instead of 10,000."""
    monkeypatch.setattr(cifar10, "_COUNTS", COUNTS)
    monkeypatch.setattr(cifar10_archive, "_IMAGES", 20)
    monkeypatch.setattr(cifar10, "_PUBLISHED", published(TGZ, archive()))


@pytest.fixture
def site(server, monkeypatch):
    monkeypatch.setattr(cifar10, "_SITES", (server.url + "old/", server.url))
    return server


def cifar_arrays(**changed) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    arrays = {}
    for split, count in COUNTS.items():
        arrays[f"x_{split}"] = rng.integers(0, 256, (count, 32, 32, 3), np.uint8)
        arrays[f"y_{split}"] = rng.permutation(np.arange(count) % 10).astype(np.uint8)[:, None]
    arrays |= changed
    return {key: array for key, array in arrays.items() if array is not None}


def npz(**changed) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **cifar_arrays(**changed))
    return buffer.getvalue()


def batches(**changed) -> dict[str, bytes]:
    """The six files, byte by byte: label, then the red, the green and the blue plane."""
    arrays = cifar_arrays(**changed)
    records = {}
    for split in COUNTS:
        records[split] = b"".join(
            bytes([int(label[0])]) + b"".join(bytes(image[:, :, c].ravel()) for c in range(3))
            for image, label in zip(arrays[f"x_{split}"], arrays[f"y_{split}"], strict=True)
        )
    size = 20 * 3073
    found = {f"data_batch_{i + 1}.bin": records["train"][i * size :][:size] for i in range(5)}
    return {FOLDER + name: content for name, content in (found | {"test_batch.bin": records["test"]}).items()}


def tar(members: dict) -> bytes:
    """A gzipped tar file of contents by name; a TarInfo stands for itself, None for no such file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
            elif content is not None:
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return gzip.compress(buffer.getvalue(), 1, mtime=0)


def archive(**changed) -> bytes:
    names = "\n".join(cifar10.CLASS_NAMES).encode()
    return tar({FOLDER + "batches.meta.txt": names, **batches(), **changed})


def put(home, content: bytes, name: str = "cifar10.npz"):
    home.mkdir(parents=True, exist_ok=True)
    (home / name).write_bytes(content)


def assert_data(data, expected=None):
    expected = expected or cifar_arrays()
    for (x, y), split in zip(data, COUNTS, strict=True):
        np.testing.assert_array_equal(x, expected[f"x_{split}"])
        np.testing.assert_array_equal(y, expected[f"y_{split}"].reshape(-1, 1))
        assert (x.dtype, y.dtype) == (np.uint8, np.uint8)
        assert x.flags.c_contiguous
        assert x.flags.writeable  # the arrays are the caller's to change
        assert y.flags.writeable


# --- the .npz file --------------------------------------------------------------------------------


def test_file_at_home_is_used_without_a_network(home, site):
    put(home, npz())
    assert_data(cifar10.load_data())
    assert site.requests == []


X, Y = (cifar_arrays()[key] for key in ("x_train", "y_train"))


def with_value(array, at, value):
    changed = array.copy()
    changed[at] = value
    return changed


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"y_test": None}, "it has no array y_test"),
        (
            {"x_train": X[:50], "y_train": Y[:50]},
            r"x_train should be uint8 of shape \(100, 32, 32, 3\), it is uint8 of shape \(50,",
        ),
        ({"x_train": X.transpose(0, 3, 1, 2)}, r"it is uint8 of shape \(100, 3, 32, 32\)"),
        ({"x_train": X.astype(np.float32)}, "it is float32"),
        ({"y_train": Y[:, 0]}, r"y_train should be uint8 of shape \(100, 1\)"),
        ({"y_train": with_value(Y, 4, 10)}, "y_train should hold labels from 0 to 9, it has 10 at index 4"),
        ({"y_train": Y // 2}, r"y_train should have 10 of each label from 0 to 9, it has \[20, 20, 20"),
    ],
)
def test_another_content_is_an_error_that_says_what(home, site, changed, says):
    put(home, npz(**changed))
    with pytest.raises(ValueError, match=says) as caught:
        cifar10.load_data()
    assert "cifar10.npz is not the data set" in str(caught.value)
    assert "or delete the file to have it downloaded." in str(caught.value)
    assert len(str(caught.value)) - len(str(home)) < 400
    assert site.requests == []


def test_a_damaged_file_is_an_error_and_stays_where_it_is(home, site):
    content = npz()
    broken = bytearray(content)
    broken[len(broken) // 2] ^= 0x10
    for damaged in (bytes(broken), content[:-100], b""):
        put(home, damaged)
        with pytest.raises(OSError, match=r"cifar10\.npz cannot be read .* delete it to have it downloaded"):
            cifar10.load_data()
    assert site.requests == []
    assert os.listdir(home) == ["cifar10.npz"]


# --- a file of one's own --------------------------------------------------------------------------


def test_a_file_of_fewer_images_by_name_or_path(home, tmp_path, site):
    part = {key: array[:15] for key, array in cifar_arrays().items()}
    put(home, npz(**part), "part.npz")
    flat = {key: array[:, 0] for key, array in part.items() if key.startswith("y")}
    put(
        tmp_path, npz(**(part | flat), x_val=X[:3], class_names=np.array(cifar10.CLASS_NAMES)), "absolute.npz"
    )
    assert_data(cifar10.load_data("part.npz"), part)
    assert_data(cifar10.load_data(tmp_path / "absolute.npz"), part)
    assert site.requests == []


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"x_test": None}, "it has no array x_test"),
        ({"y_train": Y[:5]}, r"y_train should be uint8 of shape \(100, 1\), it is uint8 of shape \(5, 1\)"),
        ({"x_train": X[:0], "y_train": Y[:0]}, r"it is uint8 of shape \(0, 32, 32, 3\)"),
        ({"x_train": np.uint8(3)}, r"it is uint8 of shape \(\)"),
        ({"x_train": np.zeros((101, 32, 32, 3), np.uint8)}, r"of shape \(100, .* of shape \(101, "),
        ({"x_train": X[..., :1]}, r"it is uint8 of shape \(100, 32, 32, 1\)"),
        ({"y_test": np.full((20,), 10, np.uint8)}, "y_test should hold labels from 0 to 9, it has 10 at index 0"),
    ],
)  # fmt: skip
def test_a_file_of_ones_own_with_another_content(home, site, changed, says):
    put(home, npz(**changed), "own.npz")
    with pytest.raises(ValueError, match=says) as caught:
        cifar10.load_data("own.npz")
    assert "or name another file." in str(caught.value)
    assert site.requests == []


def test_a_file_of_ones_own_is_never_downloaded(home, site):
    site.publish(TGZ, archive())
    with pytest.raises(OSError, match=r"There is no file .*own\.npz\. load_data\(\) without a path"):
        cifar10.load_data("own.npz")
    put(home, b"PK", "own.npz")
    with pytest.raises(
        OSError, match=r"own\.npz cannot be read \(ValueError: own\.npz: expected a zip archive.*\)\.$"
    ):
        cifar10.load_data("own.npz")
    assert site.requests == []


# --- the archive ----------------------------------------------------------------------------------


def test_missing_file_is_made_from_the_archive_once(home, site):
    site.publish(TGZ, archive())
    assert_data(cifar10.load_data())
    assert_data(cifar10.load_data())
    assert site.requests == ["/old/" + TGZ, "/" + TGZ]
    assert os.listdir(home) == ["cifar10.npz"]


def test_archive_put_there_by_hand(home, site):
    put(home, archive(), TGZ)
    assert_data(cifar10.load_data())
    assert site.requests == []
    assert sorted(os.listdir(home)) == [TGZ, "cifar10.npz"]


def link(name: str, kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(FOLDER + name)
    member.type, member.linkname = kind, "/etc/passwd"
    return member


FIRST, TEST = FOLDER + "data_batch_1.bin", FOLDER + "test_batch.bin"
WHOLE = batches()[FIRST]
DAMAGED = {
    "missing": ({FIRST: None}, "it has no file cifar-10-batches-bin/data_batch_1.bin$"),
    "a byte less": ({FIRST: WHOLE[:-1]}, "data_batch_1.bin has 61,459 bytes, 61,460 are expected"),
    "an image more": ({TEST: batches()[TEST] + WHOLE[:3073]}, "test_batch.bin.* has 64,533 bytes"),
    "a label 10": ({FIRST: b"\x0a" + WHOLE[1:]}, "y_train should hold labels from 0 to 9, it has 10 at index 0"),
    "other labels": ({FIRST: bytes([(WHOLE[0] + 1) % 10]) + WHOLE[1:]}, "should have 10 of each label"),
    "another pixel": ({FIRST: WHOLE[:1] + bytes([WHOLE[1] ^ 1]) + WHOLE[2:]}, "its checksum is not that"),
    "a link": ({FIRST: link("data_batch_1.bin", tarfile.SYMTYPE)}, "it has no file .*data_batch_1"),
    "a folder": ({FIRST: link("data_batch_1.bin", tarfile.DIRTYPE)}, "it has no file .*data_batch_1"),
    "a bomb": ({"notes": bytes(10_000_000)}, "'notes' has 10,000,000 bytes, 262,144 are expected"),
}  # fmt: skip


@pytest.mark.parametrize(("changed", "says"), DAMAGED.values(), ids=DAMAGED)
def test_whatever_else_is_in_the_archive_leaves_nothing_behind(home, site, monkeypatch, changed, says):
    content = archive(**changed)
    monkeypatch.setattr(cifar10, "_PUBLISHED", cifar10._PUBLISHED._replace(size=1 << 20))
    site.publish(TGZ, content)
    with pytest.raises(OSError, match="no copy could be had") as caught:
        cifar10.load_data()
    assert caught.match("Put it there by hand")
    with pytest.raises(OSError, match=says):
        raise caught.value.__cause__
    assert os.listdir(home) == []


@pytest.mark.parametrize("version", ["cifar-10-batches-py", "cifar-10-batches-mat"])
def test_the_archive_for_another_language_is_named(home, version):
    put(home, tar({f"{version}/data_batch_1": b"cos\nsystem\n", f"{version}/readme.html": b"hello"}), TGZ)
    with pytest.raises(OSError, match=f"it has no file .*: this is the version in {version}"):
        cifar10.load_data()


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "page", "no tar"])
def test_a_damaged_archive_is_an_error(home, site, damage):
    content = archive()
    flipped = bytearray(content)
    flipped[len(flipped) // 2] ^= 1
    put(
        home,
        {
            "cut": content[: len(content) // 2],
            "flipped": bytes(flipped),
            "empty": b"",
            "page": b"<html>Moved</html>",
            "no tar": gzip.compress(b"hello" * 1000),
        }[damage],
        TGZ,
    )
    with pytest.raises(OSError, match=r"delete it to have it downloaded\) cannot be read"):
        cifar10.load_data()
    assert os.listdir(home) == [TGZ]
    assert site.requests == []


def test_names_that_lead_elsewhere_are_not_followed(home, tmp_path, monkeypatch):
    planted = {"../../planted.bin": b"x", str(tmp_path / "planted.bin"): b"x", f"{FOLDER}../{TEST}": b"x"}
    content = archive(**planted)
    monkeypatch.setattr(cifar10, "_PUBLISHED", published(TGZ, content))
    put(home, content, TGZ)
    assert_data(cifar10.load_data())
    assert sorted(os.listdir(home)) == [TGZ, "cifar10.npz"]
    assert os.listdir(tmp_path) == ["home"]


def test_a_page_in_the_place_of_the_archive_is_not_the_archive(home, site):
    site.publish("old/" + TGZ, b"<html>Moved</html>")
    site.publish(TGZ, archive())
    assert_data(cifar10.load_data())


def test_more_bytes_than_the_archive_has_are_not_taken(home, site):
    site.publish(TGZ, archive() + b"X")
    with pytest.raises(OSError, match="more bytes than the published file"):
        cifar10.load_data()
    assert os.listdir(home) == []


def test_offline_text(home, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(cifar10, "_SITES", ("http://127.0.0.1:1/",))
    with pytest.raises(OSError, match="refused") as caught:
        cifar10.load_data()
    message = str(caught.value)
    assert message.startswith(f"cifar10.npz is not in {home}, and no copy could be had (")
    assert message.endswith(f"get http://127.0.0.1:1/{TGZ} with a browser and put that into {home}.")
    assert len(message) - 2 * len(str(home)) < 400


def test_an_error_while_writing_leaves_nothing_behind(home, monkeypatch):
    def full(*args, **kwargs):
        args[0].write(b"half")
        raise OSError(28, "No space left on device")

    put(home, archive(), TGZ)
    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        cifar10.load_data()
    assert os.listdir(home) == [TGZ]


def test_the_makers_are_reached_by_https_and_the_official_numbers_add_up():
    assert all(site.startswith("https://") and site.endswith("/") for site in cifar10._SITES)
    counts, images = OFFICIAL
    assert counts == {
        "train": len(cifar10_archive.TRAINING_FILES) * images,
        "test": len(cifar10_archive.TEST_FILES) * images,
    }
    assert cifar10_archive._RECORD == 3073


@pytest.mark.skipif(not REAL.exists(), reason="needs the real file in $MINIDL_HOME/datasets/cifar10.npz")
def test_the_real_photographs(monkeypatch):
    monkeypatch.setattr(cifar10, "_COUNTS", OFFICIAL[0])
    (x_train, y_train), (x_test, y_test) = cifar10.load_data()
    assert (x_train.shape, x_test.shape) == ((50000, 32, 32, 3), (10000, 32, 32, 3))
    assert y_train[:10, 0].tolist() == [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]
    assert y_test[:10, 0].tolist() == [3, 8, 8, 0, 6, 6, 1, 6, 3, 1]
    means = x_train.mean(axis=(0, 1, 2)) / 255
    np.testing.assert_allclose(means, [0.49139968, 0.48215841, 0.44653091], atol=1e-7)
