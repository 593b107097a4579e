"""Scattering against kymatio in the same run: time, ratio, peak memory, and the time of the FFTs alone.

    python benchmarks/scattering.py                  # the full table; the peer's filters of 1024^2 alone take minutes
    python benchmarks/scattering.py --only 65536     # cases with that in their name, merged into the result file
    python benchmarks/scattering.py --quick          # one small case, nothing written
    python benchmarks/scattering.py --table FILE     # the table of an earlier run

Both take turns within a round, float32, order 2, filters built beforehand. ``a = 0`` samples inner planes as the peer does,
``a = 1`` is our default, which is ten times more accurate. The FFT floor is the time of the transforms that our definition
asks for at ``a = 0``, and of nothing else. With two threads we split the batch and the peer's FFTs take two workers.
In three dims the transforms are solid harmonic ones: ours gives means of subsampled moduli, the peer's sums of all of them.
Peak memory is what the process holds at most beyond what it held before, in a process of its own.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import ctypes
import datetime
import functools
import importlib.metadata
import json
import math
import multiprocessing
import platform
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.fft
import scipy.special

from scatflow.arrays import namespace
from scatflow.blocks import evaluate
from scatflow.graph import Kernel, bind
from scatflow.graph.kernel import extended_place
from scatflow.spec import ArraySpec
from scatflow_scattering.harmonic_scattering import HarmonicScattering
from scatflow_scattering.scattering import Scattering

SCHEMA = 1
RESULTS = Path(__file__).parent / "results" / "scattering.json"
CASES: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "16 x 256^2, J=4, L=8": ((16, 256, 256), {"J": 4, "L": 8}),
    "4 x 512^2, J=5, L=8": ((4, 512, 512), {"J": 5, "L": 8}),
    "1024^2, J=6, L=8": ((1, 1024, 1024), {"J": 6, "L": 8}),
    "16 x 65536, J=8, Q=(8,1)": ((16, 65536), {"J": 8, "Q": (8, 1)}),
    "harmonic 3-D 128^3, J=3, L=3": ((1, 128, 128, 128), {"J": 3, "L": 3}),
}
QUICK = {"4 x 128^2, J=3, L=8": ((4, 128, 128), {"J": 3, "L": 8})}
#: Core dims by number of axes, the first of which counts items.
DIMS = {2: ("x",), 3: ("y", "x"), 4: ("z", "y", "x")}
Call = Callable[[], Any]


def ours(shape: tuple[int, ...], parameters: dict[str, Any], oversampling: int, threads: int) -> Call:
    """Return our transform of noise, ready to run."""
    kernel, x = bound(shape, parameters, oversampling), noise(shape)
    if threads == 1 or shape[0] < threads:
        return lambda: evaluate(kernel, [x])
    pool = concurrent.futures.ThreadPoolExecutor(threads)
    parts = np.array_split(x, threads)
    return lambda: list(pool.map(lambda part: evaluate(kernel, [part]), parts))


def bound(shape: tuple[int, ...], parameters: dict[str, Any], oversampling: int) -> Kernel:
    """Return our operator, bound to the dims of a case: solid harmonics in three dims."""
    dims = DIMS[len(shape)]
    kind = HarmonicScattering if len(dims) == 3 else Scattering
    return bind(kind(dims=dims, oversampling=oversampling, **parameters), ArraySpec(("item", *dims), shape, "float32")).kernel


def theirs(shape: tuple[int, ...], parameters: dict[str, Any]) -> Callable[[int], Any]:
    """Return the peer's transform of the same noise, for a number of threads; its filters take minutes at 1024^2."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import kymatio

        if len(shape) == 4:
            transform = harmonic_peer()(shape=shape[1:], sigma_0=1.0, integral_powers=(0.5, 1.0, 2.0), **parameters)
        elif len(shape) == 3:
            transform = kymatio.Scattering2D(shape=shape[1:], **parameters)
        else:
            transform = kymatio.Scattering1D(shape=shape[-1], **parameters)
    x = noise(shape)

    def run(threads: int = 1) -> Any:
        with scipy.fft.set_workers(threads), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return transform(x)

    return run


