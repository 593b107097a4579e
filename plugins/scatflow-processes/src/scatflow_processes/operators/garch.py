"""GARCH surrogates as an operator: a model is fitted to every series, and simulated on the labels of the data."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from scatflow.arrays import asnumpy, prepared_cache
from scatflow.contract import Operator, operator, param
from scatflow.errors import ParameterError
from scatflow.spec import ArraySpec, Cost, Place
from scatflow_processes import garch
from scatflow_processes.operators.drawing import Drawing
from scatflow_processes.references_gaussian import GARCH, GJR, SURROGATE_DATA

Array = Any
#: Floating-point operations of a fit per sample: some three hundred evaluations of the likelihood.
_FIT = 1e4


@operator(
    "garch_model",
    version=1,
    signature="(x)->(surrogate,x)",
    stochastic=True,
    references=(GARCH, GJR, SURROGATE_DATA),
    aliases=("garch_surrogates", "gjr", "volatility_model"),
    equation=r"r_t = \mu + \sigma_t z_t, \quad \sigma_t^2 = \omega + (\alpha + \gamma 1[e_{t-1} < 0]) e_{t-1}^2 + \beta \sigma_{t-1}^2",
)
class GarchModel(Drawing):
    """Simulations of the GARCH(1, 1) model, or with ``asymmetric`` the GJR model, that is fitted to every series of returns.

    They keep the mean, and of the volatility what the model has of it. Items along dims that are ``shared`` get the same
    innovations, each in its own model. NaN give NaN, and a constant is its own surrogate. The package arch, of the extra
    finance, fits (:func:`scatflow_processes.garch.fit_garch`).

    Raises
    ------
    ParameterError
        Series have fewer than 100 samples, or segments; when computed, the fit of one does not converge, or has no finite
        variance.

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> from scatflow import apply
    >>> r = xr.DataArray(np.random.default_rng(0).standard_t(5, 400), dims="time")
    >>> found = apply(GarchModel(surrogates=3), r)  # needs the extra finance
    >>> found.dims, bool(abs(found.std() / r.std() - 1) < 0.2)
    (('time', 'surrogate'), True)
    """

    asymmetric: bool = param(False, "GJR: falls raise the volatility by gamma more than rises.")
    innovations: Literal["normal", "residuals"] = param(
        "normal",
        "Normal innovations, or those of the fit drawn with replacement, which keep its tails.",
        choices=("normal", "residuals"),
    )

    def resolve(self, *specs: ArraySpec) -> Operator:
        """Refuse series too short for a fit."""
        if specs[0].shape[-1] < garch.MIN_SAMPLES:
            raise ParameterError("garch_model input", "the series is too short for a fit", expected=f"at least {garch.MIN_SAMPLES} samples",
                                 got=specs[0].shape[-1])  # fmt: skip
        return super().resolve(*specs)

    def apply(self, xp: Any, *blocks: Array, at: Place, **prepared: Array) -> Array:
        """Return the surrogates of one block; series are fitted on the CPU in double precision."""
        (x,) = blocks
        series = np.asarray(asnumpy(x), dtype=np.float64)
        count = x.shape[-1] + garch.BURN_IN
        numbers = np.asarray(asnumpy(self.drawn(xp, x, at, lambda generator: self._numbers(generator, count), xp.float64)))
        numbers = np.broadcast_to(numbers, (*series.shape[:-1], self.surrogates, count))
        found = np.full((*series.shape[:-1], self.surrogates, x.shape[-1]), np.nan)
        for index in np.ndindex(series.shape[:-1]):
            if np.isfinite(series[index]).all():
                found[index] = self._simulated(
                    series[index], numbers[index], tuple(a + i for a, i in zip(at.batch, index, strict=True))
                )
        return xp.asarray(found, dtype=x.dtype, device=x.device)

    def _numbers(self, generator: np.random.Generator, count: int) -> Any:
        """Return what stands for innovations until a fit is known: normal numbers, or uniform ones that pick residuals."""
        return generator.standard_normal(count) if self.innovations == "normal" else generator.random(count)

    def _simulated(self, series: Any, numbers: Any, place: tuple[int, ...]) -> Any:
        """Return simulations of a series, constant ones of a constant; its fit is kept for the surrogates that follow."""
        if np.ptp(series) == 0:
            return np.full(numbers[..., garch.BURN_IN :].shape, series[0])
        key = ("garch_model", hashlib.blake2b(series.tobytes(), digest_size=16).hexdigest(), str(self.asymmetric))
        try:
            fit = prepared_cache().get(key, lambda: garch.fit_garch(series, self.asymmetric)._asdict())
            model = garch.GarchFit(**fit)
            if self.innovations == "residuals":
                numbers = model.residuals[(numbers * model.residuals.size).astype(np.int64)]
            return garch.simulate_garch(model, numbers)
        except ValueError as error:
            raise ParameterError(
                f"garch_model input, series {place}", str(error), remedy="Take longer series, or other surrogates."
            ) from error

    def sample_inputs(self, rng: Any) -> tuple[Any, ...]:
        """Return returns long enough for a fit."""
        import xarray as xr

        values = rng.standard_normal((2, 120)) * np.exp(0.3 * np.sin(np.arange(120) / 9))
        return (xr.DataArray(values, dims=("item", "x"), coords={"x": np.arange(120.0)}, attrs={"units": "percent"}),)

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare a fit of every series and the simulations."""
        (spec,) = specs
        samples, length = float(np.prod(spec.shape)), spec.shape[-1]
        one = self.surrogates * (length + garch.BURN_IN)
        drawn = samples / length * one
        # All innovations and results, and what the simulation and the fit of one series hold.
        return Cost(flops=_FIT * samples + 20.0 * drawn, bytes=int(8 * (2 * drawn + 8 * one + 20 * length)))

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield one with each kind of innovations."""
        yield cls(surrogates=2)
        yield cls(asymmetric=True, innovations="residuals")
