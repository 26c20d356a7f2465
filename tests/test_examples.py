"""The examples about graphs of layers run from end to end on little data, without warnings and without h5py."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
START = (
    "import runpy, sys; sys.modules['h5py'] = None; "  # from here on as if it were not installed
    "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
)

# The table of a published lesson: layer, shape of its output, parameters, and where its input comes from.
LESSON = """
input_1       (None, 3, 1)  0
lstm_1        (None, 8)     320   input_1[0][0]
input_2       (None, 3, 1)  0
dense_1       (None, 4)     36    lstm_1[0][0]
lstm_2        (None, 8)     320   input_2[0][0]
dense_2       (None, 6)     30    dense_1[0][0]
dense_4       (None, 6)     54    lstm_2[0][0]
dense_3       (None, 2)     14    dense_2[0][0]
dense_5       (None, 4)     28    dense_4[0][0]
concatenate_1 (None, 6)     0     dense_3[0][0] dense_5[0][0]
dense_6       (None, 4)     28    concatenate_1[0][0]
dense_7       (None, 10)    50    dense_6[0][0]
dense_8       (None, 4)     44    dense_7[0][0]
dense_9       (None, 16)    80    dense_8[0][0]
dense_12      (None, 64)    320   dense_8[0][0]
dense_10      (None, 32)    544   dense_9[0][0]
dense_13      (None, 16)    1040  dense_12[0][0]
dense_11      (None, 3)     99    dense_10[0][0]
dense_14      (None, 3)     51    dense_13[0][0]
"""


def run(folder, name, *arguments):
    """What an example prints; the tests know its pictures by their names."""
    environment = {**os.environ, "MPLBACKEND": "Agg", "MINIDL_HOME": str(folder), "PYTHONIOENCODING": "utf-8"}
    script = str(EXAMPLES / name)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", START, script, "--output", "out", "--no-kernels", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment,
        cwd=folder,
    )
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-3000:]
    assert done.stderr == ""
    return done.stdout


def pictures(folder):
    return {file.name for file in (folder / "out").iterdir() if file.stat().st_size > 1000}


def narrow(printed, folder):
    """Whether all of it fits into a terminal of 80 columns, but for names of files and what `fit` prints."""
    free = (str(folder), "/step - ")
    return all(len(line) <= 80 for line in printed.splitlines() if not any(word in line for word in free))


def cells(table):
    """The rows of a summary, each a list of cells; what is wrapped over several lines is put together."""
    rows = []
    for block in re.split(r"[├┡└].*", table)[1:]:
        lines = [
            [cell.strip() for cell in line.split("│")[1:-1]] for line in block.splitlines() if "│" in line
        ]
        if lines:
            rows.append([" ".join(part).strip() for part in zip(*lines, strict=True)])
    return rows


def test_the_ensemble_is_the_published_one(tmp_path):
    printed = run(tmp_path, "08_ensemble.py", "--epochs", "2", "--valleys", "200")
    got = []
    for layer, shape, number, source in cells(printed[: printed.index("Total params")]):
        count = number.split("=")[-1].replace(",", "").strip()
        shape = re.match(r"\(.*?\)", shape)[0]
        got.append(" ".join([layer.split()[0], shape, count, source.replace(",", "").strip("- ")]).strip())
    assert got == [" ".join(line.split()) for line in LESSON.strip().splitlines()]
    assert "Total params: 3,058 " in printed
    assert "evaluate returns 5 numbers for 2 outputs" in printed
    assert printed.count("evaluate returns 2 numbers, loss, mae") == 3
    assert pictures(tmp_path) == {"ensemble.png", "ensemble_model.svg"}
    assert narrow(printed, tmp_path)


def test_transfer_learning_counts_what_is_trained(tmp_path):
    short = ("--windows", "2", "1", "--runs", "1", "--epochs", "2", "--base-epochs", "1", "--synthetic")
    printed = run(tmp_path, "09_transfer_learning.py", *short)
    head = 32 * 256 + 256 + 256 * 6 + 6
    base = (5 * 9 * 32 + 32) + (32 + 64 + 1) * 4 * 64 + (64 * 32 + 32)
    assert re.search(rf"frozen +{head:,} trained, +{base:,} not", printed)
    assert re.search(rf"thawed +{head + base:,} trained, +0 not", printed)
    assert re.search(rf"Dropout +{head + base + 512:,} trained, +512 not", printed)
    assert "Loaded into a new model: the same weights." in printed
    assert re.search(r"fit without compile: .*\bcompile\(\)", printed)
    assert "0 of 9 arrays of the base have moved" in printed
    assert [line.split()[:3] for line in printed.splitlines() if line.startswith("  6 x")] == [
        ["6", "x", "1"],
        ["6", "x", "2"],
    ]
    assert pictures(tmp_path) == {"transfer_base.npz", "transfer_learning.png"}
    assert narrow(printed, tmp_path)


SMALL = ("--images", "120", "--epochs", "1", "--filters", "4", "--deep-blocks", "1", "--deep-steps", "3")


@pytest.mark.parametrize("data", ["a file", "none"])
def test_the_residual_network(tmp_path, data):
    rng = np.random.default_rng(0)
    arrays = {}
    for split, n in (("train", 130), ("test", 40)):
        arrays[f"x_{split}"] = rng.integers(0, 256, (n, 32, 32, 3), "uint8")
        arrays[f"y_{split}"] = rng.integers(0, 10, n, "uint8")
    if data == "a file":
        np.savez(tmp_path / "some.npz", **arrays)
    printed = run(tmp_path, "10_resnet_cifar.py", "--data", "some.npz", *SMALL)
    images = 40 if data == "a file" else 1000
    assert f"108 images to train on, 12 to watch, {images:,} to test" in printed
    assert ("Using made-up images instead" in printed) == (data == "none")
    # Two convolutions of 3 x 3 in a block; where a stage begins, one of 1 x 1 beside them; each is normalised.
    blocks = (36 * 4 + 36 * 4) + (36 * 8 + 72 * 8 + 4 * 8) + (72 * 16 + 144 * 16 + 8 * 16)
    normalised = 4 * (4 + 2 * 4 + 3 * 8 + 3 * 16)
    assert f"Total params: {27 * 4 + blocks + normalised + 16 * 10 + 10:,} " in printed
    assert "8 layers, untrained" in printed
    assert pictures(tmp_path) == {"resnet_curves.png", "resnet_images.png"}
    assert narrow(printed, tmp_path)
