# %% [markdown]
# # How does an error at the end of a sequence reach its beginning?
#
# A recurrent layer reads a sequence step by step and keeps a state h. The same weights work in every step. To learn
# from what it read a hundred steps ago, the gradient must travel back through a hundred steps: back-propagation through
# time, BPTT. The name is grander than the thing. It is the chain rule on a loop: run the loop backwards.
#
# We write SimpleRNN and LSTM forward and backward, a line for each equation, have them checked, and watch the gradient
# on its way.
#
#     python examples/03_bptt_by_hand.py --steps 40
#
# The picture goes to `--output`.

# %%
import argparse
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import minidl
from minidl import Function, Tensor
from minidl.layers import LSTM, SimpleRNN

parser = argparse.ArgumentParser(description="Write SimpleRNN and LSTM with their backward, and check them.")
parser.add_argument("--steps", type=int, default=40, help="length of the sequences in the picture")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--output", type=Path, default=Path("output"), help="folder for the picture")
options = parser.parse_args([] if "ipykernel" in sys.modules else None)  # a notebook takes the defaults
if options.steps < 2:
    parser.error("--steps must be at least 2")
rng = np.random.default_rng(options.seed)

# %% [markdown]
# ## SimpleRNN, forward
# A Dense layer with tanh that also sees its own answer of the step before:
#
#     h_t = tanh(x_t W + h_(t-1) U + b)
#
# N sequences of T steps with I features; U units, so h is (N, U). We keep all h, as the way back needs them.


# %%
def rnn(x, W, U, b):
    """x (N, T, I), W (I, U), U (U, U), b (U,) -> [h_0, h_1 ... h_T], each (N, U)"""
    h = [np.zeros((len(x), len(b)))]
    for t in range(x.shape[1]):
        h.append(np.tanh(x[:, t] @ W + h[-1] @ U + b))
    return h


# %% [markdown]
# ## SimpleRNN, backward
# Say the loss looks at the last h only, and its gradient there is dh. In each step, from the last to the first:
#
#     dz = dh * (1 - h_t**2)        through tanh
#     dW gets x_t^T dz              the weights are the same in all steps,
#     dU gets h_(t-1)^T dz          so what each step says about them
#     db gets dz                    is added up
#     dx_t = dz W^T
#     dh = dz U^T                   and this is the dh of the step before
#
# Look at the last line. Every step back multiplies dh with U^T, and with slopes of tanh, which are at most 1.


# %%
def rnn_backward(dh, x, W, U, h):
    """dh (N, U) of the last h -> dx, dW, dU, db, and dh of every step"""
    dx, dW, dU, db = np.zeros(x.shape), np.zeros(W.shape), np.zeros(U.shape), np.zeros(len(U))
    dhs = []
    for t in reversed(range(x.shape[1])):
        dhs.append(dh)
        dz = dh * (1 - h[t + 1] ** 2)
        dW += x[:, t].T @ dz
        dU += h[t].T @ dz
        db += dz.sum(axis=0)
        dx[:, t] = dz @ W.T
        dh = dz @ U.T
    return dx, dW, dU, db, dhs[::-1]


class RNNByHand(Function):
    @staticmethod
    def forward(x, W, U, b):
        h = rnn(x, W, U, b)
        return h[-1], (x, W, U, h)

    @staticmethod
    def backward(dh, cache):
        return rnn_backward(dh, *cache)[:4]


# %% [markdown]
# ## Is it right?

# %%
x = rng.normal(size=(2, 5, 3))
rnn_weights = [rng.normal(size=shape) * 0.5 for shape in ((3, 4), (4, 4), (4,))]
print("SimpleRNN by hand, 5 steps:")
print(minidl.gradcheck(RNNByHand.apply, x, *rnn_weights))

