"""Energy spectrum of a velocity field larger than its workers, one axis at a time, against its transforms in memory.

    python benchmarks/flow_spectra.py                   # three components of 512³, by two workers of 1 GiB: minutes
    python benchmarks/flow_spectra.py --quick           # 96³, nothing written

The job reads the field from zarr, keeps the spectra of two axes on disk in between, and sums the modes by shells. The floor is a real
transform in double precision of each component in memory, as the job's own numbers are; the same by NumPy with its sums over shells is
what a user would write without any of this. Both run on one core; the job on two.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import scipy.fft
import xarray as xr
import zarr
from signals import Watch, block_of, boxes

import scatflow as sf
from scatflow import cluster
from scatflow.arrays import default_provider, signature

SCHEMA = 1
RESULTS = Path(__file__).parent / "results" / "flow_spectra.json"
DIMS = ("z", "y", "x")


def make(path: Path, size: int, chunk: int) -> None:
    """Write the components of a field on a periodic cube of side 2 pi."""
    array = zarr.open_group(path, mode="w").create_array(
        "u", shape=(3, *(size,) * 3), chunks=(1, *(chunk,) * 3), dtype="float32", dimension_names=["component", *DIMS]
    )
    for place in boxes((3, *(size,) * 3), (1, *(chunk,) * 3)):
        array[tuple(slice(part.start, part.stop) for part in place)] = block_of(place)


def job(path: Path) -> sf.Pipeline:
    """Return the pipeline of the spectrum."""
    arguments = {"data": {"from_node": "u"}, "dims": list(DIMS), "components": ["x", "y", "z"], "boundary": "periodic"}
    source = {"process_id": "open_zarr", "arguments": {"path": str(path), "variable": "u"}}
    return sf.Pipeline(
        {"process_graph": {"u": source, "s": {"process_id": "energy_spectrum", "arguments": arguments, "result": True}}}
    )


def by_numpy(field: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the spectrum of a field in memory by SciPy and NumPy, per sample as unit of length, and the seconds of its transforms."""
    n, power, seconds = field.shape[-1], 0.0, 0.0
    for component in field:
        began = time.perf_counter()
        spectrum = scipy.fft.rfftn(component.astype(np.float64), norm="forward")
        seconds += time.perf_counter() - began
        power = power + 0.5 * (spectrum.real**2 + spectrum.imag**2)
    index = [np.fft.fftfreq(n, 1 / n)] * 2 + [np.arange(n // 2 + 1)]
    k = np.sqrt(sum(np.square(each) for each in np.ix_(*index)))
    twice = np.full(n // 2 + 1, 2.0)
    twice[[0, -1]] = 1.0
    sums = np.bincount(np.rint(k).astype(np.int64).ravel(), weights=(power * twice).ravel())
    return sums * n / (2 * np.pi), seconds


def measure(folder: Path, size: int, chunk: int, memory: str, workers: int) -> dict[str, Any]:
    """Return times, memory and the difference from the spectrum in memory."""
    make(folder / "flow.zarr", size, chunk)
    pipeline = job(folder / "flow.zarr")
    with cluster.local(workers=workers, memory=memory) as client:
        watch, plan = Watch(), pipeline.plan(client=client, strategy="pencil")
        began = time.perf_counter()
        found = pipeline.run(folder / "out.zarr", client=client, strategy="pencil").load()
        seconds, peak = time.perf_counter() - began, watch.stop()
    field = xr.open_zarr(folder / "flow.zarr", consolidated=False)["u"].values
    began = time.perf_counter()
    expected, transforms = by_numpy(field)
    whole = time.perf_counter() - began
    error = np.abs(found["mean"].values - expected[: found.sizes["k"]]) / expected[: found.sizes["k"]]
    return {
        "size": size, "workers": workers, "memory": memory, "field_bytes": int(field.nbytes), "seconds": seconds,
        "numpy_seconds": whole, "transform_seconds": transforms, "core_seconds_per_numpy_second": seconds * workers / whole,
        "core_seconds_per_transform_second": seconds * workers / transforms, "peak_rss": peak,
        "projected_task": plan.max_projected_memory, "largest_relative_difference": float(error.max()),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a size for seconds; nothing is written")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory() as folder:
        size, chunk, memory = (96, 48, "480 MiB") if quick else (512, 128, "1 GiB")
        found = measure(Path(folder), size, chunk, memory, workers=2)
    for name, value in found.items():
        print(f"{name:36} {value:.4g}" if isinstance(value, float) else f"{name:36} {value}")
    if not quick:
        about = {"schema": SCHEMA, "date": date.today().isoformat(), "machine": platform.machine(), "cores": os.cpu_count(),
                 "load": os.getloadavg()[0], "fft": signature(default_provider())}  # fmt: skip
        RESULTS.write_text(json.dumps(about | found, indent=1) + "\n")


if __name__ == "__main__":
    main()
