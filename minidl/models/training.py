"""One training step, and what it needs: the choices of `compile`, and a model that is built.

A step is short enough to read in full (`Trainer._train_step`):

    forward     y_pred = model(x)
    loss        mean loss of the batch + penalties
    backward    gradients of all weights, into one flat array
    update      the optimizer's rule, once over all weights

Where all batches do the same, `fit` takes this down once and replays it (`minidl.models.replay`, on a GPU
`minidl.models.captured`).

Everything before the update can fail, and then nothing has changed. The update itself is not interrupted:
Ctrl-C waits until it is done. So whatever happens, the model is that of the last finished step.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, ClassVar

import numpy as np

from minidl import optimizers, random
from minidl.graph import Applied, taken_down
from minidl.layers.context import CallContext, mode
from minidl.messages import say
from minidl.models.arrangement import names_of_outputs
from minidl.models.chosen import ChosenWeights
from minidl.models.data import Batch
from minidl.models.not_finite import Alarm
from minidl.models.objective import Objective, check_tensors
from minidl.models.placing import home_of, measured, moved
from minidl.models.replay import Replay, repeats
from minidl.models.scores import Scores
from minidl.tensor import Tensor, no_grad
from minidl.utils.checks import chosen
from minidl.utils.interrupts import postponed_interrupt
from minidl.utils.keywords import tells_names
from minidl.utils.nested import mapped
from minidl.variable import Variable

__all__ = ["Trainer"]

# Numbers that grow beyond all bounds show in the loss (`minidl.models.not_finite`), and not as warnings of NumPy.
quiet = np.errstate(over="ignore", invalid="ignore", divide="ignore")


class Trainer:
    """The part of a model that learns. It needs from the model: a call, and its trainable weights."""

    optimizer: Any = None
    loss: Any = None
    scores: Any = None  # Scores, once it is compiled
    name: str
    trainable_weights: list[Variable]
    weights: list[Variable]
    built: bool
    one_to_one: ClassVar[bool] = False  # whether there can only be one input and one output

    _objective: Any = None
    _alarm: Alarm = Alarm()
    _chosen: Any = None  # ChosenWeights, once it is built and compiled

    @tells_names
    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Choose how the model learns. Weights stay; metrics begin anew, and so does a named optimizer.

        Args:
            optimizer: name or Optimizer.
            loss: name, Loss, or function f(y_true, y_pred). For several outputs also a list of those, or a dict
                by the outputs' names; None for an output without one.
            loss_weights: factor of the loss; a list or dict for several outputs. The total is their weighted sum.
            metrics: list of names, Metric objects or functions f(y_true, y_pred). For several outputs a list of
                such lists, or a dict by the outputs' names.
            weighted_metrics: the same; these take sample_weight and class_weight into account.
            run_eagerly, steps_per_execution, jit_compile, auto_scale_loss: understood for scripts written
                for Keras. Every step here is eager, alone, and uses the kernels that are there.

        Raises:
            ValueError, TypeError: an unknown name, or a class where an instance belongs. Nothing is changed
                then.
        """
        if "name" not in vars(self):
            raise TypeError(say(f"{type(self).__name__}.__init__ must call super().__init__(), and has not."))
        rule = chosen("compile", "optimizer", optimizers.get, optimizer)
        if rule is None:
            raise ValueError(say("compile expects an optimizer, such as 'adam' or SGD(0.1), got None."))
        names = [None] if self.one_to_one else names_of_outputs(self)
        keyed = isinstance(getattr(self, "output", None), Mapping)
        objective = Objective(self.name, names, (loss, loss_weights, metrics, weighted_metrics), keyed)
        scores = Scores(objective.outputs)
        self.optimizer, self.loss, self.scores = rule, loss, scores
        self._objective = objective
        self._chosen = ChosenWeights(self) if self.built else None

    @property
    def compiled_with(self) -> dict[str, Any]:
        """What `compile` was told about losses and metrics, for files."""
        told = () if self._objective is None else self._objective.asked
        return dict(zip(("loss", "loss_weights", "metrics", "weighted_metrics"), told, strict=False))

    # --- one step -------------------------------------------------------------------------------------------

    @property
    def losses(self) -> list[Tensor]:
        """The penalties: on the weights as they are now, and those that layers added in the running step."""
        on_weights = [_penalty(v) for v in self.trainable_weights if v.regularizer is not None]
        return on_weights + (mode.context.losses if mode.context is not None else [])

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        """The whole loss of a batch, one number on the graph: of the outputs, and all penalties.

        Every step of `fit` and `evaluate` calls it. Override it for a loss that `compile` cannot express.

        Args:
            x, y, sample_weight: the batch.
            y_pred: what the model made of x.
            training: whether this is a training step.

        Raises:
            ValueError: there is neither a loss nor a penalty.
        """
        objective = self._objective
        terms = [] if objective is None else objective.terms(y, y_pred, sample_weight)
        terms += self.losses
        if not terms:
            raise ValueError(say(f"{self.name} has no loss. Choose one: compile(loss='mse') or another."))
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total

    def _score(self, loss: Tensor, batch: Batch, y_pred: Any) -> None:
        """Let the scores take in a batch."""
        scores, objective = self.scores, self._objective
        losses: Sequence[Any] = ()
        y, sample_weight = batch.y, batch.sample_weight
        outputs = objective.know(y_pred)
        if scores.outputs is not outputs:
            scores.learn(outputs)
        if scores.several:
            y, y_pred, sample_weight = objective.in_order(y, y_pred, sample_weight)
            losses = [measured(one) for one in objective.measured] if scores.loss_keys else ()
        scores.update(measured(loss), y, y_pred, sample_weight, losses)

    @quiet
    def _train_step(self, batch: Batch, tape: list[Applied] | None = None) -> Replay | LookupError | None:
        """One step. If `tape` is a list, what is applied is taken down there, and made into a Replay, or why not."""
        optimizer, chosen, objective = self.optimizer, self._chosen, self._objective
        optimizer.flat.clear_gradients()
        with CallContext() as context, random.training_step(int(optimizer.iterations)):
            with taken_down(tape):
                y_pred = self(batch.x, training=True)  # type: ignore[operator]
                model_ops = len(tape or ())
                weights = self.trainable_weights
                if len(weights) != chosen.count:  # a callback has frozen a layer, or one was built right now
                    chosen.look(self.name, weights)
                loss = self.compute_loss(batch.x, batch.y, y_pred, batch.sample_weight)
            if loss.requires_grad:
                loss.backward()
                if not weights and not self.weights:
                    raise ValueError(
                        say(
                            f"{self.name} has no weights, but its loss depends on some: layers made in call() are new at every "
                            "step. Make them in __init__, as attributes."
                        )
                    )
            elif weights:  # where all are frozen, there is nothing to learn
                raise ValueError(
                    say(
                        f"{self.name} cannot learn: no operation connects its loss with a weight. In your own loss or "
                        "layer use operators, NumPy functions or minidl.ops on the tensors, not .numpy() or .data."
                    )
                )
        if objective.complete:
            chosen.look_at_gradients(self.name, weights)
        self._alarm.look(self, measured(loss), batch, y_pred, True)
        self._score(loss, batch, y_pred)
        with postponed_interrupt():
            if len(weights) > len(chosen.waiting):
                optimizer.step()
            context.commit()
        chosen.forget_gradients()
        if tape is None:
            return None
        try:
            return Replay(
                tape, batch, y_pred if self.scores.given else None, loss, model_ops, context.averages
            )
        except LookupError as error:
            return error

    @np.errstate(all="ignore")  # as in a step of the optimizer
    def _repeat_step(self, batch: Batch, replay: Replay) -> None:
        """The same step on another batch, from what was taken down."""
        step = int(self.optimizer.iterations)
        with random.training_step(step) if replay.draws else nullcontext():
            y_pred, loss = replay.run(batch, step)
        self._alarm.look(self, float(loss), batch, y_pred, True)
        output = batch.y if y_pred is None else Tensor(y_pred)  # without metrics only their number counts
        self.scores.update(float(loss), batch.y, output, None)
        with postponed_interrupt():
            replay.update(self.optimizer)
            replay.move_averages()
        self._chosen.forget_gradients()

    @property
    def _repeats(self) -> bool:
        """Whether a step is the same for all batches of one shape."""
        loss: Any = self._objective.only_loss
        return (
            type(loss).__module__.startswith("minidl.")
            and loss.repeats
            and repeats(self)
            and "compute_loss" not in vars(self)
            and bool(self.trainable_weights)
        )

    @quiet
    def _test_step(self, batch: Batch) -> None:
        with no_grad(), CallContext() as context:
            y_pred = self(batch.x, training=False)  # type: ignore[operator]
            loss = self.compute_loss(batch.x, batch.y, y_pred, batch.sample_weight, training=False)
        self._alarm.look(self, measured(loss), batch, y_pred, False)
        self._score(loss, batch, y_pred)
        context.commit()  # the states of stateful layers

    @quiet
    def _predict_step(self, x: Any) -> Any:
        with no_grad(), CallContext() as context:
            y = self(x, training=False)  # type: ignore[operator]
        if not isinstance(y, Tensor):
            check_tensors(self.name, y)
        context.commit()
        return y.data if isinstance(y, Tensor) else mapped(lambda one: one.data, y)

    def _prepare(self, peek: Callable[[], Batch], training: bool) -> None:
        """Build the model from a first batch, and make sure the optimizer holds its weights."""
        if self.scores is None:
            raise ValueError(
                say(f"{self.name} is not compiled. Call compile(optimizer=..., loss=...) first.")
            )
        if not self.built:
            with no_grad(), CallContext():
                self(moved(peek(), home_of(self)).x, training=training)  # type: ignore[operator]
        if training:
            if self._chosen is None:
                self._chosen = ChosenWeights(self)
            self._chosen.take_up(self.optimizer, self.name, self.trainable_weights)

    def _learn_outputs(self, peek: Callable[[], Batch]) -> None:
        """Find out which outputs there are, from a first batch."""
        if self._objective.outputs is None:
            with no_grad(), CallContext():
                y_pred = self(moved(peek(), home_of(self)).x, training=False)  # type: ignore[operator]
            self.scores.learn(self._objective.know(y_pred))

    def reset_metrics(self) -> None:
        """Begin the metrics anew."""
        if self.scores is not None:
            self.scores.reset()

    @property
    def metrics(self) -> list[Any]:
        """The metric objects of `compile`, in its order.

        A name such as "accuracy" becomes an object when the first batch shows the shapes: before, the list is
        empty. The loss is no metric here; `evaluate` and `History` report it.
        """
        known = self.scores.metrics if self.scores is not None else None
        return [entry.metric for entry in (known or {}).values()]

    @property
    def metrics_names(self) -> list[str]:
        """The names of what `evaluate` returns."""
        return list(self.scores.values()) if self.scores is not None else []


def _penalty(variable: Variable) -> Any:
    """What the regularizer of a weight asks for, one number."""
    penalty = variable.regularizer(variable)
    if penalty is None or getattr(penalty, "shape", ()) != ():
        got = "None" if penalty is None else f"shape {penalty.shape}"
        raise ValueError(
            say(
                f"The regularizer of {variable.path} must return one number, got {got}. Sum up: return ops.sum(...)."
            )
        )
    return penalty
