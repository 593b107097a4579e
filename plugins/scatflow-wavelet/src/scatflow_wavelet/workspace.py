"""Arrays that one thread uses again and again: getting fresh memory from the system costs as much as filling it."""

from __future__ import annotations

import math
import threading
from collections.abc import Hashable
from typing import Any

import numpy as np


class Workspace:
    """Room for numpy arrays by what they are used for; an array is valid until the same use is asked for again.

    Examples
    --------
    >>> room = Workspace()
    >>> first = room.array("planes", (2, 3), np.dtype("float32"))
    >>> np.shares_memory(first, room.array("planes", (6,), np.dtype("float32")))
    True
    """

    def __init__(self) -> None:
        self._buffers: dict[tuple[Hashable, Any], Any] = {}

    def array(self, use: Hashable, shape: tuple[int, ...], dtype: Any) -> Any:
        """Return an array of the shape, whose values are those of its last use."""
        size, key = math.prod(shape), (use, np.dtype(dtype))
        if key not in self._buffers or self._buffers[key].size < size:
            self._buffers.pop(key, None)  # before the larger one is there, not after
            self._buffers[key] = np.empty(size, dtype=dtype)
        return self._buffers[key][:size].reshape(shape)


class Rooms(threading.local):
    """A workspace for every thread that asks."""

    def __init__(self) -> None:
        self.room = Workspace()
