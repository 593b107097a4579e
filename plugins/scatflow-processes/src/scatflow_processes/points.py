"""Points on a grid: at most one per cell, independent given an intensity; probabilities and entropies exactly.

A Bernoulli field has the same intensity everywhere. A Cox process draws an intensity field first (its laws are in
``scatflow_processes.cox``); its marginal law is tractable where the intensity is constant on blocks with a Beta law.
Minus the logarithm of a probability is per site, as the
entropy is, which is its mean.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from scatflow_processes.bounds import check
from scatflow_processes.circulant import Vector

Field = npt.NDArray[Any]


def drawn(intensity: npt.ArrayLike, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Draw points: True with probability ``intensity``, independently.

    Parameters
    ----------
    intensity : array_like of float
        Probability of a point in every cell, in [0, 1].
    rng : numpy.random.Generator
        Source of the numbers, one per cell.

    Returns
    -------
    ndarray of bool, shape of ``intensity``
        Where the points are.

    Examples
    --------
    >>> import numpy as np
    >>> drawn([0.0, 1.0], np.random.default_rng(0)).tolist()
    [False, True]
    """
    values = np.asarray(intensity)
    return np.asarray(rng.random(values.shape) < values)


def bernoulli_neg_log_prob(x: npt.ArrayLike, intensity: float, dims: int = 2) -> Vector:
    """Return ``-ln p(x) / d`` of a Bernoulli field, ``-(k / d) ln lam - (1 - k / d) ln(1 - lam)`` for k points in d cells.

    Parameters
    ----------
    x : array_like of 0 and 1, shape (..., *field)
        Fields; any real or bool dtype.
    intensity : float
        Probability lam of a point, in (0, 1).
    dims : int
        Number of last dims that are a field.

    Returns
    -------
    ndarray of float64, shape (...)
        In nats per site.

    Raises
    ------
    ValueError
        If ``x`` holds anything but 0 and 1, or a parameter is outside its range.

    Examples
    --------
    >>> round(float(bernoulli_neg_log_prob([[0, 1]], 0.25)), 6)
    0.836988
    """
    _check_intensity(intensity)
    points = binary(x)
    share = points.mean(axis=_last(points, dims), dtype=np.float64)
    return np.asarray(-share * math.log(intensity) - (1 - share) * math.log1p(-intensity))


def bernoulli_entropy(intensity: float) -> float:
    """Return the entropy of a Bernoulli field per site, ``-lam ln lam - (1 - lam) ln(1 - lam)`` nats.

    Parameters
    ----------
    intensity : float
        Probability lam of a point, in (0, 1).

    Returns
    -------
    float
        In (0, ln 2].

    Raises
    ------
    ValueError
        If ``intensity`` is outside (0, 1).

    Examples
    --------
    >>> round(bernoulli_entropy(0.5), 6)
    0.693147
    """
    _check_intensity(intensity)
    return -intensity * math.log(intensity) - (1 - intensity) * math.log1p(-intensity)


def bernoulli_floor(intensity: float, sites: int) -> float:
    """Return the squared relative fluctuation of ``-ln p`` over one field: what an entropy error cannot undercut.

    Parameters
    ----------
    intensity : float
        Probability lam of a point, in (0, 1).
    sites : int
        Cells d of the field, >= 1.

    Returns
    -------
    float
        ``lam (1 - lam) ln(lam / (1 - lam))^2 / (d H^2)``, the variance of ``-ln p / d`` over H^2; 0 at lam 1/2, where
        all fields are equally likely.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    Examples
    --------
    >>> bernoulli_floor(0.5, 4096), round(bernoulli_floor(0.02, 4096), 6)
    (0.0, 0.007541)
    """
    check("sites", sites, sites >= 1, ">= 1")
    entropy = bernoulli_entropy(intensity)
    odds = math.log(intensity) - math.log1p(-intensity)
    return intensity * (1 - intensity) * odds**2 / (sites * entropy**2)


def conditional_neg_log_prob(x: npt.ArrayLike, intensity: npt.ArrayLike, dims: int = 2) -> Vector:
    """Return ``-ln p(x | lam) / d`` of points whose intensity field is known.

    Parameters
    ----------
    x : array_like of 0 and 1, shape (..., *field)
        Fields of points.
    intensity : array_like of float, shape broadcastable to that of ``x``
        Probability of a point in every cell, in [0, 1].
    dims : int
        Number of last dims that are a field.

    Returns
    -------
    ndarray of float64, shape (...)
        In nats per site; inf where a point lies on intensity 0 or is missing at 1.

    Raises
    ------
    ValueError
        If ``x`` holds anything but 0 and 1, or ``intensity`` leaves [0, 1] or has more dims or sites than ``x``.

    Examples
    --------
    >>> round(float(conditional_neg_log_prob([[0, 1]], [[0.5, 0.25]])), 6)
    1.039721
    """
    points, lam = binary(x), np.asarray(intensity, dtype=np.float64)
    fits = np.broadcast_shapes(points.shape, lam.shape) == points.shape
    check("intensity", f"shape {lam.shape}", fits, f"broadcastable to the shape of x, {points.shape}")
    check("intensity", f"[{lam.min():g}, {lam.max():g}]", bool((lam >= 0).all() and (lam <= 1).all()), "in [0, 1]")
    likely = np.where(points != 0, lam, 1 - lam)
    with np.errstate(divide="ignore"):
        return -np.asarray(np.log(likely).mean(axis=_last(points, dims)))


