"""Averages of fields whose statistics are summed over parts of each field first: the last node of jobs that see no field as a whole.

What parts deliver is, per field, sums of statistics and their weights for every cell (or group of modes) that gives the error. The
average then goes on as that of whole fields does, from the same rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from scatflow.contract import Average, Boundary, Cells, Dims, Wire, operator, param, wire
from scatflow.contract.estimate import Derive
from scatflow.contract.pooling import Layout
from scatflow.errors import DataError
from scatflow.spec import ArraySpec, Place

Array = Any
#: Core dims of what parts deliver: sums and weights, cells, statistics.
PART, CELL, STATISTIC = "sums_part", "sums_cell", "sums_statistic"


class InParts(Average):
    """Base of averages that can be finished from sums over parts of fields."""

    def weighed(self, xp: Any, sums: Array, weights: Array) -> tuple[Array, Array]:
        """Return the values of every cell and their weights, of sums of weight times value and of weights: (..., cells, P)."""
        return xp.where(weights > 0, sums / xp.where(weights > 0, weights, xp.ones_like(weights)), xp.zeros_like(sums)), weights

    def unlabelled(self, kept: ArraySpec, size: int) -> ArraySpec:
        """Return the labels of the mean with a last dim of ``size``, without what only the whole knows of the grid."""
        return kept.with_dim("path", size)

    def finished(self, spec: ArraySpec, sums: Wire, grid: tuple[int, ...] = ()) -> Mapping[str, Wire]:
        """Wire all results, for an operator bound to labels, from what parts deliver; ``grid`` are the cells per axis where these have neighbors."""
        pooled: dict[str, Any] = {key: getattr(self, key) for key in ("over", "ordered", "covariance", "min_valid")}
        average = wire(FieldAverage(of=self, fields=self.layout or (), grid=grid, **pooled), sums)
        return {name: average[name] for name in self.output(spec)}


def with_parts(kept: ArraySpec, cells: int, statistics: int) -> ArraySpec:
    """Return the spec of what parts deliver of fields of which ``kept`` dims remain."""
    return kept.with_dim(PART, 2).with_dim(CELL, cells).with_dim(STATISTIC, statistics).with_dtype("float64").with_attrs(units=None)


def refuse_gaps(xp: Any, block: Array, what: str) -> None:
    """Raise DataError for NaN, which parts cannot weigh as the whole does."""
    if bool(xp.any(xp.isnan(block))):
        raise DataError(what, "there are NaN, which only whole fields can weigh", code="GapsInPencils",
                        remedy='Fill the gaps, or use strategy="batch" with more memory per worker.')  # fmt: skip


@operator("field_average", version=1, signature="(part,cell,statistic)->(path)", boundaries=("periodic",))
class FieldAverage(Average):
    """The results of an average from sums over parts of each field. Not in the catalog: see InParts."""

    of: InParts = param(doc="The average.")
    fields: Layout = param(doc="Its pooled and core dims: name, length, kind.")
    grid: tuple[int, ...] = param((), "Cells per axis; none where they have no neighbors.")
    dims: Dims | None = param((PART, CELL, STATISTIC), "Those of the sums.")
    boundary: Boundary | tuple[Boundary, ...] | None = param("periodic", "None: there are no neighbors.")

    def depth(self, tol: float = 1e-4) -> Mapping[str, tuple[int, int]]:
        """Return no reach."""
        return dict.fromkeys(self.signature.roles, (0, 0))

    def label(self, spec: ArraySpec, kept: ArraySpec) -> ArraySpec:
        """Return dims and shape; labels are those of the whole average."""
        means, derive = np.ones(spec.shape[-1]), self.derive()
        return self.of.unlabelled(kept, (means if derive is None else derive(np, means)).shape[-1])

    def published(self, mean: ArraySpec) -> Mapping[str, ArraySpec]:
        """Return the specs of the results."""
        return self.of.laid_out(self.fields).published(mean)

    def cells(self, at: Place) -> Cells:
        """Return the cells, numbered along one dim."""
        edges: dict[str, tuple[int, ...]] = {role: (0, n) for role, n in at.size.items()}
        return Cells(at, {**edges, "cell": tuple(range(at.size["cell"] + 1))})

    def observe(self, xp: Any, block: Array, at: Place, cells: Cells, valid: Array | None, **prepared: Any) -> tuple[Array, Array]:
        """Return the values of every field by cells, and their weights."""
        return self.of.weighed(xp, block[..., 0, :, :], block[..., 1, :, :])

    def derive(self) -> Derive | None:
        """Return what the average makes of means."""
        return self.of.derive()

    def finalize(self, xp: Any, *state: Array) -> Mapping[str, Array]:
        """Return the results of the average."""
        grid, *rest = state
        if self.units().cells and self.grid:
            sizes = xp.asarray(list(self.grid), dtype=xp.int64, device=getattr(grid, "device", None))
            grid = xp.broadcast_to(sizes, (*grid.shape[:-1], len(self.grid)))
        else:
            grid = xp.zeros_like(grid)
        return self.of.laid_out(self.fields).finalize(xp, grid, *rest)
