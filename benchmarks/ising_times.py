"""Autocorrelation times of the Ising samplers over size and temperature: the table of ``scatflow_processes.ising_times``.

    python benchmarks/ising_times.py [--jobs 2]         # measures what the result file lacks; all of it: 25 minutes of one core
    python benchmarks/ising_times.py --table            # prints the table as the module holds it

Chains of `scatflow_processes.ising` in equilibrium, a configuration every sweep; the time of the energy and of |m| by
`scatflow_processes.autocorrelation.integrated_time`, averaged over chains, at temperatures where the lattice is a given number of
(infinite-lattice) correlation lengths long. A point is done when its times are known to 5 %, or after so many seconds of processor time.
The table is not the points but a parabola in log size through their logarithms, weighted by their errors: a power law and its
correction, by which points known less well lean on the others.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import multiprocessing
import platform
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from scatflow_processes import ising
from scatflow_processes.autocorrelation import integrated_time
from scatflow_processes.clusters import swendsen_wang
from scatflow_processes.ising_times import LENGTHS, OBSERVABLES, SIZES, inverse_length
from scatflow_processes.streams import realization_generator

RESULTS = Path(__file__).parent / "results" / "ising-times.json"
SEED, CHAINS = 1944, 4
#: Relative error at which a point is done, seconds of processor time after which it is, and sweeps between two looks.
ERROR, SECONDS, BLOCK = 0.05, {"swendsen_wang": 25.0, "wolff": 15.0, "heat_bath": 60.0}, 1000


def temperature_at(distance: float) -> float:
    """Return the temperature with this signed inverse correlation length, by bisection."""
    cold, hot = 0.05, 1e4
    while hot - cold > 1e-14 * hot:
        middle = (cold + hot) / 2
        cold, hot = (cold, middle) if inverse_length(middle) < distance else (middle, hot)
    return (cold + hot) / 2


def states(sampler: ising.Sampler, size: int, temperature: float, burn_in: int) -> Iterator[np.ndarray]:
    """Yield configurations of all chains side by side, shape (chains, n, n)."""
    if sampler == "swendsen_wang":
        rngs = [realization_generator(SEED, index) for index in range(CHAINS)]
        return swendsen_wang((size, size), temperature, rngs, burn_in, 1)
    chains = [ising.chain(size, temperature, SEED, index, 1, burn_in, sampler) for index in range(CHAINS)]
    return map(np.stack, zip(*chains, strict=True))


def measure(sampler: ising.Sampler, size: int, length: float) -> dict[str, Any]:
    """Measure one point."""
    temperature = temperature_at(length / size)
    # Wolff's sweep is a number of clusters that a chain finds while it burns in; long ones agree on it.
    burn_in = math.ceil(500 + 10 * (size / math.hypot(1.0, length)) ** 2.17) if sampler == "heat_bath" else 1000
    start, run, rows = time.process_time(), states(sampler, size, temperature, burn_in), []
    while True:
        for spins in itertools.islice(run, BLOCK):
            rows.append((ising.energy_per_site(spins), abs(ising.magnetization_per_site(spins))))
        series = np.array(rows)
        times = np.array([[integrated_time(series[:, k, chain]) for chain in range(CHAINS)] for k in range(2)])
        tau, sweeps = times.mean(axis=1), len(rows) * CHAINS
        errors = np.sqrt(2 * (2 * 5 * tau + 1) / sweeps)  # Madras and Sokal (1988), window 5
        seconds = time.process_time() - start
        if errors.max() < ERROR or seconds > SECONDS[sampler]:
            break
    return {
        "sampler": sampler, "size": size, "lengths": length, "temperature": temperature, "sweeps": sweeps,
        "tau": tau.tolist(), "relative_error": errors.tolist(), "scatter": (times.std(axis=1, ddof=1) / tau / CHAINS**0.5).tolist(),
        "seconds": round(seconds, 1),
    }  # fmt: skip


def points() -> list[tuple[ising.Sampler, int, float]]:
    """Return all points, quick ones first."""
    return [(sampler, size, length) for sampler in ising.SAMPLERS for size in SIZES[sampler] for length in LENGTHS]


def one(point: tuple[ising.Sampler, int, float]) -> dict[str, Any]:
    """Measure one point without the warnings that users get."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return measure(*point)


def table(rows: list[dict[str, Any]]) -> dict[str, dict[str, list[list[float]]]]:
    """Return times by sampler and observable, a row per size and a column per length: parabolas in log size through the points."""
    found: dict[str, dict[str, list[list[float]]]] = {}
    for sampler, number in itertools.product(ising.SAMPLERS, range(2)):
        sizes, columns = SIZES[sampler], []
        for length in LENGTHS:
            some = [row for row in rows if row["sampler"] == sampler and row["lengths"] == length]
            logs = np.log([row["size"] for row in some])
            weights = 1 / np.maximum([row["relative_error"][number] for row in some], 0.01)
            fit = np.polyfit(logs, np.log([row["tau"][number] for row in some]), 2, w=weights)
            columns.append(np.exp(np.polyval(fit, np.log(sizes))))
        rounded = np.maximum(0.5, np.round(np.array(columns).T, 2)).tolist()
        found.setdefault(sampler, {})[OBSERVABLES[number]] = rounded
    return found


def main() -> None:
    """Read the command line, measure what is missing and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=2, help="processes side by side")
    parser.add_argument("--table", action="store_true", help="only print the table")
    options = parser.parse_args()
    rows = json.loads(RESULTS.read_text())["rows"] if RESULTS.exists() else []
    if options.table:
        for sampler, tables in table(rows).items():
            for name, numbers in tables.items():
                print(f"{sampler} {name}")
                print("\n".join("(" + ", ".join(f"{number:g}" for number in row) + ")," for row in numbers))
        return
    done = {(row["sampler"], row["size"], row["lengths"]) for row in rows}
    missing = [point for point in points() if point not in done]
    with multiprocessing.Pool(options.jobs) as pool:
        for row in pool.imap_unordered(one, missing):
            rows.append(row)
            print(row["sampler"], row["size"], row["lengths"], np.round(row["tau"], 2), row["seconds"], flush=True)
            report = {"benchmark": "ising_times", "python": platform.python_version(), "numpy": np.__version__, "rows": rows}
            RESULTS.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
