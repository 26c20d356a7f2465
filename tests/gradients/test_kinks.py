"""The slopes of tests/gradients/kinks.py are those taken, with kernels and without; and those of the peers are theirs."""

import numpy as np
import pytest
from gradients.kinks import KINKS
from registry.running import have_kernels, using

import minidl
from minidl import Tensor

every = pytest.mark.parametrize("kink", KINKS, ids=lambda k: k.name)


@every
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kernels", [False, True])
def test_the_slope_is_the_one_promised(kink, kernels, dtype):
    if kernels and not have_kernels():
        pytest.skip("no kernels here")
    x = Tensor(np.array(kink.x, dtype), requires_grad=True)
    with using(kernels):
        np.sum(kink.function(minidl)(x)).backward()
    np.testing.assert_allclose(x.grad, kink.taken, rtol=2e-6 if dtype == "float32" else 1e-12, atol=0)


@pytest.mark.oracle
@every
def test_keras_takes_what_the_table_says(kink):
    if kink.keras is None:
        pytest.skip("Keras has no such thing")
    keras, jax = pytest.importorskip("keras"), pytest.importorskip("jax")
    if keras.backend.backend() != "jax":
        pytest.skip("the table is about Keras on JAX")
    function = kink.function(keras)
    if isinstance(function, keras.layers.Layer):
        function(np.array(kink.x, np.float32))
    taken = jax.grad(lambda x: keras.ops.sum(function(x)))(jax.numpy.array(kink.x, "float32"))
    wanted = kink.taken if isinstance(kink.keras, str) else kink.keras
    np.testing.assert_allclose(taken, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.oracle
@every
def test_torch_takes_what_the_table_says(kink):
    if kink.torch is None:
        pytest.skip("PyTorch has no such thing")
    torch = pytest.importorskip("torch")
    x = torch.tensor(kink.x, requires_grad=True)
    kink.torch(torch)(x).sum().backward()
    wanted = kink.taken if isinstance(kink.torch_takes, str) else kink.torch_takes
    np.testing.assert_allclose(x.grad.numpy(), wanted, rtol=1e-5, atol=1e-6)
