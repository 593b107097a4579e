"""Differences and sums along one dim: ``increments`` and its partner ``cumsum``.

A coordinate ``segment`` on the dim is a wall (a session, a listing, a cruise): no difference spans it and sums start
anew behind it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import model_validator

from scatflow.contract import Composite, Operator, Pointwise, Select, Whole, operator, param, wire
from scatflow.errors import DimensionError, ParameterError, near
from scatflow.labels import axis_of
from scatflow.spec import ArraySpec, Axis
from scatflow_arrays.alignment import relabeled
from scatflow_arrays.positions import Positions, compact
from scatflow_arrays.segments import Span, by_sample, spans_along

Array = Any
Boundary = Literal["valid", "periodic"]


@operator("shifted_samples", version=1, signature="()->()", dtypes="fc", linear=True)
class _Shifted(Select):
    """Wired operator: the later or the earlier samples of all pairs that lie ``lag`` apart."""

    dim: str
    lag: int
    boundary: Boundary | None
    later: bool

    def indexers(self, *specs: ArraySpec) -> Mapping[str, Positions]:
        """Return the positions of one side of the pairs."""
        axis = _axis(specs[0], self.dim)
        later = _later(axis, self.lag, self.boundary)
        if isinstance(later, slice):
            back = 0 if self.later else self.lag
            return {self.dim: slice(later.start - back, later.stop - back, 1)}
        return {self.dim: compact(later if self.later else (later - self.lag) % axis.size)}


def _axis(spec: ArraySpec, dim: str) -> Axis:
    """Return the dim's length, walls and period; its spacing does not matter to pairs of samples."""
    if dim not in spec.dims:
        raise DimensionError(
            "increments.dim",
            f"the input has no dim {dim!r}",
            expected=f"dims among {spec.dims}",
            got=dim,
            remedy=near(dim, spec.dims),
            code="DimensionMissing",
        )
    try:
        return axis_of(spec, dim)
    except DimensionError:  # not uniform: then it has no period either
        return axis_of(spec, dim, {dim: "index"})


def _later(axis: Axis, lag: int, boundary: Boundary | None) -> slice | npt.NDArray[np.int64]:
    """Return the positions of the later samples: a slice where they are all that follow the first ``lag``."""
    if boundary is None:
        boundary = "periodic" if axis.periodic and not axis.walls else "valid"
    if boundary == "periodic" and axis.walls:
        raise ParameterError(
            "increments.boundary", "a dim with segments is not periodic", expected="valid", got="periodic"
        )
    longest = max(stop - start for start, stop in axis.spans())
    if lag >= longest:
        raise DimensionError(
            "increments.lag",
            f"no two samples of {axis.dim!r} lie that far apart",
            code="SelectionEmpty",
            expected=f"at most {longest - 1}",
            got=lag,
        )
    if boundary == "periodic":
        return np.arange(axis.size)
    if not axis.walls:
        return slice(lag, axis.size, 1)
    return np.concatenate([np.arange(start + lag, max(stop, start + lag)) for start, stop in axis.spans()])


@operator("unlabeled_samples", version=1, signature="()->()", dtypes="fc", linear=True)
class _Unlabeled(Pointwise):
    """Wired operator: the samples without their labels along one dim, so that they can meet later ones."""

    dim: str

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Return the labels of all other dims."""
        (spec,) = specs
        return replace(spec, coords={name: coord for name, coord in spec.coords.items() if self.dim not in coord.dims})

    def apply(self, xp: Any, *blocks: Array) -> Array:
        """Return the block itself."""
        return blocks[0]


@operator(
    "later_minus_earlier", version=1, signature="(),()->()", inputs=("later", "earlier"), dtypes="fc", linear=True
)
class _Difference(Pointwise):
    """Wired operator: later minus earlier samples, under the labels of the later ones."""

    lag: int

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Return the labels of the later samples; the lag in samples is recorded."""
        return relabeled(specs[0], "increment of {}", increment_lag=self.lag)

    def apply(self, xp: Any, *blocks: Array) -> Array:
        """Compute one block."""
        return blocks[0] - blocks[1]