def harmonic_peer() -> Any:
    """Return the peer's class in three dims, which needs a function that SciPy 1.17 has under another name and convention."""
    if not hasattr(scipy.special, "sph_harm"):
        scipy.special.sph_harm = lambda m, n, azimuth, polar: scipy.special.sph_harm_y(n, m, polar, azimuth)
    from kymatio.scattering3d.frontend.numpy_frontend import HarmonicScatteringNumPy3D

    return HarmonicScatteringNumPy3D


def floor(shape: tuple[int, ...], parameters: dict[str, Any]) -> Call:
    """Return the FFTs of our definition alone: one of the input, one back per filter, one per plane for its average."""
    if len(shape) == 4:
        return harmonic_floor(shape, parameters)
    dims, kernel = DIMS[len(shape)], bound(shape, parameters, 0)
    ready: Any = kernel.operator
    place = extended_place(kernel, {})
    tree, size = ready.paths_of(len(dims)), tuple(place.stop[role] - place.start[role] for role in kernel.roles)
    inverse: dict[int, int] = {}
    for path in tree.paths[1:]:
        inverse[tree.exponent(path)] = inverse.get(tree.exponent(path), 0) + 1
    axes = tuple(range(-len(dims), 0))
    xp = namespace(noise((1,)))
    blocks = {e: noise((shape[0], *(n >> e for n in size))) for e in {0, *inverse}}
    spectra = {e: blocks[e].astype("complex64") for e in inverse}

    def run() -> None:
        xp.fft.rfftn(blocks[0], axes=axes)
        for exponent, count in inverse.items():
            for _ in range(count):
                xp.fft.ifftn(spectra[exponent], axes=axes)
                xp.fft.rfftn(blocks[exponent], axes=axes)

    return run


def harmonic_floor(shape: tuple[int, ...], parameters: dict[str, Any]) -> Call:
    """Return the FFTs of volumes: real fields back, one per harmonic of each path, and moduli that go on forward."""
    ready: Any = bound(shape, parameters, 0).operator
    plan, xp, axes = ready.plan(), namespace(noise((1,))), (-3, -2, -1)
    grids = {e: (shape[0], *(n >> e for n in shape[1:])) for e in set(plan.exponents)}
    blocks = {e: noise(grid) for e, grid in grids.items()}
    spectra = {e: xp.fft.rfftn(block, axes=axes) for e, block in blocks.items()}

    def run() -> None:
        xp.fft.rfftn(blocks[0], axes=axes)
        for path in plan.paths:
            e = plan.target(path)
            for _ in range(2 * path.degree + 1):
                xp.fft.irfftn(spectra[e], s=grids[e][1:], axes=axes)
            if len(path.scales) == 1 and plan.followers(path):
                xp.fft.rfftn(blocks[e], axes=axes)

    return run


def noise(shape: tuple[int, ...]) -> Any:
    """Return float32 noise."""
    return np.random.default_rng(0).standard_normal(shape).astype("float32")


def peak(name: str, queue: Any) -> None:
    """Put the bytes that one transform needs at most into a queue: runs in a fresh process."""
    shape, parameters = {**CASES, **QUICK}[name.partition("|")[0]]
    who = name.partition("|")[2]
    call: Call = theirs(shape, parameters) if who == "kymatio" else ours(shape, parameters, int(who), 1)
    call()
    ctypes.CDLL(None).malloc_trim(0)  # what the first call left free would hide what the second one takes
    Path("/proc/self/clear_refs").write_text("5")  # resets the high-water mark
    before = _status("VmRSS")
    call()
    queue.put(_status("VmHWM") - before)


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def measured_peak(name: str, who: str) -> int | None:
    """Return the peak of one transform, or None where the system does not tell."""
    if platform.system() != "Linux":
        return None
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=peak, args=(f"{name}|{who}", queue))
    process.start()
    found: int = queue.get(timeout=600)
    process.join()
    return found


