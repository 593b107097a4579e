"""Integrated autocorrelation times of many series at once."""

from __future__ import annotations

import math
from typing import Any

Array = Any

#: Sokal's window: the smallest M with M >= WINDOW * tau(M).
WINDOW = 5.0
#: Columns whose autocorrelations are computed together.
_SLAB = 64


def autocorrelation_time(xp: Any, series: Array, valid: Array | None = None) -> Array:
    """Return the integrated autocorrelation time ``1/2 + sum rho(t)`` by Sokal's window.

    Parameters
    ----------
    xp : module
        Array namespace.
    series : array of float64 or complex128, shape (..., n, K)
        Deviations from the mean, equally spaced; 0 where missing.
    valid : array of float64, shape (..., n, 1 or K), optional
        1 where there is a value, 0 where it is missing.

    Returns
    -------
    array of float64, shape (..., 1, K)
        In samples; 1/2 for uncorrelated ones. The window is the smallest M with ``M >= 5 tau(M)``; the factor
        ``1 + (2 M + 1) / n`` removes the bias from subtracting the sample mean (Wolff 2004, eq. 49). Where neighbors
        are anticorrelated the window closes early and the time comes out too small; callers take 1/2 as the least.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).standard_normal((4096, 1))
    >>> bool(abs(autocorrelation_time(np, x - x.mean())[0, 0] - 0.5) < 0.1)
    True
    """
    n, columns = series.shape[-2], series.shape[-1]
    valid = xp.ones_like(xp.real(series[..., :1]) if is_complex(xp, series) else series[..., :1]) if valid is None else valid
    parts = []
    for first in range(0, columns, _SLAB):
        slab = slice(first, min(first + _SLAB, columns))
        mask = valid if valid.shape[-1] == 1 else valid[..., slab]
        parts.append(_windowed_time(xp, series[..., slab], mask, n))
    return xp.concat(parts, axis=-1)


def _windowed_time(xp: Any, series: Array, valid: Array, n: int) -> Array:
    lags = xp.arange(n, dtype=xp.float64, device=device_of(series))[:, None]
    pieces = (xp.real(series), xp.imag(series)) if is_complex(xp, series) else (series,)
    products = [_lagged(xp, piece, n) for piece in pieces]
    pairs = _lagged(xp, valid, n)
    pairs = xp.where(pairs > 0.5, pairs, xp.ones_like(pairs))
    # Mean product per available pair, tapered as for a series without gaps (divisor n keeps it positive definite).
    covariance = sum(products[1:], products[0]) / pairs * (1 - lags / n)
    at_zero = covariance[..., :1, :]
    rho = covariance / xp.where(at_zero > 0, at_zero, xp.ones_like(at_zero))
    rising = xp.cumulative_sum(rho, axis=-2) - 0.5
    passed = xp.cumulative_sum(xp.astype(lags >= WINDOW * rising, xp.int64), axis=-2)
    open_ = xp.astype(passed == 0, xp.float64)
    # `open_` holds before the window closes; M itself belongs to the sum.
    last = xp.sum(open_, axis=-2, keepdims=True)
    inside = xp.astype(lags <= last, xp.float64)
    tau = xp.sum(rho * inside, axis=-2, keepdims=True) - 0.5
    return tau * (1 + (2 * last + 1) / max(1, n))


def _lagged(xp: Any, series: Array, n: int) -> Array:
    """Return sum over t of s(t) s(t + k) for k = 0..n-1 along the second-last axis, by zero-padded FFT."""
    length = 2 ** math.ceil(math.log2(max(2, 2 * n)))
    spectrum = xp.fft.rfft(series, n=length, axis=-2)
    power = xp.real(spectrum) ** 2 + xp.imag(spectrum) ** 2
    return xp.fft.irfft(xp.astype(power, xp.complex128), n=length, axis=-2)[..., :n, :]


def is_complex(xp: Any, array: Array) -> bool:
    """Tell whether an array holds complex numbers."""
    return bool(xp.isdtype(array.dtype, "complex floating"))


def device_of(array: Array) -> Any:
    """Return the device of an array, None where the library has none."""
    return getattr(array, "device", None)
