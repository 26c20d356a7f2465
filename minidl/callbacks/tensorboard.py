"""TensorBoard: the course of a run as event files, for TensorBoard to show, beside other runs if wanted.

The names of what is written are Keras's, so that runs of both can be laid on top of each other:

    log_dir/train         epoch_loss, epoch_<metric>, epoch_learning_rate by epoch; batch_<metric> by batch
    log_dir/validation    epoch_loss, epoch_<metric> by epoch; evaluation_<metric>_vs_iterations by training step

The files are made by the library tensorboardX, which needs no TensorFlow. To look at them, install the viewer and run
`tensorboard --logdir log_dir`.
"""

import contextlib
import os
import socket
import struct
import time
from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.callbacks.base import Callback
from minidl.callbacks.batch_count import BatchCount
from minidl.messages import say
from minidl.utils.atomic import append_whole
from minidl.utils.checks import as_path, flag, whole_number

__all__ = ["TensorBoard"]

_REFUSED = {  # what would have to be taken from TensorFlow
    "write_images": "look at weights with matplotlib",
    "profile_batch": "profile with Python's cProfile",
    "embeddings_freq": "save embedding weights with ModelCheckpoint",
    "embeddings_metadata": "save embedding weights with ModelCheckpoint",
}


class TensorBoard(Callback):
    """Writes losses, metrics and the learning rate as event files; histograms of weights if asked for.

    Args:
        log_dir: folder for the files. Two runs in one folder are drawn into one another; give each its own.
        histogram_freq: every so many epochs, from the first on, a histogram of each weight; 0 for none.
        write_graph: understood for scripts written for Keras. No graph is written; `model.summary()` and
            `minidl.utils.plot_model` show how the model is made.
        write_images: False; no pictures of weights are made.
        write_steps_per_second: whether to write how many training steps a second has had.
        update_freq: "epoch", or "batch" or a number of batches for losses and metrics within the epochs too.
        profile_batch: 0; there is no profile.
        embeddings_freq, embeddings_metadata: 0 and None; embeddings are not projected.

    A metric that is several numbers becomes as many curves, epoch_f1_score/0 and so on.

    Raises:
        ImportError: tensorboardX is not there (`pip install tensorboardX`).
        TypeError, ValueError: an argument of the wrong kind, or one that is not served.

    >>> TensorBoard(log_dir="logs/first", update_freq=100).update_freq
    100
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ):
        given = locals()
        for argument, mend in _REFUSED.items():
            if given[argument]:
                raise ValueError(
                    say(
                        f"TensorBoard does not serve {argument}={given[argument]!r:.60}. Leave it out, and {mend}."
                    )
                )
        self.log_dir = os.path.abspath(as_path("TensorBoard", "log_dir", log_dir))
        self.histogram_freq = whole_number("TensorBoard", "histogram_freq", histogram_freq, 0)
        self.write_graph = flag("TensorBoard", "write_graph", write_graph)
        self.write_steps_per_second = flag("TensorBoard", "write_steps_per_second", write_steps_per_second)
        self.update_freq = 1 if update_freq == "batch" else update_freq
        self._count = BatchCount("TensorBoard", "update_freq", self.update_freq)
        self._writers: dict[str, _EventFile] = {}
        self._batches, self._training = 0, False
        self._epoch_began = self._batch_began = 0.0
        self._steps_before = 0
        if self._count.every is not None:  # else nobody need make logs for each batch
            self.on_train_batch_begin = self._before_batch  # type: ignore[method-assign]
            self.on_train_batch_end = self._after_batch  # type: ignore[method-assign]

    # --- moments --------------------------------------------------------------------------------------------

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._batches = self._count.passed = 0
        self._training = True
        self._close()  # what an earlier run has left open that ended in an error
        self._writer("train")  # if the library is missing, it is told before the first epoch

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._training = False
        self._close()

    def _close(self) -> None:
        for writer in self._writers.values():
            writer.flush()
        self._writers = {}

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._steps_before, self._epoch_began = int(self.model.optimizer.iterations), time.perf_counter()

    def _before_batch(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._batch_began = time.perf_counter()

    def _after_batch(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._batches += 1
        if self._count.due():
            scalars = dict(logs or {})
            if self.write_steps_per_second:
                scalars["steps_per_second"] = 1 / max(time.perf_counter() - self._batch_began, 1e-9)
            self._write("train", {f"batch_{name}": value for name, value in scalars.items()}, self._batches)

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        if self.model.optimizer is not None:
            scalars = {f"evaluation_{name}_vs_iterations": value for name, value in (logs or {}).items()}
            self._write("validation", scalars, int(self.model.optimizer.iterations))
            if not self._training:  # behind `evaluate` no on_train_end follows
                self._close()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = logs or {}
        training = {key: value for key, value in logs.items() if not key.startswith("val_")}
        held_out = {key[4:]: value for key, value in logs.items() if key.startswith("val_")}
        training["learning_rate"] = self.model.optimizer.learning_rate
        if self.write_steps_per_second:
            steps = int(self.model.optimizer.iterations) - self._steps_before
            training["steps_per_second"] = steps / max(time.perf_counter() - self._epoch_began, 1e-9)
        for folder, scalars in (("train", training), ("validation", held_out)):
            if scalars:
                self._write(folder, {f"epoch_{name}": value for name, value in scalars.items()}, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_histograms(epoch)
        for writer in self._writers.values():
            writer.flush()

    def get_state(self) -> dict[str, Any]:
        return {"batches": self._batches, "passed": self._count.passed}

    def set_state(self, state: dict[str, Any]) -> None:
        self._batches, self._count.passed = state["batches"], state["passed"]

    # --- writing --------------------------------------------------------------------------------------------

    def _writer(self, folder: str) -> "_EventFile":
        if folder not in self._writers:
            self._writers[folder] = _EventFile(os.path.join(self.log_dir, folder))
        return self._writers[folder]

    def _write(self, folder: str, scalars: dict[str, Any], step: int) -> None:
        writer = self._writer(folder)
        for tag, value in scalars.items():
            if np.ndim(value) == 0:
                writer.add_scalar(tag, value, step)
            else:
                for i, x in enumerate(np.ravel(value)):
                    writer.add_scalar(f"{tag}/{i}", x, step)

    def _write_histograms(self, epoch: int) -> None:
        for weight in self.model.weights:
            values = np.asarray(weight.numpy(), np.float64)
            values = values[np.isfinite(values)]  # the library knows no NaN
            if values.size:
                self._writer("train").add_histogram(f"{weight.path}/histogram", values, epoch)


class _EventFile:
    """A new event file in a folder.

    The SummaryWriter of the library leaves what it is given to another thread, and a run that is killed loses the last
    minutes. This one writes at once, and whole records: a full disk leaves a file that can be read, and an error that
    names it.
    """

    def __init__(self, folder: str):
        try:
            from tensorboardX import summary
            from tensorboardX.proto.event_pb2 import Event
            from tensorboardX.record_writer import masked_crc32c
        except ImportError as error:
            raise ImportError(
                say("TensorBoard writes with tensorboardX. Install it: pip install tensorboardX.")
            ) from error
        os.makedirs(folder, exist_ok=True)
        name = f"events.out.tfevents.{time.time():.0f}.{socket.gethostname()}.{os.getpid()}.{time.monotonic_ns()}"
        self._summary, self._event, self._checksum = summary, Event, masked_crc32c
        self._path, self._waiting = os.path.join(folder, name), b""
        self._add(file_version="brain.Event:2")
        self.flush()

    def _add(self, **content: Any) -> None:
        event: bytes = self._event(wall_time=time.time(), **content).SerializeToString()
        length = struct.pack("<Q", len(event))
        parts = (length, self._sum(length), event, self._sum(event))
        self._waiting += b"".join(parts)
        if len(self._waiting) > _AT_ONCE:
            self.flush()

    def _sum(self, data: bytes) -> bytes:
        return struct.pack("<I", self._checksum(data))

    def add_scalar(self, tag: str, value: Any, step: int) -> None:
        self._add(step=step, summary=self._summary.scalar(tag, float(value)))

    def add_histogram(self, tag: str, values: Array, step: int) -> None:
        self._add(step=step, summary=self._summary.histogram(tag, values, _BUCKETS))

    def flush(self) -> None:
        append_whole(self._path, self._waiting)
        self._waiting = b""

    def __del__(self) -> None:
        if getattr(self, "_waiting", b""):  # a run that ends in an error has no on_train_end
            with contextlib.suppress(OSError):  # which may be that of a full disk
                self.flush()


_AT_ONCE = 8192  # bytes

_POSITIVE = 1e-12 * 1.1 ** np.arange(776)  # up to 1e20, as TensorFlow divides its histograms
_BUCKETS = np.concatenate([-_POSITIVE[::-1], [0.0], _POSITIVE])
