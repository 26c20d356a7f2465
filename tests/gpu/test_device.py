"""Choosing a device: what holds where, and what is said when a GPU cannot be used."""

import builtins
import sys
import threading

import numpy as np
import pytest
from gpu import standin

import minidl
from minidl import (
    DeviceError,
    Tensor,
    Variable,
    backend,
    cuda,
    current_device,
    device,
    devices,
    set_device,
    to_device,
    to_numpy,
)  # fmt: skip
from minidl.devices import beside, home, is_array, kept, on_gpu, together

pytestmark = pytest.mark.usefixtures("nothing_chosen")


@pytest.fixture
def install(monkeypatch):
    """Puts a stand-in in place of CuPy; a module, or None for no CuPy."""

    def put(module):
        monkeypatch.setitem(sys.modules, "cupy", module)
        return module

    return put


@pytest.fixture
def gpu(install):
    """A machine with one GPU."""
    return install(standin.cupy_module())


@pytest.fixture
def nothing(monkeypatch):
    """A machine on which CuPy is not installed."""
    _failing_import(monkeypatch, ModuleNotFoundError("No module named 'cupy'", name="cupy"))


def _failing_import(monkeypatch, error):
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "cupy":
            raise error
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)


# --- what is said -----------------------------------------------------------------------------------------------------


def test_no_cupy(nothing):
    with pytest.raises(
        DeviceError, match=r"needs CuPy, which is not installed: pip install \"cupy-cuda13x\[ctk\]\""
    ):
        set_device("gpu")
    assert current_device() == "cpu"


def test_cupy_that_cannot_be_imported(monkeypatch):
    _failing_import(monkeypatch, ImportError("libcuda.so.1: cannot open shared object file"))
    with pytest.raises(DeviceError, match=r"cannot be imported.*libcuda") as caught:
        set_device("gpu")
    assert isinstance(caught.value.__cause__, ImportError)


def test_a_module_that_cupy_misses_is_not_taken_for_cupy(monkeypatch):
    _failing_import(monkeypatch, ModuleNotFoundError("No module named 'cuda'", name="cuda"))
    with pytest.raises(DeviceError, match="is installed but cannot be imported"):
        set_device("gpu")


def test_no_driver(install):
    install(standin.cupy_module(driver=0))
    with pytest.raises(DeviceError, match=r"No NVIDIA driver was found on this machine.* Use device 'cpu'\."):
        set_device("gpu")


def test_an_old_driver(install):
    install(standin.cupy_module(driver=12040, toolkit=13000))
    with pytest.raises(
        DeviceError,
        match=r"supports CUDA 12\.4, CuPy 14\.2\.0 needs CUDA 13.*uninstall cupy-cuda13x.*\"cupy-cuda12x\[ctk\]\"",
    ):
        set_device("gpu")


def test_hidden_gpus(install, monkeypatch):
    module = install(standin.cupy_module())

    def none():
        raise RuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected")

    module.cuda.runtime.getDeviceCount = none
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(DeviceError, match=r"shows no GPU .*no CUDA-capable.*CUDA_VISIBLE_DEVICES is ''"):
        set_device("gpu")


def test_no_gpu_is_counted(install, monkeypatch):
    install(standin.cupy_module(count=0))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    with pytest.raises(DeviceError, match=r"shows no GPU \(it counts 0\)\. CUDA_VISIBLE_DEVICES is '-1'"):
        set_device("gpu")


def test_a_number_that_is_not_there(gpu):
    with pytest.raises(DeviceError, match=r"Device 'gpu:1' does not exist: this machine shows 1 GPU\(s\)"):
        set_device("gpu:1")


def test_a_library_that_is_missing(gpu):
    def failing(*_, **__):
        raise ImportError("libnvrtc.so.13 was not found")

    gpu.ones = failing
    with pytest.raises(DeviceError, match=r"cannot compute on gpu:0 .*libnvrtc.*pip install"):
        set_device("gpu")


@pytest.mark.parametrize("name", ["cuda", "GPU", "gpu:", "gpu:-1", "gpu:x", "gpu:1:2", "", None, 0, "cpu:0"])
def test_a_name_that_means_nothing(gpu, name):
    with pytest.raises(ValueError, match=r"Unknown device .*use 'cpu', 'gpu', 'gpu:0'"):
        set_device(name)
    assert current_device() == "cpu"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("GPU", "gpu"), ("cuda", "gpu"), ("gpu0", "gpu"), ("cuda:0", "gpu"), ("gpu1", "gpu:1"), ("CUDA:2", "gpu:2"),
        ("CPU", "cpu"), ("cpu:0", "cpu"),
    ],
)  # fmt: skip
def test_a_name_that_is_nearly_one(gpu, name, meant):
    with pytest.raises(ValueError, match=f"Unknown device '{name}'.* Did you mean '{meant}'\\?$"):
        set_device(name)


