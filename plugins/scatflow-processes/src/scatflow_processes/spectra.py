"""Spectra of stationary fields: named formulas in the wave number, and the power of every mode of a periodic grid.

Two densities are in use and are never guessed. A *shell* spectrum E(k) is what turbulence plots: ``E dk`` is half the
variance between the spheres of radius k and k + dk (for a velocity the kinetic energy, for a vorticity the enstrophy). A *mode*
spectrum P(k) is the power of each mode, ``E|X(k)|^2 = d P(k)`` for the unnormalized discrete transform X of a field of d samples,
so that the variance is the mean of P. In D dims one is k^(D-1) times the other.

Wave numbers are in rad per unit of the coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from scatflow_processes.bounds import check
from scatflow_processes.modes import Reals, grid_band, planes, shell_number, shell_width, wave_numbers, whole_shells

Given = Literal["shell", "mode"]
Name = Literal["white", "power_law", "kolmogorov", "vorticity", "direct_cascade", "matern", "table"]

#: What each name is a formula of; of the others the user says it.
GIVEN: dict[str, Given] = {
    "white": "mode",
    "kolmogorov": "shell",
    "vorticity": "shell",
    "direct_cascade": "shell",
    "matern": "mode",
}
#: Exponents of the shell spectra of turbulence: energy of the cascade in three dims, its enstrophy, energy of the direct cascade in two.
EXPONENTS = {"kolmogorov": 5 / 3, "vorticity": -1 / 3, "direct_cascade": 3.0}
NAMES = (*GIVEN, "power_law", "table")
#: Area of the unit sphere in 1, 2 and 3 dims.
AREA = {1: 2.0, 2: 2 * math.pi, 3: 4 * math.pi}


@dataclass(frozen=True)
class Spectrum:
    r"""A spectrum by name.

    Attributes
    ----------
    name : str
        ``white``: P = 1. ``power_law``: k^-exponent. ``kolmogorov``: E = k^(-5/3) [1]_. ``vorticity``: the enstrophy spectrum that goes
        with it, k^2 E = k^(1/3). ``direct_cascade``: E = k^-3, of enstrophy in two dims [2]_. ``matern``:
        :math:`P = (1 + k^2 \ell^2 / 2\nu)^{-\nu - D/2}`. ``table``: ``values`` at ``k``, between them straight lines in log-log.
    given : {"shell", "mode"}, optional
        Which density the numbers are; needed of ``power_law`` and ``table``, known of the others.
    exponent : float, optional
        Of ``power_law``.
    k_low, k_high : float
        Wave numbers outside have no power, in rad per unit; >= 0.
    length, smoothness : float
        Scale l > 0 (units) and exponent nu > 0 of ``matern``.
    k, values : tuple of float
        The table: at least two wave numbers > 0, increasing, and positive values. Wave numbers outside it have no power.

    Raises
    ------
    ValueError
        A parameter is missing, outside its range, or of another spectrum.

    Notes
    -----
    Formulas have the factor 1, in whatever unit; :func:`mode_power` scales them to a standard deviation.

    References
    ----------
    .. [1] A. N. Kolmogorov, Dokl. Akad. Nauk SSSR 30 (1941) 301.
    .. [2] R. H. Kraichnan, "Inertial ranges in two-dimensional turbulence", Phys. Fluids 10 (1967) 1417, doi:10.1063/1.1762301.

    Examples
    --------
    >>> import numpy as np
    >>> Spectrum("kolmogorov", k_high=20).density(np.array([0.0, 1.0, 8.0, 30.0]), 3).round(5).tolist()
    [0.0, 1.0, 0.03125, 0.0]
    """

    name: str = "white"
    given: Given | None = None
    exponent: float | None = None
    k_low: float = 0.0
    k_high: float = math.inf
    length: float = 1.0
    smoothness: float = 1.5
    k: tuple[float, ...] = ()
    values: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.name not in NAMES:
            raise ValueError(f"spectrum must be one of {', '.join(NAMES)}, got {self.name!r}")
        if (known := GIVEN.get(self.name)) is None and self.given is None:
            raise ValueError(f'spectrum {self.name!r} needs given="shell" (E(k)) or given="mode" (P(k) of each mode)')
        if known is not None and self.given not in (None, known):
            raise ValueError(f"spectrum {self.name!r} is given by {known}, got given={self.given!r}")
        if (self.name == "power_law") != (self.exponent is not None):
            raise ValueError(f"exponent belongs to power_law, which needs it; got {self.name!r} with exponent={self.exponent}")
        if not 0 <= self.k_low < self.k_high:
            raise ValueError(f"cut-offs must be 0 <= k_low < k_high (rad per unit), got {self.k_low}, {self.k_high}")
        if not (0 < self.length < math.inf and 0 < self.smoothness <= 100):
            raise ValueError(f"length must be > 0 and smoothness in (0, 100], got {self.length}, {self.smoothness}")
        self._check_table()

    def _check_table(self) -> None:
        if self.name != "table":
            if self.k or self.values:
                raise ValueError(f"k and values belong to the spectrum table, got {self.name!r}")
            return
        k, values = np.asarray(self.k, dtype=np.float64), np.asarray(self.values, dtype=np.float64)
        if k.ndim != 1 or k.shape != values.shape or k.size < 2:
            raise ValueError(f"a table has at least two wave numbers and as many values, got {k.shape} and {values.shape}")
        if not (np.isfinite(k).all() and k[0] > 0 and (np.diff(k) > 0).all()):
            raise ValueError(f"wave numbers of a table must be > 0, finite and increasing, got {self.k}")
        if not (np.isfinite(values).all() and (values > 0).all()):
            raise ValueError(f"values of a table must be > 0 and finite; cut it with k_low and k_high. Got {self.values}")

    @property
    def kind(self) -> Given:
        """Which density the numbers are."""
        return self.given or GIVEN[self.name]

    @property
    def band(self) -> tuple[float, float]:
        """Lowest and highest wave number with power."""
        low, high = (self.k[0], self.k[-1]) if self.k else (0.0, math.inf)
        return max(self.k_low, low), min(self.k_high, high)

    def density(self, k: npt.ArrayLike, ndim: int) -> Reals:
        """Return the density, of the stated kind, at wave numbers; 0 where it has no finite value.

        Parameters
        ----------
        k : array_like of float
            Wave numbers >= 0 in rad per unit.
        ndim : int
            Dims of the field, 1 to 3.
        """
        k = np.asarray(k, dtype=np.float64)
        with np.errstate(divide="ignore", over="ignore"):
            found = self._formula(k, ndim)
        inside = (k >= self.k_low) & (k <= self.k_high) & np.isfinite(found)
        return np.where(inside, found, 0.0)

    def _formula(self, k: Reals, ndim: int) -> Reals:
        if self.name == "white":
            return np.ones_like(k)
        if self.name == "matern":
            return np.asarray((1 + (k * self.length) ** 2 / (2 * self.smoothness)) ** (-self.smoothness - ndim / 2))
        if self.name == "table":
            logs = np.interp(np.log(k), np.log(self.k), np.log(self.values), left=-np.inf, right=-np.inf)
            return np.asarray(np.exp(logs))
        exponent = EXPONENTS.get(self.name, self.exponent)
        assert exponent is not None, "checked when it was made"
        return np.asarray(k ** (-exponent))


def mode_power(spectrum: Spectrum, shape: Sequence[int], spacing: Sequence[float], std: float | None = None) -> Reals:
    r"""Return the power P(k) of all modes of a periodic grid, ``E|X(k)|^2 = d P(k)``.

    Parameters
    ----------
    spectrum : Spectrum
        The spectrum.
    shape, spacing
        As for :func:`scatflow_processes.modes.wave_numbers`.
    std : float, optional
        Standard deviation > 0 of the field, root of the mean of P, to which P is scaled; default as the spectrum says.

    Returns
    -------
    ndarray of float64, shape ``shape``
        In FFT order. Of a shell spectrum :math:`P = 2 E(k) (2\pi)^D / (v S_D k^{D-1})`, v being the volume of a cell and
        S_D = 2, 2π, 4π, times a factor for each whole shell of :func:`scatflow_processes.modes.shells`, so that its modes together hold exactly
        ``E(n width) width``: a sum over shells gives E back although few modes lie in the first ones. P(0) = 0 then.

    Raises
    ------
    ValueError
        No mode of the grid has power, ``std`` is not positive, or the grid is none.

    Examples
    --------
    >>> power = mode_power(Spectrum("direct_cascade", k_high=6.0), (16, 16), (2 * np.pi / 16,) * 2)
    >>> from scatflow_processes.modes import shells
    >>> number, width, whole = shells((16, 16), (2 * np.pi / 16,) * 2)
    >>> (np.bincount(number.ravel(), power.ravel())[:4] / power.size / 2).round(6).tolist()  # 1 / n^3
    [0.0, 1.0, 0.125, 0.037037]
    """
    k = wave_numbers(shape, spacing)
    return power_at(spectrum, k, spacing, shell_factors(spectrum, shape, spacing, std), shell_width(shape, spacing))


def power_at(spectrum: Spectrum, k: Reals, spacing: Sequence[float], factors: Reals, width: float) -> Reals:
    """Return the power of modes at wave numbers, of any part of a grid.

    Parameters
    ----------
    spectrum : Spectrum
        The spectrum.
    k : ndarray of float64, shape (...)
        Their |k| in rad per unit.
    spacing : sequence of float
        Distance of samples along each dim.
    factors : ndarray of float64, shape (shells,)
        Those of :func:`shell_factors` for the whole grid.
    width : float
        Of its shells, see :func:`scatflow_processes.modes.shell_width`.

    Returns
    -------
    ndarray of float64, shape (...)

    Examples
    --------
    >>> import numpy as np
    >>> power_at(Spectrum(), np.array([0.0, 1.0]), (1.0,), np.array([4.0, 9.0]), 1.0).tolist()
    [4.0, 9.0]
    """
    return np.asarray(_plain_power(spectrum, k, spacing) * factors[shell_number(k, width)])


def _plain_power(spectrum: Spectrum, k: Reals, spacing: Sequence[float]) -> Reals:
    """Return the power of modes by the formula alone."""
    ndim = len(spacing)
    power = spectrum.density(k, ndim)
    if spectrum.kind == "mode":
        return power
    factor = 2 * (2 * math.pi) ** ndim / (math.prod(spacing) * AREA[ndim])
    return np.where(k > 0, power * factor / np.where(k > 0, k, 1.0) ** (ndim - 1), 0.0)


def shell_factors(spectrum: Spectrum, shape: Sequence[int], spacing: Sequence[float], std: float | None = None) -> Reals:
    """Return what the formula of a spectrum is multiplied by in each shell of a grid, so that shells hold what they should.

    Parameters
    ----------
    spectrum, shape, spacing, std
        As for :func:`mode_power`.

    Returns
    -------
    ndarray of float64, shape (shells + 1,)
        Grids larger than memory are summed plane by plane, an orthant of them.

    Raises
    ------
    ValueError
        As for :func:`mode_power`.

    Examples
    --------
    >>> shell_factors(Spectrum(), (4,), (1.0,), std=2.0).tolist()
    [4.0, 4.0, 4.0, 4.0]
    """
    if std is not None:
        check("std", std, 0 < std < math.inf, "> 0 and finite")
    width, samples = shell_width(shape, spacing), math.prod(shape)
    held = np.zeros(math.floor(grid_band(shape, spacing)[1] / width + 0.5) + 2)
    for k, weight in planes(shape, spacing):
        number = shell_number(k, width)
        held += np.bincount(number.ravel(), (weight * _plain_power(spectrum, k, spacing)).ravel(), minlength=held.size)
    factors = np.ones_like(held)
    if spectrum.kind == "shell":
        wanted = 2 * samples * width * spectrum.density(width * np.arange(held.size), len(shape))
        scaled = (np.arange(held.size) < whole_shells(shape, spacing)) & (held > 0) & (np.arange(held.size) > 0)
        factors = np.where(scaled, wanted / np.where(held > 0, held, 1.0), 1.0)
    total = float((factors * held).sum()) / samples
    if not total > 0:
        raise no_power(spectrum, shape, spacing)
    return factors if std is None else factors * (std**2 / total)


def check_band(spectrum: Spectrum, shape: Sequence[int], spacing: Sequence[float]) -> None:
    """Raise ValueError where the band of a spectrum misses all wave numbers of a grid above 0."""
    (low, high), (first, last) = spectrum.band, grid_band(shape, spacing)
    if low > last or high < first:
        raise no_power(spectrum, shape, spacing)


def no_power(spectrum: Spectrum, shape: Sequence[int], spacing: Sequence[float]) -> ValueError:
    """Return the error for a spectrum that has no power on a grid."""
    (low, high), (first, last) = spectrum.band, grid_band(shape, spacing)
    return ValueError(f"no mode of the grid has power: the spectrum has some from {low:g} to {high:g} rad per unit, "
                      f"the grid has modes from {first:g} to {last:g}")  # fmt: skip
