"""Stages of a plan: the values that tasks get, made from a graph that is cut, and where their arrays lie."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from scatflow.contract import Ref, Source
from scatflow.graph.bind import Call
from scatflow.graph.sweep import Slab
from scatflow.graph.validate import Bound
from scatflow.plan.limits import Limits
from scatflow.plan.memory import Projection
from scatflow.plan.pencil import lay_out_pencils, provisional, settled
from scatflow.plan.regions import WORK_BYTES, Regions, chunked, inner_chunks
from scatflow.plan.split import Cut, cut
from scatflow.plan.stage import Box, Part, StageGraph, Step, output_box, part_of, reads_of
from scatflow.plan.strategy import Layout, Work, lay_out
from scatflow.spec import ArraySpec


@dataclass(frozen=True)
class Target:
    """An array that a stage writes: where, its labels, its chunks; ``result`` tells results from work arrays.

    ``slab`` holds the positions along leading dims of a stored array that several stages share (a sweep).
    """

    ref: Ref
    path: str
    spec: ArraySpec
    chunks: tuple[int, ...]
    result: bool
    slab: tuple[int, ...] = ()

    @property
    def own(self) -> ArraySpec:
        """What the stage delivers: dims, shape and dtype without the leading dims of the stored array."""
        lead = len(self.slab)
        return ArraySpec(self.spec.dims[lead:], self.spec.shape[lead:], self.spec.dtype, attrs=self.spec.attrs, name=self.spec.name)


@dataclass(frozen=True)
class Stage:
    """One stage of a plan."""

    number: int
    kind: str
    graph: StageGraph
    sources: Mapping[Ref, Source]
    arrays: Mapping[Ref, tuple[str, tuple[int, ...]]]
    targets: tuple[Target, ...]
    regions: Regions
    projection: Projection
    why: str
    finals: Regions | None = None

    def lean(self) -> Stage:
        """Return the stage without coordinates and attributes: what a task needs, whatever the axes' lengths."""
        bare = tuple(replace(t, spec=replace(t.spec, coords={}, attrs={})) for t in self.targets)
        return replace(self, targets=bare)

    @property
    def name(self) -> str:
        """Name of the target node."""
        return self.graph.target.node if self.graph.steps else self.targets[0].ref.node

    def delivered(self, target: Target, box: Box) -> dict[str, tuple[int, int]]:
        """Return the box of an array that a region of the stage writes; dims that the array lacks are left out."""
        if not self.graph.steps:
            return {dim: span for dim, span in box.items() if dim in target.spec.dims}
        kernel = self.graph.target.kernel
        port = next(port for port in kernel.outputs if port.name == target.ref.output)
        return output_box(kernel, port, box)

    def reads(self, box: Box) -> dict[Ref, set[Part]]:
        """Return the boxes of sources and earlier arrays that a region of the stage reads."""
        if not self.graph.steps:
            return {target.ref: {part_of(box)} for target in self.targets}
        return reads_of(self.graph, self.regions.blocks(box))


def stages_of(bound: Bound, ends: frozenset[str], limits: Limits, pencils: bool = False) -> list[Stage]:
    """Return the stages of a graph.

    Parameters
    ----------
    bound : Bound
        The graph.
    ends : frozenset of str
        Nodes whose results are stored, beside those of every graph.
    limits : Limits
        What there is.
    pencils : bool, optional
        Whether every stage has one core axis whole, and cuts the others as it likes.

    Raises
    ------
    PlanError
        The region tasks of a stage do not fit memory, or the strategy that is asked for cannot serve it.
    """
    stages: list[Stage] = []
    stored: dict[Ref, Target] = {}
    for number, part in enumerate(cut(bound, ends)):
        stage = _stage(bound, part, number, limits, stored, lay_out_pencils if pencils else lay_out)
        stages.append(provisional(stage) if pencils else stage)
        stored |= {target.ref: target for target in stages[-1].targets}
    return settled(stages) if pencils else stages


