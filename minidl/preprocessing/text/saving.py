"""A tokenizer out of its JSON text. Only texts, numbers and true or false are read from it, nothing is run."""

from collections import OrderedDict
from typing import Any

from minidl.messages import say
from minidl.preprocessing.text.tokenizer import Tokenizer
from minidl.saving.json_text import read_json

__all__ = ["tokenizer_from_json"]

_OPTIONS = {
    "num_words": int | None, "filters": str, "lower": bool, "split": str, "char_level": bool,
    "oov_token": str | None, "document_count": int,
}  # fmt: skip
_LARGEST = 1 << 30  # characters, of millions of words


def tokenizer_from_json(json_string: str) -> Tokenizer:
    """The tokenizer that `Tokenizer.to_json` wrote, here or in Keras.

    Args:
        json_string: the text itself, not the path of a file.

    Raises:
        ValueError: it is not such a text.

    >>> tokenizer = Tokenizer()
    >>> tokenizer.fit_on_texts(["나는 오늘"])
    >>> tokenizer_from_json(tokenizer.to_json()).texts_to_sequences(["오늘 나는"])
    [[2, 1]]
    """
    whole = _parsed(json_string, "the text")
    config = whole.get("config")
    if not isinstance(config, dict):
        raise ValueError(say('tokenizer_from_json expects {"class_name": "Tokenizer", "config": {...}}.'))
    options = {name: config[name] for name in _OPTIONS if name in config}
    for name, value in options.items():
        if not isinstance(value, _OPTIONS[name]) or (isinstance(value, bool) and _OPTIONS[name] is not bool):
            raise ValueError(say(f"tokenizer_from_json does not understand {name}={value!r:.60}."))
    tokenizer = Tokenizer(**options)
    tokenizer.word_counts = OrderedDict(_counts(config, "word_counts"))
    tokenizer.word_docs.update(_counts(config, "word_docs"))
    tokenizer.word_index = _counts(config, "word_index")
    tokenizer.index_docs.update(_by_number(config, "index_docs", int))
    tokenizer.index_word = _by_number(config, "index_word", str)
    return tokenizer


def _parsed(text: Any, what: str) -> dict[str, Any]:
    """A JSON object."""
    try:
        if not isinstance(text, str):
            raise TypeError(type(text).__name__)
        return read_json(text.encode(), what, "it", limit=_LARGEST)
    except (TypeError, ValueError) as error:
        raise ValueError(
            say(
                f"tokenizer_from_json cannot read {what} as JSON: {text!r:.60}. It takes what to_json() returned, "
                "not the path of a file."
            )
        ) from error


def _counts(config: dict[str, Any], name: str) -> dict[str, int]:
    """The table `name`, from words to numbers."""
    table = _parsed(config.get(name), name)
    for word, number in table.items():
        if type(number) is not int:
            raise ValueError(
                say(f"tokenizer_from_json: {name} has {number!r:.60} for {word!r:.40}, not a number.")
            )
    return table


def _by_number(config: dict[str, Any], name: str, kind: type) -> dict[int, Any]:
    """The table `name`. JSON knows texts as keys only, so that the numbers were written as texts."""
    table = _parsed(config.get(name), name)
    for key, value in table.items():
        if not key.lstrip("-").isdecimal() or type(value) is not kind:
            raise ValueError(say(f"tokenizer_from_json: {name} has {value!r:.60} for {key!r:.40}."))
    return {int(key): value for key, value in table.items()}
