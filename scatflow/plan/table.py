"""A plan as a table for people: one row per stage, and a line with the totals."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

from scatflow.plan.rates import Hours, hours

if TYPE_CHECKING:
    from scatflow.plan.plan import Plan
    from scatflow.plan.staging import Stage, Target

#: Resident size of a worker after imports that is added to the per-task part.
RESERVED_BYTES = 350 * 2**20
#: Files of one result beyond which file systems and backups suffer; the table then proposes larger regions.
MANY_FILES = 100_000


def rows(plan: Plan) -> list[dict[str, Any]]:
    """Return one row per stage: strategy and why, regions, tasks, bytes, files, projected peak, flops, time."""
    return [_row(stage, plan) for stage in plan.stages]


def total(plan: Plan) -> Hours | None:
    """Return what the plan costs on this machine, or None where no rate was measured."""
    rates = plan.rates
    if rates is None:
        return None
    return reduce(add, (hours(stage, rates, plan.limits.workers, plan.limits.threads) for stage in plan.stages))


def notes(plan: Plan) -> list[str]:
    """Return the lines under the table: totals, time, what to do about many files."""
    count = plan.tasks
    lines = [f"{count} task{'s' if count != 1 else ''}; largest task {size(plan.max_projected_memory)}; plan {plan.hash[:12]}"]
    whole, limits = total(plan), plan.limits
    if whole is None:
        lines.append("time unknown on this machine: scatflow plan --calibrate measures it")
    else:
        lanes = f"{limits.workers} worker{'s' if limits.workers > 1 else ''} × {limits.threads} thread{'s' if limits.threads > 1 else ''}"
        lines.append(f"core time {span(whole.core)}; wall time {span(whole.low)} to {span(whole.high)} on {lanes}; "
                     f"reading and writing alone {span(whole.io)}")  # fmt: skip
    targets = [target for stage in plan.stages for target in stage.targets]
    files, work = (sum(file_count(target) for target in targets if target.result is kept) for kept in (True, False))
    lines.append(f"{files} files of results" + (f"; {work} of work arrays, removed at the end" if work else ""))
    if files + work > MANY_FILES:
        files += work
        lines.append(f"{files} files: larger regions (region={{dim: length}}) give fewer, larger chunks")
    return lines


def text(plan: Plan) -> str:
    """Return the table as text."""
    found = rows(plan)
    columns = list(found[0])
    cells = [columns, *([str(row[c]) for c in columns] for row in found)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join([lines[0], "  ".join("-" * w for w in widths), *lines[1:], *notes(plan)])


def _row(stage: Stage, plan: Plan) -> dict[str, Any]:
    projection, count, limits = stage.projection, len(stage.regions), plan.limits
    row = {
        "stage": stage.number, "target": stage.name, "kind": stage.kind,
        "nodes": " → ".join(step.node for step in stage.graph.steps) or "copy", "device": limits.device, "strategy": stage.why,
        "regions": count, "region": _lengths(stage),
        "peak/task": size(projection.peak), "peak/worker": size(RESERVED_BYTES + projection.peak * limits.threads),
        "read": size(projection.read * count), "written": size(sum(t.own.nbytes for t in stage.targets)),
        "files": sum(file_count(target) for target in stage.targets), "Gflop": f"{projection.flops * count / 1e9:.3g}",
    }  # fmt: skip
    parts = {name: share for name, share in projection.parts.items() if share}
    row["of which"] = ", ".join(f"{name} {share / projection.flops:.0%}" for name, share in parts.items())
    if plan.rates is not None:
        cost = hours(stage, plan.rates, limits.workers, limits.threads)
        row |= {"core time": span(cost.core), "wall time": f"{span(cost.low)} to {span(cost.high)}"}
    return row


def _lengths(stage: Stage) -> str:
    """Return the lengths of regions, and of the blocks of which they are several."""
    regions, blocks = (" ".join(f"{dim}={step}" for dim, step in steps) for steps in (stage.regions.steps, stage.regions.parts))
    return (regions or "whole") + (f" in blocks of {blocks}" if blocks else "")


def file_count(target: Target) -> int:
    """Return the files of a stored array: its chunks and its metadata."""
    count = 1
    for length, chunk in zip(target.own.shape, target.chunks[len(target.slab) :], strict=True):
        count *= max(1, -(-length // chunk))
    return count + 1


def size(count: float) -> str:
    """Return a number of bytes for people."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if count < 1000 or unit == "TiB":
            return f"{count:.3g} {unit}"
        count /= 1024
    return ""


def span(seconds: float) -> str:
    """Return a duration for people: seconds, minutes or hours, with two or three digits.

    Examples
    --------
    >>> span(0.02), span(95), span(4000), span(90000)
    ('0.02 s', '95 s', '67 min', '25 h')
    """
    for unit, length, limit in (("s", 1, 120), ("min", 60, 7200)):
        if seconds < limit:
            return f"{seconds / length:.2g} {unit}" if seconds / length < 10 else f"{seconds / length:.0f} {unit}"
    return f"{seconds / 3600:.2g} h" if seconds < 36000 else f"{seconds / 3600:.0f} h"
