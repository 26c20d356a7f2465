"""Runs equations as they are printed: "y[n, t, f] = b[f] + Σ_{k, c} x[n, t·2 + k, c]·w[k, c, f]" on real arrays.

Nothing of `minidl.inspect` is used here: what a line says is all that is known of it.
"""

import itertools
import math
import re

import numpy as np

_SIGNS = {
    "−": "-", "·": "*", "²": "**2", "√": "sqrt", "≥": ">=", "≠": "!=", "⌊": "floor(", "⌋": ")", "→h": "forth",
    "←h": "back", "ĥ": "candidate", "x̂": "normal", "σ²": "variance",
    "e^z/Σ_k e^(z_k)": "softmax_(z)", "e^x/Σ_k e^(x_k)": "softmax_(x)",
    "z − log Σ_k e^(z_k)": "log(softmax_(z))",
} | {sub: str(i) for i, sub in enumerate("₀₁₂₃₄₅₆₇₈₉")}  # fmt: skip
_RANGE = re.compile(r"([a-z]\d?(?:, [a-z]\d?)*) = 0(?: \.\.\. (\d+))?")
_ARRAY = re.compile(r"(\S+) \((N|\d+)((?:, \d+)*),?\)")
_FUNCTION = re.compile(r"(\w+)\((\w)\) = (.+)")
_NAME = re.compile(r"(\w+)(\[.*?\])? = (.+)")


class Cells(dict):
    """Numbers by their indices; `outside` where there are none."""

    outside = 0.0

    def __missing__(self, place):
        return self.outside

    @classmethod
    def of(cls, array, outside=0.0):
        made = cls(np.ndenumerate(array))
        if array.ndim == 1:
            made = cls(enumerate(array))
        made.outside = outside
        return made

    def array(self):
        shape = np.atleast_1d(np.max(list(self), axis=0) + 1)
        made = np.full(shape, np.nan)
        for place, value in self.items():
            made[place] = value
        return made


def python(text):
    """The expression in Python."""
    for sign in sorted(_SIGNS, key=len, reverse=True):
        text = text.replace(sign, _SIGNS[sign])
    text = re.sub(r"b'", "b2", text)
    text = re.sub(r"sqrt(\d)", r"sqrt(\1)", text)
    text = re.sub(r"\|([^|]+)\|", r"fabs(\1)", text)
    text = re.sub(r"e\^\(", "exp(", text)
    text = re.sub(r"e\^(\w+)", r"exp(\1)", text)
    text = re.sub(r"(\bx_t|\bh|\)) ([WU])", r"\1 @ \2", text)
    text = re.sub(r"(?<![\w\]])\[([^\[\]]*\[[^\]]*\] != [^\[\]]*)\]", r"(\1)", text)
    while found := re.search(r"(Σ|\bmax)_\{([^}]*)\} ", text):
        start, end = found.end(), _end(text, found.end())
        indices, _, condition = found[2].partition(": ")
        loops = " ".join(f"for {i} in range(size[{i!r}])" for i in indices.split(", "))
        only = f" if {condition.replace('=', '==')}" if condition else ""
        name = "total" if found[1] == "Σ" else "largest"
        text = f"{text[: found.start()]}{name}([({text[start:end]}) {loops}{only}]){text[end:]}"
    return text


def _end(text, start):
    """Where the sum ends that begins there: at the bracket that closes around it."""
    depth = 0
    for place in range(start, len(text)):
        depth += (text[place] in "([") - (text[place] in ")]")
        if depth < 0:
            return place
    return len(text)


def functions(axis=-1):
    """What may stand in an equation."""

    def softmax(z):
        e = np.exp(z - z.max(axis=axis, keepdims=True))
        return e / e.sum(axis=axis, keepdims=True)

    return {
        "total": math.fsum, "largest": lambda values: max(values), "max": _extreme(np.maximum), "min": _extreme(np.minimum),
        "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "fabs": np.abs, "floor": math.floor, "tanh": np.tanh,
        "erf": np.vectorize(math.erf),
        "softmax_": softmax, "range": range,
    }  # fmt: skip


