"""Group *cost*: declared memory against memory measured, since plans trust the declaration."""

from __future__ import annotations

import functools
import gc
import math
import tracemalloc
from typing import Any

import cloudpickle
import numpy as np
import xarray as xr

from scatflow.arrays import namespace, prepared_cache
from scatflow.blocks import partial
from scatflow.blocks.call import method_for
from scatflow.blocks.window import extended
from scatflow.contract import Core, Extended, Operator, Reduce
from scatflow.errors import ScatflowError
from scatflow.graph.kernel import Port, extended_place
from scatflow.spec import ArraySpec, Cost
from scatflow.testing.block import block
from scatflow.testing.case import Case
from scatflow.testing.check import Check, Failure, NotApplicable, check
from scatflow.testing.checks.lazy import has_kernel

#: How far memory may exceed the declaration, and how far it may fall short of it.
OVER, UNDER = 1.5, 0.25
#: Bytes that small objects take, which no declaration counts.
SLACK = 2**15
#: Bytes of input that a measurement is made on, by repeating items of a batch.
INPUT_BYTES = 2**18
#: Samples along all core dims that axes are prolonged to, and bytes by which a task may then grow.
GROWN, TRAVELS = 2**12, 2048


def declares_cost(declared: type[Operator]) -> str:
    """Only kernels whose author declared a cost."""
    if has_kernel(declared):
        return has_kernel(declared)
    own = any("cost" in vars(base) for base in declared.__mro__ if not base.__module__.startswith("scatflow."))
    return "" if own else "declares no cost of its own"


@check("cost", applies=has_kernel)
def cost_bound(case: Case) -> None:
    """Peak memory beyond inputs and results is at most 1.5 times what cost() declares."""
    declared, measured = _measured(case)
    if measured > OVER * declared + SLACK:
        raise Failure("the kernel takes more memory than cost() declares", expected=f"at most {OVER} times {declared} bytes",
                      got=f"{measured} bytes", remedy="Declare the largest temporaries that live at once, and constants.")  # fmt: skip


@check("cost", level=2, applies=declares_cost)
def cost_slack(case: Case) -> None:
    """Peak memory is not less than a quarter of what cost() declares, so that plans do not refuse what fits."""
    declared, measured = _measured(case)
    if declared > 4 * SLACK and measured < UNDER * declared - SLACK:
        raise Failure("cost() declares far more than the kernel takes", expected=f"at least {UNDER} times {declared} bytes",
                      got=f"{measured} bytes")  # fmt: skip


