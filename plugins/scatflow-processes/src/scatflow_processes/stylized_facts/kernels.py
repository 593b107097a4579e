"""The statistics of returns on any array library: what the functions and the operators both evaluate.

Every statistic comes with the number of pairs, windows or values that it is an average over. A result without a meaning (a
constant series, no pair, a tail with too few values) is NaN. Parameters have been checked by the callers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from scatflow_processes.stylized_facts.series import (
    Series,
    center,
    lagged_sums,
    pair_counts,
    ratio,
    running_sums,
    whole_windows,
)

Array = Any


def leverage(xp: Any, series: Series, lags: Sequence[int], exponent: float, demean: bool) -> tuple[Array, Array, Array]:
    """Return ``<r(t) r(t + tau)^2> / <r^2>^exponent``, its standard deviation under random signs and the numbers of pairs.

    Each has shape (..., lags). Random signs leave every modulus where it is and give all terms r r'^2 independent signs, so the
    variance of their sum is exactly that of their squares, however volatility clusters.
    """
    x = center(xp, series.values, series.valid) if demean else series.values
    square = x * x
    pairs = pair_counts(xp, series, lags)
    scale = ratio(xp, xp.sum(square, axis=-1), series.samples(xp))[..., None] ** exponent
    means = ratio(xp, lagged_sums(xp, x, square, lags, series.walls), pairs)
    squares = lagged_sums(xp, square, square * square, lags, series.walls)
    spread = ratio(xp, xp.sqrt(xp.where(squares < 0, xp.zeros_like(squares), squares)), pairs)
    return ratio(xp, means, scale), ratio(xp, spread, scale), pairs


def autocorrelation(xp: Any, series: Series, x: Array, pairs: Array) -> Array:
    """Return the sample autocorrelation of ``x``, missing where the series is, at the lags 1, 2, ... of ``pairs`` (..., lags).

    It is ``(1 - tau / n) <y y'> / <y^2>``, the first mean over pairs, the second over the n samples: of a whole series that is the
    usual one with divisor n for all lags, whose sequence is positive definite.
    """
    y = center(xp, x, series.valid)
    samples = series.samples(xp)[..., None]
    means = ratio(xp, lagged_sums(xp, y, y, range(1, pairs.shape[-1] + 1), series.walls), pairs)
    return _share(xp, samples, pairs) * ratio(xp, means, ratio(xp, xp.sum(y * y, axis=-1, keepdims=True), samples))


def independent_band(xp: Any, series: Series, pairs: Array, quantile: float) -> Array:
    """Return the half width of the band of independent values at the lags 1, 2, ..., shape (..., lags).

    Bartlett's ``quantile / sqrt(n)``, n being the pairs divided by the share ``1 - tau / n`` that a whole series has of them.
    """
    equivalent = ratio(xp, pairs, _share(xp, series.samples(xp)[..., None], pairs))
    return quantile / xp.sqrt(xp.where(pairs > 0, equivalent, xp.full_like(pairs, math.nan)))


def _share(xp: Any, samples: Array, pairs: Array) -> Array:
    """Return ``1 - tau / n``, at least 0."""
    lags = xp.arange(1, pairs.shape[-1] + 1, dtype=xp.float64, device=samples.device)
    left = 1.0 - lags / xp.where(samples > 0, samples, xp.ones_like(samples))
    return xp.where(left > 0, left, xp.zeros_like(left))


def zumbach(xp: Any, series: Series, windows: Sequence[int]) -> tuple[Array, Array]:
    """Return the correlation of past trend^2 with volatility minus that of past volatility with trend^2, and numbers of pairs."""
    x = center(xp, series.values, series.valid)
    square = x * x
    values, counts = [], []
    for width in windows:
        trend = running_sums(xp, x, width)
        trend2, volatility = trend * trend, running_sums(xp, square, width)
        earlier, later = slice(0, -width), slice(width, None)
        both = whole_windows(xp, series, 2 * width)  # one behind the other
        forward = correlation(xp, trend2[..., earlier], volatility[..., later], both)
        values.append(forward - correlation(xp, volatility[..., earlier], trend2[..., later], both))
        counts.append(Series(trend2[..., earlier], both).samples(xp))
    return xp.stack(values, axis=-1), xp.stack(counts, axis=-1)


def correlation(xp: Any, a: Array, b: Array, valid: Array | None = None) -> Array:
    """Return Pearson's correlation along the last axis, over the valid pairs."""
    a, b = center(xp, a, valid), center(xp, b, valid)
    norm = xp.sqrt(xp.sum(a * a, axis=-1) * xp.sum(b * b, axis=-1))
    return ratio(xp, xp.sum(a * b, axis=-1), norm)


def tails(xp: Any, x: Array, most: int) -> Array:
    """Return the ``most`` largest losses and gains in falling order, shape (..., 2, most); NaN where there are not so many."""
    ordered = xp.sort(x, axis=-1)
    sides = xp.stack([-ordered[..., :most], xp.flip(ordered, axis=-1)[..., :most]], axis=-2)
    return xp.where(sides > 0, sides, xp.full_like(sides, math.nan))


def hill(xp: Any, ordered: Array) -> tuple[Array, Array]:
    """Return Hill's exponents from 1, 2, ... values and the thresholds x_(k+1), each (..., m - 1), for m values in falling order.

    The mean of ``ln(x_(i) / x_(k+1))`` is that of the scaled spacings ``i ln(x_(i) / x_(i+1))``, one sum for all k; equal values
    give exact zeros, and no exponent.
    """
    logs = xp.log(ordered)
    k = xp.arange(1, ordered.shape[-1], dtype=xp.float64, device=ordered.device)
    inverse = xp.cumulative_sum(k * (logs[..., :-1] - logs[..., 1:]), axis=-1) / k
    return ratio(xp, xp.ones_like(inverse), inverse), ordered[..., 1:]


def moments(xp: Any, series: Series, horizons: Sequence[int], overlap: bool) -> tuple[Array, Array, Array, Array]:
    """Return standard deviation, skewness and kurtosis of sums over each horizon and their numbers, each (..., horizons)."""
    columns = []
    for horizon in horizons:
        sums = running_sums(xp, series.values, horizon)
        whole = whole_windows(xp, series, horizon, disjoint=not overlap)
        number = Series(sums, whole).samples(xp)
        sums = center(xp, sums, whole)
        square = sums * sums
        second, third, fourth = (ratio(xp, xp.sum(power, axis=-1), number) for power in (square, square * sums, square * square))
        columns.append((xp.sqrt(second), ratio(xp, third, second**1.5), ratio(xp, fourth, second**2), number))
    std, skewness, kurtosis, numbers = (xp.stack(list(column), axis=-1) for column in zip(*columns, strict=True))
    return std, skewness, kurtosis, numbers
