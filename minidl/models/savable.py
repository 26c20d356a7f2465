"""What a model does with files: `save` writes all of it, `save_weights` the weights alone, `to_json` the rest."""

import json
from typing import Any

from minidl.saving.files import FilePath
from minidl.saving.model_files import load_weights, save_model, save_weights
from minidl.saving.to_keras import model_config

__all__ = ["Savable"]


class Savable:
    """The part of a model that goes to files and comes from them.

    >>> import tempfile
    >>> from minidl.layers import Dense, Input
    >>> from minidl.models import Sequential
    >>> model = Sequential([Input(shape=(4,)), Dense(3)])
    >>> with tempfile.TemporaryDirectory() as home:
    ...     model.save_weights(f"{home}/model.npz")
    ...     model.load_weights(f"{home}/model.npz")
    """

    def save(self, filepath: FilePath, overwrite: bool = True) -> None:
        """Write the whole model to a `.keras` file, which Keras 3 can load too: with the history of its latest `fit`.

        The file is there completely or not at all: an error, a full disk or the end of the process leave the old
        one as it was.

        Args:
            filepath: a name that ends with ".keras".
            overwrite: False refuses to replace a file that is there.

        Raises:
            OSError: the file cannot be written.
            ValueError: the model is not built, the name ends otherwise, or a part cannot be described.
        """
        save_model(self, filepath, overwrite)

    def save_weights(self, filepath: FilePath, overwrite: bool = True) -> None:
        """Write the weights to a file: ".weights.h5" as Keras 3 does, ".npz" or ".safetensors".

        As in Keras, the first also holds the state of the optimizer of a compiled model. `load_weights` leaves that
        alone; `save` and `load_model` bring it back.

        Raises:
            OSError, ValueError: as for `save`.
        """
        save_weights(self, filepath, overwrite)

    def load_weights(self, filepath: FilePath, skip_mismatch: bool = False, by_name: bool = False) -> None:
        """Take on the weights in a file: all of them, or none where an error is raised.

        Args:
            filepath: of `save_weights`, of `save`, or an older `.h5` of Keras 1 or 2.
            skip_mismatch: leave a layer as it is, with a warning, where the file has nothing that fits it.
            by_name: of an older `.h5`, take the layers whose names agree.

        Raises:
            OSError: there is no such file.
            ValueError: it is damaged, or does not fit the model. No weight has changed then.
        """
        load_weights(self, filepath, skip_mismatch, by_name)

    def to_json(self, **kwargs: Any) -> str:
        """The layers and how they are connected, without weights, as a text for `model_from_json`.

        Args:
            kwargs: for `json.dumps`, such as indent=2.
        """
        return json.dumps(model_config(self), **kwargs)
