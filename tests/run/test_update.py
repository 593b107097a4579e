"""Results brought up to an input that has grown: the bytes of a fresh run, at the cost of the new regions alone."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import hats
from scatflow.errors import StoreError
from scatflow.graph import parse_provenance
from scatflow.graph.drift import Drift
from scatflow.pipeline import Pipeline
from scatflow.run import job, open_result
from scatflow.store import state

pytestmark = pytest.mark.usefixtures("toys")

#: smooth (map, work array) -> mean over items (reduce, result) -> quotient (map, result); and the mean of every item.
GRAPH: dict[str, Any] = {
    "u": {"process_id": "open_zarr", "arguments": {"path": {"from_parameter": "input"}, "variable": "u"}},
    "s": {"process_id": "toy_smooth", "arguments": {"data": {"from_node": "u"}, "dims": ["x"], "radius": 5}},
    "m": {"process_id": "toy_mean", "arguments": {"data": {"from_node": "s"}, "dims": ["x"], "over": ["item"]}},
    "pooled": {"process_id": "variable", "arguments": {"data": {"from_node": "m"}, "name": "mean"}},
    "each": {"process_id": "toy_mean", "arguments": {"data": {"from_node": "s"}, "dims": ["x"]}},
    "one": {"process_id": "variable", "arguments": {"data": {"from_node": "each"}, "name": "mean"}},
    "n": {"process_id": "toy_divide", "arguments": {"x": {"from_node": "s"}, "y": {"from_node": "pooled"}}},
}
REGION = {"item": 2}


def document(**results: str) -> dict[str, Any]:
    bundle = {"process_id": "dataset", "arguments": {"variables": {k: {"from_node": v} for k, v in results.items()}}}
    return {
        "parameters": [{"name": "input", "schema": {"type": "string"}}],
        "process_graph": {**GRAPH, "result": {**bundle, "result": True}},
    }


SMOOTHED = document(smoothed="s")
STATISTICS = document(pooled="pooled", one="one")
QUOTIENT = document(quotient="n")


def values(items: int) -> xr.Dataset:
    data = np.random.default_rng(3).standard_normal((40, 64)).astype("float32")[:items]
    return xr.Dataset({"u": (("item", "x"), data)}, coords={"item": np.arange(items) * 2.0, "x": np.arange(64) * 0.5})


def store(path: Path, items: int) -> Path:
    values(items).to_zarr(path, encoding={"u": {"chunks": (2, 64)}}, consolidated=False)
    return path


def grow(path: Path, items: int) -> None:
    there = xr.open_zarr(path, consolidated=False).sizes["item"]
    values(items).isel(item=slice(there, None)).to_zarr(path, append_dim="item", consolidated=False)


def chunks_of(root: Path) -> dict[str, bytes]:
    files = (path for path in root.rglob("*") if path.is_file() and path.name != "zarr.json")
    return {str(p.relative_to(root)): p.read_bytes() for p in files if "_scatflow" not in p.relative_to(root).parts}


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Every region that is computed, as (stage, number)."""
    found: list[tuple[str, int]] = []
    run_region, run_final = job.run_region, job.run_final

    def region(root: Any, stage: Any, number: int, *rest: Any) -> Any:
        found.append((stage.name, number))
        return run_region(root, stage, number, *rest)

    def final(root: Any, stage: Any, number: int, *rest: Any) -> Any:
        found.append((f"{stage.name} final", number))
        return run_final(root, stage, number, *rest)

    monkeypatch.setattr(job, "run_region", region)
    monkeypatch.setattr(job, "run_final", final)
    return found


def fresh(definition: dict[str, Any], source: Path, out: Path) -> dict[str, bytes]:
    Pipeline(definition, input=str(source)).run(out, region=REGION)
    return chunks_of(out)


@pytest.mark.parametrize(("definition", "expected"), [
    (SMOOTHED, {"s": 3}),
    # The work array s of old items is gone, and nobody needs it: their partial states were kept.
    (STATISTICS, {"s": 3, "m": 3, "m final": 1, "each": 3, "each final": 3}),
    # Every quotient changes with the mean, so s is needed again, but the partial states are not.
    (QUOTIENT, {"s": 8, "m": 3, "m final": 1, "n": 8}),
], ids=["map", "reductions", "quotient"])  # fmt: skip
def test_only_what_is_new_is_computed(
    tmp_path: Path, computed: list[tuple[str, int]], definition: dict[str, Any], expected: dict[str, int]
) -> None:
    source, out = store(tmp_path / "in.zarr", 10), tmp_path / "out.zarr"
    job_ = Pipeline(definition, input=str(source))
    job_.run(out, region=REGION)
    grow(source, 16)
    computed.clear()
    result = job_.run(out, update=True, verify=True)
    assert {name: sum(stage == name for stage, _ in computed) for name in dict(computed)} == expected
    assert result.attrs["scatflow_state"] == "complete" and not (tmp_path / "out.zarr.update").exists()
    if "item" in result.coords:
        assert result.sizes["item"] == 16 and float(result.item[-1]) == 30
    assert chunks_of(out) == fresh(definition, source, tmp_path / "fresh.zarr")


def test_a_chunk_that_was_half_full_is_computed_again(tmp_path: Path, computed: list[tuple[str, int]]) -> None:
    source, out = store(tmp_path / "in.zarr", 9), tmp_path / "out.zarr"
    job_ = Pipeline(SMOOTHED, input=str(source))
    job_.run(out, region=REGION)
    grow(source, 12)
    computed.clear()
    job_.run(out, update=True)
    assert [number for _, number in computed] == [4, 5]
    assert chunks_of(out) == fresh(SMOOTHED, source, tmp_path / "fresh.zarr")


