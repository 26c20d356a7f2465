"""Padding, windows over recordings and pairs of words: against loops, values by hand and Keras's own."""

import json
import os
import random
import warnings
from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import minidl
from minidl.layers import Dense, Input, SimpleRNN
from minidl.models import Sequential
from minidl.preprocessing.sequence import (
    TimeseriesGenerator,
    make_sampling_table,
    pad_sequences,
    skipgrams,
    sliding_windows,
)
from minidl.preprocessing.text import Tokenizer
from minidl.utils import set_random_seed, timeseries_dataset_from_array

SOME = settings(deadline=None, max_examples=80)
ENDS = st.sampled_from(["pre", "post"])
S = [[1], [2, 3], [4, 5, 6]]


def test_where_they_are_found():
    assert minidl.preprocessing.sequence.pad_sequences is minidl.utils.pad_sequences
    assert minidl.preprocessing.timeseries_dataset_from_array is timeseries_dataset_from_array
    assert minidl.preprocessing.text.Tokenizer is Tokenizer


# ---------------------------------------------------------------------------------------------- padding


def padded_by_a_loop(sequences, maxlen, padding, truncating, value):
    rows = []
    for s in sequences:
        s = list(s)
        while len(s) > maxlen:
            s.pop(0 if truncating == "pre" else -1)
        while len(s) < maxlen:
            s.insert(0 if padding == "pre" else len(s), value)
        rows.append(s)
    return rows


@SOME
@given(
    st.lists(st.lists(st.integers(-9, 9), max_size=6), min_size=1, max_size=5),
    st.none() | st.integers(0, 8),
    ENDS,
    ENDS,
    st.integers(-3, 3),
    st.sampled_from([list, tuple, np.array]),
)
def test_padding_is_the_obvious_loop(sequences, maxlen, padding, truncating, value, kind):
    y = pad_sequences([kind(s) for s in sequences], maxlen, "int32", padding, truncating, value)
    steps = max(map(len, sequences)) if maxlen is None else maxlen
    assert y.tolist() == padded_by_a_loop(sequences, steps, padding, truncating, value)
    assert (y.dtype, y.shape) == (np.int32, (len(sequences), steps))


def test_both_ends_are_pre_by_default():
    assert pad_sequences(S, maxlen=2).tolist() == [[0, 1], [2, 3], [5, 6]]


def test_steps_with_features():
    y = pad_sequences([[], [[1, 2]], np.array([[3, 4], [5, 6]])], dtype="float32", padding="post", value=-1)
    assert y.tolist() == [[[-1, -1], [-1, -1]], [[1, 2], [-1, -1]], [[3, 4], [5, 6]]]
    assert pad_sequences([[[1, 2]], []], maxlen=0).shape == (2, 0, 2)


def test_strings():
    words = [["to", "become"], ["or"]]
    expected = [["to", "become"], ["-", "or"]]
    assert pad_sequences(words, dtype=object, value="-").tolist() == expected
    assert (
        pad_sequences(words, dtype=str, value="-").tolist() == expected
    )  # Keras cuts them to the length of "-"
    assert pad_sequences(words, dtype="U2", value="-").tolist() == [["to", "be"], ["-", "or"]]


def test_nothing_but_padding():
    assert pad_sequences([[], []]).shape == (2, 0)
    assert pad_sequences([], maxlen=3).shape == (0, 3)


def test_fractions_cut_off_are_noticed():
    with pytest.warns(UserWarning, match="float32") as caught:
        assert pad_sequences([[0.5, 2.0]]).tolist() == [[0, 2]]
    assert caught[0].filename == __file__
    assert pad_sequences([[2.0]]).tolist() == [[2]]
    assert pad_sequences([[0.5], [np.nan, 1]], dtype="float32")[0].tolist() == [0, 0.5]


def test_the_sequences_stay_as_they_are():
    source = [np.array([1, 2]), np.array([3])]
    pad_sequences(source)[:] = 9
    assert [s.tolist() for s in source] == [[1, 2], [3]]


# ---------------------------------------------------------------------------------------------- sliding windows


def windows_by_a_loop(x, y, n_steps, stride, label):
    windows, labels = [], []
    for i in range(0, len(x) - n_steps + 1, stride):
        part = list(y[i : i + n_steps])
        windows.append(x[i : i + n_steps])
        labels.append({"majority": Counter(part).most_common(1)[0][0], "last": part[-1], "all": part}[label])
    return windows, labels


