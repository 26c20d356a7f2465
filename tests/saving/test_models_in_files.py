"""Whole models and weights in files and back: the same layers, the same numbers, the same training afterwards."""

import json
import signal
import zipfile

import numpy as np
import pytest
from hostile_files import archive
from processes import python

from minidl import Variable, layers, losses, metrics, models, optimizers, saving
from minidl.models import Sequential

h5py = pytest.importorskip("h5py")

RNG = np.random.default_rng(0)
X, Y = RNG.random((24, 6)).astype(np.float32), RNG.random((24, 2)).astype(np.float32)


def network():
    return Sequential(
        [
            layers.Input((6,)),
            layers.Dense(8, "relu", kernel_regularizer="l2"),
            layers.Dropout(0.3),
            layers.BatchNormalization(),
            layers.Dense(2),
        ]
    )


def same(one, other):
    a, b = one.get_weights(), other.get_weights()
    return len(a) == len(b) and all(map(np.array_equal, a, b))


def test_a_process_may_begin_with_loading(tmp_path):
    network().save(tmp_path / "m.keras")
    code = "import sys; from minidl.saving import load_model; print(load_model(sys.argv[1]).count_params())"
    assert python("-c", code, tmp_path / "m.keras")[0] == f"{network().count_params()}\n"


@pytest.mark.parametrize("suffix", [".weights.h5", ".npz", ".safetensors", ".keras"])
def test_weights_come_back(tmp_path, suffix):
    model, other = network(), network()
    path = tmp_path / f"model{suffix}"
    (model.save if suffix == ".keras" else model.save_weights)(path)
    assert not same(model, other)
    other.load_weights(str(path))
    assert same(model, other)


@pytest.mark.parametrize(
    "optimizer",
    [
        "sgd",
        "adam",
        "nadam",
        "rmsprop",
        optimizers.SGD(optimizers.schedules.CosineDecay(0.1, 50), momentum=0.9),
    ],
    ids=str,
)
def test_training_goes_on_to_the_bit(tmp_path, optimizer):
    model = network()
    model.compile(
        optimizer, losses.Huber(0.5), metrics=["mae", metrics.MeanSquaredError(name="q")], loss_weights=0.5
    )
    model.fit(X, Y, batch_size=8, epochs=2, verbose=0, shuffle=False)
    model.save(tmp_path / "model.keras")
    again = saving.load_model(tmp_path / "model.keras")
    assert same(model, again)
    assert [v.dtype for v in model.optimizer.variables] == [v.dtype for v in again.optimizer.variables]
    assert all(
        np.array_equal(a.numpy(), b.numpy())
        for a, b in zip(model.optimizer.variables, again.optimizer.variables, strict=True)
    )
    for left in (model, again):
        left.layers[1].seed_generator = layers.Dropout(0.3, seed=1).seed_generator
    one, other = (
        m.fit(X, Y, batch_size=8, epochs=2, verbose=0, shuffle=False).history for m in (model, again)
    )
    assert one == other
    assert same(model, again)


def test_compile_false_leaves_the_training_out(tmp_path):
    model = network()
    model.compile("adam", "mse")
    model.save(tmp_path / "model.keras")
    assert saving.load_model(tmp_path / "model.keras", compile=False).optimizer is None


def test_an_optimizer_before_its_first_step(tmp_path):
    model = network()
    model.compile(optimizers.Adam(0.125), "mse")
    model.save(tmp_path / "model.keras")
    again = saving.load_model(tmp_path / "model.keras")
    assert again.optimizer.learning_rate == 0.125
    again.fit(X, Y, verbose=0)


