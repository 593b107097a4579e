"""The grid on which a result is stored: every task writes chunks (or shards) of its own, whole, or nothing at all.

zarr writes off this grid without a word, and two writers of one chunk then lose what either wrote. So the plan is checked before
a store is made, a store before it is continued, and every region against the array as it is stored before it is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from scatflow.errors import ChunkError, StoreError
from scatflow.plan import Plan, Stage, Target

_DEFECT = "This is a defect of the planner, or of the operator that declares the result; nothing was written."


def check_plan(plan: Plan) -> None:
    """Refuse a plan of which two tasks would write into one chunk, or leave a part of a result to nobody.

    Raises
    ------
    ChunkError
        The text names array, dim and region.
    """
    written: set[tuple[str, tuple[int, ...]]] = set()
    for stage in plan.stages:
        for target in stage.targets:
            if (target.path, target.slab) in written:
                raise ChunkError(f"array {target.path}", "two results would be written there", remedy=_DEFECT, code="WriteTwice")
            written.add((target.path, target.slab))
            _check_target(stage, target)


def _check_target(stage: Stage, target: Target) -> None:
    """Compare the boxes that regions deliver with the chunks of an array, dim by dim: both are grids."""
    regions, sizes = stage.finals or stage.regions, target.own.sizes
    steps = dict(regions.steps)
    for dim, size in regions.sizes:
        spans = [(start, min(start + steps[dim], size)) for start in range(0, size, steps[dim])]
        if dim not in sizes:
            if len(spans) > 1:
                raise ChunkError(f"array {target.path}", f"several tasks would write all of it, one for each region along {dim!r}",
                                 expected=f"a result with the dim {dim!r}", got=target.own.dims, remedy=_DEFECT, code="WriteTwice")  # fmt: skip
            continue
        found = spans if stage.finals else [stage.delivered(target, {dim: span})[dim] for span in spans]
        _check_spans(target, dim, found)


def _check_spans(target: Target, dim: str, spans: Iterable[tuple[int, int]]) -> None:
    size, chunk, reached = target.own.sizes[dim], _lengths(target)[dim], 0
    for start, stop in spans:
        if start != reached or (start < stop and not _on_grid((start, stop), chunk, size)):
            raise ChunkError(f"array {target.path}", f"its regions along {dim!r} are no whole chunks, one after the other",
                             expected=f"multiples of {chunk} from {reached}", got=(start, stop), remedy=_DEFECT, code="WriteOffGrid")  # fmt: skip
        reached = stop
    if reached != size:
        raise ChunkError(f"array {target.path}", f"no region writes the end of {dim!r}", expected=size, got=reached, remedy=_DEFECT,
                         code="WriteOffGrid")  # fmt: skip


def _lengths(target: Target) -> dict[str, int]:
    return dict(zip(target.own.dims, target.chunks[len(target.slab) :], strict=True))


def _on_grid(span: tuple[int, int], length: int, size: int) -> bool:
    return span[0] % length == 0 and (span[1] % length == 0 or span[1] == size)


def check_stored(root: Path, plan: Plan) -> None:
    """Refuse to continue a store whose arrays are no longer those that its plan made.

    Raises
    ------
    StoreError
        An array is missing, or has another shape, dtype, chunks or shards; the text names it.
    """
    for target in {target.path: target for stage in plan.stages for target in stage.targets}.values():
        wanted = (target.spec.shape, np.dtype(target.spec.dtype), target.chunks)
        try:
            array = zarr.open_array(root / target.path, mode="r")
        except Exception as error:  # missing, torn or foreign metadata: zarr raises whatever came of reading it
            if not target.result and _complete(root):
                continue  # its work arrays are gone
            raise StoreError(f"array {str(root / target.path)!r}", "cannot be opened", got=f"{type(error).__name__}: {error}",
                             remedy="Compute the result anew with overwrite.", code="StoreInvalid") from error  # fmt: skip
        found = (array.shape, array.dtype, array.shards or array.chunks)
        if found != wanted:
            raise StoreError(f"array {str(root / target.path)!r}", "is not stored as its plan says: it was written by something else",
                             expected=f"shape, dtype and chunks {wanted}", got=found, remedy="Compute the result anew with overwrite.",
                             code="StoreInvalid")  # fmt: skip


def _complete(root: Path) -> bool:
    return bool(zarr.open_group(root, mode="r").attrs.get("scatflow_state") == "complete")


def check_box(target: Target, array: Any, box: Mapping[str, tuple[int, int]]) -> None:
    """Refuse to write a region that is not whole chunks, or shards, of the array as it is stored.

    Raises
    ------
    ChunkError
        The region does not lie on the grid: two writers could meet in one chunk.
    """
    grid = (array.shards or array.chunks)[len(target.slab) :]
    if array.shape != target.spec.shape:
        raise ChunkError(f"region of {target.path}", "the array has another shape", expected=target.spec.shape, got=array.shape)
    for (dim, size), length in zip(target.own.sizes.items(), grid, strict=True):
        span = box.get(dim, (0, size))
        if not _on_grid(span, length, size):
            raise ChunkError(f"region of {target.path}", f"does not lie on the chunk grid of {dim!r}", expected=f"multiples of {length}",
                             got=span, code="WriteOffGrid")  # fmt: skip
    if any(length != 1 for length in (array.shards or array.chunks)[: len(target.slab)]):
        raise ChunkError(f"region of {target.path}", "shares its chunks with regions of other parameters", code="WriteOffGrid",
                         expected="chunks of 1 along leading dims", got=array.shards or array.chunks)  # fmt: skip
