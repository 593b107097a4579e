"""Observables of spins and fields: against direct formulas, enumeration of all states, and exact thermodynamics."""

import math
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy.ndimage import label as label_parts

from scatflow import Pipeline, open_source, ops
from scatflow.contract import Source
from scatflow.errors import ParameterError, PlanError
from scatflow_processes.autocorrelation import integrated_time
from scatflow_processes.ising import energy_per_site, ensemble
from scatflow_processes.ising_exact import CRITICAL_TEMPERATURE, spontaneous_magnetization, torus
from scatflow_processes.ising_likelihood import entropy, floor, neg_log_prob
from scatflow_processes.operators import spin_kernels
from scatflow_processes.operators.spin_averages import OBSERVABLES
from scatflow_processes.sources.spins import Ising, IsingChain
from scatflow_processes.thermalization import thermalization

T_C = CRITICAL_TEMPERATURE


def fields(values: np.ndarray, **attrs: object) -> xr.DataArray:
    coords = {
        dim: xr.DataArray(np.arange(n), dims=dim, attrs={"period": n}) for dim, n in zip("yx", values.shape[-2:], strict=True)
    }
    return xr.DataArray(values, dims=("realization", "y", "x"), coords=coords, attrs=attrs)


def observed(values: np.ndarray) -> dict[str, tuple[float, float]]:
    result = ops.spin_observables(fields(values), dims=("y", "x"), over="realization")
    return {name: (float(result["mean"][n]), float(result["se"][n])) for n, name in enumerate(OBSERVABLES)}


def states(n: int) -> np.ndarray:
    return 2 * ((np.arange(2 ** (n * n))[:, None] >> np.arange(n * n)) & 1).reshape(-1, n, n).astype(np.int8) - np.int8(1)


def formulas(means: np.ndarray, shape: tuple[int, int]) -> list[float]:
    """Return the observables from means of m, |m|, m^2, m^4, waves, e, e^2."""
    m, modulus, square, fourth, wave_y, wave_x, energy, energy2 = means
    d = shape[0] * shape[1]
    lengths = [(d * square / wave - 1) / (4 * math.sin(math.pi / n) ** 2) for wave, n in zip((wave_y, wave_x), shape, strict=True)]
    return [m, modulus, square, d * square, d * (square - modulus**2), 1 - fourth / (3 * square**2),
            math.sqrt(max(0, sum(lengths) / 2)), energy, d * (energy2 - energy**2)]  # fmt: skip


def raw(x: np.ndarray) -> np.ndarray:
    m, spectrum, energy = x.mean(axis=(1, 2)), np.abs(np.fft.fft2(x)) ** 2 / x[0].size, energy_per_site(x)
    return np.stack([m, abs(m), m**2, m**4, spectrum[:, 1, 0], spectrum[:, 0, 1], energy, energy**2], axis=1)


def test_observables_and_jackknife_are_the_formulas() -> None:
    x = np.random.default_rng(0).standard_normal((9, 6, 8)) + 0.5
    rows = raw(x)
    found = observed(x)
    replicates = np.array([formulas(np.delete(rows, k, axis=0).mean(axis=0), (6, 8)) for k in range(9)])
    full = np.array(formulas(rows.mean(axis=0), (6, 8)))
    np.testing.assert_allclose([found[name][0] for name in OBSERVABLES], full, rtol=1e-12)
    np.testing.assert_allclose(
        [found[name][1] for name in OBSERVABLES], np.sqrt(8 / 9 * ((replicates - full) ** 2).sum(axis=0)), rtol=1e-9
    )


@pytest.mark.parametrize("temperature", [1.8, T_C, 4.0])
def test_sampled_observables_are_those_of_all_states(temperature: float) -> None:
    every = states(4)
    weights = np.exp(-16 * neg_log_prob(every, temperature))
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    exact = dict(zip(OBSERVABLES, formulas(weights @ raw(every), (4, 4)), strict=True))
    found = observed(ensemble(4, temperature, seed=6, realizations=range(1500), sweeps=15).astype(np.float64))
    for name in OBSERVABLES:
        mean, error = found[name]
        assert abs(mean - exact[name]) < 4 * error, name
        assert 0 < error < 0.3 * max(1, abs(exact[name])), name


@pytest.mark.parametrize("temperature", [T_C, 2.8])
def test_energy_at_32_is_exact_within_errors(temperature: float) -> None:
    found, exact = (
        observed(ensemble(32, temperature, seed=1, realizations=range(60)).astype(np.float32)),
        torus(32, 32, temperature),
    )
    mean, error = found["bond_energy"]
    assert abs(mean - exact.energy) < 4 * error < 0.1
    mean, error = found["bond_energy_variance"]
    assert abs(mean / temperature**2 - exact.specific_heat) < 4 * error / temperature**2


