"""NVIDIA's compiler for kernels, NVRTC, called directly: it needs a wheel (nvidia-cuda-nvrtc), but no driver and no GPU.

python -m gpu.nvrtc        in tests/: registers, spilled bytes and shared memory of every kernel
"""

import ctypes
import importlib.util
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

ARCHITECTURES = ("sm_80", "sm_90")


class Resources(NamedTuple):
    """What a kernel takes: registers of a thread, bytes that did not fit into them, bytes of shared memory."""

    registers: int
    spilled: int
    shared: int


class CompileError(Exception):
    """NVRTC refuses the source; the message is its log."""


@cache
def library():
    """The path of NVRTC, or None."""
    spec = importlib.util.find_spec("nvidia")
    for root in (spec.submodule_search_locations or []) if spec else []:
        for path in sorted(Path(root).rglob("libnvrtc.so*")):
            return str(path)
    return None


@cache
def loaded():
    """NVRTC; its second half is loaded first, since it would be looked for elsewhere."""
    for path in Path(library()).parent.glob("libnvrtc-builtins.so*"):
        ctypes.CDLL(str(path))
    return ctypes.CDLL(library())


def compiled(source, architecture, options):
    """The Resources of each kernel in `source`, and the compiler's warnings."""
    nvrtc, program = loaded(), ctypes.c_void_p()

    def call(name, *args):
        return getattr(nvrtc, name)(*args)

    def text(size, get):
        length = ctypes.c_size_t()
        call(size, program, ctypes.byref(length))
        buffer = ctypes.create_string_buffer(length.value)
        call(get, program, buffer)
        return buffer.value.decode()

    call("nvrtcCreateProgram", ctypes.byref(program), source.encode(), b"kernel.cu", 0, None, None)
    try:
        # the last one by CuPy's example
        words = [f"-arch={architecture}", "--ptxas-options=-v", *options, "-ftz=true"]
        array = (ctypes.c_char_p * len(words))(*[word.encode() for word in words])
        failed = call("nvrtcCompileProgram", program, len(words), array)
        log = text("nvrtcGetProgramLogSize", "nvrtcGetProgramLog")
        if failed:
            raise CompileError(log)
        return report(log), [line for line in log.splitlines() if "warning" in line]
    finally:
        call("nvrtcDestroyProgram", ctypes.byref(program))


def report(log):
    """The Resources of each kernel, from what the assembler says."""
    found = {}
    for part in log.split("Compiling entry function '")[1:]:
        name = part.split("'")[0]
        registers, spilled, shared = (
            sum(map(int, re.findall(pattern, part)))
            for pattern in (r"Used (\d+) registers", r"(\d+) bytes spill", r"(\d+) bytes smem")
        )
        found[name] = Resources(registers, spilled, shared)
    return found


def builds():
    """(file, constants) for everything that is compiled."""
    from minidl_kernels import gpu

    files = sorted(path.stem for path in Path(gpu.__file__).parent.glob("*.cu"))
    return [(file, tuple(sorted(build.items()))) for file in files for build in gpu.BUILDS.get(file, [{}])]


def main():
    """Print the resources of all kernels."""
    from minidl_kernels.gpu.launch import options, source

    for file, constants in builds():
        for architecture in ARCHITECTURES:
            resources, warnings = compiled(source(file), architecture, options(constants))
            for name, r in resources.items():
                about = " ".join(f"{k}={v}" for k, v in constants)
                taken = f"{r.registers:4} registers {r.spilled:4} B spilled {r.shared:6} B shared"
                print(f"{architecture} {file}.cu {name:32} {taken} {about}")
            for warning in warnings:
                print(warning)


if __name__ == "__main__":
    main()
