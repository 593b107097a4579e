"""Laws of the random intensity of a Cox process on a periodic grid, with their first two moments in closed form.

A law draws fields of probabilities; given one, points are independent (Cox, J. R. Stat. Soc. B 17 (1955) 129). The
pair correlation of the points, ``g(r) = 1 + Cov(lam(u), lam(u + r)) / E[lam]^2``, is that of the law.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from scatflow_processes.bounds import check
from scatflow_processes.circulant import Vector
from scatflow_processes.gaussian_torus import (
    Correlation,
    Shape,
    check_correlation,
    check_length,
    correlation_on_torus,
    filtered,
    gaussian_field,
)
from scatflow_processes.points import check_shape, drawn
from scatflow_processes.streams import realization_generator


class Law(Protocol):
    """A stationary random field of probabilities on a torus (blocks: stationary from block to block)."""

    @property
    def mean_intensity(self) -> float:
        """Expected probability of a point."""

    def fits(self, shape: Shape) -> None:
        """Raise ValueError unless the law can live on this torus."""

    def intensity(self, shape: Shape, rng: np.random.Generator) -> Vector:
        """Draw one field of probabilities, shape ``shape``, all in [0, 1]."""

    def pair_correlation(self, shape: Shape) -> Vector:
        """Return g at every displacement on the torus, shape ``shape``; at 0 that of two independent points in one cell."""


@dataclass(frozen=True)
class TwoLevel:
    """One of two probabilities, by the sign of a Gaussian field minus a threshold.

    Parameters
    ----------
    low, high : float
        The probabilities, each in (0, 1), low <= high.
    fraction : float
        Expected part of the area that has ``high``, in (0, 1).
    correlation_length : float
        Of the Gaussian field in cells, > 0 and at most an eighth of the shorter side.
    correlation : {"gaussian", "exponential"}
        Correlation of the Gaussian field with distance r and length l: ``exp(-r^2 / (2 l^2))`` or ``exp(-r / l)``.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    Examples
    --------
    >>> TwoLevel(0.1, 0.5, 0.25).mean_intensity
    0.2
    """

    low: float
    high: float
    fraction: float
    correlation_length: float = 4.0
    correlation: Correlation = "gaussian"

    def __post_init__(self) -> None:
        for name, value in (("low", self.low), ("high", self.high), ("fraction", self.fraction)):
            check(name, value, 0 < value < 1, "in (0, 1)")
        check("low", self.low, self.low <= self.high, f"at most high = {self.high}")
        check_correlation(self.correlation_length, self.correlation)

    @property
    def mean_intensity(self) -> float:
        """Expected probability of a point."""
        return self.low + self.fraction * (self.high - self.low)

    def fits(self, shape: Shape) -> None:
        """Raise unless the correlation length is at most an eighth of the shorter side."""
        check_length(self.correlation_length, shape)

    def intensity(self, shape: Shape, rng: np.random.Generator) -> Vector:
        """Draw one field of probabilities."""
        field = gaussian_field(shape, self.correlation_length, self.correlation, rng)
        return np.where(field > self._threshold(), self.high, self.low)

    def pair_correlation(self, shape: Shape) -> Vector:
        """Return g on the torus: the covariance of two signs is an integral over their correlation."""
        rho = correlation_on_torus(shape, self.correlation_length, self.correlation)
        spread = _joint_excess(rho, self._threshold()) * (self.high - self.low) ** 2
        return 1 + spread / self.mean_intensity**2

    def _threshold(self) -> float:
        from scipy.special import ndtri

        return -float(ndtri(self.fraction))


@dataclass(frozen=True)
class Shot:
    """Shot noise: bumps at Poisson centers, lam = 1 - exp(-sum of bumps), the chance that a Poisson cell is not empty.

    Parameters
    ----------
    mean : float
        Expected probability, in (0, 1).
    height : float
        Peak of a bump, the expected points in the cell at its center, in (0, 100].
    correlation_length : float
        Standard deviation l in cells of a bump ``height exp(-r^2 / (2 l^2))``, > 0 and at most an eighth of the shorter
        side.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    Notes
    -----
    Centers lie on cells, a Poisson number in each, at the rate that gives the mean. With h the bump on the torus and c
    the rate, ``E exp(-sum) = exp(-c sum_v (1 - exp(-h(v))))``, and likewise for two cells with ``h(v) + h(v + r)``
    (Campbell's theorem), so both moments are exact.

    Examples
    --------
    >>> Shot(0.2).mean_intensity
    0.2
    """

    mean: float
    height: float = 0.5
    correlation_length: float = 4.0

    def __post_init__(self) -> None:
        check("mean", self.mean, 0 < self.mean < 1, "in (0, 1)")
        check("height", self.height, 0 < self.height <= 100, "in (0, 100]")
        check_correlation(self.correlation_length, "gaussian")

    @property
    def mean_intensity(self) -> float:
        """Expected probability of a point."""
        return self.mean

    def rate(self, shape: Shape) -> float:
        """Return the expected number of centers per cell."""
        return -math.log1p(-self.mean) / float(-np.expm1(-self._bump(shape)).sum())

    def fits(self, shape: Shape) -> None:
        """Raise unless the correlation length is at most an eighth of the shorter side."""
        check_length(self.correlation_length, shape)

    def intensity(self, shape: Shape, rng: np.random.Generator) -> Vector:
        """Draw one field of probabilities."""
        bump = self._bump(shape)
        total = filtered(rng.poisson(self.rate(shape), shape), np.fft.rfft2(bump).real)
        # A transform errs by 1e-16, also where no bump reaches.
        return -np.expm1(-np.maximum(total, 0.0))

    def pair_correlation(self, shape: Shape) -> Vector:
        """Return g on the torus."""
        # 1 - exp(-h - h') = a + a' - a a' with a = 1 - exp(-h): what the two cells share is a correlation of a.
        hidden = -np.expm1(-self._bump(shape))
        shared = filtered(hidden, np.fft.rfft2(hidden).real)
        empty = 1 - self.mean
        return 1 + empty**2 * np.expm1(self.rate(shape) * shared) / self.mean**2

    def _bump(self, shape: Shape) -> Vector:
        """Return the bump around the origin of the torus."""
        return self.height * correlation_on_torus(shape, self.correlation_length, "gaussian")


@dataclass(frozen=True)
class Blocks:
    """One probability per square block, independent with a Beta law; the law of the points is tractable.

    Parameters
    ----------
    alpha, beta : float
        Parameters of the Beta law, in (0, 1e6].
    block : int
        Side of a block in cells, >= 1; it divides both sides of the grid.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    Examples
    --------
    >>> Blocks(1.0, 4.0, 4).mean_intensity
    0.2
    """

    alpha: float
    beta: float
    block: int

    def __post_init__(self) -> None:
        for name, value in (("alpha", self.alpha), ("beta", self.beta)):
            check(name, value, 0 < value <= 1e6, "in (0, 1e6]")
        check("block", self.block, self.block >= 1, ">= 1 cell")

    @property
    def mean_intensity(self) -> float:
        """Expected probability of a point."""
        return self.alpha / (self.alpha + self.beta)

    def fits(self, shape: Shape) -> None:
        """Raise unless blocks tile the torus."""
        check("shape", shape, all(side % self.block == 0 for side in shape), f"multiples of block = {self.block}")

    def intensity(self, shape: Shape, rng: np.random.Generator) -> Vector:
        """Draw one field of probabilities."""
        self.fits(shape)
        levels = rng.beta(self.alpha, self.beta, (shape[0] // self.block, shape[1] // self.block))
        return np.repeat(np.repeat(levels, self.block, axis=0), self.block, axis=1)

    def pair_correlation(self, shape: Shape) -> Vector:
        """Return g on the torus, averaged over the place of the first cell in its block."""
        self.fits(shape)
        total = self.alpha + self.beta
        excess = self.beta / (self.alpha * (total + 1))  # variance over squared mean
        together = [np.maximum(1 - _steps(side) / self.block, 0.0) for side in shape]
        return 1 + excess * together[0][:, None] * together[1]


def ensemble(law: Law, shape: Shape, seed: int, realizations: Iterable[int]) -> tuple[np.ndarray, Vector]:
    """Draw points of a Cox process and the intensities they were drawn from.

    Parameters
    ----------
    law : Law
        `TwoLevel`, `Shot`, `Blocks`, or `scatflow_processes.cox_lognormal.Lognormal`.
    shape : (int, int)
        Cells along y and x, periodic.
    seed : int
        Seed of the ensemble, >= 0.
    realizations : iterable of int
        Absolute indices; a member does not depend on which others are asked for.

    Returns
    -------
    points : ndarray of bool, shape (len(realizations), n, m)
        Where the points are.
    intensity : ndarray of float64, shape (len(realizations), n, m)
        The probabilities.

    Raises
    ------
    ValueError
        If a parameter is outside its range or the shape does not suit the law.

    Examples
    --------
    >>> points, intensity = ensemble(Blocks(1.0, 4.0, 4), (8, 8), seed=1, realizations=[0])
    >>> points.shape, points.dtype.name, intensity.dtype.name
    ((1, 8, 8), 'bool', 'float64')
    """
    sides = check_shape(shape)
    rngs = [realization_generator(seed, realization) for realization in realizations]
    points, intensity = np.empty((len(rngs), *sides), dtype=bool), np.empty((len(rngs), *sides))
    for row, rng in enumerate(rngs):
        intensity[row] = law.intensity(sides, rng)
        points[row] = drawn(intensity[row], rng)
    return points, intensity


def _joint_excess(rho: Vector, threshold: float) -> Vector:
    """Return P(g > a, g' > a) - P(g > a)^2 at correlations rho, an integral of exp(-a^2 / (1 + s)) / sqrt(1 - s^2)."""
    nodes, weights = np.polynomial.legendre.leggauss(64)
    end = np.arcsin(np.clip(rho, -1.0, 1.0))  # s = sin(t) removes the root, which is singular at 1
    t = (nodes + 1) / 2 * end[..., None]
    return np.asarray((np.exp(-(threshold**2) / (1 + np.sin(t))) @ weights) * end / (4 * math.pi))


def _steps(side: int) -> Vector:
    """Return distances along a periodic side, in cells."""
    return np.asarray(np.abs(np.fft.fftfreq(side, 1 / side)))
