# %% [markdown]
# # What happens inside a network, number by number?
#
# A network is no black box. Every number in it was computed from others, and every one of them can be asked: where do
# you come from, how large is the gradient that comes back to you, what did you learn? This is a walk through
# `minidl.inspect`, with a network that reads digits and two that read sequences.
#
#     explain     what a layer computes, with its own sizes filled in
#     trace       one training step, recorded: every op, every gradient, every single number
#     plot_...    pictures of weights, feature maps, gradients, gates, the loss
#
#     python examples/12_looking_inside.py
#
# The pictures go to `--output`, and so does a page with all about the model, to open in a browser.

# %%
import argparse
import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from minidl import inspect
from minidl.layers import LSTM, Conv2D, Dense, Flatten, Input, MaxPooling2D, SimpleRNN
from minidl.models import Sequential
from minidl.utils import set_random_seed

parser = argparse.ArgumentParser(description="Look inside networks with minidl.inspect.")
parser.add_argument("--epochs", type=int, default=20)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--output", type=Path, default=Path("output"), help="folder for the pictures")
options = parser.parse_args([] if "ipykernel" in sys.modules else None)  # a notebook takes the defaults
options.output.mkdir(parents=True, exist_ok=True)
set_random_seed(options.seed)
rng = np.random.default_rng(options.seed)


def keep(figure, name):
    """Save a picture; a notebook shows it too."""
    figure.savefig(options.output / f"inside_{name}.png", dpi=100)
    return figure


# %% [markdown]
# ## Data and model
# The 1,797 digits that come with scikit-learn, 8 x 8 pixels, a third of them put aside.

# %%
digits = load_digits()
images = digits.images[..., None].astype("float32") / 16
labels = digits.target
x_train, y_train, x_test, y_test = images[:1200], labels[:1200], images[1200:], labels[1200:]

