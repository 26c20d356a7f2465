"""Counter-based randomness: the coordinates alone decide, and the draws have the right distribution."""

import contextvars
import copy
import math
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl import random
from minidl.random import OUTSIDE, SeedGenerator, generator, streams, training_step
from minidl.tensor import Tensor

N = 40_000  # draws of a statistical test; its bounds are five standard errors
WORDS = st.integers(0, 2**64 - 1)


@pytest.fixture(autouse=True)
def _own_seed(monkeypatch):
    monkeypatch.setattr(streams, "_streams", None)
    random.set_seed(123)


def bits(source, count=4):
    return source.bit_generator.random_raw(count).tolist()


def philox(counter, key):
    """Philox4x64-10 by the paper: ten rounds of multiply, exchange, and a key that moves on."""
    c, k, mask = list(counter), list(key), 2**64 - 1
    for _ in range(10):
        a, b = 0xD2E7470EE14C6C93 * c[0], 0xCA5A826395121157 * c[2]
        c = [(b >> 64) ^ c[1] ^ k[0], b & mask, (a >> 64) ^ c[3] ^ k[1], a & mask]
        k = [(k[0] + 0x9E3779B97F4A7C15) & mask, (k[1] + 0xBB67AE8584CAA73B) & mask]
    return c


# --- coordinates -------------------------------------------------------------------------------------------


def test_the_philox_of_this_file_gives_the_published_answer():
    assert philox([0] * 4, [0] * 2) == [
        0x16554D9ECA36314C,
        0xDB20FE9D672D0FDC,
        0xD7E772CEE186176B,
        0x7E68B68AEC7BA23B,
    ]


@given(WORDS, WORDS, st.integers(OUTSIDE, 2**64 - 2), WORDS)
@settings(deadline=None, max_examples=50)
def test_bits_are_philox_of_the_coordinates(seed, stream, step, call):
    drawn = bits(generator(seed, stream, step, call), 8)
    blocks = [philox([position, call, step + 1, 0], [seed, stream]) for position in (1, 2)]
    assert drawn == blocks[0] + blocks[1]


@pytest.mark.parametrize("which", range(4))
def test_neighbouring_coordinates_are_uncorrelated(which):
    here, there = [1, 2, 3, 4], [1, 2, 3, 4]
    there[which] += 1
    a, b = (generator(*c).standard_normal(N) for c in (here, there))
    assert abs(np.corrcoef(a, b)[0, 1]) < 5 / math.sqrt(N)


@pytest.mark.parametrize(
    ("coordinates", "text"),
    [
        ((-1, 0), "seed to be a whole number >= 0"),
        ((2**64, 0), "seed"),
        ((1.0, 0), "seed"),
        ((True, 0), "seed"),
        ((1, -1), "stream"),
        ((1, 0, -2), "step"),
        ((1, 0, 0, 0.5), "call"),
    ],
)
def test_coordinates_are_checked(coordinates, text):
    with pytest.raises((ValueError, TypeError), match=text):
        generator(*coordinates)


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, True, "1", None])
def test_set_seed_takes_whole_numbers_only_and_keeps_the_old_seed(seed):
    with pytest.raises((ValueError, TypeError), match="set_seed expects seed to be a whole number >= 0"):
        random.set_seed(seed)
    assert random.global_seed() == 123


def test_the_same_script_draws_the_same_after_set_seed():
    def script():
        random.set_seed(np.int64(7))
        first, second = SeedGenerator(), SeedGenerator()
        return (
            bits(first.next()),
            bits(second.next()),
            random.normal(3).numpy().tolist(),
            random.new_stream(),
        )

    assert script() == script()


def test_without_set_seed_each_program_draws_something_else(monkeypatch):
    seeds = set()
    for _ in range(3):
        monkeypatch.setattr(streams, "_streams", None)
        seeds.add(random.global_seed())
        assert random.global_seed() in seeds
    assert len(seeds) == 3


def test_what_exists_keeps_its_seed():
    old = SeedGenerator()
    before = bits(old.at(5))
    random.set_seed(99)
    assert bits(old.at(5)) == before
    assert bits(SeedGenerator().at(5)) != before


