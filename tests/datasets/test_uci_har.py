"""uci_har.load_data: the file at home, or one made from the archive of the UCI repository."""

import io
import os
import zipfile

import numpy as np
import pytest

from minidl.datasets import files, uci_har, uci_har_archive

REAL = files.folder() / "uci_har.npz"
COUNTS = {"train": (3, 2, 1, 2, 1, 2), "test": (1, 1, 2, 1, 1, 1)}
ZIP = "human+activity+recognition+using+smartphones.zip"
INNER = "UCI HAR Dataset.zip"


OFFICIAL = uci_har._COUNTS


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(uci_har, "_COUNTS", COUNTS)


@pytest.fixture
def site(server, monkeypatch):
    monkeypatch.setattr(uci_har, "_SITE", server.url)
    return server


def har_arrays(**changed) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    arrays = {}
    for split, counts in COUNTS.items():
        body = rng.normal(0, 0.3, (sum(counts), 128, 6))
        gravity = np.array([0.6, -0.8, 0.0])
        x = np.concatenate([body, body[..., :3] + gravity], axis=-1)
        arrays[f"x_{split}"] = np.round(x, 9).astype(np.float32)
        arrays[f"y_{split}"] = rng.permutation(np.repeat(np.arange(6), counts))
        people = {"train": [1, 3, 30], "test": [2, 4]}[split]
        arrays[f"subject_{split}"] = rng.choice(people, sum(counts))
    arrays["class_names"] = np.array(uci_har.CLASS_NAMES)
    arrays["channel_names"] = np.array(uci_har.CHANNEL_NAMES)
    arrays |= changed
    return {key: array for key, array in arrays.items() if array is not None}


def npz(**changed) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **har_arrays(**changed))
    return buffer.getvalue()


def texts(**changed) -> dict[str, str]:
    """The text files of the data set, by name, written number by number."""
    arrays, found = har_arrays(**changed), {}
    for split in COUNTS:
        folder = f"UCI HAR Dataset/{split}"
        for c, channel in enumerate(uci_har.CHANNEL_NAMES):
            rows = arrays[f"x_{split}"][..., c].tolist()
            lines = ["".join(f" {value: .9e}" for value in row) + "\n" for row in rows]
            found[f"{folder}/Inertial Signals/{channel}_{split}.txt"] = "".join(lines)
        found[f"{folder}/y_{split}.txt"] = "".join(f"{label + 1}\n" for label in arrays[f"y_{split}"])
        found[f"{folder}/subject_{split}.txt"] = "".join(f"{who}\n" for who in arrays[f"subject_{split}"])
    return found


def zipped(members: dict) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            if content is not None:
                archive.writestr(name, content)
    return buffer.getvalue()


def nested(**members) -> bytes:
    """The archive as the repository has it: a zip inside a zip, beside a file of names."""
    inside = {"__MACOSX/._x": "", "UCI HAR Dataset/README.txt": "hello", **texts(), **members}
    return zipped({"UCI HAR Dataset.names": "names", INNER: zipped(inside)})


def put(home, content: bytes, name: str = "uci_har.npz"):
    home.mkdir(parents=True, exist_ok=True)
    (home / name).write_bytes(content)


def assert_data(data):
    expected = har_arrays()
    for (x, y), split in zip(data, ("train", "test"), strict=True):
        np.testing.assert_array_equal(x, expected[f"x_{split}"])
        np.testing.assert_array_equal(y, expected[f"y_{split}"])
        assert (x.dtype, y.dtype) == (np.float32, np.int64)


# --- the .npz file --------------------------------------------------------------------------------


def test_file_at_home_is_used_without_a_network(home, site):
    put(home, npz())
    assert_data(uci_har.load_data())
    for got, split in zip(uci_har.load_subjects(), COUNTS, strict=True):
        np.testing.assert_array_equal(got, har_arrays()[f"subject_{split}"])
    assert site.requests == []


def test_path_is_a_name_at_home_or_an_absolute_path(home, tmp_path, site):
    put(home, npz(), "other.npz")
    put(tmp_path, npz(), "absolute.npz")
    assert_data(uci_har.load_data("other.npz"))
    assert_data(uci_har.load_data(tmp_path / "absolute.npz"))
    assert site.requests == []


X, Y, SUBJECT = (har_arrays()[key] for key in ("x_train", "y_train", "subject_train"))


