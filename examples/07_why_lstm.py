# %% [markdown]
# # Why LSTM? Which gradient reaches each time step, and who learns from it?
#
# The adding problem (Hochreiter and Schmidhuber, 1997): a sequence of random numbers in 0..1, two of them marked.
# At the end the network says the sum of the two. Who always answers 1 has a mean squared error of 1/6 = 0.167; to be
# right a network must keep the first number for half of the sequence at least, and ignore all the others.
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
# Before each step we add zeros to the state it is handed (h; for LSTM h and c): they change nothing, but their
# gradient is that of the state. We start from the prediction, which is the gradient of any loss but for a factor,
# and show it as a share of what it is at the last step. (For the gradient of the loss, one line does it:
# `minidl.inspect.plot_time_gradients(model, x, y)`. Here it is by hand, as we want to start from the prediction.)


# %%
def follow(model, x):
    """The share of the gradient (T,) that reaches the state before each step, and h before each step (T, N, U)."""
    layer, dense = model.layers
    states, probes, before = layer.cell.get_initial_state(len(x)), [], []
    for t in range(T):
        zeros = [Tensor(np.zeros_like(state.data), requires_grad=True) for state in states]
        states = [state + zero for state, zero in zip(states, zeros, strict=True)]
        probes.append(zeros)
        before.append(states[0].data)
        h, states = layer.cell(Tensor(x[:, t]), states)
    dense(h).sum().backward()
    gradients = [np.concatenate([zero.grad for zero in zeros], axis=1) for zeros in probes]
    sizes = np.array([np.linalg.norm(gradient, axis=1).mean() for gradient in gradients])
    return sizes / max(sizes[-1], np.finfo("float32").tiny), np.array(before)


def multiplier(layer, x, before):
    """What the equations multiply the gradient with in a step, as a number and in words.

    For SimpleRNN the root mean square of the slopes, times that of U's singular values: what a vector of random
    direction is stretched by. For LSTM and GRU the mean of the gate.
    """
    kernel, recurrent, bias = layer.get_weights()
    inputs = np.moveaxis(x, 1, 0)
    if isinstance(layer, SimpleRNN):
        h = np.tanh(inputs @ kernel + before @ recurrent + bias)
        slope, stretch = np.sqrt(np.mean((1 - h**2) ** 2)), np.sqrt(np.sum(recurrent**2) / U)
        return slope * stretch, f"tanh' {slope:.2f} x U {stretch:.2f}"
    name, part = ("f", slice(U, 2 * U)) if isinstance(layer, LSTM) else ("z", slice(U))
    z = inputs @ kernel[:, part] + before @ recurrent[:, part] + bias.reshape(-1, bias.shape[-1]).sum(0)[part]
    gate = 1 / (1 + np.exp(-z))
    best = gate.mean(axis=(0, 1)).max()
    return gate.mean(), f"mean {name} {gate.mean():.2f}, largest {best:.2f}"


def attention(model, x):
    """How much the answer changes with a marked number, and with another one: mean |dy/dx_t| of each."""
    numbers = Tensor(x, requires_grad=True)
    model(numbers).sum().backward()
    change, marked = np.abs(numbers.grad[:, :, 0]), x[:, :, 1] == 1
    return change[marked].mean(), change[~marked].mean()


# %% [markdown]
# ## Training, and a look before and after

# %%
looks, curves, noticed = {}, {}, {}
with contextlib.nullcontext() if options.kernels else minidl.kernels_off():
    for name, layer in LAYERS.items():
        set_random_seed(options.seed)
        model = Sequential([Input(shape=(T, 2)), layer(), Dense(1)], name="adding")
        model.compile(optimizer=Adam(options.learning_rate, global_clipnorm=1.0), loss="mse")
        untrained = model.evaluate(x_test, y_test, batch_size=250, verbose=0)
        for when in ("before", "after"):
            if when == "after":
                fit = model.fit(
                    x_train,
                    y_train,
                    batch_size=64,
                    epochs=options.epochs,
                    validation_data=(x_test, y_test),
                    validation_batch_size=250,
                    verbose=0,
                ).history
            share, before = follow(model, x_test[:100])
            looks[name, when] = share, *multiplier(model.layers[0], x_test[:100], before)
        noticed[name] = attention(model, x_test[:100])
        curves[name] = [untrained, *fit["val_loss"]]
        print(f"{name}: test error {untrained:.4f} before training, {curves[name][-1]:.4f} after", flush=True)

