"""The house rules that a reader of one file cannot see: who imports whom, what is nowhere, how long a file is."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import minidl_kernels
import pytest

import minidl

ROOT = Path(minidl.__file__).parent.parent  # of what is installed, be it the source tree or a wheel
FILES = sorted((ROOT / "minidl").rglob("*.py"))
KERNEL_FILES = sorted(Path(minidl_kernels.__file__).parent.rglob("*.py"))
EVERY_FILE = pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))

# A room may import from its own level downwards (the first line is the lowest), never upwards.
LEVELS = [
    {"messages"},
    {"cuda"},
    {"devices"},
    {"backend", "config"},
    {"utils"},
    {"arrays", "graph", "special", "tracing"},
    {"symbolic", "tensor"},
    {"primitives"},
    {"activations", "constraints", "random", "regularizers", "variable"},
    {"losses"},
    {"gradcheck", "initializers", "metrics", "ops", "optimizers"},
    {"layers"},
    {"saving"},
    {"callbacks", "datasets", "preprocessing"},
    {"models"},
    {"applications", "doctor", "inspect"},
    {"__init__"},
]
LATE = {  # what a function may import when it runs, against or outside of the order
    "minidl.saving.hdf5": {"h5py"},
    "minidl.saving.model_files": {"minidl.models"},
    "minidl.saving.training_history": {"minidl.callbacks.base"},
    "minidl.callbacks.live_plot": {"IPython.display", "matplotlib.figure"},
    "minidl.callbacks.tensorboard": {
        "tensorboardX",
        "tensorboardX.proto.event_pb2",
        "tensorboardX.record_writer",
    },
    "minidl.backend": {"minidl_kernels"},
    "minidl.cuda": {"cupy"},
    "minidl.messages.catalogue": {"tomllib"},
    "minidl.config": {"minidl_kernels", "minidl_kernels.gpu"},
    "minidl.models.captured": {"minidl_kernels.gpu.graph"},
    "minidl.utils.seeds": {"minidl.random"},
    "minidl.utils.timeseries": {"minidl.random"},
    "minidl.gradcheck.target": {"minidl.layers.context"},
    "minidl.datasets.files": {"pooch", "requests", "tqdm"},
    "minidl.models.table": {"rich.box", "rich.cells", "rich.console", "rich.table", "rich.text"},
    "minidl.inspect.pictures.canvas": {
        "matplotlib",
        "matplotlib.figure",
        "matplotlib.text",
        "matplotlib.ticker",
    },
    "minidl.models.picture.raster": {
        "matplotlib.figure",
        "matplotlib.font_manager",
        "matplotlib.patches",
        "matplotlib.path",
    },
    "minidl.utils": {"minidl.models.picture"},
}
HEAVY = {
    "cupy", "h5py", "IPython", "matplotlib", "numba", "pandas", "pooch", "rich", "scipy", "sklearn", "tensorboardX",
    "tqdm",
}  # fmt: skip
LONGEST = 350  # lines


@cache
def parsed(file):
    return ast.parse(file.read_text(encoding="utf-8"))


def module_name(file):
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(module):
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


MODULES = {module_name(file): file for file in FILES}


def imported(nodes):
    """The modules that import statements among `nodes` name."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full"
            below = {f"{node.module}.{alias.name}" for alias in node.names}
            submodules = {name for name in below if name in MODULES or node.module == "rich"}
            found.update(submodules)
            if len(submodules) < len(below):
                found.add(node.module)
    return found


def at_import(file):
    """What a file imports as soon as it is imported itself: not inside of functions."""
    pending, nodes = [parsed(file)], []
    while pending:
        node = pending.pop()
        nodes.append(node)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            pending.extend(ast.iter_child_nodes(node))
    return imported(nodes)


def is_ours(module):
    return module.split(".")[0] == "minidl"


