"""Every kernel of the GPU against its reference: what test_emulated runs, and test_planted with faults in the sources."""

import sys

import numpy as np
from gpu import emulated
from gpu.gpu_cases import CASES, RULES, SIZES
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
    if name in RULES:
        return check_rule(name, case)
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


def check_rule(name, case):
    """With numbers from the host, and with learning rate and step on the device."""
    arrays = converted(case.arrays, "float32")
    wanted = RULES[name](*arrays, **case.options)
    cupy = sys.modules["cupy"]
    for captured in (False, True):
        ours = [on_device(a) for a in arrays]
        options = dict(case.options)
        if captured:
            kind = np.float64 if name == "adam" else np.float32
            options["learning_rate"] = cupy.asarray(np.array([options["learning_rate"]], kind))
            if name == "adam":
                options["step"] = cupy.asarray(np.array([options["step"]], np.int32))
        assert KERNELS[name].supports(*ours, **options)
        results = KERNELS[name].forward(*ours, **options)
        assert [id(a) for a in results] == [id(a) for a in (ours[0], *ours[2:])]
        for got, want in zip(results, wanted, strict=True):
            if want is not None:
                assert_same_numbers(on_host(got), want)
        assert np.array_equal(on_host(ours[1]), arrays[1])


def check_all(names, examples, modes=emulated.EVERY_MODE):
    """Chosen sizes and draws of several ops, in every mode; what takes long, the draws, comes last."""
    most = max(len(SIZES[name]) for name in names)
    for mode in modes:
        for number in range(most):
            for name in names:
                for case in SIZES[name][number : number + 1]:
                    emulated.MODE[0] = mode
                    check(name, case)
    for name in names:
        _check_draws(name, examples, modes)


def _check_draws(name, examples, modes):
    @settings(
        max_examples=examples, database=None, derandomize=True, deadline=None, phases=[Phase.generate],
        report_multiple_bugs=False, suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(CASES[name], st.sampled_from(modes), layouts, st.integers(0, 99))
    def drawn(case, mode, layout, seed):
        emulated.MODE[0] = mode
        check(name, case, layout, seed)

    drawn()
