"""The tile in registers against the same equations in NumPy, and the two functions that loops of floats need."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from minidl_kernels.cpu import tile as module
from minidl_kernels.cpu.cache import compiled
from minidl_kernels.cpu.exponential import exp_of_negative, log_1_plus


@compiled
def call_tile(
    out, out_rows, out_at, n_rows, n_columns, a, a_rows, a_at, at, segments, n_segments, n_k, a_step, b, b_at,
    b_step, plus, plus_rows, plus_at, floor,
):  # fmt: skip
    module.tile(
        out, out_rows, out_at, n_rows, n_columns, a, a_rows, a_at, at, segments, n_segments, n_k, a_step, b, b_at,
        b_step, plus, plus_rows, plus_at, floor,
    )  # fmt: skip


@compiled
def functions(x, e, t, log):
    for i in range(len(x)):
        e[i] = exp_of_negative(x[i])
        log[i] = log_1_plus(t[i])


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_the_tile_computes_its_equations(data):
    draw = data.draw
    dtype = np.dtype(draw(st.sampled_from(["float32", "float64"])))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    rows, width = module.ROWS, module.columns(dtype.itemsize)
    n_rows, n_columns = draw(st.integers(1, rows)), draw(st.integers(1, width))
    n_segments, n_k, a_step = draw(st.integers(1, 3)), draw(st.integers(1, 9)), draw(st.integers(1, 3))
    at, out_at, a_at, b_at, plus_at = (draw(st.integers(0, 3)) for _ in range(5))
    b_step = draw(st.integers(width, width + 2))
    a, b, plus = (rng.standard_normal(4000).astype(dtype) for _ in range(3))
    out_rows = np.arange(at + rows) * (width + 1)
    a_rows, plus_rows = (rng.integers(0, 900, at + rows) for _ in range(2))
    segments = rng.integers(0, 900, n_segments)
    floor = dtype.type(draw(st.sampled_from([-np.inf, 0.0])))
    out = rng.standard_normal(4000).astype(dtype)
    if draw(st.booleans()):  # in place, as sums over several tiles are made
        plus, plus_rows, plus_at = out, out_rows, out_at
    expected = out.copy()
    same_plus = expected if plus is out else plus
    arguments = (a, a_rows, a_at, at, segments, n_segments, n_k, a_step, b, b_at, b_step)
    module._tile_in_python(
        expected, out_rows, out_at, n_rows, n_columns, *arguments, same_plus, plus_rows, plus_at, floor
    )
    call_tile(out, out_rows, out_at, n_rows, n_columns, *arguments, plus, plus_rows, plus_at, floor)
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-4 if dtype == np.float32 else 1e-12)


def test_the_floor_lets_nan_pass():
    out, table = np.empty(64, np.float32), np.zeros(module.ROWS, np.int64)
    a, b, zero = np.array([np.nan, -1], np.float32), np.ones(64, np.float32), np.zeros(64, np.float32)
    for at, wanted in ((0, np.nan), (1, 0.0)):
        call_tile(
            out, table, 0, 1, 3, a, table, at, 0, table, 1, 1, 1, b, 0, 64, zero, table, 0, np.float32(0)
        )
        np.testing.assert_array_equal(out[:3], wanted)


@pytest.mark.parametrize(("dtype", "lowest", "ulps"), [("float32", -87, 2), ("float64", -708, 3)])
def test_exponential_and_logarithm(dtype, lowest, ulps):
    x = np.concatenate([np.linspace(lowest, 0, 20001), np.linspace(-2, 0, 20001), [0]]).astype(dtype)
    t = np.linspace(0, 1, len(x)).astype(dtype)
    e, log = np.empty_like(x), np.empty_like(x)
    functions(x, e, t, log)
    digit = np.finfo(dtype).eps
    wide = np.longdouble
    np.testing.assert_allclose(e.astype(wide), np.exp(x.astype(wide)), rtol=ulps * digit)
    np.testing.assert_allclose(log.astype(wide), np.log1p(t.astype(wide)), rtol=ulps * digit)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_exponential_at_the_edges(dtype):
    x = np.array([-np.inf, -1e30, -800, np.nan, 0, -0.0] * 8, dtype)
    e, log = np.empty_like(x), np.empty_like(x)
    functions(x, e, np.zeros_like(x), log)
    np.testing.assert_array_equal(e, [0, 0, 0, np.nan, 1, 1] * 8)
