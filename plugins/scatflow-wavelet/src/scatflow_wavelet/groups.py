"""Fixed groups of batch items: what is computed together never depends on threads or workers."""

from __future__ import annotations

import math
from collections.abc import Iterator

#: Samples of the planes of one group: small enough for the cache, large enough that calls do not dominate.
_SAMPLES = 1 << 16


def group_size(core: tuple[int, ...]) -> int:
    """Return the number of items processed together, which depends on the core shape alone."""
    return max(1, _SAMPLES // max(1, math.prod(core)))


def groups(count: int, core: tuple[int, ...]) -> Iterator[slice]:
    """Yield the groups of ``count`` items, counted from the first.

    Examples
    --------
    >>> [(part.start, part.stop) for part in groups(5, (128, 256))]
    [(0, 2), (2, 4), (4, 5)]
    """
    size = group_size(core)
    for first in range(0, count, size):
        yield slice(first, min(first + size, count))
