# %% [markdown]
# # Where does a gradient come from?
#
# Training asks one question over and over: if I turn this weight up a little, does the loss go up or down, and how
# fast? The answer is a slope, dL/dw. A network is a long formula, and `loss.backward()` finds the slopes of all its
# weights at once. How?
#
# We find the same slope five times: by trying, on paper, with thirty lines of our own, with minidl, and with minidl's
# checker. No layer and no model is needed, only the chain rule.
#
#     python examples/01_chain_rule.py
#
# The pictures go to `--output`.

# %%
import argparse
import math
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import minidl
from minidl import Tensor
from minidl.inspect import plot_graph

parser = argparse.ArgumentParser(description="Find one gradient in five ways.")
parser.add_argument("--steps", type=int, default=30, help="of gradient descent at the end")
parser.add_argument("--output", type=Path, default=Path("output"), help="folder for the pictures")
options = parser.parse_args([] if "ipykernel" in sys.modules else None)  # a notebook takes the defaults

# %% [markdown]
# ## One neuron, one example
# It gets x = 2 and should answer 0.5. With w = 0.8 and b = 0.1 it answers 0.935; the loss is the square of the error.

# %%
x, wanted = 2.0, 0.5


def loss(w, b=0.1):
    z = w * x + b
    y = math.tanh(z)
    e = y - wanted
    return e * e


w = 0.8
print(f"loss(w = {w}) = {loss(w):.6f}")

# %% [markdown]
# ## 1. By trying
# Turn w up by a little, turn it down by as much, and see what the loss does:
#
#     dL/dw = (L(w + h) - L(w - h)) / 2h        for a small h
#
# That is honest and needs no mathematics. But a network with a million weights would have to run two million times for
# one step. And how small is small? Below some h the slope gets worse again: both losses are the same in all but their
# last digits, and those are rounded.


# %%
def slope_by_trying(h):
    return (loss(w + h) - loss(w - h)) / (2 * h)


for h in (1e-1, 1e-3, 1e-5, 1e-9, 1e-13):
    print(f"h = {h:.0e}   slope {slope_by_trying(h):.12f}")

# %% [markdown]
# ## 2. On paper: the chain rule
# The formula is a chain of small steps. The slope of each alone is easy:
#
#     z = w*x + b       dz/dw = x
#     y = tanh(z)       dy/dz = 1 - y*y
#     e = y - 0.5       de/dy = 1
#     L = e*e           dL/de = 2*e
#
# If y changes twice as fast as z, and L three times as fast as y, then L changes six times as fast as z. Slopes along
# a chain are multiplied. That is the chain rule, and we go through it from the end: what does L do when e moves? When
# y moves? When z moves? When w moves? (`dz` is short for dL/dz, here and everywhere in minidl.)

# %%
z = w * x + 0.1
y = math.tanh(z)
e = y - wanted

de = 2 * e
dy = de * 1
dz = dy * (1 - y * y)
dw = dz * x
db = dz * 1

print(f"\n{'':4} {'value':>10}  {'dL/d...':>10}")
for name, value, slope in zip("eyzwb", (e, y, z, w, 0.1), (de, dy, dz, dw, db), strict=True):
    print(f"{name:4} {value:10.6f}  {slope:10.6f}")

# %% [markdown]
# One walk from the end to the beginning gave the slope for w *and* for b, and dz was computed once for both. That is
# all of back-propagation: a million weights cost one walk, not a million.
#
# ## 3. Thirty lines that do it for any formula
# A `Number` remembers what it was made from, and how fast it changes with each of those. `backward` walks from the
# result to the beginning, and multiplies.
#
# Look at `+=`: a number that is used in two places gets the slopes of both, added. Here that is e in `e * e`.


# %%
class Number:
    """A number that remembers how it was made."""

    def __init__(self, value, made_from=()):
        self.value = value
        self.made_from = made_from  # pairs: a number, and how fast this one changes with it
        self.slope = 0.0

    def __add__(self, other):
        return Number(self.value + other.value, [(self, 1.0), (other, 1.0)])

    def __mul__(self, other):
        return Number(self.value * other.value, [(self, other.value), (other, self.value)])

    def tanh(self):
        y = math.tanh(self.value)
        return Number(y, [(self, 1 - y * y)])


def in_order(number, seen):
    """Fill `seen` with all that `number` was made from, and then with itself."""
    if number not in seen:
        for source, _ in number.made_from:
            in_order(source, seen)
        seen.append(number)
    return seen


