"""Group *numbers*, first part: the same numbers whatever the chunks, the batch, the order of dims and the repetition."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import dask
import numpy as np
import xarray as xr

from scatflow.arrays import prepared_cache
from scatflow.contract import Composite, Core, Operator, Reduce
from scatflow.contract.wiring import Ref, Wire
from scatflow.errors import ChunkError
from scatflow.testing.block import block
from scatflow.testing.case import Case, box_chunks, draw, is_kernel, results, with_extra
from scatflow.testing.check import Check, Failure, NotApplicable, check
from scatflow.testing.checks.lazy import has_kernel, not_program, raw_results
from scatflow.testing.compare import ROUNDING, SINGLE, compare_labelled, compare_values, computed, difference

#: Axis lengths up to which every sample is made a chunk of its own.
SINGLES = 16


def chunkings(case: Case) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield dims and ways to split them: single samples, one sample and the rest, random."""
    rng = np.random.default_rng(5)
    sizes = {str(dim): size for array in case.arrays for dim, size in array.sizes.items()}
    for dim, size in sizes.items():
        if size < 2:
            continue
        cuts: list[list[int]] = [list(range(1, size))] if size <= SINGLES else []
        cuts += [[1], sorted(rng.choice(np.arange(1, size), size=min(3, size - 1), replace=False).tolist())]
        for cut in cuts:
            yield dim, tuple(stop - start for start, stop in box_chunks(size, cut))


@check("numbers", applies=not_program)
def chunk_invariance(case: Case) -> None:
    """Every way to chunk any dim gives the numbers and labels of whole arrays, or is refused with the remedy."""
    for one in (case, *_pooled(case)):
        for dim, sizes in chunkings(one):
            split = one.chunked(dim, sizes)
            try:
                lazy = results(split.operator, *split.inputs)
            except ChunkError:
                continue  # core dims stay whole; how a window crosses chunks is checked by halo_blocks
            compare_labelled(lazy, one.whole, ROUNDING, f"chunks {sizes} along {dim!r} change the result",
                             "A kernel must not depend on what else is in its block.")  # fmt: skip


def _pooled(case: Case) -> Iterator[Case]:
    """Yield, for a reduction that pools no batch dim, the case in which it does."""
    if isinstance(case.operator, Reduce) and case.operator.over is None:
        batch = [str(dim) for dim in case.arrays[0].dims if dim not in case.core]
        if batch:
            yield case.replaced(lambda array: array, over=tuple(batch[:1]))


@check("numbers", applies=not_program)
def batch_and_order(case: Case) -> None:
    """One more batch dim changes nothing else, its coordinates are kept; transposed inputs give the same labelled result."""
    drawn = _other(case)
    pair = with_extra(case, drawn)
    together = results(pair.operator, *pair.inputs)
    for index, one in enumerate((case, drawn)):
        for name, expected in one.whole.items():
            array = together.get(name)
            if array is None or "extra" not in array.dims:
                raise Failure(
                    "a batch dim is lost", got=None if array is None else array.dims, remedy="Keep dims that are not core."
                )
            item = array.isel(extra=index).transpose(*expected.dims)
            if difference(item.data, expected.data) > ROUNDING:
                raise Failure("items of a batch influence each other, or the kernel fixes the number of axes",
                              remedy="Use negative axes and `...`.")  # fmt: skip
            _kept(array, pair.arrays[0])
    turned = case.replaced(lambda array: array.transpose(*reversed(array.dims)))
    found = {name: array.transpose(*case.whole[name].dims) for name, array in results(turned.operator, *turned.inputs).items()}
    compare_labelled(found, case.whole, ROUNDING, "transposed inputs change the result")


def _other(case: Case) -> Case:
    """Return the case with other numbers under the same labels."""
    count = len(case.core)
    kind = case.arrays[0].dtype.kind
    others = draw(case.operator, count, "c" if kind == "c" else "f", seed=1)
    inputs = tuple(
        one.copy(data=two.values.astype(one.dtype)) if isinstance(one, xr.DataArray) and isinstance(two, xr.DataArray)
        and one.shape == two.shape else one for one, two in zip(case.inputs, others, strict=True)
    )  # fmt: skip
    return Case(case.operator, inputs, case.label)


