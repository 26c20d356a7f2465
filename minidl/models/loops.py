"""The loops around the training step: fit, evaluate and predict, over epochs and batches, and for one batch."""

from collections.abc import Callable, Collection
from contextlib import closing
from typing import Any

from minidl import random
from minidl.callbacks.base import CallbackList, History
from minidl.devices import to_numpy
from minidl.messages import say
from minidl.models.arguments import optional_count, validation_epochs, validation_source
from minidl.models.arrangement import Arrangement
from minidl.models.class_weights import checked_class_weight, class_weights
from minidl.models.data import Batch, split
from minidl.models.modes import modes_restored
from minidl.models.not_finite import Alarm, alarmed
from minidl.models.placing import home_of, joined, moved, settle
from minidl.models.progress import Progress
from minidl.models.resuming import Resume, Run
from minidl.models.scores import Scores
from minidl.models.sources import ArraySource, Source, source
from minidl.models.steps import Steps
from minidl.models.together import together
from minidl.models.training import Trainer
from minidl.models.whole_data import check_class_weight, check_whole, compare_classes, try_out
from minidl.utils.checks import flag, whole_number
from minidl.utils.nested import as_list, mapped

__all__ = ["Loops"]


class Loops(Trainer):
    """The calls by which a model is trained and used."""

    stop_training = False
    _shuffler: random.SeedGenerator
    _run: Run | None = None
    _resume: Resume | None = None

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
            x: samples: array, list, pandas object; or a generator or Sequence of (x, y) or (x, y, weight). For
                several inputs a list of those in the order of `model.inputs`, or a dict by their names.
            y: targets, as many as samples; for several outputs a list, or a dict by their names.
            batch_size: samples in a step, 32 by default. The last batch of an epoch may be smaller.
            epochs: where to stop counting; training runs from `initial_epoch` to `epochs`.
            verbose: 0 silent, 1 or "auto" a progress bar, 2 a line per epoch, 3 the epoch's number only.
            callbacks: list of Callback.
            validation_split: share of the samples, the last ones, kept out of training for validation.
            validation_data: (x, y) or (x, y, weight), or a generator or Sequence of such batches.
            shuffle: whether each epoch takes the samples in a new order.
            class_weight: class -> weight of its samples in the loss; classes left out weigh 1.
            sample_weight: weight of each sample in the loss; for several outputs also a list or dict.
            initial_epoch: number of the first epoch, to continue an earlier run.
            steps_per_epoch: batches in an epoch; needed for endless generators.
            validation_steps, validation_batch_size: the same for validation.
            validation_freq: validate every so many epochs, or in the epochs listed (counted from 1).

        Returns:
            History: `.history` maps "loss", metrics and "val_..." to their values by epoch. `.captured` says whether a
            GPU was given the steps as one graph (see `minidl.models.captured`), or why not.

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
                    say("fit expects class_weight or sample_weight, not both: multiply them yourself.")
                )
        shuffle = flag("fit", "shuffle", shuffle)
        arrange = self._arrangement()
        if validation_split != 0 and validation_data is None:
            x, validation_data = split(x, y, sample_weight, validation_split, arrange)
            y = sample_weight = None
        shuffler = self._shuffler if shuffle else None
        data = source(x, y, sample_weight, batch_size, shuffler, steps_per_epoch, arrange)
        held_out = validation_source(
            validation_data,
            optional_count("fit", "validation_batch_size", validation_batch_size) or batch_size,
            optional_count("fit", "validation_steps", validation_steps),
            arrange,
        )
        if class_weight is not None:
            class_weights(data.peek(), class_weight)  # what is refused is refused now
        self._prepare(data.peek, training=True)
        check_whole(self, data)
        check_whole(self, held_out)
        compare_classes(self, data, held_out)
        try_out(self, held_out, data)
        if class_weight is not None:
            check_class_weight(
                self, data.data if isinstance(data, ArraySource) else data.peek(), class_weight
            )
        steps = Steps(self, data, class_weight)
        settle(self, data, held_out)
        scores: Scores = self.scores
        history = History()
        hooks = CallbackList(
            [*as_list(callbacks), history], self, epochs=epochs, steps=data.steps, verbose=verbose
        )
        self.history = history
        self.stop_training = False
        progress = Progress(verbose, epochs, data.steps)
        watch_begin, watch_end = hooks.watches("on_train_batch_begin"), hooks.watches("on_train_batch_end")
        run = self._run = Run(data, initial_epoch)
        self._alarm = Alarm(run)
        self._resume = None
        hooks.call("on_train_begin", {})
        steps.watch(watch_begin or watch_end)
        logs: dict[str, Any] = {}
        scores.reset()
        if self._resume is not None:
            self._go_on(run, self._resume)
        with closing(progress), steps:
            for epoch in range(run.epoch, epochs):
                progress.epoch_begin(epoch)
                if not run.done:
                    hooks.call("on_epoch_begin", epoch, {})
                steps.begin(as_list(callbacks))
                for i, batch in run.batches(int(self.optimizer.iterations)):
                    if watch_begin:
                        hooks.call("on_train_batch_begin", i, {})
                    steps.step(batch)
                    run.done = i + 1
                    progress.step(i + 1, scores.values)
                    if watch_end:
                        hooks.call("on_train_batch_end", i, _sorted(scores.values()))
                    if self.stop_training:
                        break
                logs = scores.values()
                self._alarm.look_back(self, logs["loss"])
                if held_out is not None and validates(epoch + 1):
                    logs |= {f"val_{k}": v for k, v in self._test_epoch(held_out, hooks).items()}
                logs = _sorted(logs)
                progress.epoch_end(logs)
                run.next_epoch()
                hooks.call("on_epoch_end", epoch, logs)
                if self.stop_training:
                    break
                scores.reset()
            history.captured = steps.captured
            hooks.call("on_train_end", logs)
        return history

    # --- to go on in the middle of a run (see `minidl.models.resuming`) ---------------------------------------

    @property
    def _position(self) -> tuple[int, int, int] | None:
        """Where the latest `fit` is: epoch, batches of it that are done, step that has decided the order."""
        return None if self._run is None else self._run.position

    def _resume_at(
        self,
        epoch: int,
        batch: int = 0,
        first_step: int | None = None,
        scores: Any = None,
        then: Callable[[], None] | None = None,
    ) -> None:
        """Called by a callback in `on_train_begin`: let this `fit` go on where `_position` of another was.

        Args:
            epoch, batch, first_step: that position.
            scores: what `model.scores.get_state()` was there; None at the beginning of an epoch.
            then: is called when the data has been read up to there.
        """
        self._resume = Resume(epoch, batch, first_step, scores, then)

    def _go_on(self, run: Run, resume: Resume) -> None:
        run.go_on(resume, int(self.optimizer.iterations))
        if resume.scores is not None:
            self._learn_outputs(run.data.peek)
            self.scores.set_state(resume.scores)
        if resume.then is not None:
            resume.then()

    def _arrangement(self) -> Arrangement:
        """How data becomes batches for this model."""
        return Arrangement(self, None if self._objective is None else self._objective.outputs)

    def _test_epoch(
        self, data: Source, hooks: CallbackList, progress: Progress | None = None
    ) -> dict[str, Any]:
        """Loss and metrics over all of `data`."""
        scores: Scores = self.scores
        scores.reset()
        hooks.call("on_test_begin", {})
        watch_begin, watch_end = hooks.watches("on_test_batch_begin"), hooks.watches("on_test_batch_end")
        for i, batch in enumerate(data.epoch()):
            if watch_begin:
                hooks.call("on_test_batch_begin", i, {})
            self._test_step(moved(batch, home_of(self)))
            if progress is not None:
                progress.step(i + 1, scores.values)
            if watch_end:
                hooks.call("on_test_batch_end", i, _sorted(scores.values()))
        results = scores.values()
        self._alarm.look_back(self, results["loss"])
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
            The loss; with metrics [loss, metric, ...] in the order of `compile`; a dict with `return_dict`. For
            several outputs [loss, loss of each output ..., metric, ...], metrics in alphabetical order.
        """
        return_dict = flag("evaluate", "return_dict", return_dict)
        batch_size = optional_count("evaluate", "batch_size", batch_size)
        steps = optional_count("evaluate", "steps", steps)
        data = source(x, y, sample_weight, batch_size, steps=steps, arrange=self._arrangement())
        self._prepare(data.peek, training=False)
        check_whole(self, data)
        settle(self, data)
        hooks = CallbackList(callbacks, self, epochs=1, steps=data.steps, verbose=verbose)
        progress = Progress(verbose, 1, data.steps)
        try:
            with alarmed(self):
                progress.epoch_end(_sorted(self._test_epoch(data, hooks, progress)))
        finally:
            progress.close()
        return self.scores.answer(return_dict)

    @modes_restored
    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The model's output for `x` in inference mode: an array, or a list or dict of them as the model returns.

        Without `batch_size` and callbacks several batches of 32 may go through together (`minidl.models.together`).
        """
        batch_size = optional_count("predict", "batch_size", batch_size)
        steps = optional_count("predict", "steps", steps)
        data = source(x, batch_size=batch_size, steps=steps, arrange=self._arrangement())
        hooks = CallbackList(callbacks, self, epochs=1, steps=data.steps, verbose=verbose)
        progress = Progress(verbose, 1, data.steps)
        batches, at_once = (data, 1) if batch_size or steps or callbacks else together(self, data)
        hooks.call("on_predict_begin", {})
        outputs: list[Any] = []
        there = settle(self, batches)
        try:
            for i, batch in enumerate(batches.epoch()):
                hooks.call("on_predict_batch_begin", i, {})
                outputs.append(self._predict_step(moved(batch, there).x))
                progress.step(min((i + 1) * at_once, data.steps or i + 1))
                hooks.call("on_predict_batch_end", i, {"outputs": outputs[-1]})
            progress.epoch_end()
        finally:
            progress.close()
        hooks.call("on_predict_end", {})
        return joined(outputs)

    @modes_restored
    def predict_on_batch(self, x: Any) -> Any:
        """The model's output for one batch."""
        x = moved(Batch(self._arrangement().only_x(x)), home_of(self)).x
        return mapped(to_numpy, self._predict_step(x))

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
        return_dict = flag("train_on_batch", "return_dict", return_dict)
        batch = self._arrangement()(x, y, sample_weight)
        if class_weight is not None:
            batch = class_weights(batch, checked_class_weight(class_weight, "train_on_batch"))
        self._prepare(lambda: batch, training=True)
        self.scores.reset()
        with alarmed(self):
            self._train_step(moved(batch, home_of(self)))
        return self.scores.answer(return_dict)

    @modes_restored
    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Loss and metrics on one batch. Metrics begin anew. Returns what `evaluate` returns."""
        return_dict = flag("test_on_batch", "return_dict", return_dict)
        batch = self._arrangement()(x, y, sample_weight)
        self._prepare(lambda: batch, training=False)
        self.scores.reset()
        with alarmed(self):
            self._test_step(moved(batch, home_of(self)))
        return self.scores.answer(return_dict)


def _sorted(logs: dict[str, Any]) -> dict[str, Any]:
    """Keras hands logs to callbacks in alphabetical order."""
    return dict(sorted(logs.items()))
