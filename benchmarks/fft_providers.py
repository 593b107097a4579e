"""Time the FFT providers on the transforms that the engine does most; print a table, write JSON.

    python benchmarks/fft_providers.py                  # the full table, about two minutes
    python benchmarks/fft_providers.py --quick          # a few rows, nothing written
    python benchmarks/fft_providers.py --table FILE     # the table of an earlier run

Providers take turns within a round, so that a busy moment of a shared machine falls on all alike; so that one
provider's idle threads do not spin into the next one's turn, OpenMP waits passively. Times include the
allocation of the result, as in the engine.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from scatflow.arrays import available, provider

SCHEMA = 1
RESULTS = Path(__file__).parent / "results" / "fft-providers.json"
CASES: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "16 x 65536": ((16, 65536), (1,)),
    "16 x 288^2": ((16, 288, 288), (1, 2)),
    "4 x 640^2": ((4, 640, 640), (1, 2)),
    "1024^2": ((1, 1024, 1024), (1, 2)),
}
QUICK_CASES = ("16 x 288^2",)
# For Intel's OpenMP (MKL) and GNU's (FFTW), which read it when they are loaded.
WAITING = {"OMP_WAIT_POLICY": "passive", "KMP_BLOCKTIME": "0"}
KINDS = ("complex", "real")
PRECISIONS = ("float32", "float64")


def block(shape: tuple[int, ...], precision: str, kind: str) -> Any:
    """Return noise of a shape and kind."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape).astype(precision)
    return x + x.dtype.type(1) * 1j * x[..., ::-1] if kind == "complex" else x


def seconds(call: Callable[[], Any]) -> float:
    """Return how long one call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def rounds(calls: dict[str, Callable[[], Any]], runs: int) -> dict[str, list[float]]:
    """Let the calls take turns ``runs`` times and return their times."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(runs):
        for name, call in calls.items():
            times[name].append(seconds(call))
    return times


def measure(names: list[str], case: str, precision: str, kind: str, threads: int, runs: int) -> list[dict[str, Any]]:
    """Return one row per provider for one transform: the inverse complex or the forward real one."""
    shape, axes = CASES[case]
    x = block(shape, precision, kind)
    calls: dict[str, Callable[[], Any]] = {}
    for name in names:
        door = provider(name, threads=threads)
        transform = door.ifftn if kind == "complex" else door.rfftn
        calls[name] = functools.partial(transform, x, axes=axes)
    for call in calls.values():
        call()
        call()
    times = rounds(calls, runs)
    return [
        {
            "case": case,
            "precision": precision,
            "kind": kind,
            "threads": threads,
            "provider": name,
            "runs": runs,
            "median_ms": round(1e3 * statistics.median(taken), 3),
            "min_ms": round(1e3 * min(taken), 3),
            "max_ms": round(1e3 * max(taken), 3),
        }
        for name, taken in times.items()
    ]


def machine() -> dict[str, Any]:
    """Describe the machine as far as it matters here."""
    return {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "architecture": platform.machine(),
    }


def cpu_model() -> str:
    """Return the processor's name, and its family and model numbers where the name is generic."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    fields = dict(reversed([(key.strip(), value.strip()) for key, _, value in (s.partition(":") for s in lines)]))
    avx = "AVX-512" if "avx512f" in fields.get("flags", "") else "no AVX-512"
    name = fields.get("model name", "unknown")
    return f"{name}, family {fields.get('cpu family', '?')} model {fields.get('model', '?')}, {avx}"


def table(report: dict[str, Any]) -> str:
    """Render a report as a Markdown table: median (min-max) in milliseconds, the least minimum in bold."""
    names = list(report["providers"])
    lines = ["| transform | threads | " + " | ".join(names) + " |", "|---|---|" + "---|" * len(names)]
    groups: dict[tuple[Any, ...], dict[str, dict[str, Any]]] = {}
    for row in report["rows"]:
        key = (row["case"], row["precision"], row["kind"], row["threads"])
        groups.setdefault(key, {})[row["provider"]] = row
    for (case, precision, kind, threads), rows in groups.items():
        best = min(row["min_ms"] for row in rows.values())
        cells = [cell(rows[name], best) if name in rows else "-" for name in names]
        lines.append(f"| {case} {kind}, {precision} | {threads} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def cell(row: dict[str, Any], best: float) -> str:
    """Render one measurement."""
    least = f"**{row['min_ms']:.1f}**" if row["min_ms"] == best else f"{row['min_ms']:.1f}"
    return f"{row['median_ms']:.1f} ({least}-{row['max_ms']:.1f})"


def run(quick: bool, runs: int) -> dict[str, Any]:
    """Measure everything and return the report."""
    versions = available()
    names = [name for name, version in versions.items() if not version.startswith("missing")]
    load = [os.getloadavg()[0]]
    rows = []
    for case in QUICK_CASES if quick else CASES:
        for kind in KINDS:
            for precision in PRECISIONS[:1] if quick else PRECISIONS:
                for threads in (1, 2):
                    rows += measure(names, case, precision, kind, threads, runs)
    load.append(os.getloadavg()[0])
    return {
        "schema": SCHEMA,
        "benchmark": "fft_providers",
        "command": "python benchmarks/fft_providers.py" + (" --quick" if quick else ""),
        "date": datetime.date.today().isoformat(),
        "machine": {**machine(), "load_before_and_after": [round(value, 2) for value in load]},
        "environment": WAITING,
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
        "providers": {name: versions[name] for name in names},
        "missing": {name: text for name, text in versions.items() if name not in names},
        "rows": rows,
    }


def main() -> None:
    """Read the command line, measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one shape, float32 only, written only with --output")
    parser.add_argument("--runs", type=int, default=15, help="timed runs per number, at least 5 (default 15)")
    parser.add_argument("--output", type=Path, help=f"where the JSON goes (default {RESULTS.name} in results/)")
    parser.add_argument("--table", type=Path, metavar="FILE", help="print the table of an earlier run and stop")
    options = parser.parse_args()
    if options.table:
        print(table(json.loads(options.table.read_text())))
        return
    if options.runs < 5:
        parser.error("--runs must be at least 5")
    os.environ.update(WAITING)
    report = run(options.quick, options.runs)
    print(json.dumps(report["machine"], indent=2))
    print(table(report))
    output = options.output or (None if options.quick else RESULTS)
    if output:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
        print(f"written: {output}")


if __name__ == "__main__":
    main()
