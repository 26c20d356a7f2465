"""The emulator itself: it computes what CUDA says, and complains about everything that a GPU would do wrong in silence."""

import math

import numpy as np
import pytest
from gpu import emulated
from gpu.emulated import ASCENDING, EVERY_MODE, CompileError, EmulationError, Mode
from minidl_kernels.gpu.launch import source
from strategies import normal

pytestmark = pytest.mark.parametrize("cupy", ["emulated"], indirect=True)
every = pytest.mark.parametrize
PRELUDE = source("adam").split('#line 1 "adam.cu"')[0]


def run(cupy, body, *args, block=(64,), grid=(1,), shared=0, bound="", parameters="float* x, int n"):
    """A kernel with this body."""
    code = f'{PRELUDE}extern "C" __global__ void {bound} f({parameters}) {{ {body} }}'
    kernel = cupy.RawModule(code=code, options=("-std=c++17",)).get_function("f")
    kernel(grid, block, args, shared_mem=shared)
    return kernel


def zeros(cupy, *shape, dtype=np.float32):
    return cupy.asarray(np.zeros(shape, dtype))


TURNED = "__shared__ float t[64]; int i = threadIdx.x; t[i] = x[i]; __syncthreads(); x[i] = t[63 - i];"


@every("mode", [Mode(order) for order in range(5)] + EVERY_MODE)
def test_threads_meet_at_a_barrier_in_any_order(cupy, mode):
    emulated.MODE[0] = mode
    x = cupy.asarray(np.arange(64, dtype=np.float32))
    run(cupy, TURNED, x, np.int32(64))
    np.testing.assert_array_equal(x.get(), np.arange(64)[::-1])


@every("mode", EVERY_MODE)
def test_a_missing_barrier_is_a_race(cupy, mode):
    emulated.MODE[0] = mode
    x = zeros(cupy, 64)
    with pytest.raises(
        EmulationError, match=r"f: thread \d+ of block 0 (reads|writes) shared memory while thread"
    ):
        run(cupy, TURNED.replace("__syncthreads();", ""), x, np.int32(64))


def test_without_watching_it_shows_in_the_result(cupy):
    x = cupy.asarray(np.arange(64, dtype=np.float32))
    run(cupy, TURNED.replace("__syncthreads();", ""), x, np.int32(64))
    assert np.isnan(x.get()).any(), "shared memory begins as NaN"


RACES = [  # (what a kernel does, what is said about it), for 64 threads
    ("x[0] = threadIdx.x;", "writes argument 0 while thread 0 of block 0 wrote it"),
    ("x[0] += 1.0f;", "while thread 0 of block 0"),
    ("atomicAdd(x, 1.0f); if (threadIdx.x == 40) x[0] = 1.0f;", "writes argument 0 while thread"),
    ("float a = x[1]; if (threadIdx.x == 63) x[1] = a + 1.0f;", "thread 63 of block 0 writes argument 0 while thread"),
    ("float a = x[1]; if (threadIdx.x == 0) x[1] = a + 1.0f;", "thread 1 of block 0 reads argument 0 while"),
    ("x[threadIdx.x / 2] = 1.0f;", "writes argument 0 while thread 0 of block 0 wrote it"),
    # a barrier of one warp orders nothing between two
    ("float a = x[2]; __syncwarp(); if (threadIdx.x == 32) x[2] = a + 1.0f;", "thread 32 of block 0 writes argument 0"),
    ("x[n] = 1.0f;", "writes argument 0 outside of its bounds"),
    ("float a = x[-1]; if (a == 1.0f) x[0] = a;", "reads argument 0 outside of its bounds"),
    ("x[n * 100000] = 1.0f;", "writes memory that is nobody's"),
    ("if (threadIdx.x == 0) ((float4*)(x + 1))[0].y = 1.0f;", "from an odd address, line"),
    ("float mine[8]; for (int i = 0; i < 8; ++i) mine[i] = i; x[threadIdx.x] = mine[n];", "beyond a row of an array"),
    ("__shared__ float t[2][32]; if (threadIdx.x == 0) t[0][n - 25] = 1.0f;", "beyond a row of an array"),
    ("((float*)nullptr)[threadIdx.x] = 1.0f;", "writes memory that is nobody's"),
]  # fmt: skip


@every(("body", "complaint"), RACES)
def test_what_race_mode_finds(cupy, body, complaint):
    emulated.MODE[0] = Mode(ASCENDING, races=True)
    with pytest.raises(EmulationError, match=complaint):
        run(cupy, body, zeros(cupy, 64), np.int32(64))


