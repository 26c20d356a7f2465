"""The arguments that all optimizers share, and an answer to those they do not know."""

from collections.abc import Iterable, Mapping
from typing import Any, TypedDict

from minidl.messages import say
from minidl.utils.checks import did_you_mean

__all__ = ["ClippingAndName", "SharedArguments", "refuse_unknown"]


class ClippingAndName(TypedDict, total=False):
    """What every optimizer takes; see `Optimizer`."""

    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    name: str | None


class SharedArguments(ClippingAndName, total=False):
    """What every optimizer takes besides the hyper-parameters of its rule; see `Optimizer`."""

    weight_decay: float | None


# Keras's other shared arguments. Files written by Keras hold them with these defaults.
_NOT_HERE: dict[str, tuple[Any, str]] = {
    "use_ema": (False, "Average the weights in a callback."),
    "ema_momentum": (0.99, "Average the weights in a callback."),
    "ema_overwrite_frequency": (None, "Average the weights in a callback."),
    "loss_scale_factor": (None, "float32 needs no loss scaling; leave it out."),
    "gradient_accumulation_steps": (None, "Pass a larger batch_size to fit()."),
}
_RENAMED = {
    "lr": "It is called learning_rate.",
    "decay": "Pass learning_rate=schedules.InverseTimeDecay(learning_rate, decay_steps=1, decay_rate=decay).",
}


def refuse_unknown(owner: str, arguments: Mapping[str, Any], own: Iterable[str] = ()) -> None:
    """Raise ValueError for an argument that no optimizer takes, with the way to mend it.

    >>> refuse_unknown("Adam", {"use_ema": False})
    >>> refuse_unknown("Adam", {"lr": 0.1})
    Traceback (most recent call last):
    ValueError: Adam got an unknown argument lr=0.1. It is called learning_rate.
    """
    for name, value in arguments.items():
        if name in _NOT_HERE:
            default, mend = _NOT_HERE[name]
            if value != default:
                raise ValueError(say(f"{owner}({name}={value!r:.40}) is not part of minidl. {mend}"))
            continue
        close = did_you_mean(name, [*own, *SharedArguments.__annotations__, "learning_rate"])
        hint = _RENAMED.get(name) or close or "Its docstring lists them."
        raise ValueError(say(f"{owner} got an unknown argument {name}={value!r:.40}. {hint}"))
