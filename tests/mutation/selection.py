"""Which tests are responsible for which file: the first pattern that fits counts.

Folders where it can be, so that tests may come and go, each with the words of pytest's -k where only some of its
tests are meant. They run one after the other until one fails, so the quick ones that see most stand first. With the
first of them run the examples in the docstrings of the file itself.
"""

import re
from pathlib import Path

# The registry of all ops, layers and losses:
_GRADIENTS, _EVERY_LAYER = "tests/gradients", "tests/layers/test_every_layer.py"
# The kernels' loops, at first without their compiler:
_PLAIN, _KERNELS = "tests/kernels/test_plain_python.py", "tests/kernels"
_ANY_LAYER = ["tests/layers/test_masks.py", "tests/layers/test_refusals.py", "tests/layers/test_base.py"]
_SUMS = "tests/numbers/test_accumulators.py"
_FIT = "tests/models/test_training.py"
_INSPECT = "tests/inspect"
_TRAINING = "data or replay or resuming or multi_output or reuse or learning"
_RECURRENT = "lstm or gru or rnn or bidirectional or distributed"
_WINDOWS = "conv or pool or pad or crop or upsampling or bilinear"


def _layers(folder: str, words: str) -> tuple[str, list[str]]:
    every = [f"{tests} -k {words}" for tests in (_EVERY_LAYER, _GRADIENTS)]
    return rf"minidl/layers/{folder}/", [f"tests/layers/{folder}", *every, _SUMS, *_ANY_LAYER, "tests/errors"]


def _kernels(files: str, words: str) -> tuple[str, list[str]]:
    return rf"kernels/.*/cpu/({files})\.py", [_PLAIN, f"{_KERNELS} -k {words}", _SUMS]


# (pattern of the file, tests)
RESPONSIBLE: list[tuple[str, list[str]]] = [
    _kernels("adam", "adam"),
    _kernels("(batch|layer)_normalization", "normalization"),
    _kernels("convolution.*", "conv or lies or options"),
    _kernels("pooling", "pool or lies or options"),
    (r"kernels/minidl_kernels/series\.py", [_PLAIN, f"{_KERNELS} -k 1d or lies or options", _SUMS]),
    _kernels("crossentropy", "entropy or labels or infinity"),
    _kernels("dense", "dense"),
    _kernels("embedding", "embedding"),
    _kernels("activations", "relu or sigmoid or tanh or softmax"),
    _kernels("recurrent.*|sequence|cells|curves", "lstm or gru or rnn"),
    (r"kernels/.*/cpu/tile\.py", [_PLAIN, "tests/kernels/test_tile.py", "tests/kernels/test_parity.py"]),
    (r"kernels/.*/cpu/exponential\.py", [_PLAIN, "tests/kernels/test_tile.py", f"{_KERNELS} -k sigmoid or softmax or lstm"]),
    (r"kernels/.*/cpu/(chain|lines)\.py", ["tests/kernels/test_chain.py", "tests/models/test_replay.py"]),
    (r"kernels/.*/cpu/product\.py", [_PLAIN, f"{_KERNELS} -k dense"]),
    (r"kernels/", [_PLAIN, _KERNELS]),
    (r"minidl/(graph|tensor|tracing|backend)\.py",
     ["tests/test_tensor.py", "tests/primitives", "tests/layers/core", "tests/layers/test_base.py", "tests/optimizers",
      f"{_GRADIENTS} -k primitive", _SUMS]),
    (r"minidl/variable\.py", ["tests/test_tensor.py", "tests/optimizers", "tests/layers/core", _FIT]),
    (r"minidl/special\.py", ["tests/test_special.py", "tests/test_activations.py"]),
    (r"minidl/primitives/", ["tests/primitives", "tests/test_ops.py", "tests/test_tensor.py", f"{_GRADIENTS} -k primitive"]),
    (r"minidl/activations/", ["tests/test_activations.py", "tests/layers/core", f"{_GRADIENTS} -k activation"]),
    (r"minidl/losses/", ["tests/losses", _FIT, "tests/numbers", f"{_GRADIENTS} -k loss", "tests/errors"]),
    (r"minidl/metrics/", ["tests/metrics", _FIT, "tests/models/test_multi_output.py", _SUMS, "tests/errors"]),
    (r"minidl/optimizers/", ["tests/optimizers", _FIT, "tests/numbers", "tests/errors"]),
    (r"minidl/regularizers\.py", ["tests/test_regularizers.py", "tests/layers/test_base.py", "tests/errors"]),
    (r"minidl/constraints\.py", ["tests/test_constraints.py", "tests/errors"]),
    (r"minidl/initializers/", ["tests/test_initializers.py", "tests/errors"]),
    (r"minidl/random/", ["tests/test_random.py", "tests/layers/regularization"]),
    _layers("core", "dense or embedding or prelu or masking or rescaling or repeat or reshape or permute or activation"),
    _layers("recurrent", _RECURRENT),
    _layers("convolutional", _WINDOWS),
    _layers("pooling", _WINDOWS),
    _layers("normalization", "normalization"),
    _layers("regularization", "dropout or noise or regularization"),
    _layers("merge", "add or subtract or multiply or average or maximum or minimum or concatenate or dot"),
    (r"minidl/layers/", [*_ANY_LAYER, "tests/layers/core", "tests/layers/merge", _EVERY_LAYER, "tests/models -k not drawn"]),
    (r"minidl/models/", [_FIT, f"tests/models -k {_TRAINING}", "tests/callbacks", "tests/models -k not drawn"]),
    (r"minidl/callbacks/", ["tests/callbacks"]),
    (r"minidl/saving/", ["tests/saving", "tests/models/test_chosen_weights.py"]),
    (r"minidl/datasets/", ["tests/datasets"]),
    (r"minidl/preprocessing/", ["tests/preprocessing"]),
    (r"minidl/utils/", ["tests/utils", "tests/preprocessing", _FIT]),
    (r"minidl/gradcheck/", ["tests/test_gradcheck.py", f"{_INSPECT} -k gradcheck"]),
    (r"minidl/inspect/(explanation|equations)/", [f"{_INSPECT} -k equations or explain"]),
    (r"minidl/inspect/traced/elements/", [f"{_INSPECT} -k elements", f"{_INSPECT} -k trace"]),
    (r"minidl/inspect/traced/", [f"{_INSPECT} -k trace", f"{_INSPECT} -k elements or pictures"]),
    (r"minidl/inspect/(pictures|graph)/", [f"{_INSPECT} -k pictures or plot"]),
    (r"minidl/inspect/comparing/", [f"{_INSPECT} -k comparing"]),
    (r"minidl/inspect/page/", [f"{_INSPECT} -k page and not browser"]),
    (r"minidl/inspect/", [f"{_INSPECT} -k not browser"]),
]  # fmt: skip


def responsible(file: str, root: Path) -> list[list[str]]:
    """For a fault in `file`: the arguments of pytest, run after run, of the tests that the tree `root` has."""
    for pattern, tests in RESPONSIBLE:
        if re.match(pattern, file):
            runs = [test.split(" ", 2) for test in tests]
            return [run for run in runs if (root / run[0]).exists()]
    return [["tests"]]
