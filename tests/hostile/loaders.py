"""Every way in which minidl reads a file, with what a hostile file is made from: a sound one of that kind.

targets(home)      the model and the settings that a refused file must leave as they are
LOADERS            name -> Loader: the name a file must have, how it is read, how contents are put into it
"""

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from hostile import hdf5
from hostile_files import archive

import minidl
from minidl.applications.imagenet_classes import class_names
from minidl.callbacks import BackupAndRestore
from minidl.callbacks.model_state import model_state
from minidl.datasets import cifar10, fashion_mnist, formats, mnist, uci_har
from minidl.layers import Dense, Dropout, Input
from minidl.preprocessing.text import Tokenizer, tokenizer_from_json
from minidl.saving import load_model, load_torch_weights, model_from_json

KERNEL, OLD_KERNEL = "layers/dense/vars/0", "dense/dense/kernel:0"


def small():
    model = minidl.Sequential([Input(shape=(4,)), Dense(3, name="dense"), Dropout(0.5, seed=3)])
    model.compile("adam", "mse")
    return model


def pair():
    """A model with one weight, of shape (2,), where the hostile arrays say (2,)."""

    class Pair(minidl.layers.Layer):
        def build(self, input_shape):
            self.w = self.add_weight((2,), name="w")

        def call(self, inputs):
            return inputs * self.w

    model = minidl.Sequential([Input(shape=(2,)), Pair(name="pair")])
    model.compile("adam", "mse")
    return model


def trained(model):
    n = model.input_shape[1]
    model.fit(np.ones((4, n)), np.ones((4, model.output_shape[1])), verbose=0)
    return model


def shown(state: Any) -> Any:
    """A state with arrays as their bytes, so that two can be compared to the last bit."""
    if isinstance(state, np.ndarray):
        return (str(state.dtype), state.shape, state.tobytes())
    if isinstance(state, dict):
        return {key: shown(value) for key, value in state.items()}
    return [shown(value) for value in state] if isinstance(state, list | tuple) else state


def state(model):
    return shown(model_state(model))


class Loader(NamedTuple):
    """One way to read a file.

    Args:
        file: the name it must have, below the folder for the data sets.
        read: called with the model and the path.
        places: kind of content -> functions that put such content into an otherwise sound file.
        model: which of the two models is loaded into.
        names_it: whether there is a file to name in the error.
    """

    file: str
    read: Callable[[Any, Path], Any]
    places: dict[str, list[Callable[[Any], bytes]]]
    model: str = "small"
    names_it: bool = True


def sound_files(folder):
    """The bytes of sound files of `small`, by format."""
    folder = Path(folder)
    model, other = trained(small()), trained(pair())
    model.save(folder / "m.keras")
    for end in (".weights.h5", ".npz", ".safetensors"):
        model.save_weights(folder / f"m{end}")
        other.save_weights(folder / f"p{end}")
    found = {p.name: p.read_bytes() for p in folder.iterdir()}
    with zipfile.ZipFile(folder / "m.keras") as file:
        members = {name: file.read(name) for name in file.namelist()}
    description = json.loads(members["config.json"])
    found["old.h5"] = legacy(model, None)
    found["oldmodel.h5"] = legacy(model, json.dumps(description))
    return found, members


def legacy(model, description):
    """The file of Keras 2 with the weights of `small`."""
    memory = io.BytesIO()
    kernel, bias = model.get_weights()
    with h5py.File(memory, "w") as file:
        root = file
        if description is not None:
            file.attrs["model_config"] = description
            root = file.create_group("model_weights")
        root.attrs["layer_names"] = [b"dense"]
        root[OLD_KERNEL], root["dense/dense/bias:0"] = kernel, bias
        root["dense"].attrs["weight_names"] = [b"dense/kernel:0", b"dense/bias:0"]
    return memory.getvalue()


