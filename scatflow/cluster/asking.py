"""Asking all workers something, though any of them may die while it answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from distributed import Client

from scatflow.errors import JobError

#: Seconds in which all workers have to answer, and between two questions where one has gone away.
PATIENCE, PAUSE = 300.0, 0.2


def ask(client: Client, function: Callable[..., Any], *arguments: Any, patience: float = PATIENCE) -> dict[str, Any]:
    """Run a function on every worker and return what each says, by address; what it raises is what it says.

    Where a worker goes away meanwhile (an OSError), those that are there then are asked again.

    Parameters
    ----------
    client : distributed.Client
        The cluster.
    function : callable
        Called with ``arguments`` in every worker.
    patience : float
        Seconds after which waiting ends.

    Raises
    ------
    JobError
        There are no workers, or they go on going away or do not answer, until then.
    """
    until = time.monotonic() + patience
    lost: list[str] = []
    while (left := until - time.monotonic()) > 0:
        try:
            said: dict[str, Any] = client.run(function, *arguments, on_error="return", callback_timeout=left)
        except TimeoutError:
            break
        lost = sorted(worker for worker, answer in said.items() if isinstance(answer, OSError))
        if said and not lost:
            return said
        time.sleep(min(PAUSE, max(0.0, until - time.monotonic())))  # another one is started, of which nobody tells us
    raise JobError("cluster", f"workers did not answer within {patience:g} s", got=f"{', '.join(lost)} went away" if lost else None,
                   remedy="See why they end or hang, in their logs, then run the job again.", code="WorkersLost")  # fmt: skip
