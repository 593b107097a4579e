"""The plan: stages with their regions, chunks, bytes, tasks and projected memory, before anything is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from scatflow.api import revision_of
from scatflow.arrays import signature
from scatflow.contract import Ref, Source, digest
from scatflow.errors import ParameterError, PlanError, near
from scatflow.graph.bind import Call
from scatflow.graph.model import Graph
from scatflow.graph.sweep import Slab, Sweep, arrange
from scatflow.graph.validate import Bound
from scatflow.plan import table
from scatflow.plan.expansion import Expanded, Origins, expanded
from scatflow.plan.limits import Limits, Strategy
from scatflow.plan.memory import Projection
from scatflow.plan.rates import Hours, Rates
from scatflow.plan.refusal import TooLarge
from scatflow.plan.regions import WORK_BYTES, Regions, inner_chunks
from scatflow.plan.split import Cut, cut
from scatflow.plan.stage import Box, Part, StageGraph, Step, output_box, part_of, reads_of
from scatflow.plan.strategy import Work, lay_out
from scatflow.plan.summaries import summarized
from scatflow.spec import ArraySpec

#: Version of the plan's JSON and of everything a ledger is keyed by.
SCHEMA = 1
#: Tasks of one job beyond which the plan refuses: pure scheduling overhead would take the better part of an hour.
MAX_TASKS = 200_000


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


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything a run will do; printing it shows the table."""

    graph: Graph
    bound: Bound
    stages: tuple[Stage, ...]
    limits: Limits
    fingerprints: Mapping[str, str]
    rates: Rates | None = None
    origins: Origins = field(default_factory=dict)
    added: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def hash(self) -> str:
        """Identity of the result's bytes: graph, operator versions, shapes, chunks, regions, FFT, input."""
        return digest(self.describe())

    @cached_property
    def names(self) -> Mapping[str, str]:
        """Node id -> its canonical id: what a node is called does not make another plan."""
        names = dict(self.graph.canonical()[1])
        for node, (origin, what) in (*self.origins.items(), *self.added.items()):
            names[node] = f"{names[origin]}.{what}"
        return names

    @property
    def tasks(self) -> int:
        """Number of tasks over all stages."""
        return sum(len(stage.regions) + (len(stage.finals) if stage.finals else 0) for stage in self.stages)

    @property
    def flops(self) -> float:
        """Declared floating-point operations of all regions, or bytes read where nothing is declared."""
        return sum(len(stage.regions) * max(stage.projection.flops, float(stage.projection.read)) for stage in self.stages)

    @property
    def strategy(self) -> Strategy | None:
        """How core dims are treated where they are not whole; the same strategy makes the same plan again."""
        if self.origins:
            return "pyramid"
        return "halo" if any(step.halo is not None for stage in self.stages for step in stage.graph.steps) else None

    @property
    def max_projected_memory(self) -> int:
        """Largest projected peak of one task, in bytes."""
        return max(stage.projection.peak for stage in self.stages)

    def describe(self) -> dict[str, Any]:
        """Return the plan as plain JSON."""
        return {
            "schema": SCHEMA,
            "graph": self.graph.hash,
            "operators": sorted({f"{type(n.value).name}@{revision_of(type(n.value))}" for n in self.graph.nodes}),
            "fft": signature(self.limits.fft) if self.limits.device == "cpu" else "cufft",
            "device": self.limits.device,
            "fingerprints": {self.names[node]: found for node, found in self.fingerprints.items()},
            "stages": [_stage_json(stage, self.names) for stage in self.stages],
        } | ({} if self.strategy is None else {"strategy": self.strategy})

    def table(self) -> list[dict[str, Any]]:
        """Return one row per stage: strategy and why, regions, tasks, bytes, files, projected peak, flops, time."""
        return table.rows(self)

    @property
    def time(self) -> Hours | None:
        """Processor time, bounds of the wall time and the time of its bytes, in seconds; None where no rate was measured."""
        return table.total(self)

    def notes(self) -> list[str]:
        """Return the totals, one line each."""
        return table.notes(self)

    def __str__(self) -> str:
        return table.text(self)


