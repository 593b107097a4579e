"""Scattering against kymatio in the same run: time, ratio, peak memory, and the time of the FFTs alone.

    python benchmarks/scattering.py                  # the full table; the peer's filters of 1024^2 alone take minutes
    python benchmarks/scattering.py --only 65536     # cases with that in their name, merged into the result file
    python benchmarks/scattering.py --quick          # one small case, nothing written
    python benchmarks/scattering.py --table FILE     # the table of an earlier run

All take turns within a round, float32, order 2, filters built beforehand; the process is held to as many cores as there are
threads. The peer runs on every one of its back ends that is installed (numpy, torch, jax with jit), and ratios are to the
fastest. ``as the peer`` samples inner planes (oversampling 0) and extends the data (in two dims pad 1) as the peer does;
``default`` is ours, which is ten times more accurate. The FFT floor is the time of the transforms that the first one asks for
if averages need none, and of nothing else. The first call includes imports and filters, and for jax compilation.
In three dims the transforms are solid harmonic ones: ``as the peer`` gives sums of unsampled moduli, ``default`` means of sampled ones.
Peak memory is what the process holds at most beyond what it held before, in a process of its own.
"""

from __future__ import annotations

import argparse
import collections
import ctypes
import datetime
import importlib.metadata
import importlib.util
import json
import multiprocessing
import os
import pickle
import platform
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.fft
import scipy.special

from scatflow.arrays import namespace, signature
from scatflow.blocks import evaluate
from scatflow.graph import Kernel, bind
from scatflow.graph.kernel import extended_place
from scatflow.spec import ArraySpec
from scatflow_scattering.harmonic_scattering import HarmonicScattering
from scatflow_scattering.scattering import Scattering

SCHEMA = 2
RESULTS = Path(__file__).parent / "results" / "scattering.json"
CASES: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "16 x 256^2, J=4, L=8": ((16, 256, 256), {"J": 4, "L": 8}),
    "4 x 512^2, J=5, L=8": ((4, 512, 512), {"J": 5, "L": 8}),
    "1024^2, J=6, L=8": ((1, 1024, 1024), {"J": 6, "L": 8}),
    "16 x 65536, J=8, Q=(8,1)": ((16, 65536), {"J": 8, "Q": (8, 1)}),
    "harmonic 3-D 128^3, J=3, L=3": ((1, 128, 128, 128), {"J": 3, "L": 3}),
}
QUICK = {"4 x 128^2, J=3, L=8": ((4, 128, 128), {"J": 3, "L": 8})}
#: What the peer calls its back ends.
BACK_ENDS = ("numpy", "torch", "jax")
OURS = ("as the peer", "default")
#: Parameters with which we sample and extend as the peer does, by number of core dims.
LIKE_THE_PEER: dict[int, dict[str, Any]] = {
    1: {"oversampling": 0}, 2: {"oversampling": 0, "pad": 1}, 3: {"filters": {"family": "solid-harmonic", "profile": "kymatio"}},
}  # fmt: skip
#: Core dims by number of axes, the first of which counts items.
DIMS = {2: ("x",), 3: ("y", "x"), 4: ("z", "y", "x")}
Call = Callable[[], Any]
#: Variable that tells processes of a run where the peer's filters are kept.
FOLDER = "SCATTERING_BENCHMARK"
#: Seconds in which the peer built filters that were kept.
BUILT: list[float] = []
ALL_CORES = os.sched_getaffinity(0) if platform.system() == "Linux" else set(range(os.cpu_count() or 1))


def ours(shape: tuple[int, ...], parameters: dict[str, Any], who: str, fft: str = "scipy", threads: int = 1) -> Call:
    """Return our transform of noise, ready to run."""
    kernel, x = bound(shape, parameters, who), noise(shape)
    return lambda: evaluate(kernel, [x], fft=fft, threads=threads)


def bound(shape: tuple[int, ...], parameters: dict[str, Any], who: str) -> Kernel:
    """Return our operator, bound to the dims of a case: solid harmonics in three dims."""
    dims = DIMS[len(shape)]
    kind = HarmonicScattering if len(dims) == 3 else Scattering
    like = LIKE_THE_PEER[len(dims)] if who == "as the peer" else {}
    return bind(kind(dims=dims, **parameters, **like), ArraySpec(("item", *dims), shape, "float32")).kernel


def theirs(shape: tuple[int, ...], parameters: dict[str, Any], back_end: str) -> Call:
    """Return the peer's transform of the same noise; its filters take minutes at 1024^2."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import kymatio

        if len(shape) == 4:
            transform = harmonic_peer()(shape=shape[1:], sigma_0=1.0, integral_powers=(0.5, 1.0, 2.0), **parameters)
        elif len(shape) == 3:
            keep_filters()
            transform = kymatio.Scattering2D(shape=shape[1:], frontend=back_end, **parameters)
        else:
            transform = kymatio.Scattering1D(shape=shape[-1], frontend=back_end, **parameters)
    x = noise(shape)
    if back_end == "numpy":
        return lambda: _silently(transform, x)
    if back_end == "torch":
        import torch

        tensor = torch.from_numpy(x)
        return lambda: _silently(transform, tensor)
    import jax

    compiled, device = jax.jit(transform.scattering), jax.numpy.asarray(x)
    return lambda: compiled(device).block_until_ready()


def _silently(transform: Callable[[Any], Any], x: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return transform(x)


def installed() -> list[str]:
    """Return the peer's back ends that can be used here."""
    return [name for name in BACK_ENDS if importlib.util.find_spec(name) is not None]