def test_a_layer_frozen_after_compile_costs_the_state_of_the_optimizer(tmp_path):
    model = Sequential([layers.Input((4,)), layers.Dense(3), layers.Dense(2)])
    model.compile("adam", "mse")
    model.fit(np.ones((4, 4)), np.ones((4, 2)), verbose=0)
    model.layers[0].trainable = False
    model.save(tmp_path / "a.keras")
    with pytest.warns(UserWarning, match="the optimizer begins anew"):
        other = saving.load_model(tmp_path / "a.keras")
    assert all(map(np.array_equal, other.get_weights(), model.get_weights()))
    assert int(other.optimizer.iterations) == 0
    other.fit(np.ones((4, 4)), np.ones((4, 2)), verbose=0)


def test_layers_that_stand_in_several_models_stay_one(tmp_path):
    inner = Sequential([layers.Input((3,)), layers.Dense(3)])
    x, y = layers.Input((3,)), layers.Input((3,))
    model = models.Model(y, inner(models.Model(x, inner(x))(y)))
    model.save(tmp_path / "model.keras")
    again = saving.load_model(tmp_path / "model.keras")
    assert len(again.weights) == 2
    z = np.ones((2, 3), np.float32)
    assert np.array_equal(again(z).numpy(), model(z).numpy())


def test_a_model_that_was_built_by_its_data(tmp_path):
    model = Sequential([layers.Dense(3), layers.Dense(2)])
    with pytest.raises(ValueError, match="not built"):
        model.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="not built"):
        model.save_weights(tmp_path / "model.npz")
    y = model(X).numpy()
    model.save(tmp_path / "model.keras")
    assert np.array_equal(saving.load_model(tmp_path / "model.keras")(X).numpy(), y)


class Scale(layers.Layer):
    def build(self, input_shape):
        self.factor = self.add_weight((input_shape[-1],), initializer="ones", name="factor")

    def call(self, x):
        return x * self.factor


class Counter(layers.Layer):
    """A cell."""

    state_size = 3

    def call(self, inputs, states):
        total = states[0] + inputs
        return total, [total]


def leaky(x):
    return x * 0.5


@pytest.mark.parametrize(
    "layer",
    [
        lambda: Scale(),
        lambda: layers.TimeDistributed(Scale()),
        lambda: layers.RNN(Counter(), return_sequences=True),
        lambda: layers.Bidirectional(layers.RNN([Counter(), Counter()], return_sequences=True)),
        lambda: Sequential([Scale(), Sequential([Scale()])]),
        lambda: layers.Dense(3, activation=leaky),
    ],
)
def test_your_own_classes_and_functions_reach_the_inner_layers(tmp_path, layer):
    model = Sequential([layers.Input((4, 3)), layer()])
    for v in model.weights:
        v.assign(RNG.random(v.shape))
    path, x = tmp_path / "model.keras", RNG.random((2, 4, 3))
    model.save(path)
    with pytest.raises(ValueError, match="Pass yours"):
        saving.load_model(path)
    own = {"Scale": Scale, "Counter": Counter, "leaky": leaky}
    assert np.array_equal(saving.load_model(path, own)(x).numpy(), model(x).numpy())
    with saving.custom_object_scope(own):
        assert np.array_equal(saving.load_model(path)(x).numpy(), model(x).numpy())


def test_a_lambda_is_loaded_only_with_safe_mode_off_and_by_name(tmp_path):
    model = Sequential([layers.Input((4, 3)), Sequential([layers.Lambda(leaky)])])
    path, x = tmp_path / "model.keras", RNG.random((2, 4, 3))
    model.save(path)
    for own in (None, {"leaky": leaky}):
        with pytest.raises(ValueError, match=r"a Lambda, whose function is not in the file.*safe_mode=False"):
            saving.load_model(path, own)
    with pytest.raises(ValueError, match="leaky"):
        saving.load_model(path, safe_mode=False)
    loaded = saving.load_model(path, {"leaky": leaky}, safe_mode=False)
    assert np.array_equal(loaded(x).numpy(), model(x).numpy())


