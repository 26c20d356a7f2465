"""Files made to do harm, given to every loader: each is refused quickly, cheaply, by name, and changes nothing.

The files are made in `tests/hostile`, and read in a process that is watched (`hostile.guarded`).
"""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hostile_files import archive, described, npy, safetensors

import minidl
from minidl.layers import Dense, Input, RepeatVector
from minidl.saving import load_torch_weights
from minidl.saving.from_keras import check_size

TESTS = Path(__file__).parent.parent
SECONDS, MEGABYTES, LETTERS = 1, 200, 520
ENDLESS = {"model_from_json"}  # no file says how many weights such a text may ask for; 4 GiB are too many


@pytest.fixture(scope="session")
def results():
    """What became of each file with each loader."""
    pytest.importorskip("h5py")
    roots = [str(TESTS), str(Path(minidl.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-m", "hostile.guarded"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, roots))},
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def problems(result):
    """What a loader did that it should not have done."""
    found = [f"{result['outcome']}: {result['message']:.100}"] if result["outcome"] != "refused" else []
    if result["outcome"].startswith("ended"):
        return found
    found += [] if result["names it"] else [f"the file is not named in {result['message']:.100}"]
    found += [f"{result['seconds']} s"] if result["seconds"] > SECONDS else []
    too_large = result["megabytes"] > MEGABYTES and result["loader"] not in ENDLESS
    found += [f"{result['megabytes']} MB"] if too_large else []
    found += result["events"]
    found += [] if result["unchanged"] else ["the model has changed"]
    found += [f"left {result['files']}"] if result["files"] else []
    return found + ([f"{len(result['message'])} letters"] if len(result["message"]) > LETTERS else [])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the files are read in forks")
def test_every_file_is_refused_by_every_loader(results, record_property):
    wrong = [(r["loader"], r["group"], r["case"], p) for r in results if (p := problems(r))]
    assert wrong == []
    files = {(r["group"], r["case"]) for r in results}
    groups, loaders = Counter(group for group, _ in files), {r["loader"] for r in results}
    least = {
        "pickle": 5,
        "config": 13,
        "json": 9,
        "zip": 10,
        "npy": 23,
        "safetensors": 8,
        "hdf5": 4,
        "tar": 10,
    }
    assert all(groups[group] >= number for group, number in least.items())
    assert len(loaders) >= 23
    for group, number in groups.items():
        record_property(f"survived: hostile files, {group}", number)
    record_property(f"survived: readings of them by {len(loaders)} loaders", len(results))


def test_several_inputs_are_measured_one_by_one():
    shape = [None, 256, 256, 64]
    check_size({"build_config": {"input_shape": [shape, shape]}})
    with pytest.raises(ValueError, match="more numbers"):
        check_size({"build_config": {"input_shape": [shape, [None, 10**9]]}})


@pytest.mark.parametrize("n", [2**40, 2**27])
def test_samples_that_no_memory_holds_are_refused_when_the_model_is_built(n):
    with pytest.raises(ValueError, match=r"repeat_vector.* would make .* Are its sizes right"):
        minidl.Sequential([Input((4,)), RepeatVector(n)])


# --- files that are strange, but not hostile ------------------------------------------------------------------


def one_weight():
    """A model with the single weight (2, 1), called dense/kernel."""
    return minidl.Sequential([Input((2,)), Dense(1, use_bias=False, name="dense")])


def written(path, array):
    descr, data = array.dtype.str, array.tobytes("A")
    fortran = str(array.flags.f_contiguous and not array.flags.c_contiguous)
    path.write_bytes(
        archive([("dense/kernel.npy", npy(described(repr(descr), str(array.shape), fortran), data))])
    )
    return path


@pytest.mark.parametrize("dtype", [">f4", ">f8", "<f8", "<f2", ">f2"])
def test_other_orders_and_sizes_of_floats_are_converted(tmp_path, dtype):
    model = one_weight()
    model.load_weights(written(tmp_path / "w.npz", np.array([[1.5], [-2.25]], dtype)))
    kernel = model.get_weights()[0]
    assert kernel.dtype == np.float32
    assert kernel.tolist() == [[1.5], [-2.25]]


def test_columns_first_is_turned(tmp_path):
    model = minidl.Sequential([Input((2,)), Dense(3, use_bias=False, name="dense")])
    model.load_weights(written(tmp_path / "w.npz", np.asfortranarray(np.arange(6, dtype="f4").reshape(2, 3))))
    assert model.get_weights()[0].tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("ending", ["w.npz", "w.safetensors", "w.weights.h5", "m.keras", "torch"])
def test_values_that_are_no_numbers_are_loaded_with_a_warning(tmp_path, value, ending):
    model, other = one_weight(), one_weight()
    model.set_weights([np.array([[1.0], [value]], "f4")])
    path = tmp_path / ("t.safetensors" if ending == "torch" else ending)
    model.save(path) if ending == "m.keras" else None if ending == "torch" else model.save_weights(path)
    if ending == "torch":
        entry = {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]}
        path.write_bytes(safetensors({"fc.weight": entry}, model.get_weights()[0].tobytes()))
    with pytest.warns(
        UserWarning, match=rf"{path.name}: dense/kernel has values that are NaN or infinite\. They"
    ):
        load_torch_weights(other, path) if ending == "torch" else other.load_weights(path)
    np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])
