"""Time the statistics of returns on twenty years of 5000 names: whole series, names listed at different dates, sessions.

    python benchmarks/returns.py [--quick] [-o FILE]    # the full table, about two minutes of processor time

Names come in blocks as tasks get them from the source ``returns``. Seconds are those of the process on the processor, one thread, so
that a busy machine counts little; memory is the peak beside the block, in float64 copies of it, with what ``cost`` declares.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import time
import tracemalloc
from pathlib import Path
from typing import Any

import dask
import numpy as np
import xarray as xr

import scatflow as sf
from scatflow.arrays import namespace
from scatflow.graph.bind import bind
from scatflow.labels import spec_of
from scatflow_processes.operators.return_tails import Hill, HorizonMoments
from scatflow_processes.operators.returns import AbsoluteAutocorrelation, Leverage, ReturnStatistic, Zumbach

RESULTS = Path(__file__).parent / "results" / "returns.json"
DAYS, NAMES, BLOCK = 5030, 5000, (1 << 20) // 5030
#: Days of a session, where the days are the bars of sessions.
SESSION = 78
STATISTICS: tuple[ReturnStatistic, ...] = (
    Leverage(),
    AbsoluteAutocorrelation(),
    Zumbach(),
    Hill(extremes=tuple(range(25, 401, 25))),
    HorizonMoments(),
)
#: The same where sessions are shorter than the defaults.
SHORT: dict[str, dict[str, Any]] = {
    "leverage": {"lags": tuple(range(1, SESSION))},
    "absolute_autocorrelation": {"max_lag": SESSION - 1},
    "zumbach": {"windows": (5, 10, 20, 30)},
}


def panel(kind: str, names: int) -> xr.DataArray:
    """Return heavy-tailed returns of some names in blocks: whole, listed and delisted at any date, or in sessions with gaps."""
    rng = np.random.default_rng(0)
    values = 0.01 * rng.standard_t(4, (names, DAYS))
    if kind != "whole":
        first, last = np.sort(rng.integers(0, DAYS, (2, names)), axis=0)
        day = np.arange(DAYS)
        values[(day < first[:, None] // 2) | (day > (DAYS + last[:, None]) // 2)] = np.nan
    data = xr.DataArray(values, dims=("asset", "time"), attrs={"units": "1"})
    if kind == "sessions":
        values[rng.random(values.shape) < 0.01] = np.nan
        data = data.assign_coords(segment=("time", np.arange(DAYS) // SESSION))
    return data.chunk(asset=BLOCK)


def measured(statistic: ReturnStatistic, data: xr.DataArray) -> dict[str, Any]:
    """Return seconds of all names, and the memory of one block in copies of it, declared and taken."""
    statistic = statistic.replace(dims=("time",), nan="mask")
    with dask.config.set(scheduler="synchronous"):
        start = time.process_time()
        sf.apply(statistic, data).compute()
        seconds = time.process_time() - start
    block = data[:BLOCK].compute()
    bound: Any = bind(statistic, spec_of(block)).operator
    tracemalloc.start()
    bound.apply(namespace(), block.values)
    peak = tracemalloc.get_traced_memory()[1] / block.nbytes
    tracemalloc.stop()
    return {"seconds": seconds, "copies": round(peak, 1), "declared": bound.cost(spec_of(block)).bytes / block.nbytes}


def run(names: int) -> dict[str, Any]:
    """Measure everything and return the report."""
    rows = []
    for kind in ("whole", "listed", "sessions"):
        data = panel(kind, names)
        for statistic in STATISTICS:
            chosen = statistic.replace(**SHORT.get(statistic.name, {})) if kind == "sessions" else statistic
            rows.append({"statistic": statistic.name, "series": kind, **measured(chosen, data)})
    return {
        "benchmark": "returns",
        "date": datetime.date.today().isoformat(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "names": names,
        "days": DAYS,
        "unit": "seconds of processor time, one thread, all names",
        "rows": rows,
    }


def table(report: dict[str, Any]) -> str:
    """Render a report as a Markdown table."""
    lines = ["| statistic | series | seconds | copies of a block | declared |", "|---|---|---|---|---|"]
    for row in report["rows"]:
        lines.append(
            f"| {row['statistic']} | {row['series']} | {row['seconds']:.2f} | {row['copies']:.1f} | {row['declared']:.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Read the command line, measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="100 names, written only with -o")
    parser.add_argument("-o", "--output", type=Path, help=f"where the JSON goes (default {RESULTS.name} in results/)")
    options = parser.parse_args()
    report = run(100 if options.quick else NAMES)
    print(table(report))
    output = options.output or (None if options.quick else RESULTS)
    if output:
        output.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
        print(f"written: {output}")


if __name__ == "__main__":
    main()
