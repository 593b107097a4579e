"""Names that do not trade at the same time: their overlap, and the correlation that short bars lose (Epps)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from scatflow_processes.prices import Matrix


class EppsCurve(NamedTuple):
    """Correlation of names against the length of bars.

    Attributes
    ----------
    lengths : ndarray of int, shape (k,)
        Lengths in bars of the data.
    correlation : ndarray of float64, shape (k, m, m)
        Correlation of every pair; NaN where there are fewer than 2 common bars or one of them never moves.
    bars : ndarray of int, shape (k, m, m)
        Bars that both had.
    """

    lengths: npt.NDArray[np.int_]
    correlation: Matrix
    bars: npt.NDArray[np.int64]


def trading_overlap(ticks: npt.ArrayLike) -> Matrix:
    """Return the share of bars in which both names of every pair traded.

    Parameters
    ----------
    ticks : array_like of int, shape (m, n)
        Ticks of m names in n bars, the variable ``ticks`` of the source ``bars``.

    Returns
    -------
    ndarray of float64, shape (m, m)
        Symmetric; the diagonal is the share of bars in which a name traded at all.

    Raises
    ------
    ValueError
        If the array is not two-dimensional, empty, or has negative numbers.

    Examples
    --------
    >>> trading_overlap([[1, 0, 2, 3], [1, 1, 0, 4]]).tolist()
    [[0.75, 0.5], [0.5, 0.75]]
    """
    traded = np.asarray(ticks)
    if traded.ndim != 2 or not traded.size or (traded < 0).any():
        raise ValueError(f"ticks must be numbers >= 0 of shape (names, bars), got shape {traded.shape}")
    there = (traded > 0).astype(np.float64)
    overlap: Matrix = there @ there.T / traded.shape[1]
    return overlap


def epps_curve(returns: npt.ArrayLike, lengths: Sequence[int], segments: npt.ArrayLike | None = None) -> EppsCurve:
    """Return how the correlation of names grows with the length of bars.

    Parameters
    ----------
    returns : array_like of float, shape (m, n)
        Log-returns of m names in bars; NaN where there is none.
    lengths : sequence of int, length k
        Lengths to try, in bars of the data, >= 1.
    segments : array_like of int, shape (n,), optional
        Session of every bar. No longer bar crosses a wall; what is left over at a session's end is left out.

    Returns
    -------
    EppsCurve
        Pearson correlations of the returns summed over disjoint bars. Where returns of two names are Brownian with
        correlation rho and each trades by a Poisson process of its own, previous-tick correlations at length h fall short of
        rho as h shrinks [1]_; they rise to rho once h is far above the time between trades.

    Raises
    ------
    ValueError
        If shapes differ, a length is out of range, or no bar of a length fits.

    References
    ----------
    .. [1] T. W. Epps, "Comovements in stock prices in the very short run", J. Amer. Statist. Assoc. 74 (1979) 291,
       doi:10.1080/01621459.1979.10482508.

    Examples
    --------
    >>> curve = epps_curve([[1.0, 0.0, -2.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, -2.0, 0.0, 1.0]], [1, 2])
    >>> curve.correlation[:, 0, 1].round(3).tolist()
    [0.0, 1.0]
    """
    x = np.asarray(returns, dtype=np.float64)
    session = np.zeros(x.shape[-1], dtype=np.int64) if segments is None else np.asarray(segments)
    if x.ndim != 2 or session.shape != x.shape[1:] or not x.size:
        raise ValueError(f"returns must have shape (names, bars) and segments (bars,), got {x.shape} and {session.shape}")
    widths = np.asarray(lengths)
    if widths.ndim != 1 or not widths.size or widths.dtype.kind not in "iu" or (widths < 1).any():
        raise ValueError(f"lengths must be a list of integers >= 1, got {widths.tolist()}")
    edges = np.flatnonzero(np.diff(session, prepend=session[0] - 1, append=session[-1] - 1))
    tables = [_correlations(_sums(x, edges, int(width))) for width in widths]
    return EppsCurve(widths.astype(np.int_), np.stack([table[0] for table in tables]), np.stack([table[1] for table in tables]))


def _sums(x: Matrix, edges: npt.NDArray[np.intp], width: int) -> Matrix:
    """Return sums over disjoint groups of ``width`` samples, counted from the start of every session."""
    starts = np.concatenate([np.arange(a, b - width + 1, width) for a, b in itertools.pairwise(edges)])
    if not starts.size:
        raise ValueError(f"no bar of {width} fits into a session")
    total = x[:, starts].copy()
    for step in range(1, width):
        total += x[:, starts + step]
    return total


def _correlations(x: Matrix) -> tuple[Matrix, npt.NDArray[np.int64]]:
    """Return correlations over the samples that both names have, and their number."""
    there = ~np.isnan(x)
    filled = np.where(there, x - np.nanmean(np.where(there.any(axis=1, keepdims=True), x, 0.0), axis=1, keepdims=True), 0.0)
    weight = there.astype(np.float64)
    count = weight @ weight.T
    known = np.maximum(count, 1)
    sums, squares = filled @ weight.T, (filled * filled) @ weight.T
    covariance = filled @ filled.T / known - sums * sums.T / known**2
    variance = squares / known - (sums / known) ** 2
    moves = variance > np.finfo(np.float64).eps * squares  # the rounding of both sums: less is no move
    enough = (count > 1) & moves & moves.T
    scale = np.sqrt(np.where(enough, variance * variance.T, 1.0))
    return np.where(enough, covariance / scale, np.nan), count.astype(np.int64)
