"""How heavy the tails of returns are, as scatflow operators: Hill's estimate for both tails, moments by horizon.

Gaps, walls and labels are those of all statistics of returns (``returns``); formulas, sources and plain functions are in
``scatflow_processes.stylized_facts``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from scatflow.contract import Operator, operator, param
from scatflow.spec import ArraySpec, Coord, Place
from scatflow_processes.operators.returns import ReturnStatistic, counted, labelled, last_of
from scatflow_processes.references import STYLIZED_FACTS, TAIL_INFERENCE
from scatflow_processes.stylized_facts import interval_factors, kernels
from scatflow_processes.stylized_facts.series import Series

Array = Any

#: Share of the samples that are extremes unless their number is given: one in so many.
_ONE_IN = 20


@operator(
    "hill",
    version=2,
    signature="(n)->(tail,extremes)",
    references=(TAIL_INFERENCE,),
    aliases=("tail_exponent", "tail_index", "hill_plot"),
    equation=r"1/\hat\alpha_k = \frac1k \sum_{i \le k} \ln (x_{(i)} / x_{(k+1)}), \quad x_{(1)} \ge x_{(2)} \ge \ldots",
)
class Hill(ReturnStatistic):
    """Hill's estimate of the exponent of both tails, with its interval; many ``extremes`` make the Hill plot.

    Dims: time becomes ``tail`` (-1 losses, 1 gains) and ``extremes``, the number of values used. Results
    ``exponent``, ``low``, ``high`` (interval exact for independent Pareto values), ``threshold`` and ``count``, the values used: 0
    where a tail has not so many. By default every series uses 5 % of the samples that it has, which ``count`` tells; the
    coordinate holds those of a series without missing ones.

    Examples
    --------
    >>> import numpy as np
    >>> result = Hill(extremes=(2,)).apply(np, np.array([-8.0, -4.0, -2.0, 1.0, 2.0, 4.0]))
    >>> result["threshold"].tolist(), result["exponent"].round(4).tolist()
    ([[2.0], [1.0]], [[0.9618], [0.9618]])
    """

    copies: ClassVar[int] = 5

    extremes: tuple[int, ...] | None = param(
        None, "Numbers of extreme values; default the largest 5 % of the samples of every series."
    )
    probability: float = param(0.95, "Coverage of the interval.", gt=0.0, lt=1.0)

    def _numbers(self, n: int) -> tuple[int, ...]:
        """Return the numbers of extremes of a series with ``n`` samples."""
        return self.extremes if self.extremes is not None else (max(1, n // _ONE_IN),)

    def _fit(self, lengths: Any) -> None:
        n = int(lengths.sum())
        self._within("extremes", self._numbers(n), 1, n - 1)

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
            spec = labelled(specs[0], "extremes", self._numbers(specs[0].shape[-1]), name, its_unit, label="extreme values used",
                            probability=self.probability if name in ("low", "high") else None)  # fmt: skip
            results[name] = spec.with_dim("tail", 2, {"tail": tail}, at=len(spec.dims) - 1)
        return {**results, "count": counted(results["exponent"], "extreme values used")}

    def apply(self, xp: Any, *blocks: Array, at: Place | None = None, **prepared: Array) -> Mapping[str, Array]:
        """Return exponent, interval, threshold and number of values of both tails."""
        series = self._series(xp, blocks[0], at)
        numbers = self._numbers(series.size)
        exponents, thresholds = kernels.hill(xp, kernels.tails(xp, series.values, max(numbers) + 1))
        if self.extremes is None and series.valid is not None:
            return self._own(xp, series, exponents, thresholds)
        index = xp.asarray([k - 1 for k in numbers], dtype=xp.int64, device=exponents.device)
        used = xp.broadcast_to(index + 1, (*exponents.shape[:-1], len(numbers)))
        low, high = self._factors(xp, numbers, exponents.device)
        return _tails(xp, xp.take(exponents, index, axis=-1), xp.take(thresholds, index, axis=-1), low, high, used)

    def _factors(self, xp: Any, numbers: Sequence[int], device: Any) -> tuple[Array, ...]:
        """Return what turns an exponent into the ends of its interval, for every number of extremes."""
        return tuple(xp.asarray(part, dtype=xp.float64, device=device) for part in interval_factors(numbers, self.probability))

    def _own(self, xp: Any, series: Series, exponents: Array, thresholds: Array) -> Mapping[str, Array]:
        """Return the results of series each of which has its own number of extremes."""
        most = exponents.shape[-1]
        own = xp.astype(series.samples(xp), xp.int64) // _ONE_IN
        own = xp.where(own > 0, own, xp.ones_like(own))[..., None, None]
        chosen = xp.arange(1, most + 1, device=own.device) == own

        def pick(values: Array) -> Array:
            return xp.sum(xp.where(chosen, values, xp.zeros_like(values)), axis=-1, keepdims=True)

        factors = self._factors(xp, range(1, most + 1), own.device)
        low, high = (xp.reshape(xp.take(part, xp.reshape(own, (-1,)) - 1), own.shape) for part in factors)
        exponent = pick(exponents)
        return _tails(xp, exponent, pick(thresholds), low, high, xp.broadcast_to(own, exponent.shape))

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield a single estimate, a short plot, and one for series with gaps."""
        yield cls()
        yield cls(extremes=(2, 3))
        yield cls(nan="mask")
        yield cls(nan="error")