NO_RACES = [
    "atomicAdd(x, 1.0f);",
    "float a = x[0]; __syncthreads(); if (threadIdx.x == 40) x[0] = a + 1.0f;",
    "x[threadIdx.x] = 1.0f; x[threadIdx.x] += 1.0f;",
    "int i = threadIdx.x; x[i] = i; __syncwarp(); float a = x[i ^ 1]; __syncwarp(); x[i] = a;",
    "float mine[8]; for (int i = 0; i < 8; ++i) mine[i] = i; x[threadIdx.x] = mine[n % 8];",
    "__shared__ float t[2][32]; int i = threadIdx.x; t[i / 32][i % 32] = x[i]; __syncthreads(); x[i] = t[1 - i / 32][i % 32];",
    "if (threadIdx.x < 16) ((float4*)x)[threadIdx.x] = make_float4(1, 2, 3, 4);",
]


@every("mode", EVERY_MODE)
@every("body", NO_RACES)
def test_what_is_allowed_passes(cupy, body, mode):
    emulated.MODE[0] = mode
    run(cupy, body, zeros(cupy, 64), np.int32(64))


@every("mode", EVERY_MODE)
def test_blocks_know_nothing_of_each_other(cupy, mode):
    emulated.MODE[0] = mode
    with pytest.raises(EmulationError, match=r"while thread 0 of block \d (read|wrote) it"):
        run(
            cupy,
            "x[blockIdx.x] = x[(blockIdx.x + 1) % 3];",
            zeros(cupy, 3),
            np.int32(3),
            block=(1,),
            grid=(3,),
        )
    x = zeros(cupy, 2)
    run(
        cupy,
        "atomicAdd(x, 1.0f); atomicMax(x + 1, (float)blockIdx.x);",
        x,
        np.int32(2),
        block=(32,),
        grid=(2, 3, 4),
    )
    np.testing.assert_array_equal(x.get(), [24 * 32, 1])


DIVERGING = [
    (
        "if (threadIdx.x < 40) __syncthreads();",
        "waits at a barrier in line 1 that not all of its block come to",
    ),
    (
        "if (threadIdx.x == 3) __syncwarp();",
        "thread 3 of block 0 waits at a barrier in line 1 that not all of its warp",
    ),
    ("if (threadIdx.x < 32)\n __syncthreads();\n else\n __syncthreads();", "not all of its block"),
    ("if (threadIdx.x == 5) return; __syncthreads();", "not all of its block"),
]


@every("races", [False, True])
@every(("body", "complaint"), DIVERGING)
def test_a_barrier_that_not_all_come_to(cupy, body, complaint, races):
    emulated.MODE[0] = Mode(ASCENDING, races)
    with pytest.raises(EmulationError, match=complaint):
        run(cupy, f'\n#line 1 "f.cu"\n{body}', zeros(cupy, 64), np.int32(64))


@every("races", [False, True])
def test_writing_beside_an_array_or_to_a_constant_one(cupy, races):
    emulated.MODE[0] = Mode(ASCENDING, races)
    with pytest.raises(EmulationError, match=r"argument 0"):
        run(cupy, "if (threadIdx.x == 0) x[-3] = 0.0f;", zeros(cupy, 64), np.int32(64))
    body = "if (threadIdx.x == 0) ((float*)x)[0] = 1.0f;"
    with pytest.raises(EmulationError, match=r"argument 0, which is const"):
        run(cupy, body, zeros(cupy, 64), np.int32(1), parameters="const float* x, int n")


def test_reading_beside_an_array_gives_nan_where_nobody_watches(cupy):
    x = zeros(cupy, 64)
    run(cupy, "if (threadIdx.x == 0) x[0] = x[n] + x[-1];", x, np.int32(64))
    assert np.isnan(x.get()[0])


def test_variables_without_a_value_are_not_zero(cupy):
    if not emulated.uninitialised():
        pytest.skip("this g++ cannot give them one")
    x = zeros(cupy, 64)
    run(cupy, "float sum; for (int i = 0; i < n; ++i) sum += 1.0f; x[threadIdx.x] = sum;", x, np.int32(3))
    assert (np.abs(x.get()) > 1e30).all()


