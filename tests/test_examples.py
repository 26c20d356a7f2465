"""The course: each script runs from end to end on little data, without warnings and without h5py, and says what it should.

Its map, `examples/README.md`, is held to what is there, and its answers to the learners' questions are run. So are all
scripts as notebooks, where the tools for that are installed.
"""

import importlib.util
import json
import os
import re
import shlex
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


# What makes each of them small enough for a test. Those with kernels to choose run without.
SMALL = {
    "01_chain_rule.py": "--steps 3",
    "02_layers_by_hand.py": "",
    "03_bptt_by_hand.py": "--steps 6",
    "04_mnist_cnn.py": "--epochs 1 --no-kernels",
    "05_har_cnn_lstm.py": "--synthetic --windows 64 --models strong --epochs 1 --no-kernels",
    "06_text_generation.py": "--epochs 2 --words 3 --no-kernels",
    "07_why_lstm.py": "--steps 6 --units 4 --epochs 1 --no-kernels",
    "08_ensemble.py": "--epochs 2 --valleys 200 --no-kernels",
    "09_transfer_learning.py": "--windows 2 1 --runs 1 --epochs 2 --base-epochs 1 --synthetic --no-kernels",
    "10_resnet_cifar.py": "--images 120 --epochs 1 --filters 4 --deep-blocks 1 --deep-steps 3 --no-kernels",
    "11_own_layer.py": "--epochs 2",
    "12_looking_inside.py": "--epochs 1",
    "13_reference_and_kernels.py": "--batch-size 2 --steps 2",
    "14_cpu_and_gpu.py": "--largest 32 --steps 2",
}
# No network: a data set that is not there is made up.
OFFLINE = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}


def started(folder, *command, **environment):
    """The finished process of `command`, in a folder that is its home too, in English."""
    given = {
        **os.environ, "MPLBACKEND": "Agg", "MINIDL_HOME": str(folder), "MINIDL_LANG": "en", "PYTHONUTF8": "1", **environment,
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, encoding="utf-8", env=given, cwd=folder
    )


def run(folder, name, *arguments):
    """What an example prints, with further arguments; the tests know its pictures by their names."""
    small = shlex.split(SMALL[name])
    script = str(EXAMPLES / name)
    done = started(folder, "-W", "error", "-c", START, script, "--output", "out", *small, *arguments)
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
    printed = run(tmp_path, "08_ensemble.py")
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
    printed = run(tmp_path, "09_transfer_learning.py")
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


@pytest.mark.parametrize("data", ["a file", "none"])
def test_the_residual_network(tmp_path, data):
    rng = np.random.default_rng(0)
    arrays = {}
    for split, n in (("train", 130), ("test", 40)):
        arrays[f"x_{split}"] = rng.integers(0, 256, (n, 32, 32, 3), "uint8")
        arrays[f"y_{split}"] = rng.integers(0, 10, n, "uint8")
    if data == "a file":
        np.savez(tmp_path / "some.npz", **arrays)
    printed = run(tmp_path, "10_resnet_cifar.py", "--data", "some.npz")
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


def agreed(printed):
    """The reports of gradient checks in what was printed: right ones and all."""
    return [(int(a), int(b)) for a, b in re.findall(r"(\d+) of (\d+) gradients agree", printed)]


def test_the_chain_rule_gives_one_slope_in_five_ways(tmp_path):
    printed = run(tmp_path, "01_chain_rule.py")
    slopes = [float(line.split()[-1]) for line in printed.splitlines() if re.match(r"  [1-5]\. ", line)]
    y = np.tanh(0.8 * 2 + 0.1)
    assert len(slopes) == 5
    np.testing.assert_allclose(slopes, 2 * (y - 0.5) * (1 - y * y) * 2, atol=1e-9)
    assert agreed(printed) == [(2, 2)]
    assert pictures(tmp_path) == {"chain_rule.png", "chain_rule_graph.svg"}
    assert narrow(printed, tmp_path)