def blocks_neg_log_prob(x: npt.ArrayLike, alpha: float, beta: float, block: int) -> Vector:
    """Return the marginal ``-ln p(x) / d`` where the intensity is constant on blocks, independent with a Beta law.

    Parameters
    ----------
    x : array_like of 0 and 1, shape (..., n, m)
        Fields of points; n and m are multiples of ``block``.
    alpha, beta : float
        Parameters of the Beta law, > 0; its mean is ``alpha / (alpha + beta)``.
    block : int
        Side B of a block in cells, >= 1; blocks start at the corner.

    Returns
    -------
    ndarray of float64, shape (...)
        In nats per site: minus the sum over blocks with k points of n = B^2 of
        ``ln B(alpha + k, beta + n - k) - ln B(alpha, beta)``, B(., .) the Beta function, over the number of sites.

    Raises
    ------
    ValueError
        If ``x`` holds anything but 0 and 1, its sides are no multiples of ``block``, or a parameter is outside its range.

    Examples
    --------
    >>> round(float(blocks_neg_log_prob([[0, 1], [0, 0]], 1.0, 1.0, 2)), 6)  # ln(20) / 4
    0.748933
    """
    table = _block_log_probs(alpha, beta, block)
    points = binary(x)
    if points.ndim < 2 or any(side % block for side in points.shape[-2:]):
        raise ValueError(f"the sides of x must be multiples of block = {block}, got shape {points.shape}")
    n, m = points.shape[-2:]
    tiles = points.reshape(*points.shape[:-2], n // block, block, m // block, block)
    counts = tiles.sum(axis=(-3, -1), dtype=np.int64)
    return -np.asarray(table[counts].mean(axis=(-2, -1))) / block**2


def blocks_entropy(alpha: float, beta: float, block: int) -> float:
    """Return the entropy per site of `blocks_neg_log_prob`'s law.

    Parameters
    ----------
    alpha, beta, block
        As for `blocks_neg_log_prob`.

    Returns
    -------
    float
        ``-(1 / B^2) sum_k C(n, k) q_k ln q_k`` nats, q_k the probability of one pattern with k points in a block.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    Examples
    --------
    >>> round(blocks_entropy(1.0, 1.0, 1), 6)
    0.693147
    """
    log_probs, weights = _block_law(alpha, beta, block)
    return float(-(weights * log_probs).sum() / block**2)


def blocks_floor(alpha: float, beta: float, block: int, sites: int) -> float:
    """Return the variance of ``-ln p / d`` over the squared entropy for a field of so many sites.

    Parameters
    ----------
    alpha, beta, block
        As for `blocks_neg_log_prob`.
    sites : int
        Cells d of the field, a multiple of block^2.

    Returns
    -------
    float
        ``Var(ln q_k) B^2 / (d (B^2 H)^2)`` with k distributed as in one block.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    Examples
    --------
    >>> blocks_floor(1.0, 1.0, 1, 64)
    0.0
    """
    log_probs, weights = _block_law(alpha, beta, block)
    cells = block**2
    check("sites", sites, sites >= cells and sites % cells == 0, f"a multiple of block^2 = {cells}")
    mean = float((weights * log_probs).sum())
    variance = float((weights * (log_probs - mean) ** 2).sum())
    return variance / (mean**2 * (sites // cells))


def binary(x: npt.ArrayLike) -> Field:
    """Return an array after checking that it holds only 0 and 1.

    Parameters
    ----------
    x : array_like
        Any real or bool dtype.

    Returns
    -------
    ndarray
        The same values.

    Raises
    ------
    ValueError
        If another value, NaN included, is there; says how many.

    Examples
    --------
    >>> binary([0, 1]).tolist()
    [0, 1]
    """
    points = np.asarray(x)
    other = int(np.count_nonzero((points != 0) & (points != 1)))
    if other:
        raise ValueError(f"x must hold only 0 and 1, got {other} other values of {points.size}")
    return points


def check_shape(shape: Sequence[int]) -> tuple[int, int]:
    """Return the shape of a field, checked."""
    sides = tuple(int(side) for side in shape)
    if len(sides) != 2 or min(sides) < 1:
        raise ValueError(f"shape must be two sides >= 1, got {shape}")
    return sides[0], sides[1]


def _last(points: Field, dims: int) -> tuple[int, ...]:
    if points.ndim < dims:
        raise ValueError(f"x must have at least {dims} dims, got shape {points.shape}")
    return tuple(range(points.ndim - dims, points.ndim))


def _block_log_probs(alpha: float, beta: float, block: int) -> Vector:
    """Return ln q_k, k = 0 to n, of one pattern with k points in a block of n cells."""
    from scipy.special import betaln

    for name, value in (("alpha", alpha), ("beta", beta)):
        check(name, value, 0 < value < math.inf, "finite and > 0")
    check("block", block, block >= 1, ">= 1 cell")
    count = np.arange(block**2 + 1)
    return np.asarray(betaln(alpha + count, beta + block**2 - count) - betaln(alpha, beta))


def _block_law(alpha: float, beta: float, block: int) -> tuple[Vector, Vector]:
    """Return ln q_k and the probabilities of k points."""
    from scipy.special import gammaln

    log_probs = _block_log_probs(alpha, beta, block)
    n = block**2
    count = np.arange(n + 1)
    ways = gammaln(n + 1) - gammaln(count + 1) - gammaln(n - count + 1)
    return log_probs, np.exp(ways + log_probs)


def _check_intensity(intensity: float) -> None:
    check("intensity", intensity, 0 < intensity < 1, "in (0, 1)")
