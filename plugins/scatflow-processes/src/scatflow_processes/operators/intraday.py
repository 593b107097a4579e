"""The intraday pattern of volatility taken out of bars, with the profile kept beside the result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from pydantic import model_validator

from scatflow.contract import Operator, Whole, operator, param
from scatflow.errors import DimensionError, ParameterError
from scatflow.labels import axis_of
from scatflow.spec import ArraySpec, Coord, Cost
from scatflow_processes.intraday import Run, runs_of, slots_in, volatility_profile, without_profile
from scatflow_processes.references_returns import INTRADAY_PERIODICITY

Array = Any


@operator(
    "remove_intraday_pattern",
    version=1,
    signature="(n)->(n)",
    references=(INTRADAY_PERIODICITY,),
    aliases=("deseasonalize", "diurnal pattern", "intraday seasonality"),
    equation=r"z_i = r_i / f_{k(i)}, \quad f_k^2 = \langle r^2 \rangle_k / \langle r^2 \rangle",
)
class RemoveIntradayPattern(Whole):
    r"""Returns divided by the volatility of their slot of the session, which is kept beside them.

    .. math:: z_i = r_i / f_{k(i)}, \qquad f_k^2 = \langle r^2 \rangle_k / \langle r^2 \rangle

    The slot of a sample is its coordinate ``session_bar``, as the source ``bars`` gives it, else its place in its session
    (coordinate ``segment``). Averages run over the samples of the slot in all sessions, every other dim apart. The mean
    square of the data does not change.

    Parameters
    ----------
    data : DataArray
        Returns of bars, real.
    dims : str
        The dim of time, needed where there are several.
    bars_per_session : int, optional
        Says the slots of data whose coordinates do not: sample i is in slot i modulo this.
    skipna : bool
        True leaves NaN, such as bars before a session's first tick, out of the profile; False passes it on to all results.
    profile : tuple of float, optional
        Factors f of slots 0, 1, ... that were found before (on the years of training, say), the same for all other dims;
        default those of the data.

    Returns
    -------
    Dataset
        ``returns``: dims, dtype and unit of the data; ``profile``: dim ``slot`` in place of time, float64, unit "1", NaN where
        a slot has no return other than 0. Other data are freed from the same pattern by ``profile=``, or by
        ``data / profile.sel(slot=data.session_bar)``.

    Raises
    ------
    DimensionError
        The time has neither slots nor segments, or slots do not increase within a segment.
    ParameterError
        A given profile has fewer slots than the data, or factors that are not finite and > 0.

    Examples
    --------
    >>> import numpy as np
    >>> days = {"segment": Coord(("time",), np.array([7, 7, 8, 8]))}
    >>> bound = RemoveIntradayPattern().resolve(ArraySpec(("time",), (4,), "float64", coords=days))
    >>> result = bound.apply(np, np.array([3.0, 1.0, -3.0, -1.0]))
    >>> result["returns"].round(4).tolist(), result["profile"].round(4).tolist()
    ([2.2361, 2.2361, -2.2361, -2.2361], [1.3416, 0.4472])
    """

    bars_per_session: int | None = param(None, "Bars of every session, of data whose labels do not tell.", ge=1)
    skipna: bool = param(True, "Leave NaN out of the profile; it stays NaN in the result.")
    profile: tuple[float, ...] | None = param(None, "Factors of slots 0, 1, ... found before; default those of the data.")

    @model_validator(mode="after")
    def _positive(self) -> RemoveIntradayPattern:
        if self.profile is not None and not all(np.isfinite(f) and f > 0 for f in self.profile):
            raise ParameterError(f"{self.name}.profile", "factors are finite and > 0", got=self.profile)
        return self

    def resolve(self, *specs: ArraySpec) -> Operator:
        """Return the operator with the slots of the data."""
        spec, dim = specs[0], specs[0].dims[-1]
        walls = axis_of(spec, dim, {dim: "index"}).walls
        slots = self._slots(spec, walls)
        try:
            runs = runs_of(slots, walls)
        except ValueError as error:
            raise DimensionError(f"{self.name} input", str(error), got="coordinate session_bar") from error
        count = slots_in(runs)
        if self.profile is not None and len(self.profile) < count:
            raise ParameterError(
                f"{self.name}.profile", "the data have more slots", expected=f"at least {count} factors", got=len(self.profile)
            )
        return _Slotted(**{key: getattr(self, key) for key in RemoveIntradayPattern.model_fields}, runs=runs)

    def _slots(self, spec: ArraySpec, walls: tuple[int, ...]) -> Any:
        """Return the slot of every sample."""
        dim, n = spec.dims[-1], spec.shape[-1]
        coord = spec.coords.get("session_bar")
        if self.bars_per_session is not None:
            return np.arange(n) % self.bars_per_session
        if coord is not None and coord.dims == (dim,):
            return np.asarray(coord.values)
        if walls:
            edges = np.array([0, *walls, n])
            return np.arange(n) - np.repeat(edges[:-1], np.diff(edges))
        raise DimensionError(f"{self.name} input", f"{dim!r} has neither slots nor segments",
                             expected=f"a coordinate session_bar or segment along {dim!r}", remedy="Pass bars_per_session=.")  # fmt: skip

    def _runs(self) -> tuple[Run, ...]:
        raise DimensionError(f"{self.name} input", "only data with slots have a pattern", expected="the operator of resolve()")

    def output(self, *specs: ArraySpec) -> Mapping[str, ArraySpec]:
        """Return the labels of the data, and those of their profile."""
        spec, count = specs[0], len(self.profile or ()) or slots_in(self._runs())
        slot = Coord(("slot",), np.arange(count), {"long_name": "bar of the session"})
        profile = spec.without(spec.dims[-1]).with_dtype("float64").with_dim("slot", count, {"slot": slot})
        profile = profile.with_attrs(units="1", long_name="volatility by slot, relative to that of all samples", input=None)
        return {"returns": replace(spec, name="returns"), "profile": replace(profile, name="profile")}

    def apply(self, xp: Any, *blocks: Array, **prepared: Array) -> Mapping[str, Array]:
        """Return the data without the pattern, and the pattern."""
        runs = self._runs()
        x = xp.astype(blocks[0], xp.float64)
        if self.profile is None:
            profile = volatility_profile(xp, x, runs, self.skipna)
        else:
            given = xp.asarray(self.profile, dtype=xp.float64, device=x.device)
            profile = xp.broadcast_to(given, (*x.shape[:-1], len(self.profile)))
        return {"returns": xp.astype(without_profile(xp, x, profile, runs), blocks[0].dtype), "profile": profile}

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare six operations per sample; float64 copies, squares, masks and factors."""
        samples = specs[0].nbytes / np.dtype(specs[0].dtype).itemsize
        return Cost(flops=6.0 * samples, bytes=int(6 * 8 * samples))

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield two that find the profile, and one that is given it."""
        yield cls(bars_per_session=4)
        yield cls(bars_per_session=3, skipna=False)
        yield cls(bars_per_session=4, profile=(1.0, 1.5, 2.0, 2.5))


class _Slotted(RemoveIntradayPattern):
    """The same with the slots of one input, which only the binding knows."""

    runs: tuple[Run, ...]

    def _runs(self) -> tuple[Run, ...]:
        return self.runs
