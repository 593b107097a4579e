"""From bound operators to lazy Dask arrays: one symbolic layer per operator, nothing computed, no filters inside."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import dask.array as da
import numpy as np
from dask.array.core import normalize_chunks, unify_chunks
from dask.base import tokenize
from dask.highlevelgraph import HighLevelGraph
from dask.layers import ArraySliceDep
from dask.utils import parse_bytes

from scatflow import blocks
from scatflow.arrays import namespace
from scatflow.contract import Pointwise, Program, Reduce, Select, Source
from scatflow.errors import ChunkError, PlanError
from scatflow.graph import Call, Kernel, Port
from scatflow.graph.kernel import renamed
from scatflow.spec import ArraySpec, itemsize

#: Partial states merged by one task; a power of two, so that the tree has the shape of a job's pairwise tree.
FAN_IN = 8
#: Bytes that ``rechunk="auto"`` aims at per block.
BLOCK_BYTES = parse_bytes("64 MiB")


def is_lazy(data: Any) -> bool:
    """Tell whether ``data`` is a Dask array."""
    return isinstance(data, da.Array)


def maker(data: da.Array) -> str:
    """Return the name of the layer that delivered a Dask array, behind rechunks, which change no value.

    Names are those that Dask, xarray or :func:`lower` gave: anything done to the array since has a name of its own.
    """
    name, below = str(data.name), data.dask.dependencies
    while name.startswith("rechunk-") and len(below.get(name, ())) == 1:
        (name,) = below[name]
    return name


def opened(data: da.Array) -> Any:
    """Return what a file's reader put under a Dask array, None where anything but rechunks happened to it since."""
    name = f"original-{maker(data)}"
    return data.dask.layers.get(name, {}).get(name)


def lower(call: Call, arrays: Sequence[Any], rechunk: str | None = None) -> dict[str, da.Array]:
    """Return the lazy results of a bound operator.

    Parameters
    ----------
    call : Call
        The bound operator.
    arrays : sequence of dask.array.Array, array or float
        One per input, dims as in ``call.inputs``.
    rechunk : {None, "auto"}
        What to do when core dims are split over chunks: refuse with the exact remedy, or merge them (and split batch
        dims so that blocks stay near 64 MiB).

    Raises
    ------
    ChunkError
        Core dims are chunked and ``rechunk`` is None.
    PlanError
        The operator is a Program, which runs eagerly in a job.
    """
    kernel = call.kernel
    if isinstance(kernel.operator, Program):
        raise PlanError(f"operator {kernel.operator.name}", "an eager program has no lazy form", remedy="Use Pipeline.run.")
    lazy: list[Any] = [array if isinstance(array, (int, float)) else da.asarray(array) for array in arrays]
    if isinstance(kernel.operator, Select):
        return {"": _select(kernel, lazy[0])}
    whole = set(kernel.core)
    lazy = [_unsplit(array, port, whole, kernel, rechunk) for array, port in zip(lazy, kernel.inputs, strict=True)]
    if isinstance(kernel.operator, Reduce):
        return _reduce(kernel, lazy[0], call)
    return _blockwise(kernel, lazy, call)


def _select(kernel: Kernel, array: da.Array) -> da.Array:
    port = kernel.inputs[0]
    assert isinstance(port, Port)
    for axis, dim in reversed(list(enumerate(port.dims))):
        index = (kernel.indexers or {}).get(dim)
        if index is not None:
            key = list(index) if isinstance(index, tuple) else index
            array = array[(slice(None),) * axis + (key,)]
    return array


def _unsplit(array: Any, port: Port | float, whole: set[str], kernel: Kernel, rechunk: str | None) -> Any:
    """Return the array with its core dims in one chunk each, or say how to get there."""
    if not isinstance(port, Port):
        return array
    split = [dim for axis, dim in enumerate(port.dims) if dim in whole and array.numblocks[axis] > 1]
    if not split:
        return array
    sizes = dict(zip(port.dims, array.shape, strict=True))
    if rechunk == "auto":
        asked = {axis: (-1 if dim in whole else "auto") for axis, dim in enumerate(port.dims)}
        chunks = normalize_chunks(tuple(asked.values()), array.shape, limit=BLOCK_BYTES, dtype=array.dtype)
        return array.rechunk(chunks, method="tasks")
    block = itemsize(str(array.dtype))
    for axis, dim in enumerate(port.dims):
        block *= sizes[dim] if dim in whole else max(array.chunks[axis])
    call = "{" + ", ".join(f'"{dim}": -1' for dim in split) + "}"
    raise ChunkError(
        f"{kernel.operator.name} input", f"core dims {split} are split over several chunks",
        got={dim: array.chunks[port.dims.index(dim)][:4] for dim in split},
        remedy=f'Merge them with .chunk({call}) (blocks of {block / 2**20:.3g} MiB), or pass rechunk="auto".',
    )  # fmt: skip


