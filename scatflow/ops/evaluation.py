"""Applying an operator value to labelled or bare arrays: the container kind that goes in comes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from scatflow import blocks, lower
from scatflow.arrays import usable_threads
from scatflow.contract import Composite, Operator, Program, Reduce, Ref, Source, Wire
from scatflow.errors import DimensionError, ParameterError, PlanError, near
from scatflow.graph import Call, bind
from scatflow.graph.delivered import relabeled, remember, unchanged
from scatflow.graph.provenance import Origin, bundle, extend
from scatflow.labels import assemble, spec_of, wrap
from scatflow.registry import registry


def apply(operator: Operator, *data: Any, rechunk: str | None = None, labels: bool = True) -> Any:
    """Apply an operator value to labelled or bare arrays.

    Parameters
    ----------
    operator : Operator
        The operator, with its parameters.
    *data : DataArray, Dataset, array or float
        One per input. A Dataset is mapped over its variables; a bare array gets dims ``dim_0…``.
    rechunk : {None, "auto"}
        What to do when core dims of a Dask array are split: refuse with the exact remedy, or merge them.
    labels : bool
        False returns bare arrays for bare input.

    Returns
    -------
    DataArray, Dataset or DataTree
        A Dataset for several results, a DataTree where their sizes differ.
    """
    if rechunk not in (None, "auto"):
        raise ParameterError("rechunk", "unknown value", expected='None or "auto"', got=rechunk)
    if any(isinstance(item, xr.Dataset) for item in data):
        return _over_variables(operator, data, rechunk)
    bare = not any(isinstance(item, xr.DataArray) for item in data)
    arrays = [item if isinstance(item, xr.DataArray) else _labelled(item) for item in data]
    results = _evaluate(operator, arrays, rechunk)
    if bare and not labels:
        values = {name: result.data for name, result in results.items()}
        return values[""] if list(values) == [""] else values
    return remember(assemble(results, _record(operator, arrays, results)))


def _record(operator: Operator, arrays: Sequence[Any], results: Mapping[str, xr.DataArray]) -> dict[str, str] | None:
    """Return the record of several results together; a single one has its own."""
    if list(results) == [""]:
        return None
    return bundle(results) if isinstance(operator, Composite) else extend(_origins(arrays), operator)


def _labelled(item: Any) -> Any:
    """Give a bare array dims ``dim_0…`` (U7); numbers stay numbers."""
    if isinstance(item, (int, float, complex, np.number)):
        return item
    if isinstance(item, (list, tuple)):
        item = np.asarray(item)
    if not hasattr(item, "shape") or isinstance(item, (str, bytes)):
        raise ParameterError("input", "cannot be read as an array", expected="DataArray, Dataset or array", got=type(item).__name__)
    return xr.DataArray(item)


def _over_variables(operator: Operator, data: Sequence[Any], rechunk: str | None) -> xr.Dataset:
    """Map over the variables of a Dataset; those without the core dims pass through unchanged."""
    if len(data) != 1:
        raise ParameterError(operator.name, "a Dataset is accepted as the only input", remedy="Choose variables.")
    (dataset,) = data
    dims = set(getattr(operator, "dims", None) or ())
    eligible = [name for name, variable in dataset.data_vars.items() if dims <= set(variable.dims)]
    if not eligible:
        present = [str(dim) for dim in dataset.sizes]
        missing = next((dim for dim in sorted(dims) if dim not in present), None)
        raise ParameterError(f"{operator.name} input", "no variable has the core dims", expected=sorted(dims), got=dict(dataset.sizes),
                             remedy=None if missing is None else near(missing, present), code="DimensionMissing")  # fmt: skip
    mapped = {name: apply(operator, dataset[name].rename(name), rechunk=rechunk).rename(name) for name in eligible}
    arrays = {str(name): array for name, array in mapped.items() if isinstance(array, xr.DataArray)}
    return remember(xr.Dataset(mapped, attrs=bundle(arrays) if len(arrays) == len(mapped) else None))


def _evaluate(operator: Operator, arrays: Sequence[Any], rechunk: str | None) -> dict[str, xr.DataArray]:
    if len(arrays) != len(operator.inputs):
        raise ParameterError(operator.name, "wrong number of inputs", expected=", ".join(operator.inputs), got=len(arrays))
    if isinstance(operator, Program):
        raise PlanError(f"operator {operator.name}", "an eager program runs as a job", remedy="Use Pipeline.run.")
    if isinstance(operator, Composite):
        origins = _origins(arrays)
        parts = _expanded(operator, arrays, rechunk).items()
        return {name: remember(part.assign_attrs(extend(origins, operator, name))) for name, part in parts}
    specs = [spec_of(item) if isinstance(item, xr.DataArray) else float(item) for item in arrays]
    call = bind(operator, *specs)
    data = _aligned(call, arrays)
    if any(lower.is_lazy(item) for item in data):
        values: Mapping[str, Any] = lower.lower(call, data, rechunk)
    elif isinstance(call.operator, Reduce):
        values = blocks.finalize(call.kernel, blocks.partial(call.kernel, data, threads=usable_threads()))
    else:
        values = blocks.evaluate(call.kernel, data, threads=usable_threads())
    _check_shapes(call, values)
    origins = _origins(arrays)
    return {
        name: remember(wrap(values[name], spec.with_attrs(**extend(origins, operator, name))))
        for name, spec in call.outputs.items()
    }


def _check_shapes(call: Call, values: Mapping[str, Any]) -> None:
    """Refuse results that are not what the operator declares, before labels are put on them."""
    for name, spec in call.outputs.items():
        got = tuple(values[name].shape) if name in values else None
        if got != spec.shape:
            raise DimensionError(f"operator {call.operator.name}", f"its kernel does not return the result {name!r} that output() declares",
                                 expected=dict(spec.sizes), got=got, code="ResultMisdeclared",
                                 remedy="This is a defect of the operator.")  # fmt: skip


def _aligned(call: Call, arrays: Sequence[Any]) -> list[Any]:
    """Return the data of the inputs, refusing coordinates that disagree (no silent inner join)."""
    labelled = [item for item in arrays if isinstance(item, xr.DataArray)]
    if len(labelled) > 1:
        try:
            xr.align(*labelled, join="exact", copy=False)
        except ValueError as error:
            raise ParameterError(f"{call.operator.name} input", "coordinates of the inputs differ", got=str(error).splitlines()[0],
                                 remedy="Select or interpolate to common coordinates first.") from None  # fmt: skip
    return [item.data if isinstance(item, xr.DataArray) else item for item in arrays]


def _expanded(operator: Composite, arrays: Sequence[Any], rechunk: str | None) -> dict[str, xr.DataArray]:
    """Evaluate what a composite wires, each shared part once."""
    refs = [Ref(str(i)) for i in range(len(arrays))]
    known: dict[int, dict[str, xr.DataArray]] = {}

    def value(item: Any) -> Any:
        if isinstance(item, Ref):
            array = arrays[int(item.node)]
            return array[item.output] if item.output else array
        if not isinstance(item, Wire):
            return item
        if id(item) not in known:
            known[id(item)] = _evaluate(item.operator, [value(part) for part in item.inputs], rechunk)
        results = known[id(item)]
        return results[item.output] if item.output or len(results) == 1 else xr.Dataset(results)

    wired = operator.expand(*refs)
    if isinstance(wired, Mapping):
        return {name: _single(operator, name, value(part)) for name, part in wired.items()}
    out = value(wired)
    return {str(name): out[name] for name in out.data_vars} if isinstance(out, xr.Dataset) else {"": out}


def _single(operator: Composite, name: str, part: Any) -> Any:
    if isinstance(part, xr.Dataset):
        raise ParameterError(f"operator {operator.name}", f"its result {name!r} is one of several results of a part",
                             expected=f"one of {list(map(str, part.data_vars))}", remedy=f'Wire it by name: wire(...)["{next(iter(part.data_vars))}"].')  # fmt: skip
    return part


def _origins(arrays: Sequence[Any]) -> list[Any]:
    """Return what provenance may trust of every input; an input given twice is one."""
    known = {id(item): _origin(item) for item in arrays}
    return [known[id(item)] for item in arrays]


def _origin(item: Any) -> Any:
    """Return what provenance may trust of an input.

    xarray keeps attributes and encoding through arithmetic and indexing, so a record counts only while the array still is
    what an operator or a store delivered: a lazy one tells by its Dask graph, one in memory must be known. An array
    without a record that was opened from a file and is still the same is known by its source.
    """
    if not isinstance(item, xr.DataArray):
        return item
    if not lower.is_lazy(item.data):
        return item if "scatflow" not in item.attrs or unchanged(item) else Origin()
    made = lower.maker(item.data)
    if "scatflow" in item.attrs:
        if unchanged(item):
            return item
        known = (*registry().names("operators"), *registry().names("sources"), "open_dataset")
        return item if made.partition("-")[0] in known and not relabeled(item) else Origin(token=str(item.data.name))
    source = None if lower.opened(item.data) is None else _source(item)
    return item if source is None else Origin(source=source, token=made)


def _source(array: xr.DataArray) -> Source | None:
    from scatflow.store import source_of  # brings in zarr, which arrays from elsewhere do not need

    return source_of(array, lower.opened)
