"""A step that is replayed gives the numbers of a step through the layers, to the last bit; what may differ is not."""

from contextlib import nullcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_models import same, state

from minidl import backend, graph, losses, optimizers
from minidl import layers as L
from minidl.callbacks import Callback
from minidl.models import Model, Sequential
from minidl.models.training import Trainer
from minidl.utils import set_random_seed

CURVES = st.sampled_from([None, "relu", "tanh", "softmax", "gelu"])
SERIES = st.one_of(
    st.builds(
        lambda k, padding, curve, bias: lambda: L.Conv1D(3, k, padding=padding, activation=curve, use_bias=bias),
        st.integers(1, 2), st.sampled_from(["same", "causal"]), CURVES, st.booleans(),
    ),
    st.builds(lambda k, s: lambda: L.MaxPooling1D(k, s, "same"), st.integers(1, 2), st.integers(1, 2)),
    st.builds(lambda curve: lambda: L.Dense(4, activation=curve), CURVES),
    st.sampled_from([L.ReLU, L.ELU, lambda: L.AveragePooling1D(2, 1, "same"), lambda: L.Activation("sigmoid")]),
    st.builds(
        lambda kind, curve, back: lambda: kind(3, activation=curve, go_backwards=back, return_sequences=True),
        st.sampled_from([L.LSTM, L.GRU, L.SimpleRNN]), st.sampled_from(["tanh", "gelu"]), st.booleans(),
    ),
)  # fmt: skip
ENDS = st.sampled_from([lambda: L.LSTM(3), lambda: L.GRU(3), L.GlobalMaxPooling1D, L.GlobalAveragePooling1D])


@pytest.fixture(autouse=True, scope="module")
def _kernels():
    """From now on small calls may be chained, whatever has run before."""
    backend.available()


class Watcher(Callback):
    """With somebody between the batches, each step goes through the layers."""

    def on_train_batch_end(self, batch, logs=None):
        pass


@pytest.fixture
def replayed(monkeypatch):
    """The batches whose step was a replay."""
    seen, repeat = [], Trainer._repeat_step

    def noted(self, batch, replay):
        seen.append(batch)
        repeat(self, batch, replay)

    monkeypatch.setattr(Trainer, "_repeat_step", noted)
    return seen


def data(n=11, loss="mse", dtype="float32"):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 4, 3)).astype("float32")
    y = np.eye(2)[rng.integers(0, 2, n)] if loss == "categorical_crossentropy" else rng.normal(size=(n, 2))
    return x, y.astype(dtype)


def trained(chain, callbacks=(), loss="mse", optimizer="adam", samples=None, **fit):
    """History and state after training; `chain` makes the layers."""
    set_random_seed(4)
    model = Sequential([L.Input((4, 3)), *(make() for make in chain)])
    options = fit.pop("compiled", {})
    model.compile(optimizer if isinstance(optimizer, str) else optimizer(), loss, **options)
    x, y = data(loss=loss) if samples is None else samples
    history = model.fit(x, y, batch_size=4, epochs=2, verbose=0, callbacks=list(callbacks), **fit).history
    return history, state(model)


def agree(a, b):
    assert a[0] == b[0]
    assert same(a[1], b[1])


@settings(deadline=None, max_examples=60)
@given(
    body=st.lists(SERIES, max_size=3), end=ENDS, curve=st.sampled_from([None, "softmax"]),
    loss=st.sampled_from(["mse", "categorical_crossentropy"]), optimizer=st.sampled_from(["adam", "sgd", "rmsprop"]),
    shuffle=st.booleans(), metrics=st.sampled_from([None, ["mae"]]),
    dtype=st.sampled_from(["float32", "float32", "float64", "int64"]),
)  # fmt: skip
def test_the_same_numbers_as_through_the_layers(body, end, curve, loss, optimizer, shuffle, metrics, dtype):
    chain = [*body, end, lambda: L.Dense(2, activation=curve)]
    options = {
        "loss": losses.CategoricalCrossentropy(from_logits=curve is None) if loss != "mse" else loss,
        "optimizer": optimizer, "shuffle": shuffle, "samples": data(loss=loss, dtype=dtype),
        "compiled": {"metrics": metrics},
    }  # fmt: skip
    agree(trained(chain, **options), trained(chain, [Watcher()], **options))


