"""Pairs of words for word2vec: neighbours in a text, and strangers.

Mikolov et al. 2013, "Efficient Estimation of Word Representations in Vector Space" (arXiv:1301.3781) and
"Distributed Representations of Words and Phrases and their Compositionality" (arXiv:1310.4546).
"""

import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.utils.checks import flag, number, whole_number

__all__ = ["make_sampling_table", "skipgrams"]

_GAMMA = 0.577  # Euler's constant, in the digits that Keras takes


def make_sampling_table(size: int, sampling_factor: float = 1e-5) -> Array:
    """The probability to keep a word when it comes along, by rank: the commonest words are mostly skipped.

        p(rank) = min(1, √(sampling_factor / f(rank)))
        f(rank) = 1 / (rank·(ln rank + γ) + 1/2 − 1/(12·rank))        how often Zipf's law expects it

    Args:
        size: number of ranks, with 0, which gets the value of rank 1.
        sampling_factor: above which share of the text a word is skipped at times.

    Returns:
        float64, shape (size,).

    Raises:
        TypeError, ValueError: an argument is out of range.

    >>> make_sampling_table(4).round(4)
    array([0.0032, 0.0032, 0.0055, 0.0074])
    """
    size = whole_number("make_sampling_table", "size", size, minimum=1)
    factor = number("make_sampling_table", "sampling_factor", sampling_factor, above=0)
    rank = np.maximum(np.arange(size), 1)
    words_per_occurrence = rank * (np.log(rank) + _GAMMA) + 0.5 - 1 / (12 * rank)
    return np.minimum(1, np.sqrt(factor * words_per_occurrence))


def skipgrams(
    sequence: Sequence[int],
    vocabulary_size: int,
    window_size: int = 4,
    negative_samples: float = 1.0,
    shuffle: bool = True,
    categorical: bool = False,
    sampling_table: Any = None,
    seed: int | None = None,
) -> tuple[list[list[int]], list[Any]]:
    """Pairs [word, neighbour] with label 1, and pairs [word, any word] with label 0.

    Args:
        sequence: numbers of the words of a text; 0 is no word and is skipped.
        vocabulary_size: one more than the largest number.
        window_size: how far neighbours may stand apart, to either side.
        negative_samples: pairs with label 0 for each pair with label 1.
        shuffle: whether the pairs come in random order.
        categorical: labels [0, 1] for neighbours and [1, 0], instead of 1 and 0.
        sampling_table: probability to keep each word, from `make_sampling_table`; None keeps all.
        seed: repeats all that is drawn (in Keras only the final order); None draws from Python's `random`.

    Raises:
        TypeError, ValueError: an argument is out of range.

    >>> skipgrams([1, 2, 3], 4, window_size=1, negative_samples=0, shuffle=False)
    ([[1, 2], [2, 1], [2, 3], [3, 2]], [1, 1, 1, 1])
    """
    window_size = whole_number("skipgrams", "window_size", window_size, minimum=0)
    negative_samples = number("skipgrams", "negative_samples", negative_samples, minimum=0)
    vocabulary_size = whole_number("skipgrams", "vocabulary_size", vocabulary_size, minimum=2)
    shuffle = flag("skipgrams", "shuffle", shuffle)
    categorical = flag("skipgrams", "categorical", categorical)
    draw: Any = random if seed is None else random.Random(whole_number("skipgrams", "seed", seed))  # noqa: S311 - no secret
    couples = []
    for i, word in enumerate(sequence):
        if not word or (sampling_table is not None and sampling_table[word] < draw.random()):
            continue
        around = range(max(0, i - window_size), min(len(sequence), i + window_size + 1))
        couples += [[word, sequence[j]] for j in around if j != i and sequence[j]]
    positive = len(couples)
    negative = int(positive * negative_samples)
    words = [word for word, _ in couples]
    draw.shuffle(words)
    couples += [[words[i % positive], draw.randint(1, vocabulary_size - 1)] for i in range(negative)]
    yes, no = ([0, 1], [1, 0]) if categorical else (1, 0)
    pairs = list(zip(couples, [yes] * positive + [no] * negative, strict=True))
    if shuffle:
        draw.shuffle(pairs)
    return [couple for couple, _ in pairs], [label for _, label in pairs]
