"""Sequential: putting layers together, taking them apart, and what it says when they do not fit."""

import json
import threading

import numpy as np
import pytest
from small_models import linear, rows, same

from minidl import Tensor
from minidl.layers import (
    Activation,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    Input,
    InputLayer,
    Layer,
    MaxPooling2D,
    Reshape,
)
from minidl.models import Model, Sequential

X, Y = rows()


class Double(Layer):
    def call(self, x):
        return x * 2


class Broken(Layer):
    """Makes a weight, and then fails."""

    def build(self, input_shape):
        self.factor = self.add_weight((input_shape[-1],), name="factor")
        raise ValueError("no")


# --- building ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "front",
    [
        lambda: [Input(shape=(4,)), Dense(3)],
        lambda: [InputLayer(shape=(4,)), Dense(3)],
        lambda: [Dense(3, input_shape=(4,))],
        lambda: [Dense(3, input_dim=4)],
        lambda: [Dense(3, batch_input_shape=(None, 4))],
    ],
    ids=["Input", "InputLayer", "input_shape", "input_dim", "batch_input_shape"],
)
def test_a_declared_shape_builds_each_layer_as_it_is_added(front):
    model = Sequential(front())
    model.add(Dense(2))
    assert model.built
    assert (model.input_shape, model.output_shape) == ((None, 4), (None, 2))
    assert [type(layer) for layer in model.layers] == [Dense, Dense]
    assert [w.shape for w in model.get_weights()] == [(4, 3), (3,), (3, 2), (2,)]
    assert model.count_params() == 4 * 3 + 3 + 3 * 2 + 2
    assert (model.inputs[0].shape, model.outputs[0].shape) == ((None, 4), (None, 2))


def test_without_a_shape_the_first_data_builds():
    model = Sequential([Dense(3), Dense(2)])
    assert not model.built
    assert model.weights == []
    for end in ("input_shape", "output_shape", "inputs", "outputs"):
        with pytest.raises(AttributeError, match=r"does not know its .* shape yet: begin with an Input"):
            getattr(model, end)
    with pytest.raises(ValueError, match="has no weights yet"):
        model.count_params()
    assert model.predict(X, verbose=0).shape == (20, 2)
    assert (model.input_shape, model.output_shape) == ((None, 4), (None, 2))
    assert model.count_params() == 23


@pytest.mark.parametrize("what", ["call", "build", "predict_on_batch", "fit", "evaluate", "train_on_batch"])
def test_every_way_in_builds(what):
    model = Sequential([Dense(3), BatchNormalization(), Dense(1)])
    model.compile("sgd", "mse")
    calls = {
        "call": lambda: model(X),
        "build": lambda: model.build((None, 4)),
        "predict_on_batch": lambda: model.predict_on_batch(X),
        "fit": lambda: model.fit(X, Y, verbose=0),
        "evaluate": lambda: model.evaluate(X, Y, verbose=0),
        "train_on_batch": lambda: model.train_on_batch(X, Y),
    }
    calls[what]()
    assert (model.input_shape, model.count_params()) == ((None, 4), 15 + 12 + 4)


def test_a_batch_size_may_be_fixed():
    model = Sequential([Input(shape=(4,), batch_size=8), Dense(3)])
    assert (model.input_shape, model.output_shape) == ((8, 4), (8, 3))
    model = Sequential([Dense(3)])
    model.build((8, 4))
    assert model.output_shape == (8, 3)


def test_build_needs_layers_and_keeps_what_an_input_declared():
    with pytest.raises(ValueError, match=r"has no layers. Add some with add"):
        Sequential().build((None, 4))
    with pytest.raises(ValueError, match="has no layers"):
        Sequential([Input(shape=(4,))]).predict(X, verbose=0)
    model = Sequential([Input(shape=(4,)), Dense(3)])
    model.build((None, 4))
    with pytest.raises(ValueError, match=r"was made for inputs of shape \(None, 4\), got \(None, 5\)"):
        model.build((None, 5))


