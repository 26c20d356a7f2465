"""Data that must be refused: for each case the kind of model, the call, the class of the error and words of its message.

Words are parted by |. What a case is called says what is wrong.
"""

import itertools

import numpy as np
import pandas as pd
from errors.refused import BCE, CCE, HOT, IDS, IMAGES, LABELS, SCCE, SERIES, STEPS, YES, Kind, N, X, Y, ending

from minidl import losses, metrics
from minidl.layers import Dense
from minidl.utils import PyDataset


def put(array, index, value):
    """A copy of `array` with one value changed."""
    array = np.array(array)
    array[index] = value
    return array


def masked(array):
    return np.ma.masked_array(array, mask=np.zeros(np.shape(array), bool))


def fit(x=X, y=Y, **arguments):
    return lambda model: model.fit(x, y, verbose=0, **arguments)


def predict(x):
    return lambda model: model.predict(x, verbose=0)


def batches(*each, **arguments):
    """fit on a generator of these."""
    return lambda model: model.fit((one for one in each), verbose=0, **arguments)


class Given(PyDataset):
    """A dataset of the batches it is given, of any length it is told."""

    def __init__(self, given, length=None):
        super().__init__()
        self.given, self.length = given, length

    def __len__(self):
        return len(self.given) if self.length is None else self.length

    def __getitem__(self, i):
        return self.given[i]


class Sparse:
    """As those of SciPy: it has a shape, and no length."""

    shape = (N, 4)

    def __len__(self):
        raise TypeError("ambiguous")

    def toarray(self):
        return X


