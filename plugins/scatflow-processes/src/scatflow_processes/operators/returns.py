"""The stylized facts of returns as scatflow operators: labelled, lazy over every dim but time.

The formulas, their sources and plain functions are in ``scatflow_processes.stylized_facts``. Results are
float64 whatever the input, as sums of heavy-tailed numbers need it, and NaN where a series holds NaN or is
constant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from scatflow.contract import Operator, Whole, operator, param
from scatflow.errors import ParameterError
from scatflow.spec import ArraySpec, Coord, Cost
from scatflow_processes.references import (
    LONG_MEMORY,
    RETARDED_VOLATILITY,
    STYLIZED_FACTS,
    TAIL_INFERENCE,
    TIME_REVERSAL,
    VOLATILITY_FEEDBACK,
)
from scatflow_processes.stylized_facts import interval_factors, kernels, white_noise_band
from scatflow_processes.stylized_facts.memory import LEVERAGE_EXPONENT

Array = Any


class _Statistic(Whole):
    """Checks, labels and cost that the statistics of returns share; time is the only core axis."""

    def resolve(self, *specs: ArraySpec) -> Operator:
        """Refuse a path (prices) where returns are needed, and parameters too large for the series."""
        kind = specs[0].attrs.get("input", "increments")
        if kind != "increments":
            raise ParameterError(
                f"{type(self).name} input",
                "returns are needed, not a path",
                expected='attribute input="increments"',
                got=repr(kind),
                remedy="Take increments first.",
            )
        segment = specs[0].coords.get("segment")
        if segment is not None and segment.dims == specs[0].dims[-1:]:
            # Lags and sums of successive returns would pair samples across the wall between two segments.
            raise ParameterError(
                f"{type(self).name} input",
                "the series has segments, which lags must not cross",
                got="coordinate segment",
                remedy="Select one segment, or drop the coordinate where the series is continuous.",
            )
        self._fit(specs[0].shape[-1])
        return self

    def _fit(self, n: int) -> None:
        """Check the parameters against the number of samples."""

    def _within(self, name: str, values: tuple[int, ...], low: int, high: int) -> None:
        if not values or not all(low <= value <= high for value in values):
            raise ParameterError(
                f"{type(self).name}.{name}",
                "out of range for this series",
                expected=f"integers from {low} to {high}",
                got=values,
            )

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare a few float64 copies of the block and two operations per sample and result."""
        samples = specs[0].nbytes / np.dtype(specs[0].dtype).itemsize
        return Cost(flops=4.0 * samples * self._results(), bytes=int(8 * 8 * samples))

    def _results(self) -> int:
        return 1


def _labelled(spec: ArraySpec, dim: str, values: Any, name: str, units: str | None, **attrs: Any) -> ArraySpec:
    """Return the spec with time replaced by an integer dim."""
    index = Coord((dim,), np.asarray(values, dtype=np.int64), {"long_name": attrs.pop("label"), "units": "1"})
    rest = spec.without(spec.dims[-1]).with_dtype("float64").with_dim(dim, len(index.values), {dim: index})
    return replace(rest.with_attrs(**{"long_name": None, "input": None, "units": units, **attrs}), name=name)


@operator(
    "leverage",
    version=1,
    signature="(n)->(lag)",
    references=(RETARDED_VOLATILITY,),
    aliases=("leverage_correlation", "return_volatility_correlation"),
    equation=r"L(\tau) = \langle r_t \, r_{t+\tau}^2 \rangle / \langle r^2 \rangle^2",
)
class Leverage(_Statistic):
    """Correlation of returns with later squared returns, ``<r(t) r(t + tau)^2> / <r^2>^2``.

    Dims: time becomes ``lag`` in samples; lag > 0 is a past return and later volatility. Unit: the inverse of
    the returns' unit, "1" with ``normalize="std"``.

    Examples
    --------
    >>> import numpy as np
    >>> Leverage(lags=(0, 1)).apply(np, np.array([1.0, -2.0, 1.0, 0.0])).round(6).tolist()
    [-0.666667, 0.296296]
    """

    lags: tuple[int, ...] = param(tuple(range(1, 101)), "Lags in samples, of either sign.")
    normalize: Literal["raw", "std"] = param("raw", "Divide by <r^2>^2 (raw) or by <r^2>^(3/2) (std).", choices=("raw", "std"))
    demean: bool = param(True, "Remove the mean of the returns first.")

    def _fit(self, n: int) -> None:
        self._within("lags", self.lags, 1 - n, n - 1)

    def _results(self) -> int:
        return len(self.lags)

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Return the labels of the result."""
        unit = specs[0].attrs.get("units")
        inverse = "1" if self.normalize == "std" or unit == "1" else f"({unit})-1" if unit else None
        label = "lag in samples, > 0: volatility after the return"
        return _labelled(specs[0], "lag", self.lags, "leverage", inverse, label=label)

    def apply(self, xp: Any, *blocks: Array, **prepared: Array) -> Array:
        """Return the correlation at every lag."""
        x = xp.astype(blocks[0], xp.float64)
        return kernels.leverage(xp, x, self.lags, LEVERAGE_EXPONENT[self.normalize], self.demean)

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield one instance per normalization."""
        yield cls(lags=(-2, 0, 1, 3))
        yield cls(lags=(1, 2), normalize="std", demean=False)


