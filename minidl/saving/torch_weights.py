"""Weights that were trained with PyTorch, for a minidl model of the same build.

In PyTorch:  safetensors.torch.save_file(net.state_dict(), "net.safetensors")
Here:        load_torch_weights(model, "net.safetensors")

Only the weights are in such a file, not what is done with them. So the model has to be built by hand, layer for
layer, and three defaults differ: BatchNormalization has epsilon 1e-3 (PyTorch 1e-5) and LayerNormalization 1e-3
(1e-5), and PyTorch's `padding=1` is not `padding="same"` where a window moves by 2. Images are (N, H, W, C) here.

Which module belongs to which layer follows from its parameters: a weight (32, 1, 3, 3) with a bias (32,) can only
go into a Conv2D with 32 filters of 3 x 3 on one channel. Several of the same shapes are told apart by the numbers
in their names, where the names differ in nothing else (`conv1`, `conv2`, or `0`, `2`, `4` in a torch Sequential).
Otherwise `names` has to say it: a file keeps the parameters in alphabetical order, which is not that of the net.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from minidl.backend import Array
from minidl.layers import Dense, Flatten
from minidl.layers.base import Layer
from minidl.messages import say
from minidl.saving.files import FilePath, refusal
from minidl.saving.pairing import convert
from minidl.saving.safetensors_file import read_all
from minidl.saving.torch_layers import Part, parts_of
from minidl.saving.weights_h5 import assign
from minidl.symbolic import SymbolicTensor

__all__ = ["load_torch_weights"]

Modules: TypeAlias = dict[str, dict[str, Array]]  # module -> parameter -> value
Signature: TypeAlias = frozenset[tuple[str, tuple[int, ...]]]

_RECURRENT = re.compile(r"(weight|bias)_(ih|hh)(?:_l(\d+))?(_reverse)?")


def load_torch_weights(
    model: Layer,
    path: FilePath,
    names: Mapping[str, str] | None = None,
    flattened: Mapping[str, Sequence[int] | None] | None = None,
) -> dict[str, str]:
    """Give a model the weights in a `.safetensors` file of a torch `state_dict`; all of them or none.

    The formulas are in `minidl.saving.torch_layers`. A recurrent module of several layers counts as several
    modules: `lstm.l0`, `lstm.l1`.

    Args:
        model: the model, built.
        path: the file.
        names: torch module -> layer of the model, such as {"features.0": "conv2d"}; layers inside of other
            layers are called "outer/inner". Only these are loaded. By default every module has to find
            its layer and every layer its module, by the shapes of their parameters.
        flattened: torch module -> shape (C, H, W) of what PyTorch flattened in front of this Linear. The rows
            of its weight come in that order, those of a Dense behind a Flatten in the order (H, W, C). None as
            the shape: the torch net flattened (H, W, C) as well.

    Returns:
        Which module went into which layer.

    Raises:
        OSError: there is no such file, or it may not be read.
        ValueError: it is damaged, or does not fit the model. No weight is changed then.
    """
    if not model.built:
        raise model._not_built()
    modules = _modules(read_all(path))
    layers = dict(_leaves(model))
    if names is None:
        _check_all_known(model, layers, path)
        names = _pairs(path, modules, layers)
    else:
        _check_names(path, names, modules, layers)
    shapes = _flattened_shapes(path, flattened or {}, names, layers)
    values = [
        (part.variable, convert(value, part.variable.dtype, path, module))
        for module, layer in names.items()
        for part, value in _converted(path, module, modules[module], layers[layer], shapes.get(module))
    ]
    assign(values, path)
    return dict(names)


# --- both sides ---------------------------------------------------------------------------------------------


def _modules(arrays: Mapping[str, Array]) -> Modules:
    """The parameters by module. The count of batches that a BatchNorm keeps has no use here."""
    modules: Modules = {}
    stacked = {name.rpartition(".")[0] for name in arrays if re.search(r"_(ih|hh)_l[1-9]", name)}
    for name, array in arrays.items():
        module, _, parameter = name.rpartition(".")
        if match := _RECURRENT.fullmatch(parameter):
            kind, side, number, reverse = match.groups(default="")
            module = f"{module}.l{number}".lstrip(".") if module in stacked else module
            parameter = f"{kind}_{side}_l0{reverse}"
        if parameter != "num_batches_tracked":
            modules.setdefault(module, {})[parameter] = array
    return modules


def _leaves(layer: Layer, prefix: str = "") -> Iterator[tuple[str, Layer]]:
    """The layers that have weights and correspond to one module each, by name; in the order of the model."""
    for inner in layer._layers:
        if inner.weights:
            name = f"{prefix}{inner.name}"
            if parts_of(inner) is None and inner._layers:
                yield from _leaves(inner, f"{name}/")
            else:
                yield name, inner


def _check_all_known(model: Layer, layers: Mapping[str, Layer], path: FilePath) -> None:
    known = {id(part.variable) for layer in layers.values() for part in parts_of(layer) or []}
    for variable in model.weights:
        if id(variable) not in known and variable.dtype.kind == "f":
            raise refusal(
                path,
                "layers that PyTorch has as well",
                f"{variable.path} in the model",
                "Say with names={module: layer} which ones to load.",
            )


def _check_names(
    path: FilePath, names: Mapping[str, str], modules: Modules, layers: Mapping[str, Layer]
) -> None:
    for module, layer in names.items():
        if module not in modules:
            raise refusal(path, f"a module {module!r:.60}", f"{', '.join(modules) or 'none':.120}")
        if layer not in layers:
            there = ", ".join(layers)
            raise ValueError(
                say(f"names expects layers of the model, got {layer!r:.60}. There are: {there:.250}.")
            )
    if len(set(names.values())) < len(names):
        raise ValueError(say("names expects a layer of its own for every module, got one layer twice."))


# --- which belongs to which ---------------------------------------------------------------------------------


def _pairs(path: FilePath, modules: Modules, layers: Mapping[str, Layer]) -> dict[str, str]:
    """The layer of each module, by the shapes of their parameters; in the order of the layers."""
    by_shapes: dict[Signature, tuple[list[str], list[str]]] = {}
    for module, arrays in modules.items():
        signature = frozenset((name, array.shape) for name, array in arrays.items())
        by_shapes.setdefault(signature, ([], []))[0].append(module)
    for name, layer in layers.items():
        signature = frozenset(entry for part in parts_of(layer) or [] for entry in part.parameters.items())
        by_shapes.setdefault(signature, ([], []))[1].append(name)
    pairs: dict[str, str] = {}
    for signature, (found, wanted) in by_shapes.items():
        if len(found) != len(wanted):
            raise refusal(
                path,
                f"{len(wanted)} with {_described(signature)}, for: {', '.join(wanted) or 'no layer'}",
                f"{len(found)}: {', '.join(found) or 'none'}",
                "Build the model as the torch net, or say with names={module: layer} what to load.",
            )
        if len({re.sub(r"\d+", "", module) for module in found}) > 1:
            raise refusal(
                path,
                f"names that tell which is for {' and which for '.join(wanted)}",
                f"{', '.join(found)}, of the same shapes",
                f"Say it: names={{{found[0]!r:.40}: {wanted[0]!r:.40}, ...}}, with all other modules as well.",
            )
        found.sort(key=lambda module: [int(digits) for digits in re.findall(r"\d+", module)])
        pairs |= dict(zip(wanted, found, strict=True))
    return {pairs[layer]: layer for layer in layers}


def _described(signature: Signature) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in sorted(signature, reverse=True))


# --- values -------------------------------------------------------------------------------------------------


def _flattened_shapes(
    path: FilePath,
    flattened: Mapping[str, Sequence[int] | None],
    names: Mapping[str, str],
    layers: Mapping[str, Layer],
) -> dict[str, tuple[int, ...]]:
    """The shapes given, checked; and none missing where a Dense is known to read flattened images."""
    shapes = {}
    for module, shape in flattened.items():
        if module not in names:
            raise ValueError(say(f"flattened expects modules that are loaded, got {module!r:.60}."))
        layer = layers[names[module]]
        if shape is None:
            continue
        if not isinstance(layer, Dense) or math.prod(shape) != layer.kernel.shape[0]:
            raise ValueError(
                say(
                    f"flattened expects for {module!r:.60} the shape (C, H, W) of the inputs of a Dense layer, "
                    f"got {tuple(shape)} for {layer}, weights {[variable.shape for variable in layer.weights]}."
                )
            )
        shapes[module] = tuple(shape)
    for module, name in names.items():
        behind = _flattened_in_front(layers[name])
        if behind is not None and module not in flattened:
            *places, channels = behind
            raise refusal(
                path,
                f"to know in which order {module!r:.60} has its rows: {name:.60} reads flattened {behind}",
                "no shape for it",
                f"PyTorch flattens channels first: give flattened={{{module!r:.60}: {(channels, *places)}}}.",
            )
    return shapes


def _flattened_in_front(layer: Layer) -> tuple[Any, ...] | None:
    """The shape (H, W, C) that a Flatten in front of a Dense flattens, where its order matters."""
    x = _input_of(layer) if isinstance(layer, Dense) else None
    while isinstance(x, SymbolicTensor) and isinstance(x.maker, Layer):
        source = _input_of(x.maker)
        if isinstance(x.maker, Flatten):
            shape = tuple(source.shape[1:])
            return shape if len(shape) > 1 and shape[-1] > 1 and math.prod(shape[:-1]) > 1 else None
        if x.maker.weights or len(x.shape) != 2 or source is x:
            return None
        x = source
    return None


def _input_of(layer: Layer) -> Any:
    """What a layer was laid out on; None if it was not."""
    return getattr(layer, "input", None)


def _converted(
    path: FilePath, module: str, arrays: Mapping[str, Array], layer: Layer, flattened: tuple[int, ...] | None
) -> Iterator[tuple[Part, Array]]:
    """The new value of each weight of a layer."""
    parts = parts_of(layer, flattened)
    if parts is None:
        raise ValueError(say(f"{layer} has no counterpart in PyTorch whose weights could be loaded."))
    wanted = {name: shape for part in parts for name, shape in part.parameters.items()}
    found = {name: array.shape for name, array in arrays.items()}
    if found != wanted:
        raise refusal(
            path,
            f"{module!r:.60} to have {_described(frozenset(wanted.items()))} for {layer}",
            f"{_described(frozenset(found.items()))}",
            "Build the layer as the torch module.",
        )
    for part in parts:
        yield part, part.formula(*(arrays[name] for name in part.parameters))
