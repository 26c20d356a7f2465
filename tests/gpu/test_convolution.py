"""Convolutions on the GPU beyond what their reference checks: the tensor cores, and the choice among builds."""

import numpy as np
import pytest
from gpu import emulated
from gpu.checks import on_device, on_host
from kernel_cases import REFERENCES
from minidl_kernels.gpu import KERNELS, launch, product
from parity import run_pair
from strategies import normal

every = pytest.mark.parametrize
OPTIONS = {"strides": (2, 1), "padding": ((1, 1), (0, 2)), "dilation": (1, 2), "groups": 2}


@pytest.fixture(params=["float32", "tf32"])
def precision(request, monkeypatch):
    """The precision that is chosen; afterwards the usual one again."""
    monkeypatch.setattr(product, "_precision", request.param)
    return request.param


def arguments(channels, filters):
    """x, w, b, and a gradient."""
    return normal(
        1,
        (2, 9, 8, channels),
        (3, 2, channels // 2, filters),
        (filters,),
        (2, 5, 8, filters),
        dtype=np.float32,
    )


def run(arrays, name="conv2d"):
    """The kernel's output and gradients."""
    *given, dy = map(on_device, arrays)
    y, cache = KERNELS[name].forward(*given, **OPTIONS)
    return [on_host(a) for a in (y, *KERNELS[name].backward(dy, cache))]


def wanted(arrays, name="conv2d"):
    """Those of the reference, in float64."""
    *given, dy = [a.astype(np.float64) for a in arrays]
    outputs, gradients = run_pair(REFERENCES[name], given, OPTIONS, (dy,))
    return [*outputs, *gradients]


@every(("channels", "filters"), [(2, 6), (8, 136)])
@every("order", [emulated.ASCENDING, emulated.DESCENDING, emulated.SHUFFLED])
def test_whole_numbers_come_out_exactly(cupy, precision, channels, filters, order):
    emulated.MODE[0] = emulated.Mode(order, races=True)
    arrays = [np.round(3 * a) for a in arguments(channels, filters)]
    for got, want in zip(run(arrays), wanted(arrays), strict=True):
        np.testing.assert_array_equal(got, want)


@every(("channels", "filters"), [(2, 6), (8, 20)])
def test_tf32_rounds_factors_and_nothing_else(cupy, monkeypatch, channels, filters):
    monkeypatch.setattr(product, "_precision", "tf32")
    arrays = arguments(channels, filters)
    off = [np.abs(g - w).max() / np.abs(w).max() for g, w in zip(run(arrays), wanted(arrays), strict=True)]
    assert 1e-5 < max(off[:3]) < 2e-3
    assert off[3] < 1e-6, "the gradient of the bias is no product"


@every(("channels", "filters", "lanes"), [(2, 6, 1), (8, 6, 1), (8, 8, 4)])
def test_numbers_are_fetched_by_fours_where_all_come_in_fours(cupy, precision, channels, filters, lanes):
    launch._functions.clear()
    run(arguments(channels, filters))
    builds = {constants for _, file, _, constants, _ in launch._functions if file == "convolution"}
    assert builds == {(("LANES", lanes), ("TF32", int(precision == "tf32")))}


def test_an_address_that_is_no_multiple_of_16_is_read_one_by_one(cupy):
    arrays = arguments(8, 8)
    moved = on_device(np.concatenate([[0], arrays[0].ravel()]).astype(np.float32))[1:].reshape(
        arrays[0].shape
    )
    y, _ = KERNELS["conv2d"].forward(moved, *map(on_device, arrays[1:3]), **OPTIONS)
    np.testing.assert_allclose(on_host(y), wanted(arrays)[0], rtol=0, atol=1e-4)


@every("needs", [(False, True, True), (True, False, False)])
def test_what_nobody_needs_is_not_computed(cupy, needs):
    images, series = arguments(4, 4), [a[:, 0] if a.ndim == 4 else a for a in arguments(4, 4)]
    series[1] = images[1][0]
    flat = {n: v if n == "groups" else v[1:] for n, v in OPTIONS.items()}
    for name, arrays, options in (("conv2d", images, OPTIONS), ("conv1d", series, flat)):
        *given, dy = map(on_device, arrays)
        _, cache = KERNELS[name].forward(*given, **options)
        assert tuple(d is not None for d in KERNELS[name].backward(dy, cache, needs)) == needs


def test_a_nan_passes_the_rectifier_forward(cupy):
    x, w, b, dy = arguments(2, 6)
    x[0, 4, 4] = np.nan
    y = run([x, w, b, dy], "conv2d_relu")[0]
    assert np.isnan(y).any()
    np.testing.assert_array_equal(np.isnan(y), np.isnan(wanted([x, w, b, dy])[0]))
