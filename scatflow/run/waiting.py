"""Waiting for regions on a cluster, but not for ever where nothing can come."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from distributed import Client
from distributed import as_completed as AsCompleted  # a class

from scatflow.errors import JobError

#: Seconds without a result after which workers are looked at, and in which all of them may be paused before the job ends.
LOOK, PATIENCE = 5.0, 300.0


def finished(client: Client, waiting: AsCompleted) -> Iterator[Any]:
    """Yield futures as they are done, as ``waiting`` does.

    Dask pauses a worker that holds much of its memory until it has given some back. One that computes regions holds no data that it
    could write to disk, so that it may stay paused for good, and all who wait for it too.

    Raises
    ------
    JobError
        All workers have been paused for so long that they will not go on.
    """
    paused = looked = time.monotonic()
    while not waiting.is_empty():
        if waiting.has_ready():
            yield next(waiting)
            paused = looked = time.monotonic()
            continue
        with waiting.thread_condition:
            waiting.thread_condition.wait(timeout=0.1)
        now = time.monotonic()
        if now - looked < LOOK:
            continue
        looked, workers = now, client.scheduler_info(n_workers=-1)["workers"].values()
        if not workers or any(worker["status"] != "paused" for worker in workers):
            paused = now
        elif now - paused > PATIENCE:
            raise JobError("cluster", f"all workers have been paused for {PATIENCE:g} s, since they hold too much of their memory",
                           got=", ".join(f"{worker['metrics']['memory'] / 2**20:.0f} of {worker['memory_limit'] / 2**20:.0f} MiB"
                                         for worker in list(workers)[:4]), code="WorkersPaused",
                           remedy="Resume with more memory or fewer threads per worker, and with distributed.worker.memory.pause "
                                  "switched off.")  # fmt: skip
