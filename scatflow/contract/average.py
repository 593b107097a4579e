"""Published averages: the reduction that every statistic with an error bar rests on (U8).

An author writes what to observe in one block; how units are pooled, weighted and given errors is here, once.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

from pydantic import PrivateAttr

from scatflow.contract.cells import CELLS_PER_AXIS, Cells, cell_edges
from scatflow.contract.declared import canonical_json, param
from scatflow.contract.estimate import Derive, estimate
from scatflow.contract.gaps import Gaps
from scatflow.contract.operator import Dims, Extended, Reduce
from scatflow.contract.pooling import MAX_ROWS, Kind, Layout, State, Units, gathered, integers, merged, numbers
from scatflow.errors import ParameterError, PlanError
from scatflow.spec import ArraySpec, Coord, Place

Array = Any
#: Most statistics of which a covariance is computed.
MAX_COVARIANCE = 4096
#: Names of dims whose items are taken to be ordered even without a datetime coordinate (CF; ArviZ's draws).
ORDERED_NAMES = ("time", "t", "draw")


class Average(Extended, Reduce):
    """Base of operators that publish averages over a field, and over batch dims where asked, with standard errors.

    The author writes :meth:`observe`, :meth:`label` and, where cells must be wider than a sample,
    :meth:`cell_width`; :meth:`derive` and :meth:`ratio` where a function of the means is published.

    Units, whose scatter gives the error, are

    - *realizations*: the items of the pooled batch dims, if any of them is not ordered (ordered ones are then averaged
      within each realization);
    - else the samples of the (longest) pooled *ordered* dim: block means of at least two integrated autocorrelation
      times;
    - else, when nothing or a single item is pooled, *cells* of the core, each at least :meth:`cell_width` wide: a
      delete-one-block jackknife. A core too small for two cells has ``se`` and ``n_eff`` NaN and ``count`` 1.

    Results are ``mean``, ``var`` (variance of the statistic between units), ``se``, ``n_eff = var / se**2``,
    ``count`` (units with valid data), ``dof`` (of ``se``, for Student's t), ``valid_fraction`` (valid weight over all
    weight) and, with ``covariance=True``, ``covariance`` (between units, dims ``path``, ``path_2``).
    See :func:`scatflow.contract.estimate.estimate` for the formulas.

    Notes
    -----
    The state holds one row per unit, at most 4096 (longer pooled dims have neighbors merged, by absolute index):
    ``grid`` (cells per core axis, zeros when the rows are items), ``index`` (row numbers), ``total`` (share of fields
    seen), ``weight`` and ``mean``; 8 bytes x rows x (P, or 2 P where weights differ between statistics) per kept batch
    item, P being the number of statistics. Rows of the same number merge by weight, so any split of batch, and of the
    core at walls, gives the same numbers to rounding, and the same bits in the same order.
    """

    covariance: bool = param(False, "Also return the path x path covariance between units.")
    ordered: Dims | None = param(
        None, "Pooled dims whose items follow one another; default those with datetimes, and time, t, draw."
    )

    # Pooled and core dims of the labels met by `resolve`. Not a parameter, and yet part of the identity: the same
    # parameters and data under other labels (dates or none) are another result.
    _layout: Layout | None = PrivateAttr(None)

    # What an author writes.

    def observe(self, xp: Any, block: Array, at: Place, cells: Cells, valid: Array | None, **prepared: Any) -> tuple[Array, Array]:
        """Return the statistics of every item and cell of a block.

        Parameters
        ----------
        xp : Namespace
            The block's namespace.
        block : array, shape (..., r, *core)
            Kept batch axes, pooled items in index order, extended core; without NaN (gaps are filled with the
            item's mean).
        at : Place
            Where the block lies; ``at.core`` is what counts.
        cells : Cells
            ``cells.means`` averages a plane over them, :func:`scatflow.contract.cells.stack` joins several planes.
        valid : array of bool, shape of ``block``, or None
            False where the input was NaN; None when there are no gaps.
        **prepared
            Constants from :meth:`prepare`.

        Returns
        -------
        values : array, shape (..., r, cells, P)
        weights : array, shape broadcasting to (..., r, cells, 1) or (..., r, cells, P)
            1 for a whole field without gaps, summed over cells and blocks.
        """
        raise NotImplementedError

    def label(self, spec: ArraySpec, kept: ArraySpec) -> ArraySpec:
        """Return the labels of ``mean``: ``kept`` (the batch dims that remain) with one new last dim."""
        raise NotImplementedError

    def cell_width(self, at: Place) -> Mapping[str, int]:
        """Return the least width of jackknife cells per role, even numbers; for scales to 2^J at least 2·2^J."""
        return dict.fromkeys(at.core, 2)

    def derive(self) -> Derive | None:
        """Return the smooth function of the means that is published, ``f(xp, means)`` on the last axis."""
        return None

    def ratio(self) -> Derive | None:
        """Return the function applied to each realization's own means before they are averaged.

        Where the units are not realizations it applies to the means, as :meth:`derive` does.
        """
        return None

    # What follows from it.

    def resolve(self, *specs: ArraySpec) -> Self:
        """Return the operator with its pooled and core dims described."""
        (spec,) = specs
        core = len(spec.dims) if self.dims is None else len(self.dims)
        inner = spec.dims[len(spec.dims) - core :]
        pooled = [dim for dim in spec.dims if dim in (self.over or ()) and dim not in inner]
        stray = [dim for dim in self.ordered or () if dim not in pooled]
        if stray:
            raise ParameterError(f"{self.name}.ordered", f"{stray[0]!r} is not among the pooled dims", expected=pooled or "none",
                                 got=self.ordered, remedy=f"Add it to over=, or leave it out: ordered={tuple(pooled)!r}.")  # fmt: skip
        kinds: list[tuple[str, int, Kind]] = [
            (dim, spec.sizes[dim], "ordered" if self._follows(spec, dim) else "independent") for dim in pooled
        ]
        ready = self.laid_out((*kinds, *((dim, spec.sizes[dim], "core") for dim in inner)))
        units = ready.units()
        if ready.ratio() is not None and units.count > MAX_ROWS:
            raise PlanError(f"{self.name}.over", "ratios of every realization need a row each", expected=f"at most {MAX_ROWS}",
                            got=units.count, remedy="Divide averages instead of realizations, or average parts.")  # fmt: skip
        return ready

    @property
    def layout(self) -> Layout | None:
        """Pooled and core dims of the labels that the operator is bound to, with their lengths and kinds."""
        return self._layout

    def laid_out(self, layout: Layout | None) -> Self:
        """Return a copy bound to pooled and core dims: what operators need that finish an average for another one."""
        ready = self.replace()
        ready._layout = layout
        return ready

    def _follows(self, spec: ArraySpec, dim: str) -> bool:
        """Tell whether the items of a pooled dim are ordered."""
        if self.ordered is not None:
            return dim in self.ordered
        coord = spec.coords.get(dim)
        if dim in ORDERED_NAMES or coord is None:
            return dim in ORDERED_NAMES
        kind = getattr(getattr(coord.values, "dtype", None), "kind", "")
        named = coord.attrs.get("axis") == "T" or coord.attrs.get("standard_name") == "time"
        return kind in ("m", "M") or named or " since " in str(coord.attrs.get("units", ""))

    def output(self, *specs: ArraySpec) -> Mapping[str, ArraySpec]:
        """Declare the named results; all are float64 but ``count`` (int64) and a complex ``mean``."""
        (spec,) = specs
        ready = self if self._layout is not None else self.resolve(spec)
        return ready.published(self.label(spec, spec.without(*(dim for dim, _, _ in ready._layout or ()))))

    def published(self, mean: ArraySpec) -> Mapping[str, ArraySpec]:
        """Return the named results of an operator bound to labels, given those of ``mean``."""
        units = str(mean.attrs["units"]) if mean.attrs.get("units") else None
        square = units if units in (None, "1") else f"({units})2"
        title = str(mean.attrs.get("long_name", self.name))
        mean = replace(mean, dtype="complex128" if mean.dtype.startswith("complex") else "float64")
        real = replace(mean, dtype="float64")
        named = {
            "mean": mean,
            "var": real.with_attrs(units=square, long_name=f"variance between {self.units().noun} of {title}"),
            "se": real.with_attrs(long_name=f"standard error of {title}"),
            "n_eff": real.with_attrs(units="1", long_name=f"effective number of {self.units().noun}"),
            "count": replace(real, dtype="int64").with_attrs(units="1", long_name=f"number of {self.units().noun}"),
            "dof": real.with_attrs(units="1", long_name="degrees of freedom of the standard error"),
            "valid_fraction": real.with_attrs(units="1", long_name="share of the data that is valid"),
        }
        return {**named, "covariance": self._paired(mean, square)} if self.covariance else named

    def _paired(self, mean: ArraySpec, units: str | None) -> ArraySpec:
        """Return the spec of the covariance: the last dim twice, its labels repeated with ``_2``."""
        dim, size = mean.dims[-1], mean.shape[-1]
        if size > MAX_COVARIANCE:
            raise PlanError(f"{self.name}.covariance", "too many statistics", expected=f"at most {MAX_COVARIANCE}", got=size,
                            remedy="Select fewer with paths=, or lower J, L or order.")  # fmt: skip
        own = {name: coord for name, coord in mean.coords.items() if coord.dims == (dim,)}
        twin = {f"{name}_2": Coord((f"{dim}_2",), coord.values, coord.attrs) for name, coord in own.items()}
        return mean.with_dim(f"{dim}_2", size, twin).with_attrs(units=units, long_name="covariance between units")

    def chunk(self, xp: Any, *blocks: Array, at: Place, **prepared: Any) -> State:
        """Return the rows of one block; of a part of the core with what is known of the whole (:class:`Gaps`)."""
        block, *known = blocks
        gaps = Gaps.of(xp, self, block, at, known)
        units = self.units()
        cells = self.cells(at)
        observed, weights = self.observe(xp, gaps.block, at, cells, gaps.valid, **prepared)
        values = xp.astype(observed, xp.complex128 if xp.isdtype(observed.dtype, "complex floating") else xp.float64)
        weights = xp.broadcast_to(xp.astype(weights, xp.float64), (*values.shape[:-1], weights.shape[-1]))
        values, weights, total = gaps.applied(xp, values, weights, cells)
        if units.cells:
            rows: Sequence[int] = range(cells.count)
            # One item, or none in an empty batch: a sum drops the axis either way.
            values, weights, total = xp.sum(values, axis=-3), xp.sum(weights, axis=-3), xp.sum(total, axis=-2)
        else:
            rows = units.rows(at, int(block.shape[block.ndim - len(at.core) - 1]), self.name)
            values, weights, total = values[..., 0, :], weights[..., 0, :], total[..., 0]
        values = xp.where(weights > 0, values, xp.zeros_like(values))
        index = xp.broadcast_to(integers(xp, rows, block), (*total.shape[:-1], len(rows)))
        grid = integers(xp, cells.grid if units.cells else (0,) * len(at.core), block)
        return gathered(xp, (xp.broadcast_to(grid, (*total.shape[:-1], len(at.core))), index, total, weights, values), rows)

    def combine(self, xp: Any, a: State, b: State) -> State:
        """Merge rows of the same number by weight, and put new ones in their place."""
        return merged(xp, a, b)

    def finalize(self, xp: Any, *state: Array) -> Mapping[str, Array]:
        """Turn rows into the published results."""
        grid, index, total, weight, mean = state
        units = self.units()
        sizes = numbers(xp, grid)
        in_cells = math.prod(sizes) > 0
        derive, ratio = self.derive(), self.ratio()
        rows = weight
        if ratio is not None and not in_cells and not units.ordered:
            full = xp.all(rows > 0, axis=-1, keepdims=True)
            mean = ratio(xp, xp.where(full, mean, xp.ones_like(mean)))
            rows = xp.where(full, xp.mean(rows, axis=-1, keepdims=True), xp.zeros_like(rows[..., :1]))
        elif ratio is not None:
            derive = ratio
        known = None if in_cells or not units.merged else units.members(numbers(xp, index))
        result = estimate(
            mean, rows, ordered=units.ordered and not in_cells, grid=sizes if in_cells else None, derive=derive,
            covariance=self.covariance, members=known, xp=xp,
        )  # fmt: skip
        return self._masked(xp, result, total, weight)

    def _masked(self, xp: Any, result: Any, total: Array, weight: Array) -> dict[str, Array]:
        """Return results by name, NaN where too little of the data is valid."""
        whole = xp.sum(total, axis=-1, keepdims=True)
        share = xp.sum(weight, axis=-2) / xp.where(whole > 0, whole, xp.nan * whole)
        width = result.mean.shape[-1]
        if share.shape[-1] not in (1, width):
            share = xp.mean(share, axis=-1, keepdims=True)
        share = xp.broadcast_to(share, result.mean.shape)
        thin = share < self.min_valid - 1e-12
        found = {}
        for name in ("mean", "var", "se", "n_eff", "dof"):
            value = getattr(result, name)
            found[name] = xp.where(thin, xp.nan * value, value)
        if result.covariance is not None:
            lost = thin[..., :, None] | thin[..., None, :]
            found["covariance"] = xp.where(lost, xp.nan * result.covariance, result.covariance)
        return {**found, "count": result.count, "valid_fraction": share}

    def identity(self) -> tuple[str, int, str]:
        """Return the identity of any operator and, once bound to labels, how items are pooled."""
        name, version, parameters = super().identity()
        return (name, version, parameters if self._layout is None else canonical_json([parameters, self._layout]))

    def continues(self, earlier: tuple[str, int, str]) -> bool:
        """Tell whether rows of an earlier state keep their numbers and meaning now that pooled dims have grown.

        They do where only the first pooled dim is longer, items are the units before and after, and no rows are merged.
        """
        if earlier == self.identity() or earlier[:2] != self.identity()[:2] or self._layout is None:
            return earlier == self.identity()
        before, now = json.loads(earlier[2]), json.loads(self.identity()[2])
        if not isinstance(before, list) or before[0] != now[0]:
            return False
        pairs = list(zip(before[1], now[1], strict=False))
        same = len(before[1]) == len(now[1]) and all(a == b or (n == 0 and a[0] == b[0] and a[2] == b[2] != "core")
                                                     for n, (a, b) in enumerate(pairs))  # fmt: skip
        units = [Units(tuple(entry for entry in layout if entry[2] != "core"), True) for layout in (before[1], now[1])]
        return same and not any(each.cells or each.merged for each in units) and units[0].counted == units[1].counted

    def __reduce__(self) -> tuple[Any, ...]:
        return (_restored, (super().__reduce__(), self._layout))

    def units(self) -> Units:
        """Return the units whose scatter gives the error, for an operator bound to labels."""
        return Units(tuple(entry for entry in self._layout or () if entry[2] != "core"), self._layout is not None)

    def cells(self, at: Place) -> Cells:
        """Return the cells of the whole field, seen from a block; a single one where cells are not the units."""
        if not self.units().cells:
            return Cells(at, {role: (0, at.size[role]) for role in at.core})
        most, widths = CELLS_PER_AXIS.get(len(at.core), 2), self.cell_width(at)
        return Cells(at, {role: cell_edges(at.size[role], widths[role], most, max(1, widths[role] // 2)) for role in at.core})


def _restored(operator: tuple[Any, ...], layout: Layout | None) -> Average:
    rebuild, arguments = operator
    restored: Average = rebuild(*arguments)
    restored._layout = layout
    return restored
