"""Words, numbers for words, and files of tokenizers. Values by hand; all of it once more against Keras's own."""

import hashlib
import json
import math
import os
import subprocess
import sys
import warnings
from collections import Counter, OrderedDict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl.preprocessing.text import (
    Tokenizer,
    hashing_trick,
    one_hot,
    text_to_word_sequence,
    tokenizer_from_json,
)

OOV = "<OOV>"
SOME = settings(deadline=None, max_examples=60)
korean = st.sampled_from(
    [
        "나는",
        "오늘",
        "기분이",
        "좋아.",
        "내일도,",
        "거야!",
        "한",
        "\u1112\u1161\u11ab",
        "e\u0301",
        "é",
        "İ",
        "ß",
        "ΟΔΟΣ",
    ]
    + ["🙂", "👩\u200d👩\u200d👧", "don't", "A", "a,", "B\tb", "\u3000", "\xa0"]
)
letters = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
text = st.lists(korean | letters, max_size=8).map(" ".join)
texts = st.lists(text, max_size=6)


def fitted(documents, **options):
    tokenizer = Tokenizer(**options)
    tokenizer.fit_on_texts(documents)
    return tokenizer


# ---------------------------------------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("given_text", "options", "words"),
    [
        ("Don't stop, it's-OK!", {}, ["don't", "stop", "it's", "ok"]),
        ("A  a\tB\nb", {}, ["a", "a", "b", "b"]),
        ("A a", {"lower": False}, ["A", "a"]),
        ("a.b c", {"filters": ""}, ["a.b", "c"]),
        ("a.b;c d", {"split": ";"}, ["a", "b", "c d"]),
        ("a--b-c", {"split": "--", "filters": ""}, ["a", "b-c"]),
        ("xaxbx", {"filters": "x"}, ["a", "b"]),
        ("", {}, []),
        ("...", {}, []),
        ("기분이 좋아. 좋을 거야", {}, ["기분이", "좋아", "좋을", "거야"]),
        ("a\u3000b\xa0c", {}, ["a\u3000b\xa0c"]),
        ("İ", {}, ["i\u0307"]),
        ("ΟΔΟΣ ΣΑ", {}, ["οδος", "σα"]),
        ("🙂,👩‍👧", {}, ["🙂", "👩‍👧"]),
    ],
)
def test_words(given_text, options, words):
    assert text_to_word_sequence(given_text, **options) == words


def test_two_spellings_of_a_syllable_are_two_words():
    assert len(fitted(["\ud55c \u1112\u1161\u11ab"]).word_index) == 2


def test_md5_numbers_are_the_remainder_of_the_digest():
    words = ["나는", "be", "나는"]
    numbers = [
        int.from_bytes(hashlib.md5(w.encode(), usedforsecurity=False).digest(), "big") % 9 + 1 for w in words
    ]
    assert hashing_trick("나는 BE 나는", 10, "md5") == numbers
    assert hashing_trick("\ud800", 10, "md5") != []  # half of a pair has no UTF-8


def test_hashing_takes_functions_and_analyzers():
    assert hashing_trick("a bb ccc", 3, len) == [2, 1, 2]
    assert hashing_trick("a-B", 10, len, analyzer=lambda t: t.split("-")) == [2, 2]
    assert one_hot("a-B", 10, analyzer=lambda t: t.split("-")) == [hash(w) % 9 + 1 for w in ("a", "B")]
    assert hashing_trick("A b", 50) == one_hot("a B", 50) == [hash("a") % 49 + 1, hash("b") % 49 + 1]
    assert hashing_trick("a b", 2, "md5") == [1, 1]


# ---------------------------------------------------------------------------------------------- numbering


def test_counts_and_numbers_by_hand():
    t = fitted(["b a", "a c", "a B"])
    assert t.word_counts == OrderedDict([("b", 2), ("a", 3), ("c", 1)])
    assert t.word_docs == {"b": 2, "a": 3, "c": 1}
    assert t.word_index == {"a": 1, "b": 2, "c": 3}
    assert t.index_word == {1: "a", 2: "b", 3: "c"}
    assert t.index_docs == {1: 3, 2: 2, 3: 1}
    assert t.document_count == 3
    t.fit_on_texts(["c c c c"])
    assert (t.word_index, t.document_count, t.word_docs["c"], t.index_docs[1]) == (
        {"c": 1, "a": 2, "b": 3},
        4,
        2,
        2,
    )
    assert t.texts_to_sequences([]) == []


