"""Selection by position: what it does to labels, to blocks, and which input a part of its output needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from scatflow.contract import Select
from scatflow.errors import DimensionError
from scatflow.graph.kernel import Kernel, Port
from scatflow.labels import check_dtype
from scatflow.spec import ArraySpec, Coord

Index = int | slice | tuple[int, ...]


def positions(index: Index, size: int) -> Any:
    """Return the selected positions: a range for slices and single positions, an array otherwise."""
    if isinstance(index, slice):
        return range(*index.indices(size))
    return range(index, index + 1) if isinstance(index, int) else np.asarray(index, dtype=np.int64)


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
    where = positions(index, size)
    key = index if isinstance(index, slice) else where
    axis = spec.dims.index(dim)
    shape = tuple(len(where) if i == axis else n for i, n in enumerate(spec.shape))
    return replace(spec, shape=shape, chunks=None, coords={name: coord.take(dim, key) for name, coord in spec.coords.items()})


def _scalar(coord: Coord, dim: str, index: int) -> Coord:
    if dim not in coord.dims:
        return coord
    return replace(coord.take(dim, index), dims=tuple(name for name in coord.dims if name != dim))


def needed(kernel: Kernel, box: Mapping[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """Return the input range along every dim that the output box of a selection reads."""
    ranges = {}
    for dim, size in (kernel.sizes or {}).items():
        index = (kernel.indexers or {}).get(dim)
        if index is None:
            ranges[dim] = box.get(dim, (0, size))
            continue
        where = positions(index, size)
        low, high = box.get(dim, (0, len(where)))
        part = where[low:high]
        ranges[dim] = (int(min(part)), int(max(part)) + 1) if len(part) else (0, 0)
    return ranges


def cut(kernel: Kernel, block: Any) -> Any:
    """Return, of a whole input, the part that a selection reads."""
    port = kernel.inputs[0]
    assert isinstance(port, Port)
    ranges = needed(kernel, {})
    return block[tuple(slice(*ranges[dim]) for dim in port.dims)]


def take(xp: Any, kernel: Kernel, block: Any, box: Mapping[str, tuple[int, int]]) -> Any:
    """Select from a block that covers exactly the range :func:`needed` gave for ``box``."""
    port = kernel.inputs[0]
    assert isinstance(port, Port)
    ranges = needed(kernel, box)
    for axis, dim in reversed(list(enumerate(port.dims))):
        index = (kernel.indexers or {}).get(dim)
        if index is None:
            continue
        where = positions(index, (kernel.sizes or {})[dim])
        low, high = box.get(dim, (0, len(where)))
        part = where[low:high]
        start = ranges[dim][0]
        key: Any
        if isinstance(index, int):
            key = 0
        elif isinstance(part, range):
            key = slice(part.start - start, part[-1] + 1 - start, part.step) if len(part) else slice(0, 0)
        else:
            block = xp.take(block, xp.asarray(part - start, device=block.device), axis=axis)
            continue
        block = block[(slice(None),) * axis + (key,)]
    return block
