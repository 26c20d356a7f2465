# %% [markdown]
# # When is a GPU faster, and does it give the same numbers?
#
# "Put it on the GPU" sounds as if everything got faster. Small networks get slower. The reason is simple arithmetic, and
# this script does it: measured on your CPU, and on your GPU if there is one. Where there is none, the GPU's half is an
# estimate from three numbers, which every data sheet has.
#
#     python examples/14_cpu_and_gpu.py
#
# The picture goes to `--output`.

# %%
import argparse
import sys
import textwrap
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import minidl
from minidl.layers import LSTM, Conv2D, Dense, Flatten, Input, MaxPooling2D
from minidl.models import Sequential
from minidl.utils import set_random_seed

parser = argparse.ArgumentParser(description="The same work on the CPU and on the GPU.")
parser.add_argument("--largest", type=int, default=2048, help="rows and columns of the largest matrix")
parser.add_argument("--steps", type=int, default=20, help="training steps to time")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--output", type=Path, default=Path("output"), help="folder for the picture")
options = parser.parse_args([] if "ipykernel" in sys.modules else None)  # a notebook takes the defaults
if options.largest < 32:
    parser.error("--largest must be at least 32")

# %% [markdown]
# ## Is there a GPU?
# `minidl.set_device("gpu")` or `with minidl.device("gpu"):` put new arrays there, or say what is missing. Nothing falls
# back to the CPU on the quiet; `"auto"` does, for those who want that.

# %%
try:
    with minidl.device("gpu") as name:
        print(f"There is one: {name}.")
    devices = ["cpu", "gpu"]
except minidl.DeviceError as error:
    print(textwrap.fill(str(error), 80))
    devices = ["cpu"]

# %% [markdown]
# ## What a GPU costs before it does anything
#
#     seconds = Python + start + work / rate     if the data is on the GPU already
#             + bytes / bus                      if it has to be carried there and back
#
# *Python*: the call of the layer. The same on the CPU.
# *start*: the CPU tells the GPU what to do, once for every op. Some 10 millionths of a second, however small the op.
# *rate*: additions and multiplications a second. Here it is far ahead of any CPU.
# *bus*: what goes over from the memory of the computer to that of the GPU. Slower than either memory.

# %%
# A GPU of the middle class.
START = 10e-6  # seconds
RATE = 10e12  # operations a second
BUS = 12e9  # bytes a second


def expected(n, python, carried):
    """Seconds for a product of two (n, n) matrices of float32 on such a GPU."""
    work, size = 2 * n**3, 4 * n**2
    return python + START + work / RATE + (2 * size / BUS if carried else 0)


# %% [markdown]
# ## Measured
# A Dense layer is a product of matrices. n rows of n features times n units: 2*n*n*n operations on 3*n*n numbers. Twice
# as large a matrix is eight times the work, but only four times the data; so the larger, the better for the GPU.
#
# A trap in timing: a GPU is told what to do and the program goes on at once. Whoever stops the clock then has measured
# the telling. Reading one number of the result makes the clock wait until it is there.


# %%
def seconds(work, times=5):
    """How long `work()` takes, at best; it returns an array, of which one number is read."""
    best = float("inf")
    for _ in range(times):
        begin = time.perf_counter()
        minidl.to_numpy(work()[:1, :1])
        best = min(best, time.perf_counter() - begin)
    return best


def product(n, device, carried=False):
    """Seconds for the product on a device."""
    x = np.random.default_rng(options.seed).random((n, n), "float32")
    with minidl.device(device), minidl.no_grad():
        layer = Dense(n, use_bias=False)
        layer.build((n, n))
        there = minidl.to_device(x, device)
        layer(there)  # the first call may compile something
        if carried:
            return seconds(lambda: minidl.to_numpy(layer(minidl.to_device(x, device)).data))
        return seconds(lambda: layer(there).data)


sizes = [2**k for k in range(3, options.largest.bit_length()) if 2**k <= options.largest]
measured = {"CPU": [product(n, "cpu") for n in sizes]}
if "gpu" in devices:
    known = "measured"
    measured["GPU"] = [product(n, "gpu") for n in sizes]
    measured["GPU and bus"] = [product(n, "gpu", carried=True) for n in sizes]
else:
    known = "estimated"
    python = min(measured["CPU"])  # of a product so small that hardly anything else takes time
    measured["GPU"] = [expected(n, python, carried=False) for n in sizes]
    measured["GPU and bus"] = [expected(n, python, carried=True) for n in sizes]

