# %% [markdown]
# # Two programs for one formula: do they agree, and what does the second one buy?
#
# Every op of minidl has a *reference*: plain NumPy that reads like the formula. Those that take most time also have a
# *kernel*, the same formula compiled for this processor. The reference is there to be read; the kernel, so that
# nobody has to leave for speed. But two programs are two chances for a mistake. Which one runs, do they agree, and to
# the last digit?
#
#     python examples/13_reference_and_kernels.py
#
# The picture goes to `--output`.

# %%
import argparse
import sys
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import minidl
from minidl.inspect import compare
from minidl.layers import GRU, LSTM, Conv1D, Conv2D, Dense, Flatten, Input, MaxPooling2D, SimpleRNN
from minidl.models import Sequential
from minidl.utils import set_random_seed

parser = argparse.ArgumentParser(description="The reference and the kernels side by side.")
parser.add_argument("--batch-size", type=int, default=32)
parser.add_argument("--steps", type=int, default=20, help="training steps to time")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--output", type=Path, default=Path("output"), help="folder for the picture")
options = parser.parse_args([] if "ipykernel" in sys.modules else None)  # a notebook takes the defaults
rng = np.random.default_rng(options.seed)

# %% [markdown]
# ## What is there on this machine?

# %%
for name, about in minidl.backend.available().items():
    print(f"{name:10} {about}")

# %% [markdown]
# ## One layer, side by side
# `compare` runs a layer forward and backward, once by the references and once by the kernels, from the same weights.
# It shows the largest difference in the output and in each gradient, both times, and the reference itself, to read.

# %%
x = rng.random((options.batch_size, 28, 28, 1), "float32")
print(f"\n{compare(Conv2D(32, 3), x)}")

# %% [markdown]
# ## Which one runs?
# The op looks at its arrays. All of them together hold fewer than 4,096 numbers: the reference, as it is as fast and
# nobody has to wait for a compiler. Some type that no kernel knows: the reference. Inside `minidl.kernels_off()`: the
# reference, always. Everything else: the kernel. Nothing depends on what ran before, so the same call gives the same
# bits, today and tomorrow.

# %%
cases = {
    "many images of 28 x 28": x,
    "two images of 8 x 8": rng.random((2, 8, 8, 1), "float32"),
    "many images in float16": x.astype("float16"),
}
print("\nWhich one runs in Conv2D(32, 3)?")
for name, images in cases.items():
    op = compare(Conv2D(32, 3, dtype=str(images.dtype)), images).ops[0]
    print(f"  {name:22}  {'kernel' if op.runs else 'reference'}")

# %% [markdown]
# ## Why do they not agree to the last bit?
# A float32 has some seven digits, and every addition is rounded. So the order of additions shows in the last digit, as
# here, where the same numbers are added forwards, backwards and in pairs. No order is the right one.

# %%
numbers = rng.random(10000, "float32")
forwards = backwards = np.float32(0)
for number in numbers:
    forwards += number
for number in numbers[::-1]:
    backwards += number
print(f"\nThe sum of {len(numbers):,} numbers")
print(f"  forwards {forwards:.4f}, backwards {backwards:.4f}, in pairs {numbers.sum():.4f}")
print(f"  in float64, with sixteen digits: {numbers.sum(dtype='float64'):.4f}")

# %% [markdown]
# A kernel may add in another order than the reference. It may not be wrong: the difference stays at some 1e-7 of the
# largest value. A mistake in a formula would be seen at once, as it is far larger. `tests/kernels/test_parity.py` draws
# sizes and numbers at random and holds every kernel to its reference.
#
# (One thing to know when you compare layers with relu: where the sum in front of it is 0 but for rounding, one program
# may find it above 0 and the other below. The outputs still agree, but the gradient of that one element is there in one
# and 0 in the other. So the layers here have no activation.)
#
# ## What does it buy?