def loaders(folder):
    """All loaders by name; `folder` is for what is made meanwhile."""
    sound, members = sound_files(folder)
    rest = {name: data for name, data in members.items() if name != "manifest.json"}

    def keras(**changes):
        """A sound .keras file but for these members, and without its manifest."""
        new = {**rest, **{name.replace("__", "."): data for name, data in changes.items()}}
        return archive(list({"config.json": b"", **new}.items()))

    def with_layer(described):
        config = json.loads(members["config.json"])
        config["config"]["layers"].append(described)
        return json.dumps(config).encode()

    def weights(change, file="m.weights.h5", place=KERNEL):
        return hdf5.changed(sound[file], change, place)

    def text_in_h5(text):
        memory = io.BytesIO(sound["oldmodel.h5"])
        with h5py.File(memory, "r+") as file:
            if len(text) < 60_000:
                del file.attrs["model_config"]
                file.attrs["model_config"] = np.bytes_(text) if text else h5py.Empty("S1")
            else:  # the only place for long ones
                del file.attrs["model_config"]
                with_long = np.array(text, dtype=object)
                file.attrs.create("model_config", with_long, dtype=h5py.string_dtype())
        return memory.getvalue()

    def zips(trick):
        return trick(list(members.items()))

    def npz(data):
        return archive([("pair/w.npy", data)])

    npz_places = {"npy": [npz], "zip": [lambda trick: trick([("pair/w.npy", sound_npy(sound["p.npz"]))])]}
    npz_places["json"] = [
        lambda text: archive([("pair/w.npy", sound_npy(sound["p.npz"])), ("manifest.json", text)])
    ]
    keras_weights = [lambda change: keras(model__weights__h5=weights(change))]
    backup = backup_bytes(folder)
    first = ("state.json", backup.pop("state.json"))

    return {
        "load_model .keras": Loader(
            "m.keras", lambda model, path: load_model(path),
            {
                "hdf5": keras_weights, "zip": [zips],
                "config": [lambda described: keras(config__json=with_layer(described))],
                "json": [lambda t: keras(config__json=t), lambda t: archive([*rest.items(), ("manifest.json", t)])],
            },
        ),
        "load_model .keras unsafe": Loader(
            "m.keras", lambda model, path: load_model(path, safe_mode=False),
            {"config": [lambda described: keras(config__json=with_layer(described))]},
        ),
        "load_model .h5": Loader(
            "m.h5", lambda model, path: load_model(path),
            {
                "hdf5": [lambda change: weights(change, "oldmodel.h5", f"model_weights/{OLD_KERNEL}")],
                "config": [lambda described: text_in_h5(with_layer(described))], "json": [text_in_h5],
            },
        ),
        "load_weights .keras": Loader(
            "m.keras", lambda model, path: model.load_weights(path),
            {
                "hdf5": keras_weights, "zip": [zips],
                "json": [lambda t: archive([*rest.items(), ("manifest.json", t)])],
            },
        ),
        "load_weights .weights.h5": Loader(
            "m.weights.h5", lambda model, path: model.load_weights(path), {"hdf5": [weights]}
        ),
        "load_weights .h5": Loader(
            "m.h5", lambda model, path: model.load_weights(path),
            {"hdf5": [lambda change: weights(change, "old.h5", OLD_KERNEL)]},
        ),
        "load_weights .h5 by name": Loader(
            "m.h5", lambda model, path: model.load_weights(path, by_name=True),
            {"hdf5": [lambda change: weights(change, "old.h5", OLD_KERNEL)]},
        ),
        "load_weights .npz": Loader(
            "w.npz", lambda model, path: model.load_weights(path), npz_places, "pair"
        ),
        "load_weights .safetensors": Loader(
            "w.safetensors", lambda model, path: model.load_weights(path), {}, "pair"
        ),
        "load_torch_weights": Loader("t.safetensors", load_torch_weights, {}),
        "BackupAndRestore": Loader(
            "backup/latest.npz", restore,
            {
                "npy": [lambda data: archive([first, ("0.npy", data), *list(backup.items())[1:]])],
                "json": [lambda text: archive([("state.json", text), *backup.items()])],
                "zip": [lambda trick: trick([first, *backup.items()])],
            },
        ),
        "mnist .npz": Loader(
            "mnist.npz", lambda model, path: mnist.load_data(),
            {"npy": [lambda data: archive([("x_train.npy", data)])],
             "zip": [lambda trick: trick(list(DIGITS.items()))]},
        ),
        "fashion_mnist .npz": Loader("fashion_mnist.npz", lambda model, path: fashion_mnist.load_data(), {}),
        "fashion_mnist .gz": Loader(
            "fashion-mnist/train-images-idx3-ubyte.gz", lambda model, path: fashion_mnist.load_data(), {}
        ),
        "an IDX file": Loader("x.gz", lambda model, path: formats.read_idx(path, (60000, 28, 28)), {}),
        "cifar10 .npz": Loader("cifar10.npz", lambda model, path: cifar10.load_data(),
            {"npy": [lambda data: archive([("x_train.npy", data)])]}),
        "cifar10 any .npz": Loader("own.npz", lambda model, path: cifar10.load_data("own.npz"),
            {"npy": [lambda data: archive([("x_train.npy", data)])]}),
        "cifar10 .tar.gz": Loader("cifar-10-binary.tar.gz", lambda model, path: cifar10.load_data(), {}),
        "uci_har .npz": Loader("uci_har.npz", lambda model, path: uci_har.load_data(),
            {"npy": [lambda data: archive([("x_train.npy", data)]), lambda data: archive([("class_names.npy", data)])]}),
        "uci_har .zip": Loader(
            "human+activity+recognition+using+smartphones.zip", lambda model, path: uci_har.load_data(),
            {"zip": [lambda trick: trick([("UCI HAR Dataset.zip", archive([("x", b"1 2")]))])]},
        ),
        "imagenet classes": Loader("imagenet_class_index.json", lambda model, path: class_names(), {}),
        "tokenizer_from_json": Loader(
            "t.json", lambda model, path: tokenizer_from_json(path.read_bytes().decode("utf-8", "replace")),
            {"json": [lambda t: t, lambda t: in_tokenizer(t.decode("utf-8", "replace").strip().replace("{}", "{"))]},
            names_it=False,
        ),
        "model_from_json": Loader(
            "t.json", lambda model, path: model_from_json(path.read_bytes().decode("utf-8", "replace")),
            {"config": [with_layer]}, names_it=False,
        ),
    }  # fmt: skip


DIGITS = {f"{key}.npy": b"" for key in formats.SHAPES}


def sound_npy(content):
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return file.read("pair/w.npy")


def in_tokenizer(text):
    config = Tokenizer().get_config() | {"word_index": text}
    return json.dumps({"class_name": "Tokenizer", "config": config}).encode()


def restore(model, path):
    """A run that would go on from the backup at `path`."""
    callback = BackupAndRestore(path.parent)
    model.fit(np.ones((4, 4)), np.ones((4, 3)), verbose=0, epochs=2, callbacks=[callback])


def backup_bytes(folder):
    """The members of a sound backup, taken after the first epoch of a run that goes on from there."""
    place = os.path.join(folder, "b")
    callback = BackupAndRestore(place, delete_checkpoint=False)
    model = trained(small())
    model.fit(np.ones((4, 4)), np.ones((4, 3)), verbose=0, epochs=1, callbacks=[callback])
    with zipfile.ZipFile(os.path.join(place, "latest.npz")) as file:
        return {name: file.read(name) for name in file.namelist()}
