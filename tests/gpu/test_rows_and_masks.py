"""What only some kernels of the GPU promise: masks of the CPU, fixed bits, and what becomes of indices that are none."""

import numpy as np
import pytest
from gpu import emulated
from gpu.checks import check, on_device, on_host
from gpu.gpu_cases import SIZES
from kernel_cases import REFERENCES, converted
from minidl_kernels.cpu import KERNELS as ON_CPU
from minidl_kernels.gpu import KERNELS, launch
from parity import as_tuple, flat, some_gradients
from strategies import normal

from minidl import Sequential, layers
from minidl.devices import device, to_numpy
from minidl.random import training_step
from minidl.tensor import Tensor
from minidl.utils import set_random_seed

every = pytest.mark.parametrize
BY_ROWS = ["layer_normalization", "softmax", "softmax_cross_entropy", "sparse_softmax_cross_entropy"]
WORDS = [
    np.array(words, np.uint64) for words in ([0, 0, 0, 1], [5, 2**64 - 1, 2**63, 2**32], [2**64 - 1] * 4)
]


@every("rate", [0.0, 1e-8, 0.3, 0.5, 1 - 2**-24, 1.0])
@every("words", WORDS, ids=["zero", "mixed", "ones"])
@every("place", ["host", "device"])
def test_masks_are_those_of_the_cpu_and_of_numpy_bit_for_bit(cupy, rate, words, place):
    (x,) = normal(0, (3, 173), dtype=np.float32)
    dy, options = x[::-1].copy(), {"rate": rate, "shared": ()}
    y, cache = KERNELS["dropout"].forward(
        on_device(x), on_device(words) if place == "device" else words, **options
    )
    dx, none = KERNELS["dropout"].backward(on_device(dy), cache)
    assert none is None
    for pair in (ON_CPU["dropout"], REFERENCES["dropout"]):
        wanted, cache = pair.forward(x, words, **options)
        assert on_host(y).tobytes() == wanted.tobytes()
        assert on_host(dx).tobytes() == pair.backward(dy, cache)[0].tobytes()


def test_a_layer_drops_the_same_units_on_both(cupy):
    def dropped(move):
        set_random_seed(3)
        with training_step(7):
            return layers.Dropout(0.4)(Tensor(move(np.ones((9, 31), np.float32))), training=True).data

    np.testing.assert_array_equal(on_host(dropped(on_device)), dropped(np.copy))


