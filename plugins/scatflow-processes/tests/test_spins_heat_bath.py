"""The checkerboard heat bath: its law, and that no way of cutting a lattice into blocks changes a spin."""

import itertools
import math
import tracemalloc
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from scatflow_processes import heat_bath
from scatflow_processes.autocorrelation import average
from scatflow_processes.ising import chain, default_sweeps, energy_per_site, ensemble
from scatflow_processes.ising_exact import spontaneous_magnetization, torus
from scatflow_processes.stored_lattice import stored_energy, sweep_stored


def store(folder: Path, shape: tuple[int, int], chunks: tuple[int, int]) -> Any:
    return zarr.create_array(str(folder), shape=shape, chunks=chunks, dtype="int8", fill_value=0)


def in_memory(shape: tuple[int, int], temperature: float, seed: int, sweeps: int, realization: int = 0) -> np.ndarray:
    return next(heat_bath.heat_bath(shape, temperature, seed, realization, sweeps, 1))


boxes = st.tuples(st.integers(0, 5), st.integers(0, 7), st.integers(1, 6), st.integers(1, 8))


@given(boxes, st.integers(0, 3), st.sampled_from([1.5, 2.5]), st.integers(0, 2**60))
@settings(max_examples=40, deadline=None)
def test_blocks_are_parts_of_the_whole(box: tuple[int, int, int, int], half: int, temperature: float, seed: int) -> None:
    size, (y, x, h, w) = (6, 8), box
    h, w = min(h, 6 - y), min(w, 8 - x)
    spins = 2 * np.random.default_rng(seed % 2**32).integers(0, 2, size).astype(np.int8) - np.int8(1)
    padded = np.pad(spins, 1, mode="wrap")
    whole = heat_bath.half_sweep(padded, temperature, seed, 3, half, (0, 0), size)
    part = heat_bath.half_sweep(padded[y : y + h + 2, x : x + w + 2], temperature, seed, 3, half, (y, x), size)
    np.testing.assert_array_equal(part, whole[y : y + h, x : x + w])


def test_stored_lattices_are_the_same_bytes(tmp_path: Path) -> None:
    shape, expected = (12, 20), in_memory((12, 20), 2.4, seed=7, sweeps=2, realization=2)
    for number, (chunks, block) in enumerate([((12, 20), None), ((4, 5), (8, 10)), ((5, 7), None)]):
        lattice = store(tmp_path / str(number), shape, chunks)
        sweep_stored(lattice, 2.4, 7, 2, realization=2, block=block)
        np.testing.assert_array_equal(lattice[:], expected)


def test_blocks_side_by_side_change_nothing(tmp_path: Path) -> None:
    lattice = store(tmp_path / "a", (12, 16), (6, 8))
    with ThreadPoolExecutor(4) as pool:
        sweep_stored(lattice, 3.0, 1, 3, mapper=pool.map)
    np.testing.assert_array_equal(lattice[:], in_memory((12, 16), 3.0, 1, 3))


def test_a_sweep_that_was_cut_short_goes_on(tmp_path: Path) -> None:
    lattice = store(tmp_path / "a", (16, 16), (8, 8))
    left = iter(range(19))  # four blocks a half sweep: the fifth one is cut after three

    def dying(function: Callable[[Any], None], boxes: Iterable[Any]) -> Iterable[None]:
        for box in boxes:
            if next(left, None) is None:
                raise KeyboardInterrupt
            yield function(box)

    with pytest.raises(KeyboardInterrupt):
        sweep_stored(lattice, 3.0, 5, 6, mapper=dying)
    again = zarr.open_array(str(tmp_path / "a"))
    assert again.attrs["half_sweeps"] == 4
    sweep_stored(again, 3.0, 5, 6)
    np.testing.assert_array_equal(again[:], in_memory((16, 16), 3.0, 5, 6))
    sweep_stored(again, 3.0, 5, 8)  # and further
    np.testing.assert_array_equal(again[:], in_memory((16, 16), 3.0, 5, 8))


def test_a_block_takes_the_stated_memory() -> None:
    n = 256
    block = np.ones((n + 2, n + 2), dtype=np.int8)
    tracemalloc.start()
    try:
        heat_bath.half_sweep(block, 3.0, 0, 0, 2, (0, n), (4 * n, 4 * n))
        heat_bath.half_sweep(block, 3.0, 0, 0, 2, (0, 0), (n, n))
        assert tracemalloc.get_traced_memory()[1] < 25 * n * n
    finally:
        tracemalloc.stop()


