"""The loops around the training step: fit, evaluate and predict, over epochs and batches, and for one batch."""

from collections.abc import Collection
from typing import Any

import numpy as np

from minidl import random
from minidl.backend import Array
from minidl.callbacks.base import CallbackList, History
from minidl.graph import Applied
from minidl.models.arguments import optional_count, validation_epochs, validation_source
from minidl.models.class_weights import checked_class_weight, class_weights
from minidl.models.data import checked_array, one_batch, split, unlisted
from minidl.models.modes import modes_restored
from minidl.models.progress import Progress
from minidl.models.scores import Scores
from minidl.models.sources import ArraySource, Source, source
from minidl.models.training import Trainer
from minidl.utils.checks import whole_number

__all__ = ["Loops"]


class Loops(Trainer):
    """The calls by which a model is trained and used."""

    stop_training = False
    _shuffler: random.SeedGenerator
    _built_for: Any
    input: Any

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
        x, y, sample_weight = unlisted(self._expected_shape, x, y, sample_weight)
        if isinstance(validation_data, tuple | list) and len(validation_data) in (2, 3):
            validation_data = unlisted(self._expected_shape, *validation_data)
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
        undisturbed = isinstance(data, ArraySource) and not watch_begin and not watch_end
        logs: dict[str, Any] = {}
        try:
            for epoch in range(initial_epoch, epochs):
                scores.reset()
                progress.epoch_begin(epoch)
                hooks.call("on_epoch_begin", epoch, {})
                tape: list[Applied] | None = [] if undisturbed and self._repeats else None
                replay = None
                for i, batch in enumerate(data.epoch(int(self.optimizer.iterations))):
                    if watch_begin:
                        hooks.call("on_train_batch_begin", i, {})
                    if class_weight is not None:
                        batch = class_weights(batch, class_weight)
                    if replay is not None and replay.fits(batch):
                        self._repeat_step(batch, replay)
                    else:
                        replay, tape = self._train_step(batch, tape) or replay, None
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

    @property
    def _expected_shape(self) -> Any:
        """The shape of a batch of inputs; None as long as it is not known."""
        return self._built_for if self.input is None else self.input.shape

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
        data = source(*unlisted(self._expected_shape, x, y, sample_weight), batch_size, steps=steps)
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
        data = source(unlisted(self._expected_shape, x)[0], batch_size=batch_size, steps=steps)
        hooks = CallbackList(callbacks, self, epochs=1, steps=data.steps, verbose=verbose)
        progress = Progress(verbose, 1, data.steps)
        hooks.call("on_predict_begin", {})
        outputs: list[Array] = []
        try:
            for i, batch in enumerate(data.epoch()):
                hooks.call("on_predict_batch_begin", i, {})
                outputs.append(self._predict_step(batch.x))
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
        return self._predict_step(checked_array(unlisted(self._expected_shape, x)[0], "x"))

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
        batch = one_batch(*unlisted(self._expected_shape, x, y, sample_weight))
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
        batch = one_batch(*unlisted(self._expected_shape, x, y, sample_weight))
        self._prepare(lambda: batch, training=False)
        self.scores.reset()  # type: ignore[union-attr]
        self._test_step(batch)
        return _answer(self.scores.values(), return_dict)  # type: ignore[union-attr]


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
