"""Evaluation of one box of the core axes: the block is gathered with its halo, and what lies beyond the box is trimmed."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from scatflow.arrays import asnumpy
from scatflow.blocks import absence, gaps
from scatflow.blocks.call import call_kernel, keywords, with_batch
from scatflow.blocks.window import trimmed
from scatflow.contract import Reduce, Window
from scatflow.errors import ChunkError, DataError
from scatflow.graph.halo import Box, Halo, halo_places, intervals, joined, placed, sources
from scatflow.graph.kernel import Kernel, Port
from scatflow.spec import Place

Array = Any
#: Returns the block of a box of the core axes, in kernel order.
Read = Callable[[Box], Array]


def reader(kernel: Kernel, signal: Array) -> Read:
    """Return how boxes of a signal in memory, in kernel order, are read."""
    return lambda box: signal[(..., *(slice(*box[dim]) for dim in kernel.core))]


def gather(xp: Any, kernel: Kernel, read: Read, place: Place) -> Array:
    """Return the block of a place, put together from what is read of the signal."""
    index = sources(kernel, place)
    ranges = [intervals(along) for along in index]
    block = joined(xp, kernel.core, ranges, read)
    for axis, (along, parts) in enumerate(zip(index, ranges, strict=True), block.ndim - len(index)):
        block = placed(xp, block, axis, along, parts)
    return block


def evaluate_box(xp: Any, kernel: Kernel, read: Read, box: Box, halo: Halo, batch: Box | None = None) -> dict[str, Array]:
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
    """
    pieces = []
    for place in halo_places(kernel, box, halo):
        ready = with_batch(kernel, place, batch or {})
        block = _absent(xp, kernel, gather(xp, kernel, read, ready))
        pieces.append((ready, _present(xp, kernel, read, block, ready, halo)))
    if len(pieces) == 1:
        return dict(pieces[0][1])
    return {port.name: _in_order(xp, kernel, port, pieces) for port in kernel.outputs if port.name in pieces[0][1]}


def _present(xp: Any, kernel: Kernel, read: Read, block: Array, place: Place, halo: Halo) -> Mapping[str, Array]:
    """Evaluate a block with its halo, each item extended where its own data begin and end."""
    hole = xp.isnan(block)
    if not bool(xp.any(hole)):
        return _dense(xp, kernel, block, place)
    if not absence.concerns(kernel, asnumpy(hole), place):
        return _poisoned(xp, kernel, block, place)

    def members(near: Place, rows: Any | None) -> Mapping[str, Array]:
        part = _absent(xp, kernel, gather(xp, kernel, read, near))
        if rows is None:
            return _poisoned(xp, kernel, part, near)
        items = xp.take(xp.reshape(part, (-1, part.shape[-1])), xp.asarray(rows, device=part.device), axis=0)
        return _poisoned(xp, kernel, gaps.batched(xp, items, part.ndim - 1), near)

    def marked(part: Box) -> Array:
        return _absent(xp, kernel, read(part))

    return absence.evaluate(xp, kernel, marked, asnumpy(hole), place, halo, members)


def _absent(xp: Any, kernel: Kernel, block: Array) -> Array:
    """Return a block with NaN where the sentinel of missing values stands."""
    assert isinstance(kernel.operator, Window)
    missing = kernel.operator.missing
    return block if missing is None else xp.where(block == missing, xp.asarray(xp.nan, dtype=block.dtype), block)


def _poisoned(xp: Any, kernel: Kernel, block: Array, place: Place) -> Mapping[str, Array]:
    """Evaluate a block in which NaN are gaps: each becomes one of every result that it can reach."""
    hole = xp.isnan(block)
    gaps.refuse(kernel, asnumpy(hole), [place.start[role] for role in kernel.roles])
    results = _dense(xp, kernel, xp.where(hole, xp.zeros_like(block), block), place)
    return {name: gaps.poison(xp, kernel, name, value, hole, place) for name, value in results.items()}


def _refuse_gaps(xp: Any, kernel: Kernel, block: Array) -> None:
    """Raise DataError for NaN in what is averaged in parts: whether they are gaps or absence, and what fills them, the whole tells."""
    missing = getattr(kernel.operator, "missing", None)
    if bool(xp.any(xp.isnan(block))) or (missing is not None and bool(xp.any(block == missing))):
        raise DataError(f"{kernel.operator.name} input", "NaN in core dims that are averaged in parts", code="GapsInParts",
                        remedy='Use strategy="batch", with more memory per worker, or fill the gaps.')  # fmt: skip


def _dense(xp: Any, kernel: Kernel, block: Array, place: Place) -> Mapping[str, Array]:
    results = call_kernel(xp, kernel, [block], place)
    return {port.name: trimmed(kernel, results[port.name], port, place) for port in kernel.outputs if port.name in results}


def _in_order(xp: Any, kernel: Kernel, port: Port, pieces: Sequence[tuple[Place, Mapping[str, Array]]]) -> Array:
    """Concatenate the pieces between walls along the only axis that has walls."""
    walled = [axis for axis in kernel.axes if axis.walls]
    if len(walled) > 1:
        raise ChunkError(kernel.operator.name, "walls along two core dims at once", got=[axis.dim for axis in walled],
                         remedy="Transform the segments of one dim separately.")  # fmt: skip
    return xp.concat([results[port.name] for _, results in pieces], axis=port.kernel_dims.index(walled[0].dim))


def reduce_box(xp: Any, kernel: Kernel, read: Read, box: Box, halo: Halo, batch: Box | None = None) -> tuple[Array, ...]:
    """Return the state of a Reduce with a halo on a box of its input; what is read has the axis ``r`` before the core axes."""
    operator = kernel.operator
    assert isinstance(operator, Reduce)
    states = []
    for place in halo_places(kernel, box, halo):
        ready = with_batch(kernel, place, batch or {})
        block = gather(xp, kernel, read, ready)
        _refuse_gaps(xp, kernel, block)
        states.append(operator.chunk(xp, block, **keywords(xp, kernel, [block], ready, "chunk")))
    total = states[0]
    for state in itertools.islice(states, 1, None):
        total = operator.combine(xp, total, state)
    return total
