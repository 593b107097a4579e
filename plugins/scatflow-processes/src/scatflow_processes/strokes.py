"""Lines of a given width with round ends, drawn by their distance: what digits and drawings are made of."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from scatflow_processes.bounds import check

Array = npt.NDArray[np.float64]
#: Samples per pixel along each side.
SUPERSAMPLING = 4
#: Width of the ramp across borders in samples, of which sums over samples err least: 2 and 3 err twice as much and more.
_RAMP = 2.5
#: Samples worked on at a time, so that large images need little memory beside themselves.
BAND = 1 << 20


def bands(size: int) -> Iterator[slice]:
    """Yield the rows of pixels of an image in bands of at most ``BAND`` samples, one row at least.

    Examples
    --------
    >>> list(bands(300))
    [slice(0, 218, None), slice(218, 300, None)]
    """
    rows = max(1, BAND // (SUPERSAMPLING**2 * size))
    return (slice(start, min(start + rows, size)) for start in range(0, size, rows))


def parabola(start: npt.ArrayLike, pull: npt.ArrayLike, stop: npt.ArrayLike) -> Array:
    """Return the arc of a parabola as a line: from ``start`` towards ``pull``, to ``stop`` as if coming from there.

    Parameters
    ----------
    start, pull, stop : array_like of float, shape (2,)
        Points (y, x).

    Returns
    -------
    ndarray of float64, shape (17, 2)

    Examples
    --------
    >>> parabola((0, 0), (0, 1), (1, 1))[8].tolist()
    [0.25, 0.75]
    """
    t = np.linspace(0.0, 1.0, 17)[:, None]
    return np.asarray((1 - t) ** 2 * np.asarray(start) + 2 * t * (1 - t) * np.asarray(pull) + t**2 * np.asarray(stop))


def draw(lines: Sequence[npt.ArrayLike], size: int, width: float, periodic: bool = False) -> Array:
    """Return the image of the union of lines: the share of each pixel that lies within ``width / 2`` of one.

    Each pixel is the mean of 4 x 4 samples, with a smooth ramp of 2.5 samples across the border. The area of straight strokes and of
    dots of at least 1.6 pixels' width is right to 1e-3.

    Parameters
    ----------
    lines : sequence of array_like of float, shape (n, 2)
        Points (y, x) of each line in the unit square; two points or more.
    size : int
        Pixels along y and along x.
    width : float
        Width of the strokes in units of the side, in (0, 1/2].
    periodic : bool
        Whether what leaves on one side comes in on the other; pieces between points must then be shorter than 1/4.

    Returns
    -------
    ndarray of float64, shape (size, size)
        Values in [0, 1].

    Raises
    ------
    ValueError
        If ``size`` is not positive, a line has fewer than two points or points that are not finite, the width is out of range, or a piece of
        a periodic line is too long.

    Examples
    --------
    >>> image = draw([[(0.5, 0.25), (0.5, 0.75)]], 64, width=0.1)
    >>> round(float(image.mean()), 3), round(0.5 * 0.1 + np.pi * 0.05**2, 3)
    (0.058, 0.058)
    """
    check("size", size, size >= 1, ">= 1 pixel")
    check("width", width, 0 < width <= 0.5, "in (0, 1/2]")
    start, stop = _segments(lines)
    if periodic and (np.abs(stop - start) > 0.25).any():
        raise ValueError("pieces of periodic lines must be shorter than 1/4 of the image; add points between")
    fine, image = SUPERSAMPLING * size, np.empty((size, size))
    ramp = min(_RAMP / fine, width)
    # A ramp of variance ramp^2 / 20 about a circle adds pi ramp^2 / 20 to its area: round ends are narrower by as much.
    excess = 0.5 * width - math.sqrt(0.25 * width**2 - ramp**2 / 20)
    windows = [[_window(a, b, width, fine, periodic) for a, b in zip(p, q, strict=True)] for p, q in zip(start, stop, strict=True)]
    for band in bands(size):
        first, last = SUPERSAMPLING * band.start, SUPERSAMPLING * band.stop
        nearest = np.full((last - first, fine), np.inf)
        for p, q, ((rows, y), (columns, x)) in zip(start, stop, windows, strict=True):
            here = (rows >= first) & (rows < last)
            if here.any() and len(columns):
                index = np.ix_(rows[here] - first, columns)
                nearest[index] = np.minimum(nearest[index], _distance(y[here, None], x, p, q, excess))
        covered = np.clip((0.5 * width - nearest) / ramp + 0.5, 0.0, 1.0)
        covered = covered * covered * (3 - 2 * covered)
        image[band] = covered.reshape(-1, SUPERSAMPLING, size, SUPERSAMPLING).mean(axis=(1, 3))
    return image


def _segments(lines: Sequence[npt.ArrayLike]) -> tuple[Array, Array]:
    arrays = [np.asarray(line, dtype=np.float64) for line in lines]
    for points in arrays:
        if points.ndim != 2 or points.shape[1] != 2 or len(points) < 2:
            raise ValueError(f"a line has two or more points (y, x), got an array of shape {points.shape}")
        if not np.isfinite(points).all():
            raise ValueError(f"points must be finite, got {points[~np.isfinite(points).all(axis=1)][0].tolist()}")
    if not arrays:
        return np.empty((0, 2)), np.empty((0, 2))
    return np.concatenate([points[:-1] for points in arrays]), np.concatenate([points[1:] for points in arrays])


def _window(a: float, b: float, width: float, fine: int, periodic: bool) -> tuple[npt.NDArray[np.int64], Array]:
    """Return the samples along one axis that a piece from a to b can reach: their indices and where they lie."""
    reach = 0.5 * width + _RAMP / fine
    index = np.arange(int(np.floor((min(a, b) - reach) * fine)), int(np.ceil((max(a, b) + reach) * fine)) + 1)
    if not periodic:
        index = index[(index >= 0) & (index < fine)]
    return index % fine, (index + 0.5) / fine


def _distance(y: Array, x: Array, p: Array, q: Array, excess: float) -> Array:
    """Return the distance of points to the segment from p to q, with an excess where one of its ends is nearest."""
    along = q - p
    square = float(along @ along) or 1.0
    place = ((y - p[0]) * along[0] + (x - p[1]) * along[1]) / square
    share = np.clip(place, 0.0, 1.0)
    distance: Array = np.hypot(y - p[0] - share * along[0], x - p[1] - share * along[1])
    round_ends = (place != share) if along.any() else np.True_
    return distance + excess * round_ends
