"""What is walked through: every public constructor and function, and arguments that are good for those it needs."""

import functools
import inspect
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minidl import (
    callbacks,
    config,
    constraints,
    datasets,
    gradcheck,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    preprocessing,
    random,
    regularizers,
    saving,
    utils,
)  # fmt: skip
from minidl.layers.arguments import constructor_arguments
from minidl.optimizers.arguments import SharedArguments

NOWHERE = os.path.join(os.sep, "no", "such", "folder")
X, Y = np.arange(8.0).reshape(4, 2) / 8, np.ones((4, 1))
SERIES = np.arange(20.0)


class Owner(NamedTuple):
    """Something to call, the names of its arguments, and good ones for those it needs (made anew for each call)."""

    name: str
    call: Callable[..., Any]
    arguments: tuple[str, ...]
    needs: Callable[[], dict[str, Any]]
    called: tuple[str, ...] = ()  # what else its messages may call it


RATE = {"initial_learning_rate": 0.1}
NEEDS: dict[str, Callable[[], dict[str, Any]]] = {
    "RNN": lambda: {"cell": layers.LSTMCell(2)},
    "Bidirectional": lambda: {"layer": layers.LSTM(2)},
    "TimeDistributed": lambda: {"layer": layers.Dense(2)},
    "StackedRNNCells": lambda: {"cells": [layers.LSTMCell(2)]},
    **dict.fromkeys(("GRU", "LSTM", "SimpleRNN", "GRUCell", "LSTMCell", "SimpleRNNCell", "Dense"), lambda: {"units": 2}),
    **dict.fromkeys(("AveragePooling1D", "AveragePooling2D"), lambda: {"pool_size": 2}),
    **dict.fromkeys(("Conv1D", "Conv2D", "SeparableConv1D", "SeparableConv2D"), lambda: {"filters": 2, "kernel_size": 2}),
    "Conv2DTranspose": lambda: {"filters": 2, "kernel_size": 2, "strides": 2},
    "DepthwiseConv2D": lambda: {"kernel_size": 2},
    "Activation": lambda: {"activation": "relu"},
    "Dot": lambda: {"axes": -1},
    **dict.fromkeys(("Dropout", "SpatialDropout1D", "SpatialDropout2D"), lambda: {"rate": 0.5}),
    "Embedding": lambda: {"input_dim": 3, "output_dim": 2},
    "GaussianNoise": lambda: {"stddev": 0.5},
    "Lambda": lambda: {"function": abs},
    "Permute": lambda: {"dims": (2, 1)},
    "RepeatVector": lambda: {"n": 2},
    "Rescaling": lambda: {"scale": 2},
    "Reshape": lambda: {"target_shape": (2,)},
    **dict.fromkeys(("Input", "InputLayer"), lambda: {"shape": (3,)}),
    **dict.fromkeys(("CosineDecay", "PolynomialDecay"), lambda: {**RATE, "decay_steps": 10}),
    "CosineDecayRestarts": lambda: {**RATE, "first_decay_steps": 10},
    **dict.fromkeys(("ExponentialDecay", "InverseTimeDecay"), lambda: {**RATE, "decay_steps": 10, "decay_rate": 0.5}),
    "PiecewiseConstantDecay": lambda: {"boundaries": [1, 2], "values": [1.0, 0.5, 0.1]},
    **dict.fromkeys(("LossFunctionWrapper", "MeanMetricWrapper"), lambda: {"fn": abs}),
    "PrecisionAtRecall": lambda: {"recall": 0.5},
    "RecallAtPrecision": lambda: {"precision": 0.5},
    "SensitivityAtSpecificity": lambda: {"specificity": 0.5},
    "SpecificityAtSensitivity": lambda: {"sensitivity": 0.5},
    "BackupAndRestore": lambda: {"backup_dir": NOWHERE},
    "CSVLogger": lambda: {"filename": NOWHERE},
    "ModelCheckpoint": lambda: {"filepath": NOWHERE + ".keras"},
    "LearningRateScheduler": lambda: {"schedule": abs},
    "RandomUniform": lambda: {"minval": -1e9, "maxval": 1e9},
    "MinMaxNorm": lambda: {"max_value": 1e9},
}  # fmt: skip

