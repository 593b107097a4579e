"""A stage: the part of a graph that one region task evaluates, as frozen values that travel to workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scatflow.contract import Reduce, Ref, Select
from scatflow.graph.kernel import Kernel, Port
from scatflow.graph.selection import needed

Box = Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Step:
    """One node of a stage: its kernel and where its inputs come from (numbers stay numbers)."""

    node: str
    kernel: Kernel
    inputs: tuple[Ref | float, ...]


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
    """Return what a region needs: per node the boxes of its output, and the boxes of everything that is read."""
    wanted: dict[str, set[Part]] = {step.node: set() for step in graph.steps}
    reads: dict[Ref, set[Part]] = {}
    wanted[graph.target.node] = {part_of(box)}
    for step in reversed(graph.steps):
        for part in wanted[step.node]:
            for ref, port in zip(step.inputs, step.kernel.inputs, strict=True):
                if not isinstance(ref, Ref) or not isinstance(port, Port):
                    continue
                inner = dict(part) if step is graph.target and reduces(step) else input_box(step.kernel, port, dict(part))
                found = wanted[ref.node] if ref.node in wanted else reads.setdefault(ref, set())
                found.add(part_of({dim: r for dim, r in inner.items() if dim in port.dims}))
    return wanted, reads


def reduces(step: Step) -> bool:
    """Tell whether a step ends its stage with partial states."""
    return isinstance(step.kernel.operator, Reduce)


def input_box(kernel: Kernel, port: Port, box: Box) -> dict[str, tuple[int, int]]:
    """Return the part of an input that an output box needs; dims that are not named are whole."""
    if isinstance(kernel.operator, Select):
        ranges, sizes = needed(kernel, box), kernel.sizes or {}
        return {dim: r for dim, r in ranges.items() if r != (0, sizes[dim])}
    names = dict(box)
    out = kernel.outputs[0].dims
    if len(out) == len(port.dims) and len(kernel.inputs) == 1 and not kernel.core:
        # An element-wise operator may rename dims; position tells which is which.
        names = {source: box[dim] for source, dim in zip(port.dims, out, strict=True) if dim in box}
    return {dim: names[dim] for dim in port.dims if dim in names and dim not in kernel.core}