def _all(kernel: Kernel, dims: tuple[str, ...], *parts: Any) -> dict[str, Any]:
    """Return one block of every result; with ``dims``, the last part is the block's range along each of them."""
    if not dims:
        return blocks.evaluate(kernel, parts)
    box = {dim: (span.start, span.stop) for dim, span in zip(dims, parts[-1], strict=True)}
    return blocks.evaluate(kernel, parts[:-1], box)


def _one(kernel: Kernel, name: str, dims: tuple[str, ...], *parts: Any) -> Any:
    return _all(kernel, dims, *parts)[name]


def _blockwise(kernel: Kernel, arrays: Sequence[Any], call: Call) -> dict[str, da.Array]:
    """Lower a map: every batch block is independent, core and new axes are whole."""
    meta_source = next(array for array in arrays if isinstance(array, da.Array))
    arguments: list[Any] = []
    for array, port in zip(arrays, kernel.inputs, strict=True):
        arguments += [array, port.dims] if isinstance(port, Port) else [array, None]
    token = tokenize(kernel, *arrays)
    known = dict.fromkeys(dim for port in kernel.inputs if isinstance(port, Port) for dim in port.dims)
    arguments, dims = _with_position(kernel, arguments)
    aligned = not dims
    if several := len(kernel.outputs) > 1:  # evaluated once for all of them; a block of this array is a mapping
        batch = tuple(dim for dim in known if dim not in kernel.core)
        shared = da.blockwise(
            functools.partial(_all, kernel, dims), batch, *arguments, name=f"{kernel.operator.name}-all-{token}",
            concatenate=True, align_arrays=aligned, dtype=object, meta=np.empty((0,) * len(batch), dtype=object),
        )  # fmt: skip
        arguments, known, aligned = [shared, batch], dict.fromkeys(batch), False
    results = {}
    for port in kernel.outputs:
        sizes = dict(zip(_index(kernel, port), call.outputs[port.name].shape, strict=True))
        results[port.name] = da.blockwise(
            functools.partial(_pick, port.name) if several else functools.partial(_one, kernel, port.name, dims),
            _index(kernel, port), *arguments, name=f"{kernel.operator.name}-{port.name or 'out'}-{token}",
            new_axes={dim: size for dim, size in sizes.items() if dim not in known},
            adjust_chunks={dim: (sizes[dim],) for dim in kernel.core if dim in sizes},
            concatenate=True, align_arrays=aligned, dtype=port.dtype, meta=_meta(meta_source, port),
        )  # fmt: skip
    return results


def _with_position(kernel: Kernel, arguments: list[Any]) -> tuple[list[Any], tuple[str, ...]]:
    """Return the arguments with the range of each block along the batch dims, for kernels that ask where they are."""
    methods = (method for method in ("apply", "apply_numpy", "apply_cupy") if hasattr(kernel.operator, method))
    if isinstance(kernel.operator, Pointwise) or not any(kernel.operator.wants_place(method) for method in methods):
        return arguments, ()
    chunks, arrays = unify_chunks(*arguments)
    dims = tuple(dim for dim in chunks if dim not in kernel.core)
    placed = [part for pair in zip(arrays, arguments[1::2], strict=True) for part in pair]
    return ([*placed, ArraySliceDep(tuple(chunks[dim] for dim in dims)), dims] if dims else placed), dims


def _index(kernel: Kernel, port: Port) -> tuple[str, ...]:
    """Return the dims of a result as Dask shall see them: renamed dims keep their input's name, hence its chunks."""
    return renamed(kernel) or port.dims


def _meta(source: da.Array, port: Port) -> Any:
    """Return an empty array of the result's type on the source's device."""
    xp = namespace(source._meta)
    return xp.empty((0,) * len(port.dims), dtype=getattr(xp, port.dtype, np.dtype(port.dtype)))


def _partial(kernel: Kernel, box: Mapping[str, tuple[int, int]], block: Any) -> tuple[Any, ...]:
    return blocks.partial(kernel, [block], box)


