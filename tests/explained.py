"""Reading explanations: the numbers in a text, those in an explanation's fields, and what the graph really holds."""

import dataclasses
import math
import re
import tracemalloc

import numpy as np

from minidl import Tensor
from minidl.backend import kernels_off
from minidl.utils.nested import flatten, mapped

NUMBER = re.compile(r"(?<![A-Za-z_\d.])(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[+-]\d+)?(?![A-Za-z_\d])")


def numbers(text):
    """All numbers in a text, but not digits that are part of a name such as conv2d_1."""
    return [float(word.replace(",", "")) for word in NUMBER.findall(text)]


def is_among(number, known):
    return any(math.isclose(number, k, rel_tol=1e-5, abs_tol=1e-12) for k in known)


def fields(thing):
    """All numbers in the fields of a dataclass, in texts and in structures too."""
    if isinstance(thing, bool) or thing is None:
        return []
    if isinstance(thing, int | float | np.number):
        return [float(abs(thing))]
    if isinstance(thing, str):
        return numbers(thing)
    if dataclasses.is_dataclass(thing):
        return [n for f in dataclasses.fields(thing) for n in fields(getattr(thing, f.name))]
    if isinstance(thing, dict):
        thing = list(thing.values())
    return [n for part in thing for n in fields(part)]


def really_kept(layer, make, is_middle):
    """The bytes of arrays that stay alive behind the output of a training step, for each sample, as Python counts them.

    Args:
        make: from a number of samples to the input.
        is_middle: whether the input has a gradient too.
    """

    def alive(n):
        def tensor(x):
            return Tensor(x, requires_grad=is_middle and x.dtype.kind == "f")

        tracemalloc.start()
        try:
            with kernels_off():
                y = layer(mapped(tensor, make(n)), training=True)
                nodes = [t.node for t in flatten(y)]
                del y
            only_arrays = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
            traces = tracemalloc.take_snapshot().filter_traces([only_arrays]).traces
            del nodes
            return sum(trace.size for trace in traces)
        finally:
            tracemalloc.stop()

    alive(2)  # what is made once and kept
    return (alive(5) - alive(2)) / 3
