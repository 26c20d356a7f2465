"""What minidl says when something is wrong, in English or in Korean.

Where a message is made, it is written in English, in full, as the reader of that code should see it:

    raise ValueError(say(f"{layer} expects rate in [0, 1), got {rate}."))

The `.toml` files beside this one hold every such sentence in both languages, with `{}` where the code fills something
in: errors and reports in `catalogue.toml`, what `minidl.inspect` says in the others. For a reader of Korean, `say`
finds the entry that a finished sentence was made from, takes out what was filled in, and puts it into the Korean
sentence. A sentence that has no entry stays English: a message is never lost.

The language is that of `MINIDL_LANG` ("en" or "ko"), else that of the locale, else English.
"""

import os
import re

from minidl.messages.catalogue import translated

__all__ = ["language", "say", "word"]


def language() -> str:
    """ "en" or "ko": what `MINIDL_LANG` asks for, else the first that the locale names, else English.

    >>> language()
    'en'
    """
    for variable in ("MINIDL_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        if wanted := os.environ.get(variable):
            return "ko" if re.split("[^a-z]", wanted.lower())[0] in ("ko", "korean") else "en"
    return "en"


def say(text: str) -> str:
    """`text`, or the same in the reader's language.

    >>> say("Dropout expects seed to be True or False, got 3.")
    'Dropout expects seed to be True or False, got 3.'
    """
    return text if language() == "en" else translated(text)


def word(text: str) -> str:
    """`text`, which is no sentence, or the same in the reader's language: the heading of a column, a label.

    The headings of a table are looked up together, as "layer, output, time": one of them alone may be somebody's name.

    >>> word("Largest difference")
    'Largest difference'
    """
    return text if language() == "en" else translated(text, whole=False)
