"""Weights trained with PyTorch: the same predictions here, or a refusal that says why."""

import numpy as np
import pytest

from minidl import Sequential, layers
from minidl.saving import safetensors_file
from minidl.saving.torch_weights import load_torch_weights


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def saved(tmp_path, net):
    torch = pytest.importorskip("torch")
    stt = pytest.importorskip("safetensors.torch")
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if value.dtype.is_floating_point:  # also averages and variances, which begin as zeros and ones
                value.copy_(torch.randn(value.shape) * 0.3)
                if "running_var" in name:
                    value.abs_()
    path = tmp_path / "net.safetensors"
    stt.save_file(net.state_dict(), path)
    return path, net.eval()


def outputs(net, x):
    import torch

    with torch.no_grad():
        return net(torch.as_tensor(x))


def close(a, b):
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-5, atol=1e-5)


@pytest.mark.oracle
def test_a_network_of_images(tmp_path):
    nn = pytest.importorskip("torch").nn
    net = nn.Sequential(
        nn.Conv2d(4, 6, (3, 2), groups=2),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Conv2d(6, 12, 3, groups=6, bias=False),
        nn.ConvTranspose2d(12, 3, 2, stride=2),
        nn.Flatten(),
        nn.Linear(3 * 8 * 10, 7),
        nn.LayerNorm(7),
        nn.Linear(7, 7),
    )
    model = Sequential(
        [
            layers.Input((8, 8, 4)),
            layers.Conv2D(6, (3, 2), groups=2),
            layers.BatchNormalization(epsilon=1e-5),
            layers.ReLU(),
            layers.DepthwiseConv2D(3, depth_multiplier=2, use_bias=False),
            layers.Conv2DTranspose(3, 2, strides=2),
            layers.Flatten(),
            layers.Dense(7),
            layers.LayerNormalization(epsilon=1e-5),
            layers.Dense(7),
        ]
    )
    path, net = saved(tmp_path, net)
    with pytest.raises(ValueError, match=r"give flattened={'6': \(3, 8, 10\)}"):
        load_torch_weights(model, path)
    pairs = load_torch_weights(model, path, flattened={"6": (3, 8, 10)})
    assert pairs == {
        "0": "conv2d",
        "1": "batch_normalization",
        "3": "depthwise_conv2d",
        "4": "conv2d_transpose",
        "6": "dense",
        "7": "layer_normalization",
        "8": "dense_1",
    }
    x = numbers(5, 4, 8, 8)
    close(model.predict(x.transpose(0, 2, 3, 1), verbose=0), outputs(net, x))


@pytest.mark.oracle
def test_a_network_of_series(tmp_path):
    nn = pytest.importorskip("torch").nn
    net = nn.Sequential(nn.Conv1d(3, 5, 4, dilation=2), nn.Flatten(), nn.Linear(5 * 6, 2, bias=False))
    model = Sequential(
        [
            layers.Input((12, 3)),
            layers.Conv1D(5, 4, dilation_rate=2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(2, use_bias=False),
        ]
    )
    path, net = saved(tmp_path, net)
    load_torch_weights(model, path, flattened={"2": (5, 6)})
    x = numbers(3, 3, 12)
    close(model.predict(x.transpose(0, 2, 1), verbose=0), outputs(net, x))


@pytest.mark.oracle
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_a_stack_of_recurrent_layers(tmp_path, kind, bias):
    torch = pytest.importorskip("torch")

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.words = torch.nn.Embedding(9, 3)
            self.rnn = getattr(torch.nn, kind)(3, 4, num_layers=2, batch_first=True, bias=bias)
            self.head = torch.nn.Linear(4, 2)

        def forward(self, x):
            return self.head(self.rnn(self.words(x))[0][:, -1])

    make = getattr(layers, {"RNN": "SimpleRNN"}.get(kind, kind))
    model = Sequential(
        [
            layers.Input((6,)),
            layers.Embedding(9, 3),
            make(4, return_sequences=True, use_bias=bias),
            layers.RNN(getattr(layers, f"{make.__name__}Cell")(4, use_bias=bias)),
            layers.Dense(2),
        ]
    )
    path, net = saved(tmp_path, Net())
    assert list(load_torch_weights(model, path)) == ["words", "rnn.l0", "rnn.l1", "head"]
    x = np.random.default_rng(1).integers(0, 9, (5, 6))
    close(model.predict(x, verbose=0), outputs(net, x))


@pytest.mark.oracle
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_both_directions(tmp_path, kind):
    torch = pytest.importorskip("torch")
    make = getattr(layers, {"RNN": "SimpleRNN"}.get(kind, kind))
    inner = make(4, return_sequences=True)
    model = Sequential([layers.Input((6, 3)), layers.Bidirectional(inner)])
    path, net = saved(tmp_path, getattr(torch.nn, kind)(3, 4, batch_first=True, bidirectional=True))
    assert list(load_torch_weights(model, path)) == [""]
    x = numbers(5, 6, 3)
    close(model.predict(x, verbose=0), outputs(net, x)[0])


# --- pairing and refusals, without PyTorch ------------------------------------------------------------------


def linear(number_in, number_out, seed=0):
    return {"weight": numbers(number_out, number_in, seed=seed), "bias": numbers(number_out, seed=seed + 1)}


def file_of(tmp_path, **modules):
    arrays = {f"{m.replace('_', '.')}.{p}": v for m, parts in modules.items() for p, v in parts.items()}
    safetensors_file.save(tmp_path / "net.safetensors", arrays)
    return tmp_path / "net.safetensors"


def two_equal_layers():
    return Sequential([layers.Input((4,)), layers.Dense(4, name="one"), layers.Dense(4, name="two")])


def test_numbers_in_names_tell_the_order(tmp_path):
    path = file_of(tmp_path, fc10=linear(4, 4, seed=5), fc9=linear(4, 4))
    model = two_equal_layers()
    assert load_torch_weights(model, path) == {"fc9": "one", "fc10": "two"}
    np.testing.assert_array_equal(model.get_layer("two").get_weights()[0], numbers(4, 4, seed=5).T)


def test_names_that_tell_no_order_are_refused(tmp_path):
    path = file_of(tmp_path, decoder=linear(4, 4), encoder=linear(4, 4, seed=3))
    model = two_equal_layers()
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"decoder, encoder, of the same shapes\. Say it: names=") as refused:
        load_torch_weights(model, path)
    assert len(str(refused.value).replace(str(tmp_path), "")) < 400
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    load_torch_weights(model, path, names={"encoder": "one", "decoder": "two"})
    np.testing.assert_array_equal(model.get_weights()[0], numbers(4, 4, seed=3).T)


