"""Local clusters: what their workers are told."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from distributed import LocalCluster

import three_stages
from scatflow import cluster
from scatflow.cluster import clients
from scatflow.cluster.asking import ask
from scatflow.errors import JobError
from scatflow.pipeline import Pipeline
from scatflow.run import waiting
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


def greedy(size: int) -> Pipeline:
    """Return a job over series in parts of 16 samples, of which each takes ``size`` bytes that nobody declared."""
    return Pipeline({"process_graph": {
        "u": {"process_id": "toy_noise", "arguments": {"items": 4, "size": 64}},
        "s": {"process_id": "toy_smooth", "arguments": {"data": {"from_node": "u"}, "dims": ["x"], "radius": 3}},
        "g": {"process_id": "toy_greedy", "arguments": {"data": {"from_node": "s"}, "bytes": size}, "result": True},
    }})  # fmt: skip


@pytest.mark.usefixtures("toys")
@pytest.mark.parametrize("failures", [1, pytest.param(10, marks=pytest.mark.faults)])
def test_memory_beyond_the_limit_ends_in_an_error_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    """Workers die of it again and again; the job ends, keeps what others finished, and goes on with more memory."""
    monkeypatch.setitem(cluster.SETTINGS, "distributed.scheduler.allowed-failures", failures)
    job, blocks = greedy(2**30), {"region": {"item": 1, "x": 16}}
    with cluster.local(workers=1, memory="700 MiB") as client, pytest.raises(JobError, match="out of memory") as caught:
        job.run(tmp_path / "out.zarr", client=client, **blocks)
    text = str(caught.value)
    assert caught.value.code == "WorkerOutOfMemory" and state(tmp_path / "out.zarr")["state"] == "error"
    assert re.search(r"stage 0 \(g\), region \d+ \{'item': \(\d, \d\), 'x': \(\d+, \d+\)\}", text)
    assert "within 700 MiB per worker" in text and "MiB" in text and "region={'x': 8}" in text
    with cluster.local(workers=1, memory="4 GiB") as client:
        found = job.run(tmp_path / "out.zarr", client=client, resume=True, verify=True)
    assert found.attrs["scatflow_state"] == "complete"


@pytest.mark.usefixtures("toys")
def test_a_region_that_kills_every_worker_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cluster.SETTINGS, "distributed.scheduler.allowed-failures", 1)
    job = Pipeline({"process_graph": {
        "u": {"process_id": "toy_noise", "arguments": {"items": 1, "size": 64}},
        "g": {"process_id": "toy_ends", "arguments": {"data": {"from_node": "u"}, "kill": True}, "result": True},
    }})  # fmt: skip
    with cluster.local(workers=1) as client, pytest.raises(JobError, match=r"stage 0 \(g\), region 0 .*again and again") as caught:
        job.run(tmp_path / "out.zarr", client=client)
    assert caught.value.code == "WorkerOutOfMemory" and state(tmp_path / "out.zarr")["state"] == "error"


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


def _dies_once(path: str) -> str:
    """Kill the worker that comes first."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return "alive"
    os.kill(os.getpid(), signal.SIGKILL)
    return "dead"


def test_a_worker_that_dies_while_it_is_asked_is_asked_again(tmp_path: Path) -> None:
    """Also where it was the only one, so that for a while nobody is there to ask."""
    with cluster.local(workers=1) as client:
        assert list(ask(client, _dies_once, str(tmp_path / "died")).values()) == ["alive"]
        assert (tmp_path / "died").exists()


def test_workers_that_do_not_answer_are_not_waited_for_for_ever() -> None:
    with cluster.local(workers=1) as client:
        with pytest.raises(JobError, match=r"did not answer within 2 s; got tcp.* went away"):
            ask(client, os.stat, "/no/such/file", patience=2)  # whose error is one of those that lost connections are
        with pytest.raises(JobError, match=r"did not answer within 0\.5 s") as caught:
            ask(client, time.sleep, 3, patience=0.5)
    assert caught.value.code == "WorkersLost"