# With some arguments others must go, or come.
BESIDE: dict[str, dict[str, Any]] = {
    "Input.batch_shape": {"shape": None},
    "InputLayer.batch_shape": {"shape": None},
    "InputLayer.input_shape": {"shape": None},
    "ModelCheckpoint.save_weights_only": {"filepath": NOWHERE + ".keras"},
    "AUC.num_labels": {"multi_label": True},
    "Conv2DTranspose.dilation_rate": {"strides": 1},
    "Conv2DTranspose.output_padding": {"strides": 3},
}
# Arguments of a base class that a class sets by itself.
NOT_THEIRS = {
    ("GRU", "cell"), ("LSTM", "cell"), ("SimpleRNN", "cell"), ("ActivityRegularization", "activity_regularizer"),
    ("SpatialDropout1D", "noise_shape"), ("SpatialDropout2D", "noise_shape"),
}  # fmt: skip
CALLED = {
    "InputLayer": ("Input",),
    "GRUCell": ("GRU",),
    "LSTMCell": ("LSTM",),
    "SimpleRNNCell": ("SimpleRNN",),
    "Sequential": ("sequential",),
}  # fmt: skip
# What stands for an argument in messages that do not call it by its name.
SAID = {
    "model_from_json.json_string": "text",
    "tokenizer_from_json.json_string": "text",
    "get_layer.name": "layer",
    "set_weights.weights": "shape",
    "compile.weighted_metrics": "metrics",
    "Tokenizer.nb_words": "num_words",
    "randint.minval": "maxval",
    "set_floatx.value": "dtype",
    "pad_sequences.value": "fill",
}
# Bases, and what is made by minidl itself.
LEFT_OUT = {
    "Fans",
    "RandomInitializer",
    "CallbackList",
    "Functional",
    "Model",
    "LearningRateSchedule",
    "Optimizer",
}


def named_arguments(call: Callable[..., Any]) -> tuple[str, ...]:
    parameters = inspect.signature(call).parameters.values()
    return tuple(
        p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL) and p.name != "self"
    )


def constructors() -> list[Owner]:
    """All public classes, each once."""
    found: dict[str, Owner] = {}
    modules: tuple[Any, ...] = (
        layers, optimizers, optimizers.schedules, losses, metrics, initializers, regularizers, constraints, callbacks,
        models,
    )  # fmt: skip
    for module in modules:
        for cls in (getattr(module, name) for name in module.__all__):
            name = getattr(cls, "__name__", "")
            if not (inspect.isclass(cls) or cls is layers.Input) or name in LEFT_OUT:
                continue
            arguments = named_arguments(cls)
            if inspect.isclass(cls) and issubclass(cls, layers.Layer) and cls is not layers.InputLayer:
                arguments = constructor_arguments(cls, layers.Layer)
            if inspect.isclass(cls) and issubclass(cls, optimizers.Optimizer):
                arguments = tuple(dict.fromkeys((*arguments, *SharedArguments.__annotations__)))
            arguments = tuple(a for a in arguments if (name, a) not in NOT_THEIRS)
            found[f"{module.__name__}.{name}"] = Owner(
                name, cls, arguments, NEEDS.get(name, dict), CALLED.get(name, ())
            )
    return list(found.values())


def compiled() -> models.Sequential:
    model = models.Sequential([layers.Input((2,)), layers.Dense(1, name="d")], name="m")
    model.compile("sgd", "mse")
    return model


def method(name: str) -> Callable[..., Any]:
    """A method of a new model."""
    function = getattr(models.Sequential, name)

    @functools.wraps(function)
    def call(**arguments: Any) -> Any:
        return function(compiled(), **arguments)

    return call


@functools.wraps(gradcheck.gradcheck)
def checked(target: Any, **arguments: Any) -> Any:
    """gradcheck of a function at one point."""
    return gradcheck.gradcheck(target, [1.0], **arguments)


