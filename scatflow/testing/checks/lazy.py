"""Group *lazy*: building a graph computes nothing, and what is computed later is what was declared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NoReturn

import cloudpickle
import dask
import dask.array as da
import numpy as np
import xarray as xr
from dask.base import compute

from scatflow.arrays import namespace
from scatflow.blocks import partial
from scatflow.blocks.call import named
from scatflow.blocks.gaps import FRACTION
from scatflow.blocks.window import trimmed
from scatflow.contract import Composite, Operator, Program, Reduce, Select, Window
from scatflow.testing.block import block
from scatflow.testing.case import Case, results, with_extra
from scatflow.testing.check import Check, Failure, NotApplicable, check

#: Bytes that a graph may hold beside its tasks, and bytes per task.
GRAPH_BYTES, TASK_BYTES = 2**20, 4096
#: Blocks of the small and of the large graph whose tasks are counted.
FEW, MANY = 4, 16


def not_program(declared: type[Operator]) -> str:
    """Programs run eagerly."""
    return "a Program has no lazy form" if issubclass(declared, Program) else ""


def has_kernel(declared: type[Operator]) -> str:
    """Composites, selections and programs have no kernel of their own."""
    return "has no kernel of its own" if issubclass(declared, (Composite, Select, Program)) else ""


class Computed(Exception):
    """A block was computed."""


def _refuse(*_: Any, **__: Any) -> NoReturn:
    raise Computed


def unread(case: Case, blocks: int = 1) -> Case:
    """Return the case on lazy arrays and a lazy coordinate that raise when they are computed, a spare dim in ``blocks`` chunks."""

    def lazy(array: xr.DataArray) -> xr.DataArray:
        shape = (blocks, *array.shape)
        chunks = ((1,) * blocks, *((n,) for n in array.shape))
        meta = np.empty((0,) * len(shape), dtype=array.dtype)
        data = da.map_blocks(_refuse, chunks=chunks, dtype=array.dtype, meta=meta)
        coords: dict[Any, Any] = dict(array.coords)
        if array.ndim:  # one that is too large to be read while a graph is built
            beside = da.map_blocks(_refuse, chunks=chunks[:2], dtype="float64", meta=np.empty((0, 0)))
            coords["of_each"] = ((case.spare, array.dims[0]), beside)
        return xr.DataArray(data, dims=(case.spare, *array.dims), coords=coords, name=array.name, attrs=array.attrs)

    return case.replaced(lazy)


@check("lazy", applies=not_program)
def stays_lazy(case: Case) -> None:
    """A graph is built over blocks and a lazy coordinate that raise when they are computed, under a scheduler that raises."""
    lazy = unread(case)
    with dask.config.set(scheduler=_refuse):
        try:
            found = results(lazy.operator, *lazy.inputs)
        except Computed:
            raise Failure(
                "building the graph computes blocks", remedy="output, resolve, depth and expand see specs, never data."
            ) from None
    eager = [name for name, array in found.items() if not isinstance(array.data, da.Array)]
    if eager:
        raise Failure("results of lazy input are in memory", got=eager)


@check("lazy", applies=not_program)
def meta_matches(case: Case) -> None:
    """Dims, shape, dtype, chunks and container of every computed block are those declared, the kernel's own dtype included."""
    if has_kernel(type(case.operator)) == "":
        _kernel_results(case)
    extra = with_extra(case, case)
    lazy = extra.chunked(case.spare, 1)
    found = results(lazy.operator, *lazy.inputs)
    parts = compute({name: _blocks(array.data) for name, array in found.items()}, scheduler="synchronous")[0]
    for name, array in found.items():
        for index, part in parts[name].items():
            expected = tuple(sizes[i] for sizes, i in zip(array.data.chunks, index, strict=True))
            if tuple(part.shape) != expected or part.dtype != array.dtype or type(part) is not type(array.data._meta):
                raise Failure(f"block {index} of result {name!r} is not what was declared",
                              expected=f"{expected} {array.dtype} {type(array.data._meta).__name__}",
                              got=f"{tuple(part.shape)} {part.dtype} {type(part).__name__}",
                              remedy="output() declares shape and dtype.")  # fmt: skip


def _blocks(array: da.Array) -> dict[tuple[int, ...], da.Array]:
    """Return every block of an array as an array of its own, by position."""
    return {index: array.blocks[index] for index in np.ndindex(*array.numblocks)}