def test_the_layers_run_one_after_the_other():
    model = Sequential([Input(shape=(2,)), Double(), Activation("relu"), Reshape((2, 1))])
    assert model(np.array([[1.0, -3.0]], "float32")).numpy().tolist() == [[[2.0], [0.0]]]
    assert model.output_shape == (None, 2, 1)


def test_training_reaches_every_layer():
    model = Sequential([Input(shape=(400,)), Dropout(0.5), Sequential([Dropout(0.5)])])
    ones = np.ones((1, 400), "float32")
    assert (model(ones).numpy() == 1).all()
    assert (model(ones, training=False).numpy() == 1).all()
    assert sorted(np.unique(model(ones, training=True).numpy())) == [0, 4]


# --- add, pop, find ---------------------------------------------------------------------------------------


def test_pop_and_add():
    model = Sequential([Input(shape=(4,)), Dense(3, name="a"), Dense(2, name="b")])
    last = model.pop()
    assert last.name == "b"
    assert (model.output_shape, model.output.shape) == ((None, 3), (None, 3))
    assert [layer.name for layer in model.layers] == ["a"]
    model.add(Dense(5, name="c"))
    assert (model.output_shape, model.outputs[0].shape) == ((None, 5), (None, 5))
    assert model(X).shape == (20, 5)
    model.pop(), model.pop()
    assert not model.built
    with pytest.raises(ValueError, match="has no layer to remove"):
        model.pop()
    model.add(Dense(6))  # the declared shape is still there
    assert model.output_shape == (None, 6)


def test_pop_before_building():
    model = Sequential([Dense(3), Dense(2)])
    model.pop()
    assert model(X).shape == (20, 3)


def test_a_model_that_saw_its_shape_in_the_data_can_grow():
    model = Sequential([Dense(3)])
    model(X)
    model.add(Dense(2))
    assert model.output_shape == (None, 2)
    assert model(X).shape == (20, 2)


def test_get_layer():
    model = Sequential([Input(shape=(4,)), Dense(3, name="hidden"), Dense(2, name="out")])
    assert model.get_layer("out") is model.layers[1]
    assert model.get_layer(index=0) is model.layers[0]
    assert model.get_layer(index=-1).name == "out"
    with pytest.raises(ValueError, match=r"has no layer 'hiden'. Did you mean 'hidden'?"):
        model.get_layer("hiden")
    with pytest.raises(ValueError, match=r"has no layer 'xyz'. Its layers: hidden, out"):
        model.get_layer("xyz")
    with pytest.raises(ValueError, match="has 2 layers, and none with the index 2"):
        model.get_layer(index=2)
    with pytest.raises(ValueError, match="expects a name or an index"):
        model.get_layer()


def test_layers_is_a_list_of_its_own():
    model = Sequential([Input(shape=(4,)), Dense(3)])
    model.layers.append(Dense(1))
    assert len(model.layers) == 1


def test_names_are_unique_and_a_layer_is_used_once():
    layer = Dense(3, name="a")
    model = Sequential([Input(shape=(4,)), layer])
    with pytest.raises(ValueError, match=r"has a layer called 'a' already. Give this one another name"):
        model.add(Dense(3, name="a"))
    with pytest.raises(ValueError, match=r"has a \(Dense\) already. A Sequential uses a layer once"):
        model.add(layer)
    assert model.layers == [layer]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (Dense, r"expects layers, got the class Dense. Make an instance: Dense\(...\)"),
        ("dense", "expects layers, got 'dense'"),
        (np.zeros(3), "expects layers"),
        (None, "expects layers, got None"),
    ],
)
def test_only_layers_can_be_added(wrong, message):
    with pytest.raises(TypeError, match=message):
        Sequential().add(wrong)


def test_a_layer_without_a_list():
    with pytest.raises(TypeError, match=r"expects a list of layers, got <Dense .*Put it in \[\]"):
        Sequential(Dense(3))


def test_one_input_in_front():
    for model in (Sequential([Input(shape=(4,))]), Sequential([Dense(3)])):
        with pytest.raises(ValueError, match="an Input goes in front of all others"):
            model.add(Input(shape=(4,)))