def plan(bound: Bound, limits: Limits | None = None, rates: Rates | None = None, sweep: Sweep | None = None) -> Plan:
    """Turn a dry-run graph into stages with regions, chunks and projected costs.

    Core dims are whole where that fits memory. Else they are cut into parts with a halo, or operators of long reach are
    replaced by stages of shorter reach, whichever takes fewer operations.

    Parameters
    ----------
    bound : Bound
        Outcome of the labelled dry run.
    limits : Limits, optional
        Memory and threads per worker, fixed region lengths, strategy, FFT provider.
    rates : Rates, optional
        Speeds of the machine, for the time it will take; they change nothing else.
    sweep : Sweep, optional
        Parameters that vary, whose results are stored together.

    Raises
    ------
    PlanError
        A task does not fit memory, the strategy that is asked for cannot serve, or there are too many tasks.
    ParameterError
        A region length is asked for along a dim that there is not, or that is not split.
    """
    made = _chosen(_Request(bound, limits or Limits(), rates, sweep))
    if made.tasks > MAX_TASKS:
        raise PlanError("plan", "too many tasks", expected=f"at most {MAX_TASKS}", got=made.tasks,
                        remedy="Merge input chunks, or set larger regions: region={dim: length}.")  # fmt: skip
    return made


@dataclass(frozen=True)
class _Request:
    """What a plan is asked for."""

    bound: Bound
    limits: Limits
    rates: Rates | None
    sweep: Sweep | None

    def planned(self, wide: Expanded | None = None) -> Plan:
        """Return the plan of the graph as it is, or with nodes in stages."""
        bound, ends = (self.bound, frozenset[str]()) if wide is None else (wide.bound, wide.ends)
        limits = self.limits if wide is None else replace(self.limits, strategy=None)
        # Lengths by stage are those of a plan that has its summaries.
        stages = _staged(bound, ends, replace(limits, steps=(), parts=()))
        more = summarized(bound, [stage.graph for stage in stages])
        if more is not None or limits.steps:
            stages = _staged(bound if more is None else more.bound, ends, limits)
        _check_region(limits.region, bound, stages)
        found = _separated(stages) if self.sweep is None else _swept(stages, arrange(self.sweep, self.bound))
        origins, added = ({} if wide is None else wide.origins), ({} if more is None else more.names)
        return Plan(self.bound.graph, self.bound, found, self.limits, _fingerprints(self.bound), self.rates, origins, added)


def _staged(bound: Bound, ends: frozenset[str], limits: Limits) -> list[Stage]:
    """Return the stages of a graph."""
    stages: list[Stage] = []
    stored: dict[Ref, Target] = {}
    for number, part in enumerate(cut(bound, ends)):
        stage = _stage(bound, part, number, limits, stored)
        stages.append(stage)
        stored |= {target.ref: target for target in stage.targets}
    return stages


def _chosen(request: _Request) -> Plan:
    """Return the plan asked for; where it does not fit memory, tell whether another one would."""
    try:
        return _best(request)
    except TooLarge as error:
        free = replace(request.limits, strategy=None, region={}, steps=(), parts=())
        if free == request.limits:
            raise
        try:
            other = _best(replace(request, limits=free))
        except PlanError:
            raise error from None
        raise error.with_remedy(f"leave strategy and region to the plan, which takes {other.strategy or 'batch'} with "
                                f"{table.size(other.max_projected_memory)} per task") from None  # fmt: skip


def _best(request: _Request) -> Plan:
    """Return the plan that the strategy asks for; else of those that fit memory the one with the least work, whole cores first."""
    limits = request.limits
    found: list[Plan] = []
    failures: list[TooLarge] = []
    if limits.strategy != "pyramid":
        try:
            found.append(request.planned())
        except TooLarge as error:
            if limits.strategy is not None:
                raise
            failures.append(error)
        if found and (limits.strategy is not None or limits.region or limits.steps or found[0].strategy is None):
            return found[0]
    wide = expanded(request.bound)
    if not wide.origins and limits.strategy == "pyramid":
        raise PlanError("plan", 'the strategy "pyramid" serves no operator of the pipeline', code="StrategyUnfit",
                        got="; ".join(wide.obstacles) or None, remedy='Leave the strategy to the plan, or use "halo" or "batch".')  # fmt: skip
    if wide.origins:
        try:
            found.append(request.planned(wide))
        except TooLarge as error:
            failures.append(error)
    if not found:
        nearest = min(failures, key=lambda error: error.needed)
        raise nearest.with_remark(f"Levels of octaves do not serve: {'; '.join(wide.obstacles)}.") if wide.obstacles else nearest
    return min(found, key=lambda one: one.flops)


