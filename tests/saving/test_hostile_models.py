"""Single hostile and damaged models; all kinds with all loaders are in test_hostile_files and test_damaged_files."""

import io
import json
import os
import sys
import time
import zipfile

import numpy as np
import pytest

from minidl import saving
from minidl.layers import Dense, Input
from minidl.models import Sequential

h5py = pytest.importorskip("h5py")

KERNEL, BIAS = "layers/dense/vars/0", "layers/dense/vars/1"


def small():
    return Sequential([Input(shape=(4,)), Dense(3, name="dense")])


def parts(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def good(tmp_path):
    """The members of a sound file, without its manifest, so that what is changed in them is what is found."""
    path = tmp_path / "good.keras"
    saving.save_model(small(), path)
    members = parts(path)
    del members["manifest.json"]
    return members


def written(tmp_path, members):
    path = tmp_path / "hostile.keras"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


FORBIDDEN = {"os.system", "subprocess.Popen", "socket.connect", "os.exec", "os.posix_spawn"}
seen = []  # of these, since the last look
sys.addaudithook(lambda event, args: seen.append((event, args)) if event in FORBIDDEN else None)


def refused(action, path, seconds=1.0, kinds=(ValueError, OSError)):
    """The message with which `action` is refused: in time, with the file's name, and without doing anything."""
    seen.clear()
    start = time.process_time()
    with pytest.raises(kinds) as caught:
        action()
    assert time.process_time() - start < seconds
    assert os.path.basename(path) in str(caught.value)
    assert seen == []
    return str(caught.value)


def layer(class_name, config, module="keras.layers"):
    return {"module": module, "class_name": class_name, "config": config, "registered_name": None}


def with_layer(good, described):
    config = json.loads(good["config.json"])
    config["config"]["layers"].append(described)
    return {**good, "config.json": json.dumps(config)}


def dense(**changes):
    return layer("Dense", {"units": 3, "name": "more", **changes})


def test_100_000_calls_are_refused_before_they_are_made(good, tmp_path):
    config = json.loads(good["config.json"])
    config["config"]["layers"][1]["inbound_nodes"] = [{"args": [], "kwargs": {}}] * 100_000
    path = written(tmp_path, {**good, "config.json": json.dumps(config)})
    assert "layers or calls" in refused(lambda: saving.load_model(path), path, seconds=10)


def hdf5(change):
    """A weights file of `small`, after `change(file)`."""
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        file[KERNEL], file[BIAS] = np.ones((4, 3), np.float32), np.ones(3, np.float32)
        change(file)
    return memory.getvalue()


def shape_bomb(file):
    del file[KERNEL]
    file.create_dataset(KERNEL, (2**25, 2**25), "f4", chunks=(1024, 1024), compression="gzip")


def soft(file):
    file["elsewhere"] = np.ones((4, 3), np.float32)
    del file[KERNEL]
    file[KERNEL] = h5py.SoftLink("/elsewhere")


def external_link(file):
    del file[KERNEL]
    file[KERNEL] = h5py.ExternalLink("/etc/passwd", "/")


def external_data(file):
    del file[KERNEL]
    file.create_dataset(KERNEL, (4, 3), "f4", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])


def virtual(file):
    del file[KERNEL]
    layout = h5py.VirtualLayout((4, 3), "f4")
    layout[:] = h5py.VirtualSource("/etc/other.h5", "x", (4, 3))
    file.create_virtual_dataset(KERNEL, layout)


def words(file):
    del file[KERNEL]
    file[KERNEL] = np.full((4, 3), b"evil", "S4")


def whole_numbers(file):
    del file[KERNEL]
    file[KERNEL] = np.ones((4, 3), np.int32)


def transposed(file):
    del file[KERNEL]
    file[KERNEL] = np.ones((3, 4), np.float32)


def missing(file):
    del file[BIAS]


def more(file):
    file["layers/dense_1/vars/0"] = np.ones(3)


def circle(file):
    file["layers/dense/again"] = file["layers"]


def group_for_data(file):
    del file[KERNEL]
    file.create_group(KERNEL)


def too_large_for_the_type(file):
    del file[KERNEL]
    file[KERNEL] = np.full((4, 3), 1e300)


WEIGHTS = [
    shape_bomb, soft, external_link, external_data, virtual, words, whole_numbers, transposed, missing, more,
    circle, group_for_data, too_large_for_the_type,
]  # fmt: skip


