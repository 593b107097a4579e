"""The Littlewood-Paley function of a bank and what follows from it: frame bounds, contraction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scatflow_wavelet.layout import Grid, Layout, Multiplier, Real

if TYPE_CHECKING:
    from scatflow_wavelet.family import WaveletFamily


def littlewood_paley(family: WaveletFamily, layout: Layout, grid: Grid, gain: float = 1.0) -> Real:
    """Return ``A(w) = |phi|^2 + (1/2) sum (|psi(w)|^2 + |psi(-w)|^2)``.

    For a real signal x, ``sum A |x_hat|^2`` is the squared norm of its wavelet transform, so that the least and
    largest values of A are the frame bounds.

    Parameters
    ----------
    family : WaveletFamily
        The formulas.
    layout : Layout
        The bank.
    grid : Grid
        Where to evaluate.
    gain : float, optional
        Factor on all filters.

    Returns
    -------
    ndarray of float64, shape ``grid.shape``, in FFT order
    """
    total = _squared(family.low(layout, grid))
    sides = np.zeros_like(total)
    for band in family.bands(layout):
        sides += _squared(family.band(layout, band, grid))
    return np.asarray(gain**2 * (total + 0.5 * (sides + mirrored(sides))))


def mirrored(values: Multiplier) -> Multiplier:
    """Return values on a grid in FFT order at the opposite frequencies."""
    for axis in range(values.ndim):
        values = np.roll(np.flip(values, axis), 1, axis)
    return values


def _squared(values: Multiplier) -> Real:
    if np.iscomplexobj(values):
        return np.asarray(values.real**2 + values.imag**2)
    return np.asarray(values**2)


def bounds(values: Real, grid: Grid, aspect: tuple[float, ...], disc: bool = False) -> tuple[float, float]:
    """Return the least and largest of values on a grid, over all frequencies or over those up to pi only.

    Parameters
    ----------
    values : ndarray
        The Littlewood-Paley function in FFT order.
    grid : Grid
        Its grid.
    aspect : tuple of float
        As in :class:`~scatflow_wavelet.layout.Layout`.
    disc : bool, optional
        Leave out the corners of the frequency square, ``|w| > pi``, where an isotropic family has no filters.

    Returns
    -------
    (float, float)
    """
    if disc:
        axes = [d * np.fft.fftfreq(n, 1 / n) for d, n in zip(grid.spacing(aspect), grid.shape, strict=True)]
        radius = np.sqrt(sum(axis**2 for axis in np.meshgrid(*axes, indexing="ij", sparse=True)))
        values = values[radius <= np.pi]
    return float(values.min()), float(values.max())