@pytest.mark.parametrize(
    ("name", "layers", "picture"),
    [
        ("02_layers_by_hand.py", [("Dense(2)", 4), ("Conv2D(3, (3, 2))", 4)], "layers_by_hand"),
        ("03_bptt_by_hand.py", [("SimpleRNN", 5), ("LSTM", 5)], "bptt"),
    ],
)
def test_layers_by_hand_are_checked_and_agree_with_minidl(tmp_path, name, layers, picture):
    printed = run(tmp_path, name)
    assert len(agreed(printed)) == 2
    assert all(right == all_of_them for right, all_of_them in agreed(printed))
    for layer, numbers in layers:
        (line,) = (line for line in printed.splitlines() if line.startswith(layer) and "at most" in line)
        apart = [float(word.split()[-1]) for word in line.split(":")[1].split(",")]
        assert len(apart) == numbers
        assert max(apart) < 1e-5
    assert pictures(tmp_path) == {f"{picture}.png"}
    assert narrow(printed, tmp_path)


def test_a_mistake_in_ones_own_layer_is_found(tmp_path):
    printed = run(tmp_path, "11_own_layer.py")
    assert agreed(printed) == [(2, 2), (1, 2), (2, 2), (9, 9)]
    (wrong,) = (line for line in printed.splitlines() if line.endswith("WRONG"))
    assert wrong.startswith("inputs[0]")
    assert "saved and loaded: the same answers" in printed
    assert pictures(tmp_path) == {"own_layer.npz", "own_layer.png", "own_layer_gradcheck.png"}
    assert narrow(printed, tmp_path)


def test_one_number_from_inside_is_the_one_computed_by_hand(tmp_path):
    printed = run(tmp_path, "12_looking_inside.py")
    told = re.search(r"^out\[0,2,3,1\] = max\(.*\) = ([\d.]+)$", printed, re.MULTILINE)
    by_hand = re.search(r"^by hand: ([\d.]+)$", printed, re.MULTILINE)
    assert float(told[1]) == pytest.approx(float(by_hand[1]), abs=2e-6)
    assert re.search(r"^digits +\(72 \+ 1\)·10 +730 parameters$", printed, re.MULTILINE)
    vanished, arrived = re.findall(
        r"^\w+: +(\S+) of the gradient .* arrives at layer 1$", printed, re.MULTILINE
    )
    assert float(vanished) < 1e-6 < 1e-2 < float(arrived)
    assert "The gradient vanishes through time" in printed
    names = (
        "confusion filters gates gradient_flow_relu gradient_flow_sigmoid history landscape maps model sobel_filters "
        "sobel_maps time_gradients"
    )
    assert pictures(tmp_path) == {"inside.html", *(f"inside_{name}.png" for name in names.split())}
    assert narrow(printed, tmp_path)


def test_the_kernels_agree_with_the_reference(tmp_path):
    printed = run(tmp_path, "13_reference_and_kernels.py")
    assert "def conv2d_forward(" in printed
    assert re.search(r"many images in float16 +reference", printed)
    table = printed[printed.index("times as fast   ") :]
    rows = re.findall(r"^(\w+\(.*?\)) +[\d.]+ +(.*)$", table, re.MULTILINE)
    assert len(rows) == 8
    for _, rest in rows:
        assert rest == "none here" or float(rest.split()[-1]) < 1e-5
    assert pictures(tmp_path) == {"reference_and_kernels.png"}


def test_without_a_gpu_it_is_estimated(tmp_path):
    printed = run(tmp_path, "14_cpu_and_gpu.py")
    known = "estimated" if "Device 'gpu'" in printed or "No NVIDIA driver" in printed else "measured"
    assert f"Is the GPU ({known}) faster than this CPU?" in printed
    assert re.search(r"data there already: +(from about n = \d+ on|not up to n = 32)", printed)
    assert pictures(tmp_path) == {"cpu_and_gpu.png"}
    assert narrow(printed, tmp_path)


# --- the map, the answers, the notebooks ------------------------------------------------------------------------------

MAP = (EXAMPLES / "README.md").read_text(encoding="utf-8")
SCRIPTS = sorted(file.name for file in EXAMPLES.glob("*.py"))


def test_the_course_is_complete():
    assert sorted(SMALL) == SCRIPTS
    assert [name[:3] for name in SCRIPTS] == [f"{number:02}_" for number in range(1, len(SCRIPTS) + 1)]
    assert re.findall(r"^\| .*?\| \[`(.*?)`\]", MAP, re.MULTILINE) == SCRIPTS


