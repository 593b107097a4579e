"""Regions: boxes over the dims along which a stage may be split, whole chunks of what it reads and writes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from scatflow.contract import Reduce, Ref, Select
from scatflow.graph.bind import Call
from scatflow.graph.kernel import Port
from scatflow.plan.limits import Limits
from scatflow.plan.memory import Projection
from scatflow.plan.refusal import too_large
from scatflow.plan.stage import Box
from scatflow.spec import ArraySpec, chunk_lengths, itemsize

#: Smallest output of a region before neighbors are merged, largest inner chunk, and bytes a region aims at.
CRUMB_BYTES = 2**20
#: Regions below which neighbors are not merged: small arrays of expensive items must still occupy a few workers.
FEW_REGIONS = 16
CHUNK_BYTES = 64 * 2**20
#: The same of arrays between stages, whose planes later tasks take a few at a time.
WORK_BYTES = 2 * 2**20
#: Regions below which blocks are not merged: as many files burden nobody, and as many workers have something to do.
ENOUGH_REGIONS = 64


@dataclass(frozen=True)
class Regions:
    """The grid of regions of a stage: domain sizes and region lengths along its free dims, in dim order.

    ``parts`` has the lengths of the blocks that a task computes one after the other, where a region is several of them.
    """

    sizes: tuple[tuple[str, int], ...]
    steps: tuple[tuple[str, int], ...]
    parts: tuple[tuple[str, int], ...] = ()

    def __len__(self) -> int:
        steps = dict(self.steps)
        return math.prod(max(1, -(-size // steps[dim])) for dim, size in self.sizes)

    def __iter__(self) -> Iterator[dict[str, tuple[int, int]]]:
        steps = dict(self.steps)
        spans = [[(i, min(i + steps[dim], size)) for i in range(0, size, steps[dim])] or [(0, 0)] for dim, size in self.sizes]
        for box in itertools.product(*spans):
            yield {dim: span for (dim, _), span in zip(self.sizes, box, strict=True)}

    def blocks(self, box: Mapping[str, tuple[int, int]]) -> Iterator[dict[str, tuple[int, int]]]:
        """Yield the boxes that are computed one after the other for a region."""
        if not self.parts:
            yield dict(box)
            return
        spans = [[(i, min(i + step, box[dim][1])) for i in range(*box[dim], step)] for dim, step in self.parts]
        for block in itertools.product(*spans):
            yield {dim: span for (dim, _), span in zip(self.parts, block, strict=True)}

    def to_json(self) -> list[list[list[str | int]]]:
        """Return sizes, lengths, and lengths of blocks where regions are several."""
        told = (self.sizes, self.steps, self.parts) if self.parts else (self.sizes, self.steps)
        return [[list(pair) for pair in pairs] for pairs in told]

    def covering(self, box: Mapping[str, tuple[int, int]]) -> Iterator[int]:
        """Yield the numbers of the regions that a box touches; dims that it does not name are whole."""
        steps = dict(self.steps)
        counts = [max(1, -(-size // steps[dim])) for dim, size in self.sizes]
        spans = []
        for (dim, size), count in zip(self.sizes, counts, strict=True):
            start, stop = box.get(dim, (0, size))
            spans.append(range(start // steps[dim], min(count, max(1, -(-stop // steps[dim])))))
        for place in itertools.product(*spans):
            number = 0
            for index, count in zip(place, counts, strict=True):
                number = number * count + index
            yield number

    def box(self, number: int) -> dict[str, tuple[int, int]]:
        """Return region ``number`` of the iteration order without walking it."""
        steps, box = dict(self.steps), {}
        for dim, size in reversed(self.sizes):
            number, i = divmod(number, max(1, -(-size // steps[dim])))
            box[dim] = (i * steps[dim], min((i + 1) * steps[dim], size))
        return dict(reversed(list(box.items())))


def domain(call: Call, split: Sequence[str] = ()) -> ArraySpec:
    """Return the array whose index space the regions of a stage live in: a reduction's input, a map's output.

    Along core dims that regions split it is the input of the map, of which results may be samples.
    """
    first = call.inputs[0]
    if isinstance(call.operator, Reduce):
        assert isinstance(first, ArraySpec)
        return first
    found = max(call.outputs.values(), key=lambda spec: len(spec.dims))
    if not set(split) & set(call.kernel.core):
        return found
    lengths = {axis.dim: axis.size for axis in call.kernel.axes}
    return replace(found, shape=tuple(lengths.get(dim, size) for dim, size in found.sizes.items()), coords={}, chunks=None)


def free_dims(
    steps: Mapping[str, Call], inputs: Mapping[str, tuple[Ref | float, ...]], split: Mapping[str, Sequence[str]] | None = None
) -> tuple[str, ...]:
    """Return the dims of the domain that no node of the stage needs whole; ``split`` names core dims that a node does not."""
    target = list(steps)[-1]
    alive = {target: {dim: dim for dim in domain(steps[target]).dims}}
    fixed: set[str] = set()
    for node in reversed(list(steps)):
        call, names = steps[node], alive.get(node, {})
        kernel = call.kernel
        known = {dim for port in kernel.inputs if isinstance(port, Port) for dim in port.dims}
        renames = _renames(call)
        for own, origin in names.items():
            upstream = renames.get(own, own)
            if (own in kernel.core and own not in (split or {}).get(node, ())) or upstream not in known:
                fixed.add(origin)
        for ref, port in zip(inputs[node], kernel.inputs, strict=True):
            if isinstance(ref, Ref) and isinstance(port, Port) and ref.node in steps:
                carried = {renames.get(own, own): origin for own, origin in names.items()}
                alive.setdefault(ref.node, {}).update({own: o for own, o in carried.items() if own in port.dims})
        if isinstance(call.operator, Reduce) and node != target:
            raise AssertionError("a reduction always ends its stage")
    return tuple(dim for dim in domain(steps[target]).dims if dim not in fixed)


def _renames(call: Call) -> dict[str, str]:
    kernel = call.kernel
    port, out = kernel.inputs[0], kernel.outputs[0]
    if not isinstance(port, Port) or isinstance(call.operator, (Reduce, Select)) or kernel.core or len(kernel.inputs) > 1:
        return {}
    return dict(zip(out.dims, port.dims, strict=True)) if len(out.dims) == len(port.dims) else {}


def choose(
    spec: ArraySpec,
    free: Sequence[str],
    chunks: Mapping[str, int],
    project: Callable[[Box], Projection],
    limits: Limits,
    asked: Mapping[str, int] | None,
    subject: str,
    out_bytes: Callable[[Box], int],
    smaller: Sequence[str] = (),
) -> Regions:
    """Choose region lengths: multiples of the input's chunks, at least a crumb, within memory.

    Raises
    ------
    PlanError
        Even the smallest region does not fit; the text gives projected bytes, limit and remedies.
    """
    sizes = {dim: spec.sizes[dim] for dim in free}
    steps = {dim: min(max(1, chunks.get(dim, 1)), max(1, size)) for dim, size in sizes.items()}
    for dim, length in (asked or {}).items():
        if dim in steps:
            steps[dim] = max(steps[dim], -(-length // steps[dim]) * steps[dim])

    def box() -> dict[str, tuple[int, int]]:
        return {dim: (0, min(step, sizes[dim])) for dim, step in steps.items()}

    peak, memory = project(box()).peak, limits.per_task
    if peak > memory:
        raise too_large(subject, peak, limits, steps, chunks, smaller)
    growable = [dim for dim in reversed(free) if dim not in (asked or {})]
    for dim in growable:
        while steps[dim] < sizes[dim] and out_bytes(box()) < CRUMB_BYTES:
            before = steps[dim]
            steps[dim] = min(2 * before, -(-sizes[dim] // chunks.get(dim, 1)) * chunks.get(dim, 1))
            grown, count = project(box()), len(Regions(tuple(sizes.items()), tuple(steps.items())))
            if grown.peak > memory or grown.read > CHUNK_BYTES or count < FEW_REGIONS:
                steps[dim] = before
                break
    return Regions(tuple(sizes.items()), tuple(steps.items()))


def merged(regions: Regions, first: Sequence[str], then: Sequence[str], out_bytes: Callable[[Box], int]) -> Regions:
    """Return regions of several blocks each, so that they write no crumbs but still are enough.

    A task computes the blocks one after the other, in the memory of one; beside it lies what the region writes.

    Parameters
    ----------
    regions : Regions
        Regions of a block each.
    first, then : sequence of str
        Dims along which blocks are put together: about as many along each of the first ones, then along the others.
    out_bytes : callable
        What a region writes.
    """
    sizes, lengths = dict(regions.sizes), dict(regions.steps)
    times = dict.fromkeys(lengths, 1)

    def put(times: Mapping[str, int]) -> Regions:
        steps = []
        for dim, length in lengths.items():
            count = -(-sizes[dim] // length)  # of blocks, which the regions share evenly
            steps.append((dim, length * -(-count // max(1, -(-count // times[dim])))))
        return Regions(regions.sizes, tuple(steps), regions.steps)

    found = regions
    while out_bytes(found.box(0)) < CRUMB_BYTES:
        growable = [dim for dim in (*first, *then) if dict(found.steps)[dim] < sizes[dim]]
        if not growable:
            break
        dim = min(growable, key=lambda dim: (dim in then, times[dim]))
        times[dim] *= 2
        if len(put(times)) < ENOUGH_REGIONS:
            break
        found = put(times)
    return found


def chunked(spec: ArraySpec, lengths: Sequence[int] | None) -> ArraySpec:
    """Return the spec of what a stage reads, with the chunks in which an earlier one stored it, if it did."""
    if lengths is None:
        return spec
    return replace(spec, chunks=tuple(chunk_lengths(*pair) for pair in zip(spec.shape, lengths, strict=True)))


def inner_chunks(spec: ArraySpec, regions: Regions, most: int = CHUNK_BYTES) -> tuple[int, ...]:
    """Return the stored chunk shape: one region along free dims, other dims split until a chunk has at most so many bytes."""
    steps = dict(regions.steps)
    shape = [max(1, min(steps.get(dim, size), size)) for dim, size in spec.sizes.items()]
    while math.prod(shape) * itemsize(spec.dtype) > most:
        axis = max((i for i, dim in enumerate(spec.dims) if dim not in steps), key=lambda i: shape[i], default=None)
        if axis is None or shape[axis] == 1:
            break
        shape[axis] = -(-shape[axis] // 2)
    return tuple(shape)
