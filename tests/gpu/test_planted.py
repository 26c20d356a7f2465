"""Faults planted in the sources are caught: the checks that pass on the real kernels can fail.

Some are planted everywhere: each barrier is dropped in turn, a number that a kernel takes becomes a wider one, and each
loop over elements goes one too far. Others are written down in `gpu_cases.FAULTS`.
"""

import re
from pathlib import Path
from typing import NamedTuple

import pytest
from gpu import emulated
from gpu.checks import check, check_all
from gpu.gpu_cases import FAULTS, SIZES
from minidl_kernels import gpu
from minidl_kernels.gpu import KERNELS, launch

EXAMPLES = 12
# Without their comments, so that no fault is planted in one; each line keeps its number.
SOURCES = {
    path.stem: re.sub(r"//.*", "", path.read_text(encoding="utf-8"))
    for path in sorted(Path(gpu.__file__).parent.glob("*.cu"))
}
WIDER = {"int": "long long", "float": "double"}
CAUGHT = (AssertionError, emulated.EmulationError, RuntimeWarning)  # and not a source that does not compile

pytestmark = pytest.mark.parametrize("cupy", ["emulated"], indirect=True)  # a GPU would not survive them


class Planted(NamedTuple):
    """A source with a fault, and what the fault is."""

    file: str
    about: str
    text: str


def everywhere(file, text):
    """Faults that any kernel can have."""

    def line(at):
        return text.count("\n", 0, at) + 1

    for barrier in re.finditer(r"__sync(threads|warp)\(\);", text):
        without = text[: barrier.start()] + text[barrier.end() :]
        yield Planted(file, f"line {line(barrier.start())} without its barrier", without)
    for loop in re.finditer(r"FOR_EACH\(\w+, [^()]+(?=\))", text):
        longer = text[: loop.end()] + " + 1" + text[loop.end() :]
        yield Planted(file, f"line {line(loop.start())} one too far", longer)
    for kernel in emulated.KERNEL.finditer(text):
        parameters = slice(kernel.end(), text.index(")", kernel.end()))
        number = re.search(r"\b(int|float)(?= \w+\s*(,|$))", text[parameters])
        if number:
            begin, end = (kernel.end() + at for at in number.span(1))
            wider = text[:begin] + WIDER[number[1]] + text[end:]
            yield Planted(file, f"{kernel[2]} takes a {WIDER[number[1]]}", wider)


def written_down(fault):
    """One of FAULTS."""
    text = SOURCES[fault.file]
    assert fault.old in text, f"{fault.file}.cu has changed: {fault.old}"
    return Planted(fault.file, f"{fault.old} becomes {fault.new}", text.replace(fault.old, fault.new, 1))


ALL = [p for file, text in SOURCES.items() for p in everywhere(file, text)] + [
    written_down(f) for f in FAULTS
]


@pytest.fixture(scope="module")
def users(cupy):
    """For each source, the ops that start its kernels."""
    found = {file: [] for file in SOURCES}
    for name in KERNELS:
        launch._functions.clear()
        for case in SIZES[name]:
            check(name, case)
        for file in {file for _, file, *_ in launch._functions}:
            found[file].append(name)
    return found


def test_every_source_is_used_and_has_faults(users):
    assert all(users.values())
    assert set(SOURCES) == {planted.file for planted in ALL}


def run_with(text, file, users, monkeypatch):
    """The checks of all ops that use the source, with `text` in its place."""
    prelude, mark, _ = launch.source(file).partition(f'#line 1 "{file}.cu"\n')
    changed, unchanged = prelude + mark + text, launch.source
    launch._functions.clear()
    launch._module.cache_clear()
    monkeypatch.setattr(launch, "source", lambda f: changed if f == file else unchanged(f))
    try:
        check_all(users[file], EXAMPLES)
    finally:
        launch._functions.clear()
        launch._module.cache_clear()


@pytest.mark.parametrize("file", SOURCES)
def test_a_source_without_a_fault_passes(users, monkeypatch, file):
    run_with(SOURCES[file], file, users, monkeypatch)


@pytest.mark.parametrize("planted", ALL, ids=lambda p: f"{p.file}: {p.about}")
def test_a_fault_is_caught(users, monkeypatch, planted):
    with pytest.raises(CAUGHT):
        run_with(planted.text, planted.file, users, monkeypatch)