@every("targets", ["labels", "one-hot", "one number"])
def test_a_model_trains_to_the_same_weights_on_both(cupy, targets):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 9, (12, 5)), rng.integers(0, 3, 12)
    if targets == "one-hot":
        y = np.eye(3, dtype=np.float32)[y]
    loss = {"labels": "sparse_categorical_crossentropy", "one-hot": "categorical_crossentropy"}.get(targets)

    def trained(where):
        set_random_seed(3)
        with device(where):
            model = Sequential([
                layers.Input((5,), dtype="int64"), layers.Embedding(9, 4), layers.LayerNormalization(), layers.Dropout(0.4),
                layers.Flatten(), layers.Dense(7, "relu"), layers.Dense(3, "softmax") if loss else layers.Dense(1, "sigmoid"),
            ])  # fmt: skip
            model.compile("adam", loss or "binary_crossentropy")
            model.fit(x, y if loss else (y > 1).astype(np.float32), batch_size=5, epochs=2, verbose=0)
            return [to_numpy(w) for w in model.get_weights()]

    launch._functions.clear()
    for ours, theirs in zip(trained("gpu"), trained("cpu"), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    used = {file for _, file, *_ in launch._functions}
    rest = {"softmax"} if loss else {"elementwise"}
    assert used >= {"adam", "dense", "dropout", "elementwise", "embedding", "layer_normalization"} | rest


@every("name", ["dropout", "embedding", *BY_ROWS])
def test_the_order_of_threads_changes_no_bit(cupy, name):
    for case in SIZES[name]:
        arrays, results = converted(case.arrays, "float32"), set()
        (dy,) = some_gradients(name, arrays, case.options, 0)
        for mode in emulated.EVERY_MODE:
            emulated.MODE[0] = mode
            y, cache = KERNELS[name].forward(*map(on_device, arrays), **case.options)
            numbers = [
                on_host(a) for a in (*as_tuple(y), *flat(KERNELS[name].backward(on_device(dy), cache)))
            ]
            results.add(b"".join(a.tobytes() for a in numbers if a is not None))
        assert len(results) == 1


@every("name", ["softmax", "softmax_cross_entropy", "sparse_softmax_cross_entropy"])
@every("classes", [3, 65])
def test_rows_of_infinities_are_those_of_the_reference(cupy, name, classes):
    x = np.zeros((7, classes), np.float32)
    x[0], x[1], x[1, 1], x[2, 2], x[3], x[3, 2] = -np.inf, -np.inf, 5, np.inf, -np.inf, np.nan
    x[4], x[5, 0], x[6] = np.finfo(np.float32).min, 3e38, 1e4
    targets = {
        "softmax": (), "softmax_cross_entropy": (np.eye(classes, dtype=np.float32)[[1, 1, 2, 0, 2, 0, 1]],),
        "sparse_softmax_cross_entropy": (np.array([1, 1, 2, 0, 2, 0, 1]),),
    }[name]  # fmt: skip
    options = {"axis": -1} if name == "softmax" else {}
    with np.errstate(all="ignore"):
        wanted, cache = REFERENCES[name].forward(x, *targets, **options)
        (dy,) = normal(0, wanted.shape, dtype=np.float32)
        wanted_dx = REFERENCES[name].backward(dy, cache)[0]
    y, cache = KERNELS[name].forward(*map(on_device, (x, *targets)), **options)
    np.testing.assert_allclose(on_host(y), wanted, rtol=1e-5)
    np.testing.assert_allclose(
        on_host(KERNELS[name].backward(on_device(dy), cache)[0]), wanted_dx, rtol=1e-5, atol=1e-6
    )


def test_a_label_that_is_no_class_gives_nan(cupy):
    (z,) = normal(0, (5, 4), dtype=np.float32)
    labels = np.array([0, 3, 4, -1, 2**32 + 1])
    loss, cache = KERNELS["sparse_softmax_cross_entropy"].forward(on_device(z), on_device(labels))
    dz = KERNELS["sparse_softmax_cross_entropy"].backward(on_device(np.ones(5, np.float32)), cache)[0]
    wanted = REFERENCES["sparse_softmax_cross_entropy"].forward(z[:2], np.array([0, 3]))[0]
    np.testing.assert_allclose(on_host(loss)[:2], wanted, rtol=1e-5)
    assert np.isnan(on_host(loss)[2:]).all()
    assert np.isfinite(on_host(dz)[:2]).all()
    assert np.isnan(on_host(dz)[2:]).all()


def test_an_id_that_is_no_row_gives_nan(cupy):
    (table,) = normal(0, (4, 3), dtype=np.float32)
    y, cache = KERNELS["embedding"].forward(on_device(np.array([[3, 3], [0, 0]])), on_device(table))
    np.testing.assert_array_equal(on_host(y), table[[[3, 3], [0, 0]]])
    rows, values = KERNELS["embedding"].backward(on_device(np.ones((2, 2, 3), np.float32)), cache)[1]
    np.testing.assert_array_equal(on_host(rows), [0, 3])
    np.testing.assert_array_equal(on_host(values), np.full((2, 3), 2))
    y = on_host(KERNELS["embedding"].forward(on_device(np.array([4, 1, -1, 2**32])), on_device(table))[0])
    assert np.isnan(y[[0, 2, 3]]).all()
    np.testing.assert_array_equal(y[1], table[1])


def check_sizes(name):
    for mode in emulated.EVERY_MODE:
        emulated.MODE[0] = mode
        for case in SIZES[name]:
            check(name, case)


WITH_BARRIERS = [("row_sum", name) for name in BY_ROWS] + [
    ("row_max", name) for name in BY_ROWS if "softmax" in name
]


@every("cupy", ["emulated"], indirect=True)
@every(("function", "name"), WITH_BARRIERS)
def test_a_row_needs_the_barriers_of_the_prelude(cupy, monkeypatch, function, name):
    whole = launch.source

    def without(file):
        before, start, behind = whole(file).partition(f" {function}(")
        assert "__syncthreads();" in behind
        return before + start + behind.replace("__syncthreads();", "", 1)

    monkeypatch.setattr(launch, "source", without)
    launch._functions.clear()
    launch._module.cache_clear()
    try:
        with pytest.raises((AssertionError, emulated.EmulationError)):
            check_sizes(name)
    finally:
        launch._functions.clear()
        launch._module.cache_clear()
