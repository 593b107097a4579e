"""Plain images with known geometry: a point, an edge, a wave, a disc, polygons and stars, free of aliasing.

Images lie in the unit square: pixel j is [j, j + 1] / size and its center (j + 1/2) / size, so that a finer grid samples the
same picture. Points are (y, x); angles are in degrees from x towards y. Values are in [0, 1].
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from scatflow_processes.bounds import check
from scatflow_processes.polygons import clip, paint

Array = npt.NDArray[np.float64]
#: Largest distance between a circle and the polygon that is painted for it, in pixels.
CIRCLE_TOLERANCE = 1e-3


def centers(size: int) -> Array:
    """Return where the pixels of an image lie along y or x, in units of its side.

    Examples
    --------
    >>> centers(4).tolist()
    [0.125, 0.375, 0.625, 0.875]
    """
    check("size", size, size >= 1, ">= 1 pixel")
    return (np.arange(size) + 0.5) / size


def dirac(size: int, center: tuple[float, float] = (0.5, 0.5)) -> Array:
    """Return an image that is 1 in the pixel of one point and 0 elsewhere.

    Parameters
    ----------
    size : int
        Pixels along y and along x.
    center : tuple of float
        The point (y, x), in [0, 1).

    Returns
    -------
    ndarray of float64, shape (size, size)

    Raises
    ------
    ValueError
        If ``size`` is not positive or the point lies outside the image.

    Examples
    --------
    >>> dirac(2, (0.2, 0.9)).tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """
    check("size", size, size >= 1, ">= 1 pixel")
    check("center", center, all(0 <= place < 1 for place in center), "in [0, 1)²")
    image = np.zeros((size, size))
    image[int(center[0] * size), int(center[1] * size)] = 1.0
    return image


def edge(size: int, angle: float = 0.0, offset: float = 0.0) -> Array:
    """Return a straight edge: 1 where the position along its normal, counted from the center of the image, exceeds ``offset``.

    Parameters
    ----------
    size : int
        Pixels along y and along x.
    angle : float
        Direction of the normal in degrees from x towards y, which is the way up.
    offset : float
        Distance of the edge from the center, in units of the side.

    Returns
    -------
    ndarray of float64, shape (size, size)
        The exact share of each pixel on the upper side. No periodic image: one has two edges or none.

    Raises
    ------
    ValueError
        If ``size`` is not positive, or angle or offset are not finite.

    Examples
    --------
    >>> edge(4, angle=0.0, offset=0.125)[0].tolist()
    [0.0, 0.0, 0.5, 1.0]
    """
    for name, value in (("angle", angle), ("offset", offset)):
        check(name, value, math.isfinite(value), "finite")
    check("size", size, size >= 1, ">= 1 pixel")
    normal = np.array([math.sin(math.radians(angle)), math.cos(math.radians(angle))])
    square = np.array([(-0.5, -0.5), (-0.5, 0.5), (0.5, 0.5), (0.5, -0.5)])
    part = clip(square, offset, math.inf, normal)
    return paint(part + 0.5, size) if len(part) > 2 else np.zeros((size, size))


def sinusoid(size: int, frequency: tuple[float, float] = (0.0, 4.0), phase: float = 0.0) -> Array:
    """Return ``1/2 + cos(2 pi frequency . u + phase) / 2``, at the pixel centers.

    Parameters
    ----------
    size : int
        Pixels along y and along x.
    frequency : tuple of float
        Cycles per side along y and x, below size / 2; whole numbers make it periodic.
    phase : float
        Phase at the corner (0, 0), in degrees.

    Returns
    -------
    ndarray of float64, shape (size, size)

    Raises
    ------
    ValueError
        If a frequency is at or above size / 2, where samples would show another, or the phase is not finite.

    Examples
    --------
    >>> sinusoid(2, (0.0, 0.5))[0].round(6).tolist()
    [0.853553, 0.146447]
    """
    u = centers(size)
    check("frequency", frequency, all(abs(f) < size / 2 for f in frequency), f"below size / 2 = {size / 2:g} cycles per side")
    check("phase", phase, math.isfinite(phase), "finite")
    angle = 2 * np.pi * (frequency[0] * u[:, None] + frequency[1] * u) + math.radians(phase)
    return 0.5 + 0.5 * np.cos(angle)


def disc(size: int, center: tuple[float, float] = (0.5, 0.5), radius: float = 0.25, periodic: bool = False) -> Array:
    """Return a disc.

    It is painted as a regular polygon of the same area within 1e-3 of a pixel of the circle, so its area is exact.

    Parameters
    ----------
    size : int
        Pixels along y and along x.
    center : tuple of float
        The center (y, x), in units of the side.
    radius : float
        Radius in units of the side, > 0; at most 1/2 in a periodic image.
    periodic : bool
        Whether what leaves on one side comes in on the other, or is cut off.

    Returns
    -------
    ndarray of float64, shape (size, size)

    Raises
    ------
    ValueError
        If the radius is not positive, or too large for a periodic image.

    Examples
    --------
    >>> image = disc(32, radius=0.3)
    >>> round(float(image.mean()) / (math.pi * 0.3**2), 6)
    1.0
    """
    _check_radius(radius, periodic)
    count = max(16, math.ceil(math.pi * math.sqrt(radius * size / (2 * CIRCLE_TOLERANCE))))
    wider = radius * math.sqrt(2 * math.pi / (count * math.sin(2 * math.pi / count)))
    return _round(size, center, np.full(count, wider), 0.0, periodic)


def polygon(
    size: int,
    vertices: int = 5,
    center: tuple[float, float] = (0.5, 0.5),
    radius: float = 0.25,
    angle: float = 0.0,
    periodic: bool = False,
) -> Array:
    """Return a regular polygon.

    Parameters
    ----------
    size : int
        Pixels along y and along x.
    vertices : int
        How many, >= 3.
    center : tuple of float
        The center (y, x), in units of the side.
    radius : float
        Distance of the vertices from the center, in units of the side, > 0; at most 1/2 in a periodic image.
    angle : float
        Direction of the first vertex, in degrees from x towards y.
    periodic : bool
        Whether what leaves on one side comes in on the other, or is cut off.

    Returns
    -------
    ndarray of float64, shape (size, size)
        The exact share of each pixel; the area is ``vertices/2 radius² sin(2 pi / vertices)``.

    Raises
    ------
    ValueError
        If there are fewer than three vertices, or the radius is out of range.

    Examples
    --------
    >>> round(float(polygon(32, vertices=4, radius=0.25).mean()), 12)
    0.125
    """
    _check_radius(radius, periodic)
    check("vertices", vertices, vertices >= 3, ">= 3")
    return _round(size, center, np.full(vertices, radius), angle, periodic)


def star(
    size: int,
    vertices: int = 5,
    center: tuple[float, float] = (0.5, 0.5),
    radius: float = 0.25,
    inner: float = 0.5,
    angle: float = 0.0,
    periodic: bool = False,
) -> Array:
    """Return a star: a polygon whose corners lie by turns on two circles.

    Parameters
    ----------
    size, center, periodic
        As for `polygon`.
    vertices : int
        Rays, >= 3.
    radius, angle : float
        As for `polygon`, of the tips.
    inner : float
        Distance of the notches as a share of ``radius``, in (0, 1).

    Returns
    -------
    ndarray of float64, shape (size, size)
        The exact share of each pixel; the area is ``vertices inner radius² sin(pi / vertices)``.

    Raises
    ------
    ValueError
        If there are fewer than three rays, or a radius is out of range.

    Examples
    --------
    >>> area = 5 * 0.5 * 0.3**2 * math.sin(math.pi / 5)
    >>> round(float(star(64, radius=0.3).mean()) / area, 12)
    1.0
    """
    _check_radius(radius, periodic)
    check("inner", inner, 0 < inner < 1, "in (0, 1)")
    check("vertices", vertices, vertices >= 3, ">= 3")
    return _round(size, center, radius * np.tile([1.0, inner], vertices), angle, periodic)


def star_shaped(center: tuple[float, float], angles: Array, radii: Array) -> Array:
    """Return the polygon with these corners around ``center``, all of which can be seen from there.

    Parameters
    ----------
    center : tuple of float
        The point (y, x).
    angles : ndarray of float64, shape (n,)
        Directions of the corners in radians from x towards y, increasing by less than pi each.
    radii : ndarray of float64, shape (n,)
        Distances of the corners.

    Returns
    -------
    ndarray of float64, shape (n, 2)

    Examples
    --------
    >>> star_shaped((1.0, 0.0), np.array([0.0, np.pi / 2, np.pi]), np.ones(3)).round(6).tolist()
    [[1.0, 1.0], [2.0, 0.0], [1.0, -1.0]]
    """
    return np.stack([center[0] + radii * np.sin(angles), center[1] + radii * np.cos(angles)], axis=1)


def _round(size: int, center: tuple[float, float], radii: Array, angle: float, periodic: bool) -> Array:
    """Return the image of the polygon whose corners lie at even angles, the first at ``angle`` degrees."""
    angles = math.radians(angle) + np.arange(float(len(radii))) * (2 * math.pi / len(radii))
    return paint(star_shaped(center, angles, radii), size, periodic)


def _check_radius(radius: float, periodic: bool) -> None:
    check("radius", radius, 0 < radius < math.inf, "finite and > 0")
    check("radius", radius, not periodic or radius <= 0.5, "<= 1/2 in a periodic image, which it would fill")