DENSE = [L.Flatten, lambda: L.Dense(2)]
CHAIN = [
    lambda: L.Conv1D(4, 1, activation="relu"),
    lambda: L.LSTM(4),
    lambda: L.Dense(2, activation="softmax"),
]


class Between(Callback):
    """Somebody between the epochs."""


def test_all_full_batches_but_the_first(replayed):
    trained(CHAIN, loss="categorical_crossentropy")
    assert [len(batch.x) for batch in replayed] == [4, 4, 4]  # of 4, 4, 3, twice
    replayed.clear()
    trained(CHAIN, [Between()], loss="categorical_crossentropy")
    assert [len(batch.x) for batch in replayed] == [4, 4]
    replayed.clear()
    trained(CHAIN, [Watcher()], loss="categorical_crossentropy")
    assert replayed == []


def test_the_plainest_model(replayed):
    samples = data(loss="categorical_crossentropy")
    agree(trained(DENSE, samples=samples), trained(DENSE, [Watcher()], samples=samples))
    assert [len(batch.x) for batch in replayed] == [4, 4, 4]


def labelled(kind):
    """Data whose targets a loss changes before it looks at them."""
    x, y = data(loss="categorical_crossentropy")
    targets = {
        "column": y.argmax(1)[:, None],
        "whole": y.argmax(1).astype("int64"),
        "wide": y.astype("float64"),
    }
    return x, targets[kind]


LOSSES = {
    "sparse": ("sparse_categorical_crossentropy", "whole", L.Dense, (2, "softmax")),
    "sparse, logits": (losses.SparseCategoricalCrossentropy(from_logits=True), "whole", L.Dense, (2,)),
    "sparse, a column": ("sparse_categorical_crossentropy", "column", L.Dense, (2, "softmax")),
    "binary": ("binary_crossentropy", "column", L.Dense, (1, "sigmoid")),
    "binary, a vector": ("binary_crossentropy", "whole", L.Dense, (1, "sigmoid")),
    "binary, logits": (losses.BinaryCrossentropy(from_logits=True), "wide", L.Dense, (2,)),
    "squares": ("mse", "column", L.Dense, (1,)),
    "squares, wide": ("mse", "wide", L.Dense, (2,)),
}


@pytest.mark.parametrize("metrics", [None, ["accuracy"]])
@pytest.mark.parametrize("case", LOSSES)
def test_losses_that_convert_their_targets(case, metrics, replayed):
    loss, kind, layer, arguments = LOSSES[case]
    chain = [L.Flatten, lambda: L.Dense(3, "tanh"), lambda: layer(*arguments)]
    options = {"loss": loss, "samples": labelled(kind), "compiled": {"metrics": metrics}}
    one = trained(chain, **options)
    assert len(replayed) == 3
    agree(one, trained(chain, [Watcher()], **options))


