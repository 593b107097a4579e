"""How fast stored arrays are written and read on a disk, measured through the same calls as a job's."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import zarr

#: Chunks and bytes of each in the throughput measurement, and repetitions in that of the time per call.
CHUNKS, CHUNK_BYTES, CALLS = 8, 8 * 2**20, 20


def measure_io(folder: Path) -> tuple[float, float, float]:
    """Return bytes read per second, bytes written per second, seconds per region beside them.

    Noise is stored, which hardly compresses; written data are synced to the disk and dropped from the system's cache before
    they are read.

    Parameters
    ----------
    folder : path
        An empty folder on the disk in question; what is written there is left to the caller to remove.
    """
    length = CHUNK_BYTES // 4
    data = np.random.default_rng(0).standard_normal(length).astype("float32")
    zarr.create_array(folder / "large", shape=(CHUNKS * length,), chunks=(length,), dtype="float32")
    began = time.perf_counter()
    for number in range(CHUNKS):
        zarr.open_array(folder / "large", mode="r+")[number * length : (number + 1) * length] = data
    _settle(folder)
    written = CHUNKS * CHUNK_BYTES / (time.perf_counter() - began)
    began = time.perf_counter()
    for number in range(CHUNKS):
        zarr.open_array(folder / "large", mode="r")[number * length : (number + 1) * length]
    read = CHUNKS * CHUNK_BYTES / (time.perf_counter() - began)
    zarr.create_array(folder / "small", shape=(CALLS,), chunks=(1,), dtype="float32")
    began = time.perf_counter()
    for number in range(CALLS):
        zarr.open_array(folder / "small", mode="r+")[number : number + 1] = data[:1]
        zarr.open_array(folder / "small", mode="r")[number : number + 1]
    return read, written, (time.perf_counter() - began) / CALLS


def _settle(folder: Path) -> None:
    """Write everything in ``folder`` to the disk, and drop it from the cache where the system lets us."""
    for file in (path for path in folder.rglob("*") if path.is_file()):
        with open(file, "rb") as handle:
            os.fsync(handle.fileno())
            if hasattr(os, "posix_fadvise"):
                os.posix_fadvise(handle.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
