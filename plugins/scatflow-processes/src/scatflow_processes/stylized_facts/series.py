"""Series with gaps and walls on any array library: what is there, which samples may be paired, sums over pairs and windows.

Arrays are float64, time is the last axis, leading axes are kept. No pair and no window holds a missing sample or lies on both
sides of a wall; every pair counts the same, so segments weigh by what they hold.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from scatflow.arrays import fast_length
from scatflow.errors import DataError

Array = Any
Positions = npt.NDArray[np.int64]
Policy = Literal["propagate", "error", "mask"]

#: Number of lags from which sums over all pairs are cheaper by transforms.
_TRANSFORMED = 16


class Series(NamedTuple):
    """Series of one length, some of which begin later or end earlier than others.

    Attributes
    ----------
    values : array of float64, shape (..., n)
        0 where a sample is missing; NaN all along a series that a gap has spoiled.
    valid : array of bool, shape (..., n), or None
        Where samples are; None where none is missing.
    walls : tuple of int
        Positions at which a segment starts, increasing, 0 not among them.
    """

    values: Array
    valid: Array | None = None
    walls: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """Length of the axis."""
        return int(self.values.shape[-1])

    @property
    def lengths(self) -> Positions:
        """Lengths of the segments."""
        return np.diff(np.array([0, *self.walls, self.size]))

    @property
    def begins(self) -> Positions:
        """Position of the first sample of the segment of every sample."""
        return np.repeat(np.array([0, *self.walls]), self.lengths)

    def samples(self, xp: Any) -> Array:
        """Return the number of samples of every series, float64, shape (...)."""
        if self.valid is not None:
            return xp.sum(xp.astype(self.valid, xp.float64), axis=-1)
        return xp.full(self.values.shape[:-1], float(self.size), dtype=xp.float64, device=self.values.device)


def series_of(
    xp: Any, x: Array, walls: Sequence[int] = (), nan: Policy = "mask", subject: str = "series", start: Sequence[int] = ()
) -> Series:
    """Return series of an array in which NaN stands for a missing sample.

    Parameters
    ----------
    xp : namespace
        Array library.
    x : array of float64, shape (..., n)
        The data.
    walls : sequence of int
        Positions at which a segment starts.
    nan : {"propagate", "error", "mask"}
        What is done about a gap, which is NaN with samples before and after it in its segment: spoil the whole series, refuse,
        or leave it out. NaN at the ends of a segment is absence and no gap.
    subject : str
        What errors name.
    start : sequence of int
        Index of the array's first item along every leading axis, for errors; default zeros.

    Raises
    ------
    DataError
        If there is a gap under ``error``; it tells how many samples are missing, and the first.
    """
    hole = xp.isnan(x)
    if not bool(xp.any(hole)):
        return Series(x, None, tuple(walls))
    series = Series(xp.where(hole, xp.zeros_like(x), x), ~hole, tuple(walls))
    if nan == "mask":
        return series
    gap = _gaps(xp, series, hole)
    if nan == "error":
        _refuse(xp, gap, subject, start)
    spoiled = xp.any(gap, axis=-1, keepdims=True)
    return series._replace(values=xp.where(spoiled, xp.full_like(x, math.nan), series.values))


def _within(xp: Any, series: Series, marks: Array) -> Array:
    """Return how many samples of its segment are marked, up to each sample, int32."""
    total = xp.cumulative_sum(xp.astype(marks, xp.int32), axis=-1, dtype=xp.int32)
    if not series.walls:
        return total
    before = xp.astype(total - xp.astype(marks, xp.int32), xp.int32)
    return total - xp.take(before, xp.asarray(series.begins, device=marks.device), axis=-1)


def _gaps(xp: Any, series: Series, hole: Array) -> Array:
    """Return where samples are missing between others of their segment."""
    since = _within(xp, series, ~hole)
    ends = xp.asarray(series.begins + np.repeat(series.lengths, series.lengths) - 1, device=since.device)
    return hole & (since > 0) & (since < xp.take(since, ends, axis=-1))


def _refuse(xp: Any, gap: Array, subject: str, start: Sequence[int]) -> None:
    count = int(xp.sum(xp.astype(gap, xp.int64)))
    if count:
        first = np.unravel_index(int(xp.argmax(xp.reshape(xp.astype(gap, xp.int8), (-1,)))), gap.shape)
        origin = (*start, *(0,) * (gap.ndim - len(start)))
        where = tuple(int(k) + a for k, a in zip(first, origin, strict=True))
        raise DataError(f"{subject} input", f"{count} interior NaN under nan='error'", got=f"first at {where}",
                        remedy="Choose nan='propagate' or nan='mask', or fill the gaps.")  # fmt: skip


def ratio(xp: Any, numerator: Array, denominator: Array) -> Array:
    """Return the quotient, NaN where the denominator is not positive."""
    nothing = xp.full_like(denominator, math.nan)
    return numerator / xp.where(denominator > 0, denominator, nothing)


def center(xp: Any, x: Array, valid: Array | None = None) -> Array:
    """Return ``x`` without the mean of its valid samples, 0 at others; exact zeros for a constant series."""
    if valid is None:
        high, low, mean = xp.max(x, axis=-1, keepdims=True), xp.min(x, axis=-1, keepdims=True), xp.mean(x, axis=-1, keepdims=True)
    else:
        far = xp.full_like(x, math.inf)
        high = xp.max(xp.where(valid, x, -far), axis=-1, keepdims=True)
        low = xp.min(xp.where(valid, x, far), axis=-1, keepdims=True)
        total = xp.sum(xp.where(valid, x, xp.zeros_like(x)), axis=-1, keepdims=True)
        mean = ratio(xp, total, xp.sum(xp.astype(valid, xp.float64), axis=-1, keepdims=True))
    # The mean of equal numbers rounds, and the rest would be divided by itself later; of no numbers there is none.
    nothing = high <= low
    return xp.where(nothing if valid is None else nothing | ~valid, xp.zeros_like(x), x - mean)


def lagged_sums(xp: Any, a: Array, b: Array, lags: Sequence[int], walls: Sequence[int] = ()) -> Array:
    """Return ``sum_t a(t) b(t + lag)`` over the pairs inside segments, shape (..., lags).

    Many lags are taken by transforms, whose rounding is that of the largest sums possible, 1e-15 sqrt(sum a^2 sum b^2).
    """
    n, edges = a.shape[-1], np.array([0, *walls, a.shape[-1]])
    if len(lags) >= _TRANSFORMED:
        return _transformed_sums(xp, a, b, lags, edges)
    segment = np.repeat(np.arange(edges.size - 1), np.diff(edges))
    values = []
    for lag in lags:
        early, late = slice(0, n - abs(lag)), slice(abs(lag), n)
        at, then = (early, late) if lag >= 0 else (late, early)
        products = a[..., at] * b[..., then]
        if walls:
            inside = xp.asarray((segment[early] == segment[late]).astype(np.float64), device=a.device)
            values.append(xp.matmul(products, inside))
        else:
            values.append(xp.sum(products, axis=-1))
    return xp.stack(values, axis=-1)


def _transformed_sums(xp: Any, a: Array, b: Array, lags: Sequence[int], edges: Positions) -> Array:
    """Return the sums of :func:`lagged_sums`: cross-spectra of segments of one length are added before they go back."""
    lengths, most = np.diff(edges), max(abs(lag) for lag in lags)
    parts = []
    for length in np.unique(lengths).tolist():
        starts, size = edges[:-1][lengths == length], fast_length(length + most)
        first = _spectra(xp, a, starts, length, size)
        product = xp.conj(first) * (first if b is a else _spectra(xp, b, starts, length, size))
        sums = xp.fft.irfft(xp.sum(product, axis=-2), n=size, axis=-1)
        index = xp.asarray([lag % size for lag in lags], dtype=xp.int64, device=a.device)
        parts.append(xp.take(sums, index, axis=-1))
    return functools.reduce(operator.add, parts)


def _spectra(xp: Any, x: Array, starts: Positions, length: int, size: int) -> Array:
    """Return the transforms of the segments of one length, extended by zeros, shape (..., segments, frequencies)."""
    if length < x.shape[-1]:
        x = xp.take(x, xp.asarray((starts[:, None] + np.arange(length)).reshape(-1), device=x.device), axis=-1)
    return xp.fft.rfft(xp.reshape(x, (*x.shape[:-1], starts.size, length)), n=size, axis=-1)


def pair_counts(xp: Any, series: Series, lags: Sequence[int]) -> Array:
    """Return the number of pairs at every lag, float64, shape (..., lags)."""
    if series.valid is not None:
        present = xp.astype(series.valid, xp.float64)
        return xp.round(lagged_sums(xp, present, present, [abs(lag) for lag in lags], series.walls))
    counts = [float(np.maximum(series.lengths - abs(lag), 0).sum()) for lag in lags]
    row = xp.asarray(counts, dtype=xp.float64, device=series.values.device)
    return xp.broadcast_to(row, (*series.values.shape[:-1], len(lags)))


def running_sums(xp: Any, x: Array, width: int) -> Array:
    """Return the sums of ``width`` successive samples, shape (..., n - width + 1).

    Sums of 1, 2, 4, ... samples are joined, so the cost grows with log(width) and rounding does not pile up
    as it does in differences of a cumulative sum.
    """
    length = x.shape[-1] - width + 1
    total, done, size = xp.zeros_like(x[..., :length]), 0, 1
    while done < width:
        if width & size:
            total = total + x[..., done : done + length]
            done += size
        if done < width:
            x = x[..., : x.shape[-1] - size] + x[..., size:]
            size *= 2
    return total


def whole_windows(xp: Any, series: Series, width: int, disjoint: bool = False) -> Array | None:
    """Return where ``width`` successive samples are of one segment and none is missing, shape (..., n - width + 1).

    ``disjoint`` takes every ``width``-th window alone, counted from the first sample of every series in each segment. None
    stands for all windows.
    """
    if series.valid is None and not series.walls and not disjoint:
        return None
    length = series.size - width + 1
    begins, device = series.begins, series.values.device
    inside = xp.asarray(begins[width - 1 :] == begins[:length], device=device)
    since = xp.asarray(np.arange(series.size) - begins, dtype=xp.int32, device=device)
    if series.valid is not None:
        inside = inside & (running_sums(xp, xp.astype(series.valid, xp.int32), width) == width)
        if disjoint:
            since = since - _within(xp, series, _within(xp, series, series.valid) == 0)
    if disjoint:
        inside = inside & (since[..., :length] % width == 0)
    return xp.broadcast_to(inside, (*series.values.shape[:-1], length))