def with_value(array, at, value):
    changed = array.copy()
    changed[at] = value
    return changed


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"y_test": None}, "it has no array y_test"),
        ({"subject_train": None}, "it has no array subject_train"),
        ({"channel_names": None}, "it has no array channel_names"),
        (
            {"x_train": X.astype(np.float64)},
            r"x_train should be float32 of shape \(11, 128, 9\), it is float64",
        ),
        ({"x_train": X[:, :64]}, r"of shape \(11, 64, 9\)"),
        ({"y_train": Y.astype(np.uint8)}, "y_train should be int64"),
        ({"y_train": with_value(Y, 4, 6)}, "y_train should be from 0 to 5, it has 6 at index 4"),
        ({"y_train": with_value(Y, 4, -1)}, "it has -1 at index 4"),
        ({"y_train": np.sort(Y)[::-1] // 2}, r"should have \[3, 2, 1, 2, 1, 2\] windows of the six"),
        ({"subject_train": with_value(SUBJECT, 0, 31)}, "subject_train should be from 1 to 30, it has 31"),
        ({"subject_train": with_value(SUBJECT, 0, 2)}, "in the training set and in the test set"),
        ({"x_train": with_value(X, (1, 2, 3), np.nan)}, r"it has nan at \[1, 2, 3\]"),
        ({"x_train": with_value(X, (1, 2, 3), -np.inf)}, r"it has -inf at \[1, 2, 3\]"),
        ({"x_train": with_value(X, (1, 2, 3), 3e38)}, "should be from -100 to 100"),
        ({"x_train": X * np.float32(9.81)}, r"length of gravity, 1 g; in x_train\[0\]"),
        ({"class_names": np.array(uci_har.CLASS_NAMES)[::-1]}, "class_names should be WALKING, WALKING_UPS"),
    ],
)
def test_another_content_is_an_error_that_says_what(home, site, changed, says):
    put(home, npz(**changed))
    with pytest.raises(ValueError, match=says) as caught:
        uci_har.load_data()
    assert "uci_har.npz is not the data set" in str(caught.value)
    assert "delete the file to have it downloaded" in str(caught.value)
    assert len(str(caught.value)) - len(str(home)) < 400
    assert site.requests == []


