"""Statistics over named dims that need one pass and little memory, whatever the chunks.

Partial states hold float64 (complex128) numbers and merge in index order, so results of differently chunked arrays
agree to rounding: about 1e-15 times the condition of the sum, exactly for minima, maxima and counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal, get_args

import numpy as np
from pydantic import model_validator

from scatflow.contract import Dims, Operator, Reduce, Reference, Whole, operator, param
from scatflow.errors import DtypeError, ParameterError
from scatflow.spec import ArraySpec, Cost, itemsize
from scatflow_arrays import units
from scatflow_arrays.numbers import real_of
from scatflow_arrays.quantity import relabeled, unit_of
from scatflow_arrays.segments import by_sample

Array = Any
State = tuple[Array, ...]
Statistic = Literal["mean", "var", "std", "min", "max", "sum"]
#: CF names of the statistics, for the attribute ``cell_methods``.
_CELL_METHODS = {
    "mean": "mean",
    "var": "variance",
    "std": "standard_deviation",
    "min": "minimum",
    "max": "maximum",
    "sum": "sum",
}


@operator(
    "reduce",
    version=1,
    signature="()->()",
    dtypes="fci",
    aliases=("mean", "variance", "var", "std", "sd", "min", "max", "sum", "average", "reduce_dimension"),
    references=(
        Reference(
            ("Chan, Tony F.", "Golub, Gene H.", "LeVeque, Randall J."),
            "Algorithms for computing the sample variance: analysis and recommendations",
            1983,
            "Am. Stat.",
            "37",
            number="3",
            pages="242--247",
            doi="10.1080/00031305.1983.10483115",
        ),
    ),
    equation=r"\bar x = \frac1n \sum_i x_i, \quad \mathrm{var} = \frac{1}{n - \mathrm{ddof}} \sum_i |x_i - \bar x|^2, \quad \min_i x_i, \ \max_i x_i",
)
class Reduction(Reduce):
    r"""Mean, variance, standard deviation, minimum, maximum or sum over named dims.

    .. math:: mean = \frac1n \sum_i x_i, \qquad var = \frac{1}{n - ddof} \sum_i |x_i - mean|^2

    Variances are merged from means and sums of squared deviations, never from sums of squares, so a large mean costs
    no digits.

    Parameters
    ----------
    data : DataArray
        Any dims. Float or complex; integers and booleans are counted exactly in float64. Complex data have no minimum.
    over : tuple of str
        The dims to reduce.
    statistic : {"mean", "var", "std", "min", "max", "sum"}
        What is computed.
    skipna : bool
        True leaves NaN out; a result without any valid sample is NaN (a sum 0). False passes NaN on.
    ddof : int
        Of ``var`` and ``std``: n - ddof is divided by; NaN where that is not positive.
    count : bool
        True gives the number of samples each result rests on beside it.

    Returns
    -------
    DataArray or Dataset
        float64 (complex128 for the mean and sum of complex data) without the dims ``over``; with ``count`` the
        results ``{statistic}`` and ``count``. The unit is kept, squared for ``var``; ``cell_methods`` tells the
        statistic.

    Raises
    ------
    DimensionError
        A dim of ``over`` does not exist.
    DtypeError
        Minimum or maximum of complex data.

    Examples
    --------
    >>> import numpy as np
    >>> op = Reduction(over="x", statistic="var")
    >>> op.finalize(np, *op.chunk(np, np.array([[1.0, 2.0, 3.0, 6.0]])))
    array([3.5])
    """

    dims: Dims | None = param((), "Not used: every dim is named in 'over'.")
    over: Dims | None = param(None, "Dims to reduce; required, because no dim is pooled unasked.")
    statistic: Statistic = param("mean", "What is computed.")
    skipna: bool = param(False, "Leave NaN out instead of passing it on.")
    ddof: int = param(0, "Subtracted from the number of samples in var and std.", ge=0)
    count: bool = param(False, "Also give the number of samples each result rests on.")

    def resolve(self, *specs: ArraySpec) -> Operator:
        """Return the operator itself, once its parameters fit together."""
        if not self.over:
            raise ParameterError(
                "reduce.over",
                "the dims to reduce must be named",
                expected=f"some of {specs[0].dims}",
                got=self.over,
                remedy=f"For all of them: over={specs[0].dims!r}.",
                code="ParameterRequired",
            )
        if self.ddof and self.statistic not in ("var", "std"):
            raise ParameterError("reduce.ddof", "only var and std have it", expected=0, got=self.ddof)
        return self

    def output(self, *specs: ArraySpec) -> ArraySpec | Mapping[str, ArraySpec]:
        """Return the labels that are left, the unit and the CF cell method."""
        (spec,) = specs
        over = self.over or ()
        is_complex = np.dtype(spec.dtype).kind == "c"
        if is_complex and self.statistic in ("min", "max"):
            raise DtypeError(
                "reduce input",
                "complex values have no order",
                expected="float32, float64",
                got=spec.dtype,
                remedy="Take the modulus first (absolute).",
            )
        dtype = "complex128" if is_complex and self.statistic in ("mean", "sum") else "float64"
        rest = spec.without(*over).with_dtype(dtype)
        unit = unit_of(spec)
        method = f"{': '.join(dim for dim in spec.dims if dim in over)}: {_CELL_METHODS[self.statistic]}"
        methods = f"{spec.attrs['cell_methods']} {method}" if "cell_methods" in spec.attrs else method
        result = rest.with_attrs(units=units.raised(unit, 2) if self.statistic == "var" else unit, cell_methods=methods)
        if not self.count:
            return result
        number = replace(rest.with_dtype("float64"), attrs={"long_name": "number of samples", "units": "1"}, name="count")
        return {self.statistic: result, "count": number}

    def chunk(self, xp: Any, *blocks: Array, **prepared: Array) -> State:
        """Return (count, statistic) of one block, or (count, mean, sum of squared deviations)."""
        x = self._wide(xp, blocks[0])
        valid = ~xp.isnan(x) if self.skipna else None
        if valid is None:
            n = xp.full(x.shape[:-1], float(x.shape[-1]), dtype=xp.float64, device=x.device)
        else:
            n = xp.sum(xp.astype(valid, xp.float64), axis=-1)
        if self.statistic in ("min", "max"):
            return n, self._extreme(xp, x)
        filled = x if valid is None else xp.where(valid, x, xp.zeros_like(x))
        total = xp.sum(filled, axis=-1)
        if self.statistic in ("mean", "sum"):
            return n, total
        mean = total / _at_least_one(xp, n)
        deviation = xp.abs(filled - mean[..., None])
        if valid is not None:
            deviation = deviation * xp.astype(valid, xp.float64)
        return n, mean, xp.sum(deviation * deviation, axis=-1)

    @staticmethod
    def _wide(xp: Any, block: Array) -> Array:
        wide = xp.complex128 if xp.isdtype(block.dtype, "complex floating") else xp.float64
        return xp.astype(block, wide)

    def _extreme(self, xp: Any, x: Array) -> Array:
        low = self.statistic == "min"
        # Libraries differ in what a minimum makes of NaN, so it is taken out and put back.
        neutral = xp.asarray(xp.inf if low else -xp.inf, dtype=x.dtype, device=x.device)
        clean = xp.where(xp.isnan(x), neutral, x)
        found = xp.min(clean, axis=-1) if low else xp.max(clean, axis=-1)
        if self.skipna:
            return found
        poisoned = xp.any(xp.isnan(x), axis=-1)
        return xp.where(poisoned, xp.asarray(xp.nan, dtype=x.dtype, device=x.device), found)

    def combine(self, xp: Any, a: State, b: State) -> State:
        """Merge two states; variances by the pairwise update of Chan, Golub and LeVeque."""
        n = a[0] + b[0]
        if self.statistic in ("mean", "sum"):
            return n, a[1] + b[1]
        if self.statistic in ("min", "max"):
            merged = xp.minimum(a[1], b[1]) if self.statistic == "min" else xp.maximum(a[1], b[1])
            return n, xp.where(xp.isnan(a[1]), a[1], xp.where(xp.isnan(b[1]), b[1], merged))
        shift = b[1] - a[1]
        share = b[0] / _at_least_one(xp, n)
        distance = xp.abs(shift)
        return n, a[1] + shift * share, a[2] + b[2] + distance * distance * a[0] * share

    def finalize(self, xp: Any, *state: Array) -> Array | Mapping[str, Array]:
        """Return the statistic, NaN where nothing was there to compute it from."""
        n = state[0]
        if self.statistic in ("var", "std"):
            free = n - self.ddof
            value = _or_nan(xp, state[2] / _at_least_one(xp, free), free > 0)
            value = xp.sqrt(value) if self.statistic == "std" else value
        elif self.statistic == "sum":
            value = state[1]
        else:
            value = state[1] / _at_least_one(xp, n) if self.statistic == "mean" else state[1]
            value = _or_nan(xp, value, n > 0)
        return {self.statistic: value, "count": n} if self.count else value

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield every statistic, with and without a policy for gaps, and one with its count."""
        for statistic in get_args(Statistic):
            yield cls(over=("x",), statistic=statistic, skipna=statistic in ("mean", "min"), count=statistic == "mean")


