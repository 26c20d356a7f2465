"""Errors teach: what a wrong call says. Each message names what it is about, what was expected, and the mend."""

import numpy as np
import pytest
from small_models import linear, rows

from minidl import losses, metrics, optimizers
from minidl.layers import Dense, Input
from minidl.models import Sequential

X, Y = rows()


def classifier(loss="sparse_categorical_crossentropy", activation="softmax"):
    model = Sequential([Input(shape=(4,)), Dense(3, activation=activation)])
    model.compile("sgd", loss)
    return model


def fit(**arguments):
    return lambda: linear().fit(**{"x": X, "y": Y, "verbose": 0, **arguments})


def compiled(*arguments, **named):
    return lambda: Sequential([Input(shape=(4,)), Dense(1)]).compile(*arguments, **named)


def uncompiled(method, *arguments):
    model = Sequential([Input(shape=(4,)), Dense(1)], name="mine")
    return lambda: getattr(model, method)(*arguments)


CASES = {
    # compile
    "optimizer name": (compiled("adm"), ValueError, "Unknown optimizer 'adm'. Did you mean 'Adam'"),
    "optimizer class": (compiled(optimizers.SGD), TypeError, r"got the class SGD. Make one of it: SGD\(\)"),
    "no optimizer": (compiled(None), ValueError, "compile expects an optimizer, such as 'adam'.* got None"),
    "optimizer 5": (compiled(5), TypeError, "Expected an optimizer: a name such as 'adam'.*got int 5"),
    "loss name": (compiled("sgd", "msee"), ValueError, "Unknown loss 'msee'. Did you mean 'mse'"),
    "loss class": (compiled("sgd", losses.MeanSquaredError), TypeError, r"write MeanSquaredError\(\)"),
    "loss 5": (compiled("sgd", 5), TypeError, "A loss is a name, .* got int 5"),
    "metric name": (
        compiled("sgd", "mse", metrics=["acuracy"]),
        ValueError,
        "Unknown metric 'acuracy'. Did you mean 'accuracy'",
    ),
    "metric class": (
        compiled("sgd", "mse", metrics=[metrics.AUC]),
        TypeError,
        r"got the class AUC. Write AUC\(\)",
    ),
    "metric 5": (compiled("sgd", "mse", metrics=[5]), TypeError, "Expected a metric: .* got int 5"),
    "metric None": (compiled("sgd", "mse", weighted_metrics=[None]), TypeError, "got None"),
    "loss_weights": (
        compiled("sgd", "mse", loss_weights="a"),
        TypeError,
        "compile expects loss_weights to be a number",
    ),
    # not ready
    "fit uncompiled": (
        uncompiled("fit", X, Y),
        ValueError,
        r"mine is not compiled. Call compile\(optimizer=..., loss=...\) first",
    ),
    "evaluate uncompiled": (uncompiled("evaluate", X, Y), ValueError, "mine is not compiled"),
    "train_on_batch uncompiled": (uncompiled("train_on_batch", X, Y), ValueError, "mine is not compiled"),
    "test_on_batch uncompiled": (uncompiled("test_on_batch", X, Y), ValueError, "mine is not compiled"),
    "no loss": (
        lambda: linear(loss=None).fit(X, Y, verbose=0),
        ValueError,
        r"has no loss. Choose one: compile\(loss='mse'\)",
    ),
    "no reduction": (
        lambda: linear(loss=losses.MeanSquaredError(reduction="none")).fit(X, Y, verbose=0),
        ValueError,
        r"needs one number as its loss, but 'mean_squared_error' gives an array of shape \(20,\). Make it with "
        "reduction='sum_over_batch_size'",
    ),
    "loss without a graph": (
        lambda: linear(loss=lambda y, p: (y.numpy() - p.numpy()) ** 2).fit(X, Y, verbose=0),
        ValueError,
        "cannot learn: no operation connects its loss with a weight",
    ),
    "loss without return": (
        lambda: linear(loss=lambda y, p: None).fit(X, Y, verbose=0),
        TypeError,
        "returned None",
    ),
    # data
    "x None": (fit(x=None), ValueError, "x is None: pass it as an array, or a generator"),
    "y None": (fit(y=None), ValueError, "is compiled with loss 'mean_squared_error', which needs y"),
    "lengths": (fit(y=Y[:5]), ValueError, "x has 20 samples and y has 5"),
    "weights": (fit(sample_weight=np.ones(3)), ValueError, "x has 20 samples and sample_weight has 3"),
    "empty": (fit(x=X[:0], y=Y[:0]), ValueError, "x has no samples"),
    "objects": (fit(x=X.astype(object)), TypeError, "x holds Python objects, not numbers .*np.asarray"),
    "text": (fit(y=["a"] * 20), TypeError, "y expects real numbers, .*np.unique"),
    "complex": (fit(x=X.astype(complex)), TypeError, "x expects real numbers, got dtype complex128"),
    "ragged": (fit(x=[[1, 2], [3]], y=[1, 2]), ValueError, "x has rows of different lengths. Pad them"),
    "masked": (fit(x=np.ma.masked_array(X)), TypeError, "x is a masked array"),
    "number": (fit(x=3.0), TypeError, "x expects arrays, lists, pandas objects or batches, got float"),
    "features": (fit(x=X[:, :3]), ValueError, r"was made for inputs of shape \(None, 4\), got \(20, 3\)"),
    "wide y": (
        fit(y=np.ones((20, 3))),
        ValueError,
        r"y_true of shape \(20, 3\) and y_pred of shape \(20, 1\)",
    ),
    "label too large": (
        lambda: classifier().fit(X, np.full(20, 3), verbose=0),
        ValueError,
        r"got label 3 at row 0, but 3 units \(0..2\)",
    ),
    "negative label": (
        lambda: classifier().fit(X, np.full(20, -1), verbose=0),
        ValueError,
        r"got label -1 at row 0, but 3 units \(0..2\)",
    ),
    "labels for one-hot": (
        lambda: classifier("categorical_crossentropy").fit(X, np.zeros(20, int), verbose=0),
        ValueError,
        r"Use sparse_categorical_crossentropy, or to_categorical\(y, 3\)",
    ),
    "one-hot for labels": (
        lambda: classifier().fit(X, np.eye(3)[np.zeros(20, int)], verbose=0),
        ValueError,
        "One-hot targets go with categorical_crossentropy",
    ),
    "softmax twice": (
        lambda: classifier(losses.SparseCategoricalCrossentropy(from_logits=True)).fit(
            X, np.zeros(20, int), verbose=0
        ),
        ValueError,
        "went through softmax already",
    ),
    # arguments of fit
    "batch_size 0": (
        fit(batch_size=0),
        ValueError,
        "fit expects batch_size to be a whole number >= 1, got 0",
    ),
    "batch_size 2.5": (fit(batch_size=2.5), TypeError, "fit expects batch_size .* got float 2.5"),
    "epochs -1": (fit(epochs=-1), ValueError, "fit expects epochs to be a whole number >= 0, got -1"),
    "epochs 1.5": (fit(epochs=1.5), TypeError, "fit expects epochs .* got float 1.5"),
    "initial_epoch": (fit(initial_epoch=-1), ValueError, "fit expects initial_epoch"),
    "split 1": (
        fit(validation_split=1),
        ValueError,
        "fit expects validation_split to be a number > 0 and < 1",
    ),
    "split 1.5": (fit(validation_split=1.5), ValueError, "fit expects validation_split .*, got 1.5"),
    "split text": (fit(validation_split="0.2"), TypeError, "fit expects validation_split .*, got str '0.2'"),
    "split all": (fit(validation_split=0.99), ValueError, "of 20 samples leaves one side without any"),
    "split generator": (
        fit(x=iter([(X, Y)]), y=None, validation_split=0.5),
        ValueError,
        "validation_split cuts arrays. For a generator, pass validation_data",
    ),
    "steps 0": (fit(steps_per_epoch=0), ValueError, "fit expects steps_per_epoch to be a whole number >= 1"),
    "validation_steps 0": (
        fit(validation_data=(X, Y), validation_steps=0),
        ValueError,
        "fit expects validation_steps",
    ),
    "validation_batch_size 0": (
        fit(validation_data=(X, Y), validation_batch_size=0),
        ValueError,
        "fit expects validation_batch_size",
    ),
    "validation_freq 0": (
        fit(validation_freq=0),
        ValueError,
        "fit expects validation_freq to be .* >= 1, got 0",
    ),
    "validation_freq text": (fit(validation_freq="often"), TypeError, "fit expects validation_freq"),
    "validation_freq [0]": (
        fit(validation_freq=[0]),
        ValueError,
        "fit expects every entry of validation_freq",
    ),
    "validation x only": (
        fit(validation_data=X),
        ValueError,
        r"fit expects validation_data to be \(x, y\) or \(x, y, weight\), got ndarray",
    ),
    "validation of four": (fit(validation_data=(X, Y, Y, Y)), ValueError, "validation_data .* got 4 entries"),
    "validation lengths": (fit(validation_data=(X, Y[:3])), ValueError, "x has 20 samples and y has 3"),
    "validation features": (fit(validation_data=(X[:, :2], Y)), ValueError, r"got \(20, 2\)"),
    "two weights": (
        fit(class_weight={0: 1.0}, sample_weight=np.ones(20)),
        ValueError,
        "fit expects class_weight or sample_weight, not both: multiply them yourself",
    ),
    "class_weight list": (
        fit(class_weight=[1, 2]),
        TypeError,
        "fit expects class_weight to be a dict class -> weight",
    ),
    "shuffle": (fit(shuffle="batch"), TypeError, "fit expects shuffle to be True or False, got 'batch'"),
    "verbose": (
        fit(verbose="loud"),
        ValueError,
        "expect verbose to be 'auto' or a number, 0 to 3, got 'loud'",
    ),
    "callback": (fit(callbacks=[5]), TypeError, "expect callbacks to be Callback objects, got 5"),
    "generator and y": (fit(x=iter([(X, Y)])), ValueError, "yields whole batches .* leave out y"),
    "generator ends": (
        fit(x=iter([(X, Y)] * 3), y=None, steps_per_epoch=2, epochs=2),
        ValueError,
        "The generator ended after 1 of 2 batches",
    ),
    # the other calls
    "evaluate batch_size": (
        lambda: linear().evaluate(X, Y, batch_size=0),
        ValueError,
        "evaluate expects batch_size to be a whole number >= 1, got 0",
    ),
    "evaluate steps": (lambda: linear().evaluate(X, Y, steps=0), ValueError, "evaluate expects steps"),
    "evaluate nothing": (lambda: linear().evaluate(), ValueError, "x is None"),
    "evaluate empty": (lambda: linear().evaluate(X[:0], Y[:0]), ValueError, "x has no samples"),
    "predict batch_size": (
        lambda: linear().predict(X, batch_size=-1),
        ValueError,
        "predict expects batch_size",
    ),
    "predict steps": (lambda: linear().predict(X, steps=1.5), TypeError, "predict expects steps"),
    "predict empty": (lambda: linear().predict(X[:0]), ValueError, "x has no samples"),
    "predict one sample": (lambda: linear().predict(X[0]), ValueError, r"needs a batch axis too: x\[None\]"),
    "predict verbose": (lambda: linear().predict(X, verbose="no"), ValueError, "expect verbose to be"),
    "predict_on_batch None": (lambda: linear().predict_on_batch(None), ValueError, "x is None"),
    "train_on_batch None": (lambda: linear().train_on_batch(None), ValueError, "x is None"),
    "train_on_batch number": (lambda: linear().train_on_batch(5.0, 1.0), ValueError, "the single number 5.0"),
    "train_on_batch lengths": (lambda: linear().train_on_batch(X, Y[:3]), ValueError, "y has 3"),
    "train_on_batch empty": (lambda: linear().train_on_batch(X[:0], Y[:0]), ValueError, "x has no samples"),
    "test_on_batch generator": (
        lambda: linear().test_on_batch(iter([1])),
        TypeError,
        "x expects an array or a list, got list_iterator",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_message_says_what_is_wrong_and_how_to_mend_it(case, capsys):
    call, error, message = CASES[case]
    with pytest.raises(error, match=message) as caught:
        call()
    text = str(caught.value)
    assert len(text) < 400
    assert "\x1b" not in text
    assert "\n" not in text
