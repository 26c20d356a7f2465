"""The fixture `cupy`: CuPy, once played by the stand-in and once (pytest -m gpu, on a machine with a GPU) the real one."""

import sys

import pytest
from gpu import blas, emulated, standin, streams
from minidl_kernels.gpu import launch, product

from minidl import cuda, devices


def _forget_what_was_compiled():
    """And which devices were found and chosen, as the next module finds another CuPy."""
    devices._chosen = None
    cuda.working.cache_clear()
    cuda._ruled_out.clear()
    launch._functions.clear()
    launch._module.cache_clear()
    launch.most_shared.cache_clear()
    product._handles.of_device.clear()


@pytest.fixture(scope="module", params=["emulated", pytest.param("real", marks=pytest.mark.gpu)])
def cupy(request):
    """The module that kernels find as `cupy`."""
    with pytest.MonkeyPatch.context() as patch:
        _forget_what_was_compiled()
        if request.param == "real":
            yield _real()
        else:
            if emulated.compiler() is None:
                pytest.skip("kernels are emulated by g++, which is not here")
            library = blas.Cublas()
            patch.setitem(sys.modules, "cupy", emulated.with_kernels(standin.cupy_module()))
            patch.setattr(product, "_library", lambda: library)
            yield sys.modules["cupy"]
        _forget_what_was_compiled()


def _real():
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
    try:
        cupy.ones(2).sum().item()
    except Exception as error:
        pytest.skip(f"no GPU that CuPy can use: {error}")
    return cupy


@pytest.fixture
def nothing_chosen(monkeypatch):
    """As in a new process: no device was named, none was found or ruled out."""
    monkeypatch.delenv("MINIDL_DEVICE", raising=False)
    monkeypatch.setattr(devices, "_chosen", None)
    monkeypatch.setattr(cuda, "_ruled_out", [])
    cuda.working.cache_clear()
    yield
    cuda.working.cache_clear()


@pytest.fixture(autouse=True)
def _usual_mode():
    """Kernels run in ascending order and unwatched, on the first GPU, but for the tests that say otherwise."""
    yield
    emulated.MODE[0] = emulated.Mode()
    streams.place.number = 0
