"""Gaussian fields as operators: models of data with their spectrum, and the probability of data under a named spectrum."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np

from scatflow.arrays import normal
from scatflow.contract import Operator, Ref, Whole, Wire, operator, param, wire
from scatflow.errors import ChunkError, ParameterError
from scatflow.labels import axis_of
from scatflow.spec import ArraySpec, Cost, Place
from scatflow_arrays.pencils import AxisFourier, AxisInverse
from scatflow_processes import gaussian_model as kernels
from scatflow_processes.modes import Reals, planes, shell_width, twins
from scatflow_processes.operators.drawing import Drawing, refuse_segments
from scatflow_processes.operators.flow_vectors import length_unit
from scatflow_processes.operators.gaussian_lines import DrivenLines, ModeDensity, NoiseLines, ShellLines, ShellPower
from scatflow_processes.references_gaussian import CROSS_SPECTRA, RANDOM_FIELDS, SURROGATE_DATA, WELCH
from scatflow_processes.spectra import power_at, shell_factors
from scatflow_processes.spectral_parameters import Spectral

Array = Any
#: Why a job cannot go one axis at a time where there is only one.
ONE_DIM = "along one core dim a task would hold whole lines, which is all there is"


@operator(
    "gaussian_model",
    version=2,
    signature="(z?,y?,x)->(surrogate,z?,y?,x)",
    stochastic=True,
    references=(SURROGATE_DATA, CROSS_SPECTRA, WELCH),
    aliases=("random_phase", "phase_randomization", "phase_surrogates", "fourier_surrogates", "maximum_entropy"),
    equation=r"\mathrm{ifft}(X(k) \, g(k)) + \bar x, \quad g = \mathrm{fft}(w) / \sqrt d \ \text{ or } \ g / |g|",
)
class GaussianModel(Drawing):
    """Samples of the Gaussian law with the second moments of the input, taken as periodic; or, ``phase_only``, random-phase surrogates.

    Items along dims that are ``shared``, channels of one signal, get the same random numbers, which keeps their cross-spectra: exactly with
    ``phase_only``, in the mean without. The mean stays, a constant input too, and NaN give NaN. ``estimate`` is that of the spectrum:
    the periodogram, its mean over shells of ``|k|`` (then coordinates of all dims have one unit), or over ``segments`` (Welch). Jobs with
    ``strategy="pencil"`` model fields of two or three dims that are larger than memory, one axis at a time: by the periodogram or shells, without NaN.

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> from scatflow import apply
    >>> x = xr.DataArray(np.cos(np.arange(64.0)), dims="time")
    >>> found = apply(GaussianModel(phase_only=True, surrogates=5), x)
    >>> found.dims, bool(np.allclose(abs(np.fft.fft(found.sel(surrogate=4))), abs(np.fft.fft(x))))
    (('time', 'surrogate'), True)
    """

    phase_only: bool = param(False, "Keep all moduli and draw phases alone.")
    estimate: Literal["periodogram", "isotropic", "welch"] = param(
        "periodogram", "Estimate of the spectrum.", choices=kernels.ESTIMATES
    )
    segments: int = param(8, "Segments per dim of the estimate 'welch', which overlap by half.", ge=2)
    copies: ClassVar[int] = 6

    def resolve(self, *specs: ArraySpec) -> Operator:
        """Refuse segments of fewer than two samples, and shells of wave numbers in different units."""
        _, core = self._split(specs[0])
        if self.estimate == "isotropic":
            length_unit([axis_of(specs[0], dim, self.sampling) for dim in core], self.name)
        shortest = min(specs[0].sizes[dim] for dim in core)
        if self.estimate == "welch" and shortest < 2 * self.segments:
            raise ParameterError("gaussian_model.segments", "segments have at least 2 samples", expected=f"2 to {shortest // 2}",
                                 got=self.segments)  # fmt: skip
        return super().resolve(*specs)

    def prepare(self, xp: Any, block: ArraySpec, device: Any, at: Place | None = None) -> Mapping[str, Any]:
        """Build the tables of the estimate."""
        spacing = _spacing(block, at)
        tables = kernels.tables_of(block.shape, spacing, self.estimate, self.segments)
        return {name: table if name == "bounds" else xp.asarray(table, device=device) for name, table in tables.items()}

    def apply(self, xp: Any, *blocks: Array, at: Place, **prepared: Array) -> Array:
        """Return the samples of one block."""
        (x,) = blocks
        ndim, core = self.ndim, x.shape[x.ndim - self.ndim :]
        size = math.prod(core)  # a number belongs to its position, so that a task can make those of a part

        def field(surrogate: int, *item: int) -> Reals:
            return normal(self.seed, 0, size, stream=(surrogate, *item)).reshape(core)

        noise = self.numbered(xp, x, at, field, x.dtype)
        return kernels.sampled(xp, xp.expand_dims(x, axis=-1 - ndim), noise, ndim, self.phase_only, prepared)

    def pencils(self, ref: Ref, spec: ArraySpec, at: Place) -> Wire:
        """Wire transforms of the field and of noise along one axis after another, their product, and the way back."""
        _, names = self._split(spec)
        if len(names) < 2 or self.estimate == "welch":
            reason = (
                "segments are no lines"
                if len(names) > 1
                else "along one core dim a task would hold whole lines, which is all there is"
            )
            raise ChunkError(f"operator {self.name}", reason, code="PencilsUnfit")
        shape, spacing = tuple(spec.sizes[dim] for dim in names), tuple(abs(step) for step in at.step.values())
        kept: dict[str, Any] = {key: getattr(self, key) for key in ("surrogates", "first", "seed", "shared")}
        noise = NoiseLines(dims=names[-1:], across=names[:-1], shape=shape, dtype=self.dtype, **kept)
        spectrum: Ref | Wire = ref
        drive = wire(noise, ref)
        for dim in reversed(names):
            spectrum = wire(AxisFourier(dims=(dim,), dtype=self.dtype if spectrum is ref else None), spectrum)
            drive = wire(AxisFourier(dims=(dim,)), drive)
        grid: dict[str, Any] = {"dims": names[:1], "across": names[1:], "shape": shape}
        if self.estimate == "isotropic":
            power = wire(
                ShellPower(over=names, shape=shape, spacing=spacing, width=shell_width(shape, spacing), with_mean=False), spectrum
            )
            spectrum = wire(ShellLines(spacing=spacing, **grid), spectrum, power)
        found = wire(DrivenLines(phase_only=self.phase_only, **grid), spectrum, drive)
        for n, dim in enumerate(names):
            found = wire(AxisInverse(dims=(dim,), length=shape[n], real=n == len(names) - 1), found)
        return found

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield samples, random phases, and one with each estimate."""
        yield cls(surrogates=2)
        yield cls(phase_only=True)
        yield cls(estimate="isotropic", phase_only=True)
        yield cls(estimate="welch", segments=2)


