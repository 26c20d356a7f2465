"""The reference and the kernels side by side: do they give the same, how fast is each, and which of them runs.

run         the same forward and backward twice, and how long each takes
choice      which ops a layer is made of, and why a kernel ran or did not
report      what came out, as text and as HTML
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from minidl.backend import kernels_off, kernels_on
from minidl.inspect.comparing.choice import OpChoice, choices, sources
from minidl.inspect.comparing.report import Comparison, Difference, Times
from minidl.inspect.comparing.run import Run, differences, readied, run
from minidl.layers.base import Layer
from minidl.messages import say
from minidl.models.aside import undisturbed
from minidl.utils.checks import flag, shown

__all__ = ["Comparison", "Difference", "OpChoice", "Times", "compare"]


def compare(layer: Any, x: Any, training: bool = True) -> Comparison:
    """Run a layer forward and backward on `x`, once with the NumPy references and once with the compiled kernels.

    Both begin with the same weights, dropout drops the same units, and the same gradient (of random numbers) is sent
    back. The layer itself stays as it is, unbuilt if it was: copies run. Times are the best of several runs, behind a
    first one, so that no compiling is in them.

    Args:
        layer: a Layer, or a Model, whose ops are those of all its layers.
        x: an array, or a list of them, as the layer takes it. A layer on a GPU runs there; of a model a copy on the CPU
            does.
        training: whether it runs as in training.

    Returns:
        The result: printing it shows for the output and for every gradient the largest difference and where it is,
        both times, for each op whether a kernel runs and why not, and the source of the references.

    Raises:
        TypeError: `layer` is no layer.

    >>> import numpy as np
    >>> from minidl.layers import Dense
    >>> result = compare(Dense(8, name="dense"), np.ones((4, 16)))
    >>> [row.name for row in result.differences]
    ['output', 'd inputs[0]', 'd dense/kernel', 'd dense/bias']
    >>> result.ops[0].name, result.ops[0].runs, result.ops[0].reason[:44]
    ('Dense', False, 'The arrays hold 200 numbers together, fewer ')
    >>> "x_rows.T @ dz_rows" in result.source
    True
    """
    if not isinstance(layer, Layer):
        raise TypeError(say(f"compare expects a layer or a model, got {shown(layer)}."))
    training = flag("compare", "training", training)
    with undisturbed():
        twin, inputs = readied(layer, x)
        with kernels_off():
            reference = run(twin, inputs, training)
        with _kernels() as there:
            kernels = run(twin, inputs, training) if there else None
    tape = reference.tape if kernels is None else kernels.tape
    return Comparison(
        layer.name,
        type(layer).__name__,
        differences(reference, kernels) if kernels else (),
        _times(reference, kernels),
        choices(tape),
        sources(tape),
    )


@contextmanager
def _kernels() -> Iterator[bool]:
    """A block in which kernels run wherever there are any; false where there are none on this machine."""
    try:
        block, there = kernels_on(), True
    except ImportError:
        block, there = nullcontext(), False
    with block:
        yield there


def _times(reference: Run, kernels: Run | None) -> Times:
    if kernels is None:
        return Times(reference.forward_seconds, reference.backward_seconds, None, None)
    return Times(
        reference.forward_seconds,
        reference.backward_seconds,
        kernels.forward_seconds,
        kernels.backward_seconds,
    )
