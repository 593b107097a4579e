"""The operator ``scattering``: labels, geometry and cost around the kernels of :mod:`scatflow_scattering.transform`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np

from scatflow.contract import operator
from scatflow.errors import ChunkError
from scatflow.spec import ArraySpec, Cost, Place
from scatflow_scattering.budget import scattering_cost
from scatflow_scattering.profiled import Profiled
from scatflow_scattering.total import Total
from scatflow_scattering.transform import Average, Mean, Smoothing, low_passes, pull, scatter
from scatflow_scattering.tree import Tree, filters
from scatflow_wavelet.gammatone import Gammatone
from scatflow_wavelet.kymatio import Kymatio, Kymatio03
from scatflow_wavelet.references import DEEP_SCATTERING_SPECTRUM, GROUP_INVARIANT_SCATTERING, SCATTERING_NETWORKS
from scatflow_wavelet.tight import Tight

Array = Any


@operator(
    "scattering",
    version=1,
    signature="(y?,x)->(path,y?,x)",
    dtypes="f",
    differentiable=True,
    references=(GROUP_INVARIANT_SCATTERING, SCATTERING_NETWORKS, DEEP_SCATTERING_SPECTRUM),
    aliases=("scattering_transform", "wavelet_scattering", "time_scattering", "windowed_scattering"),
    equation=r"S[p](u) = (U[p] \star \phi_J)(u), \quad U[\lambda_1 \ldots \lambda_m] = ||| x \star \psi_{\lambda_1} | \star \ldots | \star \psi_{\lambda_m} |",
)
class Scattering(Profiled):
    """Windowed scattering coefficients: averages of iterated wavelet moduli, of any order.

    ``U[()] = x``, ``U[p + n] = |U[p] * psi_n|`` and ``S[p](k) = (U[p] * phi)(k stride)``, with the boundary rule
    applied to ``pad`` averaging scales beyond each edge. U[p] is sampled on absolute multiples of
    ``2^max(0, j - oversampling)``, j being the octave of its last wavelet. Filters that reproduce another package
    (``"kymatio"``, ``"kymatio-0.3"``) bring its extension and sampling with them.

    Parameters
    ----------
    J, Q, L, filters, oversampling, pad, metric
        See :class:`scatflow_wavelet.parameters.BankParameters`.
    order, tree, paths
        See :class:`scatflow_scattering.parameters.TreeParameters`.
    T : float or "global", optional
        Averaging scale in samples of the coarsest core axis; default 2^J. ``"global"`` takes the mean over the whole
        core.
    stride : int, optional
        Step of the results in samples, along every core dim; default 2^J. Powers of two up to 2^J are fastest.

    Returns
    -------
    DataArray
        Input dims with core dims sampled every ``stride``, and ``path`` last with coordinates ``order``,
        ``j1``, ``l1``, ``xi1``, ``sigma1``, ``scale1``, ... (and ``n1`` in one dim, ``theta1`` in two); input dtype and
        units, since the transform is homogeneous of degree 1.

    Raises
    ------
    ParameterError
        2^J exceeds the data (the largest J is named), the family has no such bank, no path matches, the tree
        cannot be sampled as asked, ``T=0``, or a parameter that the package reproduced by the filters does not have.
    ChunkError
        Core dims are to be split, and the filters or a global mean do not allow it.
    DimensionError
        The core dims have different units and ``metric`` is ``"space"``.

    Examples
    --------
    >>> from scatflow.spec import ArraySpec
    >>> spec = Scattering(dims=("y", "x"), J=4).output(ArraySpec(("t", "y", "x"), (2, 128, 96), "float32"))
    >>> spec.dims, spec.shape
    (('t', 'path', 'y', 'x'), (2, 417, 8, 6))
    """

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Declare the result: sampled core dims, and the labelled dim ``path`` before them."""
        (spec,) = specs
        ready = self.resolve(spec)
        assert ready.dims is not None
        ndim = len(ready.dims)
        names = spec.dims[len(spec.dims) - ndim :]
        ready.check(spec, names)
        tree, profile = ready.paths_of(ndim), ready.conventions()
        coords = ready.path_coords(spec, tree)
        result = spec.without(*names) if self.T == "global" else spec
        for dim in () if self.T == "global" else names:
            result = result.sampled(dim, profile.samples(spec.sizes[dim], ndim))
        what = spec.attrs.get("long_name") or spec.name
        kind = "sums of scattering planes" if self.T == "global" and profile.totals else "scattering coefficients"
        title = f"{kind} of {what}" if what else kind
        result = result.with_dim("path", len(tree.paths), coords, at=len(spec.dims) - ndim)
        return result.with_attrs(long_name=title, standard_name=None)

    def depth(self, tol: float = 1e-4) -> Mapping[str, tuple[int, int]]:
        """Return the tabulated reach of the operator as a whole per role."""
        if self.T == "global":
            raise ChunkError(f"{self.name}.T", 'a mean over the whole core has no finite reach (T="global")',
                             remedy="Use scattering_moments, which reduces chunked core dims.")  # fmt: skip
        return self.reach(self.order, tol)

    def causal(self) -> bool:
        """Tell whether no result looks ahead; a mean over everything does."""
        return self.T != "global" and super().causal()

    def coverage(self, xp: Any, at: Place) -> Mapping[str, Array]:
        """Return, per role, rows of low-pass weights at the samples of the result."""
        if self.T == "global":
            return {}
        roles = tuple(at.size)
        bank = self.bank(len(roles))
        weights = {}
        for role, aspect in zip(roles, bank.aspect, strict=True):
            samples = np.asarray(self.samples(at, role), dtype=np.float64)
            distance = samples[:, None] - np.arange(at.start[role], at.stop[role])[None, :]
            weights[role] = xp.asarray(bank.coverage(distance / aspect))
        return weights

    def prepare(self, xp: Any, block: ArraySpec, device: Any) -> dict[str, Any]:
        """Build filters and low-passes for one block shape."""
        ndim = len(block.shape)
        tree = self.paths_of(ndim)
        bands = filters(tree, block.shape, xp, block.dtype, device)
        if self.T == "global":
            return {"bands": bands, "low": {}}
        grid = self.conventions().grid
        return {"bands": bands, "low": low_passes(self.bank(ndim), tree, block.shape, grid, xp, block.dtype, device)}

    def apply(self, xp: Any, *blocks: Array, at: Place, **prepared: Any) -> Array:
        """Compute one extended block."""
        average = self._average(at, prepared)
        return scatter(xp, blocks[0], self._tree(at), prepared["bands"], average)

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, at: Place, **prepared: Any) -> tuple[Array, ...]:
        """Return the cotangent of one extended block."""
        average = self._average(at, prepared)
        return (pull(xp, cotangent, blocks[0], self._tree(at), prepared["bands"], average),)

    def _tree(self, at: Place) -> Tree:
        return self.paths_of(len(at.start))

    def _average(self, at: Place, prepared: Mapping[str, Any]) -> Average:
        """Return how planes of a block become coefficients; only this depends on where the block lies."""
        roles, profile = tuple(at.start), self.conventions()
        if self.T == "global" and profile.totals:
            return Total(tuple((0, at.stop[r] - at.start[r]) for r in roles))
        if self.T == "global":
            return Mean(tuple((at.core[r][0] - at.start[r], at.core[r][1] - at.start[r]) for r in roles))
        samples = [self.samples(at, role) for role in roles]
        keep = tuple(
            slice((s.start - at.start[r]) // profile.grid, None, s.step // profile.grid)
            for r, s in zip(roles, samples, strict=True)
        )
        return Smoothing(prepared["low"], keep, tuple(len(s) for s in samples))

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare flops, and bytes of filters, planes and untrimmed results."""
        ready = self.resolve(specs[0])
        assert ready.dims is not None
        ndim = len(ready.dims)
        tree, spec = ready.paths_of(ndim), specs[0]
        count = math.prod(spec.shape[: len(spec.dims) - ndim])
        return scattering_cost(ready, tree, count, spec.shape[len(spec.dims) - ndim :], spec.dtype)

    @classmethod
    def examples(cls) -> Iterator[Self]:
        """Yield small instances in one and two dims."""
        yield cls(dims=("x",), J=3, Q=2)
        yield cls(dims=("y", "x"), J=1, L=3, tree="all")
        yield cls(dims=("y", "x"), J=2, L=3, filters=Tight(), stride=3, boundary="periodic", metric="index")
        yield cls(dims=("x",), J=2, T="global", order=1)
        yield cls(dims=("x",), J=2, filters=Gammatone(), stride=2, boundary="periodic")
        yield cls(dims=("x",), J=3, Q=(2, 1), filters=Kymatio03())
        yield cls(dims=("x",), J=2, T="global", filters=Kymatio())
        yield cls(dims=("y", "x"), J=1, L=3, filters=Kymatio(), metric="index")
