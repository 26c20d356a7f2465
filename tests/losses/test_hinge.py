"""Hinge losses, against loops over their equations."""

import numpy as np
import pytest

from minidl import losses

Y = np.array([[-1.0, 1.0, 1.0], [1.0, -1.0, -1.0]])
P = np.array([[-2.0, 0.25, 3.0], [0.5, 0.5, -0.75]])
ONE_HOT = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])


@pytest.mark.parametrize(("name", "power"), [("hinge", 1), ("squared_hinge", 2)])
def test_margins(name, power):
    expected = [
        sum(max(1 - a * b, 0) ** power for a, b in zip(y, p, strict=True)) / 3
        for y, p in zip(Y, P, strict=True)
    ]
    f = getattr(losses, name)
    assert np.allclose(f(Y, P).numpy(), expected)
    assert np.allclose(f((Y + 1) / 2, P).numpy(), expected)  # 0 and 1 stand for −1 and 1
    assert np.allclose(f((Y > 0), P).numpy(), expected)


def test_labels_are_converted_only_if_all_are_0_or_1():
    y, p = np.array([[0.0], [-1.0]]), np.array([[0.5], [0.5]])
    assert np.allclose(losses.hinge(y, p).numpy(), [1, 1.5])
    assert np.allclose(losses.hinge(np.ones((2, 1)), p).numpy(), [0.5, 0.5])


def test_categorical_hinge():
    assert np.allclose(losses.categorical_hinge(ONE_HOT, P).numpy(), [3 - 0.25 + 1, max(0.5 - 0.5 + 1, 0)])
    assert np.allclose(losses.categorical_hinge([[1, 0]], [[5.0, 1.0]]).numpy(), 0)
    with pytest.raises(ValueError, match="one-hot"):
        losses.categorical_hinge([0, 1], P)


@pytest.mark.parametrize(
    ("name", "class_name"),
    [("hinge", "Hinge"), ("squared_hinge", "SquaredHinge"), ("categorical_hinge", "CategoricalHinge")],
)
def test_class_is_the_mean_of_the_function(name, class_name):
    y = ONE_HOT if name == "categorical_hinge" else Y
    expected = getattr(losses, name)(y, P).numpy().mean()
    assert float(getattr(losses, class_name)()(y, P)) == pytest.approx(expected)
