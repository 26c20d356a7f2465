# %% [markdown]
# # Two inputs, two outputs: what do the hares say about the lynxes?
#
# Sequential is a chain: one input, one output, a single way between them. Here the data come from two sides and two
# answers are wanted. Every year hares and lynxes are counted; from three years of both, the next three of both are to
# be forecast. Lynxes eat hares, so who wants to know the hares had better look at the lynxes too.
#
# The model is put together from small ones: a branch that reads the hares, one that reads the lynxes, a trunk in which
# the two meet (`Concatenate`), and a head for each answer. The same parts also make models of other forms, which shows
# what the meeting is worth:
#
#     one to one      hares          -> hares            many to one     hares, lynxes -> hares
#     one to many     hares          -> hares, lynxes    many to many    hares, lynxes -> hares, lynxes
#
#     python examples/08_ensemble.py
#
# The pictures (the model, learning curves, forecasts) go to `--output`.

# %%
import argparse
import contextlib
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import train_test_split

import minidl
from minidl import Model
from minidl.layers import LSTM, Concatenate, Dense, Input
from minidl.optimizers import Adam
from minidl.utils import plot_model, set_random_seed

parser = argparse.ArgumentParser(description="A model with two inputs and two outputs.")
parser.add_argument("--epochs", type=int, default=30)
parser.add_argument("--valleys", type=int, default=2000, help="how many pairs of short series to make up")
parser.add_argument(
    "--activation", default="linear", help="of the hidden dense layers; 'tanh' is worth a try"
)
parser.add_argument(
    "--kernels", action=argparse.BooleanOptionalAction, default=True, help="use compiled kernels"
)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--output", type=Path, default=Path("output"), help="folder for the pictures")
options = parser.parse_args([] if "ipykernel" in sys.modules else None)  # a notebook takes the defaults
PAST, FUTURE, MISCOUNT = 3, 3, 0.1

# %% [markdown]
# ## Data
# The oldest model of hunters and hunted (Lotka, 1925; Volterra, 1926), in units of the numbers h = l = 1 at which
# nothing changes:
#
#     dh/dt = 0.9 h (1 - l)        hares multiply, and are eaten when there are lynxes
#     dl/dt = 0.5 l (h - 1)        lynxes starve, and multiply when there are hares
#
# Both go up and down every nine years or so, the lynxes a quarter of that behind the hares. Each valley starts at
# numbers of its own. What the model sees and is asked for are logarithms of counts, and who counts is off by about 10 %
# (0.1 in the logarithm), so no forecast can get below an error of 0.1 * 0.1 = 0.01.


# %%
def valleys(n, rng, steps=20):
    """The logarithms (n, years, 2) of hares and lynxes, by Runge and Kutta's rule with `steps` to a year."""

    def change(z):
        return np.stack([0.9 * (1 - np.exp(z[:, 1])), 0.5 * (np.exp(z[:, 0]) - 1)], axis=1)

    z, dt = rng.normal(scale=0.5, size=(n, 2)), 1 / steps
    years = [z]
    for _ in range(PAST + FUTURE - 1):
        for _ in range(steps):
            k1 = change(z)
            k2 = change(z + dt / 2 * k1)
            k3 = change(z + dt / 2 * k2)
            z = z + dt / 6 * (k1 + 2 * k2 + 2 * k3 + change(z + dt * k3))
        years.append(z)
    return np.stack(years, axis=1)


rng = np.random.default_rng(options.seed)
true = valleys(options.valleys, rng)
counted = (true + rng.normal(scale=MISCOUNT, size=true.shape)).astype("float32")
hares, lynxes = counted[..., 0], counted[..., 1]

# Several arrays are split in one go, so that row i of each remains the same valley.
x_hares, x_hares_test, x_lynxes, x_lynxes_test, y_hares, y_hares_test, y_lynxes, y_lynxes_test = (
    train_test_split(
        hares[:, :PAST, None],  # (N, T, 1): an LSTM wants one feature a year
        lynxes[:, :PAST, None],
        hares[:, PAST:],
        lynxes[:, PAST:],
        test_size=0.25,
        random_state=options.seed,
    )
)
data = {
    "hares": (x_hares, y_hares, x_hares_test, y_hares_test),
    "lynxes": (x_lynxes, y_lynxes, x_lynxes_test, y_lynxes_test),
}
print(f"{len(x_hares):,} valleys to learn from, {len(x_hares_test)} to be asked about")

# %% [markdown]
# ## The parts, and how they are joined
# A layer is called on the output of another; nothing is computed yet, the calls are only noted. `Model(inputs,
# outputs)` comes last and collects every layer on a way from an input to an output.
#
# The sizes are those of a lesson in which the dense layers have no activation. Then two in a row are one matrix written
# as a product of two, `(x A) B = x (A B)`: more numbers to learn, but nothing that one layer could not say. What bends
# is in the LSTMs alone. `--activation tanh` bends them too;
# try for whom that is better.