def test_structure_factor_and_correlation() -> None:
    x = np.random.default_rng(1).standard_normal((5, 8, 6))
    s = ops.structure_factor(fields(x, units="K"), dims=("y", "x"), over="realization")
    k = np.hypot(*np.meshgrid(2 * np.pi * np.fft.fftfreq(8), 2 * np.pi * np.fft.fftfreq(6), indexing="ij"))
    shell = np.floor(k * 8 / (2 * np.pi) + 0.5)
    power = (np.abs(np.fft.fft2(x)) ** 2 / 48).mean(axis=0)
    np.testing.assert_allclose(s["mean"], [power[shell == n].mean() for n in range(5)], rtol=1e-12)
    np.testing.assert_allclose(s["wavenumber"], [k[shell == n].mean() for n in range(5)])
    assert s["modes"].values.tolist() == [int((shell == n).sum()) for n in range(5)]
    assert s["mean"].attrs["units"] == "(K)2"
    g = ops.pair_correlation(fields(x), dims=("y", "x"), over="realization")
    expected = [0.5 * (x * np.roll(x, r, 1)).mean() + 0.5 * (x * np.roll(x, r, 2)).mean() for r in range(4)]
    np.testing.assert_allclose(g["mean"], expected, atol=1e-13)


def test_modes_between_two_shells_belong_to_the_outer_one() -> None:
    # On 4 x 6 sites the wavenumbers are hypot(3/2 a, b) in units of the width: (1, +-2) and (-1, +-2) lie at 5/2.
    spectrum = ops.structure_factor(
        fields(np.random.default_rng(4).standard_normal((3, 4, 6))), dims=("y", "x"), over="realization"
    )
    assert spectrum["modes"].values.tolist() == [1, 2, 8, 10]


def test_a_weak_shell_is_seen_beside_a_strong_one() -> None:
    wave = np.cos(2 * np.pi * np.arange(32) / 32)[:, None] + 1e-9 * np.random.default_rng(2).standard_normal((3, 32, 32))
    found = ops.structure_factor(fields(wave), dims=("y", "x"), over="realization")["mean"].values
    np.testing.assert_allclose(found[4:], 1e-18, rtol=0.6)  # means of 24 modes and more of 3 fields, each exponential
    assert found[1] == pytest.approx(2 * 32**2 / 4 / 8, rel=1e-6)  # two of the eight modes of the shell


def test_lattices_must_be_periodic() -> None:
    bare = fields(np.ones((3, 4, 4))).drop_vars(["y", "x"])
    with pytest.raises(ParameterError, match='boundary="periodic"'):
        ops.spin_observables(bare, dims=("y", "x"), over="realization")
    found = ops.spin_observables(bare, dims=("y", "x"), over="realization", boundary="periodic")
    assert found["mean"].values[:4].tolist() == [1, 1, 1, 16]


def test_configurations_with_gaps() -> None:
    x = np.random.default_rng(3).standard_normal((5, 4, 4))
    whole = ops.spin_observables(fields(x[1:]), dims=("y", "x"), over="realization")
    x[0, 2, 1] = np.nan
    masked = ops.spin_observables(fields(x), dims=("y", "x"), over="realization", nan="mask")
    np.testing.assert_allclose(masked["mean"], whole["mean"], rtol=1e-13)
    np.testing.assert_allclose(masked["se"], whole["se"], rtol=1e-12)
    assert (masked["count"] == 4).all()
    assert np.isnan(ops.spin_observables(fields(x), dims=("y", "x"), over="realization")["mean"]).all()


@pytest.mark.parametrize("name", ["spin_observables", "energy_histogram", "bond_energy", "ising_neg_log_prob"])
def test_a_site_is_no_neighbor_of_its_own(name: str) -> None:
    options = {} if name in ("bond_energy", "ising_neg_log_prob") else {"boundary": "periodic"}
    with pytest.raises(ParameterError, match="at least 2 sites"):
        getattr(ops, name)(fields(np.ones((3, 1, 4))), dims=("y", "x"), **options)


@pytest.mark.parametrize("edges", [{"low": 2.0}, {"low": 1.0, "high": -1.0}, {"low": math.nan}, {"high": math.inf}])
def test_edges_of_a_histogram_are_in_order(edges: dict) -> None:
    with pytest.raises(ParameterError, match="energy_histogram"):
        ops.energy_histogram(fields(np.ones((3, 4, 4))), dims=("y", "x"), **edges)


