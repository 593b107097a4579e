"""Fractional, multifractal and Levy walks as scatflow sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import model_validator

from scatflow.contract import param, source
from scatflow.spec import ArraySpec
from scatflow_processes import fractional, levy, multifractal, multifractal_field
from scatflow_processes.references_fractional import (
    CIRCULANT_EMBEDDING,
    FRACTIONAL_NOISE,
    MULTIFRACTAL_WALK,
    SKEWED_WALK,
    STABLE_VARIABLES,
)
from scatflow_processes.sources.axes import recorded, square_axes, time_axis
from scatflow_processes.sources.ensemble import Block, Ensemble


class _Walk(Ensemble):
    """Increments or their running sum, the path; which of them, the attribute ``input`` tells operators."""

    title: ClassVar[str]

    size: int = param(1 << 16, "Samples of a realization.", ge=1, le=fractional.MAX_SIZE)
    input: Literal["increments", "path"] = param(
        "path", "Increments, or the path, their running sum from the first on.", choices=("increments", "path")
    )
    step: float | None = param(None, "Time between samples; none: the axis is by sample.", gt=0.0, le=1e12, unit="s")
    dtype: Literal["float32", "float64"] = param(
        "float32", "Type of the result; it is made in float64.", choices=("float32", "float64")
    )

    def labels(self) -> Mapping[str, ArraySpec]:
        """Return one realization without data."""
        attrs = {"units": "1", "long_name": f"{self.input} of {self.title}", **recorded(self)}
        return {self.name: ArraySpec(("time",), (self.size,), self.dtype, None, time_axis(self.size, self.step), attrs, self.name)}

    def members(self, indices: Sequence[int]) -> Mapping[str, Block]:
        """Draw realizations."""
        found = self.increments(indices)
        return {self.name: np.cumsum(found, axis=-1, out=found) if self.input == "path" else found}

    def increments(self, indices: Sequence[int]) -> Block:
        """Draw increments in float64, shape (realization, time)."""
        raise NotImplementedError


@source("fbm", version=1, references=(FRACTIONAL_NOISE, CIRCULANT_EMBEDDING))
class FractionalBrownian(_Walk):
    """Fractional Brownian motion or fractional Gaussian noise, exact by circulant embedding.

    Dims (realization, time). The noise has unit variance; covariance and scaling exponents to compare with are in
    ``scatflow_processes.fractional``.

    Examples
    --------
    >>> FractionalBrownian(size=64, hurst=0.3, realizations=3).read({"time": slice(0, 10)}).shape
    (3, 10)
    >>> FractionalBrownian(input="increments").describe().attrs["input"]
    'increments'
    """

    title: ClassVar[str] = "fractional Brownian motion"

    hurst: float = param(0.5, "Hurst exponent; 0.5 is Brownian motion.", gt=0.0, lt=1.0)

    def increments(self, indices: Sequence[int]) -> Block:
        """Draw fractional Gaussian noise."""
        return fractional.noise(self.size, self.hurst, self.seed, indices)


@source("mrw", version=1, references=(MULTIFRACTAL_WALK, SKEWED_WALK))
class MultifractalRandomWalk(_Walk):
    """Multifractal random walk, with leverage if skewed.

    Dims (realization, time). Increments are fractional Gaussian noise times exp(w); with ``skew`` above 0 a fall raises
    the volatility that follows. Scaling exponents and leverage to compare with are in
    ``scatflow_processes.multifractal``.

    Examples
    --------
    >>> returns = MultifractalRandomWalk(size=1024, lam2=0.02, integral_scale=256.0, skew=0.1, input="increments")
    >>> returns.read({}).shape, returns.describe().attrs["lam2"]
    ((1, 1024), 0.02)
    """

    title: ClassVar[str] = "a multifractal random walk"

    lam2: float = param(0.02, "Intermittency, minus the second log-cumulant.", ge=0.0, lt=0.25)
    integral_scale: float = param(4096.0, "Scale from which volatility is independent, at most the size.", ge=1.0, unit="sample")
    hurst: float = param(0.5, "Hurst exponent of the noise.", gt=0.0, lt=1.0)
    mean: Literal["variance", "amplitude", "none"] = param(
        "variance", "Mean of w such that E exp(2w) = 1 or E exp(w) = 1, or 0.", choices=tuple(multifractal.MEANS)
    )
    skew: float = param(0.0, "K0 of the kernel K0 exp(-g k) k^-a with which past noise lowers w.", ge=-10.0, le=10.0)
    skew_decay: float = param(0.0, "g of the kernel.", ge=0.0, le=1e6, unit="1/sample")
    skew_exponent: float = param(0.5, "a of the kernel.", ge=0.0, le=10.0)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.integral_scale > self.size:
            raise ValueError(f"integral_scale must be at most size = {self.size} samples, got {self.integral_scale:g}")
        multifractal.log_variance(self.lam2, self.integral_scale, self.hurst, self._skew())  # refuses too strong a skew
        return self

    def increments(self, indices: Sequence[int]) -> Block:
        """Draw noise times volatility."""
        return multifractal.increments(
            self.size, self.lam2, self.integral_scale, self.seed, indices, self.hurst, self.mean, self._skew()
        )

    def _skew(self) -> multifractal.Skew:
        return multifractal.Skew(self.skew, self.skew_decay, self.skew_exponent)


@source("mrw2d", version=1, references=(MULTIFRACTAL_WALK,))
class MultifractalField(Ensemble):
    """Multifractal random walk in two dimensions, periodic.

    Dims (realization, y, x). Increments are white noise times exp(w); the path is their fractional integral of order
    ``hurst + 1``, with variance 1 for mean "variance". Closed forms are in ``scatflow_processes.multifractal_field``.

    Examples
    --------
    >>> MultifractalField(size=32, integral_scale=16.0).read({"y": slice(0, 4)}).shape
    (1, 4, 32)
    """

    size: int = param(256, "Samples along y and along x.", ge=2, le=multifractal_field.MAX_SIZE)
    input: Literal["increments", "path"] = param(
        "path", "Increments, or their fractional integral.", choices=("increments", "path")
    )
    hurst: float = param(0.5, "Hurst exponent of the path.", gt=0.0, lt=1.0)
    lam2: float = param(0.02, "Intermittency, minus the second log-cumulant.", ge=0.0, lt=0.25)
    integral_scale: float = param(128.0, "Distance from which volatility is independent, at most the size.", ge=1.0, unit="sample")
    mean: Literal["variance", "amplitude", "none"] = param(
        "variance", "Mean of w such that E exp(2w) = 1 or E exp(w) = 1, or 0.", choices=tuple(multifractal.MEANS)
    )
    box: float | None = param(None, "Side of the square; none: lattice indices.", gt=0.0, le=1e12, unit="m")
    dtype: Literal["float32", "float64"] = param(
        "float32", "Type of the result; it is made in float64.", choices=("float32", "float64")
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.integral_scale > self.size:
            raise ValueError(f"integral_scale must be at most size = {self.size} samples, got {self.integral_scale:g}")
        return self

    def labels(self) -> Mapping[str, ArraySpec]:
        """Return one field without data."""
        attrs = {"units": "1", "long_name": f"{self.input} of a multifractal field", **recorded(self)}
        shape, coords = (self.size, self.size), square_axes(self.size, self.box)
        return {self.name: ArraySpec(("y", "x"), shape, self.dtype, None, coords, attrs, self.name)}

    def members(self, indices: Sequence[int]) -> Mapping[str, Block]:
        """Draw fields."""
        found = multifractal_field.increments(self.size, self.lam2, self.integral_scale, self.seed, indices, self.mean)
        return {self.name: multifractal_field.path(found, self.hurst) if self.input == "path" else found}


@source("compound_poisson", version=1)
class CompoundPoisson(_Walk):
    """Compound Poisson process: a Poisson number of independent jumps per sample.

    Dims (realization, time). Cumulants to compare with: ``scatflow_processes.levy.poisson_cumulant``.

    Examples
    --------
    >>> CompoundPoisson(size=100, rate=0.1, jumps="laplace").read({}).shape
    (1, 100)
    """

    title: ClassVar[str] = "a compound Poisson process"

    rate: float = param(0.1, "Mean number of jumps per sample.", gt=0.0, le=1e6, unit="1/sample")
    jumps: Literal["normal", "laplace", "sign", "one"] = param(
        "normal", "Law of a jump: normal or Laplace with variance 1, +1 or -1, or 1.", choices=levy.JUMPS
    )

    def increments(self, indices: Sequence[int]) -> Block:
        """Draw sums of jumps."""
        return levy.poisson_increments(self.size, self.rate, self.seed, indices, self.jumps)


@source("stable_levy", version=1, references=(STABLE_VARIABLES,))
class StableLevy(_Walk):
    """Alpha-stable Levy walk: independent heavy-tailed increments.

    Dims (realization, time). Scale 1 and location 0 in the parametrization S1; characteristic function and scaling
    exponents to compare with are in ``scatflow_processes.levy``.

    Examples
    --------
    >>> StableLevy(size=100, alpha=1.5, beta=-0.5).read({}).shape
    (1, 100)
    """

    title: ClassVar[str] = "an alpha-stable walk"

    alpha: float = param(1.7, "Index; 2 is normal with variance 2, 1 with beta 0 Cauchy.", gt=0.0, le=2.0)
    beta: float = param(0.0, "Skewness.", ge=-1.0, le=1.0)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.alpha < 0.5 and self.dtype == "float32":
            raise ValueError(f'alpha below 0.5 needs dtype="float64": numbers exceed the largest float32, got {self.alpha}')
        return self

    def increments(self, indices: Sequence[int]) -> Block:
        """Draw stable numbers."""
        return levy.stable_increments(self.size, self.alpha, self.seed, indices, self.beta)