# --- shapes that do not fit -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "layer",
    [
        lambda: Conv2D(2, 5),  # larger than what is left
        lambda: Broken(),
        lambda: Reshape((7,)),
        lambda: Sequential([Conv2D(2, 3), Flatten(), Reshape((5,))]),
        lambda: Sequential([Input(shape=(9,)), Dense(1)]),
    ],
    ids=["kernel", "build", "reshape", "nested", "declared"],
)
def test_a_layer_that_does_not_fit_is_not_added_and_stays_as_it_was(layer):
    model = Sequential([Input(shape=(6, 6, 1)), Conv2D(2, 3, name="first")])
    before, weights = (model.output_shape, model.layers), model.get_weights()
    added = layer()
    built, inner = added.built, [part.built for part in added._layers]
    with pytest.raises(ValueError):  # noqa: PT011 - each has its own words
        model.add(added)
    assert (model.output_shape, model.layers) == before
    assert model.built
    assert same(model.get_weights(), weights)
    assert model(np.zeros((1, 6, 6, 1))).shape == (1, 4, 4, 2)
    assert (added.built, [part.built for part in added._layers]) == (built, inner)
    if not isinstance(added, Sequential):
        assert added.weights == []
    model.add(Flatten())
    assert model.output_shape == (None, 32)


def test_a_failed_first_layer_leaves_no_input_behind():
    model = Sequential()
    with pytest.raises(ValueError, match="more than its input"):
        model.add(Conv2D(2, 5, input_shape=(3, 3, 1)))
    assert model.layers == []
    model.add(Dense(3, input_shape=(4,)))
    assert model.input_shape == (None, 4)


def test_data_that_does_not_fit_leaves_the_model_unbuilt():
    model = Sequential([Dense(3), Sequential([Dense(5)]), Reshape((3, 1)), Dense(1)])
    with pytest.raises(ValueError, match="cannot arrange"):
        model.predict(X, verbose=0)
    assert not model.built
    assert model.weights == []
    assert [layer.built for layer in model.layers] == [False] * 4
    model.pop(), model.pop()
    assert model.predict(np.zeros((2, 9)), verbose=0).shape == (2, 5)  # nine features now


def test_a_number_of_features_that_was_not_declared():
    model = Sequential([Input(shape=(4,)), Dense(3)])
    with pytest.raises(
        ValueError, match=r"was made for inputs of shape \(None, 4\), got \(20, 3\)\. Axis 1 has 3, not 4"
    ):
        model.predict(X[:, :3], verbose=0)
    with pytest.raises(ValueError, match=r"got \(4,\). One sample needs a batch axis too: x\[None\]"):
        model.predict(X[0], verbose=0)
    image = Sequential([Input(shape=(28, 28, 1)), Flatten()])
    with pytest.raises(ValueError, match=r"got \(2, 784\). The sizes agree: x.reshape\(\(-1, 28, 28, 1\)\)"):
        image.predict(np.zeros((2, 784)), verbose=0)
    with pytest.raises(ValueError, match=r"got \(2, 27, 28, 1\)\. Axis 1 has 27"):
        image.predict(np.zeros((2, 27, 28, 1)), verbose=0)


@pytest.mark.parametrize(
    ("declared", "given"),
    [((1,), (5,)), ((4,), (5, 4, 1)), ((4, 1), (5, 4)), ((4, 1), (5, 4, 1, 1)), ((None, 1), (5, 7))],
)
def test_a_last_axis_of_size_one_may_be_missing_or_too_many(declared, given):
    model = Sequential([Input(shape=declared), Activation(None)])
    assert model(np.ones(given)).ndim == len(declared) + 1
    assert model.predict(np.ones(given), verbose=0).ndim == len(declared) + 1


def test_only_one_axis_and_only_of_size_one():
    model = Sequential([Input(shape=(4, 1)), Flatten()])
    for wrong in ((5,), (5, 4, 2), (5, 4, 1, 2), (5, 3)):
        with pytest.raises(ValueError, match="was made for inputs of shape"):
            model(np.ones(wrong))


