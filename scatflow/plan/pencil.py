"""Stages that have one core axis whole and cut all others: where they end, into which lengths, and how results lie in between.

Each stage reads along another axis than the one before it wrote along, so the lengths of both make the stored chunks: a stage
then writes whole chunks, and the next one reads whole chunks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from scatflow.graph.bind import Call
from scatflow.graph.model import Node
from scatflow.plan.limits import Limits
from scatflow.plan.memory import DECODED, Projection, project
from scatflow.plan.refusal import too_large
from scatflow.plan.regions import CHUNK_BYTES, CRUMB_BYTES, FEW_REGIONS, Regions, domain, free_dims
from scatflow.plan.stage import Box
from scatflow.plan.strategy import Layout, Work, ending, lay_out
from scatflow.spec import ArraySpec, itemsize

if TYPE_CHECKING:
    from scatflow.plan.staging import Stage, Target


#: Samples of core dims that are whole at no cost worth a stage of its own: components of vectors, the two senses of spectra.
FEW_SAMPLES = 4


def turns(nodes: Iterable[Node], calls: Mapping[str, Call]) -> frozenset[str]:
    """Return the nodes whose results are stored because a later one needs long axes whole that are cut until there."""
    held: dict[str, frozenset[str]] = {}
    ends: set[str] = set()
    for node in nodes:
        axes = calls[node.id].kernel.axes if node.id in calls else ()
        own = frozenset(axis.dim for axis in axes if axis.size > FEW_SAMPLES)
        fused = own
        joined: frozenset[str] | None = None  # what the inputs that share its stage have whole
        for ref in node.refs:
            before = held[ref.node]
            apart = joined is not None and not (joined <= before or before <= joined)
            if before and ((own and not own <= before) or apart):
                ends.add(ref.node)
            elif before and ref.node not in ends:
                fused, joined = fused | before, before | (joined or frozenset())
        held[node.id] = fused
    return frozenset(ends)


def lay_out_pencils(work: Work, limits: Limits, number: int) -> Layout:
    """Return the regions of a stage that has one core axis whole: as long along all others as memory allows.

    They depend on the memory of a worker, never on the number of workers. Stored chunks that are too long are read in parts.

    Raises
    ------
    PlanError
        Not even one line fits memory.
    """
    core = list(dict.fromkeys(dim for call in work.calls.values() for dim in call.kernel.core))
    if not core:
        return lay_out(work, replace(limits, strategy=None), number)
    where, free = domain(work.calls[work.target]), free_dims(work.calls, work.inputs)

    def projected(box: Box) -> Projection:
        found = project(work.calls, work.inputs, work.specs, box)
        decoded = sum(_decoded(work.specs[ref], box) for ref in work.reads)
        # A region is written as many chunks, whose encoded bytes wait for the disk together.
        return replace(found, peak=found.peak + found.written + decoded, decoded=decoded)

    asked, chunks = limits.asked(number), work.chunks(free, {})
    regions = _lengths(where, free, chunks, projected, limits, asked, work.target, work.growing())
    why = f"pencil: core {', '.join(core)} whole; split over {', '.join(free) or 'nothing'}" + ending(work)
    return Layout(regions, projected(regions.box(0)), why)


def _decoded(spec: ArraySpec, box: Box) -> int:
    """Return the bytes of stored chunks that are decoded at a time; lengths of 1 are those that the region will fix."""
    chunks = (max(sizes, default=1) for sizes in spec.chunks) if spec.chunks else spec.shape
    lengths = [
        box[dim][1] - box[dim][0] if chunk == 1 and dim in box else (size if chunk == 1 else chunk)
        for chunk, (dim, size) in zip(chunks, spec.sizes.items(), strict=True)
    ]
    return min(DECODED * min(math.prod(lengths) * itemsize(spec.dtype), CHUNK_BYTES), spec.nbytes)


def _lengths(
    spec: ArraySpec, free: Sequence[str], chunks: Mapping[str, int], project: Callable[[Box], Projection], limits: Limits,
    asked: Mapping[str, int], subject: str, smaller: Sequence[str],
) -> Regions:  # fmt: skip
    """Return region lengths: the longest that fit, but 16 regions at least of those that write so much that chunks are no crumbs."""
    sizes = {dim: spec.sizes[dim] for dim in free}
    steps = {dim: max(1, min(asked.get(dim, chunks.get(dim, 1)), size)) for dim, size in sizes.items()}

    def projected(found: Mapping[str, int]) -> Projection:
        return project({dim: (0, min(step, sizes[dim])) for dim, step in found.items()})

    while (found := projected(steps)).peak > limits.per_part:
        longest = max((dim for dim in free if dim not in asked and steps[dim] > 1), key=lambda dim: steps[dim], default=None)
        if longest is None:
            raise too_large(subject, found.peak, limits, steps, chunks, smaller, part=True, decoded=found.decoded)
        steps[longest] = -(-steps[longest] // 2)
    for dim in (dim for dim in reversed(free) if dim not in asked):
        while steps[dim] < sizes[dim]:
            longer = {**steps, dim: min(2 * steps[dim], sizes[dim])}
            need, count = projected(longer), len(Regions(tuple(sizes.items()), tuple(longer.items())))
            if need.peak > limits.per_part or (count < FEW_REGIONS and need.written > FEW_REGIONS * CRUMB_BYTES):
                break
            steps = longer
    return Regions(tuple(sizes.items()), tuple(steps.items()))


def provisional(stage: Stage) -> Stage:
    """Return a stage whose work arrays have chunks of 1 along what its regions have whole: those who read them will tell."""
    cut = dict(stage.regions.steps)

    def loose(target: Target) -> Target:
        chunks = tuple(chunk if dim in cut else 1 for dim, chunk in zip(target.spec.dims, target.chunks, strict=True))
        return target if target.result else replace(target, chunks=chunks)

    return replace(stage, targets=tuple(loose(target) for target in stage.targets))


def settled(stages: Sequence[Stage]) -> list[Stage]:
    """Return stages whose work arrays have chunks of which those who write and those who read them take whole ones."""
    return [replace(stage, targets=tuple(_settled(stage, target, stages) for target in stage.targets)) for stage in stages]


def _settled(stage: Stage, target: Target, stages: Sequence[Stage]) -> Target:
    if target.result:
        return target
    written = dict(stage.regions.steps)
    read = [dict(other.regions.steps) for other in stages if target.ref in other.arrays]
    shape = []
    for (dim, size), chunk in zip(target.spec.sizes.items(), target.chunks, strict=True):
        shape.append(chunk if dim in written else max(1, math.gcd(*(min(steps.get(dim, size), size) for steps in read))))
    loose = [axis for axis, dim in enumerate(target.spec.dims) if dim not in written]
    while loose and math.prod(shape) * itemsize(target.spec.dtype) > CHUNK_BYTES:
        axis = max(loose, key=lambda axis: shape[axis])
        if shape[axis] == 1:
            break
        shape[axis] = -(-shape[axis] // 2)
    return replace(target, chunks=tuple(shape))
