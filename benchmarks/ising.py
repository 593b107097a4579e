"""Spin updates per second of the samplers at the critical temperature, by compiled loops and without numba.

    python benchmarks/ising.py [--quick] [-o FILE]      # the full table, about twenty seconds of processor time

Seconds are those of the process on the processor, so that a busy machine counts little; the best of several runs counts. Of Wolff
clusters the spins flipped are counted. phi^4 takes a cluster update and a Hamiltonian trajectory per sweep.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from scatflow_processes import cluster_loops, clusters, heat_bath, phi4
from scatflow_processes.ising_exact import CRITICAL_TEMPERATURE
from scatflow_processes.streams import realization_generator

RESULTS = Path(__file__).parent / "results" / "ising.json"
SIZES = (64, 512)
#: Sweeps before time is taken, and least seconds of one run.
WARM_UP, LEAST = 8, 0.2


def updates(n: int) -> dict[str, Callable[[], Iterator[int]]]:
    """Return the samplers: each goes on without end, and tells how many sites it has updated."""
    shape, rng = (n, n), realization_generator(0, 0)

    def swept(chain: Iterator[Any]) -> Iterator[int]:
        return (n * n for _ in chain)

    def wolff() -> Iterator[int]:
        # From equilibrium: the first clusters of a random start are small, and cost more per spin.
        spins = next(clusters.swendsen_wang(shape, CRITICAL_TEMPERATURE, [rng], 5 * WARM_UP, 1))[0]
        probability = np.float32(-np.expm1(-2.0 / CRITICAL_TEMPERATURE))
        while True:
            yield clusters.flip_clusters(spins, probability, 10**9, n * n, rng)[1]

    return {
        "swendsen_wang": lambda: swept(clusters.swendsen_wang(shape, CRITICAL_TEMPERATURE, [rng], WARM_UP, 1)),
        "wolff": wolff,
        "heat_bath": lambda: swept(heat_bath.heat_bath(shape, CRITICAL_TEMPERATURE, 0, 0, WARM_UP, 1)),
        "phi4": lambda: swept(phi4.chain(n, 0.68, 1.0, 0, 0, sweeps=WARM_UP)),
    }


def rate(chain: Iterator[int], runs: int) -> float:
    """Return the most site updates per second of processor time in any of the runs."""
    next(chain)
    best = 0.0
    for _ in range(runs):
        start, sites = time.process_time(), 0
        while (taken := time.process_time() - start) < LEAST:
            sites += next(chain)
        best = max(best, sites / taken)
    return best


def run(quick: bool) -> dict[str, Any]:
    """Measure everything and return the report."""
    rows = []
    for n in SIZES[:1] if quick else SIZES:
        for name, make in updates(n).items():
            fast = rate(make(), 1 if quick else 3)
            plain = fast
            if name != "heat_bath":  # it has no loops to compile
                # As where numba is not installed. No parameter selects the plain form: its spins are the same, and users have no use for it.
                with mock.patch.object(cluster_loops, "compiled", return_value=None):
                    plain = rate(make(), 1)
            rows.append({"sampler": name, "size": n, "compiled": fast, "plain": plain})
    return {
        "benchmark": "ising",
        "date": datetime.date.today().isoformat(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "unit": "site updates per second of processor time, one core",
        "rows": rows,
    }


def table(report: dict[str, Any]) -> str:
    """Render a report as a Markdown table."""
    lines = ["| sampler | size | compiled, updates/s | plain, updates/s | ratio |", "|---|---|---|---|---|"]
    for row in report["rows"]:
        ratio = row["compiled"] / row["plain"]
        lines.append(f"| {row['sampler']} | {row['size']}² | {row['compiled']:.2g} | {row['plain']:.2g} | {ratio:.1f} |")
    return "\n".join(lines)


def main() -> None:
    """Read the command line, measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one size, one run, written only with -o")
    parser.add_argument("-o", "--output", type=Path, help=f"where the JSON goes (default {RESULTS.name} in results/)")
    options = parser.parse_args()
    report = run(options.quick)
    print(table(report))
    output = options.output or (None if options.quick else RESULTS)
    if output:
        output.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
        print(f"written: {output}")


if __name__ == "__main__":
    main()
