"""Sums over lattices on the torus that spin operators are made of: pure functions of a namespace and blocks.

Blocks have shape (..., n, m); results are float64, since sums over many sites need it.
"""

from __future__ import annotations

import math
from typing import Any

Array = Any


def bond_energy(xp: Any, x: Array) -> Array:
    """Return minus the sum of products of neighbors, per site: shape (...).

    Examples
    --------
    >>> import numpy as np
    >>> float(bond_energy(np, np.ones((4, 6))))
    -2.0
    """
    x = xp.astype(x, xp.float64)
    return -xp.mean(x * (xp.roll(x, -1, axis=-1) + xp.roll(x, -1, axis=-2)), axis=(-2, -1))


def longest_waves(xp: Any, x: Array) -> tuple[Array, Array]:
    """Return ``|sum x exp(2 pi i y / n)|^2 / d`` and the same along x: shape (...) each.

    Examples
    --------
    >>> import numpy as np
    >>> wave = np.cos(2 * np.pi * np.arange(8) / 8) * np.ones((4, 1))
    >>> [round(float(part), 12) for part in longest_waves(np, wave)]
    [0.0, 8.0]
    """
    d, found = x.shape[-2] * x.shape[-1], []
    for axis, other in ((-2, -1), (-1, -2)):
        profile = xp.sum(x, axis=other, dtype=xp.float64)
        n = x.shape[axis]
        angle = xp.arange(n, dtype=xp.float64, device=getattr(x, "device", None)) * (2 * math.pi / n)
        found.append((xp.sum(profile * xp.cos(angle), axis=-1) ** 2 + xp.sum(profile * xp.sin(angle), axis=-1) ** 2) / d)
    return found[0], found[1]


def power(xp: Any, x: Array) -> Array:
    """Return ``|sum x exp(-i k u)|^2 / d`` at all wavenumbers: shape (..., n, m).

    Examples
    --------
    >>> import numpy as np
    >>> power(np, np.ones((2, 3))).round(12).tolist()
    [[6.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    spectrum = xp.fft.fftn(xp.astype(xp.astype(x, xp.float64), xp.complex128), axes=(-2, -1))
    return (xp.real(spectrum) ** 2 + xp.imag(spectrum) ** 2) / (x.shape[-2] * x.shape[-1])


def pair_correlation(xp: Any, x: Array, lags: int) -> Array:
    """Return ``mean of x(u) x(u + r)`` over sites and both axes, r = 0 to lags - 1: shape (..., lags).

    Examples
    --------
    >>> import numpy as np
    >>> pair_correlation(np, np.array([[1.0, -1.0], [-1.0, 1.0]]), 2).round(12).tolist()
    [1.0, -1.0]
    """
    both = xp.real(xp.fft.ifftn(xp.astype(power(xp, x), xp.complex128), axes=(-2, -1)))
    return (both[..., :lags, 0] + both[..., 0, :lags]) / 2


def cluster_labels(xp: Any, positive: Array) -> Array:
    """Return, for every site, the first site of its cluster of neighbors with the same sign.

    Parameters
    ----------
    xp : Namespace
        The block's namespace.
    positive : array of bool, shape (items, n, m)
        Signs.

    Returns
    -------
    array of int64, shape (items, n, m)
        Flat indices over items and sites.

    Notes
    -----
    Every site takes the least label around it, then follows labels to their own labels, until nothing changes: few rounds, since
    paths double in length.

    Examples
    --------
    >>> import numpy as np
    >>> cluster_labels(np, np.array([[[True, True, False], [False, True, True]]])).tolist()
    [[[0, 0, 2], [3, 0, 0]]]
    """
    shape = positive.shape
    label = xp.reshape(xp.arange(math.prod(shape), dtype=xp.int64, device=getattr(positive, "device", None)), shape)
    same = [(positive == xp.roll(positive, step, axis=axis), step, axis) for axis in (-1, -2) for step in (1, -1)]
    while True:
        least = label
        for equal, step, axis in same:
            other = xp.roll(least, step, axis=axis)
            least = xp.where(equal & (other < least), other, least)
        flat = xp.reshape(least, (-1,))
        for _ in range(2):
            flat = xp.take(flat, flat, axis=0)
        new = xp.reshape(flat, shape)
        if bool(xp.all(new == label)):
            return label
        label = new


def cluster_counts(xp: Any, positive: Array, bins: int) -> Array:
    """Return the clusters of 2^b to 2^(b + 1) - 1 sites, per site of the lattice: shape (items, bins).

    Examples
    --------
    >>> import numpy as np
    >>> cluster_counts(np, np.array([[[True, True, False], [False, True, True]]]), 3).round(4).tolist()
    [[0.3333, 0.0, 0.1667]]
    """
    items, n, m = positive.shape
    found, sizes = xp.unique_counts(xp.reshape(cluster_labels(xp, positive), (-1,)))
    device = getattr(positive, "device", None)
    edges = xp.asarray([2**b for b in range(bins + 1)], dtype=sizes.dtype, device=device)
    inside = (sizes[:, None] >= edges[None, :-1]) & (sizes[:, None] < edges[None, 1:])
    total = xp.cumulative_sum(xp.astype(inside, xp.float64), axis=0, include_initial=True)
    # Labels are in order, so the clusters of an item follow each other.
    item_edges = xp.arange(items + 1, dtype=xp.int64, device=device) * (n * m)
    ends = xp.searchsorted(found, item_edges)
    return (xp.take(total, ends[1:], axis=0) - xp.take(total, ends[:-1], axis=0)) / (n * m)
