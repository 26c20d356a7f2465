"""Kinds of arguments: for each, values that must be refused and values that must be taken."""

from typing import Any, NamedTuple

import numpy as np

from minidl import callbacks, constraints, initializers, layers, losses, metrics, optimizers, regularizers

NAN, INF = float("nan"), float("inf")


class Thing:
    """An object of no kind that is asked for anywhere."""

    def __repr__(self) -> str:
        return "<a thing>"


class Kind(NamedTuple):
    """What must be refused, and what must be taken."""

    bad: tuple[Any, ...]
    good: tuple[Any, ...] = ()

    def but(self, *, bad: tuple[Any, ...] = (), good: tuple[Any, ...] = ()) -> "Kind":
        """This kind with more values on either side; what is good is not bad any more."""
        kept = tuple(b for b in self.bad if not any(same(b, g) for g in good))
        return Kind((*kept, *bad), (*self.good, *good))

    @property
    def or_none(self) -> "Kind":
        return self.but(good=(None,))


def same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and repr(a) == repr(b)


def whole(least: int | None = None, most: int | None = None) -> Kind:
    bounds = () if least is None else (least - 1, np.int64(least - 1), -(10**30))
    bounds += () if most is None else (most + 1, 10**30)
    start = least or 0
    return Kind(
        (
            True,
            np.True_,
            2.0,
            np.float32(2),
            "3",
            b"3",
            NAN,
            None,
            [2],
            (2, 2, 2, 2),
            [],
            {},
            1j,
            int,
            Thing(),
            *bounds,
        ),
        (start, start + 1, np.int64(start + 1), np.uint8(start + 1)),
    )


def number(
    low: float | None = None, high: float | None = None, *, open_low: bool = False, open_high: bool = False
) -> Kind:
    bad: tuple[Any, ...] = (
        True,
        "0.5",
        b"1",
        NAN,
        np.float32("nan"),
        INF,
        -INF,
        None,
        [0.5],
        (),
        {},
        1j,
        float,
        Thing(),
        10**400,
    )
    good: tuple[Any, ...] = (1 if low is None or low < 1 or (low == 1 and not open_low) else low + 1,)
    if low is not None:
        bad += (low - 0.5, low - 1, np.float64(low - 1)) + ((low,) if open_low else ())
        good += () if open_low else (low,)
    if high is not None:
        bad += (high + 0.5, high + 1, np.float32(high + 1)) + ((high,) if open_high else ())
        good = (high / 2, np.float32(high / 2), np.float64(high / 2)) + (() if open_high else (high,))
    return Kind(bad, good + ((np.float32(0.5), np.float64(0.25)) if low in (None, 0) else ()))


FLAG = Kind(
    ("yes", "True", 2, -1, None, 0.5, NAN, [], [True], {}, bool, Thing()),
    (True, False, 1, 0, np.True_, np.False_),
)
COUNT, SIZE, ANY_WHOLE = whole(0), whole(1), whole()
SHARE = number(0, 1, open_high=True)
UNIT = number(0, 1)
POSITIVE, NOT_NEGATIVE, FINITE = number(0, open_low=True), number(0), number()
NO_NAME = (3, 2.5, True, NAN, ["a"], [], {}, b"a", str, Thing())


def sizes(n: int, least: int = 1) -> Kind:
    wrong = tuple(range(1, n + 2))
    return Kind(
        (True, 2.0, "3", "ab", None, NAN, INF, least - 1, -1, wrong, [], {}, int, Thing())
        + tuple(
            tuple(b if i == n - 1 else 2 for i in range(n)) for b in (least - 1, True, 1.5, "a", None, NAN)
        ),
        (least, np.int64(2), (2,) * n, [2] * n, (np.int32(2),) * n),
    )


def one_of(*words: str, none: bool = False) -> Kind:
    bad = (
        "nonsense",
        "",
        words[0][:-1] + "_",
        3,
        2.5,
        True,
        NAN,
        [words[0]],
        [],
        {},
        words[0].encode(),
        str,
        Thing(),
    )
    return Kind(bad if none else (*bad, None), (*words, *((None,) if none else ())))


def named(word: str, *others: Any) -> Kind:
    """An object known by its name; `others` are objects that are of another sort."""
    return Kind(
        (
            "no such thing",
            "",
            word[:-1] + "_x",
            3.5,
            True,
            NAN,
            [word],
            [],
            {},
            b"a",
            {"class_name": "No"},
            Thing(),
            *others,
        ),
        (word,),
    )


OTHERS = (losses.MeanSquaredError(), optimizers.Adam(), optimizers.Adam, callbacks.History(), metrics.Mean())
ACTIVATION = named("relu", *OTHERS, regularizers.L2(0.1), initializers.Zeros()).but(good=(None, np.tanh))
INITIALIZER = named(
    "he_normal", *OTHERS, regularizers.L2(0.1), regularizers.L2, layers.Dense, constraints.NonNeg()
).but(
    good=(None, initializers.Zeros, initializers.Zeros()),
)
REGULARIZER = named(
    "l2", *OTHERS, initializers.Zeros(), initializers.Zeros, constraints.NonNeg(), layers.Dense
).but(good=(None, regularizers.L2(0.1), regularizers.L2, abs))
CONSTRAINT = named(
    "non_neg", *OTHERS, initializers.Zeros(), regularizers.L2(0.1), regularizers.L1, layers.Dense
).but(good=(None, constraints.NonNeg(), constraints.MaxNorm, abs))
SEED = whole(0, 2**64 - 1).but(good=(None,))
NAME = Kind((3, 2.5, True, NAN, "", ["a"], [], {}, b"a", str, Thing()), ("a_name", None))
LAYER_NAME = NAME.but(bad=("a/b",))
FLOATS = Kind(
    ("flaot32", "", 3, True, NAN, [], ["float32"], {}, "int32", "str", complex, object, Thing()),
    ("float64", np.float32, None),
)
NUMBERS = FLOATS.but(good=("int32", "uint8"))
CALLABLE = Kind((None, 3, True, "no such", [], {}, NAN, Thing()), (len, lambda *a: None))
PATH = Kind((None, 3, 2.5, True, NAN, [], ["a"], {}, "", "a\0b", Thing()))
SHAPE = Kind(
    (True, "ab", 2.5, NAN, {}, (2.5,), (True,), ("a",), (-1,), (0,), ((2,),), int, Thing()),
    ((3,), [2, None], (np.int64(3), 2)),
)
AXIS = Kind((1.0, "1", True, NAN, {}, (1.0,), int, Thing()))
DATA = Kind(())  # what is looked at when it is used; its own tests are elsewhere
UNDERSTOOD = Kind(())  # taken for scripts written for Keras, and without effect
