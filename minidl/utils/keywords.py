"""Arguments given by a name that nobody has: misspelled, or called otherwise in older Keras.

Python says of such an argument only that it was not expected, and of the one that is missing instead that it is
missing. `KnownArguments` looks at the names before `__init__` runs, and says which one was meant.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, Self, TypeVar

from minidl.messages import say
from minidl.utils.checks import did_you_mean, shown

__all__ = ["KnownArguments", "check_names_given", "meant", "tells_names"]

Call = TypeVar("Call", bound=Callable[..., Any])

# How arguments were called in Keras 1 and 2.
_OLD = {
    "nb_filter": "filters", "nb_row": "kernel_size", "nb_col": "kernel_size", "filter_length": "kernel_size",
    "subsample": "strides", "subsample_length": "strides", "border_mode": "padding",
    "dim_ordering": "data_format", "atrous_rate": "dilation_rate", "bias": "use_bias", "init": "kernel_initializer",
    "inner_init": "recurrent_initializer", "inner_activation": "recurrent_activation", "output_dim": "units",
    "W_regularizer": "kernel_regularizer", "U_regularizer": "recurrent_regularizer", "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint", "b_constraint": "bias_constraint", "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout", "forget_bias_init": "unit_forget_bias", "p": "rate", "sigma": "stddev",
    "gamma_init": "gamma_initializer", "beta_init": "beta_initializer", "pool_length": "pool_size",
    "stride_length": "strides", "length": "size", "concat_axis": "axis", "nb_epoch": "epochs", "lr": "learning_rate",
    "epsilon": "min_delta", "min_value": "minval",
    "max_value": "maxval", "m": "max_value", "objective": "loss",
}  # fmt: skip
_COUNTED_SAMPLES = {
    "samples_per_epoch": "steps_per_epoch", "nb_val_samples": "validation_steps", "val_samples": "validation_steps",
}  # fmt: skip


def meant(name: str, known: Iterable[str]) -> str:
    """A sentence that says what an unknown argument is called here; all names where none comes close.

    >>> meant("subsample", ["filters", "strides"]), meant("activaton", ["units", "activation"])
    ("It is called 'strides' now.", "Did you mean 'activation'?")
    >>> meant("x", ["units", "activation"])
    'It takes units, activation.'
    >>> meant("samples_per_epoch", ["x", "steps_per_epoch"])
    "It is called 'steps_per_epoch' now, and counts batches."
    """
    known = tuple(known)
    if _OLD.get(name) in known:
        return f"It is called {_OLD[name]!r} now."
    if _COUNTED_SAMPLES.get(name) in known:
        return f"It is called {_COUNTED_SAMPLES[name]!r} now, and counts batches."
    return did_you_mean(name, known) or f"It takes {', '.join(known) or 'no arguments'}."


def check_names_given(call: Callable[..., Any], given: Iterable[str]) -> None:
    """Raise TypeError for a name that `call` does not know, with the one that was meant.

    >>> def fit(x, epochs=1): ...
    >>> check_names_given(fit, ["x", "nb_epoch"])
    Traceback (most recent call last):
    TypeError: fit has no argument 'nb_epoch'. It is called 'epochs' now.
    """
    known = [name for name in inspect.signature(call).parameters if name != "self"]
    _refuse_unknown(call.__name__, given, known)


def _refuse_unknown(owner: str, given: Iterable[str], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            raise TypeError(say(f"{owner} has no argument {shown(name)}. {meant(name, known):.320}"))


def tells_names(call: Call) -> Call:
    """Decorator for functions without **kwargs: an unknown name is refused with the one that was meant."""

    @functools.wraps(call)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return call(*args, **kwargs)
        except TypeError:
            check_names_given(call, kwargs)
            raise

    return wrapped  # type: ignore[return-value]


class KnownArguments:
    """Base of classes whose constructors refuse names they do not know, with the name that was meant.

    Only minidl's own classes do so: what a class of yours takes, it takes as it likes.
    """

    def __new__(cls, *args: Any, **given: Any) -> Self:
        known = _names(cls) if given and cls.__module__.startswith("minidl.") else None  # type: ignore[arg-type]
        if known is not None:
            _refuse_unknown(cls.__name__, given, known)
        return super().__new__(cls)


@cache
def _names(cls: type) -> tuple[str, ...] | None:
    """The arguments of a constructor; None if it takes any."""
    parameters = inspect.signature(cls.__init__).parameters.values()  # type: ignore[misc]
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return tuple(p.name for p in parameters if p.kind is not p.VAR_POSITIONAL)[1:]