def case(name: str, shape: tuple[int, ...], parameters: dict[str, Any], runs: int) -> list[dict[str, Any]]:
    """Return one row per number of threads."""
    memory = {who: measured_peak(name, who) for who in ("0", "1", "kymatio")}
    rows, peer = [], theirs(shape, parameters)
    for threads in (1, 2):
        calls = {
            "a=0": ours(shape, parameters, 0, threads), "a=1": ours(shape, parameters, 1, threads),
            "kymatio": functools.partial(peer, threads), "fft": floor(shape, parameters),
        }  # fmt: skip
        times: dict[str, list[float]] = {who: [] for who in calls}
        for call in calls.values():
            call()
        for _ in range(runs):
            for who, call in calls.items():
                began = time.perf_counter()
                call()
                times[who].append(time.perf_counter() - began)
        rows.append({"case": name, "threads": threads, "seconds": times, "peak_bytes": memory})
        print(line(rows[-1]), flush=True)
    return rows


HEADER = (
    "| case | threads | kymatio [s] | ours, a=0 [s] | ratio | ours, a=1 [s] | ratio | FFTs alone [s] | a=0 over FFTs "
    "| peak: kymatio, a=0, a=1 [MiB] |\n|---|---|---|---|---|---|---|---|---|---|"
)


def line(row: dict[str, Any]) -> str:
    """Return a row as text: medians with ranges, ratios of medians."""
    median = {who: statistics.median(taken) for who, taken in row["seconds"].items()}
    shown = {who: f"{median[who]:.3g} ({min(taken):.3g}-{max(taken):.3g})" for who, taken in row["seconds"].items()}
    ratio = {who: f"{median['kymatio'] / median[who]:.2f}" for who in ("a=0", "a=1")}
    over = median["a=0"] / median["fft"] if row["threads"] == 1 else math.nan
    peaks = ", ".join(
        "?" if row["peak_bytes"][who] is None else f"{row['peak_bytes'][who] / 2**20:.0f}" for who in ("kymatio", "0", "1")
    )
    return (
        f"| {row['case']} | {row['threads']} | {shown['kymatio']} | {shown['a=0']} | {ratio['a=0']} | {shown['a=1']} | {ratio['a=1']} "
        f"| {shown['fft']} | {'' if math.isnan(over) else f'{over:.2f}'} | {peaks} |"
    )


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one small case, written only with --output")
    parser.add_argument("--only", default="", metavar="TEXT", help="cases with this in their name")
    parser.add_argument("--runs", type=int, default=5, help="timed runs per number (default 5)")
    parser.add_argument("--output", type=Path, help=f"where the JSON goes (default {RESULTS.name} in results/)")
    parser.add_argument("--table", type=Path, metavar="FILE", help="print the table of an earlier run and stop")
    options = parser.parse_args()
    print(HEADER)
    if options.table:
        print("\n".join(line(row) for row in json.loads(options.table.read_text())["rows"]))
        return
    target = options.output or (None if options.quick else RESULTS)
    cases = {name: found for name, found in (QUICK if options.quick else CASES).items() if options.only in name}
    for name, (shape, parameters) in cases.items():
        rows = case(name, shape, parameters, options.runs)
        if target is not None:
            write(target, name, rows)


def write(target: Path, name: str, rows: list[dict[str, Any]]) -> None:
    """Put the rows of a case into the result file, in the place of earlier ones."""
    earlier = json.loads(target.read_text())["rows"] if target.exists() else []
    kept = [row for row in earlier if row["case"] != name]
    report = {
        "schema": SCHEMA, "benchmark": "scattering", "command": "python benchmarks/scattering.py",
        "date": datetime.date.today().isoformat(), "machine": {"cpu": _cpu(), "system": platform.system()},
        "versions": {package: importlib.metadata.version(package) for package in ("scatflow", "kymatio", "numpy", "scipy")},
        "rows": [*kept, *rows],
    }  # fmt: skip
    target.write_text(json.dumps(report, indent=1) + "\n")


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if platform.system() == "Linux" else []
    return next((text.partition(":")[2].strip() for text in lines if text.startswith("model name")), platform.processor())


if __name__ == "__main__":
    main()