model = Sequential(
    [
        Input(shape=(8, 8, 1)),
        Conv2D(8, 3, activation="relu", name="conv"),
        MaxPooling2D(2, name="pool"),
        Flatten(name="flatten"),
        Dense(10, activation="softmax", name="digits"),
    ],
    name="reader",
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
keep(inspect.plot_model(model), "model")

# %% [markdown]
# ## What does a layer compute? Where do its parameters come from?
# `explain(model)` tells it of every layer. Here is one.

# %%
print(inspect.explain(model.get_layer("conv")))

# %% [markdown]
# All of these numbers can be asked for by name, too.

# %%
for layer in inspect.explain(model).layers:
    print(f"{layer.name:8} {layer.parameter_formula or '':16} {layer.parameters:5} parameters")

# %% [markdown]
# ## One training step, recorded
# `trace` runs a single step on a copy; the model stays as it is. Line by line: what came out of each layer, and how large
# the gradient is that came back to it.

# %%
step = inspect.trace(model, x_train[:32], y_train[:32])
print(f"\n{step}")

# %% [markdown]
# ## One number
# Any element of any output can be asked how it was computed. The sum is printed with its real numbers: take a
# calculator, or NumPy.

# %%
print(f"\n{step['conv'].element(0, 2, 3, 1)}")

kernel, bias = model.get_layer("conv").get_weights()
window = x_train[0, 2:5, 3:6, :]
by_hand = max((window * kernel[..., 1]).sum() + bias[1], 0)
print(f"by hand: {by_hand:.7f}")

# %% [markdown]
# So can any gradient. That of a bias is what came back to its unit, added up over the samples.

# %%
print(f"\n{step['digits'].gradient_element('bias', 3)}")

# %% [markdown]
# ## Where does the gradient vanish?
# Twenty layers with a sigmoid each. Its slope is 1/4 at most, so on its way back the gradient gets smaller with each
# layer. With relu and weights of a proper size ("he_normal") it arrives.


# %%
def deep(activation, initializer):
    hidden = [Dense(32, activation=activation, kernel_initializer=initializer) for _ in range(20)]
    model = Sequential([Input((64,)), *hidden, Dense(10, activation="softmax")], name=f"deep_{activation}")
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


rows = x_train[:32].reshape(32, 64)
print()
for activation, initializer in (("sigmoid", "glorot_uniform"), ("relu", "he_normal")):
    deep_step = inspect.trace(deep(activation, initializer), rows, y_train[:32])
    first, last = deep_step.layers[0], deep_step.layers[19]
    share = np.linalg.norm(first.gradient) / np.linalg.norm(last.gradient)
    print(f"{activation + ':':9}{share:.1e} of the gradient at layer 20 arrives at layer 1")
    keep(inspect.plot_gradient_flow(deep_step), f"gradient_flow_{activation}")

# %% [markdown]
# ## And in time?
# A digit read row by row, as a sequence of 8 steps, is short. Here are 60 steps, and the loss asks for the first one. A
# recurrent layer opens up: `.steps[t]` has the gates, the states, and the gradients of step t.
#
# Before training the LSTM is hardly better than the SimpleRNN: its forget gate is near sigmoid(1) = 0.73, and a part
# is lost at each step. But it can learn to keep the gate open: example 07 looks before training, and after it.

# %%
sequences = rng.normal(size=(16, 60, 2)).astype("float32")
firsts = sequences[:, 0, :1]
readers = {}
for name, recurrent in (("SimpleRNN", SimpleRNN), ("LSTM", LSTM)):
    set_random_seed(options.seed)
    reader = Sequential([Input((60, 2)), recurrent(16, name=name.lower()), Dense(1)], name=name)
    reader.compile("adam", "mse")
    readers[name] = inspect.trace(reader, sequences, firsts)

lstm = readers["LSTM"]["lstm"]
print(f"\n{lstm.steps}")

# %% [markdown]
# One step, from the inside. `dw`, `du`, `db` are its own part of the gradients of the weights; the sum over all steps is
# the whole.

# %%
print(f"\n{lstm.steps[59]}")

# %%
keep(inspect.plot_time_gradients(readers), "time_gradients")

# %%
keep(inspect.plot_gates(readers["LSTM"]), "gates")

# %% [markdown]
# ## What does a filter look for?
# Filters need not be learned. Sobel's two, set by hand: one finds edges that stand, one edges that lie. (The digit is
# enlarged, so that it has edges to be found.)

# %%
large = np.kron(x_test[0, ..., 0], np.ones((3, 3), "float32"))[..., None]
sobel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], "float32")
by_hand = Conv2D(2, 3, use_bias=False, name="sobel")
by_hand.build((None, 24, 24, 1))
by_hand.set_weights([np.stack([sobel, sobel.T], axis=-1)[:, :, None, :]])
keep(inspect.plot_filters(by_hand), "sobel_filters")

# %%
keep(inspect.plot_feature_maps(by_hand, large), "sobel_maps")

# %% [markdown]
# ## Training, and what was learned

# %%
history = model.fit(x_train, y_train, epochs=options.epochs, validation_data=(x_test, y_test), verbose=0)
print(
    f"\nafter {options.epochs} epochs: {history.history['val_accuracy'][-1]:.1%} of the test digits are right"
)
keep(inspect.plot_history(history), "history")

# %%
keep(inspect.plot_filters(model), "filters")

# %%
keep(inspect.plot_feature_maps(model, x_test[0]), "maps")

# %%
keep(inspect.plot_confusion_matrix(y_test, model.predict(x_test, verbose=0)), "confusion")

# %% [markdown]
# The loss around the weights that were found: a valley. How steep, how wide?

# %%
keep(inspect.plot_loss_landscape(model, x_test[:200], y_test[:200], points=15), "landscape")

# %% [markdown]
# ## A page for the shelf
# Everything about the model in one file, to open in any browser: the graph, the explanation, the weights, the history.
# Of a saved model the same comes from the command line: `python -m minidl.inspect model.keras -o report.html`.

# %%
inspect.write_report(model, options.output / "inside.html", history=history)

# %% [markdown]
# ## The answer
# Three questions, three commands:

# %%
print("""
why 8,320 parameters?           print(explain(LSTM(32), (4, 32)))
where does my gradient vanish?  print(trace(model, x, y)), or plot_gradient_flow
is my layer's backward right?   print(minidl.gradcheck(layer, x))""")
print(f"\npictures: {options.output}/inside_*.png, and the page {options.output}/inside.html")
