"""Every kernel of the GPU gives the numbers of its reference, whatever the order of threads, and no access is a race."""

import inspect

import numpy as np
import pytest
from gpu import emulated
from gpu.checks import check, layouts, on_device, on_host
from gpu.gpu_cases import CASES, RULES, SIZES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernel_cases import REFERENCES, converted
from minidl_kernels.contract import Kernel
from minidl_kernels.cpu import KERNELS as ON_CPU
from minidl_kernels.gpu import BUILDS, KERNELS, launch
from parity import as_tuple, flat, some_gradients

NAMES = sorted(KERNELS)
PAIRS = [name for name in NAMES if KERNELS[name].backward is not None]
every = pytest.mark.parametrize


@pytest.fixture(autouse=True)
def _builds_are_known(cupy):
    """What runs here is what test_compiled compiles."""
    yield
    for _, file, _, constants, _ in launch._functions:
        assert dict(constants) in [dict(b) for b in BUILDS.get(file, [{}])], (
            f"say in BUILDS: {file} {constants}"
        )


def test_every_kernel_has_a_reference_and_a_brother_on_the_cpu():
    assert set(NAMES) <= {*ON_CPU, *RULES}
    assert set(NAMES) <= set(CASES)
    assert set(SIZES) <= set(NAMES)


@every("name", NAMES)
@settings(suppress_health_check=list(HealthCheck), max_examples=20)
@given(st.data())
def test_the_numbers_are_those_of_the_reference(cupy, name, data):
    emulated.MODE[0] = data.draw(st.sampled_from(emulated.EVERY_MODE))
    check(name, data.draw(CASES[name]), data.draw(layouts), data.draw(st.integers(0, 99)))


@every("mode", emulated.EVERY_MODE, ids=["ascending", "descending", "shuffled"])
@every("name", NAMES)
def test_sizes_at_which_kernels_change_their_ways(cupy, name, mode):
    emulated.MODE[0] = mode
    for case in SIZES[name]:
        check(name, case)


def given_to(name, change=lambda arrays: None):
    """The first case of the op: its arrays as float32, and gradients of its outputs."""
    case = SIZES[name][0]
    arrays = [None if a is None else np.array(a) for a in converted(case.arrays, "float32")]
    change(arrays)
    with np.errstate(all="ignore"):
        gradients = [] if name in RULES else some_gradients(name, arrays, case.options, 0)
    return arrays, gradients, case.options


def forward(name, arrays, options):
    """Result and a function from its gradients to those of the inputs, all of NumPy."""
    result, cache = KERNELS[name].forward(*map(on_device, arrays), **options)

    def backward(gradients):
        ours = [on_device(g) for g in gradients]
        dxs = KERNELS[name].backward(tuple(ours) if isinstance(result, tuple) else ours[0], cache)
        return [on_host(dx) for dx in flat(dxs)]

    return [on_host(y) for y in as_tuple(result)], backward


# Where ∞ − ∞ comes up, normalisation's two ways give NaN at different times.
SEEN = [name for name in PAIRS if "normalization" not in name]


@every("value", [np.nan, np.inf, -np.inf])
@every("name", SEEN)
def test_nan_and_infinity_are_where_they_belong(cupy, name, value):
    def spoil(arrays):
        floats = next(a for a in arrays if a.dtype.kind == "f")
        floats.flat[np.random.default_rng(0).integers(0, floats.size, 3)] = value

    arrays, gradients, options = given_to(name, spoil)
    gradients[0].flat[np.random.default_rng(1).integers(0, gradients[0].size, 2)] = value
    with np.errstate(all="ignore"):
        outputs, backward = forward(name, arrays, options)
        got = [*outputs, *backward(gradients)]
        result, cache = REFERENCES[name].forward(*arrays, **options)
        dxs = REFERENCES[name].backward(
            tuple(gradients) if isinstance(result, tuple) else gradients[0], cache
        )
    for ours, wanted in zip(got, [*as_tuple(result), *flat(dxs)], strict=True):
        if wanted is not None:
            assert np.array_equal(np.isnan(ours), np.isnan(wanted))
            assert np.array_equal(ours[np.isinf(wanted)], wanted[np.isinf(wanted)])


