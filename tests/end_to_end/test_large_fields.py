"""Fields whose core dims do not fit a worker, on real workers: killed ones cost no byte, and all stay within the projection."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import scatflow as sf
from scatflow import cluster
from scatflow.errors import PlanError
from scatflow.plan.table import RESERVED_BYTES
from scatflow.store import Ledger


def job(path: Path, values: np.ndarray, chunk: int, process: str = "scattering", **arguments: Any) -> sf.Pipeline:
    """Write a field and return the pipeline that scatters it, or does something else."""
    xr.Dataset({"u": (("y", "x"), values)}).to_zarr(path, encoding={"u": {"chunks": (chunk, chunk)}}, consolidated=False)
    return sf.Pipeline({"process_graph": {
        "u": {"process_id": "open_zarr", "arguments": {"path": str(path), "variable": "u"}},
        "s": {"process_id": process, "arguments": {"data": {"from_node": "u"}, **arguments}, "result": True},
    }})  # fmt: skip


def test_a_killed_worker_costs_regions_and_no_byte(
    tmp_path: Path, rng: np.random.Generator, kill_worker: Callable[[Any], int]
) -> None:
    pipeline = job(tmp_path / "in.zarr", rng.standard_normal((320, 320)).astype("float32"), 64, J=6, L=3)
    options: Any = {"strategy": "pyramid", "region": {"y": 64, "x": 64}}
    alone = pipeline.run(tmp_path / "alone.zarr", **options).scattering.load()
    with cluster.local(workers=2) as client:
        waiting = [2, 60]  # in the first stage, and in a later one

        def kill(event: Any) -> None:
            if event["event"] == "region" and waiting and event["done"] >= waiting[0]:
                waiting.pop(0)
                kill_worker(client)

        found = pipeline.run(tmp_path / "out.zarr", client=client, progress=kill, verify=True, **options).scattering.load()
    assert not waiting
    np.testing.assert_array_equal(found, alone)


def test_a_killed_worker_costs_pencils_and_no_byte(
    tmp_path: Path, rng: np.random.Generator, kill_worker: Callable[[Any], int]
) -> None:
    pipeline = job(
        tmp_path / "in.zarr", rng.standard_normal((200, 160)).astype("float32"), 64, "wavelet", J=3, L=3, filters="tight"
    )
    options: Any = {"strategy": "pencil", "region": {"y": 32, "x": 16}}
    alone = pipeline.run(tmp_path / "alone.zarr", **options).wavelet.load()
    with cluster.local(workers=2) as client:
        waiting = [2, 12]  # in the first stage, and in a later one

        def kill(event: Any) -> None:
            if event["event"] == "region" and waiting and event["done"] >= waiting[0]:
                waiting.pop(0)
                kill_worker(client)

        found = pipeline.run(tmp_path / "out.zarr", client=client, progress=kill, verify=True, **options).wavelet.load()
    assert not waiting
    np.testing.assert_array_equal(found, alone)


def test_pencils_stay_within_the_projection(tmp_path: Path, rng: np.random.Generator) -> None:
    """Filters without decay on a field of which a worker holds a fraction: whole cores and parts are refused, lines fit."""
    values = rng.standard_normal((1024, 1024)).astype("float32")
    pipeline = job(tmp_path / "in.zarr", values, 256, "wavelet", J=4, L=6, filters="tight", boundary="periodic")
    with cluster.local(workers=1, memory="480 MiB") as client:
        with pytest.raises(PlanError, match='strategy="pencil"'):
            pipeline.plan(client=client)
        plan = pipeline.plan(client=client, strategy="pencil")
        pipeline.run(tmp_path / "out.zarr", client=client, strategy="pencil")
    ledger = Ledger(tmp_path / "out.zarr", plan.hash)
    ledger.load()
    peak = max(receipt.peak for receipt in ledger.receipts.values())
    assert peak <= RESERVED_BYTES + plan.max_projected_memory <= 480 * 2**20


def test_workers_stay_within_the_projection(tmp_path: Path, rng: np.random.Generator) -> None:
    """Under a limit that whole cores exceed: every worker's largest resident size against what the plan projects."""
    pipeline = job(tmp_path / "in.zarr", rng.standard_normal((1536, 1536)).astype("float32"), 256, J=6, L=8)
    with cluster.local(workers=1, memory="620 MiB") as client:
        plan = pipeline.plan(client=client)
        assert len(plan.stages) > 1
        pipeline.run(tmp_path / "out.zarr", client=client)
    ledger = Ledger(tmp_path / "out.zarr", plan.hash)
    ledger.load()
    peak = max(receipt.peak for receipt in ledger.receipts.values())
    assert peak <= RESERVED_BYTES + plan.max_projected_memory <= 620 * 2**20