@SOME
@given(texts, st.booleans(), st.none() | st.just(OOV))
def test_numbers_fall_with_frequency_and_then_follow_first_sight(documents, char_level, oov):
    t = fitted(documents, char_level=char_level, oov_token=oov)
    cut = [list(d.lower()) if char_level else text_to_word_sequence(d) for d in documents]
    words = [w for document in cut for w in document]
    order = sorted(set(words), key=lambda w: (-words.count(w), words.index(w)))
    start = 1 if oov is None else 2
    assert t.word_index == {**({} if oov is None else {oov: 1}), **{w: i for i, w in enumerate(order, start)}}
    assert list(t.word_counts.items()) == [(w, words.count(w)) for w in dict.fromkeys(words)]
    assert t.word_docs == Counter(w for document in cut for w in set(document))
    assert t.index_word == {i: w for w, i in t.word_index.items()}
    if documents:
        assert t.texts_to_sequences(documents) == [[t.word_index[w] for w in document] for document in cut]
        assert t.sequences_to_texts(t.texts_to_sequences(documents)) == [
            " ".join(document) for document in cut
        ]


@SOME
@given(texts, texts)
def test_fitting_twice_is_fitting_once_on_both(first, second):
    twice, once = fitted(first), fitted(first + second)
    twice.fit_on_texts(second)
    assert vars(twice) == vars(once)


def test_num_words_and_oov_token():
    assert fitted(["a a a b b c"], num_words=3).texts_to_sequences(["a b c z"]) == [[1, 2]]
    assert len(fitted(["a a a b b c"], num_words=3).word_index) == 3
    t = fitted(["a a b"], num_words=3, oov_token=OOV)
    assert t.word_index == {"<OOV>": 1, "a": 2, "b": 3}
    assert t.texts_to_sequences(["a b z"]) == [[2, 1, 1]]
    assert t.sequences_to_texts([[0, 2, 3, 9]]) == ["<OOV> a <OOV> <OOV>"]
    assert fitted(["a b"], num_words=2).sequences_to_texts([[1, 2]]) == ["a"]


def test_characters():
    t = fitted(["ab🙂", "한e\u0301"], char_level=True)
    assert t.texts_to_sequences(["🙂한\u0301"]) == [[3, 4, 6]]
    assert fitted(["A.a"], char_level=True, lower=False).word_index == {"A": 1, ".": 2, "a": 3}
    assert fitted(["İ"], char_level=True).word_index == {"i": 1, "\u0307": 2}


def test_characters_of_one_long_string_as_in_the_books():
    t = fitted("abca", char_level=True)
    assert (t.word_index, t.document_count) == ({"a": 1, "b": 2, "c": 3}, 4)
    assert t.texts_to_sequences("ca") == [[3], [1]]


def test_words_as_lists_and_analyzers():
    t = fitted([["My", "word."], ("my",)])
    assert t.word_index == {"my": 1, "word.": 2}
    assert fitted([["My"]], lower=False).word_index == {"My": 1}
    t = fitted(["A-b", 7], analyzer=lambda text: str(text).split("-"))
    assert t.word_index == {"A": 1, "b": 2, "7": 3}
    assert t.texts_to_sequences(["b-A"]) == [[2, 1]]


def test_generators_and_arrays_of_texts():
    t = fitted(line for line in ["a b", "a"])
    assert t.texts_to_sequences(np.array(["b a"])) == [[2, 1]]
    assert list(t.sequences_to_texts_generator(np.array([[0, 1], [2, 1]]))) == ["a", "b a"]


def test_old_names():
    with pytest.warns(UserWarning, match="num_words"):
        assert Tokenizer(nb_words=5).num_words == 5
    t = Tokenizer()
    t.word_index = {"a": 4}  # put together by hand
    assert t.texts_to_sequences(["a b"]) == [[4]]


# ---------------------------------------------------------------------------------------------- matrices


@pytest.mark.parametrize(
    ("mode", "row"),
    [
        ("binary", [0, 1, 1]),
        ("count", [0, 2, 1]),
        ("freq", [0, 2 / 3, 1 / 3]),
        ("tfidf", [0, (1 + math.log(2)) * math.log(1 + 2 / 3), math.log(1 + 2 / 2)]),
    ],
)
def test_matrix(mode, row):
    t = fitted(["x y", "y"])
    np.testing.assert_allclose(t.texts_to_matrix(["y y x", ""], mode), [row, [0, 0, 0]], rtol=1e-15)
    assert t.texts_to_matrix([], mode).shape == (0, 3)


def test_larger_numbers_are_left_out_of_the_matrix_but_count_for_the_length():
    m = Tokenizer(num_words=2).sequences_to_matrix(np.array([[1, 0, 5, 1]]), mode="freq")
    assert m.tolist() == [[0.25, 0.5]]


