"""A stage: the part of a graph that one region task evaluates, as frozen values that travel to workers.

Boxes of a node are ranges of its result along batch dims, and of its *input* along core dims, where results may be sampled
or several with different strides.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from scatflow.contract import Extended, Reduce, Ref, Select
from scatflow.graph.halo import Halo, halo_places, seen, weighs_gaps
from scatflow.graph.halo import reads as block_reads
from scatflow.graph.kernel import Kernel, Port
from scatflow.graph.selection import needed, unnamed
from scatflow.spec import within

Box = Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Step:
    """One node of a stage: its kernel and where its inputs come from (numbers stay numbers).

    ``halo`` tells how far blocks look beyond their boxes, where regions split core dims of the node.
    """

    node: str
    kernel: Kernel
    inputs: tuple[Ref | float, ...]
    halo: Halo | None = None

    def geometry(self) -> str:
        """Return a digest of all that the numbers of a block depend on beside operator and block."""
        own = self.kernel.geometry()
        return own if self.halo is None else f"{own}@{self.halo}"


@dataclass(frozen=True)
class StageGraph:
    """The fused part of a graph that one region task evaluates: a few kilobytes, no coordinates.

    ``steps`` are in topological order and end with the target; references that no step produces are read.
    """

    steps: tuple[Step, ...]

    @property
    def target(self) -> Step:
        """The last step: a map's result, or the reduction whose partial states the stage delivers."""
        return self.steps[-1]


Part = tuple[tuple[str, tuple[int, int]], ...]


def part_of(box: Box) -> Part:
    """Return a box as a key: sorted by dim."""
    return tuple(sorted(box.items()))


def demands(graph: StageGraph, box: Box) -> tuple[dict[str, set[Part]], dict[Ref, set[Part]]]:
    """Return what a region needs: per node its boxes, and the boxes of everything that is read."""
    steps = {step.node: step for step in graph.steps}
    wanted: dict[str, set[Part]] = {step.node: set() for step in graph.steps}
    reads: dict[Ref, set[Part]] = {}
    wanted[graph.target.node] = {part_of(box)}
    for step in reversed(graph.steps):
        for part in wanted[step.node]:
            for ref, port in zip(step.inputs, step.kernel.inputs, strict=True):
                if not isinstance(ref, Ref) or not isinstance(port, Port):
                    continue
                for inner in input_boxes(step, port, dict(part)):
                    if ref.node in wanted:
                        made = steps[ref.node]
                        wanted[ref.node].add(part_of(held_box(made.kernel, made.halo, ref.output, inner)))
                    else:
                        reads.setdefault(ref, set()).add(part_of(inner))
    return wanted, reads


def reads_of(graph: StageGraph, blocks: Iterable[Box]) -> dict[Ref, set[Part]]:
    """Return the boxes of everything that is read for blocks that are computed one after the other."""
    found: dict[Ref, set[Part]] = {}
    for block in blocks:
        for ref, parts in demands(graph, block)[1].items():
            found.setdefault(ref, set()).update(parts)
    return found


def input_boxes(step: Step, port: Port, box: Box) -> list[dict[str, tuple[int, int]]]:
    """Return the boxes of an input that a box of a node needs: several where its halo goes on at the other end of an axis."""
    if isinstance(step.kernel.operator, Select):
        ranges = needed(step.kernel, box)
        return [unnamed(step.kernel, dict(zip(ranges, part, strict=True))) for part in itertools.product(*ranges.values())]
    outer = input_box(step.kernel, port, box)
    if not is_split(step, box) or port is not step.kernel.inputs[0]:  # what is known of the whole has no core dims
        return [outer]
    assert step.halo is not None
    core = {dim: span for dim, span in box.items() if dim in step.kernel.core}
    places = halo_places(step.kernel, core, step.halo)
    counted = [seen(step.kernel, place) for place in places] if weighs_gaps(step.kernel) else []
    return [{**outer, **inner} for inner in (*(part for place in places for part in block_reads(step.kernel, place)), *counted)]


def is_split(step: Step, box: Box) -> bool:
    """Tell whether a box is a part of the core axes of a node that looks beyond it."""
    return isinstance(step.kernel.operator, Extended) and any(dim in box for dim in step.kernel.core)


def source_box(kernel: Kernel, output: str, box: Box) -> dict[str, tuple[int, int]]:
    """Return the box of a node that delivers a box of one of its results."""
    port = next(port for port in kernel.outputs if port.name == output)
    found = dict(box)
    for axis in kernel.axes:
        if axis.dim in box and axis.dim in port.dims and not isinstance(kernel.operator, Reduce):
            index, (low, high) = port.along(axis), box[axis.dim]
            found[axis.dim] = (index[low], index[high - 1] + 1) if high > low else (0, 0)
    return found


def held_box(kernel: Kernel, halo: Halo | None, output: str, box: Box) -> dict[str, tuple[int, int]]:
    """Return the box of a node that is evaluated for a box of one of its results: core dims whole where it has no halo."""
    found = source_box(kernel, output, box)
    return found if halo is not None else {dim: span for dim, span in found.items() if dim not in kernel.core}


def output_box(kernel: Kernel, port: Port, box: Box) -> dict[str, tuple[int, int]]:
    """Return the box of a result that a box of its node delivers; dims that the result lacks are left out."""
    found = {dim: span for dim, span in box.items() if dim in port.dims}
    for axis in kernel.axes:
        if axis.dim in found and not isinstance(kernel.operator, Reduce):
            index = port.along(axis)
            part = within(index, *found[axis.dim])
            first = (part.start - index.start) // index.step
            found[axis.dim] = (first, first + len(part))
    return found


def input_box(kernel: Kernel, port: Port, box: Box) -> dict[str, tuple[int, int]]:
    """Return the part of an input that a box needs, halos aside; dims that are not named are whole."""
    if isinstance(kernel.operator, Select):  # as long as what it reads; of several ranges the place does not matter here
        ranges = {
            dim: (parts[0][0], parts[0][0] + sum(high - low for low, high in parts)) for dim, parts in needed(kernel, box).items()
        }
        return unnamed(kernel, ranges)
    if isinstance(kernel.operator, Reduce):  # its boxes are those of its input
        return {dim: span for dim, span in box.items() if dim in port.dims and dim not in kernel.core}
    names = dict(box)
    out = kernel.outputs[0].dims
    if len(out) == len(port.dims) and len(kernel.inputs) == 1 and not kernel.core:
        # An element-wise operator may rename dims; position tells which is which.
        names = {source: box[dim] for source, dim in zip(port.dims, out, strict=True) if dim in box}
    return {dim: names[dim] for dim in port.dims if dim in names and dim not in kernel.core}
