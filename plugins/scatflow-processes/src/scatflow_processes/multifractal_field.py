"""The multifractal random walk in two dimensions, on a periodic square.

White noise times a volatility exp(w), whose logarithm has the covariance of the walk in time with the distance for the
lag, and the fractional integral of that product, which plays the part of the path.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from scatflow_processes.bounds import check, check_choice
from scatflow_processes.circulant import Vector
from scatflow_processes.fractional import check_hurst
from scatflow_processes.gaussian_torus import filtered, torus_roots
from scatflow_processes.multifractal import MEANS, Convention, check_lam2, log_covariance
from scatflow_processes.streams import stacked

MAX_SIZE = 8192  # samples along a side: about 3.5 GB while a field is made


def increments(
    size: int,
    lam2: float,
    integral_scale: float,
    seed: int,
    realizations: Iterable[int],
    mean: Convention = "variance",
) -> Vector:
    """Draw periodic fields of white noise times multifractal volatility.

    Parameters
    ----------
    size : int
        Samples along y and along x, 2 to 8192.
    lam2 : float
        Intermittency in [0, 0.25).
    integral_scale : float
        Distance in samples from which volatility is independent, in [1, size]. Beyond ``size / 2 + 1`` the ways around
        the torus count too, and add up.
    seed : int
        Seed of the ensemble, >= 0.
    realizations : iterable of int
        Absolute indices; a member does not depend on which others are asked for.
    mean : {"variance", "amplitude", "none"}
        As for ``multifractal.increments``.

    Returns
    -------
    ndarray of float64, shape (len(realizations), size, size)
        Dims (realization, y, x); white, with variance 1 for mean "variance".

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    Examples
    --------
    >>> increments(32, lam2=0.02, integral_scale=16, seed=1, realizations=[3]).shape
    (1, 32, 32)
    """
    check_choice("mean", mean, MEANS)
    covariance = torus_covariance(size, lam2, integral_scale)
    scale, offset = torus_roots(covariance), -MEANS[mean] * float(covariance[0, 0])

    def draw(rng: np.random.Generator) -> Vector:
        noise = rng.standard_normal((size, size))
        w = filtered(rng.standard_normal((size, size)), scale)
        w += offset
        return np.multiply(np.exp(w, out=w), noise, out=w)

    return stacked(draw, (size, size), seed, realizations)


def path(field: npt.ArrayLike, hurst: float) -> Vector:
    """Return the fractional integral of increments, of order ``hurst + 1``, on the torus.

    Parameters
    ----------
    field : array_like of real, shape (..., n, n)
        Increments, dims (..., y, x).
    hurst : float
        Hurst exponent in (0, 1) of the result without intermittency.

    Returns
    -------
    ndarray of float64, shape (..., n, n)
        Mean 0; every Fourier mode of the increments divided by ``|k|^(hurst + 1)`` and scaled such that increments
        with variance 1 give an expected variance of 1.

    Raises
    ------
    ValueError
        If ``hurst`` is outside (0, 1) or the field is not square.

    Examples
    --------
    >>> import numpy as np
    >>> wave = np.cos(2 * np.pi * np.arange(8) / 8) * np.ones((8, 1))
    >>> bool(np.allclose(path(wave, 0.5), wave * path(wave, 0.5)[0, 0]))
    True
    """
    check_hurst(hurst)
    values = np.asarray(field, dtype=np.float64)
    square = values.ndim >= 2 and values.shape[-2] == values.shape[-1] >= 2
    check("field", values.shape, square, "square along its last two dims")
    n = values.shape[-1]
    squared = np.fft.fftfreq(n)[:, None] ** 2 + np.fft.rfftfreq(n) ** 2
    squared[0, 0] = 1.0
    scale = squared ** (-(hurst + 1) / 2)
    scale[0, 0] = 0.0
    twice = np.full(n // 2 + 1, 2.0)
    twice[[0] if n % 2 else [0, -1]] = 1.0
    power = float((scale**2 * twice).sum()) / n**2
    return filtered(values, scale / np.sqrt(power))


def zeta(q: npt.ArrayLike, lam2: float, hurst: float) -> Vector:
    """Return the scaling exponents of `path`, ``E|X(u + r) - X(u)|^q ~ |r|^zeta(q)`` for 1 << r << integral scale.

    Parameters
    ----------
    q : array_like of real
        Orders, > -1.
    lam2 : float
        Intermittency in [0, 0.25).
    hurst : float
        Hurst exponent in (0, 1).

    Returns
    -------
    ndarray of float64, shape of ``q``
        ``q hurst - lam2 q (q - 2) / 2`` (c1 = hurst + lam2, c2 = -lam2): white noise takes volatility squared at any
        hurst. NaN for q <= -1.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    Examples
    --------
    >>> zeta([1, 2, 3], 0.04, 0.3).round(4).tolist()
    [0.32, 0.6, 0.84]
    """
    check_lam2(lam2)
    check_hurst(hurst)
    orders = np.asarray(q, dtype=np.float64)
    return np.where(orders > -1, orders * hurst - lam2 * orders * (orders - 2) / 2, np.nan)


def torus_covariance(size: int, lam2: float, integral_scale: float) -> Vector:
    """Return the covariance of log-volatility between the origin and every site of the torus.

    Parameters
    ----------
    size, lam2, integral_scale
        As for `increments`.

    Returns
    -------
    ndarray of float64, shape (size, size)
        ``log_covariance`` of the distance, summed over the images that the integral scale reaches.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    Examples
    --------
    >>> torus_covariance(8, 0.1, 4)[0].round(3).tolist()
    [0.139, 0.069, 0.029, 0.0, 0.0, 0.0, 0.029, 0.069]
    """
    check("size", size, 2 <= size <= MAX_SIZE, f"in [2, {MAX_SIZE}] samples")
    check("integral_scale", integral_scale, 1 <= integral_scale <= size, f"in [1, size] = [1, {size}] samples")
    near = np.fft.fftfreq(size, 1 / size)
    images = (-size, 0, size) if integral_scale - 1 > size / 2 else (0,)
    total = np.zeros((size, size))
    for down in images:
        for right in images:
            distance = np.hypot((near + down)[:, None], near + right)
            total += log_covariance(distance, lam2, integral_scale)
    return total