def _tails(xp: Any, exponent: Array, threshold: Array, low: Array, high: Array, used: Array) -> Mapping[str, Array]:
    count = xp.where(xp.isnan(exponent), xp.zeros_like(used), used)
    return {"exponent": exponent, "low": exponent * low, "high": exponent * high, "threshold": threshold, "count": count}


@operator(
    "horizon_moments",
    version=2,
    signature="(n)->(horizon)",
    references=(STYLIZED_FACTS,),
    aliases=("skewness", "kurtosis", "aggregational_gaussianity"),
    equation=r"R_h = \sum_{i < h} r_{t+i}, \quad \sigma_h^2 = \langle R_h^2 \rangle_c, \quad s_h = \langle R_h^3 \rangle_c / \sigma_h^3, \quad \kappa_h = \langle (R_h - \bar R_h)^4 \rangle / \sigma_h^4",
)
class HorizonMoments(ReturnStatistic):
    """Standard deviation, skewness and kurtosis (Gaussian 3) of returns summed over several horizons.

    Dims: time becomes ``horizon`` in samples. Results ``std``, ``skewness``, ``kurtosis`` and ``count``, the sums: those of
    samples of one segment without a gap; disjoint ones are counted from the first sample of a segment.

    Examples
    --------
    >>> import numpy as np
    >>> result = HorizonMoments(horizons=(1,)).apply(np, np.array([1.0, -1.0, 1.0, -1.0]))
    >>> {name: value.tolist() for name, value in result.items()}
    {'std': [1.0], 'skewness': [0.0], 'kurtosis': [1.0], 'count': [4]}
    """

    horizons: tuple[int, ...] = param((1, 5, 20, 60), "Horizons in samples.")
    overlap: bool = param(True, "Use every sum of successive returns, not only disjoint ones.")

    def _fit(self, lengths: Any) -> None:
        most = last_of(int(lengths.max()), lambda horizon: (lengths // horizon).sum() >= 2)
        self._within("horizons", self.horizons, 1, most)

    def _results(self) -> int:
        return 12 * len(self.horizons)

    def output(self, *specs: ArraySpec) -> Mapping[str, ArraySpec]:
        """Return the labels of the results."""
        units = {"std": specs[0].attrs.get("units"), "skewness": "1", "kurtosis": "1"}
        results = {
            name: labelled(specs[0], "horizon", self.horizons, name, unit, label="horizon in samples")
            for name, unit in units.items()
        }
        return {**results, "count": counted(results["kurtosis"], "sums")}

    def apply(self, xp: Any, *blocks: Array, at: Place | None = None, **prepared: Array) -> Mapping[str, Array]:
        """Return the three moments and the number of sums for every horizon."""
        *found, sums = kernels.moments(xp, self._series(xp, blocks[0], at), self.horizons, self.overlap)
        return {**dict(zip(("std", "skewness", "kurtosis"), found, strict=True)), "count": xp.astype(sums, xp.int64)}

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield overlapping and disjoint sums, with walls and without."""
        yield cls(horizons=(1, 4))
        yield cls(horizons=(2,), overlap=False)
        yield cls(horizons=(3,), overlap=False, walls=(5, 9), nan="mask")
        yield cls(horizons=(2,), nan="error")
