"""Scattering by many workers: a model of the time that a job takes, held against jobs whose workers sleep instead of computing.

    python benchmarks/workers.py                  # 2, 8, 32 and 64 workers on this machine; the model's error for each; its table
    python benchmarks/workers.py --quick          # 2 and 4 workers, nothing written

A real job (8192^2, J = 4, L = 8, regions of 1024^2) tells how long a region takes. The other jobs are as real, plan, regions, scheduler,
receipts and ledger, but a worker sleeps as long as such a region took and writes a constant block of the shape of its results, so that
64 workers fit a machine of two cores. What a worker does for itself is thus not scaled up, what all share is: scheduler, runner, ledger.

The model gives regions to workers as they become free, and knows four numbers: the seconds that each region sleeps, what it takes beside
(writing, checksums: measured on one worker), what lies between two regions of a worker (the same), and what runner and scheduler
spend per region (their processor time where no region sleeps). It counts from the first region to the last receipt, and is used
for more workers only if it is right within 15 % for all four.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import platform
import shutil
import statistics
import time
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from signals import job_of, make

from scatflow import blocks, cluster
from scatflow.plan.stage import Box, StageGraph, output_box
from scatflow.run.calibrate import machine
from scatflow.store import Ledger

RESULTS = Path(__file__).parent / "results" / "workers.json"
PARAMETERS = {"J": 4, "L": 8}
REGION = 1024
DIMS = ("y", "x")
#: Workers for which the model has to be right, and its largest error then, for it to be used for more of them.
HELD, WITHIN = (2, 8, 32, 64), 0.15
#: Workers -> regions along an axis: about the same time for each.
SIDES = {2: 8, 4: 8, 8: 16, 32: 32, 64: 46}


def asleep(seconds: Sequence[float], box: Box) -> float:
    """Return how long a region sleeps: as long as one of these took, chosen by its place."""
    return seconds[sum(start // REGION * factor for (start, _), factor in zip(box.values(), (1, 7), strict=False)) % len(seconds)]


def stand_in(seconds: Sequence[float], sizes: Mapping[str, Mapping[str, int]]) -> None:
    """Have this process sleep where it would read and compute a region; ``sizes`` are those of the results."""

    def evaluate_stage(graph: StageGraph, box: Box, read: Any, fft: str | None = None) -> dict[str, np.ndarray]:
        time.sleep(asleep(seconds, box))
        found = {}
        for port in graph.target.kernel.outputs:
            part = output_box(graph.target.kernel, port, box)
            whole = sizes[port.name]
            found[port.name] = np.ones(
                [part[dim][1] - part[dim][0] if dim in part else whole[dim] for dim in port.dims], port.dtype
            )
        return found

    blocks.evaluate_stage = evaluate_stage


def run(folder: Path, side: int, workers: int, seconds: Sequence[float] | None) -> dict[str, Any]:
    """Run a job of side^2 regions, on workers that sleep unless there are no seconds, and return what it took."""
    kind = "field" if seconds is None else "empty"
    source, out = folder / f"{kind}-{side * REGION}.zarr", folder / "out.zarr"
    # Workers that sleep read nothing.
    make(source, DIMS, (side * REGION,) * 2, (REGION,) * 2, empty=seconds is not None)
    job, times, mine = job_of(source, "scattering", DIMS, PARAMETERS), [], psutil.Process()

    def note(event: dict[str, Any]) -> None:
        if event["event"] in ("started", "region"):
            times.append((time.perf_counter(), sum(mine.cpu_times()[:2])))

    options: Any = {"strategy": "halo", "region": {"y": REGION, "x": REGION}}
    with cluster.local(workers=workers, memory="1.5 GiB") as client:
        plan = job.plan(client=client, **options)
        (stage,) = plan.stages
        if seconds is not None:
            client.run(stand_in, list(seconds), {target.ref.output: dict(target.own.sizes) for target in stage.targets})
        job.run(out, client=client, progress=note, overwrite=True, **options)
    ledger = Ledger(out, plan.hash)
    ledger.load()
    shutil.rmtree(out)
    count = len(times) - 1
    return {"workers": workers, "regions": count, "wall": times[-1][0] - times[0][0], "shared": (times[-1][1] - times[0][1]) / count,
            "seconds": [receipt.seconds for receipt in ledger.receipts.values()],
            "asleep": [asleep(seconds, box) for box in stage.regions] if seconds else []}  # fmt: skip


def predicted(seconds: Sequence[float], workers: int, between: float, shared: float) -> float:
    """Return the time of a stage: regions go to workers in order as these become free, and every region passes one desk.

    Parameters
    ----------
    seconds : sequence of float
        What each region takes a worker.
    workers : int
        Workers of one thread.
    between : float
        What lies between two regions of a worker.
    shared : float
        What runner and scheduler spend per region, one after the other.
    """
    free, desk = [0.0] * workers, 0.0
    for one in seconds:
        desk = max(desk, heapq.heappop(free)) + shared
        heapq.heappush(free, desk + between + one)
    return max(free)


def row_of(run: dict[str, Any], beside: float, between: float, shared: float) -> dict[str, Any]:
    """Return what a job of sleeping workers took, and what the model says; ``beside`` is what a region takes beside its sleep."""
    model, sum_of = predicted([one + beside for one in run["asleep"]], run["workers"], between, shared), sum(run["seconds"])
    return {
        "workers": run["workers"], "regions": run["regions"], "wall": run["wall"], "model": model, "error": model / run["wall"] - 1,
        "busy": sum_of / run["wall"] / run["workers"], "shared": run["shared"], "date": date.today().isoformat(), "machine": machine(),
        "cores": len(os.sched_getaffinity(0)), "python": platform.python_version(),
    }  # fmt: skip


def table(report: dict[str, Any]) -> str:
    """Return the report as a table of Markdown."""
    lines = ["| workers | regions | measured, s | model, s | error | share of the time that workers are busy | runner and scheduler, ms per region |",
             "|---|---|---|---|---|---|---|"]  # fmt: skip
    for row in report["rows"]:
        lines.append(f"| {row['workers']} | {row['regions']} | {row['wall']:.1f} | {row['model']:.1f} | {row['error']:+.1%} | "
                     f"{row['busy']:.3f} | {row['shared'] * 1e3:.1f} |")  # fmt: skip
    for case in report["beyond"]:
        lines.append(f"| {case['workers']} | {case['regions']} | - | {case['model']:.1f} | - | {case['busy']:.3f} | - |")
    return "\n".join(lines)


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=list(HELD))
    parser.add_argument("--folder", type=Path, default=Path("scaling-data"), help="where fields and results are written")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    if options.table:
        print(table(json.loads(RESULTS.read_text())))
        return
    if options.quick:
        options.workers = [2, 4]
    options.folder.mkdir(parents=True, exist_ok=True)
    real = run(options.folder, 4 if options.quick else 8, 2, None)
    one = run(options.folder, 4 if options.quick else 5, 1, real["seconds"])
    between = max(0.0, one["wall"] / one["regions"] - statistics.mean(one["seconds"]))
    beside = statistics.mean(one["seconds"]) - statistics.mean(one["asleep"])
    shared = run(options.folder, 8, 2, [0.0])["shared"]
    rows = []
    for workers in options.workers:
        rows.append(row_of(run(options.folder, SIDES[workers], workers, real["seconds"]), beside, between, shared))
        print(table({"rows": rows, "beyond": []}).splitlines()[-1], flush=True)
    beyond = []
    trusted = set(HELD) <= {row["workers"] for row in rows if abs(row["error"]) <= WITHIN}
    for workers, side in ((100, 64), (100, 128), (400, 128)) if trusted else ():
        cycle = [real["seconds"][n % len(real["seconds"])] + beside for n in range(side**2)]
        model = predicted(cycle, workers, between, shared)
        beyond.append({"workers": workers, "regions": side**2, "model": model, "busy": sum(cycle) / model / workers})
    report = {
        "schema": 1,
        "region": statistics.mean(real["seconds"]),
        "beside": beside,
        "between": between,
        "shared": shared,
        "rows": rows,
        "beyond": beyond,
    }
    print(table(report))
    if options.quick:
        shutil.rmtree(options.folder)
    else:
        RESULTS.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
