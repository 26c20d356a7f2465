"""Pixels in, names out: preprocess_input and decode_predictions."""

import hashlib
import json

import numpy as np
import pytest

from minidl import Input, Model, Tensor
from minidl.applications import alexnet, imagenet_classes, imagenet_utils, resnet, resnet50, vgg16, vgg19
from minidl.applications.imagenet_utils import decode_predictions, preprocess_input

PIXEL = np.array([200, 100, 50], np.uint8)  # R, G, B
EXPECTED = {
    "caffe": [50 - 103.939, 100 - 116.779, 200 - 123.68],
    "torch": [
        (200 / 255 - 0.485) / 0.229,
        (100 / 255 - 0.456) / 0.224,
        (50 / 255 - 0.406) / 0.225,
    ],
    "tf": [200 / 127.5 - 1, 100 / 127.5 - 1, 50 / 127.5 - 1],
}


@pytest.mark.parametrize("mode", EXPECTED)
@pytest.mark.parametrize("shape", [(2, 4, 5), (4, 5)])
def test_a_pixel_by_hand_in_every_form(mode, shape):
    x = np.broadcast_to(PIXEL, (*shape, 3))
    expected = np.broadcast_to(EXPECTED[mode], x.shape)
    for given, dtype in ((x, np.float32), (x.astype(np.float32), np.float32), (x.astype(float), np.float64)):
        y = preprocess_input(given, mode=mode)
        assert y.dtype == dtype
        np.testing.assert_allclose(y, expected, rtol=1e-5)
    first = preprocess_input(np.moveaxis(x, -1, -3), data_format="channels_first", mode=mode)
    np.testing.assert_allclose(np.moveaxis(first, -3, -1), expected, rtol=1e-5)


def test_the_picture_given_stays_as_it_is():
    x = np.broadcast_to(PIXEL, (2, 3, 3, 3)).astype(np.float32)
    before = x.copy()
    for mode in EXPECTED:
        y = preprocess_input(x, mode=mode)
        assert not np.shares_memory(x, y)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("mode", EXPECTED)
def test_tensors_and_symbolic_tensors(mode):
    x = np.broadcast_to(PIXEL, (2, 3, 3, 3)).copy()
    expected = preprocess_input(x, mode=mode)
    for dtype in ("float32", "uint8"):
        y = preprocess_input(Tensor(x.astype(dtype)), mode=mode)
        assert isinstance(y, Tensor)
        np.testing.assert_allclose(y.numpy(), expected, rtol=1e-6)
        image = Input(shape=(None, None, 3), dtype=dtype)
        model = Model(image, preprocess_input(image, mode=mode))
        assert model.output_shape == (None, None, None, 3)
        np.testing.assert_allclose(model.predict(x.astype(dtype), verbose=0), expected, rtol=1e-6)


def test_gradients_pass_through():
    x = Tensor(np.ones((1, 1, 1, 3), np.float32), requires_grad=True)
    (preprocess_input(x, mode="torch") ** 2).sum().backward()
    deviations = np.array([0.229, 0.224, 0.225])
    y = (1 / 255 - np.array([0.485, 0.456, 0.406])) / deviations
    np.testing.assert_allclose(x.grad.ravel(), 2 * y / 255 / deviations, rtol=1e-5)


def test_every_network_has_its_own_way():
    x = PIXEL[None, None]
    for module in (vgg16, vgg19, resnet, resnet50):
        np.testing.assert_allclose(module.preprocess_input(x).ravel(), EXPECTED["caffe"], rtol=1e-5)
        assert module.decode_predictions is decode_predictions
    np.testing.assert_allclose(alexnet.preprocess_input(x).ravel(), EXPECTED["torch"], rtol=1e-5)


@pytest.mark.parametrize(
    ("x", "options", "says"),
    [
        (np.zeros((2, 2, 3)), {"mode": "keras"}, "expects mode to be 'caffe', 'torch' or 'tf', got 'keras'"),
        (np.zeros((2, 2, 3)), {"data_format": "NCHW"}, "expects data_format to be None, .* got 'NCHW'"),
        (np.zeros((2, 2, 1)), {}, r"pictures with 3 channels, \(N, H, W, 3\) .* got shape \(2, 2, 1\)"),
        (np.zeros((2, 2, 3)), {"data_format": "channels_first"}, r"\(N, 3, H, W\) or one without N, got"),
        (np.zeros((2, 3)), {}, r"got shape \(2, 3\)"),
    ],
)
def test_refusals(x, options, says):
    with pytest.raises(ValueError, match=says):
        preprocess_input(x, **options)


