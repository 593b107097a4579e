"""The operator ``m_term_error`` and the exponent of its decay: how few coefficients of an orthonormal transform hold the data."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from scatflow.contract import Dims, Reduce, operator, param
from scatflow.errors import ParameterError
from scatflow.labels import label_coord
from scatflow.spec import ArraySpec, Cost
from scatflow_wavelet.references import WAVELET_TOUR

if TYPE_CHECKING:
    import xarray as xr

Array = Any
#: Largest number of terms asked for by default: what a partial state holds.
_MOST = 4096


@operator(
    "m_term_error",
    version=1,
    signature="()->(terms)",
    dtypes="fc",
    references=(WAVELET_TOUR.part("nonlinear approximation in orthonormal bases"),),
    aliases=("sparsity", "nonlinear_approximation", "best_m_term_approximation", "compressibility", "energy_compaction"),
    equation=r"e(M) = \frac{\lVert x - x_M \rVert^2}{\lVert x \rVert^2} = \frac{\sum_{m > M} |w|^2_{(m)}}{\sum_m |w|^2_{(m)}}",
)
class MTermError(Reduce):
    r"""Relative squared error of keeping only the M largest coefficients of an orthonormal transform.

    .. math:: e(M) = \lVert x - x_M \rVert^2 / \lVert x \rVert^2

    for x the data and x_M the sum of the M terms of largest modulus; in an orthonormal basis that is the sum of all smaller
    squares, and x itself is not needed. What falls off like M^-2 is as regular as a Lipschitz function of one variable with a
    few jumps, M^-1 is that of images with edges of finite length. Chunks are searched one by one, each for its largest terms;
    the result is that of the whole, to rounding.

    Parameters
    ----------
    data : DataArray
        Coefficients, float or complex: of ``orthogonal_wavelet``, say, or a unitary Fourier transform.
    over : tuple of str
        Dims of the coefficients of one expansion, chunked or not.
    terms : tuple of int, optional
        The numbers M, increasing; default the powers of two up to 4096 or the number of coefficients. A partial result holds
        as many numbers as the largest M.

    Returns
    -------
    DataArray
        float64 between 0 and 1, without unit; dim ``terms`` in place of those of ``over``. It is 0 for data that are 0 everywhere
        and NaN where a coefficient is NaN. Sums run over the small squares alone, so that small errors have all their digits.

    Raises
    ------
    ParameterError
        ``over`` names no dim; a number of terms is below 1 or above the number of coefficients, or they do not increase.

    Examples
    --------
    >>> import numpy as np
    >>> from scatflow.arrays import namespace
    >>> w = np.array([3.0, 0.0, -4.0, 1.0])
    >>> error, xp = MTermError(over="x", terms=(1, 2, 4)), namespace(w)
    >>> (26 * error.finalize(xp, *error.chunk(xp, w))).round(12)
    array([10.,  1.,  0.])
    """

    dims: Dims | None = param((), "Not used: every dim is named in 'over'.")
    over: Dims | None = param(None, "Dims of the coefficients of one expansion; required.")
    terms: tuple[int, ...] | None = param(None, "Numbers of terms kept, increasing; default powers of two up to 4096.")

    def resolve(self, *specs: ArraySpec) -> Self:
        """Return the operator with the numbers of terms filled in, having checked them."""
        (spec,) = specs
        if not self.over:
            raise ParameterError("m_term_error.over", "the dims of one expansion must be named", expected=f"some of {spec.dims}", got=self.over,
                                 remedy=f"For all of them: over={spec.dims!r}.", code="ParameterRequired")  # fmt: skip
        count = math.prod(spec.sizes[dim] for dim in self.over)
        if self.terms is None:
            most = min(count, _MOST)
            return self.replace(terms=tuple(2**k for k in range(max(1, most).bit_length())))
        if not self.terms or any(a >= b for a, b in itertools.pairwise(self.terms)):
            raise ParameterError(
                "m_term_error.terms", "numbers of terms increase", expected="at least one, smallest first", got=self.terms
            )
        if self.terms[0] < 1 or self.terms[-1] > count:
            raise ParameterError("m_term_error.terms", f"an expansion over {self.over} has {count} terms", expected=f"numbers from 1 to {count}",
                                 got=self.terms, remedy="Leave terms out for powers of two.")  # fmt: skip
        return self

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Declare the errors, by number of terms."""
        (spec,) = specs
        ready = self.resolve(spec)
        terms = np.array(ready.terms, dtype=np.int64)
        title = spec.attrs.get("long_name")
        words = f"relative squared error of the largest terms{f' of {title}' if title else ''}"
        coord = {"terms": label_coord(terms, "terms", long_name="number of terms kept")}
        result = spec.without(*(ready.over or ())).with_dtype("float64").with_dim("terms", len(terms), coord)
        return result.with_attrs(units="1", long_name=words, standard_name=None, cell_methods=None)

    def chunk(self, xp: Any, *blocks: Array, **prepared: Array) -> tuple[Array, ...]:
        """Return the largest squares of a block, in order, and the sum of the others."""
        (block,) = blocks
        wide = xp.astype(xp.abs(block), xp.float64)
        return _largest(xp, wide * wide, self._most())

    def combine(self, xp: Any, a: tuple[Array, ...], b: tuple[Array, ...]) -> tuple[Array, ...]:
        """Merge the largest squares of two blocks."""
        top, rest = _largest(xp, xp.concat([a[0], b[0]], axis=-1), self._most())
        return top, rest + (a[1] + b[1])

    def finalize(self, xp: Any, *state: Array) -> Array:
        """Return the sums of all squares but the M largest, over that of all."""
        top, rest = state
        tails = xp.flip(xp.cumulative_sum(xp.flip(top, axis=-1), axis=-1), axis=-1) + rest[..., None]
        tails = xp.concat([tails, rest[..., None]], axis=-1)
        total = tails[..., :1]
        index = xp.asarray(np.array(self.terms), device=top.device)
        return xp.take(tails, index, axis=-1) / xp.where(total == 0, xp.ones_like(total), total)

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare the comparisons of a sort; squares, their sorted copy, and its cut."""
        (spec,) = specs
        count = math.prod(spec.shape)
        return Cost(count * math.log2(max(2, spec.shape[-1])), 4 * 8 * count + 16 * self._most())

    def _most(self) -> int:
        return self.terms[-1] if self.terms else 1

    @classmethod
    def examples(cls) -> Iterator[Self]:
        """Yield chosen numbers of terms and the default."""
        yield cls(over=("x",), terms=(1, 3, 5))
        yield cls(over=("y", "x"))


def decay_exponent(error: xr.DataArray, first: int | None = None, last: int | None = None) -> xr.DataArray:
    """Return the exponent s of ``e(M) ~ M^s``: the least-squares slope of log e over log M.

    Parameters
    ----------
    error : DataArray
        Positive, with the dim and coordinate ``terms`` of ``m_term_error``.
    first, last : int, optional
        Least and largest M of the fit; default the middle half of the octaves given.

    Returns
    -------
    DataArray
        float64, without the dim ``terms``; -inf or NaN where an error in the range is 0 or NaN.

    Raises
    ------
    ParameterError
        Fewer than two numbers of terms lie in the range.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> terms = 2 ** np.arange(8)
    >>> float(decay_exponent(xr.DataArray(5.0 * terms**-2.0, dims="terms", coords={"terms": terms})).round(12))
    -2.0
    """
    octaves = np.log2(error["terms"].values.astype(np.float64))
    quarter = (octaves[-1] - octaves[0]) / 4
    low = octaves[0] + quarter if first is None else math.log2(first)
    high = octaves[-1] - quarter if last is None else math.log2(last)
    inside = np.flatnonzero((octaves >= low - 1e-9) & (octaves <= high + 1e-9))
    if inside.size < 2:
        raise ParameterError("decay_exponent", "a slope needs two numbers of terms in its range", expected=f"two of {error['terms'].values.tolist()}",
                             got=f"{2**low:.4g} to {2**high:.4g}", remedy="Widen first and last.")  # fmt: skip
    part = error.isel(terms=inside).astype(np.float64)
    centered = part["terms"].copy(data=octaves[inside] - octaves[inside].mean()).drop_vars("terms")
    part = part.drop_vars("terms")
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithm = np.log2(part)
        slope = (centered * logarithm).sum("terms", skipna=False) / float((centered**2).sum())
    return slope.assign_attrs(units="1", long_name="exponent of the decay of the error")


def _largest(xp: Any, squares: Array, count: int) -> tuple[Array, Array]:
    """Return the largest numbers in decreasing order, with zeros where there are fewer, and the sum of the others."""
    ordered = xp.sort(squares, axis=-1, descending=True)
    top, rest = ordered[..., :count], xp.sum(ordered[..., count:], axis=-1)
    lacking = count - top.shape[-1]
    if lacking:
        zeros = xp.zeros((*top.shape[:-1], lacking), dtype=top.dtype, device=top.device)
        top = xp.concat([top, zeros], axis=-1)
    return top, rest
