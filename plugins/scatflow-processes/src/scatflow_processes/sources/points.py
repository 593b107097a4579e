"""Points on a periodic grid as scatflow sources: Bernoulli fields and Cox processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import model_validator

from scatflow.contract import param, source
from scatflow.spec import ArraySpec
from scatflow_processes import cox, points
from scatflow_processes.cox_lognormal import Lognormal
from scatflow_processes.gaussian_torus import CORRELATIONS
from scatflow_processes.references_fractional import COX_PROCESS, LOG_GAUSSIAN_COX
from scatflow_processes.sources.axes import recorded, square_axes
from scatflow_processes.sources.ensemble import Block, Ensemble
from scatflow_processes.sources.exact import Exact, Intractable, Numbers
from scatflow_processes.spectra import NAMES, Name
from scatflow_processes.spectral_parameters import SpectrumShape
from scatflow_processes.streams import realization_generator

_MAX_SIZE = 8192  # cells along a side
_LENGTH = "Correlation length of the Gaussian field, at most an eighth of the size."
_CORRELATION = "Correlation exp(-r^2 / (2 l^2)) or exp(-r / l) of the Gaussian field."


class _Points(Ensemble):
    """Fields of 0 and 1 on a periodic square."""

    size: int = param(64, "Cells along y and along x.", ge=2, le=_MAX_SIZE)
    box: float | None = param(None, "Side of the square; none: lattice indices.", gt=0.0, le=1e12, unit="m")
    dtype: Literal["int8", "float32", "float64"] = param(
        "float32", "Type of the points; operators take floats, int8 is for storage.", choices=("int8", "float32", "float64")
    )

    def labels(self) -> Mapping[str, ArraySpec]:
        """Return one field without data."""
        return {"points": self._labelled("points", "points per cell", self.dtype, self._recorded())}

    def _recorded(self) -> dict[str, Any]:
        """Return what defines the law."""
        return recorded(self)

    def _labelled(self, name: str, title: str, dtype: str, attrs: Mapping[str, Any]) -> ArraySpec:
        attrs = {"units": "1", "long_name": title, "process": self.name, **attrs}
        return ArraySpec(("y", "x"), (self.size, self.size), dtype, None, square_axes(self.size, self.box), attrs, name)


@source("bernoulli", version=1)
class Bernoulli(Exact, _Points):
    """Independent points: every cell holds one with the same probability.

    Variable ``points`` (0 or 1), dims (realization, y, x). Its law is known: ``scatflow_processes.sources.exact``.

    Examples
    --------
    >>> Bernoulli(size=8, intensity=0.1, realizations=2).read({}).shape
    (2, 8, 8)
    """

    intensity: float = param(0.02, "Probability of a point.", gt=0.0, lt=1.0)

    def members(self, indices: Sequence[int]) -> Mapping[str, Block]:
        """Draw fields."""
        shape = (self.size, self.size)
        intensity, found = np.broadcast_to(self.intensity, shape), np.empty((len(indices), *shape), dtype=bool)
        for row, index in enumerate(indices):
            found[row] = points.drawn(intensity, realization_generator(self.seed, index))
        return {"points": found}

    def neg_log_prob(self, x: npt.NDArray[Any]) -> Numbers:
        """Return ``-ln p`` of fields per site."""
        return points.bernoulli_neg_log_prob(x, self.intensity)

    def entropy(self) -> float:
        """Return the entropy per site."""
        return points.bernoulli_entropy(self.intensity)

    def floor(self) -> float:
        """Return the relative squared error of the entropy of single samples."""
        return points.bernoulli_floor(self.intensity, self.size**2)


class _Cox(_Points):
    """Points that are independent given a random intensity, which is the second variable."""

    def law(self) -> cox.Law:
        """Return the law of the intensity."""
        raise NotImplementedError

    @model_validator(mode="after")
    def _fits(self) -> Self:
        self.law().fits((self.size, self.size))
        return self

    def labels(self) -> Mapping[str, ArraySpec]:
        """Return points and intensity of one realization without data."""
        spec = super().labels()["points"].with_attrs(mean_intensity=self.law().mean_intensity)
        dtype = "float64" if self.dtype == "float64" else "float32"
        attrs = {key: value for key, value in spec.attrs.items() if key not in ("units", "long_name")}
        return {"points": spec, "intensity": self._labelled("intensity", "probability of a point", dtype, attrs)}

    def members(self, indices: Sequence[int]) -> Mapping[str, Block]:
        """Draw intensities and points."""
        found, intensity = cox.ensemble(self.law(), (self.size, self.size), self.seed, indices)
        return {"points": found, "intensity": intensity}


class _IntractableCox(Intractable, _Cox):
    instead: ClassVar[str] = (
        "points.conditional_neg_log_prob(x, intensity) is exact where the intensity is known, as are mean_intensity and "
        "pair_correlation of the law; cox_blocks has a tractable law"
    )


@source("cox_two_level", version=1, references=(COX_PROCESS,))
class CoxTwoLevel(_IntractableCox):
    """Cox process with one of two intensities, by a threshold of a Gaussian field.

    Variables ``points`` (0 or 1) and ``intensity``, dims (realization, y, x). Mean intensity and pair correlation to
    compare with are those of ``scatflow_processes.cox.TwoLevel``.

    Examples
    --------
    >>> CoxTwoLevel(size=32).read({}, "intensity").shape
    (1, 32, 32)
    """

    low: float = param(0.1, "The lower probability of a point.", gt=0.0, lt=1.0)
    high: float = param(0.3, "The higher probability of a point.", gt=0.0, lt=1.0)
    fraction: float = param(0.5, "Expected part of the area with the higher one.", gt=0.0, lt=1.0)
    correlation_length: float = param(4.0, _LENGTH, gt=0.0, unit="cell")
    correlation: Literal["gaussian", "exponential"] = param("gaussian", _CORRELATION, choices=CORRELATIONS)

    def law(self) -> cox.Law:
        """Return the law of the intensity."""
        return cox.TwoLevel(self.low, self.high, self.fraction, self.correlation_length, self.correlation)


@source("cox_lognormal", version=1, references=(COX_PROCESS, LOG_GAUSSIAN_COX))
class CoxLognormal(SpectrumShape, _IntractableCox):
    """Cox process with a lognormal intensity, cut just below 1.

    Variables ``points`` (0 or 1) and ``intensity``, dims (realization, y, x). The logarithm is a Gaussian field with a correlation or
    with one of the spectra of ``gaussian_field``, ``sigma`` being its standard deviation. Mean intensity (an attribute) and pair
    correlation, ``law().pair_correlation(shape)``, are exact for both: see ``scatflow_processes.cox_lognormal.Lognormal``.

    Examples
    --------
    >>> CoxLognormal(size=32).read({}).shape
    (1, 32, 32)
    >>> process = CoxLognormal(size=32, spectrum="power_law", given="mode", exponent=2.0, k_low=0.4)
    >>> process.law().pair_correlation((32, 32)).shape
    (32, 32)
    """

    mean: float = param(0.2, "Expected probability of a point before the cut.", gt=0.0, lt=1.0)
    sigma: float = param(0.5, "Standard deviation of the logarithm of the intensity.", gt=0.0, le=5.0)
    correlation_length: float = param(4.0, _LENGTH, gt=0.0, unit="cell")
    correlation: Literal["gaussian", "exponential"] = param("gaussian", _CORRELATION, choices=CORRELATIONS)
    spectrum: Name | None = param(None, "Spectrum of the log-intensity, in place of a correlation; or 'table'.", choices=NAMES)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        """Refuse parameters of a spectrum that is not there; the law refuses a correlation beside a spectrum."""
        fields = type(self).model_fields
        given = [name for name in SpectrumShape.model_fields if getattr(self, name) != fields[name].default]
        if given and self.spectrum is None:
            raise ValueError(f"{', '.join(given)} belong to a spectrum, and none is named; give spectrum= too")
        return self

    def law(self) -> cox.Law:
        """Return the law of the intensity."""
        spectrum = None if self.spectrum is None else self.spectrum_of(self.spectrum)
        spacing = (self.box or self.size) / self.size
        return Lognormal(self.mean, self.sigma, self.correlation_length, self.correlation, spectrum, spacing)

    def _recorded(self) -> dict[str, Any]:
        attrs = {"size": self.size, "mean": self.mean, "sigma": self.sigma}
        if self.spectrum is None:
            return attrs | {"correlation_length": self.correlation_length, "correlation": self.correlation}
        return attrs | self.shape_attrs(self.spectrum_of(self.spectrum))


@source("cox_shot", version=1, references=(COX_PROCESS,))
class CoxShot(_IntractableCox):
    """Cox process whose intensity is shot noise: clusters of points around Poisson centers.

    Variables ``points`` (0 or 1) and ``intensity``, dims (realization, y, x). Mean intensity and pair correlation to
    compare with are those of ``scatflow_processes.cox.Shot``.

    Examples
    --------
    >>> CoxShot(size=32).read({}).shape
    (1, 32, 32)
    """

    mean: float = param(0.2, "Expected probability of a point.", gt=0.0, lt=1.0)
    height: float = param(0.5, "Expected points in the cell at the center of a bump.", gt=0.0, le=100.0)
    correlation_length: float = param(4.0, "Standard deviation of a bump, at most an eighth of the size.", gt=0.0, unit="cell")

    def law(self) -> cox.Law:
        """Return the law of the intensity."""
        return cox.Shot(self.mean, self.height, self.correlation_length)


@source("cox_blocks", version=1, references=(COX_PROCESS,))
class CoxBlocks(Exact, _Cox):
    """Cox process whose intensity is constant on square blocks, with a Beta law; probabilities are exact.

    Variables ``points`` (0 or 1) and ``intensity``, dims (realization, y, x). Its law is known:
    ``scatflow_processes.sources.exact``.

    Examples
    --------
    >>> process = CoxBlocks(size=32, block=4)
    >>> process.neg_log_prob(process.read({})).shape
    (1,)
    """

    alpha: float = param(1.0, "First parameter of the Beta law.", gt=0.0, le=1e6)
    beta: float = param(4.0, "Second parameter of the Beta law; the mean is alpha / (alpha + beta).", gt=0.0, le=1e6)
    block: int = param(4, "Side of a block, a divisor of the size.", ge=1, le=_MAX_SIZE, unit="cell")

    def law(self) -> cox.Law:
        """Return the law of the intensity."""
        return cox.Blocks(self.alpha, self.beta, self.block)

    def neg_log_prob(self, x: npt.NDArray[Any]) -> Numbers:
        """Return the marginal ``-ln p`` of fields of points per site."""
        return points.blocks_neg_log_prob(x, self.alpha, self.beta, self.block)

    def entropy(self) -> float:
        """Return the entropy of the points per site."""
        return points.blocks_entropy(self.alpha, self.beta, self.block)

    def floor(self) -> float:
        """Return the relative squared error of the entropy of single samples."""
        return points.blocks_floor(self.alpha, self.beta, self.block, self.size**2)