def test_streams_are_unique_across_threads():
    taken = []
    threads = [
        threading.Thread(target=lambda: taken.extend(random.new_stream() for _ in range(500)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(min(taken), min(taken) + 4000))


def test_set_apart_holds_in_its_own_thread_only():
    random.set_seed(1)
    first = streams.new_stream()
    with streams.set_apart(7), ThreadPoolExecutor(1) as beside:
        assert (streams.global_seed(), streams.new_stream()) == (7, first)
        assert beside.submit(streams.global_seed).result() == 1
        assert beside.submit(streams.new_stream).result() == first + 1
        random.set_seed(8)
        assert streams.global_seed() == 8
    assert streams.global_seed() == 1
    assert streams.new_stream() == first + 2


def test_generator_none_is_the_global_seed():
    assert bits(generator(None, 9, 4, 2)) == bits(generator(123, 9, 4, 2))


# --- SeedGenerator and training_step -----------------------------------------------------------------------


def test_a_step_entered_again_draws_the_same_masks_again():
    masks = SeedGenerator()

    def step(number):
        with training_step(number):
            return bits(masks.next()), bits(masks.next())

    seventh = step(7)
    masks.next()  # whatever else is drawn in between
    step(8)
    assert step(7) == seventh
    assert seventh[0] != seventh[1]
    assert step(8) != seventh


def test_a_draw_depends_on_nothing_that_others_draw():
    alone, other = SeedGenerator(), SeedGenerator()
    with training_step(3):
        expected = bits(alone.next())
    with training_step(3):
        other.next()
        random.normal(5)
        assert bits(alone.next()) == expected


def test_steps_nest():
    masks = SeedGenerator()
    with training_step(1):
        first = bits(masks.next())
        with training_step(2):
            inner = bits(masks.next())
        second = bits(masks.next())
    assert first == bits(masks.at(1, 0))
    assert second == bits(masks.at(1, 1))
    assert inner == bits(masks.at(2, 0))


def test_a_step_ends_with_an_exception():
    masks = SeedGenerator()
    with pytest.raises(ZeroDivisionError), training_step(1):
        raise ZeroDivisionError
    assert bits(masks.next()) == bits(masks.at(OUTSIDE, 0))


def test_outside_steps_every_call_differs_and_none_meets_a_step():
    masks = SeedGenerator()
    outside = [tuple(bits(masks.next())) for _ in range(50)]
    inside = [tuple(bits(masks.at(step, call))) for step in range(50) for call in range(3)]
    assert len({*outside, *inside}) == 200


def test_draws_inside_a_step_do_not_advance_the_count_outside():
    masks, twin = SeedGenerator(seed=1), SeedGenerator(seed=1)
    with training_step(0):
        masks.next()
    assert bits(masks.next()) == bits(twin.next())


def test_the_same_explicit_seed_gives_the_same_draws():
    first, second = SeedGenerator(seed=3), SeedGenerator(seed=3)
    assert [bits(first.next()) for _ in range(3)] == [bits(second.next()) for _ in range(3)]
    with training_step(5):
        assert bits(first.next()) == bits(second.next())
    assert bits(first.at(0)) != bits(SeedGenerator(seed=4).at(0))


def test_an_explicit_seed_equal_to_the_global_one_has_a_stream_of_its_own():
    explicit = bits(SeedGenerator(seed=123).at(0))
    assert explicit not in [bits(SeedGenerator().at(0)) for _ in range(5)]
    assert random.normal(3, seed=123).numpy().tolist() != random.normal(3).numpy().tolist()


def test_a_training_step_is_seen_by_a_thread_in_a_copied_context():
    masks, drawn = SeedGenerator(), []

    def draw():
        drawn.append(bits(masks.next()))

    with training_step(4):
        for target in (draw, lambda: contextvars.copy_context().run(draw)):
            context = contextvars.copy_context()
            thread = threading.Thread(target=lambda f=target, c=context: c.run(f))
            thread.start()
            thread.join()
    assert drawn == [bits(masks.at(4, 0)), bits(masks.at(4, 1))]


def test_a_copy_draws_what_the_original_would():
    masks = SeedGenerator()
    masks.next()
    twin = copy.deepcopy(masks)
    assert bits(masks.next()) == bits(twin.next())


def test_config_of_a_seed_generator():
    assert SeedGenerator(seed=3, name="masks").get_config() == {"seed": 3, "name": "masks"}
    assert SeedGenerator().get_config()["seed"] is None
    again = SeedGenerator.from_config(SeedGenerator(seed=3).get_config())
    assert bits(again.next()) == bits(SeedGenerator(seed=3).next())


@pytest.mark.parametrize("step", [-1, 0.5, None, True])
def test_training_step_takes_a_whole_number(step):
    with pytest.raises((ValueError, TypeError), match="training_step expects step"), training_step(step):
        pass


# --- draws -------------------------------------------------------------------------------------------------


def normal_cdf(x):
    return np.array([0.5 * (1 + math.erf(v / math.sqrt(2))) for v in x])


def truncated_cdf(x):
    low, high = normal_cdf([-2, 2])
    return np.clip((normal_cdf(x) - low) / (high - low), 0, 1)


def greatest_distance(sample, cdf):
    """Kolmogorov and Smirnov's statistic: the largest gap between the sample's distribution and `cdf`."""
    x = np.sort(sample.astype(np.float64))
    ranks = np.arange(1, len(x) + 1) / len(x)
    return np.abs(np.concatenate([ranks, ranks - 1 / len(x)]) - np.tile(cdf(x), 2)).max()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(
    ("draw", "cdf"),
    [
        (lambda dtype: random.normal(N, 3.0, 2.0, dtype, seed=5), lambda x: normal_cdf((x - 3) / 2)),
        (
            lambda dtype: random.truncated_normal(N, 3.0, 2.0, dtype, seed=5),
            lambda x: truncated_cdf((x - 3) / 2),
        ),
        (lambda dtype: random.uniform(N, -1.0, 4.0, dtype, seed=5), lambda x: (x + 1) / 5),
    ],
)
def test_distributions(draw, cdf, dtype):
    x = draw(dtype)
    assert isinstance(x, Tensor)
    assert x.dtype == dtype
    rounding = 2.0**-9 if dtype == "float16" else 0.0  # float16 puts neighbours on one value
    assert greatest_distance(x.numpy(), cdf) < 1.95 / math.sqrt(N) + rounding  # p = 0.001


def test_truncated_normal_stays_within_two_sigma_and_has_the_known_spread():
    x = random.truncated_normal((200, 200), 1.0, 0.5, "float64", seed=2).numpy()
    assert np.abs(x - 1).max() <= 1.0
    assert abs(x.mean() - 1) < 5 * 0.44 / math.sqrt(N)
    # Var = 1 − 2·2φ(2)/(Φ(2) − Φ(−2)), and the sample's variance has a standard error < Var·√(2/N)
    phi = math.exp(-2) / math.sqrt(2 * math.pi)
    variance = 0.25 * (1 - 4 * phi / math.erf(math.sqrt(2)))
    assert abs(x.var() / variance - 1) < 5 * math.sqrt(2 / N)


@given(st.floats(-100, 100), st.floats(0, 100), st.sampled_from(["float16", "float32", "float64"]))
@settings(deadline=None, max_examples=50)
def test_uniform_never_reaches_maxval(low, width, dtype):
    x = random.uniform(200, low, low + width, dtype, seed=1).numpy()
    low, high = np.array([low, low + width], dtype)
    assert (x >= low).all()
    assert (x < high).all() or low == high


def test_uniform_where_rounding_would_reach_maxval():
    x = random.uniform(2000, 1.0, 1.0 + 2**-22, "float32", seed=1).numpy()  # 2 float32 steps wide
    assert set(x.tolist()) == {1.0, 1.0 + 2**-23}


def test_randint_is_even_over_its_values():
    x = random.randint(N, -2, 5, seed=1)
    assert x.dtype == np.int32
    values, counts = np.unique(x.numpy(), return_counts=True)
    assert values.tolist() == list(range(-2, 5))
    p = 1 / 7
    assert np.abs(counts - N * p).max() < 5 * math.sqrt(N * p * (1 - p))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", "uint64"])
def test_randint_reaches_the_ends_of_its_type(dtype):
    info = np.iinfo(dtype)
    x = random.randint((3, 2), int(info.max), int(info.max) + 1, dtype, seed=1).numpy()
    assert x.dtype == dtype
    assert (x == info.max).all()


@given(st.integers(0, 6), st.integers(1, 4), st.sampled_from([0, 1, -1]))
@settings(deadline=None, max_examples=30)
def test_shuffle_moves_whole_slices(n, m, axis):
    x = np.arange(n * m).reshape(n, m) if axis == 0 else np.arange(n * m).reshape(m, n)
    y = random.shuffle(x, axis, seed=3).numpy()
    assert y.shape == x.shape
    slices = lambda a: sorted(np.moveaxis(a, axis, 0).tolist())  # noqa: E731
    assert slices(y) == slices(x)


def test_shuffle_makes_every_order_equally_often():
    masks = SeedGenerator(seed=1)
    orders = [tuple(random.shuffle(np.arange(3), seed=masks).numpy().tolist()) for _ in range(1200)]
    counts = [orders.count(order) for order in set(orders)]
    assert len(counts) == 6
    assert np.abs(np.array(counts) - 200).max() < 5 * math.sqrt(1200 * (1 / 6) * (5 / 6))


def test_shuffle_keeps_the_way_back_for_gradients():
    x = Tensor(np.arange(4.0), requires_grad=True)
    y = random.shuffle(x, seed=2)
    (y * np.arange(4.0)).sum().backward()
    assert x.grad[y.numpy().astype(int)].tolist() == [0, 1, 2, 3]


DRAWS = [
    lambda seed: random.normal((2, 3), seed=seed),
    lambda seed: random.truncated_normal((2, 3), seed=seed),
    lambda seed: random.uniform((2, 3), seed=seed),
    lambda seed: random.randint((2, 3), 0, 10**9, seed=seed),
    lambda seed: random.shuffle(np.arange(20), seed=seed),
]


@pytest.mark.parametrize("draw", DRAWS)
def test_what_a_seed_means(draw):
    def same(a, b):
        return np.array_equal(draw(a).numpy(), draw(b).numpy())

    assert same(4, 4)
    assert not same(4, 5)
    assert not same(None, None)
    masks = SeedGenerator(seed=4)
    assert not same(masks, masks)
    assert same(generator(1, 2), generator(1, 2))
    with training_step(1):
        first = draw(None).numpy()
    with training_step(1):
        assert np.array_equal(draw(None).numpy(), first)


@pytest.mark.parametrize("shape", [(), 0, 3, (0, 2), [2, 1]])
@pytest.mark.parametrize("draw", [random.normal, random.truncated_normal, random.uniform])
def test_any_shape(draw, shape):
    assert draw(shape, seed=1).shape == np.zeros(shape).shape


def test_the_default_type_is_floatx(monkeypatch):
    assert random.normal(2).dtype == np.float32
    monkeypatch.setattr("minidl.config.floatx", lambda: "float64")
    assert random.uniform(2).dtype == np.float64


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: random.normal((2, None)), "normal expects every entry of shape"),
        (lambda: random.normal((-1,)), "normal expects every entry of shape"),
        (lambda: random.normal(2, stddev=-1), "normal expects stddev to be a number >= 0, got -1"),
        (lambda: random.normal(2, mean=math.nan), "normal expects mean"),
        (lambda: random.truncated_normal(2, stddev=-1), "truncated_normal expects stddev"),
        (lambda: random.uniform(2, 1.0, 0.0), "uniform expects maxval to be a number >= 1.0, got 0.0"),
        (lambda: random.uniform(2, dtype="int32"), "uniform draws float16, float32 or float64"),
        (lambda: random.randint(2, 5, 5), "randint expects maxval to be a whole number >= 6"),
        (lambda: random.randint(2, 0, 300, "uint8"), "randint expects maxval"),
        (lambda: random.randint(2, 0, 3, "float32"), "randint draws whole numbers"),
        (lambda: random.shuffle(np.zeros((2, 2)), axis=2), "shuffle expects axis"),
        (lambda: random.normal(2, seed=1.5), "seed to be a whole number"),
        (lambda: random.normal(2, seed=-1), "seed to be a whole number >= 0"),
    ],
)
def test_arguments_are_checked(call, text):
    with pytest.raises((ValueError, TypeError), match=text) as caught:
        call()
    assert len(str(caught.value)) < 400


def test_a_source_goes_on_with_the_state_of_another():
    first, second = SeedGenerator(), SeedGenerator(seed=3)
    first.next()
    second.set_state(first.get_state())
    assert first.get_state() == second.get_state() == (first.seed, first.stream, 1)
    assert bits(second.next()) == bits(first.next())
    with training_step(4):
        drawn = bits(first.next())
        assert bits(second.next()) == drawn
