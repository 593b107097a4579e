"""Surrogate tests with scattering as the statistic (U11): uniform p where nothing is to be found, multifractality found, fractional
noise not; and tests of pipelines killed with SIGKILL, which go on with the bytes of an undisturbed one.

Run as a program it is the process that gets killed.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import xarray as xr
from distributed import Client, LocalCluster
from scipy import stats

from scatflow import Pipeline
from scatflow_processes.operators.gaussian import GaussianModel
from scatflow_processes.operators.surrogates import BlockShuffle
from scatflow_processes.pipeline_statistic import PipelineStatistic
from scatflow_processes.surrogate_test import surrogate_test


def ratios(source: dict[str, Any], dims: list[str], J: int, **options: Any) -> Pipeline:
    """From a source to order 2 of its scattering moments over order 1: what intermittency raises."""
    moments = {"data": {"from_node": "field"}, "dims": dims, "J": J, "order": 2, "normalize": "ensemble", **options}
    return Pipeline.from_document({"process_graph": {
        "field": {"process_id": "load_process", "arguments": {"dtype": "float64", **source}},
        "moments": {"process_id": "scattering_moments", "arguments": moments},
        "mean": {"process_id": "variable", "arguments": {"data": {"from_node": "moments"}, "name": "mean"}},
        "second": {"process_id": "select", "arguments": {"data": {"from_node": "mean"}, "sel": {"order": 2}}, "result": True},
    }})  # fmt: skip


def gaussian(size: list[int], realizations: int, dims: list[str], J: int, **options: Any) -> Pipeline:
    return ratios(
        {"id": "gaussian_field", "size": size, "spectrum": "matern", "length": 0.2, "realizations": realizations},
        dims,
        J,
        **options,
    )


def uniformity(found: xr.Dataset, rng: np.random.Generator) -> np.ndarray:
    """Kolmogorov-Smirnov p of the p of each coefficient over realizations; numbers within a step make p continuous."""
    p = found.p.transpose("realization", "path").values
    assert np.isfinite(p).all()
    smooth = p - rng.uniform(0, 1 / (found.attrs["n"] + 1), p.shape)
    return np.array([stats.kstest(column, "uniform").pvalue for column in smooth.T])


def held(pipeline: Pipeline, n: int, dims: tuple[str, ...], rng: np.random.Generator) -> None:
    """Hold p to be uniform with surrogates that are exchangeable with the data, and show that others would be told."""
    data = PipelineStatistic(pipeline).data().compute()
    phases = surrogate_test(pipeline, data, GaussianModel(phase_only=True, dims=dims), n=n, alternative="greater")
    assert uniformity(phases, rng).min() > 1e-3
    assert abs(float((phases.p <= 0.05).mean()) - 0.05) < 0.02
    if len(dims) == 1:
        shuffled = surrogate_test(pipeline, data, BlockShuffle(dims=dims), n=n, alternative="greater")
        assert uniformity(shuffled, rng).min() < 1e-6


def test_p_of_gaussian_fields_is_uniform(rng: np.random.Generator) -> None:
    """Periodic Gaussian series and their random phases are exchangeable, so ranks are uniform for whatever statistic."""
    held(gaussian([256], 200, ["x"], 5), 19, ("x",), rng)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "J", "options"), [([512], 6, {}), ([32, 32], 3, {"L": 2})])
def test_p_of_many_gaussian_fields_is_uniform(size: list[int], J: int, options: dict[str, Any], rng: np.random.Generator) -> None:
    dims = ["y", "x"][-len(size) :]
    held(gaussian(size, 1000, dims, J, **options), 99, tuple(dims), rng)


def multifractal(found: xr.Dataset, share: float) -> None:
    """Every series is rejected, by so large a share of its coefficients."""
    assert ((found.q <= 0.05).mean("path") > share).all()
    assert (found["mean"] < found.observed).mean() > 0.9


def test_order_two_tells_multifractal_walks_from_fractional_noise() -> None:
    surrogates = GaussianModel(phase_only=True, dims=("time",))
    walk = {"id": "mrw", "size": 4096, "lam2": 0.06, "integral_scale": 2048, "input": "increments", "realizations": 4}
    noise = {"id": "fbm", "size": 4096, "hurst": 0.7, "input": "increments", "realizations": 8}
    found = surrogate_test(ratios(walk, ["time"], 8), surrogates=surrogates, n=99, alternative="greater")
    assert (
        dict(found.sizes) == {"realization": 4, "path": 36}
        and (found.order == 2).all()
        and {"j1", "j2", "scale1"} <= set(found.coords)
    )
    multifractal(found, 0.5)
    found = surrogate_test(ratios(noise, ["time"], 8), surrogates=surrogates, n=99, alternative="greater")
    assert (found.q > 0.05).all()
    assert 0.02 < float((found.p <= 0.05).mean()) < 0.1


@pytest.mark.slow
def test_order_two_finds_the_weak_intermittency_of_returns() -> None:
    """lam2 = 0.02 is that of stock indices; series of 2^14 samples, and 40 of fractional noise."""
    surrogates = GaussianModel(phase_only=True, dims=("time",))
    walk = {"id": "mrw", "size": 1 << 14, "lam2": 0.02, "integral_scale": 2048, "input": "increments", "realizations": 8}
    multifractal(surrogate_test(ratios(walk, ["time"], 9), surrogates=surrogates, n=99, alternative="greater"), 0.3)
    for hurst in (0.3, 0.7):
        noise = {"id": "fbm", "size": 1 << 14, "hurst": hurst, "input": "increments", "realizations": 20}
        found = surrogate_test(ratios(noise, ["time"], 9), surrogates=surrogates, n=99, alternative="greater")
        assert (found.q > 0.05).all()


def test_a_cluster_computes_what_one_process_does() -> None:
    """With a client the tasks of several surrogates run beside each other on its workers."""
    walk = {"id": "mrw", "size": 1024, "lam2": 0.06, "integral_scale": 512, "input": "increments", "realizations": 3}
    pipeline = ratios(walk, ["time"], 6)
    alone = surrogate_test(pipeline, PipelineStatistic(pipeline).data().compute(), n=8)
    with LocalCluster(processes=False, n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster):
        before = cluster.scheduler.transition_counter
        found = surrogate_test(pipeline, n=8, together=4)
        assert cluster.scheduler.transition_counter - before > 3 * 8
    xr.testing.assert_allclose(found, alone, rtol=1e-10)


# Killed tests.

COUNT, TOGETHER = 24, 2


def numbers_of(ledger: Path) -> bytes:
    """Run the test that gets killed, noting beside its ledger how many surrogates are evaluated; return its numbers."""
    evaluate = PipelineStatistic.__call__

    def noted(self: PipelineStatistic, array: xr.DataArray) -> Any:
        with open(ledger.with_suffix(".log"), "a") as log:
            log.write(f"{array.sizes.get('surrogate', 0)}\n")
        return evaluate(self, array)

    with mock.patch.object(PipelineStatistic, "__call__", noted):
        walk = {"id": "mrw", "size": 4096, "lam2": 0.04, "integral_scale": 512, "input": "increments", "realizations": 3}
        found = surrogate_test(ratios(walk, ["time"], 6), n=COUNT, ledger=ledger, together=TOGETHER)
    return b"".join(found[name].values.tobytes() for name in sorted(found.data_vars))


def start(ledger: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, __file__, str(ledger)])


def kill(ledger: Path, count: int, later: float = 0.0) -> bool:
    """Start the process and kill it some seconds after it has the statistics of so many surrogates; tell whether it lived so long."""
    process = start(ledger)
    while process.poll() is None and len(list(ledger.glob("*.npy"))) < count:
        time.sleep(0.002)  # polling a foreign process: there is no event to wait for
    time.sleep(later)
    process.kill()
    return process.wait() == -signal.SIGKILL


def kept(ledger: Path) -> dict[str, tuple[int, bytes]]:
    """Return time and bytes of the statistics of every surrogate."""
    return {file.name: (file.stat().st_mtime_ns, file.read_bytes()) for file in sorted(ledger.glob("*.npy"))}


def evaluated(ledger: Path) -> int:
    """Return how many surrogates were evaluated by all that ran on a ledger."""
    return sum(map(int, ledger.with_suffix(".log").read_text().split()))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, dict[str, tuple[int, bytes]]]:
    ledger = tmp_path_factory.mktemp("surrogates") / "undisturbed"
    numbers = numbers_of(ledger)
    assert evaluated(ledger) == COUNT
    return numbers, kept(ledger)


def check_end(
    ledger: Path, before: dict[str, tuple[int, bytes]], undisturbed: tuple[bytes, dict[str, tuple[int, bytes]]], kills: int
) -> None:
    """Let a killed test go on: it has the bytes of an undisturbed one, and has left alone what was there."""
    assert start(ledger).wait(120) == 0
    assert ledger.with_suffix(".numbers").read_bytes() == undisturbed[0]
    after = kept(ledger)
    assert {name: one[1] for name, one in after.items()} == {name: one[1] for name, one in undisturbed[1].items()}
    assert {name: after[name] for name in before} == before, "what was there has been written again"
    # Besides the missing ones only what was in flight at a kill, a group at most.
    assert COUNT <= evaluated(ledger) <= COUNT + kills * TOGETHER


def test_a_killed_test_goes_on(tmp_path: Path, undisturbed: tuple[bytes, dict[str, tuple[int, bytes]]]) -> None:
    ledger = tmp_path / "killed"
    assert kill(ledger, COUNT // 4), "ended before it was killed"
    before = kept(ledger)
    assert COUNT // 4 <= len(before) < COUNT
    check_end(ledger, before, undisturbed, kills=1)


@pytest.mark.faults
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(4))
def test_killed_at_random(tmp_path: Path, undisturbed: tuple[bytes, dict[str, tuple[int, bytes]]], seed: int) -> None:
    ledger, chance, kills = tmp_path / "killed", random.Random(seed), 0
    while (known := len(list(ledger.glob("*.npy")))) < COUNT:
        kills += kill(ledger, known + chance.randint(COUNT // 8, COUNT // 3), later=chance.uniform(0.0, 0.2))
    assert kills > 1
    check_end(ledger, kept(ledger), undisturbed, kills)


if __name__ == "__main__":
    place = Path(sys.argv[1])
    place.with_suffix(".numbers").write_bytes(numbers_of(place))
