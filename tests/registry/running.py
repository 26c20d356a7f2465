"""Runs an example forward and backward, with given gradients of its outputs."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import numpy as np
from registry.entry import Example

from minidl import backend
from minidl.backend import Array
from minidl.random import training_step
from minidl.tensor import Function, Tensor, no_grad


class Ends(Function):
    """Joins outputs into one end, from which `backward` hands each the very array that it is given, or None."""

    @staticmethod
    def forward(*ys: Array, dys: Sequence[Array | None]) -> tuple[Array, Any]:
        return np.zeros(()), tuple(dys)

    @staticmethod
    def backward(dy: Array, dys: Any) -> Any:
        return dys


class Result(NamedTuple):
    """Arrays: of the float outputs, and of the gradients by each array of the example (None where there is none)."""

    outputs: list[Array]
    gradients: list[Array | None]


def flat(made: Any) -> list[Tensor]:
    if isinstance(made, list | tuple):
        return [y for entry in made for y in flat(entry)]
    return [made]


def evaluated(
    example: Example, arrays: Sequence[Any], *uses: Sequence[Array | None], again: int = 0
) -> Result:
    """Forward on `arrays`, and backward.

    Args:
        uses: one call of the function for each, on the same tensors; the gradients of its outputs.
        again: how many further times `backward` runs through the graph; gradients add up.
    """
    leaves, call = example.begin(arrays)
    for leaf in leaves:
        if leaf is not None:
            leaf.grad = None
    with training_step(0):
        calls = [[y for y in flat(call()) if y.dtype.kind == "f"] for _ in uses]
    ends = [
        (y, dy)
        for ys, dys in zip(calls, uses, strict=True)
        for y, dy in zip(ys, dys, strict=True)
        if y.requires_grad
    ]
    if ends:
        end = Ends.apply(*(y for y, _ in ends), dys=[dy for _, dy in ends])
        for left in range(again, -1, -1):
            end.backward(retain_graph=left > 0)
    return Result(
        [y.numpy() for y in calls[0]], [None if leaf is None else dense(leaf.grad) for leaf in leaves]
    )


def dense(gradient: Any) -> Array | None:
    return gradient if gradient is None or isinstance(gradient, np.ndarray) else np.asarray(gradient)


def values(example: Example, arrays: Sequence[Any]) -> list[Array]:
    """The outputs that are floats, or complex; no graph."""
    with no_grad(), training_step(0):
        _, call = example.begin(arrays)
        return [y.numpy() for y in flat(call()) if y.dtype.kind in "fc"]


def gradients_for(outputs: Sequence[Array], rng: Any) -> list[Array]:
    """A gradient for each output, of either sign and never near 0."""
    return [
        (rng.uniform(0.5, 1.5, y.shape) * rng.choice([-1.0, 1.0], y.shape)).astype(y.dtype) for y in outputs
    ]


def using(kernels: bool) -> AbstractContextManager[None]:
    return backend.kernels_on() if kernels else backend.kernels_off()


def have_kernels() -> bool:
    return not backend.available()["cpu"].startswith("off")


def largest(*arrays: Array | None) -> float:
    return max((float(np.max(np.abs(a))) for a in arrays if a is not None and a.size), default=0.0)


def assert_close(got: Array | None, wanted: Array | None, tolerance: float, what: str) -> None:
    """Equal up to `tolerance`, as a part of the largest element or of 1."""
    if got is None or wanted is None:
        assert not largest(got, wanted), f"{what}: one has none"
        return
    assert got.shape == wanted.shape, f"{what}: shape {got.shape}, and not {wanted.shape}"
    error = largest(np.asarray(got) - wanted)
    bound = tolerance * max(1.0, largest(wanted))
    assert error <= bound, f"{what}: off by {error:.3g}, at most {bound:.3g} is allowed"


def assert_results_close(got: Result, wanted: Result, tolerance: float, what: str) -> None:
    for name in ("outputs", "gradients"):
        for i, (a, b) in enumerate(zip(getattr(got, name), getattr(wanted, name), strict=True)):
            assert_close(a, b, tolerance, f"{what}: {name}[{i}]")
