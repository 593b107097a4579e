"""Signals larger than memory, one job each: time, memory of the workers, and the difference from one-shot computations of pieces.

    python benchmarks/large_cases.py                          # all but the 16 GiB; about an hour on two cores
    python benchmarks/large_cases.py series volume-halo       # some
    python benchmarks/large_cases.py field-16g                # 16 GiB, resumable: what a stopped run has done is kept
    python benchmarks/large_cases.py --quick                  # the same at a size for seconds, nothing written
    python benchmarks/large_cases.py --table                  # the table of earlier runs

Signals of float32 are made on disk: waves of all lengths, and noise that position fixes. Two workers of one thread compute each under a
memory limit, reading and writing included. Pieces are cut from the stored signal with what filters reach around them at 1e-6, and
computed at once; moments of a volume are held against single paths by a Fourier transform of the whole. Errors are root mean squares over a piece, relative to that of
all its paths; of moments the largest relative one. Memory is the largest resident size of any worker. Where one item fits memory, its
rate there, on each core at the same time, is what the rate of the job is held against.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import scipy.fft
import xarray as xr
from signals import Watch, in_core, job_of, make

import scatflow as sf
from scatflow import cluster
from scatflow.graph import bind
from scatflow.run.calibrate import machine
from scatflow.spec import ArraySpec
from scatflow_scattering.scattering import Scattering
from scatflow_wavelet.bank import Bank
from scatflow_wavelet.layout import Grid
from scatflow_wavelet.morlet import Morlet

RESULTS = Path(__file__).parent / "results" / "large_cases.json"
#: Samples of one item up to which its rate in memory is measured beside, on each core at the same time.
IN_CORE = 2**20
#: Free bytes that a case needs, per byte of its signal: the signal, its result, and what a job stores in between.
ROOM = 3.0


@dataclass(frozen=True)
class Case:
    """One job: the signal, what is computed of it, the workers, and the pieces that are compared."""

    title: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    parameters: Mapping[str, Any]
    memory: str
    core: tuple[str, ...]
    operator: str = "scattering"
    strategy: str | None = None
    #: First samples of the pieces along the core dims, as shares of the signal, and their length.
    pieces: tuple[tuple[float, ...], ...] = ()
    length: int = 0
    quick: Mapping[str, Any] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Bytes of the signal."""
        return math.prod(self.shape) * 4


PLANE, TIME, SPACE = ("y", "x"), ("time",), ("z", "y", "x")
EARLY, MIDDLE, LATE, END = 0.11, 0.37, 0.73, 1.0
CASES = {
    "field": Case("16384², J = 8, L = 8", PLANE, (16384,) * 2, (1024,) * 2, {"J": 8, "L": 8}, "1.5 GiB", PLANE,
                  pieces=((EARLY, LATE), (MIDDLE, MIDDLE), (END, MIDDLE)), length=2048,
                  quick={"shape": (1024,) * 2, "chunks": (256,) * 2, "parameters": {"J": 5, "L": 4}, "memory": "480 MiB", "length": 256}),
    "field-domain": Case("4096², periodic, J = 12 = log2 of the domain", PLANE, (4096,) * 2, (1024,) * 2,
                         {"J": 12, "L": 8, "boundary": "periodic"}, "1.5 GiB", PLANE,
                         strategy="pyramid", pieces=((EARLY, EARLY),), length=4096,
                         quick={"shape": (512,) * 2, "chunks": (128,) * 2, "parameters": {"J": 9, "L": 4, "boundary": "periodic"}, "length": 512}),
    "field-16g": Case("65536² (16 GiB), J = 5, L = 8", PLANE, (65536,) * 2, (1024,) * 2, {"J": 5, "L": 8}, "1.5 GiB", PLANE,
                      pieces=((EARLY, LATE), (MIDDLE, MIDDLE), (END, MIDDLE)), length=1024,
                      quick={"shape": (1024,) * 2, "chunks": (256,) * 2, "parameters": {"J": 3, "L": 4}, "length": 256}),
    "series": Case("2³⁰ samples, J = 16, Q = 8", TIME, (2**30,), (2**22,), {"J": 16, "Q": 8}, "1.5 GiB", TIME,
                   pieces=((EARLY,), (MIDDLE,), (END,)), length=2**21,
                   quick={"shape": (2**22,), "chunks": (2**19,), "parameters": {"J": 10, "Q": 8}, "memory": "480 MiB", "length": 2**16}),
    "channels": Case("384 channels of 300 000 samples, J = 12, Q = 8", ("channel", "time"), (384, 300_000), (8, 300_000), {"J": 12, "Q": 8},
                     "1.5 GiB", TIME, pieces=((EARLY,),), length=300_000,
                     quick={"shape": (16, 30_000), "chunks": (8, 30_000), "parameters": {"J": 8, "Q": 8}, "length": 30_000}),
    "volume-halo": Case("512³, moments, J = 3, 6 axes", SPACE, (512,) * 3, (128,) * 3, {"J": 3, "L": 6, "boundary": "periodic"}, "2 GiB", SPACE,
                        operator="scattering_moments", strategy="halo",
                        quick={"shape": (64,) * 3, "chunks": (32,) * 3, "parameters": {"J": 2, "L": 6, "boundary": "periodic"}}),
    "volume-pyramid": Case("512³, moments, J = 5, 6 axes", SPACE, (512,) * 3, (128,) * 3, {"J": 5, "L": 6, "boundary": "periodic"}, "2 GiB", SPACE,
                           operator="scattering_moments", strategy="pyramid",
                           quick={"shape": (64,) * 3, "chunks": (32,) * 3, "parameters": {"J": 4, "L": 6, "boundary": "periodic"}}),
}  # fmt: skip


