r"""Stationary Gaussian fields on a periodic grid: samples, probabilities, entropy.

A field of d samples has independent modes with ``E|X(k)|^2 = d P(k)``, X being the unnormalized discrete transform:

.. math:: x = \mathrm{ifft}(\sqrt{P} \, \mathrm{fft}(w)), \qquad
          -\frac{\log p(x)}{d} = \frac12 \ln 2\pi + \frac1{2d} \sum_k \left[ \ln P(k) + \frac{|X(k)|^2}{d P(k)} \right]

with w white noise of unit variance. Powers come from :mod:`scatflow_processes.spectra` or from data
(:mod:`scatflow_processes.gaussian_model`); entropies are in nats per site.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from scatflow.arrays import normal
from scatflow_processes.gaussian_torus import filtered
from scatflow_processes.modes import Reals, waves

Support = Literal["full", "masked"]
#: Largest difference between P(k) and P(-k), relative to the largest P, that rounding explains.
SYMMETRY = 1e-12


def white_noise(shape: Sequence[int], seed: int, realization: int) -> Reals:
    """Return white noise of unit variance in which each number belongs to its position.

    Parameters
    ----------
    shape : sequence of int
        Samples along each dim.
    seed, realization : int
        Seed of the ensemble and absolute index of its member, >= 0.

    Returns
    -------
    ndarray of float64, shape ``shape``
        Number i in C order is that of :func:`scatflow.arrays.normal` with stream ``realization``, so that parts of a field too large for
        memory can be drawn on their own.

    Examples
    --------
    >>> white_noise((2, 3), seed=1, realization=0).shape
    (2, 3)
    """
    return normal(seed, 0, math.prod(shape), stream=realization).reshape(tuple(shape))


def shaped(noise: npt.ArrayLike, power: npt.ArrayLike) -> Reals:
    """Return white noise filtered to a spectrum, ``ifft(sqrt(P) fft(w))``.

    Parameters
    ----------
    noise : array_like of float, shape (..., *grid)
        White noise of unit variance.
    power : array_like of float, shape (*grid)
        P(k) >= 0 in FFT order, equal to P(-k).

    Returns
    -------
    ndarray of float64, shape (..., *grid)
        The field, of mean square mean(P).

    Raises
    ------
    ValueError
        The power is negative, not finite, not symmetric, or of another grid.

    Examples
    --------
    >>> import numpy as np
    >>> shaped([1.0, 0.0, 0.0, 0.0], [1.0, 0.0, 1.0, 0.0]).tolist()
    [0.5, 0.0, 0.5, 0.0]
    """
    checked = check_power(power)
    return filtered(_on_grid(noise, checked, "noise"), np.sqrt(checked[..., : checked.shape[-1] // 2 + 1]))


def gaussian_ensemble(power: npt.ArrayLike, seed: int, realizations: Sequence[int], mean: float = 0.0) -> Reals:
    """Return realizations of a stationary Gaussian field.

    Parameters
    ----------
    power : array_like of float, shape (*grid)
        P(k), as for :func:`shaped`.
    seed : int
        Seed of the ensemble, >= 0.
    realizations : sequence of int
        Absolute indices of the members.
    mean : float, optional
        Added to every sample.

    Returns
    -------
    ndarray of float64, shape (len(realizations), *grid)

    Raises
    ------
    ValueError
        As for :func:`shaped`.

    Examples
    --------
    >>> import numpy as np
    >>> from scatflow_processes.spectra import Spectrum, mode_power
    >>> power = mode_power(Spectrum("matern", length=3.0), (32, 32), (1.0, 1.0), std=2.0)
    >>> fields = gaussian_ensemble(power, seed=1, realizations=range(50))
    >>> fields.shape, bool(abs(fields.std() - 2) < 0.1)
    ((50, 32, 32), True)
    """
    checked = check_power(power)
    found = np.empty((len(realizations), *checked.shape))
    for row, index in enumerate(realizations):
        found[row] = shaped(white_noise(checked.shape, seed, index), checked) + mean
    return found


def solenoidal_ensemble(power: npt.ArrayLike, spacing: Sequence[float], seed: int, realizations: Sequence[int]) -> Reals:
    r"""Return realizations of a Gaussian vector field without divergence.

    White noise with a component per dim, of which the part along the wave vector is taken away, is filtered to the spectrum.

    Parameters
    ----------
    power : array_like of float, shape (*grid)
        P(k) of all components together, of a grid of 2 or 3 dims: :math:`\sum_i E|U_i(k)|^2 = d P(k)`. Modes with a Nyquist frequency
        must have none: the direction of their wave vector is not defined.
    spacing : sequence of float
        Distance of samples along each dim.
    seed : int
        Seed of the ensemble, >= 0.
    realizations : sequence of int
        Absolute indices of the members.

    Returns
    -------
    ndarray of float64, shape (len(realizations), D, *grid)
        Components along the dims, in their order.

    Raises
    ------
    ValueError
        As for :func:`shaped` and :func:`scatflow_processes.modes.wave_numbers`, or the grid has one dim, or modes with a Nyquist frequency or k = 0 have power.

    Examples
    --------
    >>> import numpy as np
    >>> from scatflow_processes.spectra import Spectrum, mode_power
    >>> power = without_nyquist(mode_power(Spectrum("kolmogorov", k_high=6.0), (16, 16), (1.0, 1.0)))
    >>> solenoidal_ensemble(power, (1.0, 1.0), seed=1, realizations=[0, 1]).shape
    (2, 2, 16, 16)
    """
    checked, ndim = check_power(power), np.ndim(power)
    if ndim not in (2, 3):
        raise ValueError(f"a field without divergence has 2 or 3 dims, got {ndim}")
    if not np.array_equal(checked, without_nyquist(checked)) or checked[(0,) * ndim] != 0:
        raise ValueError("modes with a Nyquist frequency, and k = 0, must have no power: see without_nyquist")
    *whole, n = checked.shape
    k = waves(checked.shape, spacing, [*((0, m) for m in whole), (0, n // 2 + 1)])
    square = sum(wave**2 for wave in k)
    inverse = np.divide(1.0, square, out=np.zeros_like(square), where=square > 0)
    half, axes = np.sqrt(checked[..., : n // 2 + 1] / (ndim - 1)), tuple(range(-ndim, 0))
    found = np.empty((len(realizations), ndim, *checked.shape))
    for row, index in enumerate(realizations):
        noise = np.fft.rfftn(white_noise((ndim, *checked.shape), seed, index), axes=axes)
        along = sum(wave * part for wave, part in zip(k, noise, strict=True)) * inverse
        for component, wave in enumerate(k):
            found[row, component] = np.fft.irfftn((noise[component] - wave * along) * half, s=checked.shape, axes=axes)
    return found


def without_nyquist(power: npt.ArrayLike) -> Reals:
    """Return a power without modes that have a Nyquist frequency along a dim of even length.

    Parameters
    ----------
    power : array_like of float, shape (*grid)
        P(k) in FFT order.

    Returns
    -------
    ndarray of float64, shape (*grid)

    Examples
    --------
    >>> without_nyquist([1.0, 1.0, 1.0, 1.0]).tolist()
    [1.0, 1.0, 0.0, 1.0]
    """
    found = np.array(power, dtype=np.float64)
    for axis, n in enumerate(found.shape):
        if n % 2 == 0:
            np.moveaxis(found, axis, 0)[n // 2] = 0.0
    return found


def neg_log_prob(x: npt.ArrayLike, power: npt.ArrayLike, mean: float = 0.0, support: Support = "full") -> Reals:
    """Return ``-log p(x)`` per site of a stationary Gaussian field.

    Parameters
    ----------
    x : array_like of float, shape (..., *grid)
        Fields.
    power : array_like of float, shape (*grid)
        P(k), as for :func:`shaped`.
    mean : float, optional
        Mean of the law.
    support : {"full", "masked"}
        What modes without power mean: they are refused, for the law has no density; or the law is that of the r other
        modes, on which x is projected: d is r in the formula, and what x has elsewhere does not count.

    Returns
    -------
    ndarray of float64, shape (...)
        Nats per site; equal to the value from the covariance matrix to 1e-9.

    Raises
    ------
    ValueError
        As for :func:`shaped`, or modes have no power and ``support`` is "full".

    Examples
    --------
    >>> import numpy as np
    >>> round(float(neg_log_prob(np.zeros(8), np.ones(8))), 6)  # ln(2 pi) / 2
    0.918939
    """
    checked = check_power(power)
    field = _on_grid(x, checked, "x")
    used = _used(checked, support)
    spectrum = np.abs(np.fft.fftn(field - mean, axes=_axes(checked))) ** 2
    surprise = np.log(checked[used]) + spectrum[..., used] / (checked.size * checked[used])
    return np.asarray(0.5 * math.log(2 * math.pi) + 0.5 * surprise.mean(axis=-1))


def entropy(power: npt.ArrayLike, support: Support = "full") -> float:
    """Return the entropy of a stationary Gaussian field, ``ln(2 pi e) / 2 + mean(ln P) / 2``, in nats per site.

    Parameters
    ----------
    power : array_like of float, shape (*grid)
        P(k), as for :func:`shaped`.
    support : {"full", "masked"}
        As for :func:`neg_log_prob`; the mean is then that over the modes with power.

    Raises
    ------
    ValueError
        As for :func:`neg_log_prob`.

    Examples
    --------
    >>> round(entropy([1.0, 1.0]), 6)
    1.418939
    """
    checked = check_power(power)
    return 0.5 * (math.log(2 * math.pi * math.e) + float(np.log(checked[_used(checked, support)]).mean()))


def entropy_floor(power: npt.ArrayLike, support: Support = "full") -> float:
    """Return the relative squared error of the entropy that true samples have, ``1 / (2 d H^2)``.

    ``E (-log p(X)/d - H)^2 / H^2`` of a sample X of the law itself, whatever the spectrum. With ``support="masked"`` d counts the modes
    with power.

    Parameters
    ----------
    power, support
        As for :func:`entropy`.

    Raises
    ------
    ValueError
        As for :func:`neg_log_prob`.

    Examples
    --------
    >>> round(entropy_floor([1.0] * 256), 6)
    0.00097
    """
    checked = check_power(power)
    return 1 / (2 * int(_used(checked, support).sum()) * entropy(checked, support) ** 2)


def check_power(power: npt.ArrayLike) -> Reals:
    """Return a power as float64, or say what is wrong with it.

    Parameters
    ----------
    power : array_like of float, shape (*grid)
        P(k) in FFT order.

    Raises
    ------
    ValueError
        It has no dims, is negative or not finite, or P(k) differs from P(-k), as no real field has it.

    Examples
    --------
    >>> check_power([1.0, 2.0, 3.0])
    Traceback (most recent call last):
    ValueError: power must be symmetric, P(k) = P(-k), as a real field has it; largest difference 1
    """
    found = np.asarray(power, dtype=np.float64)
    if found.ndim == 0 or found.size == 0:
        raise ValueError(f"power must have the shape of the field, got {found.shape}")
    if not (np.isfinite(found).all() and (found >= 0).all()):
        raise ValueError("power must be >= 0 and finite")
    difference = float(np.abs(found - np.roll(np.flip(found), 1, axis=_axes(found))).max())
    if difference > SYMMETRY * float(found.max()):
        raise ValueError(f"power must be symmetric, P(k) = P(-k), as a real field has it; largest difference {difference:g}")
    return found


def _used(power: Reals, support: Support) -> npt.NDArray[np.bool_]:
    """Return which modes have power."""
    if support not in ("full", "masked"):
        raise ValueError(f'support must be "full" or "masked", got {support!r}')
    used = np.asarray(power > 0)
    if support == "full" and not used.all():
        raise ValueError(f"{int((~used).sum())} of {power.size} modes have no power, so there is no density; "
                         'take support="masked" for that of the others')  # fmt: skip
    if not used.any():
        raise ValueError("no mode has power")
    return used


def _on_grid(x: npt.ArrayLike, power: Reals, what: str) -> Reals:
    found = np.asarray(x, dtype=np.float64)
    if found.shape[-power.ndim :] != power.shape:
        raise ValueError(f"{what} must end with the grid of the power {power.shape}, got {found.shape}")
    return found


def _axes(power: Reals) -> tuple[int, ...]:
    return tuple(range(-power.ndim, 0))