def test_sizes_that_were_only_seen_in_the_first_data_may_change():
    def model(*front):
        return Sequential([*front, Conv2D(2, 3), GlobalAveragePooling2D(), Dense(1)])

    free = model()
    assert free.predict(np.ones((2, 8, 8, 1)), verbose=0).shape == (2, 1)
    assert free.predict(np.ones((2, 5, 9, 1)), verbose=0).shape == (2, 1)
    with pytest.raises(ValueError, match="channels"):
        free.predict(np.ones((2, 8, 8, 3)), verbose=0)
    fixed = model(Input(shape=(8, 8, 1)))
    with pytest.raises(ValueError, match="was made for inputs of shape"):
        fixed.predict(np.ones((2, 5, 9, 1)), verbose=0)
    open_ended = model(Input(shape=(None, None, 1)))
    assert open_ended.output_shape == (None, 1)
    assert open_ended.predict(np.ones((2, 5, 9, 1)), verbose=0).shape == (2, 1)


# --- models in models -------------------------------------------------------------------------------------


def test_nested():
    inner = Sequential([Dense(3, activation="relu"), Dense(2)], name="inner")
    model = Sequential([Input(shape=(4,)), inner, Dense(1)])
    assert model.count_params() == 15 + 8 + 3
    assert [w.shape for w in model.get_weights()] == [(4, 3), (3,), (3, 2), (2,), (2, 1), (1,)]
    assert (inner.input_shape, inner.output_shape) == ((None, 4), (None, 2))
    assert np.array_equal(model.layers[1](inner(X)).numpy(), model(X).numpy())
    before = inner.get_weights()
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    assert all(not np.array_equal(a, b) for a, b in zip(before, inner.get_weights(), strict=True))


def test_a_nested_model_with_a_declared_shape_refuses_another():
    inner = Sequential([Input(shape=(4,)), Dense(2)], name="inner")
    with pytest.raises(ValueError, match=r"inner \(Sequential\) was made for inputs of shape \(None, 4\)"):
        Sequential([Input(shape=(5,)), inner])
    assert Sequential([Input(shape=(4, 1)), inner]).output_shape == (
        None,
        2,
    )  # give or take an axis of size 1


def test_layers_without_the_last_ones_make_a_new_model():
    base = Sequential(
        [Input(shape=(8, 8, 1)), Conv2D(4, 3, activation="relu"), MaxPooling2D(), Flatten(), Dense(10)]
    )
    images = np.random.default_rng(0).normal(size=(3, 8, 8, 1)).astype("float32")
    wanted = base(images).numpy()
    for front in ([], [Input(shape=(8, 8, 1))]):
        head = Sequential([*front, *base.layers[:-1]])
        assert head(images).shape == (3, 36)
        features = head(images).numpy()
        kernel, bias = base.layers[-1].get_weights()
        assert np.allclose(features @ kernel + bias, wanted, atol=1e-6)
        assert head.layers[0] is base.layers[0]
    new = Sequential([*base.layers[:-1], Dense(2)])
    new.compile("sgd", "sparse_categorical_crossentropy")
    assert (base.output_shape, base(images).shape) == ((None, 10), (3, 10))


def test_a_layer_that_stands_in_two_models_does_not_confuse_them():
    shared = Flatten()
    small, large = Sequential([Input(shape=(2, 2)), shared]), Sequential([Input(shape=(3, 3)), shared])
    assert (small.output_shape, large.output_shape) == ((None, 4), (None, 9))
    small.add(Dense(1))
    assert small.layers[1].get_weights()[0].shape == (4, 1)
    small.pop()
    assert small.output_shape == (None, 4)


# --- weights and what is trained --------------------------------------------------------------------------


