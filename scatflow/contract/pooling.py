"""Pooled items as rows of a state: which unit an item belongs to, and how states merge.

A state is ``(grid, index, total, weight, mean)``; every array keeps the kept batch axes first, then rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from scatflow.errors import ChunkError
from scatflow.spec import Place

Array = Any
State = tuple[Array, ...]
Kind = Literal["core", "independent", "ordered"]
#: (dim, size, kind) of every pooled and core dim, in kernel order.
Layout = tuple[tuple[str, int, Kind], ...]

#: Most rows of a state: beyond, neighboring units are merged into rows of nearly equal length, counted from 0.
MAX_ROWS = 4096


@dataclass(frozen=True)
class Units:
    """Which rows the items of the pooled axis belong to."""

    pooled: tuple[tuple[str, int, Kind], ...]
    bound: bool

    @property
    def counted(self) -> tuple[str, ...]:
        """Dims whose items are the units: independent ones, else the longest ordered one."""
        free = tuple(dim for dim, _, kind in self.pooled if kind == "independent")
        return free or tuple(dim for dim, _, _ in sorted(self.pooled, key=lambda entry: -entry[1])[:1])

    @property
    def count(self) -> int:
        """Units in all."""
        return math.prod(size for dim, size, _ in self.pooled if dim in self.counted)

    @property
    def cells(self) -> bool:
        """Whether cells of the core are the units. An operator that met no labels takes the items it is given."""
        return self.bound and self.count <= 1

    @property
    def ordered(self) -> bool:
        """Whether units follow one another."""
        return bool(self.pooled) and not self.cells and all(kind == "ordered" for _, _, kind in self.pooled)

    @property
    def merged(self) -> bool:
        """Whether rows hold several units."""
        return self.count > MAX_ROWS

    @property
    def noun(self) -> str:
        """What the units are, for labels."""
        return "cells" if self.cells else "samples" if self.ordered else "realizations"

    def members(self, rows: Iterable[int]) -> list[int]:
        """Return how many units each row holds."""
        n = self.count
        return [-(-(row + 1) * n // MAX_ROWS) - -(-row * n // MAX_ROWS) for row in rows]

    def items(self) -> list[int]:
        """Return how many items of the pooled axis each row holds."""
        each = math.prod(size for dim, size, _ in self.pooled if dim not in self.counted)
        return [each * n for n in (self.members(range(MAX_ROWS)) if self.merged else [1] * self.count)]

    def rows(self, at: Place, items: int, subject: str) -> list[int]:
        """Return the row of every item along ``r``."""
        if not self.bound:
            first = at.batch[-1] if at.batch else 0
            return list(range(first, first + items))
        sizes = [size for _, size, _ in self.pooled]
        starts = at.batch[len(at.batch) - len(sizes) :] if at.batch else (0,) * len(sizes)
        # A place made by hand may not tell the items: one pooled dim has those of the block, several are whole.
        lengths = at.items[len(at.items) - len(sizes) :] if at.items else (items,) if len(sizes) == 1 else sizes
        if math.prod(lengths) != items:
            raise ChunkError(f"{subject} input", "the block has not the items that its place tells", expected=lengths, got=items)
        found = [0]
        for (dim, size, _), start, length in zip(self.pooled, starts, lengths, strict=True):
            counts = dim in self.counted
            found = [n * size + start + i if counts else n for n in found for i in range(length)]
        return [n * MAX_ROWS // self.count for n in found] if self.merged else found


def merged(xp: Any, a: State, b: State) -> State:
    """Return the state of both: rows of the same number merge by weight, others keep their place."""
    if 0 in a[1].shape[:-1]:  # an empty batch has no row to compare
        return a
    if a[1].shape[-1] != b[1].shape[-1] or not bool(xp.all(a[1] == b[1])):
        first, second = (state[1][(*(0,) * (state[1].ndim - 1), ...)] for state in (a, b))
        index = xp.unique_values(xp.concat([first, second]))
        a, b = spread(xp, a, first, index), spread(xp, b, second, index)
    weight = a[3] + b[3]
    part = b[3] / xp.where(weight > 0, weight, xp.ones_like(weight))
    # Neither side is changed by a partner without weight, bit by bit.
    mean = xp.where(a[3] > 0, a[4] + (b[4] - a[4]) * part, b[4])
    return a[0], a[1], a[2] + b[2], weight, mean


def spread(xp: Any, state: State, own: Array, index: Array) -> State:
    """Return the state with rows for all of ``index``; new ones have no weight."""
    grid, _, total, weight, mean = state
    last = own.shape[0] - 1
    where = xp.searchsorted(own, index)
    where = xp.where(where > last, xp.full_like(where, last), where)
    known = xp.take(own, where, axis=0) == index
    total = xp.take(total, where, axis=-1)
    weight, mean = (xp.take(part, where, axis=-2) for part in (weight, mean))
    everywhere = xp.broadcast_to(index, (*total.shape[:-1], index.shape[0]))
    total = xp.where(known, total, xp.zeros_like(total))
    weight, mean = (xp.where(known[:, None], part, xp.zeros_like(part)) for part in (weight, mean))
    return grid, everywhere, total, weight, mean


def gathered(xp: Any, state: State, rows: Sequence[int]) -> State:
    """Merge items of the same row, and sort rows."""
    wanted = sorted(set(rows))
    if list(rows) == wanted:
        return state
    grid, index, total, weight, mean = state
    places: dict[int, list[int]] = {number: [] for number in wanted}
    for place, number in enumerate(rows):
        places[number].append(place)
    totals, weights, means = [], [], []
    for members in places.values():
        taken = integers(xp, members, total)
        w = xp.take(weight, taken, axis=-2)
        whole = xp.sum(w, axis=-2)
        safe = xp.where(whole > 0, whole, xp.ones_like(whole))
        means.append(xp.sum(w * xp.take(mean, taken, axis=-2), axis=-2) / safe)
        weights.append(whole)
        totals.append(xp.sum(xp.take(total, taken, axis=-1), axis=-1))
    index = xp.broadcast_to(integers(xp, wanted, total), (*total.shape[:-1], len(wanted)))
    return grid, index, xp.stack(totals, axis=-1), xp.stack(weights, axis=-2), xp.stack(means, axis=-2)


def numbers(xp: Any, array: Array) -> tuple[int, ...]:
    """Return the last axis of an integer array that is equal along all others; zeros if there is nothing."""
    width = array.shape[-1]
    flat = xp.reshape(array, (-1, width)) if math.prod(array.shape) else xp.zeros((1, width), dtype=xp.int64)
    return tuple(int(n) for n in flat[0, :])


def integers(xp: Any, numbers: Sequence[int], like: Array) -> Array:
    """Return integers as an array beside another."""
    return xp.asarray(list(numbers), dtype=xp.int64, device=getattr(like, "device", None))
