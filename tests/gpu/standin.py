"""A stand-in for CuPy's arrays, for machines without a GPU: NumPy behind an array type that is as strict as CuPy's.

Where CuPy refuses, this refuses: np.asarray(x) and every other silent copy to the host, NumPy arrays beside its own,
the methods of ufuncs (np.add.at), functions, methods and parameters that CuPy has not (`cupy_names.txt` lists what the
installed CuPy 14 has), `where=` in a ufunc, arrays of objects. Results without axes are arrays, not NumPy's scalars.
What CuPy takes but copies to the device on the quiet, such as a NumPy array as an index, is refused here too.

Each array is on the GPU that was the current one when it was made, and a call that computes on an array elsewhere is refused
as by CuPy for GPUs that do not see each other's memory. Views and copies are free.

Ways in and out are `asarray` and `get`/`asnumpy`, as in CuPy. Whatever makes the host wait for a GPU is counted: `waits`.
While a stream is captured (`streams`), what computes is recorded, and what waits, copies or calls cuBLAS is refused.
"""

import builtins
import itertools
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from gpu import streams

__all__ = ["counted_waits", "cupy_module", "ndarray"]

_NAMES = [
    line.split()
    for line in Path(__file__).with_name("cupy_names.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]
UFUNCS = {name for kind, name, *_ in _NAMES if kind == "ufunc"}
FUNCTIONS = {name: parameters for kind, name, *parameters in _NAMES if kind == "function"}
METHODS = {name: parameters for kind, name, *parameters in _NAMES if kind == "method"}
SCALARS = (bool, int, float, complex, np.generic)
# While a stream is captured: cuBLAS and cuSOLVER are behind these,
LIBRARIES = {"matmul", "dot", "tensordot", "einsum", "inner", "outer", "vdot", "linalg"}
# and these wait for the stream.
THRUST = {"sort", "argsort", "lexsort", "unique", "partition", "argpartition"}
IN_PLACE = {"fill", "put", "sort", "partition"}
FACTS = {"ndim", "shape", "size", "result_type", "can_cast", "iscomplexobj", "isscalar", "may_share_memory"}

waits = [0]  # how often the host had to wait for the device so far


@contextmanager
def counted_waits():
    """Within the block, a list whose only entry is how often the host has waited since."""
    before, count = waits[0], [0]
    yield count
    count[0] = waits[0] - before


def _wait():
    streams.refuse("a call that waits")
    waits[0] += 1


def _refuse_libraries(name):
    if streams.capturing() is None:
        return
    if name.partition(".")[0] in LIBRARIES:
        raise NotImplementedError("calling cuBLAS API during stream capture is currently unsupported")
    if name in THRUST:
        streams.refuse(name)


def _computed(run, *sources):
    """The result of `run`; while a stream is captured it comes when the graph is launched, unless it is a view."""
    if streams.capturing() is None:
        return _made_here(_outside(run(), *sources), sources)
    with np.errstate(all="ignore"):
        made = _made_here(_outside(run(), *sources), sources)
    later = [
        (i, array._host)
        for i, array in enumerate(_leaves([made]))
        if isinstance(array, ndarray) and array.base is None and not any(array is s for s in sources)
    ]
    for _, memory in later:
        memory.view().reshape(-1, order="A")[:] = _rubbish(memory.dtype)
    if later:

        def fill():
            results = list(_leaves([run()]))
            for i, memory in later:
                memory[...] = results[i]

        streams.note(fill)
    return made


def _made_here(made, sources):
    """`made`, which a kernel has computed from `sources` unless it is a view of one."""
    if any(isinstance(a, ndarray) and a.base is None for a in _leaves([made])):
        _check_place(*sources)
    return made


def _check_place(*arrays):
    """Refuse arrays that are not on the current GPU."""
    for a in arrays:
        if isinstance(a, ndarray) and a._number != streams.place.number:
            raise ValueError(
                f"The device where the array resides ({a._number}) is different from the current device "
                f"({streams.place.number}). Peer access is unavailable between these devices."
            )


def _rubbish(dtype):
    return np.frombuffer(bytes([streams.RUBBISH]) * dtype.itemsize, dtype)[0]


def _inside(value):
    """`value` with host memory in place of device arrays; anything CuPy would not take is refused."""
    if isinstance(value, ndarray):
        return value._host
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, tuple | list):
        return type(value)(map(_inside, value))
    if hasattr(value, "__array_ufunc__") and not isinstance(value, np.generic):
        raise TypeError(f"Unsupported type {type(value)}")
    return value


def _outside(value, *sources):
    """A result of NumPy's as device arrays; a view of one of `sources` says so in `base`."""
    if isinstance(value, tuple | list):
        return (
            type(value)(*[_outside(v, *sources) for v in value])
            if hasattr(value, "_fields")
            else type(value)(_outside(v, *sources) for v in value)
        )
    if isinstance(value, np.ndarray | np.generic):
        host = np.asarray(value)
        for source in sources:
            if isinstance(source, ndarray) and _root(host) is _root(source._host):
                made = ndarray._at(host, source._number)
                made.base = source if source.base is None else source.base
                return made
        return ndarray._of(host)
    return value


def _root(array):
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _check_keywords(name, parameters, args, kwargs):
    if any(p.startswith("*") for p in parameters):
        known = set(kwargs) if any(p.startswith("**") for p in parameters) else set(parameters)
    else:
        known = set(parameters[len(args) :])
        if len(args) > len(parameters):
            raise TypeError(f"{name}() takes {len(parameters)} arguments, got {len(args)}")
    if unknown := set(kwargs) - known:
        raise TypeError(f"{name}() got an unexpected keyword argument {sorted(unknown)[0]!r}")


def _leaves(values):
    for value in values:
        if isinstance(value, tuple | list):
            yield from _leaves(value)
        else:
            yield value


def _call(name, args, kwargs):
    """cupy.<name>(*args, **kwargs)."""
    _refuse_libraries(name)
    if name in UFUNCS:
        return _ufunc(name, args, kwargs)
    _check_keywords(name, FUNCTIONS[name], args, kwargs)
    sources = [v for v in _leaves((*args, *kwargs.values())) if isinstance(v, ndarray)]
    out = kwargs.pop("out", None)
    if out is not None:
        kwargs["out"] = out
    if name.endswith("_like"):
        sources = []  # of which only the shape is read
        if not kwargs.get("shape"):  # CuPy asks `if shape`, so () is none
            kwargs.pop("shape", None)
    if name in ("nonzero", "flatnonzero", "argwhere", "unique", "allclose", "array_equal", "array2string"):
        _wait()
    function = np
    for part in name.split("."):
        function = getattr(function, part)
    given, options = _inside(tuple(args)), {k: _inside(v) for k, v in kwargs.items()}

    def run():
        made = function(*given, **options)
        made = np.bool_(made) if isinstance(made, bool) and name not in FACTS else made
        _refuse_objects(made)
        return made

    if out is not None or name in ("copyto", "put_along_axis", "put", "fill_diagonal"):
        _check_place(*sources)
        if not streams.note(run):
            run()
        return out
    return run() if name in FACTS else _computed(run, *sources)


def _refuse_objects(made):
    for value in _leaves([made]):
        if isinstance(value, np.ndarray) and value.dtype.kind not in "biufc":
            raise TypeError(f"Unsupported dtype {value.dtype}")


def _ufunc(name, args, kwargs):
    if unknown := set(kwargs) - {"out", "dtype", "casting"}:
        raise TypeError(f"Wrong arguments {unknown}")
    for value in args:
        if not isinstance(value, (ndarray, *SCALARS)):
            raise TypeError(f"Unsupported type {type(value)}")
    out = kwargs.get("out")
    if isinstance(out, tuple):
        (out,) = out
    if out is not None and not isinstance(out, ndarray):
        raise TypeError(f"return arrays must be of ArrayType, got {type(out)}")
    options = {k: v for k, v in kwargs.items() if k != "out"}
    given = [_inside(v) for v in args]
    if out is None:
        return _computed(lambda: getattr(np, name)(*given, **options), *args)
    _check_place(out, *args)
    target = out._host
    run = lambda: getattr(np, name)(*given, out=target, **options)  # noqa: E731
    if not streams.note(run):
        run()
    return out


class ndarray:  # the name that CuPy gives it
    """An array on a device. Its memory is `_host`, which nobody but the emulator of kernels may touch."""

    __array_priority__ = 100
    __hash__ = None

    def __init__(self, shape, dtype=float, memptr=None, strides=None, order="C"):
        if memptr is not None or strides is not None:
            raise NotImplementedError("the stand-in makes no arrays at given places")
        self.base, self._number = (
            None,
            streams.place.number,
        )  # what nobody fills is not 0: whoever forgets it, notices
        self._host = streams.placed(self, np.full(shape, 113, dtype, order))

    @classmethod
    def _of(cls, host):
        """An array of its own, with these numbers."""
        _refuse_objects(host)
        made = cls.__new__(cls)
        made.base, made._number = None, streams.place.number
        made._host = streams.placed(made, host)
        return made

    @classmethod
    def _at(cls, host, number):
        """An array in memory that belongs to another, or to nobody any more."""
        made = cls.__new__(cls)
        made._host, made.base, made._number = host, None, number
        return made

    # --- what CuPy refuses --------------------------------------------------------------------------------------

    def __array__(self, *args, **kwargs):
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy array "
            "explicitly."
        )

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if method != "__call__" or ufunc.__name__ not in UFUNCS:
            return NotImplemented
        if "out" in kwargs:
            if len(kwargs["out"]) != 1:
                raise ValueError("The 'out' parameter must have exactly one array value")
            kwargs["out"] = kwargs["out"][0]
        for value in (*inputs, *([kwargs["out"]] if "out" in kwargs else [])):
            if not isinstance(value, (ndarray, np.ndarray, *SCALARS)):
                return NotImplemented
        if ufunc.__name__ in ("greater", "greater_equal", "less", "less_equal", "equal", "not_equal"):
            inputs = [x.item() if isinstance(x, np.ndarray) and x.ndim == 0 else x for x in inputs]
        return _call(ufunc.__name__, tuple(inputs), kwargs)

    def __array_function__(self, function, types, args, kwargs):
        module = function.__module__.partition(".")[2]
        name = f"{module}.{function.__name__}" if module else function.__name__
        if name not in FUNCTIONS and name not in UFUNCS:
            return NotImplemented
        if any(t not in (ndarray, np.ndarray) for t in types):
            return NotImplemented
        return _call(name, args, dict(kwargs))

    # --- ways out -----------------------------------------------------------------------------------------------

    def get(self, stream=None, order="C", out=None, blocking=True):
        _wait()
        return self._host.copy()

    def set(self, arr, stream=None):
        if not isinstance(arr, np.ndarray) or arr.dtype != self.dtype or arr.shape != self.shape:
            raise TypeError("only an array of the host of the same shape and type can be set")
        streams.refuse("a copy from the host")
        self._host[...] = arr

    def item(self, *args):
        _wait()
        return self._host.item(*args)

    def tolist(self):
        _wait()
        return self._host.tolist()

    def __bool__(self):
        _wait()
        return bool(self._host)

    def __int__(self):
        _wait()
        return int(self._host)

    def __float__(self):
        _wait()
        return float(self._host)

    def __complex__(self):
        _wait()
        return complex(self._host)

    def __repr__(self):
        return repr(self.get())

    def __str__(self):
        return str(self.get())

    def __format__(self, spec):
        return format(self.get(), spec)

    # --- what it is ---------------------------------------------------------------------------------------------

    dtype = property(lambda self: self._host.dtype)
    shape = property(lambda self: self._host.shape)
    strides = property(lambda self: self._host.strides)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    itemsize = property(lambda self: self._host.itemsize)
    nbytes = property(lambda self: self._host.nbytes)
    T = property(lambda self: _outside(self._host.T, self))
    mT = property(lambda self: _outside(self._host.mT, self))  # noqa: N815
    real = property(lambda self: _outside(self._host.real, self))
    imag = property(lambda self: _outside(self._host.imag, self))
    device = property(lambda self: Device(self._number))
    data = property(
        lambda self: SimpleNamespace(ptr=self._host.ctypes.data, device=self.device, device_id=self._number)
    )
    flags = property(
        lambda self: SimpleNamespace(
            c_contiguous=self._host.flags.c_contiguous,
            f_contiguous=self._host.flags.f_contiguous,
            owndata=self.base is None,
        )
    )

    # --- elements -----------------------------------------------------------------------------------------------

    def _index(self, index):
        if any(
            getattr(i, "dtype", None) == np.bool_ for i in (index if isinstance(index, tuple) else (index,))
        ):
            _wait()  # how many there are decides the shape
        return _inside(index)

    def __getitem__(self, index):
        plain, host = self._index(index), self._host
        if not isinstance(host[plain], np.ndarray):
            plain = (*plain, ...) if isinstance(plain, tuple) else (plain, ...)
        return _computed(lambda: host[plain], self)

    def __setitem__(self, index, value):
        if not isinstance(value, (ndarray, *SCALARS)):
            raise TypeError(f"Unsupported type {type(value)}")
        _check_place(self, value)
        host, plain, numbers = self._host, self._index(index), _inside(value)
        if not streams.note(lambda: host.__setitem__(plain, numbers)):
            host[plain] = numbers

    def __len__(self):
        return len(self._host)

    def __iter__(self):
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    def __copy__(self):
        return self.copy()

    def __deepcopy__(self, memo):
        return self.copy()

    def __getattr__(self, name):
        if name not in METHODS:
            raise AttributeError(f"'cupy.ndarray' object has no attribute {name!r}")

        def method(*args, **kwargs):
            _check_keywords(name, METHODS[name], args, kwargs)
            if name == "nonzero":
                _wait()
            out = kwargs.get("out")
            kwargs = {
                k: _inside(v)
                for k, v in kwargs.items()
                if not (v is None and k in ("copy", "casting", "kind"))
            }
            _refuse_libraries(name)
            host, given = self._host, [_inside(a) for a in args]
            run = lambda: getattr(host, name)(*given, **kwargs)  # noqa: E731
            if out is None and name not in IN_PLACE:
                return (
                    _outside(run())
                    if name == "copy" and streams.capturing() is None
                    else _computed(run, self)
                )
            _check_place(self, out)
            if not streams.note(run):
                run()
            return out

        return method