def test_a_chunk_that_was_rewritten_is_computed_again(tmp_path: Path, computed: list[tuple[str, int]]) -> None:
    source, out = store(tmp_path / "in.zarr", 10), tmp_path / "out.zarr"
    job_ = Pipeline(STATISTICS, input=str(source))
    job_.run(out, region=REGION)
    changed = values(10).isel(item=slice(4, 6)) * 2
    changed.drop_vars("x").to_zarr(source, region={"item": slice(4, 6)}, consolidated=False)
    grow(source, 12)
    computed.clear()
    job_.run(out, update=True)
    assert sorted(number for stage, number in computed if stage == "m") == [2, 5]
    assert chunks_of(out) == fresh(STATISTICS, source, tmp_path / "fresh.zarr")


def test_an_update_that_is_killed_goes_on(tmp_path: Path, computed: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch) -> None:
    source, out = store(tmp_path / "in.zarr", 10), tmp_path / "out.zarr"
    job_ = Pipeline(SMOOTHED, input=str(source))
    job_.run(out, region=REGION)
    before = chunks_of(out)
    grow(source, 20)

    def stop(event: Any) -> None:
        if event["event"] == "region" and event["done"] == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job_.run(out, update=True, progress=stop)
    assert chunks_of(out) == before and open_result(out).sizes["item"] == 10
    computed.clear()
    job_.run(out, update=True)
    assert len(computed) == 3
    assert chunks_of(out) == fresh(SMOOTHED, source, tmp_path / "fresh.zarr")


def test_a_swap_that_is_killed_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, out = store(tmp_path / "in.zarr", 4), tmp_path / "out.zarr"
    job_ = Pipeline(SMOOTHED, input=str(source))
    job_.run(out, region=REGION)
    grow(source, 8)
    rename: Callable[..., Any] = Path.rename

    def broken(self: Path, target: Any) -> Any:
        if self.name == "out.zarr.update":
            raise OSError("power failure")
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", broken)
        with pytest.raises(OSError, match="power"):
            job_.run(out, update=True)
    assert not out.exists()
    assert job_.run(out, update=True).sizes["item"] == 8
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith("out")) == ["out.zarr"]


def test_nothing_new_is_nothing_to_do(tmp_path: Path, computed: list[tuple[str, int]]) -> None:
    source, out = store(tmp_path / "in.zarr", 6), tmp_path / "out.zarr"
    job_ = Pipeline(SMOOTHED, input=str(source))
    job_.run(out, region=REGION, update=True)
    computed.clear()
    job_.run(out, update=True)
    assert computed == []


def test_what_is_no_growth_is_refused(tmp_path: Path) -> None:
    source, out = store(tmp_path / "in.zarr", 10), tmp_path / "out.zarr"
    Pipeline(SMOOTHED, input=str(source)).run(out, region=REGION)
    kept = chunks_of(out)
    with pytest.raises(StoreError, match="the pipeline or its parameters differ"):
        Pipeline(STATISTICS, input=str(source)).run(out, update=True)
    shutil.rmtree(source)
    store(source, 6)
    with pytest.raises(StoreError, match="not just grown"):
        Pipeline(SMOOTHED, input=str(source)).run(out, update=True)
    shutil.rmtree(source)
    longer = xr.concat([values(10), values(10).assign_coords(x=np.arange(64, 128) * 0.5)], "x")
    longer.to_zarr(source, encoding={"u": {"chunks": (2, 128)}}, consolidated=False)
    with pytest.raises(StoreError, match="nothing of it is still right"):
        Pipeline(SMOOTHED, input=str(source)).run(out, update=True)
    assert chunks_of(out) == kept and state(out)["state"] == "complete"
    plan = out / "_scatflow" / "plan.json"
    plan.write_text(json.dumps({**json.loads(plan.read_text()), "schema": 99}))
    with pytest.raises(StoreError, match="newer scatflow"):
        Pipeline(SMOOTHED, input=str(source)).run(out, update=True)


def test_disks_without_links_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, out = store(tmp_path / "in.zarr", 6), tmp_path / "out.zarr"
    Pipeline(STATISTICS, input=str(source)).run(out, region=REGION)
    grow(source, 8)

    real = os.link

    def refused(old: Any, new: Any) -> None:
        if out in Path(old).parents:
            raise OSError("no links here")
        real(old, new)  # zarr's own, within one folder

    monkeypatch.setattr(os, "link", refused)
    Pipeline(STATISTICS, input=str(source)).run(out, update=True, verify=True)
    monkeypatch.undo()
    assert chunks_of(out) == fresh(STATISTICS, source, tmp_path / "fresh.zarr")


def test_drift_stays_in_the_record_of_what_was_taken_over(tmp_path: Path) -> None:
    def drifted(version: dict[str, int]) -> dict[str, Any]:
        hat = {"process_id": "hat", "arguments": {"data": {"from_node": "u"}}, "result": True}
        source = {"process_id": "open_zarr", "arguments": {"path": str(tmp_path / "in.zarr"), "variable": "u"}}
        return {"process_graph": {"u": source, "h": {**hat, **version}}}

    store(tmp_path / "in.zarr", 4)
    with hats.release(hats.NEW):
        Pipeline(drifted({"version": 1}), allow_drift=True).run(tmp_path / "out.zarr", region=REGION)
        for items in (6, 8):
            grow(tmp_path / "in.zarr", items)
            result = Pipeline(drifted({})).run(tmp_path / "out.zarr", region=REGION, update=True)
            assert parse_provenance(result.attrs).drift == (Drift("acme:hat", 1, 2),)
        assert result.sizes["item"] == 8