# %%
LAYERS = {
    "Dense(128)": (Dense(128), (options.batch_size, 1600)),
    "Conv1D(64, 5)": (Conv1D(64, 5), (options.batch_size, 128, 9)),
    "Conv2D(32, 3)": (Conv2D(32, 3), (options.batch_size, 28, 28, 1)),
    "Conv2D(64, 3)": (Conv2D(64, 3), (options.batch_size, 13, 13, 32)),
    "MaxPooling2D(2)": (MaxPooling2D(2), (options.batch_size, 26, 26, 32)),
    "SimpleRNN(64)": (SimpleRNN(64), (options.batch_size, 128, 9)),
    "LSTM(64)": (LSTM(64), (options.batch_size, 128, 9)),
    "GRU(64)": (GRU(64), (options.batch_size, 128, 9)),
}
results = {name: compare(layer, rng.random(shape, "float32")) for name, (layer, shape) in LAYERS.items()}
print("\nMilliseconds, forward and backward; difference as a part of the largest value")
print(f"{'':16} {'reference':>10} {'kernel':>10} {'times as fast':>15} {'difference':>12}")
bars = {}
for name, result in results.items():
    times, worst = result.times, result.largest
    reference = 1000 * (times.reference_forward + times.reference_backward)
    bars[name] = [reference]
    if worst is None:
        print(f"{name:16} {reference:10.2f} {'none here':>10}")
        continue
    kernel = 1000 * (times.kernels_forward + times.kernels_backward)
    bars[name].append(kernel)
    print(f"{name:16} {reference:10.2f} {kernel:10.2f} {reference / kernel:15.1f} {worst.relative:12.0e}")

# %% [markdown]
# Dense hardly gains: NumPy hands its product to a library that is as good as any. Convolutions, pooling and loops over
# time gain most, as there NumPy makes many passes over memory, or many small calls.
#
# ## A whole training step


# %%
def trained():
    """The weights after some steps, and the milliseconds of one step."""
    set_random_seed(options.seed)
    layers = [Input((28, 28, 1)), Conv2D(16, 3, activation="relu"), MaxPooling2D(2), Flatten(), Dense(10)]
    model = Sequential(layers)
    model.compile("sgd", "mse")
    x, y = np.random.default_rng(1).random((2, options.steps * options.batch_size, 784), "float32")
    x, y = x.reshape(-1, 28, 28, 1), y[:, :10]
    model.fit(x, y, options.batch_size, verbose=0)  # compiles what is to be compiled
    begin = time.perf_counter()
    model.fit(x, y, options.batch_size, verbose=0)
    return model.get_weights(), 1000 * (time.perf_counter() - begin) / options.steps


with minidl.kernels_off():
    by_reference, reference_ms = trained()
by_kernels, kernels_ms = trained()
apart = max(np.abs(a - b).max() for a, b in zip(by_reference, by_kernels, strict=True))
print("\nA training step of a small convolutional network:")
print(f"{reference_ms:.2f} ms by the references, {kernels_ms:.2f} ms by the kernels")
print(f"after {2 * options.steps} steps the weights differ by {apart:.0e} at most")

# %% [markdown]
# ## The answer
# They agree but for rounding, one line switches (`with minidl.kernels_off():`), and what is gained is in the picture.
# How to add a kernel of one's own: `kernels/README.md`.

# %%
ratios = {name: times[0] / times[1] for name, times in bars.items() if len(times) == 2}
if ratios:
    most = max(ratios, key=lambda name: ratios[name])
    print(f"\nThey agree but for rounding. {most} gains most: {ratios[most]:.0f} times as fast.")

# %% [markdown]
# ## Picture

# %%
options.output.mkdir(parents=True, exist_ok=True)
figure, panel = plt.subplots(figsize=(8, 4.4), layout="constrained")
places = np.arange(len(bars))
sides = zip(("reference", "kernel"), ("#E69F00", "#0072B2"), zip(*bars.values(), strict=True), strict=False)
for side, (label, colour, milliseconds) in enumerate(sides):  # colours of Okabe and Ito
    drawn = panel.barh(places + 0.4 * side - 0.2, milliseconds, 0.36, color=colour, label=label)
    panel.bar_label(drawn, [f" {ms:.2f}" for ms in milliseconds], fontsize=8)
panel.set_yticks(places, bars)
panel.invert_yaxis()
panel.set(title="forward and backward", xlabel="milliseconds", xscale="log")
panel.margins(x=0.12)
panel.legend()
panel.grid(alpha=0.3)
panel.set_axisbelow(True)
figure.savefig(options.output / "reference_and_kernels.png", dpi=120)
print(f"\npicture: {options.output}/reference_and_kernels.png")
