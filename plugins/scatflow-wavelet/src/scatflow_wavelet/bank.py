"""A bank: a family with its octaves, voices, averaging scale and geometry, evaluated on any grid."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from scatflow.arrays import complex_dtype
from scatflow_wavelet.family import WaveletFamily
from scatflow_wavelet.layout import Band, Grid, Layout, Multiplier, Part, Real
from scatflow_wavelet.littlewood_paley import bounds, littlewood_paley, mirrored


@dataclass(frozen=True)
class Bank:
    """Band-pass filters and one low-pass, as multipliers in frequency: real ones, or complex where they are causal.

    Parameters
    ----------
    family : WaveletFamily
        The formulas, for example ``Morlet()``.
    J : int
        Octaves.
    voices : int
        Q in one dim, L in two and three.
    T : float, optional
        Averaging scale in samples of the coarsest axis; default 2^J.
    aspect : tuple of float, optional
        Coarsest spacing over each axis's own, in kernel order; its length is the number of dims. Default one dim.
    full_circle : bool, optional
        Bands with the opposite wave vectors too (in three dims a full sphere), the conjugates, as complex signals need; all bands are then divided by
        sqrt(2), so that norms and frame bounds mean the same for them as half the circle does for real signals.

    Notes
    -----
    ``J``, ``voices`` and ``aspect`` fix the filters; the size of the array does not. A grid of step s gives the
    filter sampled in space every s samples, times the volume of a cell.

    Examples
    --------
    >>> from scatflow_wavelet import Morlet
    >>> bank = Bank(Morlet(), J=3, voices=1)
    >>> [round(band.xi / 6.283185307179586, 4) for band in bank.bands]
    [0.35, 0.175, 0.0875, 0.0437]
    >>> low, high = bank.bounds(Grid((1024,)))
    >>> round(low, 3), round(high, 3)
    (0.154, 1.0)
    """

    family: WaveletFamily
    J: int
    voices: int
    T: float | None = None
    aspect: tuple[float, ...] = (1.0,)
    full_circle: bool = False

    @cached_property
    def layout(self) -> Layout:
        """All numbers of the bank."""
        return Layout(self.J, self.voices, float(2**self.J if self.T is None else self.T), self.aspect)

    @property
    def ndim(self) -> int:
        """Number of core dims."""
        return len(self.aspect)

    @cached_property
    def bands(self) -> tuple[Band, ...]:
        """The band-pass filters, finest octave first; then those with opposite wave vectors, in the same order."""
        bands = self.family.bands(self.layout)
        return (*bands, *(_opposite(band, self.layout, len(bands)) for band in bands)) if self.full_circle else bands

    @cached_property
    def gain(self) -> float:
        """Factor on all filters."""
        return self.family.gain(self.layout)

    def band_multiplier(self, n: int, grid: Grid) -> Multiplier:
        """Return the multiplier of band ``n``: float64 or complex128, shape ``grid.shape``, FFT order."""
        if not self.full_circle:
            return self.gain * self.family.band(self.layout, self.bands[n], grid)
        half = len(self.bands) // 2
        values = self.gain / math.sqrt(2) * self.family.band(self.layout, self.bands[n % half], grid)
        return values if n < half else np.conj(mirrored(values))  # that of the conjugate, which is as causal

    def low_multiplier(self, grid: Grid) -> Multiplier:
        """Return the multiplier of the low-pass: float64 or complex128, shape ``grid.shape``, FFT order."""
        return self.gain * self.family.low(self.layout, grid)

    def band_part(self, n: int, grid: Grid, part: Part, opposite: bool = False) -> Real:
        """Return a part of the multiplier of band ``n``, or of the same band at the negative of every frequency.

        Parameters
        ----------
        n : int
            Number of the band.
        grid : Grid
            Where it is applied.
        part : tuple of (int, int)
            Range of frequency indices per core axis.
        opposite : bool, optional
            Of ``psi(-w)`` instead of ``psi(w)``.

        Raises
        ------
        ChunkError
            The family cannot evaluate parts.
        """
        half = len(self.bands) // 2 if self.full_circle else len(self.bands)
        band = self.bands[n % half]
        if opposite != (n >= half):
            band = replace(_opposite(band, self.layout, 0), n=band.n)
        gain = self.gain / math.sqrt(2) if self.full_circle else self.gain
        return gain * self.family.band_part(self.layout, band, grid, part)

    def low_part(self, grid: Grid, part: Part) -> Real:
        """Return a part of the multiplier of the low-pass; see :meth:`band_part`."""
        return self.gain * self.family.low_part(self.layout, grid, part)

    def low_along(self, axis: int, n: int, step: int) -> Multiplier | None:
        """Return the low-pass along one axis on a grid of n samples; the product over all axes is :meth:`low_multiplier`.

        None where the low-pass is no such product.
        """
        values = self.family.low_along(self.layout, axis, n, step)
        return values if values is None or axis else self.gain * values

    def psi(
        self, grid: Grid, indices: Iterable[int] | None = None, xp: Any = np, dtype: str = "float64", device: Any = None
    ) -> Any:
        """Return band-pass multipliers as one array of a library.

        Parameters
        ----------
        grid : Grid
            Where to evaluate.
        indices : iterable of int, optional
            Which bands; default all.
        xp : module, optional
            Array namespace of the result.
        dtype : {"float64", "float32"}, optional
            Evaluated in double precision and cast; complex filters to the complex dtype of this precision.
        device : optional
            Device of the result.

        Returns
        -------
        array, shape (number of bands, *grid.shape), FFT order
        """
        chosen = range(len(self.bands)) if indices is None else indices
        stack = np.stack([cast(self.band_multiplier(n, grid), dtype) for n in chosen])
        return xp.asarray(stack, device=device)

    def phi(self, grid: Grid, xp: Any = np, dtype: str = "float64", device: Any = None) -> Any:
        """Return the low-pass multiplier as an array of a library, shape ``grid.shape``, FFT order."""
        return xp.asarray(cast(self.low_multiplier(grid), dtype), device=device)

    def littlewood_paley(self, grid: Grid) -> Real:
        """Return ``A(w) = |phi|^2 + (1/2) sum over half the circle of (|psi(w)|^2 + |psi(-w)|^2)`` on a grid."""
        return littlewood_paley(self.family, self.layout, grid, self.gain)

    def bounds(self, grid: Grid, disc: bool = False) -> tuple[float, float]:
        """Return the frame bounds on a grid: ``low ||x||^2 <= ||W x||^2 <= high ||x||^2``.

        ``disc=True`` leaves out frequencies with ``|w| > pi``, the corners of the square or cube.
        """
        return bounds(self.littlewood_paley(grid), grid, self.aspect, disc)

    def condition(self, grid: Grid) -> float:
        """Return the condition number of the frame on a grid, ``high / low`` of its bounds: 1 for tight banks, inf where singular.

        Examples
        --------
        >>> from scatflow_wavelet import Morlet
        >>> round(Bank(Morlet(), J=3, voices=1).condition(Grid((1024,))), 2)
        6.5
        """
        low, high = self.bounds(grid)
        return high / low if low > 0 else math.inf

    def coverage(self, samples: range, block: range, aspect: float = 1.0) -> Real:
        """Return rows of low-pass weights that sum to one: of samples over the samples of a block, along an axis of this aspect.

        Examples
        --------
        >>> from scatflow_wavelet import Morlet
        >>> Bank(Morlet(), J=1, voices=1).coverage(range(0, 6, 2), range(6)).argmax(axis=1).tolist()
        [0, 2, 4]
        """
        if not samples:
            return np.zeros((0, len(block)))
        # Rows are windows of one profile, which is evaluated once: long averages have wide rows, and many of them.
        distance = np.arange(samples[0] - block[-1], samples[-1] - block[0] + 1, dtype=np.float64) / aspect
        windows = np.lib.stride_tricks.sliding_window_view(self.family.profile(self.layout, distance), len(block))
        rows = windows[:: samples.step, ::-1]
        total = rows.sum(axis=-1, keepdims=True)
        return np.asarray(rows / np.where(total > 0, total, 1.0))


def _opposite(band: Band, layout: Layout, count: int) -> Band:
    xi, theta = (-band.xi, band.theta) if layout.ndim == 1 else (band.xi, band.theta + math.pi)
    axis = tuple(0.0 - component for component in band.axis)
    return replace(band, n=band.n + count, l=band.l + layout.voices, xi=xi, theta=theta, axis=axis)


def cast(values: Multiplier, dtype: str) -> np.ndarray:
    """Return a multiplier in a real dtype, or in the complex one of its precision where it is complex; contiguous."""
    return np.ascontiguousarray(values, dtype=complex_dtype(dtype) if np.iscomplexobj(values) else dtype)