@SOME
@given(
    st.lists(st.integers(0, 3), max_size=14),
    st.integers(1, 6),
    st.integers(1, 4),
    st.sampled_from(["majority", "last", "all"]),
    st.sampled_from(["int8", "float32", "U1", "object", "bool"]),
    st.sampled_from([(), (2,), (2, 1)]),
)
def test_windows_are_the_obvious_loop(labels, n_steps, stride, label, dtype, features):
    y = np.array(labels, dtype)
    x = np.arange(len(y) * int(np.prod(features)), dtype="float32").reshape(len(y), *features)
    windows, found = sliding_windows(x, y, n_steps, stride, label)
    expected, expected_labels = windows_by_a_loop(x, y.tolist(), n_steps, stride, label)
    assert windows.shape == (len(expected), n_steps, *features)
    assert windows.tolist() == [w.tolist() for w in expected]
    assert found.tolist() == expected_labels
    assert (windows.dtype, found.dtype) == (x.dtype, y.dtype)
    assert np.array_equal(sliding_windows(x, None, n_steps, stride)[0], windows)


def test_ties_go_to_the_label_seen_first_in_the_window():
    _, labels = sliding_windows(np.zeros(6), [2, 1, 1, 2, 0, 0], 4)
    assert labels.tolist() == [2, 1, 0]
    assert sliding_windows(np.zeros(4), list("bbaa"), 4)[1].tolist() == ["b"]


def test_windows_can_be_written_to():
    x = np.arange(5)
    windows, labels = sliding_windows(x, x, 3, label="all")
    windows[0, 1] = labels[0, 1] = 9
    assert windows[1].tolist() == labels[1].tolist() == [1, 2, 3]
    assert x.tolist() == [0, 1, 2, 3, 4]


def test_too_short_a_recording_has_no_windows():
    windows, labels = sliding_windows(np.zeros((3, 2), "float32"), ["a", "b", "c"], 4)
    assert (windows.shape, windows.dtype, labels.shape, labels.dtype) == ((0, 4, 2), np.float32, (0,), "U1")


def test_targets_of_a_regression():
    y = np.array([[0.5], [1.5], [np.nan]])
    assert sliding_windows(np.zeros(3), y, 2, label="last")[1].shape == (2, 1)
    assert sliding_windows(np.zeros(3), y, 2, label="all")[1].shape == (2, 2, 1)


# ---------------------------------------------------------------------------------------------- forecasting