# %% [markdown]
# ## LSTM, forward
# SimpleRNN writes its state anew in every step. An LSTM has a memory c that it changes by a little: a forget gate f
# says how much of it is kept, an input gate i how much of a candidate g is written, an output gate o how much is shown.
#
#     i, f, o = sigmoid(...)    g = tanh(...)         of  x_t W + h_(t-1) U + b,  each with weights of its own
#     c_t = f * c_(t-1) + i * g
#     h_t = o * tanh(c_t)
#
# The four sets of weights lie side by side, in the order i, f, g, o: W is (I, 4U), U is (U, 4U), b is (4U,). Together
# (I + U + 1) * 4 * U numbers. That is the answer to "why 8,320?": (32 + 32 + 1) * 4 * 32.


# %%
def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def lstm(x, W, U, b):
    """x (N, T, I), W (I, 4U), U (U, 4U), b (4U,) -> h (N, U) of the last step, and what each step did"""
    h = c = np.zeros((len(x), len(U)))
    steps = []
    for t in range(x.shape[1]):
        zi, zf, zg, zo = np.split(x[:, t] @ W + h @ U + b, 4, axis=1)
        i, f, g, o = sigmoid(zi), sigmoid(zf), np.tanh(zg), sigmoid(zo)
        c_new = f * c + i * g
        steps.append((h, c, i, f, g, o, c_new))
        h, c = o * np.tanh(c_new), c_new
    return h, steps


# %% [markdown]
# ## LSTM, backward
# Two gradients travel back: dh, and dc of the memory. In each step, from the last to the first, the forward lines in
# the other order:
#
#     h_t = o * tanh(c_t)          do = dh * tanh(c_t)       dc += dh * o * (1 - tanh(c_t)**2)
#     c_t = f * c_(t-1) + i * g    di = dc * g    df = dc * c_(t-1)    dg = dc * i     and  dc = dc * f  goes back
#     the curves                   dz = (di*i*(1-i), df*f*(1-f), dg*(1-g**2), do*o*(1-o))
#     the sums                     as in SimpleRNN
#
# Compare what goes back: dh = dz U^T as before, but dc = dc * f. On the way through the memory nothing is multiplied
# but the forget gate. Where f is near 1, the gradient passes.


# %%
def lstm_backward(dh, x, W, U, steps):
    """dh (N, U) of the last h -> dx, dW, dU, db, and dh and dc of every step"""
    dx, dW, dU, db = np.zeros(x.shape), np.zeros(W.shape), np.zeros(U.shape), np.zeros(U.shape[1])
    dc, travelled = np.zeros(dh.shape), []
    for t in reversed(range(x.shape[1])):
        h, c, i, f, g, o, c_new = steps[t]
        do = dh * np.tanh(c_new)
        dc = dc + dh * o * (1 - np.tanh(c_new) ** 2)
        travelled.append((dh, dc))
        di, df, dg = dc * g, dc * c, dc * i
        dz = np.hstack([di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)])
        dW += x[:, t].T @ dz
        dU += h.T @ dz
        db += dz.sum(axis=0)
        dx[:, t] = dz @ W.T
        dh, dc = dz @ U.T, dc * f
    return dx, dW, dU, db, travelled[::-1]


class LSTMByHand(Function):
    @staticmethod
    def forward(x, W, U, b):
        h, steps = lstm(x, W, U, b)
        return h, (x, W, U, steps)

    @staticmethod
    def backward(dh, cache):
        return lstm_backward(dh, *cache)[:4]


lstm_weights = [rng.normal(size=shape) * 0.5 for shape in ((3, 16), (4, 16), (16,))]
print("\nLSTM by hand, 5 steps:")
print(minidl.gradcheck(LSTMByHand.apply, x, *lstm_weights))

# %% [markdown]
# ## The same numbers as the layers of minidl?

