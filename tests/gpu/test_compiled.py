"""NVIDIA's own compiler takes every kernel, for two generations of GPUs, and keeps what it computes in registers."""

import re
from pathlib import Path

import pytest
from gpu import emulated, nvrtc
from minidl_kernels import gpu
from minidl_kernels.gpu.launch import options, source

needs_nvrtc = pytest.mark.skipif(nvrtc.library() is None, reason="nvidia-cuda-nvrtc is not installed")
BUILDS = nvrtc.builds()
FILES = sorted(path.stem for path in Path(gpu.__file__).parent.glob("*.cu"))
REGISTERS = 65536  # of a multiprocessor: a block of 1,024 threads has 64 for each


@needs_nvrtc
@pytest.mark.parametrize("architecture", nvrtc.ARCHITECTURES)
@pytest.mark.parametrize(("file", "constants"), BUILDS, ids=[f"{f}{dict(c) or ''}" for f, c in BUILDS])
def test_it_compiles_and_spills_nothing(file, constants, architecture):
    resources, warnings = nvrtc.compiled(source(file), architecture, options(constants))
    assert warnings == []
    bounds = {name: bound for bound, name in emulated.KERNEL.findall(source(file))}
    assert set(resources) == set(bounds), "not every kernel was looked at"
    for name, r in resources.items():
        assert r.spilled == 0, f"{name} spills"
        assert r.registers > 0
        assert r.shared <= emulated.USUAL_SHARED
        assert bounds[name] or r.registers * 1024 <= REGISTERS, f"{name} needs __launch_bounds__(threads)"


@pytest.mark.parametrize("file", FILES)
def test_no_kernel_hides_from_the_checks(file):
    text = (Path(gpu.__file__).parent / f"{file}.cu").read_text(encoding="utf-8")
    assert len(re.findall(r"\b__global__\b", text)) == len(emulated.KERNEL.findall(text)) > 0
    assert "#include" not in text
    assert "asm" not in text, "assembly is in the prelude, where the emulator has its own words for it"
    assert (Path(gpu.__file__).parent / f"{file}.py").exists()


def test_every_set_of_constants_belongs_to_a_source():
    assert set(gpu.BUILDS) <= set(FILES)


HEAD = 'extern "C" __global__ void f(float* x, int n) '


@needs_nvrtc
@pytest.mark.parametrize("body", ["{ x[0] = y; }", "{ x[0] = INFINITY; }", '{ printf("%d" n); }'])
def test_what_nvrtc_does_not_know_is_found(body):
    with pytest.raises(nvrtc.CompileError, match=r"kernel.cu\(1\): error"):
        nvrtc.compiled(HEAD + body, "sm_80", ("-std=c++17",))


@needs_nvrtc
def test_denormals_are_flushed_as_by_cupy():
    text = "#if !__CUDA_FTZ\n#error denormals are kept\n#endif\n" + HEAD + "{ x[0] = n; }"
    nvrtc.compiled(text, "sm_80", ("-std=c++17",))


@needs_nvrtc
def test_spills_are_found():
    held = " ".join(f"float a{i} = x[n * {i}];" for i in range(200))
    used = " ".join(f"x[n * {i}] = a{i};" for i in range(200))
    text = (
        HEAD.replace("void f", "void __launch_bounds__(1024) f")
        + "{"
        + held
        + "__syncthreads();"
        + used
        + "}"
    )
    resources, _ = nvrtc.compiled(text, "sm_80", ("-std=c++17",))
    assert resources["f"].spilled > 0
