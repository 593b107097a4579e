"""What stands before and behind the levels of long scattering moments, as operators: refusal of gaps, sums over units, the average.

Not for users: :mod:`scatflow_scattering.moments_cascade` wires them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from scatflow.contract import Average, Cells, Pointwise, Whole, operator, param
from scatflow.contract.pooling import MAX_ROWS, Kind
from scatflow.errors import DataError
from scatflow.spec import ArraySpec, Cost, Place
from scatflow_scattering.moments import ScatteringMoments

Array = Any
Layout = tuple[tuple[str, int, Kind], ...]
#: Dim of rows: cells, realizations, or samples in order.
ROW = "planes_row"


@operator("scattering_dense", version=1, signature="()->()")
class ScatteringDense(Pointwise):
    """The signal itself, refused where it has gaps: whether a NaN is one, and what fills it, the whole tells."""

    def apply(self, xp: Any, *blocks: Array) -> Array:
        """Return one block.

        Raises
        ------
        DataError
            A sample is NaN.
        """
        (block,) = blocks
        if bool(xp.any(xp.isnan(block))):
            raise DataError("scattering_moments input", "NaN in core dims that are averaged in parts", code="GapsInParts",
                            remedy='Use strategy="halo" or "batch", with more memory per worker, or fill the gaps.')  # fmt: skip
        return block


@operator("scattering_rows", version=1, signature="(z?,y?,x)->(row)", boundaries=("periodic",))
class ScatteringRows(Average):
    """Sums of tiles per unit of an average (cell, realization, or sample in order), divided by the tiles of a field.

    Every plane is an item; the result has a new last dim of the rows of the average's state, in order.
    """

    edges: tuple[tuple[int, ...], ...] = param(doc="Edges of the cells in tiles, per core dim in kernel order.")

    def output(self, *specs: ArraySpec) -> Mapping[str, ArraySpec]:
        """Declare the rows."""
        (spec,) = specs
        ready = self if self.layout is not None else self.resolve(spec)
        kept = spec.without(*(dim for dim, _, _ in ready.layout or ()))
        units = ready.units()
        rows = math.prod(len(edges) - 1 for edges in self.edges) if units.cells else min(units.count, MAX_ROWS)
        return {"": kept.with_dim(ROW, rows).with_dtype("float64")}

    def depth(self, tol: float = 1e-4) -> Mapping[str, tuple[int, int]]:
        """Return no reach."""
        return dict.fromkeys(self.signature.roles, (0, 0))

    def cells(self, at: Place) -> Cells:
        """Return the cells seen from a block of tiles."""
        return Cells(at, dict(zip(at.core, self.edges, strict=True))) if self.units().cells else super().cells(at)

    def observe(self, xp: Any, block: Array, at: Place, cells: Cells, valid: Array | None, **prepared: Any) -> tuple[Array, Array]:
        """Return the mean tile of every cell: (..., r, cells, 1), and its share of the tiles."""
        values, weights = cells.means(xp, block)
        return values[..., None], weights[..., None]

    def finalize(self, xp: Any, *state: Array) -> Mapping[str, Array]:
        """Return sums over what a row holds."""
        _, _, _, weight, mean = state
        return {"": (weight * mean)[..., 0]}


@operator("scattering_average", version=1, signature="(row,part)->(path)")
class ScatteringAverage(Whole):
    """The results of scattering moments from the sums of all planes per row."""

    moments: ScatteringMoments = param(doc="The average.")
    layout: Layout = param(doc="Its pooled and core dims: name, length, kind.")

    def _bound(self) -> ScatteringMoments:
        return self.moments.laid_out(self.layout)

    def output(self, *specs: ArraySpec) -> Mapping[str, ArraySpec]:
        """Declare the results: no coordinates, which those of the whole average have."""
        (spec,) = specs
        row, part = spec.dims[-2:]
        kept = spec.without(row, part)
        return self._bound().published(kept.with_dim("path", spec.sizes[part] - self.moments.extra()))

    def apply(self, xp: Any, *blocks: Array, **prepared: Any) -> Mapping[str, Array]:
        """Finish the average of one block."""
        (sums,) = blocks
        return self._bound().finished(xp, sums)

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare the state and the jackknife."""
        (spec,) = specs
        return Cost(100.0 * math.prod(spec.shape), 8 * spec.nbytes)
