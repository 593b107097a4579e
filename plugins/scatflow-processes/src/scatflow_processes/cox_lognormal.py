"""The lognormal law of the random intensity of a Cox process: the log-intensity by a correlation length or by a spectrum.

Mean intensity and pair correlation are exact for both, the cut just below 1 included: they follow from the law of one cell and from
the correlation of the Gaussian field on the torus, which of a spectrum P(k) is its inverse transform.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from scatflow_processes.bounds import check
from scatflow_processes.circulant import Vector
from scatflow_processes.gaussian import shaped
from scatflow_processes.gaussian_torus import (
    Correlation,
    Shape,
    check_correlation,
    check_length,
    correlation_on_torus,
    gaussian_field,
)
from scatflow_processes.spectra import Spectrum, check_band, mode_power

LARGEST = 1 - 1e-6  # of the probabilities
_LENGTH = 4.0  # of the correlation, where neither it nor a spectrum is given
_ORDERS = 80  # of Hermite polynomials; their weights fall as powers of the correlation times 1 / sqrt(order!)


@dataclass(frozen=True)
class Lognormal:
    """``min(a exp(sigma g), 1 - 1e-6)`` with a Gaussian field g of unit variance [1]_, by a correlation or by a spectrum.

    Parameters
    ----------
    mean : float
        Expected probability before it is cut at 1, in (0, 1): ``a = mean exp(-sigma^2 / 2)``.
    sigma : float
        Standard deviation of the logarithm, in (0, 5].
    correlation_length, correlation
        As for `scatflow_processes.cox.TwoLevel`; left alone where there is a spectrum.
    spectrum : Spectrum, optional
        Of g, scaled to unit variance on the grid. A shell spectrum has no power at wave number 0, so that g then averages to 0 over
        each field.
    spacing : float
        Side of a cell in the unit of the spectrum's wave numbers, > 0.

    Raises
    ------
    ValueError
        If a parameter is outside its range, or a correlation is given beside a spectrum.

    Notes
    -----
    Exact are the mean intensity, ``E[min(a exp(sigma g), 1 - 1e-6)]`` in normal integrals, and the pair correlation, a power
    series in the correlation rho of g on the torus whose weights add up to the exact second moment: of a spectrum
    ``rho = ifft(P) / mean(P)``. Where cuts are rare it is ``exp(sigma^2 rho)``.

    References
    ----------
    .. [1] J. Møller, A. R. Syversveen, R. P. Waagepetersen, Scand. J. Stat. 25 (1998) 451, doi:10.1111/1467-9469.00115.

    Examples
    --------
    >>> round(Lognormal(0.2, 0.5).mean_intensity, 4)
    0.2
    >>> law = Lognormal(0.1, 1.0, spectrum=Spectrum("kolmogorov"))
    >>> law.pair_correlation((16, 16)).shape
    (16, 16)
    """

    mean: float
    sigma: float = 0.5
    correlation_length: float = _LENGTH
    correlation: Correlation = "gaussian"
    spectrum: Spectrum | None = None
    spacing: float = 1.0

    def __post_init__(self) -> None:
        check("mean", self.mean, 0 < self.mean < 1, "in (0, 1)")
        check("sigma", self.sigma, 0 < self.sigma <= 5, "in (0, 5]")
        check_correlation(self.correlation_length, self.correlation)
        alone = self.spectrum is None or (self.correlation_length, self.correlation) == (_LENGTH, "gaussian")
        check("correlation", (self.correlation_length, self.correlation), alone, "left alone where there is a spectrum")
        check("spacing", self.spacing, 0 < self.spacing < math.inf, "finite and > 0")

    @property
    def mean_intensity(self) -> float:
        """Expected probability of a point, cut included."""
        return self._moment(1)

    def fits(self, shape: Shape) -> None:
        """Raise unless the correlation length is at most an eighth of the shorter side, or the spectrum has power on the grid."""
        if self.spectrum is None:
            check_length(self.correlation_length, shape)
        else:
            check_band(self.spectrum, shape, (self.spacing,) * 2)

    def intensity(self, shape: Shape, rng: np.random.Generator) -> Vector:
        """Draw one field of probabilities."""
        if self.spectrum is None:
            return self._of(gaussian_field(shape, self.correlation_length, self.correlation, rng))
        return self._of(shaped(rng.standard_normal(shape), self._power(self.spectrum, shape)))

    def pair_correlation(self, shape: Shape) -> Vector:
        """Return g on the torus, cut included, by Mehler's expansion in the correlation; without a cut ``exp(sigma^2 rho)``."""
        weights = self.coefficients() ** 2
        weights[-1] += self._moment(2) - weights.sum()  # orders beyond the last count as the last: exact at the origin
        rho = self.correlation_of_logarithms(shape)
        spread = np.zeros_like(rho)
        for weight in weights[:0:-1]:
            spread = (spread + weight) * rho
        return np.asarray(1 + spread / self.mean_intensity**2)

    def correlation_of_logarithms(self, shape: Shape) -> Vector:
        """Return the correlation of g at every displacement on the torus, shape ``shape``."""
        if self.spectrum is None:
            return correlation_on_torus(shape, self.correlation_length, self.correlation)
        return np.asarray(np.fft.ifft2(self._power(self.spectrum, shape)).real)

    def _power(self, spectrum: Spectrum, shape: Shape) -> Vector:
        return mode_power(spectrum, shape, (self.spacing,) * 2, std=1.0)

    def _moment(self, order: int) -> float:
        """Return ``E[lam^order]``."""
        from scipy.special import ndtr

        cut = (math.log(LARGEST / self.mean) + self.sigma**2 / 2) / self.sigma
        below = self.mean**order * math.exp(order * (order - 1) / 2 * self.sigma**2) * ndtr(cut - order * self.sigma)
        return float(below + LARGEST**order * ndtr(-cut))

    def _of(self, field: Vector) -> Vector:
        return np.asarray(np.minimum(self.mean * np.exp(self.sigma * field - self.sigma**2 / 2), LARGEST))

    def coefficients(self) -> Vector:
        """Return the expansion of lam(g) in normalized Hermite polynomials, the first the mean, by the trapezoidal rule."""
        x = np.linspace(-12.0, 12.0, 48001)
        weighted = self._of(x) * np.exp(-(x**2) / 2) * ((x[1] - x[0]) / math.sqrt(2 * math.pi))
        found = np.empty(_ORDERS)
        before, now = np.zeros_like(x), np.ones_like(x)
        for order in range(_ORDERS):
            found[order] = weighted @ now
            before, now = now, (x * now - math.sqrt(order) * before) / math.sqrt(order + 1)
        return found
