"""Spectra of velocity fields on periodic boxes of any proportions: kernels on any array library.

Sums over shells of wave numbers are exact by Parseval's relation: every mode of the discrete transform belongs to one shell,
from the mean flow in shell 0 to the corners of the box.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from scatflow_processes import modes
from scatflow_processes.modes import Reals

Array = Any


class Shells(NamedTuple):
    """Modes of a half spectrum by shells of wave numbers.

    Attributes
    ----------
    order : ndarray of int64, shape (modes,)
        Flat indices of the stored modes, shell by shell.
    bounds : tuple of int, length S + 1
        Where shells begin in ``order``.
    modes : ndarray of int64, shape (S,)
        Modes of the whole spectrum in each shell, up to that with the corner of the box.
    width : float
        In rad per unit of the steps.
    """

    order: npt.NDArray[np.int64]
    bounds: tuple[int, ...]
    modes: npt.NDArray[np.int64]
    width: float


def half_waves(shape: Sequence[int], steps: Sequence[float], derivative: bool = False) -> list[Reals]:
    """Return the wave numbers of a half spectrum along each axis, which broadcast together.

    Parameters
    ----------
    shape : sequence of int
        Samples per axis; along the last one the spectrum is halved.
    steps : sequence of float
        Signed spacing per axis.
    derivative : bool, optional
        Give the highest frequency of even lengths as 0, as spectral derivatives need it.

    Returns
    -------
    list of ndarray of float64, in rad per unit of the steps
    """
    found = []
    for axis, (n, step) in enumerate(zip(shape, steps, strict=True)):
        index = np.arange(n // 2 + 1) if axis == len(shape) - 1 else (np.arange(n) + n // 2) % n - n // 2
        index = np.where(2 * np.abs(index) == n, 0, index) if derivative else index
        found.append(np.asarray(2 * np.pi / (n * step) * index, dtype=np.float64).reshape((-1,) + (1,) * (len(shape) - axis - 1)))
    return found


def shells(shape: Sequence[int], steps: Sequence[float], width: float | None = None) -> Shells:
    """Sort the modes of a half spectrum into shells: shell n holds (n - 1/2) width <= abs(k) < (n + 1/2) width.

    Parameters
    ----------
    shape, steps
        As for :func:`half_waves`.
    width : float, optional
        In rad per unit of the steps; default that of :func:`scatflow_processes.modes.shell_width`.

    Examples
    --------
    >>> found = shells((4, 4), (1.0, 1.0), math.pi / 2)
    >>> found.modes.tolist()  # 16 in all: the mean, four neighbors and four diagonal ones, ...
    [1, 8, 6, 1]
    """
    spacing = [abs(step) for step in steps]
    width = width or modes.shell_width(shape, spacing)
    square = sum(k * k for k in half_waves(shape, steps))
    number = modes.shell_number(np.sqrt(square), width).ravel()
    order = np.argsort(number, kind="stable")
    count = int(modes.shell_number(modes.grid_band(shape, spacing)[1], width)) + 1
    bounds = np.searchsorted(number[order], np.arange(count + 1))
    each = np.broadcast_to(modes.twins(shape[-1]), np.shape(square)).ravel()
    held = np.bincount(number, weights=each, minlength=count).astype(np.int64)
    return Shells(order, tuple(bounds.tolist()), held, width)


def shell_sums(xp: Any, power: Array, ndim: int, order: Array, bounds: Sequence[int]) -> Array:
    """Return the sums of a half spectrum over shells, shape (..., S); each is summed on its own, however weak it is."""
    flat = xp.reshape(power, (*power.shape[: power.ndim - ndim], math.prod(power.shape[power.ndim - ndim :])))
    flat = xp.take(flat, order, axis=-1)
    return xp.stack([xp.sum(flat[..., a:b], axis=-1) for a, b in itertools.pairwise(bounds)], axis=-1)


def transform(xp: Any, field: Array, ndim: int) -> Array:
    """Return the half spectrum over the last ``ndim`` axes in double precision, whose squares add up to the mean square."""
    axes = tuple(range(-ndim, 0))
    return xp.fft.rfftn(xp.astype(field, xp.float64), axes=axes, norm="forward")


def square(xp: Any, spectrum: Array) -> Array:
    """Return the squared modulus, real."""
    return xp.real(spectrum) ** 2 + xp.imag(spectrum) ** 2


def curl(wave: Sequence[Array], spectra: Sequence[Array]) -> list[Array]:
    """Return the spectra of the curl but for a factor i; axes and components in the order of :func:`flow_gradients.vorticity`."""
    if len(wave) == 2:
        return [wave[1] * spectra[0] - wave[0] * spectra[1]]
    pairs = ((2, 1), (0, 2), (1, 0))
    return [wave[a] * spectra[c] - wave[c] * spectra[a] for a, c in pairs]


def line_spectrum(xp: Any, field: Array, axis: int, ndim: int) -> Array:
    """Return the mean square by wave number along one of the last ``ndim`` axes, shape (..., n // 2 + 1).

    Positive and negative wave numbers are one; the sum is the mean square of the field.
    """
    line = xp.moveaxis(xp.astype(field, xp.float64), axis - ndim, -1)
    n = line.shape[-1]
    power = square(xp, xp.fft.rfft(line, axis=-1, norm="forward"))
    mean = xp.mean(power, axis=tuple(range(power.ndim - ndim, power.ndim - 1)))
    return mean * xp.asarray(modes.twins(n), device=getattr(field, "device", None))