def test_a_worker_that_dies_on_its_way_up_is_started_again() -> None:
    """The first process that appears is killed as soon as it does."""
    killed: list[int] = []

    def kill_first() -> None:
        deadline = time.monotonic() + 30
        while not killed and time.monotonic() < deadline:
            for child in psutil.Process().children():
                with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
                    if "spawn_main" in " ".join(child.cmdline()):
                        os.kill(child.pid, signal.SIGKILL)
                        killed.append(child.pid)
                        return
            time.sleep(0.002)

    thread = threading.Thread(target=kill_first)
    thread.start()
    with cluster.local(workers=1) as client:
        assert client.submit(os.getpid).result() not in killed
    thread.join()
    assert len(killed) == 1


def test_workers_that_always_die_on_their_way_up_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError("Nanny failed to start.")

    monkeypatch.setattr(clients, "LocalCluster", fail)
    with pytest.raises(JobError, match="end while they start; got Nanny failed"), cluster.local(workers=1):
        pass


def test_a_cluster_that_does_not_close_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    close = LocalCluster.close

    def stuck(self: Any, timeout: float | None = None) -> Any:
        if timeout is not None:
            raise TimeoutError
        return close(self)

    monkeypatch.setattr(LocalCluster, "close", stuck)
    with contextlib.ExitStack() as local:
        client = local.enter_context(cluster.local(workers=1))
        found = client.cluster
        (pid,) = _pids(client)
        worker = psutil.Process(pid)
        with pytest.warns(UserWarning, match="did not close within 120 s"):
            local.close()
    with contextlib.suppress(psutil.NoSuchProcess):
        worker.wait(30)
    close(found)


@pytest.mark.usefixtures("toys")
@pytest.mark.parametrize("usual", [True, False])
def test_a_worker_that_holds_much_is_not_paused_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, usual: bool) -> None:
    """Ours are never paused; where those of others all are, the job ends and says so."""
    monkeypatch.setattr(waiting, "LOOK", 0.2)
    monkeypatch.setattr(waiting, "PATIENCE", 2.0)
    if not usual:
        monkeypatch.setitem(cluster.SETTINGS, "distributed.worker.memory.pause", 0.01)
    job = Pipeline.from_source("toy_noise", items=4, size=64)
    with cluster.local(workers=1, memory="2 GiB") as client:
        deadline = time.monotonic() + 30
        while not usual and "paused" not in _statuses(client) and time.monotonic() < deadline:
            time.sleep(0.05)
        if usual:
            assert client.run(lambda dask_worker: dask_worker.memory_manager.memory_pause_fraction) == dict.fromkeys(
                client.scheduler_info()["workers"], False
            )
            assert job.run(tmp_path / "out.zarr", client=client).attrs["scatflow_state"] == "complete"
        else:
            with pytest.raises(JobError, match=r"all workers have been paused.* of 2048 MiB") as caught:
                job.run(tmp_path / "out.zarr", client=client)
            assert caught.value.code == "WorkersPaused" and state(tmp_path / "out.zarr")["state"] == "error"


def _statuses(client: Any) -> list[str]:
    return [worker["status"] for worker in client.scheduler_info(n_workers=-1)["workers"].values()]


@pytest.mark.usefixtures("toys")
def test_a_job_goes_on_when_all_workers_are_gone_between_two_stages(tmp_path: Path) -> None:
    alone = three_stages.pipeline().run(tmp_path / "alone.zarr", region={"item": 10}).load()
    with cluster.local(workers=2) as client:

        def kill_all(event: Any) -> None:
            if event["event"] == "region" and event["done"] in (7, 14):  # the last of a stage, and of its partial states
                for pid in _pids(client):
                    os.kill(pid, signal.SIGKILL)
                deadline = time.monotonic() + 30
                while cluster.lanes(client) and time.monotonic() < deadline:
                    time.sleep(0.01)
                gone.append(cluster.lanes(client))

        gone: list[int] = []
        found = three_stages.pipeline().run(
            tmp_path / "out.zarr", region={"item": 10}, client=client, progress=kill_all, verify=True
        )
    assert gone == [0, 0]
    (name,) = alone.data_vars
    np.testing.assert_array_equal(found[name], alone[name])


def _pids(client: Any) -> list[int]:
    return [pid for nanny in client.cluster.workers.values() if (pid := nanny.pid)]
