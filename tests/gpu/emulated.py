"""CuPy's RawModule for machines without a GPU: g++ compiles the same CUDA C, and `cuda_on_cpu.h` (with `.cpp`) runs it.

CuPy hands on whatever it is given, and the GPU reads it as whatever the kernel says. Here each argument must be what the
kernel declares: as many, of the same types, arrays in C order that do not overlap. Each array lies between guards of
NaN while the kernel runs; who reads there gets NaN, who writes there is found out. Arrays that the kernel declares const
come back unchanged. `MODE` says in what order threads run, and whether every access to memory is watched.
"""

import ctypes
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import threading
from functools import cache, wraps
from pathlib import Path
from typing import NamedTuple

import numpy as np
from gpu import streams

HEADER = Path(__file__).with_name("cuda_on_cpu.h")
KERNEL = re.compile(r'extern\s+"C"\s+__global__\s+void\s+(?:__launch_bounds__\(([^()]*)\)\s*)?(\w+)\s*\(')
OPTION = re.compile(r"-std=c\+\+17|-D\w+=\w+")
FLAGS = ["-std=c++17", "-fPIC", "-w", "-ffp-contract=off", "-U_FORTIFY_SOURCE", "-DCUDA_ON_CPU"]
USUAL_SHARED, MOST_SHARED = 48 << 10, 227 << 10  # bytes of shared memory: without asking, and at all
FREE = 8 << 30  # bytes of the GPU's memory that nobody has
MOST_BLOCKS = (2**31 - 1, 2**16 - 1, 2**16 - 1)
MOST_THREADS = (1024, 1024, 64)
PAST_ALIGNMENT = 512  # bytes: where CuPy's allocations begin
ASCENDING, DESCENDING, SHUFFLED = 0, 1, 2


class Mode(NamedTuple):
    """How kernels run: the order of threads and blocks, and whether every access is watched."""

    order: int = ASCENDING
    races: bool = False


EVERY_MODE = [Mode(order, True) for order in (ASCENDING, DESCENDING, SHUFFLED)]

MODE = [Mode()]  # that of the launches to come
_one_at_a_time = threading.Lock()  # the emulator's fibers are global variables


class EmulationError(Exception):
    """A kernel did, or was given, what a GPU would not forgive."""


class CompileError(Exception):
    """g++ does not take the source; the message is its own."""


def compiler():
    """The C++ compiler, or None."""
    return shutil.which(os.environ.get("CXX", "g++"))


@cache
def _folder():
    path = Path(tempfile.gettempdir()) / f"minidl-cuda-on-cpu-{os.getuid()}"
    path.mkdir(mode=0o700, exist_ok=True)
    if path.is_symlink() or path.stat().st_uid != os.getuid():
        raise EmulationError(f"{path} belongs to someone else")
    return path


@cache
def _made(suffix, text, *command):
    """The file that `command` makes from `text`; what was made before, by any process, is taken from a folder."""
    key = hashlib.sha256("\0".join([text, *_sources(), *command]).encode()).hexdigest()
    path = _folder() / f"{key[:24]}{suffix}"
    if not path.exists():
        part = f"{path}.{os.getpid()}.{threading.get_ident()}{suffix}"
        _run([*command, "-x", "c++", "-c", "-", "-o", part], text)
        if suffix == ".so":
            os.rename(part, objects := f"{part}.o")
            emulator = _made(".o", _sources()[1], compiler(), *FLAGS, f"-I{HEADER.parent}", "-O2")
            _run(
                [compiler(), "-shared", objects, str(emulator), "-o", part], ""
            )  # without flags: no library comes along
            os.remove(objects)
        os.rename(part, path)
    return path


@cache
def _sources():
    """The emulator: what kernels include, and what is compiled once for all of them."""
    return [path.read_text(encoding="utf-8") for path in (HEADER, HEADER.with_suffix(".cpp"))]


@cache
def _library(code, options, races):
    """The source, compiled together with the emulator."""
    exports = [
        f"CUDA_ON_CPU_EXPORT({name}, ({bound.split(',')[0] or 1024}))" for bound, name in KERNEL.findall(code)
    ]
    text = "\n".join([code, '#line 1 "exports"', *exports, ""])
    watching = ["-fsanitize=thread,alignment,bounds"] if races else []
    flags = [*FLAGS, "-O1", *watching, *uninitialised(), "-include", str(HEADER), *options[1:]]
    return ctypes.CDLL(str(_made(".so", text, compiler(), *flags)))


