"""How many threads a kernel may use, and running independent parts of it in them.

A task of a graph or job has one thread, since tasks run in parallel; a call on an array in memory may use all cores. Parts
never depend on the number of threads, so neither do the bytes of a result.
"""

from __future__ import annotations

import contextvars
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def usable_threads() -> int:
    """Return the threads for a call on arrays in memory: ``OMP_NUM_THREADS`` where set, else the cores of this process.

    Examples
    --------
    >>> usable_threads() >= 1
    True
    """
    text = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_threads(count: int, parts: Sequence[Callable[[], T]]) -> list[T]:
    """Return what the parts return, in their order, run in at most so many threads.

    Parameters
    ----------
    count : int
        Threads; 1 runs the parts one after the other in the caller's.
    parts : sequence of callable
        Independent of each other.

    Raises
    ------
    Exception
        What the first part to fail raises; parts not yet begun are left out then.

    Examples
    --------
    >>> in_threads(2, [lambda: 1, lambda: 2, lambda: 3])
    [1, 2, 3]
    """
    if count == 1 or len(parts) < 2:
        return [part() for part in parts]
    pool = ThreadPoolExecutor(min(count, len(parts)))
    try:
        # Each in a copy of the caller's context: NumPy's error state, for one, is part of that.
        return [future.result() for future in [pool.submit(contextvars.copy_context().run, part) for part in parts]]
    finally:
        pool.shutdown(cancel_futures=True)
