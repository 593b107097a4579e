"""Arguments of operators turned into declared parameters of a pipeline."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from scatflow.errors import ParameterError, near
from scatflow.graph.canonical import after_inputs, references
from scatflow.graph.parameters import supported
from scatflow.graph.values import lookup


def lift(document: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return a copy of a process graph in which arguments are declared parameters, with their values as defaults."""
    copy: dict[str, Any] = json.loads(json.dumps(document))
    nodes = copy["process_graph"]
    result = next(name for name, node in nodes.items() if node.get("result"))
    copy["process_graph"] = {name: nodes[name] for name in after_inputs(nodes, result)}  # as people read it
    for name in dict.fromkeys(names):
        _lift(copy, name)
    return copy


def _lift(document: dict[str, Any], name: str) -> None:
    nodes = document["process_graph"]
    where, _, argument = name.rpartition(".")
    found = {id: node for id, node in nodes.items() if where in ("", id, node["process_id"]) and _liftable(node, argument)}
    if not found:
        known = sorted({key for node in nodes.values() for key in node["arguments"] if _liftable(node, key)})
        raise ParameterError("parameters", f"no operator has a parameter {name!r} to lift", expected=", ".join(known) or None,
                             remedy=near(argument, known), code="ParameterUnknown")  # fmt: skip
    values = [node["arguments"][argument] for node in found.values()]
    if any(value != values[0] for value in values):
        choices = ", ".join(f"{id}.{argument}" for id in found)
        raise ParameterError("parameters", f"{name!r} has different values", got=values, remedy=f"Lift one of {choices}.")
    declared = name.replace(".", "_").replace("-", "_")
    if any(parameter["name"] == declared for parameter in document.get("parameters", [])):
        raise ParameterError("parameters", f"{declared!r} is declared already")
    document.setdefault("parameters", []).append(_declaration(declared, argument, next(iter(found.values()))))
    for node in found.values():
        node["arguments"][argument] = {"from_parameter": declared}


def _liftable(node: Mapping[str, Any], argument: str) -> bool:
    """Tell whether an argument is a plain value: neither an array nor already a parameter."""
    return argument in node["arguments"] and not any(True for _ in references(node["arguments"][argument]))


def _declaration(name: str, argument: str, node: Mapping[str, Any]) -> dict[str, Any]:
    """Declare a parameter as the operator itself does, or freely where its plugin is not here or its type is involved."""
    value = node["arguments"][argument]
    entry: dict[str, Any] = {"name": name, "description": "", "schema": {}, "default": value}
    try:
        cls = lookup(node["process_id"], node.get("namespace"), node.get("version")).cls
        schema = cls.model_json_schema()["properties"][argument]
    except Exception:  # not installed, or types of a plugin that have no JSON Schema: the operator itself still checks
        return entry
    entry["description"] = schema.get("description", "")
    if "choices" in schema:
        schema["enum"] = schema["choices"]
    schema = {key: item for key, item in schema.items() if key not in ("default", "choices", "description", "title", "unit")}
    if supported(schema, value):
        entry["schema"] = schema
    return entry
