"""Arguments given by a name that nobody has: misspelled, or called otherwise in older Keras.

Python says of such an argument only that it was not expected, and of the one that is missing instead that it is
missing. `KnownArguments` looks at the names before `__init__` runs, and says which one was meant.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from types import BuiltinFunctionType
from typing import Any, Self, TypeVar

from minidl.messages import say
from minidl.utils.checks import did_you_mean, shown

__all__ = ["KnownArguments", "check_given", "check_names_given", "check_takes", "meant", "tells_names"]

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
            raise TypeError(
                say(f"{owner} has no argument {shown(name)}. {meant(name, known):.320}")
            ) from None


def _check_count(owner: str, call: Callable[..., Any], args: Sequence[Any], given: Mapping[str, Any]) -> None:
    """Raise TypeError if `call` needs an argument that is not given, or takes fewer without a name.

    Args:
        owner: what the reader knows it as.
        call: a function, or the `__init__` of a class.
        args, given: what it was called with; `args` begins with self where `call` has it.
    """
    parameters = list(inspect.signature(call).parameters.values())
    placed = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    own = [p.name for p in placed if p.name != "self"]
    missing = [
        p.name
        for i, p in enumerate(placed)
        if p.default is p.empty and i >= len(args) and p.name not in given
    ]
    if missing:
        needed = ", ".join(f"{p.name}=..." for p in placed if p.default is p.empty and p.name != "self")
        raise TypeError(say(f"{owner} needs the argument {missing[0]}: {owner}({needed}).")) from None
    if len(args) > len(placed) and all(p.kind is not p.VAR_POSITIONAL for p in parameters):
        count = len(args) - (len(placed) - len(own))
        raise TypeError(
            say(
                f"{owner} takes only {', '.join(own) or 'nothing':.250} without a name, got {count} values. "
                "Name the others: name=value."
            )
        ) from None


def check_takes(role: str, function: Callable[..., Any], *names: str, **given: Any) -> None:
    """Raise TypeError if a function of the user's cannot be called with so many values as it will be.

    >>> check_takes("The loss", lambda y_true: 0, "y_true", "y_pred")
    Traceback (most recent call last):
    TypeError: The loss <lambda> is called with y_true, y_pred. Let it take them: def f(y_true, y_pred): ...
    """
    if isinstance(function, BuiltinFunctionType):  # written in C, where a signature may be missing or wrong
        return
    try:
        inspect.signature(function).bind(*names, **given)
    except ValueError:
        return
    except TypeError:
        name = getattr(function, "__qualname__", type(function).__name__).rpartition("<locals>.")[2]
        values = ", ".join(names)
        raise TypeError(
            say(f"{role} {name:.60} is called with {values}. Let it take them: def f({values}): ...")
        ) from None


def check_given(call: Callable[..., Any], args: Sequence[Any], given: Mapping[str, Any]) -> None:
    """Raise TypeError if `call` knows a name not, needs another argument, or takes fewer."""
    check_names_given(call, given)
    _check_count(call.__name__, call, args, given)


def tells_names(call: Call) -> Call:
    """Decorator for functions without **kwargs: an unknown name is refused with the one that was meant.

    So are calls without an argument that is needed, or with too many.
    """

    @functools.wraps(call)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return call(*args, **kwargs)
        except TypeError:
            check_given(call, args, kwargs)
            raise

    return wrapped  # type: ignore[return-value]


class _SignatureOfInit:
    """What `help` and editors show as the arguments of a class: those of `__init__`, and not of `__new__`."""

    def __get__(self, instance: Any, cls: type) -> inspect.Signature | None:
        if instance is not None:
            return None  # an object that can be called has the signature of its __call__
        if _takes_nothing(cls):
            return inspect.Signature()
        of_init = inspect.signature(cls.__init__)  # type: ignore[misc]
        return of_init.replace(parameters=list(of_init.parameters.values())[1:])


class KnownArguments:
    """Base of classes whose constructors refuse names they do not know, with the name that was meant.

    Only minidl's own classes do so: what a class of yours takes, it takes as it likes.
    """

    __signature__ = _SignatureOfInit()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in cls.__dict__ and cls.__module__.startswith("minidl."):
            cls.__init__ = _counted(cls.__init__)  # type: ignore[method-assign]

    def __new__(cls, *args: Any, **given: Any) -> Self:
        if (args or given) and _takes_nothing(cls):  # Python asks only classes without a __new__
            got = shown(args[0] if args else next(iter(given)))
            raise TypeError(say(f"{cls.__name__} takes no arguments, got {got}."))
        if given and cls.__module__.startswith("minidl."):
            cls._check_names(given)
        return super().__new__(cls)

    @classmethod
    def _check_names(cls, given: Mapping[str, Any]) -> None:
        """Raise TypeError for an argument whose name the constructor does not know."""
        known = _names(cls)  # type: ignore[arg-type]
        if known is not None:
            _refuse_unknown(cls.__name__, given, known)


def _counted(init: Callable[..., None]) -> Callable[..., None]:
    """`init`, whose complaints about missing arguments, or too many, name the class and what it needs."""

    @functools.wraps(init)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            init(self, *args, **kwargs)
        except TypeError:
            _check_count(type(self).__name__, init, (self, *args), kwargs)
            raise

    return wrapped


def _takes_nothing(cls: type) -> bool:
    return cls.__init__ is object.__init__  # type: ignore[misc]


@cache
def _names(cls: type) -> tuple[str, ...] | None:
    """The arguments of a constructor; None if it takes any."""
    parameters = inspect.signature(cls.__init__).parameters.values()  # type: ignore[misc]
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return tuple(p.name for p in parameters if p.kind is not p.VAR_POSITIONAL)[1:]
