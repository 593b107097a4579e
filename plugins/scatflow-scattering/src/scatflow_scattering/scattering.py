"""The operator ``scattering``: labels, geometry and cost around the kernels of :mod:`scatflow_scattering.transform`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Self

import numpy as np

from scatflow.contract import Window, operator, param
from scatflow.errors import ChunkError, ParameterError
from scatflow.spec import ArraySpec, Cost, Place
from scatflow_scattering.budget import scattering_cost
from scatflow_scattering.parameters import TreeParameters
from scatflow_scattering.transform import Average, Mean, Smoothing, low_passes, pull, scatter
from scatflow_scattering.tree import Tree, filters
from scatflow_wavelet.gammatone import Gammatone
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
class Scattering(TreeParameters, Window):
    """Windowed scattering coefficients: averages of iterated wavelet moduli, of any order.

    ``U[()] = x``, ``U[p + n] = |U[p] * psi_n|`` and ``S[p](k) = (U[p] * phi)(k stride)``, with the boundary rule
    applied to ``pad`` averaging scales beyond each edge. U[p] is sampled on absolute multiples of
    ``2^max(0, j - oversampling)``, j being the octave of its last wavelet.

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
        cannot be sampled as asked, or ``T=0``.
    DimensionError
        The core dims have different units and ``metric`` is ``"space"``.

    Examples
    --------
    >>> from scatflow.spec import ArraySpec
    >>> spec = Scattering(dims=("y", "x"), J=4).output(ArraySpec(("t", "y", "x"), (2, 128, 96), "float32"))
    >>> spec.dims, spec.shape
    (('t', 'path', 'y', 'x'), (2, 417, 8, 6))
    """

    T: float | Literal["global"] | None = param(
        None, 'Averaging scale in samples of the coarsest core axis, default 2^J; "global" for the mean over the core.'
    )
    stride: int | None = param(None, "Step of the results in samples along every core dim, default 2^J.", ge=1)

    def averaging(self) -> float | None:
        """Return T as a number, or None for 2^J."""
        return None if self.T is None or isinstance(self.T, str) else float(self.T)

    def step(self) -> int:
        """Return the step of the results in samples."""
        return 2**self.J if self.stride is None else self.stride

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Declare the result: sampled core dims, and the labelled dim ``path`` before them."""
        (spec,) = specs
        ready = self.resolve(spec)
        assert ready.dims is not None
        ndim = len(ready.dims)
        ready._check_averaging()
        tree = ready.paths_of(ndim)
        coords = ready.path_coords(spec, tree)
        names = spec.dims[len(spec.dims) - ndim :]
        result = spec.without(*names) if self.T == "global" else spec
        for dim in () if self.T == "global" else names:
            result = result.strided(dim, self.step())
        what = spec.attrs.get("long_name") or spec.name
        title = f"scattering coefficients of {what}" if what else "scattering coefficients"
        result = result.with_dim("path", len(tree.paths), coords, at=len(spec.dims) - ndim)
        return result.with_attrs(long_name=title, standard_name=None)

    def _check_averaging(self) -> None:
        if self.T == "global":
            if self.nan == "mask":
                raise ParameterError(f"{self.name}.nan", 'the policy "mask" needs a window', got='T="global"',
                                     remedy="Give a number as T, or use scattering_moments.")  # fmt: skip
            return
        if self.T == 0:
            raise ParameterError(
                f"{self.name}.T", "coefficients without averaging are not offered", expected='a positive number, "global" or None',
                got=self.T, remedy="Use the operators wavelet and modulus for unaveraged planes, or a small T.",
            )  # fmt: skip

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
            samples = np.asarray(at.samples(role, self.step()), dtype=np.float64)
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
        sampling = math.gcd(self.step(), 2**self.J)
        return {"bands": bands, "low": low_passes(self.bank(ndim), tree, block.shape, sampling, xp, block.dtype, device)}

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
        roles = tuple(at.start)
        if self.T == "global":
            return Mean(tuple((at.core[r][0] - at.start[r], at.core[r][1] - at.start[r]) for r in roles))
        sampling = math.gcd(self.step(), 2**self.J)
        samples = [at.samples(role, self.step()) for role in roles]
        keep = tuple(
            slice((s.start - at.start[r]) // sampling, None, self.step() // sampling) for r, s in zip(roles, samples, strict=True)
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
