"""Blocks with a halo: where they lie, and which samples of a signal they copy.

The whole signal is the extended one of :func:`~scatflow.graph.kernel.extended_place`, which kernels take as periodic: beyond
its ends a halo therefore goes on at the other end, and a box at an edge has the numbers of the whole, border included.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scatflow.arrays import copied_index, fast_length
from scatflow.contract import Extended, Window
from scatflow.graph.kernel import Kernel, extended_place
from scatflow.spec import Axis, Place

Box = Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Halo:
    """How far blocks look beyond their box: to a tolerance, and as for a box of ``least`` samples per dim where it is shorter.

    Blocks of one shape share their filters, the ragged ones at the ends included.
    """

    tol: float
    least: tuple[tuple[str, int], ...] = ()


#: Samples between two parts of an axis below which they are read as one.
_NEAR = 64


def halo_place(kernel: Kernel, box: Box, halo: Halo, span: Box | None = None) -> Place:
    """Return where the block of a box lies: the box with the declared reach, started on the operator's grid.

    Parameters
    ----------
    kernel : Kernel
        A bound operator that looks beyond its samples.
    box : mapping
        Core dim -> half-open range of samples of the input; dims that are not named are whole.
    halo : Halo
        How far to look beyond it.
    span : mapping, optional
        Core dim -> range between the walls around the box; default whole axes.

    Raises
    ------
    ChunkError
        The operator has no finite reach.
    """
    operator = kernel.operator
    assert isinstance(operator, Extended)
    whole, place = extended_place(kernel, span or {}), kernel.place({**(span or {}), **box})
    depth, align, least = operator.depth(halo.tol), operator.align(), dict(halo.least)
    start, stop = {}, {}
    for role, axis in zip(kernel.roles, kernel.axes, strict=True):
        (low, high), (before, after), grid = place.core[role], depth.get(role, (0, 0)), align.get(role, 1)
        start[role] = (low - before) // grid * grid
        high = max(high, low + least.get(axis.dim, 0))
        stop[role] = start[role] + fast_length(high + after - start[role], multiple=grid)
        if stop[role] - start[role] >= whole.stop[role] - whole.start[role]:
            start[role], stop[role] = whole.start[role], whole.stop[role]
    return replace(place, start=start, stop=stop, span=whole.span)


def weighs_gaps(kernel: Kernel) -> bool:
    """Tell whether results come with the share of valid samples, which reaches farther than filters to a tolerance."""
    return isinstance(kernel.operator, Window) and kernel.operator.nan == "mask"


def seen(kernel: Kernel, place: Place) -> dict[str, tuple[int, int]]:
    """Return the range along every core dim, between walls, that the block of a box and the valid fractions of its results need."""
    operator = kernel.operator
    assert isinstance(operator, Extended)
    reach, found = operator.coverage_reach(), {}
    for role, axis in zip(kernel.roles, kernel.axes, strict=True):
        (low, high), (first, last) = place.core[role], place.span[role]
        before, after = reach.get(role, (last - first,) * 2)
        found[axis.dim] = (max(first, min(low - before, place.start[role])), min(last, max(high + after, place.stop[role])))
    return found


def halo_places(kernel: Kernel, box: Box, halo: Halo) -> list[Place]:
    """Return the places of the parts of a box between walls, in index order; see :func:`halo_place`."""
    return [halo_place(kernel, part, halo, span) for part, span in parts(kernel, box)]


def parts(kernel: Kernel, box: Box) -> Iterator[tuple[Box, Box]]:
    """Yield the parts of a box of the core axes between walls, each with the ranges between the walls around it."""
    choices = [list(_touched(axis, box)) for axis in kernel.axes]
    for chosen in itertools.product(*choices):
        yield ({axis.dim: part for axis, (part, _) in zip(kernel.axes, chosen, strict=True)},
               {axis.dim: span for axis, (_, span) in zip(kernel.axes, chosen, strict=True)})  # fmt: skip


def _touched(axis: Axis, box: Box) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    low, high = box.get(axis.dim, (0, axis.size))
    for start, stop in axis.spans():
        if max(low, start) < min(high, stop):
            yield (max(low, start), min(high, stop)), (start, stop)


def sources(kernel: Kernel, place: Place) -> list[np.ndarray]:
    """Return, per core axis, which sample of the signal each sample of a block copies; -1 stands for a zero."""
    spans = {axis.dim: place.span[role] for role, axis in zip(kernel.roles, kernel.axes, strict=True)}
    whole = extended_place(kernel, spans)
    found = []
    for role, rule in zip(kernel.roles, kernel.boundary, strict=True):
        low, high = place.span[role]
        first, period = whole.start[role], whole.stop[role] - whole.start[role]
        position = (np.arange(place.start[role], place.stop[role]) - first) % period + first
        index = copied_index(position - low, high - low, rule)
        found.append(np.where(index < 0, -1, index + low))
    return found


def intervals(index: np.ndarray) -> list[tuple[int, int]]:
    """Return the ranges of samples to read for a block, given what it copies along an axis.

    Examples
    --------
    >>> intervals(np.array([-1, 1, 0, 1, 2, 900, 901]))
    [(0, 3), (900, 902)]
    """
    known = index[index >= 0]
    if not known.size:
        return [(0, 1)]  # nothing but zeros, whose number and dtype a sample tells
    # Positions go up or down by one; runs of them are far fewer than samples, which need no sorting then.
    starts = np.concatenate([[0], np.flatnonzero(np.abs(np.diff(known)) > _NEAR) + 1])
    lows, highs = np.minimum.reduceat(known, starts), np.maximum.reduceat(known, starts) + 1
    return merged(zip(lows.tolist(), highs.tolist(), strict=True))


def merged(parts: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return ranges in order, those that touch or lie near each other as one.

    Examples
    --------
    >>> merged([(0, 9), (900, 902), (5, 20)])
    [(0, 20), (900, 902)]
    """
    found: list[tuple[int, int]] = []
    for low, high in sorted(part for part in parts if part[1] > part[0]):
        if found and low <= found[-1][1] + _NEAR:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return found