def test_energy_of_a_stored_lattice_is_exact_within_errors(tmp_path: Path) -> None:
    n, temperature = 128, 3.0
    lattice = store(tmp_path / "a", (n, n), (64, 128))
    sweep_stored(lattice, temperature, seed=2, sweeps=default_sweeps(n, temperature, "heat_bath"))
    exact = torus(n, n, temperature)
    error = math.sqrt(exact.specific_heat) * temperature / n  # of one configuration, from the exact variance
    assert error < 0.02
    energy = stored_energy(lattice)
    assert energy == float(energy_per_site(lattice[:]))
    assert abs(energy - exact.energy) < 4 * error


@pytest.mark.parametrize("temperature", [2.4, 3.0, 10.0])
def test_chain_energy_is_exact_within_errors(temperature: float) -> None:
    run = chain(16, temperature, 4, 0, sampler="heat_bath")
    result = average(np.array([float(energy_per_site(spins)) for spins in itertools.islice(run, 1200)]))
    assert result.error < 0.03
    assert abs(result.mean - torus(16, 16, temperature).energy) < 4 * result.error


def test_every_state_has_its_boltzmann_weight() -> None:
    temperature, length = 3.0, 2000
    run = heat_bath.heat_bath((2, 4), temperature, 8, 0, 20, 4)
    codes = np.array([int((spins.ravel() > 0) @ (1 << np.arange(8))) for spins in itertools.islice(run, length)])
    states = 2 * ((np.arange(256)[:, None] >> np.arange(8)) & 1).reshape(256, 2, 4) - 1
    energy = 8 * energy_per_site(states)
    weights = np.exp(-energy / temperature)
    # By energy and sign of the magnetization, so that every bin is well filled.
    key = np.unique(np.stack([energy, np.sign(states.sum(axis=(1, 2)))]), axis=1, return_inverse=True)[1].ravel()
    expected = length * np.bincount(key, weights) / weights.sum()
    assert stats.chisquare(np.bincount(key[codes], minlength=expected.size), expected).pvalue > 1e-3


def test_cold_starts_have_a_random_sign() -> None:
    with pytest.warns(UserWarning, match="slow"):
        spins = ensemble(8, 1.5, seed=1, realizations=range(100), sweeps=5, sampler="heat_bath")
    magnetization = spins.mean(axis=(1, 2))
    assert abs(np.sign(magnetization).mean()) < 0.4
    assert np.abs(magnetization).mean() == pytest.approx(spontaneous_magnetization(1.5), abs=0.01)


def test_warning_and_refusals(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="swendsen_wang"):
        heat_bath.warn_if_slow(2.29)
    heat_bath.warn_if_slow(2.3)  # warnings are errors
    for size in ((4, 5), (5, 4)):
        with pytest.raises(ValueError, match="even sides"):
            ensemble(size, 3.0, 0, [0], sampler="heat_bath")
    lattice = store(tmp_path / "a", (8, 8), (4, 4))
    sweep_stored(lattice, 3.0, 1, 2)
    for arguments, match in [
        ((3.5, 1, 2), "another lattice"), ((3.0, 2, 2), "another lattice"), ((3.0, 1, 1), "beyond"),
        ((3.0, 1, 0), "sweeps"), ((math.nan, 1, 2), "temperature"), ((3.0, 1, 3, 0, (6, 4)), "whole chunks"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=match):
            sweep_stored(lattice, *arguments)
    stranger = store(tmp_path / "b", (8, 8), (4, 4))
    stranger.attrs["half_sweeps"] = 3  # of whom?
    with pytest.raises(ValueError, match="another lattice"):
        sweep_stored(stranger, 3.0, 1, 2)
    for bad in (np.zeros((4, 4)), np.zeros(4, np.int8), np.zeros((4, 5), np.int8)):
        with pytest.raises(ValueError, match=r"int8|even"):
            sweep_stored(bad, 3.0, 0, 1)


def test_default_sweeps() -> None:
    assert [heat_bath.default_sweeps(t) for t in (2.0, 2.2, 2.8, 3.5, 100.0)] == [346, 2000, 89, 50, 50]
    assert default_sweeps(64, 3.5, "heat_bath") == 50
    assert default_sweeps(64, 3.5) == 60
