"""Time a step of the two-dimensional flow solver against its transforms alone, and a long forced run streamed to zarr.

    python benchmarks/turbulence.py                     # steps of four sizes, and 512^2 x 64 snapshots: minutes
    python benchmarks/turbulence.py --quick             # small ones, nothing written

The floor of a step is its sixteen real transforms in the shapes and numbers that the solver calls them with: two back and two
forth in each of four stages.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from scatflow.arrays import default_provider, namespace, signature
from scatflow_processes.flow_forced import Forced
from scatflow_processes.flow_kernels import Step, decay, grid, step, tendency
from scatflow_processes.snapshots import stream
from scatflow_processes.turbulence2d import initial_vorticity

SCHEMA = 1
RESULTS = Path(__file__).parent / "results" / "turbulence.json"
SIZES = (128, 256, 512, 1024)
LONG = Forced(size=512, nu=2.5e-4, snapshots=64)
QUICK = Forced(size=64, nu=8e-3, k_forcing=4.0, snapshots=8)


def seconds(call: Callable[[], Any], runs: int) -> float:
    """Return the shortest time of a call, since others may share the machine."""
    found = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return min(found)


def step_times(size: int, dtype: str, runs: int) -> dict[str, Any]:
    """Return the time of a step of one flow and of its transforms, one thread."""
    xp, tables = namespace(), grid(size, 2 * np.pi, dtype)
    field = initial_vorticity(size, 0, 0).astype(dtype)
    spectrum = xp.fft.rfftn(field, axes=(-2, -1))
    now = Step(tables, 1e-3, decay(xp, tables, 1e-3, 1e-3, 0.1))

    def transforms() -> None:
        for _ in range(8):
            xp.fft.irfftn(spectrum, s=(size, size), axes=(-2, -1))
            xp.fft.rfftn(field, axes=(-2, -1))

    def whole() -> None:
        step(xp, spectrum, now, tendency(xp, now, spectrum)[0])

    whole(), transforms()
    taken, floor = seconds(whole, runs), seconds(transforms, runs)
    return {"size": size, "dtype": dtype, "step_ms": 1e3 * taken, "transforms_ms": 1e3 * floor, "ratio": taken / floor}


def long_run(run: Forced) -> dict[str, Any]:
    """Return the time of a streamed run, wall and processors."""
    with tempfile.TemporaryDirectory() as folder:
        start, cpu = time.perf_counter(), time.process_time()
        stream(Path(folder) / "run.zarr", run)
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    steps = run.intervals * run.steps_between
    return {"size": run.size, "snapshots": run.snapshots, "dtype": run.dtype, "steps": steps, "wall_s": wall, "cpu_s": cpu,
            "wall_ms_per_step": 1e3 * wall / steps, "Re": run.reynolds, "kmax_over_kd": run.resolution}  # fmt: skip


def main() -> None:
    """Print tables and write them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, nothing written")
    quick = parser.parse_args().quick
    rows = [
        step_times(size, dtype, 5 if quick else 40) for size in SIZES[: 1 if quick else None] for dtype in ("float32", "float64")
    ]
    for row in rows:
        print("{size:5d}^2 {dtype}: step {step_ms:8.2f} ms, transforms {transforms_ms:8.2f} ms, ratio {ratio:.2f}".format(**row))
    found = long_run(QUICK if quick else LONG)
    print("{size}^2 x {snapshots}: {steps} steps in {wall_s:.0f} s wall, {cpu_s:.0f} s of processors".format(**found))
    if not quick:
        document = {"schema": SCHEMA, "date": datetime.date.today().isoformat(), "machine": platform.machine(),
                    "cores": len(os.sched_getaffinity(0)), "load": os.getloadavg()[0], "fft": signature(default_provider()), "steps": rows, "stream": found}  # fmt: skip
        RESULTS.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
