"""Mutants: the source with one fault in it, made by hand (the tables in faults/) or by the operators of cosmic-ray.

A test suite is asked by them what it would notice: a mutant that passes all tests is a fault that nobody would see.
"""

import random
import tomllib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import minidl_kernels

import minidl

HERE = Path(__file__).parent
_PACKAGES = {"minidl": Path(minidl.__file__).parent, "kernels": Path(minidl_kernels.__file__).parent.parent}

# What generated faults are drawn from: everything that computes a value or a gradient.
DRAWN_FROM = [
    "minidl/graph.py", "minidl/special.py", "minidl/primitives", "minidl/activations", "minidl/losses",
    "minidl/optimizers", "minidl/regularizers.py", "minidl/layers/recurrent", "minidl/layers/convolutional",
    "minidl/layers/pooling", "minidl/layers/normalization", "minidl/layers/regularization",
    "minidl/layers/core/dense.py", "minidl/layers/core/embedding.py", "minidl/layers/core/prelu.py",
    "minidl/layers/merge", "kernels/minidl_kernels/cpu", "kernels/minidl_kernels/series.py",
]  # fmt: skip
# Files that compute nothing: which functions there are, the compiler's cache, the pool of threads.
_NOT_DRAWN = {"__init__.py", "cache.py", "pool.py", "memory.py"}
# Operators of cosmic-ray that need arguments of their own.
_NEED_ARGUMENTS = {"core/VariableInserter", "core/VariableReplacer"}


@dataclass(frozen=True)
class Mutant:
    name: str
    kind: str
    file: str  # from the root of the project
    old: str  # the whole file
    new: str

    def diff(self) -> str:
        """The change alone, as patches are written."""
        lines = unified_diff(
            self.old.splitlines(), self.new.splitlines(), self.file, self.file, "", "", 1, ""
        )
        return "\n".join(lines)

    def change(self) -> tuple[str, str]:
        """The lines that went and those that came, without their indentation."""
        lines = self.diff().splitlines()[2:]
        gone, came = ([line[1:].strip() for line in lines if line[0] == sign] for sign in "-+")
        return "\n".join(gone).strip(), "\n".join(came).strip()


def path_of(file: str) -> Path:
    """Where a file of the project lies, in the source tree or where a wheel has been installed."""
    room, _, rest = file.partition("/")
    return _PACKAGES[room] / rest


def source_of(file: str) -> str:
    return path_of(file).read_text(encoding="utf-8")


def table() -> list[dict[str, str]]:
    """The faults made by hand: name, kind, file, old and new text, and the area, which is the table's name."""
    return [
        {"area": path.stem, **fault}
        for path in sorted((HERE / "faults").glob("*.toml"))
        for fault in tomllib.loads(path.read_text(encoding="utf-8"))["fault"]
    ]


def by_hand() -> list[Mutant]:
    """All of them, applied.

    Raises:
        ValueError: the text to change is not in its file exactly once.
    """
    return [_applied(fault) for fault in table()]


def _applied(fault: dict[str, str]) -> Mutant:
    source = source_of(fault["file"])
    times = source.count(fault["old"])
    if times != 1:
        raise ValueError(f"{fault['name']}: the old text is {times} times in {fault['file']}, expected once.")
    new = source.replace(fault["old"], fault["new"])
    return Mutant(fault["name"], fault["kind"], fault["file"], source, new)


def survivors() -> list[dict[str, str]]:
    """What survivors.toml knows: file (with * for a part of the name), the lines gone and come, the reason."""
    return tomllib.loads((HERE / "survivors.toml").read_text(encoding="utf-8"))["survivor"]


def explanation(mutant: Mutant) -> str | None:
    """Why no test can or should see it, if that is written down."""
    change = mutant.change()
    for entry in survivors():
        if fnmatch(mutant.file, entry["file"]) and change == (entry["gone"].strip(), entry["came"].strip()):
            return entry["reason"]
    return None


def generated(number: int, seed: int) -> list[Mutant]:
    """`number` mutants at places drawn with `seed`, each by one operator that fits there. Needs cosmic-ray."""
    rng = random.Random(seed)  # noqa: S311
    drawn = [(file, *place) for file in drawn_files() for place in places(source_of(file)).items()]
    rng.shuffle(drawn)
    mutants: list[Mutant] = []
    for file, at, choices in drawn:
        if len(mutants) == number:
            break
        mutant = _made(file, at, *rng.choice(choices))
        if mutant is not None:
            mutants.append(mutant)
    return mutants


def drawn_files() -> Iterator[str]:
    """The files that generated faults are drawn from."""
    for start in DRAWN_FROM:
        found = path_of(start)
        for path in [found] if found.is_file() else sorted(found.rglob("*.py")):
            if path.name not in _NOT_DRAWN:
                yield f"{start}{path.as_posix().removeprefix(found.as_posix())}"


def places(source: str) -> dict[Any, list[tuple[str, int]]]:
    """Where something can be changed, and by which operators: (name, occurrence)."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.plugins import get_operator, operator_names

    nodes = list(ast_nodes(get_ast(source)))
    found: dict[Any, list[tuple[str, int]]] = {}
    for name in sorted(set(operator_names()) - _NEED_ARGUMENTS):
        operator, occurrence = get_operator(name)(), 0
        for node in nodes:
            for place in operator.mutation_positions(node):
                if not _is_text_or_hint(node):
                    found.setdefault(place, []).append((name, occurrence))
                occurrence += 1
    return found


def _is_text_or_hint(node: Any) -> bool:
    """Whether a node of parso's tree stands in a message or in a type hint."""
    while node.parent is not None:
        parent = node.parent
        if parent.type == "fstring" or (parent.type in ("annassign", "tfpdef") and _is_hint(node, parent)):
            return True
        if parent.type == "funcdef" and node is parent.annotation:
            return True
        node = parent
    return False


def _is_hint(node: Any, parent: Any) -> bool:
    """Of `: hint = value` (annassign) and `name: hint` (tfpdef): what comes after the colon."""
    return node is parent.children[1 if parent.type == "annassign" else 2]


def _made(file: str, at: Any, name: str, occurrence: int) -> Mutant | None:
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    source = source_of(file)
    new = mutate_code(source, get_operator(name)(), occurrence)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # 1 is x
            compile(new, file, "exec")
    except SyntaxError:
        return None
    if new == source:
        return None
    kind = name.partition("/")[2]
    return Mutant(f"{file}:{at[0][0]} {kind}", kind, file, source, new)
