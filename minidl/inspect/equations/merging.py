"""The equations of layers with several inputs."""

from collections.abc import Sequence
from typing import Any

from minidl import config
from minidl.inspect.equations.dense_like import LETTERS
from minidl.inspect.equations.figures import NOTHING, UNKNOWN, known, product, total, work
from minidl.inspect.equations.kinds import Shapes, tells
from minidl.inspect.equations.lines import Line, Told, Work
from minidl.inspect.equations.writing import array, arrays, number
from minidl.layers.merge import Add, Average, Concatenate, Dot, Maximum, Minimum, Multiply, Subtract
from minidl.messages import say
from minidl.symbolic import Shape

__all__ = ["concatenate", "dot", "elementwise", "names_of", "sizes"]

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def names_of(inputs: Shapes) -> list[str]:
    """x₁, x₂ ...; one alone is x."""
    return ["x"] if len(inputs) == 1 else [f"x{i}".translate(_SUBSCRIPTS) for i in range(1, len(inputs) + 1)]


def sizes(inputs: Shapes, output: Shape, letters: Sequence[Sequence[str]]) -> Line:
    """The line of the sizes of several inputs and an output; `letters` are those of each array."""
    each = zip([*names_of(inputs), "y"], [*inputs, output], letters, strict=True)
    return Line(arrays(*(array(name, shape, own) for name, shape, own in each)))


@tells(Add, Average, Maximum, Minimum, Multiply, Subtract)
def elementwise(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """The inputs number by number."""
    names, y = names_of(inputs), outputs[0]
    texts = {
        Add: " + ".join(names),
        Average: f"({' + '.join(names)})/{len(names)}",
        Maximum: f"max({', '.join(names)})",
        Minimum: f"min({', '.join(names)})",
        Multiply: "·".join(names),
        Subtract: " − ".join(names),
    }
    text = next(text for kind, text in texts.items() if isinstance(layer, kind))
    words = say("Number by number; where an input has size 1 on an axis, it is the same for all along it.")
    letters = [LETTERS.get(len(shape), "N") for shape in (*inputs, y)]
    products = len(names) - 1 if isinstance(layer, Multiply) else 0
    return Told((Line(f"y = {text}", words), sizes(inputs, y, letters)), _all(inputs, y, products))


def _all(inputs: Shapes, y: Any, products: int) -> Work:
    """The work of multiplying the inputs one after the other; what is stretched later is smaller before."""
    if not products:
        return NOTHING
    if all(x == inputs[0] for x in inputs) or products == 1:
        return work(y[1:], products, len(y))
    rank, terms = max(map(len, inputs)), []
    raised = [(*(1,) * (rank - len(x)), *x[1:]) for x in inputs]
    if any(None in x for x in raised):
        return UNKNOWN
    so_far = list(raised[0])
    for x in raised[1:]:
        so_far = [max(a or 1, b or 1) for a, b in zip(so_far, x, strict=True)]
        terms.append(product(*known(*so_far)))
    return work((), total(*terms))


@tells(Concatenate)
def concatenate(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """The inputs side by side."""
    along = layer.axis % len(outputs[0])
    words = say(f"Side by side along axis {along}; nothing is computed.")
    lines = [Line(f"y = [{', '.join(names_of(inputs))}]", words)]
    begin: int | None = 0
    for name, x in zip(names_of(inputs), inputs, strict=True):
        size = x[along]
        if begin is None or size is None:
            break
        inside = ", ".join(f"{begin}:{begin + size}" if axis == along else ":" for axis in range(len(x)))
        lines.append(Line(f"y[{inside}] = {name}"))
        begin += size
    letters = [list(LETTERS.get(len(x), "N?????")) for x in (*inputs, outputs[0])]
    for name, own in zip(names_of(inputs), letters, strict=False):
        own[along] += name.removeprefix("x")  # a size of its own for each
    joined = [
        own[along] if x[along] is None else str(x[along]) for x, own in zip(inputs, letters, strict=False)
    ]
    letters[-1][along] = " + ".join(joined)
    return Told((*lines, sizes(inputs, outputs[0], letters)), NOTHING)


@tells(Dot)
def dot(layer: Any, inputs: Shapes, outputs: Shapes) -> Told:
    """Products of the vectors of one input with those of another."""
    axes = [axis % len(x) for axis, x in zip(layer._pair(), inputs, strict=True)]
    letters = iter("ijpqrsuvab")
    terms, left = [], []
    for x, axis in zip(inputs, axes, strict=True):
        own = ["n", *(next(letters) for _ in x[2:])]
        left += own[1:]
        terms.append([*own[:axis], "k", *own[axis:]])
    names = ["a", "b"] if layer.normalize else names_of(inputs)
    one, other = (f"{name}[{', '.join(term)}]" for name, term in zip(names, terms, strict=True))
    place = ", ".join(["n", *(left or ["0"])])
    words = say(f"Over axis {axes[0]} of the first input and axis {axes[1]} of the second; sample by sample.")
    lines = [Line(f"y[{place}] = Σ_{{k}} {one}·{other}", words)]
    own_letters = [["N", *(index.upper() for index in term[1:])] for term in (*terms, ["n", *left])]
    shapes = sizes(inputs, outputs[0], own_letters)
    summed = inputs[0][axes[0]] if inputs[0][axes[0]] is not None else inputs[1][axes[1]]
    if layer.normalize:
        unit = say("The vectors are brought to length 1 first: the products are cosines.")
        texts = (
            f"{a} = {x}/max(√(Σ {x}²), {number(config.epsilon())})"
            for a, x in zip(names, names_of(inputs), strict=True)
        )
        lines += [Line(text, unit) for text in texts]
    rest = [n for x, axis in zip(inputs, axes, strict=True) for i, n in enumerate(x[1:], 1) if i != axis]
    every = (*rest, summed)
    if not layer.normalize:
        return Told((*lines, shapes), work(every, 1))
    if None in every:
        return Told((*lines, shapes), UNKNOWN)
    squares = [product(*known(*x[1:])) for x in inputs]
    counted = total(product(*known(*every)), *squares)
    return Told((*lines, shapes), work((), counted))