def test_a_name_that_is_far_from_one_is_not_guessed(gpu):
    with pytest.raises(ValueError, match=r"'auto'\.$"):
        set_device("tpu")


def test_a_failure_of_an_earlier_kernel_says_how_to_find_it(gpu, monkeypatch):
    def failing(*_, **__):
        raise RuntimeError("cudaErrorIllegalAddress")

    x = to_device(np.ones(2), "gpu")
    monkeypatch.setattr(type(x), "get", failing)
    with pytest.raises(RuntimeError, match="cudaErrorIllegalAddress") as caught:
        to_numpy(x)
    assert "CUDA_LAUNCH_BLOCKING=1" in caught.value.__notes__[0]


# --- what holds -------------------------------------------------------------------------------------------------------


def test_names_in_full(gpu):
    assert [set_device(name) for name in ("cpu", "gpu", "gpu:0", "auto")] == [
        "cpu",
        "gpu:0",
        "gpu:0",
        "gpu:0",
    ]


def test_auto_falls_back(nothing):
    assert set_device("auto") == "cpu"
    assert current_device() == "cpu"


def test_auto_falls_back_without_a_driver(install):
    install(standin.cupy_module(driver=0))
    assert set_device("auto") == "cpu"


def test_gpu_never_falls_back(nothing):
    for _ in range(2):
        with pytest.raises(DeviceError), device("gpu"):
            pass


def test_it_works_once_what_was_missing_is_there(install):
    install(standin.cupy_module(driver=0))
    with pytest.raises(DeviceError):
        set_device("gpu")
    install(standin.cupy_module())
    assert set_device("gpu") == "gpu:0"


def test_a_failed_choice_changes_nothing(gpu):
    set_device("gpu")
    with pytest.raises(DeviceError):
        set_device("gpu:7")
    assert current_device() == "gpu:0"


def test_set_device_holds_in_other_threads_and_notebook_cells(gpu):
    """A notebook runs each cell in a context of its own, as a thread does."""
    found = []

    def cell():
        found.append(current_device())

    set_device("gpu")
    for _ in range(2):
        thread = threading.Thread(target=cell)
        thread.start()
        thread.join()
    assert found == ["gpu:0", "gpu:0"]


def test_a_device_chosen_in_a_thread_holds_outside(gpu):
    thread = threading.Thread(target=set_device, args=("gpu",))
    thread.start()
    thread.join()
    assert current_device() == "gpu:0"


def test_a_block_holds_within_and_in_its_thread_only(gpu):
    found = []
    with device("gpu") as name:
        assert name == current_device() == "gpu:0"
        thread = threading.Thread(target=lambda: found.append(current_device()))
        thread.start()
        thread.join()
        with device("cpu"):
            assert current_device() == "cpu"
        assert current_device() == "gpu:0"
    assert current_device() == "cpu"
    assert found == ["cpu"]


def test_a_block_that_fails_ends(gpu):
    with pytest.raises(ZeroDivisionError), device("gpu"):
        1 / 0  # noqa: B018
    assert current_device() == "cpu"


def test_the_environment_names_the_first_device(gpu, monkeypatch):
    monkeypatch.setenv("MINIDL_DEVICE", "gpu")
    assert current_device() == "gpu:0"
    set_device("cpu")
    assert current_device() == "cpu"


def test_the_environment_is_held_to_the_same_rules(nothing, monkeypatch):
    monkeypatch.setenv("MINIDL_DEVICE", "gpu")
    with pytest.raises(DeviceError, match="needs CuPy"):
        current_device()
    monkeypatch.setenv("MINIDL_DEVICE", "grafikkarte")
    with pytest.raises(ValueError, match=r"MINIDL_DEVICE=grafikkarte .*Unknown device 'grafikkarte'"):
        current_device()


def test_an_environment_that_says_nothing_means_the_cpu(monkeypatch):
    monkeypatch.setenv("MINIDL_DEVICE", "")
    assert current_device() == "cpu"


def test_public_names():
    assert minidl.set_device is set_device
    assert {"set_device", "device", "current_device", "DeviceError", "to_device", "to_numpy"} <= set(
        minidl.__all__
    )


# --- arrays -----------------------------------------------------------------------------------------------------------


def test_there_and_back(gpu):
    x = np.arange(3.0)
    there = to_device(x, "gpu")
    assert (home(x), home(there), home(1.0)) == ("cpu", "gpu:0", "cpu")
    assert on_gpu(there)
    assert is_array(there)
    assert not is_array([1.0])
    assert to_device(there, "gpu") is there
    assert to_device(x, "cpu") is x
    assert to_numpy(x) is x
    np.testing.assert_array_equal(to_numpy(there), x)
    np.testing.assert_array_equal(to_device(there, "cpu"), x)
    with device("gpu"):
        assert on_gpu(to_device([1.0, 2.0]))
    assert not on_gpu(to_device([1.0, 2.0]))


