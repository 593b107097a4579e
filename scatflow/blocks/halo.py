"""One box of the core axes: the block with the halo that its operator declares, and what of its result counts.

The whole signal is the extended one of :func:`~scatflow.graph.kernel.extended_place`, which kernels take as periodic: beyond
its ends a halo therefore goes on at the other end, and a box at an edge has the numbers of the whole, border included.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from scatflow.arrays import extension_index, fast_length
from scatflow.blocks.call import call_kernel, keywords, with_batch
from scatflow.blocks.window import trimmed
from scatflow.contract import Extended, Reduce
from scatflow.graph.kernel import Kernel, extended_place
from scatflow.spec import Place

Array = Any
Box = Mapping[str, tuple[int, int]]


def halo_place(kernel: Kernel, box: Box, tol: float) -> Place:
    """Return where the block of a box lies: the box with the declared reach, started on the operator's grid.

    Parameters
    ----------
    kernel : Kernel
        A bound operator that looks beyond its samples.
    box : mapping
        Core dim -> half-open range; dims that are not named are whole.
    tol : float
        Tolerance that the halo shall keep.

    Raises
    ------
    ChunkError
        The operator has no finite reach.
    """
    operator = kernel.operator
    assert isinstance(operator, Extended)
    whole, place = extended_place(kernel, {}), with_batch(kernel, kernel.place(box), {})
    depth, align = operator.depth(tol), operator.align()
    start, stop = {}, {}
    for role in kernel.roles:
        (low, high), (before, after), grid = place.core[role], depth.get(role, (0, 0)), align.get(role, 1)
        start[role] = (low - before) // grid * grid
        stop[role] = start[role] + fast_length(high + after - start[role], multiple=grid)
        if stop[role] - start[role] >= whole.stop[role] - whole.start[role]:
            start[role], stop[role] = whole.start[role], whole.stop[role]
    return replace(place, start=start, stop=stop, span=whole.span)


def sources(kernel: Kernel, place: Place) -> list[np.ndarray]:
    """Return, per core axis, which sample of the signal each sample of a block copies; -1 stands for a zero."""
    whole = extended_place(kernel, {})
    found = []
    for role, axis, rule in zip(kernel.roles, kernel.axes, kernel.boundary, strict=True):
        first, period = whole.start[role], whole.stop[role] - whole.start[role]
        table = extension_index(axis.size, -first, max(0, whole.stop[role] - axis.size), rule)
        found.append(table[(np.arange(place.start[role], place.stop[role]) - first) % period])
    return found


def gather(xp: Any, kernel: Kernel, signal: Array, place: Place) -> Array:
    """Return the block of a place from a whole signal in kernel order."""
    for axis, index in enumerate(sources(kernel, place), signal.ndim - len(kernel.axes)):
        taken = xp.take(signal, xp.asarray(np.maximum(index, 0), device=getattr(signal, "device", None)), axis=axis)
        if (index < 0).any():
            real = xp.asarray(index >= 0, device=getattr(signal, "device", None))
            shape = (1,) * axis + (len(index),) + (1,) * (signal.ndim - axis - 1)
            taken = xp.where(xp.reshape(real, shape), taken, xp.zeros_like(taken))
        signal = taken
    return signal


def evaluate_box(xp: Any, kernel: Kernel, signal: Array, box: Box, tol: float) -> dict[str, Array]:
    """Return the results of a Window on a box, in kernel order."""
    place = halo_place(kernel, box, tol)
    results = call_kernel(xp, kernel, [gather(xp, kernel, signal, place)], place)
    return {port.name: trimmed(kernel, results[port.name], port, place) for port in kernel.outputs if port.name in results}


def reduce_box(xp: Any, kernel: Kernel, signal: Array, box: Box, tol: float) -> tuple[Array, ...]:
    """Return the state of a Reduce with a halo on a box; the signal has its axis ``r`` before the core axes."""
    operator, place = kernel.operator, halo_place(kernel, box, tol)
    assert isinstance(operator, Reduce)
    block = gather(xp, kernel, signal, place)
    return operator.chunk(xp, block, **keywords(xp, kernel, [block], place, "chunk"))