def test_a_registered_class_needs_no_mention(tmp_path):
    @saving.register_keras_serializable(package="tests")
    class Half(layers.Layer):
        def call(self, x):
            return x / 2

    model = Sequential([layers.Input((3,)), Half()])
    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        described = json.loads(archive.read("config.json"))["config"]["layers"][1]
    assert described["registered_name"] == "tests>Half"
    assert type(saving.load_model(tmp_path / "model.keras").layers[0]) is Half


def test_the_manifest_sees_what_the_crc_does_not(tmp_path):
    path = tmp_path / "model.keras"
    network().save(path)
    with zipfile.ZipFile(path) as z:
        members = {name: z.read(name) for name in z.namelist()}
    members["config.json"] = members["config.json"].replace(b'"rate": 0.3', b'"rate": 0.9')
    path.write_bytes(archive(members.items()))
    with pytest.raises(ValueError, match=r"expected config.json as manifest.json says, got other bytes"):
        models.load_model(path)
    del members["manifest.json"]
    path.write_bytes(archive(members.items()))
    assert models.load_model(path).layers[1].rate == 0.9


def test_a_ctrl_c_comes_before_or_behind_all_weights(tmp_path, monkeypatch):
    path, model, other = tmp_path / "model.npz", network(), network()
    model.save_weights(path)
    assign = Variable.assign

    def interrupted(self, value):
        assign(self, value)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Variable, "assign", interrupted)
    with pytest.raises(KeyboardInterrupt):
        other.load_weights(path)
    assert same(model, other)


def test_a_layer_on_two_ways_stands_under_its_public_name(tmp_path):
    class Twice(models.Model):
        def __init__(self):
            super().__init__()
            self._kept = self.first = layers.Dense(2)

        def call(self, x):
            return self.first(x)

    model = Twice()
    model(X)
    model.save_weights(tmp_path / "model.weights.h5")
    with h5py.File(tmp_path / "model.weights.h5") as file:
        assert set(file) == {"first", "vars"}


def test_refused_names_and_files_that_are_there(tmp_path):
    model = network()
    with pytest.raises(ValueError, match=r"\.keras"):
        model.save(tmp_path / "model.h5")
    with pytest.raises(ValueError, match=r"\.weights\.h5"):
        model.save_weights(tmp_path / "model.h5")
    with pytest.raises(ValueError, match="whose name ends"):
        model.load_weights(tmp_path / "model.pt")
    with pytest.raises(ValueError, match="by_name"):
        model.load_weights(tmp_path / "model.npz", by_name=True)
    model.save(tmp_path / "model.keras")
    before = (tmp_path / "model.keras").read_bytes()
    with pytest.raises(OSError, match="overwrite=False"):
        model.save(tmp_path / "model.keras", overwrite=False)
    assert (tmp_path / "model.keras").read_bytes() == before


def test_what_cannot_be_described_leaves_the_old_file(tmp_path):
    model = network()
    model.save(tmp_path / "model.keras")
    before = (tmp_path / "model.keras").read_bytes()
    model.compile("sgd", lambda y_true, y_pred: y_pred)
    with pytest.raises(TypeError, match="named functions"):
        model.save(tmp_path / "model.keras")
    assert (tmp_path / "model.keras").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["model.keras"]


def test_a_file_of_another_model_changes_nothing(tmp_path):
    other = Sequential([layers.Input((6,)), layers.Dense(8), layers.BatchNormalization(), layers.Dense(3)])
    other.save_weights(tmp_path / "other.weights.h5")
    model = network()
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"kernel of dense_3 .*\(8, 2\).*\(8, 3\).*another model"):
        model.load_weights(tmp_path / "other.weights.h5")
    assert all(map(np.array_equal, before, model.get_weights()))
    with pytest.warns(UserWarning, match="dense_3.* keeps its weights"):
        model.load_weights(tmp_path / "other.weights.h5", skip_mismatch=True)
    assert np.array_equal(model.layers[0].kernel.numpy(), other.layers[0].kernel.numpy())
    assert np.array_equal(model.layers[3].kernel.numpy(), before[6])


