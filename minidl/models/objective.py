"""What training makes smaller: the losses of all outputs, each with its weight.

total = Σ_i weight_i · loss_i(y_i, y_pred_i) + penalties
"""

from collections.abc import Mapping, Sequence
from typing import Any

from minidl.messages import say
from minidl.models.outputs import Output, by_output, check_all, outputs_of
from minidl.tensor import Tensor
from minidl.utils.nested import flatten

__all__ = ["Objective", "check_tensors"]


def check_tensors(owner: str, outputs: Any) -> None:
    """Raise TypeError unless what a model has returned are tensors."""
    for y in flatten(outputs):
        if not isinstance(y, Tensor):
            mend = "Does call() end with a return?"
            if hasattr(y, "dtype"):
                mend = "Leave out .numpy() and .data in call(): they cut the gradients off."
            raise TypeError(say(f"{owner} must return tensors from call(), got {type(y).__name__}. {mend}"))


class Objective:
    """The choices of `compile` for the outputs of a model.

    Args:
        owner: the name of the model, for errors.
        names: of its outputs; None if only a first run will show which there are.
        asked: what `compile` was told: loss, loss_weights, metrics, weighted_metrics.
        keyed: whether the outputs are in a dict.

    Raises:
        TypeError, ValueError: it is unknown, or does not fit the outputs.
    """

    def __init__(
        self,
        owner: str,
        names: Sequence[str | None] | None,
        asked: tuple[Any, Any, Any, Any],
        keyed: bool = False,
    ):
        self.owner = owner
        self.asked = asked
        self.outputs: list[Output] | None = None
        # The losses of several outputs in the running step, without their weights:
        self.measured: list[Tensor] = []
        if names is None:
            check_all(*asked)
        else:
            self.outputs = outputs_of(names, *asked, keyed)

    def know(self, y_pred: Any) -> list[Output]:
        """What there is to each output, now that `y_pred` shows which there are."""
        if self.outputs is None:
            check_tensors(self.owner, y_pred)
            keyed = isinstance(y_pred, Mapping)
            names: Any = sorted(y_pred) if keyed else [None] * len(flatten(y_pred))
            self.outputs = outputs_of(names, *self.asked, keyed)
        return self.outputs

    @property
    def complete(self) -> bool:
        """Whether each output has a loss; where one has none, what makes it is not trained, and nobody wonders."""
        return self.outputs is None or all(output.loss is not None for output in self.outputs)

    @property
    def only_loss(self) -> Any:
        """The loss of the only output; None if there are several."""
        return self.outputs[0].loss if self.outputs is not None and len(self.outputs) == 1 else None

    def terms(self, y: Any, y_pred: Any, sample_weight: Any) -> list[Tensor]:
        """The weighted losses of the outputs that have one, on the graph."""
        outputs = self.know(y_pred)
        if len(outputs) == 1 and isinstance(y_pred, Tensor):
            return [
                loss * w if w != 1 else loss for loss, w in self._losses((y,), (y_pred,), (sample_weight,))
            ]
        ys, y_preds, weights = self.in_order(y, y_pred, sample_weight)
        measured = self._losses(ys or [None] * len(outputs), y_preds, weights or [None] * len(outputs))
        self.measured = [loss for loss, _ in measured]
        return [loss * w if w != 1 else loss for loss, w in measured]

    def _losses(self, ys: Any, y_preds: Any, sample_weights: Any) -> list[tuple[Tensor, float]]:
        """The loss of each output that has one, and its weight."""
        found = []
        for output, y, y_pred, weights in zip(self.know(y_preds), ys, y_preds, sample_weights, strict=True):
            if output.loss is None:
                continue
            owner = self.owner if output.name is None else f"{self.owner}, output {output.name!r},"
            if y is None:
                raise ValueError(
                    say(
                        f"{owner} is compiled with loss {output.loss.name!r}, which needs y. "
                        "Pass y too; a generator yields (x, y)."
                    )
                )
            if not isinstance(y_pred, Tensor):
                raise TypeError(say(f"{owner} returns {type(y_pred).__name__}, its loss needs one tensor."))
            loss = output.loss(y, y_pred, sample_weight=weights)
            if loss.ndim:
                raise ValueError(
                    say(
                        f"{owner} needs one number as its loss, but {output.loss.name!r} gives an array of shape "
                        f"{loss.shape}. Make it with reduction='sum_over_batch_size'."
                    )
                )
            found.append((loss, output.weight))
        return found

    def in_order(self, y: Any, y_pred: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
        """Targets, outputs and weights of several outputs, each as a list in the order of the outputs."""
        outputs = self.know(y_pred)
        names = [output.name for output in outputs]
        y = by_output("y", y, names, [output.loss is not None for output in outputs])
        return y, flatten(y_pred), by_output("sample_weight", sample_weight, names)
