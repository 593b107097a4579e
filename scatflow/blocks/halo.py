"""Evaluation of one box of the core axes: the block is gathered with its halo, and what lies beyond the box is trimmed."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from scatflow.arrays import asnumpy
from scatflow.blocks import absence, gaps, masked
from scatflow.blocks.absence import Read
from scatflow.blocks.call import call_kernel, keywords, with_batch
from scatflow.blocks.window import join, trimmed
from scatflow.contract import Reduce
from scatflow.errors import DataError
from scatflow.graph.halo import Box, Halo, halo_places, intervals, joined, parts, placed, sources
from scatflow.graph.kernel import Kernel
from scatflow.spec import Place

Array = Any


def reader(kernel: Kernel, signal: Array) -> Read:
    """Return how boxes of a signal in memory, in kernel order, are read."""
    return lambda box: signal[(..., *(slice(*box[dim]) for dim in kernel.core))]


def gather(xp: Any, kernel: Kernel, read: Read, place: Place) -> Array:
    """Return the block of a place, put together from what is read of the signal."""
    index = sources(kernel, place)
    ranges = [intervals(along) for along in index]
    block = joined(xp, kernel.core, ranges, read)
    for axis, (along, read_ranges) in enumerate(zip(index, ranges, strict=True), block.ndim - len(index)):
        block = placed(xp, block, axis, along, read_ranges)
    return block


def evaluate_box(
    xp: Any, kernel: Kernel, read: Read, box: Box, halo: Halo, batch: Box | None = None, known: Sequence[Array] = ()
) -> dict[str, Array]:
    """Return the results of a Window on a box of its input, in kernel order.

    Parameters
    ----------
    xp : Namespace
        Of what ``read`` returns.
    kernel : Kernel
        A bound Window.
    read : callable
        Returns the block of a box of the core axes, in kernel order.
    box : mapping
        Core dim -> half-open range of input samples; dims that are not named are whole.
    halo : Halo
        How far to look beyond it.
    batch : mapping, optional
        Absolute ranges of the batch axes.
    known : sequence of array, optional
        Mean and extent of the whole signals, by spans between walls, where gaps are filled.
    """

    def marked(part: Box) -> Array:
        return gaps.marked(xp, kernel, read(part))

    pieces: list[Mapping[str, Array]] = []
    for place in halo_places(kernel, box, halo):
        ready = with_batch(kernel, place, batch or {})
        if known:
            pieces.append(_masked(xp, kernel, marked, ready, halo, known))
        else:
            pieces.append(_present(xp, kernel, marked, gather(xp, kernel, marked, ready), ready, halo))
    if len(pieces) == 1:
        return dict(pieces[0])
    boxes = [part for part, _ in parts(kernel, box)]
    return {port.name: join(xp, kernel, port, boxes, [piece[port.name] for piece in pieces]) for port in kernel.outputs}


def _present(xp: Any, kernel: Kernel, read: Read, block: Array, place: Place, halo: Halo) -> Mapping[str, Array]:
    """Evaluate a block with its halo, each item extended where its own data begin and end."""
    hole = asnumpy(xp.isnan(block))
    if not absence.concerns(kernel, hole, place):
        return _poisoned(xp, kernel, block, place)

    def members(near: Place, rows: Any | None) -> Mapping[str, Array]:
        part = gather(xp, kernel, read, near)
        if rows is None:
            return _poisoned(xp, kernel, part, near)
        items = xp.take(xp.reshape(part, (-1, part.shape[-1])), xp.asarray(rows, device=part.device), axis=0)
        return _poisoned(xp, kernel, gaps.batched(xp, items, part.ndim - 1), near)

    return absence.evaluate(xp, kernel, absence.ends(kernel, read, place, hole), place, halo, hole.shape[:-1], members)


def _masked(xp: Any, kernel: Kernel, read: Read, place: Place, halo: Halo, known: Sequence[Array]) -> Mapping[str, Array]:
    """Evaluate a block whose gaps are filled with the means of the whole signals."""
    mean, extent = between_walls(kernel, place, known)
    return masked.evaluate(xp, kernel, read, place, halo, (mean, extent), lambda read, near: gather(xp, kernel, read, near),
                           lambda block, near: _dense(xp, kernel, block, near))  # fmt: skip


def between_walls(kernel: Kernel, place: Place, known: Sequence[Array]) -> tuple[Array, ...]:
    """Return what is known of the signals between the walls around a place: mean, shape (...,), and extent, shape (..., 3)."""
    spans = list(itertools.product(*(axis.spans() for axis in kernel.axes)))
    number = spans.index(tuple(place.span[role] for role in kernel.roles))
    return known[0][..., number], known[1][..., number, :]


def _poisoned(xp: Any, kernel: Kernel, block: Array, place: Place) -> Mapping[str, Array]:
    """Evaluate a block in which NaN are gaps: each becomes one of every result that it can reach."""
    hole = xp.isnan(block)
    if not bool(xp.any(hole)):
        return _dense(xp, kernel, block, place)
    gaps.refuse(kernel, asnumpy(hole), [place.start[role] for role in kernel.roles])
    results = _dense(xp, kernel, xp.where(hole, xp.zeros_like(block), block), place)
    return {name: gaps.poison(xp, kernel, name, value, hole, place) for name, value in results.items()}


def _refuse_gaps(xp: Any, kernel: Kernel, block: Array) -> None:
    """Raise DataError for NaN in what is averaged in parts: whether they are gaps or absence, and what fills them, the whole tells."""
    if bool(xp.any(xp.isnan(block))):
        raise DataError(f"{kernel.operator.name} input", "NaN in core dims that are averaged in parts", code="GapsInParts",
                        remedy='Use strategy="batch", with more memory per worker, or fill the gaps.')  # fmt: skip


def _dense(xp: Any, kernel: Kernel, block: Array, place: Place) -> Mapping[str, Array]:
    results = call_kernel(xp, kernel, [block], place)
    return {port.name: trimmed(kernel, results[port.name], port, place) for port in kernel.outputs if port.name in results}


def reduce_box(
    xp: Any, kernel: Kernel, read: Read, box: Box, halo: Halo, batch: Box | None = None, known: Sequence[Array] = ()
) -> tuple[Array, ...]:
    """Return the state of a Reduce with a halo on a box of its input; what is read has the axis ``r`` before the core axes.

    ``known`` are mean (..., r, spans) and extent (..., r, spans, 3) of the whole signals, for averages.
    """
    operator = kernel.operator
    assert isinstance(operator, Reduce)
    states = []
    for place in halo_places(kernel, box, halo):
        ready = with_batch(kernel, place, batch or {})
        block = gather(xp, kernel, read, ready)
        summary = between_walls(kernel, place, known) if known else ()
        if not known:
            _refuse_gaps(xp, kernel, gaps.marked(xp, kernel, block))
        states.append(operator.chunk(xp, block, *summary, **keywords(xp, kernel, [block], ready, "chunk")))
    total = states[0]
    for state in itertools.islice(states, 1, None):
        total = operator.combine(xp, total, state)
    return total
