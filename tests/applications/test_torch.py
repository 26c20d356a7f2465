"""AlexNet in PyTorch, laid out as the one whose weights are published there."""

import numpy as np
import pytest

from minidl.applications import AlexNet


@pytest.mark.oracle
def test_the_same_predictions_as_the_network_in_one_column():
    torch = pytest.importorskip("torch")
    nn = torch.nn
    ours = AlexNet(classes=5, classifier_activation=None)
    convolutions, others = [], []
    for name, options in (
        ("conv1", {"stride": 4, "padding": 2}), ("conv2", {"padding": 2}), ("conv3", {"padding": 1}),
        ("conv4", {"padding": 1}), ("conv5", {"padding": 1}),
    ):  # fmt: skip
        kernel, bias = ours.get_layer(name).get_weights()
        layer = nn.Conv2d(kernel.shape[2], kernel.shape[3], kernel.shape[0], **options)
        layer.weight.data = torch.tensor(kernel.transpose(3, 2, 0, 1).copy())
        layer.bias.data = torch.tensor(bias)
        convolutions += [layer, nn.ReLU()] + [nn.MaxPool2d(3, 2)] * (name in ("conv1", "conv2", "conv5"))
    for name in ("fc6", "fc7", "predictions"):
        kernel, bias = ours.get_layer(name).get_weights()
        if name == "fc6":  # they flatten (256, 6, 6), here it is (6, 6, 256)
            kernel = kernel.reshape(6, 6, 256, -1).transpose(2, 0, 1, 3).reshape(9216, -1)
        layer = nn.Linear(*kernel.shape)
        layer.weight.data = torch.tensor(kernel.T.copy())
        layer.bias.data = torch.tensor(bias)
        others += [layer, nn.ReLU()]
    theirs = nn.Sequential(*convolutions, nn.Flatten(), *others[:-1])
    x = np.random.default_rng(0).normal(size=(2, 224, 224, 3)).astype(np.float32)
    with torch.no_grad():
        expected = theirs(torch.tensor(x.transpose(0, 3, 1, 2).copy())).numpy()
    got = ours.predict(x, verbose=0)
    assert np.abs(got - expected).max() / np.abs(expected).max() < 1e-5