# %% [markdown]
# ## The answer in numbers
# `per step` is measured: the factor that, multiplied T - 1 times, makes the last gradient the first. `made of` is
# computed from the equations above. Where the two differ, paths beside the one in the equation carry gradient (h
# through the gates and their U), or one unit with an open gate carries it while the others do not.

# %%
for when in ("before", "after"):
    print(f"\nGradient {when} training: from the last step to the first of {T}")
    print(f"{'':24}  {'reaches step 1':>14}  {'per step':>8}  made of")
    for name in LAYERS:
        share, _, words = looks[name, when]
        factor = share[0] ** (1 / (T - 1))
        print(f"{name:24}  {share[0]:14.1e}  {factor:8.3f}  {words}")

guessing = float(np.mean((y_test - 1) ** 2))
print("\nMean squared error on 1,000 new sequences")
print(f"(always saying 1: {guessing:.4f}; knowing one of the numbers: {guessing / 2:.4f})")
print(f"{'':24}  {'at last':>8}  {'best':>8}  learned (error below 0.01)")
for name, errors in curves.items():
    learned = next((f"after {100 * i:,} batches" for i, error in enumerate(errors) if error < 0.01), "no")
    print(f"{name:24}  {errors[-1]:8.4f}  {min(errors):8.4f}  {learned}")

print("\nHow much the answer changes with a number (1 and 0 are perfect)")
print(f"{'':24}  {'marked':>8}  {'others':>8}")
for name, (marked, others) in noticed.items():
    print(f"{name:24}  {marked:8.3f}  {others:8.4f}")

# %% [markdown]
# ## The picture
# Look at the left panel first, it is not what is often told. At birth SimpleRNN lets *more* gradient through than
# the gates of GRU and of LSTM with b_f = 1 do: f begins near sigmoid(1) = 0.73 and z near sigmoid(0) = 0.5,
# multiplied in every step. (And glorot is not the weak beginning it is taken for: its U keeps lengths as well, in
# the root mean square. How much arrives depends on the seed.)
#
# That does not decide who learns. While training, the factor of SimpleRNN does not stay near 1 in all steps: its
# gradient vanishes, or shrinks and grows again (the panel in the middle; try other seeds). A likely reason: one and
# the same U has to keep what is there and make room for what is new. At best it gets near the error of who knows one
# of the two numbers, and falls back. LSTM and GRU learn gates, which look at the mark: the last table shows that
# their answer changes as much as a marked number does (1 is perfect), and hardly with the others (0 is perfect).
# Their gradient then arrives at the first step about as large as it left. And an LSTM whose memories are long at
# birth (chrono) needs fewer batches.

# %%
LOOKS = {  # colours that colour-blind people can tell apart (Okabe and Ito), and line styles for print
    "SimpleRNN, orthogonal U": {"color": "#D55E00", "linestyle": "-"},
    "SimpleRNN, glorot U": {"color": "#E69F00", "linestyle": "--"},
    "LSTM, b_f = 1": {"color": "#0072B2", "linestyle": "-"},
    "LSTM, chrono b_f": {"color": "#56B4E9", "linestyle": "--"},
    "GRU": {"color": "#009E73", "linestyle": "-."},
}
options.output.mkdir(parents=True, exist_ok=True)
figure, panels = plt.subplots(1, 3, figsize=(13, 4.6), layout="constrained")
for panel, when in zip(panels, ("before", "after"), strict=False):
    for name, style in LOOKS.items():
        panel.semilogy(np.arange(1, T + 1), looks[name, when][0], lw=2, label=name, **style)
    panel.set(title=f"{when} training", xlabel="time step", ylim=(1e-12, 1e3))
    panel.grid(alpha=0.3)
panels[0].set_ylabel("gradient of the state / that at the last step")
for name, style in LOOKS.items():
    panels[2].semilogy(100 * np.arange(len(curves[name])), curves[name], lw=2, **style)
for level, words, place in ((guessing, "always saying 1", 1.2), (guessing / 2, "one number known", 0.7)):
    panels[2].axhline(level, color="gray", lw=1, zorder=0)
    panels[2].text(100 * options.epochs, level * place, words, ha="right", color="dimgray", fontsize=9)
panels[2].set(title="who learns it", xlabel="batches", ylabel="test error (mean squared)")
panels[2].grid(alpha=0.3)
figure.suptitle(f"Remember a number for up to {T} steps: which gradient arrives, and does it help?")
figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
figure.savefig(options.output / "why_lstm.png", dpi=120)
print(f"\npicture: {options.output}/why_lstm.png")
