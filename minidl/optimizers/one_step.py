"""What one step computes: clip -> weight decay -> the rule -> constraints. Nothing is committed here.

Each function takes arrays or groups of variables and returns new arrays, so a step that fails half-way, in a
constraint say, has changed nothing.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from minidl.backend import Array
from minidl.messages import say
from minidl.optimizers.arithmetic import decayed
from minidl.optimizers.clipping import clip_by_global_norm, clip_by_norm
from minidl.optimizers.settings import Settings
from minidl.tensor import as_array
from minidl.variable import FlatGroup, Variable

__all__ = ["Step", "clipped_gradients", "new_values"]


class Step(NamedTuple):
    """What a rule is told about the step it makes."""

    number: int  # 1 for the first
    learning_rate: float
    weight_decay: float  # 0 for none


def clipped_gradients(settings: Settings, groups: Sequence[FlatGroup]) -> list[Array]:
    """The flat gradients of each group, shortened as the settings ask."""
    gradients = [group.gradients for group in groups]
    if settings.clipvalue is not None:
        return [np.clip(g, -settings.clipvalue, settings.clipvalue) for g in gradients]
    if settings.clipnorm is not None:
        return [clip_by_norm(group.gradients, group.slices, settings.clipnorm) for group in groups]
    if settings.global_clipnorm is not None:
        return clip_by_global_norm(gradients, settings.global_clipnorm)
    return gradients


def new_values(
    rule: Callable[..., tuple[Array, ...]],
    settings: Settings,
    group: FlatGroup,
    g: Array,
    slots: tuple[Array, ...],
    step: Step,
    in_place: bool,
) -> tuple[Array, ...]:
    """The weights of one group and its slots after the step.

    Args:
        rule: the `update` of an optimizer.
        settings: say how the weights decay.
        group: the variables. One whose `grad` is None keeps its value and its slots.
        g: flat gradients, clipped.
        slots: flat arrays, what the rule remembers.
        step: its number, learning rate and weight decay.
        in_place: whether a kernel may write into the weights and slots themselves. It may not where anything
            that can fail comes after the rule.
    """
    placed = group.placed
    absent = [part for v, part in placed if v.grad is None]
    bound = [(v, part) for v, part in placed if v.constraint is not None and v.grad is not None]
    old = (group.values, *slots)
    w, *rest = old if in_place and not absent and not bound else [array.copy() for array in old]
    if step.weight_decay and not (
        settings.decays_in_rule and all(settings.decays(v) for v in group.variables)
    ):
        w = w.copy() if w is old[0] else w
        for v, part in placed:
            if settings.decays(v):
                w[part] = decayed(w[part], step.learning_rate, step.weight_decay)
        step = step._replace(weight_decay=0.0)
    new = rule(w, g, tuple(rest), step)
    if list(map(np.shape, new)) != [before.shape for before in old]:
        raise ValueError(
            say(
                f"{settings.name}: update must return the new weights and {len(slots)} slots, arrays of shape "
                f"{w.shape}; got shapes {[np.shape(after) for after in new]!s:.100}."
            )
        )
    for part in absent:
        for after, before in zip(new, old, strict=True):
            after[part] = before[part]
    for v, part in bound:
        new[0][part] = _projected(v, new[0][part].reshape(v.shape)).ravel()
    return new


def _projected(variable: Variable, value: Array) -> Array:
    """`value` after the constraint of `variable`, which has to keep the shape."""
    projected = as_array(variable.constraint(value))
    if projected.shape != value.shape:
        raise ValueError(
            say(
                f"The constraint of {variable.path} must keep its shape {value.shape}, got {projected.shape}."
            )
        )
    return projected