def _operator(name):
    ufunc, reflected = name.strip("_"), False
    names = {
        "sub": "subtract", "mul": "multiply", "truediv": "divide", "floordiv": "floor_divide", "mod": "remainder",
        "pow": "power", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor", "lt": "less",
        "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal", "ne": "not_equal",
        "lshift": "left_shift", "rshift": "right_shift", "add": "add", "matmul": "matmul",
        "neg": "negative", "pos": "positive", "abs": "absolute", "invert": "invert",
    }  # fmt: skip
    if ufunc in ("neg", "pos", "abs", "invert"):
        return lambda self: _call(names[ufunc], (self,), {})
    in_place = ufunc not in names and ufunc[0] == "i"
    if ufunc not in names:
        reflected, ufunc = ufunc[0] == "r", ufunc[1:]
    called = names[ufunc]

    def operator(self, other):
        if getattr(other, "__array_priority__", 0) > self.__array_priority__:
            return NotImplemented
        if in_place:
            return _call(called, (self, other), {"out": self})
        return _call(called, (other, self) if reflected else (self, other), {})

    return operator


for _kind, _name, *_ in _NAMES:
    if (
        _kind == "operator"
        and _name not in vars(object)
        and _name not in vars(ndarray)
        and _name != "__divmod__"
    ):
        setattr(ndarray, _name, _operator(_name))
