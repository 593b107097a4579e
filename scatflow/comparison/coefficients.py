"""Two sets of means, coefficient by coefficient: difference, ratio, z, p and q."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scatflow.contract.discovery import false_discovery

Reals = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Means:
    """Means with standard errors and the degrees of freedom of these (NaN: so many that the error counts as known)."""

    mean: Reals
    se: Reals
    dof: Reals


@dataclass(frozen=True, eq=False)
class Differences:
    """What is different, each of the shape of the means.

    ``score`` is the normal quantile of the same tail probability as ``z``: it is standard normal where there is no
    difference, however few degrees of freedom there are.
    """

    difference: Reals
    ratio: Reals
    se: Reals
    z: Reals
    dof: Reals
    p: Reals
    q: Reals
    score: Reals


def differences(a: Means, b: Means) -> Differences:
    """Compare means of independent data (Welch's test), with false-discovery rates over all coefficients.

    Parameters
    ----------
    a, b : Means
        Arrays of one shape.

    Returns
    -------
    Differences
        ``z = (a - b)/se`` with ``se^2 = se_a^2 + se_b^2``; ``p`` is two-sided, from Student's t with Welch's degrees of
        freedom ``se^4 / (se_a^4/dof_a + se_b^4/dof_b)`` [1]_; ``q`` as by
        :func:`~scatflow.contract.discovery.false_discovery` over all p. NaN where a mean or an error is not finite, or
        both errors and the difference are 0.

    References
    ----------
    .. [1] B. L. Welch, "The generalization of 'Student's' problem when several different population variances are
       involved", Biometrika 34 (1947) 28, doi:10.1093/biomet/34.1-2.28.

    Examples
    --------
    >>> one = Means(np.array([1.0, 2.0]), np.array([0.3, 0.3]), np.array([9.0, 9.0]))
    >>> other = Means(np.array([1.5, 0.5]), np.array([0.4, 0.4]), np.array([9.0, 9.0]))
    >>> found = differences(one, other)
    >>> found.z.tolist(), found.p.round(4).tolist(), found.q.round(4).tolist()
    ([-1.0, 3.0], [0.3316, 0.0082], [0.3316, 0.0164])
    """
    from scipy import special, stats

    difference = a.mean - b.mean
    square = a.se**2 + b.se**2
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = a.mean / b.mean
        z = difference / np.sqrt(square)
        dof = square**2 / (_part(a) + _part(b))
    dof = np.where(np.isnan(dof), np.inf, dof)
    tail = stats.t.sf(np.abs(z), dof)
    p = 2 * tail
    # A tail of 0 has no finite quantile; the least double stands for it, at 38 standard deviations.
    score = -np.sign(z) * special.ndtri(np.maximum(tail, np.finfo(np.float64).tiny))
    return Differences(difference, ratio, np.sqrt(square), z, dof, p, false_discovery(p), score)


def _part(means: Means) -> Reals:
    """Return a term of Welch's denominator; an error that is known, or 0, adds nothing."""
    known = ~np.isfinite(means.dof) | (means.se == 0)
    return np.where(known, 0.0, means.se**4 / np.where(known, 1.0, means.dof))


def shared_dof(a: Means, b: Means) -> float:
    """Return the degrees of freedom of the errors of all coefficients together.

    Welch's formula at the median share of a in the squared errors: coefficient by coefficient it is too low on average,
    since shares are estimates.
    """
    square = a.se**2 + b.se**2
    share = float(np.median((a.se**2 / np.where(square > 0, square, np.nan))[square > 0])) if (square > 0).any() else 0.5
    parts = [part**2 / float(np.median(means.dof)) for part, means in ((share, a), (1 - share, b))]
    total = sum(part for part in parts if np.isfinite(part))
    return 1 / total if total > 0 else np.inf