def backward(result):
    result.slope = 1.0  # how fast does L change with L?
    for number in reversed(in_order(result, [])):
        for source, local_slope in number.made_from:
            source.slope += number.slope * local_slope  # the chain rule


weight, bias = Number(w), Number(0.1)
error = (weight * Number(x) + bias).tanh() + Number(-wanted)
backward(error * error)
print(f"\nour own engine: dL/dw = {weight.slope:.12f}, dL/db = {bias.slope:.12f}")

# %% [markdown]
# ## 4. minidl
# A `Tensor` is our `Number` with an array inside. NumPy functions and operators work on it. The walk is
# `walk` in `minidl/graph.py`; the local slopes are in `minidl/primitives/`, one line for each function.

# %%
tw = Tensor(np.array(w), requires_grad=True)
tb = Tensor(np.array(0.1), requires_grad=True)
te = np.tanh(tw * x + tb) - wanted
tensor_loss = te * te
tensor_loss.backward()
by_minidl = float(tw.grad)
print(f"minidl:         dL/dw = {by_minidl:.12f}, dL/db = {tb.grad:.12f}")

# %% [markdown]
# What the walk goes through can be drawn. Each box knows its local slope; the gradients go against the arrows, and end
# in the two leaves.

# %%
options.output.mkdir(parents=True, exist_ok=True)
graph = plot_graph((np.tanh(tw * x + tb) - wanted) ** 2)
graph.save(options.output / "chain_rule_graph.svg")
graph  # a notebook shows it

# %% [markdown]
# Two things that surprise everyone once. Gradients *add up* over calls of `backward`, as they do over uses; a new step
# begins with `w.grad = None`. And a graph can be walked once, then what it had kept is given back.

# %%
again = np.tanh(tw * x + tb) - wanted
(again * again).backward()
print(f"after a second backward: {tw.grad:.6f}, twice as much; w.grad = None starts anew")

# %% [markdown]
# ## 5. minidl's checker
# `gradcheck` is number 1, done with care: differences of fourth order, in float64, for every element of every input.
# From here on, whatever we write, it is the judge.

# %%
report = minidl.gradcheck(lambda w, b: (np.tanh(w * x + b) - wanted) ** 2, np.array(w), np.array(0.1))
print(f"\n{report}")

# %% [markdown]
# ## What the slope is good for
# It says which way is down. A step against it makes the loss smaller; many steps are called training.

# %%
path = [w]
for _ in range(options.steps):
    t = Tensor(np.array(path[-1]), requires_grad=True)
    ((np.tanh(t * x + 0.1) - wanted) ** 2).backward()
    path.append(path[-1] - 0.2 * float(t.grad))
print(f"\n{options.steps} steps down the slope: w = {path[-1]:.4f}, loss {loss(path[-1]):.1e}")

# %% [markdown]
# ## The answer
# Five ways, one number. The first is simple and slow; the other four are the chain rule.

# %%
ways = {
    "1. by trying (h = 1e-5)": slope_by_trying(1e-5),
    "2. on paper": dw,
    "3. thirty lines": weight.slope,
    "4. minidl": by_minidl,
    "5. gradcheck's differences": report.rows[0].numeric,
}
print("\nThe slope of the loss with respect to w:")
for way, slope in ways.items():
    print(f"  {way:28} {slope:.10f}")

# %% [markdown]
# ## Pictures
# On the left the loss for every w, and the slope we found: a line that touches the curve. The dots are the steps
# downhill. On the right, for each h, how wrong the slope by trying is. A large h is too coarse, and of a tiny one
# rounding leaves no digits.

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
ws = np.linspace(-0.4, 1.4, 200)
left.plot(ws, [loss(v) for v in ws], color="black", label="loss")
near = np.array([w - 0.25, w + 0.25])
left.plot(near, loss(w) + dw * (near - w), color="#D55E00", lw=2, label=f"slope {dw:.3f} at w = {w}")
left.plot(path, [loss(v) for v in path], "o", color="#0072B2", ms=4, label="steps downhill")
left.set(title="which way is down?", xlabel="w", ylabel="loss", ylim=(-0.05, 0.6))
left.legend()
hs = 10.0 ** np.arange(-15, 0.1, 0.25)
right.loglog(hs, [abs(slope_by_trying(h) - dw) + 1e-17 for h in hs], color="#0072B2")
right.set(title="the slope by trying: how wrong is it?", xlabel="h", ylabel="error")
for panel in (left, right):
    panel.grid(alpha=0.3)
figure.savefig(options.output / "chain_rule.png", dpi=120)
print(f"\npictures: {options.output}/chain_rule_graph.svg, {options.output}/chain_rule.png")
