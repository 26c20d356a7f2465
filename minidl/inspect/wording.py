"""Words that stand alone, such as the heading of a column, in the reader's language."""

from minidl.messages import language
from minidl.messages.catalogue import translated

__all__ = ["word"]


def word(text: str) -> str:
    """`text`, which is no sentence, or the same in Korean. Sentences are for `minidl.messages.say`.

    >>> word("Largest difference")
    'Largest difference'
    """
    return text if language() == "en" else translated(text, whole=False)
