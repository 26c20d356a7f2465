# %% [markdown]
# # What is it worth that a network has learned something else? Transfer learning
#
# A base network learns from many windows of 14 people to tell four activities: walking, going up, sitting, lying. Then
# the task changes: six activities (going down and standing are new), and only a few windows of three other people are
# at hand. Three ways to go about it, judged by people nobody has seen:
#
#     frozen        the base without its last layer, not trained any more, and a new head on top that is
#     fine-tuned    then everything is trained together, slowly
#     scratch       the same layers with fresh weights, trained on the few windows for just as long
#
#     python examples/09_transfer_learning.py --windows 3 10 30
#
# The picture goes to `--output`, and so does the file with the weights of the base.

# %%
import argparse
import contextlib
import sys
import textwrap
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import minidl
from minidl.layers import LSTM, BatchNormalization, Conv1D, Dense, Dropout, Input, MaxPooling1D
from minidl.models import Sequential
from minidl.optimizers import Adam
from minidl.utils import set_random_seed

parser = argparse.ArgumentParser(description="Use what a network has learned for another task.")
parser.add_argument(
    "--windows",
    type=int,
    nargs="+",
    default=[3, 10, 30],
    help="of each activity in the new task; several to compare",
)
parser.add_argument("--runs", type=int, default=5, help="each with other windows and other new weights")
parser.add_argument("--base-epochs", type=int, default=8)
parser.add_argument("--epochs", type=int, default=40, help="frozen, and as many fine-tuned")
parser.add_argument(
    "--synthetic", action="store_true", help="use made-up data even if the real ones are there"
)
parser.add_argument(
    "--kernels", action=argparse.BooleanOptionalAction, default=True, help="use compiled kernels"
)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--output", type=Path, default=Path("output"), help="folder for picture and weights")
options = parser.parse_args([] if "ipykernel" in sys.modules else None)  # a notebook takes the defaults
if min(*options.windows, options.runs, options.base_epochs, options.epochs) < 1:
    parser.error("--windows, --runs, --base-epochs and --epochs are at least 1")
options.output.mkdir(parents=True, exist_ok=True)

# %% [markdown]
# ## Data
# Windows of 128 steps and nine channels from a phone at the waist (example 05). Three groups of people that do not
# overlap: for the base, for the new task, for the test.

# %%
CLASSES = [name.replace("WALKING_", "").lower() for name in minidl.datasets.uci_har.CLASS_NAMES]
OLD = [0, 1, 3, 5]  # what the base learns to tell


def people():
    """Windows and activities of three groups of people: for the base, for the new task, for the test."""
    if not options.synthetic:
        try:
            (x, y), test = minidl.datasets.uci_har.load_data()
            who, _ = minidl.datasets.uci_har.load_subjects()
            groups = np.searchsorted(np.unique(who), who)  # 0..20
            base, new = groups < 14, (groups >= 14) & (groups < 17)
            return "UCI HAR", (x[base], y[base]), (x[new], y[new]), test
        except OSError as error:
            print(f"{error}\nUsing made-up data instead.")
    base, _ = minidl.datasets.synthetic_har.load_data(2400, 1, seed=0, people_train=14, people_test=1)
    return "synthetic HAR", base, *minidl.datasets.synthetic_har.load_data(600, 1200, seed=1, people_train=3)


source, (x_base, y_base), (x_new, y_new), (x_test, y_test) = people()
known = np.isin(y_base, OLD)
x_base, y_base = x_base[known], np.searchsorted(OLD, y_base[known])  # the four are numbered 0..3 for the base
mean, std = x_base.mean(axis=(0, 1), dtype="float64"), x_base.std(axis=(0, 1), dtype="float64")
x_base, x_new, x_test = (((x - mean) / std).astype("float32") for x in (x_base, x_new, x_test))
print(f"{source}: {len(x_base):,} windows for the base, {len(x_new):,} of other people")
print(f"to choose a few from, {len(x_test):,} of further people for the test")


def few(n, rng):
    """n windows of each activity, of the three people of the new task."""
    rows = np.concatenate([rng.permutation(np.flatnonzero(y_new == c))[:n] for c in range(len(CLASSES))])
    return x_new[rows], y_new[rows]


# %% [markdown]
# ## The base, and its weights in a file
# `.npz` is NumPy's own format and needs nothing further. A name that ends in `.weights.h5` gives the file that Keras
# reads and writes; that needs h5py (`pip install h5py`).


# %%
def make_base():
    return Sequential(
        [
            Input(shape=(128, 9)),
            Conv1D(32, 5, activation="relu"),
            MaxPooling1D(4),
            LSTM(64),
            Dense(32, activation="relu"),
            Dense(len(OLD), activation="softmax"),
        ],
        name="base",
    )