def _run(command, text):
    done = subprocess.run(command, input=text, text=True, capture_output=True)
    if done.returncode:
        raise CompileError(done.stderr)


@cache
def uninitialised():
    """The flag that gives variables without a value a strange one, where the compiler knows it (g++ 12)."""
    flag = "-ftrivial-auto-var-init=pattern"
    known = subprocess.run(
        [compiler(), flag, "-E", "-x", "c++", "-"], input="", text=True, capture_output=True
    )
    return [] if known.returncode else [flag]


class RawModule:
    """cupy.RawModule, as far as minidl uses it."""

    def __init__(self, *, code, options=()):
        if options[:1] != ("-std=c++17",) or not all(map(OPTION.fullmatch, options)):
            raise EmulationError(f"the options of a kernel are -std=c++17 and macros, not {options}")
        self.code, self.options = code, options

    def get_function(self, name):
        """One of its kernels."""
        if name not in [found for _, found in KERNEL.findall(self.code)]:
            raise EmulationError(f'no kernel is called {name}: extern "C" __global__ void {name}(...)')
        return RawKernel(self, name)


class RawKernel:
    """cupy.RawKernel: called with grid, block and arguments it runs the kernel, and is done when the call returns."""

    def __init__(self, module, name):
        self._module, self._name, self._most_shared = module, name, USUAL_SHARED

    @property
    def max_dynamic_shared_size_bytes(self):
        """How much dynamic shared memory a launch may have."""
        return self._most_shared

    @max_dynamic_shared_size_bytes.setter
    def max_dynamic_shared_size_bytes(self, size):
        if size > MOST_SHARED:
            raise EmulationError(f"{self._name}: {size} bytes of shared memory are more than an H100 has")
        self._most_shared = size

    def __call__(self, grid, block, args, *, shared_mem=0):
        ghosts = tuple(type(a)._at(a._host, a._number) if hasattr(a, "_host") else a for a in args)
        if not streams.note(lambda: self._launch(grid, block, ghosts, shared_mem)):  # a graph holds no arrays
            self._launch(grid, block, args, shared_mem)

    def _launch(self, grid, block, args, shared_mem):
        with _one_at_a_time:
            library = _library(self._module.code, self._module.options, MODE[0].races)
            self._check_sizes(grid, block, shared_mem, getattr(library, f"{self._name}_bound")())
            self._run(library, grid, block, args, shared_mem)

    def _check_sizes(self, grid, block, shared, bound):
        for sizes, most in ((grid, MOST_BLOCKS), (block, MOST_THREADS)):
            if not 1 <= len(sizes) <= 3 or not all(0 < n <= m for n, m in zip(sizes, most, strict=False)):
                raise EmulationError(f"{self._name}: {sizes} is no grid or block of a GPU")
        if np.prod(block) > bound:
            raise EmulationError(f"{self._name}: {block} are more threads than its bound, {bound}")
        if shared > self._most_shared:
            raise EmulationError(f"{self._name}: {shared} bytes of shared memory without asking for so much")

    def _run(self, library, grid, block, args, shared):
        takes = getattr(library, f"{self._name}_takes")
        takes.restype = ctypes.c_char_p
        declared = takes().decode().split(",")[:-1]
        if len(declared) != len(args):
            raise EmulationError(f"{self._name} takes {len(declared)} arguments, got {len(args)}")
        library.cuda_on_cpu_forget()
        guarded = []
        values = [self._value(i, d, a, guarded) for i, (d, a) in enumerate(zip(declared, args, strict=True))]
        self._check_overlaps(guarded)
        for g in guarded:
            g.watch(library)
        pointers = (ctypes.c_void_p * len(args))(*[v.ctypes.data for v in values])
        sizes = (ctypes.c_uint * 6)(*(*grid, 1, 1)[:3], *(*block, 1, 1)[:3])
        start = getattr(library, f"{self._name}_start")
        start.restype = ctypes.c_char_p
        complaint = start(pointers, sizes, ctypes.c_size_t(shared), ctypes.c_uint(MODE[0].order)).decode()
        if complaint:
            raise EmulationError(f"{self._name}: {complaint}")
        for g in guarded:
            g.give_back(self._name)

    def _value(self, number, declared, given, guarded):
        """What lies in the kernel's argument, a number or an address, as an array without axes."""
        kind, pointer = declared.split()[-1], " " in declared
        if pointer and isinstance(given, np.uintp) and given == 0:
            return np.array(given)
        if hasattr(given, "_host") != pointer or getattr(given, "dtype", None) != kind:
            found = getattr(given, "dtype", type(given).__name__)
            what = f"an array of {found}" if hasattr(given, "_host") else found
            raise EmulationError(f"{self._name}: argument {number} is declared {declared!r} and given {what}")
        if not pointer:
            return np.array(given)
        if given._number != streams.place.number:
            raise EmulationError(f"{self._name}: argument {number} is on another GPU than the current one")
        guarded.append(Guarded(number, given._host, constant=declared[0] == "r"))
        if not given.flags.c_contiguous:
            raise EmulationError(f"{self._name}: argument {number} is not C-contiguous")
        return np.array(guarded[-1].inner.ctypes.data, np.uintp)

    def _check_overlaps(self, guarded):
        for i, a in enumerate(guarded):
            for b in guarded[:i]:
                if not (a.constant and b.constant) and np.may_share_memory(a.host, b.host):
                    raise EmulationError(
                        f"{self._name}: arguments {b.number} and {a.number} overlap, and one is written to"
                    )