ARGUMENTS = [
    (lambda x: (x,), "takes 2 arguments, got 1"),
    (lambda x: (x, 64), "argument 1 is declared 'int32' and given int"),
    (lambda x: (x, np.int64(64)), "argument 1 is declared 'int32' and given int64"),
    (lambda x: (x, x), "argument 1 is declared 'int32' and given an array of float32"),
    (lambda x: (np.float32(1), np.int32(1)), "argument 0 is declared 'w float32' and given float32"),
    (
        lambda x: (x.astype(np.float64), np.int32(1)),
        "argument 0 is declared 'w float32' and given an array of float64",
    ),
    (lambda x: (x.astype(np.int32), np.int32(1)), "given an array of int32"),
    (lambda x: (x.reshape(8, 8).T, np.int32(1)), "argument 0 is not C-contiguous"),
    (lambda x: (np.zeros(64, np.float32), np.int32(1)), "argument 0 is declared"),
]


@every(("args", "complaint"), ARGUMENTS)
def test_arguments_are_what_the_kernel_declares(cupy, args, complaint):
    with pytest.raises(EmulationError, match=complaint):
        run(cupy, "x[0] = n;", *args(zeros(cupy, 64)))


def test_arguments_of_every_type(cupy):
    types = {
        "double": np.float64, "long long": np.int64, "unsigned": np.uint32, "unsigned long long": np.uint64,
        "unsigned char": np.uint8, "signed char": np.int8, "bool": np.bool_,
    }  # fmt: skip
    for name, dtype in types.items():
        x = zeros(cupy, 4, dtype=dtype)
        run(cupy, "x[threadIdx.x] = n;", x, dtype(1), block=(4,), parameters=f"{name}* x, {name} n")
        assert (x.get() == 1).all()
    run(cupy, "if (x) x[0] = 1.0f;", np.uintp(0), np.int32(1))


def test_arguments_that_overlap(cupy):
    x = zeros(cupy, 8)
    parameters = "float* x, const float* y"
    with pytest.raises(EmulationError, match="arguments 0 and 1 overlap"):
        run(cupy, "", x[:6], x[2:], parameters=parameters)
    run(cupy, "", x[:4], x[4:], parameters=parameters)
    run(cupy, "", x[:6], x[2:], parameters="const float* x, const float* y")


def test_a_view_begins_where_it_does_on_a_gpu(cupy):
    emulated.MODE[0] = Mode(ASCENDING, races=True)
    x = zeros(cupy, 64)
    run(cupy, "x[0] = ((float4*)x)[0].w;", x[4:], np.int32(1), block=(1,))
    with pytest.raises(EmulationError, match="from an odd address"):
        run(cupy, "((float4*)x)[0] = make_float4(1, 2, 3, 4);", x[1:], np.int32(1), block=(1,))


SIZES = [
    ({"block": (1025,)}, "no grid or block"), ({"block": (1, 1, 65)}, "no grid or block"),
    ({"block": (0,)}, "no grid or block"), ({"grid": (1, 65536)}, "no grid or block"),
    ({"bound": "__launch_bounds__(32 * 2 - 1)"}, "more threads than its bound, 63"),
    ({"block": (64, 32)}, "more threads than its bound, 1024"), ({"shared": 50_000}, "without asking"),
]  # fmt: skip


@every(("sizes", "complaint"), SIZES)
def test_sizes_that_no_gpu_takes(cupy, sizes, complaint):
    with pytest.raises(EmulationError, match=complaint):
        run(cupy, "", zeros(cupy, 64), np.int32(64), **sizes)


def test_dynamic_shared_memory(cupy):
    emulated.MODE[0] = Mode(ASCENDING, races=True)
    x = zeros(cupy, 64)
    body = "DYNAMIC_SHARED(float, t); int i = threadIdx.x; t[i] = i; __syncthreads(); x[i] = t[63 - i];"
    kernel = run(cupy, body, x, np.int32(1), shared=256)
    np.testing.assert_array_equal(x.get(), np.arange(64)[::-1])
    kernel.max_dynamic_shared_size_bytes = 100_000
    kernel((1,), (64,), (x, np.int32(1)), shared_mem=100_000)
    with pytest.raises(EmulationError, match="more than an H100 has"):
        kernel.max_dynamic_shared_size_bytes = 300_000
    with pytest.raises(EmulationError, match="writes memory that is nobody's"):
        run(cupy, body, x, np.int32(1), shared=128)


