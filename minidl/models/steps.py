"""The steps of one `fit`: the first of an epoch goes through the layers, those behind it are replayed where that is sure.

    on the CPU      from a tape, op by op or as a list of calls                       `minidl.models.replay`, `routine`
    on a GPU        as one graph, which takes its samples from the data itself        `minidl.models.captured`

In every other case each step goes through the layers. On a GPU that is much slower, so the reason is kept.
"""

from collections.abc import Sequence
from typing import Any

from minidl.callbacks import (
    BackupAndRestore,
    CSVLogger,
    EarlyStopping,
    LearningRateScheduler,
    LivePlot,
    ModelCheckpoint,
    ReduceLROnPlateau,
    TensorBoard,
)
from minidl.graph import Applied
from minidl.messages import say
from minidl.models.captured import Captured, stream_of
from minidl.models.class_weights import class_weights
from minidl.models.not_captured import in_words, why_not
from minidl.models.placing import home_of, moved, resident
from minidl.models.replay import Replay
from minidl.models.sources import ArraySource, Rows
from minidl.models.whole_data import sure_targets

__all__ = ["Steps"]

_LEAVE_THE_GRAPH = {  # they change weights in place and the learning rate, if anything; a class made of them may do more
    BackupAndRestore, CSVLogger, EarlyStopping, LearningRateScheduler, LivePlot, ModelCheckpoint, ReduceLROnPlateau,
    TensorBoard,
}  # fmt: skip


class Steps:
    """What decides which way a step goes; a context, in which a GPU works on a stream that can be captured.

    Args:
        model: it is built and compiled.
        data: the batches; not yet on a GPU.
        class_weight: of each class, or None.
    """

    def __init__(self, model: Any, data: Any, class_weight: Any):
        self.model, self.data, self.class_weight = model, data, class_weight
        self.there = home_of(model)
        self.replay: Replay | None = None
        self.graph: Captured | None = None
        self.tape: list[Applied] | None = None
        self.undisturbed = isinstance(data, ArraySource)
        self.why_not: str | None = None  # a GPU is not given the steps as a graph
        self._graphs = False
        if self.there != "cpu":
            self.why_not = why_not(model, data, class_weight)

    def watch(self, watched: bool) -> None:
        """Be told whether a callback sees every batch. The data has settled."""
        if watched:
            self.undisturbed, self.why_not = False, self.why_not or say("a callback looks at every batch")
        if self.there != "cpu" and self.why_not is None:
            if resident(self.data, self.there):
                self.data.gathers = False
            else:
                self.why_not = say("the data is too large to stay on the GPU")

    def __enter__(self) -> None:
        self._stream = stream_of(self.there)
        self._stream.__enter__()

    def __exit__(self, *error: Any) -> None:
        self._stream.__exit__(*error)
        self._forget()

    def _forget(self) -> None:
        self.replay = self.graph = None

    def begin(self, callbacks: Sequence[Any]) -> None:
        """Begin an epoch, before which these callbacks may have changed the model.

        A tape costs one step, a graph far more: so where all callbacks are known to leave alone what is recorded, a GPU goes on
        with its graph. The learning rate is followed in any case.
        """
        if callbacks and (self.there == "cpu" or not all(type(one) in _LEAVE_THE_GRAPH for one in callbacks)):
            self._forget()
        self.tape = None
        if self.replay is None and self.undisturbed and self._sure():
            self.tape = []

    def _sure(self) -> bool:
        if self.there != "cpu":
            return self.why_not is None and self.model._repeats
        return self.model._repeats and sure_targets(self.model._objective.only_loss, self.data)

    def step(self, batch: Any) -> None:
        """One step on a batch, or on `Rows` of the data."""
        if isinstance(batch, Rows):
            if self.graph is not None and self._goes_on_graph(batch, self.graph):
                return
            batch = self.data.gathered(batch)
        batch = moved(batch, self.there)
        if self.class_weight is not None:
            batch = class_weights(batch, self.class_weight)
        if self.there == "cpu" and self.replay is not None and self.replay.fits(batch):
            self.model._repeat_step(batch, self.replay)
            return
        made, self.tape = self.model._train_step(batch, self.tape), None
        if isinstance(made, Replay):
            self.replay = made
            if self.there != "cpu":
                self._capture(made)
        elif made is not None and self.there != "cpu":
            self.why_not = str(made)

    def _capture(self, replay: Replay) -> None:
        try:
            self.graph = Captured(self.model, replay, self.data)
        except LookupError as error:
            self.why_not = str(error)

    def _goes_on_graph(self, rows: Rows, graph: Captured) -> bool:
        """Whether the step was made by the graph. One that cannot be recorded has changed nothing."""
        if not graph.fits(rows):
            return False
        try:
            graph.step(rows)
        except Exception as error:
            if graph.recorded:
                raise
            self.graph, self.why_not = None, in_words(error)
            return False
        self._graphs = True
        return True

    @property
    def captured(self) -> str | None:
        """For `History.captured`."""
        if self.there == "cpu":
            return None
        return self.why_not or ("yes" if self._graphs else say("there were too few steps"))