def _kernel_results(case: Case) -> None:
    """Compare what the kernel returns, before the engine casts or moves it, with the declaration."""
    call = case.call
    ports = {port.name: port for port in call.kernel.outputs}
    if isinstance(call.operator, Window) and call.operator.nan == "mask":
        del ports[FRACTION]  # the engine's own
    if isinstance(call.operator, Window):
        _untrimmed(case)
    found = raw_results(case)
    if set(found) != set(ports):
        raise Failure("the kernel returns other results than output() declares", expected=sorted(ports), got=sorted(found))
    for name, port in ports.items():
        sizes, array = call.outputs[name].sizes, found[name]
        expected = tuple(sizes[dim] for dim in port.kernel_dims)
        dtype = str(array.dtype).rpartition(".")[2]
        if tuple(array.shape) != expected or dtype != port.dtype:
            raise Failure(f"the kernel's result {name!r} is not what output() declares",
                          expected=f"{dict(zip(port.kernel_dims, expected, strict=True))} {port.dtype}",
                          got=f"{tuple(array.shape)} {dtype}")  # fmt: skip


def _untrimmed(case: Case) -> None:
    """Hold a window to one result sample per multiple of its stride in the block, whatever the block's length."""
    operator: Any = case.call.operator
    one = block(case.operator, *case.inputs)
    free = not operator.exact_margins() and all(step == 1 for step in operator.align().values())
    for add in (0, 1) if free else (0,):
        stop = {role: end + add for role, end in one.at.stop.items()}
        widths = [(0, 0)] * (one.data[0].ndim - len(stop)) + [(0, add)] * len(stop)
        longer = replace(one, data=(np.pad(one.data[0], widths, mode="edge"),), at=replace(one.at, stop=stop))
        found = longer.apply()
        for port in case.call.kernel.outputs:
            for role, axis in zip(case.call.kernel.roles, case.call.kernel.axes, strict=True):
                if port.name not in found or axis.dim not in port.kernel_dims:
                    continue
                index = port.along(axis)
                expected = len(longer.at.samples(role, index.step, index.start))
                got = found[port.name].shape[port.kernel_dims.index(axis.dim)]
                if got != expected:
                    raise Failure(f"the kernel returns {got} samples along {role!r} of a block of {longer.data[0].shape[-len(stop):]}",
                                  expected=f"{expected}: one at each multiple of the stride in the block, at.samples(role, stride)",
                                  remedy="Give irfft and irfftn the length of the block.")  # fmt: skip


def raw_results(case: Case) -> dict[str, Any]:
    """Return what the author's kernel returns on whole arrays: in kernel order and its own dtype; windows trimmed."""
    kernel = case.call.kernel
    if isinstance(kernel.operator, Reduce):
        state = partial(kernel, [np.copy(item.data) if isinstance(item, xr.DataArray) else item for item in case.inputs])
        found = kernel.operator.finalize(namespace(*state), *state)
        return dict(named(kernel, found))
    one = block(case.operator, *case.inputs)
    whole = dict(one.apply())
    if isinstance(kernel.operator, Window):
        return {port.name: trimmed(kernel, whole[port.name], port, one.at) for port in kernel.outputs if port.name in whole}
    return whole


@check("lazy", applies=not_program)
def graph_size(case: Case) -> None:
    """The number of tasks is linear in the number of blocks, and no large array is embedded in the graph."""
    few, many = (next(_graphs(unread(case, blocks))) for blocks in (FEW, MANY))
    if len(many) > (MANY / FEW) * len(few) + 16:
        raise Failure("tasks grow faster than blocks", expected=f"at most {MANY // FEW} times {len(few)} tasks",
                      got=f"{len(many)} for {MANY // FEW} times the blocks")  # fmt: skip
    size = len(cloudpickle.dumps(dict(many)))
    if size > GRAPH_BYTES + TASK_BYTES * len(many):
        raise Failure("the graph embeds data", expected=f"at most {GRAPH_BYTES} bytes and {TASK_BYTES} per task", got=f"{size} bytes",
                      remedy="Build constants in prepare(), which runs on workers.")  # fmt: skip


def _graphs(case: Case) -> Iterator[Any]:
    for array in results(case.operator, *case.inputs).values():
        if not isinstance(array.data, da.Array):
            raise NotApplicable("the result is not lazy")
        yield array.data.__dask_graph__()


CHECKS: tuple[Check, ...] = (stays_lazy, meta_matches, graph_size)
