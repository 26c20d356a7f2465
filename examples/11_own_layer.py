# %% [markdown]
# # I have an idea for a layer. How do I write it, and how do I know that its backward is right?
#
# A backward pass that is almost right is the worst kind of mistake: nothing crashes, the loss goes down, only less far
# than it could. So the judge comes first: `minidl.gradcheck`. With it anybody may write a backward pass.
#
# Our idea is an activation whose shape is learned (Ramachandran, Zoph and Le, 2017, arXiv:1710.05941):
#
#     y = x * sigmoid(beta * x)        beta = 0: a straight line x/2        beta large: nearly relu
#
# with one beta for each unit. We write it three times: the easy way, with a backward of our own that has a mistake, and
# mended. Then it is trained, saved and loaded like any other layer.
#
#     python examples/11_own_layer.py
#
# The pictures go to `--output`.

# %%
import argparse
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import minidl
from minidl import Function
from minidl.inspect import plot_gradcheck
from minidl.layers import Dense, Input, Layer
from minidl.models import Sequential, model_from_json
from minidl.saving import register_keras_serializable
from minidl.utils import set_random_seed

parser = argparse.ArgumentParser(description="Write, check, train and save a layer of one's own.")
parser.add_argument("--epochs", type=int, default=60)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--output", type=Path, default=Path("output"), help="folder for the pictures")
options = parser.parse_args([] if "ipykernel" in sys.modules else None)  # a notebook takes the defaults
options.output.mkdir(parents=True, exist_ok=True)
rng = np.random.default_rng(options.seed)
set_random_seed(options.seed)

# %% [markdown]
# ## The easy way: no backward at all
# A layer is a class with three methods. `build` is called once, when the shape of the input is known, and makes the
# weights. `call` computes the output; written with NumPy functions and operators, it needs no backward, since each of
# them knows its own. `get_config` says what the layer was made with, so that it can be saved. (Ours takes no
# arguments: the one it inherits will do.)


# %%
@register_keras_serializable(package="course")
class LearnedSwish(Layer):
    """y = x * sigmoid(beta * x), with a beta for each unit."""

    def build(self, input_shape):
        self.beta = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="beta")

    def call(self, inputs):
        return inputs / (1 + np.exp(-self.beta * inputs))

    def compute_output_shape(self, input_shape):
        return input_shape


# %% [markdown]
# Is its backward right? One line:

# %%
x = rng.normal(size=(5, 3))
print("the easy way:")
print(minidl.gradcheck(LearnedSwish(), x))

# %% [markdown]
# In most cases this is all. A backward of one's own is for when the formula can be simplified, when fewer arrays should
# be kept, or when one wants to understand it.
#
# ## A backward of our own, with a mistake
# With s = sigmoid(beta*x) and y = x*s, and the slope of the sigmoid s*(1 - s):
#
#     dy/dx = s + x * s * (1 - s) * beta        dy/dbeta = x * s * (1 - s) * x
#
# Whoever is in a hurry forgets that x is in there twice.


# %%
class InAHurry(Function):
    """forward returns the output and what backward will need; backward a gradient for each input."""

    @staticmethod
    def forward(x, beta):
        s = 1 / (1 + np.exp(-beta * x))
        return x * s, (x, beta, s)

    @staticmethod
    def backward(dy, cache):
        x, _, s = cache
        dx = dy * s  # and where is the other x?
        dbeta = dy * x * s * (1 - s) * x
        return dx, dbeta.sum(axis=0)


# %% [markdown]
# ## The judge
# `gradcheck` moves each number a little and compares. The report says which input is wrong, where it is worst, and
# what the number should have been. (`raise_on_failure=False`, as we want to read on; in a test it had better raise.)

# %%
beta = rng.uniform(0.5, 2, size=3)
report = minidl.gradcheck(InAHurry.apply, x, beta, raise_on_failure=False)
print("\nin a hurry:")
print(report)

# %% [markdown]
# beta is right, x is wrong. And the picture shows how: not in a single place, as an index that is off by one would,
# but everywhere. A term is missing.

# %%
plot_gradcheck(report).savefig(options.output / "own_layer_gradcheck.png", dpi=120)

# %% [markdown]
# ## Mended


# %%
class Swish(Function):
    @staticmethod
    def forward(x, beta):
        s = 1 / (1 + np.exp(-beta * x))
        return x * s, (x, beta, s)

    @staticmethod
    def backward(dy, cache):
        x, beta, s = cache
        slope = x * s * (1 - s)  # of s, times x: both gradients have it
        return dy * (s + beta * slope), (dy * x * slope).sum(axis=0)


