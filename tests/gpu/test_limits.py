"""The largest sizes that kernels take: they stay within what a GPU can count and hold, and what is larger is refused."""

import numpy as np
import pytest
from gpu import emulated
from gpu.checks import check, on_device, on_host
from gpu.gpu_cases import SIZES
from minidl_kernels.gpu import KERNELS, dense, launch, layer_normalization, pooling, recurrent, sums
from strategies import normal

every = pytest.mark.parametrize
IMAGES = {"strides": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}


@pytest.fixture
def started(cupy, monkeypatch):
    """Nothing runs: the grids of all launches, each of which a GPU must take."""
    grids = []

    def function(device, file, kernel, constants, shared):
        def start(grid, block, args, *, shared_mem):
            assert all(0 < n <= most for n, most in zip(grid, emulated.MOST_BLOCKS, strict=False)), (
                kernel,
                grid,
            )
            grids.append(grid)

        return start

    monkeypatch.setattr(launch, "_function", function)
    return grids


def zeros(*shape):
    return on_device(np.zeros(shape, np.float32))


def test_a_grid_has_room_for_as_many_columns_as_there_are(started):
    sums.column_sums(zeros(2, 32 * 65535 + 1))
    assert len(started) == 1


def test_a_grid_has_room_for_the_longest_rows_of_layer_normalization(started):
    n = layer_normalization.MOST_COLUMNS
    x, weights = zeros(1, n), [zeros(n), zeros(n)]
    options = {"axes": (1,), "epsilon": 1e-3}
    assert KERNELS["layer_normalization"].supports(x, *weights, **options)
    assert not KERNELS["layer_normalization"].supports(
        *[zeros(*a.shape[:-1], n + 1) for a in (x, *weights)], **options
    )
    _, cache = KERNELS["layer_normalization"].forward(x, *weights, **options)
    KERNELS["layer_normalization"].backward(x, cache)
    assert len(started) == 4


def test_a_grid_has_room_for_the_most_features_of_batch_normalization(started):
    n, options = 32 * 65535, {"axis": -1, "epsilon": 1e-3}
    assert not KERNELS["batch_normalization"].supports(zeros(1, n + 1), None, None, **options)
    x = zeros(1, n)
    assert KERNELS["batch_normalization"].supports(x, None, None, **options)
    _, cache = KERNELS["batch_normalization"].forward(x, None, None, **options)
    KERNELS["batch_normalization"].backward((x, zeros(n), zeros(n)), cache)
    assert len(started) == 6


def test_a_grid_has_room_for_the_most_filters_of_a_convolution(started):
    filters = 64 * 65535
    assert not KERNELS["conv2d"].supports(zeros(1, 1, 1, 1), zeros(1, 1, 1, filters + 1), None, **IMAGES)
    x, w = zeros(1, 1, 1, 1), zeros(1, 1, 1, filters)
    assert KERNELS["conv2d"].supports(x, w, None, **IMAGES)
    y, cache = KERNELS["conv2d"].forward(x, w, None, **IMAGES)
    KERNELS["conv2d"].backward(y, cache)
    assert len(started) == 3


@every("rows", [sums.FEW + 1, sums.CHUNK * sums.MOST_CHUNKS + 1, launch.LARGEST])
def test_chunks_of_rows_are_few_and_counted_in_32_bits(rows):
    chunk = sums.chunk_of(rows)
    chunks = -(-rows // chunk)
    assert 2 < chunks <= sums.MOST_CHUNKS
    assert chunks * chunk < 2**31


def test_many_rows_are_added_in_larger_chunks(cupy, monkeypatch):
    monkeypatch.setattr(sums, "MOST_CHUNKS", 2)
    (x,) = normal(0, (1500, 3), dtype=np.float32)
    np.testing.assert_allclose(on_host(sums.column_sums(on_device(x))), x.sum(0, np.float64), rtol=1e-6)


def test_a_result_too_large_for_32_bits_is_left_to_the_reference(cupy, monkeypatch):
    for module in (dense, pooling):
        monkeypatch.setattr(module, "LARGEST", 24)
    x, w = zeros(3, 2), zeros(2, 8)
    assert KERNELS["dense"].supports(x, w, None)
    assert not KERNELS["dense"].supports(zeros(4, 2), w, None)
    pool = {"pool": (2, 2), "strides": (1, 1), "padding": ((1, 1), (1, 1))}
    assert KERNELS["max_pool2d"].supports(zeros(1, 2, 4, 1), **pool)
    assert not KERNELS["max_pool2d"].supports(zeros(1, 3, 3, 1), **pool)


@every(("room", "rows"), [(99 << 10, 1), (163 << 10, 2)])
def test_two_samples_share_a_block_where_the_gpu_has_the_shared_memory(cupy, monkeypatch, room, rows):
    if not hasattr(cupy, "is_standin"):
        pytest.skip("a GPU has the shared memory it has")
    launch.most_shared.cache_clear()
    launch._functions.clear()
    monkeypatch.setattr(emulated, "MOST_SHARED", room)
    arrays = normal(0, (133, 1, 1), (133, 100), (133, 100), (1, 400), (100, 400), dtype=np.float32)
    options = {"activation": "tanh", "recurrent_activation": "sigmoid", "sequences": False}
    KERNELS["lstm"].forward_only(*map(on_device, arrays), None, **options)
    launch.most_shared.cache_clear()
    assert [dict(constants)["ROWS"] for _, file, _, constants, _ in launch._functions] == [rows]


@every("build", recurrent.BUILDS["recurrent"], ids=str)
def test_every_gpu_since_2020_has_the_shared_memory_for_one_sample(build):
    assert sum(recurrent._shared(build)) <= (99 << 10 if build["ROWS"] == 1 else 163 << 10)


def test_statistics_of_a_feature_with_a_nan_are_nan(cupy):
    case = SIZES["batch_normalization"][0]
    check("batch_normalization", case)
    x = np.array(case.arrays[0], np.float32)
    x[7, 1] = np.nan
    weights = [on_device(np.array(a, np.float32)) for a in case.arrays[1:]]
    results, _ = KERNELS["batch_normalization"].forward(on_device(x), *weights, **case.options)
    for result in map(on_host, results):
        assert np.isfinite(result[..., 0]).all()
        assert np.isnan(result[..., 1]).all()
