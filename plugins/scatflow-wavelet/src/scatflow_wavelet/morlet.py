"""Morlet banks in one to three dims: Gabor functions minus the multiple of their envelope that has the same mean."""

from __future__ import annotations

import functools
import itertools
import math
from functools import lru_cache
from typing import ClassVar

import numpy as np

from scatflow.contract import family, param
from scatflow.errors import ParameterError
from scatflow_wavelet import icosahedron
from scatflow_wavelet import reach as tables
from scatflow_wavelet.family import WaveletFamily, direction, wave
from scatflow_wavelet.layout import Band, Grid, Layout, Part, Real, periods, wrap
from scatflow_wavelet.references import DEEP_SCATTERING_SPECTRUM, SCATTERING_NETWORKS

#: Gaussians are summed to this many standard deviations: exp(-9^2 / 2) = 2.6e-18 is below float64 resolution.
_DEVIATIONS = 9.0
#: Samples evaluated at once: temporaries that stay in the cache make a large bank several times faster.
_BLOCK = 1 << 15
#: Width of the finest envelope and of the low-pass in two and three dims: 0.8 * 2^j samples.
_SIGMA = 0.8
#: Center frequency of the finest octave in two and three dims, rad/sample.
_XI = 3 * math.pi / 4
#: Width of an envelope along the wave over that across, in three dims.
_SLANT = 0.5
#: One dim, cycles per sample: bandwidth of a low-pass of scale 1, least top center, and height at which neighbors cross.
_SIGMA_LOW, _XI_TOP, _CROSSING = 0.1, 0.35, math.sqrt(0.5)