# %%
print()
for layer, function, weights in ((SimpleRNN(4), RNNByHand, rnn_weights), (LSTM(4), LSTMByHand, lstm_weights)):
    layer.build(x.shape)
    layer.set_weights(weights)
    ours = [Tensor(array.astype("float32"), requires_grad=True) for array in (x, *weights)]
    theirs = Tensor(ours[0].data, requires_grad=True)
    h, layer_h = function.apply(*ours), layer(theirs)
    direction = rng.normal(size=h.shape).astype("float32")
    h.backward(direction)
    layer_h.backward(direction)
    pairs = {"h": (h.data, layer_h.data), "dx": (ours[0].grad, theirs.grad)}
    for name, our, weight in zip(("dW", "dU", "db"), ours[1:], layer.weights, strict=True):
        pairs[name] = our.grad, weight.grad
    words = ", ".join(f"{name} {np.abs(a - b).max():.0e}" for name, (a, b) in pairs.items())
    print(f"{type(layer).__name__:10} differs by at most: {words}")

# %% [markdown]
# ## The gradient on its way
# Now many steps. In front of dh stands U^T, again and again. If it shrinks what it multiplies, the gradient of the
# first steps is nothing, and the layer cannot learn from them: the gradient vanishes. If it stretches, it explodes.
#
# U is a rotation here (a rotation keeps lengths) times 0.7, 1 and 1.4. The LSTM is given a forget gate that is
# half open, b_f = 0, and one that is nearly open, b_f = 3.

# %%
T, units = options.steps, 16
sequences = rng.normal(size=(20, T, 3)) * 0.1  # small, so that tanh is nearly straight
rotation = np.linalg.qr(rng.normal(size=(units, units)))[0]
last = rng.normal(size=(20, units))

norms = {}
for stretch in (0.7, 1.0, 1.4):
    W, U, b = rng.normal(size=(3, units)) * 0.1, rotation * stretch, np.zeros(units)
    *_, dhs = rnn_backward(last, sequences, W, U, rnn(sequences, W, U, b))
    norms[f"SimpleRNN, U stretches by {stretch}"] = [np.linalg.norm(dh) for dh in dhs]
for forget in (0.0, 3.0):
    W, U = rng.normal(size=(3, 4 * units)) * 0.1, rng.normal(size=(units, 4 * units)) * 0.1
    b = np.zeros(4 * units)
    b[units : 2 * units] = forget
    *_, travelled = lstm_backward(last, sequences, W, U, lstm(sequences, W, U, b)[1])
    sizes = [np.hypot(np.linalg.norm(dh), np.linalg.norm(dc)) for dh, dc in travelled]
    norms[f"LSTM, f near {sigmoid(forget):.2f}"] = sizes

# %% [markdown]
# ## The answer
# It is multiplied on its way back, once for each step. A factor a little off 1 in each is a lot after many:

# %%
print(f"\n{'':30} {'last step':>10} {'step 1':>10} {'factor a step':>14}")
for name, sizes in norms.items():
    factor = (sizes[0] / sizes[-1]) ** (1 / (T - 1))
    print(f"{name:30} {sizes[-1]:10.2e} {sizes[0]:10.2e} {factor:14.3f}")
print("Below 1 the gradient vanishes, above 1 it explodes. An LSTM's is near its f.")

# %% [markdown]
# (Even U that stretches by 1.4 is not as wild as 1.4**39: large states push tanh to where it is flat.)
#
# Example 07 follows the gradient in layers that are trained, and asks who learns in the end.
#
# ## Picture

# %%
LOOKS = ["#E69F00", "#D55E00", "#CC79A7", "#56B4E9", "#0072B2"]  # Okabe and Ito
options.output.mkdir(parents=True, exist_ok=True)
figure, panel = plt.subplots(figsize=(8, 4.5), layout="constrained")
for (name, sizes), colour, line in zip(norms.items(), LOOKS, ("-", "--", "-.", "--", "-"), strict=True):
    panel.semilogy(range(1, T + 1), sizes, line, color=colour, lw=2, label=name)
panel.set(
    title="the gradient on its way from the last step (right) to the first (left)",
    xlabel="time step",
    ylabel="size of the gradient of the state",
)
panel.grid(alpha=0.3)
panel.legend()
figure.savefig(options.output / "bptt.png", dpi=120)
print(f"\npicture: {options.output}/bptt.png")
