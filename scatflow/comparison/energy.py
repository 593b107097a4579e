"""Two ensembles as distributions: energy distance on whitened features, with a permutation p."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scatflow.arrays import item_generator
from scatflow.errors import PlanError

Reals = npt.NDArray[np.float64]

#: Most samples of both ensembles together: distances and their eigenvectors are square in it.
MAX_SAMPLES = 4096
#: Permutations that are evaluated at once.
_GROUP = 64


@dataclass(frozen=True)
class Energy:
    """The energy distance, p of the permutations, and how far the covariance was shrunk to a multiple of one (1: wholly)."""

    distance: float
    p: float
    shrinkage: float
    features: int


def energy_test(a: Reals, b: Reals, permutations: int, seed: int) -> Energy:
    """Test whether two sets of independent samples come from one distribution.

    Parameters
    ----------
    a, b : ndarray, shapes (n, K) and (m, K)
        Samples of K features. Features that are not finite in all samples, or constant, are left out.
    permutations : int
        Random assignments of samples to the sets; p is a multiple of 1/(permutations + 1).
    seed : int
        Permutation i is that of item i under the seed, whatever their number.

    Returns
    -------
    Energy
        ``2 E|x - y| - E|x - x'| - E|y - y'|`` [1]_ over all pairs of samples (each with itself too), and the share of
        assignments, the given one included, that give at least as much. Both sets together are standardized and
        whitened by their covariance, shrunk towards a multiple of one by Ledoit and Wolf's intensity [2]_: no
        permutation changes that, so the test is exact at any size and dimension.

    Raises
    ------
    PlanError
        There are more than 4096 samples.

    References
    ----------
    .. [1] G. J. Székely, M. L. Rizzo, "Energy statistics: a class of statistics based on distances", J. Stat. Plan.
       Inference 143 (2013) 1249, doi:10.1016/j.jspi.2013.03.018.
    .. [2] O. Ledoit, M. Wolf, "A well-conditioned estimator for large-dimensional covariance matrices", J. Multivar.
       Anal. 88 (2004) 365, doi:10.1016/S0047-259X(03)00096-4.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> a, b = rng.standard_normal((2, 40, 5))
    >>> energy_test(a, b, 199, 0).p, energy_test(a, b + 2, 199, 0).p
    (0.53, 0.005)
    """
    both = np.concatenate([a, b]).astype(np.float64)
    if len(both) > MAX_SAMPLES:
        raise PlanError("compare", "too many samples for a permutation test", expected=f"at most {MAX_SAMPLES} in both", got=len(both),
                        remedy="Select fewer, or compare averages: scattering_moments(over=...).")  # fmt: skip
    with np.errstate(invalid="ignore"):
        deviation = both.std(axis=0)
        kept = np.isfinite(both).all(axis=0) & (deviation > 1e-12 * np.abs(both).max(axis=0, initial=0.0))
    if not kept.any():
        return Energy(np.nan, np.nan, np.nan, 0)
    standard = (both[:, kept] - both[:, kept].mean(axis=0)) / deviation[kept]
    points, alpha = whitened(standard)
    square = (points**2).sum(axis=1)
    apart = np.sqrt(np.maximum(square[:, None] + square[None, :] - 2 * points @ points.T, 0.0))
    np.fill_diagonal(apart, 0.0)
    first = np.arange(len(both)) < len(a)
    found = float(_distances(apart, first[None, :])[0])
    least = found * (1 - 1e-12)  # the same assignment gives the same sum only to rounding
    beyond = 0
    for start in range(0, permutations, _GROUP):
        group = range(start, min(permutations, start + _GROUP))
        members = np.stack([first[item_generator(seed, k).permutation(len(both))] for k in group])
        beyond += int((_distances(apart, members) >= least).sum())
    return Energy(found, (1 + beyond) / (1 + permutations), alpha, int(kept.sum()))


def whitened(standard: Reals) -> tuple[Reals, float]:
    """Return centered samples in coordinates in which their shrunk covariance is one, and the intensity of shrinkage.

    Everything follows from inner products of samples, so that features may be many more than samples.
    """
    count, width = standard.shape
    gram = standard @ standard.T
    scale = float(np.trace(gram)) / (count * width)
    norm = float((gram**2).sum()) / count**2  # of the covariance, squared
    spread = norm / width - scale**2
    noise = (float((np.diag(gram) ** 2).sum()) - count * norm) / (count**2 * width)
    alpha = min(1.0, max(1e-3, noise / spread)) if spread > 0 else 1.0
    values, vectors = np.linalg.eigh(gram)
    values = np.maximum(values, 0.0)
    return vectors * np.sqrt(values / ((1 - alpha) * values / count + alpha * scale)), alpha


def _distances(apart: Reals, members: npt.NDArray[np.bool_]) -> Reals:
    """Return the energy distance between members and the others, for each row of ``members``."""
    inside = members.astype(np.float64)
    sums = inside @ apart
    within, across = (sums * inside).sum(axis=1), (sums * (1 - inside)).sum(axis=1)
    n = inside.sum(axis=1)
    m = members.shape[1] - n
    outside = apart.sum() - within - 2 * across
    return np.asarray(2 * across / (n * m) - within / n**2 - outside / m**2)
