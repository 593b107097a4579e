"""Electron densities of molecules before they bond: sums of the densities of their atoms, in the plane or in space.

Lengths are in angstrom and charges in electrons. A density on a grid is a mean over each pixel, so its sum times the area of a pixel
counts electrons: exactly, because every atom is scaled to its own number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from scatflow_processes.bounds import check, check_choice

Array = npt.NDArray[np.float64]
#: Angstrom per bohr.
BOHR = 0.529177210903
#: Element name and electrons of core and valence, by charge of the nucleus, of the elements that have tables.
ELEMENTS = {
    1: ("Hydrogen", 0, 1), 6: ("Carbon", 2, 4), 7: ("Nitrogen", 2, 5), 8: ("Oxygen", 2, 6), 16: ("Sulfur", 10, 6), 17: ("Chlorine", 10, 7),
}  # fmt: skip
#: What can be spread around atoms: all electrons, those of the core or of the valence shell, or the charge in one pixel.
CHANNELS = ("atomic", "core", "valence", "dirac")
#: Positions are rounded to this share of a pixel, so that a shift by whole pixels shifts the density exactly.
_ROUNDING = 2.0**-24
#: Samples inside a pixel are at most this far apart, in angstrom: in the pixels around the nucleus, and farther out. No more
#: than this many per side.
_NEAR, _FAR, _MOST = 0.02, 0.05, 12


class Grid(NamedTuple):
    """Pixels or voxels around the origin.

    Attributes
    ----------
    size : tuple of int
        Pixels along (y, x) or (z, y, x), >= 1.
    box : tuple of float
        Lengths of the sides along the same axes in angstrom, > 0.
    """

    size: tuple[int, ...]
    box: tuple[float, ...]

    @property
    def step(self) -> tuple[float, ...]:
        """Sides of a pixel in angstrom."""
        return tuple(length / count for length, count in zip(self.box, self.size, strict=True))

    @property
    def cell(self) -> float:
        """Area or volume of a pixel in angstrom to the number of axes."""
        return math.prod(self.step)

    def centers(self, axis: int) -> Array:
        """Return where the pixels lie along an axis.

        Examples
        --------
        >>> Grid((4, 2), (8.0, 8.0)).centers(0).tolist()
        [-3.0, -1.0, 1.0, 3.0]
        """
        return np.asarray((np.arange(self.size[axis]) + 0.5) * self.step[axis] - 0.5 * self.box[axis])


class Profile(NamedTuple):
    """How the electrons of an atom are spread over the distance from its nucleus, up to a factor; nothing beyond the last.

    Attributes
    ----------
    distance : ndarray of float64, shape (n,)
        In angstrom, increasing from 0.
    density : ndarray of float64, shape (n,)
        Per angstrom to the number of axes, straight between the distances.
    """

    distance: Array
    density: Array


#: Profiles by channel and charge of the nucleus.
Profiles = Mapping[tuple[str, int], Profile]


def planar(profile: Profile) -> Profile:
    """Return the planar profile ``2 a rho(a)`` of a density in space, which holds as many electrons (Hirn, Mallat and Poilvert, 2017).

    Parameters
    ----------
    profile : Profile
        In electrons per cubic angstrom.

    Returns
    -------
    Profile
        In electrons per square angstrom.

    Examples
    --------
    >>> flat = planar(Profile(np.array([0.0, 0.5, 1.0]), np.array([3.0, 2.0, 0.0])))
    >>> flat.density.tolist()
    [0.0, 2.0, 0.0]
    """
    return Profile(profile.distance, 2 * profile.distance * profile.density)


def gaussian_profile(charge: int, axes: int) -> Profile:
    """Return a Gaussian of standard deviation ``0.5 charge^(-1/3)`` angstrom, for elements without a table.

    Parameters
    ----------
    charge : int
        Of the nucleus, 1 to 118.
    axes : int
        2 or 3.

    Returns
    -------
    Profile
        With ``charge`` electrons, up to 6 standard deviations.

    Raises
    ------
    ValueError
        If there is no such element.

    Examples
    --------
    >>> round(float(gaussian_profile(8, 2).density[0]), 3)  # 8 / (2 pi 0.25²)
    20.372
    """
    if not 1 <= charge <= 118:
        raise ValueError(f"charges of nuclei are 1 to 118, got {charge}")
    width = 0.5 * charge ** (-1 / 3)
    distance = np.linspace(0.0, 6 * width, 1201)
    return Profile(distance, charge * np.exp(-0.5 * (distance / width) ** 2) / (2 * np.pi * width**2) ** (axes / 2))


def tabulated_profiles(tables: Mapping[str, npt.NDArray[np.generic]], axes: int) -> dict[tuple[str, int], Profile]:
    """Return the profiles that a set of tables holds, under the names of the published ones.

    Parameters
    ----------
    tables : mapping of str to ndarray
        ``density_<Element>`` (electrons per cubic bohr) on ``density_<Element>_r`` (bohr) for the channel atomic; for the
        plane also ``density2d_core_<Element>`` and ``density2d_valence_<Element>`` (electrons per square angstrom, of the form
        2 a rho) on ``density2d_r_angstrom``. They are taken as they are: published cores
        swing a little below zero far out, and without that would hold too many electrons.
    axes : int
        2 or 3; in space there is the channel atomic only.

    Returns
    -------
    dict
        Channel and charge of the nucleus -> profile, of what is there.

    Examples
    --------
    >>> r = np.linspace(0, 10, 101)
    >>> found = tabulated_profiles({"density_Hydrogen": np.exp(-2 * r) / np.pi, "density_Hydrogen_r": r}, axes=3)
    >>> list(found), round(float(found["atomic", 1].density[0] * BOHR**3), 4)
    ([('atomic', 1)], 0.3183)
    """
    found = {}
    for charge, (element, _, _) in ELEMENTS.items():
        if f"density_{element}" in tables:
            distance = np.asarray(tables[f"density_{element}_r"], dtype=np.float64) * BOHR
            spatial = Profile(distance, np.asarray(tables[f"density_{element}"], dtype=np.float64) / BOHR**3)
            found["atomic", charge] = planar(spatial) if axes == 2 else spatial
        for channel in ("core", "valence"):
            if axes == 2 and f"density2d_{channel}_{element}" in tables:
                distance = np.asarray(tables["density2d_r_angstrom"], dtype=np.float64)
                found[channel, charge] = Profile(distance, np.asarray(tables[f"density2d_{channel}_{element}"], dtype=np.float64))
    return found


def electrons(charge: int, channel: str) -> int:
    """Return how many electrons an atom has in a channel.

    Parameters
    ----------
    charge : int
        Of the nucleus.
    channel : {"atomic", "core", "valence", "dirac"}
        All electrons, those of the core or of the valence shell; ``dirac`` has all.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If there is no such channel, or the shells of the element are not known.

    Examples
    --------
    >>> electrons(16, "core"), electrons(16, "valence"), electrons(16, "atomic")
    (10, 6, 16)
    """
    check_choice("channel", channel, CHANNELS)
    if channel in ("atomic", "dirac"):
        return charge
    if charge not in ELEMENTS:
        raise ValueError(f"core and valence are known of the charges {', '.join(map(str, ELEMENTS))}, got {charge}")
    _, core, valence = ELEMENTS[charge]
    return core if channel == "core" else valence


def density(
    positions: npt.ArrayLike,
    charges: npt.ArrayLike,
    grid: Grid,
    channel: str = "atomic",
    profiles: Profiles | None = None,
    radius: float = 2.5,
) -> Array:
    """Return the density of a molecule on a grid: the sum of those of its atoms.

    Parameters
    ----------
    positions : array_like of float, shape (n, 2) or (n, 3)
        (x, y) or (x, y, z) of the nuclei in angstrom, as many numbers as the grid has axes.
    charges : array_like of int, shape (n,)
        Charges of the nuclei; 0 stands for no atom.
    grid : Grid
        Two axes (y, x) or three (z, y, x).
    channel : {"atomic", "core", "valence", "dirac"}
        Which electrons; ``dirac`` puts the charge into the pixel of the nucleus.
    profiles : mapping, optional
        Channel and charge -> :class:`Profile`; default the Gaussians of :func:`gaussian_profile`, for the channel atomic.
    radius : float
        Atoms end here, in angstrom; they must fit into the box.

    Returns
    -------
    ndarray of float64, shape of the grid
        Electrons per angstrom to the number of axes. The sum times ``grid.cell`` is the number of electrons to 1e-12 of it, the
        order of the atoms makes no difference at all, and a shift by whole pixels shifts the density exactly. Means over
        pixels are those of samples: of a Gaussian carbon on pixels of 0.1 to 0.2 angstrom they are right to 2e-3 of the largest.

    Raises
    ------
    ValueError
        If an atom does not fit into the box or has nothing within the radius, no profile is known of an element, a charge
        is no whole number, or shapes do not fit.

    Examples
    --------
    >>> grid = Grid((70, 70), (7.0, 7.0))
    >>> water = density([(0.0, 0.0), (0.76, 0.59), (-0.76, 0.59)], [8, 1, 1], grid)
    >>> round(float(water.sum() * grid.cell), 9)
    10.0
    """
    where, charge = _atoms(positions, charges, grid)
    check("radius", radius, radius > 0, "> 0 angstrom")
    reach = 0.0 if channel == "dirac" else radius
    _check_inside(where, charge, grid, reach)
    step = np.asarray(grid.step)
    pixels = np.round((where + 0.5 * np.asarray(grid.box)) / step / _ROUNDING) * _ROUNDING
    order = np.lexsort((*pixels.T, charge))  # a sum of floats depends on the order; this makes it one
    found = np.zeros(grid.size)
    for place, number in zip(pixels[order], charge[order].tolist(), strict=True):
        count = electrons(number, channel)
        pixel = np.minimum(np.floor(place).astype(int), np.asarray(grid.size) - 1)
        if channel == "dirac":
            found[tuple(pixel)] += count / grid.cell
        elif count:
            first, stamp = _stamp(place - pixel, _profile(number, channel, profiles, len(step)), step, reach)
            corner = pixel + first
            low, high = np.maximum(corner, 0), np.minimum(corner + stamp.shape, grid.size)
            part = stamp[tuple(slice(a, b) for a, b in zip(low - corner, high - corner, strict=True))]
            held = float(part.sum()) * grid.cell
            if not held > 0:
                raise ValueError(
                    f"no density of charge {number} within radius = {radius:g} angstrom on pixels of {grid.step} angstrom"
                )
            found[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] += part * (count / held)
    return found


def _atoms(positions: npt.ArrayLike, charges: npt.ArrayLike, grid: Grid) -> tuple[Array, npt.NDArray[np.int64]]:
    """Return the positions of the atoms in the order of the axes of the grid, and their charges, without empty places."""
    where, given = np.asarray(positions, dtype=np.float64), np.asarray(charges, dtype=np.float64)
    axes = len(grid.size)
    if axes not in (2, 3) or len(grid.box) != axes or min(grid.size) < 1 or not all(0 < side < math.inf for side in grid.box):
        raise ValueError(f"a grid has 2 or 3 axes, sizes >= 1 and sides > 0, got {grid}")
    broken = ~np.isfinite(given) | (given != np.round(given))
    check("charges", given[broken].tolist(), not broken.any(), "whole numbers")
    charge = given.astype(np.int64)
    if where.shape != (*charge.shape, axes) or charge.ndim != 1:
        raise ValueError(
            f"a molecule on {axes} axes has positions of shape (n, {axes}) and n charges, got {where.shape} and {charge.shape}"
        )
    where, charge = where[charge != 0, ::-1], charge[charge != 0]
    if not np.isfinite(where).all() or (charge < 0).any():
        raise ValueError("positions must be finite and charges >= 0")
    return where, charge


def _check_inside(where: Array, charge: npt.NDArray[np.int64], grid: Grid, reach: float) -> None:
    outside = (np.abs(where) > 0.5 * np.asarray(grid.box) - reach).any(axis=1)
    if outside.any():
        atom = int(np.argmax(outside))
        limits = ", ".join(f"±{0.5 * length - reach:g}" for length in grid.box[::-1])
        raise ValueError(
            f"an atom of charge {charge[atom]} at {where[atom, ::-1].round(3).tolist()} angstrom is outside the box less {reach:g} "
            f"on every side ({limits}); move the molecule to the origin, enlarge the box or reduce the radius"
        )


def _profile(charge: int, channel: str, profiles: Profiles | None, axes: int) -> Profile:
    if profiles is None and channel == "atomic":
        return gaussian_profile(charge, axes)
    known = profiles or {}
    if (channel, charge) not in known:
        having = sorted(number for name, number in known if name == channel)
        raise ValueError(f"no {channel} profile on {axes} axes of the charge {charge}; there are profiles of {having or 'none'}")
    return known[channel, charge]


def _stamp(offset: Array, profile: Profile, step: Array, reach: float) -> tuple[npt.NDArray[np.int64], Array]:
    """Return an atom at ``offset`` pixels from the corner of a pixel, as means over pixels, and the index of the first of them."""
    first = np.floor(offset - reach / step).astype(int)
    last = np.floor(offset + reach / step).astype(int)
    stamp = _means(first, last, offset, profile, step, reach, _FAR)
    low, high = np.maximum(first, -1), np.minimum(last, 1)  # the nucleus is in pixel 0
    inner = tuple(slice(a, b) for a, b in zip(low - first, high - first + 1, strict=True))
    stamp[inner] = _means(low, high, offset, profile, step, reach, _NEAR)
    return first, stamp


def _means(
    first: npt.NDArray[np.int64],
    last: npt.NDArray[np.int64],
    offset: Array,
    profile: Profile,
    step: Array,
    reach: float,
    spacing: float,
) -> Array:
    """Return the means of a profile over the pixels from ``first`` to ``last``, from samples at most ``spacing`` apart."""
    counts = [min(_MOST, max(2, math.ceil(side / spacing))) for side in step]
    square = np.zeros(())
    for axis, (low, high, count) in enumerate(zip(first, last, counts, strict=True)):
        samples = low + (np.arange((high - low + 1) * count) + 0.5) / count - offset[axis]
        square = square[..., None] + (samples * step[axis]) ** 2
    distance = np.sqrt(square)
    values = np.interp(distance, profile.distance, profile.density, right=0.0) * (distance <= reach)
    shape = [part for low, high, count in zip(first, last, counts, strict=True) for part in (high - low + 1, count)]
    means: Array = values.reshape(shape).mean(axis=tuple(range(1, 2 * len(counts), 2)))
    return means