def _kept(array: xr.DataArray, source: xr.DataArray) -> None:
    for name in ("extra", "extra_word"):
        if name not in array.coords or not np.array_equal(array[name].values, source[name].values):
            raise Failure(f"coordinate {name!r} of a batch dim is lost or changed", remedy="Derive output() from the input's spec.")


def has_core(declared: type[Operator]) -> str:
    """Only kinds with core dims bind dims to roles."""
    if issubclass(declared, Core) and max(declared.signature.counts) > 1:
        return ""
    return "for two and more core dims"


@check("numbers", applies=has_core)
def dims_order(case: Case) -> None:
    """The order in which core dims are named changes nothing."""
    dims = getattr(case.operator, "dims", None) or ()
    if len(dims) < 2:
        raise NotApplicable("this example has one core dim")
    turned = case.replaced(lambda array: array, dims=tuple(reversed(dims)))
    compare_labelled(results(turned.operator, *turned.inputs), case.whole, 0.0, "dims in another order change the result",
                     "Take core axes from the block's last axes or from at, not from self.dims.")  # fmt: skip


@check("numbers", applies=not_program)
def dtype(case: Case) -> None:
    """Single precision stays single, reductions return double, and results are those of double precision to 1e-4."""
    if case.arrays[0].dtype.kind not in "fc":
        raise NotApplicable("the input is not of floating point")
    single = case.single()
    if not isinstance(case.operator, Composite):  # whose parts may be reductions
        _declared_precision(single)
    if not has_kernel(type(case.operator)):
        _kernel_precision(single)
    found = {name: array.data for name, array in single.whole.items()}
    compare_values(found, {name: array.data for name, array in case.whole.items()}, SINGLE,
                   "single precision loses accuracy", "Accumulate sums in float64.")  # fmt: skip


def _declared_precision(single: Case) -> None:
    """Refuse double results of single input, but where all core dims are averaged away; reductions must return them."""
    for name, array in single.whole.items():
        wide, narrow = array.dtype.name in ("float64", "complex128"), array.dtype.name in ("float32", "complex64")
        statistic = single.core and not set(single.core) & set(array.dims)
        if isinstance(single.operator, Reduce) and narrow:
            raise Failure(f"result {name!r} of a reduction is single", expected="float64 or complex128", got=array.dtype.name)
        if wide and not isinstance(single.operator, Reduce) and not statistic:
            raise Failure(f"result {name!r} of single-precision input is declared double", expected="float32 or complex64",
                          got=array.dtype.name, remedy="Derive the dtype in output() from the input's.")  # fmt: skip


def _kernel_precision(single: Case) -> None:
    ports = {port.name: port.dtype for port in single.call.kernel.outputs}
    for name, array in raw_results(single).items():
        found = str(array.dtype).rpartition(".")[2]
        if name in ports and found != ports[name]:
            raise Failure(f"the kernel computes result {name!r} of single-precision input in another dtype", expected=ports[name], got=found,
                          remedy="Python numbers keep the precision of arrays; constants need dtype=block.dtype.")  # fmt: skip


