"""The operator ``scattering_moments``: means of scattering planes over a field and over realizations, with errors."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Literal, Self

from pydantic import PrivateAttr

from scatflow.arrays import in_threads, real_dtype
from scatflow.contract import Ref, Reference, Wire, operator, param
from scatflow.contract.average import Average
from scatflow.contract.cells import Cells, stack, valid_share
from scatflow.contract.estimate import Derive
from scatflow.errors import ParameterError
from scatflow.spec import ArraySpec, Cost, Place, itemsize
from scatflow_scattering.budget import tree_cost
from scatflow_scattering.parameters import TreeParameters
from scatflow_scattering.ratios import ratios
from scatflow_scattering.tree import Path, Tree
from scatflow_scattering.walk import Node, filters, walk
from scatflow_wavelet.groups import groups
from scatflow_wavelet.labels import aspect_of
from scatflow_wavelet.references import DEEP_SCATTERING_SPECTRUM, GROUP_INVARIANT_SCATTERING

Array = Any
Means = tuple[Array, Array]

#: What the words of ``normalize`` mean, as stored with the result.
CONVENTIONS = {
    "each": "mean over realizations of S[p]/S[parent of p], orders 0 and 1 over mean |x|",
    "ensemble": "mean S[p] over mean S[parent of p], orders 0 and 1 over mean |x|",
}


@operator(
    "scattering_moments",
    version=1,
    signature="(z?,y?,x)->(path)",
    dtypes="fc",
    references=(
        GROUP_INVARIANT_SCATTERING.part("section 4"),
        Reference(
            ("Bruna, Joan", "Mallat, Stéphane", "Bacry, Emmanuel", "Muzy, Jean-François"),
            "Intermittent process analysis with scattering moments",
            2015,
            "Ann. Statist.",
            "43",
            number="1",
            pages="323--351",
            doi="10.1214/14-AOS1276",
        ),
        DEEP_SCATTERING_SPECTRUM.part("section III (normalization)"),
    ),
    aliases=("expected_scattering", "scattering_mean", "global_scattering"),
    equation=r"\bar S X(p) = E \, U[p] X, \quad U[\lambda_1 \ldots \lambda_m] X = ||| X \star \psi_{\lambda_1} | \star \ldots | \star \psi_{\lambda_m} |",
)
class ScatteringMoments(TreeParameters, Average):
    """Expected scattering moments ``SX(p) = E U[p]X``: means of iterated wavelet moduli, with standard errors.

    ``U[()] = x`` and ``U[p + n] = |U[p] * psi_n|``, sampled and extended as by the operator ``scattering``; its
    ``T="global"`` gives the same means for one field. Samples of U[p] inside the core count equally, segments between
    walls by their length.

    Parameters
    ----------
    J, Q, L, filters, oversampling, pad, metric
        See :class:`scatflow_wavelet.parameters.BankParameters`.
    order, tree, paths
        See :class:`scatflow_scattering.parameters.TreeParameters`.
    over, ordered, covariance, nan, min_valid
        See :class:`scatflow.contract.average.Average`. Cells of the jackknife are at least 2·2^J wide. Under
        ``nan="mask"`` gaps are filled with the item's mean, and a sample of U[p] counts by the share of valid samples
        within 2^(j+1) of it, j being the octave of the last wavelet; not at all below ``min_valid``.
    normalize : {"each", "ensemble"} or tuple of float, optional
        Ratios to the parent: ``S[j1, j2] / S[j1]`` and so on up the tree, orders 0 and 1 over the mean of \\|x\\|
        (Anden & Mallat 2014). ``"ensemble"`` divides the averages, ``"each"`` averages the ratios of every
        realization (the same where there is only one); numbers divide the paths, one each. Default none. Errors are
        those of the ratio.

    Returns
    -------
    Dataset
        ``mean, var, se, n_eff, count, dof, valid_fraction`` (and ``covariance``) with the batch dims that remain and
        ``path``, labelled as by ``scattering``; double precision. ``mean`` has the units of the input, or 1 for
        ratios, whose convention is stored as attribute ``normalization``.

    Notes
    -----
    Complex input has wavelets of all directions in the first order, as in ``scattering``. All results are real: order 0
    is \\|E x\\|, the modulus of the mean over everything averaged (of every realization for ``normalize="each"``). Its
    error is that of a modulus, good where the mean is several errors away from 0, as of a field with a mean flow. Under
    ``nan="mask"``, shares and counts are then those of all paths together, as they are for ratios.

    Raises
    ------
    ParameterError
        As ``scattering``; ``normalize`` has the wrong length or a zero; ``ordered`` names a dim that is not pooled.
    PlanError
        Too many statistics for a covariance, or too many realizations for ``normalize="each"``.

    Examples
    --------
    >>> from scatflow.spec import ArraySpec
    >>> moments = ScatteringMoments(dims=("y", "x"), J=3, L=4, over=("t",))
    >>> results = moments.output(ArraySpec(("t", "z", "y", "x"), (50, 2, 64, 64), "float32"))
    >>> results["se"].dims, results["se"].shape
    (('z', 'path'), (2, 61))
    """

    normalize: Literal["each", "ensemble"] | tuple[float, ...] | None = param(
        None, 'Ratios to the parent path of averages ("ensemble") or of every realization ("each"), or one divisor per path.'
    )

    # Whether the input met by `resolve` is complex: what is published is then another function of the means.
    _complex: bool = PrivateAttr(False)

    def resolve(self, *specs: ArraySpec) -> Self:
        """Return the operator with core dims, relative steps and pooled dims filled in."""
        ready = Average.resolve(TreeParameters.resolve(self, *specs), *specs)
        ready._complex = _is_complex(specs[0])
        return ready

    def label(self, spec: ArraySpec, kept: ArraySpec) -> ArraySpec:
        """Return the labels of the paths."""
        ndim = len(spec.dims) if self.dims is None else len(self.dims)
        tree = TreeParameters.resolve(self, spec).paths_of(ndim, _is_complex(spec))
        what = spec.attrs.get("long_name") or spec.name
        title = f"scattering moments of {what}" if what else "scattering moments"
        result = kept.with_dim("path", len(tree.paths), self.path_coords(spec, tree)).with_dtype(real_dtype(kept.dtype))
        result = result.with_attrs(long_name=title, standard_name=None)
        if self.normalize is None:
            return result
        if isinstance(self.normalize, str):
            return result.with_attrs(units="1", normalization=f"{self.normalize}: {CONVENTIONS[self.normalize]}")
        self._check_divisors(self.normalize, len(tree.paths))
        return result.with_attrs(units=None, normalization="given divisors")

    def _check_divisors(self, divisors: tuple[float, ...], count: int) -> None:
        if len(divisors) != count or not all(math.isfinite(d) and d != 0 for d in divisors):
            raise ParameterError(f"{self.name}.normalize", "one finite divisor per path is needed, none of them zero",
                                 expected=count, got=len(divisors))  # fmt: skip

    def cell_width(self, at: Place) -> Mapping[str, int]:
        """Return 2·2^J samples of the coarsest axis per role."""
        aspect = aspect_of(self.metric, len(at.core))
        return {role: 2 * 2**self.J * math.ceil(a) for role, a in zip(at.core, aspect, strict=True)}

    def depth(self, tol: float = 1e-4) -> Mapping[str, tuple[int, int]]:
        """Return the tabulated reach of the planes per role."""
        return self.reach(self.order, tol)

    def causal(self) -> bool:
        """Return False: an average over the core has no order in time, whatever its filters."""
        return False

    def derive(self) -> Derive | None:
        """Return what is published of the means: themselves, quotients, and of complex data the modulus of their mean."""
        if self.normalize == "each":
            return None  # what `ratio` returns serves both
        if self.normalize == "ensemble":
            return self._quotients()
        if self.normalize is None:
            return self._real_means if self._complex else None
        divisors = self.normalize

        def divided(xp: Any, means: Array) -> Array:
            return self._real_means(xp, means) / xp.asarray(divisors, dtype=means.dtype, device=means.device)

        return divided

    def ratio(self) -> Derive | None:
        """Return the quotients of every realization for ``normalize="each"``."""
        return self._quotients() if self.normalize == "each" else None

    def _quotients(self) -> Derive:
        """Return paths over parents, from means as :meth:`observe` orders them."""
        parents = ratios(self.paths_of(len(self.dims or self.signature.roles), self._complex))
        return lambda xp, means: parents(xp, self._real_means(xp, means))

    def _real_means(self, xp: Any, means: Array) -> Array:
        """Return means as :meth:`observe` orders them with the modulus of order 0 in the place of its two parts."""
        if not self._complex or () not in self.paths_of(len(self.dims or self.signature.roles), True).paths:
            return means
        modulus = xp.sqrt(means[..., :1] ** 2 + means[..., -1:] ** 2)
        return xp.concat([modulus, means[..., 1:-1]], axis=-1)

    def _observed(self, tree: Tree) -> tuple[Path, ...]:
        """Return the paths whose means are taken: those wanted, and parents of theirs for ratios."""
        return ratios(tree).observed if self.normalize in ("each", "ensemble") else tree.paths

    def prepare(self, xp: Any, block: ArraySpec, device: Any) -> dict[str, Any]:
        """Build the filters for one block shape."""
        tree = self.paths_of(len(block.shape), _is_complex(block))
        return {"bands": filters(tree, block.shape, xp, real_dtype(block.dtype), device)}

    def observe(self, xp: Any, block: Array, at: Place, cells: Cells, valid: Array | None, **prepared: Any) -> tuple[Array, Array]:
        r"""Return the means of the planes over cells: (..., r, cells, P), and their weights.

        With ratios to parents, P counts the parents that are not wanted themselves and, after them, the mean of \|x\|; of
        complex data, order 0 is the mean of the real part, and that of the imaginary part comes last.
        """
        ndim = len(at.core)
        complex_input = bool(xp.isdtype(block.dtype, "complex floating"))
        tree = self.paths_of(ndim, complex_input)
        batch, core = block.shape[: block.ndim - ndim], block.shape[block.ndim - ndim :]
        items = xp.reshape(block, (-1, *core)) if math.prod(batch) else xp.reshape(block, (0, *core))
        masks = None if valid is None else xp.reshape(valid, items.shape)
        work = [
            partial(self._group, xp, items[part, ...], None if masks is None else masks[part, ...], tree, cells, prepared["bands"])
            for part in groups(items.shape[0], core)
        ]
        found = in_threads(getattr(xp, "threads", 1), work)
        count = len(self._observed(tree)) + self.extra() + (complex_input and () in tree.paths)
        if not found:
            shape = (*batch, cells.count, count)
            empty = xp.zeros(shape, dtype=xp.float64, device=block.device)
            return empty, empty[..., :1]
        values = xp.concat([value for value, _ in found], axis=0)
        values = xp.reshape(values, (*batch, cells.count, count))
        if masks is None:  # the same for every item
            return values, found[0][1]
        weights = xp.concat([xp.broadcast_to(w, (*v.shape[:-1], count)) for v, w in found], axis=0)
        return values, xp.reshape(weights, (*batch, cells.count, count))

    def _group(self, xp: Any, items: Array, masks: Array | None, tree: Tree, cells: Cells, bands: Mapping[Any, Any]) -> Means:
        """Return means of one group of items: values (items, cells, P), weights (cells, 1 or P) or (items, cells, P)."""
        wanted = self._observed(tree)
        shares = _Shares(xp, masks, aspect_of(self.metric, items.ndim - 1), self.min_valid)
        means: dict[Path, Means] = {}
        extra: list[Means] = []
        if self.normalize in ("each", "ensemble"):
            extra.append(cells.means(xp, xp.abs(items), valid=masks))
        if xp.isdtype(items.dtype, "complex floating") and () in tree.paths:
            means[()] = cells.means(xp, xp.real(items), valid=masks)
            extra.append(cells.means(xp, xp.imag(items), valid=masks))
        for node in walk(xp, items, tree, bands):
            if node.path in wanted and node.path not in means:
                means[node.path] = cells.means(xp, node.plane, 2**node.exponent, shares.of(node, tree))
        return stack(xp, [*(means[path] for path in wanted), *extra])

    def stages(self, ref: Ref, spec: ArraySpec, at: Place) -> Mapping[str, Wire] | None:
        """Wire levels of a few octaves, where there are enough octaves."""
        from scatflow_scattering.moments_cascade import moments_cascade  # made of operators that finish this one

        return moments_cascade(self, ref, spec, at)

    def extra(self) -> int:
        r"""Return how many statistics of real data are no paths: the mean of \|x\|, which ratios need."""
        return int(self.normalize in ("each", "ensemble"))

    def whole_cells(self) -> Cells:
        """Return the cells of a whole field, where the operator is bound to labels."""
        sizes = [size for _, size, kind in self.layout or () if kind == "core"]
        size = dict(zip(self.signature.bind(len(sizes)), sizes, strict=True))
        return self.cells(
            Place(start=dict.fromkeys(size, 0), stop=size, core={role: (0, n) for role, n in size.items()}, size=size)
        )

    def finished(self, xp: Any, sums: Array) -> Mapping[str, Array]:
        """Return the results for real data without gaps from sums over rows, where the operator is bound to labels.

        Parameters
        ----------
        xp : Namespace
            Namespace of the sums.
        sums : array of float64, shape (..., rows, P)
            Of the statistics of :meth:`observe` in its order: of a cell the sum of its samples over the number of samples of the
            field, of other rows the sum of the means of their fields.
        """
        cells = self.whole_cells()
        rows, count = tuple(sums.shape[:-1]), sums.shape[-2]

        def floats(values: Sequence[float]) -> Array:
            return xp.asarray(list(values), dtype=xp.float64, device=sums.device)

        if self.units().cells:
            tree = self.paths_of(len(cells.grid))
            strides = [*(2 ** tree.exponent(path) for path in self._observed(tree)), *(1,) * self.extra()]
            columns = {stride: floats(cells.weights(stride)) for stride in sorted(set(strides))}
            weight = xp.stack([columns[stride] for stride in strides], axis=-1)
            total = floats(cells.volume())
        else:
            total = floats(self.units().items())
            weight = total[:, None]
        grid = cells.grid if self.units().cells else (0,) * len(cells.grid)
        numbers = (xp.asarray(found, dtype=xp.int64, device=sums.device) for found in (grid, list(range(count))))
        grids, index = (xp.broadcast_to(found, (*rows[:-1], found.shape[0])) for found in numbers)
        weights = xp.broadcast_to(weight, (*rows, weight.shape[-1]))
        return self.finalize(xp, grids, index, xp.broadcast_to(total, rows), weights, sums / weights)

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare flops of the walk, and bytes of filters, planes and the state."""
        (spec,) = specs
        ready = TreeParameters.resolve(self, spec)
        ndim = len(ready.dims or ())
        tree = ready.paths_of(ndim, _is_complex(spec))
        sizes = spec.shape[len(spec.dims) - ndim :]
        count = math.prod(spec.shape[: len(spec.dims) - ndim])
        walked = tree_cost(tree, sizes, count, real_dtype(spec.dtype), averages=0)
        rows = 64 if self.over is None else 1
        state = 4 * 8 * rows * count * len(tree.paths) + count * itemsize(spec.dtype)
        return Cost(walked.flops, walked.bytes + state, walked.parts)

    def __reduce__(self) -> tuple[Any, ...]:
        return (_restored, (super().__reduce__(), self._complex))

    @classmethod
    def examples(cls) -> Iterator[Self]:
        """Yield small instances: errors from cells, ratios, and a covariance."""
        yield cls(dims=("x",), J=2, Q=2, normalize="ensemble")
        yield cls(dims=("y", "x"), J=2, L=2, tree="all", covariance=True)
        yield cls(dims=("y", "x"), J=2, L=3, order=1, boundary="periodic", metric="index", normalize="each")
        yield cls(dims=("z", "y", "x"), J=1, order=1, boundary="periodic")


