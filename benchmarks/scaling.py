"""Scattering of fields larger than memory: throughput against the size of the field, the number of workers and J.

    python benchmarks/scaling.py                          # 0.25 and 1 GiB, J = 4 and 8, two workers
    python benchmarks/scaling.py --sizes 32768 --J 4      # more rows, merged into the result file
    python benchmarks/scaling.py --quick                  # 1024^2, nothing written
    python benchmarks/scaling.py --table                  # the table of earlier runs

A field of float32 is made on disk in chunks of 1024^2 (waves of all lengths and noise), and a job computes order 2, L = 8 on workers of
one thread and a fixed memory limit. The rate is samples of the field per second and worker, reading and writing included. In core is
the same kernel on 2048^2 samples of that field in memory, by as many processes at the same time as there are workers, filters built
beforehand. Memory is the largest resident size of any worker.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import time
from datetime import date
from pathlib import Path
from typing import Any

from signals import Watch, in_core, job_of, make

from scatflow import cluster
from scatflow.run.calibrate import machine

SCHEMA = 1
RESULTS = Path(__file__).parent / "results" / "scaling.json"
CHUNK, IN_CORE = 1024, 2048
DIMS = ("y", "x")


def measure(folder: Path, size: int, parameters: dict[str, Any], workers: int, memory: str, strategy: str | None) -> dict[str, Any]:
    """Return one row: a job on a field of a size, and the rate in core in the same minutes."""
    source, out = folder / f"field-{size}.zarr", folder / f"out-{size}.zarr"
    make(source, DIMS, (size, size), (min(CHUNK, size),) * 2)
    job = job_of(source, "scattering", DIMS, parameters)
    rate = in_core(DIMS, (IN_CORE, IN_CORE), parameters, workers)
    with cluster.local(workers=workers, memory=memory) as client:
        plan = job.plan(client=client, strategy=strategy)
        watch, began = Watch(), time.perf_counter()
        job.run(out, client=client, strategy=strategy, overwrite=True)
        wall, peak = time.perf_counter() - began, watch.stop()
    shutil.rmtree(out)
    kinds = sorted({word for stage in plan.stages for word in ("batch", "halo") if word in stage.why})
    return {
        "size": size, "GiB": size**2 * 4 / 2**30, **parameters, "workers": workers, "memory": memory,
        "strategy": "pyramid" if len(plan.stages) > 1 else "+".join(kinds), "tasks": plan.tasks, "wall": wall,
        "rate": size**2 / wall / workers, "in_core": rate, "ratio": size**2 / wall / workers / rate,
        "projected": plan.max_projected_memory, "rss": peak, "date": date.today().isoformat(), "machine": machine(),
        "cores": len(os.sched_getaffinity(0)), "python": platform.python_version(),
    }  # fmt: skip


def table(rows: list[dict[str, Any]]) -> str:
    """Return rows as a table of Markdown."""
    lines = ["| field | J | workers | strategy | tasks | wall, s | Msamples/s and worker | of the rate in core | worker RSS, MiB (limit) |",
             "|---|---|---|---|---|---|---|---|---|"]  # fmt: skip
    for row in sorted(rows, key=lambda row: (row["J"], row["workers"], row["size"])):
        lines.append(
            f"| {row['size']}² ({row['GiB']:.3g} GiB) | {row['J']} | {row['workers']} | {row['strategy']} | {row['tasks']} | {row['wall']:.0f} | "
            f"{row['rate'] / 1e6:.2f} | {row['ratio']:.2f} | {row['rss'] / 2**20:.0f} ({row['memory']}) |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[8192, 16384], help="lengths of a side")
    parser.add_argument("--J", type=int, nargs="+", default=[4, 8])
    parser.add_argument("--workers", type=int, nargs="+", default=[2])
    parser.add_argument("--memory", default="1.5 GiB", help="limit of a worker")
    parser.add_argument("--strategy", choices=["halo", "pyramid"])
    parser.add_argument("--folder", type=Path, default=Path("scaling-data"), help="where fields and results are written")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    known = json.loads(RESULTS.read_text())["rows"] if RESULTS.exists() else []
    if options.table:
        print(table(known))
        return
    if options.quick:
        options.sizes, options.J = [1024], [4]
    options.folder.mkdir(parents=True, exist_ok=True)
    for size in options.sizes:
        for J in options.J:
            for workers in options.workers:
                row = measure(options.folder, size, {"J": J, "L": 8}, workers, options.memory, options.strategy)
                same = ("size", "J", "workers", "memory", "strategy")
                known = [old for old in known if any(old[key] != row[key] for key in same)] + [row]
                print(table([row]).splitlines()[-1], flush=True)
                if not options.quick:
                    RESULTS.write_text(json.dumps({"schema": SCHEMA, "rows": known}, indent=1) + "\n")
    if options.quick:
        shutil.rmtree(options.folder)


if __name__ == "__main__":
    main()