class Guarded:
    """A copy of an array between guards: every byte of them is 0xff, which floats read as NaN and integers as -1."""

    def __init__(self, number, host, constant):
        self.number, self.host, self.constant = number, host, constant
        guard = min(host.nbytes, 1 << 16) + 1024
        memory = np.full(host.nbytes + 2 * guard + 2 * PAST_ALIGNMENT, 0xFF, np.uint8)
        first = guard + (_offset(host) - memory.ctypes.data - guard) % PAST_ALIGNMENT
        self.guard, self.memory = guard, memory
        self.inner = memory[first : first + host.nbytes]
        self.inner[:] = np.frombuffer(host.tobytes(), np.uint8)
        self.around = (memory[:first], memory[first + host.nbytes :])

    def watch(self, library):
        """Tell the emulator where it is."""
        library.cuda_on_cpu_watch(
            self.number, ctypes.c_size_t(self.inner.ctypes.data), ctypes.c_size_t(self.host.nbytes),
            ctypes.c_size_t(self.guard), min(self.host.itemsize, 4), int(self.constant),
        )  # fmt: skip

    def give_back(self, kernel):
        """Look at the guards, and copy the results home."""
        if any((part != 0xFF).any() for part in self.around):
            raise EmulationError(f"{kernel}: wrote outside of the bounds of argument {self.number}")
        if self.constant and self.inner.tobytes() != self.host.tobytes():
            raise EmulationError(f"{kernel}: wrote to argument {self.number}, which is const")
        if not self.constant:
            self.host[...] = self.inner.view(self.host.dtype).reshape(self.host.shape)


def _offset(array):
    """How far into its memory an array begins: a view's address is no multiple of what an allocation's is."""
    owner = array
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    return array.ctypes.data - owner.ctypes.data


class Memory:
    """cupy.cuda.Memory: an allocation that belongs to no pool."""

    def __init__(self, size):
        self._memory, self.size = np.empty(size + PAST_ALIGNMENT, np.uint8), size
        self.ptr = self._memory.ctypes.data + -self._memory.ctypes.data % PAST_ALIGNMENT


def _as_rubbish(make):
    """What a kernel forgets to write is seen: new memory is full of NaN, or of 99."""

    @wraps(make)
    def made(*args, **kwargs):
        array = make(*args, **kwargs)
        memory, rubbish = array._host, np.nan if array.dtype.kind in "fc" else 99
        memory.fill(rubbish)
        streams.note(lambda: memory.fill(rubbish))
        return array

    return made


def with_kernels(module):
    """The stand-in for CuPy's arrays, with what kernels need."""
    module.empty, module.empty_like = _as_rubbish(module.empty), _as_rubbish(module.empty_like)
    module.RawModule = RawModule
    module.cuda.Memory = Memory
    runtime = module.cuda.runtime
    runtime.cudaDevAttrMaxSharedMemoryPerBlockOptin = 97
    runtime.deviceGetAttribute = lambda attribute, device: {97: MOST_SHARED}[attribute]
    runtime.memGetInfo = lambda: (FREE, 2 * FREE)
    module.get_default_memory_pool = lambda: streams.default_pool
    return module
