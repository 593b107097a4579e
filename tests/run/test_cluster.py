"""Local clusters: what their workers are told."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scatflow import cluster
from scatflow.errors import JobError
from scatflow.pipeline import Pipeline
from scatflow.store import state


def _faults() -> int:
    """Return how many pages were mapped anew while a large temporary was made again and again."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(50):
        np.ones(2**21, "float64")  # 16 MiB: 4096 pages each time if memory is returned in between
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(sys.platform != "linux", reason="missing: glibc's allocator")
def test_workers_keep_large_temporaries() -> None:
    with cluster.local(workers=1) as client:
        environment = client.run(lambda: dict(os.environ))
        faults = client.submit(_faults).result()
    for found in environment.values():
        assert {name: found[name] for name in cluster.MALLOC} == {name: str(value) for name, value in cluster.MALLOC.items()}
        assert found["OMP_NUM_THREADS"] == "1"  # Dask's own settings stay
    assert faults < 50 * 4096 / 4


@pytest.mark.usefixtures("toys")
@pytest.mark.parametrize("workers", [0, 1])
def test_an_operator_that_ends_the_program_is_an_error_and_no_worker_dies(tmp_path: Path, workers: int) -> None:
    job = Pipeline({"process_graph": {
        "u": {"process_id": "toy_noise", "arguments": {"items": 4, "size": 64}},
        "g": {"process_id": "toy_ends", "arguments": {"data": {"from_node": "u"}}, "result": True},
    }})  # fmt: skip
    with cluster.local(workers=1) if workers else contextlib.nullcontext() as client:
        before = client.run(os.getpid) if client else {}
        with pytest.raises(JobError, match=r"ends the program.*SystemExit: 0") as caught:
            job.run(tmp_path / "out.zarr", client=client, region={"item": 1})
        assert (client.run(os.getpid) if client else {}) == before
    assert caught.value.code == "ProgramEnded" and state(tmp_path / "out.zarr")["state"] == "error"


@pytest.mark.faults
@pytest.mark.usefixtures("toys")
def test_memory_beyond_the_limit_ends_in_an_error_that_names_the_region(tmp_path: Path) -> None:
    """Workers die of it again and again; the job ends, keeps what others finished, and says what to do."""
    job = Pipeline({"process_graph": {
        "u": {"process_id": "toy_noise", "arguments": {"items": 4, "size": 64}},
        "g": {"process_id": "toy_greedy", "arguments": {"data": {"from_node": "u"}, "bytes": 2**32}, "result": True},
    }})  # fmt: skip
    with cluster.local(workers=1, memory="1 GiB") as client, pytest.raises(JobError, match="out of memory") as caught:
        job.run(tmp_path / "out.zarr", client=client, region={"item": 1})
    assert caught.value.code == "WorkerOutOfMemory" and "region" in str(caught.value)
    assert state(tmp_path / "out.zarr")["state"] == "error"


@pytest.mark.usefixtures("toys")
def test_a_job_whose_last_worker_does_not_come_back_ends_resumable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cluster.SETTINGS, "distributed.scheduler.no-workers-timeout", "1 s")
    job = Pipeline({"process_graph": {
        "u": {"process_id": "toy_noise", "arguments": {"items": 4, "size": 64}},
        "g": {"process_id": "toy_ends", "arguments": {"data": {"from_node": "u"}, "kill": True}, "result": True},
    }})  # fmt: skip
    with cluster.local(workers=1) as client:
        for nanny in client.cluster.workers.values():  # type: ignore[union-attr]
            nanny.close_gracefully()  # which it then takes for the end, and starts none again
        with pytest.raises(JobError, match="no worker is left") as caught:
            job.run(tmp_path / "out.zarr", client=client, region={"item": 1})
    assert caught.value.code == "WorkersLost" and state(tmp_path / "out.zarr")["state"] == "error"


def test_a_worker_that_dies_again_and_again_is_started_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever of its lives Dask still remembers as lost when it is on its way up from the next death."""
    usual = cluster.SETTINGS["distributed.deploy.lost-worker-timeout"]
    for patience, survives in (("50 ms", False), (usual, True)):
        monkeypatch.setitem(cluster.SETTINGS, "distributed.deploy.lost-worker-timeout", patience)
        with cluster.local(workers=1) as client:
            (pid,) = client.run(os.getpid).values()
            os.kill(pid, signal.SIGKILL)
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline and pid in _pids(client):
                time.sleep(0.05)
            time.sleep(2)
            assert bool(_pids(client)) is survives  # a short patience shows that this is the setting that counts


def _pids(client: Any) -> list[int]:
    return [nanny.pid for nanny in client.cluster.workers.values() if nanny.is_alive()]