@every("name", PAIRS)
def test_a_cache_serves_twice_and_another_call_harms_no_result(cupy, name):
    arrays, gradients, options = given_to(name)
    result, cache = KERNELS[name].forward(*map(on_device, arrays), **options)
    dy = tuple(map(on_device, gradients)) if isinstance(result, tuple) else on_device(gradients[0])
    first = flat(KERNELS[name].backward(dy, cache))
    kept = [on_host(a) for a in (*as_tuple(result), *first)]
    second = flat(KERNELS[name].backward(dy, cache))
    forward(name, [a if a is None else a[::-1].copy() for a in arrays], options)[1](gradients)
    for a, b in zip((*as_tuple(result), *first), kept, strict=True):
        assert b is None or np.array_equal(on_host(a), b), "a later call wrote into an earlier result"
    for a, b in zip(first, second, strict=True):
        assert a is None or np.array_equal(on_host(a), on_host(b))


@every("name", PAIRS)
def test_a_gradient_of_another_type_is_converted_and_of_another_shape_refused(cupy, name):
    arrays, (dy, *others), options = given_to(name)
    backward = forward(name, arrays, options)[1]
    for a, b in zip(backward([dy.astype(np.float64), *others]), backward([dy, *others]), strict=True):
        assert a is None or np.array_equal(a, b)
    for wrong in (dy[1:], dy[..., None], np.concatenate([dy, dy])):
        with pytest.raises(ValueError, match="backward expects a gradient of shape"):
            backward([wrong, *others])


@every("name", NAMES)
@every("kind", ["float16", "float64", "complex64", "empty", "numpy"])
def test_what_a_kernel_does_not_take_is_left_to_the_reference(cupy, name, kind):
    arrays, options = given_to(name)[0], SIZES[name][0].options
    ours = [on_device(a) for a in (arrays if kind in ("empty", "numpy") else converted(arrays, kind))]
    if kind == "empty":
        ours[0] = ours[0][:0]
    if kind == "numpy":
        ours = arrays
    assert not KERNELS[name].supports(*ours, **options)


@every("name", NAMES)
@every("half", ["forward", "backward"])
def test_signatures_are_those_of_the_cpu(name, half):
    ours = getattr(KERNELS[name], half)
    theirs = getattr(ON_CPU[name] if name in ON_CPU else Kernel(RULES[name], None, None), half)
    if theirs is None:
        assert ours is None
    else:
        one, other = (
            [(p.kind, p.default, p.name) for p in inspect.signature(f).parameters.values()]
            for f in (ours, theirs)
        )
        assert one == other


@every("name", [name for name in NAMES if KERNELS[name].forward_only is not None])
def test_forward_only_gives_the_bits_of_forward_and_keeps_nothing(cupy, name):
    arrays, _, options = given_to(name)
    got, cache = KERNELS[name].forward_only(*map(on_device, arrays), **options)
    assert cache is None
    for a, b in zip(as_tuple(got), forward(name, arrays, options)[0], strict=True):
        assert on_host(a).tobytes() == b.tobytes()


def test_adam_at_the_edges(cupy):
    w, m, v = (on_device(np.full(9, x, np.float32)) for x in (0.3, 0.0, 0.0))
    g = on_device(np.array([2e20, -3e38, np.nan, np.inf, -np.inf, 0, 0, 0, 0], np.float32))
    options = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, "step": 1, "weight_decay": 0.0}
    KERNELS["adam"].forward(w, g, m, v, learning_rate=0.1, **options)
    w = on_host(w)
    np.testing.assert_allclose(w[:2], [0.2, 0.4], rtol=1e-5)
    assert np.isnan(w[2:5]).all()
    assert (w[5:] == np.float32(0.3)).all(), "a weight without a gradient moved"