def _restored(operator: tuple[Any, ...], complex_input: bool) -> ScatteringMoments:
    rebuild, arguments = operator
    restored: ScatteringMoments = rebuild(*arguments)
    restored._complex = complex_input
    return restored


def _is_complex(spec: ArraySpec) -> bool:
    return spec.dtype.startswith("complex")


class _Shares:
    """Weights of samples near gaps, one array per octave of the last wavelet."""

    def __init__(self, xp: Any, masks: Array | None, aspect: tuple[float, ...], least: float) -> None:
        self._xp, self._masks, self._aspect, self._least = xp, masks, aspect, least
        self._known: dict[int, Array] = {}

    def of(self, node: Node, tree: Tree) -> Array | None:
        """Return the weights on the plane's grid, or None without gaps."""
        if self._masks is None:
            return None
        if not node.path:
            return self._masks
        octave = tree.banks[len(node.path) - 1].bands[node.path[-1]].j
        if octave not in self._known:
            widths = [math.ceil(2 ** (octave + 1) * a) for a in self._aspect]
            share = valid_share(self._xp, self._masks, widths, periodic=True)  # as the filters see the block
            self._known[octave] = self._xp.where(share >= self._least, share, self._xp.zeros_like(share))
        step = 2**node.exponent
        return self._known[octave][(slice(None), *(slice(None, None, step),) * len(self._aspect))]
