"""What `explain` returns: the layers, and what they add up to."""

from collections.abc import Sequence
from dataclasses import dataclass

from minidl.inspect.explanation.facts import LayerExplanation, Memory
from minidl.inspect.explanation.html import page_part
from minidl.inspect.explanation.text import layer_lines
from minidl.inspect.explanation.words import in_bytes, totals
from minidl.messages import say
from minidl.utils.checks import did_you_mean
from minidl.utils.columns import screen_width, wrapped

__all__ = ["Explanation"]


@dataclass(frozen=True)
class Explanation:
    """What `explain` tells of a layer or model. Printing it gives text, a notebook shows it as HTML.

    `explanation["lstm"]` is the explanation of that layer alone, and `layers[0].weights[0].count` a number in it: each
    that is printed is in such a field.

    Attributes:
        name, kind: of what is explained.
        layers: of a model its layers; of a layer itself alone.
        parameters, trainable_parameters, non_trainable_parameters: in all, each weight once.
        multiplications: of all layers for one sample; None where a size is not known.
        memory: of all together.
        optimizer: the class of the optimizer that the model was compiled with; None without.
    """

    name: str
    kind: str
    layers: tuple[LayerExplanation, ...]
    parameters: int
    trainable_parameters: int
    non_trainable_parameters: int
    multiplications: int | None
    memory: Memory
    optimizer: str | None = None

    @property
    def is_single(self) -> bool:
        """Whether this is about one layer, whose figures are all there is."""
        return len(self.layers) == 1 and self.layers[0].name == self.name

    def __getitem__(self, name: str) -> "Explanation":
        """The explanation of the layer called `name`, also of one inside a model inside.

        Raises:
            KeyError: there is none; the message names those there are.
        """
        found = _all(self.layers)
        for layer in found:
            if layer.name == name:
                return _of_one(layer, self.optimizer)
        names = [layer.name for layer in found]
        mend = did_you_mean(name, names) or f"Its layers: {', '.join(names):.250}."
        raise KeyError(say(f"{self.name} has no layer called {name!r}. {mend}"))

    def __str__(self) -> str:
        width = screen_width()
        if self.is_single:
            return "\n".join(layer_lines(self.layers[0], width, self.optimizer))
        lines = wrapped(f"{self.name} ({self.kind})", width)
        for sentence in (*self._totals(), *in_bytes(self.memory, self.optimizer)):
            lines += wrapped(sentence, width, "  ", "    ")
        for layer in self.layers:
            lines += ["", *layer_lines(layer, width, self.optimizer)]
        return "\n".join(lines)

    __repr__ = __str__

    def _totals(self) -> list[str]:
        return totals(
            self.parameters, self.trainable_parameters, self.non_trainable_parameters, self.multiplications
        )

    def _repr_html_(self) -> str:
        title = "" if self.is_single else f"{self.name} ({self.kind})"
        about = [*self._totals(), *in_bytes(self.memory, self.optimizer)]
        return page_part(title, [] if self.is_single else about, self.layers, self.optimizer)


def _all(layers: Sequence[LayerExplanation]) -> list[LayerExplanation]:
    """The layers, and those inside them."""
    return [found for layer in layers for found in (layer, *_all(layer.inside))]


def _of_one(layer: LayerExplanation, optimizer: str | None) -> Explanation:
    return Explanation(
        name=layer.name,
        kind=layer.kind,
        layers=(layer,),
        parameters=layer.parameters,
        trainable_parameters=layer.trainable_parameters,
        non_trainable_parameters=layer.parameters - layer.trainable_parameters,
        multiplications=None if layer.work is None else layer.work.count,
        memory=layer.memory,
        optimizer=optimizer,
    )