def _check_region(asked: Mapping[str, int], bound: Bound, stages: list[Stage]) -> None:
    """Refuse region lengths that would be ignored: of dims that nothing has, or that every stage needs whole."""
    free = {dim for stage in stages for dim, _ in stage.regions.sizes}
    known = {dim for results in bound.specs.values() for spec in results.values() for dim in spec.dims}
    for dim in asked:
        if dim not in known:
            raise ParameterError(f"region {dim!r}", "no array of the pipeline has this dim", expected=", ".join(sorted(free)) or "none",
                                 remedy=near(dim, free), code="DimensionMissing")  # fmt: skip
        if dim not in free:
            raise ParameterError(f"region {dim!r}", "this dim is not split: operators of the pipeline need it whole",
                                 expected=", ".join(sorted(free)) or "none", code="DimensionWhole")  # fmt: skip


def _separated(stages: list[Stage]) -> tuple[Stage, ...]:
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


def _swept(stages: list[Stage], slabs: Mapping[str, Slab]) -> tuple[Stage, ...]:
    """Give every result its place among those of other parameters."""

    def moved(target: Target) -> Target:
        slab = slabs.get(target.path) if target.result else None
        if slab is None:
            return target
        return replace(target, path=slab.path, spec=slab.spec, chunks=(*(1 for _ in slab.index), *target.chunks), slab=slab.index)

    return _placed(stages, moved)


def _fingerprints(bound: Bound) -> dict[str, str]:
    sources = [node for node in bound.graph.nodes if isinstance(node.value, Source)]
    return {node.id: node.value.fingerprint() for node in sources if isinstance(node.value, Source)}


def _stage(bound: Bound, part: Cut, number: int, limits: Limits, stored: Mapping[Ref, Target]) -> Stage:
    graph = bound.graph
    calls = {node: bound.calls[node] for node in part.nodes if node in bound.calls}
    inputs = {node: bound.inputs(node) for node in calls}
    specs = {ref: _stored_spec(bound.specs[ref.node][ref.output], stored.get(ref)) for ref in part.reads}
    specs |= {Ref(node, name): spec for node in calls for name, spec in calls[node].outputs.items()}
    sources = {ref: value for ref in part.reads if isinstance(value := graph.node(ref.node).value, Source)}
    arrays = {ref: (stored[ref].path, stored[ref].slab) for ref in part.reads if ref not in sources}
    beside = {ref for node in calls for ref in bound.beside.get(node, ())}
    work = Work(part.target, calls, inputs, specs, tuple(ref for ref in part.reads if ref not in beside))
    layout = lay_out(work, limits, number)
    steps = StageGraph(tuple(Step(node, calls[node].kernel, inputs[node], layout.halos.get(node)) for node in calls))
    finals = _finals(calls[part.target], layout.regions) if work.reduces else None
    targets = _targets(bound, part, calls, finals or layout.regions, number)
    kind = "reduce" if work.reduces else "map"
    return Stage(number, kind, steps, sources, arrays, targets, layout.regions, layout.projection, layout.why, finals)


def _stored_spec(spec: ArraySpec, target: Target | None) -> ArraySpec:
    """Return the spec of what a stage reads, with the chunks in which an earlier stage stored it."""
    if target is None:
        return spec
    chunks = (
        tuple(min(length, size - i) for i in range(0, size, length)) for size, length in zip(spec.shape, target.chunks, strict=True)
    )
    return replace(spec, chunks=tuple(chunks))


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


def _stage_json(stage: Stage, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "kind": stage.kind,
        "steps": [[names[step.node], list(step.kernel.operator.identity()), step.geometry()] for step in stage.graph.steps],
        "targets": [
            [t.path, list(t.spec.dims), list(t.spec.shape), t.spec.dtype, list(t.chunks), list(t.slab)] for t in stage.targets
        ],
        "regions": stage.regions.to_json(),
    }


__all__ = ["Limits", "Plan", "Stage", "Target", "plan"]
