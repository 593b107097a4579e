"""The operators ``orthogonal_wavelet`` and its inverse: Haar's and Daubechies' transforms, as many numbers as samples."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal, Self, get_args

import numpy as np

from scatflow.contract import operator, param
from scatflow.errors import ParameterError
from scatflow.labels import label_coord
from scatflow.spec import ArraySpec, Coord, Cost
from scatflow_wavelet.dyadic import Dyadic, total_of
from scatflow_wavelet.labels import core_names
from scatflow_wavelet.mirror import Pair, analyze, pair, synthesize
from scatflow_wavelet.references import COMPACT_WAVELETS, WAVELET_TOUR

Array = Any
#: In the order of their vanishing moments, 1 to 8; the number in the name.
Filter = Literal["haar", "db2", "db3", "db4", "db5", "db6", "db7", "db8"]


class Orthogonal(Dyadic):
    """Base of the transform and its inverse, which have all parameters in common."""

    filters: Filter = param(
        "haar", "haar, or db2 to db8: Daubechies' filters of that many vanishing moments and twice as many taps."
    )

    @property
    def moments(self) -> int:
        """Vanishing moments of the wavelet: half the number of taps."""
        return get_args(Filter).index(self.filters) + 1

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare a product and a sum per tap, axis and sample of an octave; the result, and planes of the finest octave."""
        (spec,) = specs
        ndim = len(core_names(spec, self.dims))
        octaves = sum(2.0 ** (-ndim * j) for j in range(self.J))
        return Cost(
            2.0 * 2 * self.moments * ndim * octaves * math.prod(spec.shape), int(3.5 * spec.nbytes) if self.J else spec.nbytes
        )

    @classmethod
    def examples(cls) -> Iterator[Self]:
        """Yield all filters, both norms, and one to three dims."""
        yield cls(dims=("x",), J=2, filters="db2")
        yield cls(dims=("y", "x"), J=2, normalize="mean")
        yield cls(dims=("z", "y", "x"), J=1, filters="db2")
        for name in get_args(Filter)[2:]:
            yield cls(dims=("x",), J=1, filters=name)


