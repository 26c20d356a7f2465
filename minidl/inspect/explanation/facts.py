"""What an explanation consists of. Every number that is printed is in one of these fields, for programs and tests."""

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from minidl.inspect.equations import Line, Work
from minidl.symbolic import Shape

__all__ = ["Hint", "LayerExplanation", "Memory", "Shapes", "WeightExplanation"]

Shapes: TypeAlias = tuple[Shape, ...]


@dataclass(frozen=True)
class Hint:
    """A sentence on what is easily misunderstood here.

    Attributes:
        topic: what it is about, in a word: "parameters", "shape", "return_sequences" ...
        text: the sentence, in the reader's language.
        figures: the numbers in it, by name.
    """

    topic: str
    text: str
    figures: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class WeightExplanation:
    """One array of weights.

    Attributes:
        name: as in `layer.weights`; with the way to it where several have the same.
        formula: of `count`, the number of its elements, in the layer's own figures: "32·4·32".
        trainable: whether training changes it.
        bytes: that it takes.
        meaning: what it is there for; "" for a weight of a layer of your own.
    """

    name: str
    shape: tuple[int, ...]
    formula: str
    count: int
    trainable: bool
    bytes: int
    meaning: str


@dataclass(frozen=True)
class Memory:
    """Bytes of arrays. What an optimizer or a batch needs beside its arrays (counters, Python objects) is not counted.

    Attributes:
        weights: of all weights, trained or not.
        output: of the output of one sample; None where a size is not known.
        gradients: of dLoss/dweights in training: as many as the trainable weights have.
        optimizer: of what the optimizer remembers of each trainable weight, such as Adam's two averages; None without
            an optimizer.
        kept: of the arrays that forward keeps for backward, for each sample of a batch, measured on the references:
            each array once, where it is kept first; inputs that are kept count, weights do not. None where a size is
            not known, or where a layer does not run on zeros.
    """

    weights: int
    output: int | None
    gradients: int
    optimizer: int | None
    kept: int | None


@dataclass(frozen=True)
class LayerExplanation:
    """A layer, or a model inside of a model.

    Attributes:
        kind: its class.
        input_shapes, output_shapes: of each input and output, with the batch axis; None for sizes not known. Without
            any where a model did not come to this layer when it ran.
        equations: with this layer's sizes; of a model, what runs after what.
        weights: in the order of `layer.weights`; of a model inside, none: its layers have them.
        parameters, parameter_formula: how many numbers they are, and how they come about: "(32 + 32 + 1)·4·32".
        trainable_parameters: those that training changes.
        shape_formulas: how the size of each axis that changes comes about; equal ones once.
        work: the multiplications for one sample, in one call.
        calls: how often the model calls it.
        hints: what is easily misunderstood.
        inside: the layers of a model inside of a model.
    """

    name: str
    kind: str
    input_shapes: Shapes
    output_shapes: Shapes
    equations: tuple[Line, ...]
    weights: tuple[WeightExplanation, ...]
    parameters: int
    trainable_parameters: int
    parameter_formula: str
    shape_formulas: tuple[str, ...]
    work: Work | None
    memory: Memory
    hints: tuple[Hint, ...]
    inside: tuple["LayerExplanation", ...] = ()
    calls: int = 1
