"""Random cartoon images: overlapping polygons, curved strokes, smooth regions with sharp borders.

Images lie in the unit square as those of ``scatflow_processes.shapes``; each is a function of a generator, values in [0, 1].
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from scatflow_processes.bounds import check
from scatflow_processes.polygons import paint
from scatflow_processes.shapes import centers, star_shaped
from scatflow_processes.strokes import SUPERSAMPLING, bands, draw, parabola

Array = npt.NDArray[np.float64]
#: Of the polynomials; levels of 0.3 to 0.7 keep the sum in [0, 1], because Chebyshev polynomials are within [-1, 1].
_AMPLITUDE = 0.3


def random_polygon(generator: np.random.Generator, vertices: int, radius: float) -> Array:
    """Return a random simple polygon in the unit square.

    Its center is uniform, its corners lie about evenly around it (each moved by up to a fifth of their mean angle) at
    distances uniform in [radius / 2, radius].

    Parameters
    ----------
    generator : numpy.random.Generator
        Where the numbers come from.
    vertices : int
        Corners, >= 3.
    radius : float
        Largest distance of a corner from the center.

    Returns
    -------
    ndarray of float64, shape (vertices, 2)
        Corners (y, x).

    Raises
    ------
    ValueError
        If there are fewer than three corners, or the radius is not positive.

    Examples
    --------
    >>> random_polygon(np.random.default_rng(0), 5, 0.2).shape
    (5, 2)
    """
    check("vertices", vertices, vertices >= 3, ">= 3")
    check("radius", radius, 0 < radius < math.inf, "finite and > 0")
    center = generator.random(2)
    angles = 2 * np.pi * (generator.random() + (np.arange(vertices) + generator.uniform(-0.2, 0.2, vertices)) / vertices)
    return star_shaped((center[0], center[1]), angles, radius * generator.uniform(0.5, 1.0, vertices))


def polygons(
    generator: np.random.Generator, size: int, count: int = 8, vertices: int = 5, radius: float = 0.25, periodic: bool = True
) -> Array:
    """Return random polygons, each of one gray value, the later ones on top (dead leaves).

    Parameters
    ----------
    generator : numpy.random.Generator
        Where the numbers come from.
    size : int
        Pixels along y and along x.
    count : int
        Polygons, >= 1. A single one is white on black.
    vertices : int
        Corners of each, >= 3.
    radius : float
        Largest distance of a corner from the center, in units of the side; at most 1/2.
    periodic : bool
        Whether what leaves on one side comes in on the other.

    Returns
    -------
    ndarray of float64, shape (size, size)
        Gray values uniform in [0.2, 1] on a background of 0, mixed in a pixel by the exact shares of its area.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Examples
    --------
    >>> image = polygons(np.random.default_rng(1), 32)
    >>> bool(0 <= image.min() < image.max() <= 1)
    True
    """
    check("count", count, count >= 1, ">= 1")
    check("radius", radius, 0 < radius <= 0.5, "in (0, 1/2]")
    image = np.zeros((size, size))
    for _ in range(count):
        corners = random_polygon(generator, vertices, radius)
        gray = generator.uniform(0.2, 1.0) if count > 1 else 1.0
        share = paint(corners, size, periodic)
        image = image * (1 - share) + gray * share
    return image


def strokes(generator: np.random.Generator, size: int, count: int = 5, width: float = 0.04, periodic: bool = True) -> Array:
    """Return white curved strokes on black: arcs of parabolas between random points.

    Parameters
    ----------
    generator : numpy.random.Generator
        Where the numbers come from.
    size : int
        Pixels along y and along x.
    count : int
        Strokes, >= 1.
    width : float
        Width of the strokes, in units of the side, in (0, 1/2].
    periodic : bool
        Whether what leaves on one side comes in on the other.

    Returns
    -------
    ndarray of float64, shape (size, size)

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Examples
    --------
    >>> strokes(np.random.default_rng(1), 32, count=2).shape
    (32, 32)
    """
    check("count", count, count >= 1, ">= 1")
    lines = []
    for _ in range(count):
        start = generator.random(2)
        middle, stop = start + generator.uniform(-0.5, 0.5, (2, 2))
        lines.append(parabola(start, middle, stop))
    return draw(lines, size, width, periodic)


def piecewise_smooth(generator: np.random.Generator, size: int, regions: int = 8, order: int = 2, periodic: bool = True) -> Array:
    """Return an image that is a random polynomial inside each of the Voronoi cells of random points.

    In a cell the value is ``level + 0.3 sum c_ab T_a(v) T_b(u)``, (v, u) the way from its point, in units of the side
    (of half the side in a periodic image), T Chebyshev polynomials, a + b <= order, sum |c| = 1, level uniform in [0.3, 0.7].
    Pixels are means of 4 x 4 samples; off the borders, differences of order ``order + 1`` vanish.

    Parameters
    ----------
    generator : numpy.random.Generator
        Where the numbers come from.
    size : int
        Pixels along y and along x.
    regions : int
        Cells, >= 1.
    order : int
        Degree of the polynomials, 0 to 8; 0 gives constant cells.
    periodic : bool
        Whether opposite sides fit together.

    Returns
    -------
    ndarray of float64, shape (size, size)

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Examples
    --------
    >>> image = piecewise_smooth(np.random.default_rng(1), 32, regions=4, order=0)
    >>> len(np.unique(image.round(9))) < 32 * 32 // 2
    True
    """
    check("regions", regions, regions >= 1, ">= 1")
    check("order", order, 0 <= order <= 8, "in 0..8")
    points, levels = generator.random((regions, 2)), generator.uniform(0.3, 0.7, regions)
    weights = generator.uniform(-1, 1, (regions, order + 1, order + 1)) * (
        np.add.outer(range(order + 1), range(order + 1)) <= order
    )
    weights[:, 0, 0] = 0.0
    weights *= _AMPLITUDE / np.maximum(np.abs(weights).sum(axis=(1, 2), keepdims=True), 1e-300)
    weights[:, 0, 0] = levels
    u, image = centers(SUPERSAMPLING * size), np.empty((size, size))
    for band in bands(size):
        rows = u[SUPERSAMPLING * band.start : SUPERSAMPLING * band.stop]
        fine = _cells(rows, u, points, weights, periodic)
        image[band] = fine.reshape(-1, SUPERSAMPLING, size, SUPERSAMPLING).mean(axis=(1, 3))
    return np.clip(image, 0.0, 1.0)


def _cells(rows: Array, columns: Array, points: Array, weights: Array, periodic: bool) -> Array:
    """Return, at every place, the polynomial of the nearest point."""
    found, nearest = np.empty((len(rows), len(columns))), np.full((len(rows), len(columns)), np.inf)
    for point, weight in zip(points, weights, strict=True):
        v, u = _way(rows, point[0], periodic), _way(columns, point[1], periodic)
        square = v[:, None] ** 2 + u**2
        along_y, along_x = (np.polynomial.chebyshev.chebvander(way * (2.0 if periodic else 1.0), len(weight) - 1) for way in (v, u))
        closer = square < nearest
        found[closer] = (along_y @ weight @ along_x.T)[closer]
        nearest = np.minimum(square, nearest)
    return found


def _way(u: Array, where: float, periodic: bool) -> Array:
    way: Array = u - where
    return (way + 0.5) % 1.0 - 0.5 if periodic else way
