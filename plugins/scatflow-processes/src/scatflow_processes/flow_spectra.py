"""Spectra of velocity fields on periodic boxes of any proportions: kernels on any array library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Array = Any


def transform(xp: Any, field: Array, ndim: int) -> Array:
    """Return the half spectrum over the last ``ndim`` axes in double precision, whose squares add up to the mean square."""
    axes = tuple(range(-ndim, 0))
    return xp.fft.rfftn(xp.astype(field, xp.float64), axes=axes, norm="forward")


def curl(wave: Sequence[Array], spectra: Sequence[Array]) -> list[Array]:
    """Return the spectra of the curl but for a factor i; axes and components in the order of :func:`flow_gradients.vorticity`."""
    if len(wave) == 2:
        return [wave[1] * spectra[0] - wave[0] * spectra[1]]
    pairs = ((2, 1), (0, 2), (1, 0))
    return [wave[a] * spectra[c] - wave[c] * spectra[a] for a, c in pairs]
