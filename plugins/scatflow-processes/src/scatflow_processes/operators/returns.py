"""How returns remember, as scatflow operators: leverage, autocorrelation of |r|^d, asymmetry under time reversal.

Labelled, lazy over every dim but time; what all statistics of returns share is here, those of tails and horizons are in
``return_tails``. The formulas, their sources and plain functions are in ``scatflow_processes.stylized_facts``. Results are
float64 whatever the input, as sums of heavy-tailed numbers need it.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal, Self, TypeVar

import numpy as np

from scatflow.contract import Operator, Whole, operator, param
from scatflow.errors import ParameterError
from scatflow.labels import axis_of
from scatflow.spec import ArraySpec, Coord, Cost, Place
from scatflow_processes.references import (
    LONG_MEMORY,
    RETARDED_VOLATILITY,
    TIME_REVERSAL,
    VOLATILITY_FEEDBACK,
)
from scatflow_processes.stylized_facts import kernels, white_noise_band
from scatflow_processes.stylized_facts.memory import LEVERAGE_EXPONENT
from scatflow_processes.stylized_facts.series import Series, center, pair_counts, series_of

Array = Any


class ReturnStatistic(Whole):
    """Gaps, walls, checks, labels and cost that the statistics of returns share; time is the only core axis.

    NaN before the first and after the last sample of a segment is absence: names that are listed later or delisted earlier give
    the numbers of their own span. No pair, window or sum holds samples of two segments, and all count the same, whichever segment
    they lie in. ``count`` tells how many there are.
    """

    copies: ClassVar[int] = 10

    nan: Literal["propagate", "error", "mask"] = param(
        "propagate", "Policy for NaN inside a segment: make all results of the series NaN, refuse, or leave out every pair, window "
        "or sum that holds one.", choices=("propagate", "error", "mask"),
    )  # fmt: skip
    missing: float | None = param(None, "Sentinel that stands for a missing value, read as NaN.")
    walls: tuple[int, ...] | None = param(None, "Samples at which segments start, of data whose coordinate segment does not tell.")

    def resolve(self, *specs: ArraySpec) -> Self:
        """Return the operator with the walls of the data; refuse a path (prices), and parameters too large for the series."""
        spec, dim = specs[0], specs[0].dims[-1]
        kind = spec.attrs.get("input", "increments")
        if kind != "increments":
            raise ParameterError(
                f"{self.name} input",
                "returns are needed, not a path",
                expected='attribute input="increments"',
                got=repr(kind),
                remedy="Take increments first.",
            )
        known = axis_of(spec, dim, {dim: "index"}).walls
        walls = known if self.walls is None else self.walls
        edges = np.array([0, *walls, spec.shape[-1]])
        if (np.diff(edges) < 1).any() or (known and walls != known):
            rule = "the coordinate segment tells others" if known else "walls increase and lie inside the series"
            raise ParameterError(f"{self.name}.walls", rule, expected=f"integers from 1 to {spec.shape[-1] - 1}", got=walls,
                                 remedy="Leave walls out, or drop the coordinate.")  # fmt: skip
        bound = self.replace(walls=walls)
        bound._fit(np.diff(edges))
        return bound

    def _fit(self, lengths: Any) -> None:
        """Check the parameters against the lengths of the segments."""

    def _within(self, name: str, values: Sequence[int], low: int, high: int) -> None:
        if not values or not all(low <= value <= high for value in values):
            raise ParameterError(
                f"{self.name}.{name}",
                "out of range for this series" if not self.walls else "out of range for the segments of this series",
                expected=f"integers from {low} to {high}",
                got=tuple(values),
            )

    def _series(self, xp: Any, block: Array, at: Place | None) -> Series:
        """Return the block as series, by the policy for gaps."""
        x = xp.astype(block, xp.float64)
        if self.missing is not None:
            x = xp.where(x == self.missing, xp.full_like(x, xp.nan), x)
        return series_of(xp, x, self.walls or (), self.nan, self.name, at.batch if at is not None else ())

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare float64 copies of the block, as many as series with gaps take, and four operations per sample and result."""
        samples = specs[0].nbytes / np.dtype(specs[0].dtype).itemsize
        return Cost(flops=4.0 * samples * self._results(), bytes=int(self.copies * 8 * samples))

    def _results(self) -> int:
        return 1


