"""Walks with independent increments that are not Gaussian: compound Poisson and alpha-stable, with closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Literal

import numpy as np
import numpy.typing as npt

from scatflow_processes.bounds import check, check_choice
from scatflow_processes.circulant import Vector
from scatflow_processes.fractional import check_size
from scatflow_processes.streams import stacked

Jumps = Literal["normal", "laplace", "sign", "one"]


def _normal(rng: np.random.Generator, counts: npt.NDArray[np.int64]) -> Vector:
    return np.asarray(np.sqrt(counts) * rng.standard_normal(counts.shape), dtype=np.float64)


def _laplace(rng: np.random.Generator, counts: npt.NDArray[np.int64]) -> Vector:
    # The difference of two exponentials with mean 1 / sqrt 2 has variance 1, and a sum of n of them is a gamma.
    return np.asarray((rng.standard_gamma(counts) - rng.standard_gamma(counts)) * math.sqrt(0.5))


def _sign(rng: np.random.Generator, counts: npt.NDArray[np.int64]) -> Vector:
    return np.asarray(2.0 * rng.binomial(counts, 0.5) - counts, dtype=np.float64)


def _one(rng: np.random.Generator, counts: npt.NDArray[np.int64]) -> Vector:
    return counts.astype(np.float64)


#: Law of a jump -> sums of so many of them.
_SUMS: dict[Jumps, Callable[[np.random.Generator, npt.NDArray[np.int64]], Vector]] = {
    "normal": _normal, "laplace": _laplace, "sign": _sign, "one": _one,
}  # fmt: skip
JUMPS: tuple[Jumps, ...] = tuple(_SUMS)


def poisson_increments(size: int, rate: float, seed: int, realizations: Iterable[int], jumps: Jumps = "normal") -> Vector:
    """Draw increments of a compound Poisson process over unit steps.

    Parameters
    ----------
    size : int
        Samples of a realization, 1 to 2^24.
    rate : float
        Mean number of jumps per sample, in (0, 1e6].
    seed : int
        Seed of the ensemble, >= 0.
    realizations : iterable of int
        Absolute indices; a member does not depend on which others are asked for.
    jumps : {"normal", "laplace", "sign", "one"}
        Law of a jump: normal or Laplace with variance 1, +1 or -1 alike, or always 1 (a Poisson process).

    Returns
    -------
    ndarray of float64, shape (len(realizations), size)
        Independent; the sum of the jumps that fall in each step, exactly.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    Examples
    --------
    >>> poisson_increments(5, 0.5, seed=3, realizations=[0], jumps="one").tolist()
    [[0.0, 1.0, 0.0, 3.0, 0.0]]
    """
    check_size(size)
    _check_poisson(rate, jumps)
    return stacked(lambda rng: _SUMS[jumps](rng, rng.poisson(rate, size)), (size,), seed, realizations)


def poisson_cumulant(order: int, duration: float, rate: float, jumps: Jumps = "normal") -> float:
    """Return a cumulant of a compound Poisson process over some time: ``rate duration E[jump^order]``.

    Parameters
    ----------
    order : int
        Order of the cumulant, >= 1: 1 the mean, 2 the variance.
    duration : float
        Time in samples, >= 0.
    rate, jumps
        As for `poisson_increments`.

    Returns
    -------
    float
        At scales far below 1 / rate every moment grows as the duration, ``zeta(q) = 1``; far above, ``zeta(q) = q / 2``
        for jumps with mean 0.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    Examples
    --------
    >>> poisson_cumulant(4, 10.0, 0.1, "laplace")
    6.0
    """
    check("order", order, order >= 1, ">= 1")
    check("duration", duration, 0 <= duration < math.inf, "finite and >= 0 samples")
    _check_poisson(rate, jumps)
    if jumps == "one":
        moment = 1.0
    elif order % 2:
        moment = 0.0
    else:
        moment = {"sign": 1.0, "normal": _odd_product(order), "laplace": math.factorial(order) / 2 ** (order / 2)}[jumps]
    return rate * duration * moment


def stable_increments(size: int, alpha: float, seed: int, realizations: Iterable[int], beta: float = 0.0) -> Vector:
    """Draw independent alpha-stable numbers, the increments of a Levy walk.

    Parameters
    ----------
    size : int
        Samples of a realization, 1 to 2^24.
    alpha : float
        Index in (0, 2]; 2 is a normal law of variance 2, 1 with beta 0 a Cauchy law.
    seed : int
        Seed of the ensemble, >= 0.
    realizations : iterable of int
        Absolute indices; a member does not depend on which others are asked for.
    beta : float
        Skewness in [-1, 1]; no effect at alpha 2.

    Returns
    -------
    ndarray of float64, shape (len(realizations), size)
        Scale 1 and location 0 in the parametrization S1, whose characteristic function is `stable_characteristic`. For
        alpha near 1 and beta not 0 its values are shifted far, by beta tan(pi alpha / 2).

    Raises
    ------
    ValueError
        If a parameter is outside its range, or a number exceeds the largest float64, which can happen below alpha 0.1.

    Notes
    -----
    Chambers, Mallows and Stuck [1]_, with the constants as corrected by Weron [2]_: an angle, uniform, and an
    exponential variable, one of each per number.

    References
    ----------
    .. [1] J. M. Chambers, C. L. Mallows, B. W. Stuck, J. Am. Stat. Assoc. 71 (1976) 340,
       doi:10.1080/01621459.1976.10480344.
    .. [2] R. Weron, Stat. Probab. Lett. 28 (1996) 165, doi:10.1016/0167-7152(95)00113-1.

    Examples
    --------
    >>> stable_increments(1000, 1.5, seed=1, realizations=[0, 1]).shape
    (2, 1000)
    """
    check_size(size)
    _check_stable(alpha, beta)

    def draw(rng: np.random.Generator) -> Vector:
        # The open interval: random() may be 0, where the angle is -pi / 2 and its cosine rounds to about 0.
        angle = math.pi * (rng.random(size) - 0.5 + 2.0**-54)
        return _stable(angle, rng.standard_exponential(size), alpha, beta)

    return stacked(draw, (size,), seed, realizations)


def stable_characteristic(t: npt.ArrayLike, alpha: float, beta: float = 0.0) -> npt.NDArray[np.complex128]:
    """Return the characteristic function ``E exp(i t X)`` of `stable_increments`.

    Parameters
    ----------
    t : array_like of real
        Arguments.
    alpha, beta
        As for `stable_increments`.

    Returns
    -------
    ndarray of complex128, shape of ``t``
        ``exp(-|t|^alpha (1 - i beta sign(t) tan(pi alpha / 2)))``, at alpha 1
        ``exp(-|t| (1 + i beta (2 / pi) sign(t) ln|t|))``. Over n steps its power n.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    Examples
    --------
    >>> complex(stable_characteristic(0.0, 1.0, 0.5))
    (1+0j)
    """
    _check_stable(alpha, beta)
    values = np.asarray(t, dtype=np.float64)
    size = np.abs(values)
    if alpha == 1:
        bend = -2 / math.pi * np.log(np.where(size > 0, size, 1.0))
    else:
        bend = np.full(values.shape, math.tan(math.pi * alpha / 2))
    return np.asarray(np.exp(-(size**alpha) * (1 - 1j * beta * np.sign(values) * bend)))


def stable_zeta(q: npt.ArrayLike, alpha: float) -> Vector:
    """Return the scaling exponents of an alpha-stable walk, ``E|X(t + tau) - X(t)|^q ~ tau^zeta(q)``.

    Parameters
    ----------
    q : array_like of real
        Orders.
    alpha : float
        Index in (0, 2].

    Returns
    -------
    ndarray of float64, shape of ``q``
        ``q / alpha`` for -1 < q < alpha (any q > -1 at alpha 2), NaN elsewhere: the moment is infinite. Holds for
        strictly stable laws: at alpha 1 for beta 0 only.

    Raises
    ------
    ValueError
        If ``alpha`` is outside its range.

    Examples
    --------
    >>> stable_zeta([0.5, 1.0, 2.0], 1.5).round(4).tolist()
    [0.3333, 0.6667, nan]
    """
    _check_stable(alpha, 0.0)
    orders = np.asarray(q, dtype=np.float64)
    return np.where((orders > -1) & ((orders < alpha) | (alpha == 2)), orders / alpha, np.nan)


def _stable(angle: Vector, exponential: Vector, alpha: float, beta: float) -> Vector:
    """Return stable numbers from angles in (-pi/2, pi/2) and exponential variables."""
    if alpha == 1:
        half = math.pi / 2 + beta * angle
        drawn = half * np.tan(angle)
        if beta:
            drawn -= beta * np.log(math.pi / 2 * exponential * np.cos(angle) / half)
        return drawn * (2 / math.pi)
    bend = beta * math.tan(math.pi * alpha / 2)
    turned = alpha * angle + math.atan(bend)
    size = (1 + bend * bend) ** (1 / (2 * alpha))
    # At the ends of the angles the cosine of totally skewed laws vanishes, and may round to below 0.
    rest = np.maximum(np.cos(angle - turned), 2.0**-54) / exponential
    with np.errstate(over="ignore", invalid="ignore"):
        drawn = size * np.sin(turned) * np.cos(angle) ** (-1 / alpha) * rest ** ((1 - alpha) / alpha)
    check("alpha", alpha, bool(np.isfinite(drawn).all()), ">= 0.1 for numbers that all fit float64")
    return np.asarray(drawn)


def _odd_product(order: int) -> float:
    """Return 1 * 3 * ... * (order - 1), the even moments of a standard normal variable."""
    return float(math.prod(range(1, order, 2)))


def _check_poisson(rate: float, jumps: str) -> None:
    check("rate", rate, 0 < rate <= 1e6, "in (0, 1e6] jumps per sample")
    check_choice("jumps", jumps, JUMPS)


def _check_stable(alpha: float, beta: float) -> None:
    check("alpha", alpha, 0 < alpha <= 2, "in (0, 2]")
    check("beta", beta, -1 <= beta <= 1, "in [-1, 1]")
