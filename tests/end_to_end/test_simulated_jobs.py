"""Simulators as jobs: two workers, one process, any regions and a runner that stops and goes on write the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scatflow import Pipeline, cluster

SOURCES: dict[str, dict[str, Any]] = {
    "ising": {"size": 32, "temperature": 2.3},
    "forced_turbulence2d": {"size": 32, "nu": 1e-2, "spin_up": 1.0, "snapshots": 2},
    "mrw": {"size": 4096, "integral_scale": 512.0},
    "cox_lognormal": {},
    "gaussian_field": {"size": [64, 48]},
    "stroke_digits": {},
}


@pytest.fixture(scope="module")
def workers() -> Any:
    with cluster.local(workers=2) as client:
        yield client


@pytest.mark.parametrize("name", SOURCES)
def test_the_same_bytes_whoever_makes_them(tmp_path: Path, workers: Any, name: str) -> None:
    job = Pipeline.from_source(name, realizations=6, seed=3, **SOURCES[name])
    alone = job.run(tmp_path / "alone.zarr").load()
    together = job.run(tmp_path / "together.zarr", client=workers, region={"realization": 2}).load()
    assert set(alone.data_vars) == set(together.data_vars)
    for variable in alone.data_vars:
        np.testing.assert_array_equal(together[variable], alone[variable])
        assert {key: value for key, value in alone[variable].attrs.items() if key != "scatflow"}["seed"] == 3


def test_a_stopped_job_goes_on(tmp_path: Path) -> None:
    job = Pipeline.from_source("turbulence2d", realizations=4, size=32, nu=1e-2, age=0.5, k_peak=3.0)
    region: Any = {"realization": 1}
    whole = job.run(tmp_path / "whole.zarr", region=region).load()
    seen: list[str] = []

    def stop(event: Any) -> None:
        seen.append(event["event"])
        if seen.count("region") == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job.run(tmp_path / "out.zarr", region=region, progress=stop)
    resumed = job.run(tmp_path / "out.zarr", resume=True).load()
    for variable in ("vorticity", "u", "v"):
        np.testing.assert_array_equal(resumed[variable], whole[variable])
