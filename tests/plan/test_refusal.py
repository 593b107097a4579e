"""What does not fit is refused with bytes, limit and three remedies, each of which is tried here and works."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import zarr

from scatflow.errors import PlanError
from scatflow.pipeline import Pipeline
from scatflow.plan import bytes_of
from scatflow.registry import Registry, using


@pytest.fixture(autouse=True)
def toys() -> Iterator[Registry]:
    with using(Registry([EntryPoint("toys", "toy_plugin", "scatflow")])) as book:
        yield book


def job(path: Path, process: str, shape: tuple[int, ...], chunk: int, **arguments: Any) -> Pipeline:
    """Return an operator over a store that has labels and chunks, and no data in it."""
    dims = ("y", "x")[-len(shape) :]
    if not path.exists():
        zarr.create_group(path)
        zarr.create_array(path / "u", shape=shape, chunks=(chunk,) * len(shape), dtype="float32", dimension_names=dims)
    return Pipeline({"process_graph": {
        "u": {"process_id": "open_zarr", "arguments": {"path": str(path)}},
        "s": {"process_id": process, "arguments": {"data": {"from_node": "u"}, "dims": list(dims), **arguments}, "result": True},
    }})  # fmt: skip


def refused(pipeline: Pipeline, **options: Any) -> tuple[PlanError, list[str]]:
    """Return the error of a plan, and its remedies."""
    with pytest.raises(
        PlanError, match=r"does not fit memory; expected at most \S+ [KMG]iB.*; got \S+ [KMG]iB projected for"
    ) as caught:
        pipeline.plan(**options)
    assert caught.value.code == "TaskTooLarge"
    found = re.search(r"Remedies: (.*?)\.( [A-Z]|$)", str(caught.value))
    assert found is not None
    return caught.value, found[1].split("; ")


def memory_in(remedies: list[str]) -> int:
    (named,) = [found[1] for remedy in remedies if (found := re.search(r'give each worker .* \(memory="(.*)"\)', remedy))]
    return bytes_of(named)


def test_the_memory_that_is_named_is_enough_and_not_much_more(tmp_path: Path) -> None:
    halo = job(tmp_path / "in.zarr", "toy_smooth", (3000, 3000), 256, radius=400)
    for options in ({"strategy": "halo"}, {}, {"strategy": "halo", "threads": 3}):
        _, remedies = refused(halo, memory="392 MiB", **options)
        enough = memory_in(remedies)
        assert halo.plan(memory=enough, **options).stages
        refused(halo, memory=enough - enough // 20, **options)
    whole = job(tmp_path / "flat.zarr", "toy_flip", (2**25,), 2**16)
    _, remedies = refused(whole, memory="380 MiB")
    assert whole.plan(memory=memory_in(remedies)).stages


def test_threads_that_are_enough(tmp_path: Path) -> None:
    halo = job(tmp_path / "in.zarr", "toy_smooth", (3000, 3000), 256, radius=400)
    _, remedies = refused(halo, memory="520 MiB", threads=16)
    (threads,) = [int(found[1]) for remedy in remedies if (found := re.search(r"threads=(\d+)", remedy))]
    assert halo.plan(memory="520 MiB", threads=threads).stages
    refused(halo, memory="520 MiB", threads=threads + 1)


@pytest.mark.parametrize("forced", [{"strategy": "batch"}, {"region": {"x": 2**26}}, {"strategy": "batch", "region": {"x": 2**26}}])
def test_a_forced_choice_is_told_of_one_that_fits(tmp_path: Path, forced: dict[str, Any]) -> None:
    series = job(tmp_path / "in.zarr", "toy_twice", (2**26,), 2**16, radius=9, boundary="periodic")
    _, remedies = refused(series, memory="600 MiB", **forced)
    assert remedies[0].startswith("leave strategy and region to the plan, which takes ") and len(remedies) <= 3
    plan = series.plan(memory="600 MiB")
    assert f"takes {plan.strategy} with" in remedies[0]


def test_what_else_does_not_serve_is_said(tmp_path: Path) -> None:
    """Of whole cores, halos and levels the error is about the one that needs least."""
    error, _ = refused(job(tmp_path / "in.zarr", "toy_smooth", (3000, 3000), 256, radius=400), memory="392 MiB")
    assert re.search(r"Whole core dims would take \S+ [KMG]iB projected for the whole", str(error))
    error, _ = refused(job(tmp_path / "flat.zarr", "toy_flip", (2**25,), 2**16), memory="380 MiB")
    assert "Parts with a halo do not serve: toy_flip needs its core dims whole" in str(error)
    error, _ = refused(job(tmp_path / "long.zarr", "toy_pair", (2**26,), 2**26, radius=1, boundary="periodic"), memory="400 MiB")
    assert re.search(r"Whole core dims would take .* Levels of octaves do not serve: toy_pair\.radius: too short", str(error))
