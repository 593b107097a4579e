"""The one evaluator: a kernel on blocks, for eager calls, lazy graphs and region tasks alike.

No Dask, no zarr. The author's kernel sees kernel order and an extended block; this module moves axes, extends at
the edges, splits at walls, handles absent and missing data, and trims.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from scatflow.arrays import namespace
from scatflow.blocks.absence import Read
from scatflow.blocks.call import call_kernel, keywords, method_for, named, with_batch
from scatflow.blocks.halo import evaluate_box, reduce_box
from scatflow.blocks.window import reduce_spans, spans, windowed
from scatflow.contract import Extended, Reduce, Select, Whole, Window
from scatflow.errors import DtypeError
from scatflow.graph.halo import Box, Halo, halo_places, reads, seen, weighs_gaps
from scatflow.graph.kernel import Kernel, Port
from scatflow.graph.selection import cut, take

Array = Any
Blocks = Sequence[Any]


def evaluate(
    kernel: Kernel, blocks: Blocks, box: Mapping[str, tuple[int, int]] | None = None, fft: str | None = None, threads: int = 1
) -> dict[str, Array]:
    """Evaluate a kernel on blocks whose core axes are whole.

    Parameters
    ----------
    kernel : Kernel
        The bound operator (any kind but Reduce).
    blocks : sequence of array or float
        One block per input, dims in public order.
    box : mapping, optional
        Absolute output range along batch dims; the blocks then cover just what it needs. Default: whole arrays.
    fft : str, optional
        FFT provider; default the process's own.
    threads : int, optional
        Threads for independent parts of the kernel; the result does not depend on it.

    Returns
    -------
    dict
        Result name -> block, dims in public order.
    """
    xp = namespace(*blocks, fft=fft, threads=threads)
    batch = box or {}
    ready = [to_kernel(xp, block, port) for block, port in zip(blocks, kernel.inputs, strict=True)]
    operator = kernel.operator
    if isinstance(operator, Select):
        block = blocks[0] if box is not None else cut(kernel, blocks[0])
        return {"": take(xp, kernel, block, box or {})}
    results: Mapping[str, Array]
    if isinstance(operator, Window):  # whole axes tell all that there is to know
        results = windowed(xp, kernel, ready[0], batch)
    elif isinstance(operator, Whole):
        results = call_kernel(xp, kernel, beside(xp, kernel, ready), with_batch(kernel, kernel.place(), batch))
    else:
        results = named(kernel, getattr(operator, method_for(xp, operator))(xp, *aligned(xp, kernel, ready)))
    return {port.name: _to_public(xp, results[port.name], port) for port in kernel.outputs}


def partial(
    kernel: Kernel, blocks: Blocks, box: Mapping[str, tuple[int, int]] | None = None, fft: str | None = None, threads: int = 1
) -> tuple[Array, ...]:
    """Return the state of a Reduce on one block."""
    xp = namespace(*blocks, fft=fft, threads=threads)
    batch = box or {}
    operator = kernel.operator
    assert isinstance(operator, Reduce)
    ready, known = [], isinstance(operator, Extended)  # whole axes tell all that there is to know
    for block, port in list(zip(blocks, kernel.inputs, strict=True))[: 1 if known else None]:
        moved = to_kernel(xp, block, port)
        ready.append(pooled(xp, kernel, moved, port) if isinstance(port, Port) else moved)
    if known:
        return reduce_spans(xp, kernel, ready, batch)
    return _between_walls(xp, kernel, ready, batch)


def _between_walls(xp: Any, kernel: Kernel, blocks: Blocks, batch: Mapping[str, tuple[int, int]]) -> tuple[Array, ...]:
    """Return the state of a plain reduction: one chunk per segment, combined in order, so that none sees across a wall."""
    operator = kernel.operator
    assert isinstance(operator, Reduce)
    total: tuple[Array, ...] | None = None
    for ranges in spans(kernel):
        parts = [_segment(kernel, block, port, ranges) for block, port in zip(blocks, kernel.inputs, strict=True)]
        place = with_batch(kernel, kernel.place(ranges), batch)
        state = operator.chunk(xp, *parts, **keywords(xp, kernel, parts, place, "chunk"))
        total = state if total is None else operator.combine(xp, total, state)
    assert total is not None
    return total


def _segment(kernel: Kernel, block: Any, port: Port | float, ranges: Mapping[str, tuple[int, int]]) -> Any:
    """Return the part of a block between walls; a block without some core dim is whole along it."""
    if not isinstance(port, Port) or not any(axis.walls for axis in kernel.axes):
        return block
    return block[(..., *(slice(*ranges[dim]) for dim in kernel.core if dim in port.dims))]


def evaluate_part(kernel: Kernel, read: Read, box: Box, halo: Halo, fft: str | None = None, known: Blocks = ()) -> dict[str, Array]:
    """Evaluate a Window on a part of its core axes.

    Parameters
    ----------
    kernel : Kernel
        The bound operator.
    read : callable
        ``read(box)`` returns the block of a box of the input's core dims, dims in public order.
    box : mapping
        Absolute ranges: of the result along batch dims, of the input along core dims.
    halo : Halo
        How far to look beyond it.
    known : sequence of array, optional
        Mean and extent of the whole signals, dims in public order.

    Returns
    -------
    dict
        Result name -> block, dims in public order: the samples that lie in the box.
    """
    xp, core, batch, ready = _split(kernel, read, box, halo, fft)
    results = evaluate_box(xp, kernel, ready, core, halo, batch, _known(xp, kernel, known))
    return {port.name: _to_public(xp, results[port.name], port) for port in kernel.outputs}


def partial_box(kernel: Kernel, read: Read, box: Box, halo: Halo, fft: str | None = None, known: Blocks = ()) -> tuple[Array, ...]:
    """Return the state of a Reduce with a halo on a part of its core axes; arguments as for :func:`evaluate_part`."""
    xp, core, batch, ready = _split(kernel, read, box, halo, fft)
    return reduce_box(xp, kernel, ready, core, halo, batch, _known(xp, kernel, known))


def _known(xp: Any, kernel: Kernel, blocks: Blocks) -> list[Array]:
    """Return what is known of whole signals in kernel order, the pooled axes of a Reduce flattened as those of its block."""
    data, pools = kernel.inputs[0], isinstance(kernel.operator, Reduce)
    assert isinstance(data, Port)
    count = len(kernel.over)
    kept = len(data.dims) - len(kernel.core) - count
    found = [to_kernel(xp, block, port) for block, port in zip(blocks, kernel.inputs[1 : 1 + len(blocks)], strict=True)]
    if not pools:
        return found
    return [
        xp.reshape(part, (*part.shape[:kept], math.prod(part.shape[kept : kept + count]), *part.shape[kept + count :]))
        for part in found
    ]


def _split(kernel: Kernel, read: Read, box: Box, halo: Halo, fft: str | None) -> tuple[Any, Box, Box, Read]:
    """Return the array library, the box by core and batch dims, and how to read in kernel order."""
    core = {dim: span for dim, span in box.items() if dim in kernel.core}
    batch = {dim: span for dim, span in box.items() if dim not in kernel.core}
    port = kernel.inputs[0]
    assert isinstance(port, Port)
    place = halo_places(kernel, core, halo)[0]
    xp = namespace(read(seen(kernel, place) if weighs_gaps(kernel) else reads(kernel, place)[0]), fft=fft)

    def ready(part: Box) -> Array:
        block = to_kernel(xp, read(part), port)
        return pooled(xp, kernel, block, port) if isinstance(kernel.operator, Reduce) else block

    return xp, core, batch, ready


def combine(kernel: Kernel, states: Iterable[tuple[Array, ...]]) -> tuple[Array, ...]:
    """Merge states in the order given, pairwise like a tree of fixed shape; one of each level of the tree is held at a time."""
    operator = kernel.operator
    assert isinstance(operator, Reduce)
    held: list[tuple[int, tuple[Array, ...]]] = []
    for state in states:
        level = 0
        while held and held[-1][0] == level:
            state, level = operator.combine(namespace(*state), held.pop()[1], state), level + 1
        held.append((level, state))
    state = held.pop()[1]
    while held:
        state = operator.combine(namespace(*state), held.pop()[1], state)
    return state


def finalize(kernel: Kernel, state: tuple[Array, ...]) -> dict[str, Array]:
    """Turn the total state of a Reduce into its named results, dims in public order."""
    operator = kernel.operator
    assert isinstance(operator, Reduce)
    xp = namespace(*state)
    results = named(kernel, operator.finalize(xp, *state))
    return {port.name: _to_public(xp, results[port.name], port) for port in kernel.outputs}


def to_kernel(xp: Any, block: Any, port: Port | float) -> Any:
    """Return a block with its axes in kernel order and in the kernel's dtype; numbers stay numbers."""
    if not isinstance(port, Port):
        return port
    order = tuple(port.dims.index(dim) for dim in port.kernel_dims)
    moved = xp.permute_dims(block, order) if order != tuple(range(len(order))) else block
    dtype = getattr(xp, port.dtype, None)
    return xp.astype(moved, dtype) if dtype is not None and moved.dtype != dtype else moved