def legacy(path, named, whole=False):
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights") if whole else file
        root.attrs["layer_names"] = [name.encode() for name in named]
        for name, arrays in named.items():
            group = root.create_group(name)
            paths = [f"{name}/{kind}:0" for kind in ("kernel", "bias")[: len(arrays)]]
            group.attrs["weight_names"] = [path.encode() for path in paths]
            for place, array in zip(paths, arrays, strict=True):
                group[place] = array


@pytest.mark.parametrize("whole", [False, True])
def test_legacy_weights_in_order_and_by_name(tmp_path, whole):
    a, b = [RNG.random((4, 3)), RNG.random(3)], [RNG.random((3, 2)), RNG.random(2)]
    legacy(tmp_path / "old.h5", {"input_1": [], "block1": a, "block2": b}, whole)
    model = Sequential([layers.Input((4,)), layers.Dense(3), layers.Flatten(), layers.Dense(2)])
    model.load_weights(tmp_path / "old.h5")
    for got, wanted in zip(model.get_weights(), a + b, strict=True):
        np.testing.assert_array_equal(got, wanted.astype(np.float32))

    model = Sequential([layers.Input((4,)), layers.Dense(3, name="block1"), layers.Dense(5, name="head")])
    head = model.layers[1].get_weights()
    with pytest.raises(ValueError, match="block2"):
        Sequential([layers.Input((4,)), layers.Dense(3)]).load_weights(tmp_path / "old.h5")
    model.load_weights(tmp_path / "old.h5", by_name=True)
    np.testing.assert_array_equal(model.layers[0].bias.numpy(), a[1].astype(np.float32))
    assert all(map(np.array_equal, model.layers[1].get_weights(), head))

    wide = Sequential([layers.Input((4,)), layers.Dense(7, name="block1"), layers.Dense(2, name="new")])
    with pytest.raises(ValueError, match="block1"):
        wide.load_weights(tmp_path / "old.h5", by_name=True)
    with pytest.warns(UserWarning, match="keeps its value"):
        wide.load_weights(tmp_path / "old.h5", by_name=True, skip_mismatch=True)


def test_a_legacy_file_of_weights_is_no_model(tmp_path):
    legacy(tmp_path / "old.h5", {"a": [np.ones((4, 3))]})
    with pytest.raises(ValueError, match="weights only"):
        saving.load_model(tmp_path / "old.h5")


def test_json_describes_the_layers():
    model = network()
    again = saving.model_from_json(model.to_json(indent=1))
    assert again.get_config() == model.get_config()
    with pytest.raises(ValueError, match="a layer, not a model"):
        saving.model_from_json(json.dumps({"class_name": "Dense", "config": {"units": 3}}))
    with pytest.raises(TypeError, match="to_json"):
        saving.model_from_json({})


def test_the_same_model_gives_the_same_weights_file(tmp_path):
    model = network()
    model.save_weights(tmp_path / "a.weights.h5")
    model.save_weights(tmp_path / "b.weights.h5")
    assert (tmp_path / "a.weights.h5").read_bytes() == (tmp_path / "b.weights.h5").read_bytes()


def test_whatever_a_class_of_ones_own_raises_the_file_is_named_and_the_cause_kept(tmp_path):
    class Picky(layers.Layer):
        def call(self, x):
            return x

        @classmethod
        def from_config(cls, config):
            raise RuntimeError("not today")

    place = tmp_path / "picky.keras"
    Sequential([layers.Input((2,)), Picky()]).save(place)
    with pytest.raises(ValueError, match=r"picky.keras: the description .* not today") as caught:
        saving.load_model(place, custom_objects={"Picky": Picky})
    cause = caught.value.__cause__
    assert isinstance(cause, RuntimeError)
    while cause.__traceback__.tb_next:
        cause.__traceback__ = cause.__traceback__.tb_next
    assert cause.__traceback__.tb_frame.f_code.co_filename == __file__
