"""Whatever is switched on in a call from outside is off again after it, even where a `with` block never ended."""

import numpy as np
import pytest
from small_models import linear, rows

from minidl import graph, random
from minidl.callbacks import Callback
from minidl.layers import context
from minidl.models.modes import modes_restored
from minidl.random import SeedGenerator, streams

X, Y = rows()


def modes():
    return context.mode.context, context.mode.training, graph.mode.grad_enabled, streams.current_step()


def left_on():
    """As if a Ctrl-C had come when the blocks were about to end."""
    random.training_step(3).__enter__()
    context.CallContext().__enter__()
    graph.mode.grad_enabled, context.mode.training = False, True


@pytest.mark.parametrize("error", [None, KeyboardInterrupt, ValueError])
def test_all_modes_are_as_before(error):
    @modes_restored
    def call(value, *, named):
        """Its words."""
        left_on()
        if error:
            raise error
        return value, named

    before = modes()
    if error:
        with pytest.raises(error):
            call(1, named=2)
    else:
        assert call(1, named=2) == (1, 2)
    assert modes() == before == (None, False, True, None)
    assert (call.__name__, call.__doc__) == ("call", "Its words.")


def test_modes_that_were_on_stay_on():
    with random.training_step(5), graph.no_grad(), context.CallContext() as outer:
        step = streams.current_step()
        modes_restored(left_on)()
        assert modes() == (outer, False, False, step)
    assert modes() == (None, False, True, None)


class Leave(Callback):
    """Leaves everything switched on at some moment."""

    def on_train_begin(self, logs=None):
        left_on()
        raise KeyboardInterrupt

    on_test_begin = on_predict_begin = on_train_begin


def test_every_call_of_a_model_restores_them():
    def loss(y_true, y_pred):
        left_on()
        raise KeyboardInterrupt

    failing = linear(loss=loss)
    model = linear()
    for call in (
        lambda: model.fit(X, Y, verbose=0, callbacks=[Leave()]),
        lambda: model.evaluate(X, Y, verbose=0, callbacks=[Leave()]),
        lambda: model.predict(X, verbose=0, callbacks=[Leave()]),
        lambda: failing.train_on_batch(X, Y),
        lambda: failing.test_on_batch(X, Y),
    ):
        draws = SeedGenerator(1)
        with pytest.raises(KeyboardInterrupt):
            call()
        assert modes() == (None, False, True, None)
        assert draws.next().random() == SeedGenerator(1).next().random()  # not those of a step
    before = model.get_weights()[0]
    model.fit(X, Y, verbose=0)
    assert not np.array_equal(model.get_weights()[0], before)
