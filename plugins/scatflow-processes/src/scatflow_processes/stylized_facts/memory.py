"""How returns remember: leverage, autocorrelation of |r|^d, asymmetry under time reversal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from scatflow_processes.autocorrelation import finite_series
from scatflow_processes.stylized_facts import kernels
from scatflow_processes.stylized_facts.series import Series, center, pair_counts

Vector = npt.NDArray[np.float64]
Lags = npt.NDArray[np.int_]

#: Power of <r^2> in the denominator of the leverage correlation.
LEVERAGE_EXPONENT = {"raw": 2.0, "std": 1.5}


class Correlogram(NamedTuple):
    """Autocorrelation with its white-noise band.

    Attributes
    ----------
    lags : ndarray of int, shape (k,)
        Lags in samples.
    values : ndarray of float64, shape (..., k)
        Autocorrelation at the lags.
    band : float
        Half width of the interval around 0 that holds one value of an independent series with the given
        probability.
    """

    lags: Lags
    values: Vector
    band: float


def leverage(
    returns: npt.ArrayLike,
    lags: Sequence[int] | Lags,
    normalize: Literal["raw", "std"] = "raw",
    demean: bool = True,
) -> Vector:
    """Return the leverage correlation between returns and later squared returns.

    Parameters
    ----------
    returns : array_like of real, shape (..., n)
        Returns.
    lags : sequence of int, length k
        Lags tau in samples, |tau| < n: tau > 0 pairs a return with later volatility, tau < 0 with earlier.
    normalize : {"raw", "std"}
        "raw" gives <r r'^2> / <r^2>^2 [1]_, in the inverse unit of the returns; "std" gives
        <r r'^2> / <r^2>^(3/2), dimensionless.
    demean : bool
        Remove the mean of the returns first. The paper does not; a drift m adds about m / <r^2> to every lag
        of the raw form, which is +1 for the S&P 500 1999-2018.

    Returns
    -------
    ndarray of float64, shape (..., k)
        ``L(tau) = <r(t) r(t + tau)^2> / <r^2>^2``, the first average over the n - |tau| pairs, the second
        over all samples.

    Raises
    ------
    ValueError
        If values are not finite, a lag is out of range, the series is constant, or ``normalize`` is unknown.

    References
    ----------
    .. [1] J.-P. Bouchaud, A. Matacz, M. Potters, "Leverage effect in financial markets", Phys. Rev. Lett. 87
       (2001) 228701, doi:10.1103/PhysRevLett.87.228701.

    Examples
    --------
    >>> import numpy as np
    >>> from scatflow_processes.sp500 import sp500_returns
    >>> r = sp500_returns().values
    >>> leverage(r, [1, 2, 3, 4, 5]).round().astype(int).tolist()
    [-30, -23, -21, -27, -21]
    >>> leverage(r, [1, 2, 3, 4, 5], demean=False).round().astype(int).tolist()
    [-29, -22, -20, -26, -20]
    """
    if normalize not in LEVERAGE_EXPONENT:
        raise ValueError(f'normalize must be "raw" or "std", got {normalize!r}')
    x = _checked(returns)
    n = x.shape[-1]
    index = np.asarray(lags)
    if index.ndim != 1 or index.size == 0 or index.dtype.kind not in "iu" or not (np.abs(index) < n).all():
        raise ValueError(f"lags must be a list of integers below {n} in modulus, got {index.tolist()}")
    values, *_ = kernels.leverage(np, Series(x), index.tolist(), LEVERAGE_EXPONENT[normalize], demean)
    return np.asarray(values)


def absolute_autocorrelation(returns: npt.ArrayLike, max_lag: int, power: float = 1.0, probability: float = 0.95) -> Correlogram:
    """Return the autocorrelation of ``|r|^power``, whose slow decay is volatility clustering.

    Parameters
    ----------
    returns : array_like of real, shape (..., n)
        Returns; their mean is removed before the modulus is taken.
    max_lag : int
        Largest lag in samples, 1 <= max_lag < n.
    power : float
        Exponent d > 0; 0.5, 1 and 2 are usual.
    probability : float
        Coverage of the white-noise band, in (0, 1).

    Returns
    -------
    Correlogram
        Lags 1..max_lag, ``rho(tau) = c(tau) / c(0)`` with c the sample autocovariance of |r|^d with divisor n
        [1]_, and the band ``z / sqrt(n)``, z the Gaussian quantile of (1 + probability) / 2 (Bartlett). The
        band needs a finite variance of |r|^d only, but with heavy tails and d = 2 it is reached slowly.

    Raises
    ------
    ValueError
        If values are not finite, |r| is constant, or a parameter is outside its range.

    References
    ----------
    .. [1] Z. Ding, C. W. J. Granger, R. F. Engle, "A long memory property of stock market returns and a new
       model", J. Empirical Finance 1 (1993) 83, doi:10.1016/0927-5398(93)90006-D.

    Examples
    --------
    >>> import numpy as np
    >>> from scatflow_processes.sp500 import sp500_returns
    >>> result = absolute_autocorrelation(sp500_returns().values, 100)
    >>> bool((result.values > result.band).all())
    True
    """
    if not (math.isfinite(power) and power > 0):
        raise ValueError(f"power must be finite and > 0, got {power}")
    x = _checked(returns)
    n = x.shape[-1]
    if not 1 <= max_lag < n:
        raise ValueError(f"max_lag must lie in [1, {n - 1}], got {max_lag}")
    modulus = np.abs(center(np, x)) ** power
    if (modulus.max(axis=-1) == modulus.min(axis=-1)).any():
        raise ValueError("|returns| must not be constant")
    lags = np.arange(1, max_lag + 1)
    values = np.asarray(kernels.autocorrelation(np, Series(x), modulus, pair_counts(np, Series(x), lags.tolist())))
    return Correlogram(lags, values, white_noise_band(n, probability))


def white_noise_band(n: int, probability: float = 0.95) -> float:
    """Return the half width of the interval that holds one autocorrelation of n independent values.

    Parameters
    ----------
    n : int
        Samples, >= 1.
    probability : float
        Coverage, in (0, 1).

    Returns
    -------
    float
        ``z / sqrt(n)`` with z the Gaussian quantile of (1 + probability) / 2 (Bartlett).

    Raises
    ------
    ValueError
        If ``probability`` is outside its range.

    Examples
    --------
    >>> round(white_noise_band(10_000), 4)
    0.0196
    """
    if not 0 < probability < 1:
        raise ValueError(f"probability must lie in (0, 1), got {probability}")
    from scipy import special  # here: modules of operators load nothing heavy

    return float(special.ndtri(0.5 + probability / 2)) / math.sqrt(n)


def zumbach(returns: npt.ArrayLike, windows: Sequence[int] | Lags) -> Vector:
    """Return the Zumbach asymmetry: past trends foretell volatility better than volatility foretells trends.

    Parameters
    ----------
    returns : array_like of real, shape (..., n)
        Returns; their mean is removed.
    windows : sequence of int, length k
        Window lengths w in samples, 1 <= w <= n / 2 - 1.

    Returns
    -------
    ndarray of float64, shape (..., k)
        With ``trend^2(t) = (r(t + 1) + ... + r(t + w))^2`` and ``vol(t) = r(t + 1)^2 + ... + r(t + w)^2``,
        ``Z(w) = corr(trend^2(t - w), vol(t)) - corr(vol(t - w), trend^2(t))``, Pearson correlations over all
        t with both windows inside the series [1]_ [2]_. Reversing time changes its sign; it is 0 for w = 1
        and, within errors, for every time-reversible process; positive for markets.

    Raises
    ------
    ValueError
        If values are not finite, a window is out of range, or the series is constant.

    References
    ----------
    .. [1] G. Zumbach, "Time reversal invariance in finance", Quant. Finance 9 (2009) 505,
       doi:10.1080/14697680802616712.
    .. [2] R. Chicheportiche, J.-P. Bouchaud, "The fine-structure of volatility feedback I", Physica A 410
       (2014) 174, doi:10.1016/j.physa.2014.05.007.

    Examples
    --------
    >>> import numpy as np
    >>> from scatflow_processes.sp500 import sp500_returns
    >>> r = sp500_returns().values
    >>> bool(zumbach(r, [5])[0] > 0), bool(np.allclose(zumbach(r[::-1], [5]), -zumbach(r, [5])))
    (True, True)
    """
    x = _checked(returns)
    n = x.shape[-1]
    lengths = np.asarray(windows, dtype=np.int_).ravel()
    if lengths.size == 0 or not ((lengths >= 1) & (2 * lengths + 2 <= n)).all():
        raise ValueError(f"windows must lie in [1, {n // 2 - 1}] for {n} samples, got {lengths.tolist()}")
    values, _ = kernels.zumbach(np, Series(x), lengths.tolist())
    return np.asarray(values)


def _checked(returns: npt.ArrayLike) -> Vector:
    x = finite_series(returns)
    if (x.max(axis=-1) == x.min(axis=-1)).any():
        raise ValueError("returns must not be constant")
    return x
