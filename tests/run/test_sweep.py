"""Sweeps: one job for several values, labelled dims where shapes allow, groups where they do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from scatflow.errors import GraphError, ParameterError
from scatflow.pipeline import Pipeline
from scatflow.run import open_result

pytestmark = pytest.mark.usefixtures("toys")

DOCUMENT: dict[str, Any] = {
    "parameters": [
        {"name": "radius", "schema": {"type": "integer", "minimum": 1}, "default": 2, "optional": True},
        {"name": "stride", "schema": {"type": "integer"}, "default": 1, "optional": True},
        {"name": "rule", "schema": {"type": "string"}, "default": "reflect", "optional": True},
    ],
    "process_graph": {
        "u": {"process_id": "toy_noise", "arguments": {"items": 6, "size": 32}},
        "f": {"process_id": "toy_flip", "arguments": {"data": {"from_node": "u"}, "dims": ["x"]}},
        "s": {
            "process_id": "toy_smooth",
            "arguments": {
                "data": {"from_node": "f"}, "dims": ["x"], "radius": {"from_parameter": "radius"},
                "stride": {"from_parameter": "stride"}, "boundary": {"from_parameter": "rule"},
            },
            "result": True,
        },
    },
}  # fmt: skip


def single(**parameters: Any) -> xr.DataArray:
    return Pipeline(DOCUMENT, **parameters).lazy().compute()


def test_equal_shapes_become_dims(tmp_path: Path) -> None:
    job = Pipeline.sweep(DOCUMENT, {"radius": [1, 2, 5], "rule": ["zero", "reflect"]})
    stored = job.run(tmp_path / "out.zarr", verify=True)["u"]
    assert stored.dims[:2] == ("radius", "rule") and stored.sizes["radius"] == 3
    assert stored.radius.values.tolist() == [1, 2, 5] and stored.rule.values.tolist() == ["zero", "reflect"]
    for radius in (1, 2, 5):
        for rule in ("zero", "reflect"):
            np.testing.assert_array_equal(stored.sel(radius=radius, rule=rule), single(radius=radius, rule=rule))
    lazy = job.lazy()
    assert lazy.chunks is not None and lazy.dims == stored.dims
    np.testing.assert_array_equal(lazy.compute(), stored)


def test_other_shapes_become_groups(tmp_path: Path) -> None:
    job = Pipeline.sweep(DOCUMENT, {"stride": [1, 4], "radius": [1, 3]}, rule="zero")
    stored = job.run(tmp_path / "out.zarr")
    assert sorted(stored.children) == ["stride=1", "stride=4"]
    assert stored["stride=4"]["u"].sizes == {"radius": 2, "item": 6, "x": 8}
    for stride in (1, 4):
        part = stored[f"stride={stride}"]["u"]
        np.testing.assert_array_equal(part.sel(radius=3), single(stride=stride, radius=3, rule="zero"))
    lazy = job.lazy()
    np.testing.assert_array_equal(lazy["stride=4"]["u"].compute(), stored["stride=4"]["u"])


def test_shared_parts_are_computed_once() -> None:
    job = Pipeline.sweep(DOCUMENT, {"radius": [1, 2, 3]})
    assert sorted(node.process for node in job.graph.nodes) == ["toy_flip", "toy_noise"] + ["toy_smooth"] * 3
    plan = job.plan()
    assert [stage.name for stage in plan.stages] == ["f", "s", "s_2", "s_3"]
    assert sum(target.own.nbytes for stage in plan.stages[1:] for target in stage.targets) == plan.stages[1].targets[0].spec.nbytes


def test_a_stopped_sweep_resumes(tmp_path: Path) -> None:
    job = Pipeline.sweep(DOCUMENT, {"radius": [1, 2, 3]})

    def stop(event: Any) -> None:
        if event["event"] == "region" and event["done"] == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job.run(tmp_path / "out.zarr", region={"item": 1}, progress=stop)
    done: list[int] = []
    job.run(tmp_path / "out.zarr", region={"item": 1}, resume=True, progress=lambda event: done.append(event["done"]))
    assert done[0] >= 9
    stored = open_result(tmp_path / "out.zarr")["u"]
    np.testing.assert_array_equal(stored.sel(radius=2), single(radius=2))


def test_results_that_do_not_depend_on_a_value_are_stored_for_each(tmp_path: Path) -> None:
    graph = {**DOCUMENT["process_graph"], "s": {**DOCUMENT["process_graph"]["s"], "result": False}}
    graph["all"] = {
        "process_id": "dataset",
        "arguments": {"variables": {"raw": {"from_node": "u"}, "smooth": {"from_node": "s"}}},
        "result": True,
    }
    stored = Pipeline.sweep({**DOCUMENT, "process_graph": graph}, {"radius": [1, 2]}).run(tmp_path / "out.zarr")
    assert stored["raw"].dims == stored["smooth"].dims == ("radius", "item", "x")
    np.testing.assert_array_equal(stored["raw"].isel(radius=0), stored["raw"].isel(radius=1))


def test_mistakes_are_named_once_or_with_their_values() -> None:
    with pytest.raises(GraphError) as caught:
        Pipeline.sweep(DOCUMENT, {"radius": [1, 0, -1]})
    assert len(caught.value.problems) == 2 and "radius=0" in str(caught.value) and "radius=-1" in str(caught.value)
    with pytest.raises(GraphError) as caught:
        Pipeline.sweep(DOCUMENT, {"radius": [1, 2]}, rule="nonsense")
    assert len(caught.value.problems) == 1 and "radius=" not in str(caught.value)
    with pytest.raises(ParameterError, match="no parameter varies"):
        Pipeline.sweep(DOCUMENT, {})
    with pytest.raises(ParameterError, match="differ"):
        Pipeline.sweep(DOCUMENT, {"radius": [1, 1]})
    with pytest.raises(ParameterError, match="too many"):
        Pipeline.sweep(DOCUMENT, {"radius": list(range(1, 2000))})
    with pytest.raises(GraphError, match="colour"):
        Pipeline.sweep(DOCUMENT, {"colour": [1, 2]})


def test_a_parameter_called_like_a_dim_is_refused() -> None:
    document = {**DOCUMENT, "parameters": [{**DOCUMENT["parameters"][0], "name": "x"}]}
    smooth = {"data": {"from_node": "f"}, "dims": ["x"], "radius": {"from_parameter": "x"}}
    graph = {**DOCUMENT["process_graph"], "s": {"process_id": "toy_smooth", "arguments": smooth, "result": True}}
    job = Pipeline.sweep({**document, "process_graph": graph}, {"x": [1, 2]})
    with pytest.raises(ParameterError, match="coordinate of that name"):
        job.plan()


def test_a_swept_result_knows_how_it_was_made(tmp_path: Path) -> None:
    job = Pipeline.sweep(DOCUMENT, {"radius": [1, 2], "stride": [1, 4]})
    stored = job.run(tmp_path / "out.zarr")
    again = Pipeline.from_array(stored).run(tmp_path / "again.zarr")
    assert again.identical(stored)  # data, labels, record, and the hash of the plan
    lazy = Pipeline.from_array(Pipeline.sweep(DOCUMENT, {"radius": [1, 2]}).lazy()).lazy()
    assert lazy.dims[0] == "radius"