R = TypeVar("R", ArraySpec, Array)


class Detailed(ReturnStatistic):
    """Base of statistics that deliver themselves alone, or with what tells how far they can be trusted."""

    details: bool = param(False, "Also return the numbers behind it: count, and band where there is one.")

    def _delivered(self, found: Mapping[str, R]) -> R | Mapping[str, R]:
        """Return all results, or the one of the operator's name."""
        return found if self.details else found[self.name]


def last_of(top: int, serves: Callable[[int], bool]) -> int:
    """Return the last of the numbers 1 to ``top`` that serves, where all those before it do; 0 for none."""
    return bisect.bisect_left(range(1, top + 1), True, key=lambda number: not serves(number))


def labelled(spec: ArraySpec, dim: str, values: Any, name: str, units: str | None, **attrs: Any) -> ArraySpec:
    """Return the spec with time replaced by an integer dim."""
    index = Coord((dim,), np.asarray(values, dtype=np.int64), {"long_name": attrs.pop("label"), "units": "1"})
    rest = spec.without(spec.dims[-1]).with_dtype("float64").with_dim(dim, len(index.values), {dim: index})
    return replace(rest.with_attrs(**{"long_name": None, "input": None, "units": units, **attrs}), name=name)


def counted(spec: ArraySpec, what: str) -> ArraySpec:
    """Return the spec of the number of pairs, windows, sums or values that a result is an average over."""
    return replace(spec.with_dtype("int64").with_attrs(units="1", long_name=f"number of {what}"), name="count")