def test_one_configuration_has_no_error() -> None:
    found = ops.spin_observables(fields(np.ones((1, 4, 6))), dims=("y", "x"))
    assert (found["count"] == 1).all()
    assert np.isnan(found["se"]).all()
    assert float(found["mean"][0, OBSERVABLES.index("bond_energy")]) == -2


def test_histograms() -> None:
    spins = ensemble(8, 2.5, seed=2, realizations=range(30), sweeps=20)
    e = ops.energy_histogram(fields(spins.astype(float)), dims=("y", "x"), over="realization", bins=16)
    expected = np.histogram(energy_per_site(spins), bins=16, range=(-2, 2))[0] / 30
    np.testing.assert_allclose(e["mean"], expected, atol=1e-15)
    np.testing.assert_allclose(e["se"], np.sqrt(expected * (1 - expected) / 29), atol=1e-14)
    ordered = ops.energy_histogram(
        fields(-np.indices((1, 4, 4)).sum(axis=0) % 2 * 2.0 - 1), dims=("y", "x"), over="realization", bins=4
    )
    assert ordered["mean"].values.tolist() == [0, 0, 0, 1]  # the upper edge counts
    c = ops.cluster_histogram(fields(spins.astype(float)), dims=("y", "x"))
    for row, found in zip(spins, c["mean"].values, strict=True):
        np.testing.assert_allclose(found, octaves(row), atol=1e-15)


def octaves(row: np.ndarray) -> np.ndarray:
    """Return clusters per site by octave of size, from parts of an open lattice joined at its seams."""
    counts = np.zeros(row.size.bit_length())
    for sign in (-1, 1):
        part, count = label_parts(row == sign)
        root = list(range(count + 1))
        for a, b in [*zip(part[0], part[-1], strict=True), *zip(part[:, 0], part[:, -1], strict=True)]:
            if a and b:
                old, new = root[a], root[b]
                root = [new if r == old else r for r in root]
        sizes = np.bincount(np.array(root)[part[part > 0]])
        for size in sizes[sizes > 0]:
            counts[int(size).bit_length() - 1] += 1 / row.size
    return counts


def test_labels_of_long_winding_clusters() -> None:
    row = np.zeros((9, 12), dtype=bool)
    row[1::2], row[2:8:4, -2], row[4:8:4, 0] = True, True, True  # a snake
    row[:, -1] = False
    labels = spin_kernels.cluster_labels(np, row[None])
    assert len(np.unique(labels[0][row])) == label_parts(row)[1] == 1


def test_log_probability_and_entropy() -> None:
    for shape, temperature in (((4, 4), T_C), ((3, 4), 1.5), ((2, 5), 10.0)):
        d = shape[0] * shape[1]
        every = 2 * ((np.arange(2**d)[:, None] >> np.arange(d)) & 1).reshape(-1, *shape) - 1
        surprise = neg_log_prob(every, temperature)
        p = np.exp(-d * surprise)
        assert p.sum() == pytest.approx(1, abs=1e-12)
        assert p @ surprise == pytest.approx(entropy(shape, temperature), abs=1e-12)
        spread = p @ (surprise - entropy(shape, temperature)) ** 2 / entropy(shape, temperature) ** 2
        assert floor(shape, temperature) == pytest.approx(spread, rel=1e-10)
    known = {(16, T_C): 6.87e-2, (32, T_C): 2.02e-2, (64, T_C): 5.86e-3, (128, T_C): 1.67e-3, (64, 2.5): 1.10e-3, (128, 2.5): 2.76e-4,
             (64, 3.0): 3.32e-4, (128, 3.0): 8.30e-5, (64, 4.0): 1.09e-4, (64, 5.0): 5.66e-5, (64, 10.0): 1.10e-5,
             (128, 10.0): 2.75e-6}  # fmt: skip
    assert [floor(*at) for at in known] == pytest.approx(list(known.values()), rel=4e-3)
    with pytest.raises(ValueError, match="2 x - 1"):
        neg_log_prob(np.zeros((4, 4)), 2.0)
    with pytest.raises(ValueError, match="shape"):
        neg_log_prob(np.ones(4), 2.0)


