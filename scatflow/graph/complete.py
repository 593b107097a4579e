"""A document as it is to be stored: as its author wrote it, with current names, distributions and versions filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scatflow.api import revision_of
from scatflow.graph.canonical import reference
from scatflow.graph.model import DATASET, NAMESPACE, OWN_VERSION, VARIABLE, Graph
from scatflow.graph.version import Versions


def complete(document: Mapping[str, Any], graph: Graph) -> dict[str, Any]:
    """Return a valid document in which every node states what its graph uses.

    Parameters
    ----------
    document : mapping
        The document, parameters unresolved.
    graph : Graph
        What it was parsed to.
    """
    versions = Versions(allow_drift=True)  # what was refused has been refused before
    values = {node.id: node.value.parameters() for node in graph.nodes}
    nodes = {}
    for name, node in document["process_graph"].items():
        process, namespace, version = _named(versions, node)
        named = {"process_id": process, "namespace": namespace, "version": version}
        rest = {key: value for key, value in node.items() if key not in named}
        if rest.get("arguments"):
            rest["arguments"] = _pinned(rest["arguments"], values.get(name, {}))
        nodes[name] = {**named, **rest}
    drift = {"drift": [one.to_dict() for one in graph.drift]} if graph.drift else {}
    return {**document, "process_graph": nodes, **drift}


def _named(versions: Versions, node: Mapping[str, Any]) -> tuple[str, str, Any]:
    if node["process_id"] in (VARIABLE, DATASET):
        return node["process_id"], NAMESPACE, OWN_VERSION
    found = versions.find(node["process_id"], node.get("namespace"), node.get("version"))
    return found.provided.name, found.provided.dist, revision_of(found.cls)


def _pinned(argument: Any, used: Any) -> Any:
    """Return an argument in which every filter family states the version of the value that it became."""
    if reference(argument) is not None:
        return argument
    if isinstance(used, Mapping) and "family" in used and "version" in used and isinstance(argument, (str, Mapping)):
        spec = {"family": argument} if isinstance(argument, str) else argument
        return {**spec, "family": used["family"], "version": used["version"]}
    if isinstance(argument, Mapping) and isinstance(used, Mapping):
        return {key: _pinned(value, used.get(key)) for key, value in argument.items()}
    return argument
