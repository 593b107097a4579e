"""What is written: no crumbs, whole chunks by one task each, a clear refusal before anything is half done."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from scatflow import cluster
from scatflow.errors import ChunkError, StoreError
from scatflow.pipeline import Pipeline
from scatflow.plan import Plan
from scatflow.plan.regions import CRUMB_BYTES, ENOUGH_REGIONS, Regions, merged
from scatflow.run import run, task
from scatflow.store import Ledger, state

BLOCKS: dict[str, Any] = {"region": {"y": 8, "x": 8}, "strategy": "halo"}


def stored(path: Path, values: np.ndarray, chunks: tuple[int, ...]) -> None:
    dims = ("item", "y", "x")[3 - values.ndim :]
    xr.Dataset({"u": (dims, values)}).to_zarr(path, encoding={"u": {"chunks": chunks}}, consolidated=False, mode="w")


def smoothed(path: Path, *steps: dict[str, Any]) -> Pipeline:
    """Return windows one after the other over a store."""
    graph: dict[str, Any] = {"u": {"process_id": "open_zarr", "arguments": {"path": str(path), "variable": "u"}}}
    for n, arguments in enumerate(steps):
        data = {"from_node": f"s{n - 1}" if n else "u"}
        graph[f"s{n}"] = {"process_id": "toy_smooth", "arguments": {"data": data, "dims": ["y", "x"], **arguments}}
    graph[f"s{len(steps) - 1}"]["result"] = True
    return Pipeline({"process_graph": graph})


def values_of(found: xr.Dataset) -> np.ndarray:
    (name,) = found.data_vars
    return np.asarray(found[name].values)


@pytest.fixture
def crumbs(toys: None, tmp_path: Path, rng: np.random.Generator) -> Pipeline:
    """A field of 169 blocks of 8 x 8 of which each gives 2 x 2 samples; neither size is a multiple of anything."""
    stored(tmp_path / "in.zarr", rng.standard_normal((101, 99)).astype("float32"), (16, 16))
    return smoothed(tmp_path / "in.zarr", {"radius": 3, "stride": 4})


def single_blocks(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """Return the plan with a region for every block."""
    with monkeypatch.context() as patch:
        patch.setattr("scatflow.plan.strategy.merged", lambda regions, *rest: regions)
        return pipeline.plan(**BLOCKS)


def test_blocks_share_a_chunk_and_have_the_bytes_of_blocks_alone(
    crumbs: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, alone = crumbs.plan(**BLOCKS), single_blocks(crumbs, monkeypatch)
    (stage,) = plan.stages
    assert len(alone.stages[0].regions) == 13 * 13 and len(stage.regions) == 7 * 13 and stage.regions.parts
    assert "in blocks of y=8 x=8" in str(plan) and "92 files of results" in str(plan)
    assert plan.hash != alone.hash
    run(alone, tmp_path / "alone.zarr", {})
    found = crumbs.run(tmp_path / "out.zarr", verify=True, **BLOCKS)
    wanted = xr.open_zarr(tmp_path / "alone.zarr")
    np.testing.assert_array_equal(values_of(found), values_of(wanted))
    plain = zarr.open_group(tmp_path / "out.zarr", mode="r")
    np.testing.assert_array_equal(next(array for _, array in plain.arrays() if array.ndim == 2)[:], values_of(wanted))


def test_memory_is_that_of_one_block(crumbs: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside it lies what the region writes, and no more; work and bytes read are those of all blocks."""
    many, one = crumbs.plan(**BLOCKS).stages[0].projection, single_blocks(crumbs, monkeypatch).stages[0].projection
    assert many.peak == one.peak + many.written and many.written == 2 * one.written
    assert (many.flops, many.read) == (2 * one.flops, 2 * one.read)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stopped_job_of_several_blocks_goes_on_whatever_memory_there_is(crumbs: Pipeline, tmp_path: Path, workers: int) -> None:
    whole = crumbs.run(tmp_path / "whole.zarr", **BLOCKS)
    seen = 0

    def stop(event: Any) -> None:
        nonlocal seen
        seen += event["event"] == "region"
        if seen == 11:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        crumbs.run(tmp_path / "out.zarr", progress=stop, memory="8 GiB", **BLOCKS)
    if workers:
        with cluster.local(workers=workers) as client:
            resumed = crumbs.run(tmp_path / "out.zarr", resume=True, verify=True, client=client, memory="1 GiB").load()
    else:
        resumed = crumbs.run(tmp_path / "out.zarr", resume=True, verify=True, memory="1 GiB")
    np.testing.assert_array_equal(values_of(resumed), values_of(whole))
    assert resumed.attrs["scatflow_state"] == "complete"