class Watched:
    """As a tensor of PyTorch with a gradient."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("Use detach().")


V, T = ValueError, TypeError
MADE = "was made for inputs of shape"

SHAPES = {
    "one axis": ("line", fit(X[:, 0]), V, f"{MADE} (None, 4), got (12,)|An axis is missing"),
    "two axes too many": ("line", fit(X[..., None, None]), V, "The sizes agree: x.reshape((-1, 4))"),
    "one sample": ("line", predict(X[0]), V, "One sample needs a batch axis too: x[None]"),
    "a feature less": ("line", fit(X[:, :3]), V, f"{MADE} (None, 4), got (12, 3)|Axis 1 has 3, not 4"),
    "a feature more": ("line", fit(np.ones((N, 5))), V, "Axis 1 has 5, not 4|Input(shape=(5,))"),
    "transposed": ("line", fit(X.T, Y[:4]), V, "got (4, 12)|Axis 1 has 12, not 4"),
    "series without features": (
        "series",
        fit(SERIES[..., 0]),
        V,
        "(None, 5, 2), got (12, 5)|An axis is missing: x[..., None]",
    ),
    "series of one axis": ("series", fit(SERIES[:, 0, 0]), V, "got (12,)"),
    "series of five axes": ("series", fit(SERIES[..., None, None]), V, "x.reshape((-1, 5, 2))"),
    "too few steps": ("series", fit(SERIES[:, :3]), V, "Axis 1 has 3, not 5|Input(shape=(None, 2))"),
    "too many steps": ("series", predict(np.ones((2, 7, 2))), V, "Axis 1 has 7, not 5"),
    "steps and features swapped": (
        "series",
        fit(SERIES.transpose(0, 2, 1)),
        V,
        "The two axes are swapped: np.swapaxes(x, 1, 2)",
    ),
    "series in one row": ("series", fit(SERIES.reshape(N, 10)), V, "The sizes agree: x.reshape((-1, 5, 2))"),
    "a column of the series": ("series", fit(SERIES[..., :1]), V, "Axis 2 has 1, not 2"),
    "one series": ("series", predict(SERIES[0]), V, "x[None]|If these are 5 samples"),
    "any steps, other features": (
        "free",
        fit(np.ones((N, 7, 3))),
        V,
        "(None, None, 2), got (12, 7, 3)|Axis 2 has 3",
    ),
    "no steps": ("free", predict(np.ones((3, 0, 2))), V, "lstm (LSTM)|only the batch axis may be empty"),
    "image of other size and no channels": (
        "image",
        predict(np.ones((2, 7, 8))),
        V,
        "An axis is missing: x[..., None]",
    ),
    "one image": ("image", predict(IMAGES[0]), V, "One sample needs a batch axis too"),
    "channels first": (
        "image",
        predict(np.moveaxis(IMAGES, -1, 1)),
        V,
        "The channels come first: np.moveaxis(x, 1, -1)",
    ),
    "colours for grey": ("image", predict(np.ones((2, 8, 8, 3))), V, "Axis 3 has 3, not 1"),
    "image of another size": ("image", predict(np.ones((2, 9, 8, 1))), V, "Axis 1 has 9, not 8"),
    "image in one row": ("image", predict(np.ones((2, 64))), V, "x.reshape((-1, 8, 8, 1))"),
    "ids of other length": ("words", fit(IDS[:, :4], YES), V, "Axis 1 has 4, not 6"),
    "one-hot words": ("words", fit(np.eye(12)[IDS], YES), V, "got (12, 6, 12)|Remove the axes"),
    "call: a feature less": ("line", lambda m: m(X[:, :3]), V, "Axis 1 has 3, not 4"),
    "call: number": ("line", lambda m: m(3.0), V, f"{MADE} (None, 4), got ()"),
    "call: nothing": ("line", lambda m: m([]), V, "got (0,)"),
    "call: two arrays": (
        "line",
        lambda m: m([X, X]),
        V,
        "sequential (Sequential) expects one input, got a list or dict of 2",
    ),
    "call: dict": ("line", lambda m: m({"a": X}), V, "expects one input"),
    "layer: a feature less": (
        "line",
        lambda m: m.layers[0](X[:, :3]),
        V,
        "dense (Dense) was built for 4 features (axis -1), got 3",
    ),
    "layer: one axis": (
        "line",
        lambda m: m.layers[0](X[0]),
        V,
        "dense (Dense) expects input of at least 2 axes|x[None]",
    ),
}

for way in ("evaluate", "train_on_batch", "test_on_batch"):
    SHAPES |= {
        f"{way}: features": ("line", lambda m, w=way: getattr(m, w)(X[:, :3], Y), V, "Axis 1 has 3, not 4"),
        f"{way}: lengths": (
            "line",
            lambda m, w=way: getattr(m, w)(X, Y[:5]),
            V,
            "x has 12 samples and y has 5",
        ),
        f"{way}: empty": ("line", lambda m, w=way: getattr(m, w)(X[:0], Y[:0]), V, "x has no samples"),
        f"{way}: strings": (
            "line",
            lambda m, w=way: getattr(m, w)(X.astype(str), Y),
            T,
            "x expects real numbers, got dtype <U",
        ),
        f"{way}: no y": ("line", lambda m, w=way: getattr(m, w)(X), V, "which needs y"),
    }

SHAPES |= {
    "predict_on_batch: features": ("line", lambda m: m.predict_on_batch(X[:, :3]), V, "Axis 1 has 3, not 4"),
    "predict_on_batch: strings": (
        "line",
        lambda m: m.predict_on_batch(X.astype(str)),
        T,
        "x expects real numbers",
    ),
    "predict_on_batch: number": ("line", lambda m: m.predict_on_batch(3.0), V, "the single number 3.0"),
}

OBJECTS = "holds Python objects, not numbers (dtype object)|np.asarray"
NO_NUMBERS = {  # of x and of y alike: how the data is spoiled, the error, words behind the name of the part
    "None": (lambda a: None, V, ""),
    "strings": (lambda a: a.astype(str), T, "expects real numbers, got dtype <U32"),
    "bytes": (lambda a: a.astype("S"), T, "expects real numbers, got dtype |"),
    "list of text": (lambda a: ["a"] * N, T, "expects real numbers, got dtype <U1"),
    "complex": (lambda a: a * 1j, T, "expects real numbers, got dtype complex64|np.abs"),
    "objects": (lambda a: a.astype(object), T, OBJECTS),
    "times": (lambda a: a.astype("i8").astype("M8[s]"), T, "got dtype datetime64[s]. Convert it"),
    "spans of time": (lambda a: a.astype("i8").astype("m8[s]"), T, "got dtype timedelta64[s]. Convert it"),
    "records": (lambda a: np.zeros(N, [("a", "f4")]), T, "expects real numbers"),
    "masked": (masked, T, "is a masked array|.filled("),
    "list of masked rows": (lambda a: [masked(row) for row in a], T, "is a masked array"),
    "ragged": (
        lambda a: [[1.0] * (1 + i % 2) for i in range(N)],
        V,
        "has rows of different lengths. Pad them",
    ),
    "list with None": (lambda a: [None] * N, T, OBJECTS),
    "beyond every type": (lambda a: [[10**30] * a.shape[1]] * N, T, OBJECTS),
    "set": (lambda a: {1, 2, 3}, T, "expects an array or a list, got set|np.array(list("),
    "frame of text": (lambda a: pd.DataFrame({"a": ["u"] * N}), T, OBJECTS),
    "frame of dates": (
        lambda a: pd.DataFrame({"a": pd.date_range("2020", periods=N)}),
        T,
        "got dtype datetime64",
    ),
    "categories": (lambda a: pd.Series(["a", "b"] * (N // 2), dtype="category"), T, OBJECTS),
    "0-d": (
        lambda a: np.array(3.0),
        V,
        "expects at least one sample along the first axis, got the single number 3.0",
    ),
    "empty": (lambda a: a[:0], V, "samples"),
    "empty list": (lambda a: [], V, "samples"),
    "shorter": (lambda a: a[:7], V, "has 12 samples and|has 7|Shapes:"),
    "longer": (lambda a: np.concatenate([a, a]), V, "has 24|has 12"),
}
WORDS = {
    ("x", "None"): "x is None",
    ("y", "None"): "which needs y",
    ("x", "shorter"): "x has 7 samples and y has 12",
    ("x", "longer"): "x has 24 samples and y has 12",
    ("y", "longer"): "x has 12 samples and y has 24",
}
KINDS_OF_DATA = {}
for what, (spoiled, error, words) in NO_NUMBERS.items():
    for part, call in (
        ("x", lambda m, f=spoiled: m.fit(f(X), Y, verbose=0)),
        ("y", lambda m, f=spoiled: m.fit(X, f(Y), verbose=0)),
    ):
        KINDS_OF_DATA[f"{part}: {what}"] = ("line", call, error, WORDS.get((part, what), f"{part} |{words}"))
KINDS_OF_DATA |= {
    "x: x and y in one tuple": (
        "line",
        lambda m: m.fit((X, Y)),
        V,
        "got several, of shapes (12, 4), (12, 1)|fit(x, y)",
    ),
    "x: text that is a path": ("line", predict("cat.png"), T, "got str|Read the file first"),
    "x: words": ("words", predict([["the", "cat"]]), T, "got dtype <U3|with a Tokenizer"),
    "y: names of classes": ("classes", fit(y=["a", "b", "c"] * 4), T, "got dtype <U1|np.unique(y"),
    "x: sparse": ("line", lambda m: m.fit(Sparse(), Y), T, "x is sparse (Sparse)|Pass x.toarray()"),
    "x: with a gradient": (
        "line",
        lambda m: m.fit(Watched(), Y),
        T,
        "x cannot be made an array: Use detach()",
    ),
    "evaluate: no y": ("line", lambda m: m.evaluate(X, verbose=0), V, "Pass y too"),
    "layer: a layer": (
        "line",
        lambda m: m.layers[0](Dense(2, name="d")),
        T,
        "got the layer d (Dense)|layer(inputs)",
    ),
    "x: number": ("line", fit(3.0), T, "x expects arrays, lists, pandas objects or batches, got float"),
    "y: number": (
        "line",
        fit(y=3.0),
        V,
        "y expects at least one sample along the first axis, got the single number 3.0",
    ),
    "x: text": ("line", fit("abc"), T, "x expects arrays, lists, pandas objects or batches, got str"),
    "y: text": ("line", fit(y="abc"), T, "y expects real numbers, got dtype <U3"),
    "x: dict": ("line", fit({"zz": X}), V, "sequential has the input 'input_layer', x names ['zz']"),
    "y: dict": ("line", fit(y={"zz": Y}), T, "y expects arrays, lists, pandas objects or batches, got dict"),
    "x: function": ("line", fit(len), T, "got builtin_function_or_method. Call it"),
    "y: function": ("line", fit(y=len), T, "y expects an array or a list, got builtin_function_or_method"),
    "y: zip": (
        "line",
        lambda m: m.fit(X, zip(Y, Y, strict=True), verbose=0),
        T,
        "y expects an array or a list, got zip",
    ),
    "x: frame with gaps": (
        "line",
        fit(pd.DataFrame({c: pd.array([1, None] * 6, dtype="Int64") for c in "abcd"})),
        T,
        OBJECTS,
    ),
    "call: strings": (
        "line",
        lambda m: m(X.astype(str)),
        T,
        "sequential (Sequential) expects numbers, got an array of <U32",
    ),
    "call: objects": (
        "line",
        lambda m: m(X.astype(object)),
        T,
        "got an array of object|np.asarray(x, 'float32')",
    ),
    "call: masked": ("line", lambda m: m(masked(X)), T, "got a masked array|x.filled(0)"),
    "call: times": ("line", lambda m: m(X.astype("i8").astype("M8[s]")), T, "got an array of datetime64[s]"),
    "call: ragged": ("line", lambda m: m([[1, 2, 3, 4], [1]]), V, "expects rows of equal length"),
    "call: None": ("line", lambda m: m(None), T, "expects numbers, got NoneType"),
    "call: complex": ("line", lambda m: m(X * 1j), T, "Only floats have gradients"),
    "layer: strings": (
        "line",
        lambda m: m.layers[0](X.astype(str)),
        T,
        "dense (Dense) expects numbers, got an array of <U32",
    ),
    "layer: masked": (
        "line",
        lambda m: m.layers[0](masked(X)),
        T,
        "dense (Dense) expects numbers, got a masked array",
    ),
    "layer: set": ("line", lambda m: m.layers[0]({1, 2}), T, "dense (Dense) expects numbers, got set"),
}

WEIGHTS = {}
for what, (weights, error, words) in {
    "strings": (["a"] * N, T, "sample_weight expects real numbers, got dtype <U1"),
    "None in it": ([None] * N, T, f"sample_weight {OBJECTS}"),
    "objects": (np.ones(N, object), T, f"sample_weight {OBJECTS}"),
    "NaN": (put(np.ones(N), 3, np.nan), V, "sample_weight expects finite numbers, got nan at index (3,)"),
    "infinite": (put(np.ones(N), 3, np.inf), V, "got inf at index (3,)"),
    "wide": (np.ones((N, 3)), V, "sample_weight of shape (12, 3) does not fit losses of shape (12,)"),
    "short": (np.ones(5), V, "x has 12 samples and sample_weight has 5"),
    "empty": ([], V, "sample_weight has 0"),
    "complex": (np.ones(N) * 1j, T, "sample_weight expects real numbers, got dtype complex128"),
    "masked": (masked(np.ones(N)), T, "sample_weight is a masked array"),
    "dict": ({0: 1.0}, T, "sample_weight expects arrays"),
    "number": (2.0, V, "sample_weight expects at least one sample"),
    "ragged": ([[1], [1, 2]] * (N // 2), V, "sample_weight has rows of different lengths"),
    "times": (np.ones(N, "M8[s]"), T, "sample_weight expects real numbers"),
}.items():
    WEIGHTS[f"weights: {what}"] = ("line", fit(sample_weight=weights), error, words)
    WEIGHTS[f"weights to evaluate: {what}"] = (
        "line",
        lambda m, w=weights: m.evaluate(X, Y, sample_weight=w, verbose=0),
        error,
        words,
    )
for what, (by_class, error, words) in {
    "unknown class": (
        {0: 1.0, 1: 1.0, 2: 1.0, 9: 1.0},
        V,
        "class_weight names class 9, but|3 classes apart (0..2)",
    ),
    "negative class": ({-1: 1.0, 0: 1.0, 1: 1.0, 2: 1.0}, V, "class_weight names class -1"),
    "NaN": ({0: np.nan}, V, "fit expects the weight of class 0 in class_weight to be a number >= 0, got nan"),
    "negative": ({0: -1.0}, V, "the weight of class 0|got -1.0"),
    "list": ([1, 2], T, "fit expects class_weight to be a dict class -> weight"),
    "text as class": ({"a": 1.0}, T, "fit expects class_weight to have whole numbers as classes, got 'a'"),
    "half a class": ({0.5: 1.0}, T, "whole numbers as classes, got 0.5"),
    "True as class": ({True: 2.0}, T, "whole numbers as classes, got True"),
    "text as weight": ({0: "a"}, T, "the weight of class 0|got str 'a'"),
    "None as weight": ({0: None}, T, "the weight of class 0"),
}.items():
    WEIGHTS[f"class_weight: {what}"] = ("classes", fit(y=LABELS, class_weight=by_class), error, words)
WEIGHTS |= {
    "class_weight: numbers for y": (
        "line",
        fit(class_weight={0: 1.0, 1: 2.0}),
        V,
        "class_weight expects classes in y|sample_weight",
    ),
    "class_weight: two outputs": (
        "two",
        fit([X, X[:, :2]], [Y, LABELS], class_weight={0: 1.0}),
        V,
        "models with one output",
    ),
    "class_weight: no y": ("line", fit(y=None, class_weight={0: 1.0}), V, "class_weight needs y"),
    "class_weight and sample_weight": (
        "classes",
        fit(y=LABELS, class_weight={0: 1.0}, sample_weight=np.ones(N)),
        V,
        "not both",
    ),
}

TARGETS = {
    "label = C": (
        "classes",
        fit(y=put(LABELS, 5, 3)),
        V,
        "got label 3 at row 5, but 3 units (0..2)|Number the classes from 0",
    ),
    "label -1": ("classes", fit(y=put(LABELS, 5, -1)), V, "got label -1 at row 5, but 3 units"),
    "half a label": ("classes", fit(y=put(LABELS.astype("f4"), 5, 0.5)), V, "got label 0.5 at row 5"),
    "label NaN": ("classes", fit(y=put(LABELS.astype("f4"), 5, np.nan)), V, "got label nan at row 5"),
    "label 2^40": ("classes", fit(y=put(LABELS, 5, 2**40)), V, "got label 1099511627776 at row 5"),
    "label 255": ("classes", fit(y=put(LABELS.astype("u1"), 5, 255)), V, "got label 255 at row 5"),
    "labels from 1": ("classes", fit(y=LABELS + 1), V, "got label 3 at row 2"),
    "label to evaluate": (
        "classes",
        lambda m: m.evaluate(X, put(LABELS, 5, 3), verbose=0),
        V,
        "got label 3 at row 5",
    ),
    "label in a batch": (
        "classes",
        lambda m: m.train_on_batch(X, put(LABELS, 5, 3)),
        V,
        "got label 3 at row 5 of this batch",
    ),
    "label in a late batch": (
        "classes",
        fit(y=put(LABELS, 11, 3), batch_size=2, shuffle=False),
        V,
        "got label 3 at row 11",
    ),
    "label for validation": (
        "classes",
        fit(y=LABELS, validation_data=(X, put(LABELS, 4, 7))),
        V,
        "got label 7 at row 4",
    ),
    "label of one of two outputs": (
        "two",
        fit([X, X[:, :2]], [Y, put(LABELS, 4, 7)]),
        V,
        "got label 7 at row 4",
    ),
    "one-hot for labels": (
        "classes",
        fit(y=HOT),
        V,
        "expects labels of shape (12,)|One-hot targets go with categorical_crossentropy",
    ),
    "two labels each": (
        "classes",
        fit(y=np.stack([LABELS, LABELS], 1)),
        V,
        "expects labels of shape (12,)|got (12, 2)",
    ),
    "labels for one-hot": (
        "hot",
        fit(y=LABELS),
        V,
        "expects one-hot targets|Use sparse_categorical_crossentropy, or to_categorical(y, 3)",
    ),
    "column of labels for one-hot": (
        "hot",
        fit(y=LABELS[:, None]),
        V,
        "got labels of shape (12, 1)|to_categorical(y, 3)",
    ),
    "one class too many": (
        "hot",
        fit(y=np.eye(4)[LABELS]),
        V,
        "y_true of shape (12, 4) and y_pred of shape (12, 3)",
    ),
    "negative one-hot": ("hot", fit(y=HOT - 1), V, "expects targets from 0 to 1, got -1 at index"),
    "one-hot of 2": ("hot", fit(y=HOT * 2), V, "expects targets from 0 to 1, got 2 at index"),
    "yes as 2": ("yes", fit(y=YES * 2), V, "binary_crossentropy expects targets from 0 to 1, got 2 at index"),
    "no as -1": ("yes", fit(y=YES * 2 - 1), V, "got -1 at index|(y + 1) / 2"),
    "yes and no one-hot": (
        "yes",
        fit(y=np.eye(2)[YES.astype(int)]),
        V,
        "y_true of shape (12, 2) and y_pred of shape (12, 1)",
    ),
    "words for yes and no": (
        "yes",
        fit(y=np.where(YES > 0, "yes", "no")),
        T,
        "y expects real numbers|np.unique",
    ),
    "(N,) for steps": ("steps", fit(SERIES, YES), V, "y_true of shape (12,) and y_pred of shape (12, 5, 1)"),
    "(N, 1) for steps": (
        "steps",
        fit(SERIES, Y),
        V,
        "y_true of shape (12, 1) and y_pred of shape (12, 5, 1)",
    ),
    "a step less": ("steps", fit(SERIES, STEPS[:, :4]), V, "(12, 4, 1) and y_pred of shape (12, 5, 1)"),
    "one step for all": ("steps", fit(SERIES, STEPS[:, :1]), V, "(12, 1, 1) and y_pred of shape (12, 5, 1)"),
    "steps for one": ("series", fit(SERIES, STEPS), V, "(12, 5, 1) and y_pred of shape (12, 1)"),
    "rows of steps for one": ("series", fit(SERIES, STEPS[..., 0]), V, "(12, 5) and y_pred of shape (12, 1)"),
    "(N, 2) for (N, 1)": ("line", fit(y=np.ones((N, 2))), V, "(12, 2) and y_pred of shape (12, 1)"),
    "(N, 50) for (N, 1)": ("line", fit(y=np.ones((N, 50))), V, "(12, 50) and y_pred of shape (12, 1)"),
    "(N, 50, 1) for (N, 1)": (
        "line",
        fit(y=np.ones((N, 50, 1))),
        V,
        "(12, 50, 1) and y_pred of shape (12, 1)",
    ),
}


def pair(loss, units, activation, y=Y):
    """A kind of model with this end, which takes y."""
    return Kind(lambda: ending(units, activation, loss), X, y)


# An end and a loss that do not go together are refused in the first step already, so there is no fit before.
PAIRS = {
    "logits as probabilities, sparse": (
        ending,
        (3, None, SCCE),
        LABELS,
        V,
        "expects probabilities >= 0, got -|from_logits=True",
    ),
    "logits as probabilities, one-hot": (
        ending,
        (3, None, CCE),
        HOT,
        V,
        "expects probabilities >= 0|from_logits=True",
    ),
    "logits as probabilities, yes": (
        ending,
        (1, None, BCE),
        YES,
        V,
        "expects probabilities from 0 to 1|from_logits=True",
    ),
    "tanh for yes": (
        ending,
        (1, "tanh", BCE),
        YES,
        V,
        "expects probabilities from 0 to 1|activation='sigmoid'",
    ),
    "softmax as logits, sparse": (
        ending,
        (3, "softmax", losses.SparseCategoricalCrossentropy(from_logits=True)),
        LABELS,
        V,
        "went through softmax already|Drop activation='softmax'",
    ),
    "softmax as logits, one-hot": (
        ending,
        (3, "softmax", losses.CategoricalCrossentropy(from_logits=True)),
        HOT,
        V,
        "went through softmax already",
    ),
    "sigmoid as logits": (
        ending,
        (1, "sigmoid", losses.BinaryCrossentropy(from_logits=True)),
        YES,
        V,
        "went through sigmoid already",
    ),
    "sigmoid, one unit, sparse": (
        ending,
        (1, "sigmoid", SCCE),
        YES,
        V,
        "1 unit (0..0)|use sigmoid with binary_crossentropy",
    ),
    "linear, one unit, sparse": (ending, (1, None, SCCE), YES, V, "use sigmoid with binary_crossentropy"),
    "too few units": (ending, (2, "softmax", SCCE), LABELS, V, "got label 2 at row 2, but 2 units (0..1)"),
    "too many units": (ending, (5, "softmax", CCE), HOT, V, "(12, 3) and y_pred of shape (12, 5)"),
    "negative rates": (ending, (1, None, "poisson"), YES, V, "poisson expects rates >= 0|softplus"),
    "negative counts": (
        ending,
        (1, "softplus", "poisson"),
        YES - 1,
        V,
        "poisson expects targets >= 0, got -1",
    ),
    "negative probabilities": (
        ending,
        (3, None, "kl_divergence"),
        HOT,
        V,
        "kl_divergence expects probabilities >= 0",
    ),
    "labels for 3 numbers": (ending, (3, "softmax", "mse"), LABELS, V, "(12,) and y_pred of shape (12, 3)"),
    "(N,) for (N, 50)": (ending, (50, None, "mse"), YES, V, "(12,) and y_pred of shape (12, 50)"),
    "(N, 1) for (N, 50)": (ending, (50, None, "mse"), Y, V, "(12, 1) and y_pred of shape (12, 50)"),
}

mse, distance = losses.MeanSquaredError(), metrics.MeanSquaredError
ones, square = np.ones((5, 1)), np.ones((5, 5))
DIRECT = {  # losses and metrics by themselves
    "loss: broadcast": (
        lambda: mse(np.ones(5), square),
        V,
        "y_true of shape (5,) and y_pred of shape (5, 5)",
    ),
    "loss: strings": (lambda: mse(["a"], [1.0]), T, "holds numbers, got list of dtype <U1"),
    "loss: strings predicted": (lambda: mse([1.0], ["a"]), T, "holds numbers"),
    "loss: None": (lambda: mse(None, [1.0]), T, "got NoneType"),
    "loss: nothing predicted": (lambda: mse([1.0], None), T, "got NoneType"),
    "loss: complex": (lambda: mse([1j], [1.0]), T, "complex targets|np.real"),
    "loss: masked": (lambda: mse(masked(np.ones(3)), np.ones(3)), T, "masked array|x.filled("),
    "loss: objects": (lambda: mse(np.ones(3, object), np.ones(3)), T, "dtype object"),
    "loss: times": (lambda: mse(np.ones(3, "M8[s]"), np.ones(3)), T, "datetime64"),
    "loss: weights": (
        lambda: mse(ones, ones, sample_weight=np.ones(4)),
        V,
        "sample_weight of shape (4,)|losses of shape (5,)",
    ),
    "loss: weights of text": (lambda: mse(ones, ones, sample_weight=["a"] * 5), T, "dtype <U1"),
    "loss: NaN weights": (lambda: mse(ones, ones, sample_weight=[1, 1, np.nan, 1, 1]), V, "got nan at row 2"),
    "loss: mask": (lambda: mse(ones, ones, mask=np.ones(4, bool)), V, "mask of shape (4,)"),
    "metric: broadcast": (
        lambda: distance().update_state(np.ones(5), square),
        V,
        "y_true (5,), y_pred (5, 5)",
    ),
    "metric: strings": (
        lambda: distance().update_state(["a"], [1.0]),
        T,
        "real numbers, got list of dtype <U1",
    ),
    "metric: strings predicted": (lambda: metrics.Accuracy()([1], ["a"]), T, "real numbers"),
    "metric: None": (lambda: distance().update_state(None, [1.0]), T, "got NoneType"),
    "metric: complex": (lambda: distance().update_state([1j], [1.0]), T, "dtype complex128"),
    "metric: masked": (
        lambda: distance().update_state(masked(np.ones(3)), np.ones(3)),
        T,
        "masked array|sample_weight",
    ),
    "metric: ragged": (
        lambda: distance().update_state([[1], [1, 2]], [1, 2]),
        V,
        "rows of different lengths",
    ),
    "metric: times": (lambda: distance().update_state(np.ones(3, "M8[s]"), np.ones(3)), T, "datetime64"),
    "metric: weights": (
        lambda: distance().update_state(np.ones(3), np.ones(3), sample_weight=np.ones(4)),
        V,
        "sample_weight has shape (4,)",
    ),
    "metric: NaN weights": (
        lambda: distance().update_state(np.ones(3), np.ones(3), sample_weight=[1, np.nan, 1]),
        V,
        "got nan at index (1,)",
    ),
    "metric: AUC of logits": (
        lambda: metrics.AUC().update_state([0, 1], [-1.0, 2.0]),
        V,
        "AUC expects probabilities in [0, 1], got -1|from_logits=True",
    ),
    "metric: AUC of classes": (
        lambda: metrics.AUC().update_state([0, 2], [0.0, 1.0]),
        V,
        "AUC expects labels in [0, 1], got 2",
    ),
    "metric: precision of classes": (
        lambda: metrics.Precision().update_state([0, 2], [0.0, 1.0]),
        V,
        "got 2",
    ),
    "metric: one-hot for labels": (
        lambda: metrics.SparseCategoricalAccuracy().update_state(HOT, HOT),
        V,
        "They look one-hot",
    ),
    "metric: labels for one-hot": (
        lambda: metrics.CategoricalAccuracy().update_state(LABELS, HOT),
        V,
        "to_categorical(y, 3)",
    ),
    "metric: label out of range": (
        lambda: metrics.SparseCategoricalCrossentropy().update_state([7], [[0.1, 0.9]]),
        V,
        "class numbers 0 ... 1, got 7",
    ),
}

IDS_AND_MASKS = {
    "id = input_dim": (
        "words",
        fit(put(IDS, (3, 2), 12), YES),
        V,
        "embedding (Embedding) expects ids from 0 to 11|got 12 at position (3, 2)|the largest id + 1",
    ),
    "id -1": ("words", fit(put(IDS, (3, 2), -1), YES), V, "got -1 at position (3, 2)"),
    "half an id": (
        "words",
        fit(put(IDS.astype("f4"), (3, 2), 0.5), YES),
        V,
        "expects whole numbers, got 0.5 at position (3, 2)",
    ),
    "id NaN": ("words", fit(put(IDS.astype("f4"), (3, 2), np.nan), YES), V, "expects whole numbers, got nan"),
    "id infinite": (
        "words",
        fit(put(IDS.astype("f4"), (3, 2), np.inf), YES),
        V,
        "expects whole numbers, got inf",
    ),
    "id 2^50": ("words", fit(put(IDS, (3, 2), 2**50), YES), V, "got 1125899906842624"),
    "id beyond int64": (
        "words",
        fit(put(IDS.astype("u8"), (3, 2), 2**63 + 1), YES),
        V,
        "got 9223372036854775809",
    ),
    "id to predict": ("words", predict(put(IDS, (3, 2), 12)), V, "got 12 at position (3, 2)"),
    "id in a late batch": (
        "words",
        fit(put(IDS, (11, 2), 12), YES, batch_size=2, shuffle=False),
        V,
        "got 12 at position (11, 2)",
    ),
    "id to a layer": ("words", lambda m: m.layers[0](put(IDS, (3, 2), 12)), V, "got 12 at position (3, 2)"),
    "words as text": ("words", fit(IDS.astype(str), YES), T, "x expects real numbers"),
    "mask: a step less": (
        "series",
        lambda m: m.layers[0](SERIES, mask=np.ones((N, 4), bool)),
        V,
        "lstm (LSTM) expects mask of shape (12, 5)|got (12, 4)",
    ),
    "mask: transposed": (
        "series",
        lambda m: m.layers[0](SERIES, mask=np.ones((5, N), bool)),
        V,
        "got (5, 12)",
    ),
    "mask: one axis": ("series", lambda m: m.layers[0](SERIES, mask=np.ones(N, bool)), V, "got (12,)"),
    "mask: of a model": ("series", lambda m: m(SERIES, mask=np.ones((N, 4), bool)), V, "got (12, 4)"),
    "mask: 0.5": (
        "series",
        lambda m: m.layers[0](SERIES, mask=np.full((N, 5), 0.5)),
        V,
        "True and False|got 0.5 at index (0, 0)",
    ),
    "mask: 2": ("series", lambda m: m.layers[0](SERIES, mask=np.full((N, 5), 2)), V, "got 2 at index (0, 0)"),
    "mask: NaN": (
        "series",
        lambda m: m.layers[0](SERIES, mask=np.full((N, 5), np.nan)),
        V,
        "got nan at index (0, 0)",
    ),
    "mask: text": (
        "series",
        lambda m: m.layers[0](SERIES, mask="no"),
        T,
        "expects mask to be an array of True and False, got str 'no'",
    ),
    "mask: letters": (
        "series",
        lambda m: m.layers[0](SERIES, mask=np.full((N, 5), "a")),
        T,
        "expects mask to be an array",
    ),
}

HELD_OUT = {}
for what, (held_out, error, words) in {
    "x only": (X, V, "fit expects validation_data to be (x, y) or (x, y, weight), got ndarray"),
    "four": ((X, Y, Y, Y), V, "got 4 entries"),
    "one": ((X,), V, "got 1 entries"),
    "nothing": ((), V, "got 0 entries"),
    "lengths": ((X, Y[:3]), V, "x has 12 samples and y has 3"),
    "features": ((X[:, :2], Y), V, "Axis 1 has 2, not 4"),
    "text": ("no", T, "got str"),
    "number": (3, T, "got int"),
    "no y": ((X, None), V, "which needs y"),
    "empty": ((X[:0], Y[:0]), V, "x has no samples"),
    "strings": ((X.astype(str), Y), T, "x expects real numbers"),
    "masked": ((masked(X), Y), T, "x is a masked array"),
    "dict": ({"x": X}, V, "got dict"),
    "wide y": ((X, np.ones((N, 3))), V, "(12, 3) and y_pred of shape (12, 1)"),
}.items():
    HELD_OUT[f"validation: {what}"] = ("line", fit(validation_data=held_out), error, words)
HELD_OUT |= {
    "split: nothing left": ("line", fit(validation_split=0.99), V, "leaves one side without any"),
    "split: generator": ("line", batches((X, Y), validation_split=0.3), V, "validation_split cuts arrays"),
}

GENERATORS = {
    "one sample after the other": (
        "line",
        lambda m: m.fit(zip(X, Y, strict=True), verbose=0),
        V,
        "x has 4 samples and y has 1|A batch of one is x[None], y[None]",
    ),
    "endless": (
        "line",
        lambda m: m.fit(itertools.cycle([(X, Y)]), verbose=0),
        V,
        "cycle never ends|steps_per_epoch=",
    ),
    "class of a dataset": ("line", lambda m: m.fit(Given, verbose=0), T, "got type. Call it"),
    "half a batch": (
        "line",
        lambda m: m.fit(Given([(X, Y)], 2.5), verbose=0),
        T,
        "Given|a whole number from __len__",
    ),
    "no batch": ("line", batches(), V, "The generator yields no batch"),
    "no batch to predict": (
        "line",
        lambda m: m.predict(iter(()), verbose=0),
        V,
        "The generator yields no batch",
    ),
    "no batch to evaluate": (
        "line",
        lambda m: m.evaluate(iter(()), verbose=0),
        V,
        "The generator yields no batch",
    ),
    "no batch for validation": (
        "line",
        lambda m: m.fit(X, Y, validation_data=iter(()), verbose=0),
        V,
        "The generator yields no batch",
    ),
    "x alone": ("line", batches(X), V, "which needs y"),
    "x alone in a tuple": ("line", batches((X,)), V, "which needs y"),
    "four things": (
        "line",
        batches((X, Y, Y, Y)),
        V,
        "A batch is (x, y) or (x, y, sample_weight), got 4 entries",
    ),
    "an empty tuple": ("line", batches(()), V, "got 0 entries"),
    "None": ("line", batches(None), V, "A batch is (x, y) or (x, y, sample_weight), got None"),
    "a number": ("line", batches(3), V, "the single number 3"),
    "a text": ("line", batches("ab"), T, "x expects real numbers"),
    "strings": ("line", batches((X.astype(str), Y)), T, "x expects real numbers"),
    "lengths": ("line", batches((X, Y[:3])), V, "x has 12 samples and y has 3"),
    "an empty batch": ("line", batches((X[:0], Y[:0])), V, "x has no samples"),
    "features": ("line", batches((X[:, :2], Y)), V, "Axis 1 has 2, not 4"),
    "a dict": ("line", batches({"x": X, "y": Y}), V, "has the input 'input_layer', x names ['x', 'y']"),
    "samples, not batches": ("line", batches(*zip(X, Y, strict=True)), V, "x has 4 samples and y has 1"),
    "generator and y": (
        "line",
        lambda m: m.fit(iter([(X, Y)]), Y, verbose=0),
        V,
        "yields whole batches|leave out y",
    ),
    "generator and weights": (
        "line",
        lambda m: m.fit(iter([(X, Y)]), sample_weight=np.ones(N), verbose=0),
        V,
        "leave out y, sample_weight",
    ),
    "generator and batch_size": (
        "line",
        lambda m: m.fit(iter([(X, Y)]), batch_size=3, verbose=0),
        V,
        "leave out",
    ),
    "function not called": (
        "line",
        lambda m: m.fit(lambda: iter([(X, Y)]), verbose=0),
        T,
        "Call it, and pass what it returns",
    ),
    "too few to evaluate": (
        "line",
        lambda m: m.evaluate((b for b in [(X, Y)]), steps=3, verbose=0),
        V,
        "ended after 1 of 3 batches",
    ),
    "too few to predict": (
        "line",
        lambda m: m.predict((b for b in [(X,)]), steps=3, verbose=0),
        V,
        "ended after 1 of 3 batches",
    ),
    "dataset: empty": ("line", lambda m: m.fit(Given([]), verbose=0), V, "Given has length 0"),
    "dataset: four": ("line", lambda m: m.fit(Given([(X, Y, Y, Y)]), verbose=0), V, "got 4 entries"),
    "dataset: None": ("line", lambda m: m.fit(Given([None]), verbose=0), V, "got None"),
    "dataset and y": ("line", lambda m: m.fit(Given([(X, Y)]), Y, verbose=0), V, "yields whole batches"),
}

SEVERAL = {
    "one x for two": ("two", fit(X, [Y, LABELS]), V, "functional expects x to be a list of 2 arrays|(a, b)"),
    "three x for two": ("two", fit([X] * 3, [Y, LABELS]), V, "got 3 entries"),
    "x in wrong order": (
        "two",
        fit([X[:, :2], X], [Y, LABELS]),
        V,
        "an input 'a' of shape (None, 4), got (12, 2)",
    ),
    "x of two lengths": (
        "two",
        fit([X, X[:5, :2]], [Y, LABELS]),
        V,
        "input 'a' has 12 samples and input 'b' has 5",
    ),
    "x by a wrong name": (
        "two",
        fit({"a": X, "c": X[:, :2]}, [Y, LABELS]),
        V,
        "functional has an input 'b', x has 'a', 'c'",
    ),
    "x with None": ("two", fit([X, None], [Y, LABELS]), V, "x[1] is None"),
    "x with a masked one": ("two", fit([X, masked(X[:, :2])], [Y, LABELS]), T, "x[1] is a masked array"),
    "one y for two": ("two", fit([X, X[:, :2]], Y), V, "y expects a list of 2 arrays|(p, q)"),
    "three y for two": ("two", fit([X, X[:, :2]], [Y, LABELS, LABELS]), V, "got 3 entries"),
    "y by a wrong name": (
        "two",
        fit([X, X[:, :2]], {"p": Y, "r": LABELS}),
        V,
        "y names 'r', which is no output",
    ),
    "y of two lengths": ("two", fit([X, X[:, :2]], [Y, LABELS[:4]]), V, "y of 'q' has 4"),
    "y in wrong order": ("two", fit([X, X[:, :2]], [LABELS, Y]), V, "got label 0.125|at row 0"),
    "one list of weights for two": (
        "two",
        fit([X, X[:, :2]], [Y, LABELS], sample_weight=[np.ones(N)]),
        V,
        "sample_weight expects a list of 2",
    ),
    "call with one": ("two", lambda m: m(X), V, "functional expects a list of 2 inputs (a, b), got one"),
    "predict with one": ("two", lambda m: m.predict(X, verbose=0), V, "a list of 2 arrays"),
    "predict with three": ("two", lambda m: m.predict([X] * 3, verbose=0), V, "got 3 entries"),
    "two x for one": ("line", fit([X, X]), V, "x has 2 samples and y has 12"),
    "two y for one": ("line", fit(y=[Y, Y]), V, "x has 12 samples and y has 2"),
}

CASES = SHAPES | KINDS_OF_DATA | WEIGHTS | TARGETS | IDS_AND_MASKS | HELD_OUT | GENERATORS | SEVERAL
