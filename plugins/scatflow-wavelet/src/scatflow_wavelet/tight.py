"""Tight banks: the squares of all multipliers add up to one, so that the transform keeps the norm exactly."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from scatflow.contract import family
from scatflow.errors import ParameterError
from scatflow_wavelet.family import WaveletFamily, check_dims
from scatflow_wavelet.layout import Band, Grid, Layout, Part, Real, periods, wrap
from scatflow_wavelet.references import PARAMETRIC_TEXTURE_MODEL

#: Top center frequency in one dim, rad/sample.
_TOP = 0.75 * math.pi
#: A log-cosine cos(pi t / 2) stands at exp(-1/2) of its peak at this t, in units of one voice.
_HALF = 2 / math.pi * math.acos(math.exp(-0.5))


@family(
    "tight",
    version=1,
    references=(PARAMETRIC_TEXTURE_MODEL.part("log-cosine radial bands"),),
)
class Tight(WaveletFamily):
    """Log-cosine bands of compact spectrum whose squares sum to one at every frequency.

    One dim: centers ``w_k = 0.75 pi 2^(-k/Q)``, k < J Q, ``psi_k(w) = sqrt(2) cos((pi/2) Q log2(w / w_k))`` within one
    voice of the center and w > 0, flat above the first center. Two dims: radial bands around ``(pi/2) 2^-j`` times
    ``c_L max(cos(a - pi l / L), 0)^(L-1)`` in the angle a. Edges are only continuous, so the decay in space is slow
    and blocks with a halo are refused.

    Examples
    --------
    >>> from scatflow_wavelet import Bank, Grid, Tight
    >>> bank = Bank(Tight(), J=4, voices=4, aspect=(1.0, 1.0))
    >>> low, high = bank.bounds(Grid((64, 64)))
    >>> abs(low - 1) < 1e-12 and abs(high - 1) < 1e-12
    True
    """

    in_parts: ClassVar[bool] = True

    def check(self, layout: Layout, subject: str) -> None:
        """Raise ParameterError for more than two dims, no voice, or a single orientation."""
        check_dims(layout, subject)
        least, name = (1, "Q") if layout.ndim == 1 else (2, "L")
        if layout.voices < least:
            raise ParameterError(
                f"{subject}.{name}", "too few voices for the tight bank", expected=f"at least {least}", got=layout.voices
            )

    def bands(self, layout: Layout) -> tuple[Band, ...]:
        """Return the bands, finest octave first."""
        q = layout.voices
        if layout.ndim == 1:
            return tuple(_band(n, q, _TOP * 2.0 ** (-n / q), 1 / q) for n in range(layout.J * q))
        return tuple(_band(j * q + m, q, 0.5 * math.pi * 2.0**-j, 1.0, math.pi * m / q) for j in range(layout.J) for m in range(q))

    def band(self, layout: Layout, band: Band, grid: Grid) -> Real:
        """Return the multiplier of one band on a grid."""
        limit = _band_limit(layout, band)
        if limit is not None:
            return _on_support(layout, grid, limit, lambda omega: _psi(layout, band, omega))
        # The finest bands stay open towards the Nyquist frequency: they are defined on the array's own grid, and
        # a coarser grid sees the sum of the periods of that.
        shape = tuple(n * grid.step for n in grid.shape)
        fine = _on_square(layout, shape, lambda omega: _psi(layout, band, omega))
        return np.asarray(wrap(fine, (0,) * layout.ndim, grid.shape))

    def low(self, layout: Layout, grid: Grid) -> Real:
        """Return the multiplier of the low-pass on a grid."""
        if layout.J == 0:
            return np.ones(grid.shape)  # no band takes anything away
        return _on_support(layout, grid, _low_limit(layout), lambda omega: _phi(layout, _radius(omega)))

    def band_part(self, layout: Layout, band: Band, grid: Grid, part: Part) -> Real:
        """Return a part of the multiplier of one band on a grid."""
        limit = _band_limit(layout, band)
        if limit is not None:
            return _part_on_support(layout, grid, limit, lambda omega: _psi(layout, band, omega), part)
        fine = tuple(n * grid.step for n in grid.shape)
        boxes = periods(part, (0,) * len(fine), tuple(n - 1 for n in fine), grid.shape)
        found = [_part_on_square(layout, fine, lambda omega: _psi(layout, band, omega), box) for box in boxes]
        return np.asarray(functools.reduce(np.add, found))

    def low_part(self, layout: Layout, grid: Grid, part: Part) -> Real:
        """Return a part of the multiplier of the low-pass on a grid."""
        if layout.J == 0:
            return np.ones([stop - start for start, stop in part])
        return _part_on_support(layout, grid, _low_limit(layout), lambda omega: _phi(layout, _radius(omega)), part)

    def profile(self, layout: Layout, distance: Real) -> Real:
        """Return the modulus of the low-pass along one axis, integrated over the other."""
        if layout.J == 0:
            return np.asarray((distance == 0).astype(np.float64))
        omega = (np.arange(256) + 0.5) / 256 * _low_limit(layout)
        return np.asarray(np.abs(np.cos(distance[..., None] * omega) @ _phi(layout, omega)) / 256)


def _band(n: int, voices: int, center: float, voice: float, theta: float = 0.0) -> Band:
    """Return a band whose log-cosine is ``voice`` octaves wide on either side."""
    sigma = 0.5 * center * (2.0 ** (_HALF * voice) - 2.0 ** (-_HALF * voice))
    return Band(n, n // voices, n % voices, center, sigma, theta)


def _band_limit(layout: Layout, band: Band) -> float | None:
    """Return the frequency from which a band is zero; None for the finest ones, which stay open towards the Nyquist frequency."""
    if band.n < (1 if layout.ndim == 1 else layout.voices):
        return None
    return float(abs(band.xi) * 2.0 ** (1 / layout.voices if layout.ndim == 1 else 1))


def _low_limit(layout: Layout) -> float:
    """Return the frequency from which the low-pass is zero."""
    if layout.ndim == 2:
        return math.pi / layout.T
    return float(_TOP * 2.0 ** (1 / layout.voices) / layout.T)


def _phi(layout: Layout, radius: Real) -> Real:
    """Return the low-pass at radii: 1, then a cosine over one octave (one voice in one dim), then 0."""
    voice = layout.voices if layout.ndim == 1 else 1
    with np.errstate(divide="ignore"):
        t = np.clip(voice * np.log2(radius / _low_limit(layout)), -1, 0)
    return np.asarray(-np.sin(0.5 * math.pi * t))


def _psi(layout: Layout, band: Band, omega: list[Real]) -> Real:
    """Return one band at frequencies given per axis in kernel order."""
    radius = _radius(omega)
    voice = layout.voices if layout.ndim == 1 else 1
    with np.errstate(divide="ignore"):
        t = np.clip(voice * np.log2(radius / band.xi), -1, 1)
    if band.j == 0 and (layout.ndim == 2 or band.n == 0):
        t = np.minimum(t, 0)
    radial = np.where(np.abs(t) < 1, np.cos(0.5 * math.pi * t), 0.0)
    if layout.ndim == 1:
        return np.asarray(math.sqrt(2) * radial * (omega[0] > 0))
    count = layout.voices
    scale = 2.0 ** (count - 1) * math.factorial(count - 1) / math.sqrt(count * math.factorial(2 * count - 2))
    cosine = np.cos(np.arctan2(omega[0], omega[1]) - band.theta)
    return np.asarray(math.sqrt(2) * scale * radial * np.maximum(cosine, 0.0) ** (count - 1))


def _radius(omega: list[Real]) -> Real:
    return np.abs(omega[0]) if len(omega) == 1 else np.hypot(omega[0], omega[1])


def _axes(first: list[int], last: list[int], spacing: tuple[float, ...]) -> list[Real]:
    axes = [d * np.arange(a, b + 1) for a, b, d in zip(first, last, spacing, strict=True)]
    return list(np.meshgrid(*axes, indexing="ij", sparse=True))


def _on_support(layout: Layout, grid: Grid, limit: float, formula: Callable[[list[Real]], Real]) -> Real:
    """Evaluate a formula that vanishes from frequency ``limit`` on, and wrap it onto the grid."""
    spacing = grid.spacing(layout.aspect)
    last = [math.floor(limit / d) for d in spacing]
    first = [-n for n in last]
    return np.asarray(wrap(formula(_axes(first, last, spacing)), tuple(first), grid.shape))


def _on_square(layout: Layout, shape: tuple[int, ...], formula: Callable[[list[Real]], Real]) -> Real:
    """Evaluate a formula on the whole frequency square of the array's own grid.

    A Nyquist frequency stands for both of its signs, which give different angles: the root mean square over the
    signs is stored. Without it the squares do not add up to one on those lines.
    """
    spacing = Grid(shape).spacing(layout.aspect)
    first, last = [-(n // 2) for n in shape], [n // 2 for n in shape]
    squares = formula(_axes(first, last, spacing)) ** 2
    for axis, n in enumerate(shape):
        if n % 2 == 0:
            head, tail = np.take(squares, [0], axis), np.take(squares, [-1], axis)
            inner = np.take(squares, np.arange(1, n), axis)
            squares = np.concatenate([0.5 * (head + tail), inner], axis)
        squares = np.roll(squares, -(n // 2), axis)
    return np.asarray(np.sqrt(squares))


def _part_on_support(layout: Layout, grid: Grid, limit: float, formula: Callable[[list[Real]], Real], part: Part) -> Real:
    """Return a part of what :func:`_on_support` returns."""
    spacing = grid.spacing(layout.aspect)
    last = [math.floor(limit / d) for d in spacing]
    out = np.zeros([stop - start for start, stop in part])
    for box in periods(part, [-n for n in last], last, grid.shape):
        out += formula(_axes([start for start, _ in box], [stop - 1 for _, stop in box], spacing))
    return out


def _part_on_square(layout: Layout, shape: tuple[int, ...], formula: Callable[[list[Real]], Real], part: Part) -> Real:
    """Return a part of what :func:`_on_square` returns: at a Nyquist frequency, the root mean square over both of its signs."""
    signs: list[list[Real]] = []
    for axis, ((start, stop), n, d) in enumerate(zip(part, shape, Grid(shape).spacing(layout.aspect), strict=True)):
        index = np.arange(start, stop).reshape([-1 if i == axis else 1 for i in range(len(shape))])
        index = np.where(2 * index > n, index - n, index)
        found: list[Real] = [np.asarray(d * index)]
        if n % 2 == 0 and start <= n // 2 < stop:
            found.append(np.asarray(d * np.where(2 * index == n, -index, index)))
        signs.append(found)
    choices = list(itertools.product(*signs))
    return np.asarray(np.sqrt(sum(formula(list(omega)) ** 2 for omega in choices) / len(choices)))