@SOME
@given(
    st.integers(3, 16),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(0, 3),
    st.integers(0, 3),
    st.booleans(),
    st.integers(1, 5),
)
def test_generator_gives_the_past_of_each_target(n, length, rate, stride, start, less, reverse, batch_size):
    assume(start + length <= n - 1 - less)
    data = np.arange(2 * n).reshape(n, 2)
    targets = np.arange(n) * 10
    g = TimeseriesGenerator(
        data.tolist(), targets.tolist(), length, rate, stride, start, n - 1 - less, False, reverse, batch_size
    )
    rows = list(range(start + length, n - less, stride))
    past = [[data[i].tolist() for i in range(t - length, t, rate)] for t in rows]
    batches = list(g)
    assert len(batches) == len(g) == -(-len(rows) // batch_size)
    assert [y for _, part in batches for y in part.tolist()] == [10 * t for t in rows]
    assert [x for part, _ in batches for x in part.tolist()] == [p[::-1] if reverse else p for p in past]
    again = TimeseriesGenerator.from_config(json.loads(g.to_json())["config"])
    assert again.get_config() == g.get_config()
    assert again[0][0].tolist() == g[0][0].tolist()


def test_generator_draws_rows():
    set_random_seed(3)
    g = TimeseriesGenerator(
        np.arange(30), np.arange(30), 2, start_index=4, end_index=20, shuffle=True, batch_size=50
    )
    x, y = g[0]
    assert len(y) == 50
    assert (x == y[:, None] + [-2, -1]).all()
    assert (y.min(), y.max()) == (6, 20)
    assert (g[0][1] != y).any()
    set_random_seed(3)
    again = TimeseriesGenerator(g.data, g.data, 2, start_index=4, end_index=20, shuffle=True, batch_size=50)
    assert (again[0][1] == y).all()


def test_generator_ends():
    g = TimeseriesGenerator(np.arange(9), np.arange(9), 2, batch_size=4, workers=3)
    assert (g.workers, g.start_index, g.end_index) == (3, 2, 8)
    assert g[-1][1].tolist() == [6, 7, 8]
    with pytest.raises(IndexError):
        g[2]


@SOME
@given(
    st.integers(3, 16),
    st.integers(1, 4),
    st.integers(1, 2),
    st.integers(1, 2),
    st.none() | st.integers(1, 5),
    st.none() | st.integers(0, 2),
    st.integers(0, 2),
    st.sampled_from(["targets", "short", None]),
)
def test_dataset_gives_windows_with_the_target_of_their_first_step(
    n, length, stride, rate, batch_size, start, less, kind
):
    data, end = np.arange(n), n - less
    usable = data[start:end]
    targets = {"targets": data * 10, "short": data[: max(n - length, 1)] * 10, None: None}[kind]
    available = None if targets is None else targets[start:end]
    starts = [
        i
        for i in range(0, len(usable), stride)
        if i + (length - 1) * rate < len(usable) and (available is None or i < len(available))
    ]
    assume(starts)
    d = timeseries_dataset_from_array(
        data, targets, length, stride, rate, batch_size, start_index=start, end_index=end
    )
    windows = [usable[i : i + (length - 1) * rate + 1 : rate].tolist() for i in starts]
    items = list(d)
    assert len(d) == len(items) == -(-len(starts) // (batch_size or 1))
    xs = [item if targets is None else item[0] for item in items]
    assert (np.array(xs) if batch_size is None else np.concatenate(xs)).tolist() == windows
    if targets is not None:
        ys = [item[1] for item in items]
        assert (np.array(ys) if batch_size is None else np.concatenate(ys)).tolist() == [
            available[i] for i in starts
        ]


def test_dataset_shuffles_windows_anew_each_epoch():
    def firsts(d):
        return [int(w[0]) for batch in d for w in batch]

    d, same, other = (
        timeseries_dataset_from_array(np.arange(40), None, 3, batch_size=7, shuffle=True, seed=s)
        for s in (1, 1, 2)
    )
    first = firsts(d)
    assert first == firsts(d) == firsts(same) != firsts(other)
    d.on_epoch_end()
    same.on_epoch_end()
    assert firsts(d) == firsts(same) != first
    assert sorted(firsts(d)) == sorted(first) == list(range(38)) != first
    unseeded = timeseries_dataset_from_array(np.arange(40), None, 3, shuffle=True)
    assert firsts(unseeded) != firsts(timeseries_dataset_from_array(np.arange(40), None, 3, shuffle=True))


@pytest.mark.parametrize("kind", ["generator", "dataset"])
def test_a_model_learns_to_forecast(kind):
    t = np.sin(np.arange(80, dtype="float32") / 3)[:, None]
    if kind == "generator":
        data = TimeseriesGenerator(t, t, 6, batch_size=16)
    else:
        data = timeseries_dataset_from_array(t, t[6:], 6, batch_size=16, shuffle=True, seed=0)
    model = Sequential([Input(shape=(6, 1)), SimpleRNN(8), Dense(1)])
    model.compile("adam", "mse")
    losses = model.fit(data, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 4
    assert model.predict(data, verbose=0).shape == (74, 1)


# ---------------------------------------------------------------------------------------------- pairs of words


def test_neighbours():
    couples, labels = skipgrams([1, 0, 2, 3], 4, window_size=2, negative_samples=0, shuffle=False)
    assert couples == [[1, 2], [2, 1], [2, 3], [3, 2]]
    assert labels == [1, 1, 1, 1]
    assert skipgrams([1, 2], 3, categorical=True, shuffle=False, negative_samples=0)[1] == [[0, 1], [0, 1]]
    assert skipgrams([1], 3) == ([], [])


@SOME
@given(
    st.lists(st.integers(0, 6), max_size=10),
    st.integers(0, 4),
    st.sampled_from([0, 0.5, 1, 2]),
    st.booleans(),
)
def test_strangers_have_label_0_and_words_of_the_text(words, window, share, categorical):
    couples, labels = skipgrams(words, 7, window, share, True, categorical, seed=4)
    neighbours = [
        [a, b]
        for i, a in enumerate(words)
        for j, b in enumerate(words)
        if i != j and abs(i - j) <= window and a and b
    ]
    yes = [0, 1] if categorical else 1
    assert sorted(c for c, label in zip(couples, labels, strict=True) if label == yes) == sorted(neighbours)
    strangers = [c for c, label in zip(couples, labels, strict=True) if label != yes]
    assert len(strangers) == int(len(neighbours) * share)
    assert all(a in words and 1 <= b < 7 for a, b in strangers)
    random.seed(99)
    assert skipgrams(words, 7, window, share, True, categorical, seed=4) == (couples, labels)


def test_common_words_are_skipped():
    text = [1] * 200 + [2] * 200
    couples, _ = skipgrams(text, 3, 1, negative_samples=0, sampling_table=[0, 0.1, 1], seed=0)
    counts = Counter(word for word, _ in couples)
    assert counts[2] == 399
    assert 10 < counts[1] < 80


def test_sampling_table_by_hand():
    p = make_sampling_table(3, 0.01)
    two = (0.01 * (2 * (np.log(2) + 0.577) + 0.5 - 1 / 24)) ** 0.5
    one = (0.01 * (0.577 + 0.5 - 1 / 12)) ** 0.5
    np.testing.assert_allclose(p, [one, one, two], rtol=1e-14)
    assert make_sampling_table(5, 10.0).tolist() == [1] * 5


# ---------------------------------------------------------------------------------------------- mistakes

X = np.zeros(5)
REFUSALS = {
    "flat": (lambda: pad_sequences([1, 2]), ValueError, r"int 1 at position 0.*\[sequence\]"),
    "flat array": (lambda: pad_sequences(np.array([1, 2])), ValueError, "position 0"),
    "texts": (lambda: pad_sequences(["a b"]), ValueError, "texts_to_sequences"),
    "one text": (lambda: pad_sequences("ab"), ValueError, "texts_to_sequences"),
    "words": (lambda: pad_sequences([["a"]]), ValueError, "int32"),
    "generator": (lambda: pad_sequences(s for s in S), ValueError, "list"),
    "padding": (lambda: pad_sequences(S, padding="before"), ValueError, "'pre' or 'post', got 'before'"),
    "truncating": (lambda: pad_sequences(S, truncating=None), ValueError, "truncating"),
    "maxlen": (lambda: pad_sequences(S, maxlen=-1), ValueError, ">= 0"),
    "shuffle": (
        lambda: TimeseriesGenerator([1, 2], [1, 2], 1, shuffle="no"),
        TypeError,
        "shuffle to be True or False",
    ),
    "reverse": (
        lambda: TimeseriesGenerator([1, 2], [1, 2], 1, reverse=2),
        TypeError,
        "reverse to be True or False",
    ),
    "maxlen 2.0": (lambda: pad_sequences(S, maxlen=2.0), TypeError, "maxlen"),
    "value": (lambda: pad_sequences(S, value="x"), ValueError, "dtype=object"),
    "none": (lambda: pad_sequences([]), ValueError, "maxlen="),
    "steps": (lambda: pad_sequences([[], [[1, 2]], [[1]]]), ValueError, r"position 2.*\(1,\).*\(2,\)"),
    "ragged": (lambda: pad_sequences([[1], [[1], [2, 3]]]), ValueError, "position 1.*different shapes"),
    "too large": (lambda: pad_sequences([[2**31]]), ValueError, "int32"),
    "too large by far": (lambda: pad_sequences([[2**70]]), ValueError, "int32"),
    "NaN": (lambda: pad_sequences([[float("nan")]]), ValueError, "int32"),
    "None in it": (lambda: pad_sequences([[1, None]]), ValueError, "position 0"),
    "label": (lambda: sliding_windows(X, X, 2, label="first"), ValueError, "'majority'"),
    "labels": (lambda: sliding_windows(X, [1], 2), ValueError, r"\(5,\), y \(1,\)"),
    "column": (lambda: sliding_windows(X, X[:, None], 2), ValueError, "ravel"),
    "fractions": (lambda: sliding_windows(X, X + 0.5, 2), ValueError, "label='last'"),
    "NaN label": (lambda: sliding_windows(X, X * np.nan, 2), ValueError, "NaN"),
    "mixed": (
        lambda: sliding_windows(X, np.array([1, "a", 1, 1, 1], object), 2),
        TypeError,
        "different types",
    ),
    "n_steps": (lambda: sliding_windows(X, X, 0), ValueError, "n_steps"),
    "stride": (lambda: sliding_windows(X, X, 2, 0), ValueError, "stride"),
    "no steps": (lambda: sliding_windows(1.0, None, 2), ValueError, "single value"),
    "targets": (lambda: TimeseriesGenerator(X, X[1:], 2), ValueError, r"\(5,\) and \(4,\)"),
    "no row": (lambda: TimeseriesGenerator(X, X, 5), ValueError, "start_index . length = 0 . 5"),
    "end": (lambda: TimeseriesGenerator(X, X, 2, end_index=5), ValueError, "<= 4"),
    "batch_size": (lambda: TimeseriesGenerator(X, X, 2, batch_size=0), ValueError, "batch_size"),
    "rate": (lambda: timeseries_dataset_from_array(X, X, 2, sampling_rate=0), ValueError, "sampling_rate"),
    "long stride": (lambda: timeseries_dataset_from_array(X, X, 2, 5), ValueError, "sequence_stride"),
    "long": (lambda: timeseries_dataset_from_array(X, X, 6), ValueError, "needs 6 steps.*got 5"),
    "start": (lambda: timeseries_dataset_from_array(X, X, 2, start_index=5), ValueError, "start_index"),
    "end first": (
        lambda: timeseries_dataset_from_array(X, X, 2, start_index=3, end_index=3),
        ValueError,
        "end_index",
    ),
    "no target": (lambda: timeseries_dataset_from_array(X, X[:2], 2, start_index=2), ValueError, "no target"),
    "scalar": (lambda: timeseries_dataset_from_array(1.0, None, 2), ValueError, "time"),
    "vocabulary": (lambda: skipgrams([1], 1), ValueError, "vocabulary_size"),
    "negative": (lambda: skipgrams([1], 3, negative_samples=-1), ValueError, "negative_samples"),
    "size": (lambda: make_sampling_table(0), ValueError, "size"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_errors_teach(case):
    call, error, message = REFUSALS[case]
    with pytest.raises(error, match=message) as caught:
        call()
    assert len(str(caught.value)) < 400


# ---------------------------------------------------------------------------------------------- Keras


@pytest.fixture(scope="module")
def theirs():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keras = pytest.importorskip("keras")
        legacy = pytest.importorskip("keras.src.legacy.preprocessing.sequence")
    return keras.utils.pad_sequences, legacy


@pytest.mark.oracle
@SOME
@given(
    st.lists(st.lists(st.integers(-9, 9), max_size=6), min_size=1, max_size=5),
    st.none() | st.integers(1, 8),
    st.sampled_from(["int32", "float32", "uint8", object]),
    ENDS,
    ENDS,
    st.sampled_from([0.0, 7, 2.5]),
)
def test_padding_as_keras(theirs, sequences, maxlen, dtype, padding, truncating, value):
    assume(value != 2.5 or dtype in ("float32", object))  # to Keras it is 2; here it is refused
    sequences = [[abs(i) for i in s] for s in sequences]
    y, expected = (
        f(sequences, maxlen, dtype, padding, truncating, value) for f in (pad_sequences, theirs[0])
    )
    assert (y.tolist(), y.dtype, y.shape) == (expected.tolist(), expected.dtype, expected.shape)


@pytest.mark.oracle
@SOME
@given(
    st.integers(6, 20),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(0, 1),
    st.integers(1, 5),
)
def test_generator_as_keras(theirs, n, length, rate, stride, start, batch_size):
    arguments = (np.arange(3 * n).reshape(n, 3), np.arange(n), length, rate, stride, start)
    ours = TimeseriesGenerator(*arguments, batch_size=batch_size)
    keras = theirs[1].TimeseriesGenerator(*arguments, batch_size=batch_size)
    assert len(ours) == len(keras)
    for i in range(len(ours)):
        for a, b in zip(ours[i], keras[i], strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.oracle
@SOME
@given(st.lists(st.integers(0, 6), max_size=10), st.booleans(), st.sampled_from([0, 1.5]), st.integers(0, 99))
def test_skipgrams_as_keras(theirs, words, categorical, share, seed):
    found = []
    for function in (skipgrams, theirs[1].skipgrams):
        random.seed(seed)
        table = make_sampling_table(7, 0.5)
        found.append(function(words, 7, 2, share, False, categorical, table))
    assert found[0] == found[1]
    np.testing.assert_allclose(make_sampling_table(50), theirs[1].make_sampling_table(50), rtol=1e-14)