@pytest.mark.parametrize("name", SCRIPTS)
def test_each_begins_with_its_question_and_says_how_it_is_run(name):
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    assert re.match(r"# %% \[markdown\]\n# # .*\?", text)
    first = text[: text.index("\n# %%\n")]
    assert f"#     python examples/{name}" in first
    assert "`--output`" in first
    assert "picture" in first


ROOT = EXAMPLES.parent
NEEDS_ALL = pytest.mark.skipif(
    not (ROOT / "minidl").is_dir(), reason="the installed package is tested, the repository is not here"
)


@NEEDS_ALL
def test_what_the_map_points_to_is_there():
    for target in re.findall(r"\]\((.*?)\)", MAP):
        assert (EXAMPLES / target).exists(), target


def test_every_question_has_an_answer_that_is_run():
    parts = re.split(r"^### ", MAP[MAP.index("## What learners ask") :], flags=re.MULTILINE)
    assert [part.split(".")[0] for part in parts[1:26]] == [str(number) for number in range(1, 26)]
    assert all(">>>" in part for part in parts[1:])


def test_the_answers_to_the_questions_are_right(tmp_path):
    flags = ("-o", "ELLIPSIS", "-o", "NORMALIZE_WHITESPACE")
    assert f"`MINIDL_LANG=en python -m doctest\n{' '.join(flags)} examples/README.md`" in MAP
    done = started(tmp_path, "-m", "doctest", *flags, str(EXAMPLES / "README.md"))
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]


@NEEDS_ALL
def test_the_code_on_the_front_page_runs(tmp_path):
    front = (ROOT / "README.md").read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"^```python\n(.*?)```", front, re.MULTILINE | re.DOTALL))
    done = started(tmp_path, "-W", "error", "-c", code)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "(32 + 32 + 1)·4·32 = 8,320" in done.stdout
    assert re.search(r"^out\[0,3\] = tanh\(z\[0,3\]\) = .*\n  z\[0,3\] = Σ ", done.stdout, re.MULTILINE)


def commands():
    """The lines of the map that are for a shell."""
    blocks = re.findall(r"^```sh\n(.*?)```", MAP, re.MULTILINE | re.DOTALL)
    return [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]


def test_the_commands_of_the_map_are_those_that_are_run(tmp_path):
    for command in commands():
        match command:
            case ["python", script]:
                assert script.removeprefix("examples/") in SMALL
            case ["python", "-m", "minidl.inspect", *arguments]:
                assert "report.html" in arguments
            case ["python", "-m", "pip", "install", "-e", extras]:
                wanted = set(re.search(r"\[(.*)\]", extras)[1].split(","))
                project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
                assert all(re.search(rf"^{extra} = \[", project, re.MULTILINE) for extra in wanted)
            case ["jupytext", "--to", "ipynb", script]:
                assert script.removeprefix("examples/") in SMALL
            case ["jupyter", "execute", notebook]:
                assert notebook.removeprefix("examples/").replace(".ipynb", ".py") in SMALL
            case _:
                pytest.fail(f"nobody runs {command}")


@pytest.mark.parametrize("name", SCRIPTS)
def test_each_runs_as_a_notebook(tmp_path, name):
    for tool in ("jupytext", "nbclient", "ipykernel"):
        if importlib.util.find_spec(tool) is None:
            pytest.skip(f"{tool} is not installed: pip install ipykernel jupytext nbclient")
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    defaults = 'parser.parse_args([] if "ipykernel" in sys.modules else None)'
    assert defaults in text
    small = [*shlex.split(SMALL[name]), "--output", "out"]
    (tmp_path / name).write_text(text.replace(defaults, f"parser.parse_args({small})"), encoding="utf-8")
    home = {"HOME": str(tmp_path), "NUMBA_DISABLE_JIT": "1", **OFFLINE}
    made = started(tmp_path, "-m", "jupytext", "--to", "ipynb", name, **home)
    assert made.returncode == 0, made.stderr
    notebook = tmp_path / name.replace(".py", ".ipynb")
    done = started(tmp_path, "-m", "jupyter", "execute", notebook.name, **home)
    assert done.returncode == 0, done.stderr[-3000:]
    kinds = [cell["cell_type"] for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]]
    assert kinds[:2] == ["markdown", "code"]
    assert kinds.count("code") >= 5
    assert pictures(tmp_path)
