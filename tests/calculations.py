"""Reading what a printed calculation says, and calculating it again: from the text alone, with a parser of its own.

It shares nothing with minidl: the numbers come from the printed rows, the formula from the printed line. What the
tests of all ops have in common stands at the end.
"""

import math
import re
import warnings
from typing import NamedTuple

import numpy as np

from minidl.backend import kernels_off, kernels_on
from minidl.graph import taken_down
from minidl.random import training_step

NUMBER = r"-?(?:inf|nan|\d+(?:\.\d+)?(?:e[-+]?\d+)?)"
STEP = re.compile(rf"  (\S+) = (.+) = ({NUMBER})")
FIRST = re.compile(rf"(\S+) = (.+) = ({NUMBER})")
REST = re.compile(rf"  (.+) (?:over the (\d+) more|나머지 (\d+)개에 대해서는): ({NUMBER})")
ROW = re.compile(rf"  (\S+)(?: +({NUMBER}(?: .*)?|… .*))?")
MORE = re.compile(r"… (?:(\d+) more\.|그 밖에 (\d+)개)")


class Printed(NamedTuple):
    """A calculation as it was printed."""

    name: str
    formula: str
    value: float
    steps: dict
    rows: dict
    cut: dict  # how many numbers of a row are not there
    rests: dict


def read(text):
    """The parts of a printed calculation."""
    first, *lines = text.split("\n")
    name, formula, value = FIRST.fullmatch(first).groups()
    found = Printed(name, formula, float(value), {}, {}, {}, {})
    label = None
    for line in lines:
        if line.startswith("    ") and label:
            _numbers(found, label, line)
        elif step := STEP.fullmatch(line):
            found.steps[step[1]] = (step[2], float(step[3]))
        elif rest := REST.fullmatch(line):
            found.rests[rest[1]] = (int(rest[2] or rest[3]), float(rest[4]))
        elif row := ROW.fullmatch(line):
            label = row[1]
            found.rows[label] = []
            _numbers(found, label, row[2] or "")
    return found


def _numbers(found, label, line):
    more = MORE.search(line)
    if more:
        found.cut[label] = int(more[1] or more[2])
        line = line[: more.start()]
    found.rows[label] += [float(n) for n in line.split()]


FUNCTIONS = {
    "√": np.sqrt, "exp": np.exp, "log": np.log, "tanh": np.tanh, "log1p": np.log1p, "expm1": np.expm1, "sinh": np.sinh,
    "σ": lambda x: 1 / (1 + np.exp(-x)), "erf": np.vectorize(math.erf), "int": np.trunc,
    "Φ": np.vectorize(lambda x: 0.5 * math.erfc(-x / math.sqrt(2))), "float16": lambda x: float(np.float16(x)),
}  # fmt: skip


