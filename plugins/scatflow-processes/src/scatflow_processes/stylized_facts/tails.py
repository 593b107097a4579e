"""How heavy the tails are: Hill estimator, skewness and kurtosis by horizon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from scatflow_processes.autocorrelation import finite_series
from scatflow_processes.stylized_facts import kernels
from scatflow_processes.stylized_facts.series import Series

Vector = npt.NDArray[np.float64]
Lags = npt.NDArray[np.int_]


class Tail(NamedTuple):
    """Tail exponent by Hill's estimator; a sequence of k makes the Hill plot.

    Attributes
    ----------
    extremes : ndarray of int, shape (p,)
        Numbers k of extreme values used.
    exponent : ndarray of float64, shape (..., p)
        Estimates of alpha in P(|r| > x) ~ x^-alpha.
    low, high : ndarray of float64, shape (..., p)
        Confidence interval of alpha.
    threshold : ndarray of float64, shape (..., p)
        Modulus of the first value that is not used, in units of the returns.
    """

    extremes: Lags
    exponent: Vector
    low: Vector
    high: Vector
    threshold: Vector


class Moments(NamedTuple):
    """Shape of the distribution of returns by horizon.

    Attributes
    ----------
    horizons : ndarray of int, shape (k,)
        Horizons in samples.
    std : ndarray of float64, shape (..., k)
        Standard deviation, in units of the returns.
    skewness : ndarray of float64, shape (..., k)
        Third standardized moment.
    kurtosis : ndarray of float64, shape (..., k)
        Fourth standardized moment, 3 for a Gaussian.
    samples : ndarray of int, shape (k,)
        Sums averaged; with overlap they are not independent.
    """

    horizons: Lags
    std: Vector
    skewness: Vector
    kurtosis: Vector
    samples: Lags


def hill(
    returns: npt.ArrayLike,
    tail: Literal["lower", "upper"] = "lower",
    count: int | Sequence[int] | Lags | None = None,
    probability: float = 0.95,
) -> Tail:
    """Return Hill's estimate of the exponent of one tail, with its interval.

    Parameters
    ----------
    returns : array_like of real, shape (..., n)
        Returns; not centered, as a shift would move the threshold.
    tail : {"lower", "upper"}
        Losses or gains.
    count : int or sequence of int, optional
        Numbers k of extreme values, 1 <= k < number of values in the tail; default the largest 5 % of all
        samples. A sequence gives the Hill plot.
    probability : float
        Coverage of the interval, in (0, 1).

    Returns
    -------
    Tail
        ``1 / alpha = (1/k) sum_{i=1}^{k} ln(x_(i) / x_(k+1))``, x_(1) >= x_(2) >= ... the moduli in the tail
        [1]_. The interval ``[q_low, q_high] alpha / (2 k)``, q the quantiles of chi-squared with 2k degrees
        of freedom, is exact for independent Pareto values; clustered extremes make it too narrow.

    Raises
    ------
    ValueError
        If values are not finite, ``tail`` is unknown, a count is out of range or its values are all equal.

    References
    ----------
    .. [1] B. M. Hill, "A simple general approach to inference about the tail of a distribution", Ann.
       Statist. 3 (1975) 1163, doi:10.1214/aos/1176343247.

    Examples
    --------
    >>> import numpy as np
    >>> from scatflow_processes.sp500 import sp500_returns
    >>> losses = hill(sp500_returns().values, "lower", count=100)
    >>> bool(2 < losses.low[0] < losses.exponent[0] < losses.high[0] < 5)
    True
    """
    if tail not in ("lower", "upper"):
        raise ValueError(f'tail must be "lower" or "upper", got {tail!r}')
    x = finite_series(returns)
    most = int(((x > 0) if tail == "upper" else (x < 0)).sum(axis=-1).min()) - 1
    counts = np.atleast_1d(np.asarray(max(1, x.shape[-1] // 20) if count is None else count, dtype=np.int_))
    if counts.ndim != 1 or counts.size == 0 or not ((counts >= 1) & (counts <= most)).all():
        raise ValueError(f"count must lie in [1, {most}] for this tail, got {counts.tolist()}")
    low, high = interval_factors(counts.tolist(), probability)
    ordered = kernels.tails(np, x, int(counts.max()) + 1)[..., int(tail == "upper"), :]
    exponent, threshold = (curve[..., counts - 1] for curve in kernels.hill(np, ordered))
    if np.isnan(exponent).any():
        raise ValueError("the extreme values are all equal; the tail has no exponent, or count is too small")
    return Tail(counts, exponent, exponent * low, exponent * high, threshold)


def interval_factors(counts: Sequence[int], probability: float = 0.95) -> tuple[Vector, Vector]:
    """Return what turns a Hill estimate from k values into the ends of its confidence interval.

    Parameters
    ----------
    counts : sequence of int, length p
        Numbers k of extreme values, >= 1.
    probability : float
        Coverage, in (0, 1).

    Returns
    -------
    low, high : ndarray of float64, shape (p,)
        ``q / (2 k)``, q the quantiles of chi-squared with 2k degrees of freedom: for Pareto values
        2 k alpha / alpha_Hill has that law.

    Raises
    ------
    ValueError
        If ``probability`` is outside its range.

    Examples
    --------
    >>> low, high = interval_factors([100])
    >>> round(float(low[0]), 3), round(float(high[0]), 3)
    (0.814, 1.205)
    """
    if not 0 < probability < 1:
        raise ValueError(f"probability must lie in (0, 1), got {probability}")
    k = np.asarray(counts, dtype=np.float64)
    from scipy import special  # here: modules of operators load nothing heavy

    low, high = (special.gammaincinv(k, 0.5 + side * probability / 2) / k for side in (-1, 1))
    return low, high


def moments_by_horizon(returns: npt.ArrayLike, horizons: Sequence[int] | Lags, overlap: bool = True) -> Moments:
    """Return standard deviation, skewness and kurtosis of returns summed over several horizons.

    Parameters
    ----------
    returns : array_like of real, shape (..., n)
        Additive (log-)returns.
    horizons : sequence of int, length k
        Horizons h in samples, 1 <= h <= n / 2.
    overlap : bool
        Use all n - h + 1 sums of h successive returns; False takes the floor(n / h) disjoint ones from the
        start.

    Returns
    -------
    Moments
        With m the mean and s the standard deviation (divisor the count) of the sums R, ``<(R - m)^3> / s^3``
        and ``<(R - m)^4> / s^4`` [1]_. The kurtosis is the full one, 3 for a Gaussian.

    Raises
    ------
    ValueError
        If values are not finite, a horizon is out of range, or the sums are constant.

    References
    ----------
    .. [1] R. Cont, "Empirical properties of asset returns: stylized facts and statistical issues", Quant.
       Finance 1 (2001) 223, doi:10.1080/713665670.

    Examples
    --------
    >>> import numpy as np
    >>> from scatflow_processes.sp500 import sp500_returns
    >>> moments = moments_by_horizon(sp500_returns().values, [1, 60])
    >>> bool(moments.kurtosis[0] > 10 > moments.kurtosis[1] > 3)
    True
    """
    x = finite_series(returns)
    n = x.shape[-1]
    lengths = np.asarray(horizons, dtype=np.int_).ravel()
    if lengths.size == 0 or not ((lengths >= 1) & (2 * lengths <= n)).all():
        raise ValueError(f"horizons must lie in [1, {n // 2}] for {n} samples, got {lengths.tolist()}")
    std, skewness, kurtosis, _ = kernels.moments(np, Series(x), lengths.tolist(), overlap)
    sums = [n - h + 1 if overlap else n // h for h in lengths.tolist()]
    if not (std > 0).all():
        raise ValueError("returns must not be constant when summed over a horizon")
    return Moments(lengths, std, skewness, kurtosis, np.asarray(sums, dtype=np.int_))