def _to_public(xp: Any, block: Any, port: Port) -> Any:
    order = tuple(port.kernel_dims.index(dim) for dim in port.dims)
    dtype = getattr(xp, port.dtype, None)
    if dtype is not None and block.dtype != dtype:
        if _rank(xp, block.dtype) > _rank(xp, dtype):
            raise DtypeError(f"result {port.name!r}" if port.name else "the result", "the kernel returns numbers that the declared dtype cannot hold",
                             expected=port.dtype, got=str(block.dtype), code="ResultMisdeclared",
                             remedy="This is a defect of the operator: output() has to declare what the kernel returns.")  # fmt: skip
        block = xp.astype(block, dtype)
    return xp.permute_dims(block, order) if order != tuple(range(len(order))) else block


def _rank(xp: Any, dtype: Any) -> int:
    """Return how many kinds of numbers a dtype holds: bool, integers, reals, complex numbers."""
    kinds = ("bool", "integral", "real floating", "complex floating")
    return next((rank for rank, kind in enumerate(kinds) if xp.isdtype(dtype, kind)), len(kinds))


def pooled(xp: Any, kernel: Kernel, block: Any, port: Port) -> Any:
    """Return a block in kernel order with the pooled batch axes of a Reduce flattened into one axis before the core axes."""
    shape = block.shape
    count, core = (len([dim for dim in port.dims if dim in dims]) for dims in (kernel.over, kernel.core))
    kept = len(shape) - count - core
    return xp.reshape(block, (*shape[:kept], math.prod(shape[kept : kept + count]), *shape[kept + count :]))


