"""Plans of scattering at scales as long as the domain, whose last stages have whole planes in a task."""

from __future__ import annotations

from pathlib import Path

import pytest
import zarr

from scatflow.errors import PlanError
from scatflow.pipeline import Pipeline
from scatflow.plan import Limits
from scatflow.plan import plan as make_plan
from scatflow.run.update import fixed
from scatflow.store import prepare


def scattered(folder: Path, J: int) -> Pipeline:
    """Return the pipeline of a field of 4096², which holds no data."""
    group = zarr.open_group(folder / "in.zarr", mode="w")
    group.create_array("u", shape=(4096, 4096), chunks=(1024, 1024), dtype="float32", dimension_names=["y", "x"])
    return Pipeline({"process_graph": {
        "u": {"process_id": "open_zarr", "arguments": {"path": str(folder / "in.zarr"), "variable": "u"}},
        "s": {"process_id": "scattering", "arguments": {"data": {"from_node": "u"}, "J": J, "L": 8}, "result": True},
    }})  # fmt: skip


def test_a_refusal_names_the_largest_scale_that_fits(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"Remedies: lower J to \d+") as caught:
        scattered(tmp_path, 9).plan(memory="420 MiB")
    largest = int(str(caught.value).split("lower J to ")[1].split(";")[0])
    assert scattered(tmp_path, largest).plan(memory="420 MiB").max_projected_memory <= 420 * 2**20
    with pytest.raises(PlanError, match="does not fit memory"):
        scattered(tmp_path, largest + 1).plan(memory="420 MiB")


def test_regions_are_parts_of_chunks_of_work_arrays_that_do_not_fit(tmp_path: Path) -> None:
    """Scales as long as the domain: a task has whole planes of the averages, and fewer of them than a chunk holds."""
    job = scattered(tmp_path, 12)
    plan = job.plan(memory="1.5 GiB", strategy="pyramid")
    assert plan.max_projected_memory <= 1.5 * 2**30
    first, second = plan.stages[:2]
    (averages,) = (target for target in first.targets if "part" in target.spec.dims)
    assert dict(second.regions.steps)["part"] < averages.chunks[averages.spec.dims.index("part")]
    with pytest.raises(PlanError, match="does not fit memory") as caught:
        job.plan(memory="400 MiB")
    assert "pencil" not in str(caught.value)  # which would fit, with thousands of times the field on disk
    prepare(tmp_path / "out.zarr", plan, {}, resume=False, overwrite=False)
    kept = fixed(tmp_path / "out.zarr")
    again = make_plan(job.check(), Limits(4 * 2**30, strategy=kept.strategy, steps=kept.steps, parts=kept.parts))
    assert again.hash == plan.hash


def test_lengths_of_another_plan_are_those_of_its_blocks() -> None:
    """Regions of several blocks would else be cut into blocks of another length when a job is resumed."""
    limits = Limits(steps=({"part": 54}, {"part": 20}), parts=({"part": 27}, {}), region={"part": 9})
    assert [limits.kept(stage) for stage in range(3)] == [{"part": 27}, {"part": 20}, {}]
