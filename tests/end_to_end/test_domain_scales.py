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


def test_regions_are_parts_of_chunks_of_work_arrays_that_do_not_fit(tmp_path: Path) -> None:
    """Scales as long as the domain: a task has whole planes of the averages, and fewer of them than a chunk holds."""
    group = zarr.open_group(tmp_path / "in.zarr", mode="w")
    group.create_array("u", shape=(4096, 4096), chunks=(1024, 1024), dtype="float32", dimension_names=["y", "x"])
    job = Pipeline({"process_graph": {
        "u": {"process_id": "open_zarr", "arguments": {"path": str(tmp_path / "in.zarr"), "variable": "u"}},
        "s": {"process_id": "scattering", "arguments": {"data": {"from_node": "u"}, "J": 12, "L": 8}, "result": True},
    }})  # fmt: skip
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
