"""The operator ``averaging_pyramid``: averages over blocks of 2, 4, ..., 2^J samples."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Self

from scatflow.contract import operator, param
from scatflow.spec import ArraySpec, Cost
from scatflow_wavelet.dyadic import Dyadic, Normalize, total_of
from scatflow_wavelet.labels import core_names
from scatflow_wavelet.mirror import averages, spread
from scatflow_wavelet.references import WAVELET_TOUR

Array = Any


@operator(
    "averaging_pyramid",
    version=1,
    signature="(z?,y?,x)->(z?,y?,x)",
    dtypes="fc",
    linear=True,
    differentiable=True,
    boundaries=("periodic",),
    references=(WAVELET_TOUR.part("multiresolution approximations"),),
    aliases=("coarse_graining", "block_average", "multiresolution", "downsample", "haar_averages"),
    equation=r"a_{j+1}(n) = \tfrac12 \left( a_j(2n) + a_j(2n+1) \right), \quad a_0 = x",
)
class AveragingPyramid(Dyadic):
    r"""Averages over blocks of 2, 4, ..., 2^J samples along every core dim, one result per octave.

    .. math:: a_{j+1}(n) = \tfrac12 \big(a_j(2n) + a_j(2n+1)\big), \qquad a_0 = x

    along one to three dims: the low-passed coefficients of ``orthogonal_wavelet(filters="haar")`` at every octave, whose
    details tell what is lost from one to the next.

    Parameters
    ----------
    data : DataArray
        Float or complex, every core length a multiple of 2^J.
    dims : tuple of str
        One to three core dims.
    J : int
        Octaves, at least 1.
    normalize : {"mean", "orthonormal"}
        ``mean`` gives means; ``orthonormal`` multiplies those of octave j by ``2^(j/2)`` per dim, Haar's coefficients.
    boundary : "periodic"
        Nothing reaches over an edge; there is no other.

    Returns
    -------
    Dataset or DataTree
        ``a1`` to ``aJ``, of the data's dtype and unit. Sample n of ``aj`` lies at sample ``2^j n`` of the data, where its block
        begins, and carries that coordinate.

    Raises
    ------
    ParameterError
        A length is not a multiple of 2^J; the nearest are named.

    Examples
    --------
    >>> import numpy as np
    >>> from scatflow.arrays import namespace
    >>> x = np.array([4.0, 2.0, 5.0, 5.0])
    >>> AveragingPyramid(dims=("x",), J=2).apply(namespace(x), x)
    {'a1': array([3., 5.]), 'a2': array([4.])}
    """

    J: int = param(3, "Octaves; every core length must be a multiple of 2^J.", ge=1, le=30)
    normalize: Normalize = param("mean", "mean gives means over blocks; orthonormal multiplies by the root of their lengths.")

    def output(self, *specs: ArraySpec) -> Mapping[str, ArraySpec]:
        """Declare one result per octave."""
        (spec,) = specs
        core = self.core(spec)
        title = spec.attrs.get("long_name")
        words = "block averages" if self.normalize == "mean" else "Haar low-pass"
        named = spec.with_attrs(long_name=f"{words} of {title}" if title else None, standard_name=None)
        results = {}
        for j in range(1, self.J + 1):
            result = named
            for dim in core:
                result = result.strided(dim, 2**j)
            results[f"a{j}"] = result
        return results

    def depth(self, tol: float = 1e-4) -> Mapping[str, tuple[int, int]]:
        """Return the length of the longest block: exact, at every tolerance."""
        return dict.fromkeys(self.signature.roles, (0, 2**self.J - 1))

    def apply(self, xp: Any, *blocks: Array, **prepared: Array) -> dict[str, Array]:
        """Compute one block."""
        found = averages(xp, blocks[0], self._weight(), self.J, self.ndim(blocks[0]))
        return {f"a{j}": value for j, value in enumerate(found, 1)}

    def vjp(self, xp: Any, cotangent: Any, *blocks: Array, **prepared: Array) -> tuple[Array, ...]:
        """Return the sum over octaves of every value given back to the samples that it averages."""
        given = cotangent if isinstance(cotangent, Mapping) else {"a1": cotangent}
        return (spread(xp, [given[f"a{j}"] for j in range(1, self.J + 1)], self._weight(), self.ndim(blocks[0])),)

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare a sum and a product per sample and axis; half a block, and what is left of it after the first axis."""
        (spec,) = specs
        return Cost(2.0 * len(core_names(spec, self.dims)) * math.prod(spec.shape), spec.nbytes)

    @classmethod
    def examples(cls) -> Iterator[Self]:
        """Yield both norms, and one to three dims."""
        yield cls(dims=("x",), J=3)
        yield cls(dims=("y", "x"), J=2, normalize="orthonormal")
        yield cls(dims=("z", "y", "x"), J=1)

    def _weight(self) -> float:
        return total_of(self.normalize) / 2
