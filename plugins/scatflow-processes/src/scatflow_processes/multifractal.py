"""The multifractal random walk, plain and skewed, with its scaling exponents and its leverage in closed form.

Increments are fractional Gaussian noise e times a volatility exp(w), w Gaussian with a covariance that falls with the
logarithm of the lag up to the integral scale (Bacry, Delour, Muzy, Phys. Rev. E 64 (2001) 026103,
doi:10.1103/PhysRevE.64.026103). In the skewed walk past noise lowers or lifts w, which is the leverage effect
(Pochart, Bouchaud, Quant. Finance 2 (2002) 303).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from scatflow_processes.bounds import check, check_choice
from scatflow_processes.circulant import Vector, circle, roots, shaped, white
from scatflow_processes.fractional import MAX_SIZE, check_hurst, check_size, noise_roots
from scatflow_processes.streams import stacked

Convention = Literal["variance", "amplitude", "none"]
#: Minus the mean of w over its variance: E exp(2w) = 1, E exp(w) = 1, or E w = 0.
MEANS: dict[Convention, float] = {"variance": 1.0, "amplitude": 0.5, "none": 0.0}
_LARGEST_VARIANCE = 100.0  # of w; far above anything seen, and exp(w) stays finite


@dataclass(frozen=True)
class Skew:
    """How past noise acts on the volatility: ``w(t) -= sum_{k >= 1} K(k) e(t - k)``.

    ``K(k) = strength exp(-decay k) k^-exponent``, cut at the integral scale, beyond which the walk remembers nothing.

    Parameters
    ----------
    strength : float
        K0, |K0| <= 10; above 0 a fall raises the volatility that follows, 0 is the plain walk.
    decay : float
        g >= 0 per sample.
    exponent : float
        a in [0, 10].

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    Examples
    --------
    >>> Skew(0.1, exponent=1.0).kernel(3.0).round(4).tolist()
    [0.1, 0.05, 0.0333]
    """

    strength: float = 0.0
    decay: float = 0.0
    exponent: float = 0.5

    def __post_init__(self) -> None:
        check("strength", self.strength, abs(self.strength) <= 10, "in [-10, 10]")
        check("decay", self.decay, 0 <= self.decay < math.inf, "finite and >= 0 per sample")
        check("exponent", self.exponent, 0 <= self.exponent <= 10, "in [0, 10]")

    def kernel(self, integral_scale: float) -> Vector:
        """Return K at lags 1, 2, ... up to the integral scale in samples."""
        lags = np.arange(1, math.floor(integral_scale) + 1, dtype=np.float64)
        return self.strength * np.exp(-self.decay * lags) * lags**-self.exponent


PLAIN = Skew()  # no action of the past


def log_covariance(distance: npt.ArrayLike, lam2: float, integral_scale: float) -> Vector:
    """Return the covariance of the logarithm of volatility, ``lam2 ln(integral_scale / (r + 1))``, 0 where that is negative.

    Parameters
    ----------
    distance : array_like of real
        Distances r in samples, of either sign, in time or in the plane.
    lam2 : float
        Intermittency in [0, 0.25).
    integral_scale : float
        Scale in samples from which volatility is independent, >= 1.

    Returns
    -------
    ndarray of float64, shape of ``distance``
        Convex and falling, so a covariance in one dimension; in the plane all eigenvalues are positive too (0.1 lam2
        at least, for integral scales from 2 to 128).

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    Examples
    --------
    >>> log_covariance([0, 7, 20], 0.1, 8).round(4).tolist()
    [0.2079, 0.0, 0.0]
    """
    check_lam2(lam2)
    check("integral_scale", integral_scale, 1 <= integral_scale < math.inf, "finite and >= 1 sample")
    ratio = integral_scale / (np.abs(np.asarray(distance, dtype=np.float64)) + 1)
    return lam2 * np.log(np.maximum(ratio, 1.0))


def increments(
    size: int,
    lam2: float,
    integral_scale: float,
    seed: int,
    realizations: Iterable[int],
    hurst: float = 0.5,
    mean: Convention = "variance",
    skew: Skew = PLAIN,
) -> Vector:
    """Draw increments of the multifractal random walk, ``e exp(w)``.

    Parameters
    ----------
    size : int
        Samples of a realization, 1 to 2^24.
    lam2 : float
        Intermittency in [0, 0.25); 0 is fractional Gaussian noise.
    integral_scale : float
        Scale in samples from which volatility is independent, in [1, size].
    seed : int
        Seed of the ensemble, >= 0.
    realizations : iterable of int
        Absolute indices; a member does not depend on which others are asked for.
    hurst : float
        Hurst exponent of the noise e, in (0, 1).
    mean : {"variance", "amplitude", "none"}
        Mean of w: minus its variance, so that E exp(2w) = 1 and increments have variance 1 (with skew: at hurst 1/2);
        minus half of it, so that E exp(w) = 1; or 0. The variance of w is ``lam2 ln(integral_scale)`` and what the
        skew adds.
    skew : Skew
        Action of past noise on volatility; default none.

    Returns
    -------
    ndarray of float64, shape (len(realizations), size)
        The path is their running sum. The noise e is the same for any lam2.

    Raises
    ------
    ValueError
        If a parameter is outside its range, the integral scale exceeds the size, or skew gives w a variance above 100.

    Examples
    --------
    >>> r = increments(4096, lam2=0.02, integral_scale=512, seed=1, realizations=[0, 1])
    >>> r.shape
    (2, 4096)
    """
    check_size(size)
    check("integral_scale", integral_scale, 1 <= integral_scale <= size, f"in [1, size] = [1, {size}] samples")
    check_choice("mean", mean, MEANS)
    kernel = skew.kernel(integral_scale) if skew.strength else np.empty(0)
    most = MAX_SIZE - kernel.size
    check("size", size, size <= most, f"at most {most} samples where skew reaches over {kernel.size}")
    volatility, scale = _log_roots(size, lam2, integral_scale), noise_roots(size + kernel.size, hurst)
    offset = -MEANS[mean] * log_variance(lam2, integral_scale, hurst, skew)

    def draw(rng: np.random.Generator) -> Vector:
        noise = shaped(scale, white(scale, rng), size + kernel.size)
        w = shaped(volatility, white(volatility, rng), size)
        if kernel.size:
            w -= _after(noise, kernel)
        w += offset
        return np.multiply(np.exp(w, out=w), noise[kernel.size :], out=w)

    return stacked(draw, (size,), seed, realizations)


def log_variance(lam2: float, integral_scale: float, hurst: float = 0.5, skew: Skew = PLAIN) -> float:
    """Return the variance of w, the logarithm of volatility.

    Parameters
    ----------
    lam2, integral_scale, hurst, skew
        As for `increments`.

    Returns
    -------
    float
        ``lam2 ln(integral_scale) + sum_{k, l >= 1} K(k) K(l) gamma(k - l)`` with the autocovariance gamma of the noise.

    Raises
    ------
    ValueError
        If a parameter is outside its range or the variance exceeds 100.

    Examples
    --------
    >>> round(log_variance(0.02, 512), 4)
    0.1248
    """
    total = float(log_covariance(0, lam2, integral_scale))
    if skew.strength:
        kernel = skew.kernel(integral_scale)
        scale = noise_roots(kernel.size, hurst)
        # A sum over all pairs is one over frequencies of the circle on which the noise lives.
        half = np.abs(np.fft.rfft(kernel, 2 * (scale.size - 1))) ** 2 * scale**2
        total += float((2 * half.sum() - half[0] - half[-1]) / (2 * (scale.size - 1)))
    check("variance of log-volatility", total, total <= _LARGEST_VARIANCE, f"<= {_LARGEST_VARIANCE:g} (lower the skew)")
    return total


def zeta(q: npt.ArrayLike, lam2: float, hurst: float = 0.5) -> Vector:
    """Return the scaling exponents of the walk, ``E|X(t + tau) - X(t)|^q ~ tau^zeta(q)`` for 1 << tau << integral scale.

    Parameters
    ----------
    q : array_like of real
        Orders, > -1.
    lam2 : float
        Intermittency in [0, 0.25).
    hurst : float
        Hurst exponent of the noise, in (0, 1).

    Returns
    -------
    ndarray of float64, shape of ``q``
        NaN for q <= -1. Averages over samples follow it for |q| below about sqrt(2 / lam2); beyond they grow linearly.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    Notes
    -----
    ``zeta(q) = q max(hurst, (1 + lam2) / 2) - lam2 q (q - 1) / 2``, which at hurst 1/2 is
    ``q / 2 - lam2 q (q - 2) / 2``. The variance of an increment is ``sum_k (tau - |k|) gamma(k) E exp(w(0) + w(k))``:
    its term at lag 0 grows as tau, whatever the noise, the others as ``tau^(2 hurst - lam2)``. If the latter wins, which
    needs ``hurst > (1 + lam2) / 2``, volatility acts in pairs and the exponent is that of integrals against fractional
    Brownian motion [1]_; otherwise as its square, and the walk scales as that of white noise. Near the border the
    approach is slow: the relative weight of the other term falls as ``tau^-|2 hurst - 1 - lam2|``. Without
    intermittency the sum telescopes and ``zeta(q) = q hurst`` for every H.

    References
    ----------
    .. [1] P. Abry, P. Chainais, L. Coutin, V. Pipiras, "Multifractal random walks as fractional Wiener integrals",
       IEEE Trans. Inf. Theory 55 (2009) 3825.

    Examples
    --------
    >>> zeta([1, 2, 3], 0.04).round(4).tolist()
    [0.52, 1.0, 1.44]
    """
    check_lam2(lam2)
    check_hurst(hurst)
    orders = np.asarray(q, dtype=np.float64)
    slope = max(hurst, (1 + lam2) / 2) if lam2 else hurst
    return np.where(orders > -1, orders * slope - lam2 * orders * (orders - 1) / 2, np.nan)


def log_cumulants(lam2: float, hurst: float = 0.5) -> tuple[float, float]:
    """Return the first two log-cumulants c1, c2 of the walk: ``zeta(q) = c1 q + c2 q^2 / 2``.

    Parameters
    ----------
    lam2, hurst
        As for `zeta`.

    Returns
    -------
    (float, float)
        c2 is -lam2.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    Examples
    --------
    >>> log_cumulants(0.04)
    (0.54, -0.04)
    """
    return float(zeta(1.0, lam2, hurst)) + lam2 / 2, -lam2


def leverage(lags: npt.ArrayLike, lam2: float, integral_scale: float, skew: Skew, mean: Convention = "variance") -> Vector:
    """Return the leverage of the skewed walk at hurst 1/2, ``<r(t) r(t + k)^2> / <r^2>^2``.

    Parameters
    ----------
    lags : array_like of int
        Lags k in samples; k > 0 is a past return and later volatility.
    lam2, integral_scale, skew, mean
        As for `increments`.

    Returns
    -------
    ndarray of float64, shape of ``lags``
        ``-2 K(k) exp(2 c(k) - (3/2 - p) v)`` for k > 0, v the variance of w, c its autocovariance and -p v its mean:
        p = 1, 1/2, 0 for the three conventions. 0 for k <= 0.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    Notes
    -----
    Noise at one time and w are jointly Gaussian, so ``E[e exp(G)] = cov(e, G) E exp(G)`` with
    ``G = w(t) + 2 w(t + k)``, whose covariance with e(t) is -2 K(k).

    Examples
    --------
    >>> leverage([-1, 1], 0.02, 64, Skew(0.1)).round(4).tolist()
    [0.0, -0.234]
    """
    k = np.asarray(lags)
    check_choice("mean", mean, MEANS)
    check("lags", k.dtype, bool(np.issubdtype(k.dtype, np.integer)), "integers")
    variance, kernel = log_variance(lam2, integral_scale, 0.5, skew), skew.kernel(integral_scale)
    n = kernel.size
    among = np.fft.irfft(np.abs(np.fft.rfft(kernel, 2 * n + 2)) ** 2, 2 * n + 2)[: n + 1]
    inside = (k >= 1) & (k <= n)
    at = np.where(inside, k, 1)
    covariance = log_covariance(at, lam2, integral_scale) + among[at]
    # E[e e'^2 exp(w + 2w')] / E[exp(2w)]^2 with E w = -p v: the powers of exp(E w) are 3 and 4.
    exponent = 2 * covariance + (2.5 - 4.0 + MEANS[mean]) * variance
    return np.where(inside, -2 * kernel[at - 1] * np.exp(exponent), 0.0)


def check_lam2(lam2: float) -> None:
    """Raise ValueError unless the intermittency is in [0, 0.25)."""
    check("lam2", lam2, 0 <= lam2 < 0.25, "in [0, 0.25)")


def _log_roots(size: int, lam2: float, integral_scale: float) -> Vector:
    """Return the roots of a circle so long that lags below ``size`` are not reached around it."""
    half = circle(math.ceil((size + integral_scale) / 2) + 1)
    lags = np.arange(half + 1)
    row = log_covariance(lags, lam2, integral_scale)
    # Where the integral scale exceeds half of the circle both ways around count; their sum is a covariance again.
    row += np.where(lags > 0, log_covariance(2 * half - lags, lam2, integral_scale), 0.0)
    return roots(row)


def _after(noise: Vector, kernel: Vector) -> Vector:
    """Return ``sum_{k >= 1} K(k) e(t - k)`` at the samples that have as many before them as the kernel is long."""
    from scipy.signal import oaconvolve

    return np.asarray(oaconvolve(noise, np.concatenate([[0.0], kernel]), mode="valid"), dtype=np.float64)
