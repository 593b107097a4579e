"""The statistics of returns on any array library: what the functions and the operators both evaluate.

Arrays are float64, time is the last axis, leading axes are kept. NaN is passed on; a result without a meaning
(a constant series, a tail with too few values) is NaN. Parameters have been checked by the callers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

Array = Any

#: Products up to which lagged sums are taken directly; beyond, transforms are cheaper.
_DIRECT = 1 << 22


def center(xp: Any, x: Array) -> Array:
    """Return ``x`` without its mean; exact zeros for a constant series."""
    constant = xp.max(x, axis=-1, keepdims=True) == xp.min(x, axis=-1, keepdims=True)
    # The mean of equal numbers rounds, and the rest would be divided by itself later.
    return xp.where(constant, xp.zeros_like(x), x - xp.mean(x, axis=-1, keepdims=True))


def ratio(xp: Any, numerator: Array, denominator: Array) -> Array:
    """Return the quotient, NaN where the denominator is not positive."""
    nothing = xp.full_like(denominator, math.nan)
    return numerator / xp.where(denominator > 0, denominator, nothing)


def leverage(xp: Any, x: Array, lags: Sequence[int], exponent: float, demean: bool) -> Array:
    """Return ``<r(t) r(t + tau)^2> / <r^2>^exponent``, shape (..., lags)."""
    x = center(xp, x) if demean else x
    square = x * x
    n = x.shape[-1]
    values = []
    for lag in lags:
        early, late = slice(0, n - abs(lag)), slice(abs(lag), n)
        at, then = (early, late) if lag >= 0 else (late, early)
        values.append(xp.mean(x[..., at] * square[..., then], axis=-1))
    variance = xp.mean(square, axis=-1)
    return ratio(xp, xp.stack(values, axis=-1), variance[..., None] ** exponent)


def autocorrelation(xp: Any, x: Array, max_lag: int) -> Array:
    """Return the sample autocorrelation at lags 1..max_lag, divisor n, shape (..., max_lag)."""
    x = center(xp, x)
    n = x.shape[-1]
    if n * max_lag <= _DIRECT:
        parts = [xp.sum(x[..., : n - lag] * x[..., lag:], axis=-1) for lag in range(1, max_lag + 1)]
        sums = xp.stack(parts, axis=-1)
    else:
        size = 1 << (n + max_lag - 1).bit_length()
        spectrum = xp.fft.rfft(x, n=size, axis=-1)
        power = xp.astype(xp.real(spectrum) ** 2 + xp.imag(spectrum) ** 2, xp.complex128)
        sums = xp.fft.irfft(power, n=size, axis=-1)[..., 1 : max_lag + 1]
    return ratio(xp, sums, xp.sum(x * x, axis=-1)[..., None])


def zumbach(xp: Any, x: Array, windows: Sequence[int]) -> Array:
    """Return the correlation of past trend^2 with volatility minus that of past volatility with trend^2."""
    x = center(xp, x)
    square = x * x
    values = []
    for width in windows:
        trend = running_sums(xp, x, width)
        trend2, volatility = trend * trend, running_sums(xp, square, width)
        earlier, later = slice(0, -width), slice(width, None)
        forward = correlation(xp, trend2[..., earlier], volatility[..., later])
        values.append(forward - correlation(xp, volatility[..., earlier], trend2[..., later]))
    return xp.stack(values, axis=-1)


def hill(xp: Any, x: Array, extremes: Sequence[int]) -> tuple[Array, Array]:
    """Return Hill's exponent of the upper tail and the threshold x_(k+1), each (..., extremes)."""
    missing = xp.any(xp.isnan(x), axis=-1, keepdims=True)
    ordered = -xp.sort(-x, axis=-1)[..., : max(extremes) + 1]
    nothing = xp.full_like(ordered, math.nan)
    ordered = xp.where((ordered > 0) & ~missing, ordered, nothing)
    logs = xp.log(ordered)
    inverse = xp.stack([xp.mean(logs[..., :k] - logs[..., k : k + 1], axis=-1) for k in extremes], axis=-1)
    threshold = xp.stack([ordered[..., k] for k in extremes], axis=-1)
    return ratio(xp, xp.ones_like(inverse), inverse), threshold


def moments(xp: Any, x: Array, horizons: Sequence[int], overlap: bool) -> tuple[Array, Array, Array]:
    """Return standard deviation, skewness, kurtosis of sums over each horizon, each (..., horizons)."""
    columns = []
    for horizon in horizons:
        sums = center(xp, running_sums(xp, x, horizon)[..., :: 1 if overlap else horizon])
        square = sums * sums
        second = xp.mean(square, axis=-1)
        third, fourth = xp.mean(square * sums, axis=-1), xp.mean(square * square, axis=-1)
        columns.append((xp.sqrt(second), ratio(xp, third, second**1.5), ratio(xp, fourth, second**2)))
    std, skewness, kurtosis = (xp.stack(list(column), axis=-1) for column in zip(*columns, strict=True))
    return std, skewness, kurtosis


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


def correlation(xp: Any, a: Array, b: Array) -> Array:
    """Return Pearson's correlation along the last axis."""
    a, b = center(xp, a), center(xp, b)
    norm = xp.sqrt(xp.mean(a * a, axis=-1) * xp.mean(b * b, axis=-1))
    return ratio(xp, xp.mean(a * b, axis=-1), norm)
