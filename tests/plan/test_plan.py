"""What a plan chooses and what it refuses: regions, chunks, memory, tasks; nothing is read for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr
from hypothesis import given
from hypothesis import strategies as st

from scatflow.errors import ChunkError, ParameterError, PlanError
from scatflow.pipeline import Pipeline
from scatflow.plan.regions import CHUNK_BYTES, Regions
from scatflow.plan.table import MANY_FILES
from scatflow.registry import Registry, using
from scatflow.store import prepare, write


@pytest.fixture(autouse=True)
def toys() -> Iterator[Registry]:
    with using(Registry([EntryPoint("toys", "toy_plugin", "scatflow")])) as book:
        yield book


def stored(path: Path, shape: tuple[int, int], chunk: int, labelled: bool = True) -> str:
    """Make a store with labels and chunks, and no data in it."""
    coords = {"x": np.arange(shape[1]) * 0.5} if labelled else {}
    empty = xr.Dataset({"u": (("item", "x"), np.empty((0, shape[1]), "float32"))}, coords=coords)
    empty.to_zarr(path, encoding={"u": {"chunks": (chunk, shape[1])}}, consolidated=False)
    zarr.open_array(path / "u", mode="r+").resize(shape)
    return str(path)


def smoothed(path: str, process_id: str = "toy_smooth", **arguments: Any) -> Pipeline:
    return Pipeline({"process_graph": {
        "u": {"process_id": "open_zarr", "arguments": {"path": path, "variable": "u"}},
        "s": {"process_id": process_id, "arguments": {"data": {"from_node": "u"}, "dims": ["x"], **arguments}, "result": True},
    }})  # fmt: skip


def test_a_giant_input_chunk_is_refused_with_the_call_that_rechunks(tmp_path: Path) -> None:
    job = smoothed(stored(tmp_path / "in.zarr", (100_000, 4096), 100_000))
    with pytest.raises(PlanError, match="does not fit memory") as caught:
        job.plan(memory="1 GiB")
    message = str(caught.value)
    assert "1.5" in message or "GiB projected" in message
    remedy = message[message.index('.chunk({"item": ') + len('.chunk({"item": ') :]
    length = int(remedy[: remedy.index("}")])
    mended = smoothed(stored(tmp_path / "mended.zarr", (100_000, 4096), length)).plan(memory="1 GiB")
    assert mended.max_projected_memory <= 2**30


@pytest.mark.parametrize(("asked", "step"), [(1, 6), (6, 6), (7, 12), (1000, 50)])
def test_regions_are_multiples_of_input_chunks(tmp_path: Path, asked: int, step: int) -> None:
    plan = smoothed(stored(tmp_path / "in.zarr", (50, 64), 6)).plan(region={"item": asked})
    (stage,) = plan.stages
    assert min(dict(stage.regions.steps)["item"], 50) == step
    for target in stage.targets:
        assert target.chunks[0] == step


def test_too_many_tasks_are_refused(tmp_path: Path) -> None:
    path = stored(tmp_path / "in.zarr", (250_000, 4), 1)
    with pytest.raises(PlanError, match="too many tasks") as caught:
        smoothed(path).plan(region={"item": 1})
    assert "region=" in str(caught.value)
    assert smoothed(path).plan().tasks < 1000  # crumbs are merged unless regions are asked for


def test_many_files_are_pointed_out(tmp_path: Path) -> None:
    plan = smoothed(stored(tmp_path / "in.zarr", (MANY_FILES, 4), 1)).plan(region={"item": 1})
    assert any("files: larger regions" in line for line in plan.notes())


def test_large_outputs_are_stored_in_several_chunks(tmp_path: Path) -> None:
    path = stored(tmp_path / "in.zarr", (4, 3 * CHUNK_BYTES // 4), 1, labelled=False)
    (target,) = smoothed(path, process_id="toy_flip").plan(memory="16 GiB").stages[0].targets
    assert np.prod(target.chunks) * 4 <= CHUNK_BYTES and target.chunks[0] == 1


def test_memory_is_a_number_of_bytes() -> None:
    job = Pipeline.from_source("toy_noise", items=4)
    assert job.plan(memory="2 GiB").limits.memory == 2 * 2**30 == job.plan(memory=2 * 2**30).limits.memory
    for wrong in ("lots", "4 parsecs", ""):
        with pytest.raises(ParameterError, match="number of bytes"):
            job.plan(memory=wrong)


def test_too_little_memory_for_a_worker_is_said_as_such() -> None:
    with pytest.raises(PlanError, match="more memory per worker than it holds after its imports"):
        Pipeline.from_source("toy_noise", items=4).plan(memory="100 MiB")


def test_a_write_off_the_chunk_grid_is_refused(tmp_path: Path) -> None:
    plan = Pipeline.from_source("toy_noise", items=12, size=8).plan(region={"item": 4})
    prepare(tmp_path / "out.zarr", plan, {}, resume=False, overwrite=False)
    (target,) = plan.stages[0].targets
    block = np.zeros((4, 8), target.spec.dtype)
    with pytest.raises(ChunkError, match="does not lie on the chunk grid of 'item'"):
        write(tmp_path / "out.zarr", target, {"item": (2, 6)}, block)
    with pytest.raises(ChunkError, match="something else than declared"):
        write(tmp_path / "out.zarr", target, {"item": (0, 4)}, block[:3])
    with pytest.raises(ChunkError, match="something else than declared"):
        write(tmp_path / "out.zarr", target, {"item": (0, 4)}, block.astype("float16"))
    write(tmp_path / "out.zarr", target, {"item": (8, 12)}, block)


@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=3),
    steps=st.lists(st.integers(1, 5), min_size=3, max_size=3),
    box=st.lists(st.tuples(st.integers(0, 8), st.integers(1, 9)), min_size=3, max_size=3),
)
def test_regions_tile_and_find_themselves(sizes: list[int], steps: list[int], box: list[tuple[int, int]]) -> None:
    names = "abc"[: len(sizes)]
    regions = Regions(tuple(zip(names, sizes, strict=True)), tuple(zip(names, steps, strict=False)))
    found = list(regions)
    assert len(found) == len(regions)
    assert found == [regions.box(number) for number in range(len(regions))]
    count = np.zeros(sizes, int)
    for part in found:
        count[tuple(slice(*part[name]) for name in names)] += 1
    assert (count == 1).all()
    wanted = {n: (min(a, size - 1), min(max(a + 1, b), size)) for n, (a, b), size in zip(names, box, sizes, strict=False)}
    touching = [n for n, p in enumerate(found) if all(p[d][0] < stop and start < p[d][1] for d, (start, stop) in wanted.items())]
    assert list(regions.covering(wanted)) == touching


def test_the_hash_is_of_what_the_bytes_depend_on(tmp_path: Path) -> None:
    job = smoothed(stored(tmp_path / "in.zarr", (40, 64), 2))
    one = job.plan()
    assert one.hash == job.plan(workers=8).hash == job.plan(memory="16 GiB").hash
    assert one.hash != job.plan(region={"item": 40}).hash
    assert one.hash != smoothed(str(tmp_path / "in.zarr"), radius=3).plan().hash
    assert one.hash != replace(one, fingerprints={"u": "other"}).hash


def test_region_lengths_that_would_be_ignored_are_refused() -> None:
    job = Pipeline({"process_graph": {
        "u": {"process_id": "toy_noise", "arguments": {"items": 4, "size": 64}},
        "s": {"process_id": "toy_flip", "arguments": {"data": {"from_node": "u"}, "dims": ["x"]}, "result": True},
    }})  # fmt: skip
    assert job.plan(region={"item": 2}).tasks == 2
    for region, words in (({"x": 8}, "region 'x': this dim is not split"), ({"itme": 2}, "Did you mean 'item'")):
        with pytest.raises(ParameterError, match=words):
            job.plan(region=region)
