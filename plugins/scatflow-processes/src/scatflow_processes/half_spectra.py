"""Modes of the half spectrum of real fields, whole or a part of them, sorted into shells of wave numbers.

The last axis keeps frequencies 0 to n // 2, all others are in FFT order. A part is a range of indices along every axis, so that a
task that holds some of the modes sorts these as the whole is sorted. Sums over shells are exact by Parseval's relation: every mode
belongs to one shell, from the mean in shell 0 to the corners of the grid.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from scatflow_processes import modes
from scatflow_processes.bounds import check
from scatflow_processes.modes import Reals

Array = Any
Integers = npt.NDArray[np.int64]
#: Ranges of indices along every axis of a half spectrum; None for all.
Window = Sequence[tuple[int, int]] | None
#: Most bins into which modes are sorted: their numbers are sorted by radix as 16-bit integers.
MAX_BINS = 2**16
#: Most groups into which modes are divided for errors; a prime, so that few rays of the grid lie in one group.
GROUPS = 17
#: Factors of the indices along the last, second-last and third-last axis in the number of a group: the modes next to zero get different ones.
_FACTORS = (1, 4, 6)


class Bins(NamedTuple):
    """Modes of a half spectrum, or a part of them, by bins and groups.

    Attributes
    ----------
    order : ndarray of int64, shape (modes,)
        Flat indices of the stored modes, bin by bin, of each bin group by group.
    bounds : tuple of int, length bins * groups + 1
        Where these begin in ``order``.
    modes : ndarray of float64, shape (bins, groups)
        Modes of the whole spectrum in each.
    """

    order: Integers
    bounds: tuple[int, ...]
    modes: Reals


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

    order: Integers
    bounds: tuple[int, ...]
    modes: Integers
    width: float


def half_indices(shape: Sequence[int], window: Window = None) -> list[Integers]:
    """Return the signed indices of the modes of a half spectrum along each axis, which broadcast together.

    Parameters
    ----------
    shape : sequence of int
        Samples per axis; along the last one the spectrum is halved.
    window : sequence of (int, int), optional
        Ranges of indices along every axis, of a part of the modes; default all.

    Returns
    -------
    list of ndarray of int64

    Examples
    --------
    >>> [index.ravel().tolist() for index in half_indices((4, 5))]
    [[0, 1, -2, -1], [0, 1, 2]]
    """
    found = []
    for axis, n in enumerate(shape):
        index = np.arange(n // 2 + 1) if axis == len(shape) - 1 else (np.arange(n) + n // 2) % n - n // 2
        low, high = (0, index.size) if window is None else window[axis]
        found.append(index[low:high].astype(np.int64).reshape((-1,) + (1,) * (len(shape) - axis - 1)))
    return found


def half_waves(shape: Sequence[int], steps: Sequence[float], derivative: bool = False, window: Window = None) -> list[Reals]:
    """Return the wave numbers of a half spectrum along each axis, which broadcast together.

    Parameters
    ----------
    shape, window
        As for :func:`half_indices`.
    steps : sequence of float
        Signed spacing per axis.
    derivative : bool, optional
        Give the highest frequency of even lengths as 0, as spectral derivatives need it.

    Returns
    -------
    list of ndarray of float64, in rad per unit of the steps

    Examples
    --------
    >>> [wave.ravel().round(12).tolist() for wave in half_waves((2, 4), (math.pi / 2, math.pi / 2), derivative=True)]
    [[0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    found = []
    for index, n, step in zip(half_indices(shape, window), shape, steps, strict=True):
        index = np.where(2 * np.abs(index) == n, 0, index) if derivative else index
        found.append(np.asarray(2 * np.pi / (n * step) * index, dtype=np.float64))
    return found


def shell_count(shape: Sequence[int], steps: Sequence[float], width: float) -> int:
    """Return the number of shells of a width up to that with the corner of the grid.

    Raises
    ------
    ValueError
        There are more than 65536.

    Examples
    --------
    >>> shell_count((4, 4), (1.0, 1.0), math.pi / 2)
    4
    """
    last = modes.grid_band(shape, [abs(step) for step in steps])[1] / width
    check("width", width, last < MAX_BINS - 1, f"that of at most {MAX_BINS} shells up to the corner of the grid")
    return int(modes.shell_number(last, 1.0)) + 1


def shell_of(shape: Sequence[int], steps: Sequence[float], width: float, window: Window = None) -> npt.NDArray[np.intp]:
    """Return the shell of every mode: shell n holds (n - 1/2) width <= abs(k) < (n + 1/2) width.

    Examples
    --------
    >>> shell_of((4, 4), (1.0, 1.0), math.pi / 2, window=((2, 4), (0, 3))).tolist()
    [[2, 2, 3], [1, 1, 2]]
    """
    square = sum(k * k for k in half_waves(shape, steps, window=window))
    return modes.shell_number(np.sqrt(square), width)


def shell_modes(shape: Sequence[int], steps: Sequence[float], width: float) -> Integers:
    """Return how many modes of the whole spectrum each shell holds, counted plane by plane.

    Examples
    --------
    >>> shell_modes((4, 4), (1.0, 1.0), math.pi / 2).tolist()
    [1, 8, 6, 1]
    """
    count = shell_count(shape, steps, width)
    held = np.zeros(count)
    for k, times in modes.planes(shape, [abs(step) for step in steps]):
        held += np.bincount(modes.shell_number(k, width).ravel(), weights=np.ravel(times), minlength=count)
    return held.astype(np.int64)


def group_of(shape: Sequence[int], groups: int, window: Window = None) -> Integers:
    """Return the group of every mode, evenly mixed along all directions: a mode and its conjugate are in one.

    Examples
    --------
    >>> group_of((4, 4), 17).tolist()
    [[0, 1, 2], [4, 5, 6], [8, 9, 10], [4, 5, 6]]
    """
    parts = zip(_FACTORS, reversed(half_indices(shape, window)), strict=False)
    return np.asarray(sum(factor * np.abs(index) for factor, index in parts) % groups, dtype=np.int64)


def binned(bin_of: npt.NDArray[Any], count: int, shape: Sequence[int], groups: int = 1, window: Window = None) -> Bins:
    """Sort modes into bins, and each bin into groups.

    Parameters
    ----------
    bin_of : ndarray of int
        The bin of every mode, from 0 to ``count`` - 1; broadcasts against the modes.
    count : int
        Number of bins, at most 65536.
    shape, window
        As for :func:`half_indices`.
    groups : int, optional
        Number of groups.

    Examples
    --------
    >>> found = binned(shell_of((4, 4), (1.0, 1.0), math.pi / 2), 4, (4, 4), groups=2)
    >>> found.modes.tolist()  # 16 in all
    [[1.0, 0.0], [2.0, 6.0], [4.0, 2.0], [1.0, 0.0]]
    """
    stored = np.broadcast_shapes(*(index.shape for index in half_indices(shape, window)))
    number = np.broadcast_to(bin_of, stored).ravel().astype(np.uint16)
    low, high = (0, stored[-1]) if window is None else window[-1]
    twice = np.broadcast_to(modes.twins(shape[-1])[low:high], stored).ravel()
    if groups == 1:
        order, key = np.argsort(number, kind="stable"), number.astype(np.int64)
    else:
        group = np.broadcast_to(group_of(shape, groups, window), stored).ravel().astype(np.uint16)
        order = np.argsort(group, kind="stable")
        order = order[np.argsort(number[order], kind="stable")]
        key = number.astype(np.int64) * groups + group
    held: Reals = np.bincount(key, weights=twice, minlength=count * groups).astype(np.float64)
    bounds = np.concatenate([[0], np.cumsum(np.bincount(key, minlength=count * groups))])
    return Bins(order, tuple(bounds.tolist()), held.reshape(count, groups))


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
    width = width or modes.shell_width(shape, [abs(step) for step in steps])
    found = binned(shell_of(shape, steps, width), shell_count(shape, steps, width), shape)
    return Shells(found.order, found.bounds, found.modes[:, 0].astype(np.int64), width)


def shell_sums(xp: Any, power: Array, ndim: int, order: Array, bounds: Sequence[int]) -> Array:
    """Return the sums of a half spectrum over shells, shape (..., S); each is summed on its own, however weak it is."""
    flat = xp.reshape(power, (*power.shape[: power.ndim - ndim], math.prod(power.shape[power.ndim - ndim :])))
    flat = xp.take(flat, order, axis=-1)
    return xp.stack([xp.sum(flat[..., a:b], axis=-1) for a, b in itertools.pairwise(bounds)], axis=-1)


def square(xp: Any, spectrum: Array) -> Array:
    """Return the squared modulus, real."""
    return xp.real(spectrum) ** 2 + xp.imag(spectrum) ** 2
