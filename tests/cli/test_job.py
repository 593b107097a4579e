"""``run``, ``data`` and ``plan`` on real pipelines of toys."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import scatflow as sf
from cli.conftest import Program
from scatflow import cluster
from scatflow.registry.guard import Interrupted

PIPELINE = """
parameters:
  radius: {type: integer, default: 1}
  seed: {type: integer, default: 0}
process_graph:
  noise: {process_id: toy_noise, arguments: {seed: {from_parameter: seed}}}
  smooth:
    process_id: toy_smooth
    arguments: {data: {from_node: noise}, dims: x, radius: {from_parameter: radius}}
    result: true
"""


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    path = tmp_path / "toys.yaml"
    path.write_text(PIPELINE)
    return path


def test_run_stores_the_result_of_the_pipeline(scatflow: Program, pipeline: Path, tmp_path: Path) -> None:
    code, out, err = scatflow("run", pipeline, "-o", "out.zarr", "-p", "radius=3", "--verify")
    assert code == 0 and out == "out.zarr: complete\n" and "regions" in err
    expected = sf.Pipeline.from_file(pipeline, radius=3).lazy().compute()
    stored = sf.open_result(tmp_path / "out.zarr")
    assert stored.attrs["scatflow_state"] == "complete"
    np.testing.assert_array_equal(next(iter(stored.data_vars.values())), expected)


def test_output_is_named_after_the_pipeline(scatflow: Program, pipeline: Path, tmp_path: Path) -> None:
    assert scatflow("run", pipeline, "--quiet") == (0, "toys.zarr: complete\n", "")
    assert (tmp_path / "toys.zarr").is_dir()


def test_a_store_in_the_way_needs_a_decision(scatflow: Program, pipeline: Path) -> None:
    assert scatflow("run", pipeline).code == 0
    code, _, err = scatflow("run", pipeline)
    assert code == 2 and "resume" in err and "overwrite" in err
    assert scatflow("run", pipeline, "--resume").code == 0
    assert scatflow("run", pipeline, "--resume", "-p", "radius=2").code == 2
    assert scatflow("run", pipeline, "--overwrite", "-p", "radius=2").code == 0
    assert scatflow("run", pipeline, "--overwrite", "--resume").code == 2


def test_a_run_that_is_stopped_goes_on_with_resume(scatflow: Program, pipeline: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from scatflow.store import result

    writes = []
    write = result.write

    def stopped(*arguments: object) -> int:
        if len(writes) == 1:
            raise Interrupted
        writes.append(arguments)
        return write(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr("scatflow.run.task.write", stopped)
        code, _, err = scatflow("run", pipeline, "-o", "out.zarr")
    assert code == 75 and "--resume" in err and len(writes) == 1
    code, _, err = scatflow("run", pipeline, "-o", "out.zarr", "--resume", "--verify")
    assert code == 0 and "started: 1 of" in err


def test_mistakes_in_the_pipeline_are_bad_input(scatflow: Program, pipeline: Path) -> None:
    assert scatflow("run", "missing.yaml").code == 2
    code, _, err = scatflow("run", pipeline, "-p", "radis=3")
    assert code == 2 and "radius" in err
    code, _, err = scatflow("run", pipeline, "-p", "radius=-1")
    assert code == 2 and "radius" in err and "Traceback" not in err
    pipeline.write_text("process_graph: {a: {process_id: nonsense, result: true}}")
    code, _, err = scatflow("plan", pipeline)
    assert code == 2 and "nonsense" in err


def test_plan_explains_without_computing(scatflow: Program, pipeline: Path, tmp_path: Path) -> None:
    code, out, _ = scatflow("plan", pipeline)
    assert code == 0 and "smooth" in out and "peak/task" in out and "plan " in out
    found = json.loads(scatflow("plan", pipeline, "--json").out)
    assert found["tasks"] == sum(stage["regions"] for stage in found["stages"])
    assert [path.name for path in tmp_path.iterdir()] == ["toys.yaml"]


def test_regions_and_memory_reach_the_plan(scatflow: Program, pipeline: Path) -> None:
    dim = str(sf.Pipeline.from_file(pipeline).lazy().dims[0])
    one = json.loads(scatflow("plan", pipeline, "--json").out)
    other = json.loads(scatflow("plan", pipeline, "--json", "--region", f"{dim}=100000", "--memory", "2 GiB").out)
    assert one["tasks"] > other["tasks"] == 1
    code, _, err = scatflow("plan", pipeline, "--memory", "lots")
    assert code == 2 and "memory" in err


def test_data_writes_a_source(scatflow: Program, tmp_path: Path) -> None:
    code, out, _ = scatflow("data", "toy_noise", "-p", "seed=5")
    assert code == 0 and out == "toy_noise.zarr: complete\n"
    stored = sf.open_result(tmp_path / "toy_noise.zarr")
    expected = sf.Pipeline.from_source("toy_noise", seed=5).lazy()
    (array,) = stored.data_vars.values()
    xr.testing.assert_equal(array.compute().drop_vars(list(array.coords)), expected.compute().drop_vars(list(expected.coords)))
    assert array.dims == expected.dims and array.attrs.get("units") == expected.attrs.get("units")


def test_data_of_an_unknown_source(scatflow: Program) -> None:
    code, _, err = scatflow("data", "toy_nois")
    assert code == 2 and "toy_noise" in err


def test_workers_or_a_scheduler_compute(scatflow: Program, pipeline: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []

    @contextlib.contextmanager
    def fake(*arguments: object):
        seen.append(arguments)
        yield None

    monkeypatch.setattr(cluster, "local", fake)
    monkeypatch.setattr(cluster, "connect", fake)
    assert scatflow("run", pipeline, "-o", "a.zarr", "--workers", "3", "--threads", "2", "--memory", "1 GiB").code == 0
    assert scatflow("run", pipeline, "-o", "b.zarr", "--scheduler", "tcp://head:8786").code == 0
    assert seen == [(3, 2, "1 GiB"), ("tcp://head:8786",)]
    assert scatflow("run", pipeline, "--workers", "3", "--scheduler", "tcp://head:8786").code == 2


def test_a_scheduler_that_is_not_there_is_a_failure(scatflow: Program, pipeline: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.contextmanager
    def unreachable(address: str):
        raise OSError("timed out")
        yield

    monkeypatch.setattr(cluster, "connect", unreachable)
    code, _, err = scatflow("run", pipeline, "--scheduler", "tcp://nowhere:1")
    assert code == 1 and "cannot be reached" in err and "timed out" in err


def test_a_sweep_is_one_job_with_a_labelled_dim(scatflow: Program, pipeline: Path, tmp_path: Path) -> None:
    code, out, _ = scatflow("plan", pipeline, "-p", "radius=1,2,3", "--sweep")
    assert code == 0 and "smooth" in out
    code, out, err = scatflow("run", pipeline, "-p", "radius=1,2,3", "--sweep", "-o", "swept.zarr")
    assert code == 0, err
    found = next(iter(sf.open_result(tmp_path / "swept.zarr").data_vars.values()))
    assert found.dims[0] == "radius" and found.radius.values.tolist() == [1, 2, 3]
    code, _, err = scatflow("run", pipeline, "-p", "radius=3", "--sweep", "-o", "none.zarr")
    assert code == 2 and "several values" in err and not (tmp_path / "none.zarr").exists()


def test_a_result_is_updated_when_its_input_has_grown(scatflow: Program, tmp_path: Path) -> None:
    values = xr.Dataset({"u": (("item", "x"), np.arange(60.0).reshape(6, 10))})
    values.isel(item=slice(4)).to_zarr(tmp_path / "in.zarr", encoding={"u": {"chunks": (1, 10)}}, consolidated=False)
    graph = {
        "u": {"process_id": "open_zarr", "arguments": {"path": "in.zarr", "variable": "u"}},
        "s": {"process_id": "toy_smooth", "arguments": {"data": {"from_node": "u"}, "dims": ["x"], "radius": 1}, "result": True},
    }
    (tmp_path / "p.json").write_text(json.dumps({"process_graph": graph}))
    assert scatflow("run", "p.json", "-o", "out.zarr").code == 0
    values.isel(item=slice(4, 6)).to_zarr(tmp_path / "in.zarr", append_dim="item", consolidated=False)
    code, _, err = scatflow("run", "p.json", "-o", "out.zarr", "--update")
    assert code == 0, err
    assert sf.open_result(tmp_path / "out.zarr").sizes["item"] == 6
    assert scatflow("run", "p.json", "-o", "out.zarr", "--update", "--overwrite").code == 2
