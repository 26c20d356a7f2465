"""Models that must be refused where they are built, compiled or first used: the call, the error, words of its message."""

import math

import numpy as np
from errors.refused import BCE, HOT, IMAGES, LABELS, SCCE, SERIES, N, X, Y, ending

from minidl import layers, losses
from minidl.callbacks import Callback, LambdaCallback
from minidl.layers import (
    GRU,
    LSTM,
    Add,
    AveragePooling1D,
    Bidirectional,
    Concatenate,
    Conv1D,
    Conv2D,
    Cropping1D,
    Cropping2D,
    Dense,
    DepthwiseConv2D,
    Dot,
    Dropout,
    Embedding,
    Flatten,
    Input,
    Lambda,
    MaxPooling1D,
    MaxPooling2D,
    RepeatVector,
    Reshape,
    SeparableConv2D,
    SimpleRNN,
    TimeDistributed,
    ZeroPadding1D,
)
from minidl.models import Model, Sequential

V, T = ValueError, TypeError


def four():
    return Input((4,))


def shared():
    layer = Dense(4)
    return [Input((4,)), layer, layer]


def pyramid():
    return [
        Input((28, 28, 1)),
        Conv2D(2, 3),
        MaxPooling2D(),
        Conv2D(2, 3),
        MaxPooling2D(),
        Conv2D(2, 3),
        MaxPooling2D(),
        Conv2D(2, 3),
    ]


def functional(parts):
    """The same chain as a graph."""
    x = h = parts[0]
    for layer in parts[1:]:
        h = layer(h)
    return Model(x, h)


def unconnected(both):
    x, z = four(), four()
    return Model(x, Dense(1)(Concatenate()([x, z]) if both else z))


def named_alike():
    x = four()
    return Model(x, Dense(1, name="k")(Dense(1, name="k")(x)))


def fitted(parts, x, y, loss="mse"):
    model = parts if isinstance(parts, Model) else Sequential(parts)
    model.compile("adam", loss)
    return model.fit(x, y, verbose=0)


def compiled_with(loss="mse", **options):
    model = Sequential([four(), Dense(1)])
    model.compile("adam", loss, **options)
    return model


class NoLogs(Callback):
    def on_epoch_end(self, epoch):
        pass


class Own(Model):
    def __init__(self):
        super().__init__()
        self.inner = Dense(1)

    def call(self, x):
        return self.inner(x)


class NoCall(Model):
    pass


class NoBase(Model):
    def __init__(self):
        self.inner = Dense(1)


class ReturnsNone(Own):
    def call(self, x):
        self.inner(x)


class ReturnsArray(Own):
    def call(self, x):
        return self.inner(x).numpy()


class ReturnsText(Own):
    def call(self, x):
        return "a"


class MakesLayers(Model):
    def call(self, x):
        return Dense(1)(x)


class TakesNothing(Own):
    def call(self):
        return 1


class LayerOfNone(layers.Layer):
    def call(self, x):
        return None


def hooked():
    return type("Hooked", (Model,), {"train_step": lambda self, data: None})


WINDOW = "has a window that spans"
ONE_SAMPLE = "Input expects the shape of one sample, without the batch axis"
LAST_STEP = "gives only its last step: set return_sequences=True there"