def functions() -> list[Owner]:
    """Functions and methods that take options."""
    quiet = {"x": X, "y": Y, "verbose": 0}
    windows = {"data": SERIES, "targets": SERIES}
    table: list[tuple[Callable[..., Any], dict[str, Any]]] = [
        (method("compile"), {}),
        (method("fit"), quiet),
        (method("evaluate"), quiet),
        (method("predict"), {"x": X, "verbose": 0}),
        (method("train_on_batch"), {"x": X, "y": Y}),
        (method("test_on_batch"), {"x": X, "y": Y}),
        (method("summary"), {"print_fn": len}),
        (method("save"), {"filepath": NOWHERE + ".keras"}),
        (method("save_weights"), {"filepath": NOWHERE + ".weights.h5"}),
        (method("load_weights"), {"filepath": NOWHERE + ".weights.h5"}),
        (method("get_layer"), {}),
        (method("set_weights"), {"weights": [np.ones((2, 1)), np.ones(1)]}),
        (saving.load_model, {"filepath": NOWHERE + ".keras"}),
        (saving.model_from_json, {"json_string": compiled().to_json()}),
        (losses.huber, {"y_true": Y, "y_pred": Y}),
        (losses.binary_crossentropy, {"y_true": Y, "y_pred": Y}),
        (losses.categorical_crossentropy, {"y_true": np.eye(2), "y_pred": np.eye(2)}),
        (losses.sparse_categorical_crossentropy, {"y_true": [0, 1], "y_pred": np.eye(2)}),
        (losses.cosine_similarity, {"y_true": np.eye(2), "y_pred": np.eye(2)}),
        (metrics.binary_accuracy, {"y_true": Y, "y_pred": Y}),
        (metrics.top_k_categorical_accuracy, {"y_true": np.eye(2), "y_pred": np.eye(2)}),
        (metrics.sparse_top_k_categorical_accuracy, {"y_true": [0, 1], "y_pred": np.eye(2)}),
        (random.normal, {"shape": (2,)}),
        (random.truncated_normal, {"shape": (2,)}),
        (random.uniform, {"shape": (2,), "minval": -1e9, "maxval": 1e9}),
        (random.randint, {"shape": (2,), "minval": 0, "maxval": 100}),
        (random.shuffle, {"x": X}),
        (random.set_seed, {}),
        (random.SeedGenerator, {}),
        (utils.set_random_seed, {}),
        (utils.to_categorical, {"x": [0, 0]}),
        (utils.normalize, {"x": X}),
        (utils.clear_session, {}),
        (utils.PyDataset, {}),
        (utils.plot_model, {"model": compiled(), "to_file": NOWHERE + ".svg"}),
        (config.set_epsilon, {}),
        (config.set_floatx, {}),
        (checked, {"target": np.square}),
        (datasets.synthetic_har.load_data, {"n_train": 1, "n_test": 1}),
        (datasets.mnist.load_data, {}),
        (datasets.cifar10.load_data, {}),
        (datasets.uci_har.load_data, {}),
        (preprocessing.timeseries_dataset_from_array, {**windows, "sequence_length": 2}),
        (preprocessing.sequence.TimeseriesGenerator, {**windows, "length": 2}),
        (preprocessing.sequence.make_sampling_table, {"size": 5}),
        (preprocessing.sequence.pad_sequences, {"sequences": [[1, 2], [3]]}),
        (preprocessing.sequence.skipgrams, {"sequence": [1, 2, 3], "vocabulary_size": 9}),
        (preprocessing.sequence.sliding_windows, {"x": SERIES, "y": SERIES.astype(int), "n_steps": 2}),
        (preprocessing.text.Tokenizer, {}),
        (preprocessing.text.hashing_trick, {"text": "a b", "n": 5}),
        (preprocessing.text.one_hot, {"input_text": "a b", "n": 5}),
        (preprocessing.text.text_to_word_sequence, {"input_text": "a b"}),
        (preprocessing.text.tokenizer_from_json, {}),
    ]  # fmt: skip
    return [
        Owner(
            call.__name__,
            call,
            named_arguments(call),
            lambda needs=needs: dict(needs),
            FUNCTIONS_CALLED.get(call.__name__, ()),
        )
        for call, needs in table
    ]


FUNCTIONS_CALLED: dict[str, tuple[str, ...]] = {
    "model_from_json": ("the text", "custom_objects"),
    "tokenizer_from_json": ("the text",),
    "one_hot": ("hashing_trick", "text_to_word_sequence"),
    "hashing_trick": ("text_to_word_sequence",),
    "load_data": ("synthetic_har", "mnist", "cifar10", "uci_har"),
    "get_layer": ("m ",),
    "set_weights": ("m ",),
}