def test_get_and_set_weights():
    model, other = (
        Sequential([Input(shape=(4,)), Dense(3), BatchNormalization(), Dense(1)]) for _ in range(2)
    )
    other.set_weights(model.get_weights())
    assert np.array_equal(model(X).numpy(), other(X).numpy())
    own = other.get_weights()
    own[0][:] = 0  # copies
    assert np.array_equal(model(X).numpy(), other(X).numpy())
    before = other.get_weights()
    wrong = model.get_weights()
    wrong[-1] = np.zeros(2)
    with pytest.raises(ValueError, match=r"bias has shape \(1,\), got \(2,\)"):
        other.set_weights([w + 1 for w in wrong])
    with pytest.raises(ValueError, match="has 8 weight arrays, set_weights got 7"):
        other.set_weights(before[:-1])
    assert same(other.get_weights(), before)


def test_trainable_counts_and_order():
    model = Sequential([Input(shape=(4,)), Dense(3), BatchNormalization(), Dense(1)])
    assert [v.name for v in model.non_trainable_weights] == ["moving_mean", "moving_variance"]
    order = [v.path for v in model.weights]
    model.layers[0].trainable = False
    assert [v.path for v in model.weights] == order
    assert len(model.trainable_weights) == 4
    model.trainable = False
    assert model.trainable_weights == []
    assert [layer.trainable for layer in model.layers] == [False] * 3
    model.trainable = True
    assert len(model.trainable_weights) == 6


def test_a_frozen_model_freezes_what_is_added():
    model = Sequential([Input(shape=(4,)), Dense(3)], trainable=False)
    model.add(Dense(2))
    assert model.trainable_weights == []
    deferred = Sequential([Dense(3)], trainable=False)
    deferred(X)
    assert (deferred.trainable_weights, len(deferred.weights)) == ([], 2)


def test_adding_a_partly_frozen_model_thaws_nothing():
    base = Sequential([Input(shape=(4,)), Dense(3), Dense(2)])
    base.layers[0].trainable = False
    model = Sequential([Input(shape=(4,)), base, Dense(1)])
    assert [v.trainable for v in model.weights] == [False, False, True, True, True, True]
    base.trainable = False
    assert len(Sequential([base, Dense(1)]).trainable_weights) == 2  # those of the new Dense


# --- configuration ----------------------------------------------------------------------------------------


def test_a_config_goes_through_json():
    model = Sequential(
        [
            Input(shape=(8, 8, 1), name="image"),
            Conv2D(4, (3, 2), activation="relu", kernel_regularizer="l2", name="conv"),
            BatchNormalization(momentum=0.5, trainable=False),
            Sequential([Flatten(), Dropout(0.25)], name="inner"),
            Dense(2, activation="softmax", dtype="float64"),
        ],
        name="whole",
    )
    again = Sequential.from_config(json.loads(json.dumps(model.get_config())))
    assert again.get_config() == model.get_config()
    assert (again.name, again.input_shape, again.output_shape) == ("whole", (None, 8, 8, 1), (None, 2))
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    assert [w.shape for w in again.get_weights()] == [w.shape for w in model.get_weights()]
    assert (again.layers[0].kernel_size, again.layers[0].kernel_regularizer.l2) == ((3, 2), 0.01)
    assert not again.layers[1].trainable
    assert again.layers[2].layers[1].rate == 0.25
    again.set_weights(model.get_weights())
    images = np.random.default_rng(0).normal(size=(2, 8, 8, 1))
    assert np.array_equal(again(images).numpy(), model(images).numpy())


def test_a_config_tells_a_declared_shape_from_one_that_was_seen():
    model = Sequential([Conv2D(1, 3), GlobalAveragePooling2D()])
    unbuilt = Sequential.from_config(model.get_config())
    assert not unbuilt.built
    model(np.ones((1, 8, 8, 1)))
    again = Sequential.from_config(json.loads(json.dumps(model.get_config())))
    assert again.built
    assert again(np.ones((1, 5, 5, 1))).shape == (1, 1)
    declared = Sequential.from_config(Sequential([Input(shape=(4,)), Dense(1)]).get_config())
    with pytest.raises(ValueError, match="was made for"):
        declared(np.ones((1, 5)))


