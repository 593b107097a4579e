"""Group *numbers*, fourth part: samples that are short, empty, constant or missing."""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr

from scatflow.contract import Composite, Core, Extended, Operator, Reduce, Select, Window
from scatflow.errors import DataError, ScatflowError
from scatflow.testing.case import Case, results, rms
from scatflow.testing.check import Check, Failure, NotApplicable, breaking, check
from scatflow.testing.checks.lazy import has_kernel, not_program, raw_results
from scatflow.testing.compare import ROUNDING, difference

Change = Callable[[xr.DataArray], xr.DataArray]
#: A number that stands for a missing value.
SENTINEL = -9999.0


@check("numbers", applies=not_program)
def degenerate(case: Case) -> None:
    """Samples that are short, single, empty, constant or missing give a result as declared, or an error that says why."""
    for failure, _ in _outcomes(case).values():
        if failure is not None:
            raise failure


@check("numbers", level=2, applies=not_program)
def quiet(case: Case) -> None:
    """Such samples cause no warnings from NumPy either."""
    for what, (_, warning) in _outcomes(case).items():
        if warning:
            raise Failure(f"a warning on {what}", got=warning, remedy="Use where() or numpy.errstate.")


@functools.lru_cache(maxsize=64)  # the cases of an operator: two checks ask for each
def _outcomes(case: Case) -> Mapping[str, tuple[Failure | None, str]]:
    """Return what became of every degraded sample: a failure if there was one, and NumPy's first warning."""
    found = {}
    for what, change in _degenerate(case).items():
        failure = None
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                survives(case, what, change)
            except Failure as error:
                failure = error
        texts = (str(entry.message) for entry in caught if issubclass(entry.category, RuntimeWarning))
        found[what] = (failure, next(texts, ""))
    return found


def _degenerate(case: Case) -> dict[str, Change]:
    """Return ways to degrade an array, by name."""
    dims = case.core or tuple(dict.fromkeys(str(dim) for array in case.arrays for dim in array.dims))[:1]
    spare = case.spare
    found: dict[str, Change] = {}
    for count in (-1, 3, 2, 1) if dims else ():
        words = "one sample less" if count < 0 else f"{count} samples"
        where = "along the core dims" if case.core else f"along {dims[0]!r}"
        found[f"{words} {where}"] = functools.partial(_shortened, dims=dims, count=count)
    found["an empty batch dim"] = lambda array: array.expand_dims({spare: 1}).isel({spare: slice(0, 0)})
    found["zeros"] = lambda array: array.copy(data=np.zeros_like(array.values))
    if case.arrays[0].dtype.kind in "fc":
        found["a missing value"] = _with_nan
        found["nothing but missing values"] = lambda array: array.copy(data=np.full_like(array.values, np.nan))
    return found


def _shortened(array: xr.DataArray, dims: tuple[str, ...], count: int) -> xr.DataArray:
    return array.isel({dim: slice(0, count) for dim in dims if dim in array.dims})


