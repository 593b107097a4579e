"""Displacement fields with names: where each sample of a deformed signal comes from, how far, and how steep the field is.

All families are functions of the distance from the center of the axis (of the segment, where there are walls), in samples of
the coarsest core axis, so that neither chunks nor samples beyond the ends matter.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from scatflow.arrays import uniform

Array = Any
Family = Literal["translate", "dilate", "rotate", "smooth_random", "time_warp"]
Range = tuple[float, float]

#: Lattice points are numbered along each axis from minus to plus this many, which fits three axes into 64 bits.
_SIDE = 1 << 20
#: Points per correlation length, and lattice cells per piece, at which the slope of a random field is looked at.
_FINENESS, _CELLS = 4, 32


@dataclass(frozen=True)
class Displacement:
    """A displacement ``tau`` of positions ``v``, both counted from the center.

    Attributes
    ----------
    family : str
        ``translate``: tau = size; ``dilate``: tau = size v; ``rotate``: tau = v - R v, where R turns the last two axes by
        -size, and so the picture by size from x towards y; ``smooth_random``: cubic B-splines of width ``scale`` with coefficients uniform in [-size, size];
        ``time_warp``: tau = size sin(2 pi v / scale), one axis.
    size : tuple of float
        One per axis for ``translate``, else a single number.
    scale : float
        Correlation length, or period.
    seed : int
        Of the random coefficients.
    """

    family: Family
    size: tuple[float, ...]
    scale: float = 0.0
    seed: int = 0

    def field(self, xp: Any, places: Sequence[np.ndarray], device: Any = None) -> list[Array]:
        """Return the displacement along each axis on a grid.

        Parameters
        ----------
        xp : module
            Array namespace of the result.
        places : sequence of ndarray of float64, one per axis
            Places along it, counted from the center.
        device : optional
            Device of the result.

        Returns
        -------
        list of array of float64
            They broadcast to the shape of the grid.
        """
        if self.family == "smooth_random":
            weights = [spline_matrix(v / self.scale, 0) for v in places]
            return [xp.asarray(values, device=device) for values in self._random(weights)]
        size, v = self.size[0], [xp.asarray(axis, device=device) for axis in np.ix_(*places)]
        if self.family == "translate":
            return [xp.full_like(axis, c) for axis, c in zip(v, self.size, strict=True)]
        if self.family == "dilate":
            return [size * axis for axis in v]
        if self.family == "time_warp":
            return [size * xp.sin(axis * (2 * math.pi / self.scale)) for axis in v]
        cos, sin = math.cos(size), math.sin(size)
        flat = [(1 - cos) * v[-2] + sin * v[-1], (1 - cos) * v[-1] - sin * v[-2]]
        return [*(xp.zeros_like(axis) for axis in v[:-2]), *flat]

    def bounds(self, extent: Sequence[float]) -> list[Range]:
        """Return the least and largest displacement along each axis, of places up to half an extent from the center."""
        size = self.size[0]
        if self.family == "translate":
            return [(min(c, 0.0), max(c, 0.0)) for c in self.size]
        if self.family == "dilate":
            widths = [abs(size) * n / 2 for n in extent]
        elif self.family == "rotate":
            turned, along = abs(math.sin(size)), 1 - math.cos(size)
            y, x = (n / 2 for n in extent[-2:])
            widths = [*(0.0 for _ in extent[:-2]), along * y + turned * x, turned * y + along * x]
        else:
            widths = [abs(size)] * len(extent)
        return [(-w, w) for w in widths]

    def steepness(self, extent: Sequence[float]) -> float:
        """Return the largest spectral norm of the Jacobian of tau.

        In closed form; of a random field over places four to a correlation length, which may miss the largest by 2 %.
        """
        size = abs(self.size[0])
        if self.family == "smooth_random":
            return _random_steepness(self, tuple(extent))
        return {
            "translate": 0.0,
            "dilate": size,
            "rotate": 2 * abs(math.sin(size / 2)),
            "time_warp": 2 * math.pi * size / self.scale if self.scale else 0.0,
        }[self.family]

    def _random(self, weights: Sequence[Lattice]) -> list[np.ndarray]:
        """Return the components of a random field from the spline weights along each axis."""
        return [
            self.size[0] * _spanned(self._coefficients(stream, [w.points for w in weights]), weights)
            for stream in range(len(weights))
        ]

    def _coefficients(self, stream: int, points: Sequence[range]) -> np.ndarray:
        """Return numbers in [-1, 1) on a box of lattice points, each known by its own position."""
        rows = []
        for row in itertools.product(*points[:-1]):
            start = 0
            for number in (*row, points[-1].start):
                start = start * 2 * _SIDE + number + _SIDE
            rows.append(uniform(self.seed, start, len(points[-1]), stream))
        return 2 * np.reshape(np.asarray(rows), [len(axis) for axis in points]) - 1


@dataclass(frozen=True, eq=False)
class Lattice:
    """Weights (places, lattice points) of cubic B-splines, and the lattice points."""

    points: range
    weights: np.ndarray


def spline_matrix(places: np.ndarray, derivative: int) -> Lattice:
    """Return the weights of the cubic B-splines on the integers at places, or of their first derivatives."""
    first = math.floor(places.min()) - 1
    points = range(first, math.floor(places.max()) + 3)
    d = places[:, None] - np.asarray(points)
    far = np.maximum(2 - np.abs(d), 0.0)
    near = np.maximum(1 - np.abs(d), 0.0)
    if derivative == 0:
        return Lattice(points, far**3 / 6 - near**3 * (2 / 3))
    return Lattice(points, np.sign(d) * (2 * near**2 - far**2 / 2))


def _spanned(coefficients: np.ndarray, lattices: Sequence[Lattice]) -> np.ndarray:
    """Return the tensor product of splines with coefficients on a box of lattice points."""
    for axis, lattice in enumerate(lattices):
        coefficients = np.moveaxis(np.tensordot(lattice.weights, coefficients, (1, axis)), 0, axis)
    return coefficients


# Labels are bound several times per call and a field of a million lattice cells takes a second.
@lru_cache(maxsize=32)
def _random_steepness(displacement: Displacement, extent: tuple[float, ...]) -> float:
    scale = displacement.scale
    step = 1 / _FINENESS
    axes = [np.arange(-n / 2 / scale, n / 2 / scale + step, step) for n in extent]
    piece = _CELLS * _FINENESS
    largest = 0.0
    for corner in itertools.product(*(range(0, len(axis), piece) for axis in axes)):
        places = [axis[start : start + piece] for axis, start in zip(axes, corner, strict=True)]
        columns = [displacement._random([spline_matrix(p, int(i == j)) for i, p in enumerate(places)]) for j in range(len(places))]
        jacobian = np.moveaxis(np.asarray(columns), (0, 1), (-1, -2)) / scale
        largest = max(largest, float(np.linalg.norm(jacobian, 2, axis=(-2, -1)).max()))
    return largest
