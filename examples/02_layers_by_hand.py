# %% [markdown]
# # What do Dense and Conv2D compute, and how does the gradient come back through them?
#
# Both are sums of products. We write each of them with plain loops, from the formula, forward and backward; then we let
# a checker judge the backward, and compare with the layers of minidl.
#
# One rule gives every backward pass here. Find the places where a number goes *in*; what comes back to it is the sum,
# over all these places, of
#
#     (gradient of what it went into)  times  (what it was multiplied by)
#
# `dx` is short for dLoss/dx, the gradient of x. It has the shape of x.
#
#     python examples/02_layers_by_hand.py
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
from minidl.layers import Conv2D, Dense

parser = argparse.ArgumentParser(description="Write Dense and Conv2D with loops, and check them.")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--output", type=Path, default=Path("output"), help="folder for the picture")
options = parser.parse_args([] if "ipykernel" in sys.modules else None)  # a notebook takes the defaults
rng = np.random.default_rng(options.seed)

# %% [markdown]
# ## Dense, forward
# N samples with I features each; U units, each with a weight for every feature and a bias:
#
#     y[n, u] = b[u] + sum over i of  x[n, i] * w[i, u]
#
# I*U weights and U biases are (I + 1)*U parameters.


# %%
def dense(x, w, b):
    """x (N, I), w (I, U), b (U,) -> y (N, U)"""
    (N, I), U = x.shape, len(b)
    y = np.zeros((N, U))
    for n in range(N):
        for u in range(U):
            y[n, u] = b[u]
            for i in range(I):
                y[n, u] += x[n, i] * w[i, u]
    return y


# %% [markdown]
# ## Dense, backward
# The line `y[n, u] += x[n, i] * w[i, u]` says all. There x[n, i] goes into y[n, u], multiplied by w[i, u]; and w[i, u]
# goes into y[n, u], multiplied by x[n, i]. The same loops, the other way round:


# %%
def dense_backward(dy, x, w):
    """dy (N, U) -> dx (N, I), dw (I, U), db (U,)"""
    (N, I), U = x.shape, w.shape[1]
    dx, dw, db = np.zeros(x.shape), np.zeros(w.shape), np.zeros(U)
    for n in range(N):
        for u in range(U):
            db[u] += dy[n, u]
            for i in range(I):
                dx[n, i] += dy[n, u] * w[i, u]
                dw[i, u] += dy[n, u] * x[n, i]
    return dx, dw, db


# %% [markdown]
# The samples share one w. So dw is a sum over the samples: all of them pull at the same weights.
#
# ## Is it right?
# A forward and a backward together are a `Function`. `forward` returns the output and whatever the backward will need;
# `gradcheck` moves each element a little and looks whether the output moves as the backward says.


# %%
class DenseByHand(Function):
    @staticmethod
    def forward(x, w, b):
        return dense(x, w, b), (x, w)

    @staticmethod
    def backward(dy, cache):
        return dense_backward(dy, *cache)


x, w, b = rng.normal(size=(3, 4)), rng.normal(size=(4, 2)), rng.normal(size=2)
print("Dense by hand:")
print(minidl.gradcheck(DenseByHand.apply, x, w, b))

# %% [markdown]
# Written with matrices the loops are one line each, and that is how minidl writes them
# (`minidl/layers/core/dense.py`):
#
#     y = x @ w + b        dx = dy @ w.T        dw = x.T @ dy        db = dy.sum(axis=0)

# %%
dy = rng.normal(size=(3, 2))
for name, by_hand, in_one_line in zip(
    ("dx", "dw", "db"), dense_backward(dy, x, w), (dy @ w.T, x.T @ dy, dy.sum(axis=0)), strict=True
):
    apart = np.abs(by_hand - in_one_line).max()
    print(f"{name} {by_hand.shape!s:7} loops and matrices differ by {apart:.0e}")

# %% [markdown]
# ## Convolution, forward
# A Dense layer on an image would have a weight for every pixel. A convolution has a small window of weights (a filter)
# and slides it over the image; at each place it writes down how well the two match:
#
#     y[n, i, j, f] = b[f] + sum over k, l, c of  x[n, i + k, j + l, c] * w[k, l, c, f]
#
# A window of KH rows fits H - KH + 1 times: 28 pixels and a window of 3 give 26. The window looks at all channels c at
# once, and each filter f has weights of its own: KH*KW*C*F of them, and F biases. The size of the image is not in there.


# %%
def convolution(x, w, b):
    """x (N, H, W, C), w (KH, KW, C, F), b (F,) -> y (N, H - KH + 1, W - KW + 1, F)"""
    (N, H, W, C), (KH, KW, _, F) = x.shape, w.shape
    y = np.zeros((N, H - KH + 1, W - KW + 1, F))
    for n, i, j, f in np.ndindex(y.shape):
        y[n, i, j, f] = b[f]
        for k, l, c in np.ndindex(KH, KW, C):
            y[n, i, j, f] += x[n, i + k, j + l, c] * w[k, l, c, f]
    return y


