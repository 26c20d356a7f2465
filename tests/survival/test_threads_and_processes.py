"""Whole models in several threads, and in children by fork and by spawn. `tests/kernels` has the same for kernels.

Each test is a process of its own with a time limit: it must neither hang nor die, and all bits must agree.
"""

import sys

import pytest
from processes import python

COMMON = """
import hashlib, multiprocessing as mp, sys, threading
import numpy as np
import minidl
from minidl import layers as L

def made(kind, seed=3):
    minidl.utils.set_random_seed(seed)
    if kind == "images":
        model = minidl.Sequential([L.Input((12, 12, 3)), L.Conv2D(8, 3, activation="relu"), L.BatchNormalization(),
                                   L.MaxPooling2D(2), L.Flatten(), L.Dropout(0.3), L.Dense(3, activation="softmax")])
    else:
        model = minidl.Sequential([L.Input((20, 5)), L.Bidirectional(L.LSTM(8, return_sequences=True)), L.GRU(6),
                                   L.LayerNormalization(), L.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model

def data(kind, n=96):
    rng = np.random.default_rng(7)
    shape = (n, 12, 12, 3) if kind == "images" else (n, 20, 5)
    return rng.normal(size=shape).astype("float32"), rng.integers(0, 3, n)

def fitted(kind, seed=3):
    model = made(kind, seed)
    model.fit(*data(kind), batch_size=32, epochs=2, verbose=0)
    return model

def bits(model):
    return hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).hexdigest()

def used(model, kind):
    x, y = data(kind)
    return model.predict(x, verbose=0, batch_size=16).tobytes(), model.evaluate(x, y, verbose=0)

def job(kind):
    model = fitted(kind)
    return bits(model), used(model, kind)

KINDS = ["images", "series"]
"""

PREDICT = """
for kind in KINDS:
    model = fitted(kind)
    x = [data(kind, n)[0] for n in (16, 33, 64, 96)]
    serial = [model.predict(a, verbose=0, batch_size=16) for a in x]
    before, wrong = bits(model), []
    other, alone = made(kind, 5), bits(fitted(kind, 5))
    def predict(i):
        for j in range(8):
            k = (i + j) % 4
            got = model.predict(x[k], verbose=0, batch_size=16)
            if got.tobytes() != serial[k].tobytes() or model.predict_on_batch(x[k]).shape != got.shape:
                wrong.append((i, k))
    def train():
        other.fit(*data(kind), batch_size=32, epochs=2, verbose=0)
    threads = [threading.Thread(target=predict, args=(i,)) for i in range(6)] + [threading.Thread(target=train)]
    for t in threads: t.start()
    for t in threads: t.join()
    assert not wrong, wrong
    assert bits(model) == before
    assert bits(other) == alone, "the model that was trained meanwhile is as if it had been alone"
"""

TRAIN = """
for kind in KINDS:
    alone = bits(fitted(kind))
    made_ = [made(kind) for _ in range(4)]  # seeds are of the whole process
    threads = [threading.Thread(target=lambda m=m: m.fit(*data(kind), batch_size=32, epochs=2, verbose=0)) for m in made_]
    for t in threads: t.start()
    for t in threads: t.join()
    assert {bits(m) for m in made_} == {alone}
"""

FIRST = """
model = made("images")
x = data("images")[0]
results = []
threads = [threading.Thread(target=lambda: results.append(model.predict(x, verbose=0).tobytes())) for _ in range(6)]
for t in threads: t.start()
for t in threads: t.join()
assert len(results) == 6 and len(set(results)) == 1
"""

PROCESSES = """
if __name__ == "__main__":
    wanted = [job(kind) for kind in KINDS]  # kernels have run here
    with mp.get_context(sys.argv[1]).Pool(2) as pool:
        assert pool.map(job, KINDS * 2) == wanted * 2
    assert [job(kind) for kind in KINDS] == wanted
"""

MIDWAY = """
model = fitted("images")
class Fork(minidl.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 1:
            process = mp.get_context("fork").Process(target=lambda: sys.exit(job("series") != wanted))
            process.start()
            process.join(100)
            assert process.exitcode == 0, process.exitcode
wanted = job("series")
clean, model = made("images"), made("images")
clean.fit(*data("images"), batch_size=32, epochs=1, verbose=0)
made("images")
model.fit(*data("images"), batch_size=32, epochs=1, verbose=0, callbacks=[Fork()])
assert bits(model) == bits(clean)
"""

SCRIPTS = {
    "predict in threads": (PREDICT, 6), "train in threads": (TRAIN, 4), "first use in threads": (FIRST, 6),
    "fork": (PROCESSES, 2), "spawn": (PROCESSES, 2), "fork in the middle of fit": (MIDWAY, 1),
}  # fmt: skip


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("threads", ["1", "4"])
def test_in_a_process(name, threads, tmp_path, counted):
    script, workers = SCRIPTS[name]
    if "fork" in name and sys.platform != "linux":
        pytest.skip("fork is for Linux")
    file = tmp_path / "script.py"
    file.write_text(COMMON + script)
    options = ["-W", "error", "-W", "ignore::DeprecationWarning"]
    out, err = python(file, name, timeout=200, options=options, MINIDL_THREADS=threads)
    assert (out, err) == ("", "")
    counted("models in threads and processes", workers)
