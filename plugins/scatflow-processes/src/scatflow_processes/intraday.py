"""The pattern of volatility within a session, as a profile by slot: how it is estimated and taken out.

Arrays are float64, time is the last axis. A *run* is (start, length, slot, count): from sample ``start`` on lie ``count``
sessions of ``length`` samples, the first of each in that slot; so a year of equal sessions is one run.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = Any
Run = tuple[int, int, int, int]


def runs_of(slots: npt.ArrayLike, walls: Sequence[int] = ()) -> tuple[Run, ...]:
    """Return the runs of samples: sessions that are alike and follow one another.

    Parameters
    ----------
    slots : array_like of int, shape (n,)
        Slot of every sample, >= 0.
    walls : sequence of int
        Positions at which a session starts.

    Raises
    ------
    ValueError
        If a slot is negative, or slots within a session do not increase.

    Examples
    --------
    >>> runs_of([0, 1, 2, 0, 1, 4, 5])
    ((0, 3, 0, 1), (3, 2, 0, 1), (5, 2, 4, 1))
    >>> runs_of([0, 1, 0, 1, 0, 1, 0])
    ((0, 2, 0, 3), (6, 1, 0, 1))
    """
    given = np.asarray(slots)
    if given.ndim != 1 or not given.size or not ((given >= 0) & (given % 1 == 0)).all():
        raise ValueError(f"slots must be a list of integers >= 0, got shape {given.shape}")
    slot = given.astype(np.int64)
    steps = np.diff(slot)
    inner = np.ones(steps.size, dtype=bool)
    inner[np.asarray(walls, dtype=np.int64) - 1] = False
    if walls and (inner & (steps <= 0)).any():
        raise ValueError(f"slots must increase within a session, first broken at sample {int(np.argmax(inner & (steps <= 0))) + 1}")
    edges = [0, *(np.flatnonzero((steps != 1) | ~inner) + 1).tolist(), slot.size]
    runs: list[Run] = []
    for start, stop in itertools.pairwise(edges):
        alike = (stop - start, int(slot[start]))
        if runs and runs[-1][1:3] == alike:
            runs[-1] = (*runs[-1][:3], runs[-1][3] + 1)
        else:
            runs.append((start, *alike, 1))
    return tuple(runs)


def slots_in(runs: Sequence[Run]) -> int:
    """Return the number of slots: one more than the last.

    Examples
    --------
    >>> slots_in(((0, 2, 0, 3), (6, 1, 4, 1)))
    5
    """
    return max(slot + length for _, length, slot, _ in runs)


def volatility_profile(xp: Any, x: Array, runs: Sequence[Run], skipna: bool = True) -> Array:
    r"""Return the volatility of every slot relative to that of all samples, shape (..., slots).

    .. math:: f_k^2 = \langle r^2 \rangle_k / \langle r^2 \rangle

    so that dividing by it leaves the mean square of the data as it is, exactly. NaN is left out, or with ``skipna=False``
    makes all slots NaN; a slot without a sample, or with returns of 0 alone, is NaN.

    Examples
    --------
    >>> import numpy as np
    >>> volatility_profile(np, np.array([3.0, 1.0, -3.0, -1.0]), ((0, 2, 0, 2),)).round(4).tolist()
    [1.3416, 0.4472]
    """
    valid = ~xp.isnan(x) if skipna else xp.ones_like(x, dtype=xp.bool)
    square = xp.where(valid, x * x, xp.zeros_like(x))
    number = xp.astype(valid, xp.float64)
    shape = (*x.shape[:-1], slots_in(runs))
    total, samples = (xp.zeros(shape, dtype=xp.float64, device=x.device) for _ in range(2))
    for run in runs:
        slots = slice(run[2], run[2] + run[1])
        total[..., slots] += _over_sessions(xp, square, run)
        samples[..., slots] += _over_sessions(xp, number, run)
    mean = xp.sum(total, axis=-1, keepdims=True) / _positive(xp, xp.sum(samples, axis=-1, keepdims=True))
    ratio = total / _positive(xp, samples) / _positive(xp, mean)
    return xp.sqrt(_positive(xp, ratio))


def _over_sessions(xp: Any, x: Array, run: Run) -> Array:
    start, length, _, count = run
    part = x[..., start : start + length * count]
    return xp.sum(xp.reshape(part, (*x.shape[:-1], count, length)), axis=-2)


def _positive(xp: Any, x: Array) -> Array:
    return xp.where(x > 0, x, xp.full_like(x, xp.nan))


def without_profile(xp: Any, x: Array, profile: Array, runs: Sequence[Run]) -> Array:
    """Return the data divided by the profile of their slots, in the precision of the data.

    Parameters
    ----------
    xp : namespace
        Array library.
    x : array, shape (..., n)
        Returns.
    profile : array of float64, shape (..., slots) or (slots,)
        Factor of every slot.
    runs : sequence of (start, length, slot, count)
        Of :func:`runs_of`.

    Examples
    --------
    >>> import numpy as np
    >>> without_profile(np, np.array([2.0, 3.0, 4.0]), np.array([2.0, 3.0]), runs_of([0, 1, 0])).tolist()
    [1.0, 1.0, 2.0]
    """
    batch, parts = profile.shape[:-1], []
    for _, length, slot, count in runs:
        session = profile[..., None, slot : slot + length]
        parts.append(xp.reshape(xp.broadcast_to(session, (*batch, count, length)), (*batch, count * length)))
    return xp.astype(x / xp.concat(parts, axis=-1), x.dtype)
