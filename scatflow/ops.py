"""Operators by name: ``ops.scattering(da, dims=("y", "x"), J=5)``.

The functions are generated from the declarations, so signature, docstring and completion never drift from what an
operator accepts. The container kind that goes in comes out; nothing lazy is computed.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from scatflow import blocks, lower
from scatflow.contract import Composite, Operator, Program, Reduce, Ref, Wire
from scatflow.errors import ParameterError, PlanError, RegistryError, UnknownParameterError
from scatflow.graph import Call, bind
from scatflow.graph.provenance import extend
from scatflow.labels import spec_of, wrap
from scatflow.registry import registry

#: Keywords of every call that concern evaluation, not numerical meaning; they never enter identity or provenance.
CALL_KEYWORDS = ("rechunk", "labels")
_SHARED = ("dtype", "dims", "sampling", "boundary", "nan", "missing", "min_valid", "over")


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
    return assemble(results)


def _labelled(item: Any) -> Any:
    """Give a bare array dims ``dim_0…`` (U7); numbers stay numbers."""
    if isinstance(item, (int, float)) or np.isscalar(item):
        return item
    if isinstance(item, (list, tuple)):
        item = np.asarray(item)
    if not hasattr(item, "shape"):
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
        raise ParameterError(f"{operator.name} input", "no variable has the core dims", expected=sorted(dims), got=dict(dataset.sizes))
    mapped = {name: apply(operator, dataset[name].rename(name), rechunk=rechunk).rename(name) for name in eligible}
    return xr.Dataset(mapped)


def _evaluate(operator: Operator, arrays: Sequence[Any], rechunk: str | None) -> dict[str, xr.DataArray]:
    if isinstance(operator, Program):
        raise PlanError(f"operator {operator.name}", "an eager program runs as a job", remedy="Use Pipeline.run.")
    if isinstance(operator, Composite):
        return _expanded(operator, arrays, rechunk)
    specs = [spec_of(item) if isinstance(item, xr.DataArray) else float(item) for item in arrays]
    call = bind(operator, *specs)
    data = _aligned(call, arrays)
    if any(lower.is_lazy(item) for item in data):
        values: Mapping[str, Any] = lower.lower(call, data, rechunk)
    elif isinstance(call.operator, Reduce):
        values = blocks.finalize(call.kernel, blocks.partial(call.kernel, data))
    else:
        values = blocks.evaluate(call.kernel, data)
    return {name: wrap(values[name], spec.with_attrs(**extend(arrays, operator, name))) for name, spec in call.outputs.items()}


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

    out = value(operator.expand(*refs))
    return {str(name): out[name] for name in out.data_vars} if isinstance(out, xr.Dataset) else {"": out}


def assemble(results: Mapping[str, xr.DataArray]) -> Any:
    """Return one DataArray, a Dataset of named results, or a DataTree where their sizes or labels differ."""
    if list(results) == [""]:
        return results[""]
    sizes: dict[Any, int] = {}
    for result in results.values():
        for dim, size in result.sizes.items():
            if sizes.setdefault(dim, size) != size:
                return xr.DataTree.from_dict({f"/{name}": xr.Dataset({str(r.name): r}) for name, r in results.items()})
    dataset = xr.Dataset({name: result.rename(name) for name, result in results.items()})
    first = next(iter(results.values()))
    return dataset.assign_attrs({key: first.attrs[key] for key in ("scatflow",) if key in first.attrs})


class OperatorFunction:
    """An operator as a function; ``operator`` is the class with the full declaration."""

    def __init__(self, operator: type[Operator]) -> None:
        self.operator = operator
        self.__name__ = self.__qualname__ = operator.name
        self.__module__ = __name__
        self.__doc__ = document(operator)
        self.__signature__ = signature(operator)

    def __call__(self, *data: Any, **keywords: Any) -> Any:
        names = self.operator.inputs
        given = [keywords.pop(name) for name in names[len(data) :] if name in keywords]
        inputs = (*data, *given)
        if len(inputs) != len(names):
            raise UnknownParameterError(self.__name__, "wrong number of inputs", expected=", ".join(names), got=len(inputs))
        options = {key: keywords.pop(key) for key in CALL_KEYWORDS if key in keywords}
        return apply(self.operator(**keywords), *inputs, **options)

    def __repr__(self) -> str:
        return f"<operator {self.__name__}{self.__signature__}>"


def signature(operator: type[Operator]) -> inspect.Signature:
    """Return the call signature generated from the declaration: inputs, own parameters, shared ones."""
    fields = operator.model_fields
    order = [key for key in fields if key not in _SHARED]
    lead = [key for key in ("dims", "over") if key in fields]
    tail = [key for key in _SHARED if key in fields and key not in lead]
    positional = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in operator.inputs]
    keyword = []
    for key in (*lead, *order, *tail):
        default = inspect.Parameter.empty if fields[key].is_required() else fields[key].get_default(call_default_factory=True)
        keyword.append(inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=fields[key].annotation))
    extra = [
        inspect.Parameter("rechunk", inspect.Parameter.KEYWORD_ONLY, default=None),
        inspect.Parameter("labels", inspect.Parameter.KEYWORD_ONLY, default=True),
    ]
    return inspect.Signature([*positional, *keyword, *extra])


def document(operator: type[Operator]) -> str:
    """Return the docstring: the class's own, then the table of parameters and the references."""
    lines = [inspect.cleandoc(operator.__doc__ or operator.name), "", "Parameters", "----------"]
    lines += [f"{name} : DataArray, Dataset or array" for name in operator.inputs]
    for key, info in operator.model_fields.items():
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        unit = f" [{extra['unit']}]" if "unit" in extra else ""
        lines.append(f"{key} : {_type_name(info.annotation)}{unit}")
        lines.append(f"    {info.description or ''}".rstrip())
    if operator.references:
        lines += ["", "References", "----------", *operator.references]
    return "\n".join(lines)


def _type_name(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")


class Operators:
    """Namespace of all operators of the active plugins; attributes are loaded on first use."""

    def __getattr__(self, name: str) -> OperatorFunction:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            found = registry().find("operators", name)
        except RegistryError as error:
            # AttributeError keeps hasattr() and completion working; the text stays the registry's.
            raise UnknownOperatorError(error.subject, error.rule, remedy=error.remedy, code=error.code) from None
        function = OperatorFunction(found)
        self.__dict__[name] = function
        return function

    def __getitem__(self, name: str) -> OperatorFunction:
        return OperatorFunction(registry().find("operators", name))

    def __dir__(self) -> list[str]:
        return list(registry().names("operators"))


class UnknownOperatorError(ParameterError, AttributeError, LookupError):
    """An operator that no active plugin provides."""

    default_code = "ProcessUnsupported"


ops = Operators()

