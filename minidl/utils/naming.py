"""Names that layers get when none is given: dense, dense_1, dense_2, as in Keras."""

import re
import threading

__all__ = ["clear_session", "reset_names", "snake_case", "unique_name"]

_lock = threading.Lock()
_used: dict[str, int] = {}


def snake_case(class_name: str) -> str:
    """MaxPooling2D -> max_pooling2d.

    >>> snake_case("MaxPooling2D"), snake_case("LSTM"), snake_case("ReLU"), snake_case("coeffDetermination")
    ('max_pooling2d', 'lstm', 're_lu', 'coeff_determination')
    """
    return re.sub(r"(?<=[^_])(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])", "_", class_name).lower()


def unique_name(class_name: str) -> str:
    """The snake-case name with a number from the second use on."""
    name = snake_case(class_name)
    with _lock:
        count = _used[name] = _used.get(name, -1) + 1
    return f"{name}_{count}" if count else name


def reset_names() -> None:
    """Count from the beginning again."""
    with _lock:
        _used.clear()


def clear_session(free_memory: bool = True) -> None:
    """Let the names of layers count from the beginning again, as in a new process.

    Nothing else is kept between models here: what no variable refers to is gone.

    Args:
        free_memory: understood for scripts written for Keras.

    >>> clear_session()
    >>> unique_name("Dense"), unique_name("Dense")
    ('dense', 'dense_1')
    """
    reset_names()