def test_tfidf_of_numbers_alone():
    t = Tokenizer(num_words=3)
    t.fit_on_sequences(np.array([[1, 1], [1, 2]]))
    assert (t.index_docs, t.document_count) == ({1: 2, 2: 1}, 2)
    np.testing.assert_allclose(
        t.sequences_to_matrix([[1, 2, 2]], "tfidf"),
        [[0, math.log(1 + 2 / 3), (1 + math.log(2)) * math.log(2)]],
    )
    assert json.loads(t.get_config()["index_docs"]) == {"1": 2, "2": 1}


# ---------------------------------------------------------------------------------------------- files


@SOME
@given(texts, st.none() | st.integers(1, 6), st.booleans(), st.booleans(), st.none() | st.just(OOV))
def test_a_tokenizer_comes_back_from_its_file(documents, num_words, lower, char_level, oov):
    options = {"num_words": num_words, "lower": lower, "char_level": char_level, "oov_token": oov}
    t = fitted(documents, **options)
    back = tokenizer_from_json(t.to_json(indent=1))
    assert vars(back) == vars(t)
    t.fit_on_texts(["new words 나는", *documents])
    back.fit_on_texts(["new words 나는", *documents])  # fails in Keras: its tables come back as plain dicts
    assert vars(back) == vars(t)


def test_a_file_is_the_same_in_every_run():
    code = (
        "from minidl.preprocessing.text import Tokenizer as T; t = T(); t.fit_on_texts(['a b c d e f']); "
        "print(t.to_json())"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1] != b""


def test_an_analyzer_is_not_written_and_that_is_said():
    with pytest.warns(UserWarning, match="analyzer"):
        Tokenizer(analyzer=str.split).to_json()


@pytest.mark.parametrize(
    "change",
    [
        {"word_index": '{"a": "1"}'},
        {"word_index": "[1]"},
        {"word_index": None},
        {"index_word": '{"x": "a"}'},
        {"index_word": '{"1": 2}'},
        {"num_words": "9"},
        {"filters": None},
    ],
)
def test_damaged_files_are_refused(change):
    config = {**Tokenizer().get_config(), **change}
    with pytest.raises(ValueError, match="tokenizer_from_json"):
        tokenizer_from_json(json.dumps({"config": config}))


@pytest.mark.parametrize("content", ["words.json", "[1]", "{}", None, '{"config": []}'])
def test_what_is_no_file_of_a_tokenizer(content):
    with pytest.raises(ValueError, match="tokenizer_from_json"):
        tokenizer_from_json(content)


# ---------------------------------------------------------------------------------------------- mistakes