@family(
    "morlet",
    version=1,
    references=(SCATTERING_NETWORKS, DEEP_SCATTERING_SPECTRUM),
)
class Morlet(WaveletFamily):
    """Morlet wavelets: fast decay in space, so that blocks with a halo give the numbers of the whole.

    In two dims, band (j, l) with L orientations is, with ``s = 4 / L``, ``sigma = 0.8 * 2^j``,
    ``xi = (3 pi / 4) 2^-j`` and theta = pi l / L,

    ``psi(u) = s / (2 pi sigma^2) exp(-(u_par^2 + s^2 u_perp^2) / (2 sigma^2)) (exp(i xi u_par) - kappa)``

    and the low-pass is a Gaussian of width 0.4 T (0.8 * 2^(J-1) for T = 2^J). In three dims l numbers the L axes of
    symmetry of an icosahedron (6 through its vertices, 10 through faces, 15 through edges; see
    :func:`scatflow_wavelet.icosahedron.axes`), ``s = 1/2``, and the envelope has the unit integral that it has in two.
    Its Littlewood-Paley function lies in [1.5e-12, 1.00], [3.2e-5, 1.00] and [6.6e-6, 1.00] for L = 6, 10, 15, J = 3
    and step 1; up to pi in all directions, without the corners of the cube of frequencies, its least values are 1.6e-4,
    5.6e-4 and 2.4e-3, and up to the center of the finest octave 7e-3, 1.4e-2 and 5e-2. In one dim the bands are Q per
    octave from ``max(1 / (1 + 2^(3/Q)), 0.35)`` cycles per sample down, of constant Q until the bandwidth reaches
    that of the low-pass (0.1 / 2^J), then Q - 1 more at equal steps; they have unit L1 norm. kappa makes the mean
    of every wavelet exactly zero on the sampled grid.

    Parameters
    ----------
    contractive : bool
        Divide all filters by the square root of the largest value of the Littlewood-Paley function, so that the
        transform never increases a norm.

    Examples
    --------
    >>> from scatflow_wavelet import Bank, Grid, Morlet
    >>> bank = Bank(Morlet(), J=4, voices=8, aspect=(1.0, 1.0))
    >>> bank.psi(Grid((64, 64)), [0]).shape, bank.bands[9].j, bank.bands[9].l
    ((1, 64, 64), 1, 1)
    """

    in_parts: ClassVar[bool] = True

    contractive: bool = param(False, "Divide all filters by sqrt(max A), so that the transform is contractive.")

    def check(self, layout: Layout, subject: str) -> None:
        """Raise ParameterError for more than three dims, no voice, or other than 6, 10 or 15 axes in three dims."""
        if layout.ndim > 3:
            raise ParameterError(f"{subject}.dims", "the family has banks in one, two and three dims", got=layout.ndim)
        if layout.ndim == 3 and layout.voices not in icosahedron.COUNTS:
            raise ParameterError(f"{subject}.L", "orientations in three dims are the axes of an icosahedron", got=layout.voices,
                                 expected="6 (vertices), 10 (faces) or 15 (edges)", remedy="Use L=6, or leave L out.")  # fmt: skip
        if layout.voices < 1:
            voice = "Q" if layout.ndim == 1 else "L"
            raise ParameterError(f"{subject}.{voice}", "at least one is needed", got=layout.voices)

    def bands(self, layout: Layout) -> tuple[Band, ...]:
        """Return the bands, finest octave first."""
        if layout.ndim == 1:
            tau = 2 * math.pi
            return tuple(
                Band(n, n // layout.voices, n % layout.voices, tau * xi, tau * sigma)
                for n, (xi, sigma) in enumerate(constant_q(layout.J, layout.voices))
            )
        if layout.ndim == 3:
            axes = icosahedron.axes(layout.voices)
            return tuple(
                Band(j * len(axes) + q, j, q, _XI * 2.0**-j, 2.0**-j / _SIGMA, math.nan, axis)
                for j in range(layout.J)
                for q, axis in enumerate(axes)
            )
        return tuple(
            Band(j * layout.voices + q, j, q, _XI * 2.0**-j, 2.0**-j / _SIGMA, math.pi * q / layout.voices)
            for j in range(layout.J)
            for q in range(layout.voices)
        )

    def band(self, layout: Layout, band: Band, grid: Grid) -> Real:
        """Return the multiplier of one band on a grid."""
        center, precision = _shape(layout, band)
        spacing = grid.spacing(layout.aspect)
        out = gaussian(spacing, grid.shape, center, precision)
        out -= _kappa(layout.aspect, center, precision) * gaussian(spacing, grid.shape, 0 * center, precision)
        out[(0,) * layout.ndim] = 0.0  # the two sums agree there up to rounding; a wavelet's mean is exactly zero
        if layout.ndim == 1:
            out /= _l1_norm(band)
        return out

    def band_part(self, layout: Layout, band: Band, grid: Grid, part: Part) -> Real:
        """Return a part of the multiplier of one band on a grid."""
        center, precision = _shape(layout, band)
        spacing = grid.spacing(layout.aspect)
        out = gaussian_part(spacing, grid.shape, center, precision, part)
        out -= _kappa(layout.aspect, center, precision) * gaussian_part(spacing, grid.shape, 0 * center, precision, part)
        if all(start == 0 < stop for start, stop in part):
            out[(0,) * layout.ndim] = 0.0
        return out

    def low_part(self, layout: Layout, grid: Grid, part: Part) -> Real:
        """Return a part of the multiplier of the low-pass on a grid."""
        along = (self.low_along(layout, axis, n, grid.step)[slice(*part[axis])] for axis, n in enumerate(grid.shape))
        return np.asarray(functools.reduce(np.multiply, np.ix_(*along)))

    def low(self, layout: Layout, grid: Grid) -> Real:
        """Return the multiplier of the low-pass on a grid; its value at 0 is 1 for step 1, so averages are means."""
        if layout.ndim == 3:  # a box of the finest low-pass has 1e8 samples, its three sides have 1500
            along = (self.low_along(layout, axis, n, grid.step) for axis, n in enumerate(grid.shape))
            return np.asarray(functools.reduce(np.multiply, np.ix_(*along)))
        precision = self._width(layout) ** 2 * np.eye(layout.ndim)
        center = np.zeros(layout.ndim)
        mass = _at_zero(layout.aspect, center, precision)
        return gaussian(grid.spacing(layout.aspect), grid.shape, center, precision) / mass

    def low_along(self, layout: Layout, axis: int, n: int, step: int) -> Real:
        """Return the low-pass along one axis: Gaussians are products."""
        along = Layout(layout.J, layout.voices, layout.T, (layout.aspect[axis],))
        precision, center = np.array([[self._width(layout) ** 2]]), np.zeros(1)
        return gaussian(Grid((n,), step).spacing(along.aspect), (n,), center, precision) / _at_zero(along.aspect, center, precision)

    def gain(self, layout: Layout) -> float:
        """Return 1, or what makes the bank contractive."""
        return _contractive_gain(layout) if self.contractive else 1.0

    def profile(self, layout: Layout, distance: Real) -> Real:
        """Return the Gaussian low-pass along one axis (it is separable)."""
        return np.asarray(np.exp(-0.5 * (distance / self._width(layout)) ** 2))

    def extent(self, layout: Layout) -> tuple[float, float] | None:
        """Return 9 standard deviations of the low-pass to either side."""
        return (_DEVIATIONS * self._width(layout),) * 2

    def reach(self, layout: Layout, order: int, tol: float) -> float:
        """Return the tabulated reach of the operator as a whole."""
        return tables.morlet(layout, order, tol)

    @staticmethod
    def _width(layout: Layout) -> float:
        """Return the standard deviation of the low-pass in space, in samples of the coarsest axis."""
        return layout.T / (2 * math.pi * _SIGMA_LOW) if layout.ndim == 1 else 0.5 * _SIGMA * layout.T


def constant_q(J: int, Q: int) -> list[tuple[float, float]]:
    """Return (center, bandwidth) in cycles per sample of the one-dimensional bank, highest first.

    The geometric part divides both by 2^(1/Q) until the bandwidth comes within that factor of 0.1 / 2^J; Q - 1
    bands of bandwidth 0.1 / 2^J then fill the rest down to zero at equal steps.

    Parameters
    ----------
    J, Q : int
        Octaves and bands per octave.

    Returns
    -------
    list of (float, float)

    Examples
    --------
    >>> len(constant_q(6, 16)), [round(xi, 4) for xi, _ in constant_q(3, 1)]
    (63, [0.35, 0.175, 0.0875, 0.0437])
    """
    factor = 2.0 ** (1 / Q)
    top = max(1 / (1 + 2 ** (3 / Q)), _XI_TOP)
    relative = (1 - 1 / factor) / (1 + 1 / factor) / math.sqrt(2 * math.log(1 / _CROSSING))
    least = _SIGMA_LOW / 2**J
    # For 2^J below about Q / 2 even the top band would be narrower than the low-pass; it then takes the least bandwidth.
    xi, sigma = top, max(top * relative, least)
    bands = [(xi, sigma)]
    while sigma > least * factor:
        xi, sigma = xi / factor, sigma / factor
        bands.append((xi, sigma))
    return bands + [(xi * (1 - q / Q), least) for q in range(1, Q)]


def gaussian(spacing: tuple[float, ...], shape: tuple[int, ...], center: Real, precision: Real) -> Real:
    """Return a Gaussian in frequency, summed over all periods of a grid.

    ``sum over p of exp(-(w - c + P p)' M (w - c + P p) / 2)`` with P the period per axis: the Gaussian is evaluated
    once on the box where it is not negligible, and the box is wrapped onto the grid.

    Parameters
    ----------
    spacing : tuple of float
        Frequency step per axis.
    shape : tuple of int
        Samples per axis.
    center : ndarray, shape (ndim,)
        Center c.
    precision : ndarray, shape (ndim, ndim)
        Matrix M, positive definite.

    Returns
    -------
    ndarray of float64, shape ``shape``, in FFT order
    """
    ndim = len(shape)
    first, last = _box(spacing, center, precision)
    offsets = [
        (d * np.arange(a, b + 1) - c).reshape([-1 if i == axis else 1 for i in range(ndim)])
        for axis, (a, b, c, d) in enumerate(zip(first, last, center, spacing, strict=True))
    ]
    out = np.zeros(shape)
    rows = max(1, _BLOCK // max(1, math.prod(axis.size for axis in offsets[1:])))
    start = first[0]
    while start <= last[0]:
        low = start % shape[0]
        stop = min(start + rows, last[0] + 1, start + shape[0] - low)
        values = _exponential([offsets[0][start - first[0] : stop - first[0]], *offsets[1:]], precision)
        out[low : low + stop - start] += wrap(values, (0, *first[1:]), (stop - start, *shape[1:]))
        start = stop
    return out


def gaussian_part(spacing: tuple[float, ...], shape: tuple[int, ...], center: Real, precision: Real, part: Part) -> Real:
    """Return a part of what :func:`gaussian` returns: ranges of frequency indices, one per axis."""
    ndim, lengths = len(shape), [stop - start for start, stop in part]
    first, last = _box(spacing, center, precision)
    out = np.zeros(lengths)
    for box in periods(part, first, last, shape):
        inside = [(max(start, a), min(stop, b + 1)) for (start, stop), a, b in zip(box, first, last, strict=True)]
        offsets = [
            (d * np.arange(low, high) - c).reshape([-1 if i == axis else 1 for i in range(ndim)])
            for axis, ((low, high), c, d) in enumerate(zip(inside, center, spacing, strict=True))
        ]
        where = [low - start for (low, _), (start, _) in zip(inside, box, strict=True)]
        rows = max(1, _BLOCK // max(1, math.prod(axis.size for axis in offsets[1:])))
        rest = tuple(slice(w, w + axis.size) for w, axis in zip(where[1:], offsets[1:], strict=True))
        for i in range(0, offsets[0].shape[0], rows):
            values = _exponential([offsets[0][i : i + rows], *offsets[1:]], precision)
            out[(slice(where[0] + i, where[0] + i + values.shape[0]), *rest)] += values
    return out


def _box(spacing: tuple[float, ...], center: Real, precision: Real) -> tuple[list[int], list[int]]:
    """Return the first and the last frequency index per axis between which a Gaussian is not negligible."""
    half = _DEVIATIONS * np.sqrt(np.diag(np.linalg.inv(precision)))
    first = [math.ceil((c - h) / d) for c, h, d in zip(center, half, spacing, strict=True)]
    last = [math.floor((c + h) / d) for c, h, d in zip(center, half, spacing, strict=True)]
    return first, last


def _exponential(offsets: list[Real], precision: Real) -> Real:
    """Return exp(-d' M d / 2) on the product of the offsets d given per axis."""
    exponent: Real = -0.5 * precision[0, 0] * offsets[0] ** 2
    for i in range(1, len(offsets)):
        exponent = exponent - 0.5 * precision[i, i] * offsets[i] ** 2
        for k in range(i):
            if precision[i, k]:
                exponent -= (precision[i, k] * offsets[i]) * offsets[k]
    return np.asarray(np.exp(exponent, out=exponent))


def _shape(layout: Layout, band: Band) -> tuple[Real, Real]:
    """Return center and precision matrix of a band in frequency, in kernel order."""
    if layout.ndim == 1:
        return np.array([band.xi]), np.array([[band.sigma**-2]])
    along = wave(band, layout.ndim)
    if layout.ndim == 3:
        across = np.eye(3) - np.outer(along, along)
        return band.xi * along, (np.outer(along, along) + across / _SLANT**2) / band.sigma**2
    across = np.array([along[1], -along[0]])
    slant = 4 / layout.voices
    # In space the envelope is wider across the wave by 1/slant, so in frequency it is narrower by slant.
    precision = (np.outer(along, along) + np.outer(across, across) / slant**2) / band.sigma**2
    return band.xi * along, precision


def _at_zero(aspect: tuple[float, ...], center: Real, precision: Real) -> float:
    """Return the Gaussian at frequency 0, summed over the periods of the array's own grid."""
    return float(gaussian(tuple(2 * math.pi * a for a in aspect), (1,) * len(aspect), center, precision).sum())


def _kappa(aspect: tuple[float, ...], center: Real, precision: Real) -> float:
    return _at_zero(aspect, center, precision) / _at_zero(aspect, 0 * center, precision)


def _l1_norm(band: Band) -> float:
    """Return the sum over all integers of the modulus of a one-dimensional wavelet of unit peak in frequency."""
    count = math.ceil(_DEVIATIONS / band.sigma)
    n = np.arange(-count, count + 1)
    envelope = band.sigma / math.sqrt(2 * math.pi) * np.exp(-0.5 * (band.sigma * n) ** 2)
    kappa = _kappa((1.0,), np.array([band.xi]), np.array([[band.sigma**-2]]))
    return float(np.sum(envelope * np.abs(np.exp(1j * band.xi * n) - kappa)))


@lru_cache(maxsize=64)
def _contractive_gain(layout: Layout) -> float:
    """Return 1 / sqrt(max A), searched on a polar grid: A varies over a fraction of an octave and of pi / L."""
    # 12 radii per octave and voice and 4 angles per orientation miss the largest value by less than the margin of 1e-3; in
    # three dims A is largest along axes of symmetry.
    bands = Morlet().bands(layout)
    radius = math.pi * 2.0 ** -np.arange(-0.5, layout.J + 2, 1 / (12 * layout.voices) if layout.ndim == 1 else 1 / 12)
    if layout.ndim == 1 and bands:  # the bands at equal steps crowd near zero, on a linear scale
        least = bands[-1].sigma
        top = max(band.xi for band in bands if band.sigma < 2 * least or band.n == len(bands) - 1)
        radius = np.concatenate([radius, np.arange(0, top, least / 8)])
    if layout.ndim == 3:
        directions = [np.asarray(axis) for count in icosahedron.COUNTS for axis in icosahedron.axes(count)]
    else:
        angle = np.arange(4 * layout.voices if layout.ndim == 2 else 1) * math.pi / max(1, 4 * layout.voices)
        directions = [direction(a, layout.ndim) for a in angle]
    points = np.array([r * unit for r in radius for unit in directions])
    total = _sum_at(points, layout, np.zeros(layout.ndim), Morlet._width(layout) ** 2 * np.eye(layout.ndim)) ** 2
    for band in bands:
        center, precision = _shape(layout, band)
        kappa = _kappa(layout.aspect, center, precision)
        norm = _l1_norm(band) if layout.ndim == 1 else 1.0
        for side in (points, -points):
            psi = _sum_at(side, layout, center, precision) - kappa * _sum_at(side, layout, 0 * center, precision)
            total += 0.5 * (psi / norm) ** 2
    largest = float(total.max())
    return 1 / math.sqrt(1.001 * largest) if largest > 1 else 1.0


def _sum_at(points: Real, layout: Layout, center: Real, precision: Real) -> Real:
    """Return the Gaussian at arbitrary frequencies, summed over the periods of the array's own grid."""
    periods = 2 * math.pi * np.asarray(layout.aspect)
    nearest = points - periods * np.rint((points - center) / periods)
    # Half a period and the Gaussian's own half width away from the center, and no further.
    half = _DEVIATIONS * np.sqrt(np.diag(np.linalg.inv(precision)))
    ranges = [range(-k, k + 1) for k in np.floor(half / periods + 0.5).astype(int)]
    out = np.zeros(len(points))
    for shift in itertools.product(*ranges):
        offset = nearest + periods * np.asarray(shift) - center
        out += np.exp(-0.5 * np.sum((offset @ precision) * offset, axis=-1))
    return out
