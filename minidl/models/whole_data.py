"""Arrays looked at once before they are cut into batches: class numbers, ids, class weights, what is held out.

Each step checks its own batch too. But batches are shuffled, and a wrong label may come late: here it is told before
anything is trained, with its place in the data.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.devices import on_gpu, to_numpy
from minidl.layers.context import CallContext
from minidl.layers.core.embedding import Embedding
from minidl.layers.holder import all_layers
from minidl.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    KLDivergence,
    Poisson,
    SparseCategoricalCrossentropy,
)
from minidl.losses.inputs import class_labels, within
from minidl.messages import say
from minidl.models.data import Batch, rows_of
from minidl.models.placing import home_of, moved
from minidl.models.sources import ArraySource, GeneratorSource, Source
from minidl.tensor import no_grad
from minidl.utils.nested import flatten, mapped
from minidl.utils.warned import warn

__all__ = [
    "check_class_weight", "check_values", "check_whole", "compare_classes", "sure_targets", "try_out",
]  # fmt: skip

_BOUNDS = {  # of targets, from 0 on, and the mend
    BinaryCrossentropy: (1, "For labels -1 and 1 use (y + 1) / 2; for several classes sparse_categorical_crossentropy."),
    CategoricalCrossentropy: (1, "One-hot targets are 0 and 1: to_categorical(y) makes them of labels."),
    KLDivergence: (np.inf, "Both are probabilities: end the model with activation='softmax'."),
    Poisson: (np.inf, "They count something: use 'mse' for other numbers."),
}  # fmt: skip
_CLASSES = (BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy)


def check_whole(model: Any, source: Any) -> None:
    """Raise ValueError for the first label or id in arrays that the model cannot take.

    Args:
        model: it is built.
        source: of the batches; only arrays are looked at.
    """
    if isinstance(source, ArraySource):
        x, y, _ = source.data
        there = any(map(on_gpu, flatten(y)))  # what moves there was looked at before
        check_values(model, Batch(mapped(_ids_at_home, x), mapped(_at_home, y)), bounds=there)


def _at_home(array: Any) -> Any:
    return to_numpy(array) if on_gpu(array) else array


def _ids_at_home(array: Any) -> Any:
    """Ids are whole numbers; nothing else that is on a GPU is worth a copy."""
    return _at_home(array) if array is not None and array.dtype.kind in "iu" else array


def check_values(model: Any, data: Batch, bounds: bool = False) -> None:
    """Raise ValueError for the first label or id in `data` that the model cannot take.

    Args:
        model: where it is not built or compiled, as much is looked at as is known.
        data: arrays of samples and targets.
        bounds: whether to look for targets out of their bounds too, as each step on the CPU does.
    """
    outputs = (model._objective.outputs if model._objective is not None else None) or []
    targets = data.y if isinstance(data.y, list) else [data.y]
    for output, y in zip(outputs, targets, strict=False):
        if bounds and y is not None and type(output.loss) in _BOUNDS:
            largest, mend = _BOUNDS[type(output.loss)]
            within(output.loss.name, "targets", y, mend, largest, whose="")
    ends = flatten(getattr(model, "output", None)) if hasattr(model, "output") else []
    if len(outputs) == len(ends) == len(targets):
        for output, end, y in zip(outputs, ends, targets, strict=True):
            _check_labels(output.loss, end, y)
    _check_ids(model, data.x if isinstance(data.x, list) else [data.x])


def _check_labels(loss: Any, end: Any, y: Any) -> None:
    if (
        type(loss) is SparseCategoricalCrossentropy
        and y is not None
        and loss.get_config()["axis"] in (-1, end.ndim - 1)
    ):
        sizes = end.shape[1:]
        if None not in sizes:
            class_labels(loss.name, y, (len(y), *sizes), loss.ignore_class, "")


def sure_targets(loss: Any, source: Any) -> bool:
    """Whether `loss` finds no target out of its bounds, so that a step that is replayed need not look at them.

    >>> x = np.zeros((2, 1))
    >>> sure_targets(BinaryCrossentropy(), ArraySource(Batch(x, np.array([0, 1]), None), 2, None))
    True
    >>> sure_targets(BinaryCrossentropy(), ArraySource(Batch(x, np.array([0, 2]), None), 2, None))
    False
    """
    y = source.data.y
    if type(loss) not in (BinaryCrossentropy, CategoricalCrossentropy):
        return True  # no bounds, or looked at in each step
    return isinstance(y, np.ndarray) and y.size > 0 and bool(y.min() >= 0 and y.max() <= 1)


def _check_ids(model: Any, arrays: Sequence[Any]) -> None:
    """The ids for Embeddings that stand right behind an Input."""
    inputs = list(getattr(model, "inputs", [])) if hasattr(model, "inputs") else []
    for layer in model.layers:
        if isinstance(layer, Embedding):
            for call in layer._calls:
                for x, array in zip(inputs, arrays, strict=False):
                    if call.args[0] is x and isinstance(array, np.ndarray):
                        layer._ids(array)


def _present(y: Array) -> Array:
    """The classes that there are, in order."""
    classes = _classes_of(y).ravel()
    if classes.dtype.kind in "iu" and classes.size and classes.min() >= 0 and classes.max() < classes.size:
        return np.flatnonzero(np.bincount(classes))  # need not sort, as np.unique does
    return np.unique(classes)


def _classes_of(y: Array) -> Array:
    """The class of each sample: the position of the 1 in one-hot targets, else the target itself."""
    if y.ndim > 1:
        return y.argmax(axis=-1) if y.shape[-1] > 1 else y[..., 0]
    return y


def _only_target(model: Any, source: Any) -> Any:
    """The targets of the one output of a classifier, and None where there are none."""
    outputs = model._objective.outputs
    if isinstance(source, ArraySource) and outputs is not None and len(outputs) == 1:
        y = source.data.y
        return y if isinstance(outputs[0].loss, _CLASSES) and isinstance(y, np.ndarray) else None
    return None


def check_class_weight(model: Any, batch: Batch, weights: Mapping[int, float]) -> None:
    """Raise ValueError for weights of classes that cannot be, and warn of classes without a weight.

    Args:
        model: it is built.
        batch: all samples, or those of a first batch.
        weights: by class.
    """
    if not isinstance(batch.y, np.ndarray) or not weights:
        return
    end = getattr(model, "output", None) if hasattr(model, "output") else None
    classes = getattr(end, "shape", (None,))[-1]
    loss = model._objective.only_loss
    if isinstance(loss, _CLASSES) and classes is not None:
        classes = 2 if classes == 1 else classes
        if unknown := [c for c in weights if not 0 <= c < classes]:
            raise ValueError(
                say(
                    f"class_weight names class {unknown[0]}, but {model.name} tells {classes} classes apart "
                    f"(0..{classes - 1}). Number the classes from 0, as in y."
                )
            )
    found = _present(batch.y)
    if (found != np.floor(found)).any():
        wrong = found[found != np.floor(found)][0]
        raise ValueError(
            say(
                f"class_weight expects classes in y, whole numbers or one-hot, got {wrong:.6g}. For other targets pass "
                "sample_weight."
            )
        )
    if missing := [int(c) for c in found if int(c) not in weights]:
        warn(
            f"class_weight has no weight for class {missing[0]}, which is in y: it weighs 1. Name every class."
        )


def compare_classes(model: Any, train: Any, held_out: Any) -> None:
    """Warn if the samples for validation have a class that is not among those for training."""
    y, other = _only_target(model, train), _only_target(model, held_out)
    if y is None or other is None:
        return
    missing = np.setdiff1d(_present(other), _present(y))
    if len(missing):
        warn(
            f"The validation data has class {missing[0]:g}, which no training sample has. validation_split takes the last "
            "samples as they are: shuffle x and y together first, if they are sorted."
        )


def try_out(model: Any, held_out: Any, data: Source) -> None:
    """Measure the loss of the first sample for validation: what does not fit is told before the training.

    Samples of the same shapes as those for training are tried out by the training itself.
    """
    if not isinstance(held_out, ArraySource | GeneratorSource) or (
        isinstance(held_out, ArraySource) and isinstance(data, ArraySource) and held_out.form == data.form
    ):
        return
    batch = held_out.peek()
    stateful = any(getattr(part, "stateful", False) for part in all_layers(model))
    if isinstance(held_out, ArraySource) and not stateful:
        try:
            _loss_of(model, rows_of(batch, slice(1)))
        except (TypeError, ValueError):
            _loss_of(model, batch)  # the error says the sizes that the data has
    else:
        _loss_of(model, batch)


def _loss_of(model: Any, batch: Batch) -> None:
    with no_grad(), CallContext():
        batch = moved(batch, home_of(model))
        y_pred = model(batch.x, training=False)
        model.compute_loss(batch.x, batch.y, y_pred, batch.sample_weight, training=False)