@every("mode", EVERY_MODE)
def test_shuffles(cupy, mode):
    emulated.MODE[0] = mode
    given = np.arange(64, dtype=np.float32)
    wanted = {
        "__shfl_sync(0xffffffffu, v, 5)": np.where(given < 32, 5, 37),
        "__shfl_xor_sync(0xffffffffu, v, 3)": np.arange(64) ^ 3,
        "__shfl_down_sync(0xffffffffu, v, 30)": np.where(given % 32 < 2, given + 30, given),
        "__shfl_up_sync(0xffffffffu, v, 30)": np.where(given % 32 >= 30, given - 30, given),
        "warp_sum(v)": np.repeat(given.reshape(2, 32).sum(axis=1), 32),
        "warp_max(-v)": np.repeat([0.0, -32.0], 32),
        "(float)warp_sum((double)v)": np.repeat(given.reshape(2, 32).sum(axis=1), 32),
    }
    for words, result in wanted.items():
        x = cupy.asarray(given)
        run(cupy, f"float v = x[threadIdx.x]; x[threadIdx.x] = {words};", x, np.int32(1))
        np.testing.assert_array_equal(x.get(), result)
    for words, sizes, complaint in (
        ("__shfl_sync(0xffffu, 1.0f, 0)", {}, "another mask"), ("warp_sum(1.0f)", {"block": (40,)}, "that is not full"),
    ):  # fmt: skip
        with pytest.raises(EmulationError, match=complaint):
            run(cupy, f"x[threadIdx.x] = {words};", zeros(cupy, 64), np.int32(1), **sizes)


@every("mode", EVERY_MODE)
def test_the_tensor_core_product(cupy, mode):
    """The places of the numbers are those of the PTX manual for mma.m16n8k8, written down once more."""
    emulated.MODE[0] = mode
    a, b, d = normal(0, (16, 8), (8, 8), (16, 8), dtype=np.float32)
    a, b = (np.round(x * 64) / 64 for x in (a, b))  # which TF32 holds
    body = """
      const int group = threadIdx.x >> 2, member = threadIdx.x & 3;
      float fa[4], fb[2], fd[4];
      for (int i = 0; i < 4; ++i) fa[i] = a[(group + (i == 1 || i == 3 ? 8 : 0)) * 8 + member + (i >= 2 ? 4 : 0)];
      for (int i = 0; i < 2; ++i) fb[i] = b[(member + 4 * i) * 8 + group];
      for (int i = 0; i < 4; ++i) fd[i] = d[(group + (i < 2 ? 0 : 8)) * 8 + member * 2 + (i & 1)];
      mma_tf32(fd, fa, fb);
      for (int i = 0; i < 4; ++i) d[(group + (i < 2 ? 0 : 8)) * 8 + member * 2 + (i & 1)] = fd[i];"""
    ours = cupy.asarray(d)
    run(
        cupy,
        body,
        cupy.asarray(a),
        cupy.asarray(b),
        ours,
        block=(32,),
        parameters="const float* a, const float* b, float* d",
    )
    np.testing.assert_allclose(ours.get(), d + a @ b, rtol=1e-5, atol=1e-5)
    rounded = cupy.asarray(np.zeros((16, 8), np.float32))
    third = cupy.asarray(np.full((16, 8), 1 / 3, np.float32))
    one = cupy.asarray(np.eye(8, dtype=np.float32))
    run(cupy, body, third, one, rounded, block=(32,), parameters="const float* a, const float* b, float* d")
    assert (rounded.get() == np.float32(round(math.ldexp(1 / 3, 12)) / 2**12)).all()


def test_small_words(cupy):
    x = zeros(cupy, 10)
    run(
        cupy,
        """x[0] = rsqrtf(4.0f); x[1] = __int_as_float(__float_as_int(3.0f)); x[2] = __umulhi(1u << 31, 6u); x[3] = min(3, 4);
        x[4] = INFINITY; x[5] = max(1.0f, 2.0f); x[6] = __ldg(x + 1); x[7] = __uint_as_float(__float_as_uint(7.0f));
        x[8] = max(NAN, 1.0f); x[9] = min(2.0f, NAN);""",
        x, np.int32(1), block=(1,),
    )  # fmt: skip
    np.testing.assert_array_equal(x.get(), [0.5, 3, 3, 3, np.inf, 2, 3, 7, 1, 2])


def test_a_source_that_does_not_compile_says_why(cupy):
    with pytest.raises(
        CompileError, match=r"f\.cu:1:.*'missing' was not declared|‘missing’ was not declared"
    ):
        run(cupy, '\n#line 1 "f.cu"\nx[0] = missing;', zeros(cupy, 1), np.int32(1))
    with pytest.raises(EmulationError, match="the options of a kernel"):
        cupy.RawModule(code="", options=("--use_fast_math",))
    with pytest.raises(EmulationError, match="no kernel is called g"):
        cupy.RawModule(code=PRELUDE, options=("-std=c++17",)).get_function("g")
