"""Kymatio's filters in two dims, from their formulas: sampled in space in single precision, then transformed.

``psi(u) = s / (2 * 3.1415 * sigma^2) sum over 5 x 5 images of exp(-(a^2 + s^2 b^2) / (2 sigma^2)) (exp(i xi a) - kappa)``
with a, b along and across the wave, ``sigma = 0.8 * 2^j``, ``xi = (3 pi / 4) 2^-j``, ``s = 4 / L``; the low-pass is the
envelope alone for s = 1 and ``sigma = 0.8 * 2^(J - 1)``. The constant for pi has five digits there, cosines and sines of
the envelope are rounded to single precision, sums to complex64, and so is the transform; all of it shows at 1e-7.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from scatflow.arrays import namespace, prepared_cache
from scatflow_wavelet.layout import Real, wrap

Single = NDArray[np.float32]
#: Width of the finest envelope, center frequency of the finest octave, and the constant in the place of pi.
_SIGMA, _XI, _PI = 0.8, 3 * math.pi / 4, 3.1415
#: Images of the plane that are added up, to either side of it.
_IMAGES = 2
#: Envelopes are evaluated over this many standard deviations: exp(-9^2 / 2) = 2.6e-18 is below float64 resolution.
_DEVIATIONS = 9.0


def angle(t: int, L: int) -> float:
    """Return the angle of orientation t of L, in radians from the first core axis towards the second."""
    return (int(L - L / 2 - 1) - t) * math.pi / L


def direction(t: int, L: int) -> float:
    """Return the direction of the same wave vector from the second core axis towards the first, in [0, pi).

    Examples
    --------
    >>> [round(math.degrees(direction(t, 4))) for t in range(4)]
    [45, 90, 135, 0]
    """
    return (0.5 - (int(L - L / 2 - 1) - t) / L) % 1.0 * math.pi


def center(j: int) -> float:
    """Return the center frequency of octave j in radians per sample."""
    return _XI * 2.0**-j


def width(j: int) -> float:
    """Return the standard deviation of the envelope of octave j, along the wave, in samples."""
    return _SIGMA * 2.0**j


def wavelet(shape: tuple[int, int], L: int, j: int, t: int, level: int = 0) -> Single:
    """Return the spectrum of a wavelet for planes of step 2^level, real part, single precision.

    Building one takes a transform of the whole plane. The central half of its frequencies is kept for the coarser grids,
    of which a tree has several; all frequencies are asked for once.
    """

    def whole() -> Single:
        return _wavelet(shape, width(j), angle(t, L), center(j), 4 / L)

    key = ("scatflow_wavelet.kymatio_plane", shape, L, j, t)
    if level == 0:
        spectrum = whole()
        prepared_cache().get(key, lambda: {"half": cropped(spectrum, 1)})
        return spectrum
    half = prepared_cache().get(key, lambda: {"half": cropped(whole(), 1)})["half"]
    return cropped(np.asarray(half), level - 1)


def kept_bytes(shape: tuple[int, int]) -> int:
    """Return the bytes that :func:`wavelet` keeps per wavelet."""
    return (shape[0] // 2) * (shape[1] // 2) * np.dtype(np.float32).itemsize


def low_pass(shape: tuple[int, int], J: int) -> Single:
    """Return the spectrum of the low-pass on the whole plane, real part, single precision."""
    sigma = width(J - 1)
    box, first = _offsets(shape, _curvature(sigma, 0.0, 1.0))
    return _spectrum(_single(_envelope(box, _curvature(sigma, 0.0, 1.0)), first, shape, 2 * _PI * sigma**2))


def cropped(spectrum: Single, level: int) -> Single:
    """Return a spectrum for planes of step 2^level: its central frequencies.

    Frequencies from half the coarse grid up to as many below the end are set to zero and aliases added up, which leaves
    one term each.

    Examples
    --------
    >>> cropped(np.arange(8, dtype=np.float32)[:, None] * np.ones(8, dtype=np.float32), 1)[:, 0].tolist()
    [0.0, 1.0, 6.0, 7.0]
    """
    for axis, n in enumerate(spectrum.shape):
        half = (n >> level) // 2
        rest = (n >> level) - half
        spectrum = np.take(spectrum, [*range(half), *range(n - rest, n)], axis=axis) if level else spectrum
    return spectrum


def _wavelet(shape: tuple[int, int], sigma: float, theta: float, xi: float, slant: float) -> Single:
    curvature = _curvature(sigma, theta, slant)
    box, first = _offsets(shape, curvature)
    envelope = _envelope(box, curvature)
    waves = [np.exp(1j * xi * part * offset) for part, offset in zip((math.cos(theta), math.sin(theta)), box, strict=True)]
    mass = 2 * _PI * sigma**2 / slant
    gabor = _single(envelope * waves[0] * waves[1], first, shape, mass)
    base = _single(envelope, first, shape, mass)
    kappa = gabor.sum() / base.sum()
    return _spectrum(gabor - kappa * base)


def _curvature(sigma: float, theta: float, slant: float) -> Real:
    """Return the matrix C of the envelope ``exp(-u' C u)``, from cosine and sine in single precision."""
    cosine, sine = float(np.float32(math.cos(theta))), float(np.float32(math.sin(theta)))
    turn = np.array([[cosine, -sine], [sine, cosine]])
    return np.asarray(turn @ np.diag([1.0, slant**2]) @ turn.T / (2 * sigma**2))


def _offsets(shape: tuple[int, int], curvature: Real) -> tuple[tuple[Real, Real], tuple[int, int]]:
    """Return the offsets per axis at which the envelope matters inside the images, and the first of each."""
    half = _DEVIATIONS * np.sqrt(np.diag(np.linalg.inv(2 * curvature)))
    first = [max(-math.ceil(h), -_IMAGES * n) for h, n in zip(half, shape, strict=True)]
    stop = [min(math.ceil(h) + 1, (_IMAGES + 1) * n) for h, n in zip(half, shape, strict=True)]
    rows, columns = (np.arange(a, b, dtype=np.float64) for a, b in zip(first, stop, strict=True))
    return (rows[:, None], columns[None, :]), (first[0], first[1])


def _envelope(box: tuple[Real, Real], curvature: Real) -> Real:
    u, v = box
    return np.asarray(np.exp(-(curvature[0, 0] * u**2 + 2 * curvature[0, 1] * u * v + curvature[1, 1] * v**2)))


def _single(values: NDArray[np.generic], first: tuple[int, int], shape: tuple[int, int], mass: float) -> NDArray[np.complex64]:
    """Return the sum of the images in complex64, divided by the mass."""
    return np.asarray(wrap(values, first, shape).astype(np.complex64) / mass)


def _spectrum(values: NDArray[np.complex64]) -> Single:
    # One provider whatever is configured: the last digits of single precision are part of these filters.
    return np.ascontiguousarray(namespace(values, fft="scipy").fft.fftn(values).real)
