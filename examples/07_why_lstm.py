# %% [markdown]
# # Why LSTM? Which gradient reaches each time step, and who learns from it?
#
# The adding problem (Hochreiter and Schmidhuber, 1997): a sequence of random numbers in 0..1, two of them marked.
# At the end the network says the sum of the two. Who always answers 1 has a mean squared error of 1/6 = 0.167; to do
# better a network must keep the first number for 30 steps and more, and ignore all the others.
#
# We follow the gradient backwards through the steps, before and after training, and look at what multiplies it:
#
#     SimpleRNN    h_t = tanh(x_t W + h_(t-1) U)      slopes of tanh, then the matrix U
#     LSTM         c_t = f*c_(t-1) + i*g              the forget gate f
#     GRU          h_t = z*h_(t-1) + (1 - z)*g        the update gate z
#
# Two beginnings for SimpleRNN (U orthogonal, as in Keras, or glorot_uniform) and for LSTM (b_f = 1, as in Keras, or
# drawn so that memories last up to T steps: Tallec and Ollivier, 2018, arXiv:1804.11188).
#
#     python examples/07_why_lstm.py --steps 60
#
# The picture goes to `--output`.

# %%
import argparse
import contextlib
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import minidl
from minidl import Tensor
from minidl.layers import GRU, LSTM, Dense, Input, SimpleRNN
from minidl.models import Sequential
from minidl.optimizers import Adam
from minidl.utils import set_random_seed

parser = argparse.ArgumentParser(description="Follow gradients through the steps of recurrent networks.")
parser.add_argument("--steps", type=int, default=60, help="length T of the sequences")
parser.add_argument("--units", type=int, default=32)
parser.add_argument("--epochs", type=int, default=15, help="of 100 batches of 64 sequences")
parser.add_argument("--learning-rate", type=float, default=0.005)
parser.add_argument(
    "--kernels", action=argparse.BooleanOptionalAction, default=True, help="use compiled kernels"
)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--output", type=Path, default=Path("output"), help="folder for the picture")
options = parser.parse_args([] if "ipykernel" in sys.modules else None)  # a notebook takes the defaults
T, U = options.steps, options.units
if T < 4:
    parser.error("--steps must be at least 4")

# %% [markdown]
# ## Data
# Two channels: the number, and a 1 at the two marked steps, one in each half.


# %%
def adding_problem(n, rng):
    """n sequences (n, T, 2), and the sums (n, 1) of their two marked numbers."""
    rows, x = np.arange(n), np.zeros((n, T, 2), "float32")
    first, second = rng.integers(0, T // 2, n), rng.integers(T // 2, T, n)
    x[:, :, 0] = rng.random((n, T))
    x[rows, first, 1] = x[rows, second, 1] = 1
    return x, (x[rows, first, 0] + x[rows, second, 0])[:, None]


x_train, y_train = adding_problem(6400, np.random.default_rng(options.seed))
x_test, y_test = adding_problem(1000, np.random.default_rng(options.seed + 1))

# %% [markdown]
# ## Models


# %%
def chrono_bias(shape, dtype):
    """b for an LSTM with memories of 1 to T steps: b_f = log(1 to T - 1), b_i = -b_f."""
    bias = np.zeros(shape, dtype)
    bias[U : 2 * U] = np.log(np.random.default_rng(options.seed).uniform(1, T - 1, U))
    bias[:U] = -bias[U : 2 * U]
    return bias


LAYERS = {
    "SimpleRNN, orthogonal U": lambda: SimpleRNN(U),
    "SimpleRNN, glorot U": lambda: SimpleRNN(U, recurrent_initializer="glorot_uniform"),
    "LSTM, b_f = 1": lambda: LSTM(U),
    "LSTM, chrono b_f": lambda: LSTM(U, bias_initializer=chrono_bias, unit_forget_bias=False),
    "GRU": lambda: GRU(U),
}

# %% [markdown]
# ## Following the gradient
# After each step we add zeros to the state: they change nothing, but their gradient is that of the state. For LSTM
# the state is its memory c. We start from the prediction, which makes the gradient that of any loss but for a factor,
# and show it as a share of what it is at the last step.


# %%
def follow(model, x):
    """The share of the gradient (T,) that reaches each state; states h before each step (T, N, U)."""
    layer, dense = model.layers
    states, probes, before = layer.cell.get_initial_state(len(x)), [], []
    for t in range(T):
        before.append(states[0].data)
        _, states = layer.cell(Tensor(x[:, t]), states)
        probes.append(Tensor(np.zeros_like(states[-1].data), requires_grad=True))
        states[-1] = states[-1] + probes[-1]
        if len(states) == 2:  # h_t of an LSTM was made from c_t before we added the zeros
            states[0] = shown(layer.cell, x[:, t], before[-1], states[1])
    dense(states[0]).sum().backward()
    sizes = np.array([np.linalg.norm(probe.grad, axis=1).mean() for probe in probes])
    return sizes / sizes[-1], np.array(before)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# placeholder
