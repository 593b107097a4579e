"""Uniform measures on the sphere, the l1 sphere and the simplex in many dimensions, with exact marginals.

They are what a microcanonical model samples when it knows one norm, and the plainest case in which that model and the
canonical one agree: a few coordinates of many are nearly independent, normal or exponential, with an error of one over
the number of coordinates (Diaconis, Freedman, Ann. Inst. H. Poincare Probab. Stat. 23 (1987) 397).

Every sample has norm ``radius`` per coordinate: ``d^-1/2 ||x||_2``, or ``d^-1 ||x||_1``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

import numpy as np
import numpy.typing as npt

from scatflow_processes.bounds import check, check_choice
from scatflow_processes.circulant import Vector
from scatflow_processes.streams import stacked

Measure = Literal["sphere", "l1_sphere", "simplex"]
MEASURES: tuple[Measure, ...] = ("sphere", "l1_sphere", "simplex")
MAX_SIZE = 1 << 28  # coordinates of one sample


def sample(size: int, measure: Measure, seed: int, realizations: Iterable[int], radius: float = 1.0) -> Vector:
    """Draw points uniformly.

    Parameters
    ----------
    size : int
        Coordinates d, 2 to 2^28.
    measure : {"sphere", "l1_sphere", "simplex"}
        The sphere of the Euclidean norm, the sphere of the sum of moduli, or its part with x >= 0.
    seed : int
        Seed of the ensemble, >= 0.
    realizations : iterable of int
        Absolute indices; a member does not depend on which others are asked for.
    radius : float
        ``d^-1/2 ||x||_2`` or ``d^-1 ||x||_1``, > 0: the rms or the mean modulus of the coordinates.

    Returns
    -------
    ndarray of float64, shape (len(realizations), size)
        ``radius sqrt(d) g / ||g||`` with g normal, or ``d radius e / sum e`` with e exponential, on the l1 sphere with
        random signs.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    Examples
    --------
    >>> import numpy as np
    >>> x = sample(8, "simplex", seed=1, realizations=[0], radius=3.0)
    >>> bool((x >= 0).all()), round(float(x.mean()), 12)
    (True, 3.0)
    """
    check("size", size, 2 <= size <= MAX_SIZE, f"in [2, {MAX_SIZE}] coordinates")
    _check(measure, radius)
    return stacked(lambda rng: drawn((size,), measure, rng, radius), (size,), seed, realizations)


def drawn(shape: tuple[int, ...], measure: Measure, rng: np.random.Generator, radius: float = 1.0) -> Vector:
    """Draw points uniformly from one generator.

    Parameters
    ----------
    shape : tuple of int
        Shape (..., d) of the result; every last axis is a point.
    measure, radius
        As for `sample`.
    rng : numpy.random.Generator
        Source of the numbers.

    Returns
    -------
    ndarray of float64, shape ``shape``
        Independent points.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    Examples
    --------
    >>> import numpy as np
    >>> x = drawn((10, 4), "l1_sphere", np.random.default_rng(0))
    >>> bool(np.allclose(np.abs(x).mean(axis=1), 1.0))
    True
    """
    _check(measure, radius)
    if measure == "sphere":
        x = rng.standard_normal(shape)
        x *= radius / np.sqrt(np.square(x).mean(axis=-1, keepdims=True))
        return x
    x = rng.standard_exponential(shape)
    x *= radius / x.mean(axis=-1, keepdims=True)
    if measure == "l1_sphere":
        x *= 1.0 - 2.0 * rng.integers(0, 2, shape, dtype=np.int8)
    return x


def marginal_cdf(t: npt.ArrayLike, size: int, measure: Measure, radius: float = 1.0) -> Vector:
    """Return the exact distribution function of one coordinate, P(x_1 <= t).

    Parameters
    ----------
    t : array_like of real
        Values.
    size : int
        Coordinates d, >= 2.
    measure, radius
        As for `sample`.

    Returns
    -------
    ndarray of float64, shape of ``t``
        Sphere: ``x_1^2 / (d radius^2)`` has the law Beta(1/2, (d - 1) / 2), signs alike. Simplex:
        ``P(x_1 > t) = (1 - t / (d radius))^(d - 1)``; l1 sphere: that for the modulus, signs alike.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    Examples
    --------
    >>> marginal_cdf([0.0, 1.0], 2, "simplex").tolist()
    [0.0, 0.5]
    """
    from scipy.special import betainc

    check("size", size, size >= 2, ">= 2 coordinates")
    _check(measure, radius)
    values = np.asarray(t, dtype=np.float64)
    if measure == "sphere":
        within = betainc(0.5, (size - 1) / 2, np.minimum((values / radius) ** 2 / size, 1.0))
    else:
        share = np.clip(np.abs(values) / (size * radius), 0.0, 1.0)
        with np.errstate(divide="ignore"):  # all of the mass lies within share 1
            within = -np.expm1((size - 1) * np.log1p(-share))
    return _signed(values, within, measure)


def limit_cdf(t: npt.ArrayLike, measure: Measure, radius: float = 1.0) -> Vector:
    """Return the distribution function of one coordinate in the limit of many.

    Parameters
    ----------
    t, measure, radius
        As for `marginal_cdf`.

    Returns
    -------
    ndarray of float64, shape of ``t``
        Normal with standard deviation ``radius`` (sphere), Laplace (l1 sphere) or exponential (simplex) with mean
        modulus ``radius``.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    Examples
    --------
    >>> limit_cdf(0.0, "sphere").tolist(), round(float(limit_cdf(1.0, "simplex")), 6)
    (0.5, 0.632121)
    """
    from scipy.special import erf

    _check(measure, radius)
    values = np.asarray(t, dtype=np.float64)
    size = np.abs(values) / radius
    within = erf(size / math.sqrt(2)) if measure == "sphere" else -np.expm1(-size)
    return _signed(values, within, measure)


def cross_moment(p: float, q: float, size: int, measure: Measure, radius: float = 1.0) -> float:
    """Return ``E[|x_1|^p |x_2|^q]`` exactly.

    Parameters
    ----------
    p, q : float
        Orders, >= 0; 0 gives moments of one coordinate.
    size : int
        Coordinates d, >= 2.
    measure, radius
        As for `sample`.

    Returns
    -------
    float
        Moments of the Dirichlet law: ``(d radius^2)^s Gamma(d/2) Gamma((1+p)/2) Gamma((1+q)/2) / (pi Gamma(d/2 + s))``
        with s = (p + q) / 2 on the sphere, ``(d radius)^(p+q) Gamma(d) Gamma(1+p) Gamma(1+q) / Gamma(d + p + q)`` else.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    Examples
    --------
    >>> round(cross_moment(2, 2, 10, "sphere"), 6), round(cross_moment(1, 1, 10, "simplex"), 6)
    (0.833333, 0.909091)
    """
    check("p and q", (p, q), 0 <= p < math.inf and 0 <= q < math.inf, "finite and >= 0")
    check("size", size, size >= 2, ">= 2 coordinates")
    _check(measure, radius)
    gamma, total = math.lgamma, p + q
    if measure == "sphere":
        power = total / 2 * math.log(size) + gamma(size / 2) + gamma((1 + p) / 2) + gamma((1 + q) / 2)
        power -= math.log(math.pi) + gamma((size + total) / 2)
    else:
        power = total * math.log(size) + gamma(size) + gamma(1 + p) + gamma(1 + q) - gamma(size + total)
    return float(math.exp(power) * radius**total)


def variation_bound(coordinates: int, size: int, measure: Measure) -> float:
    """Return a bound of the total variation between some coordinates and independent ones of the limit law.

    Parameters
    ----------
    coordinates : int
        How many are looked at, K >= 1.
    size : int
        Of how many, d > K + 3.
    measure : {"sphere", "l1_sphere", "simplex"}
        As for `sample`.

    Returns
    -------
    float
        ``2 (K + 3) / (d - K - 3)`` on the sphere, ``2 (K + 1) / (d - K + 1)`` else [1]_; total variation is the integral
        of the modulus of the difference, at most 2.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    References
    ----------
    .. [1] P. Diaconis, D. Freedman, "A dozen de Finetti-style results in search of a theory", Ann. Inst. H. Poincare
       Probab. Stat. 23 (1987) 397.

    Examples
    --------
    >>> variation_bound(2, 1005, "sphere"), variation_bound(2, 101, "simplex")
    (0.01, 0.06)
    """
    _check(measure, 1.0)
    check("coordinates", coordinates, coordinates >= 1, ">= 1")
    check("size", size, size > coordinates + 3, f"> coordinates + 3 = {coordinates + 3}")
    if measure == "sphere":
        return 2 * (coordinates + 3) / (size - coordinates - 3)
    return 2 * (coordinates + 1) / (size - coordinates + 1)


def _signed(values: Vector, within: Vector, measure: Measure) -> Vector:
    """Return the distribution function from that of the modulus."""
    if measure == "simplex":
        return np.where(values > 0, within, 0.0)
    return np.asarray(0.5 + 0.5 * np.sign(values) * within)


def _check(measure: str, radius: float) -> None:
    check_choice("measure", measure, MEASURES)
    check("radius", radius, 0 < radius < math.inf, "finite and > 0")