def _at_least_one(xp: Any, n: Array) -> Array:
    return xp.where(n > 1, n, xp.ones_like(n))


def _or_nan(xp: Any, value: Array, valid: Array) -> Array:
    return xp.where(valid, value, xp.asarray(xp.nan, dtype=value.dtype, device=value.device))


@operator(
    "norm",
    version=1,
    signature="(component)->()",
    dtypes="fc",
    differentiable=True,
    aliases=("magnitude", "speed", "length"),
    equation=r"z = \sqrt{\sum_c |x_c|^2}",
)
class Norm(Whole):
    r"""Euclidean norm over a component dim.

    .. math:: z = \sqrt{\sum_c |x_c|^2}

    Parameters
    ----------
    data : DataArray
        Float or complex, with the dim that counts the components of a vector.
    dims : str
        That dim, default ``component``.

    Returns
    -------
    DataArray
        Without that dim, real, in the input's precision and unit; NaN where a component is.

    Raises
    ------
    DimensionError
        There is no such dim.

    Examples
    --------
    >>> import numpy as np
    >>> Norm().apply(np, np.array([[3.0, 4.0], [0.0, 0.0]]))
    array([5., 0.])
    """

    dims: Dims | None = param(("component",), "The dim that counts the components.")

    @model_validator(mode="before")
    @classmethod
    def _unspaced(cls, values: Any) -> Any:
        return by_sample(values, ("component",))

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Return the labels without the component dim."""
        (spec,) = specs
        return relabeled(spec.without(spec.dims[-1]).with_dtype(real_of(spec.dtype)), "magnitude of {}")

    def apply(self, xp: Any, *blocks: Array, **prepared: Array) -> Array:
        """Compute one block; the largest component is scaled out, so that no square over- or underflows."""
        modulus = xp.abs(blocks[0])
        largest = xp.max(modulus, axis=-1, keepdims=True)
        usable = xp.isfinite(largest) & (largest > 0)
        scale = xp.where(usable, largest, xp.ones_like(largest))
        scaled = modulus / scale
        return xp.sqrt(xp.sum(scaled * scaled, axis=-1)) * scale[..., 0]

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare a few operations per component; the moduli, scaled and squared."""
        (spec,) = specs
        count = math.prod(spec.shape)
        return Cost(4.0 * count, 3 * count * itemsize(real_of(spec.dtype)))

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, **prepared: Array) -> tuple[Array, ...]:
        """Return the cotangent times the unit vector, 0 where the vector is 0."""
        (block,) = blocks
        norm = self.apply(xp, block)
        safe = xp.where(norm == 0, xp.ones_like(norm), norm)
        return ((cotangent / safe)[..., None] * block,)

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield the norm over the dim ``x``."""
        yield cls(dims=("x",))
