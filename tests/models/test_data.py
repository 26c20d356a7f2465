"""What comes in: arrays of every kind, batches from arrays, generators and sequences, and the refusals."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl import Tensor
from minidl.models import sources
from minidl.models.class_weights import checked_class_weight, class_weights
from minidl.models.data import Batch, as_batch, checked_array, one_batch, split
from minidl.models.sources import ArraySource, GeneratorSource, SequenceSource, source
from minidl.random import SeedGenerator


class Numbered:
    """A Sequence of `n` batches; batch i holds the number i."""

    def __init__(self, n):
        self.n, self.ended = n, 0

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        if not 0 <= i < self.n:
            raise IndexError(i)
        return np.full((2, 1), i), np.full((2, 1), i)

    def on_epoch_end(self):
        self.ended += 1


def first_column(batches):
    return [batch.x[:, 0].tolist() for batch in batches]


# --- arrays -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        [[1, 2], [3, 4]],
        ((1.0, 2.0), (3.0, 4.0)),
        [np.array([1, 2]), np.array([3, 4])],
        Tensor([[1.0, 2.0], [3.0, 4.0]]),
        pd.DataFrame({"a": [1, 3], "b": [2.0, 4.0]}),
        np.array([[1, 2], [3, 4]], ">f8"),
        np.array([[1, 2], [3, 4]], "uint8"),
        np.asfortranarray(np.array([[1.0, 2], [3, 4]])),
        np.array([[4.0, 3], [2, 1]])[::-1, ::-1],
        np.broadcast_to(np.array([[1.0, 2], [3, 4]]), (2, 2)),
    ],
    ids=[
        "list",
        "tuple",
        "arrays",
        "Tensor",
        "DataFrame",
        "big-endian",
        "uint8",
        "F",
        "reversed",
        "read-only",
    ],
)
def test_every_way_to_hold_numbers(data):
    array = checked_array(data, "x")
    assert isinstance(array, np.ndarray)
    assert array.dtype.isnative
    assert array.tolist() == [[1, 2], [3, 4]]


def test_series_booleans_and_what_only_knows_array():
    assert checked_array(pd.Series([1, 2, 3]), "y").tolist() == [1, 2, 3]
    assert checked_array([True, False], "y").dtype == bool
    other = type("Other", (), {"__array__": lambda self, dtype=None, copy=None: np.arange(3.0)})()
    assert checked_array(other, "x").tolist() == [0, 1, 2]
    memory = np.arange(4.0)
    assert checked_array(memory, "x") is memory


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (None, ValueError, "x is None"),
        (3.5, ValueError, "expects at least one sample along the first axis, got the single number 3.5"),
        ([[1, 2], [3]], ValueError, "x has rows of different lengths. Pad them"),
        (np.array([[1], [2, 3]], object), TypeError, "x holds Python objects"),
        (pd.DataFrame({"a": [1, 2], "b": ["u", "v"]}), TypeError, "x holds Python objects"),
        (["a", "b"], TypeError, r"got dtype <U1. Numbers in text: .* with a Tokenizer"),
        ([b"a"], TypeError, "Words: number them first"),
        (np.ones(3, complex), TypeError, r"expects real numbers, got dtype complex128. Take the real part"),
        (np.ones(3, "datetime64[D]"), TypeError, r"datetime64\[D\]. Convert it to numbers first"),
        (
            np.ma.masked_array([1.0, 2.0], [0, 1]),
            TypeError,
            "is a masked array: what is hidden would be used",
        ),
    ],
)
def test_what_holds_no_numbers_is_refused(data, error, message):
    with pytest.raises(error, match=message) as caught:
        checked_array(data, "x")
    assert len(str(caught.value)) < 400


def test_sparse_matrices_are_told_apart_from_sequences_of_batches():
    matrix = type("csr_matrix", (), {"toarray": None, "__len__": None, "__getitem__": None})()
    with pytest.raises(TypeError, match=r"x is sparse \(csr_matrix\). Pass x.toarray\(\)"):
        source(matrix, np.ones(3))


# --- batches ----------------------------------------------------------------------------------------------


def test_one_batch_checks_lengths():
    x = np.ones((3, 2))
    assert one_batch(x).y is None
    with pytest.raises(ValueError, match=r"x has 3 samples and y has 2: .* Shapes: x \(3, 2\), y \(2,\)"):
        one_batch(x, [1, 2])
    with pytest.raises(ValueError, match="x has 3 samples and sample_weight has 4"):
        one_batch(x, [1, 2, 3], np.ones(4))
    with pytest.raises(ValueError, match="x has no samples"):
        one_batch(x[:0], [])


@pytest.mark.parametrize("kind", [tuple, list])
def test_what_a_generator_may_yield(kind):
    x, y, w = np.ones((2, 3)), [0, 1], [1.0, 2.0]
    for parts in ([x], [x, y], [x, y, w]):
        batch = as_batch(kind(parts))
        assert [part is not None for part in batch] == [True, len(parts) > 1, len(parts) > 2]
    assert as_batch(x).x is x
    with pytest.raises(ValueError, match=r"A batch is .* got 4 entries"):
        as_batch(kind([x, y, w, w]))
    with pytest.raises(ValueError, match="got 0 entries"):
        as_batch(kind([]))


@settings(deadline=None, max_examples=60)
@given(n=st.integers(1, 40), size=st.integers(1, 45), seed=st.integers(0, 99))
def test_an_epoch_is_every_sample_once_and_the_last_batch_is_what_is_left(n, size, seed):
    x = np.arange(n)[:, None]
    for shuffler in (None, SeedGenerator(seed)):
        data = source(x, x + 100, x + 200, size, shuffler)
        for number in (0, data.steps):
            batches = list(data.epoch(number))
            assert [len(b.x) for b in batches] == [size] * (n // size) + [n % size] * (n % size > 0)
            assert data.steps == len(batches)
            for b in batches:
                assert np.array_equal(b.x + 100, b.y)
                assert np.array_equal(b.x + 200, b.sample_weight)
            seen = np.concatenate([b.x[:, 0] for b in batches])
            assert sorted(seen) == list(range(n))
            assert shuffler is not None or seen.tolist() == list(range(n))


def test_the_order_is_a_function_of_seed_and_step():
    x = np.arange(50)[:, None]

    def epoch(seed, number):
        (batch,) = source(x, batch_size=50, shuffler=SeedGenerator(seed)).epoch(number)
        return batch.x[:, 0].tolist()

    assert epoch(1, 0) == epoch(1, 0)
    assert epoch(1, 0) != epoch(1, 1)
    assert epoch(1, 0) != epoch(2, 0)


def test_an_epoch_of_some_steps_is_followed_by_one_that_goes_on():
    x = np.arange(10)[:, None]
    data = source(x, batch_size=2, steps=2)
    epochs = [first_column(data.epoch(2 * i)) for i in range(4)]
    assert epochs == [[[0, 1], [2, 3]], [[4, 5], [6, 7]], [[8, 9], [0, 1]], [[2, 3], [4, 5]]]
    shuffled = source(x, batch_size=2, steps=2, shuffler=SeedGenerator(3))
    seen = [row for i in range(5) for batch in first_column(shuffled.epoch(2 * i)) for row in batch]
    assert sorted(seen[:10]) == sorted(seen[10:]) == list(range(10))
    assert seen[:10] != seen[10:]


def test_outside_training_every_epoch_begins_at_the_first_sample():
    data = source(np.arange(10)[:, None], batch_size=2, steps=2, shuffler=SeedGenerator(3))
    assert first_column(data.epoch()) == first_column(data.epoch()) == [[0, 1], [2, 3]]


def test_more_steps_than_there_are_is_a_warning():
    with pytest.warns(UserWarning, match="7 steps was asked for, but the data makes 3 batches"):
        data = source(np.ones((10, 1)), batch_size=4, steps=7)
    assert data.steps == len(list(data.epoch(0))) == 3


def test_peek_takes_nothing_away():
    x = np.arange(6)[:, None]
    sources = [
        source(x, batch_size=4),
        source(x, batch_size=4, shuffler=SeedGenerator(0)),
        source(iter([(x,), (x + 6,)])),
        source(Numbered(3)),
    ]
    for data, samples in zip(sources, (6, 6, 12, 6), strict=True):
        assert [data.peek().x[0, 0] for _ in range(2)] == [0, 0]
        assert sum(len(b.x) for b in data.epoch(0)) == samples


def test_the_data_is_not_copied_until_rows_are_picked():
    x = np.zeros((4, 1))
    data = ArraySource(one_batch(x), batch_size=2)
    x[0] = 7
    assert next(data.epoch()).x[0] == 7


# --- generators and sequences -----------------------------------------------------------------------------


def counting(n=None):
    i = 0
    while n is None or i < n:
        yield np.full((2, 1), i), np.zeros((2, 1))
        i += 1


def test_a_generator_with_steps_goes_on_where_it_was():
    data = GeneratorSource(counting(), steps=2)
    assert [b.x[0, 0] for i in range(3) for b in data.epoch(2 * i)] == [0, 1, 2, 3, 4, 5]
    assert data.steps == 2


def test_a_generator_without_steps_runs_once():
    data = GeneratorSource(counting(3))
    assert data.steps is None
    assert len(list(data.epoch(0))) == 3
    with pytest.raises(ValueError, match="has no batch for this epoch: an earlier one used it up"):
        list(data.epoch(3))


def test_an_iterable_starts_anew():
    class Again:
        def __iter__(self):
            return counting(3)

    data = GeneratorSource(Again())
    assert [len(list(data.epoch(0))) for _ in range(3)] == [3, 3, 3]


def test_a_generator_that_ends_too_early():
    data = GeneratorSource(counting(3), steps=2)
    assert len(list(data.epoch(0))) == 2
    with pytest.raises(ValueError, match=r"ended after 1 of 2 batches of this epoch. Make it yield for ever"):
        list(data.epoch(2))
    with pytest.raises(ValueError, match="yields no batch"):
        GeneratorSource(iter([])).peek()


def test_a_sequence_is_shuffled_by_batches_and_told_when_an_epoch_ends():
    sequence = Numbered(20)
    data = source(sequence, shuffler=SeedGenerator(1))
    assert isinstance(data, SequenceSource)
    first, second = ([b.x[0, 0] for b in data.epoch(n)] for n in (0, 20))
    assert sorted(first) == sorted(second) == list(range(20))
    assert first != second != list(range(20))
    assert sequence.ended == 2
    assert [b.x[0, 0] for b in source(sequence, steps=3).epoch()] == [0, 1, 2]
    with pytest.raises(ValueError, match="Numbered has length 0: no batches"):
        source(Numbered(0))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ({"a": np.ones(3)}, "got dict"),
        ("data.csv", "got str"),
        (b"data", "got bytes"),
        (3.0, "got float"),
        (counting, "got function. Call it, and pass what it returns"),
    ],
)
def test_what_is_no_source(x, message):
    with pytest.raises(TypeError, match=f"x expects arrays, lists, pandas objects or batches, {message}"):
        source(x)


@pytest.mark.parametrize("extra", [{"y": np.ones(2)}, {"sample_weight": np.ones(2)}, {"batch_size": 4}])
def test_a_generator_brings_its_own(extra):
    with pytest.raises(ValueError, match=r"generator yields whole batches .* leave out y, sample_weight"):
        source(counting(), **extra)


# --- validation split -------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(n=st.integers(2, 200), share=st.floats(0.001, 0.999))
def test_the_last_samples_are_for_validation(n, share):
    x = np.arange(n)
    at = int(n * (1 - share))
    if at == 0:
        with pytest.raises(ValueError, match="leaves one side without any"):
            split(x, None, None, share)
        return
    train, held_out = split(x, x + 1, x + 2, share)
    assert train.x.tolist() == list(range(at))
    assert held_out.x.tolist() == list(range(at, n))
    for part in (train, held_out):
        assert np.array_equal(part.y, part.x + 1)
        assert np.array_equal(part.sample_weight, part.x + 2)


@pytest.mark.parametrize("share", [0, 1, 1.5, -0.1, float("nan"), 10])
def test_a_share_lies_between_0_and_1(share):
    with pytest.raises(ValueError, match="fit expects validation_split to be a number > 0 and < 1"):
        split(np.ones(10), None, None, share)


@pytest.mark.parametrize("share", ["0.2", True, None])
def test_a_share_is_a_number(share):
    with pytest.raises(TypeError, match="fit expects validation_split to be a number"):
        split(np.ones(10), None, None, share)


def test_split_of_other_things():
    train, held_out = split([[1.0], [2.0], [3.0]], pd.Series([1, 2, 3]), None, 0.34)
    assert (len(train.x), len(held_out.x), held_out.y.tolist()) == (1, 2, [2, 3])
    with pytest.raises(ValueError, match="validation_split cuts arrays"):
        split(counting(), None, None, 0.5)
    with pytest.raises(ValueError, match="x is None"):
        split(None, None, None, 0.5)
    with pytest.raises(ValueError, match="x has 3 samples and y has 2"):
        split(np.ones(3), np.ones(2), None, 0.5)


# --- class weights ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "y",
    [
        np.array([2, 0, 1, 5]),
        np.array([[2], [0], [1], [5]]),
        np.array([2.0, 0, 1, 5]),
        np.eye(6)[[2, 0, 1, 5]],
        np.eye(6, dtype=bool)[[2, 0, 1, 5]],
    ],
    ids=["labels", "column", "floats", "one-hot", "booleans"],
)
def test_weights_by_class(y):
    batch = class_weights(Batch(np.ones((4, 1)), y), {0: 0.5, 2: 3.0})
    assert batch.sample_weight.tolist() == [3.0, 0.5, 1.0, 1.0]  # classes left out weigh 1
    assert batch.y is y


def test_weights_by_class_of_every_time_step():
    labels = np.array([[0, 1, 2], [1, 1, 0]])
    for y in (labels[..., None], np.eye(3)[labels]):
        weight = class_weights(Batch(np.ones((2, 3, 1)), y), {1: 4.0}).sample_weight
        assert weight.tolist() == [[1, 4, 1], [4, 4, 1]]


def test_weights_by_class_need_y_and_stand_alone():
    with pytest.raises(ValueError, match="class_weight needs y"):
        class_weights(Batch(np.ones(2)), {0: 1.0})
    with pytest.raises(ValueError, match="class_weight or sample_weight, not both"):
        class_weights(Batch(np.ones(2), np.zeros(2), np.ones(2)), {0: 1.0})


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        ([1, 2], TypeError, "to be a dict class -> weight, such as"),
        ("balanced", TypeError, "to be a dict class -> weight"),
        ({"cat": 1.0}, TypeError, "whole numbers as classes, got 'cat'"),
        ({0.5: 1.0}, TypeError, "whole numbers as classes, got 0.5"),
        ({0: "a"}, TypeError, "the weight of class 0 in class_weight to be a number >= 0, got str"),
        ({0: -1.0}, ValueError, "the weight of class 0 in class_weight to be a number >= 0, got -1"),
        ({3: float("nan")}, ValueError, "the weight of class 3 in class_weight to be a number >= 0, got nan"),
    ],
)
def test_class_weights_are_checked(weights, error, message):
    with pytest.raises(error, match=message):
        checked_class_weight(weights)


def test_class_weights_of_numpy_numbers():
    weights = dict(zip(np.unique([0.0, 1.0]), np.array([0.5, 2], "float32"), strict=True))
    assert checked_class_weight(weights) == {0: 0.5, 1: 2.0}


def test_a_table_with_columns_of_different_kinds():
    frame = pd.DataFrame({"size": [1.5, 2.0], "red": [True, False], "n": [3, 4]})
    array = checked_array(frame, "x")
    assert array.dtype == np.float32
    assert np.array_equal(array, [[1.5, 1, 3], [2, 0, 4]])
    assert checked_array(frame[["n"]], "x").dtype == np.int64
    with pytest.raises(TypeError, match="Python objects"):
        checked_array(frame.assign(name=["a", "b"]), "x")


def test_a_generator_that_does_not_end_is_told_of(monkeypatch):
    monkeypatch.setattr(sources, "_MANY", 3)
    batch = (np.ones((2, 1)), np.ones(2))
    with pytest.warns(UserWarning, match=r"has given 3 batches .* pass steps_per_epoch"):
        assert len(list(GeneratorSource(batch for _ in range(5)).epoch())) == 5
