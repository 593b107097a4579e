"""Prepared constants (filter banks and the like), kept in the process up to a byte limit.

They are never part of a graph: each worker builds what it needs, once, and keeps the last used.
"""

from __future__ import annotations

import functools
import math
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import numpy as np

from scatflow.errors import ParameterError
from scatflow.spec import itemsize

DEFAULT_BYTES = 1 << 30
ENVIRONMENT = "SCATFLOW_CACHE_BYTES"

Prepared = Mapping[str, Any]


@dataclass(frozen=True)
class CacheStats:
    """What a cache has done so far; ``hits`` includes requests that waited for another's build."""

    hits: int
    misses: int
    evictions: int
    oversize: int
    entries: int
    nbytes: int
    limit_bytes: int


class _Flight:
    """A build under way, and the thread that runs it."""

    def __init__(self) -> None:
        self.future: Future[Prepared] = Future()
        self.thread = threading.get_ident()


class PreparedCache:
    """A thread-safe cache of mappings of arrays, the least recently used dropped first, limited in bytes.

    Parameters
    ----------
    limit_bytes : int
        Bytes to keep, counted over all arrays of all entries; 0 keeps nothing.

    Raises
    ------
    ParameterError
        If the limit is negative.

    Notes
    -----
    Builds run outside the lock, so different keys build at the same time and a build may ask for other
    keys. Host and device arrays count alike.

    Examples
    --------
    >>> import numpy as np
    >>> cache = PreparedCache(1_000_000)
    >>> bank = cache.get("bank", lambda: {"psi": np.ones(8)})
    >>> cache.get("bank", lambda: {}) is bank
    True
    >>> cache.nbytes
    64
    """

    def __init__(self, limit_bytes: int) -> None:
        if limit_bytes < 0:
            raise ParameterError("limit_bytes", "must not be negative", got=limit_bytes)
        self._limit = int(limit_bytes)
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, tuple[Prepared, int]] = OrderedDict()
        self._flights: dict[Hashable, _Flight] = {}
        self._nbytes = 0
        self._scope: Hashable = None
        self._counts = {"hits": 0, "misses": 0, "evictions": 0, "oversize": 0}

    def get(self, key: Hashable, build: Callable[[], Prepared]) -> Prepared:
        """Return the value of ``key``, built by ``build()`` if it is not there.

        Parameters
        ----------
        key : hashable
            Everything that the value depends on: token, dtype, device, block shape.
        build : callable
            Takes nothing and returns a mapping of arrays, possibly nested in mappings, lists or tuples.

        Returns
        -------
        mapping
            What ``build`` returned, its numpy arrays set read-only. Requests for one key that arrive
            together build once and share. A value above the limit is returned and not kept.

        Raises
        ------
        RuntimeError
            If ``build`` asks for its own key.
        Exception
            Whatever ``build`` raises, to all that wait for it; nothing is kept then, the next request
            builds anew.
        """
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
                self._counts["hits"] += 1
                return self._entries[key][0]
            flight = self._flights.get(key)
            mine = flight is None
            if flight is None:
                flight = self._flights[key] = _Flight()
            self._counts["misses" if mine else "hits"] += 1
        if mine:
            return self._fly(key, flight, build)
        if flight.thread == threading.get_ident() and not flight.future.done():
            raise RuntimeError(f"the build of {key!r} asks for itself")
        return flight.future.result()

    def enter(self, scope: Hashable) -> bool:
        """Drop every entry when work of another scope begins, and tell: stages of a job need their memory one after the other."""
        with self._lock:
            if scope == self._scope:
                return False
            self._scope = scope
        self.clear()
        return True

    def clear(self) -> None:
        """Drop every entry; builds under way finish for those who wait and are not kept."""
        with self._lock:
            self._entries.clear()
            self._flights.clear()
            self._nbytes = 0

    @property
    def nbytes(self) -> int:
        """Bytes kept now."""
        return self._nbytes

    @property
    def stats(self) -> CacheStats:
        """Counts since the cache was made, and its size now."""
        with self._lock:
            return CacheStats(**self._counts, entries=len(self._entries), nbytes=self._nbytes, limit_bytes=self._limit)

    def _fly(self, key: Hashable, flight: _Flight, build: Callable[[], Prepared]) -> Prepared:
        try:
            value = build()
            size = _freeze(value)
        except BaseException as error:
            self._land(key, flight)
            flight.future.set_exception(error)
            raise
        self._land(key, flight, value, size)
        flight.future.set_result(value)
        return value

    def _land(self, key: Hashable, flight: _Flight, value: Prepared | None = None, size: int = 0) -> None:
        """End a build; keep its value if the cache was not cleared meanwhile and there is room."""
        with self._lock:
            if self._flights.get(key) is not flight:
                return
            del self._flights[key]
            if value is None:
                return
            if size > self._limit:
                self._counts["oversize"] += 1
                return
            self._entries[key] = (value, size)
            self._nbytes += size
            while self._nbytes > self._limit:
                self._nbytes -= self._entries.popitem(last=False)[1][1]
                self._counts["evictions"] += 1


def _freeze(value: Prepared) -> int:
    """Set the numpy arrays in ``value`` read-only and return the bytes of all arrays, each counted once."""
    arrays = {id(array): array for array in _arrays(value)}
    for array in arrays.values():
        if isinstance(array, np.ndarray):
            array.flags.writeable = False
    return sum(map(_nbytes, arrays.values()))


def _arrays(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        value = tuple(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from _arrays(item)
    elif hasattr(value, "shape") and hasattr(value, "dtype"):
        yield value


def _nbytes(array: Any) -> int:
    known = getattr(array, "nbytes", None)
    if known is not None:
        return int(known)
    # The array API has no nbytes; its dtypes print as "library.float32".
    count: int = math.prod(array.shape)
    return count * itemsize(str(array.dtype).rpartition(".")[2])


_MAKING = threading.Lock()


def prepared_cache() -> PreparedCache:
    """Return the cache of this process, made on first use.

    Its limit is 1 GiB, or the number of bytes in the environment variable ``SCATFLOW_CACHE_BYTES`` at the
    time of the first use. Workers with several threads share it; it does not travel between processes.

    Returns
    -------
    PreparedCache

    Raises
    ------
    ParameterError
        If the environment variable is not a number of bytes.

    Examples
    --------
    >>> prepared_cache() is prepared_cache()
    True
    """
    # The memo alone would let two threads make two caches.
    with _MAKING:
        return _process_cache()


@functools.cache
def _process_cache() -> PreparedCache:
    text = os.environ.get(ENVIRONMENT, "").strip()
    if not text:
        return PreparedCache(DEFAULT_BYTES)
    if not text.isascii() or not text.isdigit():
        raise ParameterError(
            ENVIRONMENT,
            "must be a number of bytes",
            expected="digits only",
            got=repr(text),
            remedy=f"For 2 GiB: {ENVIRONMENT}={2 << 30}.",
        )
    return PreparedCache(int(text))
