"""Differences and sums along one dim: ``increments`` and its partner ``cumsum``.

A coordinate ``segment`` on the dim is a wall (a session, a listing, a cruise): no difference spans it and sums start
anew behind it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import model_validator

from scatflow.contract import Composite, Operator, Select, Whole, operator, param, wire
from scatflow.errors import DimensionError, ParameterError, near
from scatflow.labels import axis_of
from scatflow.spec import ArraySpec, Axis, Cost, itemsize
from scatflow_arrays.arithmetic import Subtract
from scatflow_arrays.numbers import double
from scatflow_arrays.positions import Positions, compact
from scatflow_arrays.quantity import relabeled
from scatflow_arrays.relabel import DropLabels
from scatflow_arrays.segments import Span, by_sample, spans_along

Array = Any
Boundary = Literal["valid", "periodic"]
_BOUNDARY = "valid: N - lag pairs; periodic: all N. Default periodic where the coordinate declares its period."


@operator(
    "lagged",
    version=1,
    signature="()->()",
    dtypes="fc",
    linear=True,
    aliases=("shift", "lag", "delay"),
    equation=r"z_k = x_{k - \ell} \text{ or } x_k, \quad k \ge \ell",
)
class Lagged(Select):
    r"""One side of all pairs of samples that lie ``lag`` apart along one dim.

    .. math:: later_k = x_k, \quad earlier_k = x_{k - lag}, \qquad k = lag, \ldots, N - 1

    so that products of both sides are correlations at that lag and differences are increments.

    Parameters
    ----------
    data : DataArray
        Float or complex, any dims; its chunks are kept.
    dim : str
        The dim.
    lag : int
        Distance in samples, at least 1.
    side : {"earlier", "later"}
        Which sample of each pair.
    boundary : {"valid", "periodic"}, optional
        ``valid`` gives the N - lag pairs inside the axis; ``periodic`` all N, the first ones with the end of the
        axis. Default periodic where the coordinate declares its period, else valid.

    Returns
    -------
    DataArray
        Same dtype, unit and attributes; each sample carries its own labels. No pair spans a wall between segments.

    Raises
    ------
    DimensionError
        No such dim, or it is too short for the lag.
    ParameterError
        ``periodic`` for a dim with segments.

    Examples
    --------
    >>> spec = ArraySpec(("time",), (5,), "float32")
    >>> Lagged(dim="time", lag=2).indexers(spec), Lagged(dim="time", lag=2, side="later").indexers(spec)
    ({'time': slice(0, 3, 1)}, {'time': slice(2, 5, 1)})
    """

    dim: str = param(doc="Dim along which pairs lie.")
    lag: int = param(1, "Distance of the two samples.", ge=1, unit="samples")
    side: Literal["earlier", "later"] = param("earlier", "Which sample of each pair.")
    boundary: Boundary | None = param(None, _BOUNDARY)

    def indexers(self, *specs: ArraySpec) -> Mapping[str, Positions]:
        """Return the positions of one side of the pairs."""
        axis = _axis(specs[0], self.dim)
        later = _later(axis, self.lag, self.boundary)
        back = 0 if self.side == "later" else self.lag
        if isinstance(later, slice):
            return {self.dim: slice(later.start - back, later.stop - back, 1)}
        return {self.dim: compact((later - back) % axis.size)}

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield both sides along ``x``."""
        yield cls(dim="x")
        yield cls(dim="x", lag=2, side="later", boundary="periodic")
        yield cls(dim="x", lag=3, boundary="valid")


def _axis(spec: ArraySpec, dim: str) -> Axis:
    """Return the dim's length, walls and period; its spacing does not matter to pairs of samples."""
    if dim not in spec.dims:
        raise DimensionError(
            "lagged.dim",
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
        raise ParameterError("lagged.boundary", "a dim with segments is not periodic", expected="valid", got="periodic")
    longest = max(stop - start for start, stop in axis.spans())
    if lag >= longest:
        raise DimensionError(
            "lagged.lag",
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


@operator(
    "increments",
    version=1,
    signature="()->()",
    dtypes="fc",
    linear=True,
    aliases=("diff", "returns", "difference in time"),
    equation=r"z_k = x_k - x_{k - \ell}",
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
        difference spans a wall between segments.

    Raises
    ------
    DimensionError
        No such dim, or it is too short for the lag.
    ParameterError
        ``periodic`` for a dim with segments.

    Examples
    --------
    >>> from scatflow.contract import Ref
    >>> Increments(dim="time", lag=5).expand(Ref("price")).operator.name
    'subtract'
    """

    dim: str = param(doc="Dim along which differences are taken.")
    lag: int = param(1, "Distance of the two samples.", ge=1, unit="samples")
    boundary: Boundary | None = param(None, _BOUNDARY)

    def expand(self, *refs: Any) -> Any:
        """Wire the difference of two selections, so that chunks stay and no axis need be whole."""
        earlier = Lagged(dim=self.dim, lag=self.lag, boundary=self.boundary)
        # Differences are no path, whatever attribute says so of the data.
        later = wire(DropLabels(attrs=("input",)), wire(earlier.replace(side="later"), refs[0]))
        return wire(Subtract(dtype=self.dtype), later, wire(DropLabels(dim=self.dim, attrs=("input",)), wire(earlier, refs[0])))

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield differences along ``x``."""
        yield cls(dim="x")
        yield cls(dim="x", lag=2, boundary="periodic")
        yield cls(dim="x", lag=3, boundary="valid")


@operator(
    "cumsum",
    version=1,
    signature="(x)->(x)",
    dtypes="fc",
    differentiable=True,
    aliases=("cumulative sum", "path", "integrate"),
    equation=r"z_k = \sum_{i \le k} x_i",
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
        """Return the input's labels; sums of what says that it is increments are a path."""
        (spec,) = specs
        found = relabeled(spec, "cumulative sum of {}")
        return found.with_attrs(input="path") if spec.attrs.get("input") == "increments" else found

    def _spans(self, size: int) -> tuple[Span, ...]:
        return ((0, size),)

    def apply(self, xp: Any, *blocks: Array, **prepared: Array) -> Array:
        """Compute one block."""
        (x,) = blocks
        valid = ~xp.isnan(x)
        filled = xp.where(valid, x, xp.zeros_like(x)) if self.ignore_nodata else x
        total = self._summed(xp, filled)
        return xp.where(valid, total, x) if self.ignore_nodata else total

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare one addition per sample; the data without NaN, their mask, and sums in double precision."""
        (spec,) = specs
        count = math.prod(spec.shape)
        return Cost(float(count), count * (1 + 2 * itemsize(spec.dtype) + double(spec.dtype)))

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
        """Yield the sum along ``x``, with and without a policy for gaps."""
        yield cls(dims=("x",))
        yield cls(dims=("x",), ignore_nodata=False)


class _SegmentedCumsum(Cumsum):
    """The same with the segments of one input, which only the binding knows."""

    spans: tuple[Span, ...]

    def _spans(self, size: int) -> tuple[Span, ...]:
        return self.spans
