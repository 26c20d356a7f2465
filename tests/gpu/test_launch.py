"""What a launch refuses, and matrix products by cuBLAS."""

import gc
import threading
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
from gpu.checks import on_device, on_host
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from minidl_kernels.gpu import launch as launching
from minidl_kernels.gpu import product as products
from minidl_kernels.gpu.launch import LARGEST, each
from minidl_kernels.gpu.product import product
from strategies import normal

from minidl import cuda, devices

every = pytest.mark.parametrize


def matrix(*shape, seed=0):
    return normal(seed, shape, dtype=np.float32)[0]


def add_bias(*args):
    each("dense", "add_bias", 12, *args)


def test_a_launch_reads_its_arguments_as_the_kernel_does(cupy):
    y, b = on_device(matrix(3, 4)), on_device(matrix(4))
    before = on_host(y)
    add_bias(b, y, 4, 12)
    np.testing.assert_array_equal(on_host(y), before + on_host(b))


def test_nothing_is_left_of_the_cupy_of_another_test(cupy):
    assert cuda.working(0) is cupy
    assert devices._chosen is None


def test_a_kernel_runs_on_the_gpu_of_its_arrays(cupy):
    if not hasattr(cupy, "is_standin") and cupy.cuda.runtime.getDeviceCount() < 2:
        pytest.skip("there is no second GPU")
    with cupy.cuda.Device(1):
        y, b = on_device(matrix(3, 4)), on_device(matrix(4))
    add_bias(b, y, 4, 12)
    np.testing.assert_array_equal(on_host(y), matrix(3, 4) + matrix(4))


def test_a_launch_that_fails_names_its_kernel(cupy, monkeypatch):
    def failing(*_, **__):
        raise RuntimeError("cudaErrorIllegalAddress")

    monkeypatch.setattr(launching, "_function", lambda *_: failing)
    with pytest.raises(RuntimeError, match="IllegalAddress") as caught:
        add_bias(on_device(matrix(4)), on_device(matrix(3, 4)), 4, 12)
    assert "add_bias in dense.cu" in caught.value.__notes__[0]
    assert "CUDA_LAUNCH_BLOCKING=1" in caught.value.__notes__[0]


def test_an_array_out_of_order_is_refused(cupy):
    with pytest.raises(ValueError, match=r"argument 1 of shape \(4, 3\) is not C-contiguous"):
        add_bias(on_device(matrix(4)), on_device(matrix(3, 4)).T, 4, 12)


def test_an_array_too_large_for_32_bits_is_refused(cupy, monkeypatch):
    monkeypatch.setattr(launching, "LARGEST", 11)
    with pytest.raises(ValueError, match="12 elements"):
        add_bias(on_device(matrix(4)), on_device(matrix(3, 4)), 4, 12)
    assert LARGEST + launching.MOST_BLOCKS * launching.THREADS < 2**31


def test_an_int_too_large_for_32_bits_is_refused(cupy):
    with pytest.raises(OverflowError):
        add_bias(on_device(matrix(4)), on_device(matrix(3, 4)), 4, 2**31)


@every("odd", [np.ones(4, np.float32), [1.0], "4", object()])
def test_what_is_no_argument_of_a_kernel_is_refused(cupy, odd):
    with pytest.raises(TypeError, match="argument 0 is a"):
        add_bias(odd, on_device(matrix(3, 4)), 4, 12)


def test_a_launch_without_an_array_has_no_device(cupy):
    with pytest.raises(TypeError, match="no argument is an array"):
        add_bias(4, 12)


def test_arrays_of_two_devices_are_refused(cupy, monkeypatch):
    b, y = on_device(matrix(4)), on_device(matrix(3, 4))
    if type(b).__module__ == "cupy" and not hasattr(b, "_host"):
        pytest.skip("only the stand-in can say that it is elsewhere")
    monkeypatch.setattr(type(b), "device", property(lambda self: SimpleNamespace(id=self.ndim)))
    with pytest.raises(TypeError, match="argument 1 is on"):
        add_bias(b, y, 4, 12)