def test_an_update_keeps_regions_of_several_blocks(toys: None, tmp_path: Path, rng: np.random.Generator) -> None:
    values = rng.standard_normal((3, 100, 100)).astype("float32")
    stored(tmp_path / "in.zarr", values[:2], (1, 16, 16))
    one = smoothed(tmp_path / "in.zarr", {"radius": 3, "stride": 4})
    one.run(tmp_path / "out.zarr", **BLOCKS)
    done = len(one.plan(**BLOCKS).stages[0].regions)
    xr.Dataset({"u": (("item", "y", "x"), values[2:])}).to_zarr(tmp_path / "in.zarr", append_dim="item", consolidated=False)
    events: list[Any] = []
    grown = one.run(tmp_path / "out.zarr", update=True, progress=events.append)
    regions = [event for event in events if event["event"] == "region"]
    assert len(regions) == done // 2 and events[-1]["total"] == done + done // 2  # the new item alone
    whole = one.run(tmp_path / "whole.zarr", strategy="batch")
    np.testing.assert_allclose(values_of(grown), values_of(whole), atol=1e-6)


def test_an_update_computes_what_any_block_of_a_region_reads(toys: None, tmp_path: Path, rng: np.random.Generator) -> None:
    """A receipt's fingerprint is of all that the blocks read: a chunk that only one of them sees counts."""
    values = rng.standard_normal((2, 100, 100)).astype("float32")
    stored(tmp_path / "in.zarr", values, (1, 16, 16))
    one = smoothed(tmp_path / "in.zarr", {"radius": 3, "stride": 4})
    one.run(tmp_path / "out.zarr", **BLOCKS)
    changed = zarr.open_array(tmp_path / "in.zarr" / "u", mode="r+")
    changed[0, 48:64, 48:64] = 7.0
    found = one.run(tmp_path / "out.zarr", update=True)
    np.testing.assert_allclose(values_of(found), values_of(one.run(tmp_path / "whole.zarr", strategy="batch")), atol=1e-6)


@given(
    sizes=st.tuples(st.integers(1, 120), st.integers(1, 120), st.integers(1, 3)),
    steps=st.tuples(st.integers(1, 30), st.integers(1, 30), st.integers(1, 2)), bytes_each=st.sampled_from([1, 300, 20_000, 2**20]),
)  # fmt: skip
@settings(deadline=None)
def test_merged_regions_are_whole_blocks_and_enough(sizes: tuple[int, ...], steps: tuple[int, ...], bytes_each: int) -> None:
    before = Regions(tuple(zip("yxi", sizes, strict=True)), tuple(zip("yxi", steps, strict=True)))

    def written(box: Any) -> int:
        return int(bytes_each * np.prod([stop - start for start, stop in box.values()]))

    found = merged(before, "yx", "i", written)
    blocks = [block for region in found for block in found.blocks(region)]
    assert sorted(map(repr, blocks)) == sorted(map(repr, before))
    if found != before:
        assert len(found) >= ENOUGH_REGIONS and written(before.box(0)) < CRUMB_BYTES
        assert written(found.box(0)) < 4 * CRUMB_BYTES


# Whole chunks, one task each


def plan_of(size: int = 12) -> Plan:
    return Pipeline.from_source("toy_noise", items=size, size=8).plan(region={"item": 4})


def test_a_plan_off_the_chunk_grid_writes_nothing(toys: None, tmp_path: Path) -> None:
    plan = plan_of()
    (stage,) = plan.stages
    bad = replace(plan, stages=(replace(stage, regions=Regions((("item", 12),), (("item", 3),))),))
    with pytest.raises(ChunkError, match=r"no whole chunks.*multiples of 4 from 0; got \(0, 3\)") as caught:
        run(bad, tmp_path / "out.zarr", {})
    assert caught.value.code == "WriteOffGrid" and not list(tmp_path.iterdir())


def test_two_tasks_on_one_chunk_write_nothing(toys: None, tmp_path: Path) -> None:
    plan = plan_of()
    (stage,) = plan.stages
    (target,) = stage.targets
    coarse = replace(plan, stages=(replace(stage, targets=(replace(target, chunks=(8, 8)),)),))
    with pytest.raises(ChunkError, match="no whole chunks"):
        run(coarse, tmp_path / "out.zarr", {})
    flat = replace(target, spec=target.spec.without("item"), chunks=(8,))
    with pytest.raises(ChunkError, match="several tasks would write all of it") as caught:
        run(replace(plan, stages=(replace(stage, targets=(flat,)),)), tmp_path / "out.zarr", {})
    assert caught.value.code == "WriteTwice"
    with pytest.raises(ChunkError, match="two results would be written there"):
        run(replace(plan, stages=(replace(stage, targets=(target, target)),)), tmp_path / "out.zarr", {})
    short = replace(stage, regions=Regions((("item", 8),), (("item", 4),)))
    with pytest.raises(ChunkError, match="no region writes the end of 'item'"):
        run(replace(plan, stages=(short,)), tmp_path / "out.zarr", {})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "change", [{"chunks": (8, 8)}, {"chunks": (2, 8), "shards": (8, 8)}, {"dtype": "float64"}, {"shape": (16, 8)}]
)
def test_a_store_that_was_made_anew_by_others_is_not_continued(toys: None, tmp_path: Path, change: dict[str, Any]) -> None:
    plan, out = plan_of(), tmp_path / "out.zarr"

    def stop(event: Any) -> None:
        if event["event"] == "region":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(plan, out, {}, progress=stop)
    (target,) = plan.stages[0].targets
    shutil.rmtree(out / target.path)
    stored_as = {"shape": (12, 8), "chunks": (4, 8), "dtype": "float32", "dimension_names": ("item", "x"), **change}
    zarr.create_array(out / target.path, **stored_as)
    with pytest.raises(StoreError, match="is not stored as its plan says"):
        run(plan, out, {}, resume=True)
    if "dtype" not in change:  # a store that is swapped while the job runs: every task looks again
        reason = "another shape" if "shape" in change else "chunk grid of 'item'"
        with pytest.raises(ChunkError, match=reason):
            task.run_region(str(out), plan.stages[0].lean(), 1, "scipy", "cpu")
    shutil.rmtree(out / target.path)
    with pytest.raises(StoreError, match="cannot be opened"):
        run(plan, out, {}, resume=True)


