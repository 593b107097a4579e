"""Regions on a device, which here is the host under another name: one computes at a time, while others read."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import scatflow as sf
from scatflow import blocks
from scatflow.run import task
from scatflow.store import prepare
from scatflow.store.source import ZarrSource


def test_a_region_is_read_while_another_computes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    values = xr.Dataset({"u": (("item", "y", "x"), rng.standard_normal((2, 32, 32)))})
    values.to_zarr(tmp_path / "in.zarr", encoding={"u": {"chunks": (1, 32, 32)}}, consolidated=False)
    job = sf.Pipeline({"process_graph": {
        "u": {"process_id": "open_zarr", "arguments": {"path": str(tmp_path / "in.zarr"), "variable": "u"}},
        "s": {"process_id": "scattering", "arguments": {"data": {"from_node": "u"}, "dims": ["y", "x"], "J": 2, "L": 2}, "result": True},
    }})  # fmt: skip
    plan = job.plan(region={"item": 1})
    (stage,) = plan.stages
    expected = job.run(tmp_path / "expected.zarr", region={"item": 1}).scattering.load()
    prepare(tmp_path / "out.zarr", plan, {}, resume=False, overwrite=False)

    reads, computing, read_again = [], threading.Event(), threading.Event()
    read, evaluate_stage = ZarrSource.read, blocks.evaluate_stage

    def noted_read(self: Any, *arguments: Any) -> Any:
        reads.append(computing.is_set())
        if len(reads) == 2:
            read_again.set()
        return read(self, *arguments)

    def slow(*arguments: Any) -> Any:
        assert not computing.is_set(), "two regions compute at once"
        computing.set()
        assert read_again.wait(30), "nothing is read while a region computes"
        try:
            return evaluate_stage(*arguments)
        finally:
            computing.clear()

    monkeypatch.setattr(ZarrSource, "read", noted_read)
    monkeypatch.setattr(blocks, "evaluate_stage", slow)
    monkeypatch.setattr(task, "to_device", lambda block, device: block)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda number: task.run_region(str(tmp_path / "out.zarr"), stage, number, "scipy", "gpu"), range(2)))
    assert len(reads) == 2
    np.testing.assert_array_equal(xr.open_zarr(tmp_path / "out.zarr", consolidated=False).scattering, expected)