@operator(
    "absolute_autocorrelation",
    version=1,
    signature="(n)->(power,lag)",
    references=(LONG_MEMORY,),
    aliases=("volatility_clustering", "acf"),
    equation=r"C_d(\tau) = \mathrm{corr}(|r_t|^d, |r_{t+\tau}|^d)",
)
class AbsoluteAutocorrelation(_Statistic):
    """Autocorrelation of ``|r|^d``, whose slow decay is volatility clustering.

    Dims: time becomes ``power`` and ``lag``. The attribute ``white_noise_band`` is the half width of the
    interval around 0 that holds one value of an independent series with the stated probability.

    Examples
    --------
    >>> import numpy as np
    >>> acf = AbsoluteAutocorrelation(max_lag=2, powers=(1.0,))
    >>> acf.apply(np, np.array([1.0, -1.0, 3.0, -3.0])).round(6).tolist()
    [[0.25, -0.5]]
    """

    max_lag: int = param(100, "Largest lag in samples.", ge=1)
    powers: tuple[float, ...] = param((0.5, 1.0, 2.0), "Exponents d, each > 0.")
    probability: float = param(0.95, "Coverage of the white-noise band.", gt=0.0, lt=1.0)

    def _fit(self, n: int) -> None:
        self._within("max_lag", (self.max_lag,), 1, n - 1)
        if not self.powers or not all(0 < power <= 100 for power in self.powers):
            raise ParameterError("absolute_autocorrelation.powers", "must be > 0", got=self.powers)

    def _results(self) -> int:
        return self.max_lag * len(self.powers)

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Return the labels of the result."""
        band = white_noise_band(specs[0].shape[-1], self.probability)
        lags = range(1, self.max_lag + 1)
        spec = _labelled(specs[0], "lag", lags, "absolute_autocorrelation", "1", label="lag in samples",
                         white_noise_band=band, probability=self.probability)  # fmt: skip
        powers = Coord(("power",), np.asarray(self.powers), {"long_name": "exponent d of |r|^d", "units": "1"})
        return spec.with_dim("power", len(self.powers), {"power": powers}, at=len(spec.dims) - 1)

    def apply(self, xp: Any, *blocks: Array, **prepared: Array) -> Array:
        """Return the autocorrelation for every power and lag."""
        modulus = xp.abs(kernels.center(xp, xp.astype(blocks[0], xp.float64)))
        rows = [kernels.autocorrelation(xp, modulus**power, self.max_lag) for power in self.powers]
        return xp.stack(rows, axis=-2)

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield one instance."""
        yield cls(max_lag=3)


