"""The table of autocorrelation times: against its measurement, fresh chains between its points, limits, and the burn-in."""

import importlib.util
import itertools
import json
import math
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scatflow_processes import ising_times
from scatflow_processes.autocorrelation import integrated_time
from scatflow_processes.ising import CLUSTERS, SAMPLERS, Sampler, chain, default_sweeps, energy_per_site, magnetization_per_site
from scatflow_processes.ising_exact import CRITICAL_TEMPERATURE
from scatflow_processes.ising_times import ENOUGH, LENGTHS, OBSERVABLES, SIZES, TABLE, autocorrelation_times, inverse_length
from scatflow_processes.sources.spins import Ising, IsingChain

T_C = CRITICAL_TEMPERATURE
BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ising_times_benchmark", BENCHMARKS / "ising_times.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def fresh(sampler: Sampler, size: int, temperature: float, sweeps: int, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Return measured times over those of the table, and their relative errors, by observable."""
    run = chain(size, temperature, seed, 0, sweeps=1000, sampler=sampler)
    rows = [(energy_per_site(spins), abs(magnetization_per_site(spins))) for spins in itertools.islice(run, sweeps)]
    found = np.array([integrated_time(series) for series in np.array(rows).T])
    expected = autocorrelation_times(size, temperature, sampler)
    return found / expected[:2], np.sqrt(2 * (10 * found + 1) / sweeps)


@pytest.mark.parametrize(
    ("sampler", "size", "temperature", "sweeps"),
    [("swendsen_wang", 12, 2.4, 25_000), ("wolff", 12, 2.4, 10_000), ("heat_bath", 12, 3.2, 20_000)],
)
def test_fresh_chains_between_the_points(sampler: Sampler, size: int, temperature: float, sweeps: int) -> None:
    ratio, error = fresh(sampler, size, temperature, sweeps)
    assert error.max() < 0.06
    assert np.abs(ratio - 1).max() < (0.3 if sampler == "wolff" else 0.1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sampler", "size", "temperature", "sweeps", "claim"),
    [
        ("swendsen_wang", 24, T_C, 120_000, 0.1),
        ("swendsen_wang", 48, 2.2, 80_000, 0.1),
        ("swendsen_wang", 96, 2.35, 60_000, 0.1),
        ("swendsen_wang", 48, 1.7, 40_000, 0.1),
        ("swendsen_wang", 64, 3.5, 40_000, 0.1),
        ("swendsen_wang", 256, T_C, 15_000, 0.2),
        ("wolff", 24, T_C, 60_000, 0.3),
        ("wolff", 48, 2.33, 60_000, 0.3),
        ("wolff", 96, 2.2, 30_000, 0.3),
        ("wolff", 40, 4.0, 30_000, 0.3),
        ("heat_bath", 48, 2.6, 120_000, 0.1),
        ("heat_bath", 24, 3.0, 100_000, 0.1),
        ("heat_bath", 64, 6.0, 20_000, 0.1),
        ("heat_bath", 24, 2.35, 200_000, 0.3),
        ("heat_bath", 24, 2.1, 200_000, 0.3),
    ],
)
def test_more_fresh_chains(sampler: Sampler, size: int, temperature: float, sweeps: int, claim: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of the heat bath, slow below 2.3
        ratio, error = fresh(sampler, size, temperature, sweeps)
    assert error.max() < claim
    assert np.abs(ratio - 1).max() < claim


def test_the_table_is_what_was_measured() -> None:
    rows = json.loads((BENCHMARKS / "results" / "ising-times.json").read_text())["rows"]
    made = benchmark().table(rows)
    for sampler, name in itertools.product(SAMPLERS, OBSERVABLES):
        assert [list(row) for row in TABLE[sampler][name]] == made[sampler][name]
    # How far single points lie from it, in their own errors: as far as noise.
    apart = []
    for row in rows:
        if row["size"] in SIZES[row["sampler"]] and row["lengths"] in LENGTHS:
            at = SIZES[row["sampler"]].index(row["size"]), LENGTHS.index(row["lengths"])
            apart += [
                (found / TABLE[row["sampler"]][name][at[0]][at[1]] - 1) / error
                for name, found, error in zip(OBSERVABLES, row["tau"], row["relative_error"], strict=True)
            ]
    assert len(apart) == 2 * len(LENGTHS) * sum(map(len, SIZES.values()))
    assert np.sqrt(np.mean(np.square(apart))) < 1.5


def test_points_that_were_left_out_lie_between() -> None:
    rows = json.loads((BENCHMARKS / "results" / "ising-times.json").read_text())["rows"]
    # From 8 sites on: on 4 x 4 below the critical temperature turned spins are too rare for their times to be known that well.
    others = [row for row in rows if row["lengths"] not in LENGTHS and row["size"] >= 8]
    assert len(others) >= 8
    for row in others:
        found = autocorrelation_times(row["size"], row["temperature"], row["sampler"])
        claim = 0.3 if row["sampler"] == "wolff" else 0.1
        assert np.abs(np.array(row["tau"]) / found[:2] - 1).max() < claim, row


@given(st.sampled_from(SAMPLERS), st.integers(2, 8192), st.floats(1e-3, 1e6))
def test_times_are_smooth_everywhere(sampler: Sampler, size: int, temperature: float) -> None:
    here = autocorrelation_times(size, temperature, sampler)
    assert min(here[:2]) >= 0.49 and math.isfinite(here.longest)
    there = autocorrelation_times(size, temperature * (1 + 1e-7), sampler)
    assert there[:2] == pytest.approx(here[:2], rel=2e-3)
    if size < 8192:
        larger = autocorrelation_times(size + 1, temperature, sampler)
        assert larger[:2] == pytest.approx(here[:2], rel=max(0.01, 3 / size))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_points_of_the_table_are_returned(sampler: Sampler) -> None:
    for i, size in enumerate(SIZES[sampler]):
        for j, length in enumerate(LENGTHS):
            found = autocorrelation_times(size, benchmark().temperature_at(length / size), sampler)
            assert found.energy == pytest.approx(TABLE[sampler]["energy"][i][j], rel=1e-6)
            assert found.abs_magnetization == pytest.approx(TABLE[sampler]["abs_magnetization"][i][j], rel=1e-6)
            assert found.known == "table"


def test_limits_and_scaling() -> None:
    # Single spins are drawn anew at high temperature; in an ordered lattice a turned spin is kept by clusters every other time.
    assert autocorrelation_times(64, 1e6).longest == pytest.approx(0.5, abs=1e-3)
    assert autocorrelation_times(64, 0.05)[:2] == pytest.approx((1.5, 1.5), abs=1e-3)
    assert autocorrelation_times(64, 1e6, "heat_bath").longest == pytest.approx(0.5, abs=1e-3)
    for sampler in SAMPLERS:
        # Many correlation lengths long, all lattices are alike.
        some, more = (autocorrelation_times(n, 2.9, sampler) for n in (512, 8192))
        assert some.energy == more.energy and some.known == more.known
        assert some.abs_magnetization == pytest.approx(more.abs_magnetization, abs=0.003)
        assert autocorrelation_times(512, 1.9, sampler)[:2] == autocorrelation_times(8192, 1.9, sampler)[:2]
    far = [autocorrelation_times(n, T_C, "heat_bath").energy for n in (512, 1024)]
    assert far[1] / far[0] == pytest.approx(2**2.167)
    steps = np.diff([autocorrelation_times(n, T_C).energy for n in (128, 256, 512, 1024)])
    assert steps == pytest.approx([steps[0]] * 3) and 0.3 < steps[0] < 1
    assert autocorrelation_times(256, T_C).known == "scaling beyond the table"
    assert inverse_length(T_C) == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_default_burn_in_is_ten_times_and_more(sampler: Sampler) -> None:
    sizes = [2, 4, 6, 10, 16, 32, 50, 64, 90, 128, 130, 200, 256, 512, 1024, 4096, 8192]
    temperatures = [*np.geomspace(0.05, 100, 200), *np.linspace(2.0, 2.6, 121), T_C]
    for size, temperature in itertools.product(sizes, temperatures):
        if sampler in CLUSTERS or temperature >= 2.6:
            times = autocorrelation_times(size, float(temperature), sampler)
            assert default_sweeps(size, float(temperature), sampler) >= ENOUGH * times.longest, (size, temperature)


@pytest.mark.parametrize("source", [Ising, IsingChain])
def test_sources_tell_the_times(source: type[Ising | IsingChain], monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> None:
        raise AssertionError("attributes cost nothing")

    monkeypatch.setattr("scatflow_processes.ising.chain", never)
    monkeypatch.setattr("scatflow_processes.ising.ensemble", never)
    attrs = source(size=64, temperature=2.4, sweeps=100).describe().attrs
    times = autocorrelation_times(64, 2.4)
    assert (attrs["tau_int_energy"], attrs["tau_int_abs_magnetization"]) == pytest.approx(times[:2], abs=0.005)
    assert attrs["burn_in_over_tau_int"] == pytest.approx(100 / times.longest, abs=0.05)
    assert attrs["tau_int_from"] == "table"
    assert source(size=512).describe().attrs["tau_int_from"] == "scaling beyond the table"
    json.dumps(dict(attrs), allow_nan=False)


def test_sources_warn_of_a_short_burn_in() -> None:
    needed = math.ceil(ENOUGH * autocorrelation_times(64, T_C).longest)
    with pytest.warns(UserWarning, match=rf"autocorrelation times .* fewer than 10.* give sweeps={needed} or more"):
        Ising(size=64, sweeps=needed - 1)
    Ising(size=64, sweeps=needed)  # warnings are errors
    with pytest.warns(UserWarning, match="scaling beyond the table"):
        IsingChain(size=128, temperature=2.31, sampler="heat_bath", length=10)
    Ising(size=128, temperature=2.6, sampler="heat_bath")


@pytest.mark.parametrize(
    ("change", "match"),
    [({"size": 1}, "size"), ({"temperature": 0.0}, "temperature"), ({"temperature": math.inf}, "temperature"),
     ({"temperature": math.nan}, "temperature"), ({"sampler": "metropolis"}, "sampler")],
)  # fmt: skip
def test_bad_parameters(change: dict, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        ising_times.autocorrelation_times(**{"size": 8, "temperature": 2.0, **change})
