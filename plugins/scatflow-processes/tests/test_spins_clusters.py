"""The compiled loops of the cluster updates against their array forms: the same random numbers, the same spins."""

import sys
import tracemalloc
import zlib
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from scatflow_processes import cluster_loops, clusters, phi4
from scatflow_processes.ising import CLUSTERS, Sampler, ensemble
from scatflow_processes.ising_exact import CRITICAL_TEMPERATURE

needs_numba = pytest.mark.skipif(find_spec("numba") is None, reason="numba (extra fast) is not installed: nothing to compare")
shapes = st.tuples(st.integers(1, 3), st.integers(2, 9), st.integers(2, 9))


@given(shapes, st.floats(0.0, 1.0), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_components_are_those_of_the_graph(shape: tuple[int, int, int], density: float, seed: int) -> None:
    active = np.random.default_rng(seed).random((*shape, 2)) < density
    label, count = clusters.components(active)
    site = np.arange(shape[1] * shape[2]).reshape(shape[1:])
    ends = np.stack([np.roll(site, -1, axis=1), np.roll(site, -1, axis=0)], axis=-1)
    starts = np.broadcast_to(site[..., None], ends.shape)
    for row in range(shape[0]):
        pairs = (starts[active[row]], ends[active[row]])
        graph = coo_array((np.ones(pairs[0].size), pairs), shape=(site.size,) * 2)
        number, expected = connected_components(graph, directed=False)
        np.testing.assert_array_equal(label[row], expected)
        assert count[row] == number


@needs_numba
@given(shapes, st.floats(0.0, 1.0), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_compiled_components_are_the_plain_ones(shape: tuple[int, int, int], density: float, seed: int) -> None:
    active = np.random.default_rng(seed).random((*shape, 2)) < density
    for fast, plain in zip(clusters.components(active), clusters._components(active), strict=True):
        np.testing.assert_array_equal(fast, plain)
        assert fast.dtype == plain.dtype


@needs_numba
@given(st.tuples(st.integers(2, 12), st.integers(2, 12)), st.floats(0.0, 1.0), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_compiled_wolff_is_the_plain_one(shape: tuple[int, int], probability: float, seed: int) -> None:
    start = 2 * np.random.default_rng(seed).integers(0, 2, shape).astype(np.int8) - np.int8(1)
    results = []
    for flip in (clusters.flip_clusters, clusters._flip_clusters):
        spins, rng = start.copy(), np.random.Generator(np.random.Philox(seed))
        numbers = flip(spins, np.float32(probability), 20, 3 * start.size, rng)
        results.append((numbers, spins.tolist(), rng.random()))
    assert results[0] == results[1]


@pytest.mark.parametrize(
    ("draw", "most"),
    [(lambda n: ensemble(n, 2.3, 0, [0], 2), 90), (lambda n: phi4.ensemble(n, 0.68, 1.0, 0, [0], 2), 100)],
    ids=["ising", "phi4"],
)
def test_a_lattice_takes_the_stated_memory(draw: Callable[[int], object], most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_loops, "compiled", lambda loop: None)  # the form that takes more
    draw(8)  # modules are loaded
    tracemalloc.start()
    try:
        draw(256)
        assert tracemalloc.get_traced_memory()[1] < most * 256**2
    finally:
        tracemalloc.stop()


@needs_numba
@pytest.mark.parametrize("sampler", CLUSTERS)
@pytest.mark.parametrize("temperature", [1.5, CRITICAL_TEMPERATURE, 4.0])
def test_without_numba_the_spins_are_the_same(sampler: Sampler, temperature: float, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = ensemble((10, 14), temperature, seed=3, realizations=range(3), sweeps=20, sampler=sampler)

    def absent(loop: Callable[..., object]) -> None:
        return None

    monkeypatch.setattr(cluster_loops, "compiled", absent)
    np.testing.assert_array_equal(ensemble((10, 14), temperature, 3, range(3), 20, sampler), fast)


def test_a_missing_numba_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    assert cluster_loops.compiled.__wrapped__(cluster_loops.components) is None


def test_numbers_are_those_of_the_first_release() -> None:
    # Spins of (seed, realization) must not change with the speed of their sampler: crc32 of what version 1 gave.
    assert [zlib.crc32(ensemble(12, 2.3, 1, range(3), 30, sampler).tobytes()) for sampler in CLUSTERS] == [1352108796, 24250110]
