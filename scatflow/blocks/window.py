"""Windowed kernels on whole axes: walls, absence, gaps, extension at the edges, trimming."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scatflow.arrays import extend
from scatflow.blocks import gaps
from scatflow.blocks.call import call_kernel, keywords, with_batch
from scatflow.contract import Reduce, Window
from scatflow.errors import ChunkError
from scatflow.graph.kernel import Kernel, Port, extended_place, trim
from scatflow.spec import Place

Array = Any
Ranges = Mapping[str, tuple[int, int]]


def spans(kernel: Kernel) -> Iterator[Ranges]:
    """Yield the boxes between walls along the core dims."""
    for box in itertools.product(*(axis.spans() for axis in kernel.axes)):
        yield {axis.dim: span for axis, span in zip(kernel.axes, box, strict=True)}


def reduce_spans(xp: Any, kernel: Kernel, blocks: Sequence[Array], batch: Ranges) -> tuple[Array, ...]:
    """Return the state of an extended Reduce: one chunk per span between walls, combined in order."""
    operator = kernel.operator
    assert isinstance(operator, Reduce)
    total: tuple[Array, ...] | None = None
    for ranges in spans(kernel):
        place = with_batch(kernel, extended_place(kernel, ranges), batch)
        ready = [extended(xp, kernel, _cut(kernel, block, ranges), place) for block in blocks]
        state = operator.chunk(xp, *ready, **keywords(xp, kernel, ready, place, "chunk"))
        total = state if total is None else operator.combine(xp, total, state)
    assert total is not None
    return total


def windowed(xp: Any, kernel: Kernel, block: Array, batch: Ranges) -> dict[str, Array]:
    """Evaluate a Window between its walls and put the pieces together."""
    assert isinstance(kernel.operator, Window)
    block = gaps.marked(xp, kernel, block)
    boxes = list(spans(kernel))
    pieces = [_span(xp, kernel, _cut(kernel, block, box), box, batch) for box in boxes]
    if len(pieces) == 1:
        return dict(pieces[0])
    return {port.name: join(xp, kernel, port, boxes, [piece[port.name] for piece in pieces]) for port in kernel.outputs}


def _span(xp: Any, kernel: Kernel, block: Array, ranges: Ranges, batch: Ranges) -> Mapping[str, Array]:
    hole = xp.isnan(block)
    if not bool(xp.any(hole)):
        results = dict(_dense(xp, kernel, block, ranges, batch))
        if gaps.FRACTION in (port.name for port in kernel.outputs):
            results[gaps.FRACTION] = gaps.fraction(xp, kernel, ~hole, ranges)
        return results

    def dense(filled: Array, inner: Ranges) -> Mapping[str, Array]:
        return _dense(xp, kernel, filled, inner, batch)

    return gaps.evaluate(xp, kernel, block, ranges, dense)


def _dense(xp: Any, kernel: Kernel, block: Array, ranges: Ranges, batch: Ranges) -> Mapping[str, Array]:
    """Evaluate one span without holes: extension, kernel, trimming."""
    place = with_batch(kernel, extended_place(kernel, ranges), batch)
    results = call_kernel(xp, kernel, [extended(xp, kernel, block, place)], place)
    return {port.name: trimmed(kernel, results[port.name], port, place) for port in kernel.outputs if port.name in results}


def _cut(kernel: Kernel, block: Array, ranges: Ranges) -> Array:
    return block[(..., *(slice(*ranges[dim]) for dim in kernel.core))]


def extended(xp: Any, kernel: Kernel, block: Array, place: Place) -> Array:
    """Return a block with the margins of its place beyond the core, by the boundary rule."""
    widths = [(place.core[r][0] - place.start[r], place.stop[r] - place.core[r][1]) for r in kernel.roles]
    return extend(xp, block, widths, kernel.boundary)


def trimmed(kernel: Kernel, block: Array, port: Port, place: Place) -> Array:
    """Keep the samples of a result that lie in the core along every core dim it still has."""
    for role, axis in zip(kernel.roles, kernel.axes, strict=True):
        if axis.dim in port.kernel_dims:
            where = port.kernel_dims.index(axis.dim)
            block = trim(block, place, role, port.along(axis), place.core[role], where)
    return block


def join(xp: Any, kernel: Kernel, port: Port, boxes: Sequence[Ranges], pieces: list[Array]) -> Array:
    """Concatenate along the axis with walls; where it was averaged away, weight segments by length."""
    walled = [axis for axis in kernel.axes if axis.walls]
    if len(walled) > 1:
        raise ChunkError(
            kernel.operator.name, "walls along two core dims at once", got=[axis.dim for axis in walled],
            remedy="Transform the segments of one dim separately.",
        )  # fmt: skip
    axis = walled[0]
    if axis.dim in port.kernel_dims:
        return xp.concat(pieces, axis=port.kernel_dims.index(axis.dim))
    lengths = [box[axis.dim][1] - box[axis.dim][0] for box in boxes]
    weighted = [piece * (length / sum(lengths)) for piece, length in zip(pieces, lengths, strict=True)]
    out = weighted[0]
    for piece in weighted[1:]:
        out = out + piece
    return out
