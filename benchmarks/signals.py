"""Signals on disk that benchmarks compute, the jobs that do, how much memory their workers take, and the rate without any of it.

Signals of float32: waves of all lengths, and noise that position fixes.
"""

from __future__ import annotations

import functools
import itertools
import math
import multiprocessing
import os
import statistics
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import zarr

import scatflow as sf
from scatflow.blocks import evaluate
from scatflow.graph import bind
from scatflow.spec import ArraySpec
from scatflow_scattering.scattering import Scattering

REPEATS = 5


def block_of(place: tuple[range, ...]) -> np.ndarray:
    """Return a part of the endless signal: waves with amplitudes like their length, and noise."""
    rng = np.random.default_rng(0)
    out = np.random.default_rng([2, *(part.start for part in place)]).standard_normal(
        [len(part) for part in place], dtype=np.float32
    )
    left, right = [], []
    for k in range(8):
        direction, phase = rng.standard_normal(len(place)), rng.uniform(0, 2 * np.pi)
        steps = 2 * np.pi / 2.0 ** (k + 2) * direction / np.linalg.norm(direction)
        # Waves are products of exponentials, of the first axis and of the others: one matrix product adds up all of them.
        ahead, *others = _phases(place, steps)
        rest = np.exp(1j * phase) * 2.0 ** (k / 2 - 2) * functools.reduce(np.multiply.outer, others).ravel()
        left += [ahead.real, ahead.imag]
        right += [rest.real, -rest.imag]
    out += (np.stack(left, 1).astype("float32") @ np.stack(right).astype("float32")).reshape(out.shape)
    return out


def _phases(place: tuple[range, ...], steps: np.ndarray) -> list[np.ndarray]:
    """Return the exponentials along every axis, of a long one in two factors."""
    if len(place) > 1:
        return [np.exp(1j * step * np.asarray(part)) for step, part in zip(steps, place, strict=True)]
    (part,), (step,), short = place, steps, math.gcd(len(place[0]), 2048)
    return [np.exp(1j * step * np.asarray(part[::short])), np.exp(1j * step * np.arange(short))]


def boxes(shape: Sequence[int], chunks: Sequence[int]) -> Iterator[tuple[range, ...]]:
    """Yield the chunks of a grid."""
    steps = [range(0, size, chunk) for size, chunk in zip(shape, chunks, strict=True)]
    for starts in itertools.product(*steps):
        yield tuple(range(a, min(a + chunk, size)) for a, chunk, size in zip(starts, chunks, shape, strict=True))


def make(path: Path, dims: Sequence[str], shape: Sequence[int], chunks: Sequence[int], empty: bool = False) -> None:
    """Write a signal, unless all of it is there; an empty one has no chunks, which read as zero."""
    group = zarr.open_group(path, mode="a")
    if "u" not in group:
        group.create_array("u", shape=tuple(shape), chunks=tuple(chunks), dtype="float32", dimension_names=list(dims))
    array = group["u"]
    if empty or array.attrs.get("whole"):
        return
    for place in boxes(shape, chunks):
        array[tuple(slice(part.start, part.stop) for part in place)] = block_of(place)
    array.attrs["whole"] = True


def job_of(path: Path, operator: str, dims: Sequence[str], parameters: Mapping[str, Any]) -> sf.Pipeline:
    """Return the pipeline of an operator over a signal."""
    source = {"process_id": "open_zarr", "arguments": {"path": str(path), "variable": "u"}}
    arguments = {"data": {"from_node": "u"}, "dims": list(dims), **parameters}
    return sf.Pipeline({"process_graph": {"u": source, "s": {"process_id": operator, "arguments": arguments, "result": True}}})


def in_core(dims: Sequence[str], shape: Sequence[int], parameters: Mapping[str, Any], workers: int) -> float:
    """Return the rate of scattering in memory: samples per second of each of so many processes that run at the same time."""
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        seconds = pool.starmap(_seconds_in_core, [(tuple(dims), tuple(shape), dict(parameters))] * workers, chunksize=1)
    return math.prod(shape) / statistics.mean(seconds)


def _seconds_in_core(dims: tuple[str, ...], shape: tuple[int, ...], parameters: dict[str, Any]) -> float:
    """Return the median time of a call on a signal in memory, filters built beforehand."""
    os.environ["OMP_NUM_THREADS"] = "1"
    kernel = bind(Scattering(dims=dims, **parameters), ArraySpec(dims, shape, "float32")).kernel
    data = block_of(tuple(range(size) for size in shape))
    evaluate(kernel, [data])
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        evaluate(kernel, [data])
        times.append(time.perf_counter() - began)
    return statistics.median(times)


class Watch:
    """Largest resident size of any child process of this one."""

    def __init__(self) -> None:
        self.peak, self._stop = 0, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._stop.wait(0.1):
            for process in psutil.Process().children(recursive=True):
                try:
                    self.peak = max(self.peak, process.memory_info().rss)
                except psutil.Error:
                    continue

    def stop(self) -> int:
        """End and return the bytes."""
        self._stop.set()
        self._thread.join()
        return self.peak
