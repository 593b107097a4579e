"""Graphs and jobs by the thousands: overhead per region, size of ledger and graph, time to plan."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import pytest
import xarray as xr

from scatflow import apply, cluster
from scatflow.pipeline import Pipeline
from toys import Bands

pytestmark = [pytest.mark.scale, pytest.mark.usefixtures("toys")]
Record = Callable[[str, Any], None]


def job(items: int) -> Pipeline:
    return Pipeline({"process_graph": {
        "u": {"process_id": "toy_noise", "arguments": {"items": items, "size": 64}},
        "s": {"process_id": "toy_smooth", "arguments": {"data": {"from_node": "u"}, "dims": ["x"]}},
        "m": {"process_id": "toy_mean", "arguments": {"data": {"from_node": "s"}, "dims": ["x"], "over": ["item"]}},
        "r": {"process_id": "variable", "arguments": {"data": {"from_node": "m"}, "name": "mean"}, "result": True},
    }})  # fmt: skip


@pytest.mark.parametrize("blocks", [1_000, 10_000, 50_000])
def test_lazy_graphs_stay_small(blocks: int, record_property: Record) -> None:
    x = xr.DataArray(da.zeros((blocks, 256), chunks=(1, 256)), dims=("item", "x"))
    began = time.perf_counter()
    graph = apply(Bands(dims="x"), x).__dask_graph__()
    size = len(pickle.dumps(graph))
    record_property("measured_seconds", round(time.perf_counter() - began, 2))
    record_property("pickled_bytes", size)
    record_property("tasks", len(dict(graph)))
    assert size < 1000 * blocks


@pytest.mark.parametrize("items", [1_000, 10_000, 100_000])
def test_plans_of_many_regions(items: int, record_property: Record) -> None:
    began = time.perf_counter()
    plan = job(items).plan(region={"item": 1})
    text = str(plan)
    record_property("measured_seconds", round(time.perf_counter() - began, 2))
    assert plan.tasks == items + 1 and "plan" in text
    assert time.perf_counter() - began < 30


def test_a_job_of_ten_thousand_regions(tmp_path: Path, record_property: Record) -> None:
    """Regions of next to no work: what remains is the engine's own cost, on two workers."""
    with cluster.local(workers=2) as client:
        began = time.perf_counter()
        result = job(10_000).run(tmp_path / "out.zarr", client=client, region={"item": 1})
        seconds = time.perf_counter() - began
    record_property("milliseconds_per_region", round(1e3 * seconds / 10_000, 2))
    ledger = sum(file.stat().st_size for file in (tmp_path / "out.zarr" / "_scatflow" / "ledger").glob("*.json"))
    record_property("ledger_bytes_per_region", ledger // 10_000)
    (mean,) = result.data_vars.values()
    assert mean.sizes == {} and ledger < 400 * 10_000
