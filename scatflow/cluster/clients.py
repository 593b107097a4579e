"""Dask clusters: local ones, remote ones, what their workers have."""

from __future__ import annotations

import contextlib
import os
import signal
import warnings
from collections.abc import Iterator
from typing import Any

import dask
import numpy as np
import psutil
from distributed import Client, LocalCluster

from scatflow.arrays import to_device
from scatflow.cluster.asking import ask
from scatflow.errors import DeviceError, JobError, ParameterError

#: How workers allocate. Dask tells glibc to return memory at once, so that every large temporary is mapped and cleared anew:
#: measured on scattering of 1024^2 planes, that doubles the processor time. Blocks up to 32 MiB (glibc's limit) are
#: reused, and what lies free beyond 256 MiB is returned.
MALLOC = {"MALLOC_TRIM_THRESHOLD_": 256 * 2**20, "MALLOC_MMAP_THRESHOLD_": 32 * 2**20, "MALLOC_ARENA_MAX": 1}
#: Settings of a job. A worker that holds much of its memory must not be paused: what it holds are no data that Dask could write to
#: disk, but filters and what the allocator keeps, so that it would never go on; beyond 95 % it is started anew. One bad node must
#: not burn a region's lives. Fifteen seconds after a worker's death Dask would give up for good what starts it again, if the worker
#: happens to be on its way up from another death just then; so it never does. And where no worker comes back nothing waits for ever.
#: Samples of call stacks, which nobody looks at here, and what loops and monitors ask themselves took 2.3 % of a core in every idle
#: worker, and all of two cores for 64 of them; so it is a tenth of that.
SETTINGS = {
    "distributed.scheduler.allowed-failures": 10,
    "distributed.scheduler.no-workers-timeout": "5 minutes",
    "distributed.deploy.lost-worker-timeout": "365 days",
    "distributed.scheduler.worker-saturation": 1.1,
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "500ms",
    "distributed.admin.system-monitor.interval": "2s",
    **{f"distributed.nanny.pre-spawn-environ.{name}": value for name, value in MALLOC.items()},
}
#: Seconds in which a local cluster has to close: workers get five to end, and those on their way up have to arrive first.
CLOSING = 120.0
#: How often a local cluster is started whose workers die on their way up.
STARTS = 5


@contextlib.contextmanager
def local(workers: int = 2, threads: int = 1, memory: int | str | None = None) -> Iterator[Client]:
    """Start worker processes on this machine and yield a client; everything is closed at the end.

    Parameters
    ----------
    workers, threads : int
        Processes, and threads in each.
    memory : int or str, optional
        Limit per worker; default an equal share of the machine.
    """
    limit = memory or int(psutil.virtual_memory().total / workers)
    with dask.config.set(SETTINGS):
        cluster = _started(n_workers=workers, threads_per_worker=threads, memory_limit=limit, dashboard_address="127.0.0.1:0")
        try:
            with Client(cluster) as client:
                yield client
        finally:
            _close(cluster)


def _started(**options: Any) -> LocalCluster:
    """Start a cluster; where a worker dies on its way up Dask gives up, and another one is tried."""
    for attempt in range(STARTS):
        try:
            return LocalCluster(**options)
        except RuntimeError as error:
            if attempt == STARTS - 1:
                raise JobError("local cluster", "its workers end while they start", got=str(error), code="WorkersLost",
                               remedy="See why, in their logs; is there memory for them?") from error  # fmt: skip
    raise AssertionError("the last attempt returns or raises")


def _close(cluster: LocalCluster) -> None:
    """Close a cluster; one that does not end in time, whatever its workers died of, loses them and is left behind."""
    try:
        cluster.close(timeout=CLOSING)
    except TimeoutError:
        warnings.warn(f"a local cluster did not close within {CLOSING:g} s: its workers are killed", stacklevel=2)
        for nanny in cluster.workers.values():
            if pid := nanny.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def connect(address: str) -> Iterator[Client]:
    """Connect to a running scheduler and yield a client."""
    with Client(address) as client:
        yield client


def limits(client: Client | None) -> tuple[int, int]:
    """Return (bytes, threads) of the smallest worker; of this process when there is no client."""
    if client is None:
        return int(psutil.virtual_memory().available), 1
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    if not workers:
        raise JobError("cluster", "has no workers", remedy="Start workers, or wait until they have joined.")
    memory = min(int(worker["memory_limit"] or psutil.virtual_memory().total) for worker in workers)
    return memory, max(int(worker["nthreads"]) for worker in workers)


def count(client: Client) -> int:
    """Return the number of workers."""
    return max(1, len(client.scheduler_info(n_workers=-1)["workers"]))


def lanes(client: Client) -> int:
    """Return the threads of all workers that there are just now."""
    return sum(int(worker["nthreads"]) for worker in client.scheduler_info(n_workers=-1)["workers"].values())


def has_gpu() -> bool:
    """Tell whether this process can compute on a GPU."""
    try:
        to_device(np.zeros(1), "gpu")
    except DeviceError:
        return False
    return True


def device(client: Client | None, asked: str) -> str:
    """Return the device a job computes on: ``auto`` is a GPU only where every worker has one.

    Raises
    ------
    DeviceError
        A GPU was asked for and some worker has none.
    """
    if asked not in ("auto", "cpu", "gpu"):
        raise ParameterError("device", "unknown device", expected="auto, cpu or gpu", got=asked)
    if asked == "cpu":
        return asked
    found = {"here": has_gpu()} if client is None else ask(client, has_gpu)
    if all(present is True for present in found.values()):
        return "gpu"
    if asked == "gpu":
        lacking = [worker for worker, present in found.items() if present is not True]
        raise DeviceError("device", "a GPU was asked for", expected="a GPU with CuPy on every worker", got=f"none on {lacking}",
                          remedy="Install scatflow[gpu] on GPU nodes, or use device='cpu'.")  # fmt: skip
    return "cpu"