# --- names ------------------------------------------------------------------------------------------------

CLASSES = {str(i): [f"n{i * 7 + 1000000:08d}", f"thing_{i}"] for i in range(1000)}
FILE = "imagenet_class_index.json"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MINIDL_HOME", str(tmp_path))
    (tmp_path / "datasets").mkdir()
    return tmp_path / "datasets"


def test_the_best_five_by_name(home):
    (home / FILE).write_text(json.dumps(CLASSES))
    preds = np.zeros((2, 1000), np.float32)
    preds[0, [7, 3, 999, 0, 12, 5]] = [0.3, 0.25, 0.2, 0.1, 0.08, 0.07]
    preds[1, 500] = 1
    best = decode_predictions(preds)
    assert [len(row) for row in best] == [5, 5]
    assert [name for _, name, _ in best[0]] == ["thing_7", "thing_3", "thing_999", "thing_0", "thing_12"]
    assert best[0][0] == ("n01000049", "thing_7", np.float32(0.3))
    assert decode_predictions(Tensor(preds), top=1)[1] == [("n01003500", "thing_500", 1.0)]
    assert sorted(name for _, name, _ in decode_predictions(preds, top=1000)[0]) == sorted(
        name for _, name in CLASSES.values()
    )
    assert decode_predictions(preds[:0]) == []


@pytest.mark.parametrize(
    ("preds", "top", "error"),
    [
        (np.zeros((2, 10)), 5, ValueError),
        (np.zeros(1000), 5, ValueError),
        (np.zeros((2, 1000)), 0, ValueError),
        (np.zeros((2, 1000)), 1001, ValueError),
        (np.zeros((2, 1000)), 2.5, TypeError),
    ],
)
def test_refused_predictions(home, preds, top, error):
    with pytest.raises(error, match="decode_predictions expects"):
        decode_predictions(preds, top)


def swapped(**changed):
    return json.dumps(CLASSES | changed).encode()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is not the list of ImageNet's classes: .*Expecting value"),
        (b"\xff\xfe\xff", "is not the list"),
        (b"[1, 2]", "to be a JSON object, got a list"),
        (json.dumps(dict(list(CLASSES.items())[:-1])).encode(), "should have the keys"),
        (swapped(extra=["n09999999", "x"]), "should have the keys"),
        (swapped(**{"5": "thing"}), "class 5 should be an id and a name, it is 'thing'"),
        (swapped(**{"5": ["n01000035", 5]}), "class 5 should be an id and a name"),
        (swapped(**{"5": ["01000035", "x"]}), "class 5 should have an id like n01440764, .* it has '01000035'"),
        (swapped(**{"5": CLASSES["6"], "6": CLASSES["5"]}), "class 6 should have an id .* in rising order"),
        (b" " * (1 << 17) + swapped(), "it has more than 131,072 bytes"),
        (b"[" * 100_000, "is not the list"),
    ],
)  # fmt: skip
def test_another_file_of_names_is_refused(home, content, says):
    (home / FILE).write_bytes(content)
    with pytest.raises(ValueError, match=says) as caught:
        decode_predictions(np.zeros((1, 1000)))
    assert caught.match("Delete it to have it downloaded")
    assert len(str(caught.value)) - len(str(home)) < 400


def test_missing_names_are_downloaded_once(home, monkeypatch):
    content, urls = swapped(), []

    def receive(url, output, limit):
        urls.append(url)
        output.write_bytes(content)

    monkeypatch.setattr(imagenet_classes.files, "receive", receive)
    with pytest.raises(OSError, match=r"no copy could be had \(OSError: what was sent has another checksum"):
        decode_predictions(np.eye(1, 1000))
    assert list(home.iterdir()) == []
    monkeypatch.setattr(imagenet_classes, "_MD5", hashlib.md5(content, usedforsecurity=False).hexdigest())
    for _ in range(2):
        assert decode_predictions(np.eye(1, 1000), top=1)[0][0][1] == "thing_0"
    assert len(urls) == 2
    assert urls[0].startswith("https://")
    assert [file.name for file in home.iterdir()] == [FILE]


def test_without_a_network(home, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(imagenet_classes, "_SITE", "http://127.0.0.1:1/")
    with pytest.raises(OSError, match="refused") as caught:
        decode_predictions(np.eye(1, 1000))
    assert str(caught.value).endswith(f"Get http://127.0.0.1:1/{FILE} with a browser and put it there.")


def test_public_names():
    assert imagenet_utils.preprocess_input is preprocess_input
