"""Whole training beside Keras: every layer for 20 steps, and drawn models with all that `fit` can be asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from peers import ORACLE, agree, examples, keras, precision, rounded
from strategies import LAYERS, seeds

import minidl
from minidl import layers

pytestmark = ORACLE
STEPS = 20
WITHOUT_NOISE = {
    "Dropout": "rate",
    "SpatialDropout1D": "rate",
    "SpatialDropout2D": "rate",
    "GaussianNoise": "stddev",
}
OPTIMIZERS = [
    ("SGD", {"momentum": 0.5, "nesterov": True}), ("SGD", {"clipnorm": 0.5, "weight_decay": 0.01}),
    ("Adam", {}), ("Adam", {"amsgrad": True, "global_clipnorm": 0.5}), ("AdamW", {}), ("Nadam", {}), ("Adamax", {}),
    ("RMSprop", {"momentum": 0.5, "centered": True, "epsilon": 1e-3}), ("Adagrad", {"clipvalue": 0.2}), ("Adadelta", {}),
]  # fmt: skip


def both(run):
    """`run(library)` in both precisions against Keras in float64."""
    reset = keras.utils.clear_session
    reset()
    wanted = run(keras)
    agree(run(minidl), wanted)

    def peer():
        with precision("float32"):
            return run(keras)

    with precision("float32"):
        got = run(minidl)
    agree(got, wanted, "float32", peer)


def off_zero(weight):
    """`weight` without zeros: there the slope of |w| is 0 in minidl and 1 in Keras on JAX (gradients/kinks.py)."""
    return np.where(weight == 0, 0.125, weight)


@pytest.mark.parametrize("cls", [c for c in LAYERS if c is not layers.InputLayer], ids=lambda c: c.__name__)
@examples(2)
@given(data=st.data(), seed=seeds)
def test_twenty_steps_of_every_layer(cls, data, seed):
    case = data.draw(LAYERS[cls])
    if cls.__name__ in WITHOUT_NOISE:
        case = case._replace(arguments={**case.arguments, WITHOUT_NOISE[cls.__name__]: 0.0})
    (x,) = rounded(case.inputs(seed, 6))
    (y,) = rounded(np.random.default_rng(seed).normal(size=(6, 2)))
    start = []

    def run(library):
        L = library.layers
        tested = case.made(getattr(L, cls.__name__), L)
        model = library.Sequential([L.Input(case.sample), tested, L.Flatten(), L.Dense(2)])
        model.compile(library.optimizers.SGD(0.01), "mse")
        start[:] = start or rounded(*map(off_zero, model.get_weights()))
        model.set_weights(start)
        dtype = library.config.floatx()
        losses = [float(model.train_on_batch(x.astype(dtype), y.astype(dtype))) for _ in range(STEPS)]
        return {"losses": np.array(losses), "weights": model.get_weights()}

    both(run)


BLOCKS = {
    "vector": [
        ("Dense", {"units": 4, "activation": "tanh", "kernel_regularizer": "l2"}),
        ("Dense", {"units": 3, "activation": "gelu", "kernel_constraint": "max_norm"}), ("BatchNormalization", {}),
        ("LayerNormalization", {}), ("Dropout", {"rate": 0.0}), ("PReLU", {}), ("Activation", {"activation": "elu"}),
        ("Dense", {"units": 4, "activation": "relu", "activity_regularizer": "l1"}),
    ],
    "sequence": [
        ("Masking", {}), ("LSTM", {"units": 3, "return_sequences": True}), ("GRU", {"units": 3, "return_sequences": True}),
        ("SimpleRNN", {"units": 2, "return_sequences": True}), ("LayerNormalization", {}), ("BatchNormalization", {}),
        ("SpatialDropout1D", {"rate": 0.0}), ("Dense", {"units": 2, "activation": "tanh"}),
    ],
    "image": [
        ("Conv2D", {"filters": 3, "kernel_size": 3, "padding": "same", "activation": "relu"}),
        ("DepthwiseConv2D", {"kernel_size": 2, "padding": "same"}), ("MaxPooling2D", {"padding": "same"}),
        ("AveragePooling2D", {"pool_size": 2, "padding": "same"}), ("BatchNormalization", {}),
        ("SeparableConv2D", {"filters": 2, "kernel_size": 2, "padding": "same"}), ("UpSampling2D", {}),
        ("Conv2DTranspose", {"filters": 2, "kernel_size": 2, "strides": 2}),
    ],
}  # fmt: skip
INPUTS = {"vector": (5,), "sequence": (4, 3), "image": (5, 4, 2), "ids": (4,)}
ENDS = {"vector": [], "sequence": [("GlobalAveragePooling1D", {})], "image": [("Flatten", {})]}
HEADS = {  # the last layer, the losses that fit it, the metrics
    "numbers": ((2, None), ["mse", "mae", "huber", "log_cosh"], ["mae", "root_mean_squared_error"]),
    "yes or no": ((1, "sigmoid"), ["binary_crossentropy", "mse"], ["accuracy", "auc"]),
    "classes": (
        (3, "softmax"),
        ["sparse_categorical_crossentropy"],
        ["accuracy", "sparse_categorical_crossentropy"],
    ),
    "one-hot": ((3, "softmax"), ["categorical_crossentropy", "kl_divergence"], ["accuracy", "f1_score"]),
}
N = 24


@st.composite
def runs(draw):
    """A model as a list of layers, how it is compiled, its data, and the options of `fit`."""
    kind = draw(st.sampled_from(sorted(INPUTS)))
    family = "sequence" if kind == "ids" else kind
    body = draw(st.lists(st.sampled_from(BLOCKS[family]), min_size=1, max_size=3))
    embedding = [("Embedding", {"input_dim": 5, "output_dim": 3, "mask_zero": draw(st.booleans())})]
    if kind == "ids":
        body = embedding + [block for block in body if block[0] != "Masking"]
    goal = draw(st.sampled_from(sorted(HEADS)))
    # A shift in front of BatchNormalization has no gradient but rounding errors, which Adam would divide by themselves.
    masked = any(name == "Masking" or arguments.get("mask_zero") for name, arguments in body)
    allowed = 0 if masked else 1  # with a mask its mean differs: test_departures.py
    body = body[:allowed] + [block for block in body[allowed:] if block[0] != "BatchNormalization"]
    (units, activation), losses, metrics = HEADS[goal]
    spec = [*body, *ENDS[family], ("Dense", {"units": units, "activation": activation})]
    rng = np.random.default_rng(draw(seeds))
    x = (
        rng.integers(1, 5, (N, *INPUTS[kind]))
        if kind == "ids"
        else rounded(rng.normal(size=(N, *INPUTS[kind])))[0]
    )
    if family == "sequence":
        x[:, 1:] *= rng.integers(0, 2, (N, 3, *[1] * (x.ndim - 2)))  # masked steps; at least one counts
    classes = rng.integers(0, 3, N)
    y = {
        "numbers": rounded(rng.normal(size=(N, 2)))[0], "yes or no": rng.integers(0, 2, (N, 1)),
        "classes": classes, "one-hot": np.eye(3)[classes],
    }[goal]  # fmt: skip
    options = {"batch_size": 5}
    validation = draw(st.sampled_from([None, "split", "data", "weighted data"]))
    if validation == "split":
        options["validation_split"] = 0.2
    elif validation:
        options["validation_data"] = (
            x[:7],
            y[:7],
            *([np.linspace(0.5, 1.5, 7)] if validation != "data" else []),
        )
    weights = draw(st.sampled_from([None, "sample_weight", "class_weight"]))
    if weights == "sample_weight":
        options[weights] = rounded(rng.uniform(0, 2, N))[0]
    elif weights and goal in ("classes", "one-hot", "yes or no"):
        options[weights] = {0: 0.5, 1: 2.0} if goal == "yes or no" else {0: 0.5, 1: 2.0, 2: 1.25}
    compiled = {
        "loss": draw(st.sampled_from(losses)),
        "metrics": metrics if goal == "numbers" else metrics[:1],
    }
    if goal != "yes or no":
        compiled["weighted_metrics"] = metrics[:1]
    return spec, INPUTS[kind], draw(st.sampled_from(OPTIMIZERS)), compiled, (x, y), options


@examples(16)
@given(drawn=runs())
def test_drawn_models(drawn):
    """20 steps and more: the loss as it stands after each, the history, the weights, evaluate and predict."""
    spec, sample, (name, arguments), compiled, (x, y), options = drawn
    start = []

    def run(library):
        L = library.layers
        model = library.Sequential([L.Input(sample), *(getattr(L, n)(**a) for n, a in spec)])
        start[:] = start or rounded(*model.get_weights())
        model.set_weights(start)
        model.compile(getattr(library.optimizers, name)(0.01, **arguments), **compiled)
        each = []
        watch = library.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: each.append(float(logs["loss"]))
        )
        epochs = 5 if "validation_split" in options else 4
        history = model.fit(x, y, shuffle=False, verbose=0, epochs=epochs, callbacks=[watch], **options)
        assert len(each) == STEPS
        return {
            "losses": np.array(each),
            "history": {k: np.array(v, dtype=float) for k, v in history.history.items()},
            "order": np.array([sorted(history.history).index(k) for k in history.history]),
            "weights": model.get_weights(),
            "evaluated": {k: float(v) for k, v in model.evaluate(x, y, verbose=0, return_dict=True).items()},
            "predicted": model.predict(x, verbose=0),
        }

    both(run)
