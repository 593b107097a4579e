"""Polygons painted by the exact area they cover of each pixel, because aliased edges have spectra of their own.

A pixel (i, j) is the square [i, i + 1) x [j, j + 1). Points are (y, x), the order of the dims of an image.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from scatflow_processes.bounds import check

Array = npt.NDArray[np.float64]


def signed_area(vertices: npt.ArrayLike) -> float:
    """Return the area of a polygon, positive when its vertices turn from x towards y (the shoelace formula).

    Parameters
    ----------
    vertices : array_like of float, shape (n, 2)
        Points (y, x) in order, the last joined to the first.

    Returns
    -------
    float
        Area in squared units of the points.

    Examples
    --------
    >>> signed_area([(0, 0), (0, 2), (3, 2), (3, 0)])
    6.0
    """
    y, x = (_points(vertices) - _points(vertices)[0]).T
    return float(0.5 * (x * np.roll(y, -1) - np.roll(x, -1) * y).sum())


def coverage(vertices: npt.ArrayLike) -> tuple[tuple[int, int], Array]:
    """Return which share of each pixel a simple polygon covers, on the smallest rectangle of pixels that holds it.

    Every edge is cut where it crosses the lines between pixels; a piece inside one pixel covers a trapezoid of it and a strip
    of all pixels to its right, and the sum over the pieces is the area by Green's formula. The sum of the shares
    equals the polygon's area to 1e-12 of it (plus 1e-14 per pixel).

    Parameters
    ----------
    vertices : array_like of float, shape (n, 2)
        Points (y, x) in pixels, either sense, the last joined to the first; n >= 3, edges do not cross.

    Returns
    -------
    origin : tuple of int
        Row and column of the rectangle's first pixel.
    shares : ndarray of float64, shape (rows, columns)
        Values in [0, 1].

    Raises
    ------
    ValueError
        If there are fewer than three vertices, or some are not finite.

    Examples
    --------
    >>> origin, shares = coverage([(0.5, 0), (0.5, 1.25), (2, 1.25), (2, 0)])
    >>> origin, shares.tolist()
    ((0, 0), [[0.5, 0.125], [1.0, 0.25]])
    """
    points = _points(vertices)
    low = np.floor(points.min(axis=0))
    rows, columns = (np.maximum(np.ceil(points.max(axis=0)) - low, 1)).astype(int)
    start, stop = _pieces(points - low)
    middle = 0.5 * (start + stop)
    rise = stop[:, 0] - start[:, 0]
    row = np.clip(np.floor(middle[:, 0]).astype(int), 0, rows - 1)
    column = np.clip(np.floor(middle[:, 1]).astype(int), 0, columns - 1)
    right = (middle[:, 1] - column) * rise
    cell = row * (columns + 1) + column
    changes = np.bincount(cell, rise - right, rows * (columns + 1)) + np.bincount(cell + 1, right, rows * (columns + 1))
    shares = np.cumsum(changes.reshape(rows, columns + 1), axis=1)[:, :columns]
    return (int(low[0]), int(low[1])), np.clip(-np.sign(signed_area(points)) * shares, 0.0, 1.0)


def paint(vertices: npt.ArrayLike, size: int, periodic: bool = False) -> Array:
    """Return the image of a simple polygon in the unit square: the share of each pixel that it covers.

    Parameters
    ----------
    vertices : array_like of float, shape (n, 2)
        Points (y, x), in units of the side of the image; they may lie outside.
    size : int
        Pixels along y and along x, >= 1.
    periodic : bool
        Whether what leaves on one side comes in on the other; the polygon must then fit into a unit square. Otherwise
        it is cut off.

    Returns
    -------
    ndarray of float64, shape (size, size)
        Values in [0, 1].

    Raises
    ------
    ValueError
        If ``size`` is not positive, a vertex is not finite, or a periodic polygon is larger than the image.

    Examples
    --------
    >>> paint([(0, 0), (0, 0.75), (1, 0.75), (1, 0)], 2).tolist()
    [[1.0, 0.5], [1.0, 0.5]]
    """
    points = _points(vertices)
    check("size", size, size >= 1, ">= 1 pixel")
    if periodic and (np.ptp(points, axis=0) > 1 + 0.01 / size).any():  # a hundredth of a pixel for circles as polygons
        raise ValueError(f"a periodic polygon must fit into the image, got extents {np.ptp(points, axis=0).tolist()}")
    if not periodic:
        points = clip(clip(points, 0.0, 1.0, 0), 0.0, 1.0, 1)
    image = np.zeros((size, size))
    if len(points) > 2:
        (top, left), shares = coverage(points * size)
        index = np.ix_((top + np.arange(shares.shape[0])) % size, (left + np.arange(shares.shape[1])) % size)
        np.add.at(image, index, shares)  # a polygon as wide as the image meets itself in a pixel
    return np.minimum(image, 1.0)


def clip(vertices: npt.ArrayLike, low: float, high: float, axis: int | npt.ArrayLike) -> Array:
    """Return the part of a polygon between two parallel lines (Sutherland and Hodgman, doi:10.1145/360767.360802).

    Parameters
    ----------
    vertices : array_like of float, shape (n, 2)
        Points (y, x); of a polygon that is not convex, parts may stay joined along the lines, where they have no area.
    low, high : float
        The lines are where the position along ``axis`` has these values.
    axis : int or array_like of float, shape (2,)
        0 for y, 1 for x, or a direction (y, x).

    Returns
    -------
    ndarray of float64, shape (m, 2)
        Points of the part, none if it is empty.

    Examples
    --------
    >>> clip([(0, 0), (0, 2), (2, 2), (2, 0)], 0.0, 1.0, 1).tolist()
    [[0.0, 0.0], [0.0, 1.0], [2.0, 1.0], [2.0, 0.0]]
    """
    points = np.asarray(vertices, dtype=np.float64).reshape(-1, 2)
    direction = np.eye(2)[axis] if isinstance(axis, int) else np.asarray(axis, dtype=np.float64)
    for bound, sense in ((low, 1.0), (high, -1.0)):
        if not len(points) or not np.isfinite(bound):
            continue
        inside = sense * (points @ direction - bound)
        after, next_points = np.roll(inside, -1), np.roll(points, -1, axis=0)
        crosses = (inside >= 0) != (after >= 0)
        share = np.divide(inside, inside - after, out=np.zeros_like(inside), where=crosses)[:, None]
        both = np.stack([points, points + share * (next_points - points)], axis=1)
        points = both[np.stack([inside >= 0, crosses], axis=1)]
    return points


def _points(vertices: npt.ArrayLike) -> Array:
    points = np.asarray(vertices, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3:
        raise ValueError(f"a polygon has three or more vertices (y, x), got an array of shape {points.shape}")
    if not np.isfinite(points).all():
        raise ValueError(f"vertices must be finite, got {points[~np.isfinite(points).all(axis=1)][0].tolist()}")
    return points


def _pieces(points: Array) -> tuple[Array, Array]:
    """Return where the pieces of the edges start and stop that lie in one pixel each."""
    ends = np.roll(points, -1, axis=0)
    edge, at = [np.repeat(np.arange(len(points)), 2)], [np.tile([0.0, 1.0], len(points))]
    for p, q in zip(points.T, ends.T, strict=True):
        first = np.floor(np.minimum(p, q)) + 1
        count = np.maximum(np.ceil(np.maximum(p, q)) - first, 0).astype(int)
        which = np.repeat(np.arange(len(points)), count)
        line = first[which] + np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
        edge.append(which)
        at.append((line - p[which]) / (q - p)[which])
    edges, cuts = np.concatenate(edge), np.concatenate(at)
    order = np.lexsort((cuts, edges))
    edges, cuts = edges[order], cuts[order][:, None]
    where = points[edges] * (1 - cuts) + ends[edges] * cuts
    same = edges[1:] == edges[:-1]
    return where[:-1][same], where[1:][same]
