"""Arguments by their names: what help shows of a class, and that nothing it does not know is taken in silence."""

import inspect

import pytest

from minidl import callbacks, constraints, initializers, layers, losses, metrics, optimizers, regularizers
from minidl.utils.keywords import KnownArguments

MODULES = (callbacks, constraints, initializers, layers, losses, metrics, optimizers, regularizers)
NAMED = [getattr(module, name) for module in MODULES for name in module.__all__]
CLASSES = sorted(
    {found for found in NAMED if isinstance(found, type) and issubclass(found, KnownArguments)}, key=str
)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: f"{cls.__module__}.{cls.__name__}")
def test_the_signature_of_a_class_is_that_of_its_constructor(cls):
    shown = list(inspect.signature(cls).parameters)
    own = list(inspect.signature(cls.__init__).parameters)[1:]
    assert shown == ([] if cls.__init__ is object.__init__ else own)


def test_the_signature_of_an_object_is_that_of_its_call():
    assert list(inspect.signature(initializers.Zeros()).parameters) == ["shape", "dtype"]
    assert next(iter(inspect.signature(layers.Dense(2)).parameters)) == "inputs"


class Own(callbacks.Callback):
    """A callback without a constructor."""


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: initializers.Zeros(3), "Zeros takes no arguments, got 3."),
        (lambda: initializers.Ones(value=3), "Ones takes no arguments, got 'value'."),
        (lambda: constraints.NonNeg(axis=0), "NonNeg takes no arguments, got 'axis'."),
        (lambda: Own("loss"), "Own takes no arguments, got 'loss'."),
    ],
)
def test_a_class_without_arguments_takes_none(make, text):
    with pytest.raises(TypeError) as caught:
        make()
    assert str(caught.value) == text


def test_what_an_own_class_takes_it_takes():
    class Scaled(losses.Loss):
        def __init__(self, scale, **options):
            super().__init__()
            self.scale, self.options = scale, options

    assert Scaled(scale=2, colour="red").options == {"colour": "red"}
