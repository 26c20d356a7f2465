"""Reads the formulas that layers print, "⌊(28 − 3 + 2·0)/2⌋ + 1 = 13", and works them out."""

import ast
import math
import operator
from fractions import Fraction

SIGNS = str.maketrans({"·": "*", "−": "-", "⌊": "F", "⌈": "C", "⌋": ")", "⌉": ")"})
OPERATIONS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}


def value(formula):
    """What `formula` comes to, exactly."""
    text = formula.translate(SIGNS).replace("F", "floor(").replace("C", "ceil(")
    return _value(ast.parse(text, mode="eval").body)


def _value(node):
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return Fraction(node.value)
    if isinstance(node, ast.Call):
        rounded = math.floor if node.func.id == "floor" else math.ceil
        return Fraction(rounded(_value(node.args[0])))
    return OPERATIONS[type(node.op)](_value(node.left), _value(node.right))


def sides(line):
    """Both sides of "formula = number", as whole numbers.

    Raises:
        ValueError: the line has another form, or a side is no whole number.
    """
    left, right = (value(side) for side in line.replace(" ", "").split("="))
    if left.denominator != 1 or right.denominator != 1:
        raise ValueError(f"no whole number: {line}")
    return int(left), int(right)