def _extreme(ufunc):
    def function(*values):
        result = values[0]
        for value in values[1:]:
            result = ufunc(result, value)
        return result

    return function


class Reader:
    """Reads the lines of one layer. `values` are the arrays by name."""

    def __init__(self, lines, values, axis=-1, outside=0.0, **more):
        self.pieces = [
            piece for line in lines for piece in re.split(r" {3,}", line.text.replace("x̂", "normal"))
        ]
        self.values, self.size, self.outside = values, {"n": 1}, outside
        self.env = {"__builtins__": {}, "size": self.size, **functions(axis), **more}
        self.shapes, self.read = {}, []
        for piece in self.pieces:
            self._take_in(piece)

    def _take_in(self, piece):
        if found := _RANGE.fullmatch(piece):
            self.size.update(dict.fromkeys(found[1].split(", "), int(found[2] or 0) + 1))
        elif found := _ARRAY.fullmatch(piece):
            self.shapes[found[1]] = tuple(int(n) for n in found[3].split(", ")[1:])
            if found[2] != "N":
                self.shapes[found[1]] = (int(found[2]), *self.shapes[found[1]])
        elif found := _FUNCTION.fullmatch(piece):
            self.env[found[1]] = self._function(found[2], python(found[3]))
        elif (found := _NAME.fullmatch(piece)) and found[1] not in [name for name, *_ in self.read]:
            self.read.append(found.groups())

    def _function(self, of, code):
        return lambda value: eval(code, {**self.env, of: value})  # noqa: S307

    def check_shapes(self):
        """Every array that is named has the size that is printed."""
        for name, shape in self.shapes.items():
            if name in self.values:
                actual = np.shape(self.values[name])
                assert shape in (actual, actual[1:]), f"{name} {shape} is {actual}"

    def run(self):
        """All equations, each once what it needs is known; gives y."""
        for name, value in self.values.items():
            self.env[python(name)] = value
        waiting = list(self.read)
        while waiting:
            left = [equation for equation in waiting if not self._ran(*equation)]
            if len(left) == len(waiting):
                break
            waiting = left
        assert "y" in self.env, f"not understood: {waiting}"
        y = self.env["y"]
        return y.array() if isinstance(y, Cells) else y

    def _ran(self, name, index, formula):
        code = python(formula)
        name = python(name)
        try:
            if index is None:
                arrays = {n: v.array() if isinstance(v, Cells) else v for n, v in self.env.items()}
                code = re.sub(r"(\w+) if (\S+ \S+ \S+) else ([^,]+)", r"where(\2, \1, \3)", code)
                made = eval(code, {**arrays, "where": np.where})  # noqa: S307
                self.env[name] = np.asarray(made, float) if isinstance(made, list) else made
            elif ":" not in index:
                self.env[name] = self._each(python(index), code)
        except (NameError, SyntaxError):
            return False
        return True

    def _each(self, index, code):
        """The numbers of an array that is given element by element."""
        letters = [i for i in self.size if re.search(rf"\b{i}\b", index + code.partition(" for ")[0])]
        letters = [i for i in letters if re.search(rf"\b{i}\b", index)]
        place, formula = (compile(text, "equation", "eval") for text in (f"({index[1:-1]},)", code))
        arrays = {
            n: Cells.of(v, self.outside) if isinstance(v, np.ndarray) else v for n, v in self.env.items()
        }
        made = Cells()
        for values in itertools.product(*(range(self.size[i]) for i in letters)):
            arrays.update(zip(letters, values, strict=True))
            at = eval(place, arrays)  # noqa: S307
            made[at if len(at) > 1 else at[0]] = eval(formula, arrays)  # noqa: S307
        return made