def test_names_load_a_part(tmp_path):
    path = file_of(tmp_path, body=linear(4, 4), head=linear(4, 1000))
    model = two_equal_layers()
    before = model.get_weights()
    load_torch_weights(model, path, names={"body": "two"})
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    np.testing.assert_array_equal(model.get_weights()[2], numbers(4, 4).T)


def test_layers_inside_of_layers(tmp_path):
    inner = Sequential([layers.Input((5, 4)), layers.Dense(3)], name="inner")
    model = Sequential([layers.Input((5, 4)), layers.TimeDistributed(layers.Dense(4)), inner])
    path = file_of(tmp_path, a=linear(4, 4), b=linear(4, 3, seed=2))
    assert load_torch_weights(model, path) == {"a": "time_distributed/dense_1", "b": "inner/dense"}


@pytest.mark.parametrize(
    ("modules", "options", "message"),
    [
        ({"a": linear(4, 4), "b": linear(4, 5)}, {}, r"expected 2 with weight \(4, 4\), bias \(4,\)"),
        ({"a": linear(4, 4)}, {}, "got 1: a"),
        ({"a1": linear(4, 4), "a2": linear(4, 4), "b": {"weight": numbers(1)}}, {}, "for: no layer"),
        ({"a": linear(4, 4)}, {"names": {"b": "one"}}, "expected a module 'b', got a"),
        ({"a": linear(4, 4)}, {"names": {"a": "three"}}, "got 'three'. There are: one, two"),
        ({"a": linear(4, 4), "b": linear(4, 4)}, {"names": {"a": "one", "b": "one"}}, "one layer twice"),
        ({"a": {"weight": numbers(4, 4)}}, {"names": {"a": "one"}}, r"bias \(4,\) for one \(Dense\)"),
        ({"a": linear(4, 3)}, {"names": {"a": "one"}}, r"got weight \(3, 4\)"),
        ({"a": linear(4, 4)}, {"names": {"a": "one"}, "flattened": {"a": (3, 2)}}, r"got \(3, 2\) for one"),
        ({"a": linear(4, 4)}, {"names": {"a": "one"}, "flattened": {"b": (2, 2)}}, "that are loaded, got 'b'"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_and_changes_nothing(tmp_path, modules, options, message):
    model = two_equal_layers()
    before = model.get_weights()
    with pytest.raises(ValueError, match=message) as refused:
        load_torch_weights(model, file_of(tmp_path, **modules), **options)
    assert len(str(refused.value).replace(str(tmp_path), "")) < 400
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_rows_that_were_flattened_channels_last_stay(tmp_path):
    model = Sequential([layers.Input((2, 3)), layers.Flatten(), layers.Dense(2)])
    load_torch_weights(model, file_of(tmp_path, a=linear(6, 2)), flattened={"a": None})
    np.testing.assert_array_equal(model.get_weights()[0], numbers(2, 6).T)


def test_rows_are_permuted_as_told(tmp_path):
    model = Sequential([layers.Input((2, 5, 3)), layers.Flatten(), layers.Dense(2)])
    w = numbers(2, 30)
    path = file_of(tmp_path, a={"weight": w, "bias": numbers(2)})
    load_torch_weights(model, path, flattened={"a": (3, 2, 5)})
    kernel = model.get_weights()[0]
    for c, h, k in np.ndindex(3, 2, 5):
        np.testing.assert_array_equal(kernel[(h * 5 + k) * 3 + c], w[:, (c * 2 + h) * 5 + k])


def test_layers_that_pytorch_does_not_have(tmp_path):
    path = file_of(tmp_path, a=linear(4, 4))
    model = Sequential([layers.Input((5, 4)), layers.GRU(4, reset_after=False), layers.Dense(4)])
    with pytest.raises(ValueError, match=r"expected layers that PyTorch has as well, got gru/"):
        load_torch_weights(model, path)
    with pytest.raises(ValueError, match="no counterpart in PyTorch"):
        load_torch_weights(model, path, names={"a": "gru/gru_cell"})
    assert load_torch_weights(model, path, names={"a": "dense"}) == {"a": "dense"}


def test_a_model_that_is_not_built(tmp_path):
    with pytest.raises(ValueError, match="no weights yet"):
        load_torch_weights(Sequential([layers.Dense(2)]), file_of(tmp_path, a=linear(4, 2)))
