"""Models that cannot work are refused where they are built, in the same words by every kernel set."""

import numpy as np
import pytest
from errors.bad_models import CASES, four
from errors.refused import KINDS, SERIES, X, Y, check, rules

from minidl.layers import Concatenate, Conv2D, Dense, Input, MaxPooling2D, Reshape
from minidl.models import Model, Sequential


@pytest.mark.parametrize("case", CASES)
def test_a_model_that_cannot_work(case):
    call, error, words = CASES[case]
    check(KINDS["line"], call, error, words)


def test_an_input_that_nothing_uses():
    x, z = four(), Input((2,), name="idle")
    with pytest.warns(UserWarning, match="has an input 'idle' that its outputs do not depend on") as caught:
        model = Model([x, z], Dense(1)(x))
    rules(str(caught[0].message))
    model.compile("sgd", "mse")
    model.fit([X, X[:, :2]], Y, verbose=0)
    Model([x, z], [Dense(1)(x), z])  # an input may be an output


def test_a_chain_of_sizes_stays_short():
    deep = [Input((100, 100, 1)), *(Conv2D(1, 3) for _ in range(40)), MaxPooling2D(30)]
    with pytest.raises(ValueError, match=r"Sizes: 100 -> \.\.\. -> 34 -> .* -> 20 < 30") as caught:
        Sequential(deep)
    rules(str(caught.value))
    with pytest.raises(
        ValueError, match=r"Sizes: 6 -> 4 < 5"
    ) as caught:  # of the image, not of what was flat before
        Sequential([Input((36,)), Reshape((6, 6, 1)), Conv2D(1, 3), Conv2D(1, 5)])


def test_targets_in_the_form_of_nested_outputs():
    x = four()
    model = Model(x, {"u": [Dense(1)(x), Dense(2)(x)], "v": Dense(3)(x)})
    model.compile("sgd", "mse")
    wide = np.ones((len(X), 3))
    nested = model.evaluate(X, {"u": [Y, wide[:, :2]], "v": wide}, verbose=0)
    assert nested == model.evaluate(X, [Y, wide[:, :2], wide], verbose=0)


def test_what_is_unusual_and_right():
    x = four()
    assert Model(x, x).predict(X, verbose=0).shape == X.shape
    shared = Dense(4)
    Model(x, Concatenate()([shared(x), shared(shared(x))]))
    inner = Sequential([Input((4,)), Dense(4)])
    Model(x, inner(inner(x)))
    Sequential([inner, Dense(1)])
    Sequential([Input((None, 2)), Dense(3)]).predict(np.ones((2, 7, 2)), verbose=0)
    Sequential([Input((1, 28, 28)), Conv2D(2, (1, 3))])
    Sequential([Dense(3)]).predict(SERIES, verbose=0)
