"""The operator ``scattering``: labels, geometry and cost around the kernels of :mod:`scatflow_scattering.transform`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Self

from scatflow.arrays import real_dtype
from scatflow.contract import Ref, Wire, operator
from scatflow.errors import ChunkError
from scatflow.spec import ArraySpec, Cost, Place, within
from scatflow_scattering.averages import Average, Mean, Smoothing, Total, Unaveraged, by_octave, low_passes
from scatflow_scattering.budget import scattering_cost
from scatflow_scattering.cascade import cascade
from scatflow_scattering.pencils import scattering_pencils
from scatflow_scattering.profiled import Profiled
from scatflow_scattering.ratios import Ratios, ratios
from scatflow_scattering.transform import pull, scatter
from scatflow_scattering.tree import Path, Tree
from scatflow_scattering.walk import filters
from scatflow_wavelet.gammatone import Gammatone
from scatflow_wavelet.kymatio import Kymatio, Kymatio03
from scatflow_wavelet.modulus import phase
from scatflow_wavelet.references import DEEP_SCATTERING_SPECTRUM, GROUP_INVARIANT_SCATTERING, SCATTERING_NETWORKS
from scatflow_wavelet.tight import Tight

Array = Any

#: What the word of ``normalize`` means, as stored with the result.
NORMALIZATION = "parent: S[p] over S[parent of p], orders 0 and 1 over |x| * phi"


@operator(
    "scattering",
    version=1,
    signature="(z?,y?,x)->(path,z?,y?,x)",
    dtypes="fc",
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
        core, 0 gives the planes U[p] themselves.
    stride : int, optional
        Step of the results in samples, along every core dim; default 2^J. Powers of two up to 2^J are fastest.
    normalize : {"parent"}, optional
        Ratios to the parent path, ``S[n1, n2] / S[n1]`` and so on, orders 0 and 1 over ``|x| * phi`` (Anden & Mallat
        2014); NaN where the parent is 0. Default none.

    Returns
    -------
    DataArray or DataTree
        Input dims with core dims sampled every ``stride``, and ``path`` last with coordinates ``order``,
        ``j1``, ``l1``, ``xi1``, ``sigma1``, ``scale1``, ... (and ``n1`` in one dim, ``theta1`` in two, the
        unit wave vector ``ez1, ey1, ex1`` in three); input precision and units, since the transform is homogeneous of degree 1 (units 1 for ratios). For T=0 one array per octave j of
        the last wavelet, ``j0``, ``j1``, ..., sampled every ``2^max(0, j - oversampling)``, and ``order0``.

    Notes
    -----
    Complex input has wavelets of all directions in the first order: those with ``l1`` from L (Q) on have the opposite
    wave vector (``theta1`` from 180 on, in one dim a negative ``xi1``, in three the opposite ``ez1, ey1, ex1``), and first-order bands are divided by sqrt(2),
    which keeps norms. Its order 0 is ``|x * phi|``, so that results are real and, but for order 0 of real input, not
    negative (with a low-pass that is not negative, as that of all families but "tight"). Logarithms are ``ln`` of the result, or of the result plus a small number where there is silence.

    Raises
    ------
    ParameterError
        2^J exceeds the data (the largest J is named), the family has no such bank, no path matches, the tree
        cannot be sampled as asked, ``T=0`` comes with ``stride`` or ``normalize``, or a parameter is given that the
        package reproduced by the filters does not have.
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

    def output(self, *specs: ArraySpec) -> ArraySpec | Mapping[str, ArraySpec]:
        """Declare the result, or one per octave: sampled core dims, and the labelled dim ``path`` after them."""
        (spec,) = specs
        ready = self.resolve(spec)
        assert ready.dims is not None
        ndim = len(ready.dims)
        names = spec.dims[len(spec.dims) - ndim :]
        ready.check(spec, names)
        tree = ready.paths_of(ndim, spec.dtype.startswith("complex"))
        if self.T == "global":
            return ready._labelled(spec.without(*names), spec, tree, tree.paths)
        if self.T == 0:
            results = {
                name: ready._labelled(ready._sampled(spec, names, 2 ** tree.exponent(paths[0])), spec, tree, paths)
                for name, paths in by_octave(tree).items()
            }
            return results | ({"order0": results["order0"].with_dtype(spec.dtype)} if "order0" in results else {})
        return ready._labelled(ready._sampled(spec, names), spec, tree, tree.paths)

    def _sampled(self, spec: ArraySpec, names: tuple[str, ...], step: int | None = None) -> ArraySpec:
        """Return an input whose core dims are sampled like results, or like planes on a grid of a step."""
        profile = self.conventions()
        for dim in names:
            spec = spec.sampled(dim, profile.samples(spec.sizes[dim], len(names), step))
        return spec

    def _labelled(self, result: ArraySpec, spec: ArraySpec, tree: Tree, paths: tuple[Path, ...]) -> ArraySpec:
        """Return a result, whose core dims are sampled already, with the labels of its paths."""
        what = spec.attrs.get("long_name") or spec.name
        kind = "sums of scattering planes" if self.T == "global" and self.conventions().totals else "scattering coefficients"
        coords = self.path_coords(spec, tree, paths)
        result = result.with_dim("path", len(paths), coords, at=len(spec.dims) - len(self.dims or ()))
        result = result.with_attrs(long_name=f"{kind} of {what}" if what else kind, standard_name=None)
        result = result.with_dtype(real_dtype(spec.dtype))
        return result if self.normalize is None else result.with_attrs(units="1", normalization=NORMALIZATION)

    def stages(self, ref: Ref, spec: ArraySpec, at: Place) -> Wire | None:
        """Wire levels of a few octaves, where there are enough octaves."""
        return cascade(self, ref, spec, at)

    def pencils(self, ref: Ref, spec: ArraySpec, at: Place) -> Wire:
        """Wire the transform one core axis at a time: windowed averages, filters that can be evaluated in parts."""
        return scattering_pencils(self, ref, spec, at)

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
        """Return, per role, rows of low-pass weights at the samples of the result; nothing without a window."""
        if self.T in ("global", 0):
            return {}
        roles = tuple(at.size)
        bank = self.bank(len(roles))
        weights = {}
        for role, aspect in zip(roles, bank.aspect, strict=True):
            weights[role] = xp.asarray(
                bank.coverage(within(self.samples(at, role), *at.core[role]), range(at.start[role], at.stop[role]), aspect)
            )
        return weights

    def prepare(self, xp: Any, block: ArraySpec, device: Any) -> dict[str, Any]:
        """Build filters and low-passes for one block shape."""
        ndim, real = len(block.shape), real_dtype(block.dtype)
        tree = self._observed(ndim, block.dtype.startswith("complex"))
        bands = filters(tree, block.shape, xp, real, device)
        if self.T in ("global", 0):
            return {"bands": bands, "low": {}}
        exponents = {tree.exponent(path) for path in tree.paths} | ({0} if self.normalize else set())
        return {
            "bands": bands,
            "low": low_passes(self.bank(ndim), exponents, block.shape, self.conventions().grid, xp, real, device),
        }

    def apply(self, xp: Any, *blocks: Array, at: Place, **prepared: Any) -> Array | Mapping[str, Array]:
        """Compute one extended block."""
        ndim, (block,) = len(at.start), blocks
        tree = self._observed(ndim, xp.isdtype(block.dtype, "complex floating"))
        average = self._average(at, tree, prepared)
        out = scatter(xp, block, ndim, tree, prepared["bands"], average)
        if self.normalize is not None:
            values = _with_size(xp, block, ndim, out[""], tree, average)
            return self._ratios(ndim, tree)(xp, values, axis=block.ndim - ndim)
        return out[""] if list(out) == [""] else out

    def vjp(self, xp: Any, cotangent: Any, *blocks: Array, at: Place, **prepared: Any) -> tuple[Array, ...]:
        """Return the cotangent of one extended block."""
        ndim, (block,) = len(at.start), blocks
        tree = self._observed(ndim, xp.isdtype(block.dtype, "complex floating"))
        average, bands = self._average(at, tree, prepared), prepared["bands"]
        given = cotangent if isinstance(cotangent, Mapping) else {next(iter(average.results(tree))): cotangent}
        if self.normalize is None:
            return (pull(xp, given, block, ndim, tree, bands, average),)
        axis = block.ndim - ndim
        values = _with_size(xp, block, ndim, scatter(xp, block, ndim, tree, bands, average)[""], tree, average)
        both = self._ratios(ndim, tree).adjoint(xp, cotangent, values, axis)
        head = (slice(None),) * axis
        back = pull(xp, {"": both[(*head, slice(-1, None), ...)]}, xp.abs(block), ndim, _input_alone(tree), {}, average)
        return (pull(xp, {"": both[(*head, slice(None, -1), ...)]}, block, ndim, tree, bands, average) + back * phase(xp, block),)

    def _observed(self, ndim: int, complex_input: bool) -> Tree:
        """Return the tree of what is computed: for ratios with the parents of what is wanted."""
        tree = self.paths_of(ndim, complex_input)
        return tree if self.normalize is None else replace(tree, paths=ratios(tree).observed)

    def _ratios(self, ndim: int, observed: Tree) -> Ratios:
        return ratios(self.paths_of(ndim, bool(observed.banks) and observed.banks[0].full_circle))

    def _average(self, at: Place, tree: Tree, prepared: Mapping[str, Any]) -> Average:
        """Return how planes of a block become results; only this depends on where the block lies."""
        roles, profile = tuple(at.start), self.conventions()
        if self.T == "global" and profile.totals:
            return Total(tuple((0, at.stop[r] - at.start[r]) for r in roles))
        if self.T == "global":
            return Mean(tuple((at.core[r][0] - at.start[r], at.core[r][1] - at.start[r]) for r in roles))
        if self.T == 0:
            kept = {e: [self.samples(at, r, 2**e) for r in roles] for e in {tree.exponent(path) for path in tree.paths}}
            planes = {
                e: tuple(slice((s.start - at.start[r]) >> e, None) for r, s in zip(roles, kept[e], strict=True)) for e in kept
            }
            return Unaveraged(planes, {e: tuple(len(s) for s in samples) for e, samples in kept.items()})
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
        spec = specs[0]
        tree = ready._observed(ndim, spec.dtype.startswith("complex"))
        count = math.prod(spec.shape[: len(spec.dims) - ndim])
        return scattering_cost(ready, tree, count, spec.shape[len(spec.dims) - ndim :], real_dtype(spec.dtype))

    @classmethod
    def examples(cls) -> Iterator[Self]:
        """Yield small instances in one to three dims."""
        yield cls(dims=("x",), J=3, Q=2)
        yield cls(dims=("y", "x"), J=1, L=3, tree="all")
        yield cls(dims=("y", "x"), J=2, L=3, filters=Tight(), stride=3, boundary="periodic", metric="index")
        yield cls(dims=("x",), J=2, T="global", order=1)
        yield cls(dims=("x",), J=2, filters=Gammatone(), stride=2, boundary="periodic")
        yield cls(dims=("x",), J=3, Q=(2, 1), filters=Kymatio03())
        yield cls(dims=("x",), J=2, T="global", filters=Kymatio())
        yield cls(dims=("y", "x"), J=1, L=3, filters=Kymatio(), metric="index")
        yield cls(dims=("x",), J=2, T=0)
        yield cls(dims=("z", "y", "x"), J=1, L=6, paths=({"l1": (0, 3)}, {"order": 0}))
        yield cls(dims=("x",), J=2, normalize="parent", paths=({"order": (1, 2)},))


def _input_alone(tree: Tree) -> Tree:
    return replace(tree, paths=((),))


def _with_size(xp: Any, block: Array, ndim: int, values: Array, tree: Tree, average: Average) -> Array:
    """Return coefficients and, as one more path, the average of the modulus of the input."""
    size = scatter(xp, xp.abs(block), ndim, _input_alone(tree), {}, average)[""]
    return xp.concat([values, size], axis=block.ndim - ndim)