@operator(
    "zumbach",
    version=1,
    signature="(n)->(window)",
    references=(TIME_REVERSAL, VOLATILITY_FEEDBACK),
    aliases=("time_asymmetry", "zumbach_effect"),
    equation=r"Z(w) = \mathrm{corr}(T^2_{t-w}, V_t) - \mathrm{corr}(V_{t-w}, T^2_t), \quad T_t = \sum_{i \le w} r_{t+i}, \ V_t = \sum_{i \le w} r^2_{t+i}",
)
class Zumbach(_Statistic):
    """Asymmetry under time reversal: past trends foretell volatility, volatility foretells trends less.

    Dims: time becomes ``window`` in samples. 0 within errors for time-reversible processes, positive for
    markets.

    Examples
    --------
    >>> import numpy as np
    >>> float(Zumbach(windows=(1,)).apply(np, np.array([1.0, -1.0, 3.0, -2.0, 0.5, 0.1]))[0])
    0.0
    """

    windows: tuple[int, ...] = param((5, 10, 20, 60), "Lengths of the past and future windows in samples.")

    def _fit(self, n: int) -> None:
        self._within("windows", self.windows, 1, n // 2 - 1)

    def _results(self) -> int:
        return 16 * len(self.windows)

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Return the labels of the result."""
        return _labelled(specs[0], "window", self.windows, "zumbach", "1", label="window in samples")

    def apply(self, xp: Any, *blocks: Array, **prepared: Array) -> Array:
        """Return the asymmetry for every window."""
        return kernels.zumbach(xp, xp.astype(blocks[0], xp.float64), self.windows)

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield one instance."""
        yield cls(windows=(1, 3))


@operator(
    "hill",
    version=1,
    signature="(n)->(tail,extremes)",
    references=(TAIL_INFERENCE,),
    aliases=("tail_exponent", "tail_index", "hill_plot"),
    equation=r"1/\hat\alpha_k = \frac1k \sum_{i \le k} \ln (x_{(i)} / x_{(k+1)}), \quad x_{(1)} \ge x_{(2)} \ge \ldots",
)
class Hill(_Statistic):
    """Hill's estimate of the exponent of both tails, with its interval; many ``extremes`` make the Hill plot.

    Dims: time becomes ``tail`` (-1 losses, 1 gains) and ``extremes``, the number of values used. Results
    ``exponent``, ``low``, ``high`` (interval exact for independent Pareto values) and ``threshold``.

    Examples
    --------
    >>> import numpy as np
    >>> result = Hill(extremes=(2,)).apply(np, np.array([-8.0, -4.0, -2.0, 1.0, 2.0, 4.0]))
    >>> result["threshold"].tolist(), result["exponent"].round(4).tolist()
    ([[2.0], [1.0]], [[0.9618], [0.9618]])
    """

    extremes: tuple[int, ...] | None = param(None, "Numbers of extreme values; default the largest 5 % of all samples.")
    probability: float = param(0.95, "Coverage of the interval.", gt=0.0, lt=1.0)

    def resolve(self, *specs: ArraySpec) -> Operator:
        """Return the operator with the default number of extremes for this length."""
        n = specs[0].shape[-1]
        chosen = self if self.extremes is not None else self.replace(extremes=(max(1, n // 20),))
        return super(Hill, chosen).resolve(*specs)

    def _fit(self, n: int) -> None:
        self._within("extremes", self.extremes or (), 1, n - 1)

    def _results(self) -> int:
        return 4 * len(self.extremes or (1,)) + 32

    def output(self, *specs: ArraySpec) -> Mapping[str, ArraySpec]:
        """Return the labels of the results."""
        unit = specs[0].attrs.get("units")
        units = {"exponent": "1", "low": "1", "high": "1", "threshold": unit}
        flags = {"flag_values": [-1, 1], "flag_meanings": "lower upper", "long_name": "tail"}
        tail = Coord(("tail",), np.array([-1, 1], dtype=np.int8), flags)
        results = {}
        for name, its_unit in units.items():
            spec = _labelled(specs[0], "extremes", self.extremes, name, its_unit, label="extreme values used",
                             probability=self.probability if name in ("low", "high") else None)  # fmt: skip
            results[name] = spec.with_dim("tail", 2, {"tail": tail}, at=len(spec.dims) - 1)
        return results

    def apply(self, xp: Any, *blocks: Array, **prepared: Array) -> Mapping[str, Array]:
        """Return exponent, interval and threshold of both tails."""
        assert self.extremes is not None, "resolve() fills the default"
        x = xp.astype(blocks[0], xp.float64)
        pairs = [kernels.hill(xp, sign * x, self.extremes) for sign in (-1.0, 1.0)]
        exponent, threshold = (xp.stack(list(part), axis=-2) for part in zip(*pairs, strict=True))
        factors = interval_factors(self.extremes, self.probability)
        low, high = (xp.asarray(part, dtype=xp.float64, device=x.device) for part in factors)
        return {"exponent": exponent, "low": exponent * low, "high": exponent * high, "threshold": threshold}

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield a single estimate and a short plot."""
        yield cls()
        yield cls(extremes=(2, 3))


@operator(
    "horizon_moments",
    version=1,
    signature="(n)->(horizon)",
    references=(STYLIZED_FACTS,),
    aliases=("skewness", "kurtosis", "aggregational_gaussianity"),
    equation=r"R_h = \sum_{i < h} r_{t+i}, \quad \sigma_h^2 = \langle R_h^2 \rangle_c, \quad s_h = \langle R_h^3 \rangle_c / \sigma_h^3, \quad \kappa_h = \langle (R_h - \bar R_h)^4 \rangle / \sigma_h^4",
)
class HorizonMoments(_Statistic):
    """Standard deviation, skewness and kurtosis (Gaussian 3) of returns summed over several horizons.

    Dims: time becomes ``horizon`` in samples. Results ``std``, ``skewness``, ``kurtosis``.

    Examples
    --------
    >>> import numpy as np
    >>> result = HorizonMoments(horizons=(1,)).apply(np, np.array([1.0, -1.0, 1.0, -1.0]))
    >>> {name: value.tolist() for name, value in result.items()}
    {'std': [1.0], 'skewness': [0.0], 'kurtosis': [1.0]}
    """

    horizons: tuple[int, ...] = param((1, 5, 20, 60), "Horizons in samples.")
    overlap: bool = param(True, "Use every sum of successive returns, not only disjoint ones.")

    def _fit(self, n: int) -> None:
        self._within("horizons", self.horizons, 1, n // 2)

    def _results(self) -> int:
        return 12 * len(self.horizons)

    def output(self, *specs: ArraySpec) -> Mapping[str, ArraySpec]:
        """Return the labels of the results."""
        units = {"std": specs[0].attrs.get("units"), "skewness": "1", "kurtosis": "1"}
        return {
            name: _labelled(specs[0], "horizon", self.horizons, name, unit, label="horizon in samples")
            for name, unit in units.items()
        }

    def apply(self, xp: Any, *blocks: Array, **prepared: Array) -> Mapping[str, Array]:
        """Return the three moments for every horizon."""
        moments = kernels.moments(xp, xp.astype(blocks[0], xp.float64), self.horizons, self.overlap)
        return dict(zip(("std", "skewness", "kurtosis"), moments, strict=True))

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield overlapping and disjoint sums."""
        yield cls(horizons=(1, 3))
        yield cls(horizons=(2,), overlap=False)
