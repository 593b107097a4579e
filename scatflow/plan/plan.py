"""The plan: which stages serve a graph, with their regions, chunks, bytes, tasks and projected memory, before anything is read."""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from scatflow.api import revision_of
from scatflow.arrays import signature
from scatflow.contract import Operator, Source, digest
from scatflow.errors import ParameterError, PlanError, ScatflowError, near
from scatflow.graph.model import Graph
from scatflow.graph.sweep import Sweep, arrange
from scatflow.graph.validate import Bound, dry_run
from scatflow.plan import table
from scatflow.plan.expansion import Expanded, Origins, expanded, in_pencils
from scatflow.plan.limits import Limits, Strategy
from scatflow.plan.rates import Hours, Rates
from scatflow.plan.refusal import TooLarge
from scatflow.plan.staging import Stage, Target, separated, stages_of, swept
from scatflow.plan.summaries import summarized

#: Version of the plan's JSON and of everything a ledger is keyed by.
SCHEMA = 1
#: Tasks of one job beyond which the plan refuses: pure scheduling overhead would take the better part of an hour.
MAX_TASKS = 200_000
#: Bytes of work arrays, per byte of input and results, beyond which pencils are no advice.
MOST_WORK = 64


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
            return "pencil" if self.limits.strategy == "pencil" else "pyramid"
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
        limits = self.limits if wide is None else replace(self.limits, strategy=None)
        wide = wide or Expanded(self.bound)
        # Lengths by stage are those of a plan that has its summaries.
        stages = stages_of(wide.bound, wide.ends, replace(limits, steps=(), parts=()), wide.pencils)
        more = summarized(wide.bound, [stage.graph for stage in stages])
        if more is not None or limits.steps:
            stages = stages_of(wide.bound if more is None else more.bound, wide.ends, limits, wide.pencils)
        _check_region(limits.region, wide.bound, stages)
        found = separated(stages) if self.sweep is None else swept(stages, arrange(self.sweep, self.bound))
        added = {} if more is None else more.names
        return Plan(self.bound.graph, self.bound, found, self.limits, _fingerprints(self.bound), self.rates, wide.origins, added)


def _chosen(request: _Request) -> Plan:
    """Return the plan asked for; where it cannot be, tell whether another one could."""
    try:
        return _best(request)
    except PlanError as error:
        if error.code not in ("TaskTooLarge", "StrategyUnfit"):
            raise
        advice = _advice(request)
        if isinstance(error, TooLarge):
            for remedy in (_fewer_octaves(request), advice):
                error = error.with_remedy(remedy) if remedy else error
            raise error from None
        if not advice:
            raise
        remedy = f"{advice[0].upper()}{advice[1:]}."
        raise PlanError(error.subject, error.rule, expected=error.expected, got=error.got, remedy=remedy, code=error.code) from None


def _advice(request: _Request) -> str | None:
    """Return what else to ask for: what the plan takes of its own accord, or where nothing of that fits, one core axis at a time."""
    free = replace(request.limits, strategy=None, region={}, steps=(), parts=())
    for limits in (free, replace(free, strategy="pencil")):
        if limits == request.limits:
            continue
        try:
            other = _best(replace(request, limits=limits))
        except ScatflowError:  # it cannot serve either, for whatever reason
            continue
        each = table.size(other.max_projected_memory)
        if limits.strategy is None:
            return f"leave strategy and region to the plan, which takes {other.strategy or 'batch'} with {each} per task"
        work = sum(target.spec.nbytes for stage in other.stages for target in stage.targets if not target.result)
        if work > MOST_WORK * _kept_bytes(request.bound):
            continue
        return (
            f'take strategy="pencil", which has one core axis whole at a time: {each} per task, {table.size(work)} of work arrays'
        )
    return None


def _fewer_octaves(request: _Request) -> str | None:
    """Return the largest number of octaves below what is asked for with which the same request fits, of operators that count them as J."""
    operators = ((node.id, node.value) for node in request.bound.graph.nodes if isinstance(node.value, Operator))
    counts = {node: J for node, operator in operators if isinstance(J := getattr(operator, "J", None), int)}
    if not counts or request.sweep is not None:
        return None

    def fits(J: int) -> bool:
        nodes = []
        for node in request.bound.graph.nodes:
            if node.id in counts and isinstance(node.value, Operator):
                node = replace(node, value=node.value.replace(J=min(J, counts[node.id])))
            nodes.append(node)
        try:
            _best(replace(request, bound=dry_run(replace(request.bound.graph, nodes=tuple(nodes)))))
        except ScatflowError:  # whatever the reason
            return False
        return True

    most = bisect.bisect_left(range(1, max(counts.values())), True, key=lambda J: not fits(J))
    return f"lower J to {most}" if most else None


def _kept_bytes(bound: Bound) -> int:
    """Return the bytes of the input and of the results."""
    inputs = [spec for node in bound.graph.nodes if isinstance(node.value, Source) for spec in bound.specs[node.id].values()]
    return sum(spec.nbytes for spec in (*inputs, *bound.results.values()))


def _best(request: _Request) -> Plan:
    """Return the plan that the strategy asks for; else of those that fit memory the one with the least work, whole cores first."""
    limits = request.limits
    if limits.strategy == "pencil":
        return request.planned(in_pencils(request.bound))
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


def _check_region(asked: Mapping[str, int], bound: Bound, stages: Sequence[Stage]) -> None:
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


def _fingerprints(bound: Bound) -> dict[str, str]:
    sources = [node for node in bound.graph.nodes if isinstance(node.value, Source)]
    return {node.id: node.value.fingerprint() for node in sources if isinstance(node.value, Source)}


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