@operator(
    "gaussian_neg_log_prob",
    version=1,
    signature="(z?,y?,x)->()",
    references=(RANDOM_FIELDS,),
    aliases=("gaussian_log_likelihood", "whittle_likelihood"),
    equation=r"-\frac{\log p(x)}{d} = \frac12 \ln 2\pi + \frac1{2d} \sum_k \left[ \ln P(k) + \frac{|X(k)|^2}{d P(k)} \right]",
)
class GaussianNegLogProb(Spectral, Whole):
    """Minus the log-density per site of periodic fields under a stationary Gaussian law with a named spectrum, in nats, float64.

    Jobs with ``strategy="pencil"`` serve fields larger than memory. Wave numbers come from the coordinates, which have one unit. Modes without power leave no density: they are refused, or with ``support="masked"`` left out, d
    being the number of the others. NaN give NaN.

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> from scatflow import apply
    >>> round(float(apply(GaussianNegLogProb(spectrum="white"), xr.DataArray(np.zeros(8), dims="x"))), 6)
    0.918939
    """

    mean: float = param(0.0, "Mean of the law.", ge=-1e12, le=1e12)
    support: Literal["full", "masked"] = param("full", "What modes without power mean.", choices=("full", "masked"))

    def resolve(self, *specs: ArraySpec) -> Operator:
        """Refuse segments, which are not one signal, and coordinates of different units, of which there is no ``|k|``."""
        refuse_segments(self.name, specs[0], self.dims or ())
        length_unit([axis_of(specs[0], dim, self.sampling) for dim in self.dims or ()], self.name)
        return self

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Return the labels of the batch dims."""
        (spec,) = specs
        rest = spec.without(*spec.dims[len(spec.dims) - len(self.dims or ()) :]).with_dtype("float64")
        return replace(rest.with_attrs(units="1", long_name="minus log-density per site"), name="gaussian_neg_log_prob")

    def prepare(self, xp: Any, block: ArraySpec, device: Any, at: Place | None = None) -> Mapping[str, Array]:
        """Build the weights of the modes of the half spectrum, and what does not depend on the field."""
        try:
            power = self.power(block.shape, _spacing(block, at))
        except ValueError as error:
            raise ParameterError("gaussian_neg_log_prob.spectrum", str(error)) from error
        used = power > 0
        self._check_support(int((~used).sum()), power.size)
        count, n = int(used.sum()), block.shape[-1]
        constant = 0.5 * math.log(2 * math.pi) + 0.5 * float(np.log(power[used]).mean())
        half, kept = power[..., : n // 2 + 1], used[..., : n // 2 + 1]
        weight = np.where(kept, twins(n) / np.where(kept, half, 1.0), 0.0) / (2 * count * power.size)
        return {"weight": xp.asarray(weight, device=device), "constant": xp.asarray(constant, device=device)}

    def apply(self, xp: Any, *blocks: Array, weight: Array, constant: Array, **prepared: Array) -> Array:
        """Return the value of every field."""
        axes = tuple(range(-weight.ndim, 0))
        spectrum = xp.fft.rfftn(xp.astype(blocks[0], xp.float64) - self.mean, axes=axes)
        return constant + xp.sum((xp.real(spectrum) ** 2 + xp.imag(spectrum) ** 2) * weight, axis=axes)

    def _check_support(self, lost: int, count: int) -> None:
        """Refuse modes without power where all should have some."""
        if self.support == "full" and lost:
            raise ParameterError("gaussian_neg_log_prob.support", "modes without power leave no density", got=f"{lost} of {count}",
                                 remedy='Take support="masked", or a spectrum without cut-offs.')  # fmt: skip

    def pencils(self, ref: Ref, spec: ArraySpec, at: Place) -> Wire:
        """Wire transforms along one axis after another, and sums over the modes of each task."""
        names = self.dims or ()
        shape, spacing = tuple(spec.sizes[dim] for dim in names), tuple(abs(step) for step in at.step.values())
        if len(names) < 2:
            raise ChunkError(f"operator {self.name}", ONE_DIM, code="PencilsUnfit")
        try:
            factors = shell_factors(self.named_spectrum(), shape, spacing, self.std)
        except ValueError as error:
            raise ParameterError(f"{self.name}.spectrum", str(error)) from error
        width, lost = shell_width(shape, spacing), 0.0
        for k, times in planes(shape, spacing):
            lost += float(np.sum(times * (power_at(self.named_spectrum(), k, spacing, factors, width) == 0)))
        self._check_support(int(lost), math.prod(shape))
        found: Ref | Wire = ref
        for dim in reversed(names):
            found = wire(AxisFourier(dims=(dim,), dtype="float64" if found is ref else None), found)
        kept = {key: getattr(self, key) for key in Spectral.model_fields}
        return wire(
            ModeDensity(over=names, shape=shape, spacing=spacing, factors=tuple(factors.tolist()), mean=self.mean, **kept), found
        )

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare a transform in double precision and its squared moduli."""
        size = math.prod(specs[0].shape)
        return Cost(flops=2.5 * size * math.log2(max(2, size)) + 5 * size, bytes=40 * size)

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield a law with all modes and one without some."""
        yield cls()
        yield cls(spectrum="matern", length=2.0)
        yield cls(spectrum="power_law", given="mode", exponent=1.0, support="masked", std=None)
        yield cls(spectrum="table", given="shell", table_k=(1e-3, 1e3), table_values=(1.0, 2.0), support="masked")
        for name in ("kolmogorov", "vorticity", "direct_cascade"):
            yield cls(spectrum=name, support="masked")


def _spacing(block: ArraySpec, at: Place | None) -> list[float]:
    """Return the distance of samples along the core axes."""
    assert at is not None, "the engine tells where the block lies"
    return [abs(at.step[role]) for role in block.dims]
