"""The training loop: compile, fit, evaluate, predict.

One training step is short enough to read in full (`Trainer._train_step`):

    forward     y_pred = model(x)
    loss        mean loss of the batch + penalties
    backward    gradients of all weights, into one flat array
    update      the optimizer's rule, once over all weights

Everything before the update can fail, and then nothing has changed. The update itself is not interrupted:
Ctrl-C waits until it is done. So whatever happens, the model is that of the last finished step.
"""

from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from minidl import losses, optimizers, random
from minidl.backend import Array
from minidl.callbacks.base import CallbackList, History
from minidl.layers.context import CallContext
from minidl.models.arguments import optional_count, validation_epochs, validation_source
from minidl.models.class_weights import checked_class_weight, class_weights
from minidl.models.data import Batch, as_array, one_batch, split
from minidl.models.modes import modes_restored
from minidl.models.progress import Progress
from minidl.models.scores import Scores
from minidl.models.sources import Source, source
from minidl.tensor import Tensor, no_grad
from minidl.utils.checks import number, whole_number
from minidl.utils.interrupts import postponed_interrupt
from minidl.variable import Variable

__all__ = ["Trainer"]


class Trainer:
    """The part of a model that learns. It needs from the model: a call, and its trainable weights."""

    optimizer: Any = None
    loss: Any = None
    stop_training = False
    scores: Scores | None = None
    name: str
    trainable_weights: list[Variable]
    built: bool
    _shuffler: random.SeedGenerator

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
            weighted_metrics: the same; these take sample_weight and class_weight into account.
            run_eagerly, steps_per_execution, jit_compile, auto_scale_loss: understood for scripts written
                for Keras. Every step here is eager, alone, and uses the kernels that are there.

        Raises:
            ValueError, TypeError: an unknown name, or a class where an instance belongs. Nothing is changed
                then.
        """
        chosen = optimizers.get(optimizer)
        if chosen is None:
            raise ValueError("compile expects an optimizer, such as 'adam' or SGD(0.1), got None.")
        loss_function = losses.get(loss)
        scores = Scores(metrics, weighted_metrics, loss_function)
        weight = loss_weights[0] if isinstance(loss_weights, list | tuple) and loss_weights else loss_weights
        self.loss_weight = 1.0 if weight is None else number("compile", "loss_weights", weight)
        self.optimizer, self.loss, self.scores = chosen, loss, scores
        self._loss_function = loss_function

    # --- one step -------------------------------------------------------------------------------------------

    def compute_loss(self, y_true: Any, y_pred: Tensor, sample_weight: Any = None) -> Tensor:
        """The loss of a batch with the penalties on weights: one number on the graph.

        Raises:
            ValueError: there is neither a loss nor a penalty.
        """
        penalties = _penalties(self.trainable_weights)
        return _sum([*penalties, *self._data_loss(y_true, y_pred, sample_weight)])

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

    def _loss_of(self, context: CallContext, batch: Batch, y_pred: Tensor, weights: list[Variable]) -> Tensor:
        """`compute_loss` and what the layers added while they ran."""
        data_loss = self._data_loss(batch.y, y_pred, batch.sample_weight)
        terms = [*_penalties(weights), *data_loss, *context.losses]
        if not terms:
            raise ValueError(f"{self.name} has no loss. Choose one: compile(loss='mse') or another.")
        return _sum(terms)

    def _train_step(self, batch: Batch) -> None:
        optimizer = self.optimizer
        optimizer.flat.clear_gradients()
        with CallContext() as context, random.training_step(int(optimizer.iterations)):
            y_pred = self(batch.x, training=True)  # type: ignore[operator]
            weights = self.trainable_weights
            if len(weights) > len(optimizer.flat.variables):  # of a layer that was called for the first time
                raise self._unknown_weights()
            loss = self._loss_of(context, batch, y_pred, weights)
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

    def _test_step(self, batch: Batch) -> None:
        with no_grad(), CallContext() as context:
            y_pred = self(batch.x, training=False)  # type: ignore[operator]
            loss = self._loss_of(context, batch, y_pred, self.trainable_weights)
        self.scores.update(float(loss), batch.y, y_pred, batch.sample_weight)  # type: ignore[union-attr]

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

    # --- fit, evaluate, predict -----------------------------------------------------------------------------

    @modes_restored
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Collection[int] = 1,
    ) -> History:
        """Train for a number of epochs.

        Args:
            x: samples: array, list, pandas object; or a generator or Sequence of (x, y) or (x, y, weight).
            y: targets, as many as samples.
            batch_size: samples in a step, 32 by default. The last batch of an epoch may be smaller.
            epochs: where to stop counting; training runs from `initial_epoch` to `epochs`.
            verbose: 0 silent, 1 or "auto" a progress bar, 2 a line per epoch, 3 the epoch's number only.
            callbacks: list of Callback.
            validation_split: share of the samples, the last ones, kept out of training for validation.
            validation_data: (x, y) or (x, y, weight), or a generator or Sequence of such batches.
            shuffle: whether each epoch takes the samples in a new order.
            class_weight: class -> weight of its samples in the loss; classes left out weigh 1.
            sample_weight: weight of each sample in the loss.
            initial_epoch: number of the first epoch, to continue an earlier run.
            steps_per_epoch: batches in an epoch; needed for endless generators.
            validation_steps, validation_batch_size: the same for validation.
            validation_freq: validate every so many epochs, or in the epochs listed (counted from 1).

        Returns:
            History: `.history` maps "loss", metrics and "val_..." to their values by epoch.

        Raises:
            ValueError, TypeError: data or arguments do not fit; the model is as before.
        """
        epochs = whole_number("fit", "epochs", epochs, 0)
        initial_epoch = whole_number("fit", "initial_epoch", initial_epoch, 0)
        batch_size = optional_count("fit", "batch_size", batch_size)
        steps_per_epoch = optional_count("fit", "steps_per_epoch", steps_per_epoch)
        validates = validation_epochs(validation_freq)
        if class_weight is not None:
            class_weight = checked_class_weight(class_weight)
            if sample_weight is not None:
                raise ValueError(
                    "fit expects class_weight or sample_weight, not both: multiply them yourself."
                )
        if not isinstance(shuffle, bool | np.bool_):
            raise TypeError(f"fit expects shuffle to be True or False, got {shuffle!r:.60}.")
        if validation_split != 0 and validation_data is None:
            (x, y, sample_weight), validation_data = split(x, y, sample_weight, validation_split)
        data = source(x, y, sample_weight, batch_size, self._shuffler if shuffle else None, steps_per_epoch)
        held_out = validation_source(
            validation_data,
            optional_count("fit", "validation_batch_size", validation_batch_size) or batch_size,
            optional_count("fit", "validation_steps", validation_steps),
        )
        self._prepare(data.peek, training=True)
        scores: Scores = self.scores  # type: ignore[assignment]
        history = History()
        hooks = CallbackList(
            [*_as_list(callbacks), history], self, epochs=epochs, steps=data.steps, verbose=verbose
        )
        self.history = history
        self.stop_training = False
        progress = Progress(verbose, epochs, data.steps)
        watch_begin, watch_end = hooks.watches("on_train_batch_begin"), hooks.watches("on_train_batch_end")
        hooks.call("on_train_begin", {})
        logs: dict[str, Any] = {}
        try:
            for epoch in range(initial_epoch, epochs):
                scores.reset()
                progress.epoch_begin(epoch)
                hooks.call("on_epoch_begin", epoch, {})
                for i, batch in enumerate(data.epoch(int(self.optimizer.iterations))):
                    if watch_begin:
                        hooks.call("on_train_batch_begin", i, {})
                    self._train_step(
                        class_weights(batch, class_weight) if class_weight is not None else batch
                    )
                    progress.step(i + 1, scores.values)
                    if watch_end:
                        hooks.call("on_train_batch_end", i, _sorted(scores.values()))
                    if self.stop_training:
                        break
                logs = scores.values()
                if held_out is not None and validates(epoch + 1):
                    logs |= {f"val_{k}": v for k, v in self._test_epoch(held_out, hooks).items()}
                logs = _sorted(logs)
                progress.epoch_end(logs)
                hooks.call("on_epoch_end", epoch, logs)
                if self.stop_training:
                    break
            hooks.call("on_train_end", logs)
        finally:
            progress.close()
        return history

    def _test_epoch(
        self, data: Source, hooks: CallbackList, progress: Progress | None = None
    ) -> dict[str, Any]:
        """Loss and metrics over all of `data`."""
        scores: Scores = self.scores  # type: ignore[assignment]
        scores.reset()
        hooks.call("on_test_begin", {})
        watch_begin, watch_end = hooks.watches("on_test_batch_begin"), hooks.watches("on_test_batch_end")
        for i, batch in enumerate(data.epoch()):
            if watch_begin:
                hooks.call("on_test_batch_begin", i, {})
            self._test_step(batch)
            if progress is not None:
                progress.step(i + 1, scores.values)
            if watch_end:
                hooks.call("on_test_batch_end", i, _sorted(scores.values()))
        results = scores.values()
        hooks.call("on_test_end", _sorted(results))
        return results

    @modes_restored
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics on data, in inference mode.

        Returns:
            The loss; with metrics [loss, metric, ...] in the order of `compile`; a dict with `return_dict`.
        """
        batch_size = optional_count("evaluate", "batch_size", batch_size)
        steps = optional_count("evaluate", "steps", steps)
        data = source(x, y, sample_weight, batch_size, steps=steps)
        self._prepare(data.peek, training=False)
        hooks = CallbackList(callbacks, self, epochs=1, steps=data.steps, verbose=verbose)
        progress = Progress(verbose, 1, data.steps)
        try:
            results = self._test_epoch(data, hooks, progress)
            progress.epoch_end(_sorted(results))
        finally:
            progress.close()
        return _answer(results, return_dict)

    @modes_restored
    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Array:
        """The model's output for `x`, as a NumPy array, in inference mode."""
        batch_size = optional_count("predict", "batch_size", batch_size)
        steps = optional_count("predict", "steps", steps)
        data = source(x, batch_size=batch_size, steps=steps)
        hooks = CallbackList(callbacks, self, epochs=1, steps=data.steps, verbose=verbose)
        progress = Progress(verbose, 1, data.steps)
        hooks.call("on_predict_begin", {})
        outputs: list[Array] = []
        try:
            for i, batch in enumerate(data.epoch()):
                hooks.call("on_predict_batch_begin", i, {})
                outputs.append(self.predict_on_batch(batch.x))
                progress.step(i + 1)
                hooks.call("on_predict_batch_end", i, {"outputs": outputs[-1]})
            progress.epoch_end()
        finally:
            progress.close()
        hooks.call("on_predict_end", {})
        return np.concatenate(outputs)

    @modes_restored
    def predict_on_batch(self, x: Any) -> Array:
        """The model's output for one batch."""
        with no_grad():
            return self(as_array(x, "x"), training=False).data  # type: ignore[operator]

    @modes_restored
    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: dict[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """One step on one batch. Metrics begin anew. Returns what `evaluate` returns."""
        batch = one_batch(x, y, sample_weight)
        if class_weight is not None:
            batch = class_weights(batch, checked_class_weight(class_weight))
        self._prepare(lambda: batch, training=True)
        self.scores.reset()  # type: ignore[union-attr]
        self._train_step(batch)
        return _answer(self.scores.values(), return_dict)  # type: ignore[union-attr]

    @modes_restored
    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Loss and metrics on one batch. Metrics begin anew. Returns what `evaluate` returns."""
        batch = one_batch(x, y, sample_weight)
        self._prepare(lambda: batch, training=False)
        self.scores.reset()  # type: ignore[union-attr]
        self._test_step(batch)
        return _answer(self.scores.values(), return_dict)  # type: ignore[union-attr]

    def reset_metrics(self) -> None:
        """Begin the metrics anew."""
        if self.scores is not None:
            self.scores.reset()

    @property
    def metrics_names(self) -> list[str]:
        """The names of what `evaluate` returns."""
        return list(self.scores.values()) if self.scores is not None else []


def _penalties(weights: list[Variable]) -> list[Tensor]:
    return [v.regularizer(v) for v in weights if v.regularizer is not None]


def _sum(terms: list[Tensor]) -> Tensor:
    total = terms[0] if terms else Tensor(0.0)
    for term in terms[1:]:
        total = total + term
    return total


def _sorted(logs: dict[str, Any]) -> dict[str, Any]:
    """Keras hands logs to callbacks in alphabetical order."""
    return dict(sorted(logs.items()))


def _answer(results: dict[str, Any], return_dict: bool) -> Any:
    if return_dict:
        return results
    values = list(results.values())
    return values if len(values) > 1 else values[0]


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [] if value is None else [value]