# %%
def dense(number, units, activation=options.activation):
    return Dense(units, activation=activation, name=f"dense_{number}")


BRANCHES = {
    "hares": ("input_1", "lstm_1", [(1, 4), (2, 6), (3, 2)]),  # dense layers: number, units
    "lynxes": ("input_2", "lstm_2", [(4, 6), (5, 4)]),
}
TRUNK = [(6, 4), (7, 10), (8, 4)]
HEADS = {"hares": [(9, 16), (10, 32), (11, FUTURE)], "lynxes": [(12, 64), (13, 16), (14, FUTURE)]}


def chain(x, layers, last=options.activation):
    """x through the dense `layers`; the last one has the activation `last`."""
    for number, units in layers[:-1]:
        x = dense(number, units)(x)
    return dense(*layers[-1], activation=last)(x)


def build(seen, wanted, name):
    """The model that forecasts `wanted` from `seen`, each a list of species."""
    inputs, branches = [], []
    for species in seen:
        input_name, lstm_name, layers = BRANCHES[species]
        x = Input(shape=(PAST, 1), name=input_name)
        inputs.append(x)
        branches.append(chain(LSTM(8, name=lstm_name)(x), layers))
    together = Concatenate(name="concatenate_1")(branches) if len(branches) > 1 else branches[0]
    trunk = chain(together, TRUNK)
    outputs = [chain(trunk, HEADS[species], last="linear") for species in wanted]
    return Model(inputs=inputs, outputs=outputs, name=name)


model = build(["hares", "lynxes"], ["hares", "lynxes"], "many_to_many")

# %% [markdown]
# The last column says where a layer's input comes from: `dense_8[0][0]` stands twice, as both heads begin there. With
# `explain=True` each number of parameters is shown as it comes about:
#
#     lstm_1          (1 + 8 + 1)*8*4 = 320     inputs, states and a bias, for 8 units, for 3 gates and the candidate
#     dense_3         (6 + 1)*2 = 14            inputs and a bias, for 2 units
#     concatenate_1   0                         2 numbers and 4 numbers side by side are 6: nothing to learn
#     dense_6         (6 + 1)*4 = 28            that is why it has 6 inputs

# %%
model.summary(line_length=80, explain=True)

# %% [markdown]
# ## Training
# One loss for each output; what is made small is their sum. Inputs, answers and losses are lists in the order of
# `Model(inputs, outputs)`. Metrics are a list for each output: with several outputs a bare `["mae"]` could not say
# whose it is.


# %%
def learn(model, seen, wanted):
    """Train, and return the history and what `evaluate` says about the test valleys."""
    model.compile(optimizer=Adam(0.003), loss=["mse"] * len(wanted), metrics=[["mae"] for _ in wanted])
    history = model.fit(
        [data[species][0] for species in seen],
        [data[species][1] for species in wanted],
        epochs=options.epochs,
        batch_size=32,
        validation_split=0.2,
        verbose=0,
    ).history
    scores = model.evaluate(
        [data[species][2] for species in seen], [data[species][3] for species in wanted], verbose=0
    )
    return history, scores


set_random_seed(options.seed)
model = build(["hares", "lynxes"], ["hares", "lynxes"], "many_to_many")
with contextlib.nullcontext() if options.kernels else minidl.kernels_off():
    history, scores = learn(model, ["hares", "lynxes"], ["hares", "lynxes"])
print(f"\n{'epoch':>5}  {'loss':>7} = " + " + ".join(f"{name}_loss" for name in model.output_names))
for epoch in sorted({0, *range(4, options.epochs, 5), options.epochs - 1}):
    parts = " + ".join(f"{history[f'{name}_loss'][epoch]:13.4f}" for name in model.output_names)
    print(f"{epoch + 1:5}  {history['loss'][epoch]:7.4f} = {parts}")

# %% [markdown]
# ## What evaluate returns
# For n outputs with one metric each, 2n + 1 numbers: the sum of the losses, each loss, each metric. With one output the
# sum *is* the loss and is not said twice: 2 numbers, not 3.

# %%
print(f"\nevaluate returns {len(scores)} numbers for {len(model.outputs)} outputs:")
for name, score in zip(model.metrics_names, scores, strict=True):
    print(f"  {name:16} {score:.4f}")
print(
    f"  the first is the sum of the next two: {scores[1]:.4f} + {scores[2]:.4f} = {scores[1] + scores[2]:.4f}"
)

# %% [markdown]
# ## What the meeting is worth
# The same parts in other forms, trained alike, and judged by the mean squared error on the test valleys.