def compiled(model, learning_rate):
    model.compile(Adam(learning_rate), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


WEIGHTS = options.output / "transfer_base.npz"
set_random_seed(options.seed)
base = compiled(make_base(), 1e-3)
with contextlib.nullcontext() if options.kernels else minidl.kernels_off():
    base.fit(x_base, y_base, epochs=options.base_epochs, batch_size=64, verbose=0)
    old = np.isin(y_test, OLD)
    right = base.evaluate(x_test[old], np.searchsorted(OLD, y_test[old]), batch_size=256, verbose=0)[1]
base.save_weights(WEIGHTS)
print(f"\nThe base tells its {len(OLD)} activities right in {right:.1%} of the test windows.")
print(f"Its weights: {WEIGHTS}, {WEIGHTS.stat().st_size:,} bytes")

# %% [markdown]
# ## Another head
# `model.layers[:-1]` are all layers but the last: the layers themselves, not copies. Who trains the new model trains
# the old one too, which is why each run below begins with the file. (Beware of `layers[:-n]` in a helper with n = 0:
# `layers[:-0]` is `layers[:0]`, and empty.)
#
# `trainable = False` freezes a model and everything in it. Frozen weights still compute, and the gradient still passes
# through them to what is below; they are only never changed.


# %%
def remove_last_layers(model, n):
    """A model of the layers of `model`, the same objects, without the last n."""
    return Sequential([Input(shape=model.input_shape[1:]), *model.layers[: len(model.layers) - n]])


def with_new_head(base):
    model = remove_last_layers(base, 1)
    model.add(Dense(256, activation="relu", name="new_hidden"))
    model.add(Dense(len(CLASSES), activation="softmax", name="new_output"))
    return model


def regularised(model):
    """The same layers, with BatchNormalization and Dropout in front of the last.

    Its running averages must settle within a few hundred steps, hence a momentum below the usual 0.99.
    """
    bigger = remove_last_layers(model, 1)
    bigger.add(BatchNormalization(momentum=0.9))
    bigger.add(Dropout(0.5))
    bigger.add(model.layers[-1])
    return bigger


def numbers(model):
    """How many weights of a model are trained and how many are not, in words."""
    trained = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    return f"{trained:6,} trained, {model.count_params() - trained:6,} not"


loaded = make_base()
loaded.load_weights(WEIGHTS)
same = all(np.array_equal(a, b) for a, b in zip(loaded.get_weights(), base.get_weights(), strict=True))
print(f"\nLoaded into a new model: {'the same weights' if same else 'OTHER WEIGHTS'}.")
loaded.trainable = False
model = compiled(with_new_head(loaded), 1e-3)
model.summary(line_length=80, show_trainable=True)
print(f"\nfrozen                           {numbers(model)}")

# %% [markdown]
# ## Thaw, and compile again
# `compile` settles which weights are trained. Those that are thawed later wait for the next `compile`, at a lower rate,
# lest large steps destroy what the base knows. Who forgets it is warned; without the warning one would believe to be
# fine-tuning, while nothing below the head moves.

# %%
with contextlib.nullcontext() if options.kernels else minidl.kernels_off():
    model.fit(*few(1, np.random.default_rng(options.seed)), verbose=0)
    before = loaded.get_weights()
    loaded.trainable = True
    print(f"thawed                           {numbers(model)}")
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        model.fit(*few(1, np.random.default_rng(options.seed)), verbose=0)
moved = sum(not np.array_equal(a, b) for a, b in zip(before, loaded.get_weights(), strict=True))
for warning in warned:
    print(textwrap.fill(f"fit without compile: {warning.message}", 80, subsequent_indent="    "))
print(f"    So it is: {moved} of {len(before)} arrays of the base have moved.")
fine = compiled(regularised(model), 3e-4)
print(f"with BatchNormalization, Dropout {numbers(fine)} (running averages)")

# %% [markdown]
# ## Three ways, several times
# One run of a few windows says little: which windows, and which fresh weights? So there are several, and a mean.
#
# `scratch` is the network of the first stage with fresh weights throughout, at the full rate, for as many epochs as
# both stages have together. (BatchNormalization and Dropout did not help it.) Rates and epochs were chosen on other
# people: four of the training people, who are in none of the groups here. At the test people one run looks after every
# epoch, for its curves; nothing is chosen by what they show.

# %%
judged = slice(None, None, 5)  # for the curves a fifth of the test windows will do


def train(model, learning_rate, epochs, x, y, curves):
    """The history of `fit`, and the accuracy on the test people."""
    compiled(model, learning_rate)
    seen = (
        {"validation_data": (x_test[judged], y_test[judged]), "validation_batch_size": 256} if curves else {}
    )
    history = model.fit(x, y, batch_size=16, epochs=epochs, verbose=0, **seen).history
    return history, model.evaluate(x_test, y_test, batch_size=256, verbose=0)[1]


def three_ways(n, run, curves):
    """Histories and test accuracies of the three, on n windows of each activity."""
    x, y = few(n, np.random.default_rng([options.seed, run]))
    set_random_seed(options.seed + run)
    base = make_base()
    base.load_weights(WEIGHTS)
    base.trainable = False
    model = with_new_head(base)
    results = {"frozen": train(model, 1e-3, options.epochs, x, y, curves)}
    base.trainable = True
    results["fine-tuned"] = train(regularised(model), 3e-4, options.epochs, x, y, curves)
    results["scratch"] = train(with_new_head(make_base()), 1e-3, 2 * options.epochs, x, y, curves)
    return results


WAYS = ("frozen", "fine-tuned", "scratch")
shown = sorted(options.windows)[len(options.windows) // 2]  # whose first run is drawn
scores, histories = {}, {}
print(f"\nTest accuracy: mean of {options.runs} runs, from the worst to the best")
print(f"{'windows':>7}  " + "  ".join(f"{way:^16}" for way in WAYS) + "  fine-tuned wins")
with contextlib.nullcontext() if options.kernels else minidl.kernels_off():
    for n in sorted(set(options.windows)):
        rows = []
        for run in range(options.runs):
            results = three_ways(n, run, curves=run == 0 and n == shown)
            rows.append([accuracy for _, accuracy in results.values()])
            if run == 0 and n == shown:
                histories = {way: history for way, (history, _) in results.items()}
        scores[n] = np.array(rows)
        cells = [f"{a.mean():5.1%} ({a.min():.0%}..{a.max():.0%})" for a in scores[n].T]
        wins = int(np.sum(scores[n][:, 1] > scores[n][:, 2]))
        print(
            f"{'6 x ' + str(n):>7}  " + "  ".join(f"{c:^16}" for c in cells) + f"  {wins} of {options.runs}"
        )

# %% [markdown]
# Three things to see in the table (of UCI HAR). The fewer the windows, the larger the lead of `fine-tuned`: what the
# base knows is worth most where there is little else. Freezing alone is not enough: a base that had only to tell
# sitting from walking and lying was never made to notice what tells sitting from standing, and a head cannot use what
# is not there. And the worst and the best run lie far apart: who shows a single run can show anything.

# %% [markdown]
# ## Picture

# %%
COLOURS = {"frozen": "#E69F00", "fine-tuned": "#009E73", "scratch": "#0072B2"}  # Okabe and Ito
MARKS = {"frozen": "s", "fine-tuned": "o", "scratch": "^"}
figure, panels = plt.subplots(1, 2, figsize=(12, 4.4), layout="constrained")
for way, history in histories.items():
    begin = options.epochs if way == "fine-tuned" else 0
    epochs = range(begin + 1, begin + len(history["loss"]) + 1)
    panels[0].plot(epochs, history["val_accuracy"], color=COLOURS[way], lw=2, label=f"{way}, test people")
    panels[0].plot(epochs, history["accuracy"], ":", color=COLOURS[way], label=f"{way}, training")
panels[0].axvline(options.epochs + 0.5, color="gray", lw=1)
for words, place, side in (("frozen", options.epochs, "right"), ("thawed", options.epochs + 1, "left")):
    panels[0].text(place, 0.02, words, ha=side, transform=panels[0].get_xaxis_transform())
panels[0].set(title=f"one run, {shown} windows of each activity", xlabel="epoch", ylabel="accuracy")
panels[0].legend(fontsize=8, loc="lower right", bbox_to_anchor=(1, 0.08))
places = np.arange(len(scores))
for i, way in enumerate(WAYS):
    every = np.array([a[:, i] for a in scores.values()])
    shift = 0.12 * (i - 1)
    panels[1].plot(places + shift, every.mean(axis=1), MARKS[way] + "-", ms=9, color=COLOURS[way], label=way)
    for place, values in zip(places, every, strict=True):
        panels[1].plot(
            np.full(len(values), place + shift), values, MARKS[way], ms=4, alpha=0.5, color=COLOURS[way]
        )
panels[1].set_xticks(places, scores)
panels[1].set(
    title=f"{options.runs} runs and their mean", xlabel="windows of each activity", ylabel="test accuracy"
)
panels[1].legend(loc="lower right")
for panel in panels:
    panel.grid(alpha=0.3)
figure.savefig(options.output / "transfer_learning.png", dpi=120)
print(f"\npicture: {options.output}/transfer_learning.png")
