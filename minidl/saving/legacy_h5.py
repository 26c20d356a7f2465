"""Legacy `.h5`: the weights of Keras 1 and 2, and of `model.save("model.h5")` in Keras 3. Read, never written.

Most published weights have this form. Each layer is a group, and attributes say in which order they come:

    layer_names     attribute of the root (or of `model_weights`, where the file holds a whole model)
    weight_names    attribute of each layer: its datasets in order, trainable weights first

There are two ways to bring such weights into a model: in order, layer by layer, whatever they are called; or
`by_name`, which takes what has a name that both sides know and leaves the rest, for a model with a new head.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from minidl.backend import Array
from minidl.saving.files import MAX_MEMBERS, FilePath, refusal
from minidl.saving.hdf5 import Node, dataset_at, group_at, read_dataset
from minidl.saving.weights_h5 import Values
from minidl.utils.warned import warn
from minidl.variable import Variable

__all__ = ["is_legacy", "read_legacy_weights"]

_OTHER_MODEL = "Was it saved from another model?"
_TOP = "top_level_model_weights"  # weights that belong to the model and not to one of its layers


def is_legacy(root: Node, path: FilePath) -> bool:
    """Whether a file has this form."""
    return bool(_names(_weights_group(root, path), "layer_names", path))


def _weights_group(root: Node, path: FilePath) -> Node:
    whole = group_at(root, "model_weights", path)
    return root if whole is None else whole


def _names(group: Node, attribute: str, path: FilePath) -> list[str]:
    """The names in an attribute, which may be cut into attribute0, attribute1 ... where they are many."""
    found: list[Any] = []
    parts = [attribute] if attribute in group.attrs else _counted(group, attribute)
    for part in parts:
        stored = group.attrs.get_id(part)
        if len(stored.shape) > 1 or sum(stored.shape) > MAX_MEMBERS:
            raise refusal(path, f"a list of names in {part} of {group.name}", f"shape {stored.shape}")
        found += list(group.attrs[part]) if stored.shape else []
    names = [name.decode() if isinstance(name, bytes) else name for name in found]
    if not all(isinstance(name, str) for name in names):
        raise refusal(path, f"names in {attribute} of {group.name}", "something else")
    return names


def _counted(group: Node, attribute: str) -> Iterator[str]:
    for i in range(MAX_MEMBERS):
        if f"{attribute}{i}" not in group.attrs:
            return
        yield f"{attribute}{i}"


def read_legacy_weights(
    root: Node, path: FilePath, model: Any, by_name: bool = False, skip_mismatch: bool = False
) -> Values:
    """The values of the weights of a model, none of them assigned yet.

    Args:
        root: the file, from `open_hdf5`.
        path: its name, for errors.
        model: it must be built.
        by_name: go by the names of layers, and leave alone those that the file does not know.
        skip_mismatch: leave a weight as it is, with a warning, when the one in the file has another shape.

    Raises:
        ValueError: the file and the model do not fit.
    """
    group = _weights_group(root, path)
    stored = {name: _datasets(group, name, path) for name in _names(group, "layer_names", path)}
    pairs = _by_name(stored, model) if by_name else _in_order(stored, model, path)
    found: Values = []
    for layer, name in pairs:
        found += _read_layer(layer, _weights(layer), stored[name], path, skip_mismatch)
    own = [*model._variables, *model._frozen_variables]
    if own:
        found += _read_layer(model, own, _datasets(group, _TOP, path), path, skip_mismatch)
    if model.weights and not found and not skip_mismatch:
        raise refusal(path, f"weights for {model.name}", "none that fits", _OTHER_MODEL)
    return found


def _datasets(group: Node, name: str, path: FilePath) -> list[Node]:
    """The datasets of a layer, in order."""
    layer = group_at(group, name, path)
    datasets = (
        [] if layer is None else [dataset_at(layer, n, path) for n in _names(layer, "weight_names", path)]
    )
    if any(dataset is None for dataset in datasets):
        raise refusal(path, f"the weights that {name!r} lists", "not all of them", "Is the file complete?")
    return datasets


def _weights(layer: Any) -> list[Variable]:
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def _in_order(stored: dict[str, list[Node]], model: Any, path: FilePath) -> list[tuple[Any, str]]:
    layers = [layer for layer in model.layers if layer.weights]
    names = [name for name, datasets in stored.items() if datasets]
    if len(layers) != len(names):
        raise refusal(
            path,
            f"weights of {len(layers)} layers ({', '.join(layer.name for layer in layers):.50})",
            f"those of {len(names)} ({', '.join(names):.50})",
            "by_name=True loads the layers whose names agree.",
        )
    return list(zip(layers, names, strict=True))


def _by_name(stored: dict[str, list[Node]], model: Any) -> list[tuple[Any, str]]:
    return [(layer, layer.name) for layer in model.layers if stored.get(layer.name)]


def _read_layer(
    layer: Any, weights: Sequence[Variable], datasets: Sequence[Node], path: FilePath, skip_mismatch: bool
) -> list[tuple[Variable, Array]]:
    if len(weights) != len(datasets):
        problem = refusal(path, f"{len(weights)} weights of {layer}", f"{len(datasets)}", _OTHER_MODEL)
        if not skip_mismatch:
            raise problem
        warn(f"{layer} keeps its weights. {problem}")
        return []
    found = []
    for variable, dataset in zip(weights, datasets, strict=True):
        if skip_mismatch and dataset.shape != variable.shape:
            warn(
                f"{variable.path} keeps its value: it has shape {variable.shape}, in the file {dataset.shape}."
            )
            continue
        value = read_dataset(dataset, path, f"{variable.path} of {layer}", variable.shape, variable.dtype)
        found.append((variable, value))
    return found