def test_shards_of_a_region_are_whole(toys: None, tmp_path: Path) -> None:
    """A shard counts as one chunk does: a region that is one shard may be written, though its inner chunks are smaller."""
    plan, out = plan_of(), tmp_path / "out.zarr"
    run(plan, out, {})
    (target,) = plan.stages[0].targets
    shutil.rmtree(out / target.path)
    zarr.create_array(
        out / target.path, shape=(12, 8), chunks=(1, 8), shards=(4, 8), dtype="float32", dimension_names=("item", "x")
    )
    receipt = task.run_region(str(out), plan.stages[0].lean(), 2, "scipy", "cpu")
    ledger = Ledger(out, plan.hash)
    ledger.load()
    assert receipt.crc == ledger.receipts[receipt.key].crc


# Places that cannot be written


@pytest.fixture
def another_user(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that everybody can reach; whoever may write everywhere becomes somebody else for the test."""
    folder = Path(tempfile.mkdtemp(prefix="scatflow-readonly-", dir="/tmp"))
    folder.chmod(0o755)
    monkeypatch.setenv("SCATFLOW_CACHE", str(folder / "cache"))
    try:
        yield folder
    finally:
        if os.getuid() == 0:
            os.seteuid(0)
        for place in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
            place.chmod(0o755)
        shutil.rmtree(folder)


def read_only(folder: Path) -> None:
    for place in (folder, *folder.rglob("*")):
        place.chmod(0o555 if place.is_dir() else 0o444)
    if os.getuid() == 0:
        os.seteuid(65534)


def test_an_input_that_cannot_be_written_is_read(toys: None, another_user: Path, rng: np.random.Generator) -> None:
    (another_user / "out").mkdir(mode=0o777)
    (another_user / "out").chmod(0o777)
    (another_user / "data").mkdir()
    stored(another_user / "data" / "in.zarr", rng.standard_normal((40, 40)), (7, 40))
    one = smoothed(another_user / "data" / "in.zarr", {"radius": 3})
    one.run(another_user / "first.zarr")  # imports what a job needs
    read_only(another_user / "data")
    assert one.run(another_user / "out" / "out.zarr", **BLOCKS).attrs["scatflow_state"] == "complete"


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_place_that_cannot_be_written_is_refused_before_any_work(
    toys: None, another_user: Path, monkeypatch: pytest.MonkeyPatch, overwrite: bool
) -> None:
    one = Pipeline.from_source("toy_noise", items=4)
    one.run(another_user / "old.zarr")
    before = {path: path.stat().st_mtime_ns for path in another_user.rglob("*")}
    read_only(another_user)
    computed: list[Any] = []
    monkeypatch.setattr(task.blocks, "evaluate_stage", lambda *arguments: computed.append(arguments))
    with pytest.raises(StoreError, match=r"cannot be written.*Permission denied") as caught:
        one.run(another_user / ("old.zarr" if overwrite else "new.zarr"), overwrite=overwrite)
    assert caught.value.code == "StoreUnwritable" and not computed
    assert {path: path.stat().st_mtime_ns for path in another_user.rglob("*")} == before


def test_a_store_that_became_read_only_is_not_continued(toys: None, another_user: Path) -> None:
    plan = plan_of()

    def stop(event: Any) -> None:
        if event["event"] == "region":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(plan, another_user / "out.zarr", {}, progress=stop)
    read_only(another_user)
    with pytest.raises(StoreError, match="cannot be written"):
        run(plan, another_user / "out.zarr", {}, resume=True)
    assert state(another_user / "out.zarr")["state"] == "canceled"


def test_a_file_in_the_way_is_said_as_such(toys: None, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    one = Pipeline.from_source("toy_noise", items=4)
    with pytest.raises(StoreError, match="not a zarr group"):
        one.run(tmp_path / "file", overwrite=True)
    with pytest.raises(StoreError, match="cannot be written"):
        one.run(tmp_path / "file" / "out.zarr")
    assert (tmp_path / "file").read_text() == "mine" and len(list(tmp_path.iterdir())) == 1
