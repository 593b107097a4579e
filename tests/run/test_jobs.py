"""Jobs: the same bytes however they are run, killed or resumed; nothing lost, nothing half-written, clear refusals."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import three_stages
from scatflow import cluster
from scatflow.errors import JobError, StoreError
from scatflow.pipeline import Pipeline
from scatflow.run import open_result, task
from scatflow.store import state

HERE = Path(__file__).parent


def chunk_bytes(root: Path) -> dict[str, bytes]:
    """Return every stored chunk of a result, by key."""
    skip = {"_scatflow"}
    files = (path for path in root.rglob("*") if path.is_file() and path.name != "zarr.json")
    return {str(p.relative_to(root)): p.read_bytes() for p in files if not skip & set(p.relative_to(root).parts)}


@pytest.fixture
def job(toys: None) -> Pipeline:
    return three_stages.pipeline()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, module_toys: None) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("undisturbed") / "out.zarr"
    three_stages.pipeline().run(out, region=three_stages.REGION)
    return chunk_bytes(out)


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with cluster.local(workers=2) as found:
        yield found


def test_job_equals_lazy_and_is_complete(job: Pipeline, tmp_path: Path) -> None:
    result = job.run(tmp_path / "out.zarr", region=three_stages.REGION, verify=True)
    assert result.attrs["scatflow_state"] == "complete"
    (name,) = result.data_vars
    np.testing.assert_array_equal(result[name], job.lazy().compute(scheduler="sync"))
    assert not (tmp_path / "out.zarr" / "_scatflow" / "work").exists()


def test_plan_has_three_stages_and_at_least_200_regions(job: Pipeline) -> None:
    plan = job.plan(region=three_stages.REGION)
    assert [stage.kind for stage in plan.stages] == ["map", "reduce", "map"]
    assert sum(len(stage.regions) for stage in plan.stages) >= 200
    assert plan.hash == job.plan(region=three_stages.REGION).hash != job.plan().hash


@pytest.mark.parametrize("threads", [1, 2])
def test_same_bytes_on_any_cluster(job: Pipeline, tmp_path: Path, undisturbed: dict[str, bytes], threads: int) -> None:
    with cluster.local(workers=3 - threads, threads=threads) as client:
        job.run(tmp_path / "out.zarr", client=client, region=three_stages.REGION)
    assert chunk_bytes(tmp_path / "out.zarr") == undisturbed


def test_a_killed_worker_costs_nothing(
    job: Pipeline, tmp_path: Path, undisturbed: dict[str, bytes], client: Any, kill_worker: Callable[..., int]
) -> None:
    killed: list[int] = []

    def kill_one(event: Any) -> None:
        if event["event"] == "region" and event["done"] in (20, 90, 160):
            killed.append(kill_worker(client, len(killed)))

    job.run(tmp_path / "out.zarr", client=client, region=three_stages.REGION, progress=kill_one, verify=True)
    assert len(killed) == 3
    assert chunk_bytes(tmp_path / "out.zarr") == undisturbed


@pytest.mark.parametrize("after", [15, 95, 165], ids=["in the map", "in the reduction", "in the last map"])
def test_a_killed_runner_resumes(tmp_path: Path, undisturbed: dict[str, bytes], after: int) -> None:
    out = tmp_path / "out.zarr"
    script = [sys.executable, str(HERE.parent / "three_stages.py"), str(out)]
    env = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    process = subprocess.Popen(script, stdout=subprocess.PIPE, text=True, env=env)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= after:
            process.kill()
            break
    process.wait()
    process.stdout.close()
    assert process.returncode == -signal.SIGKILL
    assert state(out)["state"] == "running"
    with pytest.warns(UserWarning, match="running"):
        open_result(out)
    again = subprocess.run([*script, "resume"], env=env, capture_output=True, text=True, check=True)
    assert 0 < len(again.stdout.split()) < 211 - after + 64  # at most one ledger batch is done twice
    assert state(out)["state"] == "complete"
    assert chunk_bytes(out) == undisturbed


def test_an_existing_store_is_refused_continued_or_replaced(job: Pipeline, tmp_path: Path) -> None:
    out = tmp_path / "out.zarr"
    job.run(out)
    with pytest.raises(StoreError, match="exists") as caught:
        job.run(out)
    assert "overwrite" in str(caught.value)
    with pytest.raises(StoreError, match="another plan"):
        job.run(out, resume=True, region={"item": 7})
    job.run(out, resume=True)
    job.run(out, overwrite=True, region={"item": 7})


def test_a_foreign_folder_is_never_overwritten(job: Pipeline, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "data.txt").write_text("mine")
    with pytest.raises(StoreError):
        job.run(precious, overwrite=True)
    assert (precious / "data.txt").read_text() == "mine"


def test_disk_full_ends_in_error_and_resumes(
    job: Pipeline, tmp_path: Path, undisturbed: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, real, count = tmp_path / "out.zarr", task.write, iter(range(10_000))

    def full(*args: Any) -> Any:
        if next(count) == 30:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(task, "write", full)
        with pytest.raises(JobError, match="disk full") as caught:
            job.run(out, region=three_stages.REGION)
    assert caught.value.code == "DiskFull"
    assert state(out)["state"] == "error"
    job.run(out, region=three_stages.REGION, resume=True, verify=True)
    assert chunk_bytes(out) == undisturbed


def test_verify_finds_a_changed_chunk(job: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, real = tmp_path / "out.zarr", task.write

    def flipped(root: Path, target: Any, box: Any, block: Any) -> int:
        crc = real(root, target, box, block)
        return crc ^ 1 if box.get("item") == (3, 4) and target.result else crc

    with monkeypatch.context() as patch:
        patch.setattr(task, "write", flipped)
        with pytest.raises(StoreError, match="1 regions do not have the checksum"):
            job.run(out, region=three_stages.REGION, verify=True)


def test_a_ledger_of_a_newer_schema_is_refused(job: Pipeline, tmp_path: Path) -> None:
    out = tmp_path / "out.zarr"
    job.run(out, region={"item": 35})
    file = sorted((out / "_scatflow" / "ledger").glob("*.json"))[0]
    batch = json.loads(file.read_text())
    file.write_text(json.dumps({**batch, "schema": 99}))
    with pytest.raises(StoreError, match="newer"):
        job.run(out, region={"item": 35}, resume=True)


def test_every_input_item_is_read_once(job: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import toys

    seen: list[int] = []
    real = toys.Noise.read

    def counted(self: Any, region: Any, variable: Any = None) -> Any:
        seen.extend(range(*region["item"].indices(self.items)))
        return real(self, region, variable)

    monkeypatch.setattr(toys.Noise, "read", counted)
    job.run(tmp_path / "out.zarr")
    assert sorted(seen) == list(range(70))


def test_a_stopped_job_keeps_its_store(job: Pipeline, tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    out = tmp_path / "out.zarr"

    def stop(event: Any) -> None:
        if event["done"] == 40:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job.run(out, region=three_stages.REGION, progress=stop)
    assert state(out)["state"] == "canceled"
    job.run(out, region=three_stages.REGION, resume=True)
    assert chunk_bytes(out) == undisturbed
    shutil.rmtree(out)


def test_what_a_killed_writer_left_is_removed(job: Pipeline, tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    out = tmp_path / "out.zarr"

    def stop(event: Any) -> None:
        if event["done"] == 150:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job.run(out, region=three_stages.REGION, progress=stop)
    folder = next(path for path in out.rglob("c") if path.is_dir() and "_scatflow" not in path.parts)
    (folder / "0.5dfca19f.partial").write_bytes(b"half a chunk")
    job.run(out, region=three_stages.REGION, resume=True)
    assert chunk_bytes(out) == undisturbed
