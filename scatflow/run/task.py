"""What a worker does: read a region, compute, write whole chunks, return a receipt."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scatflow import blocks
from scatflow.arrays import asnumpy, prepared_cache, to_device
from scatflow.contract import Ref, digest
from scatflow.errors import JobError
from scatflow.plan import Box, Stage
from scatflow.plan.stage import part_of
from scatflow.store import Receipt, check_block, read, read_state, shape_of, write, write_state

#: Whose region computes on the device: kernels of several threads would share its memory, which a plan counts once.
_TURN = threading.Lock()


@contextlib.contextmanager
def _staying() -> Iterator[None]:
    """Turn an operator's SystemExit into an error: it would end a worker, or look like success to whoever started the program."""
    try:
        yield
    except SystemExit as error:
        raise JobError("a kernel", "ends the program", expected="an exception, where something fails", got=f"SystemExit: {error}",
                       remedy="Report this defect to who provides the operator.", code="ProgramEnded") from error  # fmt: skip


@_staying()
def run_region(root: str, stage: Stage, number: int, fft: str, device: str) -> Receipt:
    """Compute region ``number`` of a stage and write it (a map) or its partial state (a reduction).

    On a device one region of a process computes at a time; others meanwhile read what they need, or write, if it has more threads.
    """
    began = time.perf_counter()
    where = Path(root)
    if prepared_cache().enter((root, stage.number)):
        _give_back()
    box = stage.regions.box(number)
    inputs = source_fingerprint(stage, box)
    if stage.kind == "reduce":
        partial = _evaluated(where, stage, box, fft, device)
        assert isinstance(partial, tuple)
        crc = write_state(where, stage.number, number, partial)
        size = sum(int(array.nbytes) for array in partial)
        return _receipt(stage.number, number, "partial", crc, size, began, inputs)
    results: dict[str, Any] = {}
    for block in stage.regions.blocks(box):
        found = _evaluated(where, stage, block, fft, device)
        assert isinstance(found, dict)
        _gather(stage, box, block, found, results)
    boxes = tuple(stage.delivered(target, box) for target in stage.targets)
    return _write(where, stage, number, boxes, results, "map", began, inputs)


def _evaluated(root: Path, stage: Stage, box: Box, fft: str, device: str) -> dict[str, Any] | tuple[Any, ...]:
    """Return the results of a block, or the state of a reduction, as numpy arrays."""

    def host(ref: Ref, part: Box) -> Any:
        source = stage.sources.get(ref)
        if source is not None:
            return source.read({dim: slice(*span) for dim, span in part.items()}, ref.output or None)
        path, slab = stage.arrays[ref]
        return read(root, path, part, slab)

    if not stage.graph.steps:
        return {target.ref.output: host(target.ref, box) for target in stage.targets}
    if device == "cpu":
        return _on_host(stage, blocks.evaluate_stage(stage.graph, box, host, fft))
    ahead = {(ref, part): host(ref, dict(part)) for ref, parts in stage.reads(box).items() for part in parts}

    def fetch(ref: Ref, part: Box) -> Any:
        known = ahead.get((ref, part_of(part)))
        return to_device(host(ref, part) if known is None else known, device)

    with _TURN:
        return _on_host(stage, blocks.evaluate_stage(stage.graph, box, fetch, fft))


def _on_host(stage: Stage, found: Mapping[str, Any] | tuple[Any, ...]) -> dict[str, Any] | tuple[Any, ...]:
    if isinstance(found, tuple):
        return tuple(asnumpy(array) for array in found)
    return {target.ref.output: asnumpy(found[target.ref.output]) for target in stage.targets}


def _gather(stage: Stage, box: Box, block: Box, found: Mapping[str, Any], results: dict[str, Any]) -> None:
    """Put what a block delivers in its place among the results of its region."""
    for target in stage.targets:
        name, array = target.ref.output, found[target.ref.output]
        inner, outer = stage.delivered(target, block), stage.delivered(target, box)
        if inner == outer:
            results[name] = array
            continue
        check_block(target, inner, array)
        if name not in results:
            results[name] = np.empty(shape_of(target, outer), array.dtype)
        first = [inner[dim][0] - outer[dim][0] if dim in inner else 0 for dim in target.own.dims]
        results[name][tuple(slice(i, i + n) for i, n in zip(first, array.shape, strict=True))] = array


def source_fingerprint(stage: Stage, box: Box) -> str:
    """Return a digest of the stored data that a region reads from sources: no data are read for it."""
    found, reads = [], stage.reads(box)
    for ref, source in sorted(stage.sources.items(), key=lambda item: (item[0].node, item[0].output)):
        for part in sorted(reads.get(ref, ())):
            found.append(source.fingerprint({dim: slice(*span) for dim, span in part}))
    return digest(found) if found else ""


@_staying()
def run_final(root: str, stage: Stage, number: int, partials: tuple[int, ...]) -> Receipt:
    """Combine the partial states behind output region ``number`` of a reduction, in index order, and write it."""
    began = time.perf_counter()
    where = Path(root)
    assert stage.finals is not None
    kernel = stage.graph.target.kernel
    state = blocks.combine(kernel, (read_state(where, stage.number, region) for region in partials))
    results = blocks.finalize(kernel, state)
    return _write(where, stage, number, (stage.finals.box(number),) * len(stage.targets), results, "final", began)


def _write(
    root: Path,
    stage: Stage,
    number: int,
    boxes: tuple[Box, ...],
    results: Mapping[str, Any],
    part: str,
    began: float,
    inputs: str = "",
) -> Receipt:
    crcs, size = [], 0
    for target, box in zip(stage.targets, boxes, strict=True):
        block = asnumpy(results[target.ref.output])  # of a reduction's end, which is computed here
        crcs.append(write(root, target, box, block))
        size += int(block.nbytes)
    return _receipt(stage.number, number, part, tuple(crcs), size, began, inputs)


def _receipt(stage: int, region: int, part: str, crc: tuple[int, ...], size: int, began: float, inputs: str) -> Receipt:
    return Receipt(
        stage, region, part, crc, size, time.perf_counter() - began, f"{os.uname().nodename}:{os.getpid()}", _peak(), inputs
    )


def _give_back() -> None:
    """Return freed memory to the system, of which the allocator keeps much: the next stage needs blocks of other sizes."""
    with contextlib.suppress(OSError, AttributeError):  # another system, or another C library
        ctypes.CDLL(None).malloc_trim(0)


def _peak() -> int:
    """Return the largest resident size of this process so far, in bytes."""
    with contextlib.suppress(OSError):
        # Linux: what getrusage tells a process includes that of the one it was forked from.
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