def test_the_scan_sees_imports():
    assert "minidl.graph" in at_import(ROOT / "minidl/tensor.py")
    assert "minidl.config" in at_import(ROOT / "minidl/arrays.py")  # from minidl import config
    assert "minidl_kernels" not in at_import(ROOT / "minidl/backend.py")
    assert len(FILES) > 50
    assert len(KERNEL_FILES) > 5


@EVERY_FILE
def test_imports_go_one_way(file):
    levels = {name: i for i, names in enumerate(LEVELS) for name in names}
    own = room(module_name(file))
    assert own in levels, f"give {own} a place in LEVELS"
    for module in filter(is_ours, at_import(file)):
        other = room(module)
        assert other == own or levels[other] < levels[own], f"{own} must not import {module}"


def test_no_circle_of_imports():
    waiting = {name: {m for m in at_import(file) if is_ours(m)} - {name} for name, file in MODULES.items()}
    while ready := [name for name, needs in waiting.items() if not needs & waiting.keys()]:
        for name in ready:
            del waiting[name]
    assert waiting == {}


@EVERY_FILE
def test_at_import_only_numpy_and_the_standard_library(file):
    foreign = {m.split(".")[0] for m in at_import(file)} - {"minidl", "numpy"} - sys.stdlib_module_names
    assert foreign == set()


@EVERY_FILE
def test_late_imports_are_known(file):
    everywhere = imported(ast.walk(parsed(file)))
    late = everywhere - at_import(file)
    assert late <= LATE.get(module_name(file), set()), "say in LATE why a function imports this"


@pytest.mark.parametrize("file", KERNEL_FILES, ids=lambda f: f.name)
def test_kernels_know_nothing_of_minidl(file):
    assert not any(map(is_ours, imported(ast.walk(parsed(file)))))


@EVERY_FILE
def test_no_code_from_data_and_no_asserts(file):
    tree = parsed(file)
    modules = {m.split(".")[0] for m in imported(ast.walk(tree))}
    assert modules & {"pickle", "marshal", "shelve", "dill", "importlib", "runpy", "ctypes"} == set()
    for node in ast.walk(tree):
        assert not isinstance(node, ast.Assert), f"line {node.lineno}: raise ValueError or TypeError"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            lazy = (
                {"__import__"} if module_name(file) == "minidl" else set()
            )  # a closed table of its own parts
            assert node.func.id not in {"eval", "exec", "compile", "__import__"} - lazy, f"line {node.lineno}"
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert isinstance(node.value, ast.Constant), f"line {node.value.lineno}"
            assert node.value.value is False, f"line {node.value.lineno}"
    assert "__reduce__" not in file.read_text(encoding="utf-8")


@EVERY_FILE
def test_files_are_short_enough_to_read(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) <= LONGEST


@EVERY_FILE
def test_what_is_public_is_explained(file):
    tree = parsed(file)
    assert ast.get_docstring(tree), "a module opens with what it is about"
    public = {
        name.value
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"
        for name in ast.walk(node.value)
        if isinstance(name, ast.Constant)
    }
    silent = [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and (node.name in public or not node.name.startswith("_"))
        and not ast.get_docstring(node)
        and not any("NamedTuple" in ast.unparse(base) for base in getattr(node, "bases", []))
    ]
    assert silent == []
    defined = {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    assert not defined or public, "say in __all__ what others may use"


def test_importing_minidl_is_light_and_silent():
    code = "import sys, minidl; sys.exit(' '.join(sorted({m.split('.')[0] for m in sys.modules})))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, cwd=ROOT
    )
    loaded = set(done.stderr.split())  # sys.exit(text) writes it there
    assert "minidl" in loaded, done.stderr
    assert loaded & HEAVY == set()
    assert done.stdout == ""


def test_links_of_the_readme_lead_somewhere():
    readme = Path(__file__).parent.parent / "README.md"
    if not readme.exists():
        pytest.skip("the tests of a wheel run without the source tree")
    links = re.findall(r"\]\((?!http)([^)#]+)\)", readme.read_text(encoding="utf-8"))
    assert len(links) > 10
    assert [link for link in links if not (readme.parent / link).exists()] == []