def test_own_layers_are_passed_by_name_and_nothing_else_can_be_named():
    model = Sequential([Input(shape=(4,)), Double(), Sequential([Double()])])
    config = model.get_config()
    again = Sequential.from_config(config, custom_objects={"Double": Double})
    assert again(np.ones((1, 4))).numpy().tolist() == [[4.0] * 4]
    with pytest.raises(ValueError, match="Unknown layer 'Double'"):
        Sequential.from_config(config)
    for name in ("Layer", "minidl.layers.Dense", "os.system", "Input"):
        with pytest.raises(ValueError, match="Unknown layer"):
            Sequential.from_config({"name": "m", "layers": [{"class_name": name, "config": {}}]})


@pytest.mark.parametrize(
    "config",
    [
        None, [], {}, {"name": "m"}, {"layers": 3}, {"layers": [3]}, {"layers": [{"class_name": "Dense"}]},
        {"layers": [{"class_name": "Sequential", "config": 3}]},
        {"layers": [{"class_name": "Dense", "config": {"units": 2, "colour": "red"}}]},
        {"layers": [{"class_name": "Dense", "config": {"units": -1}}]},
    ],
)  # fmt: skip
def test_a_config_of_another_form_is_a_value_error(config):
    with pytest.raises(ValueError):  # noqa: PT011 - each has its own words
        Sequential.from_config(config)


# --- Model ------------------------------------------------------------------------------------------------


class TwoLayers(Model):
    def __init__(self, fail=False):
        super().__init__()
        self.fail = fail
        self.hidden, self.out = Dense(8, activation="relu"), Dense(1)

    def call(self, x):
        x = self.hidden(x)
        if self.fail:
            raise RuntimeError("half-way")
        return self.out(x)


def test_a_model_of_ones_own():
    model = TwoLayers()
    assert model.layers == [model.hidden, model.out]
    model.compile("sgd", "mse")
    before = model.evaluate(X, Y, verbose=0)
    model.fit(X, Y, epochs=5, verbose=0)
    assert model.evaluate(X, Y, verbose=0) < before
    assert model.count_params() == 49


def test_a_first_call_that_fails_half_way_is_not_the_first_call():
    model = TwoLayers(fail=True)
    model.compile("sgd", "mse")
    with pytest.raises(RuntimeError, match="half-way"):
        model.fit(X, Y, verbose=0)
    assert not model.out.built
    assert not model.built
    model.fail = False
    model.fit(X, Y, verbose=0)
    assert len(model.optimizer.flat.variables) == 4
    before = model.out.get_weights()
    model.fit(X, Y, verbose=0)
    assert not same(model.out.get_weights(), before)


def test_a_layer_that_is_called_in_training_for_the_first_time_is_not_left_out_in_silence():
    class Late(Model):
        def __init__(self):
            super().__init__()
            self.always, self.late = Dense(1), Dense(1)

        def call(self, x, training=False):
            return self.late(self.always(x)) if training else self.always(x)

    model = Late()
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    assert len(model.optimizer.flat.variables) == 4  # seen before training began
    model = Late()
    model.compile("sgd", "mse")
    model.predict(X, verbose=0)
    before = model.always.get_weights()
    with pytest.raises(ValueError, match="has weights to train that its optimizer does not hold"):
        model.fit(X, Y, verbose=0)
    assert same(model.always.get_weights(), before)
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)


def test_a_model_passes_gradients_to_its_input():
    model = linear()
    x = Tensor(X, requires_grad=True)
    model(x).sum().backward()
    assert np.array_equal(x.grad, np.ones_like(X))


def test_threads_that_meet_a_new_model_build_it_once():
    for _ in range(10):
        model = Sequential([Dense(8), Dense(8), Dense(8), Dense(1)])
        start = threading.Barrier(4)

        def call(model=model, start=start):
            start.wait()
            model.predict(np.ones((4, 3)), verbose=0)

        threads = [threading.Thread(target=call) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(model.weights) == 8


def test_a_hook_that_is_never_called_is_refused():
    with pytest.raises(TypeError, match=r"Gan.train_step would never be called.*compute_loss"):

        class Gan(Sequential):
            def train_step(self, data):
                return {}
