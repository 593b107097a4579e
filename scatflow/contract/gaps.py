"""Missing data inside an average: what is filled, what is left out, what is spoiled."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
    def of(cls, xp: Any, operator: Average, block: Array, at: Place, known: Sequence[Array] = ()) -> Gaps:
        """Fill gaps by the mean of each item; NaN before the first and after the last value of one axis is absence.

        ``known`` are mean and extent of the whole items (:class:`scatflow.contract.summary.Summary`) where the block is a
        part of them, shapes (..., r) and (..., r, 3).
        """
        hole = xp.isnan(block)
        if operator.missing is not None:
            hole = hole | (block == operator.missing)
        here = bool(xp.any(hole))
        if not here and not known:
            return cls(block)
        inside = (..., *(slice(low - at.start[role], high - at.start[role]) for role, (low, high) in at.core.items()))
        items = _Items.known(xp, hole[inside], at, *known) if known else _Items.whole(xp, block[inside], hole[inside], len(at.core))
        if not here and not bool(xp.any(items.spoiled)):
            return cls(block)
        if operator.nan == "error":
            _refuse(xp, operator, hole[inside] & ~items.absent, at)
        unit = (..., *(None,) * len(at.core))
        filled = xp.where(hole, xp.astype(items.mean, block.dtype)[unit], block)
        present = ~items.absent | items.empty[unit]
        return cls(filled, ~hole, present, items.spoiled if operator.nan == "propagate" else None, items.empty)

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


@dataclass(frozen=True, eq=False)
class _Items:
    """Of every item (..., r): the mean of its valid samples, whether it has none or a gap; and where in a core it is absent."""

    mean: Array
    empty: Array
    spoiled: Array
    absent: Array

    @classmethod
    def whole(cls, xp: Any, core: Array, hole: Array, ndim: int) -> _Items:
        """Return what a whole core tells."""
        axes = tuple(range(core.ndim - ndim, core.ndim))
        empty = xp.all(hole, axis=axes)
        absent = _absent(xp, hole) if ndim == 1 else xp.zeros_like(hole)
        number = xp.sum(xp.astype(~hole, xp.float64), axis=axes)
        mean = xp.sum(xp.where(hole, xp.zeros_like(core), core), axis=axes) / xp.where(number > 0, number, xp.ones_like(number))
        return cls(mean, empty, xp.any(hole & ~absent, axis=axes) & ~empty, absent)

    @classmethod
    def known(cls, xp: Any, hole: Array, at: Place, mean: Array, extent: Array) -> _Items:
        """Return what a part of a core and the summary of the whole tell."""
        number, first, last = (extent[..., n] for n in range(3))
        if len(at.core) > 1:
            gaps, absent = number < math.prod(high - low for low, high in at.span.values()), xp.zeros_like(hole)
        else:
            (low, high), gaps = *at.core.values(), number < last - first
            where = xp.arange(low, high, device=getattr(hole, "device", None))
            absent = (where < first[..., None]) | (where >= last[..., None])
        return cls(mean, number == 0, gaps & (number > 0), absent)


def _absent(xp: Any, hole: Array) -> Array:
    """Return where an item has not begun or is over along the last axis."""
    valid = xp.astype(~hole, xp.int64)
    since = xp.cumulative_sum(valid, axis=-1)
    return (since == 0) | (since - valid == since[..., -1:])


def _refuse(xp: Any, operator: Average, gap: Array, at: Place) -> None:
    """Raise DataError for gaps under the policy ``error``, shape (..., r, core); it tells how many there are, and the first."""
    count = int(xp.sum(xp.astype(gap, xp.int64)))
    if not count:
        return
    place = int(xp.argmax(xp.reshape(xp.astype(gap, xp.int8), (-1,))))
    sizes = [*(at.items or gap.shape[: gap.ndim - len(at.core)]), *gap.shape[gap.ndim - len(at.core) :]]
    starts = [*(at.batch or (0,) * (len(sizes) - len(at.core))), *(low for low, _ in at.core.values())]
    first: list[int] = []
    for size, start in zip(reversed(sizes), reversed(starts), strict=True):
        place, k = divmod(place, size)
        first.insert(0, k + start)
    raise DataError(f"{operator.name} input", f"{count} interior NaN under nan='error'", got=f"first at {tuple(first)}",
                    remedy="Choose nan='propagate' or nan='mask', or fill the gaps.")  # fmt: skip