def test_a_label_that_is_no_class_is_seen_in_a_replayed_step_too():
    model = Sequential([L.Input((4, 3)), L.Flatten(), L.Dense(2, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, y = labelled("whole")
    model.fit(x, y, batch_size=4, verbose=0)
    before = state(model)
    y[9] = 7
    with pytest.raises(ValueError, match="got label 7"):
        model.fit(x, y, batch_size=4, verbose=0, shuffle=False)
    assert same(before, state(model))


DROPPING = {
    "one": [L.Flatten, lambda: L.Dense(5), lambda: L.Dropout(0.5), lambda: L.Dense(2)],
    "two": [lambda: L.Dropout(0.3), lambda: L.Conv1D(3, 2), lambda: L.SpatialDropout1D(0.5), L.Flatten, lambda: L.Dense(2)],
    "of one seed": [L.Flatten, lambda: L.Dropout(0.5, seed=3), lambda: L.Dropout(0.5, seed=3), lambda: L.Dense(2)],
    "as a curve": [L.Flatten, lambda: L.Dense(2, activation=L.Dropout(0.5))],
    "of nothing": [L.Flatten, lambda: L.Dropout(0.0), lambda: L.Dense(2)],
}  # fmt: skip


@pytest.mark.parametrize("case", DROPPING)
def test_each_step_drops_what_belongs_to_it(case, replayed):
    one = trained(DROPPING[case])
    assert len(replayed) == 3
    agree(one, trained(DROPPING[case], [Watcher()]))


def test_one_batch_an_epoch(replayed):
    x, y = data(4)
    one = trained(CHAIN[:-1], samples=(x, y[:, [0, 1, 0, 1]]), shuffle=False)
    assert len(replayed) == 1
    agree(one, trained(CHAIN[:-1], [Watcher()], samples=(x, y[:, [0, 1, 0, 1]]), shuffle=False))


class Own(L.Dense):
    def call(self, inputs):
        return super().call(inputs) * float(np.mean(inputs.data))


class OwnLoss(losses.CategoricalCrossentropy):
    def call(self, y_true, y_pred):
        return super().call(y_true, y_pred) * float(y_true.data[0, 0] + 1)


NOT = {
    "recurrent dropout": ([lambda: L.LSTM(2, recurrent_dropout=0.5)], {}),
    "masks": ([L.Masking, lambda: L.LSTM(2)], {}),
    "a penalty of one's own": ([L.Flatten, lambda: L.Dense(2, kernel_regularizer=lambda w: np.sum(w * w))], {}),
    "a penalty on angles": ([L.Flatten, lambda: L.Dense(2, kernel_regularizer="orthogonal_regularizer")], {}),
    "penalty on the output": ([L.Flatten, lambda: L.Dense(2, activity_regularizer="l2")], {}),
    "a layer of one's own": ([L.Flatten, lambda: Own(2)], {}),
    "a curve of one's own": ([L.Flatten, lambda: L.Dense(2, activation=lambda z: z * float(z.data.max()))], {}),
    "a loss of one's own": (DENSE, {"loss": OwnLoss(from_logits=True)}),
    "a loss function": (DENSE, {"loss": lambda y, p: (p - y) ** 2 * float(y.data.max())}),
    "smooth targets": (DENSE, {"loss": losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)}),
    "probabilities": ([L.Flatten, lambda: L.Dense(2, "sigmoid")], {"loss": losses.CategoricalCrossentropy()}),
    "probabilities of yes": ([L.Flatten, lambda: L.Dense(2, "softmax")], {"loss": losses.BinaryCrossentropy()}),
    "probabilities of classes": (
        [L.Flatten, lambda: L.Dense(2, "sigmoid")],
        {"loss": losses.SparseCategoricalCrossentropy(), "samples": labelled("whole")},
    ),
    "ignored classes": (
        DENSE, {"loss": losses.SparseCategoricalCrossentropy(True, ignore_class=0), "samples": labelled("whole")},
    ),
    "weights of samples": (DENSE, {"sample_weight": np.arange(11.0)}),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*categorical_crossentropy expects probabilities")
@pytest.mark.parametrize("case", NOT)
def test_what_may_differ_is_not_replayed(case, replayed):
    chain, options = NOT[case]
    options = {"samples": data(loss="categorical_crossentropy"), **options}
    agree(trained(chain, **options), trained(chain, [Watcher()], **options))
    assert replayed == []


NORMED = [
    [L.LayerNormalization, L.Flatten, lambda: L.Dense(2)],
    [
        lambda: L.LayerNormalization(center=False, scale=False),
        lambda: L.LSTM(3),
        L.LayerNormalization,
        lambda: L.Dense(2),
    ],
    [
        lambda: L.LayerNormalization(axis=(1, 2)),
        lambda: L.LayerNormalization(axis=1),
        L.Flatten,
        lambda: L.Dense(2),
    ],
]


def frozen(layer):
    layer.trainable = False
    return layer


STATISTICS = [
    [L.Flatten, L.BatchNormalization, lambda: L.Dense(2)],
    [
        lambda: L.BatchNormalization(center=False, momentum=0.5),
        lambda: L.Conv1D(3, 2),
        L.BatchNormalization,
        lambda: L.LSTM(2),
    ],
    [
        lambda: L.BatchNormalization(axis=1, scale=False),
        L.Flatten,
        lambda: frozen(L.BatchNormalization()),
        lambda: L.Dense(2),
    ],
]
PENALISED = [
    [
        L.Flatten,
        lambda: L.Dense(3, "relu", kernel_regularizer="l2", bias_regularizer="l1_l2"),
        lambda: L.Dense(2),
    ],
    [lambda: L.Conv1D(3, 2, kernel_regularizer="l1"), lambda: L.GRU(2, recurrent_regularizer="l2")],
    [
        L.Flatten,
        lambda: L.LayerNormalization(gamma_regularizer="l2"),
        lambda: L.Dense(2, kernel_regularizer="l1"),
    ],
]


@pytest.mark.parametrize("kernels", [True, False])
@pytest.mark.parametrize("chain", NORMED + PENALISED + STATISTICS)
def test_normalised_samples_and_penalties_on_weights(chain, kernels, replayed):
    with nullcontext() if kernels else backend.kernels_off():
        done = trained(chain)
        assert len(replayed) == 3  # one in the first epoch, two in the second; the last batches are smaller
        agree(done, trained(chain, [Watcher()]))


@pytest.mark.filterwarnings("ignore:class_weight has no weight")
def test_class_weights_are_not_replayed(replayed):
    trained(CHAIN, loss="categorical_crossentropy", class_weight={0: 2.0})
    assert replayed == []


class Freeze(Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.model.layers[0].trainable = epoch == 0


def test_what_changes_between_epochs_counts(replayed):
    options = {"loss": "categorical_crossentropy", "optimizer": "sgd"}
    with pytest.warns(UserWarning, match="trainable was changed since compile"):
        frozen = trained(CHAIN, [Freeze()], **options)
    with pytest.warns(UserWarning, match="trainable was changed since compile"):
        agree(frozen, trained(CHAIN, [Freeze(), Watcher()], **options))
    assert not same(frozen[1], trained(CHAIN, **options)[1])
    assert replayed


def test_clipping_schedules_and_weight_decay_are_those_of_the_optimizer(replayed):
    def adam():
        rate = optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)
        return optimizers.Adam(rate, weight_decay=0.1, global_clipnorm=0.01)

    options = {"loss": "categorical_crossentropy", "optimizer": adam, "compiled": {"loss_weights": 3.0}}
    agree(trained(CHAIN, **options), trained(CHAIN, [Watcher()], **options))
    assert replayed


def test_a_step_that_fails_leaves_no_tape_behind():
    model = Sequential([L.Input((3,)), L.Dense(2)])
    model.compile("sgd", "mse")
    x = np.ones((4, 3), "float32")
    with pytest.raises(ValueError, match="mean_squared_error"):
        model.fit(x, np.ones((4, 3), "float32"), verbose=0)
    assert graph.mode.tape is None
    model.fit(x, np.ones((4, 2), "float32"), verbose=0)


# --- graphs -----------------------------------------------------------------------------------------------

JOINS = [L.Add, L.Subtract, L.Multiply, L.Average, L.Maximum, L.Minimum, L.Concatenate, lambda: L.Dot(2)]


def of_graph(callbacks=(), join=L.Add, several=False, own=False):
    """Two ways through the same layer and past it, joined; from one input or from two."""
    set_random_seed(4)
    a = L.Input((4, 3))
    b = L.Input((4, 3)) if several else a
    shared = L.Dense(3, activation="tanh")
    y = join()([shared(a), shared(shared(b))])
    y = 2 * y[:, 1:] + 1 if own else y
    model = Model([a, b] if several else a, L.Dense(2)(L.LSTM(4)(y)))
    model.compile("adam", "mse", metrics=["mae"])
    x, y = data()
    fed = [x, x[::-1].copy()] if several else x
    history = model.fit(fed, y, batch_size=4, epochs=2, verbose=0, callbacks=list(callbacks)).history
    return history, state(model)


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("join", JOINS)
def test_graphs_give_the_same_numbers(join, several, replayed):
    one = of_graph([], join, several)
    assert len(replayed) == 3
    agree(one, of_graph([Watcher()], join, several))
    assert len(replayed) == 3


def test_graphs_with_operators_give_the_same_numbers(replayed):
    one = of_graph(own=True)
    assert len(replayed) == 3
    agree(one, of_graph([Watcher()], own=True))


# --- what goes wrong on the way, and what others have written ---------------------------------------------


def test_a_rehearsal_that_fails_draws_no_second_mask(replayed):
    def two_ways(callbacks=()):
        set_random_seed(4)
        a = L.Input((4, 3))
        joined = L.Concatenate()(
            [L.Dropout(0.5)(L.Dense(3)(a)), L.Dense(2)(a)]
        )  # cut across rows on the way back
        model = Model(a, L.Dense(2)(L.Flatten()(joined)))
        model.compile("adam", "mse")
        history = model.fit(*data(), batch_size=4, epochs=2, verbose=0, callbacks=list(callbacks)).history
        return history, state(model)

    agree(two_ways(), two_ways([Watcher()]))
    assert len(replayed) == 3


def test_the_step_of_an_own_optimizer_is_called(replayed):
    steps = []

    class Counting(optimizers.SGD):
        def step(self):
            steps.append(int(self.iterations))
            super().step()

    trained(DENSE, optimizer=Counting)
    assert steps == [0, 1, 2, 3, 4, 5]
    assert replayed


class Warm(optimizers.Adam):
    """beta_1 grows with the steps."""

    beta_1 = property(lambda self: 0.5 + 0.02 * int(self.iterations), lambda self, value: None)


def test_constants_of_an_optimizer_may_change_from_step_to_step(replayed):
    x, y = data(96)
    trained_by = []
    for whole in (True, False):
        set_random_seed(1)
        model = Sequential([L.Flatten(), L.Dense(64, activation="relu"), L.Dense(64), L.Dense(y.shape[1])])
        model.compile(Warm(1e-2), "mse")
        if whole:
            model.fit(x, y, batch_size=16, epochs=2, shuffle=False, verbose=0)
        for i in [] if whole else [*range(0, 96, 16)] * 2:
            model.train_on_batch(x[i : i + 16], y[i : i + 16])
        trained_by.append(model.get_weights())
    assert replayed
    assert all(map(np.array_equal, *trained_by))


def test_a_cell_that_is_no_layer_is_called_in_each_step(replayed):
    class Growing:
        state_size, calls = 3, 0

        def get_initial_state(self, batch_size=None):
            return [np.zeros((batch_size, 3), "float32")]

        def __call__(self, inputs, states, training=False):
            self.calls += 1
            y = np.tanh(inputs + states[0]) * float(self.calls)
            return y, [y]

    chain = [lambda: L.Dense(3), lambda: L.RNN(Growing()), lambda: L.Dense(2)]
    agree(trained(chain), trained(chain, [Watcher()]))
    assert not replayed


@pytest.mark.parametrize("loss", [losses.BinaryCrossentropy, losses.CategoricalCrossentropy])
@pytest.mark.parametrize("callbacks", [[], [Watcher()]])
def test_a_target_out_of_bounds_is_refused_in_the_batch_where_it_is(loss, callbacks, replayed):
    x, y = data(loss="categorical_crossentropy")
    y[9, 1] = 7
    with pytest.raises(ValueError, match=r"targets from 0 to 1, got 7 at index \(1, 1\) of this batch"):
        trained(DENSE, callbacks, loss(from_logits=True), samples=(x, y), shuffle=False)
    assert not replayed