for _name in ("__lt__", "__le__", "__gt__", "__ge__", "__eq__", "__ne__"):
    setattr(ndarray, _name, _operator(_name))
ndarray.__module__, ndarray.__qualname__ = "cupy", "ndarray"


# --- the module -------------------------------------------------------------------------------------------------------


class Device:
    """One GPU; without a number, the current one of this thread."""

    def __init__(self, device=None):
        self.id = streams.place.number if device is None else builtins.int(device)
        self._before = []

    def __enter__(self):
        self._before.append(streams.place.number)
        return self.use()

    def __exit__(self, *error):
        streams.place.number = self._before.pop()

    def __eq__(self, other):
        return isinstance(other, Device) and self.id == other.id

    def __hash__(self):
        return self.id

    def __repr__(self):
        return f"<CUDA Device {self.id}>"

    def use(self):
        streams.place.number = self.id
        return self

    def synchronize(self):
        _wait()


def asarray(a, dtype=None, order=None, *, copy=None, blocking=False):
    """The only way in."""
    if isinstance(a, ndarray):
        a = a if a._number == streams.place.number else a.copy()
        return a if dtype in (None, a.dtype) and not copy else a.astype(dtype or a.dtype)
    if isinstance(a, tuple | list) and any(isinstance(v, ndarray) for v in _leaves(a)):
        return ndarray._of(np.array(_inside(a), dtype))
    streams.refuse("a copy from the host")
    return ndarray._of(np.array(a, dtype, order=order or "C"))


