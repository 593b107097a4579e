"""Cluster samplers against exact results and against each other."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from scatflow_processes.autocorrelation import average
from scatflow_processes.ising import (
    CLUSTERS,
    Sampler,
    burn_in_sweeps,
    chain,
    energy_per_site,
    ensemble,
    magnetization_per_site,
    sample,
)
from scatflow_processes.ising_exact import CRITICAL_TEMPERATURE, spontaneous_magnetization, torus

T_C = CRITICAL_TEMPERATURE


def energies(n: int, temperature: float, seed: int, length: int, sampler: Sampler = "swendsen_wang") -> np.ndarray:
    run = chain(n, temperature, seed, 0, sampler=sampler)
    return np.array([float(energy_per_site(spins)) for spins in itertools.islice(run, length)])


@pytest.mark.parametrize("temperature", [2.0, T_C, 2.5, 3.0, 10.0])
@pytest.mark.parametrize(("n", "sampler"), [(16, "swendsen_wang"), (32, "swendsen_wang"), (16, "wolff")])
def test_chain_energy_is_exact_within_errors(n: int, sampler: Sampler, temperature: float) -> None:
    result = average(energies(n, temperature, 11, 800, sampler))
    assert result.error < 0.02
    assert abs(result.mean - torus(n, n, temperature).energy) < 4 * result.error


@pytest.mark.parametrize("temperature", [2.0, T_C, 3.0])
def test_realizations_are_equilibrated(temperature: float) -> None:
    spins = ensemble(12, temperature, seed=5, realizations=range(100))
    energy = energy_per_site(spins)
    exact = torus(12, 12, temperature)
    error = energy.std() / math.sqrt(energy.size)
    assert abs(energy.mean() - exact.energy) < 4 * error
    # The variance of the energy is known too: d var(e) = c T^2.
    spread = 144 * energy.var() / temperature**2
    assert spread == pytest.approx(exact.specific_heat, rel=5 * math.sqrt(2 / energy.size))


@pytest.mark.parametrize("sampler", CLUSTERS)
def test_magnetization_is_symmetric(sampler: Sampler) -> None:
    spins = ensemble(10, 1.8, seed=2, realizations=range(100), sampler=sampler, sweeps=20)
    magnetization = magnetization_per_site(spins)
    assert abs(np.sign(magnetization).mean()) < 4 / math.sqrt(magnetization.size)
    assert np.abs(magnetization).mean() == pytest.approx(spontaneous_magnetization(1.8), abs=0.01)


@pytest.mark.parametrize("temperature", [1.5, 2.4])
def test_samplers_agree(temperature: float) -> None:
    results = [average(energies(8, temperature, 3, 800, sampler)) for sampler in CLUSTERS]
    difference = abs(results[0].mean - results[1].mean)
    assert difference < 4 * math.hypot(results[0].error, results[1].error)
    for result in results:
        assert abs(result.mean - torus(8, 8, temperature).energy) < 4 * result.error


@pytest.mark.parametrize("sampler", CLUSTERS)
def test_every_state_has_its_boltzmann_weight(sampler: Sampler) -> None:
    temperature, length = 3.0, 2000
    run = chain((2, 3), temperature, seed=8, realization=0, thin=3, sampler=sampler)
    codes = np.array([int((spins.ravel() > 0) @ (1 << np.arange(6))) for spins in itertools.islice(run, length)])
    states = 2 * ((np.arange(64)[:, None] >> np.arange(6)) & 1).reshape(64, 2, 3) - 1
    weights = np.exp(-6 * energy_per_site(states) / temperature)
    expected = length * weights / weights.sum()
    observed = np.bincount(codes, minlength=64)
    assert stats.chisquare(observed, expected).pvalue > 1e-3


@pytest.mark.parametrize("sampler", CLUSTERS)
def test_realizations_do_not_depend_on_their_company(sampler: Sampler) -> None:
    whole = ensemble(10, 2.3, seed=4, realizations=range(6), sampler=sampler, sweeps=15)
    pieces = [ensemble(10, 2.3, 4, part, 15, sampler) for part in (range(2), [2], range(3, 6))]
    np.testing.assert_array_equal(whole, np.concatenate(pieces))
    np.testing.assert_array_equal(whole[5], sample(10, 2.3, 4, 5, 15, sampler))
    assert (whole[0] != whole[1]).any()
    assert (whole[0] != sample(10, 2.3, 5, 0, 15, sampler)).any()


def test_batches_of_lattices_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    together = ensemble((6, 10), 2.2, seed=9, realizations=range(7), sweeps=20)
    monkeypatch.setattr("scatflow_processes.ising._SITES_TOGETHER", 130)
    np.testing.assert_array_equal(ensemble((6, 10), 2.2, 9, range(7), 20), together)
    first = next(chain((6, 10), 2.2, seed=9, realization=4, sweeps=20))
    np.testing.assert_array_equal(first, together[4])


def test_components_are_numbered_by_their_first_site() -> None:
    # The samplers rely on this order of scipy's; another would mix the signs of two lattices.
    bonds = np.random.default_rng(0).integers(0, 300, (2, 250))
    graph = coo_array((np.ones(250), bonds), shape=(300, 300)).tocsr()
    count, label = connected_components(graph, directed=False)
    assert [int(np.flatnonzero(label == k)[0]) for k in range(count)] == sorted(np.unique(label, return_index=True)[1].tolist())


def test_layout() -> None:
    spins = sample((6, 10), 2.5, seed=0, realization=0)
    assert spins.dtype == np.int8
    assert spins.shape == (6, 10)
    assert set(np.unique(spins)) <= {-1, 1}
    assert ensemble(4, 2.5, 0, []).shape == (0, 4, 4)


def test_energy_and_magnetization_of_known_states() -> None:
    checkerboard = 1 - 2 * (np.indices((6, 8)).sum(axis=0) % 2)
    assert energy_per_site(checkerboard) == 2.0
    assert magnetization_per_site(checkerboard) == 0.0
    stripes = np.repeat(np.array([[1], [-1]], dtype=np.int8), 4, axis=1)
    assert energy_per_site(stripes) == 0.0


def test_burn_in_defaults() -> None:
    assert [burn_in_sweeps(n) for n in (2, 64, 128)] == [60, 60, 60]
    assert burn_in_sweeps((2, 256)) == math.ceil(10 * 256**0.35 * math.log(256))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"size": 1}, "size"),
        ({"size": (4, 9000)}, "size"),
        ({"size": (4, 4, 4)}, "too many values"),
        ({"temperature": 0.0}, "temperature"),
        ({"temperature": math.nan}, "temperature"),
        ({"seed": -1}, "seed"),
        ({"realization": -1}, "realization"),
        ({"sweeps": 0}, "sweeps"),
        ({"sampler": "metropolis"}, "sampler"),
    ],
)
def test_bad_parameters(change: dict, match: str) -> None:
    good = {"size": 4, "temperature": 2.0, "seed": 0, "realization": 0}
    with pytest.raises(ValueError, match=match):
        sample(**{**good, **change})


@pytest.mark.parametrize("size", [(8.0, 8.0), (4, 8.5), ("8", "8")])
def test_a_side_is_a_whole_number(size: object) -> None:
    with pytest.raises(TypeError):
        sample(size, 2.5, seed=0, realization=0)
