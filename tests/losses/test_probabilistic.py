"""Kullback-Leibler divergence and Poisson loss."""

import math

import numpy as np
import pytest

from minidl import losses

Y = np.array([[0.2, 0.3, 0.5], [0.0, 1.0, 0.0]])
P = np.array([[0.3, 0.3, 0.4], [0.25, 0.5, 0.25]])


def test_kl_divergence():
    def held(v):
        return min(max(v, 1e-7), 1)

    expected = [
        sum(held(a) * math.log(held(a) / held(b)) for a, b in zip(y, p, strict=True))
        for y, p in zip(Y, P, strict=True)
    ]
    assert np.allclose(losses.kl_divergence(Y, P).numpy(), expected, rtol=1e-12)
    assert float(losses.KLDivergence()(Y, P)) == pytest.approx(sum(expected) / 2)
    assert np.array_equal(losses.kl_divergence(Y, Y).numpy(), [0, 0])
    assert np.isfinite(losses.kl_divergence([[1.0, 0.0]], [[0.0, 1.0]]).numpy()).all()


def test_poisson():
    y, p = np.array([[2.0, 0.0, 5.0]]), np.array([[1.0, 0.5, 4.0]])
    expected = sum(b - a * math.log(b + 1e-7) for a, b in zip(y[0], p[0], strict=True)) / 3
    assert float(losses.poisson(y, p)[0]) == pytest.approx(expected, rel=1e-12)
    assert float(losses.Poisson()(y, p)) == pytest.approx(expected, rel=1e-12)
    assert float(losses.poisson([1.0], [0.0])) == pytest.approx(-math.log(1e-7))


def test_what_the_two_numbers_are():
    assert not np.allclose(
        losses.kl_divergence(Y, P).numpy(), losses.kl_divergence(P, Y).numpy()
    )  # no distance
    for p in (0.5, 4.0):  # −log of the probability of a count, up to what no prediction changes
        surprise = -math.log(p**5 * math.exp(-p) / math.factorial(5))
        loss = float(losses.poisson([[5.0]], [[p]])[0])
        assert loss + math.log(math.factorial(5)) == pytest.approx(surprise, abs=1e-5)


def test_gradients(check_gradient):
    check_gradient(lambda p: losses.kl_divergence(Y, p), P)
    check_gradient(lambda p: losses.poisson(10 * Y, p), 5 * P)


def test_negative_rates_are_refused():
    with pytest.raises(ValueError, match=r"rates >= 0, got -0\.5 at index \(0, 1\) of this batch.*softplus"):
        losses.poisson([[1.0, 1.0]], [[1.0, -0.5]])


@pytest.mark.oracle
def test_torch_agrees():
    torch = pytest.importorskip("torch")
    f = torch.nn.functional
    y, p = np.array([[0.2, 0.3, 0.5]]), np.array([[0.3, 0.3, 0.4]])
    kl = f.kl_div(torch.tensor(p).log(), torch.tensor(y), reduction="sum")
    assert float(losses.KLDivergence()(y, p)) == pytest.approx(float(kl), rel=1e-9)
    poisson = f.poisson_nll_loss(torch.tensor(p), torch.tensor(y), log_input=False, eps=1e-7)
    assert float(losses.Poisson()(y, p)) == pytest.approx(float(poisson), rel=1e-9)
