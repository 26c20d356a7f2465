"""Words by number: the more frequent a word, the smaller its number."""

import json
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from minidl.backend import Array
from minidl.messages import say
from minidl.preprocessing.text.entries import documents, sequences_in
from minidl.preprocessing.text.matrix import counted
from minidl.preprocessing.text.words import FILTERS, Analyzer, checked_options, text_to_word_sequence
from minidl.utils.checks import flag, whole_number
from minidl.utils.warned import warn

__all__ = ["Tokenizer"]


class Tokenizer:
    """Numbers the words of texts, and writes texts as lists of these numbers.

    Word number 1 is the most frequent one; among equally frequent ones, that which came first. Number 0 is no
    word: it is left for padding. With `oov_token`, that token is number 1 and the words follow.

    Args:
        num_words: only numbers < `num_words` are written, which makes `num_words` − 1 words (as in Keras).
            `word_index` lists all words nevertheless. None writes all.
        filters, lower, split: as in `text_to_word_sequence`.
        char_level: number single characters. Filters do not apply then.
        oov_token: written for every word that has no number, or one too large; they are left out if None.
            Choose what is no word, such as "<OOV>".
        analyzer: a function from a text to its words, used instead of `filters`, `lower` and `split`.
        nb_words: the name that `num_words` had in Keras 1.
        document_count: the number of texts seen, for a tokenizer that is put together by hand.

    Attributes:
        word_counts: word -> how often it was seen, in the order of first sight.
        word_docs: word -> how many texts it was in.
        word_index, index_word: word -> number, number -> word.
        index_docs: number -> how many texts it was in.
        document_count: texts seen.

    Raises:
        TypeError, ValueError: an argument is of the wrong kind, or out of range.

    >>> tokenizer = Tokenizer(num_words=3, oov_token="<OOV>")
    >>> tokenizer.fit_on_texts(["To be, or not to be."])
    >>> tokenizer.word_index
    {'<OOV>': 1, 'to': 2, 'be': 3, 'or': 4, 'not': 5}
    >>> tokenizer.texts_to_sequences(["to be or what"])  # be is number 3, and num_words is 3
    [[2, 1, 1, 1]]
    """

    def __init__(
        self,
        num_words: int | None = None,
        filters: str = FILTERS,
        lower: bool = True,
        split: str = " ",
        char_level: bool = False,
        oov_token: str | None = None,
        analyzer: Analyzer | None = None,
        *,
        nb_words: int | None = None,
        document_count: int = 0,
    ):
        if nb_words is not None:
            warn("Tokenizer's nb_words is called num_words now.")
            num_words = nb_words
        checked_options("Tokenizer", filters, split)
        if oov_token is not None and not isinstance(oov_token, str):
            raise TypeError(
                say(f"Tokenizer expects oov_token to be a string or None, got {oov_token!r:.60}.")
            )
        if analyzer is not None and not callable(analyzer):
            raise TypeError(
                say(f"Tokenizer expects analyzer to be a function or None, got {analyzer!r:.60}.")
            )
        self.num_words = None if num_words is None else whole_number("Tokenizer", "num_words", num_words, 1)
        self.filters = filters
        self.lower = flag("Tokenizer", "lower", lower)
        self.split = split
        self.char_level = flag("Tokenizer", "char_level", char_level)
        self.oov_token = oov_token
        self.analyzer = analyzer
        self.document_count = whole_number("Tokenizer", "document_count", document_count, 0)
        self.word_counts: OrderedDict[str, int] = OrderedDict()
        self.word_docs: defaultdict[str, int] = defaultdict(int)
        self.index_docs: defaultdict[int, int] = defaultdict(int)
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}

    def fit_on_texts(self, texts: Iterable[Any]) -> None:
        """Counts words and numbers them. Called again, it adds to the counts, and the numbers may change.

        Args:
            texts: strings, or lists of words, which are taken as they are (but for `lower`). With
                `char_level`, one long string is as good as a list of its characters.

        Raises:
            TypeError: one text instead of several, or an entry that is no text. Nothing is counted then.

        >>> tokenizer = Tokenizer()
        >>> tokenizer.fit_on_texts(["b a", ["a", "C"], "a B"])
        >>> dict(tokenizer.word_counts), tokenizer.word_index
        ({'b': 2, 'a': 3, 'c': 1}, {'a': 1, 'b': 2, 'c': 3})
        """
        counts, docs, seen = self.word_counts.copy(), self.word_docs.copy(), 0
        for words in self._documents("fit_on_texts", texts):
            seen += 1
            for word in words:
                counts[word] = counts.get(word, 0) + 1
            for word in dict.fromkeys(words):  # every word once, in an order that is the same in each run
                docs[word] += 1
        self.word_counts, self.word_docs = counts, docs
        self.document_count += seen
        self._number_words()

    def _number_words(self) -> None:
        by_frequency = sorted(
            self.word_counts, key=lambda word: -self.word_counts[word]
        )  # ties keep their order
        names = by_frequency if self.oov_token is None else [self.oov_token, *by_frequency]
        if self.oov_token in self.word_counts:
            warn(
                f"The texts contain Tokenizer's oov_token {self.oov_token!r:.40} as a word, so that unknown words "
                "cannot be told from it. Choose what is no word, such as '<OOV>'."
            )
        self.word_index = {word: i for i, word in enumerate(names, 1)}
        self.index_word = {i: word for word, i in self.word_index.items()}
        for word, count in self.word_docs.items():
            self.index_docs[self.word_index[word]] = count

    def fit_on_sequences(self, sequences: Iterable[Iterable[int]]) -> None:
        """Counts in how many sequences each number occurs, for `mode="tfidf"` of texts that are numbers already.

        Raises:
            TypeError: an entry is no sequence of whole numbers. Nothing is counted then.

        >>> tokenizer = Tokenizer(num_words=3)
        >>> tokenizer.fit_on_sequences([[1, 1, 2], [1]])
        >>> dict(tokenizer.index_docs), tokenizer.document_count
        ({1: 2, 2: 1}, 2)
        """
        docs, seen = self.index_docs.copy(), 0
        for numbers in sequences_in("fit_on_sequences", sequences):
            seen += 1
            for i in dict.fromkeys(numbers):
                docs[whole_number("fit_on_sequences", "every entry", i)] += 1
        self.index_docs = docs
        self.document_count += seen

    def texts_to_sequences(self, texts: Iterable[Any]) -> list[list[int]]:
        """Each text as the list of its words' numbers; see the class for words without one.

        Raises:
            TypeError: as `fit_on_texts`.
            ValueError: no text has been seen yet.

        >>> tokenizer = Tokenizer(char_level=True)
        >>> tokenizer.fit_on_texts(["abca"])
        >>> tokenizer.texts_to_sequences(["cab", "x"])
        [[3, 1, 2], []]
        """
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts: Iterable[Any]) -> Iterator[list[int]]:
        """`texts_to_sequences`, one text at a time.

        >>> tokenizer = Tokenizer()
        >>> tokenizer.fit_on_texts(["to be"])
        >>> next(tokenizer.texts_to_sequences_generator(["be"]))
        [2]
        """
        self._refuse_empty("texts_to_sequences")
        oov = self._oov_number()
        found = self.word_index
        for words in self._documents("texts_to_sequences", texts):
            numbers = [found.get(word) for word in words]
            written = [oov if i is None or self._too_large(i) else i for i in numbers]
            yield [i for i in written if i is not None]

    def sequences_to_texts(self, sequences: Iterable[Iterable[int]]) -> list[str]:
        """The words behind the numbers, joined by blanks.

        Numbers without a word are left out, or written as `oov_token` if there is one: that goes for the zeros
        of padding, too.

        Raises:
            TypeError: an entry is no sequence.
            ValueError: no text has been seen yet.

        >>> tokenizer = Tokenizer()
        >>> tokenizer.fit_on_texts(["to be"])
        >>> tokenizer.sequences_to_texts([[0, 2, 1], [9]])
        ['be to', '']
        """
        return list(self.sequences_to_texts_generator(sequences))

    def sequences_to_texts_generator(self, sequences: Iterable[Iterable[int]]) -> Iterator[str]:
        """`sequences_to_texts`, one sequence at a time.

        >>> tokenizer = Tokenizer()
        >>> tokenizer.fit_on_texts(["to be"])
        >>> next(tokenizer.sequences_to_texts_generator([[1, 2]]))
        'to be'
        """
        self._refuse_empty("sequences_to_texts")
        oov = self.index_word.get(self._oov_number() or 0)
        for numbers in sequences_in("sequences_to_texts", sequences):
            words = [None if self._too_large(i) else self.index_word.get(i) for i in numbers]
            yield " ".join([word for word in (oov if w is None else w for w in words) if word is not None])

    def texts_to_matrix(self, texts: Iterable[Any], mode: str = "binary") -> Array:
        """A row for each text, a column for each number; see `sequences_to_matrix`.

        >>> tokenizer = Tokenizer()
        >>> tokenizer.fit_on_texts(["to be", "to do"])
        >>> tokenizer.texts_to_matrix(["be to be"], mode="count")
        array([[0., 1., 2., 0.]])
        """
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode)

    def sequences_to_matrix(self, sequences: Iterable[Iterable[int]], mode: str = "binary") -> Array:
        """A row for each sequence, a column for each number.

            binary  1 where the number occurs          count  how often it occurs, c
            freq    c / length of the sequence         tfidf  (1 + ln c) · ln(1 + documents / (1 + d))

        d is in how many of the documents seen the number occurs.

        Args:
            sequences: N lists of numbers.
            mode: one of the four.

        Returns:
            float64, shape (N, `num_words`), or (N, words + 1) without `num_words`. Larger numbers are left out.

        Raises:
            TypeError: an entry is no sequence of whole numbers.
            ValueError: an unknown mode, a number below 0, or nothing says how many columns there are.

        >>> Tokenizer(num_words=4).sequences_to_matrix([[1, 1, 3]], mode="count")
        array([[0., 2., 0., 1.]])
        """
        columns = self.num_words or (len(self.word_index) + 1 if self.word_index else None)
        if columns is None:
            raise ValueError(
                say(
                    "Tokenizer does not know yet how many columns the matrix has. Call fit_on_texts first, or pass "
                    "num_words= to Tokenizer."
                )
            )
        if mode == "tfidf" and not self.document_count:
            raise ValueError(say("mode='tfidf' compares with texts seen before. Call fit_on_texts first."))
        rows = list(sequences_in("sequences_to_matrix", sequences))
        return counted(rows, columns, mode, self.document_count, self.index_docs)

    def get_config(self) -> dict[str, Any]:
        """Options and counts in the form of Keras's files: the tables are JSON texts themselves.

        >>> tokenizer = Tokenizer(num_words=9)
        >>> tokenizer.fit_on_texts(["to be or not to be"])
        >>> config = tokenizer.get_config()
        >>> config["num_words"], config["word_index"]
        (9, '{"to": 1, "be": 2, "or": 3, "not": 4}')
        """
        options = ("num_words", "filters", "lower", "split", "char_level", "oov_token", "document_count")
        tables = ("word_counts", "word_docs", "index_docs", "index_word", "word_index")
        return {
            **{name: getattr(self, name) for name in options},
            **{name: json.dumps(getattr(self, name)) for name in tables},
        }

    def to_json(self, **kwargs: Any) -> str:
        """All of it but the analyzer as JSON, which `tokenizer_from_json` reads, that of Keras as well.

        Args:
            kwargs: for `json.dumps`, such as indent=2.

        >>> from minidl.preprocessing.text import tokenizer_from_json
        >>> tokenizer = Tokenizer()
        >>> tokenizer.fit_on_texts(["to be or not to be"])
        >>> tokenizer_from_json(tokenizer.to_json()).texts_to_sequences(["be or not"])
        [[2, 3, 4]]
        """
        if self.analyzer is not None:
            warn("JSON cannot hold Tokenizer's analyzer. After loading, set tokenizer.analyzer again.")
        return json.dumps({"class_name": "Tokenizer", "config": self.get_config()}, **kwargs)

    def _refuse_empty(self, owner: str) -> None:
        if not self.word_index and not self.document_count:
            raise ValueError(say(f"Tokenizer.{owner} knows no words yet. Call fit_on_texts(texts) first."))

    def _oov_number(self) -> int | None:
        """The number written for words without one; None if they are left out."""
        if self.oov_token is None:
            return None
        if self.oov_token not in self.word_index:
            raise ValueError(
                say(
                    f"Tokenizer's oov_token {self.oov_token!r:.40} has no number in word_index. Pass oov_token before "
                    "fit_on_texts, or fit again."
                )
            )
        return self.word_index[self.oov_token]

    def _too_large(self, number: int) -> bool:
        return bool(self.num_words) and number >= self.num_words  # type: ignore[operator]

    def _documents(self, owner: str, texts: Any) -> Iterator[list[str]]:
        """The words of each text."""
        if self.char_level:
            return documents(
                owner, texts, self.lower, lambda text: text.lower() if self.lower else text, True
            )
        if self.analyzer is not None:
            return documents(owner, texts, self.lower, self.analyzer, only_strings=False)
        return documents(
            owner,
            texts,
            self.lower,
            lambda text: text_to_word_sequence(text, self.filters, self.lower, self.split),
        )
