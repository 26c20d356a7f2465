"""The sentences that an explanation has in its text and in its HTML alike."""

from minidl.inspect.equations import Work
from minidl.inspect.explanation.facts import LayerExplanation, Memory, Shapes, WeightExplanation
from minidl.messages import say
from minidl.models.shapes import shape_text

__all__ = ["counted_weight", "heading", "in_bytes", "sentences_of", "totals"]


def heading(layer: LayerExplanation) -> str:
    """ "lstm (LSTM): (None, 4, 32) -> (None, 32)"."""
    way = f": {_shapes(layer.input_shapes)} -> {_shapes(layer.output_shapes)}" if layer.input_shapes else ""
    return f"{layer.name} ({layer.kind}){way}"


def _shapes(shapes: Shapes) -> str:
    return shape_text(list(shapes)) if shapes else "()"


def _of_work(work: Work, calls: int) -> str:
    """How many multiplications there are."""
    if work.count is None:
        return say(f"Multiplications: {work.formula} for each {work.per}.")
    once = f"{work.count:,}" if work.formula == str(work.count) else f"{work.formula} = {work.count:,}"
    if calls == 1:
        return say(f"Multiplications: {once} for each sample.")
    total = f"{calls}·{work.count:,} = {calls * work.count:,}"
    return say(f"Multiplications: {once} in each of {calls} calls, {total} for each sample.")


def in_bytes(memory: Memory, optimizer: str | None) -> list[str]:
    """The bytes in inference, and those that training adds: a sentence or more for each of the two."""
    inference, training = [], []
    if memory.weights:
        inference.append(say(f"The weights take {memory.weights:,} bytes."))
    if memory.output is not None:
        inference.append(say(f"The output for a sample takes {memory.output:,} bytes."))
    if memory.gradients:
        training.append(say(f"Training adds {memory.gradients:,} bytes of gradients."))
    if memory.optimizer and optimizer is not None:
        training.append(say(f"{optimizer} remembers {memory.optimizer:,} bytes."))
    if memory.kept:
        training.append(say(f"Until backward, {memory.kept:,} bytes are kept for each sample of a batch."))
    return [" ".join(part) for part in (inference, training) if part]


def _counted(layer: LayerExplanation) -> str:
    """ "Parameters: (32 + 32 + 1)·4·32 = 8,320."."""
    count, formula = f"{layer.parameters:,}", layer.parameter_formula
    if formula in ("", count):
        return say(f"Parameters: {count}.")
    return say(f"Parameters: {formula} = {count}.")


def counted_weight(weight: WeightExplanation) -> str:
    """ "32·4·32 = 4,096", and whether it is trained."""
    formula = f"{weight.formula} = " if weight.formula != str(weight.count) else ""
    count = f"{formula}{weight.count:,}"
    return count if weight.trainable else say(f"{count}, not trained.")


def _sized(layer: LayerExplanation) -> str:
    """How the sizes of the output come about; "" where they are those of the input."""
    formulas = "; ".join(layer.shape_formulas)
    return say(f"Sizes of the output: {formulas}.") if formulas else ""


def totals(parameters: int, trainable: int, other: int, multiplications: int | None) -> list[str]:
    """What all layers add up to."""
    sentences = [
        say(f"Parameters: {parameters:,}, of which {trainable:,} are trained and {other:,} are not.")
    ]
    if multiplications is not None:
        sentences.append(say(f"Multiplications: {multiplications:,} for each sample."))
    return sentences


def sentences_of(layer: LayerExplanation, optimizer: str | None) -> list[str]:
    """What is said of a layer in sentences, between its weights and its hints."""
    work = [] if layer.work is None else [_of_work(layer.work, layer.calls)]
    said = [_counted(layer), _sized(layer), *work, *in_bytes(layer.memory, optimizer)]
    return [sentence for sentence in said if sentence]
