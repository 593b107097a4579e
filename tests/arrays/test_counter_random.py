"""Counter-based random numbers: the same whatever the split, and what they claim to be."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scatflow.arrays import item_generator, normal, uniform
from scatflow.errors import ParameterError

N = 200_000
HELD_UNIFORM = [0.3113631743372899, 0.3633243855002726]
HELD_NORMAL = [1.273521552214848, -0.6220426757379917]
HELD_ITEM = 397272579


@pytest.mark.parametrize("draw", [uniform, normal])
@settings(deadline=None)
@given(
    start=st.integers(0, 2**60),
    cuts=st.lists(st.integers(0, 60), max_size=6),
    seed=st.integers(0, 2**64 - 1),
    stream=st.integers(0, 2**64 - 1),
)
def test_any_split_is_the_whole(draw, start, cuts, seed, stream):
    whole = draw(seed, start, 60, stream)
    edges = [0, *sorted(cuts), 60]
    parts = [draw(seed, start + a, b - a, stream) for a, b in pairwise(edges)]
    assert np.concatenate(parts).tobytes() == whole.tobytes()


def test_a_long_split_is_the_whole():
    whole = normal(3, 0, N)
    parts = [normal(3, a, min(777, N - a)) for a in range(0, N, 777)]
    assert np.concatenate(parts).tobytes() == whole.tobytes()


def key(*words, seed):
    return np.random.SeedSequence(entropy=seed, spawn_key=words).generate_state(2, np.uint64)


def test_the_documented_keys():
    stream, index = 5 + (7 << 32), 2**40 + 9
    raw = np.random.Philox(key=key(1, 5, 7, seed=11)).random_raw(20)
    np.testing.assert_array_equal(uniform(11, 6, 14, stream), (raw[6:] >> np.uint64(11)) * 2.0**-53)
    generator = np.random.Generator(np.random.Philox(key=key(0, 3, 0, 9, 256, seed=11)))
    assert item_generator(11, 3, index).standard_normal() == generator.standard_normal()


def test_held_numbers():
    # Held so that a change of numpy or scipy that moved them would be seen.
    assert uniform(0, 0, 2).tolist() == HELD_UNIFORM
    np.testing.assert_allclose(normal(0, 0, 2), HELD_NORMAL, rtol=1e-14)
    assert int(item_generator(0, 1).integers(2**32)) == HELD_ITEM


def test_the_last_index_there_is():
    assert uniform(1, 2**64 - 3, 3).shape == (3,)
    assert uniform(1, 2**64, 0).shape == normal(1, 0, 0).shape == (0,)


def test_uniform_moments():
    x = uniform(1, 0, N)
    assert x.dtype == np.float64 and x.min() >= 0 and x.max() < 1
    for power in (1, 2, 3, 4):
        error = np.sqrt((1 / (2 * power + 1) - 1 / (power + 1) ** 2) / N)
        assert abs(np.mean(x**power) - 1 / (power + 1)) < 5 * error


def test_normal_moments():
    x = normal(1, 0, N)
    for power, value, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs(np.mean(x**power) - value) < 5 * np.sqrt(variance / N)
    assert np.isfinite(x).all()


def test_normal_is_finite_at_the_ends_of_the_words(monkeypatch):
    from scatflow.arrays import random

    ends = np.array([0, 2**64 - 1, 2**63], dtype=np.uint64)
    monkeypatch.setattr(random, "_words", lambda *_: ends)
    low, high, middle = normal(0, 0, 3)
    assert low == pytest.approx(-8.2, abs=0.1) and high == pytest.approx(-low, rel=1e-9)
    assert abs(middle) < 1e-15


@pytest.mark.parametrize(
    "other",
    [
        lambda: normal(2, 0, N),
        lambda: normal(1, 0, N, stream=1),
        lambda: normal(1, N, N),
        lambda: centered_uniform(),
    ],
)
def test_sequences_are_uncorrelated(other):
    assert abs(np.mean(normal(1, 0, N) * other())) < 5 / np.sqrt(N)


def centered_uniform():
    return (uniform(1, 0, N) - 0.5) * np.sqrt(12)


def test_neighbors_are_uncorrelated():
    x = normal(1, 0, N)
    for lag in (1, 2, 3, 4, 5):
        assert abs(np.mean(x[lag:] * x[:-lag])) < 5 / np.sqrt(N - lag)


def test_items_differ_by_seed_index_and_length():
    indices = [(), (0,), (1,), (0, 0), (0, 1), (1, 0), (2**32,), (2**32, 0)]
    firsts = [item_generator(seed, *index).integers(2**63) for seed in (0, 1, 2**63) for index in indices]
    assert len(set(firsts)) == len(firsts)


def test_numpy_integers_are_integers():
    assert uniform(np.int64(3), np.int64(2), np.uint8(2)).tolist() == uniform(3, 2, 2).tolist()


@pytest.mark.parametrize("seed", [-1, 2**64, 1.0, True, np.True_, None, "1"])
def test_bad_seeds(seed):
    uniform(1, 0, 1)
    for call in (lambda: uniform(seed, 0, 1), lambda: item_generator(seed), lambda: item_generator(0, seed)):
        with pytest.raises(ParameterError, match="integer"):
            call()


@pytest.mark.parametrize(("start", "count"), [(-1, 1), (0, -1), (2**64, 1)])
def test_bad_ranges(start, count):
    with pytest.raises(ParameterError, match="index range"):
        normal(0, start, count)