class Reader:
    """Recursive descent through a formula."""

    def __init__(self, printed):
        self.printed = printed
        labels = sorted({*printed.rows, *printed.steps}, key=len, reverse=True)
        known = [re.escape(label) + r"(?![\w\[.'])" for label in labels]
        pattern = "|".join([*known, NUMBER.removeprefix("-?"), r"[^\W\d_]\w*", r"\S"])
        self.pattern = re.compile(pattern)

    def calculated(self, formula):
        before = self.__dict__.get("tokens"), self.__dict__.get("at"), self.__dict__.get("formula")
        self.words, self.at, self.formula = list(self.pattern.finditer(formula)), 0, formula
        value = self.sum()
        assert self.at == len(self.words), f"{formula!r} has more than a formula: {self.words[self.at :]}"
        self.words, self.at, self.formula = before
        return value

    @property
    def word(self):
        return self.words[self.at][0] if self.at < len(self.words) else ""

    def take(self, expected=None):
        word = self.word
        assert word, f"{self.formula!r} ends too early"
        assert expected in (None, word), f"{expected!r} is missing in {self.formula!r}, {word!r} is there"
        self.at += 1
        return word

    def sum(self):
        value = self.product()
        while self.word in ("+", "−"):
            value = value + self.product() if self.take() == "+" else value - self.product()
        return value

    def product(self):
        if self.word == "Σ":
            return self.reduced("Σ")
        value = self.factor()
        while self.word in ("·", "/"):
            value = value * self.factor() if self.take() == "·" else value / self.factor()
        return value

    def reduced(self, name):
        """The word is Σ, or the name of a function of a row."""
        start = self.words[self.at].start()
        self.take()
        if name == "Σ":
            body = self.product()
        else:
            self.take("(")
            body = self.sum()
            self.take(")")
        text = self.formula[start : self.words[self.at - 1].end()]
        together = {"Σ": np.sum, "max": np.max, "min": np.min, "Π": np.prod}[name]
        value = together(np.atleast_1d(body))
        if text in self.printed.rests:
            value = together(np.array([value, self.printed.rests[text][1]]))
        return value

    def factor(self):
        if self.word == "−":
            self.take()
            return -self.factor()
        value = self.atom()
        if self.word == "^":
            self.take()
            value = value ** self.atom()
        return value

    def atom(self):
        word = self.word
        if word in self.printed.rows:
            self.take()
            row = np.array(self.printed.rows[word])
            return row[0] if row.size == 1 and word not in self.printed.cut else row
        if word in self.printed.steps:
            self.take()
            return self.printed.steps[word][1]
        if word == "(":
            self.take()
            value = self.sum()
            self.take(")")
            return value
        if word == "|":
            self.take()
            value = abs(self.sum())
            self.take("|")
            return value
        if word == "-" or re.fullmatch(NUMBER, word):
            sign = -1 if word == "-" and self.take() else 1
            return sign * float(self.take())
        return self.called()

    def called(self):
        name, at = self.word, self.at
        if name in ("max", "min", "Π"):
            depth, arguments = 0, 1
            for word in [m[0] for m in self.words[at + 1 :]]:
                depth += (word == "(") - (word == ")")
                arguments += word == "," and depth == 1
                if not depth:
                    break
            if arguments == 1:
                return self.reduced(name)
        self.take()
        self.take("(")
        values = [self.sum()]
        while self.word == ",":
            self.take()
            values.append(self.sum())
        self.take(")")
        if name in ("max", "min"):
            return {"max": np.maximum, "min": np.minimum}[name].reduce(values)
        return (FUNCTIONS.get(name) or getattr(np, name))(*values)


def again(text):
    """The value of a printed calculation, and of each of its steps with the number printed for it."""
    printed = read(text)
    reader = Reader(printed)
    with np.errstate(all="ignore"):
        value = float(reader.calculated(printed.formula))
        steps = {
            name: (float(reader.calculated(formula)), said) for name, (formula, said) in printed.steps.items()
        }
    for label, cut in printed.cut.items():
        assert len(printed.rows[label]) == 32, f"{label} shows {len(printed.rows[label])} of {cut} + 32"
    return value, steps


def equal(a, b, tolerance):
    return a == b or (np.isnan(a) and np.isnan(b)) or abs(a - b) <= tolerance


def check_printed(told, tolerance=1e-6):
    """What is printed, calculated again, is what the op gave, and each line is what stands in it."""
    value, steps = again(str(told))
    gave = float(told.recorded)
    assert equal(value, gave, tolerance * max(1, abs(gave))), f"{value} instead of {gave}:\n{told}"
    assert equal(value, told.value, 1e-6 * abs(told.value)), f"{value} instead of {told.value}:\n{told}"
    for name, (found, said) in steps.items():
        assert equal(found, said, 1e-6 * abs(said)), f"{name} is {found}:\n{told}"


def recorded(function, *args, **options):
    """The calls of Functions while `function` runs."""
    tape = []
    with taken_down(tape):
        function(*args, **options)
    return [call for call in tape if call.forward is not None]


def tape_of(example, dtype, kernels):
    """The calls of an example of the registry, in numbers of this type, by the kernels or by the reference."""
    arrays = [a if a is None or a.dtype.kind != "f" else a.astype(dtype) for a in example.arrays]
    with warnings.catch_warnings(), training_step(0), kernels_on() if kernels else kernels_off():
        warnings.simplefilter("ignore")  # such as strides that leave cells out
        _, run = example.begin(arrays)
        return recorded(run)
