"""The same networks in Keras: names, order, sizes, and what they say when they have the same weights."""

import numpy as np
import pytest

from minidl import applications

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def keras():
    return pytest.importorskip("keras")


def relative(got, expected):
    return np.abs(got - expected).max() / np.abs(expected).max()


def compared(keras, name, **options):
    """Both models, once it is known that their layers and weights are called, ordered and shaped alike."""
    theirs = getattr(keras.applications, name)(weights=None, **options)
    ours = getattr(applications, name)(weights=None, **options)
    assert [a.name for a in ours.layers[1:]] == [b.name for b in theirs.layers[1:]]
    for a, b in zip(ours.layers[1:], theirs.layers[1:], strict=True):
        assert type(a).__name__ == type(b).__name__
        assert [w.shape for w in a.weights] == [tuple(w.shape) for w in b.weights]
        assert tuple(a.output.shape) == tuple(b.output.shape)
    assert [w.shape for w in ours.get_weights()] == [w.shape for w in theirs.get_weights()]
    return ours, theirs


def varied(weights):
    """Weights with biases, scales, shifts and running statistics that are not the 0 and 1 of a new network.

    Statistics taken from a few pictures would be no better: channels that hardly vary among them make a network in
    which float32 agrees with float64 to three digits only, in Keras as here.
    """
    rng = np.random.default_rng(3)
    return [
        w
        if w.ndim > 1
        else (w * rng.uniform(0.5, 2.0, w.shape) + rng.uniform(0, 0.2, w.shape)).astype(w.dtype)
        for w in weights
    ]


@pytest.mark.parametrize(
    ("name", "options", "size"),
    [
        ("VGG16", {"include_top": False, "pooling": "max", "input_shape": (64, 70, 3)}, (64, 70)),
        ("ResNet50", {"include_top": False, "input_shape": (64, 64, 3)}, (64, 64)),
    ],
)
def test_the_same_predictions(keras, name, options, size):
    ours, theirs = compared(keras, name, **options)
    x = np.random.default_rng(1).normal(size=(2, *size, 3)).astype(np.float32)
    weights = varied(theirs.get_weights())
    theirs.set_weights(weights)
    ours.set_weights(weights)
    assert relative(ours.predict(x, verbose=0), np.asarray(theirs(x, training=False))) < 1e-5


def test_weights_from_the_files_of_keras(keras, tmp_path):
    """The new form, and the old one in which the weights of ImageNet are published."""
    h5py = pytest.importorskip("h5py")
    legacy = pytest.importorskip("keras.src.legacy.saving.legacy_h5_format")
    options = {"classes": 7, "input_shape": (32, 32, 3)}
    _, theirs = compared(keras, "ResNet50", **options)
    theirs.set_weights(varied(theirs.get_weights()))
    x = np.random.default_rng(1).normal(size=(1, 32, 32, 3)).astype(np.float32)
    expected = np.asarray(theirs(x, training=False))
    theirs.save_weights(tmp_path / "new.weights.h5")
    with h5py.File(tmp_path / "old.h5", "w") as file:
        legacy.save_weights_to_hdf5_group(file, theirs)
    for name in ("new.weights.h5", "old.h5"):
        ours = applications.ResNet50(weights=tmp_path / name, **options)
        assert relative(ours.predict(x, verbose=0), expected) < 1e-5


@pytest.mark.parametrize("module", ["vgg16", "vgg19", "resnet", "resnet50"])
def test_the_same_pixels(keras, module):
    x = np.random.default_rng(2).integers(0, 256, (2, 5, 6, 3))
    theirs, ours = (getattr(library, module) for library in (keras.applications, applications))
    for given in (x, x.astype(np.float32), x.astype(np.float64), x[0]):
        expected = theirs.preprocess_input(given.copy())
        got = ours.preprocess_input(given)
        assert got.dtype == expected.dtype
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-5)
    first = np.moveaxis(x, -1, 1)
    np.testing.assert_allclose(
        ours.preprocess_input(first, data_format="channels_first"),
        theirs.preprocess_input(first.copy(), data_format="channels_first"),
        rtol=1e-6,
        atol=1e-5,
    )


@pytest.mark.parametrize("mode", ["tf", "torch", "caffe"])
def test_the_same_modes(keras, mode):
    x = np.random.default_rng(2).integers(0, 256, (2, 5, 6, 3)).astype(np.float32)
    expected = keras.applications.imagenet_utils.preprocess_input(x.copy(), mode=mode)
    got = applications.imagenet_utils.preprocess_input(x, mode=mode)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