def piece_error(signal: xr.DataArray, found: xr.DataArray, case: Case, start: tuple[float, ...]) -> float:
    """Return the difference of a piece of the result from its one-shot computation."""
    sizes = {dim: signal.sizes[dim] for dim in case.core}
    kernel = bind(Scattering(dims=case.core, **case.parameters), ArraySpec(case.core, tuple(sizes.values()), "float32")).kernel
    reach = kernel.operator.depth(1e-6)
    around, inside = {}, {}
    for dim, role, share in zip(case.core, kernel.roles, start, strict=True):
        step = sizes[dim] // found.sizes[dim] if sizes[dim] % found.sizes[dim] == 0 else 2 ** case.parameters["J"]
        length = min(case.length, sizes[dim])
        first = int(share * (sizes[dim] - length)) // step * step
        before = -(-max(reach[role]) // step) * step
        low, high = max(0, first - before), min(sizes[dim], first + length + before)
        around[dim], inside[dim] = slice(low, high), (slice(first // step, (first + length) // step), first - low, step, length)
    first_items = {dim: slice(0, 2) for dim in signal.dims if dim not in case.core}
    part = signal.isel(around | first_items).load()
    alone = sf.ops.scattering(part, dims=case.core, **case.parameters)
    theirs = alone.isel(
        {dim: slice(offset // step, (offset + length) // step) for dim, (_, offset, step, length) in inside.items()}
    )
    ours = found.isel({dim: index for dim, (index, *_) in inside.items()} | first_items).load()
    ours = ours.transpose(*theirs.dims).values.astype(np.float64)
    return float(np.sqrt(((ours - theirs.values) ** 2).mean() / (ours**2).mean()))


def moments_error(signal: xr.DataArray, found: xr.Dataset, case: Case) -> float:
    """Return the largest relative difference of the first order's last axis from transforms of the whole volume."""
    bank = Bank(Morlet(), case.parameters["J"], case.parameters["L"], aspect=(1.0,) * len(case.core))
    spectrum = scipy.fft.fftn(signal.values, workers=2)
    worst, first = 0.0, found["mean"].values[np.flatnonzero(found.order.values == 1)]
    for number in range(case.parameters["L"] - 1, len(bank.bands), case.parameters["L"]):
        plane = scipy.fft.ifftn(spectrum * bank.band_multiplier(number, Grid(case.shape)).astype(np.float32), workers=2)
        mean = np.abs(plane).mean(dtype=np.float64)
        worst = max(worst, abs(first[number] / mean - 1))
    return float(worst)


def measure(folder: Path, name: str, case: Case, device: str) -> dict[str, Any]:
    """Run one case and return its row: on two workers, or on a device by one that reads and writes while it computes."""
    source, out = folder / f"{name}.zarr", folder / f"{name}-out.zarr"
    free, needed = shutil.disk_usage(folder).free, ROOM * case.nbytes * (not out.exists())
    if free < needed:
        sys.exit(f"{name} needs {needed / 2**30:.0f} GiB of free disk in {folder}, which has {free / 2**30:.0f}")
    make(source, case.dims, case.shape, case.chunks)
    one = tuple(size for dim, size in zip(case.dims, case.shape, strict=True) if dim in case.core)
    fits = case.operator == "scattering" and device == "cpu" and math.prod(one) <= IN_CORE
    rate = in_core(case.core, one, case.parameters, 2) if fits else None
    job = job_of(source, case.operator, case.core, case.parameters)
    workers, threads = (2, 1) if device == "cpu" else (1, 2)
    with cluster.local(workers=workers, threads=threads, memory=case.memory) as client:
        plan = job.plan(client=client, strategy=case.strategy, device=device)
        watch, began = Watch(), time.perf_counter()
        result = job.run(out, client=client, strategy=case.strategy, device=device, resume=out.exists())
        wall, peak = time.perf_counter() - began, watch.stop()
    signal = xr.open_zarr(source, consolidated=False).u
    if case.operator == "scattering":
        error = max(piece_error(signal, result.scattering, case, start) for start in case.pieces)
    else:
        error = moments_error(signal, result, case)
    return {
        "case": name, "device": device, "title": case.title, "GiB": case.nbytes / 2**30, "memory": case.memory, "stages": len(plan.stages), "tasks": plan.tasks,
        "wall": wall, "rate": case.nbytes / 4 / wall, "projected": plan.max_projected_memory, "rss": peak, "error": error,
        "in_core": rate, "ratio": case.nbytes / 4 / wall / 2 / rate if rate else None,
        "date": date.today().isoformat(), "machine": machine(), "cores": len(os.sched_getaffinity(0)), "python": platform.python_version(),
    }  # fmt: skip


def table(rows: list[dict[str, Any]]) -> str:
    """Return rows as a table of Markdown."""
    lines = [
        "| signal | GiB | device | stages, tasks | minutes | Msamples/s | of the rate in memory | worker RSS, MiB (limit) | error |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        ratio = f"{row['ratio']:.2f}" if row.get("ratio") else ""
        lines.append(f"| {row['title']} | {row['GiB']:.3g} | {row['device']} | {row['stages']}, {row['tasks']} | {row['wall'] / 60:.1f} | {row['rate'] / 1e6:.2f} | "
                     f"{ratio} | {row['rss'] / 2**20:.0f} ({row['memory']}) | {row['error']:.1e} |")  # fmt: skip
    return "\n".join(lines)


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help=f"of {', '.join(CASES)}; default all but field-16g")
    parser.add_argument("--folder", type=Path, default=Path("scaling-data"), help="where signals and results are written")
    parser.add_argument("--device", choices=["cpu", "gpu"], default="cpu")
    parser.add_argument("--keep", action="store_true", help="keep signals and results")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    if unknown := set(options.cases) - set(CASES):
        parser.error(f"unknown cases: {', '.join(sorted(unknown))}")
    known = json.loads(RESULTS.read_text())["rows"] if RESULTS.exists() else []
    if options.table:
        print(table(known))
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in options.cases or [name for name in CASES if name != "field-16g" or options.quick]:
        case = replace(CASES[name], **CASES[name].quick, title=f"{name}, quick") if options.quick else CASES[name]
        row = measure(options.folder, name, case, options.device)
        print(table([row]).splitlines()[-1], flush=True)
        if not options.quick:
            known = [old for old in known if (old["case"], old["device"]) != (name, options.device)] + [row]
            RESULTS.write_text(json.dumps({"schema": 1, "rows": known}, indent=1) + "\n")
        if not options.keep:
            shutil.rmtree(options.folder / f"{name}.zarr")
            shutil.rmtree(options.folder / f"{name}-out.zarr")


if __name__ == "__main__":
    main()