def _stage(
    bound: Bound, part: Cut, number: int, limits: Limits, stored: Mapping[Ref, Target], split: Callable[[Work, Limits, int], Layout]
) -> Stage:
    graph = bound.graph
    calls = {node: bound.calls[node] for node in part.nodes if node in bound.calls}
    inputs = {node: bound.inputs(node) for node in calls}
    specs = {ref: chunked(bound.specs[ref.node][ref.output], stored[ref].chunks if ref in stored else None) for ref in part.reads}
    specs |= {Ref(node, name): spec for node in calls for name, spec in calls[node].outputs.items()}
    sources = {ref: value for ref in part.reads if isinstance(value := graph.node(ref.node).value, Source)}
    arrays = {ref: (stored[ref].path, stored[ref].slab) for ref in part.reads if ref not in sources}
    beside = {ref for node in calls for ref in bound.beside.get(node, ())}
    work = Work(
        part.target, calls, inputs, specs, tuple(ref for ref in part.reads if ref not in beside), frozenset(arrays) - beside
    )
    layout = split(work, limits, number)
    steps = StageGraph(tuple(Step(node, calls[node].kernel, inputs[node], layout.halos.get(node)) for node in calls))
    finals = _finals(calls[part.target], layout.regions) if work.reduces else None
    targets = _targets(bound, part, calls, finals or layout.regions, number)
    kind = "reduce" if work.reduces else "map"
    return Stage(number, kind, steps, sources, arrays, targets, layout.regions, layout.projection, layout.why, finals)


def _finals(call: Call, regions: Regions) -> Regions:
    """Return the regions of a reduction's output: the dims of its input that remain."""
    kept = {dim for spec in call.outputs.values() for dim in spec.dims}
    sizes = tuple((dim, size) for dim, size in regions.sizes if dim in kept and dim not in call.kernel.over)
    names = {dim for dim, _ in sizes}
    return Regions(sizes, tuple((dim, step) for dim, step in regions.steps if dim in names))


def _targets(bound: Bound, part: Cut, calls: Mapping[str, Call], regions: Regions, number: int) -> tuple[Target, ...]:
    names: dict[Ref, list[str]] = {}
    for name, ref in bound.targets.items():
        names.setdefault(ref, []).append(name)
    outputs = calls[part.target].outputs if calls else bound.specs[part.target]
    used = {ref for node in bound.graph.nodes for ref in bound.inputs(node.id) if isinstance(ref, Ref)}
    targets = []
    for output, spec in outputs.items():
        ref = Ref(part.target, output)
        if ref not in names and ref not in used:
            continue
        paths = [name or spec.name or "data" for name in names.get(ref, ())] or [f"_scatflow/work/{number}/{output or 'value'}"]
        kept = _sampled(calls[part.target], output, regions) if calls else regions
        chunks = inner_chunks(spec, kept) if ref in names else inner_chunks(spec, kept, WORK_BYTES)
        targets += [Target(ref, path, spec, chunks, ref in names) for path in paths]
    return tuple(targets)


def _sampled(call: Call, output: str, regions: Regions) -> Regions:
    """Return the regions in samples of a result, of which those of the stage hold a whole number each."""
    port = next(port for port in call.kernel.outputs if port.name == output)
    boxes = output_box(call.kernel, port, {dim: (0, size) for dim, size in regions.sizes})
    steps = output_box(
        call.kernel, port, {dim: (0, min(step, size)) for (dim, step), (_, size) in zip(regions.steps, regions.sizes, strict=True)}
    )
    return Regions(
        tuple((dim, stop) for dim, (_, stop) in boxes.items()), tuple((dim, max(1, stop)) for dim, (_, stop) in steps.items())
    )


def separated(stages: list[Stage]) -> tuple[Stage, ...]:
    """Give every result a group of its own where they cannot share one: other sizes, or a name that a coordinate has."""
    results = [target for stage in stages for target in stage.targets if target.result]
    sizes: dict[str, int] = {}
    clash = any(target.path in other.spec.coords for target in results for other in results if target.path not in target.spec.dims)
    for target in results:
        clash |= any(sizes.setdefault(dim, size) != size for dim, size in target.spec.sizes.items())
    if not clash or len(results) == 1:
        return tuple(stages)

    def moved(target: Target) -> Target:
        return replace(target, path=f"{target.path}/{target.spec.name or 'data'}") if target.result else target

    return _placed(stages, moved)


def _placed(stages: list[Stage], moved: Callable[[Target], Target]) -> tuple[Stage, ...]:
    """Move targets, and tell later stages where the arrays are that they read."""
    ready = [replace(stage, targets=tuple(moved(target) for target in stage.targets)) for stage in stages]
    where = {target.ref: (target.path, target.slab) for stage in ready for target in stage.targets}
    return tuple(replace(stage, arrays={ref: where[ref] for ref in stage.arrays}) for stage in ready)


def swept(stages: list[Stage], slabs: Mapping[str, Slab]) -> tuple[Stage, ...]:
    """Give every result its place among those of other parameters."""

    def moved(target: Target) -> Target:
        slab = slabs.get(target.path) if target.result else None
        if slab is None:
            return target
        return replace(target, path=slab.path, spec=slab.spec, chunks=(*(1 for _ in slab.index), *target.chunks), slab=slab.index)

    return _placed(stages, moved)
