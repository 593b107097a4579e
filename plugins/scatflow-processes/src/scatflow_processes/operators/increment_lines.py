"""Structure functions of fields larger than memory: increments along whole lines of one axis after another.

Separations as long as a field leave no room for a halo around a part of it, but a line has all of them. The field is read once for each
axis along which separations lie. Not in the catalog: the operator ``structure_functions`` wires these.
"""

from __future__ import annotations

from typing import Any

from scatflow.contract import operator, param
from scatflow.contract.pooling import Layout
from scatflow.spec import ArraySpec, Cost, Place
from scatflow_arrays.pencils import OverGrid
from scatflow_processes.operators.field_averages import InParts, refuse_gaps, with_parts

Array = Any


@operator("increment_lines", version=1, signature="(x,component)->(part,cell,statistic)")
class IncrementLines(OverGrid):
    """Sums of the statistics of increments along one axis over the lines of each task, by cells, with their weights."""

    of: InParts = param(doc="The structure functions, with separations along this axis alone.")
    fields: Layout = param(doc="Its pooled and core dims: name, length, kind.")
    steps: tuple[float, ...] = param(doc="Signed distance of samples along the axes of space.")
    periodic: tuple[bool, ...] = param(doc="Whether each goes on at its other end.")
    share: float = param(1.0, "Weight of this axis among those along which separations lie.", gt=0, le=1)
    sizes: tuple[int, int] = param(doc="Numbers of cells and of statistics.")

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Declare sums and weights."""
        (spec,) = specs
        return with_parts(spec.without(*(self.over or ()), *spec.dims[-2:]), *self.sizes)

    def chunk(self, xp: Any, *blocks: Array, at: Place, **prepared: Array) -> tuple[Array, ...]:
        """Return the sums of one block.

        Raises
        ------
        DataError
            There are NaN.
        """
        (block,), of = blocks, self.of.laid_out(self.fields)
        refuse_gaps(xp, block, "lines of velocity")
        space = [dim for dim, _, kind in self.fields if kind == "core"][:-1]
        names = [dim for dim in space if dim in (self.over or ())]
        first = len(at.batch) - len(names)
        lead = block.ndim - 3
        block = xp.reshape(block, (*block.shape[:lead], *at.items[first:], *block.shape[-2:]))
        where = {dim: lead + self.axes[(self.over or ()).index(dim)] for dim in names}
        order = [where.get(dim, block.ndim - 2) for dim in space]
        block = xp.permute_dims(block, (*range(lead), *order, block.ndim - 1))[(*(slice(None),) * lead, None, ...)]
        place = self._place(block, {dim: at.batch[first + where[dim] - lead] for dim in names}, space)
        values, weights = of.observe(xp, block, place, of.cells(place), None)
        weights = xp.broadcast_to(weights * self.share, values.shape)
        return (xp.stack([(values * weights)[..., 0, :, :], weights[..., 0, :, :]], axis=-3),)

    def _place(self, block: Array, starts: dict[str, int], space: list[str]) -> Place:
        """Return where the lines of a block lie in the field."""
        sizes = [size for _, size, kind in self.fields if kind == "core"]
        roles = self.of.signature.bind(len(space) + 1)
        low = [starts.get(dim, 0) for dim in space] + [0]
        spans = {role: (a, a + n) for role, a, n in zip(roles, low, block.shape[-len(roles) :], strict=True)}
        return Place(
            start={role: span[0] for role, span in spans.items()}, stop={role: span[1] for role, span in spans.items()}, core=spans,
            size=dict(zip(roles, sizes, strict=True)), step=dict(zip(roles, (*self.steps, 1.0), strict=True)),
            periodic=dict(zip(roles, (*self.periodic, True), strict=True)),
        )  # fmt: skip

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare what the structure functions do of the block, and its copy on the grid."""
        (spec,) = specs
        found = self.of.cost(spec)
        return Cost(found.flops, found.bytes + 2 * spec.nbytes)
