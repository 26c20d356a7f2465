"""More than one GPU: everything runs on that of its arrays, whatever the current one of the thread is."""

import sys
import threading

import numpy as np
import pytest
from gpu import emulated, standin

from minidl import (
    Sequential,
    Tensor,
    Variable,
    backend,
    current_device,
    device,
    layers,
    optimizers,
    set_device,
    to_device,
    to_numpy,
)  # fmt: skip
from minidl.devices import home


@pytest.fixture(autouse=True)
def two(monkeypatch, nothing_chosen):
    """A machine with two GPUs that do not see each other's memory. Its CuPy runs references alone."""
    monkeypatch.setitem(sys.modules, "cupy", emulated.with_kernels(standin.cupy_module(count=2)))
    with backend.kernels_off():
        yield sys.modules["cupy"]


def elsewhere(call):
    """What `call` gives in a thread of its own, whose current GPU is the first."""
    found = []

    def run():
        with backend.kernels_off():  # which holds in its own thread only
            found.append(call())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


def test_the_stand_in_refuses_what_is_on_another_gpu(two):
    with two.cuda.Device(1):
        x = two.asarray(np.ones((2, 2)))
    assert x.device == two.cuda.Device(1)
    for compute in (lambda: x + 1, lambda: np.exp(x), x.sum, lambda: x.fill(2), lambda: x.__setitem__(0, 1)):
        with pytest.raises(ValueError, match=r"resides \(1\) is different from the current device \(0\)"):
            compute()
    assert home(x.T[0]) == "gpu:1"
    assert home(two.zeros_like(x)) == home(x.copy()) == home(two.asarray(x)) == "gpu:0"
    np.testing.assert_array_equal(x.get(), np.ones((2, 2)))


def test_the_environment_makes_its_gpu_the_current_one(two, monkeypatch):
    monkeypatch.setenv("MINIDL_DEVICE", "gpu:1")
    assert current_device() == "gpu:1"
    assert two.cuda.Device().id == 1


def computed():
    x = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    y = np.exp(x * np.array(2.0, np.float32) + x).sum() + x.sum()
    y.backward()
    return home(y.data), home(x.grad), to_numpy(x.grad)


@pytest.mark.parametrize("run", [lambda call: call(), elsewhere], ids=["here", "in a thread"])
def test_ops_run_on_the_gpu_of_their_arrays(two, run):
    set_device("gpu:1")
    x = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    of_y, of_gradient, gradient = run(computed)
    assert (of_y, of_gradient) == ("gpu:1", "gpu:1")
    np.testing.assert_allclose(gradient, 3 * np.exp(3 * x) + 1, rtol=1e-5)
    assert elsewhere(lambda: two.cuda.Device().id) == 0


def test_a_graph_that_crosses_gpus(two):
    with device("gpu:0"):
        x = Tensor([1.0, 2.0], requires_grad=True)
    y = to_device(x, "gpu:1")
    z = to_device(x, "gpu:1")
    (np.exp(y) * z).sum().backward()
    assert home(x.grad) == "gpu:0"
    np.testing.assert_allclose(to_numpy(x.grad), np.exp([1, 2]) * [2, 3], rtol=1e-6)


def test_arrays_of_two_gpus_do_not_mix(two):
    x = np.ones(2)
    with pytest.raises(TypeError, match="add got arrays on gpu:0 and gpu:1"):
        Tensor(to_device(x, "gpu:0")) + Tensor(to_device(x, "gpu:1"))


def test_a_variable_is_assigned_on_its_gpu(two):
    with device("gpu:1"):
        w = Variable([1.0, 2.0])
    w.assign([3.0, 4.0])
    w.assign_add([1.0, 1.0])
    w.assign_sub([0.5, 0.5])
    assert home(w.data) == "gpu:1"
    np.testing.assert_array_equal(w.numpy(), [3.5, 4.5])


@pytest.mark.parametrize("how", ["apply", "step"])
def test_an_optimizer_works_on_the_gpu_of_its_variables(two, how):
    with device("gpu:1"):
        w = Variable([1.0, 2.0])
    optimizer = optimizers.Adam(0.5)
    if how == "apply":
        optimizer.apply([[1.0, -1.0]], [w])
    else:
        with device("gpu:1"):
            optimizer.build([w])
        (w * 3 - w * w).sum().backward()  # 3 - 2w = 1, -1
        optimizer.step()
    assert home(w.data) == "gpu:1"
    np.testing.assert_allclose(w.numpy(), [0.5, 2.5], rtol=1e-5)


def test_a_model_is_called_and_trained_on_its_gpu(two):
    with device("gpu:1"):
        model = Sequential([layers.Input((3,)), layers.Dense(4, activation="relu"), layers.Dense(1)])
        model.compile("sgd", "mse")
        x = to_device(np.ones((4, 3), np.float32))
    places = []
    model.layers[0].call = lambda x, call=model.layers[0].call: places.append(two.cuda.Device().id) or call(x)
    model(x)
    assert places == [1], "what a layer does beside its ops is done there too"
    assert home(model(x).data) == home(model(np.ones((4, 3), np.float32)).data) == "gpu:1"
    model.fit(np.ones((4, 3), np.float32), np.ones((4, 1), np.float32), verbose=0)
    assert {home(w.data) for w in model.weights} == {"gpu:1"}
    assert type(elsewhere(lambda: model.predict(np.ones((4, 3), np.float32), verbose=0))) is np.ndarray