@pytest.mark.parametrize("change", WEIGHTS, ids=lambda f: f.__name__)
def test_weights_that_are_not_plain_numbers_of_the_right_shape_are_refused(tmp_path, good, change):
    model = small()
    before = model.get_weights()
    path = tmp_path / "hostile.weights.h5"
    path.write_bytes(hdf5(change))
    refused(lambda: model.load_weights(path), path)
    assert all(map(np.array_equal, model.get_weights(), before))
    whole = written(tmp_path, {**good, "model.weights.h5": path.read_bytes()})
    refused(lambda: saving.load_model(whole), whole)


def test_the_same_file_without_a_change_is_taken(tmp_path):
    model = small()
    path = tmp_path / "sound.weights.h5"
    path.write_bytes(hdf5(lambda file: None))
    model.load_weights(path)
    assert all((w == 1).all() for w in model.get_weights())


def test_a_shape_with_nothing_behind_it_allows_no_weights(good, tmp_path):
    wide = with_layer(good, dense(units=2**28))
    hollow = hdf5(lambda file: file.create_dataset("optimizer/vars/0", (2**40,), "i1", chunks=(2**20,)))
    path = written(tmp_path, {**wide, "model.weights.h5": hollow})
    assert "more than the file holds" in refused(lambda: saving.load_model(path), path)


def test_archives(good, tmp_path):
    def archive(name, data="x", info=None):
        path = written(tmp_path, good)
        with zipfile.ZipFile(path, "a") as file:
            file.writestr(info or zipfile.ZipInfo(name), data)
        return path

    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = archive("config.json")
    refused(lambda: saving.load_model(twice), twice)
    for name, info in (("../evil", None), ("/evil", None), ("a\\..\\b", None), ("link", link)):
        path = archive(name, info=info)
        refused(lambda path=path: saving.load_model(path), path)
    path = written(tmp_path, {"config.json": good["config.json"]})
    refused(lambda: saving.load_model(path), path)
    path.write_bytes(b"MZ" + written(tmp_path, good).read_bytes())
    refused(lambda: saving.load_model(path), path)
    path.write_text("<html>Please log in</html>")
    assert "web page" in refused(lambda: saving.load_model(path), path)


def test_pipes_devices_folders_and_missing_files(tmp_path):
    model = small()
    for suffix in (".keras", ".weights.h5", ".h5"):
        pipe = tmp_path / f"pipe{suffix}"
        os.mkfifo(pipe)
        refused(lambda pipe=pipe: model.load_weights(pipe), pipe)
        zero = tmp_path / f"zero{suffix}"
        zero.symlink_to("/dev/zero")
        refused(lambda zero=zero: model.load_weights(zero), zero)
        folder = tmp_path / f"folder{suffix}"
        folder.mkdir()
        refused(lambda folder=folder: model.load_weights(folder), folder)
        absent = tmp_path / f"absent{suffix}"
        refused(lambda absent=absent: model.load_weights(absent), absent, kinds=FileNotFoundError)
    pipe = tmp_path / "pipe.keras"
    refused(lambda: saving.load_model(pipe), pipe)


@pytest.mark.parametrize("suffix", [".keras", ".weights.h5"])
def test_a_flipped_bit_or_a_cut_is_noticed_or_harmless(tmp_path, suffix):
    model = small()
    model.compile("adam", "mse")
    model.fit(np.ones((4, 4)), np.ones((4, 3)), verbose=0)
    path, damaged = tmp_path / f"sound{suffix}", tmp_path / f"damaged{suffix}"
    (model.save if suffix == ".keras" else model.save_weights)(path)
    sound, wanted = path.read_bytes(), model.get_weights()
    other = small()
    refusals = 0
    for seed in range(150):
        chance = np.random.default_rng(seed)
        if seed % 5 == 0:
            damaged.write_bytes(sound[: chance.integers(len(sound))])
        else:
            changed = bytearray(sound)
            changed[chance.integers(len(sound))] ^= 1 << int(chance.integers(8))
            damaged.write_bytes(changed)
        other.set_weights([w * 0 for w in wanted])
        message = None
        try:
            other.load_weights(damaged)
        except ValueError as error:
            message = str(error)
        refusals += message is not None
        assert message is None or damaged.name in message
        expected = wanted if message is None else [w * 0 for w in wanted]
        assert all(map(np.array_equal, other.get_weights(), expected))
    assert refusals > 30