def test_a_null_pointer_and_numbers_of_numpy_pass(cupy):
    _, given = launching._checked(
        "f", (on_device(matrix(2)), None, 3, 0.5, True, np.float64(2), np.uint32(7))
    )
    assert [g.dtype.name for g in given[1:]] == ["uint64", "int32", "float32", "int32", "float64", "uint32"]


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(
    st.tuples(*[st.sampled_from([0, 1, 2, 5, 7])] * 3), st.booleans(), st.booleans(), st.booleans(),
    st.tuples(*[st.booleans()] * 3),
)  # fmt: skip
def test_products_of_matrices_and_of_slices(cupy, sizes, transpose_a, transpose_b, accumulate, sliced):
    m, k, n = sizes

    def placed(x, inside):
        wide = np.full((x.shape[0], x.shape[1] + 3), np.nan, np.float32)
        wide[:, 2:-1] = x
        return on_device(wide)[:, 2:-1] if inside else on_device(x)

    a, b, c = matrix(m, k), matrix(k, n, seed=1), matrix(m, n, seed=2)
    wanted = a @ b + c * accumulate
    ours = placed(a.T if transpose_a else a, sliced[0]), placed(b.T if transpose_b else b, sliced[1])
    out = placed(c if accumulate else np.full((m, n), np.nan, np.float32), sliced[2])
    options = {"transpose_a": transpose_a, "transpose_b": transpose_b}
    assert product(*ours, out, accumulate=accumulate, **options) is out
    np.testing.assert_allclose(on_host(out), wanted, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(on_host(product(*ours, **options)), a @ b, rtol=1e-5, atol=1e-5)


@every(
    "odd",
    [
        lambda a, b: (a, b.T), lambda a, b: (a.astype(np.float64), b), lambda a, b: (a, b, on_device(matrix(3, 3))),
        lambda a, b: (on_device(matrix(4, 3)).T, b), lambda a, b: (on_device(matrix(3, 8))[:, ::2], b),
    ],
)  # fmt: skip
def test_a_product_that_would_read_elsewhere_is_refused(cupy, odd):
    with pytest.raises(ValueError, match="product cannot multiply"):
        product(*odd(on_device(matrix(3, 4)), on_device(matrix(4, 5))))


def test_tf32_rounds_the_factors_and_only_when_chosen(cupy, monkeypatch):
    monkeypatch.setattr(products, "_precision", "float32")
    a, b = matrix(30, 40), matrix(40, 20, seed=1)
    exact = a.astype(np.float64) @ b

    def error():
        return np.abs(on_host(product(on_device(a), on_device(b))) - exact).max()

    assert error() < 1e-5
    products.choose_precision("tf32")
    assert products.precision() == "tf32"
    assert 1e-4 < error() < 1e-1
    products.choose_precision("float32")
    assert error() < 1e-5
    with pytest.raises(ValueError, match=r"precision expects one of \['float32', 'tf32'\], got 'half'"):
        products.choose_precision("half")


def test_setting_the_stream_sets_the_workspace_again(cupy):
    library = products._library()
    if not hasattr(library, "calls"):
        pytest.skip("cuBLAS does not tell")
    a = on_device(matrix(2, 2))
    product(a, a)
    library.calls.clear()
    product(a, a)
    assert library.calls == ["sgemm"]
    with cupy.cuda.Stream(non_blocking=True):
        product(a, a)
    assert library.calls == ["sgemm", "stream", "workspace", "sgemm"]


def test_a_change_of_stream_waits_for_the_one_before(cupy, monkeypatch):
    """Both would work in the same memory."""
    if not hasattr(cupy, "is_standin"):
        pytest.skip("streams do not tell")
    a, waited = on_device(matrix(2, 2)), []
    first, second = cupy.cuda.Stream(non_blocking=True), cupy.cuda.Stream(non_blocking=True)
    monkeypatch.setattr(type(first), "synchronize", lambda self: waited.append(self.ptr))
    with first:
        product(a, a)
        waited.clear()
        product(a, a)
    assert waited == []
    with second:
        product(a, a)
    assert waited == [first.ptr]


def test_the_handle_of_a_thread_ends_with_it_and_before_its_memory(cupy, monkeypatch):
    library = products._library()
    if not hasattr(library, "calls"):
        pytest.skip("cuBLAS does not tell")
    ends, memory = [], []

    class Memory(cupy.cuda.Memory):
        def __init__(self, size):
            super().__init__(size)
            memory.append(weakref.ref(self))

    monkeypatch.setattr(cupy.cuda, "Memory", Memory)
    monkeypatch.setattr(
        library, "cublasDestroy_v2", lambda handle: ends.append(memory[0]() is not None), raising=False
    )
    a = on_device(matrix(2, 2))
    thread = threading.Thread(target=product, args=(a, a))
    thread.start()
    thread.join()
    gc.collect()
    assert ends == [True]
    assert memory[0]() is None


def test_a_failure_of_cublas_is_an_error(cupy, monkeypatch):
    library = products._library()
    if not hasattr(library, "calls"):
        pytest.skip("cuBLAS does not fail on demand")
    a = on_device(matrix(2, 2))
    product(a, a)
    monkeypatch.setattr(library, "cublasSgemm_v2", lambda *_: 13, raising=False)
    with pytest.raises(RuntimeError, match="cublasSgemm_v2 of cuBLAS failed with status 13"):
        product(a, a)
