"""Deviations from a mean, in units of a spread: with the data's own statistics or with frozen ones.

``demean`` and ``standardize`` compute the statistics from the data. Frozen statistics are data like any other:
``center(data, location)`` and ``rescale(data, location, scale)`` take them as arrays (computed once, stored, used on
new data) or as numbers. All four return the data's own precision, though statistics come in float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from scatflow.contract import Composite, Dims, Operator, Pointwise, joined, operator, param, wire
from scatflow.errors import DimensionError, DtypeError, ParameterError
from scatflow.spec import ArraySpec
from scatflow_arrays import units
from scatflow_arrays.arithmetic import Operand
from scatflow_arrays.numbers import conjugate, cotangent_of
from scatflow_arrays.quantity import relabeled, unit_of
from scatflow_arrays.reduction import Reduction
from scatflow_arrays.samples import positive

Array = Any


def _labels(name: str, inputs: tuple[Operand, ...]) -> ArraySpec:
    """Return the data's labels, once the statistics turn out to fit them."""
    data, *rest = inputs
    if not isinstance(data, ArraySpec):
        raise ParameterError(f"{name}.data", "the data are an array", got=data)
    statistics = [item for item in rest if isinstance(item, ArraySpec)]
    for dim in (dim for item in statistics for dim in item.dims):
        if dim not in data.dims:
            raise DimensionError(
                f"{name} inputs",
                f"the statistics have a dim {dim!r} that the data lack",
                expected=f"dims among {data.dims}",
                remedy="Select one sample of it first.",
                code="DimensionMissing",
            )
    if any(item.dtype.startswith("complex") for item in statistics) and not data.dtype.startswith("complex"):
        raise DtypeError(
            f"{name} inputs",
            "complex statistics of real data would lose their imaginary part",
            expected="float32, float64",
            got=[item.dtype for item in statistics],
            remedy="Take the real part, or make the data complex.",
        )
    location = unit_of(statistics[0]) if statistics and isinstance(rest[0], ArraySpec) else None
    unit = unit_of(data)
    if unit is not None and location is not None and not units.same(unit, location):
        raise ParameterError(
            f"{name} inputs",
            "units of data and location differ",
            expected=repr(unit),
            got=repr(location),
            remedy="Convert one of them first (multiply, and set its attribute units).",
            code="UnitsDiffer",
        )
    return joined([data, *statistics], data.dtype, name)


@operator(
    "center",
    version=1,
    signature="(),()->()",
    inputs=("data", "location"),
    dtypes="fc",
    differentiable=True,
    aliases=("subtract mean", "deviation"),
    equation=r"z = x - m",
)
class Center(Pointwise):
    """Data minus a location in the data's own precision: anomalies from frozen means.

    .. math:: z = x - location

    Parameters
    ----------
    data : DataArray
        Float or complex, any dims.
    location : DataArray or float
        Mean of some reference sample, aligned by dim name; a number counts in the data's unit.

    Returns
    -------
    DataArray
        Dims, dtype and unit of ``data``.

    Raises
    ------
    ParameterError
        ``location`` states another unit than ``data``.
    DtypeError
        The data are real and a statistic is complex.
    DimensionError
        ``location`` has a dim that the data lack, or other lengths or labels.

    Examples
    --------
    >>> import numpy as np
    >>> Center().apply(np, np.array([1.0, 3.0], dtype="float32"), np.array([2.0]))
    array([-1.,  1.], dtype=float32)
    """

    def output(self, *inputs: Operand) -> ArraySpec:
        """Return the data's labels."""
        data = inputs[0]
        merged = _labels(self.name, inputs)
        assert isinstance(data, ArraySpec)
        long_name = relabeled(data, "deviation of {}").attrs.get("long_name")
        return merged.with_attrs(units=unit_of(data), long_name=long_name)

    def apply(self, xp: Any, *blocks: Array) -> Array:
        """Compute one block in the precision of the location, and return the data's."""
        data, location = blocks
        return xp.astype(data - location, data.dtype)

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, **prepared: Array) -> tuple[Array, ...]:
        """Return the cotangents of data and location."""
        return cotangent, cotangent_of(xp, -cotangent, blocks[1])