def reads(kernel: Kernel, place: Place) -> list[dict[str, tuple[int, int]]]:
    """Return the boxes of the signal that a block copies, in index order: two along an axis where it goes on at the other end."""
    ranges = [intervals(index) for index in sources(kernel, place)]
    return [dict(zip(kernel.core, box, strict=True)) for box in itertools.product(*ranges)]


def joined(xp: Any, dims: Sequence[str], ranges: Sequence[Sequence[tuple[int, int]]], read: Callable[[Box], Any]) -> Any:
    """Return everything that is read, one range after the other along every one of the last axes, which are ``dims``."""

    def along(axis: int, box: dict[str, tuple[int, int]]) -> Any:
        if axis == len(ranges):
            return read(box)
        found = [along(axis + 1, {**box, dims[axis]: part}) for part in ranges[axis]]
        return found[0] if len(found) == 1 else xp.concat(found, axis=axis - len(ranges))

    return along(0, {})


def placed(xp: Any, block: Any, axis: int, index: np.ndarray, parts: Sequence[tuple[int, int]]) -> Any:
    """Return the samples of an index along an axis of which some parts were read; zeros where it is negative."""
    starts = np.array([low for low, _ in parts])
    before = np.concatenate([[0], np.cumsum([high - low for low, high in parts])])[:-1]
    part = np.maximum(np.searchsorted(starts, index, side="right") - 1, 0)
    place = np.maximum(index - starts[part] + before[part], 0)
    inside = index >= 0
    if inside.all() and np.array_equal(place, np.arange(block.shape[axis])):
        return block
    device = getattr(block, "device", None)
    taken = xp.take(block, xp.asarray(place, device=device), axis=axis)
    if inside.all():
        return taken
    shape = (1,) * axis + (len(index),) + (1,) * (block.ndim - axis - 1)
    return xp.where(xp.reshape(xp.asarray(inside, device=device), shape), taken, xp.zeros_like(taken))
