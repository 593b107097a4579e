"""Digits drawn by strokes: templates, jittered, bent and of varying thickness; a stand-in for handwriting that needs no files.

Images lie in the unit square with row 0 on top, as those of files of digits do.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from scatflow_processes.bounds import check
from scatflow_processes.strokes import draw, parabola

Array = npt.NDArray[np.float64]
#: Largest displacement that leaves digits of 28 to 32 pixels legible, in pixels.
MAX_DEFORMATION = 3.0
#: Thickness in units of the side; rotation in degrees; shear; logarithm of the scale along each axis; shift in units of the side.
_THICKNESS, _ROTATION, _SHEAR, _STRETCH, _SHIFT = (0.075, 0.125), 12.0, 0.2, 0.15, 0.05
#: Share of the side that templates fill, so that what is moved and bent stays inside.
_FILL = 0.85
#: Waves that bend the plane: how many per component, and their largest number of cycles per side.
_WAVES, _CYCLES = 3, 1.2


def _arc(center: tuple[float, float], radii: tuple[float, float], start: float, stop: float) -> Array:
    angles: Array = np.radians(np.linspace(start, stop, 25))
    return np.stack([center[0] + radii[0] * np.sin(angles), center[1] + radii[1] * np.cos(angles)], axis=1)


def template(label: int) -> list[Array]:
    """Return the strokes of a digit.

    Parameters
    ----------
    label : int
        0 to 9.

    Returns
    -------
    list of ndarray of float64, shape (n, 2)
        Points (y, x) of each stroke in the unit square, y downwards.

    Raises
    ------
    ValueError
        If there is no such digit.

    Examples
    --------
    >>> [stroke.tolist() for stroke in template(7)]
    [[[0.12, 0.24], [0.12, 0.76], [0.88, 0.4]]]
    """
    if not 0 <= label <= 9:
        raise ValueError(f"digits are 0 to 9, got {label}")
    strokes: dict[int, list[npt.ArrayLike]] = {
        0: [_arc((0.5, 0.5), (0.38, 0.25), 0, 360)],
        1: [[(0.27, 0.36), (0.12, 0.53), (0.88, 0.53)]],
        2: [np.concatenate([_arc((0.33, 0.5), (0.21, 0.23), 190, 395), [(0.88, 0.26), (0.88, 0.76)]])],
        3: [_arc((0.3, 0.47), (0.18, 0.21), 205, 450), _arc((0.68, 0.47), (0.2, 0.24), 270, 515)],
        4: [[(0.12, 0.55), (0.62, 0.22), (0.62, 0.8)], [(0.36, 0.62), (0.88, 0.62)]],
        5: [np.concatenate([[(0.12, 0.74), (0.12, 0.34)], _arc((0.65, 0.46), (0.23, 0.26), 235, 505)])],
        6: [_arc((0.67, 0.5), (0.21, 0.22), 0, 360), parabola((0.12, 0.64), (0.28, 0.29), (0.67, 0.28))],
        7: [[(0.12, 0.24), (0.12, 0.76), (0.88, 0.4)]],
        8: [_arc((0.31, 0.5), (0.19, 0.18), 0, 360), _arc((0.69, 0.5), (0.19, 0.23), 0, 360)],
        9: [_arc((0.33, 0.49), (0.21, 0.21), 0, 360), parabola((0.33, 0.7), (0.7, 0.71), (0.88, 0.52))],
    }
    return [np.asarray(stroke, dtype=np.float64) for stroke in strokes[label]]


def digit(generator: np.random.Generator, label: int, size: int = 28, deformation: float = 1.5, jitter: float = 1.0) -> Array:
    """Return a random image of a digit, white on black.

    The strokes are rotated, sheared, stretched and shifted at random, then bent by a smooth random displacement, and drawn with a
    random thickness of 7.5 to 12.5 % of the side.

    Parameters
    ----------
    generator : numpy.random.Generator
        Where the numbers come from.
    label : int
        0 to 9.
    size : int
        Pixels along y and along x.
    deformation : float
        No point is displaced by more than this many pixels, in [0, 3].
    jitter : float
        Share of the full range of thickness, rotation (12 degrees), shear (0.2), stretching (15 %) and shift (5 % of the side), in [0, 1].

    Returns
    -------
    ndarray of float64, shape (size, size)
        Values in [0, 1].

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Examples
    --------
    >>> image = digit(np.random.default_rng(0), 7, size=8, deformation=0.0, jitter=0.0)
    >>> print("\\n".join("".join("-#"[int(value > 0.4)] for value in row) for row in image))
    --------
    --####--
    -----#--
    ----#---
    ----#---
    ---#----
    ---#----
    --------
    """
    check("deformation", deformation, 0 <= deformation <= MAX_DEFORMATION, f"in [0, {MAX_DEFORMATION:g}] pixels")
    check("jitter", jitter, 0 <= jitter <= 1, "in [0, 1]")
    check("size", size, size >= 1, ">= 1 pixel")
    middle, half = sum(_THICKNESS) / 2, (_THICKNESS[1] - _THICKNESS[0]) / 2
    thickness = middle + jitter * half * generator.uniform(-1, 1)
    matrix, shift = _affine(generator, jitter)
    bend = Bend(generator, deformation / size)
    return draw([bend(0.5 + _FILL * (_refined(stroke) - 0.5) @ matrix.T + shift) for stroke in template(label)], size, thickness)


def _affine(generator: np.random.Generator, jitter: float) -> tuple[Array, Array]:
    angle, shear, *stretch = jitter * generator.uniform(-1, 1, 4) * [np.radians(_ROTATION), _SHEAR, _STRETCH, _STRETCH]
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    slant = np.array([[1.0, 0.0], [shear, 1.0]])
    return turn @ slant @ np.diag(np.exp(stretch)), jitter * _SHIFT * generator.uniform(-1, 1, 2)


class Bend:
    """A smooth random displacement of the plane: a few plane waves of up to 1.2 cycles per side.

    Parameters
    ----------
    generator : numpy.random.Generator
        Where the numbers come from.
    amplitude : float
        No displacement is longer, in units of the side.

    Examples
    --------
    >>> points = np.random.default_rng(1).random((100, 2))
    >>> moved = Bend(np.random.default_rng(0), 0.1)(points)
    >>> bool(np.hypot(*(moved - points).T).max() <= 0.1)
    True
    """

    def __init__(self, generator: np.random.Generator, amplitude: float) -> None:
        self.cycles = generator.uniform(-_CYCLES, _CYCLES, (2, _WAVES, 2))
        self.phases = generator.uniform(0, 2 * np.pi, (2, _WAVES))
        weights = generator.uniform(0.2, 1.0, (2, _WAVES))
        self.weights = amplitude / np.sqrt(2) * weights / weights.sum(axis=1, keepdims=True)

    def __call__(self, points: Array) -> Array:
        """Return points, shape (n, 2), displaced."""
        angle = 2 * np.pi * np.einsum("cwd,pd->pcw", self.cycles, points) + self.phases
        moved: Array = points + np.einsum("cw,pcw->pc", self.weights, np.cos(angle))
        return moved


def _refined(stroke: Array, longest: float = 0.05) -> Array:
    """Return a line with points at most ``longest`` apart, so that it can bend."""
    counts = np.maximum(1, np.ceil(np.hypot(*np.diff(stroke, axis=0).T) / longest)).astype(int)
    parts = [np.linspace(a, b, n, endpoint=False) for a, b, n in zip(stroke[:-1], stroke[1:], counts, strict=True)]
    return np.concatenate([*parts, stroke[-1:]])
