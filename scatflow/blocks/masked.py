"""Boxes of a signal whose gaps are filled with the mean of the whole, which their summary tells, and how much of a result is valid."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from scatflow.arrays import asnumpy
from scatflow.blocks import absence, gaps
from scatflow.blocks.absence import Read
from scatflow.contract import Window
from scatflow.graph.halo import Box, Halo, seen
from scatflow.graph.kernel import Kernel
from scatflow.spec import Place

Array = Any
#: Mean (batch axes) and extent (batch axes, 3) of the signals between the walls around a box.
Summary = tuple[Array, Array]


def evaluate(
    xp: Any, kernel: Kernel, read: Read, place: Place, halo: Halo, known: Summary,
    gather: Callable[[Read, Place], Array], dense: Callable[[Array, Place], Mapping[str, Array]],
) -> Mapping[str, Array]:  # fmt: skip
    """Return the results of a box, and the share of smoothing weight on valid samples.

    Parameters
    ----------
    xp : Namespace
        Of the blocks.
    kernel : Kernel
        A bound Window.
    read : callable
        Returns the block of a box of the core dims, in kernel order.
    place : Place
        The box with its halo.
    halo : Halo
        How far blocks look beyond their boxes.
    known : tuple of array
        Summary of the whole signals.
    gather, dense : callable
        The block of a place, put together from what is read; results of a block without gaps.
    """
    mean, extent = known
    held = _held(read, seen(kernel, place))

    def filled(near: Place, rows: Any | None) -> Mapping[str, Array]:
        block, valid, fill = gather(held, near), ~xp.isnan(held(seen(kernel, near))), mean
        if rows is not None:
            block, valid = (_members(xp, part, rows) for part in (block, valid))
            fill = xp.reshape(xp.take(xp.reshape(mean, (-1,)), xp.asarray(rows, device=mean.device), axis=0), block.shape[:-1])
        fill = xp.astype(fill, block.dtype)[(..., *(None,) * len(kernel.core))]
        results = dense(xp.where(xp.isnan(block), fill, block), near)
        spans = {axis.dim: near.span[role] for role, axis in zip(kernel.roles, kernel.axes, strict=True)}
        box = {axis.dim: near.core[role] for role, axis in zip(kernel.roles, kernel.axes, strict=True)}
        return gaps.weighed(xp, kernel, results, valid, spans, (box, seen(kernel, near)))

    operator = kernel.operator
    assert isinstance(operator, Window)
    if len(kernel.core) == 1 and operator.has_absence():
        ends = tuple(asnumpy(xp.reshape(extent[..., n], (-1,))) for n in (1, 2))
        (span,) = place.span.values()
        if bool((ends[0] > span[0]).any() or (ends[1] < span[1]).any()):
            return absence.evaluate(xp, kernel, (ends[0], ends[1]), place, halo, tuple(mean.shape), filled)
    return filled(place, None)


def _members(xp: Any, block: Array, rows: Any) -> Array:
    """Return some items of a block of one core axis, counted over all batch axes."""
    items = xp.take(xp.reshape(block, (-1, block.shape[-1])), xp.asarray(rows, device=block.device), axis=0)
    return gaps.batched(xp, items, block.ndim - 1)


def _held(read: Read, box: Box) -> Read:
    """Return how boxes are read of which most lie within one, that is read once."""
    block = read(box)

    def within(part: Box) -> Array:
        if any(low < box[dim][0] or high > box[dim][1] for dim, (low, high) in part.items()):
            return read(part)
        return block[(..., *(slice(part[dim][0] - low, part[dim][1] - low) for dim, (low, _) in box.items()))]

    return within
