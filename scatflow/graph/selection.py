"""Selection by position: what it does to labels, to blocks, and which input a part of its output needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from scatflow.arrays import copied_index
from scatflow.contract import Extension, Index, Select
from scatflow.errors import DimensionError
from scatflow.graph.halo import intervals, merged, placed
from scatflow.graph.kernel import Kernel, Port
from scatflow.labels import check_dtype
from scatflow.spec import ArraySpec, Coord


def positions(index: Index, size: int, low: int = 0, high: int | None = None) -> Any:
    """Return the selected positions, or those from number ``low`` to ``high``: a range for slices and single ones, else an array.

    -1 stands for a zero beyond the ends of an axis.
    """
    if isinstance(index, Extension):
        stop = index.stop if high is None else index.start + high
        return copied_index(np.arange(index.start + low, stop, dtype=np.int64), size, index.rule)
    if isinstance(index, slice):
        return range(*index.indices(size))[low:high]
    return range(index, index + 1)[low:high] if isinstance(index, int) else np.asarray(index, dtype=np.int64)[low:high]


def count(index: Index, size: int) -> int:
    """Return how many positions are selected."""
    return index.stop - index.start if isinstance(index, Extension) else len(positions(index, size))


def bind_select(operator: Select, spec: ArraySpec) -> tuple[Kernel, ArraySpec]:
    """Return the kernel and the labelled result of a selection (labels already turned into positions)."""
    if np.dtype(spec.dtype).kind not in "mMSU":  # dates and texts are passed on as they are
        check_dtype(spec, operator.dtypes, None, operator.name)
    resolved = operator.resolve(spec)
    assert isinstance(resolved, Select)
    indexers = {dim: _normal(dim, index, spec, operator.name) for dim, index in resolved.indexers(spec).items()}
    out = spec
    for dim, index in indexers.items():
        out = _taken(out, dim, index)
    out = replace(out, chunks=None, attrs={key: value for key, value in out.attrs.items() if key != "scatflow"})
    source = Port("", spec.dims, spec.dims, spec.dtype, {})
    result = Port("", out.dims, out.dims, out.dtype, {})
    return Kernel(resolved, (source,), (result,), (), (), (), sizes=spec.sizes, indexers=indexers), out


def _normal(dim: str, index: Any, spec: ArraySpec, subject: str) -> Index:
    size = spec.sizes.get(dim)
    if size is None:
        raise DimensionError(subject, f"the input has no dim {dim!r}", expected=f"dims among {spec.dims}", code="DimensionMissing")
    if isinstance(index, Extension):
        return index
    if isinstance(index, slice):
        start, stop, step = index.indices(size)
        if step < 1:
            raise DimensionError(subject, "steps must be positive", got=step, code="SelectionInvalid")
        return slice(start, stop, step)
    found = np.atleast_1d(np.asarray(index, dtype=np.int64))
    found = np.where(found < 0, found + size, found)
    if found.size and (found.min() < 0 or found.max() >= size):
        raise DimensionError(f"{subject} {dim!r}", "position outside the axis", expected=f"0..{size - 1}", got=index,
                             code="SelectionInvalid")  # fmt: skip
    return int(found[0]) if isinstance(index, int) else tuple(found.tolist())


def _taken(spec: ArraySpec, dim: str, index: Index) -> ArraySpec:
    size = spec.sizes[dim]
    if isinstance(index, int):
        scalars = {name: _scalar(coord, dim, index) for name, coord in spec.coords.items()}
        return replace(spec.without(dim), coords=scalars)
    axis = spec.dims.index(dim)
    shape = tuple(count(index, size) if i == axis else n for i, n in enumerate(spec.shape))
    if isinstance(index, Extension):  # what lies beyond the ends has no coordinates
        return replace(spec.without(dim), dims=spec.dims, shape=shape, chunks=None)
    key = index if isinstance(index, slice) else positions(index, size)
    return replace(spec, shape=shape, chunks=None, coords={name: coord.take(dim, key) for name, coord in spec.coords.items()})


def _scalar(coord: Coord, dim: str, index: int) -> Coord:
    if dim not in coord.dims:
        return coord
    return replace(coord.take(dim, index), dims=tuple(name for name in coord.dims if name != dim))


def needed(kernel: Kernel, box: Mapping[str, tuple[int, int]]) -> dict[str, list[tuple[int, int]]]:
    """Return the input ranges along every dim that the output box of a selection reads: several where an axis goes on elsewhere."""
    ranges: dict[str, list[tuple[int, int]]] = {}
    for dim, size in (kernel.sizes or {}).items():
        index = (kernel.indexers or {}).get(dim)
        low, high = box.get(dim, (0, size if index is None else count(index, size)))
        if index is None:
            ranges[dim] = [(low, high)]
            continue
        if isinstance(index, Extension):
            ranges[dim] = _copied(index, size, low, high)
            continue
        part = positions(index, size, low, high)
        ranges[dim] = [(int(min(part)), int(max(part)) + 1) if len(part) else (0, 0)]
    return ranges


def _copied(index: Extension, size: int, low: int, high: int) -> list[tuple[int, int]]:
    """Return the ranges that positions ``low`` to ``high`` of an extended axis copy; only those beyond its ends are looked at one by one."""
    start, stop = index.start + low, index.start + high
    parts = [(max(0, start), min(size, stop))]
    for first, last in ((start, min(0, stop)), (max(size, start), stop)):
        found = copied_index(np.arange(first, last, dtype=np.int64), size, index.rule)
        parts += intervals(found) if (found >= 0).any() else []
    return merged(parts) or [(0, 1)]  # nothing but zeros, whose number and dtype a sample tells


def unnamed(kernel: Kernel, box: Mapping[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """Return a box of the input without the dims along which it is the whole."""
    return {dim: span for dim, span in box.items() if span != (0, (kernel.sizes or {})[dim])}


def cut(kernel: Kernel, block: Any) -> Any:
    """Return, of a whole input, the part that a selection reads; all that an extension copies."""
    port = kernel.inputs[0]
    assert isinstance(port, Port)
    ranges = needed(kernel, {})
    return block[tuple(slice(ranges[dim][0][0], ranges[dim][-1][1]) for dim in port.dims)]


def take(xp: Any, kernel: Kernel, block: Any, box: Mapping[str, tuple[int, int]]) -> Any:
    """Select from a block that covers exactly the ranges :func:`needed` gave for ``box``, one after the other."""
    port = kernel.inputs[0]
    assert isinstance(port, Port)
    ranges = needed(kernel, box)
    for axis, dim in reversed(list(enumerate(port.dims))):
        index = (kernel.indexers or {}).get(dim)
        if index is None:
            continue
        size = (kernel.sizes or {})[dim]
        part = positions(index, size, *box.get(dim, (0, count(index, size))))
        start = ranges[dim][0][0]
        key: Any
        if isinstance(index, Extension):
            block = placed(xp, block, axis, part, ranges[dim])
            continue
        if isinstance(index, int):
            key = 0
        elif isinstance(part, range):
            key = slice(part.start - start, part[-1] + 1 - start, part.step) if len(part) else slice(0, 0)
        else:
            block = xp.take(block, xp.asarray(part - start, device=block.device), axis=axis)
            continue
        block = block[(slice(None),) * axis + (key,)]
    return block