print(f"\nMilliseconds for the product of two (n, n) matrices (the GPU's are {known})")
print(f"{'n':>6}" + "".join(f"{name:>14}" for name in measured))
for row, n in enumerate(sizes):
    print(f"{n:6}" + "".join(f"{1000 * times[row]:14.3f}" for times in measured.values()))


def overtakes(times):
    """From which size on the GPU is faster than the CPU, in words."""
    behind = [k for k, (cpu, gpu) in enumerate(zip(measured["CPU"], times, strict=True)) if gpu >= cpu]
    first = behind[-1] + 1 if behind else 0
    return f"from about n = {sizes[first]} on" if first < len(sizes) else f"not up to n = {sizes[-1]}"


# %% [markdown]
# ## A training step
# A step is a few dozen ops, one after the other: each layer forward, each layer backward, the loss, the optimizer. A GPU
# that is told each of them pays the start each time. That is why minidl has the step of a model *captured* on a GPU:
# told once, repeated as a whole. (`history.captured` says whether it was, or why not.)
#
# Three models: hardly any work; small work, but one step after the other in a loop over time; much work at once.

# %%
MODELS = {
    "Dense(16), batch 32": (32, (8,), [Dense(16, activation="relu"), Dense(1)]),
    "LSTM(32), 60 steps, batch 32": (32, (60, 8), [LSTM(32), Dense(1)]),
    "Conv2D(32 and 64), batch 128": (
        128,
        (28, 28, 1),
        [Conv2D(32, 3), MaxPooling2D(2), Conv2D(64, 3), MaxPooling2D(2), Flatten(), Dense(1)],
    ),
}


def trained(name, device):
    """The model after some steps, the milliseconds of one, and whether it was captured.

    The seed is the same, so the weights and the batches are the same too.
    """
    batch, shape, layers = MODELS[name]
    rng = np.random.default_rng(options.seed)
    rows = batch * options.steps
    x, y = rng.random((rows, *shape), "float32"), rng.random((rows, 1), "float32")
    set_random_seed(options.seed)
    with minidl.device(device):
        model = minidl.models.clone_model(Sequential([Input(shape), *layers]))
        model.compile("sgd", "mse")
        model.fit(x, y, batch, epochs=2, verbose=0)  # compiles, and captures
        begin = time.perf_counter()
        history = model.fit(x, y, batch, verbose=0)
        return model, 1000 * (time.perf_counter() - begin) / options.steps, history.captured


print(f"\n{'Milliseconds for a training step':34}" + "".join(f"{device:>10}" for device in devices))
for name in MODELS:
    results = [trained(name, device) for device in devices]
    print(f"{name:34}" + "".join(f"{milliseconds:10.3f}" for _, milliseconds, _ in results))
    if "gpu" in devices:
        on_cpu, on_gpu = (model.get_weights() for model, *_ in results)
        apart = max(np.abs(a - b).max() for a, b in zip(on_cpu, on_gpu, strict=True))
        print(f"    captured: {results[1][2]}; the weights differ by {apart:.0e} at most")

# %% [markdown]
# ## The same numbers?
# Weights are drawn on the CPU, so a model begins with the same bits on either. After some steps the last digits differ:
# a sum of a thousand numbers is rounded a thousand times, and a GPU adds in another order. That is no mistake, and no
# answer is more right than the other. (Example 13 shows the same between two programs on the CPU.)
#
# ## The answer

# %%
print(f"\nIs the GPU ({known}) faster than this CPU?")
print(f"  data there already:      {overtakes(measured['GPU'])}")
print(f"  carried there and back:  {overtakes(measured['GPU and bus'])}")
print("Much work at once, and the data stays there: GPU. Small steps in a row: CPU.")

# %% [markdown]
# ## Picture

# %%
LOOKS = (("black", "o-"), ("#0072B2", "s-"), ("#D55E00", "^--"))  # Okabe and Ito
options.output.mkdir(parents=True, exist_ok=True)
figure, panel = plt.subplots(figsize=(8, 4.6), layout="constrained")
for (name, times), (colour, style) in zip(measured.items(), LOOKS, strict=True):
    panel.loglog(sizes, [1000 * t for t in times], style, color=colour, label=name)
panel.set_xscale("log", base=2)
panel.set_xticks(sizes, sizes)
panel.set(title=f"the product of two (n, n) matrices (GPU: {known})", xlabel="n", ylabel="milliseconds")
panel.grid(alpha=0.3)
panel.legend()
figure.savefig(options.output / "cpu_and_gpu.png", dpi=120)
print(f"\npicture: {options.output}/cpu_and_gpu.png")