def array(obj, dtype=None, copy=True, order="K", subok=False, ndmin=0, *, blocking=False):
    """An array of its own."""
    return asarray(obj, dtype, copy=copy)


def asnumpy(a, stream=None, order="C", out=None, *, blocking=True):
    """The way out."""
    return a.get() if isinstance(a, ndarray) else np.asarray(a)


def _runtime(driver, toolkit, count):
    return SimpleNamespace(
        driverGetVersion=lambda: driver, runtimeGetVersion=lambda: toolkit, getDeviceCount=lambda: count
    )


def cupy_module(driver=13000, toolkit=13000, count=1):
    """What to put into sys.modules["cupy"]: everything about arrays. Kernels and streams are added by `emulated`."""
    from types import ModuleType

    module = ModuleType("cupy")
    for name in itertools.chain(FUNCTIONS, UFUNCS):
        if "." not in name and hasattr(np, name):
            setattr(module, name, _function(name))
    module.linalg = SimpleNamespace(
        **{n.partition(".")[2]: _function(n) for n in (*FUNCTIONS, *UFUNCS) if n.startswith("linalg.")}
    )
    for name in ("bool_", "int8", "int16", "int32", "int64", "uint8", "uint32", "uint64", "intp"):
        setattr(module, name, getattr(np, name))
    for name in (
        "float16",
        "float32",
        "float64",
        "complex64",
        "complex128",
        "inf",
        "nan",
        "newaxis",
        "dtype",
    ):
        setattr(module, name, getattr(np, name))
    module.ndarray, module.asarray, module.array, module.asnumpy = ndarray, asarray, array, asnumpy
    module.cuda = SimpleNamespace(
        Device=Device, runtime=_runtime(driver, toolkit, count), Stream=streams.Stream, MemoryPool=streams.MemoryPool,
        get_current_stream=streams.current, using_allocator=streams.using_allocator,
    )  # fmt: skip
    module.__version__, module.is_standin = "14.2.0", True
    return module


def _function(name):
    def function(*args, **kwargs):
        return _call(name, args, kwargs)

    function.__name__ = function.__qualname__ = name
    return function
