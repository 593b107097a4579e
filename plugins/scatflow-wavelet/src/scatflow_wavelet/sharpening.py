"""Gaussians that planes are smoothed by between levels, and filters divided by them.

A Gaussian of standard deviation s (samples) multiplies frequency w by ``exp(-(s w)^2 / 2)``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from scatflow_wavelet.bank import Bank
from scatflow_wavelet.layout import Grid, Multiplier, Real


@dataclass(frozen=True)
class Gaussian:
    """A Gaussian as a low-pass that planes are smoothed by: the part of :class:`~scatflow_wavelet.bank.Bank` that this takes."""

    blur: float
    ndim: int

    @classmethod
    def of(cls, bank: Bank) -> Gaussian:
        """Return the low-pass of a bank, where that is a Gaussian."""
        scale = bank.layout.T
        one, other = bank.family.profile(bank.layout, np.array([0.0, scale]))
        return cls(scale / math.sqrt(2 * math.log(one / other)), bank.ndim)

    def low_multiplier(self, grid: Grid) -> Real:
        """Return the multiplier on a grid, FFT order."""
        out = np.ones((1,) * self.ndim)
        for axis, n in enumerate(grid.shape):
            out = out * self.low_along(axis, n, grid.step).reshape([-1 if k == axis else 1 for k in range(self.ndim)])
        return out

    def low_along(self, axis: int, n: int, step: int) -> Real:
        """Return the multiplier along one axis on a grid of n samples."""
        frequency = 2 * np.pi * np.fft.fftfreq(n) / step
        return np.asarray(np.exp(-0.5 * (self.blur * frequency) ** 2))


@dataclass(frozen=True)
class Sharpened:
    """A bank for planes that a Gaussian has smoothed: its filters divided by that."""

    bank: Bank
    blur: float

    def band_multiplier(self, n: int, grid: Grid) -> Multiplier:
        """Return the multiplier of band n on a grid, FFT order."""
        return self._divided(self.bank.band_multiplier(n, grid), grid)

    def low_multiplier(self, grid: Grid) -> Multiplier:
        """Return the multiplier of the low-pass on a grid, FFT order."""
        return self._divided(self.bank.low_multiplier(grid), grid)

    def low_along(self, axis: int, n: int, step: int) -> Multiplier | None:
        """Return the low-pass along one axis, or None where it is no product."""
        values = self.bank.low_along(axis, n, step)
        return None if values is None else values / Gaussian(self.blur, 1).low_along(0, n, step)

    def _divided(self, values: Multiplier, grid: Grid) -> Multiplier:
        return values / Gaussian(self.blur, len(grid.shape)).low_multiplier(grid) if self.blur else values
