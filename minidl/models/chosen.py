"""Which weights a `compile` has chosen to train: those that were trainable then, until the next `compile`.

Freezing or unfreezing a layer between two calls of `fit` would otherwise leave the optimizer with state for weights
that it no longer moves, or without state for new ones. So the choice holds, and a warning tells who has changed it.
"""

from collections.abc import Sequence
from typing import Any

from minidl.messages import say
from minidl.utils.warned import warn
from minidl.variable import Variable

__all__ = ["ChosenWeights"]


class ChosenWeights:
    """Remembers the trainable weights of a model, and notices when others are trainable.

    Args:
        model: it is built, so that its weights are known.
    """

    def __init__(self, model: Any):
        self.trained: list[Variable] = model.trainable_weights
        self.known: list[Variable] = model.weights
        self.waiting: list[Variable] = []  # unfrozen since: they are not trained until the next compile
        self.count = len(self.trained)  # of trainable weights when we looked last
        self._looked = False  # whether gradients were seen to arrive
        self._told = self.trained  # the weights of which the user knows that they are trainable

    def take_up(self, optimizer: Any, owner: str, now: Sequence[Variable]) -> None:
        """Put the weights in charge of `optimizer`.

        Args:
            optimizer: if it has no weights yet, it gets those that were chosen, and those made since.
            owner: the name of the model.
            now: the weights that are trainable now.

        Raises:
            ValueError: it has others already.
        """
        if not optimizer.built:
            known = _ids(self.known)
            fresh = [v for v in now if id(v) not in known]
            self.known, self.trained, self._told = (
                self.known + fresh,
                self.trained + fresh,
                self._told + fresh,
            )
            optimizer.build(self.trained)
        elif _ids(self.trained) <= _ids(optimizer.flat.variables):
            optimizer.rehome()
        else:
            raise _unknown_weights(owner)
        self.look(owner, now)

    def look(self, owner: str, now: Sequence[Variable]) -> None:
        """Warn if other weights than before are trainable `now`.

        Raises:
            ValueError: one of them was made since, and the optimizer does not hold it.
        """
        ids, chosen = _ids(now), _ids(self.trained)
        if not ids <= _ids(self.known):
            raise _unknown_weights(owner)
        if ids not in (_ids(self._told), chosen):
            warn(
                f"In {owner}, trainable was changed since compile(): call compile() again for it to take effect. "
                "Until then weights that were frozen stay as they are, and unfrozen ones are not trained."
            )
        self._told = list(now)
        self.waiting = [v for v in now if id(v) not in chosen]
        self.count = len(now)

    def look_at_gradients(self, owner: str, now: Sequence[Variable]) -> None:
        """Warn, at the first step, of weights to train that the loss does not depend on."""
        if self._looked:
            return
        self._looked = True
        lost = [v.path for v in self.trained if v.grad is None and v.trainable]
        if lost:
            warn(
                f"No gradient reaches {', '.join(lost):.120}: the loss of {owner} does not depend on it, so it stays as "
                "it is. Is its layer used? In call() use operators or minidl.ops, not .numpy() or np.array()."
            )

    def forget_gradients(self) -> None:
        """Leave no gradients where no optimizer takes them."""
        for v in self.waiting:
            v.grad = None


def _ids(weights: Sequence[Variable]) -> set[int]:
    """Asked anew each time: a copy of the model has weights of other ids."""
    return set(map(id, weights))


def _unknown_weights(owner: str) -> ValueError:
    return ValueError(
        say(
            f"{owner} has weights to train that its optimizer does not hold: layers were added or built since, or it "
            "serves another model. Call compile() again, with a new optimizer."
        )
    )