@operator(
    "orthogonal_wavelet",
    version=1,
    signature="(z?,y?,x)->(z?,y?,x)",
    dtypes="fc",
    linear=True,
    differentiable=True,
    boundaries=("periodic",),
    references=(COMPACT_WAVELETS, WAVELET_TOUR.part("fast orthogonal wavelet transform")),
    aliases=("haar", "haar_transform", "dwt", "discrete_wavelet_transform", "daubechies", "fast_wavelet_transform", "filter_bank"),
    equation=r"a_{j+1}(n) = \sum_k h(k)\, a_j(2n + k), \quad d_{j+1}(n) = \sum_k g(k)\, a_j(2n + k), \quad a_0 = x",
)
class OrthogonalWavelet(Orthogonal):
    r"""Orthogonal wavelet transform with filters of finite length: as many coefficients as samples, in their places.

    .. math:: a_{j+1}(n) = \sum_k h(k)\, a_j(2n+k), \qquad d_{j+1}(n) = \sum_k g(k)\, a_j(2n+k), \qquad a_0 = x

    along one to three dims, ``g(k) = (-1)^k h(L-1-k)``, L the number of taps. With several dims each octave applies both
    filters along every dim and goes on with what is low-passed along all: three bands per octave in two dims, seven in
    three. ``d_j(n)`` stands at sample ``2^j n + 2^(j-1)``, inside the support of its wavelet, and ``a_J(n)`` at ``2^J n``:
    the result has the dims, shape and coordinates of the data, and blocks of 2^J samples transform with their neighbors alone.

    Parameters
    ----------
    data : DataArray
        Float or complex; periodic, every core length a multiple of 2^J.
    dims : tuple of str
        One to three core dims.
    J : int
        Octaves; 0 returns the data.
    filters : {"haar", "db2", ..., "db8"}
        The wavelet; dbp has p vanishing moments and 2 p taps.
    normalize : {"orthonormal", "mean"}
        ``orthonormal`` keeps the sum of squares, to 1e-14 relative in double precision; ``mean`` divides by the square root
        of 2 per octave and dim, so that low-passed values of Haar are means of blocks.

    Returns
    -------
    DataArray
        Same labels, dtype and unit. Along each core dim ``d`` a coordinate ``level_d`` (int8): 1 to J where the coefficient is
        high-passed along d in that octave, J + 1 where it never is. A coefficient belongs to the octave that is the least of
        its levels, and is high-passed along the dims that have it: ``w.where(w.level_x == 1, drop=True)`` are the finest details.

    Raises
    ------
    ParameterError
        A length is not a multiple of 2^J (the nearest are named), or the boundary is not periodic.

    Examples
    --------
    >>> import numpy as np
    >>> from scatflow.arrays import namespace
    >>> x = np.array([4.0, 2.0, 5.0, 5.0])
    >>> OrthogonalWavelet(dims=("x",), J=2, normalize="mean").apply(namespace(x), x)  # a_2, d_1(0), d_2, d_1(1)
    array([ 4.,  1., -1.,  0.])
    """

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Declare the coefficients, with their levels along every core dim."""
        (spec,) = specs
        coords = {name: coord for dim in self.core(spec) for name, coord in _levels(dim, spec.sizes[dim], self.J).items()}
        title = spec.attrs.get("long_name")
        return spec.with_attrs(
            long_name=f"orthogonal wavelet coefficients of {title}" if title else None, standard_name=None
        ).with_coords(coords)

    def depth(self, tol: float = 1e-4) -> Mapping[str, tuple[int, int]]:
        """Return the support of the longest wavelet and low-pass: exact, at every tolerance."""
        longest = (2 * self.moments - 1) * (2**self.J - 1)
        return dict.fromkeys(self.signature.roles, (2**self.J // 2, longest))

    def apply(self, xp: Any, *blocks: Array, **prepared: Array) -> Array:
        """Compute one block."""
        return analyze(xp, blocks[0], self._filters(), self.J, self.ndim(blocks[0]))

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, **prepared: Array) -> tuple[Array, ...]:
        """Return the transposed transform of the cotangent."""
        return (synthesize(xp, cotangent, self._filters(), self.J, self.ndim(cotangent)),)

    def _filters(self) -> Pair:
        return pair(self.moments, total_of(self.normalize))


@operator(
    "inverse_orthogonal_wavelet",
    version=1,
    signature="(z?,y?,x)->(z?,y?,x)",
    dtypes="fc",
    linear=True,
    differentiable=True,
    boundaries=("periodic",),
    references=(COMPACT_WAVELETS, WAVELET_TOUR.part("fast orthogonal wavelet transform")),
    aliases=("idwt", "inverse_haar", "inverse_discrete_wavelet_transform", "waverec"),
    equation=r"a_j(m) = \sum_n h(m - 2n)\, a_{j+1}(n) + g(m - 2n)\, d_{j+1}(n)",
)
class InverseOrthogonalWavelet(Orthogonal):
    """Data from their orthogonal wavelet coefficients: the inverse of ``orthogonal_wavelet``, exact to 1e-12 relative.

    Parameters
    ----------
    data : DataArray
        Coefficients as ``orthogonal_wavelet`` places them.
    dims, J, filters, normalize
        As given to ``orthogonal_wavelet``.

    Returns
    -------
    DataArray
        Same dtype, unit and coordinates, without the levels.

    Raises
    ------
    ParameterError
        The coefficients state other levels than those of J, a length is not a multiple of 2^J, or the boundary is not periodic.

    Examples
    --------
    >>> import numpy as np
    >>> from scatflow.arrays import namespace
    >>> w = np.array([4.0, 1.0, -1.0, 0.0])
    >>> InverseOrthogonalWavelet(dims=("x",), J=2, normalize="mean").apply(namespace(w), w).round(12)
    array([4., 2., 5., 5.])
    """

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Declare the data, having checked the levels that the coefficients state."""
        (spec,) = specs
        gone = set()
        for dim in self.core(spec):
            for name, wanted in _levels(dim, spec.sizes[dim], self.J).items():
                found = spec.coords.get(name)
                if found is not None and not np.array_equal(np.asarray(found.values), wanted.values):
                    raise ParameterError("inverse_orthogonal_wavelet.J", f"the coefficients state other levels along {dim!r}", expected=f"those of J={self.J}",
                                         got=f"{name} up to {np.max(found.values)}", remedy="Give it the J of orthogonal_wavelet.", code="LevelsDiffer")  # fmt: skip
                gone.add(name)
        title = spec.attrs.get("long_name")
        plain = replace(spec, coords={name: coord for name, coord in spec.coords.items() if name not in gone})
        return plain.with_attrs(long_name=f"signal of {title}" if title else None, standard_name=None)

    def depth(self, tol: float = 1e-4) -> Mapping[str, tuple[int, int]]:
        """Return how far coefficients lie whose wavelets meet a sample: exact, at every tolerance."""
        longest = (2 * self.moments - 1) * (2**self.J - 1)
        return dict.fromkeys(self.signature.roles, (longest, 2**self.J // 2))

    def apply(self, xp: Any, *blocks: Array, **prepared: Array) -> Array:
        """Compute one block."""
        return synthesize(xp, blocks[0], self._filters(), self.J, self.ndim(blocks[0]))

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, **prepared: Array) -> tuple[Array, ...]:
        """Return the transposed inverse of the cotangent."""
        return (analyze(xp, cotangent, self._filters(), self.J, self.ndim(cotangent)),)

    def _filters(self) -> Pair:
        return pair(self.moments, 2 / total_of(self.normalize))


def _levels(dim: str, size: int, J: int) -> dict[str, Coord]:
    """Return along a dim the octave in which the coefficient of every sample is high-passed, J + 1 where in none."""
    index = np.arange(size)
    level = np.full(size, J + 1, dtype=np.int8)
    for j in range(1, J + 1):
        level[index % 2**j == 2 ** (j - 1)] = j
    return {f"level_{dim}": label_coord(level, dim, long_name=f"octave of the detail along {dim}, {J + 1} = low-passed")}
