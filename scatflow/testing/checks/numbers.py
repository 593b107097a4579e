"""Group *numbers*, second part: precision, repetition, and other ways to the same numbers."""

from __future__ import annotations

import random
import sys
import time
from typing import Any

import dask
import numpy as np
import xarray as xr

from scatflow.arrays import prepared_cache
from scatflow.contract import Composite, Operator, Reduce
from scatflow.contract.wiring import Ref, Wire
from scatflow.errors import ScatflowError
from scatflow.testing.block import block
from scatflow.testing.case import Case, is_kernel, results, with_extra
from scatflow.testing.check import Check, Failure, NotApplicable, check
from scatflow.testing.checks.lazy import has_kernel, not_program, raw_results
from scatflow.testing.compare import ROUNDING, SINGLE, compare_values, computed, difference

#: Largest relative rms difference of single precision from double far from zero, where numbers have fewer digits left.
CANCELLED = 1e-3
#: Bytes of items that threads share out, how often, and seconds that are enough for it.
SHARED_BYTES, ROUNDS, ENOUGH = 2**18, 3, 0.05


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


@check("numbers", level=2, applies=not_program)
def far_from_zero(case: Case) -> None:
    """Single precision holds on data far from zero, such as temperatures in kelvin: sums of squares are not subtracted."""
    if case.arrays[0].dtype.kind != "f" or isinstance(case.operator, Composite):
        raise NotApplicable("the input is not real, or the numbers are those of parts")
    far = case.replaced(lambda array: (array + 300.0).astype("float32").assign_attrs(array.attrs))
    try:
        single, double = far.whole, far.astype("float64").whole
    except ScatflowError:
        raise NotApplicable("such data are refused") from None
    for name, array in double.items():
        distance = difference(single[name].values, array.values)
        if not distance <= CANCELLED:
            raise Failure(f"single precision of data around 300 loses accuracy{f' (result {name!r})' if name else ''}",
                          expected=f"a relative rms difference of at most {CANCELLED:g}", got=f"{distance:.2g}",
                          remedy="Subtract the mean before squaring, or accumulate in float64.")  # fmt: skip


def _counts(declared: type[Operator]) -> str:
    """Only operators that take integers."""
    return not_program(declared) or ("" if "i" in declared.dtypes else "takes no integers")


@check("numbers", applies=_counts)
def integers(case: Case) -> None:
    """Integers of every width give the numbers of the widest, and those of reals where the operator takes both."""
    ready = case.arrays[0].dtype.kind in "iub"
    counted = case if ready else case.replaced(lambda array: array.copy(data=(np.abs(array.values.real) * 4).astype("int64") % 10))
    if any(array.size and not 0 <= array.values.min() <= array.values.max() < 128 for array in counted.arrays):
        raise NotApplicable("the sample holds numbers that narrow integers cannot")
    wide = counted.astype("float64") if "f" in case.operator.dtypes else counted
    for width in ("int64", "uint8", "int8"):
        narrow = counted.astype(width)
        try:
            found, expected = narrow.whole, wide.whole
        except ScatflowError as error:
            if error.code == "ResultMisdeclared":
                raise
            continue  # this example does not take it
        for name, array in expected.items():
            distance = difference(found[name].values.astype("float64"), array.values.astype("float64"))
            if not distance <= SINGLE:
                raise Failure(f"{width} gives other numbers than {wide.arrays[0].dtype}{f' (result {name!r})' if name else ''}",
                              got=f"a relative rms difference of {distance:.2g}",
                              remedy="Convert before computing: xp.astype(block, xp.float64); sums of narrow integers overflow.")  # fmt: skip


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
    copies = [array.copy(deep=True) for array in case.arrays]

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
    changed = [array.name for array, copy in zip(case.arrays, copies, strict=True) if not array.identical(copy)]
    if changed:
        raise Failure("the input is changed, or its labels are", got=changed, remedy="Copy before writing in place.")
    after = np.random.get_state()  # noqa: NPY002
    if not all(np.array_equal(a, b) for a, b in zip(before, after, strict=True)) or random.getstate() != python:
        raise Failure("a global random generator is used", remedy="Draw from scatflow.arrays, keyed by seed and absolute index.")


@check("numbers", applies=not_program)
def determinism(case: Case) -> None:
    """The same input gives the same bytes again: with constants built anew, on threads and one block after the other."""
    first = {name: array.data for name, array in case.whole.items()}
    prepared_cache().clear()
    began = time.perf_counter()
    _same(first, {name: array.data for name, array in results(case.operator, *case.inputs).items()}, "a second call")
    many = _shared_out(case, int(ENOUGH / (time.perf_counter() - began)))
    plain = {name: array.data for name, array in computed(results(many.operator, *many.inputs)).items()}
    interval, began = sys.getswitchinterval(), time.perf_counter()
    sys.setswitchinterval(1e-6)  # so that threads meet inside kernels
    try:
        for number in range(ROUNDS):
            if number and time.perf_counter() - began > ENOUGH:
                break
            with dask.config.set(num_workers=4):
                threads = {name: array.data for name, array in computed(results(many.operator, *many.inputs), "threads").items()}
            _same(plain, threads, "evaluation on threads")
    finally:
        sys.setswitchinterval(interval)


def _shared_out(case: Case, most: int) -> Case:
    """Return items of different numbers, each a chunk of its own: as many as a check has time for."""
    one, two = (
        each.replaced(lambda array: array.isel({dim: slice(0, 1) for dim in case.batch if dim in array.dims}))
        for each in (case, case.other)
    )
    pair = with_extra(one, two)
    copies = max(1, min(16, most // 2, SHARED_BYTES // max(1, sum(array.nbytes for array in pair.arrays))))

    def repeated(array: xr.DataArray) -> xr.DataArray:
        # The chunks below are what threads share out; equal items further apart do no harm.
        values = np.concatenate([array.values] * copies)
        coords = {str(name): coord for name, coord in array.coords.items() if case.spare not in coord.dims}
        return xr.DataArray(values, dims=array.dims, coords=coords, name=array.name, attrs=array.attrs)

    return pair.replaced(repeated).chunked(case.spare, 1)


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
    """The result equals that of the simpler operators that reference() wires, also where every core dim is spaced differently."""
    _as_wired(case)
    if case.core:
        _as_wired(case.replaced(lambda array: _spaced(array, case.core)))


def _spaced(array: xr.DataArray, core: tuple[str, ...]) -> xr.DataArray:
    """Return the array with a spacing of its own along every core dim, every second one decreasing."""
    for number, dim in enumerate(core):
        if dim in array.dims and dim in array.coords and array[dim].dtype.kind == "f":
            step = 0.3 * (number + 1) * (-1) ** (len(core) - 1 - number)
            array = array.assign_coords({dim: (dim, 7.0 + step * np.arange(array.sizes[dim]), array[dim].attrs)})
    return array


def _as_wired(case: Case) -> None:
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


CHECKS: tuple[Check, ...] = (dtype, integers, far_from_zero, purity, determinism, specialized, reference)
