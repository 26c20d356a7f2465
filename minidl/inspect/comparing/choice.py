"""Which ops a layer is made of, whether a kernel runs for each, and why not; and the source of the references."""

import inspect
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from minidl.backend import WORTHWHILE, Pair, available, implementation, kernels_enabled, kernels_on
from minidl.devices import kept, on_gpu
from minidl.graph import Applied
from minidl.messages import say

__all__ = ["OpChoice", "choices", "sources"]


@dataclass(frozen=True)
class OpChoice:
    """An op of the layer.

    Attributes:
        name: what it is called on the graph.
        kernel: the name of its kernel; None if none is written for it.
        runs: whether the kernel runs when the layer is called on these arrays, outside of `kernels_on`.
        reason: why, or why not.
        times: how often the layer calls it in this way.
    """

    name: str
    kernel: str | None
    runs: bool
    reason: str
    times: int = 1


def choices(tape: Sequence[Applied]) -> tuple[OpChoice, ...]:
    """The ops on a tape in order; those for which the same holds stand once."""
    found: dict[OpChoice, int] = {}
    for applied in tape:
        function = applied.function
        name = function.__name__.removesuffix("Function")
        op = OpChoice(name, function.kernel, *_reason(applied))
        found[op] = found.get(op, 0) + 1
    return tuple(replace(op, times=times) for op, times in found.items())


def _reason(applied: Applied) -> tuple[bool, str]:
    """Whether a kernel runs for this call outside of any block, and a sentence on it."""
    function = applied.function
    if function.kernel is None:
        return False, say(
            "No kernel is written for it: the reference is NumPy's own compiled code, or rarely needed."
        )
    if _takes_kernel(applied):
        return True, say(f"The kernel {function.kernel!r} runs.")
    if not kernels_enabled():
        return False, say("kernels_off() is in force here.")
    there = available()["gpu" if any(map(on_gpu, applied.arrays)) else "cpu"]
    if there.startswith("off"):
        return False, say(f"There are no kernels on this machine: {there}")
    with kernels_on():
        small = _takes_kernel(applied)
    if small:
        count = sum(getattr(array, "size", 0) for array in applied.arrays)
        return False, say(
            f"The arrays hold {count:,} numbers together, fewer than {WORTHWHILE:,}, where little time is to be saved: the "
            "reference runs. Within kernels_on() the kernel runs all the same."
        )
    types = ", ".join(dict.fromkeys(str(kept(a).dtype) for a in applied.arrays if a is not None))
    return False, say(
        f"The kernel {function.kernel!r} does not take these arrays ({types}) with these options: the reference runs."
    )


def _takes_kernel(applied: Applied) -> bool:
    reference = Pair(applied.function.forward, applied.function.backward)
    pair = implementation(
        applied.function.kernel, reference, applied.arrays, applied.options, applied.node is not None
    )
    return pair.forward is not reference.forward


def sources(tape: Sequence[Applied]) -> str:
    """The Python text of forward and backward of every op, each once."""
    texts: dict[str, None] = {}
    for function in dict.fromkeys(applied.function for applied in tape):
        for half in (function.forward, function.backward):
            texts.setdefault(_text(half))
    return "\n\n".join(texts)


def _text(function: Any) -> str:
    """The lines of a function below the place where they stand; of one that was typed into a prompt there are none."""
    try:
        lines, first = inspect.getsourcelines(function)
        file = inspect.getsourcefile(function) or ""
    except (OSError, TypeError):
        return say(f"# {getattr(function, '__qualname__', function)}: its source is in no file.")
    parts = Path(file).parts
    inside = max((i for i, part in enumerate(parts) if part == "minidl"), default=len(parts) - 1)
    place = "/".join(parts[inside:])
    return f"# {place}:{first}\n{textwrap.dedent(''.join(lines)).rstrip()}"