print("\nmended:")
print(minidl.gradcheck(Swish.apply, x, beta))

# %% [markdown]
# The layer with it is the one above with another `call`. Both give the same numbers.


# %%
@register_keras_serializable(package="course")
class FasterSwish(LearnedSwish):
    """The same, with the backward written out."""

    def call(self, inputs):
        return Swish.apply(inputs, self.beta)


y, y_faster = LearnedSwish()(x), FasterSwish()(x)
print(f"\nthe two layers differ by {np.abs(y.data - y_faster.data).max():.0e}")

# %% [markdown]
# ## Training it
# A bump and a wave, with noise. Three networks of the same size that differ in the activation.

# %%
points = np.linspace(-3, 3, 400)[:, None].astype("float32")
truth = np.exp(-(points**2)) + 0.3 * np.sin(3 * points)
seen = truth + 0.1 * rng.normal(size=truth.shape).astype("float32")


def network(activation):
    layers = [Input(shape=(1,)), Dense(16), activation(), Dense(16), activation(), Dense(1)]
    return Sequential(layers)


ACTIVATIONS = {
    "relu": minidl.layers.ReLU,
    "tanh": lambda: minidl.layers.Activation("tanh"),
    "learned": FasterSwish,
}
curves, answers = {}, {}
for name, activation in ACTIVATIONS.items():
    set_random_seed(options.seed)
    model = network(activation)
    model.compile(minidl.optimizers.Adam(0.01), loss="mse")
    curves[name] = model.fit(points, seen, epochs=options.epochs, batch_size=32, verbose=0).history["loss"]
    answers[name] = model.predict(points, verbose=0)
    error = np.mean((answers[name] - truth) ** 2)
    print(f"{name:8} loss {curves[name][-1]:.4f}, squared distance from the truth {error:.4f}")
betas = model.layers[1].get_weights()[0]
print(f"beta began at 1; in the first layer it is now {betas.min():.2f} to {betas.max():.2f}")

# %% [markdown]
# ## A whole model can be checked too
# With data and loss, through all layers; also after training, and with the layers of others.

# %%
report = minidl.gradcheck(model, points[::50], seen[::50])
print(f"\n{report}")

# %% [markdown]
# ## Saving and loading
# A file holds names and numbers, never code. `register_keras_serializable` says which class a name stands for. Here the
# names and the numbers go separate ways; `model.save("own_layer.keras")` puts both into one file, and needs h5py for it.

# %%
description = model.to_json()
model.save_weights(options.output / "own_layer.npz")
loaded = model_from_json(description)
loaded.load_weights(options.output / "own_layer.npz")
same = np.array_equal(loaded.predict(points, verbose=0), answers["learned"])
print(f"\nsaved and loaded: {'the same answers' if same else 'OTHER ANSWERS'}")

# %% [markdown]
# ## The answer
# Write `call` with NumPy functions, and `minidl.gradcheck(layer, x)` says whether the backward is right. If you write
# the backward too, it says where it is not.

# %%
print("""
write it                call, with NumPy functions: no backward is needed
is its backward right?  print(minidl.gradcheck(layer, x))""")

# %% [markdown]
# ## Picture

# %%
COLOURS = {"relu": "#E69F00", "tanh": "#009E73", "learned": "#0072B2"}  # Okabe and Ito
figure, panels = plt.subplots(1, 3, figsize=(13, 3.8), layout="constrained")
panels[0].plot(points, seen, ".", color="lightgray", ms=3)
panels[0].plot(points, truth, color="black", lw=1, label="truth")
for name, colour in COLOURS.items():
    panels[0].plot(points, answers[name], color=colour, label=name)
    panels[1].semilogy(range(1, options.epochs + 1), curves[name], color=colour, label=name)
panels[0].set(title="what they learned", xlabel="x", ylabel="y")
panels[1].set(title="loss", xlabel="epoch")
line = np.linspace(-4, 4, 200)
for beta in betas:
    panels[2].plot(line, line / (1 + np.exp(-beta * line)), color=COLOURS["learned"], alpha=0.5, lw=1)
panels[2].plot(line, line / (1 + np.exp(-line)), "--", color="black", label="beta = 1, the beginning")
panels[2].set(title="the 16 learned curves of the first layer", xlabel="x", ylabel="y")
for panel in panels:
    panel.grid(alpha=0.3)
    panel.legend()
figure.savefig(options.output / "own_layer.png", dpi=120)
print(f"\npictures: {options.output}/own_layer_gradcheck.png, {options.output}/own_layer.png")
