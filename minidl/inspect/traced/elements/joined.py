"""The calculation by one op together with that of the number it was given, as when a Dense layer ends in relu."""

from minidl.inspect.traced.elements.expressions import Expression, Operand
from minidl.inspect.traced.elements.gathering import Step
from minidl.inspect.traced.elements.result import Calculation

__all__ = ["joined", "place_of"]


def place_of(told: Calculation, name: str) -> tuple[int, ...] | None:
    """The index of the only element of the array `name` that goes into a calculation; None if it is not one element."""
    labels = [operand.label for operand in told.operands if operand.label.split("[")[0] == name]
    inside = labels[0].removeprefix(name).strip("[]") if len(labels) == 1 else "none"
    try:
        return tuple(map(int, inside.split(","))) if inside else ()
    except ValueError:
        return None


def joined(told: Calculation, name: str, source: Calculation) -> Calculation | None:
    """`told` with a line more: how its operand from the array `name` came about, by `source`.

    None where the two call different numbers by one name.
    """
    (operand,) = [one for one in told.operands if one.label.split("[")[0] == name]
    others = {one.label for one in told.operands} | {step.name for step in told.steps}
    if others & ({one.label for one in source.operands} | {step.name for step in source.steps}):
        return None
    formula = _replaced(told.formula, operand.label, Step(operand.label, source.formula))
    return Calculation(told.name, formula, told.recorded, (*told.notes, *source.notes))


def _replaced(expression: Expression, label: str, step: Step) -> Expression:
    """The formula with `step` in the place of the operand; its other parts are the same."""
    if isinstance(expression, Operand) and expression.label == label:
        return step
    expression.parts = tuple(_replaced(part, label, step) for part in expression.parts)
    return expression
