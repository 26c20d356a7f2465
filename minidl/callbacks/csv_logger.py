"""CSVLogger: the history of a run in a text file, for a spreadsheet, or for after a crash."""

import csv
import io
import os
from typing import Any

import numpy as np

from minidl.callbacks.base import Callback
from minidl.messages import say
from minidl.utils.atomic import append_whole, atomic_write
from minidl.utils.checks import as_path, flag
from minidl.utils.warned import warn

__all__ = ["CSVLogger"]


class CSVLogger(Callback):
    """Writes a row into a file at the end of each epoch: its number, from 0, and the logs.

    The columns are those of the first epoch, in alphabetical order. If it has no validation results, a column "val_..."
    for each key is made all the same, as they may follow later. What an epoch does not have is "NA". The file
    is closed between the rows, so that all of them are there whatever happens to the run.

    Args:
        filename: path of the file, str or path object.
        separator: character between two columns.
        append: whether to go on behind the rows of an earlier run, in its columns, or to begin anew.

    Raises:
        TypeError, ValueError: an argument of the wrong kind; or a file to append to that begins otherwise than the
            logs of a run. It is left as it is.

    >>> import minidl, pathlib, tempfile
    >>> model = minidl.Sequential([minidl.layers.Dense(1, kernel_initializer="ones")])
    >>> model.compile(minidl.optimizers.SGD(0.0), "mse")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "log.csv")
    ...     _ = model.fit([[1.0]], [[3.0]], epochs=2, verbose=0, callbacks=[CSVLogger(file)])
    ...     print(file.read_text())
    epoch,loss,val_loss
    0,4.0,NA
    1,4.0,NA
    """

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False):
        if not isinstance(separator, str):
            raise TypeError(say(f"CSVLogger expects separator to be one character, got {separator!r:.60}."))
        if len(separator) != 1 or separator in '\r\n"\0':
            raise ValueError(
                say(
                    f"CSVLogger expects separator to be one character, such as ',' or ';', got {separator!r:.60}."
                )
            )
        self.filename, self.sep = as_path("CSVLogger", "filename", filename), separator
        self.append = flag("CSVLogger", "append", append)
        self.keys: list[str] | None = None  # columns behind the epoch; None until there are any
        self._path, self._warned = self.filename, False

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._path = os.path.abspath(self.filename)  # the working directory may change before the next row
        self.keys, self._warned = None, False
        with open(self._path, "a+" if self.append else "w+", newline="", encoding="utf-8") as file:
            file.seek(0)
            text = file.read()
            if not text:
                return
            header = next(csv.reader(text.splitlines(), delimiter=self.sep))
            if header[:1] != ["epoch"]:
                raise ValueError(
                    say(
                        f"CSVLogger cannot append to {self.filename!r:.120}: its first line does not begin with 'epoch' "
                        f"and a {self.sep!r}, but is {self.sep.join(header)!r:.80}. Pass its separator, or another file."
                    )
                )
            self.keys = header[1:]
            if text[-1] not in "\r\n":  # a last line that was left without its end
                file.write("\r\n")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = logs or {}
        rows: list[list[Any]] = []
        if self.keys is None:
            self.keys = sorted(logs)
            if not any(key.startswith("val_") for key in self.keys):
                self.keys += [f"val_{key}" for key in self.keys]
            rows.append(["epoch", *self.keys])
        self._warn_of(set(logs) - set(self.keys))
        rows.append([epoch, *[_text(logs.get(key, "NA")) for key in self.keys]])
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=self.sep).writerows(rows)
        append_whole(self._path, text.getvalue().encode())

    def _warn_of(self, left_out: set[str]) -> None:
        if left_out and not self._warned:
            self._warned = True
            warn(
                f"CSVLogger leaves {', '.join(map(repr, sorted(left_out)))} out: {self.filename!r:.120} has no such "
                "column, as the first epoch in it had no such value."
            )

    def get_state(self) -> dict[str, Any]:
        """The file as it is: rows behind this state, of epochs that are run again, must not be there twice."""
        with open(self._path, newline="", encoding="utf-8") as file:
            return {"text": file.read(), "keys": self.keys, "warned": self._warned}

    def set_state(self, state: dict[str, Any]) -> None:
        self.keys, self._warned = state["keys"], state["warned"]
        content = state["text"].encode()
        with atomic_write(self._path, needed=len(content)) as file:
            file.write(content)


def _text(value: Any) -> Any:
    """A number as it is; several numbers in brackets and quotation marks, as Keras writes them."""
    if isinstance(value, str) or np.ndim(value) == 0:
        return value
    return f'"[{", ".join(map(str, value))}]"'