def aligned(xp: Any, kernel: Kernel, blocks: Blocks) -> list[Any]:
    """Return the inputs of an element-wise kernel aligned by dim name, as broadcasting by position would not."""
    dims = kernel.outputs[0].kernel_dims
    return [
        block if not isinstance(port, Port) else _broadcast(xp, block, port.kernel_dims, dims)
        for block, port in zip(blocks, kernel.inputs, strict=True)
    ]


def beside(xp: Any, kernel: Kernel, blocks: Blocks) -> list[Any]:
    """Return the inputs of a kernel with core axes, batch axes aligned by dim name as those of :func:`aligned`."""
    ports = [port for port in kernel.inputs if isinstance(port, Port)]
    outer = list(dict.fromkeys(dim for port in ports for dim in port.kernel_dims if dim not in kernel.core))
    if len(ports) == 1:
        return list(blocks)
    return [
        _broadcast(xp, block, port.kernel_dims, (*outer, *(dim for dim in port.kernel_dims if dim in kernel.core)))
        for block, port in zip(blocks, ports, strict=True)
    ]


def _broadcast(xp: Any, block: Any, dims: tuple[str, ...], target: tuple[str, ...]) -> Any:
    known = [dim for dim in target if dim in dims]
    if len(known) != len(dims):
        return block  # the operator removes a dim itself and said so in its output
    block = xp.permute_dims(block, tuple(dims.index(dim) for dim in known))
    sizes = dict(zip(known, block.shape, strict=True))
    return xp.reshape(block, tuple(sizes.get(dim, 1) for dim in target))