def _with_nan(array: xr.DataArray) -> xr.DataArray:
    values = array.values.copy()
    if values.size:
        values[tuple(n // 2 for n in values.shape)] = np.nan
    return array.copy(data=values)


def survives(case: Case, what: str, change: Change) -> None:
    """Raise Failure where an operator breaks on a changed case: neither a result as declared nor an error that says why."""
    try:
        with breaking(what, "Check sizes and labels in resolve() or output()."):
            poor = case.replaced(change)
            declared = poor.call.outputs if isinstance(case.operator, Core) and _as_declared(case) else {}
            found = results(poor.operator, *poor.inputs)
            _raw_as_declared(poor, what)
    except ScatflowError as error:
        if error.code == "ResultMisdeclared":
            raise Failure(f"{what}: the kernel does not return what is declared", expected=error.expected, got=error.got) from error
        if not error.rule.strip():
            raise Failure(f"{what}: an error without a reason", got=repr(error)) from error
        return
    for name, array in found.items():
        if name in declared and tuple(array.shape) != declared[name].shape:
            raise Failure(f"{what}: result {name!r} has not the declared shape", expected=declared[name].shape, got=array.shape)


def _raw_as_declared(poor: Case, what: str) -> None:
    """Hold what a kernel returns to the declaration, before the engine could have made it fit; windows are trimmed by the engine."""
    if (
        has_kernel(type(poor.operator))
        or isinstance(poor.operator, (Reduce, Window))
        or any(array.size == 0 for array in poor.arrays)
    ):
        return
    ports, found = poor.call.kernel.outputs, raw_results(poor)
    for port in ports:
        expected = tuple(poor.call.outputs[port.name].sizes[dim] for dim in port.kernel_dims)
        if port.name in found and tuple(found[port.name].shape) != expected:
            raise Failure(f"{what}: the kernel's result {port.name!r} has not the declared shape", expected=expected,
                          got=tuple(found[port.name].shape))  # fmt: skip


def _as_declared(case: Case) -> bool:
    """Tell whether usual samples give results of the declared shape, which is for meta_matches to say."""
    return all(case.whole[name].shape == spec.shape for name, spec in case.call.outputs.items() if name in case.whole)


def policies(declared: type[Operator]) -> str:
    """Only kinds with a policy for gaps."""
    return "" if issubclass(declared, Extended) else "for kinds that look beyond their samples"


@check("numbers", applies=policies)
def gaps(case: Case) -> None:
    """nan="error" refuses an interior gap, missing= stands for one, and nan="mask" changes nothing where there is none."""
    operator: Any = case.operator
    if case.arrays[0].dtype.kind != "f" or operator.nan != "propagate" or operator.missing is not None:
        raise NotApplicable("the sample is not real, or the example has a policy of its own")
    hole = case.replaced(_with_nan)
    try:
        results(operator.replace(nan="error"), *hole.inputs)
    except DataError:
        pass
    else:
        raise Failure('an interior gap is accepted under nan="error"', expected="DataError")
    marked = case.replaced(lambda array: _with_nan(array).fillna(SENTINEL), missing=SENTINEL)
    _alike(marked.whole, hole.whole, f"missing={SENTINEL:g} does not stand for a gap")
    try:
        masked = case.replaced(lambda array: array, nan="mask").whole
    except ScatflowError:
        return  # this example has no mask, and says so
    plain = dict(case.whole) if len(case.whole) > 1 else {case.operator.name: next(iter(case.whole.values()))}
    _alike({name: masked[name] for name in plain if name in masked}, plain, 'nan="mask" changes results where nothing is missing')
    shares = [array for name, array in masked.items() if name == "valid_fraction"]
    shares += [array["valid_fraction"] for array in case.whole.values() if "valid_fraction" in array.coords]
    for share in shares:
        if not ((share.values >= -1e-6) & (share.values <= 1 + 1e-6)).all():
            raise Failure("valid_fraction lies outside 0 and 1", got=f"{share.values.min():.3g} to {share.values.max():.3g}",
                          remedy="Rows of coverage() sum to one over the samples of the block.")  # fmt: skip


def _alike(found: Mapping[str, xr.DataArray], expected: Mapping[str, xr.DataArray], rule: str) -> None:
    for name, array in found.items():
        if difference(array.values, expected[name].values) > ROUNDING:
            raise Failure(
                f"{rule}{f' (result {name!r})' if name else ''}", got=f"{difference(array.values, expected[name].values):.2g}"
            )


def passes_nan(declared: type[Operator]) -> str:
    """Only kernels without a policy of their kind."""
    if issubclass(declared, (Extended, Composite, Select)) or "nan" in declared.model_fields:
        return "has a policy for gaps, or no kernel"
    return not_program(declared)


@check("numbers", level=2, applies=passes_nan)
def nan_passes(case: Case) -> None:
    """A result that a sample counts for is missing where the sample is, or a switch among the parameters makes it so."""
    if case.arrays[0].dtype.kind not in "fc":
        raise NotApplicable("the input is not of floating point")
    found = _numbers_for_nan(case)
    if found and any(not _numbers_for_nan(other) for other in _switched(case)):
        raise NotApplicable("the example has a policy for gaps of its own")
    if found:
        raise Failure("numbers where a missing sample counts", got=found,
                      remedy="Comparisons with NaN are false: use where(isnan(x), x, ...). A policy of its own is a parameter.")  # fmt: skip


def _numbers_for_nan(case: Case) -> str:
    """Return where a result that depends on a missing sample is a number nevertheless, or an empty text."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            gone, moved = (_put(case, change).whole for change in (lambda value: np.nan, lambda value: 1.5 * value + 0.3))
        except ScatflowError:
            return ""  # refused, which says so too
    for name, array in case.whole.items():
        if array.dtype.kind not in "fc":
            continue
        counts = np.abs(moved[name].values - array.values) > 1e-12 * (rms(array.values) or 1.0)
        kept = counts & np.isfinite(gone[name].values)
        if kept.any():
            return f"{int(kept.sum())} of {int(counts.sum())} that depend on it{f' (result {name!r})' if name else ''}"
    return ""


def _switched(case: Case) -> Iterator[Case]:
    """Yield the case with one switch after the other turned."""
    for name, value in case.operator.parameters().items():
        if isinstance(value, bool):
            with contextlib.suppress(ScatflowError):
                yield case.replaced(lambda array: array, **{name: not value})


def _put(case: Case, change: Callable[[Any], Any]) -> Case:
    """Return the case with the sample in the middle of its first array changed."""
    first = case.arrays[0]
    at = tuple(n // 2 for n in first.shape)

    def put(array: xr.DataArray) -> xr.DataArray:
        if array is not first:
            return array
        values = array.values.copy()
        values[at] = change(values[at])
        return array.copy(data=values)

    return case.replaced(put)


CHECKS: tuple[Check, ...] = (degenerate, quiet, gaps, nan_passes)
