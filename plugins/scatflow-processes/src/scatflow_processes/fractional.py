"""Fractional Gaussian noise and fractional Brownian motion, exactly, with their closed forms.

The noise with Hurst exponent H has unit variance; the motion is its running sum. Self-similarity makes every moment of
an increment over tau samples a power of tau with exponent zeta(q) = q H.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from scatflow_processes.bounds import check
from scatflow_processes.circulant import Vector, circle, roots, shaped, white
from scatflow_processes.streams import stacked

MAX_SIZE = 1 << 24  # samples of one realization: about 1.5 GB while it is made, twiddles of the transform included
_TOGETHER = 1 << 18  # lags whose covariance is computed at once
_SERIES_FROM = 8  # lag from which a series replaces a second difference of large numbers
_SERIES_TERMS = 9  # 8^-18 is below double precision


def noise_autocovariance(lags: npt.ArrayLike, hurst: float) -> Vector:
    """Return the autocovariance of fractional Gaussian noise of unit variance.

    Parameters
    ----------
    lags : array_like of real
        Lags in samples, of either sign.
    hurst : float
        Hurst exponent H in (0, 1).

    Returns
    -------
    ndarray of float64, shape of ``lags``
        ``(|k + 1|^2H - 2 |k|^2H + |k - 1|^2H) / 2`` [1]_, within 1e-12. From lag 8 it is summed as
        ``k^2H sum_{j >= 1} binomial(2H, 2j) k^-2j``: the three powers are large and nearly cancel.

    Raises
    ------
    ValueError
        If ``hurst`` is outside (0, 1).

    References
    ----------
    .. [1] B. B. Mandelbrot, J. W. Van Ness, SIAM Rev. 10 (1968) 422, doi:10.1137/1010093.

    Examples
    --------
    >>> noise_autocovariance([0, 1, 2], 0.5).tolist()
    [1.0, 0.0, 0.0]
    >>> round(float(noise_autocovariance(1, 0.75)), 6)
    0.414214
    """
    check_hurst(hurst)
    k = np.abs(np.asarray(lags, dtype=np.float64))
    twice = 2 * hurst
    far = np.maximum(k, _SERIES_FROM)
    inverse = far**-2.0
    factor, total = 1.0, np.zeros_like(far)
    terms = []
    for j in range(1, _SERIES_TERMS + 1):
        factor *= (twice - 2 * j + 2) * (twice - 2 * j + 1) / ((2 * j - 1) * (2 * j))
        terms.append(factor)
    for term in reversed(terms):
        total = (total + term) * inverse
    near = np.minimum(k, _SERIES_FROM)
    difference = 0.5 * ((near + 1) ** twice - 2 * near**twice + np.abs(near - 1) ** twice)
    return np.where(k < _SERIES_FROM, difference, far**twice * total)


def noise_roots(size: int, hurst: float) -> Vector:
    """Return the roots of a circle from which noise is drawn; kept by callers that draw more than once.

    Parameters
    ----------
    size : int
        Samples wanted, 1 to 2^24.
    hurst : float
        Hurst exponent in (0, 1).

    Returns
    -------
    ndarray of float64, shape (h + 1,)
        For ``circulant.shaped``; h >= size - 1.

    Raises
    ------
    ValueError
        If a parameter is outside its range, or an eigenvalue is negative beyond rounding (not known to happen: they
        are positive for all H).

    Examples
    --------
    >>> noise_roots(5, 0.5).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0]
    """
    check_size(size)
    row = np.empty(circle(size) + 1)
    for start in range(0, row.size, _TOGETHER):  # the series needs ten times the memory of its result
        part = slice(start, min(start + _TOGETHER, row.size))
        row[part] = noise_autocovariance(np.arange(part.start, part.stop), hurst)
    return roots(row)


def noise(size: int, hurst: float, seed: int, realizations: Iterable[int]) -> Vector:
    """Draw fractional Gaussian noise.

    Parameters
    ----------
    size : int
        Samples of a realization, 1 to 2^24.
    hurst : float
        Hurst exponent in (0, 1); 1/2 is white noise.
    seed : int
        Seed of the ensemble, >= 0.
    realizations : iterable of int
        Absolute indices; a member does not depend on which others are asked for.

    Returns
    -------
    ndarray of float64, shape (len(realizations), size)
        Unit variance and `noise_autocovariance`, exactly Gaussian.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    Examples
    --------
    >>> noise(100, 0.7, seed=1, realizations=[0, 5]).shape
    (2, 100)
    """
    scale = noise_roots(size, hurst)
    return stacked(lambda rng: shaped(scale, white(scale, rng), size), (size,), seed, realizations)


def brownian(size: int, hurst: float, seed: int, realizations: Iterable[int]) -> Vector:
    """Draw fractional Brownian motion: the running sum of `noise`.

    Parameters
    ----------
    size, hurst, seed, realizations
        As for `noise`.

    Returns
    -------
    ndarray of float64, shape (len(realizations), size)
        Sample t is the sum of the noise at 0 to t, so differences of neighbors are the noise from its second sample
        on; the variance at t is (t + 1)^2H.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    Examples
    --------
    >>> import numpy as np
    >>> path = brownian(50, 0.3, seed=1, realizations=[4])
    >>> bool(np.allclose(np.diff(path), noise(50, 0.3, 1, [4])[:, 1:]))
    True
    """
    increments = noise(size, hurst, seed, realizations)
    return np.cumsum(increments, axis=-1, out=increments)


def brownian_zeta(q: npt.ArrayLike, hurst: float) -> Vector:
    """Return the scaling exponents of fractional Brownian motion, ``E|X(t + tau) - X(t)|^q ~ tau^zeta(q)``.

    Parameters
    ----------
    q : array_like of real
        Orders, > -1: below, the moment is infinite.
    hurst : float
        Hurst exponent in (0, 1).

    Returns
    -------
    ndarray of float64, shape of ``q``
        q H; linear, so the second log-cumulant c2 is 0. NaN for q <= -1.

    Raises
    ------
    ValueError
        If ``hurst`` is outside (0, 1).

    Examples
    --------
    >>> brownian_zeta([1, 2], 0.25).tolist()
    [0.25, 0.5]
    """
    check_hurst(hurst)
    orders = np.asarray(q, dtype=np.float64)
    return np.where(orders > -1, orders * hurst, np.nan)


def check_hurst(hurst: float) -> None:
    """Raise ValueError unless the Hurst exponent is in (0, 1)."""
    check("hurst", hurst, 0 < hurst < 1, "in (0, 1)")


def check_size(size: int) -> None:
    """Raise ValueError unless a series of so many samples can be made."""
    check("size", size, 1 <= size <= MAX_SIZE, f"in [1, {MAX_SIZE}] samples")