# %%
FORMS = {
    "one to one (hares)": (["hares"], ["hares"]),
    "one to one (lynxes)": (["lynxes"], ["lynxes"]),
    "one to many": (["hares"], ["hares", "lynxes"]),
    "many to one": (["hares", "lynxes"], ["hares"]),
    "many to many": (["hares", "lynxes"], ["hares", "lynxes"]),
}
errors = {}
for form, (seen, wanted) in FORMS.items():
    if form == "many to many":
        errors[form] = dict(zip(wanted, scores[1:3], strict=True))
        continue
    set_random_seed(options.seed)
    other = build(seen, wanted, form.split(" (")[0].replace(" ", "_"))
    with contextlib.nullcontext() if options.kernels else minidl.kernels_off():
        _, values = learn(other, seen, wanted)
    if len(wanted) == 1:
        print(f"\n{form}: evaluate returns {len(values)} numbers, {', '.join(other.metrics_names)}", end="")
    errors[form] = dict(zip(wanted, values[:1] if len(wanted) == 1 else values[1:3], strict=True))

same = {s: float(np.mean((data[s][3] - data[s][2][:, -1]) ** 2)) for s in data}
print(f"\n\n{'Mean squared error of the forecast':34}  {'hares':>8}  {'lynxes':>8}")
for form, error in {"as in the last year known": same, **errors}.items():
    print(f"{form:34}  " + "  ".join(f"{error[s]:8.4f}" if s in error else f"{'':8}" for s in data))
print(f"{'nobody can do better than':34}  {MISCOUNT**2:8.4f}  {MISCOUNT**2:8.4f}")

# %% [markdown]
# Both forecasts gain from both inputs. That the hares alone already say so much about the lynxes is no accident: how
# fast they become fewer shows who eats them.

# %% [markdown]
# ## Pictures

# %%
COLOURS = {
    "hares": "#E69F00",
    "lynxes": "#0072B2",
}  # which colour-blind people can tell apart (Okabe and Ito)
options.output.mkdir(parents=True, exist_ok=True)
plot_model(model, to_file=options.output / "ensemble_model.svg", show_shapes=True, show_layer_names=True)

figure, panels = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
epochs = range(1, options.epochs + 1)
for species, output in zip(data, model.output_names, strict=True):
    colour = COLOURS[species]
    panels[0].semilogy(epochs, history[f"{output}_loss"], color=colour, ls="--", label=f"{species}, training")
    panels[0].semilogy(epochs, history[f"val_{output}_loss"], color=colour, label=f"{species}, validation")
panels[0].axhline(MISCOUNT**2, color="gray", lw=1)
panels[0].text(options.epochs, MISCOUNT**2 * 1.05, "miscounting", ha="right", color="dimgray", fontsize=9)
panels[0].set(title="a loss for each output", xlabel="epoch", ylabel="mean squared error")
panels[0].legend(fontsize=9)

forecast = model.predict([x_hares_test[:1], x_lynxes_test[:1]], verbose=0)
for species, answer in zip(data, forecast, strict=True):
    _, _, x, y = data[species]
    colour, past = COLOURS[species], range(1, PAST + 1)
    future = range(PAST, PAST + FUTURE + 1)
    last = x[0, -1, 0]
    panels[1].plot(past, np.exp(x[0, :, 0]), "o-", color=colour, label=f"{species}, counted")
    panels[1].plot(future[1:], np.exp(y[0]), "o", mfc="none", color=colour, label=f"{species}, counted later")
    panels[1].plot(future, np.exp([last, *answer[0]]), ":", lw=2, color=colour, label=f"{species}, forecast")
panels[1].set(title="a valley it has not seen", xlabel="year", ylabel="number (1 = balance)", ylim=(0, None))
panels[1].legend(fontsize=8)

for i, species in enumerate(data):
    place = np.arange(len(errors)) + 0.4 * i - 0.2
    heights = [error.get(species, 0) for error in errors.values()]
    bars = panels[2].barh(place, heights, height=0.36, color=COLOURS[species], label=species)
    panels[2].bar_label(bars, [f" {height:.3f}" if height else "" for height in heights], fontsize=8)
panels[2].set_yticks(range(len(errors)), errors)
panels[2].invert_yaxis()
panels[2].axvline(MISCOUNT**2, color="gray", lw=1)
panels[2].set(title="test error of each form", xlabel="mean squared error")
panels[2].margins(x=0.35)
panels[2].legend(loc="lower right", fontsize=9)
panels[2].set_axisbelow(True)
for panel in panels:
    panel.grid(alpha=0.3)
figure.savefig(options.output / "ensemble.png", dpi=120)
print(
    """
The answer: layers are called on what other layers give, and concatenate puts
two branches side by side. Each output has a loss of its own; the sum of both
sends gradients back through the joint part into both inputs' branches."""
)
print(f"\npictures: {options.output}/ensemble_model.svg, {options.output}/ensemble.png")
