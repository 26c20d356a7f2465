"""What kind every argument is, of each public function and method; their data are looked at elsewhere."""

import numpy as np
from errors.argument_kinds import (
    ANY_WHOLE,
    AXIS,
    CALLABLE,
    COUNT,
    DATA,
    FLAG,
    INF,
    NAN,
    NOT_NEGATIVE,
    PATH,
    POSITIVE,
    SHAPE,
    SHARE,
    SIZE,
    UNDERSTOOD,
    Kind,
    Thing,
    named,
    number,
    one_of,
    whole,
)
from errors.argument_table import KINDS as OF_CONSTRUCTORS

from minidl import callbacks, layers, losses, metrics, optimizers

FRACTION = number(0, 1, open_high=True)
CALLBACKS = Kind(
    (3, "EarlyStopping", True, [3], ["a"], callbacks.History, [callbacks.History], [None], {}, abs, Thing()),
    (None, [], callbacks.History()),
)
STEPS = SIZE.or_none
KINDS: dict[str, Kind] = (
    OF_CONSTRUCTORS
    | dict.fromkeys(
        (
            "x",
            "y",
            "y_true",
            "y_pred",
            "data",
            "targets",
            "sequences",
            "sequence",
            "text",
            "input_text",
            "target",
            "sample_weight",
            "model",
        ),
        DATA,
    )
    | dict.fromkeys(
        (
            "run_eagerly",
            "steps_per_execution",
            "jit_compile",
            "auto_scale_loss",
            "free_memory",
            "workers",
            "use_multiprocessing",
            "max_queue_size",
            "splines",
            "positions",
            "line_length",
        ),
        UNDERSTOOD,
    )
    | {
        "optimizer": named(
            "adam", None, optimizers.Adam, losses.MeanSquaredError(), metrics.Mean(), abs, layers.Dense(2)
        ).but(good=(optimizers.Adam(),)),
        "loss": named(
            "mse",
            losses.MeanSquaredError,
            optimizers.Adam(),
            optimizers.Adam,
            metrics.Mean(),
            layers.Dense,
            layers.Dense(2),
        ).but(bad=(["mse", "mse"],), good=(None, losses.MeanSquaredError(), ["mse"])),
        "loss_weights": Kind(("a", True, NAN, ["a"], [1, 2], [NAN], {}, Thing()), (None, 0.5, [2])),
        "weighted_metrics": Kind(
            (
                3,
                True,
                ["no such thing"],
                "no such thing",
                [3],
                [metrics.Mean],
                metrics.Mean,
                [optimizers.Adam()],
                [None],
                Thing(),
            ),
            (None, [], ["mae"], "mae"),
        ),
        "compile.metrics": Kind(
            (
                3,
                True,
                ["no such thing"],
                "no such thing",
                [3],
                [metrics.Mean],
                metrics.Mean,
                [optimizers.Adam()],
                [None],
                Thing(),
            ),
            (None, [], ["mae"], "mae"),
        ),
        "epochs": COUNT,
        "initial_epoch": COUNT,
        "steps_per_epoch": STEPS,
        "steps": STEPS,
        "validation_steps": STEPS,
        "validation_batch_size": STEPS,
        "callbacks": CALLBACKS,
        "validation_split": SHARE,
        "validation_data": Kind(
            (3, "a", True, np.ones((4, 2)), (1, 2, 3, 4), (), {}, Thing()),
            (None, (np.ones((4, 2)), np.ones((4, 1)))),
        ),
        "validation_freq": SIZE.but(
            bad=([0], ["a"], [1.5], "1"), good=([1, 2], (2,), {3}, [2], (2, 2, 2, 2))
        ),
        "fit.shuffle": FLAG,
        "shuffle": FLAG,
        "return_dict": FLAG,
        "class_weight": Kind(
            (
                3,
                "a",
                [1, 2],
                {"a": 1},
                {0: "a"},
                {0: -1.0},
                {0: NAN},
                {0: INF},
                {0.5: 1},
                {True: None},
                Thing(),
            ),
            (None, {0: 1.0, 1: 2}),
        ),
        **{
            f"{name}.verbose": Kind(
                (1.5, "loud", None, NAN, [], {}, Thing()), ("auto", 0, 1, 2, 4, True, False)
            )
            for name in ("fit", "evaluate", "predict")
        },
        "expand_nested": FLAG,
        "show_trainable": FLAG,
        "explain": FLAG,
        "print_fn": CALLABLE.or_none,
        "layer_range": Kind(
            (3, "d", ["d"], ["d", "d", "d"], ["no", "d"], [1, 2], {}, Thing()), (None, ["d", "d"])
        ),
        "get_layer.name": Kind((None, 3, "no such layer", "dd", "", [], {}, Thing()), ("d",)),
        "index": Kind((5, -5, 1.0, "0", True, NAN, [], {}, Thing()), (0, -1, np.int64(0))),
        "set_weights.weights": Kind(
            (None, 3, "a", [], [np.ones((2, 1))], [np.ones((1, 2)), np.ones(1)], {}, ["a", "b"], Thing())
        ),
        "axis": AXIS.but(bad=(None, ()), good=(-1,)),
        "shuffle.axis": AXIS.but(bad=(None, 2, -3), good=(0, 1, -1)),
        "normalize.axis": AXIS.but(bad=(None, 2, -3), good=(0, 1, -1)),
        "order": POSITIVE.but(good=(INF, 2)),
        "num_classes": SIZE.or_none,
        "set_random_seed.seed": whole(0, 2**32 - 1),
        "set_seed.seed": whole(0, 2**64 - 1),
        "set_epsilon.value": POSITIVE.but(good=(1e-7,)),
        "set_floatx.value": Kind(
            ("flaot32", "int32", 3, None, [], "", True, object, Thing()), ("float64", "float32")
        ),
        "randint.minval": ANY_WHOLE.but(bad=(100, 2**40)),
        "randint.maxval": whole(1).but(bad=(0, -1, 2**40)),
        "randint.dtype": Kind(
            ("flaot32", "", 3, True, NAN, [], "float32", object, Thing()), ("int64", np.int8)
        ),
        "shape": SHAPE,
        **{
            f"{name}.shape": Kind(
                (
                    None,
                    True,
                    "ab",
                    2.5,
                    NAN,
                    {},
                    (2.5,),
                    (True,),
                    ("a",),
                    (-1,),
                    (None,),
                    ((2,),),
                    int,
                    Thing(),
                ),
                ((3,), [2, 0], 3, ()),
            )
            for name in ("normal", "uniform", "truncated_normal", "randint")
        },
        **{
            f"{name}.seed": whole(0, 2**64 - 1).but(good=(None, np.random.default_rng(0)))
            for name in ("normal", "uniform", "truncated_normal", "randint", "shuffle")
        },
        "plot_model.model": Kind((None, 3, "model", layers.Dense, Thing())),
        "to_file": PATH.but(bad=("a.bmp",)),
        "show_shapes": FLAG,
        "show_dtype": FLAG,
        "show_layer_names": FLAG,
        "show_layer_activations": FLAG,
        "show_params": FLAG.or_none,
        "rankdir": one_of("TB", "LR"),
        "dpi": POSITIVE,
        "tolerance": POSITIVE,
        "step": POSITIVE,
        "training": FLAG,
        "max_elements": SIZE,
        "raise_on_failure": FLAG,
        "gradcheck.seed": COUNT,
        "n_train": SIZE,
        "n_test": SIZE,
        "people_train": SIZE,
        "people_test": SIZE,
        "load_data.seed": whole(0, 2**64 - 1),
        "path": Kind(tuple(b for b in PATH.bad if b is not None)),  # None: the default of cifar10
        "sequence_length": SIZE.but(bad=(100,)),
        "sequence_stride": SIZE.but(bad=(100,)),
        "sampling_rate": SIZE.but(bad=(100,)),
        "TimeseriesGenerator.sampling_rate": SIZE,
        "TimeseriesGenerator.batch_size": SIZE,
        "length": SIZE.but(bad=(100,)),
        "stride": SIZE,
        "start_index": COUNT.but(bad=(100,)),
        "end_index": Kind((-1, 100, 1.5, "a", True, NAN, [], Thing()), (None, 10)),
        "timeseries_dataset_from_array.start_index": COUNT.but(bad=(100,), good=(None,)),
        "reverse": FLAG,
        "size": SIZE,
        "sampling_factor": POSITIVE,
        "maxlen": COUNT.or_none,
        "pad_sequences.padding": one_of("pre", "post"),
        "truncating": one_of("pre", "post"),
        "pad_sequences.dtype": Kind(
            ("flaot32", "", 3, True, NAN, [], Thing()), ("float64", np.int8, "int64")
        ),
        "pad_sequences.value": Kind(("a", None, {}, Thing(), NAN, INF, 1.5), (0, 1, -1, 2.0)),
        "vocabulary_size": whole(2),
        "window_size": COUNT,
        "negative_samples": NOT_NEGATIVE,
        "categorical": FLAG,
        "sampling_table": UNDERSTOOD,
        "skipgrams.seed": ANY_WHOLE.or_none,
        "n_steps": SIZE,
        "label": one_of("last", "majority", "all"),
        "num_words": SIZE.or_none,
        "nb_words": SIZE.or_none,
        "Tokenizer.filters": Kind((None, 3, ["!"], b"!", {}, Thing()), ("", "!")),
        "hashing_trick.filters": Kind((None, 3, ["!"], b"!", {}, Thing()), ("", "!")),
        "one_hot.filters": Kind((None, 3, ["!"], b"!", {}, Thing()), ("", "!")),
        "text_to_word_sequence.filters": Kind((None, 3, ["!"], b"!", {}, Thing()), ("", "!")),
        "lower": FLAG,
        "split": Kind((None, 3, "", [" "], {}, Thing()), (" ", ",")),
        "char_level": FLAG,
        "oov_token": Kind((3, True, ["a"], {}, Thing()), (None, "<OOV>")),
        "analyzer": Kind((3, True, "no such", [], {}, NAN, Thing()), (None, str.split)),
        "document_count": COUNT,
        "hashing_trick.n": whole(2),
        "one_hot.n": whole(2),
        "hash_function": Kind((3, True, "no such", [], {}, NAN, Thing()), (None, "md5", hash)),
    }
)


def kind_of(owner: str, argument: str) -> Kind:
    """What kind of argument it is.

    Raises:
        KeyError: nobody has said yet.
    """
    return KINDS.get(f"{owner}.{argument}") or KINDS[argument]