def test_a_damaged_file_is_an_error_and_stays_where_it_is(home, site):
    content = npz()
    broken = bytearray(content)
    broken[len(broken) // 2] ^= 0x10
    for damaged in (bytes(broken), content[:-100], b""):
        put(home, damaged)
        with pytest.raises(OSError, match=r"uci_har\.npz cannot be read .* delete it to have it downloaded"):
            uci_har.load_data()
    assert site.requests == []
    assert (home / "uci_har.npz").exists()


# --- the archive ----------------------------------------------------------------------------------


def test_missing_file_is_made_from_the_archive_once(home, site):
    site.publish(ZIP, nested())
    assert_data(uci_har.load_data())
    assert_data(uci_har.load_data())
    np.testing.assert_array_equal(uci_har.load_subjects()[0], SUBJECT)
    assert site.requests == ["/" + ZIP]
    assert os.listdir(home) == ["uci_har.npz"]


def test_archive_put_there_by_hand(home, site):
    put(home, nested(), ZIP)
    assert_data(uci_har.load_data("made.npz"))
    assert site.requests == []
    assert sorted(os.listdir(home)) == [ZIP, "made.npz"]


def test_the_inner_archive_alone_will_do(home, site):
    put(home, zipped(texts()), ZIP)
    assert_data(uci_har.load_data())


SIGNAL = "UCI HAR Dataset/train/Inertial Signals/body_gyro_y_train.txt"
LABELS = "UCI HAR Dataset/test/y_test.txt"
TEXT = texts()[SIGNAL]
LINES = TEXT.splitlines(keepends=True)
DAMAGED = {
    "missing": (SIGNAL, None, "it has no file UCI HAR Dataset/train/Inertial Signals/body_gyro_y_train.txt"),
    "no labels": (LABELS, None, r"it has no file .*y_test\.txt"),
    "a row less": (SIGNAL, "".join(LINES[1:]), r"11 rows of 128, it has \(10, 128\)"),
    "a row more": (SIGNAL, TEXT + LINES[0], r"it has \(12, 128\)"),
    "a column less in all": (SIGNAL, "".join(line[17:] for line in LINES), r"it has \(11, 127\)"),
    "a column less in one": (SIGNAL, TEXT.replace(LINES[3], LINES[3][17:]), "columns changed"),
    "cut": (SIGNAL, TEXT[: len(TEXT) // 2], "columns changed|rows of 128"),
    "NaN": (SIGNAL, TEXT.replace(TEXT[:17], " NaN", 1), r"x_train should be .* it has nan at \[0, 0, 4\]"),
    "infinite": (SIGNAL, TEXT.replace(TEXT[:17], " 1e300", 1), "it has inf at"),
    "a word": (SIGNAL, TEXT.replace(TEXT[:17], " some", 1), "could not convert string 'some'"),
    "not ASCII": (SIGNAL, b"\xff" + TEXT.encode(), "body_gyro_y_train.txt: .*ascii"),
    "empty": (SIGNAL, "", "is empty"),
    "blank": (SIGNAL, "  \n\n", "is empty"),
    "label 7": (LABELS, texts()[LABELS].replace("6", "7"), "y_test should be from 0 to 5, it has 6"),
    "label 0": (LABELS, texts()[LABELS].replace("1", "0"), "it has -1"),
    "label 1.5": (LABELS, texts()[LABELS].replace("1\n", "1.5\n"), r"y_test\.txt: could not convert"),
    "other labels": (LABELS, texts()[LABELS].replace("1", "2"), r"y_test should have \[1, 1, 2, 1, 1, 1\]"),
    "a bomb": (SIGNAL, " " * 10_000_000, "unpacks to 10,000,000 bytes, at most"),
}


@pytest.mark.parametrize(("name", "content", "says"), DAMAGED.values(), ids=DAMAGED)
def test_whatever_else_is_in_the_archive_leaves_nothing_behind(home, site, name, content, says):
    site.publish(ZIP, nested(**{name: content}))
    with pytest.raises(OSError, match="no copy could be had") as caught:
        uci_har.load_data()
    assert caught.match("Put it there by hand")
    with pytest.raises(OSError, match=says):
        raise caught.value.__cause__
    assert os.listdir(home) == []


def test_a_cut_inner_archive_is_an_error(home, site):
    whole = zipped(texts())
    for inner in (whole[: len(whole) // 2], whole[:-30], b"", b"<html>"):
        site.publish(ZIP, zipped({INNER: inner}))
        with pytest.raises(OSError, match=r"no copy could be had .*zip file"):
            uci_har.load_data()
    assert os.listdir(home) == []


def test_a_flipped_bit_in_the_archive_is_an_error(home, site):
    content = bytearray(zipped(texts()))
    content[len(content) // 2] ^= 1
    put(home, bytes(content), ZIP)
    with pytest.raises(OSError, match=r"delete it to have it downloaded\) cannot be read"):
        uci_har.load_data()
    assert os.listdir(home) == [ZIP]
    assert site.requests == []


def test_an_inner_archive_in_an_inner_archive_is_not_followed(home):
    put(home, zipped({INNER: zipped({INNER: zipped(texts())})}), ZIP)
    with pytest.raises(OSError, match="it has no file"):
        uci_har.load_data()


def test_a_giant_inner_archive_is_refused_before_it_is_unpacked(home, monkeypatch):
    monkeypatch.setattr(uci_har_archive, "_LARGEST_INNER", 1000)
    put(home, nested(), ZIP)
    with pytest.raises(OSError, match=r"UCI HAR Dataset\.zip unpacks to .* at most 1,000"):
        uci_har.load_data()


def test_names_that_lead_elsewhere_are_not_followed(home, tmp_path):
    put(home, zipped({**texts(), "../../planted.txt": "x", str(tmp_path / "planted.txt"): "x"}), ZIP)
    uci_har.load_data()
    assert sorted(os.listdir(home)) == [ZIP, "uci_har.npz"]
    assert os.listdir(tmp_path) == ["home"]


def test_more_bytes_than_any_such_archive_are_not_taken(home, site, monkeypatch):
    monkeypatch.setattr(uci_har, "_LARGEST", 1000)
    site.publish(ZIP, nested())
    with pytest.raises(OSError, match="more bytes than the published file"):
        uci_har.load_data()
    assert os.listdir(home) == []


def test_no_such_address(home, site):
    with pytest.raises(OSError, match=r"404.*Put it there by hand"):
        uci_har.load_data()


def test_offline_text(home, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(uci_har, "_SITE", "http://127.0.0.1:1/")
    with pytest.raises(OSError, match="refused") as caught:
        uci_har.load_data()
    message = str(caught.value)
    assert message.startswith(f"uci_har.npz is not in {home}, and no copy could be had (")
    assert message.endswith(f"get http://127.0.0.1:1/{ZIP} with a browser and put that into {home}.")
    assert len(message) - 2 * len(str(home)) < 400


def test_an_error_while_writing_leaves_nothing_behind(home, monkeypatch):
    def full(*args, **kwargs):
        args[0].write(b"half")
        raise OSError(28, "No space left on device")

    put(home, nested(), ZIP)
    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(OSError, match="No space left"):
        uci_har.load_data()
    assert os.listdir(home) == [ZIP]


def test_the_repository_is_reached_by_https_and_the_official_numbers_add_up():
    assert uci_har._SITE.startswith("https://archive.ics.uci.edu/")
    assert {split: sum(counts) for split, counts in OFFICIAL.items()} == {"train": 7352, "test": 2947}


@pytest.mark.skipif(not REAL.exists(), reason="needs the real file in $MINIDL_HOME/datasets/uci_har.npz")
def test_the_real_windows(monkeypatch):
    monkeypatch.setattr(uci_har, "_COUNTS", OFFICIAL)
    (x_train, y_train), (x_test, y_test) = uci_har.load_data()
    assert (x_train.shape, x_test.shape) == ((7352, 128, 9), (2947, 128, 9))
    assert np.bincount(y_train).tolist() == [1226, 1073, 986, 1286, 1374, 1407]
    assert np.bincount(y_test).tolist() == [496, 471, 420, 491, 532, 537]
    subject_train, subject_test = uci_har.load_subjects()
    assert np.unique(subject_test).tolist() == [2, 4, 9, 10, 12, 13, 18, 20, 24]
    assert np.unique(subject_train).size == 21
    upright, lying = (np.abs(x_train[np.isin(y_train, group), :, 6]).mean() for group in ([0, 4], [5]))
    assert upright > 0.9  # g along the body's axis
    assert lying < 0.3
