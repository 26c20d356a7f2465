"""Where one word ends and the next begins, and numbers for words without a list of them.

Letters are what Python calls characters, Unicode code points. Two things follow that surprise:

- A letter can be written in two ways: 한 as one character, or as its three parts (ㅎ ㅏ ㄴ), as some file
  systems do. Both look the same and are two different words. `unicodedata.normalize("NFC", text)` makes them one.
- `lower()` may lengthen a text: the Turkish İ becomes an i followed by a dot of its own.
"""

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

from minidl.messages import say
from minidl.utils.checks import flag, whole_number

__all__ = ["FILTERS", "hashing_trick", "one_hot", "text_to_word_sequence"]

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'  # not the apostrophe: "don't" is one word

Analyzer = Callable[[Any], Iterable[str]]


def text_to_word_sequence(
    input_text: str, filters: str = FILTERS, lower: bool = True, split: str = " "
) -> list[str]:
    """The words of a text, in order.

    Args:
        input_text: one text.
        filters: characters that belong to no word. Each stands for `split`.
        lower: whether "The" and "the" are one word.
        split: what lies between two words. Other white space, such as the wide blank of East Asian texts,
            is part of a word unless it is among `filters`.

    Raises:
        TypeError: `input_text` or an option is no string.
        ValueError: `split` is empty.

    >>> text_to_word_sequence("Don't stop, it's-OK!")
    ["don't", 'stop', "it's", 'ok']
    >>> text_to_word_sequence("나는 오늘 기분이 좋아.")
    ['나는', '오늘', '기분이', '좋아']
    """
    checked_options("text_to_word_sequence", filters, split)
    if not isinstance(input_text, str):
        raise TypeError(
            say(
                f"text_to_word_sequence expects one text (a string), got {type(input_text).__name__} {input_text!r:.60}."
            )
        )
    text = input_text.lower() if flag("text_to_word_sequence", "lower", lower) else input_text
    separators: dict[str, Any] = dict.fromkeys(filters, split)
    return [word for word in text.translate(str.maketrans(separators)).split(split) if word]


def checked_options(owner: str, filters: Any, split: Any) -> None:
    """Raise a TypeError or ValueError if they cannot tell words apart."""
    if not isinstance(filters, str):
        raise TypeError(
            say(f"{owner} expects filters to be a string of characters ('' for none), got {filters!r:.60}.")
        )
    if not isinstance(split, str):
        raise TypeError(say(f"{owner} expects split to be a string, got {split!r:.60}."))
    if not split:
        raise ValueError(
            say(
                f"{owner} expects split to have a character at least, got ''. For single letters: Tokenizer(char_level=True)."
            )
        )


def one_hot(
    input_text: str,
    n: int,
    filters: str = FILTERS,
    lower: bool = True,
    split: str = " ",
    analyzer: Analyzer | None = None,
) -> list[int]:
    """`hashing_trick` with Python's own `hash`, under the name Keras has for it: these are numbers, not vectors.

    Python hashes strings differently each time it starts, so do not keep the numbers (or a model trained on
    them) for another day. `hashing_trick(text, n, "md5")` gives the same ones always.

    >>> a, b, again = one_hot("to be to", 50)
    >>> a == again, 1 <= b < 50
    (True, True)
    """
    return hashing_trick(input_text, n, None, filters, lower, split, analyzer)


def hashing_trick(
    text: str,
    n: int,
    hash_function: Callable[[str], int] | str | None = None,
    filters: str = FILTERS,
    lower: bool = True,
    split: str = " ",
    analyzer: Analyzer | None = None,
) -> list[int]:
    """A number for every word, out of the word itself. Nothing is counted, and two words may share a number.

        number = hash(word) mod (n − 1) + 1        from 1 to n − 1; 0 stays free for padding

    Args:
        text: one text.
        n: one more than the largest number, at least 2.
        hash_function: "md5", the same in every run; None for Python's `hash`, which is not; or a function.
        filters, lower, split: as in `text_to_word_sequence`.
        analyzer: a function from a text to its words, used instead of these three.

    Raises:
        TypeError, ValueError: an argument is of the wrong kind, or out of range.

    Reference:
        Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask Learning", arXiv:0902.2206

    >>> hashing_trick("to be or not to be", 20, "md5")
    [6, 7, 15, 10, 6, 7]
    """
    n = whole_number("hashing_trick", "n", n, minimum=2)
    if analyzer is not None and not callable(analyzer):
        raise TypeError(
            say(f"hashing_trick expects analyzer to be a function or None, got {analyzer!r:.60}.")
        )
    if hash_function is None:
        hash_function = hash
    elif hash_function == "md5":
        hash_function = _md5
    elif not callable(hash_function):
        raise ValueError(
            say(
                f"hashing_trick expects hash_function to be None, 'md5' or a function, got {hash_function!r:.60}."
            )
        )
    words = text_to_word_sequence(text, filters, lower, split) if analyzer is None else analyzer(text)
    return [hash_function(word) % (n - 1) + 1 for word in words]


def _md5(word: str) -> int:
    digest = hashlib.md5(word.encode("utf-8", "surrogatepass"), usedforsecurity=False)
    return int(digest.hexdigest(), 16)