CASES = {
    "graph: an input is missing": (
        lambda m: unconnected(True),
        V,
        "functional is not connected|'input_layer_2'|Add it to inputs",
    ),
    "graph: another input": (lambda m: unconnected(False), V, "functional is not connected|'input_layer_2'"),
    "graph: backwards": (lambda m: (lambda x: Model(Dense(1)(x), x))(four()), V, "is not connected"),
    "graph: an input twice": (
        lambda m: (lambda x: Model([x, x], Dense(1)(x)))(four()),
        V,
        "each of its inputs once",
    ),
    "graph: layers for ends": (
        lambda m: Model(Dense(3), Dense(1)),
        T,
        "got <Dense|Call it first, on an Input",
    ),
    "graph: a layer not called": (
        lambda m: (lambda x: Model(x, Dense(1)))(four()),
        T,
        "expects outputs|Call it first",
    ),
    "graph: data for ends": (
        lambda m: Model(X, X),
        T,
        "got an array of shape (12, 4). Data goes to predict and fit",
    ),
    "graph: no outputs": (lambda m: Model(four()), T, "expects outputs|Write Model(inputs, outputs)"),
    "graph: nothing": (lambda m: Model(None, None), T, "expects inputs"),
    "graph: a class": (lambda m: Model(Dense, 1), T, "expects inputs"),
    "graph: input=": (
        lambda m: (lambda x: Model(input=x, output=Dense(1)(x)))(four()),
        T,
        "Model has no argument 'input'",
    ),
    "names: two alike in a chain": (
        lambda m: Sequential([four(), Dense(3, name="a"), Dense(3, name="a")]),
        V,
        "has a layer called 'a' already",
    ),
    "names: two alike in a graph": (
        lambda m: named_alike(),
        V,
        "several layers called 'k'|Dense(8, name='hidden')",
    ),
    "chain: a layer twice": (
        lambda m: Sequential(shared()),
        V,
        "has dense_1 (Dense) already|Make a second one|Model(inputs, outputs)",
    ),
    "chain: itself": (lambda m: Sequential([Dense(1), m]).add(m), V, "has sequential (Sequential) already"),
    "chain: in a circle": (lambda m: m.add(m), V, "sequential cannot be a layer of itself|never end"),
    "chain: in a wider circle": (
        lambda m: m.add(Sequential([four(), m, Dense(1)])),
        V,
        "cannot be a layer of itself",
    ),
    "chain: a class": (lambda m: Sequential([Dense]), T, "expects layers|Make an instance: Dense(...)"),
    "chain: a name": (lambda m: Sequential([four(), "dense"]), T, "expects layers, got 'dense'"),
    "chain: a list in a list": (lambda m: Sequential([four(), [Dense(3)]]), T, "Give all layers in one list"),
    "chain: a function": (lambda m: Sequential([four(), np.tanh]), T, "use Activation(f) or Lambda(f)"),
    "chain: None": (lambda m: Sequential([four(), None]), T, "expects layers, got None"),
    "chain: a tensor": (lambda m: Sequential([Dense(1)(four())]), T, "expects layers, got <SymbolicTensor"),
    "chain: no list": (lambda m: Sequential(Dense(3)), T, "expects a list of layers|Put it in []"),
    "chain: no list, two layers": (lambda m: Sequential(Dense(3), Dense(1)), T, "expects a list of layers"),
    "chain: Input at the end": (lambda m: Sequential([Dense(3), four()]), V, "an Input goes in front"),
    "chain: two Inputs": (lambda m: Sequential([four(), four()]), V, "an Input goes in front"),
    "chain: no layers": (lambda m: Sequential()(X), V, "sequential_1 has no layers. Add some"),
    "chain: no layers to fit": (lambda m: fitted([], X, Y), V, "has no layers"),
    "chain: no layers to predict": (lambda m: Sequential([four()]).predict(X, verbose=0), V, "has no layers"),
    "chain: no shape": (lambda m: Sequential([Dense(3)]).count_params(), V, "has no weights yet"),
    "series: stacked": (
        lambda m: Sequential([Input((5, 2)), LSTM(3), LSTM(3)]),
        V,
        f"lstm_1 (LSTM) expects 3-D input|lstm (LSTM), {LAST_STEP}",
    ),
    "series: stacked, built late": (
        lambda m: Sequential([LSTM(3), GRU(3)])(SERIES),
        V,
        f"gru (GRU) expects 3-D|lstm (LSTM), {LAST_STEP}",
    ),
    "series: stacked in a graph": (
        lambda m: functional([Input((5, 2)), SimpleRNN(3), GRU(2)]),
        V,
        f"simple_rnn (SimpleRNN), {LAST_STEP}",
    ),
    "series: stacked on both ways": (
        lambda m: Sequential([Input((5, 2)), Bidirectional(LSTM(3)), LSTM(3)]),
        V,
        f"bidirectional (Bidirectional), {LAST_STEP}",
    ),
    "series: stacked with Dropout": (
        lambda m: Sequential([Input((5, 2)), LSTM(3), Dropout(0.2), LSTM(3)]),
        V,
        f"lstm (LSTM), {LAST_STEP}",
    ),
    "series: convolution behind": (
        lambda m: Sequential([Input((5, 2)), LSTM(3), Conv1D(2, 2)]),
        V,
        f"conv1d (Conv1D) expects 3-D|{LAST_STEP}",
    ),
    "series: TimeDistributed behind": (
        lambda m: Sequential([Input((5, 2)), LSTM(3), TimeDistributed(Dense(2))]),
        V,
        LAST_STEP,
    ),
    "series: behind Dense": (
        lambda m: Sequential([four(), Dense(3), LSTM(3)]),
        V,
        "The layer before it, dense_1 (Dense), gives 2 axes|Reshape",
    ),
    "series: behind Flatten": (
        lambda m: Sequential([Input((5,)), Embedding(5, 2), Flatten(), LSTM(3)]),
        V,
        "flatten (Flatten), gives 2 axes: leave it out",
    ),
    "series: of images": (
        lambda m: Sequential([Input((8, 8, 1)), Conv2D(2, 3), LSTM(3)]),
        V,
        "conv2d (Conv2D), gives 4 axes",
    ),
    "series: data without steps": (
        lambda m: LSTM(3)(np.zeros((32, 8))),
        V,
        "(batch, timesteps, features), got shape (32, 8)|x[..., None]|x[:, None, :]",
    ),
    "images: flat": (
        lambda m: Sequential([Input((784,)), Conv2D(2, 3)]),
        V,
        "(batch, height, width, channels), got shape (None, 784)",
    ),
    "images: no channels": (
        lambda m: Sequential([Input((28, 28)), Conv2D(2, 3)]),
        V,
        "Add the channel axis with x[..., None]",
    ),
    "images: behind Flatten": (
        lambda m: Sequential([Input((8, 8, 1)), Flatten(), Conv2D(2, 3)]),
        V,
        "flatten (Flatten), gives 2 axes",
    ),
    "images: channels first": (
        lambda m: Sequential([Input((1, 28, 28)), Conv2D(1, 3)]),
        V,
        "looks like channels first: np.moveaxis(x, 1, -1)",
    ),
    "shrinks": (
        lambda m: Sequential(pyramid()),
        V,
        f"conv2d_3 (Conv2D) {WINDOW} (3, 3)|28 -> 26 -> 13 -> 11 -> 5 -> 3 -> 1 < 3|padding='same'",
    ),
    "shrinks in a graph": (lambda m: functional(pyramid()), V, "28 -> 26 -> 13 -> 11 -> 5 -> 3 -> 1 < 3"),
    "shrinks, built late": (
        lambda m: Sequential(pyramid()[1:])(np.ones((2, 28, 28, 1))),
        V,
        "28 -> 26 -> 13 -> 11 -> 5 -> 3 -> 1 < 3",
    ),
    "shrinks across": (
        lambda m: Sequential([Input((28, 8, 1)), Conv2D(2, 3), MaxPooling2D(), Conv2D(2, (3, 4))]),
        V,
        "8 -> 6 -> 3 < 4",
    ),
    "shrinks in time": (
        lambda m: Sequential([Input((10, 1)), Conv1D(2, 3), MaxPooling1D(), Conv1D(2, 3), Conv1D(2, 3)]),
        V,
        "10 -> 8 -> 4 -> 2 < 3",
    ),
    "shrinks beside": (
        lambda m: (lambda x: MaxPooling2D(3)(Add()([MaxPooling2D()(x), MaxPooling2D()(x)])))(
            Input((5, 5, 1))
        ),
        V,
        "5 -> 2 < 3",
    ),
    "shrinks, depthwise": (
        lambda m: Sequential([Input((5, 5, 2)), MaxPooling2D(), DepthwiseConv2D(3)]),
        V,
        "5 -> 2 < 3",
    ),
    "shrinks, separable": (
        lambda m: Sequential([Input((5, 5, 2)), MaxPooling2D(), SeparableConv2D(2, 3)]),
        V,
        "5 -> 2 < 3",
    ),
    "pool too large": (
        lambda m: Sequential([Input((3, 3, 1)), MaxPooling2D(4)]),
        V,
        f"max_pooling2d (MaxPooling2D) {WINDOW} (4, 4)",
    ),
    "pool too long": (
        lambda m: Sequential([Input((3, 1)), AveragePooling1D(4)]),
        V,
        f"average_pooling1d (AveragePooling1D) {WINDOW} (4,)",
    ),
    "dilated too far": (
        lambda m: Sequential([Input((10, 2)), Conv1D(2, 3, dilation_rate=5)]),
        V,
        f"{WINDOW} (11,)",
    ),
    "cropped away": (
        lambda m: Sequential([Input((3, 3, 1)), Cropping2D(2)]),
        V,
        "cropping2d (Cropping2D)|nothing is left of 3",
    ),
    "cut away": (lambda m: Sequential([Input((3, 1)), Cropping1D(2)]), V, "nothing is left of 3"),
    "too small at run time": (
        lambda m: Sequential([Input((None, None, 1)), MaxPooling2D(), Conv2D(2, 3)]).predict(
            np.ones((2, 4, 4, 1)), verbose=0
        ),
        V,
        f"{WINDOW} (3, 3)|(2, 2)",
    ),
    "unknown features": (
        lambda m: Sequential([Input((None,)), Dense(3)]),
        V,
        "dense_1 (Dense) needs to know its number of features|Declare it in Input",
    ),
    "unknown features of a series": (
        lambda m: Sequential([Input((5, None)), LSTM(2)]),
        V,
        "lstm (LSTM) needs to know its number of features",
    ),
    "unknown channels": (
        lambda m: Sequential([Input((8, 8, None)), Conv2D(2, 3)]),
        V,
        "needs to know its number of channels",
    ),
    "unknown size, flattened": (
        lambda m: Sequential([Input((None, 2)), Flatten(), Dense(3)]),
        V,
        "behind Flatten, all sizes of a sample must be known",
    ),
    "Reshape": (
        lambda m: Sequential([Input((7,)), Reshape((2, 3))]),
        V,
        "reshape (Reshape) cannot arrange the 7 numbers",
    ),
    "Reshape with -1": (
        lambda m: Sequential([Input((7,)), Reshape((2, -1))]),
        V,
        "cannot arrange the 7 numbers",
    ),
    "RepeatVector of a series": (
        lambda m: Sequential([Input((7, 2)), RepeatVector(3)]),
        V,
        "(batch, features), got shape (None, 7, 2)",
    ),
    "Concatenate": (lambda m: Concatenate()([Input((3, 4)), Input((2, 4))]), V, "3 and 2 on axis 1"),
    "Concatenate, axes": (lambda m: Concatenate()([Input((3, 4)), four()]), V, "equally many axes"),
    "Concatenate, one": (lambda m: Concatenate()(four()), V, "expects a list of inputs, got one"),
    "Add": (lambda m: Add()([Input((3,)), four()]), V, "3 and 4 on axis 1"),
    "Dot": (lambda m: Dot(1)([Input((3,)), four()]), V, "got 3 and 4"),
    "plus": (lambda m: Input((3,)) + four(), V, "add (Operation)|(None, 3), (None, 4)"),
    "Input: 5": (lambda m: Input(shape=5), V, "Input expects shape|(4,), got 5"),
    "Input: nothing": (lambda m: Input(), V, "Input expects shape"),
    "Input: the batch too, any": (
        lambda m: fitted([Input((None, 4)), Dense(1)], X, Y),
        V,
        f"got (12, 4)|{ONE_SAMPLE}: shape=(4,)",
    ),
    "Input: the batch too": (
        lambda m: fitted([Input((N, 4)), Dense(1)], X, Y),
        V,
        "If these are 12 samples, Input expects the shape of one|shape=(4,)",
    ),
    "Input: the batch too, series": (
        lambda m: Sequential([Input((None, 5, 2)), LSTM(1)]),
        V,
        f"{ONE_SAMPLE}: shape=(5, 2)",
    ),
    "Input: the batch too, images": (
        lambda m: Sequential([Input((None, 8, 8, 1)), Conv2D(1, 3)]),
        V,
        f"{ONE_SAMPLE}: shape=(8, 8, 1)",
    ),
    "end: too many units": (
        lambda m: fitted(ending(5, "softmax", BCE), X, HOT, "categorical_crossentropy"),
        V,
        "(12, 3) and y_pred of shape (12, 5)",
    ),
    "end: images not flattened": (
        lambda m: fitted(
            [Input((8, 8, 1)), Conv2D(2, 3), Dense(3, activation="softmax")], IMAGES, LABELS, SCCE
        ),
        V,
        "expects labels of shape (12, 6, 6)|put Flatten or pooling before the last layer",
    ),
    "end: a series, not its end": (
        lambda m: fitted(
            [Input((5, 2)), LSTM(3, return_sequences=True), Dense(3, activation="softmax")],
            SERIES,
            LABELS,
            SCCE,
        ),
        V,
        "expects labels of shape (12, 5)|or end a series with its last step",
    ),
    "end: a series for a number": (
        lambda m: fitted([Input((5, 2)), LSTM(3, return_sequences=True), Dense(1)], SERIES, Y),
        V,
        "(12, 1) and y_pred of shape (12, 5, 1)",
    ),
    "end: no Dense": (
        lambda m: fitted([Input((5, 2)), LSTM(3)], SERIES, Y),
        V,
        "(12, 1) and y_pred of shape (12, 3)",
    ),
    "own: no call": (
        lambda m: fitted(NoCall(), X, Y),
        NotImplementedError,
        "NoCall does not define call(self, inputs)",
    ),
    "own: no super": (lambda m: fitted(NoBase(), X, Y), T, "NoBase.__init__ must call super().__init__()"),
    "own: returns None": (
        lambda m: fitted(ReturnsNone(), X, Y),
        T,
        "returns_none must return tensors from call(), got NoneType|end with a return",
    ),
    "own: returns None to predict": (
        lambda m: ReturnsNone().predict(X, verbose=0),
        T,
        "must return tensors from call(), got NoneType",
    ),
    "own: returns an array": (lambda m: fitted(ReturnsArray(), X, Y), T, "got ndarray. Leave out .numpy()"),
    "own: returns text": (lambda m: fitted(ReturnsText(), X, Y), T, "got str"),
    "own: makes layers": (
        lambda m: fitted(MakesLayers(), X, Y),
        V,
        "layers made in call() are new at every step|__init__",
    ),
    "own: takes nothing": (lambda m: fitted(TakesNothing(), X, Y), T, "takes 1 positional argument"),
    "own: train_step": (lambda m: hooked(), T, "Hooked.train_step would never be called"),
    "own: layer returns None": (
        lambda m: Sequential([four(), LayerOfNone()]),
        T,
        "layer_of_none (LayerOfNone) returned None",
    ),
    "no compile: fit": (
        lambda m: Sequential([Dense(3)]).fit(X, Y),
        V,
        "sequential_1 is not compiled. Call compile(",
    ),
    "no compile: evaluate": (lambda m: Sequential([Dense(3)]).evaluate(X, Y), V, "is not compiled"),
    "no loss: fit": (lambda m: fitted([four(), Dense(1)], X, Y, None), V, "has no loss. Choose one"),
    "loss: ce": (lambda m: m.compile("adam", "ce"), V, "Unknown loss 'ce'. Which cross-entropy?"),
    "loss: crossentropy": (
        lambda m: m.compile("adam", "crossentropy"),
        V,
        "Which cross-entropy?|'sparse_categorical_crossentropy' for labels",
    ),
    "loss: accuracy": (lambda m: m.compile("adam", "accuracy"), V, "It is a metric"),
    "loss: rmse": (lambda m: m.compile("adam", "rmse"), V, "Its loss is 'mse'"),
    "symbolic: rows by a mask": (
        lambda m: (lambda x: x[x > 0])(four()),
        V,
        "A mask cannot pick rows here|minidl.ops.where",
    ),
    "symbolic: an axis too long": (
        lambda m: four()[:, 9],
        V,
        "A tensor of shape (2, 4) has nothing at the index [:, 9]",
    ),
    "symbolic: true or false": (lambda m: bool(four() > 0), T, "neither true nor false"),
    "symbolic: a number": (lambda m: float(four()), T, "holds no numbers"),
    "symbolic: a loop": (lambda m: list(four()), T, "cannot be looped over"),
    "symbolic: unknown function": (lambda m: np.linalg.svd(four()), V, "Unknown operation 'svd'"),
    "symbolic: a loss": (lambda m: losses.mean_squared_error(four(), four()), T, "holds no numbers"),
    "Lambda": (
        lambda m: Sequential([four(), Lambda(lambda x: x.foo)]),
        V,
        "lambda (Lambda) tried its function",
    ),
    "states of other sizes": (
        lambda m: LSTM(3)(SERIES, initial_state=[np.ones((N, 2))] * 2),
        V,
        "lstm (LSTM) expects initial_state|got [(12, 2), (12, 2)]",
    ),
    "one state for two": (
        lambda m: LSTM(3)(SERIES, initial_state=np.ones((N, 3))),
        V,
        "expects initial_state to be 2 arrays",
    ),
    "weights: too few": (lambda m: m.set_weights([np.ones(3)]), V, "has 2 weight arrays, set_weights got 1"),
    "weights: another shape": (
        lambda m: m.set_weights([np.ones((3, 1)), np.ones(1)]),
        V,
        "dense/kernel has shape (4, 1), got (3, 1)",
    ),
    "regularizer: of several numbers": (
        lambda m: fitted([four(), Dense(1, kernel_regularizer=lambda w: w)], X, Y),
        V,
        "The regularizer of dense_1/kernel must return one number, got shape (4, 1)|ops.sum",
    ),
    "regularizer: without return": (
        lambda m: fitted([four(), Dense(1, kernel_regularizer=lambda w: None)], X, Y),
        V,
        "must return one number, got None",
    ),
    "activation: of the module math": (
        lambda m: fitted([four(), Dense(1, activation=math.tanh)], X, Y),
        T,
        "A Tensor of shape (12, 1) is no float|np.f",
    ),
    "trainable: a word": (
        lambda m: setattr(m.layers[0], "trainable", "no"),
        T,
        "Dense expects trainable to be True or False, got 'no'",
    ),
    "metric: without return": (
        lambda m: compiled_with(metrics=[lambda y, p: None]).fit(X, Y, verbose=0),
        T,
        "The metric lambda returned None",
    ),
    "loss: of one argument": (
        lambda m: compiled_with(loss=lambda y: y),
        T,
        "The loss <lambda> is called with y_true, y_pred|def f(y_true, y_pred)",
    ),
    "metric: of one argument": (
        lambda m: compiled_with(metrics=[lambda y: y]).fit(X, Y, verbose=0),
        T,
        "The metric <lambda> is called with y_true, y_pred",
    ),
    "callback: a method without logs": (
        lambda m: m.fit(X, Y, callbacks=[NoLogs()], verbose=0),
        T,
        "The callback's NoLogs.on_epoch_end is called with epoch, logs",
    ),
    "callback: a function without logs": (
        lambda m: m.fit(X, Y, callbacks=[LambdaCallback(on_epoch_end=lambda epoch: 1)], verbose=0),
        T,
        "is called with epoch, logs",
    ),
    "gradients: no pairs": (
        lambda m: m.optimizer.apply_gradients([np.ones(3)]),
        V,
        "adam expects pairs (gradient, variable)",
    ),
    "no room": (
        lambda m: ZeroPadding1D(2**42)(np.ones((1, 1, 1))),
        MemoryError,
        "zero_padding1d (ZeroPadding1D) has no room for its output|TiB",
    ),
}