def hold(threads: int) -> None:
    """Hold every thread of the process to so many cores, and tell the libraries that ask."""
    if platform.system() == "Linux":
        cores = sorted(ALL_CORES)[:threads]
        for task in Path("/proc/self/task").iterdir():
            os.sched_setaffinity(int(task.name), cores)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)


class KeptFilters:
    """The peer's filters of a size, built once per run, not once per back end and process: it takes minutes."""

    def __init__(self, build: Callable[..., Any]) -> None:
        self._build = build

    def __call__(self, *sizes: int) -> Any:
        file = Path(os.environ[FOLDER]) / f"{sizes}.pickle"
        if not file.exists():
            began = time.perf_counter()
            filters = self._build(*sizes)
            file.write_bytes(pickle.dumps((time.perf_counter() - began, filters)))
        seconds, filters = pickle.loads(file.read_bytes())
        BUILT.append(seconds)
        return filters


def keep_filters() -> None:
    """Let the peer ask :class:`KeptFilters` for its filters."""
    from kymatio.scattering2d.frontend import base_frontend

    if not isinstance(base_frontend.filter_bank, KeptFilters):
        base_frontend.filter_bank = KeptFilters(base_frontend.filter_bank)


def harmonic_peer() -> Any:
    """Return the peer's class in three dims, which needs a function that SciPy 1.17 has under another name and convention."""
    if not hasattr(scipy.special, "sph_harm"):
        scipy.special.sph_harm = lambda m, n, azimuth, polar: scipy.special.sph_harm_y(n, m, polar, azimuth)
    from kymatio.scattering3d.frontend.numpy_frontend import HarmonicScatteringNumPy3D

    return HarmonicScatteringNumPy3D