@check("numbers", applies=not_program)
def purity(case: Case) -> None:
    """Inputs are not changed, and neither are the global random generators."""
    copies = [array.values.copy() for array in case.arrays]

    def sealed(array: xr.DataArray) -> xr.DataArray:
        values = array.values.copy()
        values.flags.writeable = False
        return array.copy(data=values)

    before, python = np.random.get_state(), random.getstate()  # noqa: NPY002  (the global state is what is watched)
    try:
        prepared_cache().clear()
        frozen = case.replaced(sealed)
        results(frozen.operator, *frozen.inputs)
        results(case.operator, *case.inputs)
    except ValueError as error:
        if "read-only" in str(error):
            raise Failure("the kernel writes into its input", got=str(error), remedy="Copy first.") from error
        raise
    changed = [
        array.name
        for array, copy in zip(case.arrays, copies, strict=True)
        if not np.array_equal(array.values, copy, equal_nan=True)
    ]
    if changed:
        raise Failure("the input is changed", got=changed, remedy="Copy before writing in place.")
    after = np.random.get_state()  # noqa: NPY002
    if not all(np.array_equal(a, b) for a, b in zip(before, after, strict=True)) or random.getstate() != python:
        raise Failure("a global random generator is used", remedy="Draw from scatflow.arrays, keyed by seed and absolute index.")


@check("numbers", applies=not_program)
def determinism(case: Case) -> None:
    """The same input gives the same bytes again: with constants built anew, on threads and one block after the other."""
    first = {name: array.data for name, array in case.whole.items()}
    prepared_cache().clear()
    _same(first, {name: array.data for name, array in results(case.operator, *case.inputs).items()}, "a second call")
    pair = with_extra(case, case)
    lazy = results(pair.operator, *pair.chunked("extra", 1).inputs)
    with dask.config.set(num_workers=4):
        threads = {name: array.data for name, array in computed(lazy, "threads").items()}
    _same({name: array.data for name, array in computed(lazy).items()}, threads, "evaluation on threads")


def _same(first: dict[str, Any], again: dict[str, Any], what: str) -> None:
    for name, values in first.items():
        if np.asarray(values).tobytes() != np.asarray(again[name]).tobytes():
            raise Failure(f"{what} gives other bytes", got=f"a relative rms difference of {difference(again[name], values):.2g}",
                          remedy="Take randomness from a seed parameter and absolute indices; share no state between calls.")  # fmt: skip


def has_specialized(declared: type[Operator]) -> str:
    """Only operators with a kernel for one library."""
    return "" if hasattr(declared, "apply_numpy") else "has no kernel for NumPy alone"


@check("numbers", applies=has_specialized)
def specialized(case: Case) -> None:
    """The kernel for NumPy gives the numbers of the plain one, in double and single precision."""
    if not is_kernel(case.operator):
        raise NotApplicable("has no kernel of its own")
    for one, tol in ((case, ROUNDING), (case.single(), SINGLE)):
        plain = block(one.operator, *one.inputs)
        compare_values(plain.apply_for("numpy"), plain.apply(), tol, "apply_numpy differs from apply")


def has_reference(declared: type[Operator]) -> str:
    """Only operators that name another way to their result."""
    return "" if declared.reference is not Operator.reference else "names no reference"


@check("numbers", applies=has_reference)
def reference(case: Case) -> None:
    """The result equals that of the simpler operators that reference() wires."""
    inputs = {Ref(str(number)): item for number, item in enumerate(case.inputs)}
    wired = case.operator.reference(*inputs)
    if wired is None:
        raise NotApplicable("this example names no reference")
    outcome = _wired(wired, inputs)
    expected = {"": outcome} if isinstance(outcome, xr.DataArray) else outcome
    compare_values({name: array.data for name, array in case.whole.items()}, {name: array.data for name, array in expected.items()},
                   case.tolerance() or ROUNDING, "the result differs from its reference")  # fmt: skip


def _wired(item: Any, inputs: dict[Ref, Any]) -> Any:
    """Return what a wiring evaluates to."""
    if isinstance(item, Ref):
        return inputs[item]
    if not isinstance(item, Wire):
        return {name: _wired(part, inputs) for name, part in item.items()} if isinstance(item, dict) else item
    found = results(item.operator, *(_wired(part, inputs) for part in item.inputs))
    return found[item.output] if item.output else found[""] if list(found) == [""] else found


CHECKS: tuple[Check, ...] = (
    chunk_invariance, batch_and_order, dims_order, dtype, purity, determinism, specialized, reference,
)  # fmt: skip
