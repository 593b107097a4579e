"""Fixed groups of batch items and of sibling planes: what is computed together never depends on threads or workers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

#: Samples of the planes of one group of items: small enough for the cache, large enough that calls do not dominate.
_SAMPLES = 1 << 15
#: Samples of sibling planes computed together: about half of a core's second-level cache, as complex numbers.
_TOGETHER = 1 << 17
#: Lines transformed together in one dim at least: transforms of several lines use vector units and take a third of the
#: time each. Not where they would have more samples than this.
_LINES, _MOST = 4, 1 << 22


def _least(samples: int, ndim: int) -> int:
    return _LINES if ndim == 1 and _LINES * samples <= _MOST else 1


def group_size(core: tuple[int, ...]) -> int:
    """Return the number of items processed together, which depends on the core shape alone."""
    samples = max(1, math.prod(core))
    return max(_least(samples, len(core)), _SAMPLES // samples)


def together(items: int, samples: int, ndim: int) -> int:
    """Return how many sibling planes of so many samples in so many dims are computed together for so many items."""
    return max(1, -(-_least(samples, ndim) // max(1, items)), _TOGETHER // max(1, items * samples))


def parts(numbers: Sequence[int], items: int, samples: int, ndim: int) -> Iterator[tuple[int, ...]]:
    """Yield numbers of planes of so many samples that are computed together for so many items.

    Examples
    --------
    >>> list(parts(range(5), items=1, samples=1 << 16, ndim=2))
    [(0, 1), (2, 3), (4,)]
    """
    size = together(items, samples, ndim)
    for start in range(0, len(numbers), size):
        yield tuple(numbers[start : start + size])


def groups(count: int, core: tuple[int, ...]) -> Iterator[slice]:
    """Yield the groups of ``count`` items, counted from the first.

    Examples
    --------
    >>> [(part.start, part.stop) for part in groups(5, (128, 128))]
    [(0, 2), (2, 4), (4, 5)]
    """
    size = group_size(core)
    for first in range(0, count, size):
        yield slice(first, min(first + size, count))
