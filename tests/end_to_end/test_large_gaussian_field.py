"""A Gaussian field larger than a worker's memory, made of white noise one axis at a time under a real limit: the field of the source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scatflow import Pipeline, cluster

SIZE, LIMIT = [4096, 4096], "480 MiB"
SPECTRUM = {"spectrum": "vorticity", "k_high": 1000.0}


@pytest.mark.slow
def test_a_worker_makes_a_field_that_it_cannot_hold(tmp_path: Path, record_property: Any) -> None:
    noise = {"process_id": "white_noise", "arguments": {"size": SIZE, "seed": 3}}
    arguments = {"data": {"from_node": "noise"}, "dims": ["y", "x"], **SPECTRUM}
    job = Pipeline(
        {"process_graph": {"noise": noise, "field": {"process_id": "gaussian_filter", "arguments": arguments, "result": True}}}
    )
    with cluster.local(workers=1, memory=LIMIT) as client:
        plan = job.plan(client=client, strategy="pencil")
        (found,) = job.run(tmp_path / "out.zarr", client=client, strategy="pencil").data_vars.values()
    expected = Pipeline.from_source("gaussian_field", size=SIZE, seed=3, **SPECTRUM).lazy().values
    error = float(np.abs(found.values - expected).max() / expected.std())
    record_property("error in standard deviations", error)
    record_property("projected bytes of a task", plan.max_projected_memory)
    assert plan.max_projected_memory < expected.nbytes * 2  # less than the field and its half spectrum
    assert error < 1e-5
