"""A captured step: gathering a batch, forward, backward, update and metrics as one graph that a GPU is given as a whole.

Fifty kernels of a few microseconds each are over before Python has asked for the next. In a captured step
(`minidl_kernels.gpu.graph`) the host asks once a step, and never looks at a result before the epoch is over. What runs
is the tape of `minidl.models.replay`: the same kernels on the same numbers in the same order as in a plain step. What
changes from step to step lies on the GPU and is moved on by the graph itself:

    rows      places in `order` of the samples of this batch                           += batch size
    number    of the step, for the optimizer; likewise the coordinates of what Dropout draws      += 1
    rate      the learning rate; written by the host when it has changed
    total     Σ loss·samples of the epoch, beside the sums that the metrics keep        read when the epoch is over

The first step goes through the layers, the second runs the tape as it is, so that all kernels are compiled and the
graph's memory is there; both are steps like all others. The third is recorded and launched, and from then on each is a
launch. A last batch that is smaller is a plain step.

Recording fails, and nothing has happened, where something waits for the GPU: an Embedding on the way back, a product in
float64, some metrics. What could go wrong silently is asked before (`minidl.models.not_captured`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from operator import attrgetter, is_
from typing import Any

import numpy as np

from minidl.devices import home, to_device
from minidl.messages import say
from minidl.models.data import Batch
from minidl.models.sources import ArraySource, Rows
from minidl.random import SeedGenerator, training_step
from minidl.utils.interrupts import postponed_interrupt

__all__ = ["Captured", "stream_of"]

_data = attrgetter("data")


@contextmanager
def stream_of(name: str) -> Iterator[None]:
    """Let the device `name` work on a stream that can be captured; behind it all is done. On the CPU, nothing."""
    if name == "cpu":
        yield
        return
    from minidl_kernels.gpu.graph import new_stream, settled

    with settled(new_stream()):
        yield


class Captured:
    """The steps of a `fit` on full batches, once one of them has been taken down.

    Args:
        model: it is trained on the current stream, one of `stream_of`.
        replay: its step.
        data: all samples, on its device.

    Raises:
        LookupError: something in the step is new each time and is not made on the device.
    """

    def __init__(self, model: Any, replay: Any, data: ArraySource):
        from minidl_kernels.gpu.graph import Graph

        self.model, self.replay, self.data = model, replay, data.data
        there: Any = model.weights[0].data
        self._home = home(there)
        shapes = replay.shapes[0]
        self.n = shapes[0][0] if isinstance(shapes[0], tuple) else shapes[0]  # samples of a batch
        self.samples = self.data.samples
        self.order = np.arange(self.samples, like=there)
        self._first = np.arange(self.n, like=there)
        self.rows, self._next_row = self._first.copy(), 0
        self.number, self._step = np.zeros(1, np.int32, like=there), 0
        self.rate, self._rate = np.zeros(1, np.float64, like=there), 0.0
        self.total = np.zeros((), np.float64, like=there)
        self._followed: Any = None
        self.draws = self._coordinates()
        self.batch: Any = None
        self._weights = [weight for _, weight in replay.weights]
        self._memory = [weight.data for weight in self._weights]
        self._graph = Graph()
        self._rehearsed = False

    @property
    def recorded(self) -> bool:
        """Whether steps are launches by now."""
        return self._graph.recorded

    def _coordinates(self) -> dict[int, Any]:
        """Where the ops that draw find their coordinates, by the places of their results."""
        found = [op for op in self.replay.ops if not op.inputs]
        with training_step(0):
            for op in found:
                drawer = getattr(op.forward, "args", (None,))[0]
                if getattr(drawer, "__func__", None) is not SeedGenerator.coordinates:
                    raise LookupError(say("something is drawn on the host"))
            drawn = {op.outputs[0]: op.forward()[0] for op in found}
        self._one_step = to_device(np.array([0, 0, 0, 1], np.uint64), self._home)
        return {place: to_device(words, self._home) for place, words in drawn.items()}

    def fits(self, rows: Rows) -> bool:
        """Whether this is a full batch, and all weights are where they were."""
        full = min(rows.part.stop, self.samples) - rows.part.start == self.n
        return full and all(map(is_, map(_data, self._weights), self._memory))

    def step(self, rows: Rows) -> None:
        """One step on these samples. If the first or second one fails, nothing has changed."""
        model = self.model
        optimizer, scores = model.optimizer, model.scores
        self._follow(rows, int(optimizer.iterations), optimizer.learning_rate, scores)
        with postponed_interrupt():
            if self._graph.recorded:
                self._graph.launch()
            elif self._rehearsed:
                self._record()
                self._graph.launch()
            else:
                self._rehearse()
            optimizer.iterations.data[...] += 1
            self._step, self._next_row = self._step + 1, self._next_row + self.n
            scores.loss_sum, scores.samples = self.total, scores.samples + self.n
        model._alarm.look(model, self.total, self.batch, None, True)
        model._chosen.forget_gradients()

    def _follow(self, rows: Rows, step: int, rate: float, scores: Any) -> None:
        """Bring what the graph reads to where this step is, if the one before it was another."""
        if rows.order is not self._followed:
            self.order[...] = rows.order
            self._followed = rows.order
        if rows.part.start != self._next_row:
            self.rows[...] = self._first + rows.part.start
            self._next_row = rows.part.start
        if step != self._step:
            self.number.fill(step + 1)
            for words in self.draws.values():
                words[3] = step + 1
            self._step = step
        if rate != self._rate:
            self.rate.fill(rate)
            self._rate = rate
        if scores.loss_sum is not self.total:
            self.total[...] = scores.loss_sum

    @property
    def _metrics(self) -> list[Any]:
        return [entry.metric for entry in (self.model.scores.metrics or {}).values()]

    @property
    def _states(self) -> list[Any]:
        """The sums of the metrics."""
        return [state for metric in self._metrics for state in metric.variables]

    def _rehearse(self) -> None:
        """Do the work once as it is. The update comes last; what has been added up before is taken back if it fails."""
        for state in self._states:
            state.data = to_device(state.data, self._home)
        states, total = [*self._states, *(v for v, _, _ in self.replay.averages)], self.total.copy()
        before = [state.data.copy() for state in states]
        try:
            self._graph.run(self._work)
        except BaseException:
            self.total[...] = total
            for state, data in zip(states, before, strict=True):
                state.data = data
            raise
        self._rehearsed = True

    def _record(self) -> None:
        """Record the work. The sums of the metrics must still be where they were: the graph adds to them there."""
        states = self._states
        before = [state.data for state in states]
        try:
            self._graph.record(self._work)
            if not all(map(is_, map(_data, states), before)):
                raise LookupError(say("a metric does not add up in place"))
        except BaseException:
            for state, data in zip(states, before, strict=True):
                state.data = data
            self._graph.forget()
            raise

    def _work(self) -> None:
        """What a step is on the GPU."""
        places = self.order.take(self.rows)
        x, y = self.data.x, self.data.y
        inputs = [a.take(places, axis=0) for a in (x if isinstance(x, list) else [x])]
        targets = y.take(places, axis=0)
        self.batch = Batch(inputs if isinstance(x, list) else inputs[0], targets, None)
        with np.errstate(all="ignore"):
            y_pred, loss = self.replay.through([*inputs, targets], self.draws)
            for metric in self._metrics:
                metric.update_state(targets, y_pred)
            self.total += np.multiply(loss, self.n, dtype=np.float64)
            self.replay.move_averages()
            self.model.optimizer.step_on_device(self.number, self.rate)
        self.rows += self.n
        self.number += 1
        for words in self.draws.values():
            words += self._one_step