def _merge(kernel: Kernel, states: list[tuple[Any, ...]]) -> tuple[Any, ...]:
    return blocks.combine(kernel, states)


def _finish(kernel: Kernel, states: list[tuple[Any, ...]]) -> dict[str, Any]:
    return blocks.finalize(kernel, blocks.combine(kernel, states))


def _reduce(kernel: Kernel, array: da.Array, call: Call) -> dict[str, da.Array]:
    """Lower a reduction: partial states per block, a tree in index order, results per block of the kept dims."""
    port = kernel.inputs[0]
    assert isinstance(port, Port)
    token = tokenize(kernel, array)
    stem = f"{kernel.operator.name}-{token}"
    kept = [axis for axis, dim in enumerate(port.dims) if dim not in kernel.over and dim not in kernel.core]
    pooled = [axis for axis, dim in enumerate(port.dims) if dim in kernel.over]
    layer: dict[Any, Any] = {f"{stem}-kernel": kernel}
    bounds = [tuple(itertools.accumulate(sizes, initial=0)) for sizes in array.chunks]
    finals: dict[tuple[int, ...], str] = {}
    for at in itertools.product(*(range(array.numblocks[axis]) for axis in kept)):
        states = []
        for part in itertools.product(*(range(array.numblocks[axis]) for axis in pooled)):
            where = dict(zip(kept, at, strict=True)) | dict(zip(pooled, part, strict=True))
            index = tuple(where.get(axis, 0) for axis in range(array.ndim))
            box = {port.dims[axis]: bounds[axis][index[axis] : index[axis] + 2] for axis in (*kept, *pooled)}
            key = (f"{stem}-partial", *index)
            layer[key] = (_partial, f"{stem}-kernel", box, (array.name, *index))
            states.append(key)
        level = 0
        while len(states) > FAN_IN:
            level += 1
            groups = [states[i : i + FAN_IN] for i in range(0, len(states), FAN_IN)]
            states = [(f"{stem}-merge-{level}", *at, i) for i in range(len(groups))]
            layer.update({key: (_merge, f"{stem}-kernel", group) for key, group in zip(states, groups, strict=True)})
        layer[(f"{stem}-final", *at)] = (_finish, f"{stem}-kernel", states)
        finals[at] = f"{stem}-final"
    return {out.name: _reduced(kernel, out, array, call, layer, stem, [port.dims[axis] for axis in kept]) for out in kernel.outputs}


def _pick(name: str, results: Mapping[str, Any]) -> Any:
    return results[name]


def _reduced(
    kernel: Kernel, port: Port, array: da.Array, call: Call, layer: Mapping[Any, Any], stem: str, kept: list[str]
) -> da.Array:
    source = kernel.inputs[0]
    assert isinstance(source, Port)
    sizes = call.outputs[port.name].sizes
    chunks = tuple(array.chunks[source.dims.index(dim)] if dim in kept else (sizes[dim],) for dim in port.dims)
    name = f"{stem}-{port.name or 'out'}"
    counts = {dim: array.numblocks[source.dims.index(dim)] for dim in kept}
    tasks: dict[Any, Any] = {}
    for at in itertools.product(*(range(counts[dim]) for dim in kept)):
        where = dict(zip(kept, at, strict=True))
        index = tuple(where.get(dim, 0) for dim in port.dims)
        tasks[(name, *index)] = (_pick, port.name, (f"{stem}-final", *at))
    dependencies: Any = [array]
    graph = HighLevelGraph.from_collections(name, {**layer, **tasks}, dependencies=dependencies)
    return da.Array(graph, name, chunks=chunks, dtype=port.dtype, meta=_meta(array, port))


def from_source(source: Source, variable: str, spec: ArraySpec) -> da.Array:
    """Return a lazy array that reads a source region by region, in its stored chunks."""
    chunks = spec.chunks or tuple((n,) for n in spec.shape)
    meta = np.empty((0,) * len(spec.dims), dtype=spec.dtype)

    token = tokenize(source.token(), variable, source.fingerprint())
    read = functools.partial(_read_block, source, variable, spec.dims)
    blocks_of: da.Array = da.map_blocks(read, chunks=chunks, dtype=spec.dtype, meta=meta, name=f"{source.name}-{token}")
    return blocks_of


def _read_block(source: Source, variable: str, dims: tuple[str, ...], block_info: Any = None) -> Any:
    location = block_info[None]["array-location"]
    return source.read({dim: slice(*span) for dim, span in zip(dims, location, strict=True)}, variable or None)