@operator(
    "increments",
    version=1,
    signature="()->()",
    dtypes="fc",
    linear=True,
    aliases=("diff", "returns", "difference in time"),
)
class Increments(Composite):
    """Differences of samples that lie ``lag`` apart along one dim.

    .. math:: z_k = x_k - x_{k - lag}

    Parameters
    ----------
    data : DataArray
        Float or complex, any dims; its chunks are kept.
    dim : str
        The dim.
    lag : int
        Distance in samples, at least 1.
    boundary : {"valid", "periodic"}, optional
        ``valid`` gives the N - lag differences inside the axis; ``periodic`` all N, the first ones against the end
        of the axis. Default periodic where the coordinate declares its period, else valid.

    Returns
    -------
    DataArray
        Same dtype and unit; each difference carries the labels of the *later* sample, when it became known. No
        difference spans a wall between segments. The attribute ``increment_lag`` holds the lag in samples.

    Raises
    ------
    DimensionError
        No such dim, or it is too short for the lag.
    ParameterError
        ``periodic`` for a dim with segments.

    Examples
    --------
    >>> from scatflow.contract import Ref
    >>> Increments(dim="time", lag=5).expand(Ref("price")).operator.lag
    5
    """

    dim: str = param(doc="Dim along which differences are taken.")
    lag: int = param(1, "Distance of the two samples.", ge=1, unit="samples")
    boundary: Boundary | None = param(
        None, "valid: N - lag differences; periodic: all N. Default periodic where the coordinate declares its period."
    )

    def expand(self, *refs: Any) -> Any:
        """Wire the difference of two selections, so that chunks stay and no axis need be whole."""
        late = _Shifted(dim=self.dim, lag=self.lag, boundary=self.boundary, later=True)
        later = wire(late, refs[0])
        earlier = wire(_Unlabeled(dim=self.dim), wire(late.replace(later=False), refs[0]))
        return wire(_Difference(lag=self.lag, dtype=self.dtype), later, earlier)

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield differences along ``x``."""
        yield cls(dim="x")
        yield cls(dim="x", lag=2, boundary="periodic")


@operator(
    "cumsum",
    version=1,
    signature="(x)->(x)",
    dtypes="fc",
    differentiable=True,
    aliases=("cumulative sum", "path", "integrate"),
)
class Cumsum(Whole):
    r"""Cumulative sum along one dim (openEO ``cumsum``).

    .. math:: z_k = \sum_{i \le k} x_i

    Parameters
    ----------
    data : DataArray
        Float or complex.
    dims : str
        The dim, needed where there are several.
    ignore_nodata : bool
        True skips NaN, which stays in place; False makes everything after a NaN NaN.

    Returns
    -------
    DataArray
        Same labels, dtype and unit; summed in float64 (complex128). Sums start anew at every segment.

    Raises
    ------
    DimensionError
        No such dim.

    Examples
    --------
    >>> import numpy as np
    >>> Cumsum(dims="x").apply(np, np.array([1.0, 3.0, np.nan, 1.0]))
    array([ 1.,  4., nan,  5.])
    """

    ignore_nodata: bool = param(True, "Skip NaN, which stays in place, instead of passing it on to all that follows.")

    @model_validator(mode="before")
    @classmethod
    def _unspaced(cls, values: Any) -> Any:
        return by_sample(values)

    def resolve(self, *specs: ArraySpec) -> Operator:
        """Return the operator with the segments of the dim, where there are several."""
        spans = spans_along(specs[0], specs[0].dims[-1])
        fields = {key: getattr(self, key) for key in Cumsum.model_fields}
        return _SegmentedCumsum(**fields, spans=spans) if len(spans) > 1 else self

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Return the input's labels."""
        return relabeled(specs[0], "cumulative sum of {}")

    def _spans(self, size: int) -> tuple[Span, ...]:
        return ((0, size),)

    def apply(self, xp: Any, *blocks: Array, **prepared: Array) -> Array:
        """Compute one block."""
        (x,) = blocks
        valid = ~xp.isnan(x)
        filled = xp.where(valid, x, xp.zeros_like(x)) if self.ignore_nodata else x
        total = self._summed(xp, filled)
        return xp.where(valid, total, x) if self.ignore_nodata else total

    def _summed(self, xp: Any, x: Array) -> Array:
        wide = xp.complex128 if xp.isdtype(x.dtype, "complex floating") else xp.float64
        parts = [xp.cumulative_sum(x[..., a:b], axis=-1, dtype=wide) for a, b in self._spans(x.shape[-1])]
        return xp.astype(parts[0] if len(parts) == 1 else xp.concat(parts, axis=-1), x.dtype)

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, **prepared: Array) -> tuple[Array, ...]:
        """Return the cumulative sum from the end of each segment."""
        wide = xp.complex128 if xp.isdtype(cotangent.dtype, "complex floating") else xp.float64
        parts = [
            xp.flip(xp.cumulative_sum(xp.flip(cotangent[..., a:b], axis=-1), axis=-1, dtype=wide), axis=-1)
            for a, b in self._spans(cotangent.shape[-1])
        ]
        return (xp.astype(xp.concat(parts, axis=-1), cotangent.dtype),)

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield the sum along ``x``."""
        yield cls(dims=("x",))


class _SegmentedCumsum(Cumsum):
    """The same with the segments of one input, which only the binding knows."""

    spans: tuple[Span, ...]

    def _spans(self, size: int) -> tuple[Span, ...]:
        return self.spans
