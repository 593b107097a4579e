r"""Gaussian models of data: the law of most entropy with the second moments of a field, and samples of it.

The periodogram of one field x of d samples, ``P(k) = |X(k)|^2 / d`` of what is left without its mean, holds all of its d second moments;
of all laws that have them the Gaussian one of spectrum P has the largest entropy. Its samples are

.. math:: \mathrm{ifft}(X(k) \, g(k)) + \bar x, \qquad g = \mathrm{fft}(w) / \sqrt d, \quad \mathrm{E} |g(k)|^2 = 1,

w being white noise: written so, fields that share w keep their cross-spectra, for ``X_a conj(X_b) |g|^2`` is unbiased. With
``g / |g|`` in the place of g all moduli stay as they are and only phases are random.

Kernels take an array namespace and arrays (..., *core), for operators; functions on NumPy arrays are beside them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from scatflow_processes import half_spectra
from scatflow_processes.bounds import check, check_choice
from scatflow_processes.modes import Reals, twins

Array = Any
Estimate = Literal["periodogram", "isotropic", "welch"]
#: Constants of an estimate by name: arrays, and of shells their bounds as integers.
Tables = Mapping[str, Any]
ESTIMATES = ("periodogram", "isotropic", "welch")


def periodogram(x: npt.ArrayLike, ndim: int, estimate: Estimate = "periodogram", spacing: Sequence[float] | None = None,
                segments: int = 8) -> Reals:  # fmt: skip
    """Return the power P(k) of fields, by one of several estimates.

    Parameters
    ----------
    x : array_like of float, shape (..., *grid)
        Fields; their means are removed.
    ndim : int
        Dims of the grid, 1 to 3.
    estimate : {"periodogram", "isotropic", "welch"}
        All d values; their mean over shells of |k|, for isotropic fields; or that over overlapping segments with a Hann window [1]_,
        straight lines between their frequencies, for smooth spectra.
    spacing : sequence of float, optional
        Distance of samples along each dim, which shells need; default 1.
    segments : int, optional
        Segments are grid / ``segments`` long along each dim, and overlap by half.

    Returns
    -------
    ndarray of float64, shape (..., *grid)
        In FFT order, P(0) = 0; its mean is the variance of the field for all three estimates.

    Raises
    ------
    ValueError
        Fewer than two samples, a constant or not finite field, or segments shorter than 2 samples.

    References
    ----------
    .. [1] P. D. Welch, "The use of fast Fourier transform for the estimation of power spectra", IEEE Trans. Audio Electroacoust. 15
       (1967) 70, doi:10.1109/TAU.1967.1161901.

    Examples
    --------
    >>> periodogram([1.0, -1.0, 1.0, -1.0], ndim=1).round(12).tolist()
    [0.0, 0.0, 4.0, 0.0]
    """
    field = check_field(x, ndim)
    grid = field.shape[field.ndim - ndim :]
    tables = tables_of(grid, spacing or (1.0,) * ndim, estimate, segments)
    spectrum, _ = centered_spectrum(np, field, ndim)
    half = smoothed_power(np, field, spectrum, ndim, tables)
    half[(..., *(0,) * ndim)] = 0.0
    return _whole(half, grid[-1], ndim)


def _whole(half: Reals, length: int, ndim: int) -> Reals:
    """Return all modes along the last axis, of those from 0 to length // 2 and P(k) = P(-k)."""
    other = np.flip(half[..., 1 : length - length // 2], axis=tuple(range(-ndim, 0)))
    for axis in range(-ndim, -1):
        other = np.roll(other, 1, axis=axis)
    return np.concatenate([half, other], axis=-1)


def model_samples(x: npt.ArrayLike, noise: npt.ArrayLike, ndim: int, phase_only: bool = False, estimate: Estimate = "periodogram",
                  spacing: Sequence[float] | None = None, segments: int = 8) -> Reals:  # fmt: skip
    """Return samples of the Gaussian model of fields.

    Parameters
    ----------
    x : array_like of float, shape (..., *grid)
        Fields.
    noise : array_like of float, shape (..., *grid)
        White noise of unit variance, whose leading dims broadcast against those of x: one noise for several fields keeps their cross-spectra.
    ndim : int
        Dims of the grid, 1 to 3.
    phase_only : bool, optional
        Keep all moduli and draw phases alone; the sample is then not Gaussian, but has exactly the power of the estimate.
    estimate, spacing, segments
        As for :func:`periodogram`.

    Returns
    -------
    ndarray of float64, shape (..., *grid)
        Fields with the means of x.

    Raises
    ------
    ValueError
        As for :func:`periodogram`, or the noise is of another grid.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.sin(np.arange(16.0))
    >>> sample = model_samples(x, np.random.default_rng(0).standard_normal(16), ndim=1, phase_only=True)
    >>> bool(np.allclose(periodogram(sample, 1), periodogram(x, 1)))
    True
    """
    field = check_field(x, ndim)
    tables = tables_of(field.shape[field.ndim - ndim :], spacing or (1.0,) * ndim, estimate, segments)
    drive, grid = np.asarray(noise, dtype=np.float64), field.shape[field.ndim - ndim :]
    if drive.shape[-ndim:] != grid:
        raise ValueError(f"noise must end with the grid of the fields {grid}, got {drive.shape}")
    found: Reals = sampled(np, field, drive, ndim, phase_only, tables)
    return found


def check_field(x: npt.ArrayLike, ndim: int) -> Reals:
    """Return fields as float64, or say what is wrong with them."""
    found = np.asarray(x, dtype=np.float64)
    if not 1 <= ndim <= 3 or found.ndim < ndim:
        raise ValueError(f"a grid of 1 to 3 dims is needed, got {ndim} of an array of shape {found.shape}")
    axes = tuple(range(-ndim, 0))
    if math.prod(found.shape[found.ndim - ndim :]) < 2:
        raise ValueError(f"a spectrum needs at least 2 samples, got grid {found.shape[found.ndim - ndim :]}")
    if not np.isfinite(found).all():
        raise ValueError("the field has values that are not finite; fill gaps first")
    if (np.ptp(found, axis=axes) == 0).any():
        raise ValueError("a constant field has no spectrum to model")
    return found


# Kernels.


def tables_of(grid: Sequence[int], spacing: Sequence[float], estimate: Estimate, segments: int) -> Tables:
    """Return the constants of an estimate for a grid: none for the periodogram.

    ``isotropic``, along two dims or more: for each mode of the half spectrum its shell (``shell``) and how many modes of the whole it
    stands for (``twice``); the modes in order of shells, where these begin, and their modes of the whole (``order``, ``bounds``,
    ``counts``). ``welch``: the window and, per axis n, the frequencies of segments on both sides of each of the field
    (``below_n``, ``above_n``, ``share_n``).
    """
    if estimate == "periodogram":
        return {}
    if estimate == "isotropic":
        return _shell_tables(grid, spacing)
    check_choice("estimate", estimate, ESTIMATES)
    lengths = [n // max(1, segments) for n in grid]
    rule = ">= 2 and leave 2 samples or more of each dim"
    check("segments", f"{segments} of {tuple(grid)}", segments >= 2 and min(lengths) >= 2, rule)
    tables: dict[str, Any] = {}
    for axis, (n, length) in enumerate(zip(grid, lengths, strict=True)):
        tables[f"window_{axis}"] = np.sin(np.pi * (np.arange(length) + 0.5) / length) ** 2
        modes = np.arange(n // 2 + 1 if axis == len(grid) - 1 else n) * (length / n)
        below = np.floor(modes)
        tables[f"below_{axis}"], tables[f"above_{axis}"] = below % length, (below + 1) % length
        tables[f"share_{axis}"] = modes - below
    return tables


def _shell_tables(grid: Sequence[int], spacing: Sequence[float]) -> Tables:
    """Return the tables of means over shells of the half spectrum."""
    if len(grid) == 1:
        return {}  # a shell is one mode and its twin
    found = half_spectra.shells(grid, [abs(step) for step in spacing])
    shell = np.empty_like(found.order)
    shell[found.order] = np.repeat(np.arange(len(found.modes)), np.diff(found.bounds))
    twice = np.broadcast_to(twins(grid[-1]), (*grid[:-1], grid[-1] // 2 + 1)).copy()
    twice[(0,) * len(grid)] = 0.0  # the mean is no mode of a shell
    counts = found.modes.astype(np.float64)
    counts[0] = max(1.0, counts[0] - 1)
    return {"shell": shell, "order": found.order, "bounds": found.bounds, "twice": twice, "counts": counts}


def centered_spectrum(xp: Any, field: Array, ndim: int) -> tuple[Array, Array]:
    """Return the half spectrum of fields without their means, and the means."""
    axes = tuple(range(-ndim, 0))
    mean = xp.mean(field, axis=axes, keepdims=True)
    return xp.fft.rfftn(field - mean, axes=axes), mean


def smoothed_power(xp: Any, field: Array, spectrum: Array, ndim: int, tables: Tables) -> Array:
    """Return the power of the modes of the half spectrum by the estimate whose tables these are."""
    grid = tuple(field.shape[field.ndim - ndim :])
    power = (xp.real(spectrum) ** 2 + xp.imag(spectrum) ** 2) / math.prod(grid)
    if "shell" in tables:
        return _over_shells(xp, power, ndim, tables)
    if "share_0" not in tables:
        return power
    found = _over_segments(xp, field, ndim, tables)
    for axis in range(ndim):
        below, above, share = (tables[f"{name}_{axis}"] for name in ("below", "above", "share"))
        share = xp.reshape(xp.astype(share, power.dtype), (-1, *(1,) * (ndim - 1 - axis)))
        found = _taken(xp, found, below, axis - ndim) * (1 - share) + _taken(xp, found, above, axis - ndim) * share
    index = (..., *(0,) * ndim)
    found[index] = 0
    axes = tuple(range(-ndim, 0))
    total, held = _total(xp, power, grid, axes), _total(xp, found, grid, axes)
    return found * (total / xp.where(held > 0, held, xp.ones_like(held)))


def _over_shells(xp: Any, power: Array, ndim: int, tables: Tables) -> Array:
    """Return the mean of the power over shells, for each mode; none at k = 0."""
    wide = xp.astype(power, xp.float64) * tables["twice"]
    means = half_spectra.shell_sums(xp, wide, ndim, tables["order"], tables["bounds"]) / tables["counts"]
    found = xp.astype(xp.reshape(_taken(xp, means, tables["shell"], -1), power.shape), power.dtype)
    found[(..., *(0,) * ndim)] = 0
    return found


def _over_segments(xp: Any, field: Array, ndim: int, tables: Tables) -> Array:
    """Return the mean squared modulus of windowed segments that overlap by half, all frequencies of each axis."""
    grid, axes = tuple(field.shape[field.ndim - ndim :]), tuple(range(-ndim, 0))
    lengths = [int(tables[f"window_{axis}"].shape[0]) for axis in range(ndim)]
    centered = field - xp.mean(field, axis=axes, keepdims=True)
    parts = [xp.astype(tables[f"window_{axis}"], field.dtype) for axis in range(ndim)]
    window = math.prod((xp.reshape(part, (-1, *(1,) * (ndim - 1 - axis))) for axis, part in enumerate(parts)), start=1.0)
    starts = [range(0, n - length + 1, max(1, length // 2)) for n, length in zip(grid, lengths, strict=True)]
    wide = xp.complex64 if field.dtype == xp.float32 else xp.complex128
    total, count = 0.0, 0
    for start in np.ndindex(*map(len, starts)):
        part = tuple(slice(s[i], s[i] + length) for s, i, length in zip(starts, start, lengths, strict=True))
        spectrum = xp.fft.fftn(xp.astype(centered[(..., *part)] * window, wide), axes=axes)
        total, count = total + xp.real(spectrum) ** 2 + xp.imag(spectrum) ** 2, count + 1
    return total / count


def _total(xp: Any, power: Array, grid: tuple[int, ...], axes: tuple[int, ...]) -> Array:
    """Return the sum over all modes of the power of the half spectrum."""
    whole = 2 * xp.sum(power, axis=axes, keepdims=True) - xp.sum(power[..., :1], axis=axes, keepdims=True)
    return whole - xp.sum(power[..., -1:], axis=axes, keepdims=True) if grid[-1] % 2 == 0 else whole


def _taken(xp: Any, values: Array, index: Array, axis: int) -> Array:
    return xp.take(values, xp.astype(index, xp.int64), axis=axis)


def sampled(xp: Any, field: Array, noise: Array, ndim: int, phase_only: bool, tables: Tables) -> Array:
    """Return samples of the model of fields, driven by white noise that broadcasts against them."""
    axes, grid = tuple(range(-ndim, 0)), tuple(field.shape[field.ndim - ndim :])
    spectrum, mean = centered_spectrum(xp, field, ndim)
    if tables:
        spectrum = with_power(xp, spectrum, smoothed_power(xp, field, spectrum, ndim, tables), math.prod(grid))
    driven_spectrum = driven(xp, spectrum, xp.fft.rfftn(noise, axes=axes), math.prod(grid), phase_only)
    return xp.fft.irfftn(driven_spectrum, s=grid, axes=axes) + mean


def driven(xp: Any, spectrum: Array, noise: Array, count: int, phase_only: bool) -> Array:
    """Return a spectrum times that of white noise on a grid of ``count`` samples: of unit power, or with phases alone."""
    if not phase_only:
        return spectrum * (noise / math.sqrt(count))
    modulus = xp.abs(noise)
    return spectrum * (noise / xp.where(modulus > 0, modulus, xp.ones_like(modulus)))


def with_power(xp: Any, spectrum: Array, power: Array, count: int) -> Array:
    """Return a spectrum whose power is another one, with its own phases; where it is zero they are zero."""
    modulus, there = xp.abs(spectrum), xp.abs(spectrum) > 0
    phase = spectrum / xp.where(there, modulus, xp.ones_like(modulus))
    return xp.sqrt(power * count) * xp.where(there, phase, xp.ones_like(phase))