# %% [markdown]
# ## Convolution, backward
# Again one line says all, and again the same loops. A pixel is under several windows, so its gradient is a sum over
# them. A weight is used at every place of the image, so its gradient is a sum over all places.


# %%
def convolution_backward(dy, x, w):
    """dy like y -> dx, dw, db"""
    dx, dw, db = np.zeros(x.shape), np.zeros(w.shape), np.zeros(w.shape[3])
    for n, i, j, f in np.ndindex(dy.shape):
        db[f] += dy[n, i, j, f]
        for k, l, c in np.ndindex(w.shape[:3]):
            dx[n, i + k, j + l, c] += dy[n, i, j, f] * w[k, l, c, f]
            dw[k, l, c, f] += dy[n, i, j, f] * x[n, i + k, j + l, c]
    return dx, dw, db


class ConvolutionByHand(Function):
    @staticmethod
    def forward(x, w, b):
        return convolution(x, w, b), (x, w)

    @staticmethod
    def backward(dy, cache):
        return convolution_backward(dy, *cache)


images = rng.normal(size=(2, 5, 4, 2))
filters, biases = rng.normal(size=(3, 2, 2, 3)), rng.normal(size=3)
print("\nConvolution by hand:")
print(minidl.gradcheck(ConvolutionByHand.apply, images, filters, biases))

# %% [markdown]
# ## The same numbers as the layers of minidl?
# The layers get our weights, both run on the same input, and the same gradient is sent back.

# %%
print()
for name, layer, function, given in (
    ("Dense(2)", Dense(2), DenseByHand, (x, w, b)),
    ("Conv2D(3, (3, 2))", Conv2D(3, (3, 2)), ConvolutionByHand, (images, filters, biases)),
):
    layer.build(given[0].shape)
    layer.set_weights(given[1:])
    ours = [Tensor(array.astype("float32"), requires_grad=True) for array in given]
    theirs = Tensor(ours[0].data, requires_grad=True)
    y, layer_y = function.apply(*ours), layer(theirs)
    direction = rng.normal(size=y.shape).astype("float32")
    y.backward(direction)
    layer_y.backward(direction)
    pairs = {"y": (y.data, layer_y.data), "dx": (ours[0].grad, theirs.grad)}
    pairs["dw"] = ours[1].grad, layer.kernel.grad
    pairs["db"] = ours[2].grad, layer.bias.grad
    words = ", ".join(f"{key} {np.abs(a - b).max():.0e}" for key, (a, b) in pairs.items())
    print(f"{name:18} differs by at most: {words}")
    print(f"{'':18} {layer.parameter_formula()} = {layer.count_params()} parameters")

# %% [markdown]
# ## Seeing it
# A filter whose weights we choose ourselves: the left column counts negative, the right one positive (Sobel's, 1968).
# It answers where an image gets brighter from left to right. Then we ask for the gradient of a *single* output: only the
# nine pixels that it saw get something, and what they get is the filter itself. The gradient of the filter is the other
# way round: the nine pixels.

# %%
rows, columns = np.mgrid[:16, :16]
disc = (7 - np.hypot(rows - 7.5, columns - 7.5)).clip(0, 3)[None, :, :, None].round(1)  # with a soft rim
sobel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], float)[:, :, None, None]
edges = convolution(disc, sobel, [0.0])
one = np.zeros(edges.shape)
one[0, 6, 2, 0] = 1  # the gradient of this output alone
d_disc, d_sobel, _ = convolution_backward(one, disc, sobel)

options.output.mkdir(parents=True, exist_ok=True)
figure, panels = plt.subplots(1, 5, figsize=(13, 3.1), layout="constrained")
pictures = {
    "x: a disc": disc,
    "w: Sobel's filter": sobel,
    "y: brighter to the right, or darker": edges,
    "dx of one output: the filter": d_disc,
    "dw of one output: its pixels": d_sobel,
}
for panel, (title, picture) in zip(panels, pictures.items(), strict=True):
    largest = np.abs(picture).max()
    panel.imshow(np.squeeze(picture), cmap="PuOr", vmin=-largest, vmax=largest)  # 0 is white
    panel.set_title(title, fontsize=10)
    panel.set(xticks=[], yticks=[])
    if picture.shape[0] == 3:
        for (k, l), value in np.ndenumerate(np.squeeze(picture)):
            colour = "white" if abs(value) > 0.6 * largest else "black"
            panel.text(l, k, f"{value:g}", ha="center", va="center", color=colour)
panels[2].plot(2, 6, "s", mfc="none", mec="#009E73", ms=12, mew=2)  # the one output
figure.savefig(options.output / "layers_by_hand.png", dpi=120)

# %% [markdown]
# ## The answer

# %%
print("""
forward    a sum of products: y += x * w
backward   the same loops: dx += dy * w, dw += dy * x, db += dy
A number that is used in several places gets the sum over all of them.""")
print(f"\npicture: {options.output}/layers_by_hand.png")
