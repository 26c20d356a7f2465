"""What a tokenizer is given, checked entry by entry, so that a mistake is named and not counted as words."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from minidl.messages import say

__all__ = ["documents", "sequences_in"]

_MENDS = {bytes: "Decode it: text.decode('utf-8').", float: "For a pandas column: df[name].fillna('')."}


def documents(
    owner: str,
    texts: Any,
    lower: bool,
    cut: Callable[[Any], Iterable[str]],
    one_text: bool = False,
    only_strings: bool = True,
) -> Iterator[list[str]]:
    """The words of each text.

    Args:
        owner: the method that was called, for messages.
        texts: strings, or lists of words.
        lower: whether the words of such lists are lowered.
        cut: from a string to its words.
        one_text: whether one string will do for the list of its characters.
        only_strings: whether `cut` takes strings only.

    Raises:
        TypeError: `texts` is one text, or an entry is none.

    >>> list(documents("fit_on_texts", ["a b", ["C"]], True, str.split))
    [['a', 'b'], ['c']]
    """
    if isinstance(texts, bytes) or (isinstance(texts, str) and not one_text):
        raise TypeError(
            say(
                f"Tokenizer.{owner} expects a list of texts, got one text {texts!r:.40}: each of its letters would "
                "be a text. Pass [text], or text.splitlines() for a text per line."
            )
        )
    if not isinstance(texts, Iterable):
        raise TypeError(say(f"Tokenizer.{owner} expects a list of texts, got {type(texts).__name__}."))
    for i, text in enumerate(texts):
        if isinstance(text, list | tuple):
            yield _checked_words(owner, text, i, lower)
        elif only_strings and not isinstance(text, str):
            raise TypeError(
                say(
                    f"Tokenizer.{owner} expects texts, got {type(text).__name__} {text!r:.60} at position {i}. "
                    f"{_MENDS.get(type(text), 'A text is a string, or a list of words.')}"
                )
            )
        else:
            yield list(cut(text))


def _checked_words(owner: str, words: Iterable[Any], position: int, lower: bool) -> list[str]:
    for word in words:
        if not isinstance(word, str):
            raise TypeError(
                say(
                    f"Tokenizer.{owner} expects the words in entry {position} to be strings, got "
                    f"{type(word).__name__} {word!r:.60}."
                )
            )
    return [word.lower() if lower else word for word in words]


def sequences_in(owner: str, sequences: Any) -> Iterator[list[Any]]:
    """Each sequence as a list.

    Raises:
        TypeError: an entry is none.

    >>> list(sequences_in("fit_on_sequences", [(1, 2)]))
    [[1, 2]]
    """
    if isinstance(sequences, str | bytes) or not isinstance(sequences, Iterable):
        raise TypeError(say(f"Tokenizer.{owner} expects a list of sequences, got {sequences!r:.60}."))
    for i, numbers in enumerate(sequences):
        if (
            isinstance(numbers, str | bytes)
            or not hasattr(numbers, "__len__")
            or getattr(numbers, "ndim", 1) == 0
        ):
            raise TypeError(
                say(
                    f"Tokenizer.{owner} expects lists of numbers, got {type(numbers).__name__} {numbers!r:.60} at "
                    f"position {i}. For a single sequence pass [sequence]; for texts see texts_to_sequences."
                )
            )
        yield list(numbers)