@functools.lru_cache(maxsize=64)  # the cases of an operator: two checks ask for each
def _measured(case: Case) -> tuple[int, int]:
    """Return declared and measured bytes of one evaluation on a batch, beyond inputs and results."""
    size = sum(array.nbytes for array in case.arrays)
    if size == 0:
        raise NotApplicable("the sample is empty")
    _work(case)[0]()  # what a first call imports or compiles is no memory of the kernel
    return _peak(case.replaced(lambda array: array.expand_dims({case.spare: max(1, INPUT_BYTES // size)}).copy(deep=True)))


def _peak(many: Case) -> tuple[int, int]:
    """Return declared and measured bytes of one evaluation, constants included."""
    declared = int(cost_of(many)[0].bytes)
    work, kept = _work(many)
    prepared_cache().clear()
    gc.collect(1)  # so that the next collection comes at the same point in every run; old objects do not matter to it
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        result = work()
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    del result
    return declared, max(0, peak - kept)


def cost_of(case: Case) -> tuple[Cost, int]:
    """Return what an operator declares for the blocks of a case as its kernel gets them, and their bytes."""
    kernel = case.call.kernel
    blocks = [block for block in case.kernel_blocks() if hasattr(block, "shape")]
    if isinstance(kernel.operator, Extended):
        blocks = [extended(namespace(block), kernel, block, extended_place(kernel, {})) for block in blocks]
    ports = [port for port in kernel.inputs if isinstance(port, Port)]
    specs = [ArraySpec(port.kernel_dims, tuple(block.shape), str(block.dtype)) for port, block in zip(ports, blocks, strict=True)]
    return kernel.operator.cost(*specs), sum(spec.nbytes for spec in specs)


def _work(case: Case) -> tuple[Any, int]:
    return _reduction(case) if isinstance(case.operator, Reduce) else _kernel(case)


def _kernel(many: Case) -> tuple[Any, int]:
    """Return a call of the kernel and the bytes of the results that it leaves."""
    one = block(many.operator, *many.inputs)
    library = method_for(one.xp, one.operator).removeprefix("apply_")  # what the engine runs on NumPy
    work = functools.partial(one.apply, *one.data) if library == "apply" else functools.partial(one.apply_for, library)
    return work, sum(spec.nbytes for spec in many.call.outputs.values())


def _reduction(many: Case) -> tuple[Any, int]:
    """Return a call that makes the partial state, which the declaration includes."""
    raw = [np.ascontiguousarray(item.values) for item in many.inputs if isinstance(item, xr.DataArray)]
    return functools.partial(partial, many.call.kernel, raw), 0


def grows(declared: type[Operator]) -> str:
    """Only kernels along core dims."""
    return has_kernel(declared) or ("" if issubclass(declared, Core) and max(declared.signature.counts) else "has no core dims")


@check("cost", applies=grows)
def growth(case: Case) -> None:
    """On longer core axes memory stays within cost(), and what travels with every task does not grow."""
    sizes = [case.arrays[0].sizes[dim] for dim in case.core if dim in case.arrays[0].dims]
    if not sizes or not math.prod(sizes):
        raise NotApplicable("the sample has no core samples")
    item = case.replaced(lambda array: array.isel({dim: slice(0, 1) for dim in case.batch if dim in array.dims}))
    factor = min(32, round((GROWN / math.prod(sizes)) ** (1 / len(sizes))))
    if factor < 2:
        raise NotApplicable("the sample is long already")
    long = item.replaced(lambda array: _longer(array, case.core, factor))
    try:
        travels, before = (len(cloudpickle.dumps(one.call.kernel)) for one in (long, item))
    except ScatflowError:
        raise NotApplicable("longer samples are refused") from None
    if travels > before + TRAVELS:
        raise Failure("what travels with every task grows with the core dims", expected=f"about {before} bytes",
                      got=f"{travels} bytes for {factor} times the samples along each",
                      remedy="resolve() puts no coordinates and tables into parameters; prepare() builds them on workers.")  # fmt: skip
    declared, measured = _peak(long)
    if measured > OVER * declared + 4 * SLACK:
        raise Failure(f"core axes {factor} times as long take more memory than cost() declares for them",
                      expected=f"at most {OVER} times {declared} bytes", got=f"{measured} bytes",
                      remedy="No matrix of all pairs of samples; or declare it in cost().")  # fmt: skip


def _longer(array: xr.DataArray, core: tuple[str, ...], factor: int) -> xr.DataArray:
    """Return the array repeated along its core dims, their coordinates continued."""
    for dim in core:
        if dim not in array.dims:
            continue
        count = array.sizes[dim] * factor
        coords: dict[str, Any] = {str(name): coord for name, coord in array.coords.items() if dim not in coord.dims}
        if dim in array.coords and array.sizes[dim] > 1 and array[dim].dtype.kind in "iufM":
            old = array[dim].values
            coords[dim] = (dim, old[0] + (old[-1] - old[0]) / (old.size - 1) * np.arange(count), array[dim].attrs)
        values = np.concatenate([array.values] * factor, axis=array.dims.index(dim))
        array = xr.DataArray(values, dims=array.dims, coords=coords, name=array.name, attrs=array.attrs)
    return array


CHECKS: tuple[Check, ...] = (cost_bound, cost_slack, growth)