def test_log_probability_operator_reads_the_attributes() -> None:
    spins = Pipeline.from_source("ising", size=8, temperature=2.5, realizations=5, seed=1, dtype="float64").lazy()
    found = ops.ising_neg_log_prob(spins, dims=("y", "x"))
    np.testing.assert_allclose(found.values, neg_log_prob(spins.values, 2.5), rtol=1e-13)
    half = Pipeline.from_source("ising", size=8, temperature=2.5, realizations=5, seed=1, values="occupation").lazy()
    np.testing.assert_array_equal(half.values, (spins.values + 1) / 2)
    np.testing.assert_allclose(ops.ising_neg_log_prob(half, dims=("y", "x")).values, found.values, rtol=1e-6)
    other = ops.ising_neg_log_prob(half, dims=("y", "x"), temperature=5.0)
    np.testing.assert_allclose(other.values, neg_log_prob(spins.values, 5.0), rtol=1e-6)
    with pytest.raises(ParameterError, match="temperature"):
        ops.ising_neg_log_prob(fields(spins.values), dims=("y", "x"))


def test_chain_source_and_its_times() -> None:
    options = {"size": 12, "temperature": 2.4, "length": 600, "seed": 3, "realizations": 2}
    chain = Pipeline.from_source("ising_chain", **options).lazy()
    assert chain.dims == ("realization", "sweep", "y", "x")
    first = Pipeline.from_source("ising", size=12, temperature=2.4, seed=3, realizations=2).lazy()
    np.testing.assert_array_equal(chain.isel(sweep=0).values, first.values)
    energy = ops.bond_energy(chain, dims=("y", "x"))
    np.testing.assert_allclose(energy.values, energy_per_site(chain.values), atol=1e-6)
    times = ops.integrated_time(energy, dims="sweep").values
    assert times == pytest.approx([integrated_time(row) for row in energy.values], rel=1e-5)  # of float32
    assert (times > 1).all()
    # Averages along the chain know of its correlations.
    result = ops.spin_observables(chain, dims=("y", "x"), over="sweep")
    n_eff = result["n_eff"].isel(observable=OBSERVABLES.index("bond_energy")).values
    assert ((n_eff > 600 / (2 * times) / 2.5) & (n_eff < 600 / (2 * times) * 2.5)).all()
    exact = torus(12, 12, 2.4).energy
    at = {"observable": OBSERVABLES.index("bond_energy")}
    assert (abs(result["mean"].isel(at) - exact) < 4 * result["se"].isel(at)).all()


def test_integrated_time_edge_cases() -> None:
    constant = xr.DataArray(np.full((2, 20), 0.1), dims=("name", "time"))
    assert ops.integrated_time(constant, dims="time").values.tolist() == [0.5, 0.5]
    with pytest.raises(ParameterError, match="short"):
        ops.integrated_time(constant.isel(time=slice(7)), dims="time")


def test_thermalization() -> None:
    found = thermalization(16, T_C, seed=2, length=1500)
    assert 1 < found.energy_time < 6
    assert 1 < found.magnetization_time < 6
    assert found.burn_in == 60
    assert found.sufficiency > 10
    assert abs(found.energy_deviation) < 4
    with pytest.raises(ValueError, match="length"):
        thermalization(16, 2.5, length=7)


@pytest.mark.parametrize(
    ("source", "parameters", "match"),
    [
        (Ising, {"size": 9, "sampler": "heat_bath", "temperature": 3.0}, "even sides"),
        (Ising, {"values": "bits"}, "values"),
        (Ising, {"temperature": 0.0}, "temperature"),
        (Ising, {"temperature": math.nan}, "temperature"),
        (Ising, {"size": 1}, "size"),
        (Ising, {"sweeps": 0}, "sweeps"),
        (Ising, {"sampler": "metropolis"}, "sampler"),
        (IsingChain, {"size": 512, "length": 10**5}, "at most"),
        (IsingChain, {"length": 0}, "length"),
        (IsingChain, {"thin": 0}, "thin"),
    ],
)
def test_bad_source_parameters(source: type[Source], parameters: dict, match: str) -> None:
    with pytest.raises(ParameterError, match=match):
        source(**parameters)


def test_heat_bath_source_warns_where_it_is_slow() -> None:
    with pytest.warns(UserWarning, match="swendsen_wang"):
        Pipeline.from_source("ising", size=8, sampler="heat_bath", temperature=2.2)
    spins = Pipeline.from_source("ising", size=8, sampler="heat_bath", temperature=3.0, realizations=3, seed=5).lazy()
    np.testing.assert_array_equal(spins.values, ensemble(8, 3.0, 5, range(3), sampler="heat_bath"))


@pytest.mark.parametrize("temperature", [2.0, T_C, 2.5, 3.0, 10.0])
def test_energy_at_64_is_exact_within_errors(temperature: float) -> None:
    mean, error = observed(ensemble(64, temperature, seed=8, realizations=range(30)).astype(np.float32))["bond_energy"]
    assert abs(mean - torus(64, 64, temperature).energy) < 4 * error < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("temperature", [2.0, T_C, 2.5, 3.0, 10.0])
