"""One training step, and what it needs: the choices of `compile`, and a model that is built.

A step is short enough to read in full (`Trainer._train_step`):

    forward     y_pred = model(x)
    loss        mean loss of the batch + penalties
    backward    gradients of all weights, into one flat array
    update      the optimizer's rule, once over all weights

Where all batches of an epoch do the same, `fit` takes this down once and replays it (`minidl.models.replay`).

Everything before the update can fail, and then nothing has changed. The update itself is not interrupted:
Ctrl-C waits until it is done. So whatever happens, the model is that of the last finished step.
"""

from collections.abc import Callable
from typing import Any

from minidl import losses, optimizers, random
from minidl.backend import Array
from minidl.graph import Applied, taken_down
from minidl.layers.context import CallContext, mode
from minidl.models.arguments import metrics_of_output, of_output
from minidl.models.data import Batch
from minidl.models.replay import Replay, repeats, replay_of
from minidl.models.scores import Scores
from minidl.tensor import Tensor, no_grad
from minidl.utils.checks import number
from minidl.utils.interrupts import postponed_interrupt
from minidl.variable import Variable

__all__ = ["Trainer"]


class Trainer:
    """The part of a model that learns. It needs from the model: a call, and its trainable weights."""

    optimizer: Any = None
    loss: Any = None
    scores: Scores | None = None
    name: str
    trainable_weights: list[Variable]
    built: bool

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
            loss: name, Loss, or function f(y_true, y_pred).
            loss_weights: factor of the loss.
            metrics: list of names, Metric objects or functions f(y_true, y_pred).
            weighted_metrics: the same; these take sample_weight and class_weight into account. For the one
                output, loss and metrics may also stand in a list, or in a dict by the output's name.
            run_eagerly, steps_per_execution, jit_compile, auto_scale_loss: understood for scripts written
                for Keras. Every step here is eager, alone, and uses the kernels that are there.

        Raises:
            ValueError, TypeError: an unknown name, or a class where an instance belongs. Nothing is changed
                then.
        """
        chosen = optimizers.get(optimizer)
        if chosen is None:
            raise ValueError("compile expects an optimizer, such as 'adam' or SGD(0.1), got None.")
        loss_function = losses.as_loss(of_output("loss", loss))
        scores = Scores(metrics_of_output(metrics), metrics_of_output(weighted_metrics), loss_function)
        weight = of_output("loss_weights", loss_weights)
        self.loss_weight = 1.0 if weight is None else number("compile", "loss_weights", weight)
        self.optimizer, self.loss, self.scores = chosen, loss, scores
        self._loss_function = loss_function

    # --- one step -------------------------------------------------------------------------------------------

    @property
    def losses(self) -> list[Tensor]:
        """The penalties: on the weights as they are now, and those that layers added in the running step."""
        on_weights = [v.regularizer(v) for v in self.trainable_weights if v.regularizer is not None]
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
        terms = [*self._data_loss(y, y_pred, sample_weight), *self.losses]
        if not terms:
            raise ValueError(f"{self.name} has no loss. Choose one: compile(loss='mse') or another.")
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total

    def _data_loss(self, y_true: Any, y_pred: Tensor, sample_weight: Any) -> list[Tensor]:
        """The loss proper, in a list; empty if the model is compiled without one."""
        if self._loss_function is None:
            return []
        if y_true is None:
            raise ValueError(
                f"{self.name} is compiled with loss {self._loss_function.name!r}, which needs y. Pass y to fit."
            )
        loss = self._loss_function(y_true, y_pred, sample_weight=sample_weight)
        if loss.ndim:
            raise ValueError(
                f"{self.name} needs one number as its loss, but {self._loss_function.name!r} gives an array of shape "
                f"{loss.shape}. Make it with reduction='sum_over_batch_size'."
            )
        return [loss if self.loss_weight == 1 else loss * self.loss_weight]

    def _train_step(self, batch: Batch, tape: list[Applied] | None = None) -> Replay | None:
        """One step. If `tape` is a list, what is applied is taken down there, and made into a Replay if it can be."""
        optimizer = self.optimizer
        optimizer.flat.clear_gradients()
        with CallContext() as context, random.training_step(int(optimizer.iterations)):
            with taken_down(tape):
                y_pred = self(batch.x, training=True)  # type: ignore[operator]
                model_ops = len(tape or ())
                weights = self.trainable_weights
                if len(weights) > len(optimizer.flat.variables):  # a layer was called for the first time
                    raise self._unknown_weights()
                loss = self.compute_loss(batch.x, batch.y, y_pred, batch.sample_weight)
            if loss.requires_grad:
                loss.backward()
            elif weights:  # where all are frozen, there is nothing to learn
                raise ValueError(
                    f"{self.name} cannot learn: no operation connects its loss with a weight. In your own loss or "
                    "layer use operators, NumPy functions or minidl.ops on the tensors, not .numpy() or .data."
                )
        self.scores.update(float(loss), batch.y, y_pred, batch.sample_weight)  # type: ignore[union-attr]
        with postponed_interrupt():
            if weights:
                optimizer.step()
            context.commit()
        if tape is None or self.scores is None:
            return None
        return replay_of(tape, batch, y_pred if self.scores.given else None, loss, model_ops)

    def _repeat_step(self, batch: Batch, replay: Replay) -> None:
        """The same step on another batch, from what was taken down."""
        y_pred, loss = replay.run(batch)
        output = batch.x if y_pred is None else Tensor(y_pred)  # without metrics only their number counts
        self.scores.update(float(loss), batch.y, output, None)  # type: ignore[union-attr]
        with postponed_interrupt():
            self.optimizer.step()

    @property
    def _repeats(self) -> bool:
        """Whether a step is the same for all batches of one shape."""
        loss: Any = self._loss_function
        return (
            type(loss).__module__.startswith("minidl.")
            and loss.repeats
            and repeats(self)
            and "compute_loss" not in vars(self)
            and bool(self.trainable_weights)
        )

    def _test_step(self, batch: Batch) -> None:
        with no_grad(), CallContext() as context:
            y_pred = self(batch.x, training=False)  # type: ignore[operator]
            loss = self.compute_loss(batch.x, batch.y, y_pred, batch.sample_weight, training=False)
        self.scores.update(float(loss), batch.y, y_pred, batch.sample_weight)  # type: ignore[union-attr]
        context.commit()  # the states of stateful layers

    def _predict_step(self, x: Array) -> Array:
        with no_grad():
            return self(x, training=False).data  # type: ignore[operator]

    def _prepare(self, peek: Callable[[], Batch], training: bool) -> None:
        """Build the model from a first batch, and make sure the optimizer holds its weights."""
        if self.scores is None:
            raise ValueError(f"{self.name} is not compiled. Call compile(optimizer=..., loss=...) first.")
        if not self.built:
            with no_grad(), CallContext():
                self(peek().x, training=training)  # type: ignore[operator]
        if training:
            trained = self.trainable_weights
            if not self.optimizer.built:
                self.optimizer.build(trained)
            elif {id(v) for v in trained} <= {id(v) for v in self.optimizer.flat.variables}:
                self.optimizer.rehome()  # a weight frozen since then gets no gradient and stays as it is
            else:
                raise self._unknown_weights()

    def _unknown_weights(self) -> ValueError:
        return ValueError(
            f"{self.name} has weights to train that its optimizer does not hold: layers were added, built or "
            "unfrozen since, or it serves another model. Call compile() again, with a new optimizer."
        )

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
        return [metric for metric, _ in (known or {}).values()]

    @property
    def metrics_names(self) -> list[str]:
        """The names of what `evaluate` returns."""
        return list(self.scores.values()) if self.scores is not None else []