@operator(
    "leverage",
    version=2,
    signature="(n)->(lag)",
    references=(RETARDED_VOLATILITY,),
    aliases=("leverage_correlation", "return_volatility_correlation"),
    equation=r"L(\tau) = \langle r_t \, r_{t+\tau}^2 \rangle / \langle r^2 \rangle^2",
)
class Leverage(Detailed):
    """Correlation of returns with later squared returns, ``<r(t) r(t + tau)^2> / <r^2>^2``.

    Dims: time becomes ``lag`` in samples; lag > 0 is a past return and later volatility. In the inverse of
    the returns' unit, "1" with ``normalize="std"``. With ``details=True`` results ``leverage``; ``band``, the half width of the interval around 0 that holds one value with
    the stated probability where the signs of returns are random and their moduli these; ``count``, the pairs that the first mean
    is over (the second is over all samples). From 16 lags on, sums are taken by transforms, to 1e-13 of ``sqrt(<r^2> <r^4>)``.

    Examples
    --------
    >>> import numpy as np
    >>> result = Leverage(lags=(0, 1), details=True).apply(np, np.array([np.nan, 1.0, -2.0, 1.0, 0.0]))
    >>> result["leverage"].round(6).tolist(), result["count"].tolist()
    ([-0.666667, 0.296296], [4, 3])
    """

    copies: ClassVar[int] = 14

    lags: tuple[int, ...] = param(tuple(range(1, 101)), "Lags in samples, of either sign.")
    normalize: Literal["raw", "std"] = param("raw", "Divide by <r^2>^2 (raw) or by <r^2>^(3/2) (std).", choices=("raw", "std"))
    demean: bool = param(True, "Remove the mean of the returns first.")
    probability: float = param(0.95, "Coverage of the band.", gt=0.0, lt=1.0)

    def _fit(self, lengths: Any) -> None:
        self._within("lags", self.lags, 1 - int(lengths.max()), int(lengths.max()) - 1)

    def _results(self) -> int:
        return len(self.lags)

    def output(self, *specs: ArraySpec) -> ArraySpec | Mapping[str, ArraySpec]:
        """Return the labels of the results."""
        unit = specs[0].attrs.get("units")
        inverse = "1" if self.normalize == "std" or unit == "1" else f"({unit})-1" if unit else None
        label = "lag in samples, > 0: volatility after the return"
        spec = labelled(specs[0], "lag", self.lags, "leverage", inverse, label=label)
        band = replace(
            spec.with_attrs(long_name="half width of the band of random signs", probability=self.probability), name="band"
        )
        return self._delivered({"leverage": spec, "band": band, "count": counted(spec, "pairs")})

    def apply(self, xp: Any, *blocks: Array, at: Place | None = None, **prepared: Array) -> Array | Mapping[str, Array]:
        """Return the correlation, the band and the number of pairs at every lag."""
        series = self._series(xp, blocks[0], at)
        values, spread, pairs = kernels.leverage(xp, series, self.lags, LEVERAGE_EXPONENT[self.normalize], self.demean)
        band = white_noise_band(1, self.probability) * spread
        return self._delivered({"leverage": values, "band": band, "count": xp.astype(pairs, xp.int64)})

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield one instance per normalization, few lags and many, with walls and without."""
        yield cls(lags=(-2, 0, 1, 3))
        yield cls(lags=(1, 2), normalize="std", demean=False)
        yield cls(lags=tuple(range(-9, 9)), details=True)
        yield cls(lags=(-1, 2), walls=(7, 12), nan="mask", details=True)
        yield cls(lags=tuple(range(-9, 9)), walls=(4, 10), nan="error")


@operator(
    "absolute_autocorrelation",
    version=2,
    signature="(n)->(power,lag)",
    references=(LONG_MEMORY,),
    aliases=("volatility_clustering", "acf"),
    equation=r"C_d(\tau) = \mathrm{corr}(|r_t|^d, |r_{t+\tau}|^d)",
)
class AbsoluteAutocorrelation(Detailed):
    r"""Autocorrelation of ``|r|^d``, whose slow decay is volatility clustering.

    .. math:: C_d(\tau) = (1 - \tau / n) \, \langle y_t \, y_{t+\tau} \rangle / \langle y^2 \rangle,
        \qquad y = |r|^d - \langle |r|^d \rangle

    with means over pairs and over the n samples; of a series without gaps and walls that is the usual divisor n at all lags.

    Dims: time becomes ``power`` and ``lag``. With ``details=True`` results
    ``absolute_autocorrelation``; ``band``, the half width of the interval around 0 that holds one value of an independent series with the stated probability
    (Bartlett, from the pairs that a series has: z / sqrt(n) without gaps and walls); ``count``, the pairs; both without ``power``.
    The band of a series without gaps and walls is also an attribute, ``white_noise_band``.

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

    def _fit(self, lengths: Any) -> None:
        self._within("max_lag", (self.max_lag,), 1, int(lengths.max()) - 1)
        if not self.powers or not all(0 < power <= 100 for power in self.powers):
            raise ParameterError("absolute_autocorrelation.powers", "must be > 0", got=self.powers)

    def _results(self) -> int:
        return self.max_lag * len(self.powers)

    def output(self, *specs: ArraySpec) -> ArraySpec | Mapping[str, ArraySpec]:
        """Return the labels of the results."""
        lags = range(1, self.max_lag + 1)
        spec = labelled(specs[0], "lag", lags, "absolute_autocorrelation", "1", label="lag in samples",
                        white_noise_band=white_noise_band(specs[0].shape[-1], self.probability), probability=self.probability)  # fmt: skip
        band = replace(spec.with_attrs(long_name="half width of the band of independent series", probability=self.probability),
                       name="band")  # fmt: skip
        powers = Coord(("power",), np.asarray(self.powers), {"long_name": "exponent d of |r|^d", "units": "1"})
        values = spec.with_dim("power", len(self.powers), {"power": powers}, at=len(spec.dims) - 1)
        return self._delivered({self.name: values, "band": band, "count": counted(spec, "pairs")})

    def apply(self, xp: Any, *blocks: Array, at: Place | None = None, **prepared: Array) -> Array | Mapping[str, Array]:
        """Return the autocorrelation for every power and lag, and the band and the number of pairs at every lag."""
        series = self._series(xp, blocks[0], at)
        modulus = xp.abs(center(xp, series.values, series.valid))
        pairs = pair_counts(xp, series, range(1, self.max_lag + 1))
        rows = [kernels.autocorrelation(xp, series, modulus**power, pairs) for power in self.powers]
        band = kernels.independent_band(xp, series, pairs, white_noise_band(1, self.probability))
        return self._delivered({self.name: xp.stack(rows, axis=-2), "band": band, "count": xp.astype(pairs, xp.int64)})

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield few lags and many, with walls and without."""
        yield cls(max_lag=3)
        yield cls(max_lag=20, powers=(1.0,), details=True)
        yield cls(max_lag=2, walls=(8,), nan="mask", details=True)
        yield cls(max_lag=1, nan="error")


@operator(
    "zumbach",
    version=2,
    signature="(n)->(window)",
    references=(TIME_REVERSAL, VOLATILITY_FEEDBACK),
    aliases=("time_asymmetry", "zumbach_effect"),
    equation=r"Z(w) = \mathrm{corr}(T^2_{t-w}, V_t) - \mathrm{corr}(V_{t-w}, T^2_t), \quad T_t = \sum_{i \le w} r_{t+i}, \ V_t = \sum_{i \le w} r^2_{t+i}",
)
class Zumbach(Detailed):
    """Asymmetry under time reversal: past trends foretell volatility, volatility foretells trends less.

    Dims: time becomes ``window`` in samples. 0 within errors for time-reversible processes, positive for
    markets. With ``details=True`` results ``zumbach`` and ``count``, the pairs of windows, one behind the other, that lie in one segment and have no gap.

    Examples
    --------
    >>> import numpy as np
    >>> result = Zumbach(windows=(1,), details=True).apply(np, np.array([1.0, -1.0, 3.0, -2.0, 0.5, 0.1]))
    >>> float(result["zumbach"][0]), int(result["count"][0])
    (0.0, 5)
    """

    copies: ClassVar[int] = 13

    windows: tuple[int, ...] = param((5, 10, 20, 60), "Lengths of the past and future windows in samples.")

    def _fit(self, lengths: Any) -> None:
        # Two pairs have no correlation but 1 or -1.
        most = last_of(int(lengths.max()) // 2, lambda width: np.maximum(lengths - 2 * width + 1, 0).sum() >= 3)
        self._within("windows", self.windows, 1, most)

    def _results(self) -> int:
        return 16 * len(self.windows)

    def output(self, *specs: ArraySpec) -> ArraySpec | Mapping[str, ArraySpec]:
        """Return the labels of the results."""
        spec = labelled(specs[0], "window", self.windows, "zumbach", "1", label="window in samples")
        return self._delivered({"zumbach": spec, "count": counted(spec, "pairs of windows")})

    def apply(self, xp: Any, *blocks: Array, at: Place | None = None, **prepared: Array) -> Array | Mapping[str, Array]:
        """Return the asymmetry and the number of pairs for every window."""
        values, pairs = kernels.zumbach(xp, self._series(xp, blocks[0], at), self.windows)
        return self._delivered({"zumbach": values, "count": xp.astype(pairs, xp.int64)})

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield one instance without walls and one with."""
        yield cls(windows=(1, 3))
        yield cls(windows=(2,), walls=(7,), nan="mask", details=True)
        yield cls(windows=(1,), nan="error")
