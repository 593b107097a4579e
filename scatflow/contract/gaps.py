"""Missing data inside an average: what is filled, what is left out, what is spoiled."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from scatflow.contract.cells import Cells
from scatflow.errors import DataError
from scatflow.spec import Place

if TYPE_CHECKING:
    from scatflow.contract.average import Average

Array = Any


@dataclass(frozen=True, eq=False)
class Gaps:
    """NaN of a block: what is filled, what is left out, what is spoiled."""

    block: Array
    valid: Array | None = None
    present: Array | None = None
    spoiled: Array | None = None
    empty: Array | None = None

    @classmethod
    def of(cls, xp: Any, operator: Average, block: Array, at: Place) -> Gaps:
        """Fill gaps by the mean of each item; NaN before the first and after the last value of one axis is absence."""
        hole = xp.isnan(block)
        if operator.missing is not None:
            hole = hole | (block == operator.missing)
        if not bool(xp.any(hole)):
            return cls(block)
        axes = tuple(range(block.ndim - len(at.core), block.ndim))
        inside = tuple(slice(low - at.start[role], high - at.start[role]) for role, (low, high) in at.core.items())
        here = hole[(..., *inside)]
        empty = xp.all(here, axis=axes)
        absent = _absent(xp, here) if len(axes) == 1 else xp.zeros_like(here)
        spoiled = xp.any(here & ~absent, axis=axes) & ~empty
        if operator.nan == "error" and bool(xp.any(spoiled | (empty if len(axes) > 1 else spoiled))):
            raise DataError(f"{operator.name} input", "interior NaN under nan='error'", got=int(xp.sum(xp.astype(here, xp.int64))),
                            remedy="Choose nan='propagate' or nan='mask', or fill the gaps.")  # fmt: skip
        known = xp.astype(~here, xp.float64)
        clean = xp.where(here, xp.zeros_like(block[(..., *inside)]), block[(..., *inside)])
        number = xp.sum(known, axis=axes, keepdims=True)
        mean = xp.sum(clean, axis=axes, keepdims=True) / xp.where(number > 0, number, xp.ones_like(number))
        filled = xp.where(hole, xp.astype(mean, block.dtype), block)
        present = ~absent | empty[(..., *(None,) * len(axes))]
        return cls(filled, ~hole, present, spoiled if operator.nan == "propagate" else None, empty)

    def applied(self, xp: Any, values: Array, weights: Array, cells: Cells) -> tuple[Array, Array, Array]:
        """Return values, weights and shares of the field (..., r, cells) with the gaps' consequences."""
        volume = xp.asarray(cells.volume(), dtype=xp.float64, device=getattr(values, "device", None))
        total = xp.broadcast_to(volume, values.shape[:-1])
        if self.present is None or self.empty is None:
            return values, weights, total
        at = cells.at
        inner = Cells(replace(at, start={role: core[0] for role, core in at.core.items()}), cells.edges)
        total = total * inner.means(xp, xp.astype(self.present, xp.float64))[0]
        if self.spoiled is not None:
            values = xp.where(self.spoiled[..., None, None], xp.nan * values, values)
        return values, xp.where(self.empty[..., None, None], xp.zeros_like(weights), weights), total


def _absent(xp: Any, hole: Array) -> Array:
    """Return where an item has not begun or is over along the last axis."""
    valid = xp.astype(~hole, xp.int64)
    since = xp.cumulative_sum(valid, axis=-1)
    return (since == 0) | (since - valid == since[..., -1:])