@operator(
    "rescale",
    version=1,
    signature="(),(),()->()",
    inputs=("data", "location", "scale"),
    dtypes="fc",
    differentiable=True,
    aliases=("z-score with given statistics", "frozen standardization"),
    equation=r"z = (x - m) / s",
)
class Rescale(Pointwise):
    """Data minus a location, divided by a scale: standardization with frozen statistics.

    .. math:: z = (x - location) / scale

    Parameters
    ----------
    data : DataArray
        Float or complex, any dims.
    location, scale : DataArray or float
        Statistics of some reference sample, aligned by dim name; numbers count in the data's unit.

    Returns
    -------
    DataArray
        Dims and dtype of ``data``; a scale of 0 gives an infinity or NaN (IEEE 754). The unit is the data's divided
        by the scale's, "1" where both are the same.

    Raises
    ------
    ParameterError
        ``location`` states another unit than ``data``.
    DtypeError
        The data are real and a statistic is complex.
    DimensionError
        The statistics have a dim that the data lack, or other lengths or labels.

    Examples
    --------
    >>> import numpy as np
    >>> Rescale().apply(np, np.array([1.0, 3.0]), np.array([1.0]), 2.0)
    array([0., 1.])
    """

    def output(self, *inputs: Operand) -> ArraySpec:
        """Return the data's labels with the unit of the quotient."""
        data = inputs[0]
        merged = _labels(self.name, inputs)
        assert isinstance(data, ArraySpec)
        long_name = relabeled(data, "standardized {}").attrs.get("long_name")
        return merged.with_attrs(units=_quotient(unit_of(data), inputs[2] if len(inputs) == 3 else None), long_name=long_name)

    def apply(self, xp: Any, *blocks: Array) -> Array:
        """Compute one block in the precision of the statistics, and return the data's."""
        data, location, scale = blocks
        with np.errstate(all="ignore"):
            if not hasattr(scale, "shape") and scale == 0:  # Python's own division would raise
                scale = xp.full_like(data, scale)
            return xp.astype((data - location) / scale, data.dtype)

    def sample_inputs(self, rng: Any) -> tuple[Any, ...]:
        """Return positive numbers: a scale is no zero."""
        return positive(rng, 3)

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, **prepared: Array) -> tuple[Array, ...]:
        """Return the cotangents of data, location and scale."""
        data, location, scale = blocks
        scaled = cotangent / conjugate(xp, scale)
        by_scale = -scaled * conjugate(xp, (data - location) / scale)
        return scaled, cotangent_of(xp, -scaled, location), cotangent_of(xp, by_scale, scale)


def _quotient(unit: str | None, scale: Operand | None) -> str | None:
    if scale is None or unit is None:
        return None
    other = unit_of(scale) if isinstance(scale, ArraySpec) else unit
    return "1" if other is not None and units.same(unit, other) else units.product(unit, other, -1)


class _OwnStatistics(Composite):
    """Operators that compute their statistics from the data."""

    over: Dims = param(doc="Dims over which the statistics are taken.")
    skipna: bool = param(False, "Leave NaN out of the statistics; it stays NaN in the result.")

    def _statistic(self, statistic: Any, data: Any, ddof: int = 0) -> Any:
        return wire(Reduction(over=self.over, statistic=statistic, skipna=self.skipna, ddof=ddof), data)


@operator(
    "demean",
    version=1,
    signature="()->()",
    dtypes="fc",
    linear=True,
    aliases=("anomaly", "anomalies", "remove mean", "deviation"),
    equation=r"z = x - \langle x \rangle",
)
class Demean(_OwnStatistics):
    r"""Deviations from the mean over named dims (anomalies).

    .. math:: z = x - \langle x \rangle_{over}

    Parameters
    ----------
    data : DataArray
        Float or complex, any dims.
    over : tuple of str
        Dims over which the mean is taken; all others keep means of their own.
    skipna : bool
        True leaves NaN out of the mean.

    Returns
    -------
    DataArray
        Dims, dtype and unit of ``data``. The mean is a float64 sum, subtracted before rounding.

    Raises
    ------
    DimensionError
        A dim of ``over`` does not exist.

    Notes
    -----
    openEO's own ``anomaly(data, normals, period)`` compares calendar periods with their normals; this is another
    operation, hence another name.

    Examples
    --------
    >>> from scatflow.contract import Ref
    >>> Demean(over="time").expand(Ref("u")).operator.name
    'center'
    """

    def expand(self, *refs: Any) -> Any:
        """Wire ``center(data, reduce(data))``."""
        (data,) = refs
        return wire(Center(dtype=self.dtype), data, self._statistic("mean", data))

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield the deviation from the mean over ``x``, with and without a policy for gaps."""
        yield cls(over=("x",))
        yield cls(over=("x",), skipna=True)


@operator(
    "standardize",
    version=1,
    signature="()->()",
    dtypes="fc",
    aliases=("z-score", "zscore", "normalize"),
    equation=r"z = (x - \langle x \rangle) / \sqrt{\langle |x - \langle x \rangle|^2 \rangle}",
)
class Standardize(_OwnStatistics):
    r"""Deviations from the mean in units of the standard deviation, both over named dims.

    .. math:: z = (x - \langle x \rangle_{over}) / \sigma_{over}

    Parameters
    ----------
    data : DataArray
        Float or complex, any dims.
    over : tuple of str
        Dims over which mean and standard deviation are taken.
    skipna : bool
        True leaves NaN out of both.
    ddof : int
        n - ddof is divided by in the variance.

    Returns
    -------
    DataArray
        Dims and dtype of ``data``, unit "1" where the data state one. Where the data are constant the result is NaN.

    Raises
    ------
    DimensionError
        A dim of ``over`` does not exist.

    See Also
    --------
    rescale : the same with statistics that were computed before.

    Examples
    --------
    >>> from scatflow.contract import Ref
    >>> Standardize(over="time").expand(Ref("u")).operator.name
    'rescale'
    """

    ddof: int = param(0, "Subtracted from the number of samples in the variance.", ge=0)

    def expand(self, *refs: Any) -> Any:
        """Wire ``rescale(data, mean, std)``."""
        (data,) = refs
        mean, std = self._statistic("mean", data), self._statistic("std", data, self.ddof)
        return wire(Rescale(dtype=self.dtype), data, mean, std)

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield the standardization over ``x``, with and without a policy for gaps."""
        yield cls(over=("x",))
        yield cls(over=("x",), skipna=True)