T = fitted(["a b"])
REFUSALS = {
    "one text": (lambda: T.fit_on_texts("one text"), TypeError, r"list of texts.*\[text\]"),
    "one text to write": (lambda: T.texts_to_sequences("one text"), TypeError, "list of texts"),
    "one text as a matrix": (lambda: T.texts_to_matrix("one text"), TypeError, "list of texts"),
    "bytes": (lambda: T.fit_on_texts(b"ab"), TypeError, "list of texts"),
    "None": (lambda: T.fit_on_texts(None), TypeError, "NoneType"),
    "NaN": (lambda: T.fit_on_texts(["a", math.nan]), TypeError, "float nan at position 1.*fillna"),
    "bytes within": (lambda: T.fit_on_texts([b"a"]), TypeError, "decode"),
    "number within": (lambda: T.texts_to_sequences([3]), TypeError, "int 3 at position 0"),
    "number as a word": (lambda: T.fit_on_texts([["a", 3]]), TypeError, "entry 0.*int 3"),
    "nothing seen": (lambda: Tokenizer().texts_to_sequences(["a"]), ValueError, "fit_on_texts"),
    "nothing seen back": (lambda: Tokenizer().sequences_to_texts([[1]]), ValueError, "fit_on_texts"),
    "no columns": (lambda: Tokenizer().sequences_to_matrix([[1]]), ValueError, "num_words="),
    "tfidf of nothing": (
        lambda: Tokenizer(3).sequences_to_matrix([[1]], "tfidf"),
        ValueError,
        "fit_on_texts",
    ),
    "mode": (lambda: T.texts_to_matrix(["a"], "tf-idf"), ValueError, "'tfidf', got 'tf-idf'"),
    "negative number": (lambda: T.sequences_to_matrix([[-1]]), ValueError, ">= 0, got -1"),
    "fraction": (lambda: T.sequences_to_matrix([[1.5]]), TypeError, "whole number"),
    "flat numbers": (lambda: T.sequences_to_texts([1, 2]), TypeError, r"int 1 at position 0.*\[sequence\]"),
    "texts for numbers": (lambda: T.sequences_to_matrix(["a b"]), TypeError, "texts_to_sequences"),
    "text for numbers": (lambda: T.fit_on_sequences("a"), TypeError, "list of sequences"),
    "number for numbers": (lambda: T.sequences_to_texts(3), TypeError, "list of sequences"),
    "num_words 0": (lambda: Tokenizer(0), ValueError, ">= 1, got 0"),
    "num_words text": (lambda: Tokenizer("a text"), TypeError, "num_words"),
    "filters": (lambda: Tokenizer(filters=None), TypeError, "filters"),
    "split": (lambda: Tokenizer(split=""), ValueError, "char_level"),
    "split None": (lambda: text_to_word_sequence("a", split=None), TypeError, "split"),
    "oov_token": (lambda: Tokenizer(oov_token=True), TypeError, "oov_token"),
    "lower": (lambda: Tokenizer(lower="no"), TypeError, "lower to be True or False"),
    "char_level": (lambda: Tokenizer(char_level="no"), TypeError, "char_level to be True or False"),
    "analyzer": (lambda: Tokenizer(analyzer="char"), TypeError, "analyzer"),
    "no text": (lambda: text_to_word_sequence(["a"]), TypeError, "list"),
    "hash into one": (lambda: hashing_trick("a", 1), ValueError, ">= 2"),
    "hash name": (lambda: hashing_trick("a", 5, "sha1"), ValueError, "'md5'"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_errors_teach(case):
    call, error, message = REFUSALS[case]
    with pytest.raises(error, match=message) as caught:
        call()
    assert len(str(caught.value)) < 400


def test_after_an_error_nothing_is_counted():
    t = fitted(["a b"])
    before = t.to_json()
    with pytest.raises(TypeError):
        t.fit_on_texts(["a", "c", None])
    with pytest.raises(TypeError):
        t.fit_on_sequences([[1], [2.5]])
    assert t.to_json() == before


def test_an_oov_token_that_is_a_word():
    with pytest.warns(UserWarning, match="oov_token 'unk'"):
        assert fitted(["unk a"], **{"oov_token": "unk"}).word_index == {"unk": 2, "a": 3}


def test_an_oov_token_that_came_too_late():
    t = fitted(["a"])
    t.oov_token = OOV
    with pytest.raises(ValueError, match="fit again"):
        t.texts_to_sequences(["b"])


# ---------------------------------------------------------------------------------------------- Keras


@pytest.fixture(scope="module")
def theirs():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("keras")
        return pytest.importorskip("keras.src.legacy.preprocessing.text")


@pytest.mark.oracle
@SOME
@given(
    texts.filter(any),
    texts,
    st.fixed_dictionaries(
        {
            "num_words": st.none() | st.integers(1, 8),
            "lower": st.booleans(),
            "char_level": st.booleans(),
            "oov_token": st.none() | st.just(OOV),
            "split": st.sampled_from([" ", "a", ", "]),
            "filters": st.sampled_from(["", ",.!", "\t\n 좋"]),
        }
    ),
)
def test_as_keras(theirs, seen, new, options):
    ours, keras = fitted(seen, **options), theirs.Tokenizer(**options)
    keras.fit_on_texts(seen)
    sequences = keras.texts_to_sequences(new)
    assert ours.texts_to_sequences(new) == sequences
    assert ours.sequences_to_texts(sequences) == keras.sequences_to_texts(sequences)
    for mode in ("binary", "count", "freq", "tfidf") if ours.word_index else ():
        np.testing.assert_allclose(
            ours.sequences_to_matrix(sequences, mode), keras.sequences_to_matrix(sequences, mode), rtol=1e-14
        )
    ours.fit_on_sequences(sequences)
    keras.fit_on_sequences(sequences)
    for name in ("word_counts", "word_docs", "word_index", "index_word", "index_docs", "document_count"):
        assert getattr(ours, name) == getattr(keras, name)
    assert list(ours.word_index) == list(keras.word_index)
    for read in (tokenizer_from_json(keras.to_json()), theirs.tokenizer_from_json(ours.to_json())):
        assert read.texts_to_sequences(new) == sequences
        assert read.word_docs == keras.word_docs


@pytest.mark.oracle
@SOME
@given(text, st.integers(2, 50), st.sampled_from([None, "md5", len]))
def test_hashing_as_keras(theirs, given_text, n, function):
    assert hashing_trick(given_text, n, function) == theirs.hashing_trick(given_text, n, function)
    assert one_hot(given_text, n) == theirs.one_hot(given_text, n)
