"""Every kernel of the GPU against its reference: what test_emulated runs, and test_planted with faults in the sources."""

import sys

import numpy as np
from gpu import emulated
from gpu.gpu_cases import CASES, SIZES
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from kernel_cases import REFERENCES, converted
from minidl_kernels.gpu import KERNELS
from parity import as_tuple, assert_same_numbers, flat, largest, left_open, run_pair, some_gradients

layouts = st.sampled_from(["c", "turned", "gaps"])


def on_device(x, layout="c"):
    """The array on the device, in an order of memory."""
    cupy = sys.modules["cupy"]
    if x is None or x.ndim == 0 or layout == "c":
        return None if x is None else cupy.asarray(x)
    if layout == "turned":
        return cupy.asarray(np.ascontiguousarray(x.T)).T
    return cupy.asarray(np.repeat(x, 2, axis=-1))[..., ::2]


def moved(value):
    """An option: a mask is an array, and lies where the others do."""
    return on_device(value) if isinstance(value, np.ndarray) else value


def on_host(x):
    """The array as one of NumPy."""
    return None if x is None else sys.modules["cupy"].asnumpy(x)


def check(name, case, layout="c", seed=0):
    """The kernel's numbers are those of the reference, and its arguments are as they were."""
    if name == "adam":
        return check_adam(case)
    arrays = converted(case.arrays, "float32")
    gradients = some_gradients(name, arrays, case.options, seed)
    options = case.options
    kernel, our_options = KERNELS[name], {n: moved(v) for n, v in options.items()}
    ours, our_gradients = [on_device(a, layout) for a in arrays], [on_device(g, layout) for g in gradients]
    assert kernel.supports(*ours, **our_options)
    result, cache = kernel.forward(*ours, **our_options)
    dy = tuple(our_gradients) if isinstance(result, tuple) else our_gradients[0]
    dxs = kernel.backward(dy, cache)
    got = [*map(on_host, as_tuple(result)), *map(on_host, flat(dxs))]
    outputs, wanted_dxs = run_pair(REFERENCES[name], arrays, options, gradients)
    wanted = [*outputs, *wanted_dxs]
    scales = [largest(w) or largest(*arrays) for w in outputs] + [largest(*gradients)] * len(wanted_dxs)
    opened = left_open(name, wanted, arrays, options, gradients)
    assert len(got) == len(wanted)
    for g, w, scale, more in zip(got, wanted, scales, opened, strict=True):
        assert_same_numbers(g, w, scale=max(scale, more))
    for ours_, theirs in zip((*ours, *our_gradients), (*arrays, *gradients), strict=True):
        assert theirs is None or np.array_equal(on_host(ours_), theirs), "an argument was changed"
    return None


def check_adam(case):
    """With numbers from the host, and with learning rate and step on the device."""
    arrays = converted(case.arrays, "float32")
    wanted = REFERENCES["adam"].forward(*arrays, **case.options)
    cupy = sys.modules["cupy"]
    for captured in (False, True):
        w, g, m, v = map(on_device, arrays)
        options = dict(case.options)
        if captured:
            options["learning_rate"] = cupy.asarray(np.array([options["learning_rate"]], np.float32))
            options["step"] = cupy.asarray(np.array([options["step"]], np.int32))
        assert KERNELS["adam"].supports(w, g, m, v, **options)
        results = KERNELS["adam"].forward(w, g, m, v, **options)
        assert [id(a) for a in results] == [id(w), id(m), id(v)]
        for got, want in zip(results, wanted, strict=True):
            assert_same_numbers(on_host(got), want)
        assert np.array_equal(on_host(g), arrays[1])


def check_all(name, examples, modes=emulated.EVERY_MODE):
    """Draws and chosen sizes, in every mode."""

    @settings(
        max_examples=examples, database=None, derandomize=True, deadline=None, phases=[Phase.generate],
        report_multiple_bugs=False, suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(CASES[name], st.sampled_from(modes), layouts, st.integers(0, 99))
    def drawn(case, mode, layout, seed):
        emulated.MODE[0] = mode
        check(name, case, layout, seed)

    for mode in modes:
        emulated.MODE[0] = mode
        for case in SIZES.get(name, []):
            check(name, case)
    drawn()