def test_kept_and_beside(gpu):
    there = to_device(np.arange(3.0), "gpu")
    assert kept(there) is there
    assert type(kept(np.float32(1))) is np.ndarray
    assert on_gpu(beside(np.ones(2), there))
    assert not on_gpu(beside(np.ones(2), np.ones(2)))


def test_together(gpu):
    here = np.ones(2)
    there = to_device(here, "gpu")
    assert together("op", (there, 1.0, None, np.float32(2), np.ones(()))) is True
    assert together("op", (here, 1.0)) is False
    assert together("op", (1.0, None)) is False
    with pytest.raises(TypeError, match=r"dot got arrays on cpu and gpu:0\. Nothing is copied silently"):
        together("dot", (here, there))


def test_no_cupy_is_imported_for_the_cpu(nothing):
    with device("cpu"):
        assert not on_gpu(np.ones(2))
        assert set_device("cpu") == current_device() == "cpu"


def test_a_number_that_joins_arrays_on_the_gpu_stays_one_number(gpu):
    there = to_device(np.arange(3, dtype=np.float32), "gpu")
    (_, number) = devices.beside_each_other("add", (there, np.array(2.5)))
    assert (number.shape, number.dtype, number.item(), home(number)) == ((), np.float64, 2.5, "gpu:0")
    y = np.multiply(Tensor(np.array(3, np.float32)), Tensor(np.array(2.0)).data)
    assert y.shape == ()


def test_the_stand_in_takes_no_shape_for_that_of_the_array_as_cupy_does(gpu):
    there = to_device(np.ones(3), "gpu")
    for make in (
        np.zeros_like,
        np.ones_like,
        np.empty_like,
        lambda x, shape: np.full_like(x, 7, shape=shape),
    ):
        assert make(there, shape=()).shape == (3,)
        assert make(there, shape=(2, 2)).shape == (2, 2)


# --- tensors from one device to another -------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["function", "method"])
def test_a_tensor_stays_a_tensor_and_its_gradient_comes_back(gpu, way):
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = to_device(x, "gpu") if way == "function" else x.to_device("gpu")
    assert type(y) is Tensor
    assert (home(y.data), y.requires_grad) == ("gpu:0", True)
    (y * y).sum().backward()
    assert type(x.grad) is np.ndarray
    np.testing.assert_array_equal(x.grad, [2, 4])
    assert to_device(y, "gpu") is y
    assert to_device(x, "cpu") is x
    assert type(to_device(Tensor([1.0]), "gpu")) is Tensor


def test_a_gradient_goes_there_and_back_again(gpu):
    x = Tensor([1.0, 2.0], requires_grad=True)
    (to_device(to_device(x, "gpu") * 3, "cpu") * np.array([5.0, 7.0], np.float32)).sum().backward()
    np.testing.assert_array_equal(x.grad, [15, 21])


def test_a_variable_keeps_its_place_and_gets_its_gradient(gpu):
    w = Variable([1.0, 2.0])
    (to_device(w, "gpu") * 3).sum().backward()
    assert home(w.data) == "cpu"
    np.testing.assert_array_equal(w.grad, [3, 3])


# --- what costs nothing where there is no GPU -------------------------------------------------------------------------


def test_a_cupy_without_a_gpu_is_asked_nothing_any_more(install, monkeypatch):
    install(standin.cupy_module(driver=0))
    assert cuda.possible()
    assert set_device("auto") == "cpu"
    assert not cuda.possible()

    def asked(*_):
        raise AssertionError("somebody asks for arrays on a GPU")

    for name in ("minidl.tensor.beside_each_other", "minidl.tensor.elsewhere", "minidl.devices.elsewhere"):
        monkeypatch.setattr(name, asked)
    x = Tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    np.testing.assert_array_equal(x.grad, [2, 4])
    install(standin.cupy_module())
    assert cuda.possible(), "another CuPy may have one"


def test_available_kernels_name_the_gpu(install):
    set_device("cpu")
    assert backend.available()["gpu"].startswith("off: ")
    install(standin.cupy_module(driver=0))
    set_device("auto")
    assert "No NVIDIA driver" in backend.available()["gpu"]
    install(standin.cupy_module())
    set_device("gpu")
    assert backend.available()["gpu"] == f"{len(backend._gpu_kernels())} kernels, CuPy 14.2.0"


def test_kernels_of_a_gpu_need_no_numba(gpu, monkeypatch):
    monkeypatch.setattr(backend, "_cpu_kernels", lambda: ({}, "off: no Numba"))
    with pytest.raises(ImportError, match="cpu is off: no Numba"):
        backend.kernels_on()
    with device("gpu"), backend.kernels_on():
        assert backend.kernels_enabled()