def floor(shape: tuple[int, ...], parameters: dict[str, Any], fft: str) -> Call:
    """Return the FFTs alone that a transform as the peer's asks for: of the input and of planes with children, and one back per path."""
    kernel, xp = bound(shape, parameters, "as the peer"), namespace(noise((1,)), fft=fft)
    if len(shape) == 4:
        return harmonic_floor(kernel.operator, shape, xp)
    dims = DIMS[len(shape)]
    ready: Any = kernel.operator
    place = extended_place(kernel, {})
    tree, size = ready.paths_of(len(dims)), tuple(place.stop[role] - place.start[role] for role in kernel.roles)
    back = collections.Counter(tree.exponent(path) for path in tree.paths if path)
    forth = collections.Counter(tree.exponent(path) for path in tree.broods)
    axes = tuple(range(-len(dims), 0))
    planes = {e: noise((min(shape[0], 4), *(n >> e for n in size))) for e in back}
    spectra = {e: block.astype("complex64") for e, block in planes.items()}

    def run() -> None:
        for exponent, block in planes.items():
            for _ in range(-(-back[exponent] * shape[0] // block.shape[0])):
                xp.fft.ifftn(spectra[exponent], axes=axes)
            for _ in range(-(-forth[exponent] * shape[0] // block.shape[0])):
                xp.fft.rfftn(block, axes=axes)

    return run


def harmonic_floor(ready: Any, shape: tuple[int, ...], xp: Any) -> Call:
    """Return the FFTs of volumes: real fields back, one per harmonic of each path, and moduli that go on forward."""
    plan, axes = ready.plan(), (-3, -2, -1)
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


def peak(name: str, who: str, queue: Any) -> None:
    """Put the bytes that one transform needs at most into a queue: runs in a fresh process."""
    shape, parameters = {**CASES, **QUICK}[name]
    began = time.perf_counter()
    call = ours(shape, parameters, who) if who in OURS else theirs(shape, parameters, who)
    call()
    first = time.perf_counter() - began + sum(BUILT)
    ctypes.CDLL(None).malloc_trim(0)  # what the first call left free would hide what the second one takes
    Path("/proc/self/clear_refs").write_text("5")  # resets the high-water mark
    before = _status("VmRSS")
    call()
    queue.put((_status("VmHWM") - before, first))


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def measured_peak(name: str, who: str) -> tuple[int, float] | None:
    """Return the peak of one transform and the seconds of its first call, or None where the system does not tell."""
    if platform.system() != "Linux":
        return None
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=peak, args=(name, who, queue))
    process.start()
    found: tuple[int, float] = queue.get(timeout=1200)
    process.join()
    return found


def case(name: str, shape: tuple[int, ...], parameters: dict[str, Any], runs: int, fft: str) -> list[dict[str, Any]]:
    """Return one row per number of threads."""
    peers = installed() if len(shape) < 4 else ["numpy"]
    alone = {who: measured_peak(name, who) for who in (*OURS, *peers)}
    rows, calls = [], {who: theirs(shape, parameters, who) for who in peers}
    for threads in (1, 2):
        hold(threads)
        calls |= {who: ours(shape, parameters, who, fft, threads) for who in OURS}
        calls["fft"] = floor(shape, parameters, fft)
        with scipy.fft.set_workers(threads):
            times = rounds({who: call for who, call in calls.items() if who != "fft" or threads == 1}, runs)
        rows.append({"case": name, "threads": threads, "fft": signature(fft), "seconds": times, "alone": alone})
        print(line(rows[-1]), flush=True)
    hold(len(ALL_CORES))
    return rows


def rounds(calls: dict[str, Call], runs: int) -> dict[str, list[float]]:
    """Return the seconds of every run, all taking turns."""
    times: dict[str, list[float]] = {who: [] for who in calls}
    for call in calls.values():
        call()
    for _ in range(runs):
        for who, call in calls.items():
            time.sleep(0.2)  # threads of the one before spin for a while
            began = time.perf_counter()
            call()
            times[who].append(time.perf_counter() - began)
    return times


HEADER = (
    "| case | threads | fastest kymatio [s] | as the peer [s] | ratio | default [s] | ratio | over FFTs alone | first call: kymatio, ours [s] "
    "| peak: kymatio, as the peer, default [MiB] |\n|---|---|---|---|---|---|---|---|---|---|"
)


def line(row: dict[str, Any]) -> str:
    """Return a row as text: medians with ranges, ratios of medians, and the fastest of the peer's back ends."""
    seconds, alone = row["seconds"], row["alone"]
    median = {who: statistics.median(taken) for who, taken in seconds.items()}
    shown = {who: f"{median[who]:.3g} ({min(taken):.3g}-{max(taken):.3g})" for who, taken in seconds.items()}
    best = min((who for who in seconds if who in BACK_ENDS), key=lambda who: median[who])
    ratio = {who: f"{median[best] / median[who]:.2f}" for who in OURS}
    over = f"{median['as the peer'] / median['fft']:.2f}" if "fft" in median else ""
    known = [alone[who] for who in (best, *OURS)]
    peaks = ", ".join("?" if found is None else f"{found[0] / 2**20:.0f}" for found in known)
    first = ", ".join("?" if found is None else f"{found[1]:.2g}" for found in (alone[best], alone[OURS[0]]))
    return (
        f"| {row['case']} | {row['threads']} | {best} {shown[best]} | {shown[OURS[0]]} | {ratio[OURS[0]]} | {shown[OURS[1]]} "
        f"| {ratio[OURS[1]]} | {over} | {first} | {peaks} |"
    )


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one small case, written only with --output")
    parser.add_argument("--only", default="", metavar="TEXT", help="cases with this in their name")
    parser.add_argument("--runs", type=int, default=5, help="timed runs per number (default 5)")
    parser.add_argument("--fft", default="scipy", help="FFT provider of ours (default scipy); others are not written")
    parser.add_argument("--output", type=Path, help=f"where the JSON goes (default {RESULTS.name} in results/)")
    parser.add_argument("--table", type=Path, metavar="FILE", help="print the table of an earlier run and stop")
    options = parser.parse_args()
    print(HEADER)
    if options.table:
        print("\n".join(line(row) for row in json.loads(options.table.read_text())["rows"]))
        return
    target = options.output or (None if options.quick or options.fft != "scipy" else RESULTS)
    cases = {name: found for name, found in (QUICK if options.quick else CASES).items() if options.only in name}
    with tempfile.TemporaryDirectory() as folder:
        os.environ[FOLDER] = folder
        for name, (shape, parameters) in cases.items():
            rows = case(name, shape, parameters, options.runs, options.fft)
            if target is not None:
                write(target, name, rows)


def write(target: Path, name: str, rows: list[dict[str, Any]]) -> None:
    """Put the rows of a case into the result file, in the place of earlier ones."""
    earlier = json.loads(target.read_text())["rows"] if target.exists() else []
    kept = [row for row in earlier if row["case"] != name]
    report = {
        "schema": SCHEMA, "benchmark": "scattering", "command": "python benchmarks/scattering.py",
        "date": datetime.date.today().isoformat(), "machine": {"cpu": _cpu(), "system": platform.system()},
        "versions": {name: importlib.metadata.version(name) for name in ("scatflow", "kymatio", "numba", *installed(), "scipy")},
        "rows": [*kept, *rows],
    }  # fmt: skip
    target.write_text(json.dumps(report, indent=1) + "\n")


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if platform.system() == "Linux" else []
    return next((text.partition(":")[2].strip() for text in lines if text.startswith("model name")), platform.processor())


if __name__ == "__main__":
    main()
