"""How a stage is cut into regions: core dims whole, or in parts with a halo, and why."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from scatflow.contract import Reduce, Ref
from scatflow.errors import PlanError
from scatflow.graph.bind import Call
from scatflow.graph.halo import Halo
from scatflow.plan.halo import choose_parts, described, grids, obstacle, split_dims, strides, surroundings, tolerance
from scatflow.plan.limits import Limits
from scatflow.plan.memory import Projection, box_bytes, project
from scatflow.plan.refusal import TooLarge, too_large
from scatflow.plan.regions import Regions, choose, domain, free_dims, merged
from scatflow.plan.stage import Box
from scatflow.spec import ArraySpec


@dataclass(frozen=True)
class Layout:
    """The regions of a stage, what the first of them needs, halos by node, and why it is so."""

    regions: Regions
    projection: Projection
    why: str
    halos: Mapping[str, Halo] = field(default_factory=dict)


@dataclass(frozen=True)
class Work:
    """The nodes of a stage before it is cut: bound calls in topological order, their inputs, and specs of all references.

    ``reads`` are those of them whose stored chunks matter, ``stored`` of these the arrays that earlier stages store; along dims that
    only such have, regions may be parts of chunks: one over ``divided``.
    """

    target: str
    calls: Mapping[str, Call]
    inputs: Mapping[str, tuple[Ref | float, ...]]
    specs: Mapping[Ref, ArraySpec]
    reads: tuple[Ref, ...]
    stored: frozenset[Ref] = frozenset()
    divided: int = 1

    @property
    def reduces(self) -> bool:
        """Tell whether the stage ends with a reduction."""
        return self.target in self.calls and isinstance(self.calls[self.target].operator, Reduce)

    def chunks(self, free: Sequence[str], kept: Mapping[str, int]) -> dict[str, int]:
        """Return, per free dim, the least common multiple of the stored chunk lengths of everything read, or a part of it.

        ``kept`` are lengths that another plan has, shorter ones perhaps.
        """
        lengths: dict[str, int] = {}
        for ref in self.reads:
            spec = self.specs[ref]
            for dim, sizes in zip(spec.dims, spec.chunks or ((),) * len(spec.dims), strict=True):
                if dim in free and sizes:
                    lengths[dim] = math.lcm(lengths.get(dim, 1), max(sizes))
        for dim in self._dividable() & set(lengths):
            lengths[dim] = min(-(-lengths[dim] // self.divided), kept.get(dim, lengths[dim]))
        return lengths

    def _dividable(self) -> set[str]:
        """Return the dims that no node looks along and only work arrays have: reading a chunk of these several times costs little."""
        kept = {dim for ref in self.reads if ref not in self.stored for dim in self.specs[ref].dims}
        core = {dim for call in self.calls.values() for dim in call.kernel.core}
        return {dim for ref in self.stored for dim in self.specs[ref].dims} - kept - core

    def finer(self) -> Work | None:
        """Return the same work in regions of half the length where these are parts of chunks, None where they are no more."""
        lengths = self.chunks(tuple(self._dividable()), {})
        return replace(self, divided=2 * self.divided) if any(length > 1 for length in lengths.values()) else None

    def growing(self) -> list[str]:
        """Return the parameters of the operators by which their memory grows, as far as their names tell."""
        names = dict.fromkeys(name for call in self.calls.values() for name in type(call.operator).model_fields)
        return [name for name in ("J", "Q", "L", "order") if name in names]


def lay_out(work: Work, limits: Limits, number: int) -> Layout:
    """Return the regions of a stage.

    Core dims are whole where that fits memory; else, or where a region length or the strategy asks for it, they are
    split into parts with a halo. Where neither fits, regions are parts of the chunks of work arrays.

    Raises
    ------
    PlanError
        No task fits memory, or the strategy that is asked for cannot serve the stage.
    """
    if not work.calls:
        return _copied(work, limits, number)
    try:
        return _laid_out(work, limits, number)
    except TooLarge:
        finer = work.finer()
        if finer is None:
            raise
        return lay_out(finer, limits, number)


def _laid_out(work: Work, limits: Limits, number: int) -> Layout:
    asked = limits.asked(number)
    split = {node: split_dims(call, limits.tol) for node, call in work.calls.items()}
    cuttable = {dim for dims in split.values() for dim in dims}
    # Lengths that another plan has of the stage tell which dims it cuts: its strategy may be that of another stage.
    forced = limits.strategy == "halo" and number >= len(limits.steps)
    wanted = forced or (limits.strategy in (None, "halo") and any(dim in cuttable for dim in asked))
    if wanted and cuttable:
        return _in_parts(work, limits, number, split)
    if forced and any(call.kernel.core for call in work.calls.values()):
        raise PlanError(f"stage {work.target}", 'the strategy "halo" cannot serve it', got=_obstacles(work, limits.tol),
                        remedy='Leave the strategy to the plan, or use "batch".', code="StrategyUnfit")  # fmt: skip
    try:
        return _whole(work, limits, number)
    except TooLarge as whole:
        if limits.strategy == "batch":
            raise
        if not cuttable:
            raise _explained(whole, "Parts with a halo do not serve: ", _obstacles(work, limits.tol)) from None
        try:
            return _in_parts(work, limits, number, split)
        except TooLarge as parts:
            if whole.needed < parts.needed:
                raise _explained(whole, "Parts with a halo do not serve: they would take ", str(parts.got)) from None
            raise _explained(parts, "Whole core dims would take ", str(whole.got)) from None


def _explained(error: TooLarge, remark: str, reasons: str) -> TooLarge:
    """Return an error that also tells why what it is not about is no way out."""
    return error.with_remark(f"{remark}{reasons}.") if reasons else error


def _obstacles(work: Work, tol: float | None) -> str:
    return "; ".join(reason for call in work.calls.values() if call.kernel.core and (reason := obstacle(call, tol)))


def _whole(work: Work, limits: Limits, number: int) -> Layout:
    """Return regions in which core dims are whole."""
    target, asked = work.calls[work.target], limits.asked(number)
    where, free = domain(target), free_dims(work.calls, work.inputs)

    def projected(box: Box) -> Projection:
        return project(work.calls, work.inputs, work.specs, box)

    def out_bytes(box: Box) -> int:
        return projected(box).read if work.reduces else projected(box).written

    regions = choose(
        where, free, work.chunks(free, limits.kept(number)), projected, limits, asked, work.target, out_bytes, work.growing()
    )
    core = list(dict.fromkeys(dim for call in work.calls.values() for dim in call.kernel.core))
    text = f"batch: core {', '.join(core)} whole" if core else "element by element"
    why = f"{text}; split over {', '.join(free) or 'nothing'}" + ending(work)
    regions, projection = _gathered(work, limits, number, regions, projected, (), [dim for dim in free if dim not in asked])
    return Layout(regions, projection, why)


def _in_parts(work: Work, limits: Limits, number: int, split: Mapping[str, Sequence[str]]) -> Layout:
    """Return regions that are parts of core dims."""
    target, asked = work.calls[work.target], limits.asked(number)
    free = free_dims(work.calls, work.inputs, split)
    where = domain(target, split[work.target])
    halos = {node: Halo(tolerance(work.calls[node].kernel, limits.tol)) for node, dims in split.items() if set(dims) & set(free)}
    grid: dict[str, int] = {}
    for node in halos:
        steps = {} if node == work.target else strides(work.calls[node].kernel)
        for dim, unit in grids(work.calls[node]).items():
            if dim in free:
                grid[dim] = math.lcm(grid.get(dim, 1), max(1, unit // steps.get(dim, 1)))

    def projected(box: Box) -> Projection:
        return project(work.calls, work.inputs, work.specs, box, halos)

    regions = choose_parts(where, free, grid, work.chunks(free, limits.kept(number)), projected, limits, asked,
                           surroundings(target, halos[work.target]) if work.target in halos else {}, work.target, work.growing())  # fmt: skip
    box = regions.box(0)
    said = [described(work.calls[node], limits.tol, box) for node in halos]
    why = f"{'; '.join(said)}; split over {', '.join(free)}" + ending(work)
    if work.target in halos:  # nodes before it have boxes of many lengths
        lengths = tuple((dim, step) for dim, step in regions.steps if dim in split[work.target])
        halos[work.target] = Halo(halos[work.target].tol, lengths)
    rest = [dim for dim in free if dim not in grid and dim not in asked]
    regions, projection = _gathered(work, limits, number, regions, projected, tuple(grid), rest)
    return Layout(regions, projection, why, halos)


def _gathered(
    work: Work, limits: Limits, number: int, blocks: Regions, projected: Callable[[Box], Projection], first: Sequence[str],
    then: Sequence[str],
) -> tuple[Regions, Projection]:  # fmt: skip
    """Return regions of several blocks each where one writes a crumb, and what a task of them needs.

    What reductions keep of a block are states, which no reader of a result meets.
    """
    one = projected(blocks.box(0))
    if work.reduces:
        return blocks, one
    fixed = number < len(limits.parts)
    if fixed:
        regions = replace(blocks, parts=blocks.steps, steps=tuple(limits.steps[number].items())) if limits.parts[number] else blocks
    else:
        regions = merged(blocks, first, then, lambda box: projected(box).written)
    box = regions.box(0)
    many = one.repeated(len(list(regions.blocks(box))), projected(box).written)
    if many.peak <= limits.per_task:
        return regions, many
    if fixed:
        raise too_large(work.target, many.peak, limits, dict(regions.steps), {}, work.growing())
    return blocks, one


def ending(work: Work) -> str:
    """Return what is said of a stage that ends with a reduction."""
    return "; partial states in a tree" if work.reduces else ""


def _copied(work: Work, limits: Limits, number: int) -> Layout:
    """Return the regions of a source that is a result itself."""
    where = work.specs[work.reads[0]]

    def projected(box: Box) -> Projection:
        size = box_bytes(where, box)
        return Projection(3 * size, 0.0, size, size, {})

    regions = choose(where, where.dims, work.chunks(where.dims, {}), projected, limits, limits.asked(number), work.target,
                     lambda box: projected(box).written)  # fmt: skip
    why = f"element by element; split over {', '.join(where.dims) or 'nothing'}"
    return Layout(regions, projected(regions.box(0)), why)