def test_energy_at_128_is_exact_within_errors(temperature: float) -> None:
    found = observed(ensemble(128, temperature, seed=9, realizations=range(40)).astype(np.float32))
    mean, error = found["bond_energy"]
    assert abs(mean - torus(128, 128, temperature).energy) < 4 * error < 0.03
    if temperature == 2.0:
        mean, error = found["absolute_magnetization"]
        assert abs(mean - spontaneous_magnetization(2.0)) < 4 * error < 0.01


@pytest.mark.slow
def test_wolffs_clusters_forget_a_random_start_at_the_critical_point() -> None:
    # From disorder they relax slower than they forget in equilibrium; the default burn-in, counted in turned spins, is enough.
    spins = ensemble(64, T_C, seed=3, realizations=range(200), sampler="wolff").astype(np.float32)
    mean, error = observed(spins)["bond_energy"]
    assert abs(mean - torus(64, 64, T_C).energy) < 4 * error < 0.02


def test_spontaneous_magnetization() -> None:
    mean, error = observed(ensemble(32, 2.0, seed=4, realizations=range(40)).astype(np.float32))["absolute_magnetization"]
    assert abs(mean - spontaneous_magnetization(2.0)) < 4 * error < 0.02


@pytest.mark.slow
def test_finite_size_scaling_at_the_critical_point() -> None:
    sizes, pooled = (32, 64, 128), ("realization", "sweep")
    found, correlation = [], {}
    for n in sizes:
        # About 1000 independent configurations: errors of 0.002 in the cumulant, 1 % in |m|, 0.01 in the slopes.
        spins = Pipeline.from_source("ising_chain", size=n, realizations=8, length=500, thin=3, seed=20).lazy()
        spins = spins.chunk(realization=1, sweep=100).persist()
        result = ops.spin_observables(spins, dims=("y", "x"), over=pooled)["mean"].values
        found.append(dict(zip(OBSERVABLES, result, strict=True)))
        correlation[n] = ops.pair_correlation(spins, dims=("y", "x"), over=pooled)["mean"].values
    for row in found:
        assert row["cumulant"] == pytest.approx(0.611, abs=0.01)
    slopes = [
        np.polyfit(np.log(sizes), np.log([row[name] for row in found]), 1)[0]
        for name in ("absolute_magnetization", "susceptibility")
    ]
    assert slopes == pytest.approx([-1 / 8, 7 / 4], abs=0.03)
    for n in sizes[1:]:
        r = np.arange(4, n // 8 + 1)
        assert -np.polyfit(np.log(r), np.log(correlation[n][r]), 1)[0] == pytest.approx(0.25, abs=0.05)


LARGE = ["spin_observables", "structure_factor", "pair_correlation", "energy_histogram"]


@pytest.mark.parametrize("name", LARGE)
@pytest.mark.parametrize(("over", "sides"), [("realization", (12, 10)), (None, (9, 14))])
def test_lattices_larger_than_memory_give_the_same(tmp_path: Path, name: str, over: str | None, sides: tuple[int, int]) -> None:
    """Every task has whole lines along one axis, and some of them."""
    values = np.random.default_rng(3).standard_normal((5, *sides))
    field = xr.DataArray(values, dims=("realization", "y", "x"), attrs={"units": "1"})
    field.to_dataset(name="spin").to_zarr(tmp_path / "spins.zarr", consolidated=False)
    options = {"dims": ("y", "x"), "over": over, "boundary": "periodic"}
    whole = getattr(ops, name)(field, **options)
    lazy = getattr(ops, name)(open_source(tmp_path / "spins.zarr"), rechunk="auto", **options)
    pipeline, region = Pipeline.from_array(lazy), {"y": 5, "x": 5}
    assert len(pipeline.plan(strategy="pencil", region=region).stages) == 4
    found = pipeline.run(tmp_path / "out.zarr", strategy="pencil", region=region)
    for key, value in whole.data_vars.items():
        np.testing.assert_allclose(found[key], value, rtol=1e-9, atol=1e-12, err_msg=str(key))
        assert found[key].dims == value.dims
        assert set(found[key].coords) == set(value.coords)


def test_sentinels_are_refused_line_by_line() -> None:
    spins = {"process_id": "ising", "arguments": {"size": 16}}
    arguments = {"data": {"from_node": "s"}, "dims": ["y", "x"], "missing": -1.0}
    graph = {"s": spins, "o": {"process_id": "spin_observables", "arguments": arguments, "result": True}}
    with pytest.raises(PlanError, match=r"gaps cannot be filled one axis at a time \(missing=-1.0\)"):
        Pipeline({"process_graph": graph}).plan(strategy="pencil")
