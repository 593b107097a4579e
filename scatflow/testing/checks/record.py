"""Group *record*: a result carries what made it, enough to make it again, and units that are true."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

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
    """A result that keeps the input's units scales with the input; others drop or set them."""
    declared = type(case.operator).model_json_schema().get("properties", {})
    if any(schema.get("unit") == "data" for schema in declared.values()):
        raise NotApplicable("a parameter is in the data's unit")
    sources = {array.attrs.get("units") for array in case.arrays}
    if len(sources) != 1 or None in sources or "1" in sources or case.arrays[0].dtype.kind not in "fc":
        raise NotApplicable("the input has no unit")
    (unit,) = sources
    kept = [name for name, array in case.whole.items() if array.attrs.get("units") == unit]
    if not kept:
        return
    larger = case.replaced(lambda array: (FACTOR * array).assign_attrs(array.attrs))
    for name, array in results(larger.operator, *larger.inputs).items():
        if name in kept and difference(array.data, FACTOR * _values(case.whole[name])) > SCALED:
            raise Failure(f"result {name!r} keeps units={unit!r} but does not scale with the input",
                          expected=f"{FACTOR:g} times the result for {FACTOR:g} times the input",
                          remedy="In output(): spec.with_attrs(units=...) sets them, units=None drops them.")  # fmt: skip


def _values(array: xr.DataArray) -> Any:
    return array.values


CHECKS: tuple[Check, ...] = (attrs, units)
