"""Autocorrelation of series, and errors of averages that account for it."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from scatflow.contract.autocorrelation import autocorrelation_time


class Average(NamedTuple):
    """Mean of a correlated series.

    Attributes
    ----------
    mean : float
        Average of the series.
    error : float
        Standard error of the mean, ``sqrt(2 tau variance / n)``.
    tau : float
        Integrated autocorrelation time in samples; 1/2 for independent samples.
    """

    mean: float
    error: float
    tau: float


def autocovariance(series: npt.ArrayLike, max_lag: int) -> npt.NDArray[np.float64]:
    """Return the sample autocovariance along the last axis.

    Parameters
    ----------
    series : array_like of real, shape (..., n)
        Finite values, one step per sample.
    max_lag : int
        Largest lag in samples, 0 <= max_lag < n.

    Returns
    -------
    ndarray of float64, shape (..., max_lag + 1)
        ``c(k) = (1/n) sum_{t < n - k} (x(t) - m) (x(t + k) - m)`` with m the mean over all n samples, in
        squared units of the series. The divisor n (not n - k) keeps the sequence positive definite [1]_.

    Raises
    ------
    ValueError
        If a value is not finite or ``max_lag`` is outside its range.

    References
    ----------
    .. [1] P. J. Brockwell, R. A. Davis, "Time Series: Theory and Methods", 2nd ed. (1991), section 7.2.

    Examples
    --------
    >>> import numpy as np
    >>> autocovariance([1.0, -1.0, 1.0, -1.0], 2).tolist()
    [1.0, -0.75, 0.5]
    """
    x = finite_series(series)
    n = x.shape[-1]
    if not 0 <= max_lag < n:
        raise ValueError(f"max_lag must lie in [0, {n - 1}] for a series of {n} samples, got {max_lag}")
    x = x - x.mean(axis=-1, keepdims=True)
    if (max_lag + 1) * n <= 1 << 16:
        # Short sums directly: exact zeros stay exact and nothing is padded.
        sums = [(x[..., : n - k] * x[..., k:]).sum(-1) for k in range(max_lag + 1)]
        return np.asarray(np.stack(sums, axis=-1) / n)
    from scipy import fft  # here: modules of operators load nothing heavy

    size = fft.next_fast_len(n + max_lag, real=True)
    power = np.abs(fft.rfft(x, n=size)) ** 2
    return np.asarray(fft.irfft(power, n=size)[..., : max_lag + 1] / n)


def integrated_time(series: npt.ArrayLike) -> float:
    """Return the integrated autocorrelation time of a stationary series.

    Parameters
    ----------
    series : array_like of real, shape (n,)
        Successive values of one observable of a chain in equilibrium, n >= 8.

    Returns
    -------
    float
        ``tau = 1/2 + sum_{k=1}^{M} c(k) / c(0)`` in samples, at least 1/2; a constant series gives 1/2.

    Raises
    ------
    ValueError
        If the series is shorter than 8, has another rank, or is not finite.

    Notes
    -----
    That of the operator ``integrated_time`` and of published averages: the self-consistent window of Sokal [1]_, the least M of at
    least 5 times the sum up to it, and a factor ``1 + (2 M + 1) / n`` for the mean being that of the sample. Estimates are
    trustworthy when the series is longer than some hundred times the result; what lies beyond the window leaves out about
    exp(-5) = 0.7 % of a time with one decay.

    References
    ----------
    .. [1] A. D. Sokal, "Monte Carlo methods in statistical mechanics: foundations and new algorithms" (1997),
       section 3, doi:10.1007/978-1-4899-0319-8_6.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).standard_normal(4096)
    >>> bool(abs(integrated_time(x) - 0.5) < 0.1)
    True
    """
    x = finite_series(series)
    if x.ndim != 1 or x.size < 8:
        raise ValueError(f"series must be 1-D with at least 8 samples, got shape {x.shape}")
    return float(windowed_time(np, x))


def windowed_time(xp: Any, series: Any) -> Any:
    """Return the integrated autocorrelation time of series along the last axis, at least 1/2; 1/2 of constant ones.

    Parameters
    ----------
    xp : Namespace
        The block's namespace.
    series : array of float64, shape (..., n)
        Finite values.

    Returns
    -------
    array of float64, shape (...)
        In samples.

    Examples
    --------
    >>> windowed_time(np, np.full((2, 20), 0.1)).tolist()
    [0.5, 0.5]
    """
    apart = series - xp.mean(series, axis=-1, keepdims=True)
    # A constant series differs from its mean by rounding alone.
    scale = xp.max(xp.abs(series), axis=-1, keepdims=True)
    apart = xp.where(xp.abs(apart) <= 1e-14 * scale, xp.zeros_like(apart), apart)
    time = autocorrelation_time(xp, apart[..., None])[..., 0, 0]
    return xp.where(time < 0.5, xp.full_like(time, 0.5), time)


def average(series: npt.ArrayLike) -> Average:
    """Return the mean of a stationary series with its autocorrelation-corrected standard error.

    Parameters
    ----------
    series : array_like of real, shape (n,)
        Successive values of one observable, n >= 8.

    Returns
    -------
    Average
        Mean, standard error and integrated autocorrelation time.

    Raises
    ------
    ValueError
        As `integrated_time`.

    Examples
    --------
    >>> import numpy as np
    >>> result = average(np.random.default_rng(1).standard_normal(10_000))
    >>> bool(abs(result.mean) < 4 * result.error), round(result.error, 2)
    (True, 0.01)
    """
    x = finite_series(series)
    tau = integrated_time(x)
    return Average(float(x.mean()), math.sqrt(2 * tau * float(x.var()) / x.size), tau)


def finite_series(series: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return ``series`` as float64 with at least one axis, refusing complex, empty and non-finite data.

    Raises
    ------
    ValueError
        If a rule is broken; the message counts the offending values.

    Examples
    --------
    >>> import numpy as np
    >>> finite_series([1, 2]).dtype.name
    'float64'
    """
    given: npt.NDArray[Any] = np.asarray(series)
    if given.ndim == 0 or given.size == 0 or given.dtype.kind not in "fiub":
        raise ValueError(f"series must be a real, non-empty array, got dtype {given.dtype}, shape {given.shape}")
    x = given.astype(np.float64)
    bad = int(np.count_nonzero(~np.isfinite(x)))
    if bad:
        raise ValueError(f"series must be finite, got {bad} of {x.size} values NaN or infinite; cut or fill them")
    return x
