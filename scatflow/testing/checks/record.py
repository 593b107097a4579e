"""Group *record*: a result carries what made it, enough to make it again, and units that are true."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from scatflow.contract import Composite, Operator
from scatflow.registry import registry
from scatflow.testing.case import Case, results
from scatflow.testing.check import Check, Failure, NotApplicable, check
from scatflow.testing.checks.lazy import not_program
from scatflow.testing.compare import difference

#: Factor by which data are scaled, and how well results must scale along.
FACTOR, SCALED = 3.0, 1e-6


@check("record", applies=not_program)
def attrs(case: Case) -> None:
    """Every result's record holds id, version, parameters, distribution and its version, and rebuilds the operator."""
    operator = case.operator
    dist, number = registry().dist_of(operator)
    for name, array in case.whole.items():
        if "scatflow" not in array.attrs:
            raise Failure(f"result {name!r} carries no record", remedy="Leave the attribute 'scatflow' to the engine.")
        record = json.loads(array.attrs["scatflow"])
        nodes = record["graph"]["process_graph"]
        if isinstance(operator, Composite):
            continue  # recorded as what it wires
        node = next((one for one in nodes.values() if (one["process_id"], one.get("namespace")) == (operator.name, dist)), None)
        if node is None:
            raise Failure("the record does not name the operator", expected=f"{dist}:{operator.name}", got=sorted(nodes))
        arguments = {key: value for key, value in node["arguments"].items() if key in type(operator).model_fields}
        rebuilt = type(operator)(**arguments)
        if any(getattr(rebuilt, key) != getattr(operator, key) for key in type(operator).model_fields):
            raise Failure("the record does not rebuild the operator", expected=operator.parameters(), got=arguments)
        _versions(record, operator, dist, number)


def _versions(record: Mapping[str, Any], operator: Operator, dist: str, number: str) -> None:
    known = {entry["id"]: entry["version"] for entry in record["operators"]}
    if str(known.get(f"{dist}:{operator.name}")).partition("+")[0] != str(operator.version):
        raise Failure("the record lacks the operator's version", expected=operator.version, got=known)
    plugins = {entry["name"]: entry["version"] for entry in record["plugins"]}
    if number and dist not in plugins:
        raise Failure("the record lacks the distribution", expected=dist, got=plugins)


@check("record", applies=not_program)
def units(case: Case) -> None:
    """A result in the input's units scales with the input, and one whose numbers depend on a coordinate's unit says so in its own."""
    if case.arrays[0].dtype.kind not in "fc":
        raise NotApplicable("the input is not of floating point")
    if not any(array.attrs.get("units") for array in case.arrays):
        case = case.replaced(lambda array: array.assign_attrs(units="m s-1"))
    parameters = {schema.get("unit") for schema in type(case.operator).model_json_schema().get("properties", {}).values()}
    ran = [_scales(case)] if "data" not in parameters else []
    ran += [_respects_coordinates(case)] if "coordinate" not in parameters else []
    if not any(ran):
        raise NotApplicable("the input has no units, or a parameter is in them")


def _scales(case: Case) -> bool:
    """Hold results that keep the input's units to homogeneity; tell whether there is something to hold."""
    sources = {array.attrs.get("units") for array in case.arrays}
    if len(sources) != 1 or None in sources or "1" in sources:
        return False
    (unit,) = sources
    kept = [name for name, array in case.whole.items() if array.attrs.get("units") == unit]
    larger = case.replaced(lambda array: (FACTOR * array).assign_attrs(array.attrs))
    for name, array in results(larger.operator, *larger.inputs).items():
        if name in kept and difference(array.data, FACTOR * np.asarray(case.whole[name].values)) > SCALED:
            raise Failure(f"result {name!r} keeps units={unit!r} but does not scale with the input",
                          expected=f"{FACTOR:g} times the result for {FACTOR:g} times the input",
                          remedy="In output(): spec.with_attrs(units=...) sets them, units=None drops them.")  # fmt: skip
    return True


def _respects_coordinates(case: Case) -> bool:
    """Give the same data on coordinates in another unit: numbers that change need units that change; tell whether there are any."""
    if not any("units" in array.coords[dim].attrs for array in case.arrays for dim in array.dims if dim in array.coords):
        return False
    finer = case.replaced(_in_thousandths)
    for name, array in results(finer.operator, *finer.inputs).items():
        before = case.whole[name]
        stated = before.attrs.get("units")
        if stated is not None and array.attrs.get("units") == stated and difference(array.data, before.data) > SCALED:
            raise Failure(f"result {name!r} depends on the unit of a coordinate, and its units={stated!r} do not",
                          expected="other units for coordinates in other units, or none",
                          remedy='Build them in output() from axis_of(spec, dim).unit; a parameter in the coordinate\'s unit says unit="coordinate".')  # fmt: skip
    return True


def _in_thousandths(array: xr.DataArray) -> xr.DataArray:
    """Return the array with every coordinate that has units in a thousandth of them."""
    found = array
    for dim in array.dims:
        if dim in array.coords and "units" in array[dim].attrs and array[dim].dtype.kind in "iuf":
            coord = array[dim]
            attrs = {**coord.attrs, "units": f"m{coord.attrs['units']}"}
            if "period" in attrs:
                attrs["period"] = 1000.0 * attrs["period"]
            found = found.assign_coords({dim: (dim, 1000.0 * coord.values, attrs)})
    return found


CHECKS: tuple[Check, ...] = (attrs, units)
